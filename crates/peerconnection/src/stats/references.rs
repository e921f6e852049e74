//! Which object names which, and what belongs to one sender or receiver.

use super::{Stats, StatsKind, StatsReport};
use std::collections::BTreeSet;

impl Stats {
    /// The names of the objects that this one names.
    pub fn references(&self) -> Vec<&str> {
        let all: [Option<&String>; 4] = match &self.kind {
            StatsKind::PeerConnection(_)
            | StatsKind::Certificate(_)
            | StatsKind::MediaSource(_)
            | StatsKind::DataChannel(_) => [None; 4],
            StatsKind::Transport(it) => [
                it.selected_candidate_pair_id.as_ref(),
                it.local_certificate_id.as_ref(),
                it.remote_certificate_id.as_ref(),
                None,
            ],
            StatsKind::SctpTransport(it) => [Some(&it.transport_id), None, None, None],
            StatsKind::CandidatePair(it) => {
                [Some(&it.transport_id), Some(&it.local_candidate_id), Some(&it.remote_candidate_id), None]
            }
            StatsKind::LocalCandidate(it) | StatsKind::RemoteCandidate(it) => {
                [Some(&it.transport_id), None, None, None]
            }
            StatsKind::Codec(it) => [Some(&it.transport_id), None, None, None],
            StatsKind::InboundRtp(it) => [Some(&it.transport_id), it.codec_id.as_ref(), it.remote_id.as_ref(), None],
            StatsKind::OutboundRtp(it) => {
                [Some(&it.transport_id), it.codec_id.as_ref(), it.remote_id.as_ref(), it.media_source_id.as_ref()]
            }
            StatsKind::RemoteInboundRtp(it) => [Some(&it.transport_id), it.codec_id.as_ref(), Some(&it.local_id), None],
            StatsKind::RemoteOutboundRtp(it) => {
                [Some(&it.transport_id), it.codec_id.as_ref(), Some(&it.local_id), None]
            }
        };
        all.into_iter().flatten().map(String::as_str).collect()
    }
}

impl StatsReport {
    /// What is left of the report for those objects that `wanted` picks: they, and all that they name, directly or by way of
    /// others.
    ///
    /// Source: [webrtc-pc §8.5](https://www.w3.org/TR/webrtc/#the-stats-selection-algorithm)
    #[must_use]
    pub fn select(&self, wanted: impl Fn(&Stats) -> bool) -> Self {
        let mut left: Vec<&Stats> = self.entries.iter().filter(|entry| wanted(entry)).collect();
        let mut kept: BTreeSet<&str> = left.iter().map(|entry| entry.id.as_str()).collect();
        while let Some(entry) = left.pop() {
            for id in entry.references() {
                if kept.insert(id) {
                    left.extend(self.get(id));
                }
            }
        }
        Self { entries: self.entries.iter().filter(|entry| kept.contains(entry.id.as_str())).cloned().collect() }
    }
}
