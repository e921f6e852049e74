//! Which numbers stand for which codecs and header extensions, and what both sides have in common.

use crate::engine::{CodecFeedback, RtpCodecParameters};
use ortica_codecs::{Codec, MediaKind};
use ortica_rtp::PayloadType;
use ortica_rtp::header_extension::{ExtensionMap, Kind};
use ortica_sdp as sdp;
use std::collections::BTreeMap;

/// Where new payload types are taken from when the usual one is not free (RFC 3551 §6, RFC 5761 §4).
const DYNAMIC: [std::ops::RangeInclusive<u8>; 2] = [96..=127, 35..=63];

/// A codec in a description.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Format {
    pub codec: Codec,
    pub payload_type: u8,
    /// The payload type of its retransmissions.
    pub rtx: Option<u8>,
    pub feedback: Vec<sdp::Feedback>,
}

impl Format {
    /// What the engine is told.
    pub fn parameters(&self) -> RtpCodecParameters {
        let has = |feedback: &sdp::Feedback| self.feedback.contains(feedback);
        RtpCodecParameters {
            codec: self.codec,
            payload_type: PayloadType(self.payload_type),
            rtx: self.rtx.map(PayloadType),
            feedback: CodecFeedback {
                nack: has(&sdp::Feedback::Nack),
                pli: has(&sdp::Feedback::NackPli),
                fir: has(&sdp::Feedback::CcmFir),
            },
        }
    }

    /// Appends its lines to a section.
    pub fn write(&self, media: &mut sdp::Media) {
        let mut rtpmap = sdp::RtpMap::new(self.payload_type, self.codec.name(), self.codec.clock_rate());
        if let Some(channels @ 2..) = self.codec.channels() {
            rtpmap = rtpmap.with_channels(channels);
        }
        let mut parameters = sdp::Parameters::default();
        for (key, value) in self.codec.default_parameters() {
            parameters.set(key, value);
        }
        let parameters = Some(parameters).filter(|parameters| !parameters.is_empty());
        media.push_payload(rtpmap, parameters, self.feedback.iter().cloned());
        if let Some(rtx) = self.rtx {
            let apt = sdp::Parameters::default().with("apt", self.payload_type);
            media.push_payload(sdp::RtpMap::new(rtx, "rtx", self.codec.clock_rate()), Some(apt), []);
        }
    }
}

/// The feedback that this side understands for a codec.
fn feedback_of(codec: Codec) -> impl Iterator<Item = sdp::Feedback> {
    codec.default_feedback().iter().map(|feedback| sdp::Feedback::from(feedback.to_string().as_str()))
}

/// The codecs of a section that this side knows, in the order of the section.
pub(super) fn read(kind: MediaKind, media: &sdp::Media) -> Vec<Format> {
    let payloads = media.payloads();
    let rtx_of = |payload_type| payloads.iter().find(|it| it.retransmits() == Some(payload_type));
    let format = |payload: &sdp::Payload<'_>| {
        let rtpmap = payload.rtpmap.as_ref()?;
        let codec = Codec::from_rtpmap(kind, &rtpmap.encoding, rtpmap.clock_rate, rtpmap.written_channels)?;
        Some(Format {
            codec,
            payload_type: payload.payload_type,
            rtx: rtx_of(payload.payload_type).map(|rtx| rtx.payload_type),
            feedback: payload.feedback().cloned().collect(),
        })
    };
    payloads.iter().filter_map(format).collect()
}

/// What `ours` and `theirs` have in common, in the order and with the payload types of `theirs`.
pub(super) fn common(ours: &[Codec], theirs: &[Format]) -> Vec<Format> {
    theirs
        .iter()
        .filter(|format| ours.contains(&format.codec))
        .map(|format| Format {
            feedback: feedback_of(format.codec).filter(|feedback| format.feedback.contains(feedback)).collect(),
            ..format.clone()
        })
        .collect()
}

