//! What a session counts, and what statistics name besides.

use super::Session;
use crate::engine::{ChannelId, ChannelStats, TransportId, TransportStats};
use ortica_core::crypto::HashAlgorithm;
use std::sync::Arc;

/// # Statistics
impl Session {
    /// Counters of a transport.
    pub fn transport_stats(&self, id: TransportId) -> Option<TransportStats> {
        self.transports.get(&id).map(|transport| transport.stats())
    }

    /// Counters of the association on a transport, if there is one.
    pub fn sctp_stats(&self, id: TransportId) -> Option<ortica_sctp::Stats> {
        Some(self.transports.get(&id)?.secured.as_ref()?.association.as_ref()?.stats())
    }

    /// Round trip time, windows and packet size of the association on a transport, if there is one.
    pub fn sctp_path(&self, id: TransportId) -> Option<ortica_sctp::Path> {
        Some(self.transports.get(&id)?.secured.as_ref()?.association.as_ref()?.path())
    }

    /// What both ends of the association on a transport agreed on, once they have.
    pub fn sctp_agreed(&self, id: TransportId) -> Option<ortica_sctp::Agreed> {
        self.transports.get(&id)?.secured.as_ref()?.association.as_ref()?.agreed()
    }

    /// Counters of a channel.
    pub fn channel_stats(&self, id: ChannelId) -> Option<ChannelStats> {
        self.channels.stats(id)
    }

    /// Channels that were ever open, and those among them that are open no more.
    pub fn channels_opened_and_closed(&self) -> (u64, u64) {
        self.channels.opened_and_closed()
    }

    /// The certificates that this side may show; [`Verified::certificate`](ortica_dtls::Verified::certificate) is the one that it
    /// did.
    pub fn certificates(&self) -> &[Arc<ortica_dtls::Certificate>] {
        self.config.dtls.certificates()
    }

    /// The fingerprint of a certificate of the other side, made as [`certificates`](Self::certificates)'s are.
    pub fn fingerprint_of(&self, der: &[u8]) -> ortica_dtls::Fingerprint {
        ortica_dtls::Fingerprint::of(self.config.dtls.provider(), HashAlgorithm::Sha256, der)
    }
}
