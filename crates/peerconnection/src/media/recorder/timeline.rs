//! When a frame stands in a file, by what its track, its sender and its arrival say.

use ortica_core::NtpTime;
use std::time::Duration;

/// A step between two frames of a track beyond this, where they came within a shorter time, is none: their source has begun to count
/// anew.
const MOST_STEP: i64 = 10 * SECOND;
/// A clock that differs by more than this from what was known before is not believed: it may be that of somebody else.
const MOST_APART: i64 = 2 * SECOND;
const SECOND: i64 = 1_000_000_000;

/// The time of the file, in nanoseconds from its start, as all of its tracks share it. It starts with the first frame.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    /// When the first frame came, from the start of the recording.
    began: Option<i64>,
    /// On the sender's clock: when the file began.
    captured_zero: Option<NtpTime>,
}

/// What one track knows of it, in nanoseconds.
#[derive(Debug, Default)]
pub(super) struct TrackTime {
    last: Option<Last>,
    /// From the track's own time to the file's, once it has begun.
    offset: Option<i64>,
}

#[derive(Clone, Copy, Debug)]
struct Last {
    media: i64,
    arrived: i64,
    time: i64,
    /// From the frame before, where the track went on.
    step: i64,
}

/// How a track begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Beginning {
    /// What its first frame says itself.
    pub media: Duration,
    /// When that came, from the start of the recording.
    pub arrived: Duration,
    /// When it was captured, if that is known.
    pub captured: Option<NtpTime>,
}

impl Beginning {
    /// When a frame that says `first` was captured, by another that says `media`.
    pub fn captured_before(captured: NtpTime, media: Duration, first: Duration) -> NtpTime {
        before(captured, nanos(media) - nanos(first))
    }
}

impl Timeline {
    /// Aligns tracks before anything of them is placed: the file begins with what was captured first.
    pub fn align(&mut self, tracks: &mut [(&mut TrackTime, Beginning)]) {
        let known = tracks.iter().filter_map(|(_, beginning)| Some((beginning.captured?, nanos(beginning.arrived))));
        let first = known.reduce(|(one, arrived), (other, also)| {
            (if since(other, one) < 0 { other } else { one }, arrived.min(also))
        });
        let Some((zero, known_since)) = first else { return };
        let came = tracks.iter().map(|(_, beginning)| nanos(beginning.arrived)).min().unwrap_or(known_since);
        self.began = Some(came);
        self.captured_zero = Some(before(zero, known_since - came));
        for (track, beginning) in tracks {
            let Some(captured) = beginning.captured else { continue };
            let wanted = since(captured, zero) + known_since - came;
            if wanted.abs_diff(nanos(beginning.arrived) - came) <= MOST_APART.unsigned_abs() {
                track.offset = Some(wanted - nanos(beginning.media));
            }
        }
    }

    /// Where a frame stands that says `media` itself and came when the recording had gone on for `arrived`.
    pub fn place(
        &mut self,
        track: &mut TrackTime,
        media: Duration,
        arrived: Duration,
        captured: Option<NtpTime>,
    ) -> Duration {
        let (media, arrived) = (nanos(media), nanos(arrived));
        let arrived = arrived - *self.began.get_or_insert(arrived);
        let step = track.follow(media, arrived);
        let mut time = media.saturating_add(track.offset.unwrap_or(0));
        match (captured, self.captured_zero) {
            (Some(captured), Some(zero)) => {
                let wanted = since(captured, zero);
                if wanted.abs_diff(time) <= MOST_APART.unsigned_abs() {
                    track.offset = Some(wanted - media);
                    time = wanted;
                }
            }
            (Some(captured), None) => self.captured_zero = Some(before(captured, time)),
            (None, _) => {}
        }
        track.last = Some(Last { media, arrived, time, step });
        Duration::from_nanos(u64::try_from(time).unwrap_or(0))
    }
}

impl TrackTime {
    /// Begins with when the first frame came, and anew where the track does. Gives the step from the last frame.
    fn follow(&mut self, media: i64, arrived: i64) -> i64 {
        let Some(last) = self.last else {
            self.offset.get_or_insert(arrived - media);
            return 0;
        };
        let (step, waited) = (media - last.media, arrived - last.arrived);
        if (0..=waited.saturating_add(MOST_STEP)).contains(&step) {
            return step;
        }
        self.offset = Some(last.time.saturating_add(waited.max(last.step)) - media);
        last.step
    }
}

fn nanos(duration: Duration) -> i64 {
    // Half the range, so that differences fit.
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX).min(i64::MAX / 4)
}

/// Wraps, as the clock does.
fn since(later: NtpTime, earlier: NtpTime) -> i64 {
    let difference = later.0.wrapping_sub(earlier.0) as i64;
    ((i128::from(difference) * i128::from(SECOND)) >> 32) as i64
}

