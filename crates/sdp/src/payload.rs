//! All that a section says about each of its payload types.

use std::borrow::Cow;
use std::sync::Arc;

use crate::level::all;
use crate::{Attribute, Feedback, Fmtp, Format, Media, Parameters, RtcpFeedback, RtpMap};

/// How many payload types there can be.
const PAYLOAD_TYPES: usize = 128;

/// A payload type of a section, with all that is said about it.
#[derive(Clone, Debug)]
pub struct Payload<'a> {
    /// The number in RTP packets.
    pub payload_type: u8,
    /// `a=rtpmap`; for a few numbers below 96 what it would say. `None` when nobody knows what this is.
    pub rtpmap: Option<Cow<'a, RtpMap>>,
    /// `a=fmtp`
    pub fmtp: Option<&'a Fmtp>,
    feedback: Vec<&'a Feedback>,
    feedback_of_all: Arc<[&'a Feedback]>,
}

impl<'a> Payload<'a> {
    /// `a=rtcp-fb`, what is said of all payload types (`*`) last.
    pub fn feedback(&self) -> impl Iterator<Item = &'a Feedback> + '_ {
        self.feedback.iter().chain(self.feedback_of_all.iter()).copied()
    }

    /// Whether this is the codec of that name.
    pub fn is(&self, encoding: &str) -> bool {
        self.rtpmap.as_ref().is_some_and(|rtpmap| rtpmap.is(encoding))
    }

    /// A value in its `a=fmtp`.
    pub fn parameter(&self, key: &str) -> Option<&'a str> {
        self.fmtp?.parameters.get(key)
    }

    /// The payload type whose packets this one sends again, if it is a retransmission (`apt`).
    pub fn retransmits(&self) -> Option<u8> {
        if !self.is("rtx") {
            return None;
        }
        self.fmtp?.parameters.number("apt").and_then(|it| u8::try_from(it).ok())
    }
}

/// # Payload types
impl Media {
    /// The payload types of the `m=` line in its order, with all that is said about each. One that is listed twice comes
    /// once. One pass over the attributes, unlike asking for each by itself.
    pub fn payloads(&self) -> Vec<Payload<'_>> {
        let all_types = all!(self.attributes, RtcpFeedback).filter(|it| it.payload_type.is_none());
        let feedback_of_all: Arc<[&Feedback]> = all_types.map(|it| &it.feedback).collect();
        let mut places = [None; PAYLOAD_TYPES];
        let mut payloads = Vec::new();
        for payload_type in self.payload_types() {
            let Some(place @ None) = places.get_mut(usize::from(payload_type)) else { continue };
            *place = Some(payloads.len());
            payloads.push(Payload {
                payload_type,
                rtpmap: None,
                fmtp: None,
                feedback: Vec::new(),
                feedback_of_all: Arc::clone(&feedback_of_all),
            });
        }
        for attribute in &self.attributes {
            let place = attribute.payload_type().and_then(|it| places.get(usize::from(it)).copied().flatten());
            let Some(payload) = place.and_then(|place| payloads.get_mut(place)) else { continue };
            match attribute {
                Attribute::RtpMap(rtpmap) if payload.rtpmap.is_none() => payload.rtpmap = Some(Cow::Borrowed(rtpmap)),
                Attribute::Fmtp(fmtp) if payload.fmtp.is_none() => payload.fmtp = Some(fmtp),
                Attribute::RtcpFeedback(it) => payload.feedback.push(&it.feedback),
                _ => {}
            }
        }
        for payload in payloads.iter_mut().filter(|payload| payload.rtpmap.is_none()) {
            payload.rtpmap = RtpMap::of_static(payload.payload_type).map(Cow::Owned);
        }
        payloads
    }

    /// Adds a payload type after those there are: to the `m=` line, and what is said about it in Chromium's order.
    pub fn push_payload(
        &mut self,
        rtpmap: RtpMap,
        parameters: Option<Parameters>,
        feedback: impl IntoIterator<Item = Feedback>,
    ) {
        let payload_type = rtpmap.payload_type;
        self.formats.push(payload_type.into());
        self.push(rtpmap);
        self.attributes.extend(feedback.into_iter().map(|it| RtcpFeedback::new(payload_type, it).into()));
        self.attributes.extend(parameters.map(|it| Fmtp::new(payload_type, it).into()));
    }

    /// Takes out the payload types that `keep` refuses, with all that is said about them, and those that are nothing
    /// without them: their retransmissions, and redundant audio made of them.
    ///
    /// A section that would keep none is left as it is and rejected, as an `m=` line has to name one.
    pub fn retain_payloads(&mut self, mut keep: impl FnMut(&Payload<'_>) -> bool) {
        let mut kept = [false; PAYLOAD_TYPES];
        let mut queue = Vec::new();
        let mut dependents: Vec<(u8, u8)> = Vec::new();
        for payload in self.payloads() {
            if keep(&payload) {
                set(&mut kept, payload.payload_type, true);
                let references = payload.fmtp.into_iter().flat_map(Fmtp::references);
                dependents.extend(references.map(|reference| (reference, payload.payload_type)));
            } else {
                queue.push(payload.payload_type);
            }
        }
        dependents.sort_unstable();
        dependents.dedup();
        while let Some(gone) = queue.pop() {
            let first = dependents.partition_point(|&(reference, _)| reference < gone);
            for &(_, dependent) in dependents.iter().skip(first).take_while(|&&(reference, _)| reference == gone) {
                if set(&mut kept, dependent, false) {
                    queue.push(dependent);
                }
            }
        }
        let kept = |payload_type: u8| kept.get(usize::from(payload_type)).copied().unwrap_or_default();
        if !self.formats.iter().any(|format| format.payload_type().is_none_or(kept)) {
            return self.reject();
        }
        self.formats.retain(|format| format.payload_type().is_none_or(kept));
        self.attributes.retain(|attribute| attribute.payload_type().is_none_or(kept));
        self.attributes.retain_mut(|attribute| match attribute {
            // An empty list would mean all of them.
            Attribute::Rid(rid) if !rid.payload_types.is_empty() => {
                rid.payload_types.retain(|&payload_type| kept(payload_type));
                !rid.payload_types.is_empty()
            }
            _ => true,
        });
    }

    /// Takes out a codec by name, with all that hangs on it; see [`retain_payloads`](Self::retain_payloads).
    pub fn remove_codec(&mut self, encoding: &str) {
        self.retain_payloads(|payload| !payload.is(encoding));
    }
}

