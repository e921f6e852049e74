//! Packets on a stream, each behind its length.
//!
//! ICE over TCP sends everything so: checks, handshakes, media and data ([RFC 6544 §7](https://www.rfc-editor.org/rfc/rfc6544#section-7)).
//!
//! Source: [RFC 4571 §2](https://www.rfc-editor.org/rfc/rfc4571#section-2)

use std::collections::VecDeque;

/// The longest packet that a frame can hold, in bytes.
pub const MAX_PACKET: usize = u16::MAX as usize;

/// Bytes before each packet that say how long it is.
const HEADER: usize = 2;
/// The longest frame.
const MAX_FRAME: usize = HEADER + MAX_PACKET;
/// What a reader has room for at first.
const FIRST_ROOM: usize = 2_048;

/// Takes bytes as a stream brings them and gives the packets in them. It holds one frame of 65,537 bytes at most, and has room for
/// less as long as less comes at a time.
#[derive(Debug, Default)]
pub struct FrameReader {
    buffer: Vec<u8>,
    /// What was read and not given out yet lies between these two.
    start: usize,
    end: usize,
    /// A read left no room, so that a larger one may be worth it.
    was_full: bool,
}

impl FrameReader {
    /// Where to put what is read next. Never empty after [`next_packet`](Self::next_packet) gave `None`.
    pub fn room(&mut self) -> &mut [u8] {
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        let doubled = if std::mem::take(&mut self.was_full) { 2 * self.buffer.len() } else { 0 };
        let wanted = self.frame_len().unwrap_or(0).max(doubled).clamp(FIRST_ROOM, MAX_FRAME);
        if self.buffer.len() < wanted {
            self.buffer.resize(wanted, 0);
        }
        self.buffer.get_mut(self.end..).unwrap_or_default()
    }

    /// Says that so many bytes were put there; no more than there is room for.
    pub fn filled(&mut self, bytes: usize) {
        self.end = (self.end + bytes).min(self.buffer.len());
        self.was_full = self.end == self.buffer.len();
    }

    /// The next packet that is there in full. Null packets, which say nothing, are left out.
    pub fn next_packet(&mut self) -> Option<&mut [u8]> {
        let len = self.first_frame()?;
        let at = self.start + HEADER;
        self.start += len;
        self.buffer.get_mut(at..self.start)
    }

    /// The same packet, which stays.
    pub fn peek(&mut self) -> Option<&[u8]> {
        let len = self.first_frame()?;
        self.buffer.get(self.start + HEADER..self.start + len)
    }

    /// How long the first frame is that holds a packet, if it is there in full.
    fn first_frame(&mut self) -> Option<usize> {
        loop {
            let len = self.frame_len().filter(|len| *len <= self.end - self.start)?;
            if len > HEADER {
                return Some(len);
            }
            self.start += len;
        }
    }

    /// How long the first frame is, once its header is there.
    fn frame_len(&self) -> Option<usize> {
        let read = self.buffer.get(self.start..self.end)?;
        let [high, low] = *read.first_chunk::<HEADER>()?;
        Some(HEADER + usize::from(u16::from_be_bytes([high, low])))
    }
}

/// Packets on their way to a stream that may not take them at once. It holds a bounded number of bytes; what does not fit is refused
/// as a whole, so that the stream stays readable.
#[derive(Debug)]
pub struct FrameQueue {
    bytes: VecDeque<u8>,
    limit: usize,
}

impl FrameQueue {
    /// An empty one for `limit` bytes, headers included.
    pub fn new(limit: usize) -> Self {
        Self { bytes: VecDeque::new(), limit }
    }

    /// Appends a packet; `false`, and nothing happens, when it does not fit, or is longer than [`MAX_PACKET`].
    pub fn push(&mut self, packet: &[u8]) -> bool {
        let Ok(len) = u16::try_from(packet.len()) else { return false };
        if self.bytes.len() + HEADER + packet.len() > self.limit {
            return false;
        }
        self.bytes.extend(&len.to_be_bytes());
        self.bytes.extend(packet);
        true
    }

    /// What is to be written next; not all of it where it wraps around. Empty when nothing waits.
    pub fn unwritten(&self) -> &[u8] {
        self.bytes.as_slices().0
    }

    /// Says that so many bytes of that were written.
    pub fn written(&mut self, bytes: usize) {
        self.bytes.drain(..bytes.min(self.bytes.len()));
    }

