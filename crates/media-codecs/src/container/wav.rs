//! WAV: a RIFF file with a format chunk and a data chunk. All numbers are little-endian.

use std::io::{self, Read, Seek, SeekFrom, Write};

use super::{ContainerError, read_or_end, read_vec};
use crate::{AudioFrame, TimeBase};

const HEADER_LEN: u32 = 44;
const PCM: u16 = 1;
const FLOAT: u16 = 3;
const EXTENSIBLE: u16 = 0xfffe;

/// Writes 16-bit sound. Rate and channels come from the first frame.
#[derive(Debug)]
pub struct WavWriter<W> {
    inner: W,
    shape: Option<(u32, u8)>,
    data_len: u32,
}

impl<W: Write + Seek> WavWriter<W> {
    /// A file into `inner`, at its present position, which is taken for the start.
    pub fn new(inner: W) -> Self {
        Self { inner, shape: None, data_len: 0 }
    }

    /// Appends a frame; its time is of no importance.
    ///
    /// # Errors
    /// [`ContainerError::Changed`] if rate or channels are not those of the first frame, [`ContainerError::Io`] from the file,
    /// also when it reaches the 4 GiB that the format can hold.
    pub fn write(&mut self, frame: &AudioFrame) -> Result<(), ContainerError> {
        let shape = (frame.sample_rate(), frame.channels());
        if *self.shape.get_or_insert(shape) != shape {
            return Err(ContainerError::Changed("shape"));
        }
        let samples = frame.to_s16();
        let bytes: Vec<u8> =
            samples.as_s16().unwrap_or_default().iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let full = || io::Error::from(io::ErrorKind::FileTooLarge);
        let data_len =
            u32::try_from(bytes.len()).ok().and_then(|len| self.data_len.checked_add(len)).ok_or_else(full)?;
        data_len.checked_add(HEADER_LEN).ok_or_else(full)?;
        if self.data_len == 0 {
            self.write_header(shape)?;
        }
        self.inner.write_all(&bytes)?;
        self.data_len = data_len;
        Ok(())
    }

    /// Writes the lengths into the header and gives the file back. Empty if no frame came.
    ///
    /// # Errors
    /// [`ContainerError::Io`] from the file.
    pub fn finish(mut self) -> Result<W, ContainerError> {
        if let Some(shape) = self.shape {
            self.inner.seek(SeekFrom::Start(0))?;
            self.write_header(shape)?;
            self.inner.seek(SeekFrom::Start(u64::from(HEADER_LEN) + u64::from(self.data_len)))?;
        }
        self.inner.flush()?;
        Ok(self.inner)
    }

    fn write_header(&mut self, (sample_rate, channels): (u32, u8)) -> Result<(), ContainerError> {
        let frame_len = u16::from(channels) * 2;
        let mut header = Vec::with_capacity(HEADER_LEN as usize);
        header.extend_from_slice(b"RIFF");
        header.extend_from_slice(&(HEADER_LEN - 8 + self.data_len).to_le_bytes());
        header.extend_from_slice(b"WAVEfmt ");
        header.extend_from_slice(&16u32.to_le_bytes());
        header.extend_from_slice(&PCM.to_le_bytes());
        header.extend_from_slice(&u16::from(channels).to_le_bytes());
        header.extend_from_slice(&sample_rate.to_le_bytes());
        header.extend_from_slice(&(sample_rate * u32::from(frame_len)).to_le_bytes());
        header.extend_from_slice(&frame_len.to_le_bytes());
        header.extend_from_slice(&16u16.to_le_bytes());
        header.extend_from_slice(b"data");
        header.extend_from_slice(&self.data_len.to_le_bytes());
        Ok(self.inner.write_all(&header)?)
    }
}

/// Reads 16-bit and 32-bit float sound in mono and stereo, in frames of 20 ms.
#[derive(Debug)]
pub struct WavReader<R> {
    inner: R,
    sample_rate: u32,
    channels: u8,
    float: bool,
    left: u64,
    position: i64,
}

impl<R: Read> WavReader<R> {
    /// Reads up to the start of the sound.
    ///
    /// # Errors
    /// [`ContainerError`] if this is no WAV file or of a kind that is not read here.
    pub fn new(mut inner: R) -> Result<Self, ContainerError> {
        let mut riff = [0; 12];
        let is_wave = read_or_end(&mut inner, &mut riff)? && riff.starts_with(b"RIFF") && riff.ends_with(b"WAVE");
        if !is_wave {
            return Err(ContainerError::Malformed("WAV signature"));
        }
        let mut format = None;
        loop {
            let mut chunk = [0; 8];
            if !read_or_end(&mut inner, &mut chunk)? {
                return Err(ContainerError::Malformed("WAV data"));
            }
            let [i0, i1, i2, i3, len @ ..] = chunk;
            let len = u32::from_le_bytes(len);
            match (&[i0, i1, i2, i3], format) {
                (b"fmt ", _) if len <= 1_024 => format = Some(decode_format(&read_vec(&mut inner, len as usize)?)?),
                (b"data", Some((sample_rate, channels, float))) => {
                    // A recorder that was cut off, or writes to a pipe, leaves 0 or the largest number here.
                    let left = if len == 0 || len == u32::MAX { u64::MAX } else { len.into() };
                    return Ok(Self { inner, sample_rate, channels, float, left, position: 0 });
                }
                (b"data", None) => return Err(ContainerError::Malformed("WAV format")),
                _ => {
                    io::copy(&mut inner.by_ref().take(u64::from(len)), &mut io::sink())?;
                }
            }
            // Chunks begin at even places.
            if len % 2 == 1 {
                read_vec(&mut inner, 1)?;
            }
        }
    }

