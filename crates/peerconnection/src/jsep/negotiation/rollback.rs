//! What an exchange changed, taken back: the state of the last agreement is in force again (JSEP-1).
//!
//! Kept are the application's own wishes: directions, tracks, what it stopped.
//!
//! Source: [RFC 9429 §4.1.10.2](https://www.rfc-editor.org/rfc/rfc9429#section-4.1.10.2)

use super::media::release;
use super::tracks::joins;
use super::{Negotiation, TrackChange, early};
use crate::engine::{Session, TransportId};
use crate::jsep::encodings::Encoding;
use crate::jsep::numbers::Numbers;
use crate::jsep::transceiver::{Association, Life, Origin};
use crate::jsep::{SdpType, SignalingState, TransceiverId};
use ortica_core::Instant;
use std::collections::BTreeMap;

/// What was in force before an exchange.
#[derive(Debug)]
pub(super) struct Before {
    associations: BTreeMap<TransceiverId, Association>,
    /// What transceivers sent alone and without a name; `None` where they had several encodings.
    unnamed: BTreeMap<TransceiverId, Option<Encoding>>,
    numbers: Numbers,
    /// The transports that gathered.
    in_use: Vec<TransportId>,
    /// Those on which this side restarted ICE since then.
    restarted: Vec<TransportId>,
}

impl Negotiation {
    /// `true` when a description of the other side makes this side take its own offer back.
    pub fn gives_way_to(&self, kind: SdpType) -> bool {
        self.state == SignalingState::HaveLocalOffer && kind == SdpType::Offer
    }

    /// Remembers what is in force, unless an exchange is under way.
    pub(super) fn begin_exchange(&mut self) {
        if self.state == SignalingState::Stable {
            let associations = self.transceivers.iter().map(|it| (it.id, it.section.clone())).collect();
            let unnamed = self.transceivers.iter().map(|it| (it.id, it.encodings.unnamed().cloned())).collect();
            let in_use = self.transports.in_use().collect();
            let numbers = self.numbers.clone();
            self.before = Some(Before { associations, unnamed, numbers, in_use, restarted: Vec::new() });
        }
    }

    /// ICE was restarted, as the application may have asked.
    pub(super) fn note_restart(&mut self, transport: TransportId) {
        self.to_restart.retain(|id| *id != transport);
        self.renews_candidates = false;
        if let Some(before) = &mut self.before {
            before.restarted.push(transport);
        }
    }

    /// Takes the pending offer back.
    pub(super) fn roll_back(&mut self, now: Instant, session: &mut Session) {
        let Some(before) = self.before.take() else { return };
        (self.pending_local, self.pending_remote) = (None, None);
        self.state = SignalingState::Stable;
        self.restore_ice(now, session, &before);
        self.numbers = before.numbers.clone();
        self.restore_transceivers(session, before);
    }

    fn restore_ice(&mut self, now: Instant, session: &mut Session, before: &Before) {
        for known in self.transports.iter_mut() {
            known.fresh_answer = None;
            if before.restarted.contains(&known.id) {
                let _ = session.rollback_ice_restart(now, known.id);
            }
            if known.gathers && !before.in_use.contains(&known.id) {
                // What was gathered goes, and the next description gathers anew. It may be the one that was taken back, so that
                // its credentials have to stay.
                let _ = session.reset_transport(now, known.id);
                known.gathers = false;
            }
        }
        self.to_restart.extend(&before.restarted);
        self.to_restart.retain(|id| before.in_use.contains(id));
    }

    fn restore_transceivers(&mut self, session: &mut Session, mut before: Before) {
        let Self { transceivers, track_changes, .. } = self;
        transceivers.retain_mut(|transceiver| {
            let known = before.associations.remove(&transceiver.id);
            let goes = known.is_none() && transceiver.origin == Origin::RemoteOffer && !transceiver.has_track;
            let was = known.unwrap_or_default();
            match before.unnamed.remove(&transceiver.id) {
                Some(Some(unnamed)) => transceiver.encodings.unsplit(Some(unnamed)),
                Some(None) => {}
                None if transceiver.origin == Origin::RemoteOffer => transceiver.encodings.unsplit(None),
                None => {}
            }
            transceiver.transaction.end();
            let seen = std::mem::take(&mut transceiver.section);
            early::stop(session, transceiver, seen.early);
            // Whoever was stopped stays so.
            let remote_sends = was.remote_sends && transceiver.life != Life::Stopped;
            transceiver.section = Association { remote_sends, ..was };
            let joined = remote_sends && joins(&seen.remote_streams, &transceiver.section.remote_streams);
            if seen.remote_sends != remote_sends || joined {
                track_changes.push(TrackChange::of(transceiver));
            }
            if goes {
                release(session, transceiver);
            }
            !goes
        });
    }
}
