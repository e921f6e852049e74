//! Captured packets as Wireshark reads them.

use super::{Captured, Layer};
use ortica_core::Ecn;
use ortica_dtls::KeyLogEntry;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Packets that begin with their IP header.
const RAW: (u32, u16) = (0, 101);
/// Packets of a protocol that is named in front of them (Wireshark's "exported PDU").
const UPPER_PDU: (u32, u16) = (1, 252);
const UDP: u8 = 17;

/// Blocks of a pcapng file: what is appended one after the other makes the file.
///
/// Packets of the wire get the headers of IP and UDP that they had. What was inside them is named by its protocol, which
/// Wireshark then needs not guess. Secrets may stand anywhere before the packets that they open.
///
/// Source: [draft-ietf-opsawg-pcapng](https://datatracker.ietf.org/doc/draft-ietf-opsawg-pcapng/)
#[derive(Clone, Copy, Debug, Default)]
pub struct PcapNg;

impl PcapNg {
    /// Appends what a file starts with.
    pub fn begin(out: &mut Vec<u8>) {
        block(out, 0x0a0d_0d0a, |out| {
            words(out, &[0x1a2b_3c4d, 0x0000_0001]);
            // How long the section is, nobody knows yet.
            words(out, &[u32::MAX; 2]);
        });
        for (_, link_type) in [RAW, UPPER_PDU] {
            block(out, 1, |out| {
                words(out, &[u32::from(link_type), 0]);
                // Times are in nanoseconds.
                option(out, 9, &[9]);
                option(out, 0, &[]);
            });
        }
    }

    /// Appends a packet, whose moment is `time` since the Unix epoch.
    pub fn packet(out: &mut Vec<u8>, captured: &Captured, time: Duration) {
        let (interface, packet) = match captured.layer {
            Layer::Udp => (RAW.0, ip_packet(captured)),
            Layer::Rtp => (UPPER_PDU.0, upper_pdu("rtp", captured)),
            Layer::Rtcp => (UPPER_PDU.0, upper_pdu("rtcp", captured)),
            Layer::Sctp => (UPPER_PDU.0, upper_pdu("sctp", captured)),
        };
        let nanos = time.as_nanos() as u64;
        let len = packet.len() as u32;
        block(out, 6, |out| {
            words(out, &[interface, (nanos >> 32) as u32, nanos as u32, len, len]);
            padded(out, &packet);
            let direction: u32 = if captured.sent { 2 } else { 1 };
            option(out, 2, &direction.to_le_bytes());
            option(out, 0, &[]);
        });
    }

    /// Appends the secret of a connection, with which Wireshark decrypts its packets.
    pub fn secrets(out: &mut Vec<u8>, entry: &KeyLogEntry) {
        let line = format!("{entry}\n");
        block(out, 10, |out| {
            words(out, &[u32::from_be_bytes(*b"TLSK"), line.len() as u32]);
            padded(out, line.as_bytes());
        });
    }
}

/// A block: its type, its length in front and behind, and what is between.
fn block(out: &mut Vec<u8>, kind: u32, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    words(out, &[kind, 0]);
    write(out);
    let len = ((out.len() - start + 4) as u32).to_le_bytes();
    out.extend_from_slice(&len);
    if let Some(place) = out.get_mut(start + 4..start + 8) {
        place.copy_from_slice(&len);
    }
}

fn option(out: &mut Vec<u8>, code: u16, value: &[u8]) {
    out.extend_from_slice(&code.to_le_bytes());
    out.extend_from_slice(&(value.len() as u16).to_le_bytes());
    padded(out, value);
}

fn words(out: &mut Vec<u8>, words: &[u32]) {
    words.iter().for_each(|word| out.extend_from_slice(&word.to_le_bytes()));
}

fn padded(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(bytes);
    out.resize(out.len() + bytes.len().next_multiple_of(4) - bytes.len(), 0);
}

fn ends(captured: &Captured) -> (SocketAddr, SocketAddr) {
    match captured.sent {
        true => (captured.local, captured.remote),
        false => (captured.remote, captured.local),
    }
}

/// The packet behind the name of its protocol and where it came from.
fn upper_pdu(dissector: &str, captured: &Captured) -> Vec<u8> {
    let mut packet = Vec::new();
    let mut tag = |kind: u16, value: &[u8]| {
        let len = value.len().next_multiple_of(4);
        packet.extend_from_slice(&kind.to_be_bytes());
        packet.extend_from_slice(&(len as u16).to_be_bytes());
        padded(&mut packet, value);
    };
    tag(12, dissector.as_bytes());
    let (from, to) = ends(captured);
    for (address, kinds) in [(from, [20, 22]), (to, [21, 23])] {
        match address.ip() {
            IpAddr::V4(ip) => tag(kinds[0], &ip.octets()),
            IpAddr::V6(ip) => tag(kinds[1], &ip.octets()),
        }
    }
    // The ports are those of UDP.
    tag(24, &3u32.to_be_bytes());
    tag(25, &u32::from(from.port()).to_be_bytes());
    tag(26, &u32::from(to.port()).to_be_bytes());
    tag(0, &[]);
    packet.extend_from_slice(&captured.bytes);
    packet
}

