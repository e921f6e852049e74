//! Packets in. They are recorded; what to answer is decided when packets are polled.

use super::congestion::{Ack, Losses};
use super::link::packet_room;
use super::reassembly::Violation;
use super::reset::{Outcome, RequestKind, Turn};
use super::timer::Timer;
use super::{Association, State};
use crate::chunk::{
    Chunk, ChunkType, Data, ForwardTsn, HeartbeatInfo, IData, IForwardTsn, ReconfigParam, ReconfigResult, Sack,
    TAG_REFLECTED,
};
use crate::error_cause::{self, CauseCode};
use crate::packet::Packet;
use crate::{CloseReason, Event, StreamId, Tsn};
use ortica_core::Instant;
use tracing::{debug, trace};

impl Association {
    /// Takes in one SCTP packet, as DTLS decrypted it. Only records: what to answer is decided by
    /// [`poll_packet`](Self::poll_packet), once for any number of packets. Junk is counted and dropped.
    pub fn handle_packet(&mut self, now: Instant, packet: &[u8]) {
        self.stats.packets_received += 1;
        self.drain.begin();
        let Ok(packet) = Packet::parse(packet, self.config.zero_checksum) else { return self.drop_packet("malformed") };
        if (packet.destination_port, packet.source_port) != (self.config.local_port, self.config.remote_port) {
            return self.drop_packet("other ports");
        }
        self.on_packet(now, &packet);
        self.settle(now);
    }

    pub(super) fn drop_packet(&mut self, why: &'static str) {
        self.stats.packets_dropped += 1;
        debug!(why, "packet dropped");
    }

    fn on_packet(&mut self, now: Instant, packet: &Packet<'_>) {
        let mut chunks = packet.chunks();
        let Some(Ok(first)) = chunks.next() else { return self.drop_packet("no chunk") };
        if chunks.next().is_some() && packet.chunks().flatten().any(|chunk| travels_alone(chunk.kind)) {
            return self.drop_packet("forbidden bundling");
        }
        if !self.is_tag_right(packet.tag, &first) {
            return self.drop_packet("wrong verification tag");
        }
        self.confirm(first.kind);
        let mut has_data = false;
        for chunk in packet.chunks() {
            let Ok(chunk) = chunk else { return debug!("chunk of impossible length") };
            trace!(kind = chunk.kind.0, len = chunk.value.len(), "chunk in");
            has_data |= matches!(chunk.kind, ChunkType::DATA | ChunkType::I_DATA);
            if !self.on_chunk(now, packet.tag, &chunk) {
                break;
            }
        }
        if let (true, State::Up { phase, link }) = (has_data, &mut self.state)
            && phase.takes_data()
        {
            link.inbound.on_packet_end();
        }
    }

    /// The peer knows of the association, if that was in doubt.
    fn confirm(&mut self, first: ChunkType) {
        if let State::Up { link, .. } = &mut self.state {
            link.confirmed |= !matches!(first, ChunkType::INIT | ChunkType::COOKIE_ECHO);
        }
    }

    /// Whether a packet that begins with `first` may carry `tag`.
    ///
    /// Source: [RFC 9260 §8.5](https://www.rfc-editor.org/rfc/rfc9260#section-8.5)
    fn is_tag_right(&self, tag: u32, first: &Chunk<'_>) -> bool {
        match first.kind {
            ChunkType::INIT => tag == 0,
            // The cookie says which tag belongs to it.
            ChunkType::COOKIE_ECHO => tag != 0,
            ChunkType::ABORT | ChunkType::SHUTDOWN_COMPLETE if first.flags & TAG_REFLECTED != 0 => match &self.state {
                State::CookieEchoed { link, .. } | State::Up { link, .. } => tag == link.peer_tag,
                State::Closed | State::CookieWait(_) | State::Ended => false,
            },
            // Nobody has a tag to use before there is a handshake.
            _ => tag == self.tag && !matches!(self.state, State::Closed),
        }
    }

