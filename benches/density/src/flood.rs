//! Packets of strangers on the peers' own host: hellos, the same one and others; checks that name a live connection and whose seal is
//! false; answers to checks that nobody sent; records and noise.

use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::time::Duration;

const SOCKETS: usize = 8;
/// After so many packets, a pause: what overflows the receiver's socket buffer is never looked at, and displaces what is genuine.
const AT_ONCE: usize = 100;
const PAUSE: Duration = Duration::from_millis(1);
/// The magic cookie of STUN (RFC 8489 §5).
const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];

/// Sends so many packets to a port of this host. `names` are those that checks of live connections carry.
pub fn send(count: usize, port: u16, names: &[String]) -> io::Result<()> {
    let sockets: Vec<UdpSocket> =
        (0..SOCKETS).map(|_| UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))).collect::<io::Result<_>>()?;
    for (number, socket) in (0..count).zip(sockets.iter().cycle()) {
        // What a packet before it brought back as an ICMP error does not matter.
        let _ = socket.send_to(&packet(number as u64, names), (Ipv4Addr::LOCALHOST, port));
        if number % AT_ONCE == AT_ONCE - 1 {
            std::thread::sleep(PAUSE);
        }
    }
    Ok(())
}

fn packet(number: u64, names: &[String]) -> Vec<u8> {
    let noise = Noise(number + 1);
    match number % 6 {
        0 => client_hello(7),
        1 => client_hello(number as u32),
        2 => check(noise, names.get(number as usize / 6 % names.len().max(1)).map_or("", String::as_str)),
        3 => response(noise),
        4 => record(noise),
        _ => {
            let mut noise = noise;
            let len = 1 + noise.next() as usize % 1_200;
            noise.bytes(len)
        }
    }
}

/// A first message of a DTLS client, as anybody can write one.
fn client_hello(random: u32) -> Vec<u8> {
    let mut body = vec![0xfe, 0xfd];
    body.extend(random.to_be_bytes().repeat(8));
    // No session, no cookie, one suite, no compression.
    body.extend([0, 0, 0, 2, 0xc0, 0x2b, 1, 0]);
    let len = body.len() as u8;
    let mut packet = vec![22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, len + 12, 1, 0, 0, len, 0, 0, 0, 0, 0, 0, 0, len];
    packet.extend(body);
    packet
}

/// A check whose MESSAGE-INTEGRITY is no one's.
fn check(mut noise: Noise, name: &str) -> Vec<u8> {
    let mut attributes = attribute(0x0006, name.as_bytes());
    // PRIORITY and ICE-CONTROLLING, as of the peer.
    attributes.extend(attribute(0x0024, &noise.bytes(4)));
    attributes.extend(attribute(0x802a, &noise.bytes(8)));
    attributes.extend(attribute(0x0008, &noise.bytes(20)));
    stun(noise, 0x0001, &attributes)
}

/// An answer to a check that nobody sent.
fn response(mut noise: Noise) -> Vec<u8> {
    let mut attributes = attribute(0x0020, &[0, 1, 0x11, 0x22, 0x5e, 0x12, 0xa4, 0x43]);
    attributes.extend(attribute(0x0008, &noise.bytes(20)));
    stun(noise, 0x0101, &attributes)
}

fn stun(mut noise: Noise, kind: u16, attributes: &[u8]) -> Vec<u8> {
    let mut packet = kind.to_be_bytes().to_vec();
    packet.extend((attributes.len() as u16).to_be_bytes());
    packet.extend(COOKIE);
    packet.extend(noise.bytes(12));
    packet.extend(attributes);
    packet
}

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let mut attribute = [kind.to_be_bytes(), (value.len() as u16).to_be_bytes()].concat();
    attribute.extend(value);
    attribute.resize(attribute.len().next_multiple_of(4), 0);
    attribute
}

/// A record of epoch 1, as after a handshake.
fn record(mut noise: Noise) -> Vec<u8> {
    let body = noise.bytes(64);
    let mut packet = vec![23, 0xfe, 0xfd, 0, 1, 0, 0];
    packet.extend(noise.bytes(4));
    packet.extend((body.len() as u16).to_be_bytes());
    packet.extend(body);
    packet
}

/// Bytes without order, the same in each run (SplitMix64).
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next() as u8).collect()
    }
}
