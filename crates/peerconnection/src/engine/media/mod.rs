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
//! | `appearance` | which way up pictures are, and in which colors |
//! | `packet` | packets in the hands of the application |
//! | `parameters` | what senders and receivers are started with |
//! | `picture` | how large and how many pictures may be |
//! | `sender` | frames into packets, feedback into targets of the encoder |
//! | `sources` | who was heard or seen lately |
//! | `tones`, `heard_tones` | keys of a telephone, as they are played and heard |
//! | `share` | what each of several encodings may spend |
//! | `receiver` | packets into frames, gaps into requests |
//! | `transform` | the way of frames through the application, where it wants to change them |
//! | `flow` | whether a receiver's stream comes |
//! | `rtp_transport` | the RTP and RTCP of one transport: who gets what, and reports |
//! | `seldom` | warnings once in a second |
//!
//! Frames are encoded: coders run elsewhere.

mod appearance;
mod coding;
mod flow;
mod heard_tones;
mod layers;
mod level;
mod packet;
mod parameters;
mod picture;
mod receiver;
mod rtp_transport;
mod seldom;
mod sender;
mod share;
mod sources;
mod tones;
mod transform;

#[cfg(feature = "tokio")]
pub(crate) use coding::FrameRate;
pub use coding::{Decoded, DecodedReport, DecodingStats, EncodedReport, EncodingStats, Limitation, SoundLevel};
pub use heard_tones::HeardTone;
pub use packet::RtpPacket;
pub use parameters::{
    CodecFeedback, MAX_ENCODINGS, RtpCodecParameters, RtpEncodingParameters, RtpParametersError, RtpReceiveParameters,
    RtpRedundancy, RtpSendParameters, RtpTelephoneEvents,
};
pub use picture::{PictureLimits, Resolution};
pub use receiver::ReceivedFrame;
pub(super) use receiver::Receiver;
pub(super) use rtp_transport::RtpTransport;
pub use sender::{EncoderTargets, MAX_FORWARDED, SendFrameError, SendPacketError};
pub(super) use sender::{Sender, Sending};
pub use sources::RtpSource;
pub use tones::DtmfError;
pub(super) use transform::Detour;
pub use transform::{
    AudioFrameMetadata, FrameType, KeyFrameError, MAX_FRAME, MediaMetadata, MetadataError, RtpFrame, RtpFrameMetadata,
    TransformId, VideoFrameMetadata, WriteFrameError,
};
