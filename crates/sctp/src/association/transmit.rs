//! Packets out: what goes into the next one.

use super::link::{Link, packet_payload, packet_room};
use super::neighbour::Neighbour;
use super::pacer::Pacer;
use super::send_queue::Turn;
use super::timer::Timer;
use super::{Association, Heartbeat, Phase, State};
use crate::Config;
use crate::chunk::{ChunkType, HeartbeatInfo, InitParams, Sack, Shutdown};
use crate::packet::{Builder, HEADER_LEN, Header};
use ortica_core::{Bitrate, Instant};
use std::collections::VecDeque;
use tracing::trace;

/// Packets outside the association that wait to be sent.
const MOST_ALONE: usize = 4;

/// Answers to be sent.
#[derive(Debug, Default)]
pub struct Replies {
    /// COOKIE ACK, which comes first in its packet.
    pub cookie_ack: bool,
    /// Chunks that share packets with others, encoded.
    bundle: Vec<u8>,
    /// Chunks that travel alone, each under its own tag.
    alone: VecDeque<Alone>,
}

#[derive(Debug)]
struct Alone {
    tag: u32,
    kind: ChunkType,
    flags: u8,
    value: Vec<u8>,
}

impl Replies {
    fn is_empty(&self) -> bool {
        !self.cookie_ack && self.bundle.is_empty() && self.alone.is_empty()
    }

    /// Gives back the room that is not used.
    pub fn rest(&mut self) {
        self.bundle.shrink_to_fit();
        self.alone.shrink_to_fit();
    }

    /// A packet of one chunk under `tag`. Dropped when too many wait: whoever asks again gets an answer.
    pub fn alone(&mut self, tag: u32, kind: ChunkType, flags: u8, value: Vec<u8>) {
        if self.alone.len() < MOST_ALONE {
            self.alone.push_back(Alone { tag, kind, flags, value });
        }
    }

    /// A chunk of the association. Dropped when it does not fit into a packet with those that wait.
    pub fn bundle(&mut self, config: &Config, kind: ChunkType, value: impl FnOnce(&mut Vec<u8>)) {
        let before = self.bundle.len();
        let header = Header { source_port: 0, destination_port: 0, tag: 0 };
        let mut builder = Builder::new(&mut self.bundle, usize::MAX, header);
        builder.chunk(kind, 0, value);
        drop(self.bundle.drain(before..before + HEADER_LEN));
        // COOKIE ACK may come before.
        if self.bundle.len() > packet_room(config) - 4 {
            self.bundle.truncate(before);
        }
    }

    /// The same for a chunk that is cut at a limit, which `value` is told.
    pub fn bundle_cut(&mut self, config: &Config, kind: ChunkType, value: impl FnOnce(&mut Vec<u8>, usize)) {
        let limit = (packet_room(config) - 4).saturating_sub(self.bundle.len() + 4);
        if limit >= 8 {
            self.bundle(config, kind, |out| value(out, limit));
        }
    }
}

/// What matters between one `None` of `poll_packet` and the next.
#[derive(Debug, Default)]
pub struct Drain {
    /// Packets are being polled.
    active: bool,
    pub pacer: Pacer,
    /// The most that may leave.
    pub ceiling: Option<Bitrate>,
    pub neighbour: Neighbour,
    /// The congestion window or the pace, and nothing else, held the last drain back.
    pub held_back: bool,
    /// The next packet of data does not wait for the window.
    pub force: bool,
    /// Something in flight is to be sent again, to learn what became of the rest.
    pub probe: bool,
    /// Probes since something was acknowledged last.
    pub probes: u32,
    /// A chunk is to be sent into a closed window, to learn whether it still is.
    pub window_probe: bool,
    /// How often that was asked since the window closed; while it is not zero, one chunk at a time is enough.
    pub window_probes: u32,
    /// SHUTDOWN or SHUTDOWN ACK is to be sent.
    pub shutdown_due: bool,
    /// When the round trip time may be measured next.
    pub next_sample: Option<Instant>,
    /// What was sent last asked for a SACK at once.
    pub prompt: bool,
    /// When data was sent last.
    pub last_data: Option<Instant>,
}

