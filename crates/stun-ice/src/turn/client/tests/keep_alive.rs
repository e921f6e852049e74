//! What NATs on the way to the server hear.

use super::*;

/// Guards the keep-alive: between refreshes nothing else may go out for minutes.
#[test]
fn a_nat_hears_something_every_fifteen_seconds() {
    let mut script = Script::allocated();
    script.wait(seconds(539));
    let times: Vec<_> = script.kept_alive.iter().map(Duration::as_secs).collect();
    assert_eq!(times, (1..36).map(|number| 15 * number).collect::<Vec<_>>());
    // Nobody answers those, and nobody expects it.
    assert!(script.events().is_empty() && script.client.stats().requests_sent == 2);
}

/// Guards the count: what goes out anyway is enough.
#[test]
fn who_says_something_keeps_the_nat_awake() {
    let mut script = Script::allocated();
    script.client.permit(script.now, peer(1));
    script.grant_peers();
    for _ in 0..20 {
        script.wait(seconds(10));
        assert!(script.client.wrap(script.now, peer(1), b"x", &mut Vec::new()));
        // Something comes back, so that the server is not asked where it is.
        let mut data = Vec::new();
        MessageBuilder::new(&mut data, Class::Indication, Method::DATA, TransactionId([9; 12]))
            .xor_address(AttributeType::XOR_PEER_ADDRESS, peer(1))
            .attribute(AttributeType::DATA, b"y");
        assert!(script.client.handle_packet(script.now, &data).is_some());
    }
    assert_eq!(script.kept_alive, []);
    script.wait(seconds(16));
    assert_eq!(script.kept_alive, [seconds(215)]);
}

#[test]
fn streams_and_clients_without_an_allocation_are_left_alone() {
    let mut script = Script::with(|config| config.is_stream = true);
    script.allocate(relayed(1));
    script.wait(seconds(500));
    assert_eq!(script.kept_alive, []);
    let mut script = Script::with(|config| config.timeout = seconds(100));
    script.wait(seconds(90));
    assert_eq!(script.kept_alive, []);
    let mut script = Script::allocated();
    script.client.close(script.now);
    script.wait(seconds(20));
    assert_eq!(script.kept_alive, []);
}
