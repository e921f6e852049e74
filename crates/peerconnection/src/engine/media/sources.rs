//! Who was heard or seen lately: the streams of packets, and those that a mixer put into them.

use ortica_core::Instant;
use ortica_rtp::header_extension::Values;
use ortica_rtp::{Packet, RtpTimestamp, Ssrc};
use std::time::Duration;

/// How long a source is remembered.
const MEMORY: Duration = Duration::from_secs(10);
/// Sources remembered at a time: as many as a few packets can name. Beyond, the one that was silent longest is forgotten.
const MAX_SOURCES: usize = 64;

/// A source of what is received.
///
/// Source: [webrtc-pc §5.3.2](https://www.w3.org/TR/webrtc/#dom-rtcrtpcontributingsource)
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct RtpSource {
    /// It.
    pub source: Ssrc,
    /// A mixer put it into the packets of another.
    pub is_contributing: bool,
    /// When its last packet came.
    pub arrived: Instant,
    /// The timestamp of that packet.
    pub rtp_timestamp: RtpTimestamp,
    /// How loud it is, from 0 (silence) to 1 (the overload point), linearly; `None` for pictures, and as long as nobody has
    /// said or measured it.
    pub audio_level: Option<f64>,
}

/// The sources of one receiver.
#[derive(Debug, Default)]
pub(super) struct Sources {
    list: Vec<RtpSource>,
}

impl Sources {
    /// A packet has come.
    pub fn observe(&mut self, now: Instant, packet: &Packet<'_>, values: &Values) {
        let level = values.audio_level.map(|level| linear(level.attenuation()));
        self.note(now, packet, (packet.ssrc(), false), level);
        let mut levels = values.csrc_audio_levels.iter().flat_map(|levels| levels.iter());
        for csrc in packet.csrcs() {
            self.note(now, packet, (csrc, true), levels.next().map(linear));
        }
    }

    fn note(&mut self, now: Instant, packet: &Packet<'_>, of: (Ssrc, bool), level: Option<f64>) {
        let (source, is_contributing) = of;
        let known = self.list.iter_mut().find(|it| (it.source, it.is_contributing) == of);
        // A level that was measured stands until the next one is.
        let audio_level = level.or(known.as_ref().and_then(|known| known.audio_level));
        let rtp_timestamp = packet.timestamp();
        let seen = RtpSource { source, is_contributing, arrived: now, rtp_timestamp, audio_level };
        match known {
            Some(known) => *known = seen,
            None => {
                if self.list.len() >= MAX_SOURCES
                    && let Some((oldest, _)) = self.list.iter().enumerate().min_by_key(|(_, it)| it.arrived)
                {
                    self.list.swap_remove(oldest);
                }
                self.list.push(seen);
            }
        }
    }

    /// How loud the stream that came last was, as it was decoded: for packets that do not say. 0 (loud) to 127 (silence).
    pub fn measure(&mut self, attenuation: u8) {
        let streams = self.list.iter_mut().filter(|source| !source.is_contributing);
        if let Some(last) = streams.max_by_key(|source| source.arrived) {
            last.audio_level = Some(linear(attenuation));
        }
    }

    /// Those of the last ten seconds, the latest first.
    pub fn recent(&self, now: Instant) -> Vec<RtpSource> {
        let is_recent = |source: &&RtpSource| now.saturating_duration_since(source.arrived) <= MEMORY;
        let mut recent: Vec<RtpSource> = self.list.iter().filter(is_recent).copied().collect();
        recent.sort_by_key(|source| std::cmp::Reverse(source.arrived));
        recent
    }
}

/// A level in decibels below the overload point, as a share of it.
pub(super) fn linear(attenuation: u8) -> f64 {
    if attenuation >= 127 { 0.0 } else { 10f64.powf(-f64::from(attenuation) / 20.0) }
}

/// The other way round, to whole decibels.
pub(super) fn attenuation(level: f64) -> u8 {
    if level > 0.0 { (-20.0 * level.log10()).round().clamp(0.0, 127.0) as u8 } else { 127 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ortica_rtp::Header;
    use ortica_rtp::header_extension::{AudioLevel, CsrcAudioLevels};

    fn at(seconds: u64) -> Instant {
        Instant::from_nanos(seconds * 1_000_000_000)
    }

    fn observe(sources: &mut Sources, now: Instant, ssrc: u32, csrcs: &[u32], values: &Values) {
        let csrcs = csrcs.iter().map(|csrc| Ssrc(*csrc)).collect();
        let mut bytes = Vec::new();
        Header { ssrc: Ssrc(ssrc), timestamp: RtpTimestamp(7), csrcs, ..Header::default() }.write(&mut bytes);
        sources.observe(now, &Packet::parse(&bytes).unwrap(), values);
    }

    #[test]
    fn streams_and_what_was_mixed_into_them_are_told_with_their_levels() {
        let mut sources = Sources::default();
        let values = Values {
            audio_level: Some(AudioLevel::new(true, 20)),
            csrc_audio_levels: Some(CsrcAudioLevels::new(&[0, 127])),
            ..Values::default()
        };
        observe(&mut sources, at(1), 1, &[2, 3, 1], &values);
        let told: Vec<_> =
            sources.recent(at(11)).iter().map(|it| (it.source.0, it.is_contributing, it.audio_level)).collect();
        assert_eq!(told, [(1, false, Some(0.1)), (2, true, Some(1.0)), (3, true, Some(0.0)), (1, true, None)]);
        assert!(sources.recent(at(12)).is_empty());
    }

    #[test]
    fn a_level_that_packets_do_not_say_is_the_measured_one() {
        let mut sources = Sources::default();
        observe(&mut sources, at(1), 1, &[], &Values::default());
        assert_eq!(sources.recent(at(1))[0].audio_level, None);
        sources.measure(40);
        observe(&mut sources, at(2), 1, &[], &Values::default());
        assert_eq!(sources.recent(at(2))[0].audio_level, Some(0.01));
    }

    #[test]
    fn no_more_than_so_many_are_remembered() {
        let mut sources = Sources::default();
        (0..200).for_each(|ssrc| observe(&mut sources, at(u64::from(ssrc)), ssrc, &[], &Values::default()));
        assert_eq!(sources.list.len(), MAX_SOURCES);
        assert_eq!(sources.recent(at(199))[0].source, Ssrc(199));
    }
}
