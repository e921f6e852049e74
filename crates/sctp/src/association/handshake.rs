//! From INIT to COOKIE ACK, also when both ends begin at once, or one of them anew.
//!
//! Source: [RFC 9260 §5](https://www.rfc-editor.org/rfc/rfc9260#section-5)

use super::delivery::Delivery;
use super::link::{Agreement, Link};
use super::timer::Timer;
use super::window::ReceiveWindow;
use super::{Association, Phase, Setup, State};
use crate::chunk::{ChunkType, Extensions, Init, InitParams, TAG_REFLECTED};
use crate::cookie::{Cookie, CookieError};
use crate::error_cause::{self, CauseCode};
use crate::packet::HEADER_LEN;
use crate::wire::put_param;
use crate::{CloseReason, Config, Event, Tsn};
use ortica_core::{Instant, Rng, Timers};
use std::time::Duration;
use tracing::debug;

/// Answers to INIT are at least this far apart: an INIT costs its sender nothing.
const INIT_ACK_INTERVAL: Duration = Duration::from_millis(10);
/// By how much a cookie is asked to live longer than a round trip, at most.
const MOST_BEYOND: Duration = Duration::from_secs(1);
/// Parameter type of the state cookie, where its absence is reported.
const STATE_COOKIE: u16 = 7;

impl Association {
    /// Sends INIT. Both ends may: the two handshakes become one association.
    pub fn connect(&mut self, now: Instant) {
        if matches!(self.state, State::Closed) {
            self.state = State::CookieWait(Setup::new(now));
            self.drain.begin();
        }
    }

    fn extensions(&self) -> Extensions {
        let Config { partial_reliability, interleaving, zero_checksum, .. } = *self.config;
        Extensions {
            forward_tsn: partial_reliability,
            reconfig: true,
            interleaving,
            i_forward_tsn: partial_reliability && interleaving,
            zero_checksum,
        }
    }

    /// The fixed part of INIT or INIT ACK.
    pub(super) fn init(&self, tag: u32, initial_tsn: Tsn) -> Init {
        Init {
            tag,
            window: u32::try_from(ReceiveWindow::new(&self.config.limits).size()).unwrap_or(u32::MAX),
            outbound_streams: self.config.outbound_streams,
            inbound_streams: self.config.inbound_streams,
            initial_tsn,
        }
    }

    /// The parameters of INIT.
    pub(super) fn init_params(&self) -> InitParams<'static> {
        InitParams { extensions: self.extensions(), ..InitParams::default() }
    }
}

impl Agreement {
    /// What our INIT and the peer's, or its INIT ACK, come to.
    pub(super) fn new(own: &Association, peer: &Init, params: &InitParams<'_>) -> Self {
        Self {
            local_tsn: own.initial_tsn,
            peer_tag: peer.tag,
            peer_tsn: peer.initial_tsn,
            peer_window: peer.window,
            outbound_streams: own.config.outbound_streams.min(peer.inbound_streams),
            inbound_streams: own.config.inbound_streams.min(peer.outbound_streams),
            extensions: own.extensions().common(params.extensions),
        }
    }
}

/// A verification tag: never zero.
pub(super) fn random_tag(rng: &mut Rng) -> u32 {
    loop {
        let tag = rng.u32();
        if tag != 0 {
            return tag;
        }
    }
}

