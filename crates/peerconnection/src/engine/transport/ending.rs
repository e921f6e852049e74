//! How the layers end, one after the other or all at once.

use super::{Dtls, Transport};
use crate::engine::channels::Channels;
use crate::engine::{DtlsState, Event, SctpState};
use ortica_core::Instant;
use std::collections::VecDeque;

impl Transport {
    /// Ends data channels, for good; DTLS goes on.
    pub fn stop_sctp(&mut self, now: Instant, channels: &mut Channels, events: &mut VecDeque<Event>) {
        if self.sctp_state != SctpState::Closed {
            self.sctp = None;
            self.end_sctp(now, channels, events);
        }
    }

    /// Says goodbye and ends what runs over DTLS, for good; ICE goes on.
    pub fn stop_dtls(&mut self, now: Instant, events: &mut VecDeque<Event>) {
        if matches!(self.dtls_state, DtlsState::Closed | DtlsState::Failed) {
            return;
        }
        self.stopped = true;
        self.rtp.close();
        if let Dtls::Running(connection) = &mut self.dtls {
            connection.close(now);
        }
        self.set_dtls_state(DtlsState::Closed, events);
    }

    /// Media ends; what the association took still goes out, as far as the peer acknowledges it.
    pub fn flush(&mut self) {
        self.rtp.close();
    }

    /// What was sent on data channels has arrived, or will not.
    pub fn is_flushed(&self) -> bool {
        let association = self.secured.as_ref().and_then(|secured| secured.association.as_ref());
        association.is_none_or(|association| association.is_drained())
    }

    /// Says goodbye on each layer; ICE keeps the route until that has gone out.
    pub fn close(&mut self, now: Instant, channels: &mut Channels, events: &mut VecDeque<Event>) {
        self.stopped = true;
        self.is_leaving = true;
        self.rtp.close();
        if let Some(association) = self.association() {
            association.abort(now, "closed");
        }
        self.settle_sctp(now, channels, events);
        self.carry.clear();
        let mut last_words = Vec::new();
        self.seal_data(now, &mut last_words);
        self.carry = last_words;
        if let Dtls::Running(connection) = &mut self.dtls {
            connection.close(now);
        }
    }

    /// The association goes, or what was to become one; `settle` tells of the former.
    pub(super) fn end_sctp(&mut self, now: Instant, channels: &mut Channels, events: &mut VecDeque<Event>) {
        match self.association() {
            Some(association) => association.abort(now, "closed"),
            None => {
                self.sctp_state = SctpState::Closed;
                events.push_back(Event::Sctp(self.id, SctpState::Closed));
                channels.on_closed(None, events);
            }
        }
    }

    pub(super) fn set_dtls_state(&mut self, state: DtlsState, events: &mut VecDeque<Event>) {
        self.dtls_state = state;
        events.push_back(Event::Dtls(self.id, state));
    }
}
