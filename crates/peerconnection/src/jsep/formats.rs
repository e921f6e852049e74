//! The codecs of descriptions, and which of them both sides have in common.

use super::extensions::ExtensionPreferences;
use super::noise;
use super::redundancy::{self, Redundancy};
use crate::engine::{CodecFeedback, RtpCodecParameters, RtpTelephoneEvents};
use crate::parameters::{self, ParametersError, RtpCapabilities, RtpCodec};
use ortica_codecs::codec::Form;
use ortica_codecs::{Codec, MediaKind};
use ortica_rtp::PayloadType;
use ortica_sdp as sdp;

/// A codec in a description.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Format {
    pub form: Form,
    pub payload_type: u8,
    /// The payload type of its retransmissions.
    pub rtx: Option<u8>,
    /// Its packets with those before them, which have a payload type of their own and a place of their own in the order.
    pub redundancy: Option<Redundancy>,
    /// The payload type of silence that is described, which all codecs of its clock share.
    pub noise: Option<u8>,
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
    Codec(Form),
    /// Telephone events of that clock rate, which is that of a codec, since both share a stream (RFC 4733 §2.1).
    Events(u32),
    /// Packets of Opus with those before them (RFC 2198).
    Redundancy,
    /// Silence that is described (RFC 3389).
    Noise,
}

/// What a transceiver negotiates.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Preferences {
    /// Best liked first.
    choices: Vec<Choice>,
    /// Retransmissions in streams of their own.
    pub rtx: bool,
    /// Packets with those before them are taken where the other side has them. Offered are those among the choices, and those that
    /// the other side is known to have.
    redundancy: bool,
    /// The same of silence that is described.
    noise: bool,
    /// The application put them into this order, so that answers keep it too.
    pub ordered: bool,
}

impl Preferences {
    /// These codecs with all that goes with them, in answers in the order of the offer.
    pub fn all(codecs: &[Codec]) -> Self {
        let forms = codecs.iter().flat_map(|codec| Form::offered(*codec)).map(Choice::Codec);
        let events = event_rates(codecs).into_iter().map(Choice::Events);
        Self { choices: forms.chain(events).collect(), rtx: true, redundancy: true, noise: true, ordered: false }
    }

    /// What a section of this side names.
    pub fn named(formats: &[Format], events: &[Events]) -> Self {
        let codecs = formats.iter().map(|format| Choice::Codec(format.form));
        let events = events.iter().map(|events| Choice::Events(events.clock_rate));
        let rtx = formats.iter().any(|format| format.rtx.is_some());
        let redundancy = formats.iter().any(|format| format.redundancy.is_some());
        let noise = formats.iter().any(|format| format.noise.is_some());
        Self { choices: codecs.chain(events).collect(), rtx, redundancy, noise, ordered: false }
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
        let known: Vec<Form> = known.iter().flat_map(|codec| Form::offered(*codec)).collect();
        for preferred in preferred {
            let codec = known.iter().copied().find(|form| preferred.is(*form)).map(Choice::Codec);
            let events = preferred.matches(&RtpCodec::telephone_event(preferred.clock_rate));
            let red = preferred.matches(&RtpCodec::red(Codec::Opus)).then_some(Choice::Redundancy);
            let noise = preferred.matches(&RtpCodec::comfort_noise()).then_some(Choice::Noise);
            let choice = codec.or(events.then_some(Choice::Events(preferred.clock_rate))).or(red).or(noise);
            choices.extend(choice.filter(|choice| !choices.contains(choice)));
        }
        if !choices.iter().any(|choice| matches!(choice, Choice::Codec(_))) {
            return Err(ParametersError::InvalidModification("no codec that media could be sent in"));
        }
        let rtx = preferred.iter().any(|codec| codec.matches(&RtpCodec::rtx(kind, codec.clock_rate)));
        let [redundancy, noise] = [Choice::Redundancy, Choice::Noise].map(|choice| choices.contains(&choice));
        Ok(Self { choices, rtx, redundancy, noise, ordered: true })
    }

    /// What media can be sent in, best liked first.
    pub fn forms(&self) -> impl Iterator<Item = Form> {
        let form = |choice: &Choice| match choice {
            Choice::Codec(form) => Some(*form),
            Choice::Events(_) | Choice::Redundancy | Choice::Noise => None,
        };
        self.choices.iter().filter_map(form)
    }

    /// The clock rates of telephone events.
    pub fn events(&self) -> impl Iterator<Item = u32> {
        let rate = |choice: &Choice| match choice {
            Choice::Codec(_) | Choice::Redundancy | Choice::Noise => None,
            Choice::Events(rate) => Some(*rate),
        };
        self.choices.iter().filter_map(rate)
    }

