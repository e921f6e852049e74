//! Frames into a file that can be played however its writing ends.

use std::io::{Seek, SeekFrom, Write};
use std::time::Duration;

use super::ebml::{self, put_bytes, put_float, put_id, put_master, put_size, put_uint, put_wide_size, put_wide_uint};
use super::{TICK_NANOS, WebmProfile, WebmTrack};
use crate::container::{ContainerError, MAX_FRAME};
use crate::{EncodedFrame, MediaKind};

/// What is before the first cluster, behind the length of the segment: with room for tracks that are added later.
const HEAD_LEN: usize = 2_048;
/// A cluster is written at the latest when it holds this many ticks.
const CLUSTER_TICKS: u64 = 1_000;
/// Or this many bytes.
const CLUSTER_BYTES: usize = 4 << 20;
/// Ticks between two places that can be sought, while they are few.
const CUE_TICKS: u64 = 1_000;
/// The most places that can be sought; beyond that every other one goes.
const MAX_CUES: usize = 16_384;
const APPLICATION: &str = "ortica";
/// The frame can be decoded without any before it.
const KEY_FRAME: u8 = 0x80;
const DISCARDABLE: u8 = 0x01;

/// A track of a [`WebmWriter`].
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct WebmTrackNumber(u8);

/// Writes encoded frames of several tracks. Tracks may be added at any time.
///
/// What is written can be played up to the last whole cluster, whatever happens then: a cluster holds a second at most, and is
/// written at once. [`finish`](Self::finish) adds how long the file lasts and where it can be sought.
#[derive(Debug)]
pub struct WebmWriter<W> {
    inner: W,
    profile: WebmProfile,
    /// Where the contents of the segment begin in `inner`.
    segment_at: u64,
    /// Bytes of the segment that are written.
    written: u64,
    tracks: Vec<Track>,
    cluster: Cluster,
    cues: Cues,
    /// In ticks: where what is written ends.
    end: u64,
}

#[derive(Debug)]
struct Track {
    description: WebmTrack,
    /// In ticks.
    last: Option<u64>,
}

/// Frames that are not written yet.
#[derive(Debug, Default)]
struct Cluster {
    /// In ticks; blocks count from there.
    start: u64,
    /// The latest, with what it lasts.
    end: u64,
    blocks: Vec<u8>,
    /// The track whose frame it begins with, if that can be decoded without any before it.
    cue: Option<u8>,
}

#[derive(Debug)]
struct Cues {
    /// Time, track, and place in the segment.
    points: Vec<(u64, u8, u64)>,
    least_ticks: u64,
}

impl<W: Write + Seek> WebmWriter<W> {
    /// A file into `inner`, at its present position, which is taken for the start.
    ///
    /// # Errors
    /// [`ContainerError::Io`] from the file.
    pub fn new(mut inner: W, profile: WebmProfile) -> Result<Self, ContainerError> {
        let start = inner.stream_position()?;
        let mut head = Vec::new();
        put_master(&mut head, ebml::EBML, |out| {
            for id in [ebml::EBML_VERSION, ebml::EBML_READ_VERSION] {
                put_uint(out, id, 1);
            }
            put_uint(out, ebml::EBML_MAX_ID_LENGTH, 4);
            put_uint(out, ebml::EBML_MAX_SIZE_LENGTH, 8);
            put_bytes(out, ebml::DOC_TYPE, profile.doc_type().as_bytes());
            put_uint(out, ebml::DOC_TYPE_VERSION, 4);
            put_uint(out, ebml::DOC_TYPE_READ_VERSION, 2);
        });
        put_id(&mut head, ebml::SEGMENT);
        head.extend_from_slice(&ebml::UNKNOWN_SIZE);
        let segment_at = start + head.len() as u64;
        let mut writer = Self {
            inner,
            profile,
            segment_at,
            written: HEAD_LEN as u64,
            tracks: Vec::new(),
            cluster: Cluster::default(),
            cues: Cues { points: Vec::new(), least_ticks: CUE_TICKS },
            end: 0,
        };
        head.extend(writer.head(None)?);
        writer.inner.write_all(&head)?;
        Ok(writer)
    }

    /// Adds a track, whose frames may follow.
    ///
    /// # Errors
    /// [`ContainerError::WrongCodec`] for one that does not go into this kind of file, [`ContainerError::Malformed`] for H.264 that is not
    /// [of a frame](WebmTrack::of_frame), [`ContainerError::TooManyTracks`] beyond some twenty, [`ContainerError::Io`] from the file.
    pub fn add_track(&mut self, track: WebmTrack) -> Result<WebmTrackNumber, ContainerError> {
        if !self.profile.takes(track.codec()) {
            return Err(ContainerError::WrongCodec(track.codec()));
        }
        if !track.is_whole() {
            return Err(ContainerError::Malformed("WebM track without parameter sets"));
        }
        let number = u8::try_from(self.tracks.len() + 1).map_err(|_| ContainerError::TooManyTracks)?;
        self.tracks.push(Track { description: track, last: None });
        let rewritten = self.head(None).and_then(|head| self.write_at(self.segment_at, &head));
        if rewritten.is_err() {
            self.tracks.pop();
        }
        rewritten.map(|()| WebmTrackNumber(number))
    }

