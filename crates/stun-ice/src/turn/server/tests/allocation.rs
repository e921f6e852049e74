//! What a client has, and until when.

use super::*;

/// Guards the answer kept for retransmissions, and the one allocation of a five-tuple.
#[test]
fn turn_7_a_retransmission_gets_the_same_answer_for_forty_seconds() {
    let mut lab = Lab::new();
    let packet = lab.request(client(1), Method::ALLOCATE, allocate);
    let first = lab.give(LISTENER, client(1), &packet);
    assert_eq!((first.len(), first[0].code()), (1, None));
    lab.wait(seconds(40));
    assert_eq!(lab.give(LISTENER, client(1), &packet), first);
    // Another request is refused, and so is the same one later.
    assert_eq!(lab.ask(client(1), Method::ALLOCATE, allocate).code(), Some(437));
    lab.wait(seconds(1));
    assert_eq!(lab.give(LISTENER, client(1), &packet)[0].code(), Some(437));
    assert_eq!((lab.server.stats().allocations, lab.sockets), (1, 1));
    // Another port is another five-tuple, and so is another connection.
    lab.allocate(client(2));
    let packet = lab.request(client(1), Method::ALLOCATE, allocate);
    assert_eq!(lab.give(SocketId(2_000), client(1), &packet)[0].code(), None);
    assert_eq!(lab.server.stats().allocations, 3);
}

#[test]
fn an_allocation_says_where_it_is_and_how_long() {
    let mut lab = Lab::with(|config| config.with_families(true, true));
    let answer = lab.ask(client(1), Method::ALLOCATE, |it| allocate(it).lifetime(seconds(10)));
    let message = answer.message();
    assert_eq!(message.lifetime(), Ok(Some(seconds(600))), "less than the default is not given");
    assert_eq!(message.xor_mapped_address(), Ok(Some(client(1))));
    let addresses = |message: &Message<'_>| -> Vec<String> {
        let all = message.xor_addresses(AttributeType::XOR_RELAYED_ADDRESS);
        all.map(|address| address.unwrap().to_string()).collect()
    };
    assert_eq!(addresses(&message), ["198.51.100.9:40000"]);
    let both = lab.ask(client(2), Method::ALLOCATE, |it| {
        allocate(it).attribute(AttributeType::ADDITIONAL_ADDRESS_FAMILY, &[2, 0, 0, 0]).lifetime(seconds(9_999))
    });
    assert_eq!(addresses(&both.message()), ["198.51.100.9:40001", "[2001:db8::9]:40002"]);
    assert_eq!(both.message().lifetime(), Ok(Some(seconds(3_600))));
    let v6 = lab.ask(client(3), Method::ALLOCATE, |it| {
        allocate(it).attribute(AttributeType::REQUESTED_ADDRESS_FAMILY, &[2, 0, 0, 0])
    });
    assert_eq!(addresses(&v6.message()), ["[2001:db8::9]:40003"]);
    // Where there is no second family the answer says so.
    let mut lab = Lab::new();
    let one = lab.ask(client(1), Method::ALLOCATE, |it| {
        allocate(it).attribute(AttributeType::ADDITIONAL_ADDRESS_FAMILY, &[2, 0, 0, 0])
    });
    assert_eq!(addresses(&one.message()), ["198.51.100.9:40000"]);
    assert_eq!(one.message().attribute(AttributeType::ADDRESS_ERROR_CODE), Some(&[2, 0, 4, 40][..]));
}

