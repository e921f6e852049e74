//! Pictures, each in a file of its own.

use super::file::numbered;
use ortica_codecs::VideoFrame;
use ortica_codecs::container::{ContainerError, write_png};
use std::fs::File;
use std::io::{BufWriter, Seek, Write};
use std::path::PathBuf;
use std::time::Duration;

/// A sequence that is being written.
#[derive(Debug)]
pub(super) struct Pictures {
    path: PathBuf,
    /// Made beforehand, so that it is known at once whether there can be any.
    next: File,
    count: usize,
    end: Duration,
}

impl Pictures {
    pub fn create(path: PathBuf) -> Result<Self, ContainerError> {
        let next = File::create(numbered(&path, 1))?;
        Ok(Self { path, next, count: 0, end: Duration::ZERO })
    }

    pub fn first(&self) -> PathBuf {
        numbered(&self.path, 1)
    }

    /// Gives how many bytes that were.
    pub fn put(&mut self, picture: &VideoFrame) -> Result<u64, ContainerError> {
        if self.count > 0 {
            self.next = File::create(numbered(&self.path, self.count + 1))?;
        }
        self.count += 1;
        let mut file = BufWriter::new(&mut self.next);
        write_png(&mut file, picture)?;
        file.flush()?;
        self.end = picture.time_base().duration(picture.pts());
        Ok(file.stream_position()?)
    }

    /// Up to the last picture.
    pub fn duration(&self) -> Duration {
        self.end
    }
}
