//! Payloads with those before them.

use ortica_rtp::{PayloadType, RtpTimestamp};
use smallvec::SmallVec;
use std::collections::VecDeque;

use super::super::Payload;
use super::{HEADER_LEN, MAX_BLOCK_LEN, MAX_BLOCKS, MAX_OFFSET, PRIMARY_HEADER_LEN};

/// Puts the payloads of one stream, whose packets hold a frame each, together with those before them.
#[derive(Clone, Debug)]
pub struct RedPacketizer {
    payload_type: PayloadType,
    earlier: usize,
    /// The last payloads, oldest first: as many as are repeated.
    sent: VecDeque<(RtpTimestamp, Payload)>,
}

impl RedPacketizer {
    /// For payloads of the type `payload_type`, each of which is repeated in the `earlier` packets behind it: at most eight, that is
    /// [`MAX_BLOCKS`] less one.
    pub fn new(payload_type: PayloadType, earlier: usize) -> Self {
        Self { payload_type, earlier: earlier.min(MAX_BLOCKS - 1), sent: VecDeque::new() }
    }

    /// The payload with as many of those before it as there is room for in `max_payload` bytes, the latest first. What is longer than
    /// [`MAX_BLOCK_LEN`] or lies further back than [`MAX_OFFSET`] is left out. `None` if there is no room for the header: the payload
    /// is to be sent as it is then.
    pub fn wrap(&mut self, timestamp: RtpTimestamp, payload: &Payload, max_payload: usize) -> Option<Payload> {
        let room = max_payload.checked_sub(PRIMARY_HEADER_LEN + payload.len());
        let wrapped = room.map(|room| self.assemble(timestamp, payload, room));
        self.keep(timestamp, payload);
        wrapped
    }

    /// Repeats nothing of what was sent so far.
    pub fn forget(&mut self) {
        self.sent.clear();
    }

    fn assemble(&self, timestamp: RtpTimestamp, payload: &Payload, room: usize) -> Payload {
        let chosen = self.choose(timestamp, room);
        let mut prefix = SmallVec::new();
        for (offset, earlier) in chosen.iter().rev() {
            let header =
                1 << 31 | u32::from(self.payload_type.0 & 0x7f) << 24 | u32::from(*offset) << 10 | earlier.len() as u32;
            prefix.extend_from_slice(&header.to_be_bytes());
        }
        prefix.push(self.payload_type.0 & 0x7f);
        for (_, earlier) in chosen.iter().rev() {
            prefix.extend_from_slice(&earlier.prefix);
            prefix.extend_from_slice(&earlier.body);
        }
        prefix.extend_from_slice(&payload.prefix);
        Payload { prefix, body: payload.body.clone(), marker: payload.marker }
    }

    /// What is repeated, latest first, with how far it lies back.
    fn choose(&self, timestamp: RtpTimestamp, mut room: usize) -> SmallVec<[(u16, &Payload); MAX_BLOCKS - 1]> {
        let mut chosen = SmallVec::new();
        for (sent, earlier) in self.sent.iter().rev() {
            let offset = u16::try_from(sent.distance(timestamp)).unwrap_or(0);
            let len = HEADER_LEN + earlier.len();
            if (1..=MAX_OFFSET).contains(&offset) && earlier.len() <= MAX_BLOCK_LEN && len <= room {
                room -= len;
                chosen.push((offset, earlier));
            }
        }
        chosen
    }

    fn keep(&mut self, timestamp: RtpTimestamp, payload: &Payload) {
        if self.earlier == 0 {
            return;
        }
        if self.sent.len() == self.earlier {
            self.sent.pop_front();
        }
        self.sent.push_back((timestamp, payload.clone()));
    }
}