impl Attribute {
    /// The one payload type this attribute speaks of.
    const fn payload_type(&self) -> Option<u8> {
        match self {
            Self::RtpMap(rtpmap) => Some(rtpmap.payload_type),
            Self::Fmtp(Fmtp { format: Format::PayloadType(payload_type), .. }) => Some(*payload_type),
            Self::RtcpFeedback(feedback) => feedback.payload_type,
            _ => None,
        }
    }
}

/// Notes whether a payload type is kept, and says whether that is news.
fn set(kept: &mut [bool; PAYLOAD_TYPES], payload_type: u8, value: bool) -> bool {
    kept.get_mut(usize::from(payload_type)).is_some_and(|it| std::mem::replace(it, value) != value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MediaKind, Rid, RidDirection};

    fn video() -> Media {
        let mut media = Media::rtp(MediaKind::Video, "1");
        for (payload_type, name) in [(96, "VP8"), (98, "VP9")] {
            let feedback = [Feedback::Nack, Feedback::NackPli];
            media.push_payload(RtpMap::new(payload_type, name, 90_000), None, feedback);
            let apt = Parameters::default().with("apt", payload_type);
            media.push_payload(RtpMap::new(payload_type + 1, "rtx", 90_000), Some(apt), []);
        }
        media.push(RtcpFeedback { payload_type: None, feedback: Feedback::TransportCc });
        media
    }

    #[test]
    fn all_about_a_payload_type_comes_together() {
        let mut media = video();
        media.formats.extend([0.into(), 35.into(), 96.into()]);
        let payloads = media.payloads();
        let types: Vec<_> = payloads.iter().map(|it| it.payload_type).collect();
        assert_eq!(types, [96, 97, 98, 99, 0, 35]);
        assert!(payloads[0].is("vp8"));
        let feedback: Vec<_> = payloads[0].feedback().collect();
        assert_eq!(feedback, [&Feedback::Nack, &Feedback::NackPli, &Feedback::TransportCc]);
        assert_eq!((payloads[1].retransmits(), payloads[1].parameter("apt")), (Some(96), Some("96")));
        assert_eq!(payloads[0].retransmits(), None);
        assert!(payloads[4].is("PCMU"));
        assert!(payloads[5].rtpmap.is_none());
    }

    #[test]
    fn a_codec_goes_with_its_retransmission_and_its_rids() {
        let mut media = video();
        media.push(Rid { payload_types: vec![96], ..Rid::new("a", RidDirection::Send) });
        media.push(Rid { payload_types: vec![96, 98], ..Rid::new("b", RidDirection::Send) });
        media.push(Rid::new("c", RidDirection::Send));
        media.remove_codec("vp8");
        assert_eq!(media.payload_types().collect::<Vec<_>>(), [98, 99]);
        assert!(media.rtpmaps().all(|it| it.payload_type >= 98));
        assert_eq!(media.fmtps().count(), 1);
        assert_eq!(media.rids().map(|it| it.to_string()).collect::<Vec<_>>(), ["b send pt=98", "c send"]);
        assert_eq!(media.rtcp_feedback(98).count(), 3);
    }

    #[test]
    fn redundant_audio_goes_with_what_it_repeats_and_its_own_retransmission_too() {
        let mut media = Media::rtp(MediaKind::Audio, "0");
        media.push_payload(RtpMap::new(62, "rtx", 48_000), Some("apt=63".into()), []);
        media.push_payload(RtpMap::new(63, "red", 48_000).with_channels(2), Some("111/111".into()), []);
        media.push_payload(RtpMap::new(111, "opus", 48_000).with_channels(2), Some("minptime=10".into()), []);
        media.push_payload(RtpMap::new(0, "PCMU", 8000), None, []);
        media.remove_codec("opus");
        assert_eq!(media.payload_types().collect::<Vec<_>>(), [0]);
    }

    #[test]
    fn a_section_that_would_lose_its_last_payload_type_is_rejected() {
        let mut media = video();
        let before = media.clone();
        media.retain_payloads(|_| false);
        assert!(media.is_rejected());
        assert_eq!(media.attributes, before.attributes);
        assert_eq!(media.formats, before.formats);
    }
}
