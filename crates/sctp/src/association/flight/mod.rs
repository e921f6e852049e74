//! Chunks that were sent and are not yet acknowledged for good: a ring indexed by TSN.
//!
//! A SACK costs work for the chunks it newly acknowledges and for its blocks, not for what is in flight: each chunk's
//! first transmission is judged once, in order of sending, and so is each repetition.
//!
//! | file | what |
//! |---|---|
//! | here | cutting messages into chunks, sending and sending again |
//! | `messages` | what they are cut from |
//! | `acknowledge` | what a SACK settles |
//! | `loss` | what is taken for lost, and when |
//! | `rack` | how long a packet may be overtaken |
//! | `forward` | what is given up, and how the peer learns of it |

mod acknowledge;
mod forward;
mod loss;
mod messages;
mod rack;
#[cfg(test)]
mod tests;

pub use acknowledge::Acked;
pub use messages::Slot;

use super::losses::Losses;
use super::send_queue::{MESSAGE_OVERHEAD, Outgoing};
use crate::chunk::{ChunkType, Data, DataFlags, Extensions, IData};
use crate::packet::Builder;
use crate::{Reliability, StreamId, Tsn};
use acknowledge::Span;
use forward::Forward;
use messages::{Cut, Messages};
use ortica_core::Instant;
use rack::Rack;
use std::collections::{BTreeSet, VecDeque};

/// The ring's bound: gap ack blocks reach no further than 65,535.
const MOST_CHUNKS: usize = 65_535;
/// No message is cut into pieces below this many bytes to fill a packet.
const LEAST_FRAGMENT: usize = 4;

/// The chunks in flight, the messages they are cut from, and what is known of their fate.
#[derive(Debug)]
pub struct Flight {
    /// TSN of the first chunk in the ring: all before it is acknowledged for good.
    first: Tsn,
    chunks: VecDeque<Outstanding>,
    /// The messages that the chunks in the ring belong to, and those begun.
    messages: Messages,
    /// The message being cut.
    current: Option<Slot>,
    /// Each message is a flow of its own: I-DATA, of which several may be begun.
    interleaving: bool,
    /// Bytes in flight: headers included, lost and abandoned chunks not.
    in_flight: usize,
    /// Bytes of messages held here, overhead included.
    held: usize,
    /// What gap ack blocks have acknowledged, as distances from `first - 1`; sorted, disjoint.
    acked: Vec<Span>,
    /// Room to work in, kept between SACKs.
    scratch: [Vec<Span>; 2],
    /// Chunks to send again, in the order in which they were found lost. Entries may be out of date.
    lost: VecDeque<Tsn>,
    /// Chunks sent again, in order of sending. Entries may be out of date.
    resent: VecDeque<(Tsn, u64)>,
    /// The next chunk whose first transmission is to be judged.
    judged: Tsn,
    /// Number of the packet being built: counts those that carry DATA.
    packet: u64,
    rack: Rack,
    /// What had been sent again when the last SACK came.
    vindicated: u64,
    forward: Forward,
    /// Whether messages may be given up after they were begun: the peer understands FORWARD TSN.
    may_abandon: bool,
    /// What was given up of messages begun: bytes that never went into a packet.
    given_up: Vec<(StreamId, usize)>,
    /// Messages given up.
    pub losses: Losses,
    pub counts: Counts,
}

/// Counted here, reported in [`Stats`](crate::Stats).
#[derive(Debug, Default)]
pub struct Counts {
    pub sent: u64,
    pub retransmitted: u64,
    pub abandoned: u64,
    pub steps: u64,
}

#[derive(Clone, Copy, Debug)]
struct Outstanding {
    message: Slot,
    offset: u32,
    /// Its place among the fragments of the message.
    fsn: u32,
    len: u16,
    /// Bytes before the payload, chunk header included.
    header_len: u8,
    flags: u8,
    fate: Fate,
    transmissions: u32,
    packet: u64,
    sent_at: Instant,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Fate {
    InFlight,
    /// To be sent again.
    Lost,
    /// By a gap ack block, which the peer may take back.
    Acked,
    /// Given up.
    Abandoned,
}

impl Outstanding {
    fn size(&self) -> usize {
        usize::from(self.header_len) + usize::from(self.len).next_multiple_of(4)
    }