/// Guards what is refused before a socket is bound.
#[test]
fn requests_that_cannot_be_served_say_why() {
    use AttributeType as A;
    let mut lab = Lab::new();
    let mut code = |attributes: &[(A, &[u8])]| {
        let answer = lab.ask(client(1), Method::ALLOCATE, |it| {
            attributes.iter().fold(it, |it, (attribute, value)| it.attribute(*attribute, value))
        });
        answer.code()
    };
    let udp = (A::REQUESTED_TRANSPORT, UDP);
    assert_eq!(code(&[]), Some(400));
    assert_eq!(code(&[(A::REQUESTED_TRANSPORT, &[17])]), Some(400));
    assert_eq!(code(&[(A::REQUESTED_TRANSPORT, &[6, 0, 0, 0])]), Some(442));
    assert_eq!(code(&[udp, (A::REQUESTED_ADDRESS_FAMILY, &[2, 0, 0, 0])]), Some(440));
    assert_eq!(code(&[udp, (A::REQUESTED_ADDRESS_FAMILY, &[7, 0, 0, 0])]), Some(440));
    assert_eq!(code(&[udp, (A::ADDITIONAL_ADDRESS_FAMILY, &[1, 0, 0, 0])]), Some(400));
    let both = (A::ADDITIONAL_ADDRESS_FAMILY, &[2, 0, 0, 0][..]);
    assert_eq!(code(&[udp, (A::REQUESTED_ADDRESS_FAMILY, &[1, 0, 0, 0]), both]), Some(400));
    assert_eq!(code(&[udp, (A::LIFETIME, &[1])]), Some(400));
    assert_eq!(lab.sockets, 0);
    lab.binds = false;
    assert_eq!(lab.ask(client(1), Method::ALLOCATE, allocate).code(), Some(508));
    assert_eq!(lab.server.stats().allocations, 0);
}

/// Guards the three quotas.
#[test]
fn cve_47_quotas_of_users_addresses_and_the_whole() {
    let mut lab = Lab::new();
    for number in 0..10 {
        lab.allocate(client(number));
    }
    assert_eq!(lab.ask(client(10), Method::ALLOCATE, allocate).code(), Some(486));
    let packet = lab.request_of("bob", "build", client(10), Method::ALLOCATE, allocate);
    assert_eq!(lab.give(LISTENER, client(10), &packet)[0].code(), None, "another user has a quota of its own");

    let limits = ServerLimits { per_user: 1_000, ..ServerLimits::default() };
    assert_eq!((limits.per_address, limits.allocations), (100, 12_000));
    let mut lab = Lab::with(|config| config.with_limits(limits));
    for number in 0..100 {
        // No address may ask for more than a hundred nonces in a second.
        lab.allocate(client(number));
        lab.wait(seconds(1));
    }
    let beyond = SocketAddr::new(client(0).ip(), 9_999);
    assert_eq!(lab.ask(beyond, Method::ALLOCATE, allocate).code(), Some(486));
    assert_eq!(lab.ask(client(100), Method::ALLOCATE, allocate).code(), None);

    let mut lab = Lab::with(|config| config.with_limits(ServerLimits { allocations: 3, ..limits }));
    for number in 0..3 {
        lab.allocate(client(number));
    }
    assert_eq!(lab.ask(client(3), Method::ALLOCATE, allocate).code(), Some(508));
}

/// Guards the life of an allocation, and what becomes of its socket.
#[test]
fn an_allocation_ends_unless_it_is_refreshed() {
    let mut lab = Lab::new();
    let (socket, _) = lab.allocate(client(1));
    lab.wait(seconds(599));
    let refresh = lab.ask(client(1), Method::REFRESH, |it| it);
    assert_eq!((refresh.code(), refresh.message().lifetime()), (None, Ok(Some(seconds(600)))));
    lab.wait(seconds(599));
    assert!(lab.released.is_empty());
    lab.wait(seconds(1));
    assert_eq!((&lab.released[..], lab.server.stats().allocations), (&[socket][..], 0));
    for method in [Method::REFRESH, Method::CREATE_PERMISSION, Method::CHANNEL_BIND] {
        assert_eq!(lab.ask(client(1), method, |it| it).code(), Some(437));
    }
    // Given up.
    let (socket, _) = lab.allocate(client(1));
    let refresh = lab.ask(client(1), Method::REFRESH, |it| it.lifetime(Duration::ZERO));
    assert_eq!((refresh.message().lifetime(), lab.released[1]), (Ok(Some(Duration::ZERO)), socket));
    assert_eq!(lab.server.poll_timeout(), None);
    // Gone with its connection.
    let (socket, _) = lab.allocate(client(1));
    lab.server.connection_closed(LISTENER);
    assert!(lab.drain().is_empty());
    assert_eq!((lab.released[2], lab.server.stats().allocations), (socket, 0));
}