fn before(time: NtpTime, nanos: i64) -> NtpTime {
    let difference = (i128::from(nanos) << 32) / i128::from(SECOND);
    NtpTime(time.0.wrapping_sub(difference as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: NtpTime = NtpTime(0xffff_fff0_0000_0000);

    fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn captured(millis: u64) -> Option<NtpTime> {
        Some(START + at(millis))
    }

    #[test]
    fn a_track_keeps_its_own_steps() {
        let (mut line, mut track) = (Timeline::default(), TrackTime::default());
        let times: Vec<Duration> = [(50_000, 100), (50_040, 190), (50_080, 195), (52_000, 2_500)]
            .map(|(media, arrived)| line.place(&mut track, at(media), at(arrived), None))
            .into();
        assert_eq!(times, [at(0), at(40), at(80), at(2_000)]);
    }

    /// A recorder that is started before the call is up.
    #[test]
    fn the_file_begins_with_the_first_frame_of_any_track() {
        let (mut line, mut sound, mut pictures) = (Timeline::default(), TrackTime::default(), TrackTime::default());
        assert_eq!(line.place(&mut sound, at(7_000), at(60_000), None), at(0));
        assert_eq!(line.place(&mut pictures, at(0), at(60_250), None), at(250));
    }

    /// Sound is 300 ms late on its way, pictures are not: by their capture they belong together.
    #[test]
    fn tracks_are_aligned_once_reports_tell_when_they_were_captured() {
        let mut line = Timeline::default();
        let (mut sound, mut pictures) = (TrackTime::default(), TrackTime::default());
        assert_eq!(line.place(&mut pictures, at(7_000), at(0), None), at(0));
        assert_eq!(line.place(&mut sound, at(90_000), at(300), None), at(300));
        assert_eq!(line.place(&mut pictures, at(8_000), at(1_000), captured(1_000)), at(1_000));
        // Captured with that picture.
        let aligned = line.place(&mut sound, at(91_000), at(1_300), captured(1_000));
        assert!(aligned.abs_diff(at(1_000)) < Duration::from_micros(1), "{aligned:?}");
        // And so it stays, without reports and over the end of the clock's range.
        let later = line.place(&mut sound, at(121_000), at(31_300), None);
        assert!(later.abs_diff(at(31_000)) < Duration::from_micros(1), "{later:?}");
    }

    /// Guards: not even the first frames are placed by when they came, where it is known when they were captured.
    #[test]
    fn tracks_are_aligned_before_they_begin() {
        let mut line = Timeline::default();
        let (mut sound, mut pictures, mut other) = (TrackTime::default(), TrackTime::default(), TrackTime::default());
        let begins = |media, arrived, captured| Beginning { media: at(media), arrived: at(arrived), captured };
        line.align(&mut [
            (&mut sound, begins(90_000, 100, captured(1_000))),
            // Captured 40 ms before the sound, and 200 ms late.
            (&mut pictures, begins(7_000, 260, captured(960))),
            // Of a peer with a clock of its own.
            (&mut other, begins(500, 120, captured(900_000))),
        ]);
        let times = [
            line.place(&mut sound, at(90_000), at(100), None),
            line.place(&mut pictures, at(7_000), at(260), None),
            line.place(&mut pictures, at(7_040), at(300), captured(1_000)),
            line.place(&mut other, at(500), at(120), captured(900_000)),
        ];
        for (time, wanted) in times.into_iter().zip([40, 0, 40, 20]) {
            assert!(time.abs_diff(at(wanted)) < Duration::from_micros(1), "{times:?}");
        }
    }

    #[test]
    fn a_clock_that_drifts_is_followed() {
        let (mut line, mut track) = (Timeline::default(), TrackTime::default());
        // In an hour the track counts a second too much.
        for second in 0..=3_600u64 {
            let media = at(second * 1_000 + second * 1_000 / 3_600);
            let time = line.place(&mut track, media, at(second * 1_000), captured(second * 1_000));
            assert!(time.abs_diff(at(second * 1_000)) < at(1), "{second}: {time:?}");
        }
    }

    #[test]
    fn a_source_that_begins_anew_goes_on_where_it_was() {
        let (mut line, mut track) = (Timeline::default(), TrackTime::default());
        line.place(&mut track, at(100_000), at(0), None);
        assert_eq!(line.place(&mut track, at(0), at(20), None), at(20));
        // Far ahead without time having passed; then a gap that was one.
        assert_eq!(line.place(&mut track, at(40_000_000), at(40), None), at(40));
        assert_eq!(line.place(&mut track, at(40_060_000), at(60_040), None), at(60_040));
    }

    #[test]
    fn clocks_far_apart_are_not_believed() {
        let (mut line, mut one, mut other) = (Timeline::default(), TrackTime::default(), TrackTime::default());
        line.place(&mut one, at(0), at(0), captured(1_000_000));
        assert_eq!(line.place(&mut other, at(0), at(10), captured(5)), at(10));
    }

    #[test]
    fn faster_than_time_is_no_jump() {
        let (mut line, mut track) = (Timeline::default(), TrackTime::default());
        for second in 0..1_000 {
            assert_eq!(line.place(&mut track, at(second * 1_000), at(second), None), at(second * 1_000));
        }
    }
}
