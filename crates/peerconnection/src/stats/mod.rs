//! What a connection reports about itself, in the words of the W3C.
//!
//! Source: [webrtc-stats](https://www.w3.org/TR/webrtc-stats/)

use crate::engine::{ChannelState, ChannelStats, DtlsState, ReceiverStats, SenderStats, TransportStats};
use ortica_codecs::{Codec, MediaKind};
use ortica_dtls::Role;
use ortica_ice::{Candidate, PairState, State};
use ortica_rtp::Ssrc;
use std::time::Duration;

/// All there is to know of a connection at one moment.
///
/// Source: [webrtc-pc §8.3](https://www.w3.org/TR/webrtc/#rtcstatsreport-object)
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StatsReport {
    pub(crate) entries: Vec<Stats>,
}

/// One object of a report.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Stats {
    /// Its name, the same in each report of the connection.
    pub id: String,
    /// When it was looked at, since the Unix epoch, on the session's clock.
    pub timestamp: Duration,
    /// What it is, and its counters.
    pub kind: StatsKind,
}

/// What an object of a report is.
///
/// Source: [webrtc-stats §6](https://www.w3.org/TR/webrtc-stats/#rtcstatstype-str*)
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum StatsKind {
    /// `transport`
    Transport(TransportReport),
    /// `sctp-transport`: the counters of the association.
    SctpTransport(ortica_sctp::Stats),
    /// `candidate-pair`
    CandidatePair(CandidatePairReport),
    /// `local-candidate`
    LocalCandidate(Candidate),
    /// `remote-candidate`
    RemoteCandidate(Candidate),
    /// `inbound-rtp`
    InboundRtp(InboundRtpReport),
    /// `outbound-rtp`
    OutboundRtp(OutboundRtpReport),
    /// `remote-inbound-rtp`: how the other side receives what is sent.
    RemoteInboundRtp(RemoteInboundRtpReport),
    /// `remote-outbound-rtp`: what the other side says it sent.
    RemoteOutboundRtp(RemoteOutboundRtpReport),
    /// `data-channel`
    DataChannel(DataChannelReport),
}

impl StatsKind {
    /// The W3C's word for it.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Transport(_) => "transport",
            Self::SctpTransport(_) => "sctp-transport",
            Self::CandidatePair(_) => "candidate-pair",
            Self::LocalCandidate(_) => "local-candidate",
            Self::RemoteCandidate(_) => "remote-candidate",
            Self::InboundRtp(_) => "inbound-rtp",
            Self::OutboundRtp(_) => "outbound-rtp",
            Self::RemoteInboundRtp(_) => "remote-inbound-rtp",
            Self::RemoteOutboundRtp(_) => "remote-outbound-rtp",
            Self::DataChannel(_) => "data-channel",
        }
    }
}

/// A transport.
///
/// Source: [webrtc-stats §7.12](https://www.w3.org/TR/webrtc-stats/#transportstats-dict*)
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TransportReport {
    /// State of ICE.
    pub ice_state: State,
    /// State of DTLS.
    pub dtls_state: DtlsState,
    /// The part that this side played in DTLS, once connected.
    pub dtls_role: Option<Role>,
    /// The SRTP profile, as DTLS calls it; `None` where none was agreed.
    pub srtp_cipher: Option<String>,
    /// The name of the pair in use.
    pub selected_candidate_pair_id: Option<String>,
    /// Counters.
    pub counters: TransportStats,
}

/// A pair of candidates.
///
/// Source: [webrtc-stats §7.13](https://www.w3.org/TR/webrtc-stats/#candidatepair-dict*)
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct CandidatePairReport {
    /// The name of its transport.
    pub transport_id: String,
    /// The name of this side's candidate.
    pub local_candidate_id: String,
    /// The name of the other side's candidate.
    pub remote_candidate_id: String,
    /// State of its checks.
    pub state: PairState,
    /// It was nominated.
    pub nominated: bool,
    /// The last measured round trip.
    pub current_round_trip_time: Option<Duration>,
    /// All measured round trips, added up.
    pub total_round_trip_time: Duration,
    /// Checks sent, those for consent included.
    pub requests_sent: u64,
    /// Authentic checks received.
    pub requests_received: u64,
    /// Answers sent.
    pub responses_sent: u64,
    /// Authentic answers received.
    pub responses_received: u64,
}

/// A stream that is received.
///
/// Source: [webrtc-stats §7.5](https://www.w3.org/TR/webrtc-stats/#inboundrtpstats-dict*)
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct InboundRtpReport {
    /// The stream.
    pub ssrc: Ssrc,
    /// Sound or picture.
    pub kind: MediaKind,
    /// The media section.
    pub mid: Option<String>,
    /// The name of its transport.
    pub transport_id: String,
    /// What it is encoded in.
    pub codec: Option<Codec>,
    /// What the other side calls the track.
    pub track_identifier: Option<String>,
    /// Counters.
    pub counters: ReceiverStats,
}

