//! What coders did, told by who runs them: the engine sees encoded frames alone.

use ortica_core::{Bitrate, Instant};
use std::time::Duration;

/// A frame that was encoded for a sender.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EncodedReport {
    /// It needs no other.
    pub key_frame: bool,
    /// Pixels from left to right; zero for sound.
    pub width: u32,
    /// Pixels from top to bottom; zero for sound.
    pub height: u32,
    /// How long the encoder took.
    pub time: Duration,
    /// What the encoder aimed at; `None` where it has only one rate.
    pub target: Option<Bitrate>,
    /// What kept it from more.
    pub limitation: Limitation,
    /// The name of the encoder.
    pub implementation: &'static str,
}

/// A frame that was decoded from what a receiver gave out, or made up for one that was lost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DecodedReport {
    /// What came out.
    pub output: Decoded,
    /// How long the decoder took.
    pub time: Duration,
    /// When the first packet of the frame came; `None` for what was made up.
    pub began: Option<Instant>,
    /// The name of the decoder.
    pub implementation: &'static str,
}

/// What came out of a decoder.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Decoded {
    /// A picture.
    Picture {
        /// It needed no other.
        key_frame: bool,
        /// Pixels from left to right.
        width: u32,
        /// Pixels from top to bottom.
        height: u32,
    },
    /// A stretch of sound.
    Sound {
        /// Samples of each channel.
        samples: u32,
        /// Samples of each channel in a second, 1 at least.
        sample_rate: u32,
        /// The root mean square of the samples, from 0 (silence) to 1.
        level: f64,
        /// It was made up for what was lost.
        concealed: bool,
    },
}

/// Why an encoder makes less of a picture than it could.
///
/// Source: [webrtc-stats `RTCQualityLimitationReason`](https://www.w3.org/TR/webrtc-stats/#rtcqualitylimitationreason-enum)
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Limitation {
    /// Nothing limits it.
    #[default]
    None,
    /// The machine is too slow.
    Cpu,
    /// The peer asks for less, or the path carries less.
    Bandwidth,
    /// Something else.
    Other,
}

impl Limitation {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::None, Self::Cpu, Self::Bandwidth, Self::Other];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Cpu => "cpu",
            Self::Bandwidth => "bandwidth",
            Self::Other => "other",
        }
    }
}

/// What encoders reported for a sender.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct EncodingStats {
    /// Frames encoded.
    pub frames: u64,
    /// Key frames among them.
    pub key_frames: u64,
    /// Time spent on them.
    pub time: Duration,
    /// The width of the last one, in pixels.
    pub width: u32,
    /// Its height, in pixels.
    pub height: u32,
    /// What the encoder aims at.
    pub target: Option<Bitrate>,
    /// The name of the encoder; `None` until one reported.
    pub implementation: Option<&'static str>,
    rate: FrameRate,
    limitation: Limitation,
    limited_since: Option<Instant>,
    limited: [Duration; Limitation::ALL.len()],
}

impl EncodingStats {
    /// Adds a frame.
    pub(in crate::engine) fn add(&mut self, now: Instant, report: &EncodedReport) {
        self.frames += 1;
        self.key_frames += u64::from(report.key_frame);
        self.time += report.time;
        (self.width, self.height) = (report.width, report.height);
        self.target = report.target;
        self.implementation = Some(report.implementation);
        self.rate.add(now);
        self.limited = Limitation::ALL.map(|reason| self.limited_for(now, reason));
        (self.limitation, self.limited_since) = (report.limitation, Some(now));
    }

    /// Frames in a second, lately.
    pub fn frames_per_second(&self, now: Instant) -> f64 {
        self.rate.at(now)
    }

    /// What limits the encoder now.
    pub const fn limitation(&self) -> Limitation {
        self.limitation
    }

    /// For how long a reason has limited it.
    pub fn limited_for(&self, now: Instant, reason: Limitation) -> Duration {
        let past = self.limited.get(reason as usize).copied().unwrap_or_default();
        let since = self.limited_since.filter(|_| self.limitation == reason);
        past + since.map(|since| now.saturating_duration_since(since)).unwrap_or_default()
    }
}

/// What decoders reported for a receiver.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct DecodingStats {
    /// Frames decoded, of those that were received.
    pub frames: u64,
    /// Key frames among them.
    pub key_frames: u64,
    /// Time that the decoder spent.
    pub time: Duration,
    /// Time from the first packet of each frame until it was decoded, added up.
    pub processing_delay: Duration,
    /// The width of the last picture, in pixels.
    pub width: u32,
    /// Its height, in pixels.
    pub height: u32,
    /// The name of the decoder; `None` until one reported.
    pub implementation: Option<&'static str>,
    /// Samples of each channel that came out.
    pub samples: u64,
    /// Those among them that were made up for what was lost.
    pub concealed_samples: u64,
    /// Those among the latter that are silence.
    pub silent_concealed_samples: u64,
    /// How often a stretch was made up.
    pub concealment_events: u64,
    /// How loud the sound is.
    pub sound: SoundLevel,
    rate: FrameRate,
    conceals: bool,
}

