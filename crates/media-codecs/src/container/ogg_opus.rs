//! Opus in Ogg: a page with the identification header, one with comments, then packets.
//!
//! Source: [RFC 7845](https://www.rfc-editor.org/rfc/rfc7845)

use std::io::{Read, Write};

use ortica_core::Reader;

use super::ContainerError;
use super::ogg::{PageReader, PageWriter};
use crate::payload::opus::{MAX_DURATION, PacketHeader};
use crate::{Codec, EncodedFrame};

const HEAD: &[u8] = b"OpusHead";
const TAGS: &[u8] = b"OpusTags";
const VENDOR: &[u8] = b"ortica";
/// A page is written at the latest when it holds this much sound, in ticks of 48 kHz: one second.
const PAGE_DURATION: i64 = 48_000;
/// The longest gap that is filled with packets without sound, in ticks of 48 kHz: one minute. What lies beyond is left out.
const MAX_GAP: i64 = 60 * 48_000;

/// Writes Opus packets. Gaps in their times, where packets were lost or silence was not sent, are filled with packets that make
/// a decoder conceal or stay silent, so that the file lasts as long as the call.
#[derive(Debug)]
pub struct OggOpusWriter<W> {
    pages: PageWriter<W>,
    pre_skip: i64,
    // Where the next packet should begin, and how much sound was written.
    expected: Option<i64>,
    written: i64,
    page_start: i64,
    // The first byte of the last packet, from which gaps are filled.
    toc: u8,
}

impl<W: Write> OggOpusWriter<W> {
    /// A file into `inner`. `channels` (1 or 2) is what players should open; `pre_skip` samples at its start are not to be
    /// played: the encoder's lookahead where the stream is recorded from its beginning, otherwise 0.
    ///
    /// # Errors
    /// [`ContainerError`] from the file, or for other numbers of channels.
    pub fn new(inner: W, channels: u8, pre_skip: u16) -> Result<Self, ContainerError> {
        if !(1..=2).contains(&channels) {
            return Err(ContainerError::Malformed("Opus channels"));
        }
        // A stream alone in its file needs no serial number of its own.
        let mut pages = PageWriter::new(inner, 1);
        pages.packet(&encode_head(channels, pre_skip), 0)?;
        pages.flush(false)?;
        let mut tags = TAGS.to_vec();
        tags.extend_from_slice(&(VENDOR.len() as u32).to_le_bytes());
        tags.extend_from_slice(VENDOR);
        tags.extend_from_slice(&0u32.to_le_bytes());
        pages.packet(&tags, 0)?;
        pages.flush(false)?;
        Ok(Self { pages, pre_skip: pre_skip.into(), expected: None, written: 0, page_start: 0, toc: 0 })
    }

    /// Appends a packet. One that begins before the end of what was written is taken as following it.
    ///
    /// # Errors
    /// [`ContainerError::WrongCodec`] for another codec, [`ContainerError::Malformed`] for what is no Opus packet,
    /// [`ContainerError::Io`] from the file.
    pub fn write(&mut self, frame: &EncodedFrame) -> Result<(), ContainerError> {
        if frame.codec != Codec::Opus {
            return Err(ContainerError::WrongCodec(frame.codec));
        }
        let header = PacketHeader::decode(&frame.data).map_err(|_| ContainerError::Malformed("Opus packet"))?;
        self.toc = frame.data.first().copied().unwrap_or_default();
        if let Some(expected) = self.expected {
            self.fill(frame.pts.saturating_sub(expected))?;
        }
        self.expected = Some(frame.pts.saturating_add(header.duration.into()));
        self.packet(&frame.data, header.duration)
    }

    /// How much sound was written, in ticks of 48 kHz.
    pub fn duration(&self) -> u64 {
        u64::try_from(self.written - self.pre_skip).unwrap_or(0)
    }

    /// Writes the last page and gives the file back.
    ///
    /// # Errors
    /// [`ContainerError::Io`] from the file.
    pub fn finish(mut self) -> Result<W, ContainerError> {
        self.pages.flush(true)?;
        self.pages.into_inner()
    }

    fn packet(&mut self, data: &[u8], duration: u32) -> Result<(), ContainerError> {
        self.written += i64::from(duration);
        self.pages.packet(data, self.written)?;
        if self.written - self.page_start >= PAGE_DURATION {
            self.pages.flush(false)?;
            self.page_start = self.written;
        }
        Ok(())
    }

