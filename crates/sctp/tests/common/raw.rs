//! A peer that builds its packets by hand, and may send what it likes.

use bytes::Bytes;
use ortica_core::Instant;
use ortica_sctp::Association;

pub const DATA: u8 = 0;
pub const INIT: u8 = 1;
pub const INIT_ACK: u8 = 2;
pub const SACK: u8 = 3;
pub const HEARTBEAT: u8 = 4;
pub const HEARTBEAT_ACK: u8 = 5;
pub const ABORT: u8 = 6;
pub const SHUTDOWN: u8 = 7;
pub const SHUTDOWN_ACK: u8 = 8;
pub const ERROR: u8 = 9;
pub const COOKIE_ECHO: u8 = 10;
pub const COOKIE_ACK: u8 = 11;
pub const SHUTDOWN_COMPLETE: u8 = 14;
pub const I_DATA: u8 = 64;
pub const RE_CONFIG: u8 = 130;
pub const FORWARD_TSN: u8 = 192;
pub const I_FORWARD_TSN: u8 = 194;

pub const END: u8 = 1;
pub const BEGIN: u8 = 2;
pub const UNORDERED: u8 = 4;

/// A packet under `tag` of chunks given as kind, flags and value.
pub fn packet(tag: u32, chunks: &[(u8, u8, Vec<u8>)]) -> Vec<u8> {
    let mut out = [5000u16.to_be_bytes(); 2].concat();
    out.extend(tag.to_be_bytes());
    out.extend([0; 4]);
    for (kind, flags, value) in chunks {
        out.extend([*kind, *flags]);
        out.extend((value.len() as u16 + 4).to_be_bytes());
        out.extend(value);
        out.resize(out.len().next_multiple_of(4), 0);
    }
    seal(&mut out);
    out
}

/// Gives a packet the right checksum.
pub fn seal(packet: &mut [u8]) {
    packet[8..12].fill(0);
    let crc = crc32c::crc32c(packet);
    packet[8..12].copy_from_slice(&crc.to_le_bytes());
}

/// The value of an INIT that asks for 65,535 streams each way and knows the extensions.
pub fn init(tag: u32, first_tsn: u32) -> Vec<u8> {
    let mut value = [tag.to_be_bytes(), (1u32 << 20).to_be_bytes(), [0xff; 4], first_tsn.to_be_bytes()].concat();
    value.extend([0xc0, 0, 0, 4, 0x80, 8, 0, 8, RE_CONFIG, FORWARD_TSN, I_DATA, I_FORWARD_TSN]);
    value
}

/// The value of a DATA chunk.
pub fn data(tsn: u32, stream: u16, ssn: u16, payload: &[u8]) -> Vec<u8> {
    let mut value = tsn.to_be_bytes().to_vec();
    value.extend(stream.to_be_bytes());
    value.extend(ssn.to_be_bytes());
    value.extend(53u32.to_be_bytes());
    value.extend(payload);
    value
}

/// The value of an I-DATA chunk; `shared` is the PPID where a message begins, elsewhere the FSN.
pub fn i_data(tsn: u32, stream: u16, mid: u32, shared: u32, payload: &[u8]) -> Vec<u8> {
    let mut value = tsn.to_be_bytes().to_vec();
    value.extend(stream.to_be_bytes());
    value.extend([0; 2]);
    value.extend(mid.to_be_bytes());
    value.extend(shared.to_be_bytes());
    value.extend(payload);
    value
}

/// The handshake done by hand with `victim`. Returns the tag to use; the first TSN is 1.
pub fn handshake(now: Instant, victim: &mut Association) -> u32 {
    victim.handle_packet(now, &packet(0, &[(INIT, 0, init(7, 1))]));
    let mut out = Vec::new();
    victim.poll_packet(now, &mut out).expect("INIT is answered");
    assert_eq!(out[12], INIT_ACK);
    let tag = u32::from_be_bytes([out[16], out[17], out[18], out[19]]);
    let mut at = 32;
    while out[at..at + 2] != [0, 7] {
        at += usize::from(u16::from_be_bytes([out[at + 2], out[at + 3]])).next_multiple_of(4);
    }
    let len = usize::from(u16::from_be_bytes([out[at + 2], out[at + 3]]));
    let cookie = Bytes::copy_from_slice(&out[at + 4..at + len]);
    victim.handle_packet(now, &packet(tag, &[(10, 0, cookie.to_vec())]));
    assert!(victim.is_connected());
    drain(now, victim);
    tag
}

/// Throws away what it has to send; gives how much that was.
pub fn drain(now: Instant, victim: &mut Association) -> usize {
    let mut out = Vec::new();
    while victim.poll_packet(now, &mut out).is_some() {}
    out.len()
}
