//! Ogg pages: packets cut into segments of 255 bytes, each page with a checksum.
//!
//! Source: [RFC 3533](https://www.rfc-editor.org/rfc/rfc3533)

use std::io::{Read, Write};

use super::{ContainerError, read_or_end, read_vec};

const CAPTURE: [u8; 4] = *b"OggS";
const CONTINUED: u8 = 1;
const FIRST: u8 = 2;
const LAST: u8 = 4;
/// A page holds at most this many segments.
const MAX_SEGMENTS: usize = 255;
/// The largest packet that is put together from segments, in bytes.
const MAX_PACKET: usize = 1 << 20;
/// How far to look for the next page where one was expected.
const MAX_RESYNC: usize = 1 << 20;

/// Collects the packets of one stream into pages.
#[derive(Debug)]
pub(super) struct PageWriter<W> {
    inner: W,
    serial: u32,
    sequence: u32,
    segments: Vec<u8>,
    body: Vec<u8>,
    granule: i64,
}

impl<W: Write> PageWriter<W> {
    pub(super) fn new(inner: W, serial: u32) -> Self {
        Self { inner, serial, sequence: 0, segments: Vec::new(), body: Vec::new(), granule: -1 }
    }

    /// Adds a whole packet; `granule` is the stream's position at its end. Writes the page before if the packet does not fit.
    pub(super) fn packet(&mut self, packet: &[u8], granule: i64) -> Result<(), ContainerError> {
        let segments = packet.len() / 255 + 1;
        if segments > MAX_SEGMENTS {
            return Err(ContainerError::Malformed("Ogg packet length"));
        }
        if self.segments.len() + segments > MAX_SEGMENTS {
            self.flush(false)?;
        }
        self.segments.extend(std::iter::repeat_n(255, segments - 1));
        self.segments.push((packet.len() % 255) as u8);
        self.body.extend_from_slice(packet);
        self.granule = granule;
        Ok(())
    }

    /// Writes what there is as a page, even an empty one if it is the `last`.
    pub(super) fn flush(&mut self, last: bool) -> Result<(), ContainerError> {
        if self.segments.is_empty() && !last {
            return Ok(());
        }
        let flags = if self.sequence == 0 { FIRST } else { 0 } | if last { LAST } else { 0 };
        let mut page = Vec::with_capacity(27 + self.segments.len() + self.body.len());
        page.extend_from_slice(&CAPTURE);
        page.extend_from_slice(&[0, flags]);
        page.extend_from_slice(&self.granule.to_le_bytes());
        page.extend_from_slice(&self.serial.to_le_bytes());
        page.extend_from_slice(&self.sequence.to_le_bytes());
        let checksum_at = page.len();
        page.extend_from_slice(&[0; 4]);
        page.push(self.segments.len() as u8);
        page.append(&mut self.segments);
        page.append(&mut self.body);
        let checksum = checksum(0, &page);
        if let Some(place) = page.get_mut(checksum_at..checksum_at + 4) {
            place.copy_from_slice(&checksum.to_le_bytes());
        }
        self.sequence = self.sequence.wrapping_add(1);
        self.inner.write_all(&page)?;
        Ok(())
    }

    pub(super) fn into_inner(mut self) -> Result<W, ContainerError> {
        self.inner.flush()?;
        Ok(self.inner)
    }
}

/// Takes the packets of the first stream out of pages. Pages of other streams, and pages with a wrong checksum, are passed over.
#[derive(Debug)]
pub(super) struct PageReader<R> {
    inner: R,
    serial: Option<u32>,
    // Whole packets of the present page, last first, and the beginning of one that the next page ends.
    packets: Vec<Vec<u8>>,
    partial: Vec<u8>,
    granule: i64,
    ended: bool,
}

