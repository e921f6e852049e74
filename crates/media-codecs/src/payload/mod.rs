//! RTP payload formats: encoded frames into payloads, payloads into encoded frames.
//!
//! A [`Packetizer`] copies nothing: a payload is a short prefix and a shared slice of the frame, so that one frame serves
//! every receiver and every retransmission. Payloads of a frame are equal in size, the last at most shorter, which lets the
//! socket send them as one batch.
//!
//! A [`Depacketizer`] answers two questions. Of one packet alone, as it arrives: does a frame start or end here
//! ([`inspect`](Depacketizer::inspect))? That is what a jitter buffer needs. Of the packets of one timestamp in order: what
//! is the frame ([`assemble`](Depacketizer::assemble))? A frame with a hole in it is [`AssembleError::Incomplete`], never a
//! shorter frame.

pub mod av1;
mod bits;
pub mod comfort_noise;
pub mod gap;
pub mod h264;
pub mod h265;
pub mod octets;
pub mod opus;
mod picture_id;
pub mod red;
mod single;
pub mod telephone_event;
pub mod vp8;
pub mod vp9;

#[cfg(test)]
mod tests;

use bytes::Bytes;
use ortica_core::{DecodeError, Rng};
pub use ortica_rtp::SequenceNumber;
use smallvec::SmallVec;
use thiserror::Error;

use crate::codec::Form;
use crate::frame::TemporalLayer;
use crate::{Codec, EncodedFrame};

/// The smallest payload size that a packetizer accepts, in bytes. Below, one frame would make too many packets.
pub const MIN_PAYLOAD_SIZE: usize = 64;

/// Splits encoded frames of one stream into RTP payloads.
pub trait Packetizer: Send {
    /// Appends the payloads of `frame` to `out`, each at most `max_payload` bytes.
    ///
    /// # Errors
    /// [`PacketizeError`]; `out` is as before then.
    fn packetize(
        &mut self,
        frame: &EncodedFrame,
        max_payload: usize,
        out: &mut Vec<Payload>,
    ) -> Result<(), PacketizeError>;
}

/// Puts encoded frames together from RTP payloads.
pub trait Depacketizer: Send {
    /// Looks at one packet. `marker` is the bit of its RTP header.
    ///
    /// # Errors
    /// [`DecodeError`] for what is no payload of this format.
    fn inspect(&self, payload: &[u8], marker: bool) -> Result<PacketInfo, DecodeError>;

    /// Makes a frame from all packets of one timestamp, in order of their sequence numbers. `pts` becomes the frame's.
    ///
    /// # Errors
    /// [`AssembleError`], where [`Incomplete`](AssembleError::Incomplete) means that packets are missing.
    fn assemble(&mut self, pts: i64, pieces: &[Piece<'_>]) -> Result<EncodedFrame, AssembleError>;

    /// Takes what the sender's `a=fmtp` says of its stream beside the format. By default there is nothing to take.
    ///
    /// # Errors
    /// [`DecodeError`] for what cannot be read; nothing was taken then.
    fn describe(&mut self, fmtp: &str) -> Result<(), DecodeError> {
        let _ = fmtp;
        Ok(())
    }
}

/// The packetizer of a codec, in the form that the peer takes. Running indices in payload headers start at random.
pub fn packetizer(form: impl Into<Form>, rng: &mut Rng) -> Box<dyn Packetizer> {
    match form.into() {
        Form::Vp8 => Box::new(vp8::Vp8Packetizer::new(rng)),
        Form::Vp9 => Box::new(vp9::Vp9Packetizer::new(rng)),
        Form::Av1 => Box::new(av1::Av1Packetizer),
        Form::H265 => Box::new(h265::H265Packetizer),
        Form::H264(form) => Box::new(h264::H264Packetizer::new(form.packetization_mode)),
        Form::Opus => Box::new(opus::OpusPacketizer::default()),
        form @ (Form::G722 | Form::Pcmu | Form::Pcma) => Box::new(octets::OctetPacketizer::new(form.codec())),
    }
}

/// The depacketizer of a codec, for all of its forms.
pub fn depacketizer(codec: Codec, limits: Limits) -> Box<dyn Depacketizer> {
    match codec {
        Codec::Vp8 => Box::new(vp8::Vp8Depacketizer::new(limits)),
        Codec::Vp9 => Box::new(vp9::Vp9Depacketizer::new(limits)),
        Codec::Av1 => Box::new(av1::Av1Depacketizer::new(limits)),
        Codec::H265 => Box::new(h265::H265Depacketizer::new(limits)),
        Codec::H264 => Box::new(h264::H264Depacketizer::new(limits)),
        Codec::Opus => Box::new(opus::OpusDepacketizer::default()),
        Codec::G722 | Codec::Pcmu | Codec::Pcma => Box::new(octets::OctetDepacketizer::new(codec)),
    }
}

/// What a depacketizer keeps to.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// The largest frame in bytes, beyond which [`AssembleError::TooLarge`] is the answer. Default 4 MiB.
    pub max_frame: usize,
    /// The most units that a frame may be made of where its format has such, beyond which [`AssembleError::TooManyUnits`] is the
    /// answer. Default 512.
    pub max_units: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_frame: 4 << 20, max_units: 512 }
    }
}

