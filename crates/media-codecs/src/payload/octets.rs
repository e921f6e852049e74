//! G.711 and G.722: a payload is a run of bytes, one for each tick of the clock, and says nothing about itself.
//!
//! Source: [RFC 3551 §4.5.2](https://www.rfc-editor.org/rfc/rfc3551#section-4.5.2) and
//! [§4.5.14](https://www.rfc-editor.org/rfc/rfc3551#section-4.5.14)

use ortica_core::DecodeError;

use super::{AssembleError, Depacketizer, PacketInfo, PacketizeError, Packetizer, Payload, Piece, single};
use crate::{Codec, EncodedFrame};

/// Sends each frame as it is.
#[derive(Clone, Copy, Debug)]
pub struct OctetPacketizer {
    codec: Codec,
}

impl OctetPacketizer {
    /// For [`Codec::Pcmu`], [`Codec::Pcma`] or [`Codec::G722`].
    pub fn new(codec: Codec) -> Self {
        Self { codec }
    }
}

impl Packetizer for OctetPacketizer {
    fn packetize(&mut self, frame: &EncodedFrame, max: usize, out: &mut Vec<Payload>) -> Result<(), PacketizeError> {
        single::packetize(frame, self.codec, max, out)
    }
}

/// Takes each payload as a frame, its duration one tick a byte.
#[derive(Clone, Copy, Debug)]
pub struct OctetDepacketizer {
    codec: Codec,
}

impl OctetDepacketizer {
    /// For [`Codec::Pcmu`], [`Codec::Pcma`] or [`Codec::G722`].
    pub fn new(codec: Codec) -> Self {
        Self { codec }
    }
}

impl Depacketizer for OctetDepacketizer {
    fn inspect(&self, payload: &[u8], _marker: bool) -> Result<PacketInfo, DecodeError> {
        duration(payload).map(|_| single::inspect())
    }

    fn assemble(&mut self, pts: i64, pieces: &[Piece<'_>]) -> Result<EncodedFrame, AssembleError> {
        single::assemble(self.codec, pts, pieces, duration)
    }
}

fn duration(payload: &[u8]) -> Result<u32, DecodeError> {
    match u32::try_from(payload.len()) {
        Ok(0) => Err(DecodeError::Truncated("samples")),
        Ok(ticks) => Ok(ticks),
        Err(_) => Err(DecodeError::Invalid("length of samples")),
    }
}
