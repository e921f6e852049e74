//! What goes to peers and comes from them.

use super::*;

/// With a permission for peers 1 and 2, and a channel for peer 1.
fn connected(change: impl FnOnce(&mut ClientConfig)) -> Script {
    let mut script = Script::with(change);
    script.allocate(relayed(1));
    script.client.bind(script.now, peer(1));
    script.client.permit(script.now, peer(2));
    script.grant_peers();
    script
}

fn wrapped(script: &mut Script, peer: SocketAddr, data: &[u8]) -> Option<Vec<u8>> {
    let mut out = b"before".to_vec();
    let is_wrapped = script.client.wrap(script.now, peer, data, &mut out);
    let mut in_place = [b"before", data].concat();
    assert_eq!(script.client.wrap_in_place(script.now, peer, &mut in_place, 6), is_wrapped);
    if !is_wrapped {
        assert_eq!((&out[..], in_place), (&b"before"[..], [b"before", data].concat()));
        return None;
    }
    assert!(out.starts_with(b"before") && in_place.starts_with(b"before"));
    // Indications differ in their transaction.
    if out[6] == 0 {
        let id = 6 + 8..6 + 20;
        let (theirs, port_and_address) = (out[id.clone()].to_vec(), 6 + 24..);
        assert_ne!(in_place[id.clone()], theirs);
        assert_eq!(out.len(), in_place.len());
        let [one, two] = [&out, &in_place].map(|bytes| Message::parse(&bytes[6..]).unwrap());
        assert_eq!(one.xor_peer_address(), two.xor_peer_address());
        assert_eq!(one.attribute(AttributeType::DATA), two.attribute(AttributeType::DATA));
        let _ = port_and_address;
    } else {
        assert_eq!(out, in_place);
    }
    Some(out.split_off(6))
}

#[test]
fn a_channel_costs_four_bytes() {
    let mut script = connected(|_| {});
    assert_eq!(wrapped(&mut script, peer(1), b"hello").unwrap(), b"\x40\x00\x00\x05hello");
    assert_eq!(script.client.overhead(script.now, peer(1)), 4);
}

/// Guards the padding, which streams alone have.
#[test]
fn turn_3_channel_data_is_padded_on_streams_alone() {
    for len in 0..9 {
        let data = vec![7; len];
        let mut datagrams = connected(|_| {});
        assert_eq!(wrapped(&mut datagrams, peer(1), &data).unwrap().len(), 4 + len);
        let mut stream = connected(|config| config.is_stream = true);
        let packet = wrapped(&mut stream, peer(1), &data).unwrap();
        assert_eq!(packet.len(), 4 + len.next_multiple_of(4));
        assert_eq!(packet[2..4], (len as u16).to_be_bytes());
        assert!(packet[4 + len..].iter().all(|byte| *byte == 0));
    }
}

#[test]
fn without_a_channel_an_indication_carries_it() {
    let mut script = connected(|_| {});
    let v6: SocketAddr = "[2001:db8::2]:9".parse().unwrap();
    script.client.permit(script.now, v6);
    script.grant_peers();
    for len in 0..9 {
        let data = vec![7; len];
        for (peer, overhead) in [(peer(2), 36), (v6, 48)] {
            let packet = wrapped(&mut script, peer, &data).unwrap();
            let message = Message::parse(&packet).unwrap();
            assert_eq!((message.class(), message.method()), (Class::Indication, Method::SEND));
            assert_eq!(message.xor_peer_address(), Ok(Some(peer)));
            assert_eq!(message.attribute(AttributeType::DATA), Some(&data[..]));
            assert_eq!(packet.len(), overhead + len.next_multiple_of(4));
            assert_eq!(script.client.overhead(script.now, peer), overhead);
        }
    }
}

