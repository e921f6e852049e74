//! H.264: packets into frames, frames into packets and back, parameter sets.

use crate::script::Script;
use ortica_codecs::codec::h264::PacketizationMode;
use ortica_codecs::payload::h264::nal::{self, SliceStart};
use ortica_codecs::payload::h264::parameter_sets::{MAX_SET, ParameterSets, SequenceSet};
use ortica_codecs::payload::h264::{H264Depacketizer, H264Packetizer};
use ortica_codecs::payload::{Depacketizer, Limits, MIN_PAYLOAD_SIZE, Packetizer, Payload, Piece};
use ortica_codecs::{Codec, EncodedFrame};
use ortica_rtp::SequenceNumber;

/// Puts packets that the input makes up into frames: none has much more bytes than they, or more units than the limit.
pub fn assemble(input: &[u8]) {
    let mut script = Script::new(input);
    let limits = Limits::default();
    let mut depacketizer = H264Depacketizer::new(limits);
    let mut sequence = script.u16();
    while !script.is_empty() {
        let mut pieces = Vec::new();
        for _ in 0..=script.u8() % 8 {
            let how = script.u8();
            let payload = script.packet();
            let _ = depacketizer.inspect(payload, how & 1 == 1);
            let (marker, first) = (how & 1 == 1, how & 2 == 2);
            pieces.push(Piece { sequence: SequenceNumber(sequence), marker, first, payload });
            sequence = sequence.wrapping_add(1 + u16::from(how >> 6));
        }
        let sent: usize = pieces.iter().map(|piece| piece.payload.len()).sum();
        if let Ok(frame) = depacketizer.assemble(0, &pieces) {
            // A key frame may be given the two sets that it needs.
            assert!(frame.data.len() <= 2 * sent + 4 * pieces.len() + 2 * (MAX_SET + 4), "a frame grew");
        }
    }
}

/// Splits a frame that the input makes up and puts it together again: all its units come back as they were.
pub fn round_trip(input: &[u8]) {
    let mut script = Script::new(input);
    let size = MIN_PAYLOAD_SIZE + usize::from(script.u8()) * 4;
    let mode = match script.u8() & 1 {
        0 => PacketizationMode::SingleNalUnit,
        _ => PacketizationMode::NonInterleaved,
    };
    let data = [&[0, 0, 1][..], script.rest()].concat();
    let mut payloads = Vec::new();
    let frame = EncodedFrame::new(Codec::H264, data.clone(), 0);
    if H264Packetizer::new(mode).packetize(&frame, size, &mut payloads).is_err() {
        assert!(payloads.is_empty());
        return;
    }
    assert!(payloads.iter().all(|payload| payload.len() <= size));
    let packets: Vec<Vec<u8>> = payloads.iter().map(Payload::to_vec).collect();
    let pieces: Vec<Piece<'_>> = packets
        .iter()
        .enumerate()
        .map(|(at, payload)| Piece {
            sequence: SequenceNumber(0) + at as u16,
            marker: at + 1 == packets.len(),
            first: at == 0,
            payload,
        })
        .collect();
    // A frame that says itself what it needs is whole; others need what no stream brought.
    if let Ok(whole) = H264Depacketizer::new(Limits::default()).assemble(0, &pieces) {
        assert!(nal::split_slice(&whole.data).eq(nal::split_slice(&data)), "units changed on the way");
    }
}

/// Reads parameter sets and the first bytes of slices.
pub fn parameter_sets(input: &[u8]) {
    for unit in nal::split_slice(input) {
        let _ = SliceStart::read(unit);
        if let Ok(set) = SequenceSet::decode(unit) {
            assert!(set.width > 0 && set.height > 0 && set.width <= 16_384 && set.height <= 32_768);
        }
    }
    let mut sets = ParameterSets::default();
    let _ = sets.learn(input);
    if let Ok(text) = std::str::from_utf8(input) {
        let _ = ParameterSets::from_description(text);
    }
}
