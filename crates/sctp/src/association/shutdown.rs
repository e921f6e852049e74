//! The graceful end: both sides say that they have nothing more to send, once it is true.
//!
//! Source: [RFC 9260 §9.2](https://www.rfc-editor.org/rfc/rfc9260#section-9.2)

use super::timer::Timer;
use super::{Association, Phase, State};
use crate::CloseReason;
use crate::chunk::{ChunkType, Shutdown, TAG_REFLECTED};
use ortica_core::Instant;

impl Association {
    /// Ends the association once everything queued has arrived. [`send`](Self::send) refuses from here on. While the
    /// handshake runs, it is completed first; before that, the end comes at once.
    pub fn shutdown(&mut self, now: Instant) {
        self.drain.begin();
        match &mut self.state {
            State::Closed => self.end(CloseReason::Shutdown),
            State::CookieWait(setup) | State::CookieEchoed { setup, .. } => setup.shutdown = true,
            State::Up { phase, .. } => {
                if *phase == Phase::Established {
                    *phase = Phase::ShutdownPending;
                }
                self.advance_shutdown(now);
            }
            State::Ended => (),
        }
    }

    /// Takes the next step towards the end as soon as nothing of ours is left to arrive.
    pub(super) fn advance_shutdown(&mut self, now: Instant) {
        let State::Up { phase, link } = &mut self.state else { return };
        if !self.queue.is_empty() || !link.flight.is_empty() {
            return;
        }
        *phase = match phase {
            Phase::ShutdownPending => Phase::ShutdownSent,
            Phase::ShutdownReceived => Phase::ShutdownAckSent,
            Phase::Established | Phase::ShutdownSent | Phase::ShutdownAckSent => return,
        };
        self.drain.shutdown_due = true;
        self.set_timer(Timer::Guard, now + 5 * self.config.rto_max);
    }

    /// SHUTDOWN: the peer has nothing more to send.
    pub(super) fn on_shutdown(&mut self, now: Instant, value: &[u8]) {
        let Ok(shutdown) = Shutdown::decode(value) else { return };
        self.on_cumulative(now, shutdown.cumulative);
        let State::Up { phase, link } = &mut self.state else { return };
        match phase {
            Phase::Established | Phase::ShutdownPending => *phase = Phase::ShutdownReceived,
            // Ours crossed the peer's: both are answered.
            Phase::ShutdownSent => {
                *phase = Phase::ShutdownAckSent;
                self.drain.shutdown_due = true;
            }
            Phase::ShutdownAckSent => self.drain.shutdown_due = true,
            // It was repeated because something of ours is missing, or our SACK was: say what we have.
            Phase::ShutdownReceived => link.inbound.acknowledge_now(),
        }
        self.advance_shutdown(now);
    }

    /// SHUTDOWN ACK: neither has the peer. `reflected` is the tag it came with.
    pub(super) fn on_shutdown_ack(&mut self, reflected: u32) {
        match &self.state {
            State::Up { phase: Phase::ShutdownSent | Phase::ShutdownAckSent, link } => {
                let tag = link.peer_tag;
                self.end(CloseReason::Shutdown);
                self.replies.alone(tag, ChunkType::SHUTDOWN_COMPLETE, 0, Vec::new());
            }
            // The peer waits for an end that we have forgotten, or never knew.
            State::Ended | State::CookieWait(_) | State::CookieEchoed { .. } => {
                self.replies.alone(reflected, ChunkType::SHUTDOWN_COMPLETE, TAG_REFLECTED, Vec::new());
            }
            State::Closed | State::Up { .. } => (),
        }
    }

    /// SHUTDOWN COMPLETE: the peer has heard that neither have we.
    pub(super) fn on_shutdown_complete(&mut self) {
        if matches!(&self.state, State::Up { phase: Phase::ShutdownAckSent, .. }) {
            self.end(CloseReason::Shutdown);
        }
    }
}