/// The extensions that sections of a kind use, in the order in which they get their ids.
const fn extensions_of(kind: MediaKind) -> &'static [Kind] {
    match kind {
        MediaKind::Audio => &[Kind::Mid, Kind::AbsSendTime, Kind::TransportCc, Kind::AudioLevel],
        MediaKind::Video => &[Kind::Mid, Kind::AbsSendTime, Kind::TransportCc],
    }
}

/// The numbers that were given to payload types and header extensions. They mean the same as long as the connection lives
/// (SDP-4), whatever becomes of the section that brought them.
#[derive(Clone, Debug, Default)]
pub(super) struct Numbers {
    /// By payload type: a codec, or its retransmissions.
    payload_types: BTreeMap<u8, (Codec, bool)>,
    /// By id; `None` for what only the other side knows.
    extensions: BTreeMap<u8, Option<Kind>>,
}

impl Numbers {
    /// Takes over what a description calls things, where that contradicts nothing.
    pub fn learn(&mut self, formats: &[Format], extensions: impl IntoIterator<Item = (u8, Option<Kind>)>) {
        for format in formats {
            self.payload_types.entry(format.payload_type).or_insert((format.codec, false));
            if let Some(rtx) = format.rtx {
                self.payload_types.entry(rtx).or_insert((format.codec, true));
            }
        }
        for (id, kind) in extensions {
            self.extensions.entry(id).or_insert(kind);
        }
    }

    /// What to offer for `codecs`.
    pub fn formats(&mut self, codecs: impl Iterator<Item = Codec>) -> Vec<Format> {
        codecs
            .filter_map(|codec| {
                let payload_type = self.payload_type(codec, false)?;
                let feedback: Vec<sdp::Feedback> = feedback_of(codec).collect();
                // Who is asked for packets again answers in a stream of its own.
                let repairs = feedback.contains(&sdp::Feedback::Nack);
                let rtx = if repairs { self.payload_type(codec, true) } else { None };
                Some(Format { codec, payload_type, rtx, feedback })
            })
            .collect()
    }

    /// What to offer for a section of `kind`.
    pub fn extensions(&mut self, kind: MediaKind) -> Vec<(u8, Kind)> {
        extensions_of(kind).iter().filter_map(|kind| Some((self.extension(*kind)?, *kind))).collect()
    }

    fn payload_type(&mut self, codec: Codec, rtx: bool) -> Option<u8> {
        if let Some((known, _)) = self.payload_types.iter().find(|(_, meaning)| **meaning == (codec, rtx)) {
            return Some(*known);
        }
        // Retransmissions have the number behind their codec's, as with everyone.
        let usual = codec.preferred_payload_type().0 + u8::from(rtx);
        let mut all = std::iter::once(usual).chain(DYNAMIC.into_iter().flatten());
        let free = all.find(|number| !self.payload_types.contains_key(number))?;
        self.payload_types.insert(free, (codec, rtx));
        Some(free)
    }

    fn extension(&mut self, kind: Kind) -> Option<u8> {
        if let Some((known, _)) = self.extensions.iter().find(|(_, meaning)| **meaning == Some(kind)) {
            return Some(*known);
        }
        // 15 is not used, and more take the two-byte form (RFC 8285 §4.2).
        let free = (1..=14).find(|id| !self.extensions.contains_key(id))?;
        self.extensions.insert(free, Some(kind));
        Some(free)
    }
}

/// What `offered` has that this side uses in a section of `kind`.
pub(super) fn common_extensions(kind: MediaKind, offered: &[(u8, Option<Kind>)]) -> Vec<(u8, Kind)> {
    let used = |extension: &Kind| extensions_of(kind).contains(extension);
    offered.iter().filter_map(|(id, extension)| Some((*id, extension.filter(used)?))).collect()
}