impl DecodingStats {
    /// Adds a frame.
    pub(in crate::engine) fn add(&mut self, now: Instant, report: &DecodedReport) {
        self.time += report.time;
        self.implementation = Some(report.implementation);
        if let Some(began) = report.began {
            self.frames += 1;
            self.processing_delay += now.saturating_duration_since(began);
            self.rate.add(now);
        }
        match report.output {
            Decoded::Picture { key_frame, width, height } => {
                self.key_frames += u64::from(key_frame);
                (self.width, self.height) = (width, height);
            }
            Decoded::Sound { samples, sample_rate, level, concealed } => {
                self.sound.add(samples, sample_rate, level);
                let samples = u64::from(samples);
                self.samples += samples;
                if concealed {
                    self.concealed_samples += samples;
                    self.silent_concealed_samples += if level == 0.0 { samples } else { 0 };
                    self.concealment_events += u64::from(!self.conceals);
                }
                self.conceals = concealed;
            }
        }
    }

    /// Frames in a second, lately.
    pub fn frames_per_second(&self, now: Instant) -> f64 {
        self.rate.at(now)
    }
}

/// How loud a sound is and was.
///
/// Source: [webrtc-stats, `totalAudioEnergy`](https://www.w3.org/TR/webrtc-stats/#dom-rtcaudiosourcestats-totalaudioenergy)
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct SoundLevel {
    /// The root mean square of the last stretch, from 0 (silence) to 1.
    pub level: f64,
    /// The square of the level, added up over time, in seconds.
    pub total_energy: f64,
    /// All there was.
    pub total_duration: Duration,
}

impl SoundLevel {
    /// Adds a stretch of `samples` of each channel, at `sample_rate` in a second.
    pub(crate) fn add(&mut self, samples: u32, sample_rate: u32, level: f64) {
        let nanos = u64::from(samples) * 1_000_000_000 / u64::from(sample_rate.max(1));
        let duration = Duration::from_nanos(nanos);
        self.level = level;
        self.total_energy += level * level * duration.as_secs_f64();
        self.total_duration += duration;
    }
}

/// How many frames there are in a second: counted over stretches of one second at least.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct FrameRate {
    began: Option<Instant>,
    count: u32,
    last: f64,
}

impl FrameRate {
    const STRETCH: Duration = Duration::from_secs(1);

    pub fn add(&mut self, now: Instant) {
        let began = *self.began.get_or_insert(now);
        let elapsed = now.saturating_duration_since(began);
        if elapsed >= Self::STRETCH {
            *self = Self { began: Some(now), count: 0, last: f64::from(self.count) / elapsed.as_secs_f64() };
        }
        self.count += 1;
    }

    /// Nothing once no frame came for two stretches.
    pub fn at(&self, now: Instant) -> f64 {
        let elapsed = self.began.map_or(Duration::ZERO, |began| now.saturating_duration_since(began));
        match elapsed {
            _ if elapsed >= 2 * Self::STRETCH => 0.0,
            _ if elapsed >= Self::STRETCH => f64::from(self.count) / elapsed.as_secs_f64(),
            _ => self.last,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn frames_in_a_second_are_those_of_the_last_one() {
        let start = Instant::from_nanos(0);
        let mut rate = FrameRate::default();
        assert_eq!(rate.at(start), 0.0);
        for frame in 0..=100 {
            rate.add(start + frame * 20 * MS);
        }
        assert!((rate.at(start + 2_000 * MS) - 50.0).abs() < 0.01);
        assert!((rate.at(start + 3_000 * MS) - 1.0).abs() < 0.01, "one frame at the start of the stretch");
        assert_eq!(rate.at(start + 4_000 * MS), 0.0);
    }

    #[test]
    fn what_limits_an_encoder_is_added_up_by_reason() {
        let at = |ms| Instant::from_nanos(0) + ms * MS;
        let report = |limitation| EncodedReport {
            key_frame: false,
            width: 64,
            height: 48,
            time: 5 * MS,
            target: None,
            limitation,
            implementation: "test",
        };
        let mut stats = EncodingStats::default();
        stats.add(at(0), &report(Limitation::None));
        stats.add(at(100), &report(Limitation::Bandwidth));
        stats.add(at(300), &report(Limitation::None));
        assert_eq!(stats.limited_for(at(350), Limitation::None), 150 * MS);
        assert_eq!(stats.limited_for(at(350), Limitation::Bandwidth), 200 * MS);
        assert_eq!(stats.limited_for(at(350), Limitation::Cpu), Duration::ZERO);
        assert_eq!((stats.frames, stats.time, stats.limitation()), (3, 15 * MS, Limitation::None));
    }

    #[test]
    fn sound_that_is_made_up_is_told_apart() {
        let mut stats = DecodingStats::default();
        let sound = |concealed, level| DecodedReport {
            output: Decoded::Sound { samples: 480, sample_rate: 48_000, level, concealed },
            time: MS,
            began: (!concealed).then_some(Instant::from_nanos(0)),
            implementation: "test",
        };
        for (concealed, level) in [(false, 0.5), (true, 0.5), (true, 0.0), (false, 0.5), (true, 0.25)] {
            stats.add(Instant::from_nanos(0) + 7 * MS, &sound(concealed, level));
        }
        assert_eq!((stats.samples, stats.concealed_samples, stats.silent_concealed_samples), (2_400, 1_440, 480));
        assert_eq!((stats.concealment_events, stats.frames, stats.processing_delay), (2, 2, 14 * MS));
        assert!((stats.sound.total_energy - 0.01 * (3.0 * 0.25 + 0.0625)).abs() < 1e-9);
        assert_eq!((stats.sound.level, stats.sound.total_duration), (0.25, 50 * MS));
    }
}