    /// Returns whether to go on with the packet.
    fn on_chunk(&mut self, now: Instant, tag: u32, chunk: &Chunk<'_>) -> bool {
        match chunk.kind {
            // Bulk comes first.
            ChunkType::DATA => return self.on_data(now, chunk),
            ChunkType::I_DATA => return self.on_i_data(now, chunk),
            ChunkType::SACK => self.on_sack(now, chunk.value),
            ChunkType::INIT => self.on_init(now, chunk.value),
            ChunkType::INIT_ACK => self.on_init_ack(now, chunk.value),
            ChunkType::COOKIE_ECHO => return self.on_cookie_echo(now, tag, chunk.value),
            ChunkType::COOKIE_ACK => self.on_cookie_ack(now),
            ChunkType::HEARTBEAT => self.on_heartbeat(chunk.value),
            ChunkType::HEARTBEAT_ACK => self.on_heartbeat_ack(now, chunk.value),
            ChunkType::ABORT => {
                self.on_abort(chunk.value);
                return false;
            }
            ChunkType::SHUTDOWN => self.on_shutdown(now, chunk.value),
            ChunkType::SHUTDOWN_ACK => self.on_shutdown_ack(tag),
            ChunkType::SHUTDOWN_COMPLETE => self.on_shutdown_complete(),
            ChunkType::ERROR => self.on_error(now, chunk.value),
            ChunkType::RE_CONFIG => self.on_reconfig(now, chunk.value),
            ChunkType::FORWARD_TSN => self.on_forward_tsn(chunk.value),
            ChunkType::I_FORWARD_TSN => self.on_i_forward_tsn(chunk.value),
            _ => return self.on_unknown_chunk(chunk),
        }
        true
    }

    /// What follows from what was recorded.
    pub(super) fn settle(&mut self, now: Instant) {
        self.announce_readable();
        let State::Up { link, .. } = &mut self.state else { return };
        if link.resets.is_waiting() && !link.inbound.is_reset_waiting() {
            self.on_reset_performed();
        }
        self.announce_writable();
        self.advance_shutdown(now);
    }

    fn announce_writable(&mut self) {
        if let (true, State::Up { link, .. }) = (self.blocked, &self.state)
            && self.send_buffer.has_room(self.queue.held() + link.flight.held())
        {
            self.blocked = false;
            self.events.push_back(Event::Writable);
        }
    }

    fn violate(&mut self, violation: Violation) {
        let (reason, text) = match violation {
            Violation::Protocol(rule) => (CloseReason::ProtocolViolation(rule), rule),
            Violation::TooLarge => (CloseReason::MessageTooLarge, "message too large"),
        };
        self.abort_with(reason, |out| {
            error_cause::put(out, CauseCode::PROTOCOL_VIOLATION, text.as_bytes(), text.len());
        });
    }
}

/// Chunks that share their packet with no other.
///
/// Source: [RFC 9260 §6.10](https://www.rfc-editor.org/rfc/rfc9260#section-6.10)
fn travels_alone(kind: ChunkType) -> bool {
    matches!(kind, ChunkType::INIT | ChunkType::INIT_ACK | ChunkType::SHUTDOWN_COMPLETE)
}

/// Data and what is said about it.
impl Association {
    fn on_data(&mut self, now: Instant, chunk: &Chunk<'_>) -> bool {
        let Ok(data) = Data::decode(chunk.flags, chunk.value) else { return false };
        if !self.takes_data(now, false, data.tsn, data.payload) {
            return self.up().is_some() || matches!(self.state, State::CookieEchoed { .. });
        }
        let State::Up { link, .. } = &mut self.state else { return true };
        let taken = link.inbound.on_data(&data, &mut self.delivery);
        self.on_data_taken(taken)
    }

    fn on_i_data(&mut self, now: Instant, chunk: &Chunk<'_>) -> bool {
        let Ok(data) = IData::decode(chunk.flags, chunk.value) else { return false };
        if !self.takes_data(now, true, data.tsn, data.payload) {
            return self.up().is_some() || matches!(self.state, State::CookieEchoed { .. });
        }
        let State::Up { link, .. } = &mut self.state else { return true };
        let taken = link.inbound.on_i_data(&data, &mut self.delivery);
        self.on_data_taken(taken)
    }

