//! H.265: a packet carries a unit, several, or a part of one. Parameter sets travel in band, units in decoding order.
//!
//! Source: [RFC 7798](https://www.rfc-editor.org/rfc/rfc7798)

mod contents;
mod depacketizer;
pub mod nal;
mod packetizer;

pub use contents::Contents;
pub use depacketizer::H265Depacketizer;
pub use packetizer::H265Packetizer;

#[cfg(test)]
mod tests;
