//! Collects what a peer reports about itself.
//!
//! | module | what |
//! |---|---|
//! | here | the report as a whole, channels, what is left after the end |
//! | `transport` | transports, candidates, pairs, certificates |
//! | `rtp` | streams, codecs, tracks |
//! | `formats` | what descriptions say of codecs |

mod formats;
mod rtp;
mod transport;

use super::Peer;
use crate::engine::{ChannelId, SoundLevel};
use crate::jsep::TransceiverId;
use crate::stats::{DataChannelReport, PeerConnectionReport, Stats, StatsKind, StatsReport, Timestamp};
use formats::Formats;
use ortica_core::Instant;

/// A track that a transceiver sends, as its application counts it. The engine sees encoded frames alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SourceReport {
    /// Which transceiver.
    pub transceiver: TransceiverId,
    /// Tells one track from another that the transceiver sends later.
    pub number: u64,
    /// What it gave so far.
    pub figures: SourceFigures,
}

/// What a track gave so far.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SourceFigures {
    /// Of sound.
    Sound(SoundLevel),
    /// Of pictures.
    Pictures {
        /// How many.
        frames: u64,
        /// How many in the last second.
        frames_per_second: f64,
        /// Width and height of the last one in pixels; `None` before the first.
        size: Option<(u32, u32)>,
    },
}

/// # Statistics
impl Peer {
    /// All there is to know of the connection now. After a close it goes on with what transports and channels counted; streams are
    /// reported no more, since their transceivers are stopped.
    ///
    /// Source: [webrtc-pc §8.2](https://www.w3.org/TR/webrtc/#dom-rtcpeerconnection-getstats),
    /// [webrtc-stats, the RTP statistics hierarchy](https://www.w3.org/TR/webrtc-stats/#the-rtp-statistics-hierarchy)
    pub fn stats(&self, now: Instant) -> StatsReport {
        self.stats_with(now, &[])
    }

    /// The same with the tracks that are sent, as their application counts them.
    pub fn stats_with(&self, now: Instant, sources: &[SourceReport]) -> StatsReport {
        let mut report = Report::new(self, now);
        self.report_connection(&mut report);
        if self.closed.is_some() {
            report.entries.extend(self.last_transports.iter().cloned());
        } else {
            self.report_transports(&mut report);
        }
        self.report_streams(sources, &mut report);
        for channel in self.session.channels() {
            self.report_channel(channel, &mut report);
        }
        StatsReport { entries: report.entries }
    }

    /// Keeps what transports counted; they go with the connection.
    pub(super) fn keep_transport_stats(&mut self, now: Instant) {
        let mut report = Report::new(self, now);
        self.report_transports(&mut report);
        self.last_transports = report.entries;
        self.session.release();
    }

    fn report_connection(&self, report: &mut Report<'_>) {
        let (data_channels_opened, data_channels_closed) = self.session.channels_opened_and_closed();
        let connection = PeerConnectionReport { data_channels_opened, data_channels_closed };
        report.push("connection".to_owned(), StatsKind::PeerConnection(connection));
    }

    fn report_channel(&self, id: ChannelId, report: &mut Report<'_>) {
        let (Some(parameters), Some(counters)) = (self.session.channel_parameters(id), self.session.channel_stats(id))
        else {
            return;
        };
        let channel = DataChannelReport {
            label: parameters.label.clone(),
            protocol: parameters.protocol.clone(),
            data_channel_identifier: self.session.channel_stream(id),
            state: self.channel_state(id),
            messages_sent: counters.messages_sent,
            bytes_sent: counters.bytes_sent,
            messages_received: counters.messages_received,
            bytes_received: counters.bytes_received,
        };
        report.push(format!("channel-{id}"), StatsKind::DataChannel(channel));
    }
}

/// A report in the making.
struct Report<'a> {
    peer: &'a Peer,
    now: Instant,
    entries: Vec<Stats>,
    formats: Formats,
}

impl<'a> Report<'a> {
    fn new(peer: &'a Peer, now: Instant) -> Self {
        Self { peer, now, entries: Vec::new(), formats: Formats::default() }
    }

    fn time(&self, at: Instant) -> Timestamp {
        Timestamp(self.peer.session.wall_time(at))
    }

    fn push(&mut self, id: String, kind: StatsKind) {
        self.push_at(self.now, id, kind);
    }

    fn push_at(&mut self, at: Instant, id: String, kind: StatsKind) {
        let timestamp = self.time(at);
        self.entries.push(Stats { id, timestamp, kind });
    }
}
