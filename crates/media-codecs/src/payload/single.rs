//! What audio formats have in common: a packet is a frame.

use ortica_core::DecodeError;

use super::{AssembleError, PacketInfo, PacketizeError, Payload, Piece, check};
use crate::{Codec, EncodedFrame};

/// One payload without a header.
pub(super) fn packetize(
    frame: &EncodedFrame,
    codec: Codec,
    max_payload: usize,
    out: &mut Vec<Payload>,
) -> Result<(), PacketizeError> {
    check(frame, codec, max_payload)?;
    if frame.data.len() > max_payload {
        return Err(PacketizeError::TooLarge { len: frame.data.len(), max: max_payload });
    }
    out.push(Payload {
        prefix: smallvec::SmallVec::new(),
        body: frame.data.clone(),
        // Source: RFC 3551 §4.1: set on the first packet after silence, not on the last of a frame.
        marker: frame.starts_talkspurt,
    });
    Ok(())
}

/// Every packet starts and ends a frame, whatever its marker bit says.
pub(super) fn inspect() -> PacketInfo {
    PacketInfo { start: true, end: true, key_frame: true, ..PacketInfo::default() }
}

/// The frame of the one packet there may be, given how long a payload lasts in ticks.
pub(super) fn assemble(
    codec: Codec,
    pts: i64,
    pieces: &[Piece<'_>],
    duration: impl FnOnce(&[u8]) -> Result<u32, DecodeError>,
) -> Result<EncodedFrame, AssembleError> {
    let piece = match pieces {
        [piece] => piece,
        [] => return Err(AssembleError::Incomplete),
        _ => return Err(AssembleError::Mixed),
    };
    let duration = duration(piece.payload)?;
    let mut frame = EncodedFrame::new(codec, piece.payload.to_vec(), pts).with_duration(duration);
    frame.starts_talkspurt = piece.marker;
    Ok(frame)
}
