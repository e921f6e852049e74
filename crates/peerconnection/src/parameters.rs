//! Parameters and capabilities of senders and receivers, as plain data under the W3C's names.
//!
//! What nothing here would honour is absent: a network priority, degradation preferences, adaptive packet times. The engine's own parameters, which these become, are in [`engine`](crate::engine).

mod codec;
mod encoding;
mod error;

pub use codec::{RtpCapabilities, RtpCodec, RtpCodecParameters, RtpHeaderExtensionCapability};
pub use encoding::RtpEncodingParameters;
pub(crate) use encoding::{changed, initial, simulcast};
pub use error::ParametersError;

pub use crate::engine::{MAX_ENCODINGS, Priority, Resolution};

/// How a sender sends: what [`parameters`](crate::peer::Peer::sender_parameters) gives and
/// [`set_parameters`](crate::peer::Peer::set_sender_parameters) takes. All but the encodings is there to be read.
///
/// Source: [webrtc-pc §5.2](https://www.w3.org/TR/webrtc/#rtcrtpsendparameters)
#[derive(Clone, Debug, PartialEq)]
pub struct RtpSendParameters {
    /// Names this state of the parameters: they can be set until the next ones are given or a description changes them.
    pub transaction_id: String,
    /// What is sent, side by side: one, or the layers of simulcast.
    pub encodings: Vec<RtpEncodingParameters>,
    /// Header extensions, as agreed.
    pub header_extensions: Vec<RtpHeaderExtensionParameters>,
    /// RTCP, as agreed.
    pub rtcp: RtcpParameters,
    /// Codecs that can be sent, as agreed, best liked first; none before an answer.
    pub codecs: Vec<RtpCodecParameters>,
}

/// How a receiver receives.
///
/// Source: [webrtc-pc §5.3](https://www.w3.org/TR/webrtc/#dom-rtcrtpreceiver-getparameters)
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct RtpReceiveParameters {
    /// Header extensions, as agreed.
    pub header_extensions: Vec<RtpHeaderExtensionParameters>,
    /// RTCP, as agreed.
    pub rtcp: RtcpParameters,
    /// Codecs that can be received, as agreed; none before an answer.
    pub codecs: Vec<RtpCodecParameters>,
}

/// A header extension and its number.
///
/// Source: [webrtc-pc §5.2.7](https://www.w3.org/TR/webrtc/#rtcrtpheaderextensionparameters)
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RtpHeaderExtensionParameters {
    /// Its name.
    pub uri: String,
    /// Its id in packets, 1 to 255.
    pub id: u8,
}

/// How reports are sent.
///
/// Source: [webrtc-pc §5.2.6](https://www.w3.org/TR/webrtc/#rtcrtcpparameters)
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct RtcpParameters {
    /// What the streams of one source of media share.
    pub cname: String,
    /// RTCP need not be compound (RFC 5506).
    pub reduced_size: bool,
}
