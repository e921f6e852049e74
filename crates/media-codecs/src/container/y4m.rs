//! Y4M: a line of text, then pictures, each behind a line of its own.

use std::io::{BufRead, Read, Write};

use super::{ContainerError, read_vec};
use crate::frame::{MAX_DIMENSION, PixelFormat, TimeBase, VideoFrame};

/// The longest header line that is read, in bytes.
const MAX_LINE: u64 = 1_024;

/// Writes I420 pictures of one size at a steady rate.
#[derive(Debug)]
pub struct Y4mWriter<W> {
    inner: W,
    frame_rate: u32,
    size: Option<(u32, u32)>,
}

impl<W: Write> Y4mWriter<W> {
    /// A file into `inner` that says `frame_rate` pictures a second; their own times are of no importance.
    pub fn new(inner: W, frame_rate: u32) -> Self {
        Self { inner, frame_rate, size: None }
    }

    /// Appends a picture of any format, in the size of the first.
    ///
    /// # Errors
    /// [`ContainerError::Changed`] for another size, [`ContainerError::Io`] from the file.
    pub fn write(&mut self, frame: &VideoFrame) -> Result<(), ContainerError> {
        let size = (frame.width(), frame.height());
        match self.size {
            None => writeln!(self.inner, "YUV4MPEG2 W{} H{} F{}:1 Ip A1:1 C420jpeg", size.0, size.1, self.frame_rate)?,
            Some(first) if first != size => return Err(ContainerError::Changed("size")),
            Some(_) => {}
        }
        self.size = Some(size);
        self.inner.write_all(b"FRAME\n")?;
        for row in frame.to_i420().planes().flat_map(crate::frame::PlaneRef::rows) {
            self.inner.write_all(row)?;
        }
        Ok(())
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

/// Reads I420 pictures.
#[derive(Debug)]
pub struct Y4mReader<R> {
    inner: R,
    width: u32,
    height: u32,
    time_base: TimeBase,
    next: i64,
}

impl<R: BufRead> Y4mReader<R> {
    /// Reads the header from `inner`.
    ///
    /// # Errors
    /// [`ContainerError`] if it is none, or not of 8-bit pictures with 4:2:0 colour.
    pub fn new(mut inner: R) -> Result<Self, ContainerError> {
        let line = read_line(&mut inner)?.ok_or(ContainerError::Malformed("Y4M header"))?;
        let mut words = line.split(' ');
        if words.next() != Some("YUV4MPEG2") {
            return Err(ContainerError::Malformed("Y4M signature"));
        }
        let (mut width, mut height, mut time_base) = (0, 0, TimeBase::new(1, 30));
        for word in words {
            let mut letters = word.chars();
            let (key, value) = (letters.next(), letters.as_str());
            match key {
                Some('W') => width = value.parse().unwrap_or(0),
                Some('H') => height = value.parse().unwrap_or(0),
                Some('F') => time_base = frame_time(value),
                // High bit depths have a `p` after the name.
                Some('C') if !value.starts_with("420") || value.starts_with("420p1") => {
                    return Err(ContainerError::Malformed("Y4M colour space"));
                }
                _ => {}
            }
        }
        let range = 1..=MAX_DIMENSION;
        if !range.contains(&width) || !range.contains(&height) {
            return Err(ContainerError::Malformed("Y4M size"));
        }
        let time_base = time_base.ok_or(ContainerError::Malformed("Y4M frame rate"))?;
        Ok(Self { inner, width, height, time_base, next: 0 })
    }

    /// Width and height of every picture.
    pub fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    /// The next picture, with its time from zero on; `None` at the end.
    ///
    /// # Errors
    /// [`ContainerError`] if the file ends within a picture.
    pub fn next_frame(&mut self) -> Result<Option<VideoFrame>, ContainerError> {
        let Some(line) = read_line(&mut self.inner)? else { return Ok(None) };
        if line.split(' ').next() != Some("FRAME") {
            return Err(ContainerError::Malformed("Y4M frame"));
        }
        let len = PixelFormat::I420.byte_len(self.width, self.height);
        let data = read_vec(&mut self.inner, len)?;
        let frame = VideoFrame::from_bytes(PixelFormat::I420, self.width, self.height, data)?;
        let pts = self.next;
        self.next += 1;
        Ok(Some(frame.with_pts(pts, self.time_base)))
    }
}

fn read_line(reader: &mut impl BufRead) -> Result<Option<String>, ContainerError> {
    let mut line = Vec::new();
    reader.by_ref().take(MAX_LINE).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Ok(None);
    }
    match line.pop() {
        Some(b'\n') => String::from_utf8(line).map(Some).map_err(|_| ContainerError::Malformed("Y4M line")),
        _ => Err(ContainerError::Malformed("Y4M line")),
    }
}

/// `30000:1001` pictures a second.
fn frame_time(rate: &str) -> Option<TimeBase> {
    let (pictures, seconds) = rate.split_once(':')?;
    TimeBase::new(seconds.parse().ok()?, pictures.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic::{MovingPicture, frame_counter};

    fn written(count: usize) -> Vec<u8> {
        let mut writer = Y4mWriter::new(Vec::new(), 25);
        MovingPicture::new(97, 65, 25).unwrap().take(count).for_each(|frame| writer.write(&frame).unwrap());
        writer.finish().unwrap()
    }

    #[test]
    fn pictures_come_back_pixel_for_pixel() {
        let file = written(3);
        let mut reader = Y4mReader::new(&file[..]).unwrap();
        assert_eq!(reader.size(), (97, 65));
        for sent in MovingPicture::new(97, 65, 25).unwrap().take(3) {
            let read = reader.next_frame().unwrap().unwrap();
            assert_eq!(read.to_vec(), sent.to_vec());
            assert_eq!(read.time_base().duration(read.pts()), sent.time_base().duration(sent.pts()));
        }
        assert!(reader.next_frame().unwrap().is_none());
    }

    #[test]
    fn another_size_is_refused() {
        let mut writer = Y4mWriter::new(Vec::new(), 25);
        writer.write(&VideoFrame::black(8, 8).unwrap()).unwrap();
        assert!(matches!(writer.write(&VideoFrame::black(8, 6).unwrap()), Err(ContainerError::Changed("size"))));
    }

    #[test]
    fn what_is_none_is_refused() {
        for header in ["", "YUV4MPEG2", "YUV4MPEG2 W4 H4\n", "JUNK W4 H4 F30:1\n", "YUV4MPEG2 W4 H4 F30:0 C420\n"] {
            let complete = header == "YUV4MPEG2 W4 H4\n";
            assert_eq!(Y4mReader::new(header.as_bytes()).is_ok(), complete, "{header}");
        }
        for header in ["W0 H4", "W4 H20000", "W4 H4 C444", "W4 H4 C420p10"] {
            assert!(Y4mReader::new(format!("YUV4MPEG2 {header}\n").as_bytes()).is_err(), "{header}");
        }
        let file = written(1);
        let mut reader = Y4mReader::new(&file[..file.len() - 1]).unwrap();
        assert!(reader.next_frame().is_err());
        assert_eq!(frame_counter(&Y4mReader::new(&file[..]).unwrap().next_frame().unwrap().unwrap()), Some(0));
    }
}
