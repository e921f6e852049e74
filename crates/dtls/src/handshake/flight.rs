//! What this end has sent and the peer has not answered yet.

use crate::message::{Fragment, Message};
use crate::record::{ContentType, Epoch, Records};
use ortica_core::{Instant, Writer};
use std::time::Duration;

/// A part of a flight.
pub(crate) enum Item {
    /// A handshake message and the epoch it is written in.
    Message(Epoch, Message),
    /// Announces that the next record comes in epoch 1.
    ChangeCipherSpec,
}

/// The last flight of messages, kept until the peer's next flight is there; the final flight until the connection ends.
/// A lost part brings the whole of it again, in new records.
///
/// ```text
///  start ──► sending ──all polled──► waiting ──timeout, peer repeats itself──► sending
///                                       └─────answered: the next start or clear
/// ```
/// Source: [RFC 6347 §4.2.4](https://www.rfc-editor.org/rfc/rfc6347#section-4.2.4)
pub(crate) struct Flight {
    items: Vec<Item>,
    /// Which item comes next and from which byte of it on; `None` while waiting.
    position: Option<(usize, usize)>,
    /// Whether an answer is due; none is to the final flight.
    awaits_answer: bool,
    mtu: usize,
    timeout: Duration,
    deadline: Option<Instant>,
    /// When the whole of it was last sent.
    sent: Option<Instant>,
    /// Timeouts of this flight so far.
    lost: u32,
}

impl Flight {
    /// A packet of this size passes everywhere: IPv4 must carry 576 bytes, 28 of them are headers.
    const SAFE_MTU: usize = 548;
    /// From this many timeouts in a row on, packets that are too long may be the reason.
    const SUSPICIOUS: u32 = 2;
    /// A message is not cut for fewer bytes than this.
    const MIN_FRAGMENT: usize = 64;

    pub(crate) fn new(mtu: usize) -> Self {
        Self {
            items: Vec::new(),
            position: None,
            awaits_answer: false,
            mtu,
            timeout: Duration::ZERO,
            deadline: None,
            sent: None,
            lost: 0,
        }
    }

    /// Replaces the flight by the next one; the one before was answered.
    ///
    /// The timeout starts anew, where RFC 6347 §4.2.4.1 would keep a doubled one until something went through unharmed:
    /// the peer's answer shows that something did.
    pub(crate) fn start(&mut self, items: Vec<Item>, awaits_answer: bool, timeout: Duration) {
        *self = Self { items, position: Some((0, 0)), awaits_answer, timeout, ..Self::new(self.mtu) };
    }

    /// Forgets the flight.
    pub(crate) fn clear(&mut self) {
        *self = Self::new(self.mtu);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// When the peer's answer is overdue.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Sends everything again if the answer is overdue; says whether it is.
    pub(crate) fn on_timeout(&mut self, now: Instant, max_timeout: Duration) -> bool {
        if self.deadline.is_none_or(|deadline| now < deadline) {
            return false;
        }
        self.timeout = (self.timeout * 2).min(max_timeout);
        self.lost += 1;
        self.send_again();
        true
    }

    /// Sends everything again because the peer sent again what this flight answers; says whether it does. A peer that
    /// does so in several packets, or a network that copies them, gets one answer.
    pub(crate) fn on_peer_retransmission(&mut self, now: Instant) -> bool {
        let due = self.sent.is_some_and(|sent| now >= sent + self.timeout / 4);
        if due && self.position.is_none() && !self.items.is_empty() {
            self.send_again();
            return true;
        }
        false
    }

    fn send_again(&mut self) {
        self.position = Some((0, 0));
        self.deadline = None;
    }

    /// Appends one packet.
    pub(crate) fn poll(&mut self, now: Instant, records: &mut Records, out: &mut Vec<u8>) -> Option<usize> {
        let (mut index, mut offset) = self.position?;
        let start = out.len();
        while let Some(item) = self.items.get(index) {
            let room = self.mtu().saturating_sub(out.len() - start);
            let Some(written) = item.write(records, offset, room, out) else { break };
            offset += written;
            if offset >= item.len() {
                (index, offset) = (index + 1, 0);
            }
        }
        self.position = Some((index, offset));
        if index >= self.items.len() || out.len() == start {
            self.position = None;
            self.sent = Some(now);
            self.deadline = self.awaits_answer.then(|| now + self.timeout);
        }
        Some(out.len() - start).filter(|len| *len > 0)
    }

    fn mtu(&self) -> usize {
        if self.lost >= Self::SUSPICIOUS { self.mtu.min(Self::SAFE_MTU) } else { self.mtu }
    }
}

impl Item {
    /// How many bytes there are to get through.
    fn len(&self) -> usize {
        match self {
            Self::Message(_, message) => message.body.len(),
            Self::ChangeCipherSpec => 0,
        }
    }

