//! Packets between clients and peers.

use super::*;
use crate::turn::{Client, ClientConfig, ClientEvent};
use ortica_core::Rng;
use proptest::prelude::*;

fn send(peer: SocketAddr, data: &[u8]) -> Vec<u8> {
    let mut packet = Vec::new();
    MessageBuilder::new(&mut packet, Class::Indication, Method::SEND, TransactionId([5; 12]))
        .xor_address(AttributeType::XOR_PEER_ADDRESS, peer)
        .attribute(AttributeType::DATA, data);
    packet
}

/// Guards both directions: what is permitted passes, byte for byte.
#[test]
fn packets_pass_both_ways_by_indication_and_by_channel() {
    let mut lab = Lab::new();
    let (relay, _) = lab.allocate(client(1));
    assert_eq!(lab.permit(client(1), peer(1)), None);
    let to_peer = |bytes: &[u8]| vec![Sent { socket: relay, remote: peer(1), bytes: bytes.to_vec() }];
    assert_eq!(lab.give(LISTENER, client(1), &send(peer(1), b"hello")), to_peer(b"hello"));
    let back = lab.give(relay, peer(1), b"hi").remove(0);
    assert_eq!((back.socket, back.remote, back.message().method()), (LISTENER, client(1), Method::DATA));
    assert_eq!(back.message().xor_peer_address(), Ok(Some(peer(1))));
    assert_eq!(back.message().attribute(AttributeType::DATA), Some(&b"hi"[..]));
    assert_eq!(lab.bind(client(1), 0x4001, peer(1)), None);
    assert_eq!(lab.give(LISTENER, client(1), b"\x40\x01\x00\x05hello"), to_peer(b"hello"));
    assert_eq!(lab.give(LISTENER, client(1), b"\x40\x01\x00\x05hello\0\0\0"), to_peer(b"hello"));
    assert_eq!(lab.give(relay, peer(1), b"hi")[0].bytes, b"\x40\x01\x00\x02hi");
    // Another port of the same address is permitted, and has no channel.
    let other = SocketAddr::new(peer(1).ip(), 1);
    assert_eq!(lab.give(relay, other, b"hi")[0].message().xor_peer_address(), Ok(Some(other)));
    assert_eq!(lab.server.stats().relayed, 6);
}

/// Guards the relayed side: a stranger learns nothing, whatever it sends.
#[test]
fn turn_6_the_relayed_side_answers_nothing_itself() {
    let mut lab = Lab::new();
    let (relay, _) = lab.allocate(client(1));
    let mut binding = Vec::new();
    MessageBuilder::new(&mut binding, Class::Request, Method::BINDING, TransactionId([1; 12]));
    let allocate = lab.request(client(1), Method::ALLOCATE, allocate);
    for packet in [&binding[..], &allocate, b"hello", b"", b"\x40\x01\x00\x01x", &send(client(1), b"x")] {
        assert!(lab.give(relay, peer(1), packet).is_empty());
    }
    assert_eq!(lab.server.stats().dropped, 6);
    // With a permission it is data as well.
    lab.permit(client(1), peer(1));
    let passed = lab.give(relay, peer(1), &binding);
    assert_eq!((passed.len(), passed[0].remote), (1, client(1)));
    assert_eq!(passed[0].message().attribute(AttributeType::DATA), Some(&binding[..]));
}

/// Guards the end of permissions and channels.
#[test]
fn turn_1_permissions_live_five_minutes_and_channels_ten() {
    let mut lab = Lab::with(|config| config.with_nonce_lifetime(seconds(10_000)));
    let (relay, _) = lab.allocate(client(1));
    lab.ask(client(1), Method::REFRESH, |it| it.lifetime(seconds(3_600)));
    lab.bind(client(1), 0x4000, peer(1));
    let passes = |lab: &mut Lab| {
        let out = lab.give(LISTENER, client(1), b"\x40\x00\x00\x01x").len();
        let back = lab.give(relay, peer(1), b"x");
        (out, back.first().map(|sent| sent.bytes[0]))
    };
    lab.wait(seconds(299));
    assert_eq!(passes(&mut lab), (1, Some(0x40)));
    // Packets do not lengthen it.
    lab.wait(seconds(1));
    assert_eq!(passes(&mut lab), (0, None));
    lab.permit(client(1), peer(1));
    lab.wait(seconds(299));
    assert_eq!(passes(&mut lab), (1, Some(0x40)));
    lab.permit(client(1), peer(1));
    lab.wait(seconds(1));
    assert_eq!(passes(&mut lab), (0, Some(0)), "the channel has ended, the permission has not");
}

