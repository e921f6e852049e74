//! What aiortc's tests of its H.264 descriptor and packets assert, where no other test here does.

use super::samples::{annex_b, units};
use super::*;
use crate::codec::h264::PacketizationMode;
use crate::payload::Packetizer;
use crate::{Codec, EncodedFrame};

#[test]
fn parse_empty() {
    assert_eq!(Contents::decode(&[]), Err(DecodeError::Truncated("H.264 payload")));
}

/// Parameter sets in one packet.
#[test]
fn parse_stap_a() {
    let sets = [vec![0x67, 0x42, 0xc0, 0x1f, 0xd9], vec![0x68, 0xcb, 0x83]];
    let packet = [&[0x78, 0, 5][..], &sets[0], &[0, 3], &sets[1]].concat();
    assert_eq!(units(&packet), sets);
    assert!(matches!(Contents::decode(&packet), Ok(Contents::Aggregated(_))));
}

/// The first part of a unit, whose header is made of both bytes, and one from its middle.
#[test]
fn parse_fu_a() {
    let first = Contents::decode(&[0x7c, 0x85, 0x88, 0x84]);
    let header = Header(0x65);
    assert_eq!(first, Ok(Contents::Fragment { header, start: true, end: false, part: &[0x88, 0x84] }));
    let second = Contents::decode(&[0x7c, 0x05, 0x2f, 0x6e]);
    assert_eq!(second, Ok(Contents::Fragment { header, start: false, end: false, part: &[0x2f, 0x6e] }));
}

#[test]
fn parse_nalu() {
    let unit = [0x41, 0x9a, 0x02];
    assert_eq!(Contents::decode(&unit), Ok(Contents::Single(&unit)));
}

/// Nine small units are as many as fit; the tenth begins another packet.
#[test]
fn packetize_multiple_small() {
    let unit = [vec![0x41], vec![0x9a; 127]].concat();
    let all = vec![unit; 10];
    let frame = EncodedFrame::new(Codec::H264, annex_b(&all), 0);
    let mut payloads = Vec::new();
    H264Packetizer::new(PacketizationMode::NonInterleaved).packetize(&frame, 1_300, &mut payloads).unwrap();
    let counts: Vec<usize> = payloads.iter().map(|payload| units(&payload.to_vec()).len()).collect();
    assert_eq!(counts, [9, 1]);
}
