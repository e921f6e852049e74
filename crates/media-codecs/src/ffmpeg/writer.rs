//! A file of a format that FFmpeg writes.

use std::path::Path;
use std::time::Duration;

use ffmpeg_next::codec::Id;
use ffmpeg_next::format::context::Output;
use ffmpeg_next::{Packet, codec, format, packet};

use super::raw::Description;
use super::sound::{self, SoundEncoder};
use super::{failed, init, raw};
use crate::container::{ContainerError, avc};
use crate::payload::vp9;
use crate::{AudioFrame, Codec, EncodedFrame, MediaKind, TimeBase};

/// Writes tracks side by side. All are added before the first frame is written; frames of one track come in the order of their
/// times, which are counted from the start of the file.
pub struct Writer {
    output: Output,
    options: Vec<(String, String)>,
    tracks: Vec<Track>,
    state: State,
    end: Duration,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    New,
    Begun,
    /// The beginning could not be written, and is not tried again.
    Failed,
}

struct Track {
    encoder: Option<Box<SoundEncoder>>,
    /// Of what is written, and of the file.
    time_bases: (TimeBase, TimeBase),
    /// What comes last is kept until it is known how long it lasts, since the format adds up what all before it last.
    held: Option<Held>,
    /// Of the file's, of what came last.
    last: Option<i64>,
    /// How long one lasts as a rule.
    step: i64,
}

struct Held {
    packet: Packet,
    time: i64,
    /// What its encoder says.
    lasts: Option<i64>,
}

/// What lasts longer, in seconds, has a gap behind it.
const LONGEST: i64 = 1;

impl Writer {
    /// Creates a file of a format by FFmpeg's name, such as `mp4`, with options of that format.
    ///
    /// # Errors
    /// [`ContainerError`] if there is no such format, or no such file can be made.
    pub fn create(path: &Path, format: &str, options: &[(String, String)]) -> Result<Self, ContainerError> {
        init()?;
        let output = raw::create(path, format)?;
        Ok(Self { output, options: options.to_vec(), tracks: Vec::new(), state: State::New, end: Duration::ZERO })
    }

    /// Adds a track that begins with `frame`, and whose frames are written as they come; `None` if it cannot begin with that one: pictures
    /// begin with a key frame.
    ///
    /// # Errors
    /// [`ContainerError::WrongCodec`] for a codec that is not written into such files; [`ContainerError`] once the file has begun.
    pub fn add_track(&mut self, frame: &EncodedFrame) -> Result<Option<usize>, ContainerError> {
        self.check_new()?;
        let codec = frame.codec;
        let (id, extradata, size) = match codec {
            Codec::H264 => {
                let avc = avc::Configuration::of_frame(&frame.data).filter(|_| frame.key_frame);
                let Some((avc, size)) = avc.and_then(|avc| avc.size().map(|size| (avc, size))) else { return Ok(None) };
                (Id::H264, avc.sets(), size)
            }
            Codec::Vp9 => match vp9::key_frame_size(&frame.data) {
                Some(size) => (Id::VP9, Vec::new(), size),
                None => return Ok(None),
            },
            Codec::Opus => (Id::OPUS, opus_head(codec.channels().unwrap_or(1)), (0, 0)),
            other => return Err(ContainerError::WrongCodec(other)),
        };
        let (kind, sample_rate, channels) = (codec.kind(), codec.clock_rate(), codec.channels().unwrap_or(1));
        let description = Description { kind, id, extradata: &extradata, size, sample_rate, channels };
        let stream = raw::add_stream(&mut self.output, &description)?;
        debug_assert_eq!(stream, self.tracks.len());
        self.tracks.push(Track::new(None, frame.time_base()));
        Ok(Some(stream))
    }

    /// Adds a track of raw sound in one or two channels, which is encoded as such files have it: AAC, or MP3.
    ///
    /// # Errors
    /// [`ContainerError::Library`] without such an encoder.
    pub fn add_sound(&mut self, channels: u8) -> Result<usize, ContainerError> {
        self.check_new()?;
        let format = self.output.format();
        let has_header = format.flags().contains(format::Flags::GLOBAL_HEADER);
        let id = if format.name() == "mp3" { Id::MP3 } else { Id::AAC };
        let encoder = SoundEncoder::new(id, channels.clamp(1, 2), has_header)?;
        let mut stream = self.output.add_stream(codec::encoder::find(id)).map_err(failed("avformat_new_stream"))?;
        stream.set_parameters(&encoder.encoder);
        stream.set_time_base(ffmpeg_next::Rational(1, sound::time_base().denominator() as i32));
        self.tracks.push(Track::new(Some(Box::new(encoder)), sound::time_base()));
        Ok(self.tracks.len() - 1)
    }

    /// Writes the beginning of the file, after which no tracks are added.
    ///
    /// # Errors
    /// [`ContainerError`] if the tracks do not fit the format, or an option is not known there: then there is no more to be done with
    /// it. Also on one that has begun or failed.
    pub fn begin(&mut self) -> Result<(), ContainerError> {
        self.check_new()?;
        self.state = State::Failed;
        raw::write_header(&mut self.output, &self.options)?;
        self.state = State::Begun;
        for (stream, track) in self.output.streams().zip(&mut self.tracks) {
            let (numerator, denominator) = (stream.time_base().numerator(), stream.time_base().denominator());
            // The format chooses.
            if let Some(chosen) = TimeBase::new(numerator.unsigned_abs(), denominator.unsigned_abs()) {
                track.time_bases.1 = chosen;
            }
        }
        Ok(())
    }

    /// Whether its beginning is written.
    pub fn is_begun(&self) -> bool {
        self.state == State::Begun
    }

