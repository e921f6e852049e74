//! H.264 in the byte stream format (`.h264`, `.264`): NAL units behind start codes, without times.
//!
//! Source: ITU-T H.264 annex B and §7.4.1.2.3

use std::io::{Read, Write};

use super::{ContainerError, MAX_FRAME};
use crate::payload::h264::nal::{self, Header, SliceStart};
use crate::{Codec, EncodedFrame, TimeBase};

/// Bytes read at a time.
const CHUNK: u64 = 64 << 10;
/// Parameter sets that are kept: as many as a stream can name.
const MAX_SETS: usize = 32 + 256;
const START_CODE: [u8; 4] = [0, 0, 0, 1];

/// Writes frames of H.264 in the byte stream format. Their times are lost.
#[derive(Debug)]
pub struct AnnexBWriter<W> {
    inner: W,
    frames: u64,
}

impl<W: Write> AnnexBWriter<W> {
    /// A file into `inner`.
    pub fn new(inner: W) -> Self {
        Self { inner, frames: 0 }
    }

    /// Appends a frame. Those before the first key frame are left out: nothing can decode them.
    ///
    /// # Errors
    /// [`ContainerError::WrongCodec`] for another codec, [`ContainerError::Malformed`] for a frame that is in another format,
    /// [`ContainerError::Io`] from the file.
    pub fn write(&mut self, frame: &EncodedFrame) -> Result<(), ContainerError> {
        if frame.codec != Codec::H264 {
            return Err(ContainerError::WrongCodec(frame.codec));
        }
        if !nal::is_byte_stream(&frame.data) {
            return Err(ContainerError::Malformed("H.264 start code"));
        }
        if frame.key_frame || self.frames > 0 {
            self.inner.write_all(&frame.data)?;
            self.frames += 1;
        }
        Ok(())
    }

    /// How many frames were written.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Gives the file back.
    ///
    /// # Errors
    /// [`ContainerError::Io`] from the file.
    pub fn finish(mut self) -> Result<W, ContainerError> {
        self.inner.flush()?;
        Ok(self.inner)
    }
}

/// Reads frames of H.264 in the byte stream format. Each key frame has its parameter sets with it, also where the file has them at
/// its beginning alone.
#[derive(Debug)]
pub struct AnnexBReader<R> {
    inner: R,
    /// From the start code of the unit that is next.
    buffer: Vec<u8>,
    /// Where no start code begins before.
    scanned: usize,
    ended: bool,
    /// The unit that begins the next frame.
    held: Option<Vec<u8>>,
    /// Parameter sets, as they came.
    sets: Vec<Vec<u8>>,
    /// The next frame's time, in frames.
    frames: i64,
    time_base: TimeBase,
}

impl<R: Read> AnnexBReader<R> {
    /// Reads the first bytes of `inner`. Frames are taken to follow each other 25 times a second.
    ///
    /// # Errors
    /// [`ContainerError`] if they are no start code, or no unit of H.264 is behind it.
    pub fn new(inner: R) -> Result<Self, ContainerError> {
        let (buffer, sets) = (Vec::new(), Vec::new());
        let time_base = TimeBase::per_second(25);
        let mut reader = Self { inner, buffer, scanned: 3, ended: false, held: None, sets, frames: 0, time_base };
        reader.fill()?;
        let zeros = reader.buffer.iter().take_while(|byte| **byte == 0).count();
        if zeros < 2 || reader.buffer.get(zeros) != Some(&1) {
            return Err(ContainerError::Malformed("H.264 start code"));
        }
        reader.buffer.drain(..zeros - 2);
        // H.265 begins in the same way; its first unit is of a kind that H.264 leaves open.
        let kind = reader.buffer.get(3).map(|first| Header(*first).kind());
        if !kind.is_some_and(|kind| (nal::SLICE..=nal::DELIMITER).contains(&kind)) {
            return Err(ContainerError::Malformed("H.264 NAL unit"));
        }
        Ok(reader)
    }

    /// The unit of the frames' times, one each, in place of the 25th of a second.
    #[must_use]
    pub fn with_time_base(mut self, time_base: TimeBase) -> Self {
        self.time_base = time_base;
        self
    }

