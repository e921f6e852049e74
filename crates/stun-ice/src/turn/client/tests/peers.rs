//! Permissions and channels.

use super::*;

fn ip_only(number: u8) -> SocketAddr {
    SocketAddr::new(peer(number).ip(), 0)
}

/// Guards permissions: by address, not by port, asked for once, and renewed before their five minutes end.
#[test]
fn turn_1_permissions_are_by_address_and_renewed() {
    let mut script = Script::new();
    script.client.permit(script.now, peer(1));
    assert!(!script.client.is_permitted(peer(1).ip()));
    script.allocate(relayed(1));
    script.client.permit(script.now, SocketAddr::new(peer(1).ip(), 9));
    script.client.permit(script.now, peer(2));
    let permission = |number| (Method::CREATE_PERMISSION, ip_only(number));
    assert_eq!(script.grant_peers(), [permission(1), permission(2)]);
    assert!(script.client.is_permitted(peer(1).ip()) && script.client.is_permitted(peer(2).ip()));
    assert!(!script.client.is_permitted(peer(3).ip()));
    script.wait(Duration::from_millis(239_999));
    assert!(script.sent().is_none());
    script.wait(Duration::from_millis(1));
    assert_eq!(script.grant_peers(), [permission(1), permission(2)]);
    // One that is no longer wanted ends.
    script.client.forget(peer(1).ip());
    script.wait(seconds(240));
    assert_eq!(script.grant_peers(), [permission(2)]);
    assert!(!script.client.is_permitted(peer(1).ip()));
}

/// Guards channels: numbers of the range, one for each peer, renewed before their ten minutes end.
#[test]
fn turn_1_channels_are_one_to_one_and_renewed() {
    let mut script = Script::allocated();
    let peers = [peer(1), SocketAddr::new(peer(1).ip(), 9), peer(2)];
    peers.iter().for_each(|peer| script.client.bind(script.now, *peer));
    let mut numbers = Vec::new();
    while let Some(sent) = script.sent() {
        if let Some(number) = sent.message().channel_number().unwrap() {
            numbers.push((number, sent.message().xor_peer_address().unwrap().unwrap()));
        }
        script.succeed(&sent, |it| it);
    }
    assert_eq!(numbers, [(0x4000, peers[0]), (0x4001, peers[1]), (0x4002, peers[2])]);
    assert!(peers.iter().all(|peer| script.client.is_bound(script.now, *peer)));
    let mut renewed = Vec::new();
    for second in 1..=540 {
        script.wait(seconds(1));
        renewed.extend(script.grant_peers().into_iter().map(|(method, peer)| (second, method, peer.port())));
    }
    let channels: Vec<_> = renewed.iter().filter(|(_, method, _)| *method == Method::CHANNEL_BIND).collect();
    assert_eq!(channels.iter().map(|it| it.0).collect::<Vec<_>>(), [540; 3]);
    let permissions: Vec<_> = renewed.iter().filter(|(_, _, port)| *port == 0).map(|it| it.0).collect();
    assert_eq!(permissions, [240, 240, 480, 480]);
}

/// Guards that a channel waits for its permission, and that a refused one leaves indications.
#[test]
fn a_refused_channel_leaves_the_permission() {
    let mut script = Script::allocated();
    script.client.bind(script.now, peer(1));
    let permission = script.sent_one(Method::CREATE_PERMISSION);
    script.succeed(&permission, |it| it);
    let channel = script.sent_one(Method::CHANNEL_BIND);
    script.refuse(&channel, 508);
    assert_eq!(script.events(), [ClientEvent::PeerRefused { peer: peer(1).ip(), code: 508 }]);
    assert!(script.client.is_permitted(peer(1).ip()) && !script.client.is_bound(script.now, peer(1)));
    assert!(script.sent().is_none(), "it is not asked for again");
    script.client.bind(script.now, peer(1));
    script.sent_one(Method::CHANNEL_BIND);
}

#[test]
fn a_refused_peer_is_told_once_and_not_asked_for_again() {
    for code in [403, 443] {
        let mut script = Script::allocated();
        script.client.bind(script.now, peer(1));
        let permission = script.sent_one(Method::CREATE_PERMISSION);
        script.refuse(&permission, code);
        assert_eq!(script.events(), [ClientEvent::PeerRefused { peer: peer(1).ip(), code }]);
        script.wait(seconds(500));
        assert!(script.sent().is_none() && !script.client.is_permitted(peer(1).ip()));
    }
}

/// A permission that is not renewed ends with its five minutes.
#[test]
fn turn_1_a_permission_ends_when_its_renewal_is_refused() {
    let mut script = Script::allocated();
    script.client.permit(script.now, peer(1));
    script.grant_peers();
    script.wait(seconds(240));
    let renewal = script.sent_one(Method::CREATE_PERMISSION);
    script.refuse(&renewal, 403);
    script.wait(Duration::from_millis(59_999));
    assert!(script.client.wrap(script.now, peer(1), b"x", &mut Vec::new()));
    script.wait(Duration::from_millis(1));
    assert!(!script.client.is_permitted(peer(1).ip()));
    assert!(!script.client.wrap(script.now, peer(1), b"x", &mut Vec::new()));
}

/// Guards `max_peers`, and the number of requests under way.
#[test]
fn peers_are_bounded() {
    let mut script = Script::with(|config| config.max_peers = 20);
    script.allocate(relayed(1));
    (0..22).for_each(|number| script.client.bind(script.now, peer(number)));
    let refused = |number| ClientEvent::PeerRefused { peer: peer(number).ip(), code: 508 };
    assert_eq!(script.events(), [refused(20), refused(21)]);
    let under_way = std::iter::from_fn(|| script.sent()).count();
    assert_eq!(under_way, MAX_PEER_REQUESTS);
    let next = script.client.poll_timeout().unwrap();
    assert!(next > script.now, "what waits for its turn is no timer");
}

/// The numbers of one allocation are given once.
#[test]
fn turn_1_no_channel_number_is_given_twice() {
    let mut peers = Peers::new(10);
    let peer = |number: u16| SocketAddr::from(([192, 0, 2, 1], number));
    for number in 0..0x1000 {
        assert!(peers.bind(netsim::epoch(), peer(number)));
        assert_eq!(peers.peer_of(crate::turn::ChannelNumber::new(0x4000 + number).unwrap()), Some(peer(number)));
        peers.forget(peer(0).ip());
    }
    assert!(!peers.bind(netsim::epoch(), peer(9)));
    peers.reset(netsim::epoch());
    assert!(peers.bind(netsim::epoch(), peer(9)));
}