/// INIT and INIT ACK.
impl Association {
    /// INIT: the peer would like to begin. Only its answer remembers it, in a cookie.
    pub(super) fn on_init(&mut self, now: Instant, value: &[u8]) {
        let Ok((init, params)) = Init::decode(value) else { return self.drop_packet("malformed INIT") };
        if init.tag == 0 {
            return self.drop_packet("INIT with tag 0");
        }
        if self.init_answered.is_some_and(|at| now.saturating_duration_since(at) < INIT_ACK_INTERVAL) {
            return self.drop_packet("INIT flood");
        }
        if let Some(cause) = refusal(&init, &params) {
            self.init_answered = Some(now);
            return self.replies.alone(init.tag, ChunkType::ABORT, 0, cause);
        }
        // Who has begun already, or may yet, answers with what its own INIT announces: both handshakes then agree (§5.2.1).
        // Who is up answers with something new, and cannot be disturbed by it (§5.2.2).
        let (tag, tsn, ties) = match &self.state {
            State::Closed | State::CookieWait(_) => (self.tag, self.initial_tsn, (0, 0)),
            State::CookieEchoed { link, .. } => (self.tag, self.initial_tsn, (self.tag, link.peer_tag)),
            State::Up { phase: Phase::ShutdownAckSent, .. } => return self.drain.shutdown_due = true,
            // Set up without a handshake, of which the peer knows nothing: it has not got our INIT, or made nothing of it.
            State::Up { link, .. } if !link.confirmed && link.peer_tag == init.tag => {
                (self.tag, self.initial_tsn, (self.tag, link.peer_tag))
            }
            State::Up { link, .. } => {
                let ties = (self.tag, link.peer_tag);
                (random_tag(&mut self.rng), Tsn(self.rng.u32()), ties)
            }
            State::Ended => return self.drop_packet("INIT after the end"),
        };
        self.init_answered = Some(now);
        let most_preserved = u32::try_from(self.config.cookie_lifetime.as_millis()).unwrap_or(u32::MAX);
        let cookie = self.cookie_key.seal(&Cookie {
            created: now,
            preserved: params.cookie_preservative.unwrap_or(0).min(most_preserved),
            local_tag: tag,
            peer_tag: init.tag,
            local_tie_tag: ties.0,
            peer_tie_tag: ties.1,
            local_tsn: tsn,
            peer_tsn: init.initial_tsn,
            peer_window: init.window,
            outbound_streams: self.config.outbound_streams.min(init.inbound_streams),
            inbound_streams: self.config.inbound_streams.min(init.outbound_streams),
            extensions: self.extensions().common(params.extensions),
        });
        let mut answer = Vec::new();
        let mut reply = InitParams { cookie: Some(&cookie), ..self.init_params() };
        // What is reported has to leave room for the rest of the packet.
        let mut room = self.config.max_packet_size.saturating_sub(HEADER_LEN + Init::MIN_LEN + 20 + 4 + cookie.len());
        for param in params.unrecognized {
            let Some(left) = room.checked_sub(8 + param.len()) else { break };
            room = left;
            reply.unrecognized.push(param);
        }
        self.init(tag, tsn).encode(&reply, &mut answer);
        self.replies.alone(init.tag, ChunkType::INIT_ACK, 0, answer);
    }

    /// INIT ACK: the peer agrees, and wants to see its cookie again.
    pub(super) fn on_init_ack(&mut self, now: Instant, value: &[u8]) {
        let State::CookieWait(setup) = self.state else { return };
        let Ok((init, params)) = Init::decode(value) else { return self.drop_packet("malformed INIT ACK") };
        if init.tag == 0 {
            self.end(CloseReason::ProtocolViolation("INIT ACK with tag 0"));
            // The peer has no tag of its own to hear it under.
            return self.replies.alone(self.tag, ChunkType::ABORT, TAG_REFLECTED, Vec::new());
        }
        if let Some(cause) = refusal(&init, &params) {
            // So small a window changes nothing (§3.3.3); the rest is beyond repair.
            if init.window >= Init::MIN_WINDOW {
                self.end(CloseReason::ProtocolViolation("INIT ACK that no association can be made of"));
            }
            return self.replies.alone(init.tag, ChunkType::ABORT, 0, cause);
        }
        let Some(cookie) = params.cookie.filter(|cookie| cookie.len() + HEADER_LEN + 4 <= self.config.max_packet_size)
        else {
            let mut cause = Vec::new();
            error_cause::put_missing_parameter(&mut cause, STATE_COOKIE);
            self.end(CloseReason::ProtocolViolation("INIT ACK without a cookie"));
            return self.replies.alone(init.tag, ChunkType::ABORT, 0, cause);
        };
        if setup.sent == 1 {
            self.rto.measure(now.saturating_duration_since(setup.at));
        }
        let mut echo = Vec::new();
        put_chunk(&mut echo, ChunkType::COOKIE_ECHO, |out| out.extend_from_slice(cookie));
        self.report_parameters(&params, &mut echo);
        let link = Link::new(&self.config, &Agreement::new(self, &init, &params));
        let setup = Setup { shutdown: setup.shutdown, stale: setup.stale, ..Setup::new(now) };
        self.clear_timer(Timer::Setup);
        self.agree(&link);
        self.state = State::CookieEchoed { setup, echo, link: Box::new(link) };
        self.events.push_back(Event::CookieEchoed);
    }

    /// What is queued follows from here on what both ends agreed on.
    fn agree(&mut self, link: &Link) {
        self.queue.keep_streams(link.outbound_streams);
        self.queue.set_interleaving(link.extensions.interleaving);
    }

    /// Tells the peer, behind COOKIE ECHO, which parameters of its INIT ACK mean nothing here.
    fn report_parameters(&self, params: &InitParams<'_>, echo: &mut Vec<u8>) {
        if params.unrecognized.is_empty() {
            return;
        }
        let mut unrecognized = Vec::new();
        let room = self.config.max_packet_size.saturating_sub(HEADER_LEN + echo.len() + 8);
        for param in &params.unrecognized {
            if unrecognized.len() + param.len().next_multiple_of(4) > room {
                break;
            }
            unrecognized.extend_from_slice(param);
            unrecognized.resize(unrecognized.len().next_multiple_of(4), 0);
        }
        put_chunk(echo, ChunkType::ERROR, |out| {
            put_param(out, CauseCode::UNRECOGNIZED_PARAMETERS.0, |out| out.extend_from_slice(&unrecognized));
        });
    }
}