    /// In hertz.
    pub fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    /// One or two.
    pub fn channels(&self) -> u8 {
        self.channels
    }

    /// The next 20 ms, with times from zero on, at the end what is left of them; then `None`.
    ///
    /// # Errors
    /// [`ContainerError`] from the file.
    pub fn next_frame(&mut self) -> Result<Option<AudioFrame>, ContainerError> {
        let sample_len = if self.float { 4 } else { 2 };
        let frame_len = usize::from(self.channels) * sample_len;
        let want = ((self.sample_rate / 50) as usize * frame_len) as u64;
        let mut bytes = Vec::new();
        self.inner.by_ref().take(want.min(self.left)).read_to_end(&mut bytes)?;
        self.left -= bytes.len() as u64;
        bytes.truncate(bytes.len() - bytes.len() % frame_len);
        if bytes.is_empty() {
            return Ok(None);
        }
        let frame = if self.float {
            let samples = bytes.as_chunks::<4>().0.iter().map(|&sample| f32::from_le_bytes(sample)).collect();
            AudioFrame::from_f32(samples, self.sample_rate, self.channels)?
        } else {
            let samples = bytes.as_chunks::<2>().0.iter().map(|&sample| i16::from_le_bytes(sample)).collect();
            AudioFrame::from_s16(samples, self.sample_rate, self.channels)?
        };
        let pts = self.position;
        self.position = self.position.saturating_add(frame.len() as i64);
        Ok(Some(frame.with_pts(pts, TimeBase::per_second(self.sample_rate))))
    }
}

/// Sample rate, channels, and whether samples are floats.
fn decode_format(chunk: &[u8]) -> Result<(u32, u8, bool), ContainerError> {
    let &[t0, t1, c0, c1, r0, r1, r2, r3, _, _, _, _, _, _, b0, b1, ref rest @ ..] = chunk else {
        return Err(ContainerError::Malformed("WAV format"));
    };
    let tag = match (u16::from_le_bytes([t0, t1]), rest) {
        // The true tag begins the identifier of the subformat.
        (EXTENSIBLE, &[_, _, _, _, _, _, _, _, s0, s1, ..]) => u16::from_le_bytes([s0, s1]),
        (tag, _) => tag,
    };
    let float = match (tag, u16::from_le_bytes([b0, b1])) {
        (PCM, 16) => false,
        (FLOAT, 32) => true,
        _ => return Err(ContainerError::Malformed("WAV sample format")),
    };
    let sample_rate = u32::from_le_bytes([r0, r1, r2, r3]);
    let channels = u8::try_from(u16::from_le_bytes([c0, c1])).map_err(|_| ContainerError::Malformed("WAV channels"))?;
    AudioFrame::silence(0, sample_rate, channels)?;
    Ok((sample_rate, channels, float))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::synthetic::Tone;

    fn written(frames: &[AudioFrame]) -> Vec<u8> {
        let mut writer = WavWriter::new(Cursor::new(Vec::new()));
        frames.iter().for_each(|frame| writer.write(frame).unwrap());
        writer.finish().unwrap().into_inner()
    }

    #[test]
    fn sound_comes_back_sample_for_sample() {
        for (rate, channels) in [(8_000, 1), (44_100, 2), (48_000, 2)] {
            let sent: Vec<AudioFrame> = Tone::new(440.0, rate, channels).unwrap().take(10).collect();
            let file = written(&sent);
            assert_eq!(u32::from_le_bytes(file[4..8].try_into().unwrap()) as usize, file.len() - 8);
            let mut reader = WavReader::new(&file[..]).unwrap();
            assert_eq!((reader.sample_rate(), reader.channels()), (rate, channels));
            for frame in &sent {
                let read = reader.next_frame().unwrap().unwrap();
                assert_eq!((read.as_s16(), read.pts()), (frame.as_s16(), frame.pts()));
            }
            assert!(reader.next_frame().unwrap().is_none());
        }
    }

    #[test]
    fn a_change_of_shape_is_refused() {
        let mut writer = WavWriter::new(Cursor::new(Vec::new()));
        writer.write(&AudioFrame::silence(10, 8_000, 1).unwrap()).unwrap();
        let error = writer.write(&AudioFrame::silence(10, 8_000, 2).unwrap()).unwrap_err();
        assert!(matches!(error, ContainerError::Changed("shape")));
    }

    #[test]
    fn other_chunks_are_passed_over_and_floats_are_read() {
        let mut file = b"RIFF\0\0\0\0WAVELIST\x03\0\0\0abc\0fmt \x28\0\0\0".to_vec();
        file.extend_from_slice(&[0xfe, 0xff, 1, 0, 0x40, 0x1f, 0, 0, 0, 0x7d, 0, 0, 4, 0, 32, 0]);
        file.extend_from_slice(&[
            22, 0, 32, 0, 4, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71,
        ]);
        file.extend_from_slice(b"data\xff\xff\xff\xff");
        file.extend_from_slice(&0.5f32.to_le_bytes());
        file.extend_from_slice(&[1, 2]);
        let frame = WavReader::new(&file[..]).unwrap().next_frame().unwrap().unwrap();
        assert_eq!((frame.as_f32(), frame.sample_rate()), (Some(&[0.5][..]), 8_000));
    }

    #[test]
    fn what_is_no_sound_is_refused() {
        let file = written(&[AudioFrame::silence(100, 48_000, 2).unwrap()]);
        for len in 0..44 {
            assert!(WavReader::new(&file[..len]).is_err(), "{len}");
        }
        let mut mp3 = file.clone();
        mp3[20] = 0x55;
        assert!(WavReader::new(&mp3[..]).is_err());
        let mut surround = file.clone();
        surround[22] = 6;
        assert!(WavReader::new(&surround[..]).is_err());
    }
}