    fn ends(&self) -> bool {
        self.flags & DataFlags::END != 0
    }
}

impl Flight {
    /// Nothing sent yet; `first` is the first TSN to use, `room` what a packet offers to chunks.
    pub fn new(first: Tsn, extensions: Extensions, room: usize) -> Self {
        Self {
            first,
            chunks: VecDeque::new(),
            messages: Messages::default(),
            current: None,
            interleaving: extensions.interleaving,
            in_flight: 0,
            held: 0,
            acked: Vec::new(),
            scratch: [Vec::new(), Vec::new()],
            lost: VecDeque::new(),
            resent: VecDeque::new(),
            judged: first,
            packet: 0,
            rack: Rack::default(),
            vindicated: 0,
            forward: Forward::new(first.previous(), extensions.interleaving, room),
            may_abandon: extensions.partial_reliability(),
            given_up: Vec::new(),
            losses: Losses::default(),
            counts: Counts::default(),
        }
    }

    /// `true` when everything sent is acknowledged for good.
    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty() && self.messages.is_empty()
    }

    /// `true` while a chunk waits for its acknowledgement.
    pub fn is_outstanding(&self) -> bool {
        !self.chunks.is_empty()
    }

    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    pub fn held(&self) -> usize {
        self.held
    }

    /// The next TSN to assign.
    pub fn next_tsn(&self) -> Tsn {
        self.first.plus(self.chunks.len() as u32)
    }

    /// The last TSN assigned.
    pub fn last_tsn(&self) -> Tsn {
        self.next_tsn().previous()
    }

    /// The last TSN acknowledged for good.
    pub fn cumulative(&self) -> Tsn {
        self.first.previous()
    }

    /// `true` when no further chunk may be cut before some are acknowledged.
    pub fn is_full(&self) -> bool {
        self.chunks.len() >= MOST_CHUNKS
    }

    /// Number of the last packet with data.
    pub fn last_packet(&self) -> u64 {
        self.packet
    }

    /// Number of the last packet known to have arrived.
    pub fn arrived(&self) -> u64 {
        self.rack.newest()
    }

    /// A recovery from losses begins.
    pub fn on_recovery(&mut self) {
        self.rack.on_recovery();
    }

    /// Bytes of a message begun that never went into a packet, once they are given up.
    pub fn take_given_up(&mut self) -> Option<(StreamId, usize)> {
        self.given_up.pop()
    }

    /// Bytes before the payload of a chunk, chunk header included.
    pub fn header_len(&self) -> usize {
        if self.interleaving { IData::HEADER_LEN } else { Data::HEADER_LEN }
    }

    /// Looks at each message that is not acknowledged whole, those given up excluded.
    pub fn for_each_unacknowledged(&self, mut each: impl FnMut(&Outgoing)) {
        let missing = self.chunks.iter().filter(|chunk| matches!(chunk.fate, Fate::InFlight | Fate::Lost));
        let missing: BTreeSet<u32> = missing.map(|chunk| chunk.message.0).collect();
        for (slot, cut) in self.messages.iter() {
            if !cut.abandoned && (cut.rest() > 0 || missing.contains(&slot.0)) {
                each(&cut.message);
            }
        }
    }

    /// Gives back the room that is not used, if nothing is in flight.
    pub fn rest(&mut self) {
        if !self.is_empty() {
            return;
        }
        self.chunks = VecDeque::new();
        self.messages = Messages::default();
        // What is left in these is out of date.
        (self.lost, self.resent) = (VecDeque::new(), VecDeque::new());
        self.acked.shrink_to_fit();
        self.scratch = [Vec::new(), Vec::new()];
        self.given_up.shrink_to_fit();
    }

