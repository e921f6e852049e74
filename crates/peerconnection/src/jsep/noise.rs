//! Silence that is described in place of being sent (RFC 3389) in descriptions: a payload type of its own, which all codecs of its clock
//! share.

use super::formats::Format;
use ortica_codecs::Codec;
use ortica_codecs::payload::comfort_noise;
use ortica_sdp as sdp;

/// The clock of the codecs that it goes with.
const CLOCK_RATE: u32 = 8_000;

/// Whether silence beside a codec may be described: Opus has a way of its own.
pub(super) fn goes_with(codec: Codec) -> bool {
    matches!(codec, Codec::G722 | Codec::Pcmu | Codec::Pcma)
}

/// The payload type in a section for silence beside a codec.
pub(super) fn read(payloads: &[sdp::Payload<'_>], beside: Codec) -> Option<u8> {
    let is_noise = |payload: &&sdp::Payload<'_>| {
        let rtpmap = payload.rtpmap.as_ref();
        rtpmap.is_some_and(|rtpmap| rtpmap.is(comfort_noise::NAME) && rtpmap.clock_rate == CLOCK_RATE)
    };
    payloads.iter().find(is_noise).filter(|_| goes_with(beside)).map(|payload| payload.payload_type)
}

/// Those of a section, each once.
pub(super) fn payload_types(formats: &[Format]) -> Vec<u8> {
    let mut all: Vec<u8> = Vec::new();
    for payload_type in formats.iter().filter_map(|format| format.noise) {
        if !all.contains(&payload_type) {
            all.push(payload_type);
        }
    }
    all
}

/// Appends its line to a section, if the payload type stands for it.
pub(super) fn write(formats: &[Format], payload_type: u8, media: &mut sdp::Media) {
    if payload_types(formats).contains(&payload_type) {
        media.push_payload(sdp::RtpMap::new(payload_type, comfort_noise::NAME, CLOCK_RATE), None, []);
    }
}

#[cfg(test)]
mod tests {
    use crate::jsep::formats::tests::section;
    use crate::jsep::formats::{Preferences, answer, read};
    use crate::parameters::RtpCodec;
    use ortica_codecs::{Codec, MediaKind};

    const THEIRS: &str = "m=audio 9 UDP/TLS/RTP/SAVPF 111 9 0 13 105\r\nc=IN IP4 0.0.0.0\r\na=rtpmap:111 opus/48000/2\r\n\
        a=rtpmap:9 G722/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:13 CN/8000\r\na=rtpmap:105 CN/16000\r\n";

    /// The guard: it goes with the codecs of its clock that have no silence of their own.
    #[test]
    fn all_codecs_of_a_clock_share_it() {
        let noise = |text: &str| {
            let formats = read(MediaKind::Audio, &section(text));
            formats.into_iter().map(|format| (format.codec(), format.noise)).collect::<Vec<_>>()
        };
        let all = [(Codec::Opus, None), (Codec::G722, Some(13)), (Codec::Pcmu, Some(13))];
        assert_eq!(noise(THEIRS), all);
        // Its number says enough (RFC 3551 §6).
        assert_eq!(noise(&THEIRS.replace("a=rtpmap:13 CN/8000\r\n", "")), all);
        assert_eq!(noise(&THEIRS.replace(" 13 ", " ")), all.map(|(codec, _)| (codec, None)));
    }

    /// The guard: it is taken unless the application prefers something else.
    #[test]
    fn preferences_without_it_take_none() {
        let theirs = read(MediaKind::Audio, &section(THEIRS));
        let known = [Codec::Opus, Codec::Pcmu];
        let taken = |preferences: &Preferences| {
            answer(preferences, &theirs).into_iter().map(|format| format.noise).collect::<Vec<_>>()
        };
        assert_eq!(taken(&Preferences::all(&known)), [None, Some(13)]);
        let pcmu = RtpCodec::from(Codec::Pcmu);
        let without = Preferences::of(MediaKind::Audio, std::slice::from_ref(&pcmu), &known).unwrap();
        assert_eq!(taken(&without), [None]);
        let with = Preferences::of(MediaKind::Audio, &[pcmu, RtpCodec::comfort_noise()], &known).unwrap();
        assert_eq!(taken(&with), [Some(13)]);
        assert!(Preferences::of(MediaKind::Audio, &[RtpCodec::comfort_noise()], &known).is_err(), "nothing to send in");
    }
}