/// Guards the permission, and the longest data.
#[test]
fn nothing_goes_to_whom_nothing_is_permitted() {
    let mut script = connected(|_| {});
    assert_eq!(wrapped(&mut script, peer(3), b"hello"), None);
    assert_eq!(wrapped(&mut script, peer(1), &vec![0; 65_001]), None);
    assert!(wrapped(&mut script, peer(1), &vec![0; 65_000]).is_some());
    assert!(wrapped(&mut script, peer(2), &vec![0; 65_000]).is_some());
    // The port matters to a channel, and not to a permission.
    let other = SocketAddr::new(peer(1).ip(), 1);
    assert_eq!(wrapped(&mut script, other, b"hello").unwrap()[0], 0);
    assert!(!script.client.wrap_in_place(script.now, peer(1), &mut Vec::new(), 5));
}

fn indication(peer: SocketAddr, data: &[u8]) -> Vec<u8> {
    let mut packet = Vec::new();
    MessageBuilder::new(&mut packet, Class::Indication, Method::DATA, TransactionId([1; 12]))
        .xor_address(AttributeType::XOR_PEER_ADDRESS, peer)
        .attribute(AttributeType::DATA, data);
    packet
}

#[test]
fn data_of_peers_is_a_range_of_the_packet() {
    let mut script = connected(|_| {});
    let other = SocketAddr::new(peer(2).ip(), 1);
    for (packet, from) in [
        (b"\x40\x00\x00\x05hello".to_vec(), peer(1)),
        (b"\x40\x00\x00\x05hello\0\0\0".to_vec(), peer(1)),
        (indication(peer(2), b"hello"), peer(2)),
        (indication(other, b"hello"), other),
    ] {
        let found = script.client.handle_packet(script.now, &packet).unwrap();
        assert_eq!((found.peer, &packet[found.data]), (from, &b"hello"[..]));
    }
    let empty = script.client.handle_packet(script.now, &indication(peer(2), b"")).unwrap();
    assert!(empty.data.is_empty());
    assert_eq!(script.client.stats().packets_dropped, 0);
}

/// Guards what a server may hand on: data of peers that were asked for.
#[test]
fn data_of_others_is_dropped() {
    let mut script = connected(|_| {});
    let mut with_unknown = Vec::new();
    MessageBuilder::new(&mut with_unknown, Class::Indication, Method::DATA, TransactionId([1; 12]))
        .xor_address(AttributeType::XOR_PEER_ADDRESS, peer(2))
        .attribute(AttributeType(0x7fff), &[])
        .attribute(AttributeType::DATA, b"x");
    let mut without_data = Vec::new();
    MessageBuilder::new(&mut without_data, Class::Indication, Method::DATA, TransactionId([1; 12]))
        .xor_address(AttributeType::XOR_PEER_ADDRESS, peer(2));
    let mut bad = vec![
        indication(peer(3), b"x"),
        with_unknown,
        without_data,
        b"\x40\x07\x00\x01x".to_vec(),
        b"\x40\x00\x00\x09x".to_vec(),
        b"\x40\x00\x00\x01x1234".to_vec(),
        b"\x4f".to_vec(),
        vec![],
        vec![0x80; 40],
    ];
    // A request to the client is nothing either.
    let mut request = Vec::new();
    MessageBuilder::new(&mut request, Class::Request, Method::BINDING, TransactionId([1; 12]));
    bad.push(request);
    for (count, packet) in bad.iter().enumerate() {
        assert_eq!(script.client.handle_packet(script.now, packet), None, "{packet:?}");
        assert_eq!(script.client.stats().packets_dropped, count as u64 + 1);
    }
    assert!(script.sent().is_none() && script.events().is_empty());
}

#[test]
fn what_comes_after_the_allocation_is_lost_belongs_to_nobody() {
    let mut script = connected(|_| {});
    script.client.probe(script.now);
    let refresh = script.sent_one(Method::REFRESH);
    script.refuse(&refresh, 437);
    assert_eq!(script.client.handle_packet(script.now, b"\x40\x00\x00\x05hello"), None);
    assert_eq!(script.client.handle_packet(script.now, &indication(peer(2), b"x")), None);
}
