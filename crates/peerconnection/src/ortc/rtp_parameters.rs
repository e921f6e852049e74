//! Parameters and capabilities of senders and receivers as plain data.

use super::ObjectError;
use crate::engine;
use ortica_codecs::codec::Form;
use ortica_codecs::{Codec, MediaKind};
use ortica_rtp::header_extension::{ExtensionMap, Kind};
use ortica_rtp::{Mid, PayloadType, Ssrc};
use std::collections::BTreeMap;

/// Feedback on a format that its receiver gives.
///
/// Source: [ORTC `RTCRtcpFeedback`](https://draft.ortc.org/#rtcrtcpfeedback*)
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
pub struct RtcpFeedback {
    /// Such as `nack` or `ccm`.
    #[cfg_attr(feature = "serde", serde(rename = "type"))]
    pub kind: String,
    /// Such as `pli` or `fir`; may be empty.
    #[cfg_attr(feature = "serde", serde(default))]
    pub parameter: String,
}

impl RtcpFeedback {
    fn is(&self, kind: &str, parameter: &str) -> bool {
        self.kind.eq_ignore_ascii_case(kind) && self.parameter.eq_ignore_ascii_case(parameter)
    }
}

/// A format, or (named `rtx`, with the parameter `apt`) the retransmissions of one.
///
/// Source: [ORTC `RTCRtpCodecParameters`](https://draft.ortc.org/#rtcrtpcodecparameters*)
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize), serde(rename_all = "camelCase"))]
pub struct RtpCodecParameters {
    /// Its name, such as `opus`; letters of either case.
    pub name: String,
    /// Its number in packets, 0 to 127.
    #[cfg_attr(feature = "serde", serde(alias = "preferredPayloadType"))]
    pub payload_type: u8,
    /// Ticks of its timestamps in a second.
    pub clock_rate: u32,
    /// Channels of sound; `None` for anything else, and where there is one.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub num_channels: Option<u8>,
    /// What its receiver understands to ask for, and its sender to hear.
    #[cfg_attr(feature = "serde", serde(default))]
    pub rtcp_feedback: Vec<RtcpFeedback>,
    /// What `a=fmtp` would say of it.
    #[cfg_attr(feature = "serde", serde(default))]
    pub parameters: BTreeMap<String, String>,
}

/// A header extension and its number.
///
/// Source: [ORTC `RTCRtpHeaderExtensionParameters`](https://draft.ortc.org/#rtcrtpheaderextensionparameters*)
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
pub struct RtpHeaderExtensionParameters {
    /// Its name.
    pub uri: String,
    /// Its id in packets, 1 to 255 without 15.
    #[cfg_attr(feature = "serde", serde(alias = "preferredId"))]
    pub id: u8,
}

/// The stream of retransmissions.
///
/// Source: [ORTC `RTCRtpRtxParameters`](https://draft.ortc.org/#rtcrtprtxparameters*)
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
pub struct RtpRtxParameters {
    /// Its number.
    pub ssrc: u32,
}

/// The streams of one encoding.
///
/// Source: [ORTC `RTCRtpEncodingParameters`](https://draft.ortc.org/#rtcrtpencodingparameters*)
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
pub struct RtpEncodingParameters {
    /// The number of its stream. `None`: a sender draws one, a receiver takes what its MID or payload types fit.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub ssrc: Option<u32>,
    /// Its retransmissions, where they have a stream of their own (RFC 4588).
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub rtx: Option<RtpRtxParameters>,
}

/// How reports are sent.
///
/// Source: [ORTC `RTCRtcpParameters`](https://draft.ortc.org/#rtcrtcpparameters*)
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize), serde(rename_all = "camelCase"))]
pub struct RtcpParameters {
    /// They need not be compound (RFC 5506).
    #[cfg_attr(feature = "serde", serde(default))]
    pub reduced_size: bool,
}

