//! Which numbers stand for which codecs and header extensions, and which codecs both sides have in common.

use super::extensions::{Extension, ExtensionPreferences};
use crate::engine::{CodecFeedback, RtpCodecParameters, RtpTelephoneEvents};
use crate::parameters::{self, ParametersError, RtpCapabilities, RtpCodec};
use ortica_codecs::{Codec, MediaKind};
use ortica_rtp::PayloadType;
use ortica_rtp::header_extension::Kind;
use ortica_sdp as sdp;
use std::collections::BTreeMap;

/// Where new payload types are taken from when the usual one is not free (RFC 3551 §6, RFC 5761 §4).
const DYNAMIC: [std::ops::RangeInclusive<u8>; 2] = [96..=127, 35..=63];

/// A codec in a description.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Format {
    pub codec: Codec,
    pub payload_type: u8,
    /// The payload type of its retransmissions.
    pub rtx: Option<u8>,
    pub feedback: Vec<sdp::Feedback>,
    /// What `a=fmtp` of that description says of it.
    pub fmtp: Option<String>,
}

/// Keys of a telephone in a description (RFC 4733).
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Events {
    pub payload_type: u8,
    pub clock_rate: u32,
    /// What `a=fmtp` of that description says: which events there are.
    pub fmtp: Option<String>,
}

impl Events {
    const NAME: &str = "telephone-event";

    /// What the engine is told.
    pub fn parameters(&self) -> RtpTelephoneEvents {
        RtpTelephoneEvents { payload_type: PayloadType(self.payload_type), clock_rate: self.clock_rate }
    }

    /// Appends its line to a section. Without `a=fmtp` these are the keys (RFC 4733 §2.4.1).
    pub fn write(&self, media: &mut sdp::Media) {
        media.push_payload(sdp::RtpMap::new(self.payload_type, Self::NAME, self.clock_rate), None, []);
    }
}

/// The telephone events of a section, in its order.
pub(super) fn read_events(media: &sdp::Media) -> Vec<Events> {
    let events = |payload: &sdp::Payload<'_>| {
        let clock_rate = payload.rtpmap.as_ref().filter(|rtpmap| rtpmap.is(Events::NAME))?.clock_rate;
        let fmtp = payload.fmtp.map(|fmtp| fmtp.parameters.as_str().to_owned());
        Some(Events { payload_type: payload.payload_type, clock_rate, fmtp })
    };
    media.payloads().iter().filter_map(events).collect()
}

/// What `theirs` has of the clock rates `ours`, with its payload types and in its order.
pub(super) fn common_events(ours: &Preferences, theirs: &[Events]) -> Vec<Events> {
    theirs.iter().filter(|events| ours.events().any(|rate| rate == events.clock_rate)).cloned().collect()
}

/// Something that a payload type of its own stands for, retransmissions aside, which follow what they are of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Choice {
    Codec(Codec),
    /// Telephone events of that clock rate, which is that of a codec, since both share a stream (RFC 4733 §2.1).
    Events(u32),
}

/// What a transceiver negotiates.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Preferences {
    /// Best liked first.
    choices: Vec<Choice>,
    /// Retransmissions in streams of their own.
    pub rtx: bool,
    /// The application put them into this order, so that answers keep it too.
    pub ordered: bool,
}

impl Preferences {
    /// These codecs with all that goes with them, in answers in the order of the offer.
    pub fn all(codecs: &[Codec]) -> Self {
        let events = event_rates(codecs).into_iter().map(Choice::Events);
        Self { choices: codecs.iter().copied().map(Choice::Codec).chain(events).collect(), rtx: true, ordered: false }
    }

    /// What a section of this side names.
    pub fn named(formats: &[Format], events: &[Events]) -> Self {
        let codecs = formats.iter().map(|format| Choice::Codec(format.codec));
        let events = events.iter().map(|events| Choice::Events(events.clock_rate));
        let rtx = formats.iter().any(|format| format.rtx.is_some());
        Self { choices: codecs.chain(events).collect(), rtx, ordered: false }
    }