    /// Whether a chunk of data is to be taken in. One of the kind that was not agreed on ends the association, and so does
    /// an empty one.
    fn takes_data(&mut self, now: Instant, interleaved: bool, tsn: Tsn, payload: &[u8]) -> bool {
        let State::Up { phase, link } = &mut self.state else {
            self.on_early_data(now);
            return false;
        };
        if link.extensions.interleaving != interleaved {
            let rule = if interleaved { "I-DATA without agreement" } else { "DATA where I-DATA was agreed on" };
            self.violate(Violation::Protocol(rule));
            return false;
        }
        if !phase.takes_data() {
            return false;
        }
        if payload.is_empty() {
            let reason = CloseReason::ProtocolViolation("DATA without data");
            self.abort_with(reason, |out| error_cause::put_no_user_data(out, tsn));
            return false;
        }
        // Each packet with data is to be answered by SHUTDOWN once more (§9.2).
        self.drain.shutdown_due |= *phase == super::Phase::ShutdownSent;
        true
    }

    /// Returns whether to go on with the packet.
    fn on_data_taken(&mut self, taken: Result<(), Violation>) -> bool {
        if let Err(violation) = taken {
            self.violate(violation);
            return false;
        }
        if let State::Up { link, .. } = &mut self.state
            && let Some(stream) = link.inbound.invalid_stream.take()
        {
            self.replies.bundle(&self.config, ChunkType::ERROR, |out| error_cause::put_invalid_stream(out, stream));
        }
        true
    }

    fn on_forward_tsn(&mut self, value: &[u8]) {
        let Ok(forward) = ForwardTsn::decode(value) else { return };
        if !self.takes_forward(false) {
            return;
        }
        let State::Up { link, .. } = &mut self.state else { return };
        match link.inbound.on_forward(&forward, &mut self.delivery) {
            Ok(true) => (),
            Ok(false) => self.drop_packet("FORWARD TSN out of bounds"),
            Err(violation) => self.violate(violation),
        }
    }

    fn on_i_forward_tsn(&mut self, value: &[u8]) {
        let Ok(forward) = IForwardTsn::decode(value) else { return };
        if !self.takes_forward(true) {
            return;
        }
        let State::Up { link, .. } = &mut self.state else { return };
        if !link.inbound.on_i_forward(&forward, &mut self.delivery) {
            self.drop_packet("I-FORWARD-TSN out of bounds");
        }
    }

    /// Whether what the peer gave up is of interest. To say so without agreement, or in the words of the other kind of
    /// data chunk, ends the association.
    fn takes_forward(&mut self, interleaved: bool) -> bool {
        let State::Up { phase, link } = &mut self.state else { return false };
        if !link.extensions.partial_reliability() || link.extensions.interleaving != interleaved {
            let rule = if interleaved { "I-FORWARD-TSN without agreement" } else { "FORWARD TSN without agreement" };
            self.violate(Violation::Protocol(rule));
            return false;
        }
        phase.takes_data()
    }

    fn on_sack(&mut self, now: Instant, value: &[u8]) {
        let Ok(sack) = Sack::decode(value) else { return };
        let State::Up { link, .. } = &mut self.state else { return };
        self.stats.sacks_received += 1;
        self.stats.duplicates_reported += sack.duplicates().count() as u64;
        let Some(acked) = link.flight.on_sack(now, &sack, &self.rto, self.config.limits.gap_blocks) else { return };
        link.peer_window = sack.window as usize;
        // What a receiver counts besides the bytes is its own affair: so little room may be too little.
        let closed = link.peer_window < 2 * packet_room(&self.config) && link.flight.is_outstanding();
        if acked.bytes > 0 || !closed {
            self.drain.window_probes = 0;
        } else {
            // Who answers lives, even if it takes nothing.
            self.errors = 0;
            self.drain.window_probes = self.drain.window_probes.max(1);
            self.clear_timer(Timer::Probe);
        }
        self.on_acked(now, acked);
    }

    /// SHUTDOWN acknowledges too.
    pub(super) fn on_cumulative(&mut self, now: Instant, cumulative: Tsn) {
        let State::Up { link, .. } = &mut self.state else { return };
        if let Some(acked) = link.flight.on_cumulative(now, cumulative, &self.rto) {
            self.on_acked(now, acked);
        }
    }

