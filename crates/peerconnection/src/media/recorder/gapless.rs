//! Sound for files that know no times: silence where there is none.

use ortica_codecs::container::ContainerError;
use ortica_codecs::frame::AudioAdapter;
use ortica_codecs::{AudioFrame, TimeBase};
use std::time::Duration;

/// Silence beyond this between two stretches of sound is left out, where it takes room.
const MOST_SILENCE: Duration = Duration::from_secs(600);
/// Sound that is this late begins after a silence.
const LEAST_SILENCE: Duration = Duration::from_millis(20);

/// Brings sound into the shape of its first frame, one stretch after the other.
#[derive(Debug, Default)]
pub(super) struct Gapless {
    adapter: Option<AudioAdapter>,
    end: Duration,
    samples: u64,
}

impl Gapless {
    /// Takes sound that begins at `time`, and gives on what is whole of it.
    pub fn put(
        &mut self,
        sound: &AudioFrame,
        time: Duration,
        mut on: impl FnMut(&AudioFrame) -> Result<(), ContainerError>,
    ) -> Result<(), ContainerError> {
        let time_base = TimeBase::per_second(sound.sample_rate());
        let sound = sound.clone().with_pts(time_base.ticks(time), time_base);
        let adapter = match &mut self.adapter {
            Some(adapter) => adapter,
            none => {
                let (rate, channels) = (sound.sample_rate(), sound.channels());
                none.insert(AudioAdapter::new(rate, channels, rate as usize / 50)?)
            }
        };
        let mut shaped = Vec::new();
        adapter.push(&sound, &mut shaped)?;
        shaped.iter().try_for_each(|sound| self.give(sound, &mut on))
    }

    /// Gives on what is left.
    pub fn finish(
        &mut self,
        mut on: impl FnMut(&AudioFrame) -> Result<(), ContainerError>,
    ) -> Result<(), ContainerError> {
        let mut rest = Vec::new();
        if let Some(adapter) = &mut self.adapter {
            adapter.flush(&mut rest)?;
        }
        rest.iter().try_for_each(|sound| self.give(sound, &mut on))
    }

    /// Where what was given on ends.
    pub fn end(&self) -> Duration {
        self.end
    }

    /// Of 16-bit samples.
    pub fn byte_len(&self) -> u64 {
        self.samples * 2
    }

    /// With silence up to where it begins.
    fn give(
        &mut self,
        sound: &AudioFrame,
        on: &mut impl FnMut(&AudioFrame) -> Result<(), ContainerError>,
    ) -> Result<(), ContainerError> {
        let mut gap = sound.time_base().duration(sound.pts()).saturating_sub(self.end).min(MOST_SILENCE);
        while gap >= LEAST_SILENCE {
            let part = gap.min(Duration::from_secs(1));
            gap -= part;
            let len = (part.as_secs_f64() * f64::from(sound.sample_rate())) as usize;
            let silence = AudioFrame::silence(len, sound.sample_rate(), sound.channels())?;
            self.pass(&silence, on)?;
        }
        self.pass(sound, on)
    }

    fn pass(
        &mut self,
        sound: &AudioFrame,
        on: &mut impl FnMut(&AudioFrame) -> Result<(), ContainerError>,
    ) -> Result<(), ContainerError> {
        let time_base = TimeBase::per_second(sound.sample_rate());
        on(&sound.clone().with_pts(time_base.ticks(self.end), time_base))?;
        self.end += sound.duration();
        self.samples += sound.len() as u64 * u64::from(sound.channels());
        Ok(())
    }
}