impl<R: Read> PageReader<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { inner, serial: None, packets: Vec::new(), partial: Vec::new(), granule: -1, ended: false }
    }

    /// The next packet; `None` at the end.
    pub(super) fn next_packet(&mut self) -> Result<Option<Vec<u8>>, ContainerError> {
        loop {
            if let Some(packet) = self.packets.pop() {
                return Ok(Some(packet));
            }
            if self.ended || !self.read_page()? {
                return Ok(None);
            }
        }
    }

    /// The stream's position at the end of the page the last packet came from, and whether that was the page's last packet and
    /// the page the stream's last.
    pub(super) fn position(&self) -> (i64, bool) {
        (self.granule, self.ended && self.packets.is_empty())
    }

    /// Reads one page; `false` at the end of the file.
    fn read_page(&mut self) -> Result<bool, ContainerError> {
        let mut header = [0; 27];
        if !self.find_capture(&mut header)? {
            return Ok(false);
        }
        let [_, _, _, _, version, flags, rest @ ..] = header;
        let [g0, g1, g2, g3, g4, g5, g6, g7, s0, s1, s2, s3, _, _, _, _, c0, c1, c2, c3, count] = rest;
        if version != 0 {
            return Err(ContainerError::Malformed("Ogg version"));
        }
        let segments = read_vec(&mut self.inner, count.into())?;
        let body = read_vec(&mut self.inner, segments.iter().map(|&len| usize::from(len)).sum())?;
        header[22..26].fill(0);
        let actual = checksum(checksum(checksum(0, &header), &segments), &body);
        if actual != u32::from_le_bytes([c0, c1, c2, c3]) {
            // What was begun lacks its end.
            self.partial.clear();
            return Ok(true);
        }
        let serial = u32::from_le_bytes([s0, s1, s2, s3]);
        if *self.serial.get_or_insert(serial) != serial {
            return Ok(true);
        }
        self.granule = i64::from_le_bytes([g0, g1, g2, g3, g4, g5, g6, g7]);
        self.ended = flags & LAST != 0;
        self.split(&segments, &body, flags & CONTINUED != 0)?;
        Ok(true)
    }

    fn split(&mut self, segments: &[u8], mut body: &[u8], continued: bool) -> Result<(), ContainerError> {
        if !continued {
            self.partial.clear();
        }
        // The end of a packet whose beginning was lost is no packet.
        let mut orphan = continued && self.partial.is_empty();
        for &len in segments {
            let (segment, rest) = body.split_at_checked(len.into()).unwrap_or_default();
            body = rest;
            self.partial.extend_from_slice(segment);
            if self.partial.len() > MAX_PACKET {
                return Err(ContainerError::Malformed("Ogg packet length"));
            }
            if len < 255 {
                let packet = std::mem::take(&mut self.partial);
                if !std::mem::take(&mut orphan) {
                    self.packets.push(packet);
                }
            }
        }
        if orphan {
            self.partial.clear();
        }
        self.packets.reverse();
        Ok(())
    }

    fn find_capture(&mut self, header: &mut [u8; 27]) -> Result<bool, ContainerError> {
        if !read_or_end(&mut self.inner, header)? {
            return Ok(false);
        }
        for _ in 0..MAX_RESYNC {
            if header.starts_with(&CAPTURE) {
                return Ok(true);
            }
            header.rotate_left(1);
            let [.., last] = header;
            if !read_or_end(&mut self.inner, std::slice::from_mut(last))? {
                return Ok(false);
            }
        }
        Err(ContainerError::Malformed("Ogg page"))
    }
}

/// CRC-32 with the polynomial 0x04c11db7, most significant bit first, without inversions.
fn checksum(start: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(start, |crc, &byte| {
        crc << 8 ^ TABLE.get(usize::from((crc >> 24) as u8 ^ byte)).copied().unwrap_or_default()
    })
}

/// What each byte does to the checksum.
const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut rest: &mut [u32] = &mut table;
    let mut byte = 0;
    while let [entry, tail @ ..] = rest {
        let mut crc = byte << 24;
        let mut bit = 0;
        while bit < 8 {
            crc = crc << 1 ^ if crc >> 31 == 0 { 0 } else { 0x04c1_1db7 };
            bit += 1;
        }
        *entry = crc;
        byte += 1;
        rest = tail;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    fn packets(file: &[u8]) -> Vec<Vec<u8>> {
        let mut reader = PageReader::new(file);
        std::iter::from_fn(|| reader.next_packet().unwrap()).collect()
    }

    fn written(lens: &[usize]) -> (Vec<u8>, Vec<Vec<u8>>) {
        let sent: Vec<Vec<u8>> = lens.iter().enumerate().map(|(n, &len)| vec![n as u8; len]).collect();
        let mut writer = PageWriter::new(Vec::new(), 9);
        for packet in &sent {
            writer.packet(packet, 0).unwrap();
        }
        writer.flush(true).unwrap();
        (writer.into_inner().unwrap(), sent)
    }

    #[test]
    fn packets_of_any_length_come_back() {
        let (file, sent) = written(&[0, 1, 254, 255, 256, 510, 511, 30_000, 30_000, 1_000, 0]);
        assert_eq!(packets(&file), sent);
    }

    /// The check value of CRC-32/CKSUM, which inverts its result.
    #[test]
    fn the_checksum_is_oggs() {
        assert_eq!(checksum(0, b"123456789"), !0x765e_7680);
    }

    #[test]
    fn a_packet_over_two_pages_is_put_together() {
        let page = |flags: u8, segments: &[u8], body: &[u8]| {
            let mut page =
                [&CAPTURE[..], &[0, flags], &[0; 8], &[1, 0, 0, 0], &[0; 8], &[segments.len() as u8]].concat();
            page.extend_from_slice(segments);
            page.extend_from_slice(body);
            let crc = checksum(0, &page).to_le_bytes();
            page[22..26].copy_from_slice(&crc);
            page
        };
        let whole = [vec![7; 255], vec![8; 10]].concat();
        let (one, two) =
            (page(FIRST, &[255], &[7; 255]), page(CONTINUED | LAST, &[10, 1], &[&[8; 10][..], &[9]].concat()));
        assert_eq!(packets(&[one, two.clone()].concat()), [whole, vec![9]]);
        assert_eq!(packets(&two), [[9]], "without its beginning there is no packet");
    }

    #[test]
    fn a_damaged_page_is_passed_over() {
        let (mut file, sent) = written(&[30_000, 30_000, 30_000, 10]);
        file[40_000] ^= 1;
        let kept = packets(&file);
        assert!(kept.len() < sent.len() && kept.iter().all(|packet| sent.contains(packet)));
    }

    #[test]
    fn junk_before_a_page_is_passed_over() {
        let (file, sent) = written(&[100]);
        assert_eq!(packets(&[&b"OggOgg junk"[..], &file].concat()), sent);
    }
}