    /// What the application prefers, of what this side is capable of.
    ///
    /// Source: [webrtc-pc §5.4](https://www.w3.org/TR/webrtc/#dom-rtcrtptransceiver-setcodecpreferences)
    pub fn of(kind: MediaKind, preferred: &[RtpCodec], known: &[Codec]) -> Result<Self, ParametersError> {
        let capable = capabilities(kind, known).codecs;
        if !preferred.iter().all(|codec| capable.iter().any(|capable| capable.matches(codec))) {
            return Err(ParametersError::InvalidModification("a codec is not among those that can be negotiated"));
        }
        let mut choices: Vec<Choice> = Vec::new();
        for preferred in preferred {
            let codec = known.iter().copied().find(|codec| preferred.is(*codec)).map(Choice::Codec);
            let events = preferred.matches(&RtpCodec::telephone_event(preferred.clock_rate));
            let choice = codec.or(events.then_some(Choice::Events(preferred.clock_rate)));
            choices.extend(choice.filter(|choice| !choices.contains(choice)));
        }
        if !choices.iter().any(|choice| matches!(choice, Choice::Codec(_))) {
            return Err(ParametersError::InvalidModification("no codec that media could be sent in"));
        }
        let rtx = preferred.iter().any(|codec| codec.matches(&RtpCodec::rtx(kind, codec.clock_rate)));
        Ok(Self { choices, rtx, ordered: true })
    }

    /// What media can be sent in, best liked first.
    pub fn codecs(&self) -> impl Iterator<Item = Codec> {
        let codec = |choice: &Choice| match choice {
            Choice::Codec(codec) => Some(*codec),
            Choice::Events(_) => None,
        };
        self.choices.iter().filter_map(codec)
    }

    /// The clock rates of telephone events.
    pub fn events(&self) -> impl Iterator<Item = u32> {
        let rate = |choice: &Choice| match choice {
            Choice::Codec(_) => None,
            Choice::Events(rate) => Some(*rate),
        };
        self.choices.iter().filter_map(rate)
    }

    pub fn has(&self, codec: Codec) -> bool {
        self.choices.contains(&Choice::Codec(codec))
    }

    /// The payload types of a section in the order of these preferences.
    pub fn order(&self, formats: &[Format], events: &[Events]) -> Vec<u8> {
        let mut order = Vec::new();
        for choice in &self.choices {
            match choice {
                Choice::Codec(codec) => {
                    order.extend(formats.iter().filter(|it| it.codec == *codec).map(|it| it.payload_type));
                }
                Choice::Events(rate) => {
                    order.extend(events.iter().filter(|it| it.clock_rate == *rate).map(|it| it.payload_type));
                }
            }
        }
        order
    }
}

/// The clock rates of codecs for sound, each once.
fn event_rates(codecs: &[Codec]) -> Vec<u32> {
    let mut rates: Vec<u32> = Vec::new();
    for codec in codecs.iter().filter(|codec| codec.kind() == MediaKind::Audio) {
        if !rates.contains(&codec.clock_rate()) {
            rates.push(codec.clock_rate());
        }
    }
    rates
}

/// What a side that knows these codecs is capable of.
pub(crate) fn capabilities(kind: MediaKind, known: &[Codec]) -> RtpCapabilities {
    let of_kind = || known.iter().copied().filter(|codec| codec.kind() == kind);
    let mut codecs: Vec<RtpCodec> = of_kind().map(RtpCodec::from).collect();
    if let Some(repaired) = of_kind().find(|codec| feedback_of(*codec).any(|feedback| feedback == sdp::Feedback::Nack))
    {
        codecs.push(RtpCodec::rtx(kind, repaired.clock_rate()));
    }
    let of_kind: Vec<Codec> = of_kind().collect();
    codecs.extend(event_rates(&of_kind).into_iter().map(RtpCodec::telephone_event));
    RtpCapabilities { codecs, header_extensions: ExtensionPreferences::all(kind).capabilities() }
}