    /// `true` when nothing waits.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Feeds a reader pieces of so many bytes and collects what it gives.
    fn read(stream: &[u8], mut pieces: impl Iterator<Item = usize>) -> Vec<Vec<u8>> {
        let (mut reader, mut rest, mut packets) = (FrameReader::default(), stream, Vec::new());
        while !rest.is_empty() {
            let room = reader.room();
            assert!(!room.is_empty(), "there is always room for more of a frame");
            let len = pieces.next().unwrap_or(rest.len()).clamp(1, rest.len()).min(room.len());
            let (piece, after) = rest.split_at(len);
            room[..len].copy_from_slice(piece);
            rest = after;
            reader.filled(len);
            while let Some(packet) = reader.next_packet() {
                packets.push(packet.to_vec());
            }
        }
        packets
    }

    #[test]
    fn ice_12_a_frame_is_its_length_and_its_packet() {
        let mut queue = FrameQueue::new(100);
        assert!(queue.push(&[7; 3]) && queue.push(&[8; 2]));
        assert_eq!(queue.unwritten(), [0, 3, 7, 7, 7, 0, 2, 8, 8]);
        queue.written(4);
        assert_eq!(queue.unwritten(), [7, 0, 2, 8, 8]);
        queue.written(5);
        assert!(queue.is_empty());
        assert_eq!(read(&[0, 3, 7, 7, 7, 0, 0, 0, 2, 8, 8, 0, 9, 1], std::iter::repeat(1)), [&[7; 3][..], &[8; 2]]);
    }

    /// Guards the limit of the queue: what does not fit is refused as a whole.
    #[test]
    fn ice_12_what_the_queue_has_no_room_for_leaves_the_stream_readable() {
        let mut queue = FrameQueue::new(2 * (HEADER + 100) + 50);
        assert_eq!([100, 100, 100, 40].map(|len| queue.push(&vec![len as u8; len])), [true, true, false, true]);
        assert!(!FrameQueue::new(usize::MAX).push(&vec![0; MAX_PACKET + 1]));
        let stream: Vec<u8> = queue.bytes.iter().copied().collect();
        assert_eq!(read(&stream, std::iter::empty()).iter().map(Vec::len).collect::<Vec<_>>(), [100, 100, 40]);
    }

    /// Guards the bound of what a reader holds, and that it has room for the longest frame.
    #[test]
    fn ice_12_a_reader_holds_one_frame_of_any_length() {
        let mut queue = FrameQueue::new(usize::MAX);
        assert!(queue.push(&vec![1; MAX_PACKET]) && queue.push(&[2]) && queue.push(&vec![3; MAX_PACKET]));
        let stream: Vec<u8> = queue.bytes.iter().copied().collect();
        for piece in [1, 3, 1_000, 65_537, usize::MAX] {
            let packets = read(&stream, std::iter::repeat(piece));
            assert_eq!(packets.iter().map(Vec::len).collect::<Vec<_>>(), [MAX_PACKET, 1, MAX_PACKET], "{piece}");
        }
        let mut reader = FrameReader::default();
        for _ in 0..1_000 {
            let room = reader.room().len();
            reader.filled(room);
            while reader.next_packet().is_some() {}
        }
        assert!(reader.buffer.len() <= MAX_FRAME);
    }

    #[test]
    fn a_reader_is_as_large_as_what_comes() {
        let mut reader = FrameReader::default();
        for _ in 0..100 {
            let room = reader.room();
            room[..102].copy_from_slice(&[&[0, 100][..], &[5; 100]].concat());
            reader.filled(102);
            assert_eq!(reader.next_packet().map(|packet| packet.len()), Some(100));
        }
        assert_eq!(reader.buffer.len(), FIRST_ROOM);
    }

    proptest! {
        #[test]
        fn ice_12_packets_come_out_as_they_went_in(
            packets in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..3_000), 0..20),
            pieces in proptest::collection::vec(1usize..4_000, 1..40),
        ) {
            let mut queue = FrameQueue::new(usize::MAX);
            let mut stream = Vec::new();
            for (packet, piece) in packets.iter().zip(pieces.iter().cycle()) {
                prop_assert!(queue.push(packet));
                let len = queue.unwritten().len().min(*piece);
                stream.extend_from_slice(&queue.unwritten()[..len]);
                queue.written(len);
            }
            while !queue.is_empty() {
                stream.extend_from_slice(queue.unwritten());
                queue.written(queue.unwritten().len());
            }
            prop_assert_eq!(read(&stream, pieces.into_iter().cycle()), packets);
        }
    }
}
