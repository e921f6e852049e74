//! IVF: a header of 32 bytes, then frames, each behind its length and time. All numbers are little-endian.

use std::io::{Read, Seek, SeekFrom, Write};

use super::{ContainerError, MAX_FRAME, read_or_end, read_vec};
use crate::payload::{vp8, vp9};
use crate::{Codec, EncodedFrame, TimeBase};

const SIGNATURE: [u8; 4] = *b"DKIF";
/// The codecs that a file may hold, with their names in it.
const CODECS: [(Codec, [u8; 4]); 2] = [(Codec::Vp8, *b"VP80"), (Codec::Vp9, *b"VP90")];
const HEADER_LEN: u16 = 32;

/// Writes VP8 or VP9 frames, as the first is. Size comes from the first key frame, times count from the first frame.
#[derive(Debug)]
pub struct IvfWriter<W> {
    inner: W,
    // Known once the header is written: what the file holds, and from when on.
    first: Option<(Codec, i64)>,
    frames: u32,
}

impl<W: Write + Seek> IvfWriter<W> {
    /// A file into `inner`, at its present position, which is taken for the start.
    pub fn new(inner: W) -> Self {
        Self { inner, first: None, frames: 0 }
    }

    /// Appends a frame. Those before the first key frame are left out: nothing can decode them.
    ///
    /// # Errors
    /// [`ContainerError::WrongCodec`] for a codec that the format does not name, or another one than that of the first frame, [`ContainerError::Io`] from the file.
    pub fn write(&mut self, frame: &EncodedFrame) -> Result<(), ContainerError> {
        let name = CODECS.iter().find(|(codec, _)| *codec == frame.codec).map(|(_, name)| *name);
        let name = name.ok_or(ContainerError::WrongCodec(frame.codec))?;
        let first_pts = match (self.first, key_frame_size(frame)) {
            (Some((codec, _)), _) if codec != frame.codec => return Err(ContainerError::WrongCodec(frame.codec)),
            (Some((_, first_pts)), _) => first_pts,
            (None, None) => return Ok(()),
            (None, Some((width, height))) => {
                self.write_header(name, width as u16, height as u16)?;
                frame.pts
            }
        };
        self.first = Some((frame.codec, first_pts));
        let len = u32::try_from(frame.data.len()).map_err(|_| ContainerError::Malformed("IVF frame length"))?;
        let pts = frame.pts.saturating_sub(first_pts).max(0);
        self.inner.write_all(&len.to_le_bytes())?;
        self.inner.write_all(&pts.to_le_bytes())?;
        self.inner.write_all(&frame.data)?;
        self.frames = self.frames.saturating_add(1);
        Ok(())
    }

    /// How many frames were written.
    pub fn frames(&self) -> u32 {
        self.frames
    }

    /// Writes the number of frames into the header and gives the file back. Empty if there was no key frame.
    ///
    /// # Errors
    /// [`ContainerError::Io`] from the file.
    pub fn finish(mut self) -> Result<W, ContainerError> {
        if self.first.is_some() {
            let end = self.inner.stream_position()?;
            self.inner.seek(SeekFrom::Start(24))?;
            self.inner.write_all(&self.frames.to_le_bytes())?;
            self.inner.seek(SeekFrom::Start(end))?;
        }
        self.inner.flush()?;
        Ok(self.inner)
    }

    fn write_header(&mut self, codec: [u8; 4], width: u16, height: u16) -> Result<(), ContainerError> {
        let time_base = TimeBase::VIDEO;
        self.inner.write_all(&SIGNATURE)?;
        self.inner.write_all(&0u16.to_le_bytes())?;
        self.inner.write_all(&HEADER_LEN.to_le_bytes())?;
        self.inner.write_all(&codec)?;
        self.inner.write_all(&width.to_le_bytes())?;
        self.inner.write_all(&height.to_le_bytes())?;
        self.inner.write_all(&time_base.denominator().to_le_bytes())?;
        self.inner.write_all(&time_base.numerator().to_le_bytes())?;
        // The number of frames, filled in at the end, and four bytes unused.
        self.inner.write_all(&[0; 8])?;
        Ok(())
    }
}

/// Width and height of a key frame of a codec that a file may hold.
fn key_frame_size(frame: &EncodedFrame) -> Option<(u32, u32)> {
    match frame.codec {
        Codec::Vp9 => vp9::key_frame_size(&frame.data),
        _ => vp8::key_frame_size(&frame.data),
    }
}

/// Reads VP8 or VP9 frames.
#[derive(Debug)]
pub struct IvfReader<R> {
    inner: R,
    codec: Codec,
    width: u16,
    height: u16,
    time_base: TimeBase,
}

impl<R: Read> IvfReader<R> {
    /// Reads the header from `inner`.
    ///
    /// # Errors
    /// [`ContainerError`] if it is none, or of another codec than VP8 and VP9.
    pub fn new(mut inner: R) -> Result<Self, ContainerError> {
        let mut header = [0; HEADER_LEN as usize];
        if !read_or_end(&mut inner, &mut header)? {
            return Err(ContainerError::Malformed("IVF header"));
        }
        let [d, k, i, f, _, _, l0, l1, c0, c1, c2, c3, w0, w1, h0, h1, rest @ ..] = header;
        let [r0, r1, r2, r3, s0, s1, s2, s3, ..] = rest;
        if [d, k, i, f] != SIGNATURE {
            return Err(ContainerError::Malformed("IVF signature"));
        }
        let codec = CODECS.iter().find(|(_, name)| *name == [c0, c1, c2, c3]);
        let codec = codec.map(|(codec, _)| *codec).ok_or(ContainerError::Malformed("IVF codec"))?;
        let time_base = TimeBase::new(u32::from_le_bytes([s0, s1, s2, s3]), u32::from_le_bytes([r0, r1, r2, r3]))
            .ok_or(ContainerError::Malformed("IVF time base"))?;
        let more =
            u16::from_le_bytes([l0, l1]).checked_sub(HEADER_LEN).ok_or(ContainerError::Malformed("IVF header"))?;
        read_vec(&mut inner, more.into())?;
        Ok(Self { inner, codec, width: u16::from_le_bytes([w0, w1]), height: u16::from_le_bytes([h0, h1]), time_base })
    }