    /// The next frame; `None` at the end.
    ///
    /// # Errors
    /// [`ContainerError`] if a frame is larger than [`MAX_FRAME`].
    pub fn next_frame(&mut self) -> Result<Option<EncodedFrame>, ContainerError> {
        let mut units: Vec<Vec<u8>> = Vec::new();
        let (mut len, mut has_slice) = (0, false);
        while let Some(unit) = self.take_unit()? {
            if has_slice && begins_frame(&unit) {
                self.held = Some(unit);
                break;
            }
            has_slice |= header(&unit).is_slice();
            len += unit.len() + START_CODE.len();
            if len > MAX_FRAME {
                return Err(ContainerError::Malformed("H.264 frame length"));
            }
            self.keep_set(&unit);
            units.push(unit);
        }
        if !has_slice {
            return Ok(None);
        }
        let key_frame = units.iter().any(|unit| header(unit).kind() == nal::IDR);
        let has_sets = units.iter().any(|unit| header(unit).kind() == nal::SPS);
        let sets = self.sets.iter().filter(|_| key_frame && !has_sets);
        let data: Vec<u8> = sets.chain(&units).flat_map(|unit| START_CODE.iter().chain(unit)).copied().collect();
        let pts = self.time_base.rescale(self.frames, TimeBase::VIDEO);
        self.frames += 1;
        let duration = self.time_base.rescale(self.frames, TimeBase::VIDEO) - pts;
        let frame = EncodedFrame::new(Codec::H264, data, pts).with_key_frame(key_frame);
        Ok(Some(frame.with_duration(u32::try_from(duration).unwrap_or_default())))
    }

    /// A set in place of others begins a new list: with a sequence parameter set everything before it is over.
    fn keep_set(&mut self, unit: &[u8]) {
        let kind = header(unit).kind();
        if kind != nal::SPS && kind != nal::PPS || self.sets.iter().any(|set| set == unit) {
            return;
        }
        let follows_others = self.sets.last().is_some_and(|last| header(last).kind() == nal::PPS);
        if kind == nal::SPS && follows_others || self.sets.len() >= MAX_SETS {
            self.sets.clear();
        }
        self.sets.push(unit.to_vec());
    }

    fn take_unit(&mut self) -> Result<Option<Vec<u8>>, ContainerError> {
        if let Some(held) = self.held.take() {
            return Ok(Some(held));
        }
        loop {
            let next = nal::start_code(&self.buffer, self.scanned);
            let Some(end) = next.or_else(|| self.ended.then_some(self.buffer.len())) else {
                self.scanned = self.buffer.len().saturating_sub(2).max(3);
                self.fill()?;
                continue;
            };
            let behind = self.buffer.split_off(end);
            let mut unit = std::mem::replace(&mut self.buffer, behind);
            self.scanned = 3;
            let used = unit.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
            unit.truncate(used);
            if unit.len() > 3 {
                unit.drain(..3);
                return Ok(Some(unit));
            }
            if self.buffer.is_empty() {
                return Ok(None);
            }
        }
    }

    fn fill(&mut self) -> Result<(), ContainerError> {
        if self.buffer.len() > MAX_FRAME {
            return Err(ContainerError::Malformed("H.264 NAL unit length"));
        }
        let read = self.inner.by_ref().take(CHUNK).read_to_end(&mut self.buffer)?;
        self.ended = read == 0;
        Ok(())
    }
}

fn header(unit: &[u8]) -> Header {
    Header(unit.first().copied().unwrap_or_default())
}