/// Codecs of a description under the W3C's names, in the order of the payload types there, with retransmissions behind those
/// they are of.
pub(super) fn codec_parameters(
    formats: &[Format],
    events: &[Events],
    order: &[u8],
) -> Vec<parameters::RtpCodecParameters> {
    let of = |format: &Format| {
        let codec = RtpCodec { sdp_fmtp_line: format.fmtp.clone(), ..format.codec.into() };
        let rtx = format.rtx.map(|payload_type| {
            let sdp_fmtp_line = Some(format!("apt={}", format.payload_type));
            let rtx = RtpCodec::rtx(format.codec.kind(), format.codec.clock_rate());
            parameters::RtpCodecParameters { payload_type, codec: RtpCodec { sdp_fmtp_line, ..rtx } }
        });
        let payload_type = format.payload_type;
        let media = parameters::RtpCodecParameters { payload_type, codec };
        (payload_type, std::iter::once(media).chain(rtx).collect::<Vec<_>>())
    };
    let of_events = |events: &Events| {
        let codec = RtpCodec::telephone_event(events.clock_rate);
        let codec = RtpCodec { sdp_fmtp_line: events.fmtp.clone(), ..codec };
        let payload_type = events.payload_type;
        (payload_type, vec![parameters::RtpCodecParameters { payload_type, codec }])
    };
    let mut all: Vec<_> = formats.iter().map(of).chain(events.iter().map(of_events)).collect();
    all.sort_by_key(|(payload_type, _)| order.iter().position(|it| it == payload_type));
    all.into_iter().flat_map(|(_, codecs)| codecs).collect()
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
            fmtp: payload.fmtp.map(|fmtp| fmtp.parameters.as_str().to_owned()),
        })
    };
    payloads.iter().filter_map(format).collect()
}

/// What `ours` and `theirs` have in common, with the payload types of `theirs`, in their order.
pub(super) fn common(ours: &Preferences, theirs: &[Format]) -> Vec<Format> {
    theirs
        .iter()
        .filter(|format| ours.has(format.codec))
        .map(|format| Format {
            rtx: format.rtx.filter(|_| ours.rtx),
            feedback: feedback_of(format.codec).filter(|feedback| format.feedback.contains(feedback)).collect(),
            ..format.clone()
        })
        .collect()
}

/// The formats of an answer: the order is that of the offer, unless the application has its own (RFC 9429 §5.3.1).
pub(super) fn answer(ours: &Preferences, theirs: &[Format]) -> Vec<Format> {
    let mut formats = common(ours, theirs);
    if ours.ordered {
        formats.sort_by_key(|format| ours.codecs().position(|codec| codec == format.codec));
    }
    formats.iter_mut().for_each(|format| format.fmtp = RtpCodec::from(format.codec).sdp_fmtp_line);
    formats
}

/// The numbers that were given to payload types and header extensions. They mean the same as long as the connection lives
/// (SDP-4), whatever becomes of the section that brought them.
#[derive(Clone, Debug, Default)]
pub(super) struct Numbers {
    payload_types: BTreeMap<u8, Meaning>,
    /// By id; `None` for what only the other side knows.
    extensions: BTreeMap<u8, Option<Kind>>,
}

/// What a payload type stands for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Meaning {
    Codec(Codec),
    /// Retransmissions of that codec.
    Rtx(Codec),
    /// Telephone events at that clock rate.
    Events(u32),
}

impl Meaning {
    /// The number that everyone has for it. Retransmissions have the one behind their codec's.
    fn usual(self) -> u8 {
        match self {
            Self::Codec(codec) => codec.preferred_payload_type().0,
            Self::Rtx(codec) => codec.preferred_payload_type().0 + 1,
            Self::Events(48_000) => 110,
            Self::Events(8_000) => 126,
            Self::Events(_) => 113,
        }
    }
}

impl Numbers {
    /// Takes over what a description calls things, where that contradicts nothing.
    pub fn learn(
        &mut self,
        formats: &[Format],
        events: &[Events],
        extensions: impl IntoIterator<Item = (u8, Option<Kind>)>,
    ) {
        for format in formats {
            self.payload_types.entry(format.payload_type).or_insert(Meaning::Codec(format.codec));
            if let Some(rtx) = format.rtx {
                self.payload_types.entry(rtx).or_insert(Meaning::Rtx(format.codec));
            }
        }
        for events in events {
            self.payload_types.entry(events.payload_type).or_insert(Meaning::Events(events.clock_rate));
        }
        for (id, kind) in extensions {
            self.extensions.entry(id).or_insert(kind);
        }
    }