/// Why no association can be made of this INIT or INIT ACK, as the causes of an ABORT.
pub(super) fn refusal(init: &Init, params: &InitParams<'_>) -> Option<Vec<u8>> {
    let mut cause = Vec::new();
    if params.host_name {
        error_cause::put(&mut cause, CauseCode::UNRESOLVABLE_ADDRESS, &[], 0);
    } else if init.outbound_streams == 0 || init.inbound_streams == 0 || init.window < Init::MIN_WINDOW {
        error_cause::put(&mut cause, CauseCode::INVALID_PARAMETER, &[], 0);
    } else {
        return None;
    }
    Some(cause)
}

/// Appends a chunk, padded.
fn put_chunk(out: &mut Vec<u8>, kind: ChunkType, value: impl FnOnce(&mut Vec<u8>)) {
    // A chunk has the shape of a parameter whose type is kind and flags.
    put_param(out, u16::from(kind.0) << 8, value);
}

/// COOKIE ECHO and COOKIE ACK.
impl Association {
    /// COOKIE ECHO: the peer received our INIT ACK. `tag` is the one its packet came with. Returns whether the chunks
    /// behind it may be looked at.
    ///
    /// Source: [RFC 9260 §5.2.4](https://www.rfc-editor.org/rfc/rfc9260#section-5.2.4)
    pub(super) fn on_cookie_echo(&mut self, now: Instant, tag: u32, value: &[u8]) -> bool {
        let cookie = match self.cookie_key.open(now, self.config.cookie_lifetime, value) {
            Ok(cookie) => cookie,
            // What both ends agreed on already is good, however old its cookie.
            Err(CookieError::Stale(cookie, _)) if self.is_own(&cookie) => cookie,
            Err(CookieError::Stale(cookie, by)) if tag == cookie.local_tag => {
                let microseconds = u32::try_from(by.as_micros()).unwrap_or(u32::MAX);
                let mut cause = Vec::new();
                error_cause::put(&mut cause, CauseCode::STALE_COOKIE, &microseconds.to_be_bytes(), 4);
                self.replies.alone(cookie.peer_tag, ChunkType::ERROR, 0, cause);
                return false;
            }
            Err(_) => {
                self.drop_packet("cookie that is not ours");
                return false;
            }
        };
        if tag != cookie.local_tag {
            self.drop_packet("cookie under another tag");
            return false;
        }
        self.handshake_rtt = Some(now.saturating_duration_since(cookie.created));
        match &mut self.state {
            State::Closed => self.accept(now, &cookie),
            State::CookieWait(_) if cookie.local_tag == self.tag => self.accept(now, &cookie),
            State::CookieEchoed { link, .. } if cookie.local_tag == self.tag => {
                // Action B: the peer began anew after it had answered us; action D: both handshakes agree.
                if cookie.peer_tag == link.peer_tag { self.establish(now) } else { self.accept(now, &cookie) }
            }
            State::Up { link, .. } if cookie.local_tag == self.tag => {
                link.peer_tag = cookie.peer_tag;
                self.replies.cookie_ack = true;
            }
            State::Up { phase: Phase::ShutdownAckSent, link } if is_restart(&cookie, self.tag, link.peer_tag) => {
                let peer_tag = cookie.peer_tag;
                let mut cause = Vec::new();
                error_cause::put(&mut cause, CauseCode::COOKIE_WHILE_SHUTTING_DOWN, &[], 0);
                self.replies.alone(peer_tag, ChunkType::ERROR, 0, cause);
                self.drain.shutdown_due = true;
                return false;
            }
            State::Up { link, .. } if is_restart(&cookie, self.tag, link.peer_tag) => self.restart(now, &cookie),
            // Action C, and all that the table does not have: an answer of ours that came too late.
            State::CookieWait(_) | State::CookieEchoed { .. } | State::Up { .. } | State::Ended => {
                self.drop_packet("cookie of another association");
                return false;
            }
        }
        true
    }

    /// `true` if a cookie belongs to the association as it is.
    fn is_own(&self, cookie: &Cookie) -> bool {
        let (State::CookieEchoed { link, .. } | State::Up { link, .. }) = &self.state else { return false };
        (cookie.local_tag, cookie.peer_tag) == (self.tag, link.peer_tag)
    }