    /// Writes packets of frames without bytes: RFC 7845 §4.1.
    fn fill(&mut self, gap: i64) -> Result<(), ContainerError> {
        let mut left = u32::try_from(gap.clamp(0, MAX_GAP)).unwrap_or(0);
        let single = self.toc & !3;
        let Ok(PacketHeader { duration, .. }) = PacketHeader::decode(&[single]) else { return Ok(()) };
        while left >= duration {
            let frames = left.min(MAX_DURATION) / duration;
            match frames {
                1 => self.packet(&[single], duration)?,
                _ => self.packet(&[single | 3, frames as u8], duration * frames)?,
            }
            left -= duration * frames;
        }
        Ok(())
    }
}

/// Reads Opus packets.
#[derive(Debug)]
pub struct OggOpusReader<R> {
    pages: PageReader<R>,
    channels: u8,
    pre_skip: u16,
    position: i64,
}

impl<R: Read> OggOpusReader<R> {
    /// Reads both headers from `inner`.
    ///
    /// # Errors
    /// [`ContainerError`] if the first stream of the file is not Opus in mono or stereo.
    pub fn new(inner: R) -> Result<Self, ContainerError> {
        let mut pages = PageReader::new(inner);
        let head = pages.next_packet()?.ok_or(ContainerError::Malformed("Ogg page"))?;
        let (channels, pre_skip) = decode_head(&head).ok_or(ContainerError::Malformed("Opus header"))?;
        let tags = pages.next_packet()?.ok_or(ContainerError::Malformed("Opus comments"))?;
        if !tags.starts_with(TAGS) {
            return Err(ContainerError::Malformed("Opus comments"));
        }
        Ok(Self { pages, channels, pre_skip, position: 0 })
    }

    /// One or two.
    pub fn channels(&self) -> u8 {
        self.channels
    }

    /// How many samples at the start are not to be played.
    pub fn pre_skip(&self) -> u16 {
        self.pre_skip
    }

    /// The next packet, with its time from zero on; `None` at the end. Packets that are none are passed over.
    ///
    /// # Errors
    /// [`ContainerError`] from the file.
    pub fn next_frame(&mut self) -> Result<Option<EncodedFrame>, ContainerError> {
        while let Some(packet) = self.pages.next_packet()? {
            let Ok(header) = PacketHeader::decode(&packet) else { continue };
            let frame = EncodedFrame::new(Codec::Opus, packet, self.position).with_duration(header.duration);
            self.position = self.position.saturating_add(header.duration.into());
            return Ok(Some(frame));
        }
        Ok(None)
    }

    /// How many samples of the frame last read lie behind the end of the sound, known only on the last one.
    pub fn end_trim(&self) -> u32 {
        match self.pages.position() {
            (granule, true) if granule >= 0 => {
                u32::try_from(self.position.saturating_sub(granule)).unwrap_or(0).min(MAX_DURATION)
            }
            _ => 0,
        }
    }
}

/// The identification header, which WebM has too.
///
/// Source: [RFC 7845 §5.1](https://www.rfc-editor.org/rfc/rfc7845#section-5.1)
pub(super) fn encode_head(channels: u8, pre_skip: u16) -> Vec<u8> {
    let mut head = HEAD.to_vec();
    head.extend_from_slice(&[1, channels]);
    head.extend_from_slice(&pre_skip.to_le_bytes());
    head.extend_from_slice(&48_000u32.to_le_bytes());
    // Gain, and mapping family 0: one stream, mono or stereo.
    head.extend_from_slice(&[0, 0, 0]);
    head
}

/// Channels and pre-skip; `None` for what is no header of one stream in mono or stereo.
///
/// Source: [RFC 7845 §5.1](https://www.rfc-editor.org/rfc/rfc7845#section-5.1)
pub(super) fn decode_head(packet: &[u8]) -> Option<(u8, u16)> {
    let mut r = Reader::new(packet);
    let signature = r.bytes(HEAD.len(), "signature").ok()?;
    // The upper four bits count incompatible versions.
    let version = r.u8("version").ok()?;
    let channels = r.u8("channels").ok()?;
    let pre_skip = u16::from_le_bytes(r.array("pre-skip").ok()?);
    r.bytes(6, "input rate and gain").ok()?;
    let family = r.u8("mapping family").ok()?;
    (signature == HEAD && version < 16 && family == 0 && (1..=2).contains(&channels)).then_some((channels, pre_skip))
}