/// Whether a unit behind the slices of a frame belongs to the next one.
fn begins_frame(unit: &[u8]) -> bool {
    match header(unit).kind() {
        nal::MESSAGE..=nal::DELIMITER | 14..=18 => true,
        _ => SliceStart::read(unit).is_some_and(|slice| slice.first_macroblock == 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload::h264::samples::{annex_b, picture_set, sequence_set, slice};
    use proptest::prelude::*;

    fn read(bytes: &[u8]) -> Vec<EncodedFrame> {
        let mut reader = AnnexBReader::new(bytes).expect("it begins with a start code");
        std::iter::from_fn(|| reader.next_frame().expect("it is short")).collect()
    }

    /// A film whose parameter sets come once, with frames of two slices.
    fn film() -> Vec<Vec<Vec<u8>>> {
        let sets = vec![sequence_set(0, 4, 3), picture_set(0, 0)];
        let picture = |kind: u8, len: usize| vec![slice(kind, 0, 0, len), slice(kind, 6, 0, len)];
        let mut frames = vec![[sets, picture(nal::IDR, 90_000)].concat()];
        frames.extend((0..5).map(|at| picture(nal::SLICE, 100 + at)));
        frames.push([vec![vec![nal::DELIMITER, 0x10]], picture(nal::IDR, 10)].concat());
        frames
    }

    #[test]
    fn frames_are_told_apart_and_key_frames_have_their_sets() {
        let film = film();
        let bytes: Vec<u8> = film.iter().flat_map(|frame| annex_b(frame)).collect();
        let frames = read(&bytes);
        assert_eq!(frames.len(), film.len());
        for (at, (frame, units)) in frames.iter().zip(&film).enumerate() {
            let mut expected = units.clone();
            if at == 6 {
                expected.splice(0..0, film[0][..2].iter().cloned());
            }
            assert_eq!(frame.data, annex_b(&expected), "{at}");
            assert_eq!((frame.key_frame, frame.pts), (at == 0 || at == 6, at as i64 * 3_600));
        }
    }

    #[test]
    fn what_was_written_is_read() {
        let mut writer = AnnexBWriter::new(Vec::new());
        let frame = |at: usize, units: &[Vec<u8>]| {
            EncodedFrame::new(Codec::H264, annex_b(units), at as i64 * 3_600)
                .with_key_frame(at.is_multiple_of(6))
                .with_duration(3_600)
        };
        let frames: Vec<EncodedFrame> = film().iter().take(6).enumerate().map(|(at, units)| frame(at, units)).collect();
        writer.write(&frames[1]).unwrap();
        assert_eq!(writer.frames(), 0, "nothing before a key frame");
        frames.iter().for_each(|frame| writer.write(frame).unwrap());
        assert_eq!(read(&writer.finish().unwrap()), frames);
        let other = AnnexBWriter::new(Vec::new()).write(&EncodedFrame::new(Codec::Vp8, vec![1], 0));
        assert!(matches!(other, Err(ContainerError::WrongCodec(Codec::Vp8))));
        let lengths = AnnexBWriter::new(Vec::new()).write(&EncodedFrame::new(Codec::H264, vec![0, 0, 0, 9, 1], 0));
        assert!(matches!(lengths, Err(ContainerError::Malformed(_))));
    }

    #[test]
    fn other_files_are_refused() {
        // Nothing, a text, zeros, and the first unit of H.265.
        for bytes in [&[][..], b"hello", &[0; 100], &[0, 0, 0, 1, 0x40, 1, 2]] {
            assert!(matches!(AnnexBReader::new(bytes), Err(ContainerError::Malformed(_))), "{bytes:?}");
        }
    }

    /// Guards: a unit without an end is given up before it fills the memory.
    #[test]
    fn a_unit_without_an_end_is_refused() {
        let begin: &[u8] = &[0, 0, 1, 0x65];
        let mut reader = AnnexBReader::new(begin.chain(std::io::repeat(0x55))).unwrap();
        assert!(matches!(reader.next_frame(), Err(ContainerError::Malformed("H.264 NAL unit length"))));
        let pieces = std::iter::repeat_n(slice(nal::SLICE, 9, 0, 1 << 20), 20);
        let bytes: Vec<u8> = annex_b(&pieces.collect::<Vec<_>>());
        let frame = AnnexBReader::new(&bytes[..]).unwrap().next_frame();
        assert!(matches!(frame, Err(ContainerError::Malformed("H.264 frame length"))));
    }

    proptest! {
        #[test]
        fn any_bytes_end(bytes in prop::collection::vec(0u8..10, 0..200)) {
            let bytes = [&[0, 0, 1, 0x65][..], &bytes].concat();
            let mut reader = AnnexBReader::new(&bytes[..]).unwrap();
            let mut frames = 0;
            while reader.next_frame().unwrap().is_some() {
                frames += 1;
                prop_assert!(frames <= bytes.len());
            }
        }
    }
}
