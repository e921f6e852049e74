//! The pictures that arrive: recorded, decoded, and their numbers read.

use crate::error::DemoError;
use crate::reception::{Flow, Look, Recording, create};
use ortica::codecs::coder::{self, DecoderLimits, VideoDecoder};
use ortica::codecs::container::{IvfWriter, write_png};
use ortica::codecs::synthetic::frame_counter;
use ortica::codecs::{Codec, VideoFrame};
use ortica::engine::ReceivedFrame;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::BufWriter;
use std::path::PathBuf;

/// What was seen.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Pictures {
    pub flow: Flow,
    pub decoded: u64,
    /// Without a number that could be read.
    pub unreadable: u64,
    /// With a number that is not above the one before.
    pub disordered: u64,
    pub last_number: Option<u16>,
    pub size: (u32, u32),
}

impl Pictures {
    fn see(&mut self, picture: &VideoFrame) {
        self.decoded += 1;
        self.size = (picture.width(), picture.height());
        let Some(number) = frame_counter(picture) else {
            self.unreadable += 1;
            return;
        };
        // Numbers wrap after 16 bits.
        let step = self.last_number.map(|last| number.wrapping_sub(last));
        self.disordered += u64::from(matches!(step, Some(0 | 0x8000..)));
        self.last_number = Some(number);
    }
}

pub struct Watcher {
    decoder: Box<dyn VideoDecoder>,
    file: Option<IvfWriter<BufWriter<File>>>,
    last_picture: Option<VideoFrame>,
    last_picture_path: Option<PathBuf>,
    found: Pictures,
}

impl Watcher {
    pub fn new(recording: Option<&Recording>) -> Result<Self, DemoError> {
        Ok(Self {
            decoder: coder::video_decoder(Codec::Vp8, DecoderLimits::default())?,
            file: recording.map(|files| create(&files.pictures)).transpose()?.map(IvfWriter::new),
            last_picture: None,
            last_picture_path: recording.map(|files| files.last_picture.clone()),
            found: Pictures::default(),
        })
    }
}

impl Look for Watcher {
    type Found = Pictures;

    fn frame(&mut self, frame: ReceivedFrame) -> Result<(), DemoError> {
        let ReceivedFrame::Frame { frame, arrived, .. } = frame else { return Ok(()) };
        self.found.flow.add(frame.data.len(), arrived);
        if let Some(file) = &mut self.file {
            file.write(&frame)?;
        }
        // A track hands out pictures that can be decoded, from a key frame on: what cannot be is a failure.
        if let Some(picture) = self.decoder.decode(&frame)? {
            self.found.see(&picture);
            self.last_picture = Some(picture);
        }
        Ok(())
    }

    fn finish(self) -> Result<Pictures, DemoError> {
        if let Some(file) = self.file {
            file.finish()?;
        }
        if let (Some(path), Some(picture)) = (&self.last_picture_path, &self.last_picture) {
            write_png(create(path)?, picture)?;
        }
        Ok(self.found)
    }
}