/// Guards the channels: numbers of the range, one to one, with their permission.
#[test]
fn turn_1_channels_are_bound_one_to_one() {
    let mut lab = Lab::new();
    lab.allocate(client(1));
    for number in [0, 0x3fff, 0x5000, 0x7fff, 0xffff] {
        assert_eq!(lab.bind(client(1), number, peer(1)), Some(400), "{number:#x}");
    }
    assert_eq!(lab.bind(client(1), 0x4000, peer(1)), None);
    assert_eq!(lab.bind(client(1), 0x4000, peer(1)), None, "it is renewed");
    assert_eq!(lab.bind(client(1), 0x4000, peer(2)), Some(400));
    assert_eq!(lab.bind(client(1), 0x4001, peer(1)), Some(400));
    assert_eq!(lab.bind(client(1), 0x4fff, peer(2)), None);
    for attributes in [&[AttributeType::CHANNEL_NUMBER][..], &[AttributeType::XOR_PEER_ADDRESS]] {
        let answer = lab.ask(client(1), Method::CHANNEL_BIND, |it| {
            attributes.iter().fold(it, |it, attribute| it.attribute(*attribute, &[0x40, 9, 0, 0]))
        });
        assert_eq!(answer.code(), Some(400));
    }
}

/// Guards every way to a peer that is none: permissions, channels, and ports of the server itself.
#[test]
fn turn_4_denied_peers_are_reached_in_no_way() {
    let own: SocketAddr = "198.51.100.9:3478".parse().unwrap();
    let mut lab = Lab::with(|config| config.with_families(true, true).with_peers(PeerPolicy::default().deny_own(own)));
    lab.ask(client(1), Method::ALLOCATE, |it| {
        allocate(it).attribute(AttributeType::ADDITIONAL_ADDRESS_FAMILY, &[2, 0, 0, 0])
    });
    for denied in
        ["127.0.0.1:80", "0.0.0.0:80", "169.254.169.254:80", "[::1]:80", "[::ffff:127.0.0.1]:80", "[fe80::1]:1"]
    {
        let denied = denied.parse().unwrap();
        assert_eq!(lab.permit(client(1), denied), Some(403), "{denied}");
        assert_eq!(lab.bind(client(1), 0x4000, denied), Some(403), "{denied}");
        assert!(lab.give(LISTENER, client(1), &send(denied, b"x")).is_empty());
    }
    // Clients of one server meet on its address, and nobody reaches the server itself by it.
    assert_eq!(lab.permit(client(1), own), None);
    assert_eq!(lab.bind(client(1), 0x4000, own), Some(403));
    assert!(lab.give(LISTENER, client(1), &send(own, b"x")).is_empty());
    assert_eq!(lab.give(LISTENER, client(1), &send(SocketAddr::new(own.ip(), 40_000), b"x")).len(), 1);
    // One that is denied spoils the others of its request.
    let answer = lab.ask(client(1), Method::CREATE_PERMISSION, |it| {
        it.xor_address(AttributeType::XOR_PEER_ADDRESS, peer(1))
            .xor_address(AttributeType::XOR_PEER_ADDRESS, "127.0.0.1:1".parse().unwrap())
    });
    assert_eq!(answer.code(), Some(403));
    assert!(lab.give(LISTENER, client(1), &send(peer(1), b"x")).is_empty());
    assert_eq!(lab.ask(client(1), Method::CREATE_PERMISSION, |it| it).code(), Some(400));
}

