//! Which numbers stand for which codecs and header extensions.

use super::extensions::{Extension, ExtensionPreferences};
use super::formats::{Events, Format, Preferences, feedback_of};
use super::redundancy::Redundancy;
use ortica_codecs::codec::Form;
use ortica_codecs::payload::comfort_noise;
use ortica_rtp::header_extension::Kind;
use ortica_sdp as sdp;
use std::collections::BTreeMap;

/// Where new payload types are taken from when the usual one is not free (RFC 3551 §6, RFC 5761 §4).
const DYNAMIC: [std::ops::RangeInclusive<u8>; 2] = [96..=127, 35..=63];

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
    Codec(Form),
    /// Retransmissions of that.
    Rtx(Form),
    /// Telephone events at that clock rate.
    Events(u32),
    /// Packets of that with those before them.
    Redundancy(Form),
    /// Silence that is described.
    Noise,
}

impl Meaning {
    /// The number that everyone has for it. Retransmissions have the one behind their codec's.
    fn usual(self) -> u8 {
        match self {
            Self::Codec(form) => form.preferred_payload_type().0,
            Self::Rtx(form) => form.preferred_payload_type().0 + 1,
            Self::Events(48_000) => 110,
            Self::Events(8_000) => 126,
            Self::Events(_) => 113,
            Self::Redundancy(_) => 63,
            Self::Noise => comfort_noise::STATIC_PAYLOAD_TYPE.0,
        }
    }

    /// Whether one number stands for both; what is negotiated within a form does not tell them apart.
    fn is(self, other: Self) -> bool {
        match (self, other) {
            (Self::Codec(one), Self::Codec(other))
            | (Self::Rtx(one), Self::Rtx(other))
            | (Self::Redundancy(one), Self::Redundancy(other)) => one.matches(other),
            (one, other) => one == other,
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
            self.payload_types.entry(format.payload_type).or_insert(Meaning::Codec(format.form));
            if let Some(rtx) = format.rtx {
                self.payload_types.entry(rtx).or_insert(Meaning::Rtx(format.form));
            }
            if let Some(redundancy) = format.redundancy {
                self.payload_types.entry(redundancy.payload_type).or_insert(Meaning::Redundancy(format.form));
            }
            if let Some(noise) = format.noise {
                self.payload_types.entry(noise).or_insert(Meaning::Noise);
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
            .forms()
            .filter_map(|form| {
                let payload_type = self.payload_type(Meaning::Codec(form))?;
                let feedback: Vec<sdp::Feedback> = feedback_of(form.codec()).collect();
                // Who is asked for packets again answers in a stream of its own.
                let repairs = preferences.rtx && feedback.contains(&sdp::Feedback::Nack);
                let rtx = if repairs { self.payload_type(Meaning::Rtx(form)) } else { None };
                let redundancy = self.redundancy(preferences, form);
                let noise = self.noise(preferences, form);
                Some(Format { form, payload_type, rtx, redundancy, noise, feedback, fmtp: form.fmtp() })
            })
            .collect()
    }

    /// What to offer of packets with those before them.
    fn redundancy(&mut self, preferences: &Preferences, form: Form) -> Option<Redundancy> {
        let meaning = Meaning::Redundancy(form);
        let is_known = self.payload_types.values().any(|known| known.is(meaning));
        let number = preferences.offers_redundancy(form, is_known).then(|| self.payload_type(meaning)).flatten();
        number.map(Redundancy::offered)
    }

    /// What to offer of silence that is described.
    fn noise(&mut self, preferences: &Preferences, form: Form) -> Option<u8> {
        let is_known = self.payload_types.values().any(|known| known.is(Meaning::Noise));
        preferences.offers_noise(form, is_known).then(|| self.payload_type(Meaning::Noise)).flatten()
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
        if let Some((known, _)) = self.payload_types.iter().find(|(_, known)| known.is(meaning)) {
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
    use crate::jsep::formats::read;
    use crate::jsep::formats::tests::{CHROMIUM, section};
    use ortica_codecs::{Codec, MediaKind};

    /// Guards: the forms of a codec have numbers of their own, and keep that which the other side gave them, whatever their level.
    #[test]
    fn each_form_has_a_number_and_a_level_makes_no_other() {
        let mut numbers = Numbers::default();
        let theirs = "m=video 9 UDP/TLS/RTP/SAVPF 39 40\r\nc=IN IP4 0.0.0.0\r\na=rtpmap:39 H264/90000\r\n\
            a=fmtp:39 packetization-mode=1;profile-level-id=42e034\r\na=rtpmap:40 rtx/90000\r\na=fmtp:40 apt=39\r\n";
        numbers.learn(&read(MediaKind::Video, &section(theirs)), &[], []);
        let ours = numbers.formats(&Preferences::all(&[Codec::Vp8, Codec::H264]));
        let h264: Vec<(u8, Option<u8>)> = ours[1..].iter().map(|format| (format.payload_type, format.rtx)).collect();
        assert_eq!(h264[0], (39, Some(40)));
        assert_eq!(
            ours[1].fmtp.as_deref(),
            Some("level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f")
        );
        let mut all: Vec<u8> =
            ours.iter().flat_map(|format| [Some(format.payload_type), format.rtx]).flatten().collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 2 * 9);
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
}
