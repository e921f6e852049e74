//! What a transport gives back when it has been idle for a while.

use super::{Dtls, Transport};
use ortica_core::Instant;
use std::time::Duration;

/// How long a transport has to be idle.
const LONG: Duration = Duration::from_secs(5);
/// A transport over which fewer bytes than this pass in that time is idle: a HEARTBEAT and its answer are not much.
const LITTLE: u64 = 2_000;

/// What is known of how idle a transport is.
#[derive(Debug, Default)]
pub(super) struct Idleness {
    /// When it is looked at next.
    next: Option<Instant>,
    /// Bytes that had passed when it was looked at last, without those of ICE.
    passed: u64,
}

impl Transport {
    /// Gives back the memory that is kept for bursts, once there have been none for some seconds. Consent wakes a transport every
    /// few seconds, so that nothing else has to. Returns whether it did.
    pub fn rest_if_idle(&mut self, now: Instant) -> bool {
        if self.idleness.next.is_some_and(|next| now < next) {
            return false;
        }
        let stats = &self.stats;
        let all = stats.bytes_sent + stats.bytes_received;
        let passed = all.saturating_sub(stats.ice_bytes_sent + stats.ice_bytes_received);
        let before = std::mem::replace(&mut self.idleness.passed, passed);
        let was_looked_at = self.idleness.next.replace(now + LONG).is_some();
        let is_idle = was_looked_at && passed.saturating_sub(before) < LITTLE;
        if is_idle {
            self.rest();
        }
        is_idle
    }

    fn rest(&mut self) {
        self.ice.rest();
        if let Dtls::Running(connection) = &mut self.dtls {
            connection.rest();
        }
        if let Some(association) = self.association() {
            association.rest();
        }
        self.rtp.rest();
        self.carry.shrink_to_fit();
    }
}