    /// Appends a record of at most `room` bytes with what comes at `offset`, and says how much of that it holds; `None` if
    /// it should rather begin the next packet.
    fn write(&self, records: &mut Records, offset: usize, room: usize, out: &mut Vec<u8>) -> Option<usize> {
        match self {
            Self::ChangeCipherSpec => {
                room.checked_sub(records.overhead(Epoch::Plain) + 1)?;
                records.write(Epoch::Plain, ContentType::CHANGE_CIPHER_SPEC, out, |out| out.push(1)).ok()?;
                Some(0)
            }
            Self::Message(epoch, message) => {
                let room = room.checked_sub(records.overhead(*epoch) + Fragment::HEADER_LEN)?;
                let left = message.body.get(offset..)?;
                if room < left.len() && room < Flight::MIN_FRAGMENT {
                    return None;
                }
                let body = left.get(..room).unwrap_or(left);
                let fragment = Fragment { offset, body, ..message.whole() };
                let write = |out: &mut Vec<u8>| fragment.encode(&mut Writer::new(out));
                records.write(*epoch, ContentType::HANDSHAKE, out, write).ok()?;
                Some(body.len())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::HandshakeType;
    use crate::record::next_record;
    use ortica_core::Reader;

    const SECOND: Duration = Duration::from_secs(1);

    fn message(sequence: u16, len: usize) -> Item {
        let body = (0..len).map(|at| at as u8).collect();
        Item::Message(Epoch::Plain, Message { kind: HandshakeType::CERTIFICATE, sequence, body })
    }

    fn flight(mtu: usize, lens: &[usize]) -> Flight {
        let mut flight = Flight::new(mtu);
        flight.start(lens.iter().enumerate().map(|(at, len)| message(at as u16, *len)).collect(), true, SECOND);
        flight
    }

    fn drain(flight: &mut Flight, now: Instant) -> Vec<Vec<u8>> {
        let mut records = Records::default();
        let mut packets = Vec::new();
        let mut out = vec![9; 5];
        while let Some(len) = flight.poll(now, &mut records, &mut out) {
            packets.push(out.split_off(out.len() - len));
            assert_eq!(out, [9; 5]);
        }
        packets
    }

    fn fragments(packets: &[Vec<u8>]) -> Vec<(u16, usize, usize)> {
        let mut list = Vec::new();
        for packet in packets {
            let mut packet = packet.clone();
            let mut rest = packet.as_mut_slice();
            while let Some(record) = next_record(&mut rest) {
                let fragment = Fragment::decode(&mut Reader::new(record.unwrap().1)).unwrap();
                list.push((fragment.sequence, fragment.offset, fragment.body.len()));
            }
        }
        list
    }

    fn at(millis: u64) -> Instant {
        Instant::from_nanos(millis * 1_000_000)
    }

    #[test]
    fn small_messages_share_a_packet() {
        let packets = drain(&mut flight(1200, &[100, 0, 200]), at(0));
        assert_eq!(packets.len(), 1);
        assert_eq!(fragments(&packets), [(0, 0, 100), (1, 0, 0), (2, 0, 200)]);
    }

    #[test]
    fn dtls_15_no_packet_exceeds_the_mtu_and_nothing_is_left_out() {
        for mtu in [256, 300, 548, 1200] {
            let packets = drain(&mut flight(mtu, &[500, 1500, 0, 33, 3000]), at(0));
            assert!(packets.iter().all(|packet| packet.len() <= mtu));
            let mut lens = [0; 5];
            for (sequence, offset, len) in fragments(&packets) {
                assert_eq!(lens[usize::from(sequence)], offset);
                lens[usize::from(sequence)] += len;
            }
            assert_eq!(lens, [500, 1500, 0, 33, 3000]);
        }
    }

    /// The guard is `Flight::mtu`.
    #[test]
    fn dtls_15_packets_shrink_to_548_bytes_after_two_losses() {
        let mut flight = flight(1200, &[3000]);
        let mut now = at(0);
        for timeouts in 0..4 {
            let longest = drain(&mut flight, now).iter().map(Vec::len).max().unwrap();
            assert_eq!(longest, if timeouts < 2 { 1200 } else { 548 });
            now = flight.deadline().unwrap();
            assert!(flight.on_timeout(now, SECOND * 60));
        }
    }

    #[test]
    fn dtls_5_the_timeout_doubles_up_to_its_cap() {
        let mut flight = flight(1200, &[10]);
        let mut now = at(0);
        let mut waits = Vec::new();
        for _ in 0..9 {
            drain(&mut flight, now);
            let deadline = flight.deadline().unwrap();
            assert!(!flight.on_timeout(deadline.saturating_sub(Duration::from_nanos(1)), SECOND * 60));
            waits.push(deadline.saturating_duration_since(now).as_secs());
            now = deadline;
            assert!(flight.on_timeout(now, SECOND * 60));
            assert_eq!(flight.deadline(), None, "nothing is waited for before it is sent");
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    }

    #[test]
    fn dtls_5_the_whole_flight_is_sent_again_when_the_peer_repeats_itself() {
        let mut flight = flight(300, &[500, 20]);
        let first = drain(&mut flight, at(0));
        assert!(flight.on_peer_retransmission(at(300)));
        assert!(!flight.on_peer_retransmission(at(300)), "it is already on its way");
        let second = drain(&mut flight, at(300));
        assert_eq!(fragments(&first), fragments(&second));
        assert!(!flight.on_peer_retransmission(at(310)), "a copy by the network");
    }

    #[test]
    fn the_final_flight_waits_for_nothing_and_is_kept() {
        let mut flight = Flight::new(1200);
        flight.start(vec![Item::ChangeCipherSpec, message(0, 12)], false, SECOND);
        assert_eq!(drain(&mut flight, at(0)).len(), 1);
        assert_eq!(flight.deadline(), None);
        assert!(flight.on_peer_retransmission(at(100_000)));
        assert_eq!(drain(&mut flight, at(100_000)).len(), 1);
    }
}
