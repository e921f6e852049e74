//! Redundant audio: a packet carries the frames before its own once more, so that a lost one comes with the next.
//!
//! ```text
//! |1|  block PT   |  timestamp offset (14)    | block length (10) |     for each earlier frame, oldest first
//! |0|  block PT   |                                                   for the frame of the packet itself
//! the data of all blocks in the same order
//! ```
//!
//! It is no codec: what the blocks hold is of the codecs that their payload types stand for. [`RedPayload`] reads,
//! [`RedPacketizer`] writes.
//!
//! Source: [RFC 2198 §3](https://www.rfc-editor.org/rfc/rfc2198#section-3)

mod reader;
mod writer;

#[cfg(test)]
mod tests;

pub use reader::{Block, EarlierBlocks, RedPayload};
pub use writer::RedPacketizer;

/// The most blocks of a payload, that of the packet itself included.
pub const MAX_BLOCKS: usize = 9;
/// The furthest that an earlier frame may lie before that of its packet, in ticks of the timestamps.
pub const MAX_OFFSET: u16 = (1 << 14) - 1;
/// The longest data of an earlier frame, in bytes.
pub const MAX_BLOCK_LEN: usize = (1 << 10) - 1;

/// Length of the header of an earlier frame, in bytes.
const HEADER_LEN: usize = 4;
/// Length of the header of the packet's own frame, in bytes.
const PRIMARY_HEADER_LEN: usize = 1;
