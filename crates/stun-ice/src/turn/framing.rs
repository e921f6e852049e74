//! STUN messages and ChannelData on a stream, for TURN over TCP and TLS: each says how long it is.
//!
//! Source: [RFC 8656 §12.5](https://www.rfc-editor.org/rfc/rfc8656#section-12.5)

use super::channel::{ChannelData, is_channel_data};
use crate::stun::{HEADER_LEN, MAGIC_COOKIE};
use std::collections::VecDeque;
use thiserror::Error;

/// The longest packet: a STUN message of 65,532 bytes behind its header, or ChannelData of 65,535 and its padding.
pub const MAX_PACKET: usize = HEADER_LEN + 65_532;

/// Bytes that say what a packet is and how long.
const PREFIX: usize = 4;
/// What a reader has room for at first.
const FIRST_ROOM: usize = 2_048;

/// The stream carries something else, so that nobody knows where the next packet begins: close it.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("the stream carries neither STUN nor ChannelData")]
pub struct FramingError;

/// Takes bytes as a stream brings them and gives the packets in them. It holds one packet of [`MAX_PACKET`] bytes at most, and has
/// room for less as long as less comes at a time.
#[derive(Debug, Default)]
pub struct StreamReader {
    buffer: Vec<u8>,
    /// What was read and not given out yet lies between these two.
    start: usize,
    end: usize,
    /// A read left no room, so that a larger one may be worth it.
    was_full: bool,
}

impl StreamReader {
    /// Where to put what is read next. Never empty after [`next_packet`](Self::next_packet) gave `None`.
    pub fn room(&mut self) -> &mut [u8] {
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        let doubled = if std::mem::take(&mut self.was_full) { 2 * self.buffer.len() } else { 0 };
        let packet = self.packet_len().ok().flatten().map_or(0, |(_, padded)| padded);
        let wanted = packet.max(doubled).clamp(FIRST_ROOM, MAX_PACKET);
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

    /// The next packet that is there in full, without padding.
    ///
    /// # Errors
    /// When what comes is no packet; again at each further call.
    pub fn next_packet(&mut self) -> Result<Option<&mut [u8]>, FramingError> {
        let Some((len, padded)) = self.packet_len()? else { return Ok(None) };
        if padded > self.end - self.start {
            return Ok(None);
        }
        let at = self.start;
        self.start += padded;
        Ok(self.buffer.get_mut(at..at + len))
    }

    /// Takes what was read and is no packet yet: what follows the last answer, where the stream becomes that of a peer.
    pub fn take_rest(&mut self) -> &[u8] {
        let start = std::mem::replace(&mut self.start, self.end);
        self.buffer.get(start..self.end).unwrap_or_default()
    }

    /// How long the next packet is, without and with padding, once its first bytes are there.
    fn packet_len(&self) -> Result<Option<(usize, usize)>, FramingError> {
        let read = self.buffer.get(self.start..self.end).unwrap_or_default();
        let Some([first, _, high, low]) = read.first_chunk::<PREFIX>() else { return Ok(None) };
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        if is_channel_data(read) {
            let len = ChannelData::HEADER_LEN + length;
            return Ok(Some((len, len.next_multiple_of(4))));
        }
        let cookie = MAGIC_COOKIE.to_be_bytes();
        let seen = read.get(PREFIX..).unwrap_or_default();
        let is_cookie = cookie.iter().zip(seen).all(|(expected, byte)| expected == byte);
        if *first > 0x3f || !length.is_multiple_of(4) || !is_cookie {
            return Err(FramingError);
        }
        Ok(Some((HEADER_LEN + length, HEADER_LEN + length)))
    }
}

/// Packets on their way to a stream that may not take them at once. It holds a bounded number of bytes; what does not fit is refused
/// as a whole, so that the stream stays readable.
#[derive(Debug)]
pub struct StreamQueue {
    bytes: VecDeque<u8>,
    limit: usize,
}

impl StreamQueue {
    /// An empty one for `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self { bytes: VecDeque::new(), limit }
    }