/// Guards the bounds of one allocation, and of what waits.
#[test]
fn permissions_channels_and_the_queue_are_bounded() {
    let limits = ServerLimits { permissions: 3, channels: 2, queue: 1_000, ..ServerLimits::default() };
    let mut lab = Lab::with(|config| config.with_limits(limits));
    let (relay, _) = lab.allocate(client(1));
    assert_eq!(
        [1, 2, 3].map(|number| lab.bind(client(1), 0x4000 + number, peer(number as u8))),
        [None, None, Some(508)]
    );
    assert_eq!([3, 4, 1].map(|number| lab.permit(client(1), peer(number))), [None, Some(508), None]);
    for _ in 0..1_000 {
        let mut packet = vec![7; 100];
        lab.server.handle_datagram(lab.now, Datagram::single(relay, peer(1), &mut packet));
    }
    assert_eq!((lab.drain().len(), lab.server.stats().dropped), (10, 990));
    assert_eq!(lab.give(relay, peer(1), b"x").len(), 1, "once all is sent there is room again");
}

/// A client of this crate gets what it wants of the server, with each kind of credentials.
#[test]
fn stun_7_our_client_proves_itself_in_each_way() {
    let (provider, now) = (rust_crypto::provider(), netsim::epoch());
    let timed = TimeLimitedUsers::new(provider, "north", netsim::wall_clock());
    let name = format!("{}:alice", netsim::unix_epoch().as_secs() + 60);
    let password = timed.password_for(&name).to_string();
    let users = || StaticUsers::default().with_user("\u{30DE}alice", "won\u{a0}der");
    let plain = ServerConfig::new(provider, REALM, Arc::new(users()));
    let anonymous = plain.clone().with_username_anonymity(true);
    let timed = ServerConfig::new(provider, REALM, Arc::new(timed));
    let long = ServerConfig::new(provider, "a.longer.realm.example.org", Arc::new(users()));
    let own = ("\u{30DE}alice".to_owned(), "won der".to_owned());
    for (config, (name, password)) in
        [(plain, own.clone()), (anonymous, own.clone()), (timed, (name, password)), (long, own)]
    {
        let mut lab = Lab::new();
        lab.server = Server::new(Arc::new(config), Rng::from_number(1));
        let config = Arc::new(ClientConfig::new(provider, name, password));
        let mut turn = Client::new(config, Rng::from_number(2), now);
        turn.bind(now, peer(1));
        let mut out = Vec::new();
        while let Some(len) = turn.poll_transmit(now, &mut out) {
            let packet = out.split_off(out.len() - len);
            for answer in lab.give(LISTENER, client(1), &packet) {
                assert_eq!(turn.handle_packet(now, &answer.bytes), None);
            }
        }
        let events: Vec<_> = std::iter::from_fn(|| turn.poll_event()).collect();
        assert!(matches!(events[..], [ClientEvent::Allocated { .. }]), "{events:?}");
        assert!(turn.is_bound(now, peer(1)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever a client sends, what was agreed with others stands.
    #[test]
    fn hostile_packets_disturb_nobody(packets in proptest::collection::vec((any::<Vec<u8>>(), any::<u16>(), 0u8..4), 1..40)) {
        let mut lab = Lab::new();
        let (relay, _) = lab.allocate(client(1));
        lab.permit(client(1), peer(1));
        let good = lab.request(client(2), Method::ALLOCATE, allocate);
        for (mut bytes, at, kind) in packets {
            if kind > 0 {
                let mut changed = good.clone();
                for byte in bytes.iter().take(3) {
                    let at = (usize::from(at) + usize::from(*byte)) % changed.len();
                    changed[at] ^= *byte | 1;
                }
                bytes = changed;
            }
            let (local, remote) = if kind == 3 { (relay, peer(2)) } else { (LISTENER, client(2)) };
            for sent in lab.give(local, remote, &bytes) {
                prop_assert_eq!(sent.remote, client(2));
            }
        }
        prop_assert_eq!(lab.give(relay, peer(1), b"x").len(), 1);
    }
}
