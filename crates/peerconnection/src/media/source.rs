//! What a track counts of the raw frames that it is given.

use super::encode::Raw;
use crate::engine::{FrameRate, SoundLevel};
use crate::peer::SourceFigures;
use ortica_codecs::MediaKind;
use ortica_core::Instant;

/// What a track was given so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SourceTally {
    sound: SoundLevel,
    pictures: u64,
    size: Option<(u32, u32)>,
    rate: FrameRate,
    /// The track's own zero of time: it belongs to no endpoint.
    zero: Option<std::time::Instant>,
}

impl SourceTally {
    pub fn add(&mut self, now: std::time::Instant, frame: &Raw) {
        match frame {
            Raw::Audio(sound) => self.sound.add(sound.len() as u32, sound.sample_rate(), sound.rms()),
            Raw::Video(picture) => {
                self.zero.get_or_insert(now);
                self.pictures += 1;
                self.size = Some((picture.width(), picture.height()));
                self.rate.add(self.time(now));
            }
        }
    }

    pub fn figures(&self, kind: MediaKind, now: std::time::Instant) -> SourceFigures {
        match kind {
            MediaKind::Audio => SourceFigures::Sound(self.sound),
            MediaKind::Video => SourceFigures::Pictures {
                frames: self.pictures,
                frames_per_second: self.rate.at(self.time(now)),
                size: self.size,
            },
        }
    }

    fn time(&self, now: std::time::Instant) -> Instant {
        let since = self.zero.map(|zero| now.saturating_duration_since(zero)).unwrap_or_default();
        Instant::from_nanos(0) + since
    }
}
