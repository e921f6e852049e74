//! Data beside COOKIE ECHO: they reach the peer a round trip before the association is up.
//!
//! Until COOKIE ACK comes, nothing else may be sent, so that it is one packet: what fits into it goes with the cookie, and again
//! with it when that is repeated.
//!
//! Source: [RFC 9260 §5.1](https://www.rfc-editor.org/rfc/rfc9260#section-5.1), step C

use super::{Association, State};
use crate::packet::Builder;
use ortica_core::Instant;

impl Association {
    /// Fills the packet behind COOKIE ECHO. If it is sent `again`, nobody knows whether what went with it before has arrived.
    pub(super) fn put_first_data(&mut self, now: Instant, again: bool, builder: &mut Builder<'_>) {
        let State::CookieEchoed { link, .. } = &mut self.state else { return };
        if self.queue.is_empty() && link.flight.is_empty() {
            return;
        }
        let before = builder.room();
        if again {
            link.flight.on_timeout(now);
        }
        link.flight.begin_packet();
        while let Some(size) = link.flight.next_lost(now) {
            if size > builder.room() {
                break;
            }
            link.flight.resend_lost(now, builder);
        }
        if link.flight.next_lost(now).is_none() {
            self.put_new_data(now, builder);
        }
        if builder.room() < before {
            self.drain.last_data = Some(now);
        }
    }

    /// The association is up. COOKIE ACK says nothing of the data, so from here on they have timers of their own.
    pub(super) fn await_first_sack(&mut self, now: Instant) {
        if self.up().is_some_and(|link| link.flight.is_outstanding()) {
            self.arm_retransmit(now, true);
            self.arm_probe(now);
        }
    }

    /// The peer has nothing of what went with COOKIE ECHO, since it took no cookie of this handshake: all of it is queued
    /// again, in its old order. What comes next has to set the state.
    pub(super) fn take_first_data_back(&mut self, now: Instant) {
        if !matches!(self.state, State::CookieEchoed { .. }) {
            return;
        }
        self.expire(now);
        self.count();
        let State::CookieEchoed { link, .. } = std::mem::replace(&mut self.state, State::Closed) else { return };
        let mut flight = link.flight;
        self.losses.append(&mut flight.losses);
        for (message, sent) in flight.into_messages().into_iter().rev() {
            self.queue.take_back(message, sent);
        }
    }
}
