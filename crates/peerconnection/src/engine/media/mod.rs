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
//! | `layers` | streams of the same pictures side by side, and which of them is read |
//! | `parameters` | what senders and receivers are started with |
//! | `picture` | how large and how many pictures may be |
//! | `sender` | frames into packets, feedback into targets of the encoder |
//! | `sources` | who was heard or seen lately |
//! | `tones` | keys of a telephone |
//! | `share` | what each of several encodings may spend |
//! | `receiver` | packets into frames, gaps into requests |
//! | `flow` | whether a receiver's stream comes |
//! | `rtp_transport` | the RTP and RTCP of one transport: who gets what, and reports |
//! | `seldom` | warnings once in a second |
//!
//! Frames are encoded: coders run elsewhere.

mod coding;
mod flow;
mod layers;
mod parameters;
mod picture;
mod receiver;
mod rtp_transport;
mod seldom;
mod sender;
mod share;
mod sources;
mod tones;

#[cfg(feature = "tokio")]
pub(crate) use coding::FrameRate;
pub use coding::{Decoded, DecodedReport, DecodingStats, EncodedReport, EncodingStats, Limitation, SoundLevel};
pub use parameters::{
    CodecFeedback, MAX_ENCODINGS, RtpCodecParameters, RtpEncodingParameters, RtpParametersError, RtpReceiveParameters,
    RtpSendParameters, RtpTelephoneEvents,
};
pub use picture::{PictureLimits, Resolution};
pub use receiver::ReceivedFrame;
pub(super) use receiver::Receiver;
pub(super) use rtp_transport::RtpTransport;
pub(super) use sender::Sending;
pub use sender::{EncoderTargets, SendFrameError};
pub use sources::RtpSource;
pub use tones::DtmfError;
