//! Files that FFmpeg writes.
//!
//! They say at their beginning which tracks they hold. So what comes first waits until each track has begun, or for a moment.

use super::RecordingFormat;
use super::gapless::Gapless;
use super::lane::Item;
use ortica_codecs::Codec;
use ortica_codecs::container::ContainerError;
use ortica_codecs::ffmpeg::Writer;
use std::path::Path;
use std::time::Duration;

/// How long a track is waited for.
const MOST_WAIT: Duration = Duration::from_secs(2);
/// How many frames wait meanwhile: twice as many as a recording holds back at its beginning.
const MOST_FRAMES: usize = 2_048;
/// A piece of a file is no longer than that: what is lost when the program is killed.
const PIECE: Duration = Duration::from_secs(1);

pub(super) struct Muxed {
    writer: Writer,
    tracks: Vec<Track>,
    takes_many: bool,
    /// How many there will be, as far as is known, and what was the latest then.
    expected: Option<(usize, Duration)>,
    waiting: Vec<(usize, Duration, Item)>,
    /// Since the last piece was written.
    piece: Duration,
    /// Nothing can be written any more.
    has_failed: bool,
}

struct Track {
    lane: usize,
    /// `None` for sound that is encoded here.
    codec: Option<Codec>,
    number: usize,
    sound: Gapless,
}

impl Track {
    fn takes(&self, lane: usize, item: &Item) -> bool {
        let codec = match item {
            Item::Encoded(frame) => Some(frame.codec),
            _ => None,
        };
        (self.lane, self.codec) == (lane, codec)
    }
}

impl Muxed {
    pub fn create(path: &Path, format: RecordingFormat, options: &[(String, String)]) -> Result<Self, ContainerError> {
        let (name, own) = match format {
            RecordingFormat::Mp4 => ("mp4", Some(("movflags", "frag_keyframe+empty_moov+default_base_moof"))),
            RecordingFormat::MpegTs => ("mpegts", None),
            _ => ("mp3", None),
        };
        let mut all = options.to_vec();
        if let Some((key, value)) = own.filter(|(key, _)| options.iter().all(|(other, _)| other != key)) {
            all.push((key.to_owned(), value.to_owned()));
        }
        let writer = Writer::create(path, name, &all)?;
        Ok(Self {
            writer,
            tracks: Vec::new(),
            takes_many: format.takes_many(),
            expected: None,
            waiting: Vec::new(),
            piece: Duration::ZERO,
            has_failed: false,
        })
    }

    /// Writes something, now or soon; `false` for what has no place: a track that came too late, or pictures before a key frame.
    pub fn put(&mut self, lane: usize, time: Duration, item: Item) -> Result<bool, ContainerError> {
        if self.writer.is_begun() {
            return self.write(lane, time, &item);
        }
        if !self.tracks.iter().any(|track| track.takes(lane, &item)) && !self.add_track(lane, &item)? {
            return Ok(false);
        }
        self.waiting.push((lane, time, item));
        if self.is_due(time) {
            self.begin()?;
        }
        Ok(true)
    }

    /// Whether the last error was that of the whole file: it could not begin, or its encoder is not there or has failed.
    pub fn has_failed(&self) -> bool {
        self.has_failed
    }

    /// So many tracks have begun; others are waited for no longer than a moment from now on.
    pub fn settle(&mut self, tracks: usize) -> Result<(), ContainerError> {
        let latest = self.waiting.iter().map(|(_, time, _)| *time).max().unwrap_or_default();
        self.expected = Some((tracks, latest));
        if !self.writer.is_begun() && !self.waiting.is_empty() && self.is_due(latest) {
            self.begin()?;
        }
        Ok(())
    }

    fn is_due(&self, now: Duration) -> bool {
        if !self.takes_many || self.waiting.len() >= MOST_FRAMES {
            return true;
        }
        // One alone may not stay so.
        self.expected.is_some_and(|(expected, since)| {
            expected > 1 && self.tracks.len() >= expected || now.saturating_sub(since) >= MOST_WAIT
        })
    }

    pub fn flush(&mut self) -> Result<(), ContainerError> {
        self.writer.flush()
    }

    pub fn byte_len(&mut self) -> u64 {
        self.writer.byte_len()
    }

    pub fn finish(mut self) -> Result<Duration, ContainerError> {
        if !self.writer.is_begun() && !self.tracks.is_empty() {
            self.begin()?;
        }
        for track in &mut self.tracks {
            track.sound.finish(|sound| self.writer.write_sound(track.number, sound))?;
        }
        self.writer.finish()
    }

    /// `false` for what a track cannot begin with.
    fn add_track(&mut self, lane: usize, item: &Item) -> Result<bool, ContainerError> {
        let (codec, number) = match item {
            Item::Encoded(frame) => (Some(frame.codec), self.writer.add_track(frame)?),
            Item::Sound(sound) => (None, Some(self.add_sound(sound.channels())?)),
            Item::Picture(_) => (None, None),
        };
        self.tracks.extend(number.map(|number| Track { lane, codec, number, sound: Gapless::default() }));
        Ok(number.is_some())
    }

    /// Whatever hinders that, the next sound would be no better off.
    fn add_sound(&mut self, channels: u8) -> Result<usize, ContainerError> {
        let added = self.writer.add_sound(channels);
        self.has_failed |= added.is_err();
        added
    }

    /// Writes the beginning of the file, and what has waited for it.
    fn begin(&mut self) -> Result<(), ContainerError> {
        // Without a beginning there is no file.
        let begun = self.writer.begin();
        self.has_failed |= begun.is_err();
        begun?;
        for (lane, time, item) in std::mem::take(&mut self.waiting) {
            self.write(lane, time, &item)?;
        }
        Ok(())
    }

    fn write(&mut self, lane: usize, time: Duration, item: &Item) -> Result<bool, ContainerError> {
        let Some(track) = self.tracks.iter_mut().find(|track| track.takes(lane, item)) else { return Ok(false) };
        let (writer, number) = (&mut self.writer, track.number);
        match item {
            Item::Encoded(frame) => writer.write(number, time, frame)?,
            Item::Sound(sound) => {
                let written = track.sound.put(sound, time, |sound| writer.write_sound(number, sound));
                // What is wrong with that sound alone is left out.
                self.has_failed |= !matches!(written, Ok(()) | Err(ContainerError::Frame(_)));
                written?;
            }
            Item::Picture(_) => return Ok(false),
        }
        if time.saturating_sub(self.piece) >= PIECE {
            self.piece = time;
            self.writer.flush()?;
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests;