    /// Appends a packet, padded to a multiple of 4 with zeros; `false`, and nothing happens, when it does not fit.
    pub fn push(&mut self, packet: &[u8]) -> bool {
        let padding = packet.len().next_multiple_of(4) - packet.len();
        if self.bytes.len() + packet.len() + padding > self.limit {
            return false;
        }
        self.bytes.extend(packet);
        self.bytes.extend(std::iter::repeat_n(0, padding));
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
    use crate::stun::{AttributeType, Class, MessageBuilder, Method, TransactionId};
    use proptest::prelude::*;

    /// Feeds a reader pieces of so many bytes and collects what it gives.
    fn read(stream: &[u8], piece: usize) -> Result<Vec<Vec<u8>>, FramingError> {
        let (mut reader, mut rest, mut packets) = (StreamReader::default(), stream, Vec::new());
        while !rest.is_empty() {
            let room = reader.room();
            assert!(!room.is_empty(), "there is always room for more of a packet");
            let (now, later) = rest.split_at(piece.clamp(1, rest.len()).min(room.len()));
            room[..now.len()].copy_from_slice(now);
            rest = later;
            reader.filled(now.len());
            while let Some(packet) = reader.next_packet()? {
                packets.push(packet.to_vec());
            }
        }
        assert!(reader.buffer.len() <= MAX_PACKET);
        Ok(packets)
    }

    fn channel_data(len: usize) -> Vec<u8> {
        let mut packet = vec![0x40, 1];
        packet.extend_from_slice(&(len as u16).to_be_bytes());
        packet.extend(std::iter::repeat_n(len as u8, len));
        packet
    }

    fn message(len: usize) -> Vec<u8> {
        let mut packet = Vec::new();
        MessageBuilder::new(&mut packet, Class::Indication, Method::DATA, TransactionId([9; 12]))
            .attribute(AttributeType::DATA, &vec![8; len]);
        packet
    }

    /// Guards the padding on both sides.
    #[test]
    fn turn_3_channel_data_is_padded_to_four_on_a_stream() {
        let mut queue = StreamQueue::new(1_000);
        let packets = [channel_data(1), channel_data(0), message(5), channel_data(4), channel_data(3)];
        assert!(packets.iter().all(|packet| queue.push(packet)));
        assert_eq!(queue.unwritten()[..12], [0x40, 1, 0, 1, 1, 0, 0, 0, 0x40, 1, 0, 0]);
        let stream: Vec<u8> = queue.bytes.iter().copied().collect();
        for piece in [1, 2, 3, 4, 5, 7, 1_000] {
            assert_eq!(read(&stream, piece).unwrap(), packets, "{piece}");
        }
        queue.written(8);
        assert_eq!(queue.unwritten()[..2], [0x40, 1]);
    }

    /// Guards what a reader takes for the head of a packet.
    #[test]
    fn a_stream_of_something_else_is_refused_for_good() {
        let mut unaligned = message(4);
        unaligned[3] += 1;
        let mut no_cookie = message(4);
        no_cookie[4] = 0;
        for bad in [&[0x80, 0, 0, 0][..], &[0x50, 0, 0, 0], &unaligned, &no_cookie, b"SSH-2.0"] {
            assert_eq!(read(&[&channel_data(4), bad].concat(), 1), Err(FramingError));
        }
        let mut reader = StreamReader::default();
        reader.room()[..4].copy_from_slice(&[0xff; 4]);
        reader.filled(4);
        assert_eq!([reader.next_packet().err(), reader.next_packet().err()], [Some(FramingError); 2]);
    }

    /// Guards the limit of the queue, and the room of the reader.
    #[test]
    fn both_are_bounded() {
        let mut queue = StreamQueue::new(20);
        assert_eq!([9, 9, 5, 1].map(|len| queue.push(&channel_data(len))), [true, false, false, false]);
        assert!(queue.push(&channel_data(0)) && !queue.push(&[0]));
        let long = [channel_data(65_535), vec![0], message(65_528), channel_data(2), vec![0; 2]].concat();
        for piece in [1_000, 65_552, usize::MAX] {
            let lengths: Vec<_> = read(&long, piece).unwrap().iter().map(Vec::len).collect();
            assert_eq!(lengths, [65_539, 65_552, 6]);
        }
    }

    #[test]
    fn what_follows_the_last_packet_can_be_taken() {
        let mut reader = StreamReader::default();
        let stream = [message(4), b"xyz".to_vec()].concat();
        reader.room()[..stream.len()].copy_from_slice(&stream);
        reader.filled(stream.len());
        assert_eq!(reader.next_packet().unwrap().map(|it| it.len()), Some(28));
        assert_eq!(reader.take_rest(), b"xyz");
        assert_eq!(reader.next_packet(), Ok(None));
    }

    proptest! {
        #[test]
        fn packets_survive_any_cutting(lengths in proptest::collection::vec((any::<bool>(), 0usize..600), 1..20), piece in 1usize..900) {
            let packets: Vec<_> =
                lengths.into_iter().map(|(is_message, len)| if is_message { message(len) } else { channel_data(len) }).collect();
            let mut queue = StreamQueue::new(usize::MAX);
            prop_assert!(packets.iter().all(|packet| queue.push(packet)));
            let stream: Vec<u8> = queue.bytes.iter().copied().collect();
            prop_assert_eq!(read(&stream, piece).unwrap(), packets);
        }

        #[test]
        fn arbitrary_bytes_do_not_panic(bytes: Vec<u8>, piece in 1usize..50) {
            let _ = read(&bytes, piece);
        }
    }
}
