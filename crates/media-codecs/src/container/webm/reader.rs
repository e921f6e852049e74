//! A file into frames.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::time::Duration;

use super::ebml::{self, Header, read_contents, read_header, skip_contents, take_number};
use super::{TICK_NANOS, WebmTrack, lacing};
use crate::container::{ContainerError, MAX_FRAME};
use crate::payload::opus::PacketHeader;
use crate::{Codec, EncodedFrame, MediaKind, TimeBase};

/// The largest header, information or list of tracks that is read, in bytes.
const MAX_HEAD: usize = 1 << 20;
/// Tracks beyond are passed over.
const MAX_TRACKS: usize = 64;
const NANOS: TimeBase = TimeBase::per_second(1_000_000_000);
/// Times are kept in ticks of the file; sound that begins this close to the end of what came before follows it.
const ROUNDING: Duration = Duration::from_millis(2);

/// Reads the frames of all tracks whose codec is known here, in the order of the file.
#[derive(Debug)]
pub struct WebmReader<R> {
    inner: R,
    tracks: Vec<Track>,
    /// Those alone.
    descriptions: Vec<WebmTrack>,
    unknown: Vec<String>,
    tick_nanos: u64,
    /// In ticks.
    duration: f64,
    /// In ticks: from where the blocks of a cluster count.
    cluster: u64,
    ready: VecDeque<(usize, EncodedFrame)>,
    was_cut: bool,
}

#[derive(Debug)]
struct Track {
    number: u64,
    codec: Codec,
    /// Where what was read ends, in ticks of the codec.
    end: Option<i64>,
}

impl<R: Read> WebmReader<R> {
    /// Reads up to the first frames.
    ///
    /// # Errors
    /// [`ContainerError`] if this is no WebM or Matroska file.
    pub fn new(mut inner: R) -> Result<Self, ContainerError> {
        let first = read_header(&mut inner)?.filter(|header| header.id == ebml::EBML);
        let head = read_contents(&mut inner, first.ok_or(ContainerError::Malformed("WebM signature"))?, MAX_HEAD)?;
        let doc_type = ebml::elements(&head).find(|(id, _)| *id == ebml::DOC_TYPE).map(|(_, name)| name);
        if !matches!(doc_type, Some(b"webm" | b"matroska")) {
            return Err(ContainerError::Malformed("WebM signature"));
        }
        let mut reader = Self {
            inner,
            tracks: Vec::new(),
            descriptions: Vec::new(),
            unknown: Vec::new(),
            tick_nanos: TICK_NANOS,
            duration: 0.0,
            cluster: 0,
            ready: VecDeque::new(),
            was_cut: false,
        };
        loop {
            let header = read_header(&mut reader.inner)?.ok_or(ContainerError::Malformed("WebM tracks"))?;
            match header.id {
                ebml::SEGMENT => {}
                ebml::INFO => reader.read_info(header)?,
                ebml::TRACKS => {
                    reader.read_tracks(header)?;
                    return Ok(reader);
                }
                ebml::CLUSTER => return Err(ContainerError::Malformed("WebM tracks")),
                _ => skip_contents(&mut reader.inner, header)?,
            }
        }
    }

    /// What the file holds, as far as it is known here.
    pub fn tracks(&self) -> &[WebmTrack] {
        &self.descriptions
    }

    /// The codecs of tracks that are passed over, as the file names them.
    pub fn unknown_codecs(&self) -> &[String] {
        &self.unknown
    }

    /// How long the file lasts; `None` if it does not say, as when its writing was interrupted.
    pub fn duration(&self) -> Option<Duration> {
        let seconds = self.duration * self.tick_nanos as f64 / 1e9;
        Duration::try_from_secs_f64(seconds).ok().filter(|duration| !duration.is_zero())
    }