/// The extensions of a section with their ids; `None` stands for those that this side does not know.
pub(super) fn read_extensions(section: &sdp::Section<'_>) -> Vec<(u8, Option<Kind>)> {
    let id = |id| u8::try_from(id).ok().filter(|id| *id > 0);
    section.extmaps().filter_map(|extmap| Some((id(extmap.id)?, Kind::from_uri(&extmap.uri)))).collect()
}

/// What the engine is told. An id that stands for two things stands for the first.
pub(super) fn extension_map(extensions: &[(u8, Kind)], mixed: bool) -> ExtensionMap {
    let mut map = ExtensionMap::new();
    for (id, kind) in extensions {
        let _ = map.insert(*id, *kind);
    }
    map.set_mixed(mixed);
    map
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(text: &str) -> sdp::Media {
        text.parse().unwrap()
    }

    const CHROMIUM: &str = "m=video 9 UDP/TLS/RTP/SAVPF 102 103 100 101\r\nc=IN IP4 0.0.0.0\r\n\
        a=rtpmap:102 H264/90000\r\na=rtpmap:103 rtx/90000\r\na=fmtp:103 apt=102\r\n\
        a=rtpmap:100 VP8/90000\r\na=rtcp-fb:100 nack\r\na=rtcp-fb:100 nack pli\r\na=rtcp-fb:100 ccm tmmbr\r\n\
        a=rtpmap:101 rtx/90000\r\na=fmtp:101 apt=100\r\n";

    #[test]
    fn an_answer_keeps_what_both_know_under_their_numbers() {
        let theirs = read(MediaKind::Video, &section(CHROMIUM));
        let common = common(&[Codec::Vp8], &theirs);
        let [vp8] = common.as_slice() else { panic!("{common:?}") };
        assert_eq!((vp8.codec, vp8.payload_type, vp8.rtx), (Codec::Vp8, 100, Some(101)));
        assert_eq!(vp8.feedback, [sdp::Feedback::Nack, sdp::Feedback::NackPli]);
        let parameters = vp8.parameters();
        assert!(parameters.feedback.nack && parameters.feedback.pli && !parameters.feedback.fir);
    }

    /// Guards: a number that was used once keeps its meaning.
    #[test]
    fn sdp_4_numbers_are_never_given_another_meaning() {
        let mut numbers = Numbers::default();
        let theirs = read(MediaKind::Video, &section(&CHROMIUM.replace("100", "111")));
        numbers.learn(&theirs, [(4, Some(Kind::Mid)), (1, Some(Kind::AudioLevel)), (2, None), (9, Some(Kind::Mid))]);
        let ours = numbers.formats([Codec::Opus, Codec::Vp8].into_iter());
        // 111 means VP8 here, so Opus cannot have its usual number.
        assert_eq!((ours[1].payload_type, ours[1].rtx), (111, Some(101)));
        assert_ne!(ours[0].payload_type, 111);
        assert_eq!(numbers.formats([Codec::Opus].into_iter())[0], ours[0]);

        let extensions = numbers.extensions(MediaKind::Audio);
        assert!(extensions.contains(&(4, Kind::Mid)) && extensions.contains(&(1, Kind::AudioLevel)));
        // What the other side calls something else, or something that is not known here, is no free number.
        assert!(extensions.iter().all(|(id, _)| ![2, 9].contains(id)), "{extensions:?}");
        let mut ids: Vec<u8> = extensions.iter().map(|(id, _)| *id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), extensions.len());
    }

    #[test]
    fn what_is_written_can_be_read_back() {
        let mut numbers = Numbers::default();
        let ours = numbers.formats([Codec::Opus, Codec::Pcmu].into_iter());
        let mut media = sdp::Media::rtp(sdp::MediaKind::Audio, "0");
        ours.iter().for_each(|format| format.write(&mut media));
        assert_eq!(read(MediaKind::Audio, &media), ours);
        assert!(media.to_string().contains("a=rtpmap:111 opus/48000/2\r\n"));
        assert!(media.to_string().contains("a=rtpmap:0 PCMU/8000\r\n"));
    }
}