    /// Makes the association that a cookie promised.
    fn accept(&mut self, now: Instant, cookie: &Cookie) {
        let shutdown = matches!(&self.state, State::CookieWait(s) | State::CookieEchoed { setup: s, .. } if s.shutdown);
        self.take_first_data_back(now);
        self.tag = cookie.local_tag;
        self.initial_tsn = cookie.local_tsn;
        let link = Link::new(
            &self.config,
            &Agreement {
                local_tsn: cookie.local_tsn,
                peer_tag: cookie.peer_tag,
                peer_tsn: cookie.peer_tsn,
                peer_window: cookie.peer_window,
                outbound_streams: cookie.outbound_streams,
                inbound_streams: cookie.inbound_streams,
                extensions: cookie.extensions,
            },
        );
        let setup = Setup { shutdown, ..Setup::new(now) };
        self.state = State::CookieEchoed { setup, echo: Vec::new(), link: Box::new(link) };
        self.establish(now);
    }

    /// The association is up. The peer learns it from COOKIE ACK, unless it told us.
    fn establish(&mut self, now: Instant) {
        self.replies.cookie_ack = true;
        self.open(now);
    }

    /// Data came before COOKIE ACK, which is late or lost: the peer is up. Asking once more brings another, sooner than the
    /// timer would.
    pub(super) fn on_early_data(&mut self, now: Instant) {
        let State::CookieEchoed { setup, .. } = &mut self.state else { return };
        setup.due |= now.saturating_duration_since(setup.at) >= INIT_ACK_INTERVAL;
    }

    /// COOKIE ACK: the peer has made the association.
    pub(super) fn on_cookie_ack(&mut self, now: Instant) {
        let State::CookieEchoed { setup, .. } = &self.state else { return };
        if setup.sent == 1 {
            self.rto.measure(now.saturating_duration_since(setup.at));
        }
        self.open(now);
    }

    pub(super) fn open(&mut self, now: Instant) {
        let State::CookieEchoed { setup, link, .. } = std::mem::replace(&mut self.state, State::Ended) else { return };
        debug!(outbound = link.outbound_streams, inbound = link.inbound_streams, "association up");
        self.agree(&link);
        let reconfig = link.extensions.reconfig;
        self.state = State::Up { phase: Phase::Established, link };
        self.errors = 0;
        self.clear_timer(Timer::Setup);
        self.events.push_back(Event::Connected);
        for stream in std::mem::take(&mut self.early_resets) {
            if !reconfig {
                self.queue.end_reset(stream, false);
                self.events.push_back(Event::StreamResetFailed(stream));
            } else if self.queue.is_drained(stream)
                && let Some(link) = self.up_mut()
            {
                link.resets.want_outgoing(stream);
            }
        }
        self.arm_heartbeat(now);
        self.await_first_sack(now);
        if setup.shutdown {
            self.shutdown(now);
        }
    }

    /// Action A: the peer lost everything and began anew.
    fn restart(&mut self, now: Instant, cookie: &Cookie) {
        self.count();
        self.keep_losses();
        self.announce_readable();
        self.timers = Timers::new();
        self.drain = super::transmit::Drain::default();
        self.queue.clear();
        self.delivery = Delivery::default();
        self.rto = super::rto::Rto::new(&self.config);
        self.heartbeat = None;
        self.accept(now, cookie);
        // It is not a new association to the application, but the old one emptied.
        if self.events.back() == Some(&Event::Connected) {
            self.events.pop_back();
        }
        self.events.push_back(Event::Restarted);
    }

    /// ERROR "stale cookie": the handshake took longer than the cookie was good for, by so many microseconds. It is begun
    /// again, and the next cookie asked to live as much longer as a round trip takes.
    ///
    /// Source: [RFC 9260 §5.2.6](https://www.rfc-editor.org/rfc/rfc9260#section-5.2.6)
    pub(super) fn on_stale_cookie(&mut self, now: Instant, staleness: &[u8]) {
        let State::CookieEchoed { setup, .. } = &mut self.state else { return };
        if setup.stale >= self.config.max_init_retransmits {
            return self.abort_with(CloseReason::ConnectTimeout, |_| ());
        }
        let staleness = staleness.first_chunk().map_or(0, |&us| u32::from_be_bytes(us));
        let longer = now.saturating_duration_since(setup.at) + Duration::from_micros(staleness.into()).min(MOST_BEYOND);
        let preserve = u32::try_from(longer.as_millis()).ok();
        let setup = Setup { due: true, stale: setup.stale + 1, preserve, timeouts: 0, ..*setup };
        self.clear_timer(Timer::Setup);
        self.take_first_data_back(now);
        self.state = State::CookieWait(setup);
    }
}

/// Neither tag is known, but the cookie was made for the peer of this association.
fn is_restart(cookie: &Cookie, local_tag: u32, peer_tag: u32) -> bool {
    cookie.local_tag != local_tag
        && cookie.peer_tag != peer_tag
        && (cookie.local_tie_tag, cookie.peer_tie_tag) == (local_tag, peer_tag)
}
