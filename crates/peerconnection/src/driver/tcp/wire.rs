//! What goes over a connection: packets in frames, or one STUN message after the other where a STUN server is at the other end.

use ortica_ice::framing::{FrameQueue, FrameReader};
use ortica_ice::is_stun;
use ortica_ice::turn::framing::{StreamQueue, StreamReader};

/// What waits to be written to a peer, in bytes: some four bursts of 64 packets.
const QUEUE: usize = 384 << 10;
/// The same to a server, which is asked now and then.
const QUEUE_TO_SERVER: usize = 4 << 10;

/// The bytes that came and are no packets yet, and those that wait to be written.
#[derive(Debug)]
pub(in crate::driver) enum Wire {
    Frames {
        reader: FrameReader,
        queue: FrameQueue,
    },
    Messages {
        reader: StreamReader,
        queue: StreamQueue,
        /// What came is no STUN.
        is_broken: bool,
    },
}

impl Wire {
    pub fn to_peer() -> Self {
        Self::Frames { reader: FrameReader::default(), queue: FrameQueue::new(QUEUE) }
    }

    pub fn to_server() -> Self {
        let queue = StreamQueue::new(QUEUE_TO_SERVER);
        Self::Messages { reader: StreamReader::default(), queue, is_broken: false }
    }

    /// Where to put what is read.
    pub fn room(&mut self) -> &mut [u8] {
        match self {
            Self::Frames { reader, .. } => reader.room(),
            Self::Messages { reader, .. } => reader.room(),
        }
    }

    pub fn filled(&mut self, bytes: usize) {
        match self {
            Self::Frames { reader, .. } => reader.filled(bytes),
            Self::Messages { reader, .. } => reader.filled(bytes),
        }
    }

    /// The next packet that is there in full, which stays.
    pub fn peek(&mut self) -> Option<&[u8]> {
        match self {
            Self::Frames { reader, .. } => reader.peek(),
            Self::Messages { .. } => None,
        }
    }

    /// The next packet that is there in full. Of a server nothing but STUN is taken.
    pub fn next_packet(&mut self) -> Option<&mut [u8]> {
        match self {
            Self::Frames { reader, .. } => reader.next_packet(),
            Self::Messages { reader, is_broken, .. } => {
                let packet = reader.next_packet().unwrap_or_else(|_| {
                    *is_broken = true;
                    None
                })?;
                *is_broken |= !is_stun(packet);
                (!*is_broken).then_some(packet)
            }
        }
    }

    /// The other end speaks something else.
    pub fn is_broken(&self) -> bool {
        matches!(self, Self::Messages { is_broken: true, .. })
    }

    /// A server is at the other end, which need not introduce itself.
    pub fn is_to_server(&self) -> bool {
        matches!(self, Self::Messages { .. })
    }

    /// Queues a packet; `false` where there is no room for it.
    pub fn push(&mut self, packet: &[u8]) -> bool {
        match self {
            Self::Frames { queue, .. } => queue.push(packet),
            Self::Messages { queue, .. } => queue.push(packet),
        }
    }

    pub fn unwritten(&self) -> &[u8] {
        match self {
            Self::Frames { queue, .. } => queue.unwritten(),
            Self::Messages { queue, .. } => queue.unwritten(),
        }
    }

    pub fn written(&mut self, bytes: usize) {
        match self {
            Self::Frames { queue, .. } => queue.written(bytes),
            Self::Messages { queue, .. } => queue.written(bytes),
        }
    }

    /// Nothing waits to be written.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Frames { queue, .. } => queue.is_empty(),
            Self::Messages { queue, .. } => queue.is_empty(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ortica_core::Rng;
    use ortica_ice::stun::{Class, MessageBuilder, Method, TransactionId};

    fn feed(wire: &mut Wire, bytes: &[u8]) {
        let room = wire.room();
        room[..bytes.len()].copy_from_slice(bytes);
        wire.filled(bytes.len());
    }

    /// Guards what a server may say: STUN, and nothing that would be taken for data of the peer.
    #[test]
    fn nothing_but_stun_is_taken_from_a_server() {
        let id = TransactionId::generate(&mut Rng::from_number(1));
        let mut message = Vec::new();
        MessageBuilder::new(&mut message, Class::Success, Method::BINDING, id)
            .xor_mapped_address("192.0.2.1:5".parse().unwrap());
        let mut wire = Wire::to_server();
        feed(&mut wire, &message);
        assert_eq!(wire.next_packet(), Some(message.as_mut_slice()));
        assert!(wire.next_packet().is_none() && !wire.is_broken());
        // Data of a channel, and a record of TLS.
        for other in [&[0x40, 0, 0, 4, 1, 2, 3, 4][..], &[0x15, 3, 3, 0, 2, 2, 40]] {
            let mut wire = Wire::to_server();
            feed(&mut wire, other);
            assert!(wire.next_packet().is_none() && wire.is_broken(), "{other:?}");
        }
    }
}
