//! G.711: a payload is a run of samples, one byte each, and says nothing about itself.
//!
//! Source: [RFC 3551 §4.5.14](https://www.rfc-editor.org/rfc/rfc3551#section-4.5.14)

use ortica_core::DecodeError;

use super::{AssembleError, Depacketizer, PacketInfo, PacketizeError, Packetizer, Payload, Piece, single};
use crate::{Codec, EncodedFrame};

/// Sends each frame as it is.
#[derive(Clone, Copy, Debug)]
pub struct G711Packetizer {
    codec: Codec,
}

impl G711Packetizer {
    /// For [`Codec::Pcmu`] or [`Codec::Pcma`].
    pub fn new(codec: Codec) -> Self {
        Self { codec }
    }
}

impl Packetizer for G711Packetizer {
    fn packetize(&mut self, frame: &EncodedFrame, max: usize, out: &mut Vec<Payload>) -> Result<(), PacketizeError> {
        single::packetize(frame, self.codec, max, out)
    }
}

/// Takes each payload as a frame, its duration one tick a byte.
#[derive(Clone, Copy, Debug)]
pub struct G711Depacketizer {
    codec: Codec,
}

impl G711Depacketizer {
    /// For [`Codec::Pcmu`] or [`Codec::Pcma`].
    pub fn new(codec: Codec) -> Self {
        Self { codec }
    }
}

impl Depacketizer for G711Depacketizer {
    fn inspect(&self, payload: &[u8], _marker: bool) -> Result<PacketInfo, DecodeError> {
        duration(payload).map(|_| single::inspect())
    }

    fn assemble(&mut self, pts: i64, pieces: &[Piece<'_>]) -> Result<EncodedFrame, AssembleError> {
        single::assemble(self.codec, pts, pieces, duration)
    }
}

fn duration(payload: &[u8]) -> Result<u32, DecodeError> {
    match u32::try_from(payload.len()) {
        Ok(0) => Err(DecodeError::Truncated("G.711 samples")),
        Ok(samples) => Ok(samples),
        Err(_) => Err(DecodeError::Invalid("G.711 length")),
    }
}
