//! What senders and receivers are started with.

use ortica_codecs::{Codec, MediaKind};
use ortica_rtp::header_extension::ExtensionMap;
use ortica_rtp::repair::rtx::AptTable;
use ortica_rtp::{Mid, PayloadType, Ssrc};
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
    /// The codec.
    pub codec: Codec,
    /// Its payload type.
    pub payload_type: PayloadType,
    /// The payload type of its retransmissions, if they have a stream of their own (RFC 4588).
    pub rtx: Option<PayloadType>,
    /// Feedback that the peer understands.
    pub feedback: CodecFeedback,
}

/// The streams of one encoding.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RtpEncodingParameters {
    /// The stream.
    pub ssrc: Ssrc,
    /// The stream of its retransmissions, used when the codec has a payload type for them.
    pub rtx: Option<Ssrc>,
}

/// How a sender sends.
///
/// Source: [webrtc-pc §5.2](https://www.w3.org/TR/webrtc/#rtcrtpsendparameters),
/// [ORTC `RTCRtpParameters`](https://draft.ortc.org/#rtcrtpparameters*)
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RtpSendParameters {
    /// The media section, said in each packet if the peer has an extension for it.
    pub mid: Option<Mid>,
    /// What the peer takes, best liked first; frames of the first are sent.
    pub codecs: Vec<RtpCodecParameters>,
    /// Which header extensions the peer takes.
    pub header_extensions: ExtensionMap,
    /// The streams.
    pub encoding: RtpEncodingParameters,
    /// RTCP need not be compound (RFC 5506).
    pub reduced_size_rtcp: bool,
}

/// How a receiver receives.
///
/// Source: [webrtc-pc §5.3](https://www.w3.org/TR/webrtc/#rtcrtpreceiveparameters)
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RtpReceiveParameters {
    /// The media section, as the peer says it in packets.
    pub mid: Option<Mid>,
    /// What may come.
    pub codecs: Vec<RtpCodecParameters>,
    /// Which header extensions may come.
    pub header_extensions: ExtensionMap,
    /// Streams that the peer announced.
    pub ssrcs: Vec<Ssrc>,
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
pub(super) fn check(kind: MediaKind, codecs: &[RtpCodecParameters]) -> Result<RtpCodecParameters, RtpParametersError> {
    if let Some(wrong) = codecs.iter().find(|parameters| parameters.codec.kind() != kind) {
        return Err(RtpParametersError::Kind { codec: wrong.codec, kind });
    }
    codecs.first().copied().ok_or(RtpParametersError::NoCodec)
}

impl RtpReceiveParameters {
    /// The format of a payload type, retransmissions excluded.
    pub(super) fn codec(&self, payload_type: PayloadType) -> Option<&RtpCodecParameters> {
        self.codecs.iter().find(|parameters| parameters.payload_type == payload_type)
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
        self.codecs.iter().flat_map(|parameters| [Some(parameters.payload_type), parameters.rtx]).flatten().collect()
    }
}