    /// What to offer.
    pub fn formats(&mut self, preferences: &Preferences) -> Vec<Format> {
        preferences
            .codecs()
            .filter_map(|codec| {
                let payload_type = self.payload_type(Meaning::Codec(codec))?;
                let feedback: Vec<sdp::Feedback> = feedback_of(codec).collect();
                // Who is asked for packets again answers in a stream of its own.
                let repairs = preferences.rtx && feedback.contains(&sdp::Feedback::Nack);
                let rtx = if repairs { self.payload_type(Meaning::Rtx(codec)) } else { None };
                Some(Format { codec, payload_type, rtx, feedback, fmtp: RtpCodec::from(codec).sdp_fmtp_line })
            })
            .collect()
    }

    /// What to offer of telephone events.
    pub fn events(&mut self, preferences: &Preferences) -> Vec<Events> {
        let events = |clock_rate| {
            let payload_type = self.payload_type(Meaning::Events(clock_rate))?;
            Some(Events { payload_type, clock_rate, fmtp: None })
        };
        preferences.events().filter_map(events).collect()
    }

    /// What to offer of header extensions.
    pub fn extensions(&mut self, preferences: &ExtensionPreferences) -> Vec<Extension> {
        let extension = |(kind, direction)| Some(Extension { id: self.extension(kind)?, kind, direction });
        preferences.wanted().filter_map(extension).collect()
    }

    fn payload_type(&mut self, meaning: Meaning) -> Option<u8> {
        if let Some((known, _)) = self.payload_types.iter().find(|(_, known)| **known == meaning) {
            return Some(*known);
        }
        let mut all = std::iter::once(meaning.usual()).chain(DYNAMIC.into_iter().flatten());
        let free = all.find(|number| !self.payload_types.contains_key(number))?;
        self.payload_types.insert(free, meaning);
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
        let common = common(&Preferences::all(&[Codec::Vp8]), &theirs);
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
        let extensions = [(4, Some(Kind::Mid)), (1, Some(Kind::AudioLevel)), (2, None), (9, Some(Kind::Mid))];
        numbers.learn(&theirs, &[], extensions);
        let ours = numbers.formats(&Preferences::all(&[Codec::Opus, Codec::Vp8]));
        // 111 means VP8 here, so Opus cannot have its usual number.
        assert_eq!((ours[1].payload_type, ours[1].rtx), (111, Some(101)));
        assert_ne!(ours[0].payload_type, 111);
        assert_eq!(numbers.formats(&Preferences::all(&[Codec::Opus]))[0], ours[0]);

        let extensions = numbers.extensions(&ExtensionPreferences::all(MediaKind::Audio));
        let extensions: Vec<(u8, Kind)> = extensions.into_iter().map(|it| (it.id, it.kind)).collect();
        assert!(extensions.contains(&(4, Kind::Mid)) && extensions.contains(&(1, Kind::AudioLevel)));
        // What the other side calls something else, or something that is not known here, is no free number.
        assert!(extensions.iter().all(|(id, _)| ![2, 9].contains(id)), "{extensions:?}");
        let mut ids: Vec<u8> = extensions.iter().map(|(id, _)| *id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), extensions.len());
    }

    /// Guards: 15 is reserved in the one-byte form, so that an extension for which no other id is left has none.
    #[test]
    fn sdp_5_id_15_is_never_given() {
        let mut numbers = Numbers::default();
        numbers.learn(&[], &[], (1..=12).map(|id| (id, None)));
        let extensions = numbers.extensions(&ExtensionPreferences::all(MediaKind::Video));
        assert_eq!(extensions.iter().map(|extension| extension.id).collect::<Vec<_>>(), [13, 14]);
    }

    #[test]
    fn what_is_written_can_be_read_back() {
        let mut numbers = Numbers::default();
        let ours = numbers.formats(&Preferences::all(&[Codec::Opus, Codec::Pcmu]));
        let mut media = sdp::Media::rtp(sdp::MediaKind::Audio, "0");
        ours.iter().for_each(|format| format.write(&mut media));
        assert_eq!(read(MediaKind::Audio, &media), ours);
        assert!(media.to_string().contains("a=rtpmap:111 opus/48000/2\r\n"));
        assert!(media.to_string().contains("a=rtpmap:0 PCMU/8000\r\n"));
    }
}