impl Drain {
    /// Something new came in: the next poll begins a drain.
    pub fn begin(&mut self) {
        self.active = false;
    }
}

impl Association {
    /// Appends one packet, of at most [`Config::with_max_packet_size`] bytes, to `out` and says how long it is; `None`
    /// when there is nothing to send now. Packets of a bulk transfer are equally long.
    pub fn poll_packet(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<usize> {
        if !std::mem::replace(&mut self.drain.active, true) {
            self.begin_drain(now);
        }
        let len = self.build(now, out);
        match len {
            Some(len) => {
                self.stats.packets_sent += 1;
                trace!(len, "packet out");
            }
            None => self.end_drain(now),
        }
        len
    }

    fn build(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<usize> {
        if let Some(Alone { tag, kind, flags, value }) = self.replies.alone.pop_front() {
            let mut builder = self.builder(out, tag);
            builder.chunk(kind, flags, |out| out.extend_from_slice(&value));
            return builder.finish();
        }
        match &self.state {
            State::Up { .. } => self.build_up(now, out),
            State::CookieWait(_) | State::CookieEchoed { .. } => self.build_setup(now, out),
            State::Closed | State::Ended => None,
        }
    }

    fn builder<'a>(&self, out: &'a mut Vec<u8>, tag: u32) -> Builder<'a> {
        let header = Header { source_port: self.config.local_port, destination_port: self.config.remote_port, tag };
        Builder::new(out, self.config.max_packet_size & !3, header)
    }

