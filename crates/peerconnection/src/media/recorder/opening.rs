//! The first frames of a recording: they wait until it is known how its tracks belong together.

use super::timeline::Beginning;
use crate::media::Frame;
use ortica_core::NtpTime;
use std::time::Duration;

/// How long they wait at most. Peers report on what they send within some 3 seconds (RFC 3550 §6.2).
const MOST_WAIT: Duration = Duration::from_secs(3);
/// How many wait at most.
const MOST_FRAMES: usize = 1_024;

/// What is kept until then.
#[derive(Debug)]
pub(super) struct Opening {
    tracks: Vec<Track>,
    frames: Vec<Held>,
}

/// A frame that waits.
#[derive(Debug)]
pub(super) struct Held {
    pub track: usize,
    /// When the recording had gone on for so long.
    pub arrived: Duration,
    pub frame: Frame,
}

#[derive(Clone, Copy, Debug, Default)]
struct Track {
    /// What its first frame says, and when it came.
    first: Option<(Duration, Duration)>,
    /// When that was captured.
    captured: Option<NtpTime>,
    /// There is no more to learn of it.
    is_settled: bool,
}

impl Opening {
    /// Of a recording that begins with so many tracks.
    pub fn new(tracks: usize) -> Self {
        Self { tracks: vec![Track::default(); tracks], frames: Vec::new() }
    }

    /// There is such a track.
    pub fn begin(&mut self, track: usize) {
        if self.tracks.len() <= track {
            self.tracks.resize_with(track + 1, Track::default);
        }
    }

    pub fn hold(&mut self, held: Held) {
        self.begin(held.track);
        if let Some(track) = self.tracks.get_mut(held.track) {
            track.learn(&held);
        }
        self.frames.push(held);
    }

    /// Nothing more comes of a track.
    pub fn end(&mut self, track: usize) {
        if let Some(track) = self.tracks.get_mut(track) {
            track.is_settled = true;
        }
    }

    /// Whether something came and there is nothing to wait for any more.
    pub fn is_over(&self, now: Duration) -> bool {
        let Some(first) = self.frames.first() else { return false };
        self.tracks.len() < 2
            || self.tracks.iter().all(|track| track.is_settled)
            || now.saturating_sub(first.arrived) >= MOST_WAIT
            || self.frames.len() >= MOST_FRAMES
    }

    /// How each track begins, by its number.
    pub fn beginnings(&self) -> impl Iterator<Item = (usize, Beginning)> {
        self.tracks.iter().enumerate().filter_map(|(number, track)| {
            let (media, arrived) = track.first?;
            Some((number, Beginning { media, arrived, captured: track.captured }))
        })
    }

    pub fn into_frames(self) -> Vec<Held> {
        self.frames
    }
}

impl Track {
    fn learn(&mut self, held: &Held) {
        let media = held.frame.time();
        let (first, _) = *self.first.get_or_insert((media, held.arrived));
        match &held.frame {
            Frame::Encoded { captured, .. } => {
                let (Some(captured), None) = (*captured, self.captured) else { return };
                self.captured = Some(Beginning::captured_before(captured, media, first));
                self.is_settled = true;
            }
            // Nobody reports on what is not encoded, and packets are not recorded.
            Frame::Audio(_) | Frame::Video(_) | Frame::Rtp(_) => self.is_settled = true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::test_media::sound;

    fn held(track: usize, number: i64, captured: Option<NtpTime>) -> Held {
        let arrived = Duration::from_millis(20 * number as u64);
        Held { track, arrived, frame: Frame::Encoded { frame: sound(number), captured } }
    }

    #[test]
    fn it_is_over_once_each_track_has_its_report() {
        let mut opening = Opening::new(2);
        let report = NtpTime(100 << 32);
        opening.hold(held(0, 0, None));
        opening.hold(held(0, 50, Some(report)));
        opening.hold(held(1, 50, None));
        assert!(!opening.is_over(Duration::from_secs(1)));
        opening.hold(held(1, 100, Some(report)));
        assert!(opening.is_over(Duration::from_secs(2)));
        let captured: Vec<_> = opening.beginnings().filter_map(|(_, beginning)| beginning.captured).collect();
        // A second after its first frame.
        assert_eq!(captured, [NtpTime(99 << 32); 2]);
        assert_eq!(opening.into_frames().len(), 4);
    }

    #[test]
    fn it_ends_without_reports_too() {
        let mut alone = Opening::new(0);
        assert!(!alone.is_over(Duration::MAX));
        alone.hold(held(0, 0, None));
        assert!(alone.is_over(Duration::ZERO), "one track has nothing to be aligned with");
        let mut opening = Opening::new(2);
        opening.hold(held(0, 50, None));
        assert!(!opening.is_over(Duration::from_millis(3_999)) && opening.is_over(Duration::from_secs(4)));
        opening.hold(Held { track: 0, arrived: Duration::ZERO, frame: Frame::Audio(tone()) });
        assert!(!opening.is_over(Duration::from_secs(1)));
        opening.end(1);
        assert!(opening.is_over(Duration::from_secs(1)));
        let mut many = Opening::new(2);
        (0..MOST_FRAMES).for_each(|_| many.hold(held(0, 0, None)));
        assert!(many.is_over(Duration::ZERO));
    }

    fn tone() -> ortica_codecs::AudioFrame {
        ortica_codecs::AudioFrame::silence(960, 48_000, 1).expect("a legal shape")
    }
}
