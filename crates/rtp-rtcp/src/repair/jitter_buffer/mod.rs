//! Received packets until they can be used.
//!
//! A [`FrameBuffer`] gives out a video frame as soon as it is complete; while packets are missing it waits for their repair,
//! then for a key frame. An [`AudioBuffer`] gives out audio packets in order, at once or at an even pace, and says which are
//! lost so that the decoder can make up for them.
//!
//! Both copy a payload once, when it comes in, into memory that they use again: once they have seen the largest amount they
//! hold, they allocate nothing. What they give out is borrowed from that memory until the next call.

mod audio;
mod ring;
mod video;

pub use audio::{AudioBuffer, AudioConfig, AudioPacket, AudioStats, Delivery, Playout};
pub use video::{Event, Frame, FrameBuffer, FrameConfig, FramePacket, FrameStats, PacketHint, Picture};

use std::time::Duration;

/// Bounds of a buffer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Limits {
    /// From the first packet waited for to the last one kept, in sequence numbers; rounded up to a power of two. Beyond, the
    /// first are given up. Default 512.
    pub packets: u16,
    /// Bytes of payload kept. Beyond, the first packets are given up. Default 8 MiB.
    pub bytes: usize,
    /// How long a packet is kept. Beyond, it is given up. Default 2 seconds.
    pub age: Duration,
    /// A packet whose number is farther than this from the last one starts the buffer over. Default 3,000.
    pub jump: u16,
}

impl Default for Limits {
    fn default() -> Self {
        Self { packets: 512, bytes: 8 << 20, age: Duration::from_secs(2), jump: 3_000 }
    }
}

/// What a buffer does with a packet.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Insertion {
    /// Keeps it.
    Stored,
    /// Drops it: it is there already.
    Duplicate,
    /// Drops it: nobody waits for it any more.
    Late,
    /// Keeps it, and has dropped everything else: its number is far from the others.
    Reset,
}
