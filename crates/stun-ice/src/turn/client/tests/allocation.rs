//! Making an allocation, keeping it, losing it, giving it up.

use super::*;

#[test]
fn allocates_with_credentials_after_the_challenge() {
    let mut script = Script::new();
    let first = script.sent_one(Method::ALLOCATE);
    let message = first.message();
    assert_eq!(message.requested_transport(), Ok(Some(17)));
    assert_eq!(message.additional_address_family(), Ok(None));
    assert!(!message.has_integrity() && message.username().is_none(), "the first request says nothing of the user");
    script.challenge(&first, 401);
    let second = script.sent_one(Method::ALLOCATE);
    assert_ne!(second.id(), first.id());
    assert_eq!(second.message().username(), Some(USER));
    assert!(second.message().verify_integrity(&script.key));
    script.grant_allocation(&second, relayed(9));
    assert_eq!(script.client.relayed(), [relayed(9)]);
}

#[test]
fn asks_for_both_families_and_takes_what_there_is() {
    let v6: SocketAddr = "[2001:db8::7]:9".parse().unwrap();
    for addresses in [vec![relayed(1), v6], vec![v6, relayed(1)], vec![relayed(1)], vec![v6]] {
        let mut script = Script::with(|config| config.with_ipv6 = true);
        let first = script.sent_one(Method::ALLOCATE);
        assert_eq!(first.message().additional_address_family(), Ok(Some(2)));
        script.challenge(&first, 401);
        let second = script.sent_one(Method::ALLOCATE);
        script.succeed(&second, |it| {
            let it = it.xor_mapped_address(mapped()).lifetime(seconds(600));
            addresses.iter().fold(it, |it, at| it.xor_address(AttributeType::XOR_RELAYED_ADDRESS, *at))
        });
        assert_eq!(script.client.relayed(), addresses);
    }
}

/// Guards the retransmissions: when, how often, and that they stop.
#[test]
fn a_silent_server_is_asked_at_doubling_intervals() {
    let mut script = Script::with(|config| config.timeout = Duration::from_millis(39_500));
    let mut times = Vec::new();
    while let Some(at) = script.client.poll_timeout() {
        script.now = at;
        script.client.handle_timeout(at);
        while script.sent().is_some() {
            times.push(script.elapsed().as_millis());
        }
    }
    assert_eq!(times, [0, 500, 1_500, 3_500, 7_500, 15_500, 31_500]);
    assert_eq!(script.elapsed().as_millis(), 39_500);
    script.assert_failed(&TurnError::Timeout);
    assert_eq!(script.client.stats().requests_sent, 7);
}

#[test]
fn nothing_is_sent_twice_on_a_stream() {
    let mut script = Script::with(|config| config.is_stream = true);
    script.sent_one(Method::ALLOCATE);
    script.wait(seconds(9));
    assert!(script.sent().is_none());
    script.wait(seconds(1));
    script.assert_failed(&TurnError::Timeout);
}

/// Guards the time of refresh.
#[test]
fn turn_2_refreshes_a_minute_before_the_end() {
    let mut script = Script::allocated();
    for _ in 0..3 {
        script.wait(Duration::from_millis(539_999));
        assert!(script.sent().is_none());
        script.wait(Duration::from_millis(1));
        let refresh = script.sent_one(Method::REFRESH);
        assert_eq!(refresh.lifetime(), Some(seconds(600)));
        script.succeed(&refresh, |it| it.lifetime(seconds(600)));
    }
    assert!(script.events().is_empty());
    // A short life is refreshed at its half, and not more often than every five seconds.
    for (lifetime, after) in [(100, 50), (1, 5)] {
        script.client.probe(script.now);
        let refresh = script.sent_one(Method::REFRESH);
        script.succeed(&refresh, |it| it.lifetime(seconds(lifetime)));
        script.wait(seconds(after) - Duration::from_millis(1));
        assert!(script.sent().is_none());
        script.wait(Duration::from_millis(1));
        let refresh = script.sent_one(Method::REFRESH);
        script.succeed(&refresh, |it| it.lifetime(seconds(600)));
    }
}

/// Guards `close`.
#[test]
fn turn_2_lifetime_0_is_sent_on_close() {
    let mut script = Script::allocated();
    script.client.close(script.now);
    let release = script.sent_one(Method::REFRESH);
    assert_eq!(release.lifetime(), Some(Duration::ZERO));
    script.challenge(&release, 438);
    let release = script.sent_one(Method::REFRESH);
    assert_eq!((release.lifetime(), script.events()), (Some(Duration::ZERO), vec![]));
    script.succeed(&release, |it| it.lifetime(Duration::ZERO));
    assert_eq!(script.events(), [ClientEvent::Closed]);
    script.assert_over();
}

#[test]
fn turn_2_close_ends_whatever_the_server_says() {
    for answered in [None, Some(437), Some(438), Some(401), Some(500)] {
        let mut script = Script::allocated();
        script.client.close(script.now);
        for _ in 0..2 {
            let Some(release) = script.sent() else { break };
            match answered {
                Some(code @ (401 | 438)) => script.challenge(&release, code),
                Some(code) => script.refuse(&release, code),
                None => script.wait(seconds(10)),
            }
        }
        assert_eq!(script.events(), [ClientEvent::Closed], "{answered:?}");
        script.assert_over();
    }
}

