//! The files of a recording, one after the other.

use super::RecordingFormat;
use super::lane::{Coding, Item};
use ortica_codecs::container::{ContainerError, OggOpusWriter, WavWriter, WebmTrack, WebmTrackNumber, WebmWriter};
use ortica_codecs::frame::AudioAdapter;
use ortica_codecs::{AudioFrame, Codec, EncodedFrame};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Silence beyond this between two stretches of sound is left out, where it takes room.
const MOST_SILENCE: Duration = Duration::from_secs(600);
/// Sound that is this late begins after a silence.
const LEAST_SILENCE: Duration = Duration::from_millis(20);

/// What is to be written where.
#[derive(Clone, Debug)]
pub(super) struct Files {
    path: PathBuf,
    format: RecordingFormat,
    most_duration: Option<Duration>,
    most_bytes: Option<u64>,
    pub coding: Coding,
}

impl Files {
    pub fn new(
        path: PathBuf,
        format: RecordingFormat,
        most_duration: Option<Duration>,
        most_bytes: Option<u64>,
        coding: Coding,
    ) -> Self {
        Self { path, format, most_duration, most_bytes, coding }
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
        let part = |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
        let (stem, extension) = (part(self.path.file_stem()), part(self.path.extension()));
        self.path.with_file_name(format!("{stem}-{number:04}.{extension}"))
    }

    /// Creates the file of that number, for what comes from `start` of the recording on.
    pub fn create(&self, number: usize, start: Duration) -> Result<Output, ContainerError> {
        let path = self.path_of(number);
        let file = File::create(&path)?;
        let writer = match (self.format, self.format.profile()) {
            (RecordingFormat::Ogg, _) => Writer::Ogg(OggOpusWriter::new(file, 2, 0)?),
            (_, Some(profile)) => Writer::Webm(WebmWriter::new(file, profile)?, Vec::new()),
            (_, None) => Writer::Wav(Box::new(Wave { file: WavWriter::new(file), adapter: None, end: Duration::ZERO })),
        };
        Ok(Output { path, start, bytes: 0, writer })
    }

    /// Whether that is enough for one file.
    pub fn is_full(&self, output: &Output, now: Duration) -> bool {
        let is_long = self.most_duration.is_some_and(|most| now.saturating_sub(output.start) >= most);
        is_long || self.most_bytes.is_some_and(|most| output.bytes >= most)
    }
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
    adapter: Option<AudioAdapter>,
    end: Duration,
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
                self.bytes += wave.put(&sound, since)?;
                true
            }
            _ => false,
        };
        Ok(written)
    }

    /// Writes what came so far.
    pub fn flush(&mut self) -> Result<(), ContainerError> {
        match &mut self.writer {
            Writer::Webm(writer, _) => writer.flush(),
            // Written as it comes, a second at a time at most.
            Writer::Ogg(_) | Writer::Wav(_) => Ok(()),
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
            Writer::Wav(wave) => wave.finish()?,
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

impl Wave {
    /// Gives how many bytes that were.
    fn put(&mut self, sound: &AudioFrame, since: Duration) -> Result<u64, ContainerError> {
        let time_base = ortica_codecs::TimeBase::per_second(sound.sample_rate());
        let sound = sound.clone().with_pts(time_base.ticks(since), time_base);
        let adapter = match &mut self.adapter {
            Some(adapter) => adapter,
            none => {
                let (rate, channels) = (sound.sample_rate(), sound.channels());
                none.insert(AudioAdapter::new(rate, channels, rate as usize / 50)?)
            }
        };
        let mut shaped = Vec::new();
        adapter.push(&sound, &mut shaped)?;
        let mut bytes = 0;
        for sound in &shaped {
            bytes += self.fill(sound)?;
            bytes += self.write(sound)?;
        }
        Ok(bytes)
    }

    /// Silence up to where a frame begins.
    fn fill(&mut self, next: &AudioFrame) -> Result<u64, ContainerError> {
        let mut gap = next.time_base().duration(next.pts()).saturating_sub(self.end).min(MOST_SILENCE);
        let mut bytes = 0;
        while gap >= LEAST_SILENCE {
            let part = gap.min(Duration::from_secs(1));
            gap -= part;
            let len = (part.as_secs_f64() * f64::from(next.sample_rate())) as usize;
            bytes += self.write(&AudioFrame::silence(len, next.sample_rate(), next.channels())?)?;
        }
        Ok(bytes)
    }

    fn write(&mut self, sound: &AudioFrame) -> Result<u64, ContainerError> {
        self.file.write(sound)?;
        self.end += sound.duration();
        Ok(sound.len() as u64 * u64::from(sound.channels()) * 2)
    }

    fn finish(mut self) -> Result<Duration, ContainerError> {
        let mut rest = Vec::new();
        if let Some(adapter) = &mut self.adapter {
            adapter.flush(&mut rest)?;
        }
        for sound in &rest {
            self.fill(sound)?;
            self.write(sound)?;
        }
        self.file.finish()?;
        Ok(self.end)
    }
}

/// What the file itself said, where it was that.
pub(super) fn io_error(error: ContainerError) -> io::Error {
    match error {
        ContainerError::Io(error) => error,
        other => io::Error::other(other),
    }
}