    /// The messages that are not acknowledged whole, those given up excluded, in the order in which they were begun; each with
    /// how many of its bytes went into chunks.
    pub fn into_messages(self) -> Vec<(Outgoing, usize)> {
        let first = self.first;
        let mut cuts: Vec<Cut> = self.messages.into_cuts().filter(|cut| !cut.abandoned).collect();
        cuts.sort_by_key(|cut| cut.first.distance(first));
        cuts.into_iter().map(|cut| (cut.message, cut.cut)).collect()
    }

    fn chunk_mut(&mut self, tsn: Tsn) -> Option<&mut Outstanding> {
        self.chunks.get_mut(tsn.distance(self.first) as usize)
    }

    fn chunk(&self, tsn: Tsn) -> Option<Outstanding> {
        self.chunks.get(tsn.distance(self.first) as usize).copied()
    }

    fn message(&self, slot: Slot) -> Option<&Cut> {
        self.messages.get(slot)
    }
}

/// Sending.
impl Flight {
    /// Says that the chunks that follow go into a new packet.
    pub fn begin_packet(&mut self) {
        self.packet += 1;
    }

    /// Takes in the message to be cut next.
    pub fn start(&mut self, message: Outgoing) {
        self.held += message.payload.len() + MESSAGE_OVERHEAD;
        let first = self.next_tsn();
        self.current = Some(self.messages.insert(Cut::new(message, first)));
    }

    /// Goes on with a message begun before.
    pub fn go_on(&mut self, slot: Slot) {
        self.current = Some(slot);
    }

    fn current(&self) -> Option<&Cut> {
        self.message(self.current?)
    }

    /// `true` while a message is being cut.
    pub fn has_current(&self) -> bool {
        self.current.is_some()
    }

    /// Gives up the message being cut if its time is over.
    pub fn expire_current(&mut self, now: Instant) {
        if let Some(slot) = self.current.filter(|slot| self.is_expired(now, *slot)) {
            self.abandon(slot);
        }
    }

    /// How many bytes of the message being cut belong into a packet with `room` left, of which a whole packet offers
    /// `whole`: the rest of the message, or what fills the packet. `None` when it had better begin with the next packet.
    pub fn fitting(&self, room: usize, whole: usize) -> Option<usize> {
        let cut = self.current()?;
        let fit = room.checked_sub(self.header_len())?;
        let rest = cut.rest();
        if rest <= fit {
            return Some(rest);
        }
        // A message that may get lost should not depend on two packets when one can hold it.
        let fragile = !matches!(cut.message.reliability, Reliability::Reliable | Reliability::Priority(_));
        if fit < LEAST_FRAGMENT || (fragile && room < whole && rest <= whole - self.header_len()) {
            return None;
        }
        Some(fit & !3)
    }

    /// Cuts `len` bytes off the current message into the packet. Returns the stream they are on, and the message if it
    /// goes on later; where messages are not interleaved it stays the current one.
    pub fn cut(
        &mut self,
        now: Instant,
        len: usize,
        immediate: bool,
        packet: &mut Builder<'_>,
    ) -> Option<(StreamId, Option<Slot>)> {
        let tsn = self.next_tsn();
        let header_len = self.header_len() as u8;
        let slot = self.current?;
        let cut = self.messages.get_mut(slot)?;
        let begin = if cut.cut == 0 { DataFlags::BEGIN } else { 0 };
        let end = if cut.rest() == len { DataFlags::END } else { 0 };
        let order = if cut.message.ordered { 0 } else { DataFlags::UNORDERED };
        let chunk = Outstanding {
            message: slot,
            offset: cut.cut as u32,
            fsn: cut.fragments,
            len: len as u16,
            header_len,
            flags: begin | end | order,
            fate: Fate::InFlight,
            transmissions: 1,
            packet: self.packet,
            sent_at: now,
        };
        cut.cut += len;
        cut.fragments += 1;
        cut.last = tsn;
        let stream = cut.message.stream;
        let rest = (end == 0).then_some(slot);
        self.current = rest.filter(|_| !self.interleaving);
        self.in_flight += chunk.size();
        self.chunks.push_back(chunk);
        self.counts.sent += 1;
        self.write(tsn, immediate, packet);
        Some((stream, rest))
    }

