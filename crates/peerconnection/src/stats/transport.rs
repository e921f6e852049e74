//! Transports, and what they are found with.

use super::member::report;
use super::{Nullable, Timestamp};
use crate::engine::{DtlsState, TransportStats};
use crate::jsep::IceServerTransportProtocol;
use ortica_ice::{CandidateKind, PairState, State, TcpType};
use std::time::Duration;

/// Who decides on the pair.
///
/// Source: [webrtc-pc `RTCIceRole`](https://www.w3.org/TR/webrtc/#dom-rtcicerole)
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum IceRole {
    /// That is not agreed yet.
    #[default]
    Unknown,
    /// This side.
    Controlling,
    /// The other side.
    Controlled,
}

impl IceRole {
    /// The W3C's word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Controlling => "controlling",
            Self::Controlled => "controlled",
        }
    }
}

/// The part that this side plays in DTLS.
///
/// Source: [webrtc-stats `RTCDtlsRole`](https://www.w3.org/TR/webrtc-stats/#rtcdtlsrole-enum)
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum DtlsRole {
    /// That is not agreed yet.
    #[default]
    Unknown,
    /// It speaks first.
    Client,
    /// It waits for the client.
    Server,
}

impl DtlsRole {
    /// The W3C's word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Client => "client",
            Self::Server => "server",
        }
    }
}

report! {
    /// A transport.
    ///
    /// Source: [webrtc-stats §8.13](https://www.w3.org/TR/webrtc-stats/#transportstats-dict*)
    TransportReport {
        /// Packets sent, of every protocol.
        packets_sent: u64 = "packetsSent",
        /// Packets received, of every protocol.
        packets_received: u64 = "packetsReceived",
        /// Bytes sent, without IP and UDP headers and without ICE.
        bytes_sent: u64 = "bytesSent",
        /// Bytes received, without IP and UDP headers and without ICE.
        bytes_received: u64 = "bytesReceived",
        /// Who decides on the pair.
        ice_role: IceRole = "iceRole",
        /// This side's username fragment.
        ice_local_username_fragment: String = "iceLocalUsernameFragment",
        /// State of DTLS.
        dtls_state: DtlsState = "dtlsState",
        /// State of ICE.
        ice_state: State = "iceState",
        /// The name of the pair in use.
        selected_candidate_pair_id: Option<String> = "selectedCandidatePairId",
        /// The name of this side's certificate.
        local_certificate_id: Option<String> = "localCertificateId",
        /// The name of the other side's certificate, once it was verified.
        remote_certificate_id: Option<String> = "remoteCertificateId",
        /// The version of DTLS, as four hexadecimal digits in capitals, once connected.
        tls_version: Option<String> = "tlsVersion",
        /// The registered name of the cipher suite, once connected.
        dtls_cipher: Option<String> = "dtlsCipher",
        /// The part that this side plays in DTLS.
        dtls_role: DtlsRole = "dtlsRole",
        /// The registered name of the SRTP profile; `None` where none was agreed.
        srtp_cipher: Option<String> = "srtpCipher",
        /// How often the pair in use changed.
        selected_candidate_pair_changes: u32 = "selectedCandidatePairChanges",
    } and {
        /// What else is counted, to find the reason of a fault by.
        counters: TransportStats,
    }
}

report! {
    /// A pair of candidates. Packets and bytes are those of data and media: checks are counted apart.
    ///
    /// Source: [webrtc-stats §8.15](https://www.w3.org/TR/webrtc-stats/#candidatepair-dict*)
    CandidatePairReport {
        /// The name of its transport.
        transport_id: String = "transportId",
        /// The name of this side's candidate.
        local_candidate_id: String = "localCandidateId",
        /// The name of the other side's candidate.
        remote_candidate_id: String = "remoteCandidateId",
        /// State of its checks.
        state: PairState = "state",
        /// It was nominated.
        nominated: bool = "nominated",
        /// Packets sent.
        packets_sent: u64 = "packetsSent",
        /// Packets received.
        packets_received: u64 = "packetsReceived",
        /// Bytes in them, without IP and UDP headers.
        bytes_sent: u64 = "bytesSent",
        /// Bytes in them, without IP and UDP headers.
        bytes_received: u64 = "bytesReceived",
        /// When the last packet was sent.
        last_packet_sent_timestamp: Option<Timestamp> = "lastPacketSentTimestamp",
        /// When the last packet was received.
        last_packet_received_timestamp: Option<Timestamp> = "lastPacketReceivedTimestamp",
        /// All measured round trips, added up.
        total_round_trip_time: Duration = "totalRoundTripTime",
        /// The last measured round trip.
        current_round_trip_time: Option<Duration> = "currentRoundTripTime",
        /// Authentic checks received.
        requests_received: u64 = "requestsReceived",
        /// Checks sent, without those for consent.
        requests_sent: u64 = "requestsSent",
        /// Authentic answers received.
        responses_received: u64 = "responsesReceived",
        /// Answers sent.
        responses_sent: u64 = "responsesSent",
        /// Checks sent for consent.
        consent_requests_sent: u64 = "consentRequestsSent",
    }
}

report! {
    /// A candidate, of this side or of the other.
    ///
    /// Source: [webrtc-stats §8.14](https://www.w3.org/TR/webrtc-stats/#icecandidate-dict*)
    CandidateReport {
        /// The name of its transport.
        transport_id: String = "transportId",
        /// Its address, or the name that stands for it; none where that is nobody's business, as of a peer-reflexive candidate
        /// that was not signalled.
        address: Nullable<String> = "address",
        /// Its port.
        port: u16 = "port",
        /// `udp` or `tcp`.
        protocol: String = "protocol",
        /// How its owner came by it.
        candidate_type: CandidateKind = "candidateType",
        /// Its priority.
        priority: u32 = "priority",
        /// The server that saw it or lends it, for server-reflexive and relayed ones of this side.
        url: Option<String> = "url",
        /// How the TURN server is reached that lends it, for relayed ones of this side.
        relay_protocol: Option<IceServerTransportProtocol> = "relayProtocol",
        /// Groups candidates that are likely to work or fail together.
        foundation: String = "foundation",
        /// The address that it was derived from.
        related_address: Option<String> = "relatedAddress",
        /// The port that it was derived from.
        related_port: Option<u16> = "relatedPort",
        /// The username fragment of its generation; none for a peer-reflexive one that was not signalled.
        username_fragment: Option<String> = "usernameFragment",
        /// Who opens the connection, for TCP.
        tcp_type: Option<TcpType> = "tcpType",
    }
}

report! {
    /// A certificate that was shown in DTLS.
    ///
    /// Source: [webrtc-stats §8.16](https://www.w3.org/TR/webrtc-stats/#certificatestats-dict*)
    CertificateReport {
        /// Its hash, in hexadecimal with colons.
        fingerprint: String = "fingerprint",
        /// With what it was made: `sha-256`.
        fingerprint_algorithm: String = "fingerprintAlgorithm",
        /// X.509 DER in base64.
        base64_certificate: String = "base64Certificate",
    }
}

/// An SCTP association. The W3C has no such object any more; the members are those of [`ortica_sctp::Stats`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SctpTransportReport {
    /// The name of its transport.
    pub transport_id: String,
    /// Counters.
    pub counters: ortica_sctp::Stats,
}
