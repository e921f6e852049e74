//! What follows from what the layers took in.

use super::{Dtls, HANDSHAKE_WORK, Transport};
use crate::engine::channels::Channels;
use crate::engine::secured::Secured;
use crate::engine::{Config, DtlsError, DtlsState, Event, FarEnd, SctpFailure, SctpState, TurnLink};
use ortica_core::Instant;
use ortica_ice::{PairId, Route};
use std::collections::VecDeque;
use std::time::Duration;

impl Transport {
    /// Draws the conclusions from what the layers took in: a layer's event starts the next layer, or is passed on.
    pub fn settle(&mut self, now: Instant, config: &Config, channels: &mut Channels, events: &mut VecDeque<Event>) {
        self.settle_ice(now, events);
        self.settle_dtls(now, config, events);
        self.settle_sctp(now, channels, events);
        self.rtp.settle(now, events);
    }

    fn settle_ice(&mut self, now: Instant, events: &mut VecDeque<Event>) {
        while let Some(event) = self.ice.poll_event() {
            match event {
                ortica_ice::Event::LocalCandidate(candidate) => {
                    events.push_back(Event::LocalCandidate(self.id, candidate));
                }
                ortica_ice::Event::GatheringError(error) => events.push_back(Event::GatheringError(self.id, error)),
                ortica_ice::Event::GatheringState(state) => events.push_back(Event::Gathering(self.id, state)),
                ortica_ice::Event::State(state) => {
                    self.on_ice_state(now, state);
                    events.push_back(Event::Ice(self.id, state));
                }
                ortica_ice::Event::Selected(route) => {
                    let Some(pair) = self.ice.pairs().find(|pair| pair.selected) else { continue };
                    self.on_selected(now, pair.id, route, events);
                    pair.current_round_trip.into_iter().for_each(|rtt| self.on_round_trip(rtt));
                }
                ortica_ice::Event::Io(ortica_ice::Io::Resolve { id, name }) => {
                    events.push_back(Event::Resolve { transport: self.id, id, name });
                }
                ortica_ice::Event::Io(ortica_ice::Io::Connect { socket, remote }) => {
                    events.push_back(Event::Connect { transport: self.id, socket, remote, to: FarEnd::Peer });
                }
                ortica_ice::Event::Io(ortica_ice::Io::ConnectStun { socket, remote }) => {
                    events.push_back(Event::Connect { transport: self.id, socket, remote, to: FarEnd::StunServer });
                }
                ortica_ice::Event::Io(ortica_ice::Io::Disconnect { socket, remote }) => {
                    events.push_back(Event::Disconnect { transport: self.id, socket, remote });
                }
                ortica_ice::Event::Io(ortica_ice::Io::ConnectServer { link, remote, transport, name }) => {
                    let server = TurnLink { remote, transport, name };
                    events.push_back(Event::ConnectServer { transport: self.id, link, server });
                }
                ortica_ice::Event::Io(ortica_ice::Io::DisconnectServer { link }) => {
                    events.push_back(Event::DisconnectServer { transport: self.id, link });
                }
                ortica_ice::Event::Io(ortica_ice::Io::Publish { name, address }) => {
                    events.push_back(Event::Publish { name, address });
                }
                _ => {}
            }
        }
    }

    fn on_selected(&mut self, now: Instant, pair: PairId, route: Route, events: &mut VecDeque<Event>) {
        let before = self.selected.replace((pair, route));
        if before == Some((pair, route)) {
            return;
        }
        self.stats.selected_candidate_pair_changes += 1;
        events.push_back(Event::Selected(self.id));
        self.watched.reselected = true;
        let same_path = before.is_some_and(|(_, before)| before == route);
        if let Some(association) = self.association().filter(|_| !same_path) {
            association.path_changed(now);
        }
    }

    fn on_round_trip(&mut self, rtt: Duration) {
        self.rtp.set_rtt(rtt);
        if let Dtls::Running(connection) = &mut self.dtls {
            connection.set_initial_timeout(HANDSHAKE_WORK + 2 * rtt);
        }
    }

    /// What waited through an outage does not wait for a time-out on top.
    fn on_ice_state(&mut self, now: Instant, state: ortica_ice::State) {
        use ortica_ice::State as Ice;
        match state {
            Ice::Connected | Ice::Completed if std::mem::take(&mut self.silent) => {
                if let Some(association) = self.association() {
                    association.path_restored(now);
                }
            }
            Ice::Disconnected | Ice::Failed => self.silent = true,
            _ => {}
        }
    }

    pub(super) fn settle_dtls(&mut self, now: Instant, config: &Config, events: &mut VecDeque<Event>) {
        let Dtls::Running(connection) = &mut self.dtls else { return };
        while let Some(event) = connection.poll_event() {
            let state = match event {
                ortica_dtls::Event::Connected(verified) => {
                    self.watched.key_log = connection.take_key_log();
                    self.watched.verified = true;
                    let mut secured = Secured::open(verified, config);
                    secured.association = self.moved.take();
                    if let Some(parameters) = &self.sctp {
                        secured.start_sctp(config, &self.sctp_rng, now, parameters).set_rate_ceiling(self.data_ceiling);
                    }
                    if secured.carries_media() {
                        self.rtp.on_secured(events);
                    }
                    self.secured = Some(secured);
                    DtlsState::Connected
                }
                ortica_dtls::Event::Closed(reason) => match DtlsError::of(reason) {
                    None => DtlsState::Closed,
                    Some(error) => {
                        tracing::debug!(?reason, "DTLS failed");
                        self.dtls_error = Some(error);
                        DtlsState::Failed
                    }
                },
                _ => continue,
            };
            if self.dtls_state != state {
                self.dtls_state = state;
                events.push_back(Event::Dtls(self.id, state));
            }
        }
    }

    pub(super) fn settle_sctp(&mut self, now: Instant, channels: &mut Channels, events: &mut VecDeque<Event>) {
        if matches!(self.dtls_state, DtlsState::Closed | DtlsState::Failed) && self.sctp.take().is_some() {
            // There is nothing below it any more.
            if !self.stopped {
                channels.fail(SctpFailure::default(), events);
            }
            self.end_sctp(now, channels, events);
        }
        let Some(secured) = &mut self.secured else { return };
        let role = secured.verified().role();
        let Some(association) = &mut secured.association else { return };
        while let Some(event) = association.poll_event() {
            let state = match event {
                ortica_sctp::Event::Connected => SctpState::Connected,
                ortica_sctp::Event::Closed(_) => SctpState::Closed,
                _ => self.sctp_state,
            };
            if std::mem::replace(&mut self.sctp_state, state) != state {
                events.push_back(Event::Sctp(self.id, state));
            }
            match event {
                ortica_sctp::Event::CookieEchoed | ortica_sctp::Event::Connected => {
                    channels.on_connected(now, role, association, events);
                }
                event => channels.on_event(now, association, event, events),
            }
        }
    }
}
