//! One pace for the checks of all transports, in turn.
//!
//! Source: [RFC 8445 §14.2](https://www.rfc-editor.org/rfc/rfc8445#section-14.2)

use super::{Session, Transport};
use crate::engine::TransportId;
use ortica_core::Instant;
use std::collections::BTreeMap;
use std::ops::Bound;

/// The transport whose turn it is after `last`.
pub(super) fn next(
    transports: &mut BTreeMap<TransportId, Box<Transport>>,
    last: Option<TransportId>,
) -> Option<(TransportId, &mut Transport)> {
    let after = (last.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded);
    let id = transports.range(after).next().or_else(|| transports.first_key_value()).map(|(id, _)| *id)?;
    Some((id, transports.get_mut(&id)?))
}

impl Session {
    /// A check of one transport went out: those of the others wait.
    pub(super) fn share_pace(&mut self, now: Instant, id: TransportId) {
        self.paced = Some(id);
        for (_, other) in self.transports.iter_mut().filter(|(other, _)| **other != id) {
            other.ice.give_way(now);
        }
    }
}