#[cfg(test)]
mod tests {
    use super::*;

    // 20 ms of fullband CELT.
    const TOC: u8 = 0xf8;

    fn frame(pts: i64, len: usize) -> EncodedFrame {
        let mut data = vec![5; len];
        data[0] = TOC;
        EncodedFrame::new(Codec::Opus, data, pts).with_duration(960)
    }

    fn written(frames: &[EncodedFrame]) -> Vec<u8> {
        let mut writer = OggOpusWriter::new(Vec::new(), 2, 312).unwrap();
        frames.iter().for_each(|frame| writer.write(frame).unwrap());
        writer.finish().unwrap()
    }

    fn read(file: &[u8]) -> Vec<EncodedFrame> {
        let mut reader = OggOpusReader::new(file).unwrap();
        assert_eq!((reader.channels(), reader.pre_skip()), (2, 312));
        std::iter::from_fn(|| reader.next_frame().unwrap()).collect()
    }

    #[test]
    fn packets_come_back_with_times_from_zero() {
        let sent: Vec<EncodedFrame> = (0..200).map(|n| frame(n * 960, 1 + n as usize * 6)).collect();
        let later: Vec<EncodedFrame> = sent.iter().map(|f| frame(f.pts + 77_777, f.data.len())).collect();
        assert_eq!(read(&written(&later)), sent);
    }

    #[test]
    fn gaps_are_filled_so_that_times_stay() {
        let packets = read(&written(&[frame(0, 50), frame(960 * 11, 50), frame(960 * 12, 50), frame(960 * 14, 50)]));
        let times: Vec<(i64, usize)> = packets.iter().map(|packet| (packet.pts / 960, packet.data.len())).collect();
        // Ten missing: 120 ms, then 80; one missing: 20.
        assert_eq!(times, [(0, 50), (1, 2), (7, 2), (11, 50), (12, 50), (13, 1), (14, 50)]);
    }

    #[test]
    fn a_gap_beyond_a_minute_is_left_out() {
        let packets = read(&written(&[frame(0, 50), frame(i64::MAX / 2, 50), frame(0, 50)]));
        let last = packets.last().unwrap();
        assert!(last.pts <= 960 * 3 + MAX_GAP, "{}", last.pts);
    }

    #[test]
    fn what_does_not_belong_is_refused() {
        let mut writer = OggOpusWriter::new(Vec::new(), 1, 0).unwrap();
        assert!(writer.write(&EncodedFrame::new(Codec::Pcmu, vec![0], 0)).is_err());
        assert!(writer.write(&EncodedFrame::new(Codec::Opus, vec![3], 0)).is_err());
        assert!(OggOpusWriter::new(Vec::new(), 3, 0).is_err());
        assert!(OggOpusReader::new(&b""[..]).is_err());
        let mut odd = PageWriter::new(Vec::new(), 1);
        odd.packet(b"OpusHead\x01\x08", 0).unwrap();
        odd.flush(true).unwrap();
        assert!(OggOpusReader::new(&odd.into_inner().unwrap()[..]).is_err());
    }

    #[test]
    fn a_file_cut_anywhere_does_not_panic() {
        let file = written(&[frame(0, 300), frame(960, 10)]);
        for len in 0..file.len() {
            if let Ok(mut reader) = OggOpusReader::new(&file[..len]) {
                while let Ok(Some(_)) = reader.next_frame() {}
            }
        }
    }

    #[test]
    fn the_end_is_known_from_the_last_page() {
        let mut reader_file = PageWriter::new(Vec::new(), 1);
        let head = [HEAD, &[1, 1, 0, 0, 0x80, 0xbb, 0, 0, 0, 0, 0]].concat();
        reader_file.packet(&head, 0).unwrap();
        reader_file.flush(false).unwrap();
        reader_file.packet(TAGS, 0).unwrap();
        reader_file.flush(false).unwrap();
        reader_file.packet(&[TOC], 960).unwrap();
        reader_file.packet(&[TOC], 1_500).unwrap();
        reader_file.flush(true).unwrap();
        let file = reader_file.into_inner().unwrap();
        let mut reader = OggOpusReader::new(&file[..]).unwrap();
        reader.next_frame().unwrap().unwrap();
        assert_eq!(reader.end_trim(), 0);
        reader.next_frame().unwrap().unwrap();
        assert_eq!(reader.end_trim(), 420);
    }
}
