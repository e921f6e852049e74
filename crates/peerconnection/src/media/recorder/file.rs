//! The files of a recording, one after the other.

use super::gapless::Gapless;
use super::lane::{Coding, Item};
#[cfg(feature = "ffmpeg")]
use super::muxed::Muxed;
use super::pictures::Pictures;
use super::{RecorderOptions, RecordingFormat};
use ortica_codecs::container::{
    ContainerError, OggOpusWriter, WavWriter, WebmProfile, WebmTrack, WebmTrackNumber, WebmWriter,
};
use ortica_codecs::{Codec, EncodedFrame};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What is to be written where.
#[derive(Clone, Debug)]
pub(super) struct Files {
    path: PathBuf,
    format: RecordingFormat,
    most_duration: Option<Duration>,
    most_bytes: Option<u64>,
    pub coding: Coding,
    #[cfg(feature = "ffmpeg")]
    options: Vec<(String, String)>,
}

impl Files {
    pub fn new(path: PathBuf, format: RecordingFormat, options: RecorderOptions) -> Self {
        Self {
            path,
            format,
            most_duration: options.segment_duration,
            most_bytes: options.segment_size,
            coding: options.coding,
            #[cfg(feature = "ffmpeg")]
            options: options.options,
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn format(&self) -> RecordingFormat {
        self.format
    }

    /// The file of that number, from one on.
    pub fn path_of(&self, number: usize) -> PathBuf {
        if self.most_duration.is_none() && self.most_bytes.is_none() {
            return self.path.clone();
        }
        numbered(&self.path, number)
    }

    /// Creates the file of that number, for what comes from `start` of the recording on.
    pub fn create(&self, number: usize, start: Duration) -> Result<Output, ContainerError> {
        let mut path = self.path_of(number);
        let file = || File::create(&path);
        let webm = |profile| -> Result<Writer, ContainerError> {
            Ok(Writer::Webm(WebmWriter::new(file()?, profile)?, Vec::new()))
        };
        let writer = match self.format {
            RecordingFormat::Webm => webm(WebmProfile::Webm)?,
            RecordingFormat::Matroska => webm(WebmProfile::Matroska)?,
            RecordingFormat::Ogg => Writer::Ogg(OggOpusWriter::new(file()?, 2, 0)?),
            RecordingFormat::Wav => {
                Writer::Wav(Box::new(Wave { file: WavWriter::new(file()?), sound: Gapless::default() }))
            }
            RecordingFormat::Png => {
                let pictures = Pictures::create(path)?;
                path = pictures.first();
                Writer::Png(pictures)
            }
            #[cfg(feature = "ffmpeg")]
            RecordingFormat::Mp4 | RecordingFormat::MpegTs | RecordingFormat::Mp3 => {
                // Whether it can be made is told by the system, before FFmpeg sums it up.
                drop(file()?);
                Writer::Muxed(Box::new(Muxed::create(&path, self.format, &self.options)?))
            }
        };
        Ok(Output { path, start, bytes: 0, writer })
    }

    /// Whether that is enough for one file.
    pub fn is_full(&self, output: &Output, now: Duration) -> bool {
        let is_long = self.most_duration.is_some_and(|most| now.saturating_sub(output.start) >= most);
        is_long || self.most_bytes.is_some_and(|most| output.bytes >= most)
    }
}

/// `call.webm` as `call-0001.webm`.
pub(super) fn numbered(path: &Path, number: usize) -> PathBuf {
    let part = |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
    let (stem, extension) = (part(path.file_stem()), part(path.extension()));
    path.with_file_name(format!("{stem}-{number:04}.{extension}"))
}

/// A file that is being written.
pub(super) struct Output {
    pub path: PathBuf,
    /// From the start of the recording.
    start: Duration,
    bytes: u64,
    writer: Writer,
}

enum Writer {
    Webm(WebmWriter<File>, Vec<Track>),
    Ogg(OggOpusWriter<File>),
    Wav(Box<Wave>),
    Png(Pictures),
    #[cfg(feature = "ffmpeg")]
    Muxed(Box<Muxed>),
}

/// Each codec of a lane has a track of its own.
struct Track {
    lane: usize,
    codec: Codec,
    number: WebmTrackNumber,
}

/// Sound in the shape of its first frame.
struct Wave {
    file: WavWriter<File>,
    sound: Gapless,
}

impl Output {
    /// Writes something; `false` for what cannot be shown, since no key frame came yet.
    pub fn put(&mut self, lane: usize, item: Item) -> Result<bool, ContainerError> {
        let time = item.time();
        let since = time.saturating_sub(self.start);
        let written = match (&mut self.writer, item) {
            (Writer::Webm(writer, tracks), Item::Encoded(frame)) => {
                let written = put_webm(writer, tracks, lane, since, &frame)?;
                self.bytes = writer.len();
                written
            }
            (Writer::Ogg(writer), Item::Encoded(mut frame)) => {
                frame.pts = frame.time_base().ticks(since);
                writer.write(&frame)?;
                self.bytes += frame.data.len() as u64;
                true
            }
            (Writer::Wav(wave), Item::Sound(sound)) => {
                wave.sound.put(&sound, since, |sound| wave.file.write(sound))?;
                self.bytes = wave.sound.byte_len();
                true
            }
            (Writer::Png(pictures), Item::Picture(picture)) => {
                self.bytes += pictures.put(&picture)?;
                true
            }
            #[cfg(feature = "ffmpeg")]
            (Writer::Muxed(muxed), item) => {
                let written = muxed.put(lane, since, item)?;
                self.bytes = muxed.byte_len();
                written
            }
            _ => false,
        };
        Ok(written)
    }

    /// So many tracks have begun. Some files say at their beginning what they hold.
    pub fn settle(&mut self, tracks: usize) -> Result<(), ContainerError> {
        match &mut self.writer {
            #[cfg(feature = "ffmpeg")]
            Writer::Muxed(muxed) => muxed.settle(tracks),
            _ => {
                let _ = tracks;
                Ok(())
            }
        }
    }

    /// Whether the last error was that of the whole file, so that nothing more is to be written.
    pub fn has_failed(&self) -> bool {
        match &self.writer {
            #[cfg(feature = "ffmpeg")]
            Writer::Muxed(muxed) => muxed.has_failed(),
            _ => false,
        }
    }

    /// Writes what came so far.
    pub fn flush(&mut self) -> Result<(), ContainerError> {
        match &mut self.writer {
            Writer::Webm(writer, _) => writer.flush(),
            // Written as it comes, a second at a time at most.
            Writer::Ogg(_) | Writer::Wav(_) | Writer::Png(_) => Ok(()),
            #[cfg(feature = "ffmpeg")]
            Writer::Muxed(muxed) => muxed.flush(),
        }
    }

    /// Gives how long the file lasts.
    pub fn finish(self) -> Result<Duration, ContainerError> {
        let duration = match self.writer {
            Writer::Webm(writer, _) => {
                let duration = writer.duration();
                writer.finish()?;
                duration
            }
            Writer::Ogg(writer) => {
                let ticks = i64::try_from(writer.duration()).unwrap_or(i64::MAX);
                writer.finish()?;
                ortica_codecs::TimeBase::per_second(48_000).duration(ticks)
            }
            Writer::Wav(mut wave) => {
                wave.sound.finish(|sound| wave.file.write(sound))?;
                wave.file.finish()?;
                wave.sound.end()
            }
            Writer::Png(pictures) => pictures.duration(),
            #[cfg(feature = "ffmpeg")]
            Writer::Muxed(muxed) => muxed.finish()?,
        };
        Ok(duration)
    }
}

fn put_webm(
    writer: &mut WebmWriter<File>,
    tracks: &mut Vec<Track>,
    lane: usize,
    time: Duration,
    frame: &EncodedFrame,
) -> Result<bool, ContainerError> {
    let known = tracks.iter().find(|track| (track.lane, track.codec) == (lane, frame.codec));
    let number = match known {
        Some(track) => track.number,
        None => {
            // A track begins with a key frame.
            let Some(description) = WebmTrack::of_frame(frame) else { return Ok(false) };
            let number = writer.add_track(description)?;
            tracks.push(Track { lane, codec: frame.codec, number });
            number
        }
    };
    writer.write(number, time, frame)?;
    Ok(true)
}

/// What the file itself said, where it was that.
pub(super) fn io_error(error: ContainerError) -> io::Error {
    match error {
        ContainerError::Io(error) => error,
        other => io::Error::other(other),
    }
}
