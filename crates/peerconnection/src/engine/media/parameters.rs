//! What senders and receivers are started with.

use super::picture::PictureLimits;
use crate::engine::Priority;
use ortica_codecs::codec::Form;
use ortica_codecs::frame::ScalabilityMode;
use ortica_codecs::{Codec, MediaKind};
use ortica_rtp::header_extension::ExtensionMap;
use ortica_rtp::repair::rtx::AptTable;
use ortica_rtp::{Mid, PayloadType, Rid, Ssrc};
use thiserror::Error;

/// Which feedback the peer understands for a format.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct CodecFeedback {
    /// Packets may be asked for again (RFC 4585 §6.2.1).
    pub nack: bool,
    /// A picture loss may be told (RFC 4585 §6.3.1).
    pub pli: bool,
    /// A key frame may be demanded (RFC 5104 §4.3.1).
    pub fir: bool,
}

/// A format that both sides agreed on.
///
/// Source: [webrtc-pc §5.2.9](https://www.w3.org/TR/webrtc/#rtcrtpcodecparameters)
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RtpCodecParameters {
    /// The codec, and in which of its forms.
    pub form: Form,
    /// Its payload type.
    pub payload_type: PayloadType,
    /// The payload type of its retransmissions, if they have a stream of their own (RFC 4588).
    pub rtx: Option<PayloadType>,
    /// Packets that carry earlier frames as well: where it is sent they are all sent so, unless retransmissions have a stream of their
    /// own; where it is received they may come.
    pub redundancy: Option<RtpRedundancy>,
    /// The payload type of descriptions of silence, where it is sent as such: of sound in G.711 and G.722 (RFC 3389).
    pub comfort_noise: Option<PayloadType>,
    /// Feedback that the peer understands.
    pub feedback: CodecFeedback,
}

impl RtpCodecParameters {
    /// The codec.
    pub const fn codec(&self) -> Codec {
        self.form.codec()
    }
}

/// Packets of sound that carry the frames before theirs as well, so that a lost one comes with the next (RFC 2198). Pictures have
/// none.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RtpRedundancy {
    /// Their payload type.
    pub payload_type: PayloadType,
    /// How many earlier frames each of them carries, as far as there is room: at most 8. Of no meaning where they are received.
    pub earlier: u8,
}

/// Keys of a telephone, as the peer takes them (RFC 4733).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RtpTelephoneEvents {
    /// Their payload type.
    pub payload_type: PayloadType,
    /// Ticks of their timestamps in a second: they go with codecs of the same.
    pub clock_rate: u32,
}

/// One encoding of what a sender sends, with the streams that carry it.
///
/// Source: [webrtc-pc §5.2.5](https://www.w3.org/TR/webrtc/#rtcrtpencodingparameters)
#[derive(Clone, Debug, PartialEq)]
pub struct RtpEncodingParameters {
    /// The stream.
    pub ssrc: Ssrc,
    /// The stream of its retransmissions, used when the codec has a payload type for them.
    pub rtx: Option<Ssrc>,
    /// Its name among several, said in each packet if the peer has an extension for it.
    pub rid: Option<Rid>,
    /// Which of the codecs it is sent in; `None`, or one that is not among them, means the first.
    pub payload_type: Option<PayloadType>,
    /// Frames are sent. Default `true`.
    pub active: bool,
    /// The most that may be spent on it, in bits per second; at least one key frame passes all the same.
    pub max_bitrate: Option<u64>,
    /// How large and how many its pictures may be.
    pub picture: PictureLimits,
    /// The layers that its encoder is to make. Default one.
    pub scalability: ScalabilityMode,
    /// Its share of what the peer allows all encodings together; packets of a sender with a higher one go first.
    pub priority: Priority,
}

impl RtpEncodingParameters {
    /// An encoding in the stream `ssrc`, without retransmissions, name or limits.
    pub fn new(ssrc: Ssrc) -> Self {
        Self {
            ssrc,
            rtx: None,
            rid: None,
            payload_type: None,
            active: true,
            max_bitrate: None,
            picture: PictureLimits::default(),
            scalability: ScalabilityMode::default(),
            priority: Priority::default(),
        }
    }
}

/// How a sender sends.
///
/// Source: [webrtc-pc §5.2](https://www.w3.org/TR/webrtc/#rtcrtpsendparameters),
/// [ORTC `RTCRtpParameters`](https://draft.ortc.org/#rtcrtpparameters*)
#[derive(Clone, Debug, PartialEq)]
pub struct RtpSendParameters {
    /// The media section, said in each packet if the peer has an extension for it.
    pub mid: Option<Mid>,
    /// What the peer takes, best liked first.
    pub codecs: Vec<RtpCodecParameters>,
    /// The telephone events that the peer takes.
    pub telephone_events: Vec<RtpTelephoneEvents>,
    /// Which header extensions the peer takes.
    pub header_extensions: ExtensionMap,
    /// What is sent, side by side: one, or several layers of the same pictures (simulcast). At most
    /// [`MAX_ENCODINGS`].
    pub encodings: Vec<RtpEncodingParameters>,
    /// The most that the peer takes of all encodings together, in bits per second.
    pub max_bitrate: Option<u64>,
    /// RTCP need not be compound (RFC 5506).
    pub reduced_size_rtcp: bool,
}

/// Encodings of one sender, and layers of one receiver.
pub const MAX_ENCODINGS: usize = 8;