    /// Writes a frame of a track that stands at `time`, once the next one comes.
    ///
    /// # Errors
    /// [`ContainerError`] if it cannot be written, or the file has not begun.
    pub fn write(&mut self, track: usize, time: Duration, frame: &EncodedFrame) -> Result<(), ContainerError> {
        let Some(of) = self.tracks.get_mut(track).filter(|_| self.state == State::Begun) else {
            return Err(ContainerError::Malformed("track"));
        };
        let mut packet = Packet::copy(&frame.data);
        if frame.key_frame || frame.codec.kind() == MediaKind::Audio {
            packet.set_flags(packet::Flags::KEY);
        }
        let pts = of.time_bases.0.ticks(time);
        let lasts = Some(i64::from(frame.duration)).filter(|lasts| *lasts > 0);
        let end = of.put(&mut self.output, track, packet, (pts, lasts))?;
        self.end = self.end.max(end);
        Ok(())
    }

    /// Writes sound, which says itself where it begins.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn write_sound(&mut self, track: usize, sound: &AudioFrame) -> Result<(), ContainerError> {
        self.with_encoder(track, |encoder, put| encoder.encode(sound, put))
    }

    /// Writes what was kept back, so that it can be played.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn flush(&mut self) -> Result<(), ContainerError> {
        if self.is_begun() { raw::flush(&mut self.output) } else { Ok(()) }
    }

    /// Bytes so far.
    pub fn byte_len(&mut self) -> u64 {
        raw::len(&mut self.output)
    }

    /// Ends the file; gives how long it lasts.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn finish(mut self) -> Result<Duration, ContainerError> {
        if !self.is_begun() {
            return Ok(Duration::ZERO);
        }
        for track in 0..self.tracks.len() {
            if self.tracks.get(track).is_some_and(|track| track.encoder.is_some()) {
                self.with_encoder(track, |encoder, put| encoder.finish(put))?;
            }
        }
        for (number, track) in self.tracks.iter_mut().enumerate() {
            self.end = self.end.max(track.finish(&mut self.output, number)?);
        }
        self.output.write_trailer().map_err(failed("av_write_trailer"))?;
        raw::flush_file(&mut self.output)?;
        Ok(self.end)
    }

    fn check_new(&self) -> Result<(), ContainerError> {
        if self.state == State::New { Ok(()) } else { Err(ContainerError::Malformed("beginning, which is over")) }
    }

    fn with_encoder(
        &mut self,
        track: usize,
        work: impl FnOnce(
            &mut SoundEncoder,
            &mut dyn FnMut(&mut Packet) -> Result<(), ContainerError>,
        ) -> Result<(), ContainerError>,
    ) -> Result<(), ContainerError> {
        let Some(of) = self.tracks.get_mut(track).filter(|_| self.state == State::Begun) else {
            return Err(ContainerError::Malformed("track"));
        };
        let Some(mut encoder) = of.encoder.take() else { return Err(ContainerError::Malformed("track of sound")) };
        let (output, end) = (&mut self.output, &mut self.end);
        let done = work(&mut encoder, &mut |packet| {
            // Encoders begin before what they were given.
            let pts = packet.pts().unwrap_or(0).max(0);
            let lasts = Some(packet.duration()).filter(|lasts| *lasts > 0);
            *end = (*end).max(of.put(output, track, packet.clone(), (pts, lasts))?);
            Ok(())
        });
        of.encoder = Some(encoder);
        done
    }
}

impl Track {
    fn new(encoder: Option<Box<SoundEncoder>>, time_base: TimeBase) -> Self {
        Self { encoder, time_bases: (time_base, time_base), held: None, last: None, step: 0 }
    }

    /// Writes a packet, or the one before it; gives where that ends. Times rise.
    fn put(
        &mut self,
        output: &mut Output,
        track: usize,
        packet: Packet,
        (pts, lasts): (i64, Option<i64>),
    ) -> Result<Duration, ContainerError> {
        let (from, to) = self.time_bases;
        let time = from.rescale(pts, to);
        let time = self.last.map_or(time, |last| time.max(last + 1));
        if let Some(step) = self.last.replace(time).map(|last| time - last) {
            let longest = LONGEST * i64::from(to.denominator()) / i64::from(to.numerator());
            self.step = if step <= longest { step } else { self.step };
        }
        let lasts = lasts.map(|lasts| from.rescale(lasts, to));
        let before = self.held.replace(Held { packet, time, lasts });
        match before {
            Some(before) => before.write(output, track, time, to),
            None => Ok(Duration::ZERO),
        }
    }

    /// Writes the last packet.
    fn finish(&mut self, output: &mut Output, track: usize) -> Result<Duration, ContainerError> {
        let Some(held) = self.held.take() else { return Ok(Duration::ZERO) };
        let end = held.time + held.lasts.unwrap_or(self.step);
        held.write(output, track, end, self.time_bases.1)
    }
}

impl Held {
    fn write(
        mut self,
        output: &mut Output,
        track: usize,
        end: i64,
        time_base: TimeBase,
    ) -> Result<Duration, ContainerError> {
        raw::stamp(&mut self.packet, track, (self.time, end - self.time));
        self.packet.write(output).map_err(failed("av_write_frame"))?;
        Ok(time_base.duration(end))
    }
}

/// What files say of a stream of Opus.
///
/// Source: [RFC 7845 §5.1](https://www.rfc-editor.org/rfc/rfc7845#section-5.1)
fn opus_head(channels: u8) -> Vec<u8> {
    let mut head = b"OpusHead\x01".to_vec();
    // Nothing is left out at the start.
    head.extend([channels, 0, 0]);
    head.extend(48_000u32.to_le_bytes());
    head.extend([0, 0, 0]);
    head
}
