//! Who is served, and what the others get.

use super::*;

/// Guards the challenge: all that RFC 8489 wants, and no more than that.
#[test]
fn stun_7_who_proves_nothing_is_challenged() {
    let mut lab = Lab::new();
    let answers = lab.ask_openly(client(1), Method::ALLOCATE, allocate);
    let message = answers[0].message();
    assert_eq!((answers.len(), answers[0].code()), (1, Some(401)));
    assert_eq!(message.attribute(AttributeType::REALM), Some(REALM.as_bytes()));
    let algorithms: Vec<_> = message.password_algorithms().collect();
    assert_eq!(algorithms, [Ok(PasswordAlgorithm::Sha256), Ok(PasswordAlgorithm::Md5)]);
    let nonce = message.attribute(AttributeType::NONCE).unwrap();
    assert!(SecurityFeatures::of_nonce(nonce).password_algorithms);
    assert!(!message.has_integrity() && message.username().is_none());
}

/// Guards each check of a request, in the order of the RFC.
#[test]
fn stun_7_requests_are_checked_in_order() {
    let mut lab = Lab::new();
    let nonce = lab.nonce(client(1));
    let mut code = |more: &dyn Fn(MessageBuilder<'_>) -> MessageBuilder<'_>, key: &IntegrityKey| {
        let mut packet = Vec::new();
        more(allocate(MessageBuilder::new(&mut packet, Class::Request, Method::ALLOCATE, TransactionId([7; 12]))))
            .integrity(key);
        let answers = lab.give(LISTENER, client(1), &packet);
        (answers.len() == 1).then(|| answers[0].code()).flatten()
    };
    let good = key("alice", "wonder");
    let realm = REALM.as_bytes();
    use AttributeType as A;
    assert_eq!(code(&|it| it.attribute(A::REALM, realm).attribute(A::NONCE, &nonce), &good), Some(400));
    assert_eq!(code(&|it| it.attribute(A::USERNAME, b"alice").attribute(A::NONCE, &nonce), &good), Some(400));
    assert_eq!(code(&|it| it.attribute(A::USERNAME, b"alice").attribute(A::REALM, realm), &good), Some(400));
    macro_rules! asked {
        ($name:expr, $realm:expr, $nonce:expr, $key:expr $(, $attribute:expr => $value:expr)*) => {
            code(
                &|it| {
                    it.attribute(A::USERNAME, $name).attribute(A::REALM, $realm).attribute(A::NONCE, $nonce)
                        $(.attribute($attribute, $value))*
                },
                $key,
            )
        };
    }
    assert_eq!(asked!(b"mallory", realm, &nonce, &good), Some(401));
    assert_eq!(asked!(b"alice", b"elsewhere", &nonce, &good), Some(401));
    assert_eq!(asked!(b"alice", realm, &nonce, &key("alice", "guess")), Some(401));
    assert_eq!(asked!(b"alice", realm, b"nonsense", &key("alice", "guess")), Some(401));
    assert_eq!(asked!(b"alice", realm, b"nonsense", &good), Some(438));
    // One of the two attributes about algorithms alone, or a list that is not the server's.
    let (list, chosen) = (&[0, 2, 0, 0, 0, 1, 0, 0][..], &[0, 2, 0, 0][..]);
    assert_eq!(asked!(b"alice", realm, &nonce, &good, A::PASSWORD_ALGORITHMS => list), Some(400));
    assert_eq!(asked!(b"alice", realm, &nonce, &good, A::PASSWORD_ALGORITHM => chosen), Some(400));
    assert_eq!(
        asked!(b"alice", realm, &nonce, &good, A::PASSWORD_ALGORITHMS => chosen, A::PASSWORD_ALGORITHM => chosen),
        Some(400)
    );
    assert_eq!(
        asked!(b"alice", realm, &nonce, &good, A::PASSWORD_ALGORITHMS => list, A::PASSWORD_ALGORITHM => &[0, 9, 0, 0]),
        Some(400)
    );
    assert_eq!(asked!(b"alice", realm, &nonce, &good), None, "the good one makes an allocation");
}

/// Guards the check of the nonce, which belongs to one address and ends.
#[test]
fn stun_7_a_nonce_of_another_or_of_long_ago_is_stale() {
    let mut lab = Lab::new();
    let packet = lab.request(client(1), Method::ALLOCATE, allocate);
    assert_eq!(lab.give(LISTENER, client(2), &packet)[0].code(), Some(438));
    lab.wait(seconds(601));
    let stale = lab.give(LISTENER, client(1), &packet).remove(0);
    assert_eq!(stale.code(), Some(438));
    assert!(stale.message().attribute(AttributeType::NONCE).is_some());
}

/// Guards the budget: 2.2 times the request with headers, whatever the realm, and nothing where that is too little.
#[test]
fn cve_47_a_challenge_is_at_most_2_2_times_its_request() {
    let mut answered = 0;
    for realm in ["o", REALM, "a-longer.example.org", &"x".repeat(200)] {
        let users = StaticUsers::default().with_user("alice", "wonder");
        let config = ServerConfig::new(rust_crypto::provider(), realm, Arc::new(users));
        let mut server = Server::new(Arc::new(config), Rng::from_number(1));
        for more in (0..200).step_by(4) {
            let mut packet = Vec::new();
            let builder = MessageBuilder::new(&mut packet, Class::Request, Method::ALLOCATE, TransactionId([1; 12]));
            if more > 0 {
                builder.attribute(AttributeType::SOFTWARE, &vec![0; more - 4]);
            }
            let request_len = packet.len();
            server.handle_datagram(netsim::epoch(), Datagram::single(LISTENER, client(1), &mut packet));
            let mut out = Vec::new();
            if let Some(transmit) = server.poll_transmit(netsim::epoch(), 1, &mut out) {
                answered += 1;
                let ratio = (transmit.len + HEADERS) as f64 / (request_len + HEADERS) as f64;
                assert!(ratio <= 2.2, "{ratio} for a request of {request_len} bytes");
            }
        }
    }
    assert!(answered > 100, "{answered} were answered");
    // What every client sends first is long enough, with the whole offer.
    let mut lab = Lab::new();
    let first = lab.ask_openly(client(1), Method::ALLOCATE, allocate).remove(0);
    assert!(first.message().password_algorithms().count() == 2);
}

/// Guards the rate limit, which counts networks and not hosts.
#[test]
fn cve_47_a_flood_gets_a_hundred_answers_in_a_second() {
    let mut lab = Lab::new();
    let answers = |lab: &mut Lab, third: u8| {
        (0..1_000u16)
            .filter(|number| {
                let from = SocketAddr::from(([198, 51, third, *number as u8], *number + 1));
                !lab.ask_openly(from, Method::ALLOCATE, allocate).is_empty()
            })
            .count()
    };
    assert_eq!(answers(&mut lab, 1), 100);
    assert_eq!(answers(&mut lab, 2), 100);
    assert_eq!(lab.server.stats().errors_limited, 1_800);
    // Whoever has credentials and a nonce is served all the same.
    let packet = lab.request(client(1), Method::ALLOCATE, allocate);
    while !lab.ask_openly(client(1), Method::ALLOCATE, allocate).is_empty() {}
    assert_eq!(lab.give(LISTENER, client(1), &packet)[0].code(), None);
    lab.wait(seconds(1));
    assert_eq!(answers(&mut lab, 1), 100);
}

/// Guards what a STUN server answers: no more than half as much again, headers included.
#[test]
fn cve_40_a_binding_answer_is_at_most_1_5_times_its_request() {
    let mut lab = Lab::new();
    for from in [client(1), "[2001:db8::1]:5000".parse().unwrap()] {
        let answers = lab.ask_openly(from, Method::BINDING, |it| it);
        assert_eq!(answers[0].message().xor_mapped_address(), Ok(Some(from)));
        let headers = if from.is_ipv4() { 28 } else { 48 };
        assert!(2 * (answers[0].bytes.len() + headers) <= 3 * (20 + headers));
        assert!(answers[0].message().attribute(AttributeType::SOFTWARE).is_none());
    }
    // Indications keep a mapping alive, and are not answered.
    let mut packet = Vec::new();
    MessageBuilder::new(&mut packet, Class::Indication, Method::BINDING, TransactionId([1; 12]));
    assert!(lab.give(LISTENER, client(1), &packet).is_empty());
}

/// Guards the 420 of both kinds of requests.
#[test]
fn stun_3_unknown_attributes_are_listed() {
    let mut lab = Lab::new();
    let odd = AttributeType(0x7f01);
    let answers = lab.ask_openly(client(1), Method::BINDING, |it| it.attribute(odd, &[]));
    assert_eq!(answers[0].code(), Some(420));
    assert_eq!(answers[0].message().attribute(AttributeType::UNKNOWN_ATTRIBUTES), Some(&[0x7f, 1][..]));
    for attribute in [odd, AttributeType::RESERVATION_TOKEN, AttributeType::DONT_FRAGMENT] {
        let answer = lab.ask(client(1), Method::ALLOCATE, |it| allocate(it).attribute(attribute, &[0; 8]));
        assert_eq!(answer.code(), Some(420));
        let listed = answer.message().attribute(AttributeType::UNKNOWN_ATTRIBUTES).map(<[u8]>::to_vec);
        assert_eq!(listed, Some(attribute.0.to_be_bytes().to_vec()));
    }
    assert_eq!(
        lab.ask(client(1), Method::ALLOCATE, |it| allocate(it).attribute(AttributeType(0xff01), &[])).code(),
        None
    );
}

/// Guards the padding of everything that the server writes, and that it does not say what it is.
#[test]
fn cve_45_padding_is_zero_and_the_software_is_not_told() {
    let mut lab = Lab::with(|config| config.with_families(true, true));
    let mut packets = lab.ask_openly(client(1), Method::ALLOCATE, allocate);
    packets.push(lab.ask(client(1), Method::ALLOCATE, allocate));
    packets.push(lab.ask(client(1), Method::ALLOCATE, |it| allocate(it).attribute(AttributeType(0x7f01), &[])));
    let relay = SocketId(0);
    lab.permit(client(1), peer(1));
    for len in 0..9 {
        packets.extend(lab.give(relay, peer(1), &vec![0xff; len]));
    }
    assert_eq!(packets.len(), 12);
    for packet in packets {
        let mut rest = &packet.bytes[20..];
        while let [high, low, length @ ..] = rest {
            let len = usize::from(u16::from_be_bytes([length[0], length[1]]));
            let padded = len.next_multiple_of(4);
            assert!(rest[4 + len..4 + padded].iter().all(|byte| *byte == 0));
            assert_ne!(u16::from_be_bytes([*high, *low]), AttributeType::SOFTWARE.0);
            rest = &rest[4 + padded..];
        }
    }
}