    /// INIT, or COOKIE ECHO with the first data.
    fn build_setup(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<usize> {
        let (State::CookieWait(setup) | State::CookieEchoed { setup, .. }) = &mut self.state else { return None };
        if !std::mem::take(&mut setup.due) {
            return None;
        }
        setup.sent += 1;
        setup.at = now;
        let setup = *setup;
        // Each step of the handshake backs off on its own, and none of them what data wait for later.
        let wait = self.rto.backed_off(setup.timeouts);
        self.set_timer(Timer::Setup, now + wait);
        if let State::CookieEchoed { echo, link, .. } = &self.state {
            let mut builder = self.builder(out, link.peer_tag);
            builder.encoded(echo);
            self.put_first_data(now, setup.sent > 1, &mut builder);
            return builder.finish();
        }
        let cookie_preservative = setup.preserve;
        let init = self.init(self.tag, self.initial_tsn);
        let params = InitParams { cookie_preservative, ..self.init_params() };
        let mut builder = self.builder(out, 0);
        builder.chunk(ChunkType::INIT, 0, |out| init.encode(&params, out));
        builder.finish()
    }

    /// Everything else: control first, then what was given up, then data.
    fn build_up(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<usize> {
        let link = self.up()?;
        let (peer_tag, zero_checksum) = (link.peer_tag, link.extensions.zero_checksum);
        let longest = link.mtu.current();
        let mut builder = self.builder(out, peer_tag).with_zero_checksum(zero_checksum);
        if std::mem::take(&mut self.replies.cookie_ack) {
            builder.chunk(ChunkType::COOKIE_ACK, 0, |_| ());
        }
        if !self.replies.bundle.is_empty() {
            builder.encoded(&self.replies.bundle);
            self.replies.bundle.clear();
        }
        self.put_sack(now, &mut builder);
        self.put_shutdown(now, &mut builder);
        self.put_heartbeat(now, &mut builder);
        self.put_reconfig(now, &mut builder);
        self.put_forward(now, &mut builder);
        // What a time-out repeats may make use of a longer packet, and what only the peer would miss may not.
        builder.extend_to(longest);
        self.put_data(now, &mut builder);
        let sent = builder.finish();
        if sent.is_none() { self.build_probe(now, out) } else { sent }
    }

    /// A probe for longer packets.
    fn build_probe(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<usize> {
        let State::Up { phase: Phase::Established, link } = &mut self.state else { return None };
        let (size, peer_tag, nonce) = (link.mtu.due()?, link.peer_tag, self.rng.u64());
        let wait = link.mtu.on_sent(nonce, self.rto.current());
        self.set_timer(Timer::PathMtu, now + wait);
        let mut builder = self.builder(out, peer_tag);
        builder.extend_to(size);
        builder.chunk(ChunkType::HEARTBEAT, 0, |out| HeartbeatInfo(nonce).encode(out));
        let padding = builder.room().saturating_sub(4);
        builder.chunk(ChunkType::PAD, 0, |out| out.resize(out.len() + padding, 0));
        builder.finish()
    }
}

/// Control chunks.
impl Association {
    /// Whether something besides data is to be sent: an acknowledgement, an answer, a request about streams. What
    /// [`read`](Self::read) brings about is of this kind.
    pub fn is_control_due(&self) -> bool {
        match &self.state {
            State::Up { link, .. } => link.inbound.is_sack_due() || !self.replies.is_empty() || link.resets.is_due(),
            _ => true,
        }
    }

    /// One SACK a batch: when it is due, or in passing when data go out anyway.
    fn put_sack(&mut self, now: Instant, builder: &mut Builder<'_>) {
        let may_send = self.may_send_data(now);
        let State::Up { phase, link } = &mut self.state else { return };
        let due = link.inbound.is_sack_due() || (may_send && link.inbound.has_unacknowledged());
        if due && *phase != Phase::ShutdownAckSent && builder.room() >= Sack::MIN_LEN {
            let rtt = self.rto.smoothed().or(self.handshake_rtt);
            let is_over = link.inbound.window.adjust(now, rtt, self.delivery.stuck());
            if is_over && self.delivery.held() > link.inbound.window.size() / 4 {
                self.delivery.look_for_stuck();
            }
            link.inbound.write_sack(&self.delivery, builder);
            self.stats.sacks_sent += 1;
            self.clear_timer(Timer::Ack);
        }
    }

    fn put_shutdown(&mut self, now: Instant, builder: &mut Builder<'_>) {
        let State::Up { phase, link } = &mut self.state else { return };
        if !self.drain.shutdown_due || builder.room() < Shutdown::CHUNK_LEN {
            return;
        }
        match phase {
            Phase::ShutdownSent => {
                let shutdown = Shutdown { cumulative: link.inbound.cumulative() };
                builder.chunk(ChunkType::SHUTDOWN, 0, |out| shutdown.encode(out));
            }
            Phase::ShutdownAckSent => builder.chunk(ChunkType::SHUTDOWN_ACK, 0, |_| ()),
            Phase::Established | Phase::ShutdownPending | Phase::ShutdownReceived => (),
        }
        self.drain.shutdown_due = false;
        self.set_timer(Timer::Shutdown, now + self.rto.current());
    }

    fn put_heartbeat(&mut self, now: Instant, builder: &mut Builder<'_>) {
        if builder.room() < HeartbeatInfo::CHUNK_LEN {
            return;
        }
        if let Some(Heartbeat { nonce, sent_at, due }) = self.heartbeat.as_mut().filter(|heartbeat| heartbeat.due) {
            (*due, *sent_at) = (false, now);
            builder.chunk(ChunkType::HEARTBEAT, 0, |out| HeartbeatInfo(*nonce).encode(out));
        }
    }

    fn put_reconfig(&mut self, now: Instant, builder: &mut Builder<'_>) {
        let most = (packet_payload(&self.config) - 8) / 2;
        let State::Up { link, .. } = &mut self.state else { return };
        link.resets.prepare(link.flight.last_tsn(), most);
        if link.resets.write(builder) {
            self.set_timer(Timer::Reconfig, now + self.rto.current());
        }
    }

    fn put_forward(&mut self, now: Instant, builder: &mut Builder<'_>) {
        let State::Up { link, .. } = &mut self.state else { return };
        if link.flight.forward_len().is_some_and(|len| len <= builder.room()) {
            link.flight.write_forward(now, builder);
            self.arm_retransmit(now, false);
        }
    }
}

/// Data.
impl Association {
    fn begin_drain(&mut self, now: Instant) {
        let idle = self.drain.last_data.map(|at| now.saturating_duration_since(at).as_nanos());
        let State::Up { link, .. } = &mut self.state else { return };
        // A path that takes no time has no rate.
        let rtt = self.rto.smoothed().filter(|rtt| !rtt.is_zero());
        let own = rtt.map(|rtt| link.congestion.rate(rtt));
        let own = own.into_iter().chain(self.drain.ceiling.map(Bitrate::bytes)).min();
        // What the others send is taken from this again.
        let rate = own.map(|own| own.saturating_add(self.drain.neighbour.rate(now)));
        self.drain.pacer.begin(now, rate, packet_room(&self.config));
        self.drain.held_back = false;
        if let (Some(idle), false) = (idle, link.flight.is_outstanding()) {
            let periods = idle / self.rto.current().as_nanos().max(1);
            link.congestion.on_idle(u32::try_from(periods).unwrap_or(u32::MAX));
        }
    }

    fn end_drain(&mut self, now: Instant) {
        self.drain.begin();
        let State::Up { phase, link } = &self.state else { return };
        if link.inbound.has_unacknowledged() && !self.is_set(Timer::Ack) {
            let deadline = now + self.config.sack_delay;
            return self.set_timer(Timer::Ack, deadline);
        }
        let waiting = phase.sends_data() && (link.flight.has_current() || !self.queue.is_empty());
        if waiting && !link.flight.is_outstanding() {
            // The peer's window is closed, and what opens it may get lost.
            self.arm_retransmit(now, false);
        }
        if !self.drain.pacer.is_open() && self.data_ready(now).is_some() {
            let at = self.drain.pacer.next(now);
            self.set_timer(Timer::Pace, at);
        }
    }

    /// Whether a packet of data may go out now.
    fn may_send_data(&mut self, now: Instant) -> bool {
        self.data_ready(now).is_some_and(|ready| ready == Ready::Urgent || self.drain.pacer.is_open())
    }

    /// Whether there are data that may go out by the rules of congestion and flow control.
    fn data_ready(&mut self, now: Instant) -> Option<Ready> {
        self.expire(now);
        let State::Up { phase, link } = &mut self.state else { return None };
        if !phase.sends_data() {
            return None;
        }
        let any_lost = link.flight.next_lost(now).is_some();
        if self.drain.probe || (any_lost && self.drain.force) {
            return Some(Ready::Urgent);
        }
        let open = link.flight.in_flight() < link.congestion.window();
        let ready = if any_lost {
            open && self.drain.window_probes == 0
        } else {
            let any = link.flight.has_current() || !self.queue.is_empty();
            let window = link.window_left() > link.flight.header_len() || self.drain.window_probe;
            any && open && window && !link.flight.is_full()
        };
        ready.then_some(Ready::InTurn)
    }

    /// Gives up the message being cut if its time is over.
    pub(super) fn expire(&mut self, now: Instant) {
        let Some(link) = self.known_mut() else { return };
        link.flight.expire_current(now);
        while let Some(link) = self.known_mut()
            && let Some((stream, bytes)) = link.flight.take_given_up()
        {
            self.queue.on_given_up(stream);
            self.on_sent(stream, bytes);
        }
    }

    /// Fills the packet with data: first what was lost, then what is new.
    fn put_data(&mut self, now: Instant, builder: &mut Builder<'_>) {
        let may_send = self.may_send_data(now);
        let State::Up { phase, link } = &mut self.state else { return };
        if !may_send {
            let waits = link.flight.next_lost(now).is_some() || link.flight.has_current() || !self.queue.is_empty();
            let (in_flight, window) = (link.flight.in_flight(), link.congestion.window());
            let paced = !self.drain.pacer.is_open() && in_flight >= window / 2;
            self.drain.held_back |= waits && (in_flight >= window || paced);
            return;
        }
        let before = builder.room();
        link.flight.begin_packet();
        // Whatever is sent again asks for it.
        self.drain.prompt = self.drain.probe || link.flight.next_lost(now).is_some();
        let mut first = false;
        while let Some(size) = link.flight.next_lost(now) {
            if size > builder.room() {
                break;
            }
            first |= link.flight.resend_lost(now, builder);
        }
        if self.drain.probe
            && builder.room() == before
            && let Some((tsn, _)) = link.flight.next_probe(now).filter(|(_, size)| *size <= before)
        {
            first |= link.flight.resend(now, tsn, builder);
        }
        let sends_new = link.flight.next_lost(now).is_none() && !self.drain.probe && phase.sends_data();
        if sends_new {
            self.put_new_data(now, builder);
        }
        let sent = before - builder.room();
        self.drain.probe = false;
        if sent > 0 {
            self.drain.force = false;
            self.drain.pacer.on_sent(sent);
            self.drain.last_data = Some(now);
            self.arm_retransmit(now, first);
            self.arm_heartbeat(now);
            self.arm_probe(now);
        }
    }

    pub(super) fn put_new_data(&mut self, now: Instant, builder: &mut Builder<'_>) {
        let whole = packet_room(&self.config);
        // Longer packets carry several chunks, each of which fits every path.
        while let Some(len) = self.next_fragment(now, builder.room().min(whole), whole) {
            let Some(link) = self.known() else { return };
            let after = link.flight.in_flight() + link.flight.header_len() + len;
            let immediate = after >= link.congestion.window() || self.drain.window_probe;
            self.drain.prompt |= immediate;
            let cut = self.known_mut().and_then(|link| link.flight.cut(now, len, immediate, builder));
            let Some((stream, rest)) = cut else { return };
            self.queue.end_turn(stream, len, rest);
            self.on_sent(stream, len);
            if std::mem::take(&mut self.drain.window_probe) {
                return;
            }
        }
    }

    /// How much of which message comes next; `None` when the packet or the peer's window has no room for it.
    fn next_fragment(&mut self, now: Instant, room: usize, whole: usize) -> Option<usize> {
        if room < self.known()?.flight.header_len() {
            return None;
        }
        self.expire(now);
        if !self.known()?.flight.has_current() {
            if self.known()?.flight.is_full() {
                return None;
            }
            self.next_message(now)?;
        }
        let probe = self.drain.window_probe;
        let link = self.known()?;
        let len = link.flight.fitting(room, whole)?;
        within_window(link, len, whole, probe)
    }

    /// Has the next message worth sending cut, or the next that was begun. One that expires half way has lost its turn.
    fn next_message(&mut self, now: Instant) -> Option<()> {
        loop {
            let turn = self.queue.pop(now)?;
            let link = self.known_mut()?;
            match turn {
                Turn::Begin(message) => link.flight.start(message),
                Turn::GoOn(slot) => link.flight.go_on(slot),
                Turn::Expired(message) => {
                    self.on_unsent(&message);
                    continue;
                }
            }
            self.expire(now);
            if self.known()?.flight.has_current() {
                return Some(());
            }
        }
    }

    /// Starts T3, or starts it again because the first outstanding chunk was sent again.
    pub(super) fn arm_retransmit(&mut self, now: Instant, again: bool) {
        if again || !self.is_set(Timer::Retransmit) {
            // A window that stays closed is asked about less and less often (§6.1 A).
            let wait = self.retransmit_wait(self.drain.window_probes);
            self.set_timer(Timer::Retransmit, now + wait);
        }
    }
}

/// How data that may go out are to go.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Ready {
    /// At once: a single packet that something depends on.
    Urgent,
    /// As far as the burst allows.
    InTurn,
}

/// What of `len` bytes the peer's window admits. While something is in flight, pieces cut to the window are not worth it
/// (silly window); when nothing is, half a packet is.
fn within_window(link: &Link, len: usize, whole: usize, probe: bool) -> Option<usize> {
    let left = link.window_left();
    let header_len = link.flight.header_len();
    if probe || header_len + len.next_multiple_of(4) <= left {
        return Some(len);
    }
    let worthwhile = link.flight.in_flight() == 0 && left >= whole / 2;
    worthwhile.then(|| (left - header_len) & !3)
}
