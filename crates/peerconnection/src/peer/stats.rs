//! Collects what a peer reports about itself.

use super::{Peer, TransceiverState};
use crate::engine::{ChannelId, ReceiverId, ReceiverStats, SenderId, SenderStats, TransportId};
use crate::stats::{
    CandidatePairReport, DataChannelReport, InboundRtpReport, OutboundRtpReport, RemoteInboundRtpReport,
    RemoteOutboundRtpReport, Stats, StatsKind, StatsReport, TransportReport,
};
use ortica_core::Instant;
use ortica_rtp::Rid;
use std::fmt;
use std::time::Duration;

impl Peer {
    /// All there is to know of the connection now.
    ///
    /// Source: [webrtc-pc §8.2](https://www.w3.org/TR/webrtc/#dom-rtcpeerconnection-getstats)
    pub fn stats(&self, now: Instant) -> StatsReport {
        let mut report = Report { timestamp: self.session.wall_time(now), entries: Vec::new() };
        for transport in self.negotiation.transports_in_use() {
            self.report_transport(transport, &mut report);
        }
        for transceiver in self.transceivers() {
            self.report_sender(&transceiver, &mut report);
            self.report_receiver(&transceiver, &mut report);
        }
        for channel in self.session.channels() {
            self.report_channel(channel, &mut report);
        }
        StatsReport { entries: report.entries }
    }

    fn report_transport(&self, id: TransportId, report: &mut Report) {
        let session = &self.session;
        let (Some(ice), Some(dtls_state), Some(counters)) =
            (session.ice(id), session.dtls_state(id), session.transport_stats(id))
        else {
            return;
        };
        let name = format!("transport-{id}");
        let local = |name: &str| format!("{id}-{name}");
        for candidate in ice.candidates() {
            let kind = if candidate.remote { StatsKind::RemoteCandidate } else { StatsKind::LocalCandidate };
            report.push(local(&candidate.id.to_string()), kind(candidate.candidate.clone()));
        }
        let mut selected = None;
        for pair in ice.pairs() {
            let id = local(&pair.id.to_string());
            if pair.selected {
                selected = Some(id.clone());
            }
            let pair = CandidatePairReport {
                transport_id: name.clone(),
                local_candidate_id: local(&pair.local.to_string()),
                remote_candidate_id: local(&pair.remote.to_string()),
                state: pair.state,
                nominated: pair.nominated,
                current_round_trip_time: pair.current_round_trip,
                total_round_trip_time: pair.total_round_trip,
                requests_sent: pair.requests_sent,
                requests_received: pair.requests_received,
                responses_sent: pair.responses_sent,
                responses_received: pair.responses_received,
            };
            report.push(id, StatsKind::CandidatePair(pair));
        }
        if let Some(counters) = session.sctp_stats(id) {
            report.push(format!("sctp-{id}"), StatsKind::SctpTransport(counters));
        }
        let verified = session.verified(id);
        let transport = TransportReport {
            ice_state: ice.state(),
            dtls_state,
            dtls_role: verified.map(|verified| verified.role()),
            srtp_cipher: verified.and_then(|verified| Some(verified.srtp_profile()?.to_string())),
            selected_candidate_pair_id: selected,
            counters,
        };
        report.push(name, StatsKind::Transport(transport));
    }

    fn report_sender(&self, transceiver: &TransceiverState, report: &mut Report) {
        let Some(sender) = transceiver.sender else { return };
        let Some(transport) = self.session.sender_transport(sender) else { return };
        for counters in self.session.encoding_stats(sender) {
            report_encoding(transceiver, sender, transport, counters, report);
        }
    }

    fn report_receiver(&self, transceiver: &TransceiverState, report: &mut Report) {
        let Some(receiver) = transceiver.receiver else { return };
        let Some(transport) = self.session.receiver_transport(receiver) else { return };
        for counters in self.session.layer_stats(receiver) {
            report_layer(transceiver, receiver, transport, counters, report);
        }
    }

    fn report_channel(&self, id: ChannelId, report: &mut Report) {
        let (Some(parameters), Some(counters)) = (self.session.channel_parameters(id), self.session.channel_stats(id))
        else {
            return;
        };
        let channel = DataChannelReport {
            label: parameters.label.clone(),
            protocol: parameters.protocol.clone(),
            data_channel_identifier: self.session.channel_stream(id),
            state: self.channel_state(id),
            counters,
        };
        report.push(format!("channel-{id}"), StatsKind::DataChannel(channel));
    }
}

fn report_encoding(
    transceiver: &TransceiverState,
    sender: SenderId,
    transport: TransportId,
    counters: SenderStats,
    report: &mut Report,
) {
    let Some(ssrc) = counters.ssrc else { return };
    let (id, kind) = (named(sender, counters.rid), transceiver.kind);
    let name = format!("outbound-{id}");
    let outbound = OutboundRtpReport {
        ssrc,
        kind,
        mid: transceiver.mid.clone(),
        transport_id: format!("transport-{transport}"),
        codec: counters.codec,
        counters,
    };
    report.push(name.clone(), StatsKind::OutboundRtp(outbound));
    let remote = counters.remote;
    if remote.reports == 0 {
        return;
    }
    let inbound = RemoteInboundRtpReport {
        local_id: name,
        ssrc,
        kind,
        round_trip_time: remote.rtt,
        total_round_trip_time: remote.total_rtt,
        round_trip_time_measurements: remote.rtt_measurements,
        fraction_lost: f64::from(remote.fraction_lost) / 256.0,
        packets_lost: remote.cumulative_lost,
        jitter: remote.jitter,
    };
    report.push(format!("remote-inbound-{id}"), StatsKind::RemoteInboundRtp(inbound));
}

fn report_layer(
    transceiver: &TransceiverState,
    receiver: ReceiverId,
    transport: TransportId,
    counters: ReceiverStats,
    report: &mut Report,
) {
    let Some(ssrc) = counters.ssrc else { return };
    let (id, kind) = (named(receiver, counters.rid), transceiver.kind);
    let name = format!("inbound-{id}");
    let inbound = InboundRtpReport {
        ssrc,
        kind,
        mid: transceiver.mid.clone(),
        transport_id: format!("transport-{transport}"),
        codec: counters.codec,
        track_identifier: transceiver.remote_track.clone(),
        counters,
    };
    report.push(name.clone(), StatsKind::InboundRtp(inbound));
    let Some(remote) = counters.remote else { return };
    let outbound = RemoteOutboundRtpReport {
        local_id: name,
        ssrc,
        kind,
        remote_timestamp: remote.ntp.to_unix(),
        packets_sent: remote.packets,
        bytes_sent: remote.octets,
        reports_sent: remote.reports,
    };
    report.push(format!("remote-outbound-{id}"), StatsKind::RemoteOutboundRtp(outbound));
}

/// Of a sender or receiver, or of one of several encodings or layers.
fn named(id: impl fmt::Display, rid: Option<Rid>) -> String {
    rid.map_or_else(|| id.to_string(), |rid| format!("{id}-{rid}"))
}

struct Report {
    timestamp: Duration,
    entries: Vec<Stats>,
}

impl Report {
    fn push(&mut self, id: String, kind: StatsKind) {
        self.entries.push(Stats { id, timestamp: self.timestamp, kind });
    }
}