    fn on_acked(&mut self, now: Instant, acked: super::flight::Acked) {
        let State::Up { link, .. } = &mut self.state else { return };
        let rtt = acked.sent_at.map(|sent_at| now.saturating_duration_since(sent_at));
        if let Some(rtt) = rtt.filter(|_| self.drain.next_sample.is_none_or(|at| at <= now)) {
            self.rto.measure(rtt);
            // Once per round trip (§6.3.1).
            self.drain.next_sample = Some(now + rtt);
        }
        if link.congestion.on_spurious(acked.spurious) {
            self.stats.recoveries_undone += 1;
        }
        if acked.bytes > 0 {
            self.errors = 0;
            self.drain.probes = 0;
            link.congestion.set_shared(now, self.drain.neighbour.is_there(now), self.rto.least());
            let has_cut = link.congestion.on_ack(&Ack {
                now,
                bytes: acked.bytes,
                rtt,
                least_rtt: self.rto.least(),
                arrived: link.flight.arrived(),
                sent: link.flight.last_packet(),
                in_flight: link.flight.in_flight(),
                held_back: self.drain.held_back,
            });
            self.stats.queue_cuts += u64::from(has_cut);
            self.send_buffer.adjust(link.congestion.window());
        }
        if !link.flight.is_outstanding() {
            for timer in [Timer::Retransmit, Timer::Probe, Timer::Late] {
                self.clear_timer(timer);
            }
            return;
        }
        link.flight.remind_forward(now, &self.rto);
        if acked.advanced {
            let wait = self.retransmit_wait(0);
            self.set_timer(Timer::Retransmit, now + wait);
        }
        self.detect_lost(now);
        if acked.bytes > 0 {
            self.arm_probe(now);
        }
    }

    /// Looks for what is lost, also as time passes.
    pub(super) fn detect_lost(&mut self, now: Instant) {
        let State::Up { link, .. } = &mut self.state else { return };
        let lost = link.flight.detect_lost(now, &self.rto);
        let losses = Losses {
            now,
            chunks: lost.chunks,
            bytes: lost.bytes,
            newest: lost.newest,
            sent: link.flight.last_packet(),
        };
        if lost.chunks > 0 && link.congestion.on_loss(&losses) {
            self.stats.fast_recoveries += 1;
            link.flight.on_recovery();
            // The first packet of a fast retransmission does not wait for the window (§7.2.4).
            self.drain.force = true;
        }
        match lost.again {
            Some(at) => self.set_timer(Timer::Late, at),
            None => self.clear_timer(Timer::Late),
        }
    }
}

/// Control.
impl Association {
    fn on_heartbeat(&mut self, value: &[u8]) {
        if matches!(self.state, State::Up { .. }) {
            self.replies.bundle(&self.config, ChunkType::HEARTBEAT_ACK, |out| out.extend_from_slice(value));
        }
    }

    fn on_heartbeat_ack(&mut self, now: Instant, value: &[u8]) {
        let Ok(HeartbeatInfo(nonce)) = HeartbeatInfo::decode(value) else { return };
        if let State::Up { link, .. } = &mut self.state
            && let Some(wait) = link.mtu.on_answer(nonce)
        {
            self.errors = 0;
            return self.set_timer(Timer::PathMtu, now + wait);
        }
        if let Some(heartbeat) = self.heartbeat.take_if(|heartbeat| heartbeat.nonce == nonce) {
            self.errors = 0;
            self.rto.measure(now.saturating_duration_since(heartbeat.sent_at));
            // A wait that began when the time-out was longer need not last that long.
            let sooner = now + self.retransmit_wait(0);
            if self.timers.get(Timer::Retransmit as usize).is_some_and(|deadline| sooner < deadline) {
                self.set_timer(Timer::Retransmit, sooner);
            }
        }
    }

    fn on_abort(&mut self, value: &[u8]) {
        let code = error_cause::causes(value).next().map_or(0, |(code, _)| code.0);
        self.end(CloseReason::AbortedByPeer(code));
    }

    fn on_error(&mut self, now: Instant, value: &[u8]) {
        for (code, cause) in error_cause::causes(value) {
            debug!(code = code.0, "peer reports an error");
            if code == CauseCode::STALE_COOKIE {
                self.on_stale_cookie(now, cause.value);
            }
        }
    }

    /// The two highest bits of its kind say what to do.
    fn on_unknown_chunk(&mut self, chunk: &Chunk<'_>) -> bool {
        let rule = chunk.kind.unknown();
        if rule.report && matches!(self.state, State::Up { .. }) {
            self.replies.bundle_cut(&self.config, ChunkType::ERROR, |out, limit| {
                error_cause::put(out, CauseCode::UNRECOGNIZED_CHUNK, chunk.raw, limit.saturating_sub(4));
            });
        }
        !rule.stop
    }
}

