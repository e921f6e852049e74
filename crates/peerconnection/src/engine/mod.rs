//! The sans-IO engine: a [`Session`] is one side of one call, without SDP, sockets or clocks.
//!
//! It is an arena of transports and data channels, each named by an id, shaped as ORTC has them.
//! JSEP and the ORTC objects issue the same public commands, so there is one path through it:
//!
//! ```text
//! datagrams -> demux -> transport { ICE | DTLS -> gate -> SCTP } -> channels -> events
//! commands  -> channels -> SCTP -> DTLS -> the route that ICE selected -> transmits
//! ```
//!
//! Media takes its way beside SCTP, see `media`; who looks for a fault watches all of it, see `observe`.
//!
//! The gate (`secured`) is the one place that turns a verified handshake into something to send with.
#![doc = include_str!("loop.md")]

mod channel;
mod channels;
mod config;
mod demux;
mod event;
mod id;
mod media;
mod observe;
mod secured;
mod session;
mod stats;
mod transport;

pub use channel::{ChannelMessage, ChannelParameters, ChannelState, Priority, Reliability, SctpFailure};
pub use channels::{ChannelError, ChannelSendError};
pub use config::{Config, Limits};
pub use event::{CloseReason, DtlsError, DtlsState, Event, SctpState, TurnLink};
pub use id::{ChannelId, ReceiverId, SenderId, TransportId};
#[cfg(feature = "tokio")]
pub(crate) use media::FrameRate;
pub use media::{
    AudioFrameMetadata, CodecFeedback, Decoded, DecodedReport, DecodingStats, DtmfError, EncodedReport, EncoderTargets,
    EncodingStats, FrameType, HeardTone, KeyFrameError, Limitation, MAX_ENCODINGS, MAX_FORWARDED, MAX_FRAME,
    MediaMetadata, MetadataError, PictureLimits, ReceivedFrame, Resolution, RtpCodecParameters, RtpEncodingParameters,
    RtpFrame, RtpFrameMetadata, RtpPacket, RtpParametersError, RtpReceiveParameters, RtpRedundancy, RtpSendParameters,
    RtpSource, RtpTelephoneEvents, SendFrameError, SendPacketError, SoundLevel, TransformId, VideoFrameMetadata,
    WriteFrameError,
};
pub use observe::{CaptureConfig, Captured, Layer, LogRecord, Note, PcapNg, Summary};
pub use session::{CandidatePair, FarEnd, MediaError, Session, TcpSocket, TransportError};
pub use stats::{BufferingStats, ChannelStats, ReceiverStats, RtpStats, SenderStats, TransportStats};
pub use transport::{DtlsParameters, SctpParameters};

pub use ortica_sctp::Undelivered;
