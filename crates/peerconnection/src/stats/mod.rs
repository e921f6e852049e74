//! What a connection reports about itself, in the words of the W3C.
//!
//! A report holds objects, each with a name that stays the same in all reports of the connection, and members that name other
//! objects. Counters only grow. What is not known, or not measured, is absent; what the W3C has and this library does not is
//! listed in `docs/stats.md`, with the reason.
//!
//! With the feature `serde` a report is serialised as browsers have it: a map from names to objects, whose members have the
//! names, words and units of the W3C (seconds; moments in milliseconds since the Unix epoch).
//!
//! ```
//! # #[cfg(feature = "tokio")]
//! # fn show(connection: &ortica::PeerConnection) {
//! let report = connection.get_stats();
//! for stream in report.remote_inbound_rtp() {
//!     println!("{}: {} packets lost, {:?} there and back", stream.ssrc, stream.packets_lost, stream.round_trip_time);
//! }
//! if let Some(pair) = report.selected_candidate_pair() {
//!     println!("{} bytes sent over {}", pair.bytes_sent, pair.local_candidate_id);
//! }
//! # }
//! ```
//!
//! | module | what |
//! |---|---|
//! | here | the report, and how to find things in it |
//! | `rtp` | streams, as either side sees them |
//! | `media` | codecs and tracks |
//! | `transport` | transports, candidates, pairs, certificates |
//! | `data` | data channels |
//! | `references` | which object names which; what belongs to one stream |
//! | `member` | members and their names |
//!
//! Source: [webrtc-stats](https://www.w3.org/TR/webrtc-stats/)

mod data;
mod media;
mod member;
mod references;
mod rtp;
mod transport;

pub use data::{DataChannelReport, PeerConnectionReport};
pub use media::{CodecReport, MediaSourceReport};
pub use member::{Nullable, Timestamp};
pub use rtp::{InboundRtpReport, OutboundRtpReport, RemoteInboundRtpReport, RemoteOutboundRtpReport};
pub use transport::{
    CandidatePairReport, CandidateReport, CertificateReport, DtlsRole, IceRole, SctpTransportReport, TransportReport,
};

/// All there is to know of a connection at one moment.
///
/// Source: [webrtc-pc §8.3](https://www.w3.org/TR/webrtc/#rtcstatsreport-object)
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StatsReport {
    pub(crate) entries: Vec<Stats>,
}

/// One object of a report.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Stats {
    /// Its name, the same in each report of the connection.
    pub id: String,
    /// When it was so: now, or when the other side's report came.
    #[cfg_attr(feature = "serde", serde(serialize_with = "milliseconds"))]
    pub timestamp: Timestamp,
    /// What it is, and its members.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub kind: StatsKind,
}

/// What an object of a report is.
///
/// Source: [webrtc-stats §6](https://www.w3.org/TR/webrtc-stats/#rtcstatstype-str*)
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(tag = "type", rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum StatsKind {
    /// `peer-connection`
    PeerConnection(PeerConnectionReport),
    /// `transport`
    Transport(TransportReport),
    /// `sctp-transport`: for Rust alone, since the W3C has none any more.
    #[cfg_attr(feature = "serde", serde(skip))]
    SctpTransport(SctpTransportReport),
    /// `certificate`
    Certificate(CertificateReport),
    /// `candidate-pair`
    CandidatePair(CandidatePairReport),
    /// `local-candidate`
    LocalCandidate(CandidateReport),
    /// `remote-candidate`
    RemoteCandidate(CandidateReport),
    /// `codec`
    Codec(CodecReport),
    /// `media-source`
    MediaSource(MediaSourceReport),
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
            Self::PeerConnection(_) => "peer-connection",
            Self::Transport(_) => "transport",
            Self::SctpTransport(_) => "sctp-transport",
            Self::Certificate(_) => "certificate",
            Self::CandidatePair(_) => "candidate-pair",
            Self::LocalCandidate(_) => "local-candidate",
            Self::RemoteCandidate(_) => "remote-candidate",
            Self::Codec(_) => "codec",
            Self::MediaSource(_) => "media-source",
            Self::InboundRtp(_) => "inbound-rtp",
            Self::OutboundRtp(_) => "outbound-rtp",
            Self::RemoteInboundRtp(_) => "remote-inbound-rtp",
            Self::RemoteOutboundRtp(_) => "remote-outbound-rtp",
            Self::DataChannel(_) => "data-channel",
        }
    }
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
    /// The connection as a whole.
    peer_connections: PeerConnection(PeerConnectionReport);
    /// The transports.
    transports: Transport(TransportReport);
    /// The SCTP associations.
    sctp_transports: SctpTransport(SctpTransportReport);
    /// The certificates.
    certificates: Certificate(CertificateReport);
    /// The pairs of candidates.
    candidate_pairs: CandidatePair(CandidatePairReport);
    /// The candidates of this side.
    local_candidates: LocalCandidate(CandidateReport);
    /// The candidates of the other side.
    remote_candidates: RemoteCandidate(CandidateReport);
    /// The codecs that streams use.
    codecs: Codec(CodecReport);
    /// The tracks that are sent.
    media_sources: MediaSource(MediaSourceReport);
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
    /// All objects.
    pub fn iter(&self) -> impl Iterator<Item = &Stats> + '_ {
        self.entries.iter()
    }

    /// The object of that name.
    pub fn get(&self, id: &str) -> Option<&Stats> {
        self.entries.iter().find(|entry| entry.id == id)
    }

    /// The codec of a stream, by the name that the stream has for it.
    pub fn codec(&self, id: Option<&str>) -> Option<&CodecReport> {
        match &self.get(id?)?.kind {
            StatsKind::Codec(codec) => Some(codec),
            _ => None,
        }
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

/// A map from names to objects.
#[cfg(feature = "serde")]
impl serde::Serialize for StatsReport {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let shown = self.entries.iter().filter(|entry| !matches!(entry.kind, StatsKind::SctpTransport(_)));
        serializer.collect_map(shown.map(|entry| (&entry.id, entry)))
    }
}

#[cfg(feature = "serde")]
fn milliseconds<S: serde::Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(at.0.as_secs_f64() * 1_000.0)
}
