//! Transports, candidates, pairs and certificates.

use super::Report;
use crate::engine::{DtlsState, TransportId};
use crate::jsep::SignalingState;
use crate::peer::Peer;
use crate::peer::configuration::url_of;
use crate::stats::{
    CandidatePairReport, CandidateReport, CertificateReport, DtlsRole, IceRole, Nullable, SctpTransportReport,
    StatsKind, TransportReport,
};
use ortica_dtls::Fingerprint;
use ortica_ice::{Agent, CandidateKind, CandidateStats, PairStats, State};
use ortica_sdp::base64;

impl Peer {
    pub(super) fn report_transports(&self, report: &mut Report<'_>) {
        for transport in self.negotiation.transports_in_use() {
            self.report_transport(transport, report);
        }
    }

    fn report_transport(&self, id: TransportId, report: &mut Report<'_>) {
        let session = &self.session;
        let (Some(ice), Some(dtls_state), Some(counters)) =
            (session.ice(id), session.dtls_state(id), session.transport_stats(id))
        else {
            return;
        };
        let name = format!("transport-{id}");
        let selected_candidate_pair_id = report_paths(id, ice, report);
        let (local_certificate_id, remote_certificate_id) = self.report_certificates(id, report);
        if let Some(counters) = session.sctp_stats(id) {
            let sctp = SctpTransportReport { transport_id: name.clone(), counters };
            report.push(format!("sctp-{id}"), StatsKind::SctpTransport(sctp));
        }
        let verified = session.verified(id);
        let transport = TransportReport {
            packets_sent: counters.packets_sent,
            packets_received: counters.packets_received,
            bytes_sent: counters.bytes_sent.saturating_sub(counters.ice_bytes_sent),
            bytes_received: counters.bytes_received.saturating_sub(counters.ice_bytes_received),
            ice_role: if self.knows_ice_role() { ice_role(ice) } else { IceRole::Unknown },
            ice_local_username_fragment: ice.local_credentials().ufrag.clone(),
            dtls_state: if self.is_ended() { DtlsState::Closed } else { dtls_state },
            ice_state: if self.is_ended() { State::Closed } else { ice.state() },
            selected_candidate_pair_id,
            local_certificate_id,
            remote_certificate_id,
            tls_version: verified.map(|verified| format!("{:04X}", verified.version().wire())),
            dtls_cipher: verified.map(|verified| verified.cipher_suite().to_string()),
            dtls_role: match session.handshake_role(id) {
                None => DtlsRole::Unknown,
                Some(ortica_dtls::Role::Client) => DtlsRole::Client,
                Some(ortica_dtls::Role::Server) => DtlsRole::Server,
            },
            srtp_cipher: verified.and_then(|verified| Some(verified.srtp_profile()?.to_string())),
            selected_candidate_pair_changes: counters.selected_candidate_pair_changes,
            counters,
        };
        report.push(name, StatsKind::Transport(transport));
    }

    /// A role is agreed on with the first description.
    fn knows_ice_role(&self) -> bool {
        self.negotiation.state() != SignalingState::Stable || self.negotiation.current_remote().is_some()
    }

    /// Gives the names of both sides' certificates, of this side's only once DTLS shows it.
    fn report_certificates(&self, id: TransportId, report: &mut Report<'_>) -> (Option<String>, Option<String>) {
        let Some(verified) = self.session.verified(id) else { return (None, None) };
        let mut push = |der: &[u8]| {
            let certificate = certificate(&self.session.fingerprint_of(der), der);
            let name = format!("certificate-{}", certificate.fingerprint);
            if report.entries.iter().all(|entry| entry.id != name) {
                report.push(name.clone(), StatsKind::Certificate(certificate));
            }
            Some(name)
        };
        (push(verified.certificate().der()), push(verified.peer_certificate()))
    }
}

/// Reports candidates and pairs, and gives the name of the pair in use.
fn report_paths(transport: TransportId, ice: &Agent, report: &mut Report<'_>) -> Option<String> {
    for candidate in ice.candidates() {
        let kind = if candidate.remote { StatsKind::RemoteCandidate } else { StatsKind::LocalCandidate };
        report.push(format!("{transport}-{}", candidate.id), kind(candidate_report(transport, &candidate)));
    }
    let mut selected = None;
    for pair in ice.pairs() {
        let name = format!("{transport}-{}", pair.id);
        if pair.selected {
            selected = Some(name.clone());
        }
        let pair = pair_report(transport, &pair, report);
        report.push(name, StatsKind::CandidatePair(pair));
    }
    selected
}

fn candidate_report(transport: TransportId, stats: &CandidateStats<'_>) -> CandidateReport {
    let candidate = stats.candidate;
    let related = candidate.related.as_ref();
    CandidateReport {
        transport_id: format!("transport-{transport}"),
        address: Nullable(stats.signalled.then(|| candidate.address.to_string())),
        port: candidate.port,
        protocol: candidate.transport.to_string(),
        candidate_type: candidate.kind,
        priority: candidate.priority,
        url: stats.server.map(|server| url_of(server, stats.turn)),
        relay_protocol: stats.turn.filter(|_| candidate.kind == CandidateKind::Relayed).map(Into::into),
        foundation: candidate.foundation.clone(),
        related_address: related.map(|(address, _)| address.to_string()),
        related_port: related.map(|(_, port)| *port),
        username_fragment: candidate.ufrag.clone(),
        tcp_type: candidate.tcp_type,
    }
}

fn pair_report(transport: TransportId, pair: &PairStats, report: &Report<'_>) -> CandidatePairReport {
    CandidatePairReport {
        transport_id: format!("transport-{transport}"),
        local_candidate_id: format!("{transport}-{}", pair.local),
        remote_candidate_id: format!("{transport}-{}", pair.remote),
        state: pair.state,
        nominated: pair.nominated,
        packets_sent: pair.traffic.packets_sent,
        packets_received: pair.traffic.packets_received,
        bytes_sent: pair.traffic.bytes_sent,
        bytes_received: pair.traffic.bytes_received,
        last_packet_sent_timestamp: pair.traffic.last_sent.map(|at| report.time(at)),
        last_packet_received_timestamp: pair.traffic.last_received.map(|at| report.time(at)),
        total_round_trip_time: pair.total_round_trip,
        current_round_trip_time: pair.current_round_trip,
        requests_received: pair.requests_received,
        requests_sent: pair.requests_sent.saturating_sub(pair.consent_requests_sent),
        responses_received: pair.responses_received,
        responses_sent: pair.responses_sent,
        consent_requests_sent: pair.consent_requests_sent,
    }
}

fn certificate(fingerprint: &Fingerprint, der: &[u8]) -> CertificateReport {
    let digits: Vec<String> = fingerprint.value().iter().map(|byte| format!("{byte:02X}")).collect();
    let mut base64_certificate = String::new();
    base64::encode(der, &mut base64_certificate);
    CertificateReport {
        fingerprint: digits.join(":"),
        fingerprint_algorithm: fingerprint.algorithm().to_owned(),
        base64_certificate,
    }
}

fn ice_role(ice: &Agent) -> IceRole {
    match ice.role() {
        ortica_ice::Role::Controlling => IceRole::Controlling,
        ortica_ice::Role::Controlled => IceRole::Controlled,
    }
}