/// How a receiver receives.
///
/// Source: [webrtc-pc §5.3](https://www.w3.org/TR/webrtc/#rtcrtpreceiveparameters)
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RtpReceiveParameters {
    /// The media section, as the peer says it in packets.
    pub mid: Option<Mid>,
    /// What may come.
    pub codecs: Vec<RtpCodecParameters>,
    /// Telephone events that may come. They take their places in the stream, and are read by
    /// [`Session::read_tone`](crate::engine::Session::read_tone).
    pub telephone_events: Vec<RtpTelephoneEvents>,
    /// Which header extensions may come.
    pub header_extensions: ExtensionMap,
    /// Streams that the peer announced.
    pub ssrcs: Vec<Ssrc>,
    /// The layers that may come side by side (simulcast), at most [`MAX_ENCODINGS`], from the smallest to the best; none
    /// where there is one stream.
    pub rids: Vec<Rid>,
    /// What the peer's `a=fmtp` says of the streams that come under a payload type, where it says more than which format they
    /// are of: the parameter sets of H.264.
    pub descriptions: Vec<(PayloadType, String)>,
    /// RTCP need not be compound (RFC 5506).
    pub reduced_size_rtcp: bool,
}

/// Why parameters were refused.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum RtpParametersError {
    /// There is nothing to send or receive in.
    #[error("no codec is named")]
    NoCodec,
    /// There is nothing to send, or too much.
    #[error("{0} encodings or layers are named")]
    Encodings(usize),
    /// A codec is of the other kind of media.
    #[error("{codec} is not a codec for {kind}")]
    Kind {
        /// The codec.
        codec: Codec,
        /// What the sender or receiver carries.
        kind: MediaKind,
    },
}

/// Checks that there are codecs, all of one kind.
pub(super) fn check(kind: MediaKind, codecs: &[RtpCodecParameters]) -> Result<(), RtpParametersError> {
    if let Some(wrong) = codecs.iter().find(|parameters| parameters.codec().kind() != kind) {
        return Err(RtpParametersError::Kind { codec: wrong.codec(), kind });
    }
    if codecs.is_empty() { Err(RtpParametersError::NoCodec) } else { Ok(()) }
}

impl RtpSendParameters {
    /// The codec of an encoding.
    pub(super) fn codec_of(&self, encoding: &RtpEncodingParameters) -> Option<RtpCodecParameters> {
        let chosen = self.codecs.iter().find(|codec| Some(codec.payload_type) == encoding.payload_type);
        chosen.or(self.codecs.first()).copied()
    }

    /// The payload type of telephone events that go with a codec.
    pub(super) fn telephone_events_of(&self, codec: Codec) -> Option<PayloadType> {
        let events = self.telephone_events.iter().find(|events| events.clock_rate == codec.clock_rate());
        events.map(|events| events.payload_type)
    }
}

impl RtpReceiveParameters {
    /// The format of a payload type, retransmissions excluded.
    pub(super) fn codec(&self, payload_type: PayloadType) -> Option<&RtpCodecParameters> {
        self.codecs.iter().find(|parameters| parameters.payload_type == payload_type)
    }

    /// The first format in whose streams silence comes under a payload type.
    pub(super) fn silent(&self, payload_type: PayloadType) -> Option<&RtpCodecParameters> {
        self.codecs.iter().find(|parameters| parameters.comfort_noise == Some(payload_type))
    }

    /// The format whose packets come with earlier ones under a payload type.
    pub(super) fn redundant(&self, payload_type: PayloadType) -> Option<&RtpCodecParameters> {
        self.codecs.iter().find(|it| it.redundancy.is_some_and(|redundancy| redundancy.payload_type == payload_type))
    }

    /// What the peer says of the streams of a payload type.
    pub(super) fn description(&self, payload_type: PayloadType) -> Option<&str> {
        let of = self.descriptions.iter().find(|(described, _)| *described == payload_type);
        of.map(|(_, fmtp)| fmtp.as_str())
    }

    /// Ticks in a second of the telephone events that a payload type stands for, if it stands for some.
    pub(super) fn event_clock(&self, payload_type: PayloadType) -> Option<u32> {
        let events = self.telephone_events.iter().find(|events| events.payload_type == payload_type);
        events.map(|events| events.clock_rate)
    }

    /// The clock rate of what comes again by a payload type of retransmissions.
    pub(super) fn repaired_clock(&self, payload_type: PayloadType) -> Option<u32> {
        let repaired = self.codecs.iter().find(|parameters| parameters.rtx == Some(payload_type))?;
        Some(repaired.codec().clock_rate())
    }

    /// Which payload types are retransmissions of which.
    pub(super) fn apt(&self) -> AptTable {
        let mut table = AptTable::new();
        for parameters in &self.codecs {
            if let Some(rtx) = parameters.rtx {
                table.insert(rtx, parameters.payload_type);
            }
        }
        table
    }

    /// Every payload type that may come.
    pub(super) fn payload_types(&self) -> Vec<PayloadType> {
        let redundant = |parameters: &RtpCodecParameters| parameters.redundancy.map(|it| it.payload_type);
        let of = |it: &RtpCodecParameters| [Some(it.payload_type), it.rtx, redundant(it), it.comfort_noise];
        let codecs = self.codecs.iter().flat_map(of).flatten();
        codecs.chain(self.telephone_events.iter().map(|events| events.payload_type)).collect()
    }
}