/// How a sender sends and a receiver receives: what one side [starts](super::RtpSender::send) its sender with is what the other one
/// starts its [receiver](super::RtpReceiver::receive) with.
///
/// Source: [ORTC `RTCRtpParameters`](https://draft.ortc.org/#rtcrtpparameters*)
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize), serde(rename_all = "camelCase"))]
pub struct RtpParameters {
    /// Said in each packet where there is an extension for it (RFC 9143 §15): 1 to 16 characters of a token.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub mux_id: Option<String>,
    /// Formats; those that this side does not know are ignored. Frames of the first are sent.
    pub codecs: Vec<RtpCodecParameters>,
    /// Header extensions; those that this side does not know are ignored.
    #[cfg_attr(feature = "serde", serde(default))]
    pub header_extensions: Vec<RtpHeaderExtensionParameters>,
    /// What is sent, one at most.
    #[cfg_attr(feature = "serde", serde(default))]
    pub encodings: Vec<RtpEncodingParameters>,
    /// Reports.
    #[cfg_attr(feature = "serde", serde(default))]
    pub rtcp: RtcpParameters,
}

/// What can be sent or received.
///
/// Source: [ORTC `RTCRtpCapabilities`](https://draft.ortc.org/#rtcrtpcapabilities*)
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize), serde(rename_all = "camelCase"))]
pub struct RtpCapabilities {
    /// Formats with the numbers that they would have, best liked first.
    pub codecs: Vec<RtpCodecParameters>,
    /// Header extensions with the numbers that they would have.
    pub header_extensions: Vec<RtpHeaderExtensionParameters>,
}

impl RtpCapabilities {
    /// What this side can send and receive of a kind, in these codecs: those that this build can code, or others for who brings and
    /// takes encoded frames.
    pub fn of(kind: MediaKind, codecs: impl IntoIterator<Item = Codec>) -> Self {
        let codecs = codecs.into_iter().filter(|codec| codec.kind() == kind);
        let extensions: &[Kind] = match kind {
            MediaKind::Audio => &[Kind::Mid, Kind::AbsSendTime, Kind::TransportCc, Kind::AudioLevel],
            MediaKind::Video => &[Kind::Mid, Kind::AbsSendTime, Kind::TransportCc],
        };
        let extension = |(kind, id): (&Kind, u8)| RtpHeaderExtensionParameters { uri: kind.uri().to_owned(), id };
        Self {
            codecs: codecs.flat_map(Form::offered).flat_map(formats).collect(),
            header_extensions: extensions.iter().zip(1..).map(extension).collect(),
        }
    }

    /// Parameters to send by to a peer that can receive this, in streams of numbers of our own choice.
    pub fn parameters(&self) -> RtpParameters {
        RtpParameters {
            mux_id: None,
            codecs: self.codecs.clone(),
            header_extensions: self.header_extensions.clone(),
            encodings: Vec::new(),
            rtcp: RtcpParameters { reduced_size: true },
        }
    }
}

/// A codec in one of its forms, and its retransmissions where packets can be asked for again.
fn formats(form: Form) -> Vec<RtpCodecParameters> {
    let codec = form.codec();
    let feedback = |feedback: &ortica_codecs::codec::Feedback| RtcpFeedback {
        kind: feedback.kind.to_owned(),
        parameter: feedback.parameter.unwrap_or_default().to_owned(),
    };
    let number = form.preferred_payload_type().0;
    let media = RtpCodecParameters {
        name: codec.name().to_owned(),
        payload_type: number,
        clock_rate: codec.clock_rate(),
        num_channels: codec.channels().filter(|channels| *channels > 1),
        rtcp_feedback: codec.default_feedback().iter().map(feedback).collect(),
        parameters: form.parameters().into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
    };
    let repairs = media.rtcp_feedback.iter().any(|feedback| feedback.is("nack", ""));
    let rtx = repairs.then(|| RtpCodecParameters {
        name: "rtx".to_owned(),
        payload_type: number + 1,
        clock_rate: codec.clock_rate(),
        parameters: BTreeMap::from([("apt".to_owned(), number.to_string())]),
        ..RtpCodecParameters::default()
    });
    std::iter::once(media).chain(rtx).collect()
}