    /// Bytes of the next chunk to send again. Those whose time is over by now are given up.
    ///
    /// Source: [RFC 3758 §4.1 TR4](https://www.rfc-editor.org/rfc/rfc3758#section-4.1)
    pub fn next_lost(&mut self, now: Instant) -> Option<usize> {
        while let Some(&tsn) = self.lost.front() {
            if !tsn.precedes(self.first)
                && let Some(chunk) = self.chunk(tsn).filter(|chunk| chunk.fate == Fate::Lost)
            {
                if !self.is_expired(now, chunk.message) {
                    return Some(chunk.size());
                }
                self.abandon(chunk.message);
            }
            self.lost.pop_front();
        }
        None
    }

    /// Whether a message may be given up because its time is over.
    fn is_expired(&self, now: Instant, slot: Slot) -> bool {
        self.may_abandon && self.message(slot).is_some_and(|cut| cut.message.is_expired(now))
    }

    /// Puts the chunk that [`next_lost`](Self::next_lost) measured into the packet. Returns whether it is the first
    /// outstanding one.
    pub fn resend_lost(&mut self, now: Instant, packet: &mut Builder<'_>) -> bool {
        let Some(tsn) = self.lost.pop_front() else { return false };
        self.resend(now, tsn, packet)
    }

    /// The last chunk in flight, and its bytes: what to probe with ([RFC 8985 §7.3](https://www.rfc-editor.org/rfc/rfc8985#section-7.3)).
    pub fn next_probe(&self, now: Instant) -> Option<(Tsn, usize)> {
        // Most often it is the last of the ring: what stands behind it arrived before it, or is given up.
        let (at, chunk) = self.chunks.iter().enumerate().rfind(|(_, chunk)| chunk.fate == Fate::InFlight)?;
        let Cut { message, .. } = self.message(chunk.message)?;
        let allowed = match message.reliability {
            Reliability::MaxRetransmits(most) => chunk.transmissions <= most,
            Reliability::MaxLifetime(_) => !self.is_expired(now, chunk.message),
            Reliability::Reliable | Reliability::Priority(_) => true,
        };
        allowed.then(|| (self.first.plus(at as u32), chunk.size()))
    }

    /// Puts a chunk into the packet that was sent before. Returns whether it is the first outstanding one.
    pub fn resend(&mut self, now: Instant, tsn: Tsn, packet: &mut Builder<'_>) -> bool {
        let number = self.packet;
        let Some(chunk) = self.chunk_mut(tsn) else { return false };
        let size = if chunk.fate == Fate::Lost { chunk.size() } else { 0 };
        chunk.fate = Fate::InFlight;
        chunk.transmissions += 1;
        chunk.packet = number;
        chunk.sent_at = now;
        self.in_flight += size;
        self.resent.push_back((tsn, number));
        self.counts.sent += 1;
        self.counts.retransmitted += 1;
        self.write(tsn, true, packet);
        tsn == self.first
    }

    fn write(&self, tsn: Tsn, immediate: bool, packet: &mut Builder<'_>) {
        let Some(chunk) = self.chunk(tsn) else { return };
        let Some(Cut { message, .. }) = self.message(chunk.message) else { return };
        let from = chunk.offset as usize;
        let payload = message.payload.get(from..from + usize::from(chunk.len)).unwrap_or_default();
        let flags = chunk.flags | if immediate { DataFlags::IMMEDIATE } else { 0 };
        let (stream, mid, ppid) = (message.stream, message.mid, message.ppid);
        let data_flags = DataFlags(flags);
        if self.interleaving {
            let data = IData { tsn, stream, mid, fsn: chunk.fsn, ppid, flags: data_flags, payload };
            packet.chunk(ChunkType::I_DATA, flags, |out| data.encode(out));
        } else {
            let data = Data { tsn, stream, ssn: mid.ssn(), ppid, flags: data_flags, payload };
            packet.chunk(ChunkType::DATA, flags, |out| data.encode(out));
        }
    }
}