#[test]
fn one_family_of_two_can_be_given_up() {
    let mut lab = Lab::with(|config| config.with_families(true, true));
    lab.ask(client(1), Method::ALLOCATE, |it| {
        allocate(it).attribute(AttributeType::ADDITIONAL_ADDRESS_FAMILY, &[2, 0, 0, 0])
    });
    let v6: SocketAddr = "[2001:db8::1]:9".parse().unwrap();
    assert_eq!((lab.permit(client(1), v6), lab.permit(client(1), peer(1))), (None, None));
    let given_up = lab.ask(client(1), Method::REFRESH, |it| {
        it.lifetime(Duration::ZERO).attribute(AttributeType::REQUESTED_ADDRESS_FAMILY, &[2, 0, 0, 0])
    });
    assert_eq!((given_up.code(), &lab.released[..]), (None, &[SocketId(1)][..]));
    assert_eq!((lab.permit(client(1), v6), lab.permit(client(1), peer(1))), (Some(443), None));
}

/// Guards EVEN-PORT: the port that comes is looked at, and no second one is promised.
#[test]
fn an_even_port_is_given_and_no_pair_of_ports() {
    let mut lab = Lab::new();
    // The sockets of the laboratory have even and odd ports in turn.
    for (number, expected) in [(1, None), (2, Some(508)), (3, None)] {
        let answer =
            lab.ask(client(number), Method::ALLOCATE, |it| allocate(it).attribute(AttributeType::EVEN_PORT, &[0]));
        assert_eq!(answer.code(), expected, "socket {number}");
    }
    assert_eq!((lab.even_ports, &lab.released[..]), (3, &[SocketId(1)][..]));
    for (flags, code) in [(&[0x80][..], 508), (&[], 400), (&[0; 4], 400)] {
        let answer = lab.ask(client(4), Method::ALLOCATE, |it| allocate(it).attribute(AttributeType::EVEN_PORT, flags));
        assert_eq!(answer.code(), Some(code));
    }
    assert_eq!(lab.sockets, 3);
}

/// Guards the owner: others' credentials are good for their own.
#[test]
fn an_allocation_belongs_to_who_made_it() {
    let mut lab = Lab::new();
    lab.allocate(client(1));
    for method in [Method::REFRESH, Method::CREATE_PERMISSION, Method::CHANNEL_BIND] {
        let packet = lab.request_of("bob", "build", client(1), method, |it| it);
        assert_eq!(lab.give(LISTENER, client(1), &packet)[0].code(), Some(441));
    }
}

/// A caller that never answers holds nothing for ever, and its late socket is sent back.
#[test]
fn a_socket_that_comes_too_late_is_released() {
    let mut lab = Lab::new();
    let mut packet = lab.request(client(1), Method::ALLOCATE, allocate);
    lab.server.handle_datagram(lab.now, Datagram::single(LISTENER, client(1), &mut packet));
    let Some(ServerEvent::Bind { id, .. }) = lab.server.poll_event() else { panic!("a socket is asked for") };
    assert!(lab.give(LISTENER, client(1), &packet).is_empty(), "the same request waits as well");
    assert_eq!(lab.ask(client(1), Method::REFRESH, |it| it).code(), Some(437));
    lab.wait(seconds(10));
    lab.server.relay_bound(lab.now, id, SocketId(7), peer(1));
    assert!(lab.drain().is_empty());
    assert_eq!((&lab.released[..], lab.server.stats().allocations), (&[SocketId(7)][..], 0));
}

#[test]
fn turn_5_an_alternate_server_is_named_to_users_alone() {
    let alternate: SocketAddr = "192.0.2.200:3478".parse().unwrap();
    let mut lab = Lab::with(|config| config.with_alternate(Some(alternate)));
    assert_eq!(lab.ask_openly(client(1), Method::ALLOCATE, allocate)[0].code(), Some(401));
    let answer = lab.ask(client(1), Method::ALLOCATE, allocate);
    assert_eq!((answer.code(), answer.message().alternate_server()), (Some(300), Ok(Some(alternate))));
}