    /// Appends a frame that is shown or heard at `time` from the start of the file. Times of a track rise: a frame that is not
    /// after the one before comes a millisecond after it.
    ///
    /// # Errors
    /// [`ContainerError::WrongCodec`] for a frame of another codec than the track's, [`ContainerError::Malformed`] for one above
    /// [`MAX_FRAME`], [`ContainerError::Io`] from the file. What could not be written is tried again with the next frame.
    pub fn write(
        &mut self,
        WebmTrackNumber(number): WebmTrackNumber,
        time: Duration,
        frame: &EncodedFrame,
    ) -> Result<(), ContainerError> {
        let track = self.tracks.get_mut(usize::from(number) - 1).ok_or(ContainerError::Malformed("WebM track"))?;
        if track.description.codec() != frame.codec {
            return Err(ContainerError::WrongCodec(frame.codec));
        }
        if frame.data.len() > MAX_FRAME {
            return Err(ContainerError::Malformed("WebM frame length"));
        }
        let at =
            u64::try_from((time.as_nanos() + u128::from(TICK_NANOS / 2)) / u128::from(TICK_NANOS)).unwrap_or(u64::MAX);
        let at = track.last.map_or(at, |last| at.max(last.saturating_add(1)));
        track.last = Some(at);
        let data = track.description.sample(frame);
        let is_picture = frame.codec.kind() == MediaKind::Video;
        if !self.cluster.takes(at, is_picture && frame.key_frame) {
            self.flush()?;
        }
        if self.cluster.blocks.is_empty() {
            let has_pictures = self.tracks.iter().any(|track| track.description.codec().kind() == MediaKind::Video);
            let cue = (frame.key_frame && is_picture == has_pictures).then_some(number);
            self.cluster = Cluster { start: at, end: at, blocks: Vec::new(), cue };
        }
        let lasts = frame.time_base().duration(frame.duration.into()).as_millis() as u64;
        self.cluster.push(number, at, lasts, frame, &data);
        Ok(())
    }

    /// How many bytes the file has with what is still to be written.
    pub fn len(&self) -> u64 {
        self.segment_at + self.written + self.cluster.blocks.len() as u64
    }

    /// `true` until the first frame.
    pub fn is_empty(&self) -> bool {
        self.end == 0 && self.cluster.blocks.is_empty()
    }

    /// How long the file lasts so far.
    pub fn duration(&self) -> Duration {
        Duration::from_millis(self.end.max(self.cluster.end))
    }

    /// Writes what is there as a cluster: before a pause, or it would be lost with the process.
    ///
    /// # Errors
    /// [`ContainerError::Io`] from the file, whose next cluster is written over what was begun.
    pub fn flush(&mut self) -> Result<(), ContainerError> {
        if self.cluster.blocks.is_empty() {
            return Ok(());
        }
        let mut bytes = Vec::with_capacity(self.cluster.blocks.len() + 32);
        let mut start = Vec::new();
        put_uint(&mut start, ebml::TIMESTAMP, self.cluster.start);
        put_id(&mut bytes, ebml::CLUSTER);
        put_size(&mut bytes, start.len() + self.cluster.blocks.len());
        bytes.append(&mut start);
        bytes.extend_from_slice(&self.cluster.blocks);
        if let Err(error) = self.inner.write_all(&bytes) {
            self.inner.seek(SeekFrom::Start(self.segment_at + self.written))?;
            return Err(error.into());
        }
        if let Some(track) = self.cluster.cue {
            self.cues.add(self.cluster.start, track, self.written);
        }
        self.written += bytes.len() as u64;
        self.end = self.end.max(self.cluster.end);
        self.cluster.blocks.clear();
        Ok(())
    }

    /// Writes what is left, how long it lasts and where it can be sought, and gives the file back.
    ///
    /// # Errors
    /// [`ContainerError::Io`] from the file. What was written before can still be played, and where possible tells how long it
    /// lasts.
    pub fn finish(mut self) -> Result<W, ContainerError> {
        let ended = self.flush().and_then(|()| self.write_cues());
        let (cues_at, failed) = match ended {
            Ok(cues_at) => (cues_at, None),
            Err(error) => (None, Some(error)),
        };
        let head = self.head(Some(cues_at))?;
        self.write_at(self.segment_at, &head)?;
        if let Some(error) = failed {
            return Err(error);
        }
        let mut size = Vec::new();
        put_wide_size(&mut size, self.written);
        self.write_at(self.segment_at - ebml::UNKNOWN_SIZE.len() as u64, &size)?;
        self.inner.flush()?;
        Ok(self.inner)
    }

