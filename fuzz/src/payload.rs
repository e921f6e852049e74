//! Payload formats: packets into frames, and frames into packets and back.

use crate::script::Script;
use ortica_codecs::coder::comfort_noise::NoiseGenerator;
use ortica_codecs::payload::av1::dependency_descriptor::DependencyDescriptor;
use ortica_codecs::payload::comfort_noise::ComfortNoise;
use ortica_codecs::payload::{Limits, MIN_PAYLOAD_SIZE, Piece, depacketizer, packetizer};
use ortica_codecs::{Codec, EncodedFrame};
use ortica_core::Rng;
use ortica_rtp::SequenceNumber;

/// Puts packets that the input makes up into frames.
pub fn assemble(codec: Codec, input: &[u8]) {
    let mut script = Script::new(input);
    let mut depacketizer = depacketizer(codec, Limits::default());
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
            assert!(frame.data.len() <= most(codec, sent), "a frame has more bytes than its packets make");
        }
    }
}

/// The bytes that a frame of so many bytes in packets may have: where it has units, lengths, start codes or an index are added.
fn most(codec: Codec, sent: usize) -> usize {
    match codec {
        Codec::Vp9 | Codec::Av1 | Codec::H265 => 2 * sent + 64,
        _ => sent,
    }
}

/// Splits a frame of units that the input makes up and puts it together: what comes out stays the same from then on, and with a
/// hole behind its first packet it is none.
pub fn units(codec: Codec, input: &[u8]) {
    let mut script = Script::new(input);
    let size = MIN_PAYLOAD_SIZE + usize::from(script.u8()) * 4;
    let hole = usize::from(script.u8());
    let mut frame = EncodedFrame::new(codec, script.rest().to_vec(), 0);
    for round in 0..2 {
        let mut payloads = Vec::new();
        if packetizer(codec, &mut Rng::from_number(1)).packetize(&frame, size, &mut payloads).is_err() {
            assert!(payloads.is_empty() && round == 0);
            return;
        }
        assert!(payloads.iter().all(|payload| payload.len() <= size));
        let sequences = (0..).map(SequenceNumber);
        let mut pieces: Vec<(SequenceNumber, bool, Vec<u8>)> =
            sequences.zip(&payloads).map(|(sequence, it)| (sequence, it.marker(), it.to_vec())).collect();
        let mut depacketizer = depacketizer(codec, Limits::default());
        // A frame may begin with what none begins with on the wire.
        let Ok(whole) = depacketizer.assemble(0, &borrow(&pieces)) else {
            assert!(round == 0, "a frame that came together once does not again");
            return;
        };
        assert!(round == 0 || whole.data == frame.data, "a frame changes on its second way");
        if pieces.len() > 1 {
            pieces.remove(1 + hole % (pieces.len() - 1));
            assert!(depacketizer.assemble(0, &borrow(&pieces)).is_err(), "a frame with a hole came together");
        }
        frame = whole;
    }
}

/// Reads dependency descriptors, one after the other, with the structure that came last.
pub fn dependency_descriptors(input: &[u8]) {
    let mut script = Script::new(input);
    let mut known = None;
    while !script.is_empty() {
        let Ok(read) = DependencyDescriptor::decode(script.packet(), known.as_ref()) else { continue };
        let again = DependencyDescriptor::decode(&read.encode(known.as_ref()), known.as_ref());
        assert_eq!(again.as_ref(), Ok(&read));
        known = read.structure.or(known);
    }
}

/// Reads a description of noise and makes some, at most so loud.
pub fn comfort_noise(input: &[u8]) {
    let Ok(noise) = ComfortNoise::decode(input) else { return };
    assert_eq!(ComfortNoise::decode(&noise.encode()).as_ref(), Ok(&noise));
    assert!(noise.spectrum().all(|coefficient| coefficient.abs() < 1.0));
    let mut generator = NoiseGenerator::new(noise, Rng::from_number(1));
    let sound = generator.generate(320, 16_000).expect("a legal shape");
    assert!(sound.rms().is_finite() && sound.len() == 320);
}

/// Splits a frame that the input makes up and puts it together again: whole it is the same, with a hole it is none.
pub fn round_trip(codec: Codec, input: &[u8]) {
    let mut script = Script::new(input);
    let size = MIN_PAYLOAD_SIZE + usize::from(script.u8()) * 4;
    let hole = usize::from(script.u8());
    let mut packetizer = packetizer(codec, &mut Rng::from_number(1));
    let mut depacketizer = depacketizer(codec, Limits::default());
    let frame = EncodedFrame::new(codec, script.rest().to_vec(), 0);
    let mut payloads = Vec::new();
    if packetizer.packetize(&frame, size, &mut payloads).is_err() {
        assert!(payloads.is_empty());
        return;
    }
    assert!(payloads.iter().all(|payload| payload.len() <= size));
    let sequences = (0..).map(SequenceNumber);
    let mut pieces: Vec<(SequenceNumber, bool, Vec<u8>)> =
        sequences.zip(&payloads).map(|(sequence, it)| (sequence, it.marker(), it.to_vec())).collect();
    let whole = depacketizer.assemble(0, &borrow(&pieces)).expect("a whole frame comes together");
    assert_eq!(whole.data, frame.data);
    if pieces.len() > 1 {
        pieces.remove(hole % pieces.len());
        assert!(depacketizer.assemble(0, &borrow(&pieces)).is_err(), "a frame with a hole came together");
    }
}

fn borrow(pieces: &[(SequenceNumber, bool, Vec<u8>)]) -> Vec<Piece<'_>> {
    let start = SequenceNumber(0);
    pieces
        .iter()
        .map(|(sequence, marker, payload)| Piece {
            sequence: *sequence,
            marker: *marker,
            first: *sequence == start,
            payload,
        })
        .collect()
}
