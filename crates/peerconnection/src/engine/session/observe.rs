//! What the session tells those who look for a fault.

use super::Session;
use crate::engine::TransportId;
use crate::engine::observe::{Captured, LogRecord, Note, Observer};
use ortica_core::{Instant, Transmit};
use ortica_dtls::KeyLogEntry;
use ortica_ice::Agent;

/// # Observation
impl Session {
    /// The next thing that happened, where [`Config::with_event_log`](crate::engine::Config::with_event_log) wants it recorded.
    pub fn poll_log(&mut self) -> Option<LogRecord> {
        self.observer.as_mut()?.poll_log()
    }

    /// The next packet that was captured, where [`Config::with_capture`](crate::engine::Config::with_capture) wants it.
    pub fn poll_captured(&mut self) -> Option<Captured> {
        self.observer.as_mut()?.poll_captured()
    }

    /// The next secret of a transport, where the configuration of DTLS wants it given out: see
    /// [`ortica_dtls::Config::with_key_log`].
    pub fn poll_key_log(&mut self) -> Option<KeyLogEntry> {
        self.transports.values_mut().find_map(|transport| transport.take_key_log())
    }

    /// Records and packets that were dropped, since nobody took those before them.
    pub fn observations_dropped(&self) -> (u64, u64) {
        self.observer.as_ref().map_or((0, 0), |observer| observer.dropped())
    }

    /// Adds to the log what others than the session know.
    pub(crate) fn note(&mut self, note: Note) {
        self.observe(|observer| observer.note(None, note));
    }

    pub(super) fn observe(&mut self, tell: impl FnOnce(&mut Observer)) {
        if let Some(observer) = &mut self.observer {
            tell(observer);
        }
    }

    pub(super) fn observe_transports(&mut self, now: Instant) {
        if self.observer.is_some() {
            let all: Vec<TransportId> = self.transports.keys().copied().collect();
            all.into_iter().for_each(|id| self.observe_transport(now, id));
        }
    }

    /// Tells what a transport has come to: what was inside its packets, and which way they go.
    pub(super) fn observe_transport(&mut self, now: Instant, id: TransportId) {
        let (Some(observer), Some(transport)) = (&mut self.observer, self.transports.get_mut(&id)) else { return };
        observer.on_time(now);
        if let Some((inner, route)) = transport.inner() {
            observer.on_inner(now, id, route.socket, route.remote, inner);
        }
        if transport.take_reselected()
            && let Some(note) = selected_pair(&transport.ice)
        {
            observer.note(Some(id), note);
        }
        if let Some(verified) = transport.take_newly_verified() {
            let cipher = verified.cipher_suite().to_string();
            let srtp = verified.srtp_profile().map(|profile| profile.to_string());
            observer.note(Some(id), Note::Secured { cipher, srtp });
        }
    }

    pub(super) fn observe_transmit(&mut self, now: Instant, transmit: &Transmit, contents: &[u8]) {
        self.observe_transports(now);
        self.observe(|observer| observer.on_sent(now, transmit, contents));
    }
}

fn selected_pair(ice: &Agent) -> Option<Note> {
    let pair = ice.pairs().find(|pair| pair.selected)?;
    let kind = |id| ice.candidates().find(|candidate| candidate.id == id).map(|stats| stats.candidate.kind);
    let round_trip = pair.current_round_trip;
    Some(Note::SelectedPair { local: kind(pair.local)?, remote: kind(pair.remote)?, round_trip })
}