/// An allocation may be there from when credentials were sent, and not before.
#[test]
fn turn_2_close_gives_up_what_may_have_been_granted() {
    let mut script = Script::new();
    script.sent_one(Method::ALLOCATE);
    script.client.close(script.now);
    assert_eq!(script.events(), [ClientEvent::Closed]);
    script.assert_over();

    let mut script = Script::new();
    let first = script.sent_one(Method::ALLOCATE);
    script.challenge(&first, 401);
    let second = script.sent_one(Method::ALLOCATE);
    script.client.close(script.now);
    assert_eq!(script.sent_one(Method::REFRESH).lifetime(), Some(Duration::ZERO));
    script.grant_allocation(&second, relayed(1));
    assert!(script.events().is_empty(), "what comes late makes no allocation");
}

/// Guards the answer to 437 and 441, whatever was asked.
#[test]
fn turn_2_a_forgotten_allocation_is_made_anew() {
    for code in [437, 441] {
        for method in [Method::REFRESH, Method::CREATE_PERMISSION, Method::CHANNEL_BIND] {
            let mut script = Script::allocated();
            script.client.bind(script.now, peer(1));
            let permission = script.sent_one(Method::CREATE_PERMISSION);
            let lost = match method {
                Method::CREATE_PERMISSION => permission,
                _ => {
                    script.succeed(&permission, |it| it);
                    let channel = script.sent_one(Method::CHANNEL_BIND);
                    if method == Method::CHANNEL_BIND {
                        channel
                    } else {
                        script.succeed(&channel, |it| it);
                        script.client.probe(script.now);
                        script.sent_one(method)
                    }
                }
            };
            script.refuse(&lost, code);
            assert_eq!(script.events(), [ClientEvent::Lost]);
            assert!(!script.client.is_permitted(peer(1).ip()) && script.client.relayed().is_empty());
            script.allocate(relayed(2));
            let granted = script.grant_peers();
            let ip_only = SocketAddr::new(peer(1).ip(), 0);
            assert_eq!(granted, [(Method::CREATE_PERMISSION, ip_only), (Method::CHANNEL_BIND, peer(1))]);
        }
    }
}

/// One from before is in the way: it is given up, and the request made again.
#[test]
fn turn_2_an_allocation_in_the_way_is_given_up() {
    let mut script = Script::new();
    let first = script.sent_one(Method::ALLOCATE);
    script.challenge(&first, 401);
    let second = script.sent_one(Method::ALLOCATE);
    script.refuse(&second, 437);
    let release = script.sent_one(Method::REFRESH);
    assert_eq!(release.lifetime(), Some(Duration::ZERO));
    script.succeed(&release, |it| it.lifetime(Duration::ZERO));
    script.allocate(relayed(3));
}

/// Guards `Probe`: a restarted server is noticed within a second of silence, a silent peer costs little.
#[test]
fn flt_28_silence_makes_the_client_ask() {
    let mut script = Script::allocated();
    script.client.permit(script.now, peer(1));
    script.grant_peers();
    script.wait(seconds(100));
    assert!(script.sent().is_none(), "an idle client asks for nothing");
    let mut asked = Vec::new();
    let start = script.now;
    for _ in 0..1_200 {
        assert!(script.client.wrap(script.now, peer(1), b"hello?", &mut Vec::new()));
        script.wait(Duration::from_millis(100));
        if let Some(refresh) = script.sent() {
            asked.push(script.now.saturating_duration_since(start).as_millis() / 1_000);
            script.succeed(&refresh, |it| it.lifetime(seconds(600)));
        }
    }
    assert_eq!(asked, [1, 3, 7, 15, 31, 63, 95]);
    // Once the peer answers, the next silence is noticed as soon as the first.
    let mut packet = Vec::new();
    MessageBuilder::new(&mut packet, Class::Indication, Method::DATA, TransactionId([1; 12]))
        .xor_address(AttributeType::XOR_PEER_ADDRESS, peer(1))
        .attribute(AttributeType::DATA, b"yes");
    assert!(script.client.handle_packet(script.now, &packet).is_some());
    script.client.wrap(script.now, peer(1), b"hello?", &mut Vec::new());
    script.wait(seconds(1));
    script.sent_one(Method::REFRESH);
}

#[test]
fn flt_28_a_server_that_no_longer_answers_is_asked_anew_and_given_up() {
    let mut script = Script::allocated();
    script.client.probe(script.now);
    script.wait(Duration::from_millis(9_499));
    assert!(script.events().is_empty());
    script.wait(Duration::from_millis(1));
    assert_eq!(script.events(), [ClientEvent::Lost]);
    script.wait(seconds(10));
    script.assert_failed(&TurnError::Timeout);
}

/// Guards what is done with 300.
#[test]
fn turn_5_another_server_is_named_and_nothing_follows() {
    let server: SocketAddr = "192.0.2.99:3478".parse().unwrap();
    let mut script = Script::new();
    let first = script.sent_one(Method::ALLOCATE);
    script.answer(&first, |it| {
        it.error_code(ErrorCode { code: 300, reason: "over there" })
            .alternate_server(server)
            .attribute(AttributeType::ALTERNATE_DOMAIN, b"turn.example.org")
    });
    assert_eq!(script.events(), [ClientEvent::Alternate { server, domain: Some("turn.example.org".to_owned()) }]);
    script.assert_over();
    // Without an address it is a refusal.
    let mut script = Script::new();
    let first = script.sent_one(Method::ALLOCATE);
    script.answer(&first, |it| it.error_code(ErrorCode { code: 300, reason: "no" }));
    script.assert_failed(&TurnError::Refused { code: 300, reason: "no".to_owned() });
}
