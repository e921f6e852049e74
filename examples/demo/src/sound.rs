//! The sound that arrives: recorded, decoded, and the tone found in it.

use crate::error::DemoError;
use crate::reception::{Flow, Look, Recording, create};
use ortica::codecs::Codec;
use ortica::codecs::coder::{self, AudioDecoder};
use ortica::codecs::container::OggOpusWriter;
use ortica::codecs::synthetic::{tone_level, tone_purity};
use ortica::engine::ReceivedFrame;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::BufWriter;

/// How much of a frame has to be the tone, for it to be heard.
const PURITY: f64 = 0.8;

/// What was heard.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Sound {
    pub flow: Flow,
    /// Frames in which the tone was heard.
    pub heard: u64,
    /// The amplitude of the tone in all of those, 0 to 1 each.
    pub amplitudes: f64,
    /// Frames that were missing when they were to be heard.
    pub lost: u64,
}

impl Sound {
    /// How loud the tone is, in decibels of full scale: at most 0, minus infinity if it was not heard.
    pub fn level(&self) -> f64 {
        20.0 * (self.amplitudes / self.heard.max(1) as f64).log10()
    }
}

pub struct Listener {
    frequency: f64,
    decoder: Box<dyn AudioDecoder>,
    file: Option<OggOpusWriter<BufWriter<File>>>,
    found: Sound,
}

impl Listener {
    /// Listens for the tone of this frequency, in hertz.
    pub fn new(frequency: f64, recording: Option<&Recording>) -> Result<Self, DemoError> {
        let file = recording.map(|files| create(&files.sound)).transpose()?;
        Ok(Self {
            frequency,
            decoder: coder::audio_decoder(Codec::Opus)?,
            file: file.map(|file| OggOpusWriter::new(file, 2, 0)).transpose()?,
            found: Sound::default(),
        })
    }
}

impl Look for Listener {
    type Found = Sound;

    fn frame(&mut self, frame: ReceivedFrame) -> Result<(), DemoError> {
        let ReceivedFrame::Frame { frame, arrived, .. } = frame else {
            self.found.lost += 1;
            return Ok(());
        };
        self.found.flow.add(frame.data.len(), arrived);
        if let Some(file) = &mut self.file {
            file.write(&frame)?;
        }
        let sound = self.decoder.decode(&frame)?;
        if tone_purity(&sound, self.frequency) > PURITY {
            self.found.heard += 1;
            self.found.amplitudes += tone_level(&sound, self.frequency);
        }
        Ok(())
    }

    fn finish(self) -> Result<Sound, DemoError> {
        if let Some(file) = self.file {
            file.finish()?;
        }
        Ok(self.found)
    }
}