impl RtpParameters {
    /// For the engine's sender. `ssrc` draws numbers for streams that have none.
    pub(crate) fn to_send(
        &self,
        kind: MediaKind,
        mut ssrc: impl FnMut() -> Ssrc,
    ) -> Result<engine::RtpSendParameters, ObjectError> {
        if self.encodings.len() > 1 {
            return Err(ObjectError::Malformed("encodings"));
        }
        let codecs = self.codecs(kind)?;
        let encoding = self.encodings.first().copied().unwrap_or_default();
        let repairs = codecs.iter().any(|codec| codec.rtx.is_some());
        let own = encoding.ssrc.map_or_else(&mut ssrc, Ssrc);
        Ok(engine::RtpSendParameters {
            mid: self.mid()?,
            codecs,
            header_extensions: self.extensions()?,
            telephone_events: Vec::new(),
            encodings: vec![engine::RtpEncodingParameters {
                rtx: encoding.rtx.map(|rtx| Ssrc(rtx.ssrc)).or_else(|| repairs.then(&mut ssrc)),
                ..engine::RtpEncodingParameters::new(own)
            }],
            max_bitrate: None,
            reduced_size_rtcp: self.rtcp.reduced_size,
        })
    }

    /// For the engine's receiver.
    pub(crate) fn to_receive(&self, kind: MediaKind) -> Result<engine::RtpReceiveParameters, ObjectError> {
        let streams = self.encodings.iter().flat_map(|it| [it.ssrc, it.rtx.map(|rtx| rtx.ssrc)]);
        Ok(engine::RtpReceiveParameters {
            mid: self.mid()?,
            codecs: self.codecs(kind)?,
            header_extensions: self.extensions()?,
            telephone_events: Vec::new(),
            ssrcs: streams.flatten().map(Ssrc).collect(),
            rids: Vec::new(),
            descriptions: Vec::new(),
            reduced_size_rtcp: self.rtcp.reduced_size,
        })
    }

    fn mid(&self) -> Result<Option<Mid>, ObjectError> {
        let mid = self.mux_id.as_deref().map(Mid::new).transpose();
        mid.map_err(|_| ObjectError::Malformed("mux id"))
    }

    fn codecs(&self, kind: MediaKind) -> Result<Vec<engine::RtpCodecParameters>, ObjectError> {
        if self.codecs.iter().any(|codec| codec.payload_type > PayloadType::MAX.0) {
            return Err(ObjectError::Malformed("payload type"));
        }
        let known = |parameters: &RtpCodecParameters| {
            let RtpCodecParameters { name, clock_rate, num_channels, .. } = parameters;
            let codec = Codec::from_rtpmap(kind, name, *clock_rate, *num_channels)?;
            let fmtp: Vec<String> = parameters.parameters.iter().map(|(key, value)| format!("{key}={value}")).collect();
            let has = |kind, parameter| parameters.rtcp_feedback.iter().any(|it| it.is(kind, parameter));
            Some(engine::RtpCodecParameters {
                form: Form::read(codec, Some(&fmtp.join(";")))?,
                payload_type: PayloadType(parameters.payload_type),
                rtx: self.rtx_of(parameters.payload_type),
                redundancy: None,
                comfort_noise: None,
                feedback: engine::CodecFeedback {
                    nack: has("nack", ""),
                    pli: has("nack", "pli"),
                    fir: has("ccm", "fir"),
                },
            })
        };
        Ok(self.codecs.iter().filter_map(known).collect())
    }

    fn rtx_of(&self, payload_type: u8) -> Option<PayloadType> {
        let apt = payload_type.to_string();
        let rtx = self.codecs.iter().find(|it| {
            it.name.eq_ignore_ascii_case("rtx") && it.parameters.get("apt").is_some_and(|value| *value == apt)
        });
        rtx.map(|rtx| PayloadType(rtx.payload_type))
    }