    /// Whether packets of a codec are offered with those before them. `known`: the other side has such.
    pub fn offers_redundancy(&self, form: Form, known: bool) -> bool {
        self.redundancy && (known || form == Form::Opus && self.choices.contains(&Choice::Redundancy))
    }

    /// Whether silence beside a codec is offered as a description. `known`: the other side has such.
    pub fn offers_noise(&self, form: Form, known: bool) -> bool {
        self.noise && noise::goes_with(form.codec()) && (known || self.choices.contains(&Choice::Noise))
    }

    /// What of it has something in common with `theirs`.
    pub fn matching(&self, theirs: Form) -> Option<Form> {
        self.forms().find(|form| form.matches(theirs))
    }

    /// The payload types of a section in the order of these preferences.
    pub fn order(&self, formats: &[Format], events: &[Events]) -> Vec<u8> {
        let mut order = Vec::new();
        let redundant = formats.iter().filter_map(|format| format.redundancy).map(|it| it.payload_type);
        for choice in &self.choices {
            match choice {
                Choice::Codec(form) => {
                    order.extend(formats.iter().filter(|it| it.form.matches(*form)).map(|it| it.payload_type));
                }
                Choice::Events(rate) => {
                    order.extend(events.iter().filter(|it| it.clock_rate == *rate).map(|it| it.payload_type));
                }
                Choice::Redundancy => order.extend(redundant.clone()),
                Choice::Noise => order.extend(noise::payload_types(formats)),
            }
        }
        if !self.choices.contains(&Choice::Redundancy) {
            order.extend(redundant);
        }
        if !self.choices.contains(&Choice::Noise) {
            order.extend(noise::payload_types(formats));
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
    let mut codecs: Vec<RtpCodec> = of_kind().flat_map(Form::offered).map(RtpCodec::from).collect();
    if let Some(repaired) = of_kind().find(|codec| feedback_of(*codec).any(|feedback| feedback == sdp::Feedback::Nack))
    {
        codecs.push(RtpCodec::rtx(kind, repaired.clock_rate()));
    }
    codecs.extend(of_kind().find(|codec| *codec == Codec::Opus).map(RtpCodec::red));
    codecs.extend(of_kind().any(noise::goes_with).then(RtpCodec::comfort_noise));
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
        let codec = RtpCodec { sdp_fmtp_line: format.fmtp.clone(), ..format.form.into() };
        let rtx = format.rtx.map(|payload_type| {
            let sdp_fmtp_line = Some(format!("apt={}", format.payload_type));
            let rtx = RtpCodec::rtx(format.codec().kind(), format.codec().clock_rate());
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
    let redundant = |format: &Format| {
        let codec = format.redundancy?.codec_parameters(format);
        Some((codec.payload_type, vec![codec]))
    };
    let silent = noise::payload_types(formats).into_iter().map(|payload_type| {
        (payload_type, vec![parameters::RtpCodecParameters { payload_type, codec: RtpCodec::comfort_noise() }])
    });
    let beside = formats.iter().filter_map(redundant).chain(silent).chain(events.iter().map(of_events));
    let mut all: Vec<_> = formats.iter().map(of).chain(beside).collect();
    all.sort_by_key(|(payload_type, _)| order.iter().position(|it| it == payload_type));
    all.into_iter().flat_map(|(_, codecs)| codecs).collect()
}

impl Format {
    pub fn codec(&self) -> Codec {
        self.form.codec()
    }

    /// What the engine is told.
    pub fn parameters(&self) -> RtpCodecParameters {
        let has = |feedback: &sdp::Feedback| self.feedback.contains(feedback);
        RtpCodecParameters {
            form: self.form,
            payload_type: PayloadType(self.payload_type),
            rtx: self.rtx.map(PayloadType),
            redundancy: self.redundancy.map(Redundancy::parameters),
            comfort_noise: self.noise.map(PayloadType),
            feedback: CodecFeedback {
                nack: has(&sdp::Feedback::Nack),
                pli: has(&sdp::Feedback::NackPli),
                fir: has(&sdp::Feedback::CcmFir),
            },
        }
    }

    /// What the engine is told of a format that is sent: with earlier packets only where the other side likes that better than
    /// without, by the order of its section.
    pub fn parameters_sent(&self, order: &[u8]) -> RtpCodecParameters {
        let place = |payload_type: u8| order.iter().position(|it| *it == payload_type);
        let is_first = |it: &Redundancy| place(it.payload_type) < place(self.payload_type);
        let redundancy = self.redundancy.filter(is_first).map(Redundancy::parameters);
        RtpCodecParameters { redundancy, ..self.parameters() }
    }

    /// Appends its lines to a section.
    pub fn write(&self, media: &mut sdp::Media) {
        let mut rtpmap = sdp::RtpMap::new(self.payload_type, self.codec().name(), self.codec().clock_rate());
        if let Some(channels @ 2..) = self.codec().channels() {
            rtpmap = rtpmap.with_channels(channels);
        }
        let mut parameters = sdp::Parameters::default();
        for (key, value) in self.form.parameters() {
            parameters.set(key, &value);
        }
        let parameters = Some(parameters).filter(|parameters| !parameters.is_empty());
        media.push_payload(rtpmap, parameters, self.feedback.iter().cloned());
        if let Some(rtx) = self.rtx {
            let apt = sdp::Parameters::default().with("apt", self.payload_type);
            media.push_payload(sdp::RtpMap::new(rtx, "rtx", self.codec().clock_rate()), Some(apt), []);
        }
    }
}

/// The feedback that this side understands for a codec.
pub(super) fn feedback_of(codec: Codec) -> impl Iterator<Item = sdp::Feedback> {
    codec.default_feedback().iter().map(|feedback| sdp::Feedback::from(feedback.to_string().as_str()))
}

/// The codecs of a section that this side knows, in the order of the section.
pub(super) fn read(kind: MediaKind, media: &sdp::Media) -> Vec<Format> {
    let payloads = media.payloads();
    let rtx_of = |payload_type| payloads.iter().find(|it| it.retransmits() == Some(payload_type));
    let format = |payload: &sdp::Payload<'_>| {
        let rtpmap = payload.rtpmap.as_ref()?;
        let codec = Codec::from_rtpmap(kind, &rtpmap.encoding, rtpmap.clock_rate, rtpmap.written_channels)?;
        let fmtp = payload.fmtp.map(|fmtp| fmtp.parameters.as_str());
        Some(Format {
            form: Form::read(codec, fmtp)?,
            payload_type: payload.payload_type,
            rtx: rtx_of(payload.payload_type).map(|rtx| rtx.payload_type),
            redundancy: redundancy::read(&payloads, rtpmap).filter(|_| kind == MediaKind::Audio),
            noise: noise::read(&payloads, codec),
            feedback: payload.feedback().cloned().collect(),
            fmtp: fmtp.map(str::to_owned),
        })
    };
    payloads.iter().filter_map(format).collect()
}

/// What `ours` and `theirs` have in common, with the payload types of `theirs`, in their order: what may be sent to them.
pub(super) fn common(ours: &Preferences, theirs: &[Format]) -> Vec<Format> {
    theirs.iter().filter_map(|format| common_of(ours, format)).collect()
}

fn common_of(ours: &Preferences, format: &Format) -> Option<Format> {
    Some(Format {
        form: ours.matching(format.form)?.sent(format.form),
        rtx: format.rtx.filter(|_| ours.rtx),
        redundancy: format.redundancy.filter(|_| ours.redundancy),
        noise: format.noise.filter(|_| ours.noise),
        feedback: feedback_of(format.codec()).filter(|feedback| format.feedback.contains(feedback)).collect(),
        ..format.clone()
    })
}

/// What can be sent: what the other side takes of what this side named, and of the codecs `beside` that, where an answer lists
/// them under numbers that were free (RFC 3264 §6.1).
pub(super) fn sendable(ours: &[Format], beside: &[Codec], theirs: &[Format]) -> Vec<Format> {
    let named = Preferences::named(ours, &[]);
    let Preferences { rtx, redundancy, noise, .. } = named;
    let known = Preferences { rtx, redundancy, noise, ..Preferences::all(beside) };
    let is_taken = |number: u8| {
        let redundant = |it: &Format| it.redundancy.map(|it| it.payload_type);
        ours.iter().any(|it| it.payload_type == number || [it.rtx, redundant(it), it.noise].contains(&Some(number)))
    };
    let sendable = |format: &Format| {
        let beside = || common_of(&known, format).filter(|_| !is_taken(format.payload_type));
        common_of(&named, format).or_else(beside)
    };
    theirs.iter().filter_map(sendable).collect()
}

/// What `theirs` say of the streams that come under the payload types of `ours`, beside what tells formats apart.
pub(super) fn descriptions(ours: &[Format], theirs: &[Format]) -> Vec<(PayloadType, String)> {
    let description = |format: &Format| {
        let theirs = theirs.iter().find(|it| it.form.matches(format.form))?;
        let fmtp = theirs.fmtp.as_ref().filter(|fmtp| fmtp.contains("sprop-"))?;
        Some((PayloadType(format.payload_type), fmtp.clone()))
    };
    ours.iter().filter_map(description).collect()
}

/// The formats of an answer: the order is that of the offer, unless the application has its own (RFC 9429 §5.3.1).
pub(super) fn answer(ours: &Preferences, theirs: &[Format]) -> Vec<Format> {
    let answer = |format: &Format| {
        let form = ours.matching(format.form)?.answer(format.form);
        Some(Format { form, fmtp: form.fmtp(), ..common_of(ours, format)? })
    };
    let mut formats: Vec<Format> = theirs.iter().filter_map(answer).collect();
    if ours.ordered {
        formats.sort_by_key(|format| ours.forms().position(|form| form.matches(format.form)));
    }
    formats
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::jsep::numbers::Numbers;

    pub(in crate::jsep) fn section(text: &str) -> sdp::Media {
        text.parse().unwrap()
    }

    pub(in crate::jsep) const CHROMIUM: &str = "m=video 9 UDP/TLS/RTP/SAVPF 102 103 100 101\r\nc=IN IP4 0.0.0.0\r\n\
        a=rtpmap:102 H264/90000\r\na=rtpmap:103 rtx/90000\r\na=fmtp:103 apt=102\r\n\
        a=rtpmap:100 VP8/90000\r\na=rtcp-fb:100 nack\r\na=rtcp-fb:100 nack pli\r\na=rtcp-fb:100 ccm tmmbr\r\n\
        a=rtpmap:101 rtx/90000\r\na=fmtp:101 apt=100\r\n";

    #[test]
    fn an_answer_keeps_what_both_know_under_their_numbers() {
        let theirs = read(MediaKind::Video, &section(CHROMIUM));
        let common = common(&Preferences::all(&[Codec::Vp8]), &theirs);
        let [vp8] = common.as_slice() else { panic!("{common:?}") };
        assert_eq!((vp8.form, vp8.payload_type, vp8.rtx), (Form::Vp8, 100, Some(101)));
        assert_eq!(vp8.feedback, [sdp::Feedback::Nack, sdp::Feedback::NackPli]);
        let parameters = vp8.parameters();
        assert!(parameters.feedback.nack && parameters.feedback.pli && !parameters.feedback.fir);
    }

    fn h264(id: &str, mode: u8) -> String {
        format!("level-asymmetry-allowed=1;packetization-mode={mode};profile-level-id={id}")
    }

    fn formats(lines: &[(u8, &str)]) -> Vec<Format> {
        let numbers: Vec<String> = lines.iter().map(|(number, _)| number.to_string()).collect();
        let mut text = format!("m=video 9 UDP/TLS/RTP/SAVPF {}\r\nc=IN IP4 0.0.0.0\r\n", numbers.join(" "));
        for (number, fmtp) in lines {
            text.push_str(&format!("a=rtpmap:{number} H264/90000\r\na=fmtp:{number} {fmtp}\r\n"));
        }
        read(MediaKind::Video, &section(&text))
    }

    /// Guards: each form has its own number, an answer takes those that match, and says its own level.
    #[test]
    fn an_answer_takes_the_forms_that_match() {
        let ours = Preferences::all(&[Codec::H264]);
        let [low, high, unknown] = [h264("42e00b", 1), h264("640034", 1), h264("58001f", 1)];
        let theirs =
            formats(&[(100, &low), (101, &high), (102, &unknown), (103, "packetization-mode=2"), (104, "max-fs=99")]);
        assert_eq!(theirs.iter().map(|format| format.payload_type).collect::<Vec<_>>(), [100, 101, 104]);
        let answered: Vec<(u8, Option<String>)> =
            answer(&ours, &theirs).into_iter().map(|format| (format.payload_type, format.fmtp)).collect();
        let expected = [
            (100, h264("42e01f", 1)),
            (101, h264("64001f", 1)),
            (104, "packetization-mode=0;profile-level-id=42000a".to_owned()),
        ];
        assert_eq!(answered, expected.map(|(number, fmtp)| (number, Some(fmtp))));
        // What is sent keeps to the level of who receives it.
        let sent: Vec<Option<String>> = common(&ours, &theirs).iter().map(|format| format.form.fmtp()).collect();
        assert_eq!(sent[..2], [Some(low), Some(high)]);
    }

    /// Guards: what an answer lists beside the offer is sent, unless its number stands for something else here.
    #[test]
    fn what_an_answer_lists_beside_the_offer_can_be_sent() {
        let mut numbers = Numbers::default();
        let ours = numbers.formats(&Preferences::all(&[Codec::Vp8]));
        let usual = h264("42e01f", 1);
        let theirs = formats(&[(ours[0].payload_type, &usual), (120, &usual)]);
        let sent = sendable(&ours, &[Codec::Vp8, Codec::H264], &theirs);
        assert_eq!(sent.iter().map(|format| format.payload_type).collect::<Vec<_>>(), [120]);
        assert_eq!(sendable(&ours, &[Codec::Vp8], &theirs), []);
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
