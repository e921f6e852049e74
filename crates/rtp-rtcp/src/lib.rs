//! RTP and RTCP: packets, sessions, reports, repair, jitter buffers.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unreachable,
        clippy::todo
    )
)]

pub mod congestion;
pub mod demux;
pub mod header_extension;
pub mod id;
pub mod packet;
pub mod repair;
pub mod rtcp;
pub mod sequence;
pub mod session;

pub use id::{IdError, Mid, PayloadType, Rid, Ssrc};
pub use packet::{Header, Packet, header_len};
pub use sequence::{RtpTimestamp, SequenceNumber, SequenceUnwrapper, TimestampUnwrapper};

#[cfg(test)]
mod corpus;