    /// What the file holds.
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// Width and height that the header announces; each key frame has its own.
    pub fn size(&self) -> (u16, u16) {
        (self.width, self.height)
    }

    /// The unit that the file counts its times in; frames come with theirs in 90 kHz.
    pub fn time_base(&self) -> TimeBase {
        self.time_base
    }

    /// The next frame; `None` at the end.
    ///
    /// # Errors
    /// [`ContainerError`] if the file ends within a frame or says it is larger than [`MAX_FRAME`].
    pub fn next_frame(&mut self) -> Result<Option<EncodedFrame>, ContainerError> {
        let mut header = [0; 12];
        if !read_or_end(&mut self.inner, &mut header)? {
            return Ok(None);
        }
        let [l0, l1, l2, l3, pts @ ..] = header;
        let len = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        if len > MAX_FRAME {
            return Err(ContainerError::Malformed("IVF frame length"));
        }
        let data = read_vec(&mut self.inner, len)?;
        let pts = self.time_base.rescale(i64::from_le_bytes(pts), TimeBase::VIDEO);
        let frame = EncodedFrame::new(self.codec, data, pts);
        let key_frame = key_frame_size(&frame).is_some();
        Ok(Some(frame.with_key_frame(key_frame)))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn frame(key: bool, pts: i64) -> EncodedFrame {
        let data = if key { vec![0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x40, 1, 0xf0, 0, 7] } else { vec![0x11, 2, 3] };
        EncodedFrame::new(Codec::Vp8, data, pts).with_key_frame(key)
    }

    fn written(frames: &[EncodedFrame]) -> Vec<u8> {
        let mut writer = IvfWriter::new(Cursor::new(Vec::new()));
        frames.iter().for_each(|frame| writer.write(frame).unwrap());
        writer.finish().unwrap().into_inner()
    }

    #[test]
    fn frames_come_back_with_times_from_zero() {
        let file = written(&[frame(false, 0), frame(true, 3_000), frame(false, 6_000), frame(true, 9_000)]);
        assert_eq!(file[24..28], [3, 0, 0, 0]);
        let mut reader = IvfReader::new(&file[..]).unwrap();
        assert_eq!(reader.size(), (320, 240));
        let frames: Vec<_> = std::iter::from_fn(|| reader.next_frame().unwrap()).collect();
        assert_eq!(frames, [frame(true, 0), frame(false, 3_000), frame(true, 6_000)]);
    }

    #[test]
    fn vp9_is_written_and_read_and_not_mixed_with_vp8() {
        let frame = |data: &[u8], pts| EncodedFrame::new(Codec::Vp9, data.to_vec(), pts);
        // 320x240 of profile 0.
        let key = frame(&[0x82, 0x49, 0x83, 0x42, 0x00, 0x13, 0xf0, 0x0e, 0xf0, 0], 0).with_key_frame(true);
        let frames = [key.clone(), frame(&[0x86, 1, 2], 3_000)];
        let file = written(&frames);
        assert_eq!(file[8..12], *b"VP90");
        let mut reader = IvfReader::new(&file[..]).unwrap();
        assert_eq!(reader.size(), (320, 240));
        assert_eq!(std::iter::from_fn(|| reader.next_frame().unwrap()).collect::<Vec<_>>(), frames);
        let mut writer = IvfWriter::new(Cursor::new(Vec::new()));
        writer.write(&key).unwrap();
        let mixed = writer.write(&super::tests::frame(true, 0));
        assert!(matches!(mixed, Err(ContainerError::WrongCodec(Codec::Vp8))));
    }

    #[test]
    fn a_file_without_a_key_frame_is_empty() {
        assert!(written(&[frame(false, 0)]).is_empty());
    }

    #[test]
    fn a_file_cut_anywhere_is_an_error_or_ends_between_frames() {
        let file = written(&[frame(true, 0), frame(false, 3_000)]);
        for len in 0..file.len() {
            let result = IvfReader::new(&file[..len]).and_then(|mut reader| {
                while reader.next_frame()?.is_some() {}
                Ok(())
            });
            let between = [32, 32 + 12 + 11].contains(&len);
            assert_eq!(result.is_ok(), between, "{len}");
        }
    }

    #[test]
    fn lengths_are_not_trusted() {
        let mut file = written(&[frame(true, 0)]);
        file[32..36].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(matches!(IvfReader::new(&file[..]).unwrap().next_frame(), Err(ContainerError::Malformed(_))));
        file[32..36].copy_from_slice(&(MAX_FRAME as u32).to_le_bytes());
        assert!(matches!(IvfReader::new(&file[..]).unwrap().next_frame(), Err(ContainerError::Io(_))));
        file[16..20].copy_from_slice(&[0; 4]);
        assert!(IvfReader::new(&file[..]).is_err());
    }

    #[test]
    fn another_codec_is_refused() {
        let mut writer = IvfWriter::new(Cursor::new(Vec::new()));
        let error = writer.write(&EncodedFrame::new(Codec::Opus, vec![0], 0)).unwrap_err();
        assert!(matches!(error, ContainerError::WrongCodec(Codec::Opus)));
    }
}