    /// Gives where they are, if there are some.
    fn write_cues(&mut self) -> Result<Option<u64>, ContainerError> {
        if self.cues.points.is_empty() {
            return Ok(None);
        }
        let bytes = self.cues.encode();
        self.inner.write_all(&bytes)?;
        let at = self.written;
        self.written += bytes.len() as u64;
        Ok(Some(at))
    }

    /// Everything before the first cluster. The end of the file is known in the end, and with it where the cues are.
    fn head(&self, end: Option<Option<u64>>) -> Result<Vec<u8>, ContainerError> {
        let (mut info, mut tracks) = (Vec::new(), Vec::new());
        put_master(&mut info, ebml::INFO, |out| {
            put_uint(out, ebml::TIMESTAMP_SCALE, TICK_NANOS);
            put_bytes(out, ebml::MUXING_APP, APPLICATION.as_bytes());
            put_bytes(out, ebml::WRITING_APP, APPLICATION.as_bytes());
            if end.is_some() {
                put_float(out, ebml::DURATION, self.end as f64);
            }
        });
        put_master(&mut tracks, ebml::TRACKS, |out| {
            for (number, track) in (1..).zip(&self.tracks) {
                track.description.encode(number, out);
            }
        });
        let cues_at = end.flatten();
        let places = |info_at, tracks_at| {
            let mut places = vec![(ebml::INFO, info_at), (ebml::TRACKS, tracks_at)];
            places.extend(cues_at.map(|at| (ebml::CUES, at)));
            seek_head(&places)
        };
        // Places have one length, whatever they are.
        let len = places(0, 0).len() as u64;
        let mut head = places(len, len + info.len() as u64);
        head.append(&mut info);
        head.append(&mut tracks);
        // The rest is left for more: an identifier, a length of eight bytes, and nothing.
        let room = HEAD_LEN.checked_sub(head.len() + 9).ok_or(ContainerError::TooManyTracks)?;
        put_id(&mut head, ebml::VOID);
        put_wide_size(&mut head, room as u64);
        head.resize(HEAD_LEN, 0);
        Ok(head)
    }

    /// Writes over what is there, and returns to the end.
    fn write_at(&mut self, place: u64, bytes: &[u8]) -> Result<(), ContainerError> {
        self.inner.seek(SeekFrom::Start(place))?;
        self.inner.write_all(bytes)?;
        self.inner.seek(SeekFrom::Start(self.segment_at + self.written))?;
        Ok(())
    }
}

fn seek_head(places: &[(ebml::Id, u64)]) -> Vec<u8> {
    let mut out = Vec::new();
    put_master(&mut out, ebml::SEEK_HEAD, |out| {
        for &(id, at) in places {
            put_master(out, ebml::SEEK, |out| {
                put_bytes(out, ebml::SEEK_ID, &id.to_be_bytes());
                put_wide_uint(out, ebml::SEEK_POSITION, at);
            });
        }
    });
    out
}

impl Cluster {
    /// Whether a frame still belongs to it.
    fn takes(&self, at: u64, key_picture: bool) -> bool {
        let since = i64::try_from(at).unwrap_or(i64::MAX).saturating_sub(i64::try_from(self.start).unwrap_or(i64::MAX));
        self.blocks.is_empty()
            || !key_picture
                && since < CLUSTER_TICKS as i64
                && i16::try_from(since).is_ok()
                && self.blocks.len() < CLUSTER_BYTES
    }

    fn push(&mut self, track: u8, at: u64, lasts: u64, frame: &EncodedFrame, data: &[u8]) {
        put_id(&mut self.blocks, ebml::SIMPLE_BLOCK);
        put_size(&mut self.blocks, 4 + data.len());
        self.blocks.push(0x80 | track);
        // `takes` has seen that it fits.
        let since = at.wrapping_sub(self.start) as i16;
        self.blocks.extend_from_slice(&since.to_be_bytes());
        let key_frame = if frame.key_frame { KEY_FRAME } else { 0 };
        let discardable = if frame.discardable { DISCARDABLE } else { 0 };
        self.blocks.push(key_frame | discardable);
        self.blocks.extend_from_slice(data);
        self.end = self.end.max(at.saturating_add(lasts));
    }
}

impl Cues {
    fn add(&mut self, time: u64, track: u8, at: u64) {
        if self.points.last().is_some_and(|&(last, ..)| time < last.saturating_add(self.least_ticks)) {
            return;
        }
        if self.points.len() >= MAX_CUES {
            let mut keep = false;
            self.points.retain(|_| {
                keep = !keep;
                keep
            });
            self.least_ticks *= 2;
        }
        self.points.push((time, track, at));
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_master(&mut out, ebml::CUES, |out| {
            for &(time, track, at) in &self.points {
                put_master(out, ebml::CUE_POINT, |out| {
                    put_uint(out, ebml::CUE_TIME, time);
                    put_master(out, ebml::CUE_TRACK_POSITIONS, |out| {
                        put_uint(out, ebml::CUE_TRACK, track.into());
                        put_uint(out, ebml::CUE_CLUSTER_POSITION, at);
                    });
                });
            }
        });
        out
    }
}

#[cfg(test)]
mod tests;