    fn extensions(&self) -> Result<ExtensionMap, ObjectError> {
        let mut map = ExtensionMap::new();
        for extension in &self.header_extensions {
            if let Some(kind) = Kind::from_uri(&extension.uri) {
                map.insert(extension.id, kind).map_err(|_| ObjectError::Malformed("header extension"))?;
            }
        }
        Ok(map)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vp8() -> RtpParameters {
        RtpCapabilities::of(MediaKind::Video, [Codec::Opus, Codec::Vp8]).parameters()
    }

    #[test]
    fn capabilities_become_parameters_that_both_ends_take() {
        let mut parameters = RtpParameters { mux_id: Some("v".to_owned()), ..vp8() };
        assert_eq!(parameters.codecs.iter().map(|codec| codec.name.as_str()).collect::<Vec<_>>(), ["VP8", "rtx"]);
        let mut drawn = (100..).map(Ssrc);
        let sent = parameters.to_send(MediaKind::Video, || drawn.next().unwrap()).unwrap();
        assert_eq!((sent.encodings[0].ssrc, sent.encodings[0].rtx), (Ssrc(100), Some(Ssrc(101))));
        let rtx = sent.codecs[0].rtx;
        assert_eq!((sent.codecs[0].form, rtx), (Form::Vp8, Some(PayloadType(sent.codecs[0].payload_type.0 + 1))));
        assert!(sent.codecs[0].feedback.nack && sent.codecs[0].feedback.pli);

        parameters.encodings = vec![RtpEncodingParameters { ssrc: Some(7), rtx: Some(RtpRtxParameters { ssrc: 8 }) }];
        let received = parameters.to_receive(MediaKind::Video).unwrap();
        assert_eq!(received.codecs, sent.codecs);
        assert_eq!((received.mid, received.ssrcs), (sent.mid, vec![Ssrc(7), Ssrc(8)]));
        assert_eq!(received.header_extensions.id(Kind::Mid), Some(1));
    }

    #[test]
    fn what_is_unknown_is_ignored_and_what_is_malformed_refused() {
        let mut unknown = vp8();
        unknown.codecs.insert(0, RtpCodecParameters { name: "VP10".to_owned(), ..unknown.codecs[0].clone() });
        unknown.header_extensions.push(RtpHeaderExtensionParameters { uri: "urn:unknown".to_owned(), id: 9 });
        assert_eq!(unknown.to_receive(MediaKind::Video).unwrap(), vp8().to_receive(MediaKind::Video).unwrap());

        let many = vec![RtpEncodingParameters::default(); 2];
        let mut number = vp8();
        number.codecs[0].payload_type = 128;
        let extension = RtpHeaderExtensionParameters { uri: Kind::Mid.uri().to_owned(), id: 0 };
        let malformed = [
            RtpParameters { mux_id: Some(String::new()), ..vp8() },
            RtpParameters { header_extensions: vec![extension], ..vp8() },
            RtpParameters { encodings: many, ..vp8() },
            number,
        ];
        for parameters in malformed {
            let refused = parameters.to_send(MediaKind::Video, || Ssrc(1));
            assert!(matches!(refused, Err(ObjectError::Malformed(_))), "{parameters:?}");
        }
    }

    #[cfg(feature = "serde")]
    #[test]
    fn serde_has_the_names_of_ortc() {
        let opus = RtpCapabilities::of(MediaKind::Audio, [Codec::Opus]);
        let parameters = RtpParameters {
            mux_id: Some("a".to_owned()),
            encodings: vec![RtpEncodingParameters { ssrc: Some(7), rtx: None }],
            header_extensions: Vec::new(),
            ..opus.parameters()
        };
        let json = serde_json::to_string(&parameters).unwrap();
        assert_eq!(serde_json::from_str::<RtpParameters>(&json).unwrap(), parameters);
        for name in [
            r#""muxId":"a""#,
            r#""name":"opus","payloadType":111,"clockRate":48000,"numChannels":2"#,
            r#""parameters":{"minptime":"10","useinbandfec":"1"}"#,
            r#""headerExtensions":[]"#,
            r#""encodings":[{"ssrc":7}]"#,
            r#""rtcp":{"reducedSize":true}"#,
        ] {
            assert!(json.contains(name), "{name} in {json}");
        }
        let json = serde_json::to_string(&opus).unwrap();
        assert_eq!(serde_json::from_str::<RtpCapabilities>(&json).unwrap(), opus);
        let ortc = r#"{"codecs":[{"name":"PCMU","preferredPayloadType":0,"clockRate":8000}],"headerExtensions":[]}"#;
        let read: RtpCapabilities = serde_json::from_str(ortc).unwrap();
        assert_eq!(read.codecs[0].payload_type, 0);
    }
}
