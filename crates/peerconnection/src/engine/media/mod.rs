//! Audio and video of a session: what is sent and received over the RTP of its transports.
//!
//! ```text
//! EncodedFrame -> Sender: packetizer -> queue -> RtpTransport -> SRTP -> the route that ICE selected
//! EncodedFrame <- Receiver: depacketizer <- jitter buffer <- RtpTransport: demultiplexer <- SRTP
//! ```
//!
//! | module | what |
//! |---|---|
//! | `coding` | what coders did, for statistics |
//! | `parameters` | what senders and receivers are started with |
//! | `sender` | frames into packets, feedback into targets of the encoder |
//! | `receiver` | packets into frames, gaps into requests |
//! | `flow` | whether a receiver's stream comes |
//! | `rtp_transport` | the RTP and RTCP of one transport: who gets what, and reports |
//!
//! Frames are encoded: coders run elsewhere.

mod coding;
mod flow;
mod parameters;
mod receiver;
mod rtp_transport;
mod sender;

#[cfg(feature = "tokio")]
pub(crate) use coding::FrameRate;
pub use coding::{Decoded, DecodedReport, DecodingStats, EncodedReport, EncodingStats, Limitation, SoundLevel};
pub use parameters::{
    CodecFeedback, RtpCodecParameters, RtpEncodingParameters, RtpParametersError, RtpReceiveParameters,
    RtpSendParameters,
};
pub use receiver::ReceivedFrame;
pub(super) use rtp_transport::RtpTransport;
pub use sender::{EncoderTargets, SendFrameError};