/// A stream that is sent.
///
/// Source: [webrtc-stats §7.7](https://www.w3.org/TR/webrtc-stats/#outboundrtpstats-dict*)
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct OutboundRtpReport {
    /// The stream.
    pub ssrc: Ssrc,
    /// Sound or picture.
    pub kind: MediaKind,
    /// The media section.
    pub mid: Option<String>,
    /// The name of its transport.
    pub transport_id: String,
    /// What it is encoded in.
    pub codec: Option<Codec>,
    /// Counters.
    pub counters: SenderStats,
}

/// How the other side receives a stream of this side.
///
/// Source: [webrtc-stats §7.6](https://www.w3.org/TR/webrtc-stats/#remoteinboundrtpstats-dict*)
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RemoteInboundRtpReport {
    /// The name of the stream's own object.
    pub local_id: String,
    /// The stream.
    pub ssrc: Ssrc,
    /// Sound or picture.
    pub kind: MediaKind,
    /// The last round trip; `None` until one could be measured.
    pub round_trip_time: Option<Duration>,
    /// All of them, added up.
    pub total_round_trip_time: Duration,
    /// How many there were.
    pub round_trip_time_measurements: u64,
    /// Share of packets lost between the last two reports, 0 to 1.
    pub fraction_lost: f64,
    /// Packets lost in all.
    pub packets_lost: i32,
    /// Variation of the transit time.
    pub jitter: Duration,
}

/// What the other side says of a stream that it sends.
///
/// Source: [webrtc-stats §7.8](https://www.w3.org/TR/webrtc-stats/#remoteoutboundrtpstats-dict*)
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RemoteOutboundRtpReport {
    /// The name of the stream's own object.
    pub local_id: String,
    /// The stream.
    pub ssrc: Ssrc,
    /// Sound or picture.
    pub kind: MediaKind,
    /// Its time of day at its last report, since the Unix epoch.
    pub remote_timestamp: Duration,
    /// Packets that it has sent.
    pub packets_sent: u32,
    /// Bytes of payload that it has sent.
    pub bytes_sent: u32,
    /// Reports received.
    pub reports_sent: u64,
}

/// A data channel.
///
/// Source: [webrtc-stats §7.11](https://www.w3.org/TR/webrtc-stats/#dcstats-dict*)
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct DataChannelReport {
    /// Its label.
    pub label: String,
    /// Its protocol.
    pub protocol: String,
    /// Its SCTP stream, once it has one.
    pub data_channel_identifier: Option<u16>,
    /// Its state.
    pub state: ChannelState,
    /// Counters.
    pub counters: ChannelStats,
}

macro_rules! of_kind {
    ($($(#[$doc:meta])* $name:ident: $variant:ident($type:ty);)*) => {
        impl StatsReport {
            $(
                $(#[$doc])*
                pub fn $name(&self) -> impl Iterator<Item = &$type> + '_ {
                    self.entries.iter().filter_map(|entry| match &entry.kind {
                        StatsKind::$variant(report) => Some(report),
                        _ => None,
                    })
                }
            )*
        }
    };
}

of_kind! {
    /// The transports.
    transports: Transport(TransportReport);
    /// The SCTP associations.
    sctp_transports: SctpTransport(ortica_sctp::Stats);
    /// The pairs of candidates.
    candidate_pairs: CandidatePair(CandidatePairReport);
    /// The streams that are received.
    inbound_rtp: InboundRtp(InboundRtpReport);
    /// The streams that are sent.
    outbound_rtp: OutboundRtp(OutboundRtpReport);
    /// How the other side receives.
    remote_inbound_rtp: RemoteInboundRtp(RemoteInboundRtpReport);
    /// What the other side sends.
    remote_outbound_rtp: RemoteOutboundRtp(RemoteOutboundRtpReport);
    /// The data channels.
    data_channels: DataChannel(DataChannelReport);
}

impl StatsReport {
    /// All objects, those first that others name.
    pub fn iter(&self) -> impl Iterator<Item = &Stats> + '_ {
        self.entries.iter()
    }

    /// The object of that name.
    pub fn get(&self, id: &str) -> Option<&Stats> {
        self.entries.iter().find(|entry| entry.id == id)
    }

    /// The pair that carries a transport's packets.
    pub fn selected_candidate_pair(&self) -> Option<&CandidatePairReport> {
        let id = self.transports().find_map(|transport| transport.selected_candidate_pair_id.as_deref())?;
        match &self.get(id)?.kind {
            StatsKind::CandidatePair(pair) => Some(pair),
            _ => None,
        }
    }
}