/// Stream reset.
impl Association {
    fn on_reconfig(&mut self, now: Instant, value: &[u8]) {
        let State::Up { link, .. } = &mut self.state else { return };
        if !link.extensions.reconfig {
            return;
        }
        for param in ReconfigParam::decode_all(value) {
            let Ok(param) = param else { return };
            match param {
                ReconfigParam::Response { response, result } => self.on_reconfig_response(now, response, result),
                ReconfigParam::OutgoingReset { request, response, last_tsn, streams } => {
                    if self.up().is_some_and(|link| link.resets.is_asking(response)) {
                        self.on_reconfig_response(now, response, ReconfigResult::PERFORMED);
                    }
                    self.on_outgoing_reset(request, last_tsn, streams);
                }
                ReconfigParam::IncomingReset { request, streams } => self.on_incoming_reset(request, streams),
                ReconfigParam::Other { request } => {
                    if let Some(link) = self.up_mut()
                        && link.resets.turn(request) == Turn::New
                    {
                        link.resets.answer(request, ReconfigResult::DENIED);
                    }
                }
            }
        }
        // What the peer waits for goes faster if it knows what has arrived (RFC 6525 §5.2.1).
        if let Some(link) = self.up_mut() {
            link.inbound.acknowledge_now();
        }
    }

    /// The peer begins these streams of its anew.
    fn on_outgoing_reset(&mut self, request: u32, last_tsn: Tsn, mut streams: Vec<StreamId>) {
        let backlog = self.events.len() >= self.config.limits.events;
        let State::Up { link, .. } = &mut self.state else { return };
        if link.resets.turn(request) == Turn::Old {
            return;
        }
        if backlog || link.resets.is_waiting() {
            return link.resets.put_off(request);
        }
        if streams.is_empty() {
            streams = self.delivery.streams().collect();
        }
        link.resets.wait(request, streams.clone());
        if link.inbound.begin_reset(last_tsn, streams, &mut self.delivery) {
            self.on_reset_performed();
        } else {
            link.resets.answer(request, ReconfigResult::IN_PROGRESS);
        }
    }

    /// Everything that the peer sent on the streams it begins anew has arrived.
    fn on_reset_performed(&mut self) {
        // What was sent before can be read before its reader learns of the reset.
        self.announce_readable();
        let State::Up { link, .. } = &mut self.state else { return };
        if let Some((request, streams)) = link.resets.take_waiting() {
            link.resets.answer(request, ReconfigResult::PERFORMED);
            self.events.extend(streams.into_iter().map(Event::StreamReset));
        }
    }

    /// The peer would like us to begin these streams of ours anew.
    fn on_incoming_reset(&mut self, request: u32, mut streams: Vec<StreamId>) {
        let State::Up { link, .. } = &mut self.state else { return };
        if link.resets.turn(request) == Turn::Old {
            return;
        }
        if streams.is_empty() {
            streams = self.queue.used().collect();
        }
        streams.retain(|stream| self.queue.is_used(*stream));
        if streams.is_empty() {
            return link.resets.answer(request, ReconfigResult::NOTHING_TO_DO);
        }
        link.resets.answer(request, ReconfigResult::IN_PROGRESS);
        link.resets.answer_with_request(request);
        streams.into_iter().for_each(|stream| self.begin_reset(stream));
    }

    /// The peer answered a request of ours.
    fn on_reconfig_response(&mut self, now: Instant, number: u32, result: ReconfigResult) {
        let State::Up { link, .. } = &mut self.state else { return };
        match link.resets.on_response(number, result) {
            Outcome::Stray => return,
            Outcome::InProgress => {
                self.errors = 0;
                let again = now + self.rto.current();
                return self.set_timer(Timer::Reconfig, again);
            }
            Outcome::Settled(RequestKind::Incoming { .. }, _) => (),
            Outcome::Settled(RequestKind::Outgoing { streams, response, .. }, success) => {
                link.flight.on_streams_reset(&streams);
                link.resets.on_answered(response, success);
                for stream in streams {
                    self.queue.end_reset(stream, success);
                    let event = if success { Event::StreamResetDone } else { Event::StreamResetFailed };
                    self.events.push_back(event(stream));
                }
            }
        }
        self.errors = 0;
        self.clear_timer(Timer::Reconfig);
    }
}