    /// The next frame and the place of its track among [`tracks`](Self::tracks); `None` at the end. Times are the file's, in
    /// ticks of the codec. What is cut off ends where it was cut, which [`was_cut`](Self::was_cut) tells.
    ///
    /// # Errors
    /// [`ContainerError`] from the file, or for what is none.
    pub fn next_frame(&mut self) -> Result<Option<(usize, EncodedFrame)>, ContainerError> {
        loop {
            if let Some(ready) = self.ready.pop_front() {
                return Ok(Some(ready));
            }
            match self.read_element() {
                Ok(true) => {}
                Ok(false) => return Ok(None),
                Err(ContainerError::Io(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    self.was_cut = true;
                    return Ok(None);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// `true` once the file has ended within an element.
    pub fn was_cut(&self) -> bool {
        self.was_cut
    }

    /// Reads one element; `false` at the end. Segments and clusters are not read as a whole: what is in them follows.
    fn read_element(&mut self) -> Result<bool, ContainerError> {
        let Some(header) = read_header(&mut self.inner)? else { return Ok(false) };
        match header.id {
            ebml::SEGMENT | ebml::CLUSTER => {}
            ebml::TIMESTAMP => self.cluster = ebml::uint(&read_contents(&mut self.inner, header, 8)?),
            ebml::SIMPLE_BLOCK => {
                let block = read_contents(&mut self.inner, header, MAX_FRAME)?;
                self.take_block(&block, None);
            }
            ebml::BLOCK_GROUP => {
                let group = read_contents(&mut self.inner, header, MAX_FRAME)?;
                let refers = ebml::elements(&group).any(|(id, _)| id == ebml::REFERENCE_BLOCK);
                for (_, block) in ebml::elements(&group).filter(|(id, _)| *id == ebml::BLOCK) {
                    self.take_block(block, Some(!refers));
                }
            }
            _ => skip_contents(&mut self.inner, header)?,
        }
        Ok(true)
    }

    fn read_info(&mut self, header: Header) -> Result<(), ContainerError> {
        let info = read_contents(&mut self.inner, header, MAX_HEAD)?;
        for (id, contents) in ebml::elements(&info) {
            match id {
                ebml::TIMESTAMP_SCALE => self.tick_nanos = ebml::uint(contents),
                ebml::DURATION => self.duration = ebml::float(contents),
                _ => {}
            }
        }
        if self.tick_nanos == 0 {
            return Err(ContainerError::Malformed("WebM timestamp scale"));
        }
        Ok(())
    }

    fn read_tracks(&mut self, header: Header) -> Result<(), ContainerError> {
        let tracks = read_contents(&mut self.inner, header, MAX_HEAD)?;
        let entries = ebml::elements(&tracks).filter(|(id, _)| *id == ebml::TRACK_ENTRY);
        for (_, entry) in entries.take(MAX_TRACKS) {
            match WebmTrack::decode(entry) {
                (number, Ok(track)) => {
                    self.tracks.push(Track { number, codec: track.codec(), end: None });
                    self.descriptions.push(track);
                }
                (_, Err(codec)) => self.unknown.push(codec),
            }
        }
        Ok(())
    }

    /// Takes a block apart; one that is none, or of a track that is passed over, gives nothing. A simple one says itself whether
    /// it can be decoded on its own.
    fn take_block(&mut self, block: &[u8], key_frame: Option<bool>) {
        let mut rest = block;
        let Some(number) = take_number(&mut rest) else { return };
        let &[t0, t1, flags, ref rest @ ..] = rest else { return };
        let Some((index, track)) = self.tracks.iter_mut().enumerate().find(|(_, track)| track.number == number) else {
            return;
        };
        let Some(frames) = lacing::split(flags >> 1 & 3, rest) else { return };
        let ticks = i128::from(self.cluster) + i128::from(i16::from_be_bytes([t0, t1]));
        let nanos = i64::try_from(ticks.saturating_mul(self.tick_nanos.into())).unwrap_or(i64::MAX);
        let is_key_frame = key_frame.unwrap_or(flags & 0x80 != 0);
        for (place, data) in frames.into_iter().enumerate() {
            let Some(description) = self.descriptions.get(index) else { return };
            let data = description.frame_data(data, is_key_frame);
            let frame = track.frame(data, nanos, is_key_frame, place > 0);
            self.ready.push_back((index, frame));
        }
    }
}

impl Track {
    /// One of a block; those after the first follow what came before.
    fn frame(&mut self, data: Vec<u8>, nanos: i64, is_key_frame: bool, follows: bool) -> EncodedFrame {
        let clock = TimeBase::per_second(self.codec.clock_rate());
        let mut pts = NANOS.rescale(nanos, clock);
        let duration = duration(self.codec, &data);
        let is_sound = self.codec.kind() == MediaKind::Audio;
        if let Some(end) = self.end.filter(|_| is_sound)
            && (follows || end.abs_diff(pts) <= clock.ticks(ROUNDING).unsigned_abs())
        {
            pts = end;
        }
        self.end = Some(pts.saturating_add(duration.into()));
        EncodedFrame::new(self.codec, data, pts).with_duration(duration).with_key_frame(is_sound || is_key_frame)
    }
}

/// In ticks of the codec, where the bytes tell; else zero.
fn duration(codec: Codec, data: &[u8]) -> u32 {
    match codec {
        Codec::Opus => PacketHeader::decode(data).map_or(0, |header| header.duration),
        Codec::Pcmu | Codec::Pcma | Codec::G722 => data.len() as u32,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::super::ebml::{put_bytes, put_id, put_master, put_uint};
    use super::*;

    /// A file with one track of Opus, and what `clusters` puts behind it.
    fn file(clusters: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut out = Vec::new();
        put_master(&mut out, ebml::EBML, |out| put_bytes(out, ebml::DOC_TYPE, b"matroska"));
        put_id(&mut out, ebml::SEGMENT);
        out.extend_from_slice(&ebml::UNKNOWN_SIZE);
        put_master(&mut out, ebml::TRACKS, |out| {
            WebmTrack::audio(Codec::Opus, 2).encode(1, out);
            WebmTrack::video(Codec::Vp8, 64, 48).encode(2, out);
        });
        clusters(&mut out);
        out
    }

    fn read(file: &[u8]) -> Vec<(usize, EncodedFrame)> {
        let mut reader = WebmReader::new(file).unwrap();
        std::iter::from_fn(|| reader.next_frame().unwrap()).collect()
    }

    /// 20 ms of fullband CELT.
    const SOUND: [u8; 3] = [0xf8, 1, 2];

    #[test]
    fn clusters_of_unknown_length_and_groups_of_blocks_are_read() {
        let file = file(|out| {
            put_id(out, ebml::CLUSTER);
            out.extend_from_slice(&ebml::UNKNOWN_SIZE);
            put_uint(out, ebml::TIMESTAMP, 100);
            for (at, refers) in [(0, false), (33, true)] {
                put_master(out, ebml::BLOCK_GROUP, |out| {
                    put_bytes(out, ebml::BLOCK, &[0x82, 0, at, 0, 7]);
                    if refers {
                        put_bytes(out, ebml::REFERENCE_BLOCK, &[0xdf]);
                    }
                });
            }
            put_id(out, ebml::CLUSTER);
            out.extend_from_slice(&ebml::UNKNOWN_SIZE);
            put_uint(out, ebml::TIMESTAMP, 200);
            put_bytes(out, ebml::SIMPLE_BLOCK, &[0x82, 0xff, 0xf6, 0x80, 8]);
        });
        let frames: Vec<_> =
            read(&file).iter().map(|(track, f)| (*track, f.pts / 90, f.key_frame, f.data[0])).collect();
        assert_eq!(frames, [(1, 100, true, 7), (1, 133, false, 7), (1, 190, true, 8)]);
    }

    #[test]
    fn frames_of_one_block_follow_each_other() {
        let laced = [&[0x81, 0, 0, 0x84, 1][..], &SOUND, &SOUND].concat();
        let file = file(|out| {
            put_uint(out, ebml::TIMESTAMP, 1_000);
            put_bytes(out, ebml::SIMPLE_BLOCK, &laced);
            // Rounded to the millisecond; then after a gap.
            put_bytes(out, ebml::SIMPLE_BLOCK, &[&[0x81, 0, 41, 0x80][..], &SOUND].concat());
            put_bytes(out, ebml::SIMPLE_BLOCK, &[&[0x81, 0, 100, 0x80][..], &SOUND].concat());
        });
        let times: Vec<i64> = read(&file).iter().map(|(_, frame)| frame.pts - 48_000).collect();
        assert_eq!(times, [0, 960, 1_920, 4_800]);
    }

    #[test]
    fn what_is_no_webm_is_refused() {
        for head in [&b""[..], b"RIFF", &[0x1a, 0x45, 0xdf, 0xa3], &[0x1a, 0x45, 0xdf, 0xa3, 0x80]] {
            assert!(WebmReader::new(head).is_err(), "{head:?}");
        }
        let mut other = Vec::new();
        put_master(&mut other, ebml::EBML, |out| put_bytes(out, ebml::DOC_TYPE, b"elsewhere"));
        assert!(WebmReader::new(&other[..]).is_err());
        let mut without_tracks = file(|_| {});
        without_tracks.truncate(40);
        assert!(WebmReader::new(&without_tracks[..]).is_err());
    }

    /// Guards: memory goes by what is there, not by what a length says.
    #[test]
    fn lengths_are_not_trusted() {
        let longest = [0x08, 0xff, 0xff, 0xff, 0xff];
        let block = file(|out| {
            put_id(out, ebml::SIMPLE_BLOCK);
            out.extend_from_slice(&longest);
        });
        assert!(matches!(
            WebmReader::new(&block[..]).unwrap().next_frame(),
            Err(ContainerError::Malformed("WebM element length"))
        ));
        let skipped = file(|out| {
            put_id(out, ebml::VOID);
            out.extend_from_slice(&longest);
        });
        let mut reader = WebmReader::new(&skipped[..]).unwrap();
        assert!(reader.next_frame().unwrap().is_none() && reader.was_cut());
        // The latest time there is, in the longest ticks there are.
        let late = file(|out| {
            put_uint(out, ebml::TIMESTAMP, u64::MAX);
            put_bytes(out, ebml::SIMPLE_BLOCK, &[0x81, 0x7f, 0xff, 0x80, 0xf8]);
        });
        assert_eq!(read(&late).len(), 1);
    }

    #[test]
    fn blocks_that_are_none_are_passed_over() {
        let file = file(|out| {
            for block in [&[][..], &[0x81], &[0x00, 0, 0, 0], &[0x85, 0, 0, 0x80, 1], &[0x81, 0, 0, 0x86, 9, 1]] {
                put_bytes(out, ebml::SIMPLE_BLOCK, block);
            }
            put_bytes(out, ebml::SIMPLE_BLOCK, &[0x81, 0, 0, 0x80, 0xf8]);
        });
        assert_eq!(read(&file).len(), 1);
    }

    /// Of another program: with cues before the end, groups of blocks, clusters of unknown length, and times below zero.
    #[test]
    fn files_of_ffmpeg_are_read() {
        let film = include_bytes!("../../../testdata/webm/ffmpeg.webm");
        let reader = WebmReader::new(&film[..]).unwrap();
        let tracks = [WebmTrack::video(Codec::Vp8, 64, 48), WebmTrack::audio(Codec::Opus, 1).with_pre_skip(312)];
        assert_eq!(reader.tracks(), tracks);
        assert!(reader.duration().is_some_and(|duration| duration.as_millis().abs_diff(500) < 30));
        let frames = read(film);
        let of = |track| frames.iter().filter(move |(index, _)| *index == track).map(|(_, frame)| frame);
        assert_eq!(of(0).map(|frame| frame.key_frame).collect::<Vec<_>>(), [true, false, false, false, false]);
        assert!(of(1).count() >= 25);
        let steps: Vec<i64> = of(1).zip(of(1).skip(1)).map(|(one, next)| next.pts - one.pts).collect();
        assert!(steps.iter().all(|&step| step == 960), "{steps:?}");

        let live = include_bytes!("../../../testdata/webm/live.webm");
        assert_eq!(WebmReader::new(&live[..]).unwrap().duration(), None);
        assert_eq!(read(live).len(), 5);

        let sound = read(include_bytes!("../../../testdata/webm/ffmpeg.mkv"));
        assert_eq!(sound.iter().map(|(_, frame)| frame.data.len()).sum::<usize>(), 1_600);
        assert!(sound.iter().all(|(_, frame)| frame.codec == Codec::Pcmu));
    }
}