/// An RTP payload: a payload header and a slice of the frame, which it shares.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Payload {
    prefix: SmallVec<[u8; 16]>,
    body: Bytes,
    marker: bool,
}

impl Payload {
    /// The payload header; empty where the format has none.
    pub fn prefix(&self) -> &[u8] {
        &self.prefix
    }

    /// The codec's bytes.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The marker bit of the RTP header: the last packet of a picture, the first of sound after silence.
    pub fn marker(&self) -> bool {
        self.marker
    }

    /// Bytes of prefix and body.
    #[expect(clippy::len_without_is_empty, reason = "no payload is empty")]
    pub fn len(&self) -> usize {
        self.prefix.len() + self.body.len()
    }

    /// Appends prefix and body to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.prefix);
        out.extend_from_slice(&self.body);
    }

    /// Prefix and body in one run.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.len());
        self.write(&mut out);
        out
    }
}

/// What one packet says about the frame it belongs to.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct PacketInfo {
    /// A frame starts with this packet. Of a layer that does not refer to those below it may be in the middle of one as well.
    pub start: bool,
    /// A frame ends with this packet. A missing mark is no proof of the contrary: the next packet in sequence with another
    /// timestamp ends it as well.
    pub end: bool,
    /// A key frame starts with this packet.
    pub key_frame: bool,
    /// The frame may be dropped without harm to others.
    pub discardable: bool,
    /// The frame's temporal layer, where the stream has them.
    pub layer: Option<TemporalLayer>,
}

/// One packet of a frame that is put together.
#[derive(Clone, Copy, Debug)]
pub struct Piece<'a> {
    /// The sequence number of its RTP header.
    pub sequence: SequenceNumber,
    /// Its marker bit. On a picture's last packet also true if the end is known otherwise: by a next packet in sequence that
    /// has another timestamp.
    pub marker: bool,
    /// The frame is known to begin with it: the packet before it in sequence is of another frame. Where that is not known, a frame
    /// whose first packet does not tell by itself counts as incomplete.
    pub first: bool,
    /// Its payload, without padding.
    pub payload: &'a [u8],
}

/// Why a frame could not be split.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum PacketizeError {
    /// The frame is of another codec.
    #[error("a frame of {actual} for the packetizer of {expected}")]
    Codec {
        /// The packetizer's.
        expected: Codec,
        /// The frame's.
        actual: Codec,
    },
    /// The frame has no bytes.
    #[error("an empty frame")]
    Empty,
    /// The codec has no way to split a frame, and this one does not fit.
    #[error("a frame of {len} bytes does not fit into a payload of {max}")]
    TooLarge {
        /// The frame's bytes.
        len: usize,
        /// The payload's bytes.
        max: usize,
    },
    /// Payloads are to be smaller than [`MIN_PAYLOAD_SIZE`].
    #[error("payloads of {0} bytes are too small")]
    PayloadSize(usize),
    /// The bytes are not a frame of the codec.
    #[error("not a frame of the codec")]
    Malformed(#[from] DecodeError),
}

/// Why packets do not make a frame.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum AssembleError {
    /// Packets are missing at the start, in the middle or at the end.
    #[error("packets of the frame are missing")]
    Incomplete,
    /// The packets are not of one frame.
    #[error("packets of different frames")]
    Mixed,
    /// The frame is larger than [`Limits::max_frame`].
    #[error("a frame above {0} bytes")]
    TooLarge(usize),
    /// The frame has more units than [`Limits::max_units`].
    #[error("a frame of more than {0} units")]
    TooManyUnits(usize),
    /// The frame needs parameters that the stream has not brought.
    #[error("a parameter set is missing")]
    MissingParameterSet,
    /// A packet is no payload of the format.
    #[error("not a payload of the format")]
    Malformed(#[from] DecodeError),
}

/// Checks what every packetizer checks first.
fn check(frame: &EncodedFrame, codec: Codec, max_payload: usize) -> Result<(), PacketizeError> {
    if frame.codec != codec {
        return Err(PacketizeError::Codec { expected: codec, actual: frame.codec });
    }
    if frame.data.is_empty() {
        return Err(PacketizeError::Empty);
    }
    if max_payload < MIN_PAYLOAD_SIZE {
        return Err(PacketizeError::PayloadSize(max_payload));
    }
    Ok(())
}

/// Cuts `data` into pieces of at most `max` bytes: all but the last equal, and as few as possible.
fn split_evenly(data: &Bytes, max: usize) -> impl Iterator<Item = Bytes> {
    let size = even_size(data.len(), max);
    (0..data.len()).step_by(size).map(move |start| data.slice(start..data.len().min(start + size)))
}

/// The size of the pieces that `len` bytes are cut into: at most `max`, and all but the last equal.
fn even_size(len: usize, max: usize) -> usize {
    let count = len.div_ceil(max.max(1)).max(1);
    len.div_ceil(count).max(1)
}
