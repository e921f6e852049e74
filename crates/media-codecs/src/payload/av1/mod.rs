//! AV1: a packet carries whole units (OBU) and parts of them, all of one temporal unit, which is a picture in all of its layers.
//!
//! Source: [RTP Payload Format For AV1 1.0](https://aomediacodec.github.io/av1-rtp-spec/v1.0.0.html)

mod aggregation;
mod depacketizer;
pub mod dependency_descriptor;
pub mod obu;
mod packetizer;

pub use aggregation::Aggregation;
pub use depacketizer::Av1Depacketizer;
pub use packetizer::Av1Packetizer;

#[cfg(test)]
mod tests;
