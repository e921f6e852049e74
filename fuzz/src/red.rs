//! Packets with those before them (RFC 2198).

use crate::script::Script;
use ortica_codecs::payload::red::{MAX_BLOCKS, RedPacketizer, RedPayload};
use ortica_codecs::payload::{Payload, packetizer};
use ortica_codecs::{Codec, EncodedFrame};
use ortica_core::Rng;
use ortica_rtp::{PayloadType, RtpTimestamp};

const OWN: PayloadType = PayloadType(63);
const INSIDE: PayloadType = PayloadType(0);

/// Reads a payload: its blocks share no byte and leave none out.
pub fn read(input: &[u8]) {
    let Ok(RedPayload { redundant, primary }) = RedPayload::decode(input, OWN) else { return };
    let data: usize = redundant.iter().map(|block| block.data.len()).sum();
    assert!(redundant.len() < MAX_BLOCKS);
    assert_eq!(data + 4 * redundant.len() + 1 + primary.data.len(), input.len());
    assert!(redundant.iter().chain([&primary]).all(|block| block.payload_type != OWN));
}

/// Writes frames that the input makes up: each packet keeps to its size and holds frames of their times, each once.
pub fn round_trip(input: &[u8]) {
    let mut script = Script::new(input);
    let mut red = RedPacketizer::new(INSIDE, script.u8().into());
    let mut octets = packetizer(Codec::Pcmu, &mut Rng::from_number(1));
    let mut timestamp = RtpTimestamp(script.u32());
    let mut sent: Vec<(RtpTimestamp, Vec<u8>)> = Vec::new();
    while !script.is_empty() {
        timestamp += u32::from(script.u16());
        let max = usize::from(script.u16() & 0x7ff);
        let mut payloads: Vec<Payload> = Vec::new();
        let frame = EncodedFrame::new(Codec::Pcmu, script.packet().to_vec(), 0);
        if octets.packetize(&frame, 1 << 12, &mut payloads).is_err() {
            continue;
        }
        let wrapped = red.wrap(timestamp, &payloads[0], max);
        assert_eq!(wrapped.is_some(), frame.data.len() < max);
        if let Some(wrapped) = wrapped.map(|wrapped| wrapped.to_vec()) {
            assert!(wrapped.len() <= max);
            let RedPayload { redundant, primary } = RedPayload::decode(&wrapped, OWN).expect("it was written here");
            assert_eq!(primary.data, &frame.data[..]);
            for block in redundant {
                let at = timestamp - u32::from(block.offset);
                assert!(block.offset > 0 && sent.iter().any(|(of, data)| *of == at && data == block.data));
            }
        }
        sent.push((timestamp, frame.data.to_vec()));
    }
}
