//! What FFmpeg reads.

use super::file::Stream;
use super::{Interest, PlayerError, PlayerOptions};
use crate::media::Frame;
use ortica_codecs::container::ContainerError;
use ortica_codecs::ffmpeg::{Content, Reader, Source};
use std::path::Path;
use std::time::Duration;

/// How FFmpeg is to read.
#[derive(Clone, Debug, Default)]
pub(super) struct SourceOptions {
    pub format: Option<String>,
    pub options: Vec<(String, String)>,
}

impl SourceOptions {
    /// What they ask of FFmpeg first, by its name.
    pub fn first(&self) -> Option<&String> {
        self.format.as_ref().or(self.options.first().map(|(name, _)| name))
    }

    /// Whether FFmpeg is to read that, whatever it is.
    pub fn is_foreign(&self, path: &Path) -> bool {
        self.first().is_some() || path.to_str().is_some_and(|path| path.contains("://"))
    }
}

/// A source that FFmpeg has opened.
pub(super) struct Foreign {
    reader: Reader,
}

impl Foreign {
    pub fn open(path: &Path, options: &PlayerOptions, interest: &Interest) -> Result<Self, PlayerError> {
        let Some(url) = path.to_str() else { return Err(PlayerError::Format { path: path.to_owned() }) };
        let SourceOptions { format, options: named } = options.source.clone();
        let source = Source { url: url.to_owned(), format, options: named };
        let interest = interest.clone();
        match Reader::open(&source, options.decode, move || !interest.is_over()) {
            Ok(reader) => Ok(Self { reader }),
            Err(ContainerError::Io(source)) => Err(PlayerError::Open { path: path.to_owned(), source }),
            Err(source) => Err(PlayerError::Read { path: path.to_owned(), source }),
        }
    }

    pub fn streams(&self) -> Vec<Stream> {
        self.reader.streams().iter().map(|stream| Stream { kind: stream.kind, codec: stream.codec }).collect()
    }

    pub fn unknown_codecs(&self) -> &[String] {
        self.reader.unknown_codecs()
    }

    pub fn is_live(&self) -> bool {
        self.reader.is_live()
    }

    pub fn duration(&self) -> Option<Duration> {
        self.reader.duration()
    }

    pub fn seek(&mut self, to: Duration) -> bool {
        self.reader.seek(to).is_ok()
    }

    pub fn next(&mut self) -> Result<Option<(usize, Frame)>, ContainerError> {
        let next = self.reader.next_content()?;
        Ok(next.map(|(stream, content)| match content {
            Content::Encoded(frame) => (stream, frame.into()),
            Content::Sound(sound) => (stream, sound.into()),
            Content::Picture(picture) => (stream, picture.into()),
        }))
    }
}

#[cfg(test)]
mod tests;