/// The packet with the headers that it had.
fn ip_packet(captured: &Captured) -> Vec<u8> {
    let (from, to) = ends(captured);
    let ecn = match captured.ecn {
        Ecn::NotEct => 0u8,
        Ecn::Ect1 => 1,
        Ecn::Ect0 => 2,
        Ecn::Ce => 3,
    };
    let udp_len = (8 + captured.bytes.len()) as u16;
    let mut udp = Vec::new();
    for word in [from.port(), to.port(), udp_len, 0] {
        udp.extend_from_slice(&word.to_be_bytes());
    }
    udp.extend_from_slice(&captured.bytes);
    let mut packet = Vec::new();
    match (from.ip(), to.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            packet.extend_from_slice(&[0x45, ecn]);
            packet.extend_from_slice(&udp_len.saturating_add(20).to_be_bytes());
            packet.extend_from_slice(&[0, 0, 0x40, 0, 64, UDP, 0, 0]);
            packet.extend_from_slice(&from.octets());
            packet.extend_from_slice(&to.octets());
            let sum = checksum(&[&packet]);
            set_word(&mut packet, 10, sum);
        }
        (from, to) => {
            packet.extend_from_slice(&[0x60, ecn << 4, 0, 0]);
            packet.extend_from_slice(&udp_len.to_be_bytes());
            packet.extend_from_slice(&[UDP, 64]);
            packet.extend_from_slice(&v6(from));
            packet.extend_from_slice(&v6(to));
            // What is summed besides the packet: both addresses, the length and the protocol (RFC 8200 §8.1).
            let [high, low] = udp_len.to_be_bytes();
            let sum = checksum(&[&v6(from), &v6(to), &[high, low, 0, UDP], &udp]);
            set_word(&mut udp, 6, if sum == 0 { u16::MAX } else { sum });
        }
    }
    packet.extend_from_slice(&udp);
    packet
}

fn v6(ip: IpAddr) -> [u8; 16] {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
        IpAddr::V6(ip) => ip.octets(),
    }
}

fn set_word(bytes: &mut [u8], at: usize, word: u16) {
    if let Some(place) = bytes.get_mut(at..at + 2) {
        place.copy_from_slice(&word.to_be_bytes());
    }
}

/// The checksum of parts that follow each other, all but the last of even length.
///
/// Source: [RFC 1071 §1](https://www.rfc-editor.org/rfc/rfc1071#section-1)
fn checksum(parts: &[&[u8]]) -> u16 {
    let mut sum: u32 = 0;
    for pair in parts.iter().flat_map(|part| part.chunks(2)) {
        let [high, low] = [pair.first(), pair.get(1)].map(|byte| byte.copied().unwrap_or_default());
        sum += u32::from(u16::from_be_bytes([high, low]));
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ortica_core::Instant;

    fn captured(local: &str, remote: &str, layer: Layer) -> Captured {
        let (local, remote) = (local.parse().unwrap(), remote.parse().unwrap());
        let at = Instant::from_nanos(0);
        Captured { at, sent: true, local, remote, ecn: Ecn::Ect0, layer, bytes: b"hello".to_vec() }
    }

    /// The blocks of a file: type and contents.
    fn blocks(mut file: &[u8]) -> Vec<(u32, Vec<u8>)> {
        let word = |bytes: &[u8]| u32::from_le_bytes(bytes[..4].try_into().unwrap());
        let mut blocks = Vec::new();
        while !file.is_empty() {
            let len = word(&file[4..]) as usize;
            assert_eq!(word(&file[len - 4..]) as usize, len, "the length is there twice");
            assert_eq!(len % 4, 0);
            blocks.push((word(file), file[8..len - 4].to_vec()));
            file = &file[len..];
        }
        blocks
    }

    #[test]
    fn a_packet_has_the_headers_that_it_had() {
        let mut file = Vec::new();
        PcapNg::begin(&mut file);
        PcapNg::packet(&mut file, &captured("192.0.2.1:1", "192.0.2.2:2", Layer::Udp), Duration::from_secs(1));
        let blocks = blocks(&file);
        assert_eq!(blocks.iter().map(|(kind, _)| *kind).collect::<Vec<_>>(), [0x0a0d_0d0a, 1, 1, 6]);
        let packet = &blocks[3].1[20..];
        assert_eq!(blocks[3].1[4..12], [0, 0, 0, 0, 0, 0xca, 0x9a, 0x3b], "a billion nanoseconds");
        assert_eq!(packet[..4], [0x45, 2, 0, 33]);
        assert_eq!(checksum(&[&packet[..20]]), 0, "a header with its checksum sums to nothing");
        assert_eq!(packet[20..33], *b"\0\x01\0\x02\0\x0d\0\0hello");
        assert_eq!(packet[36..44], [2, 0, 4, 0, 2, 0, 0, 0], "it was sent");
    }

    #[test]
    fn a_packet_of_ipv6_has_a_checksum() {
        let mut received = captured("[2001:db8::1]:1", "[2001:db8::2]:2", Layer::Udp);
        received.sent = false;
        let packet = ip_packet(&received);
        assert_eq!(packet[..8], [0x60, 0x20, 0, 0, 0, 13, 17, 64]);
        assert_eq!(packet[8 + 15], 2, "from the other side");
        assert_eq!(checksum(&[&packet[8..40], &[0, 13, 0, 17], &packet[40..]]), 0);
    }

    #[test]
    fn what_was_inside_is_named() {
        let packet = upper_pdu("sctp", &captured("192.0.2.1:1", "192.0.2.2:2", Layer::Sctp));
        assert_eq!(packet[..8], *b"\0\x0c\0\x04sctp");
        assert!(packet.ends_with(b"\0\0\0\0hello"));
    }
}
