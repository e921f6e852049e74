//! When reports are due, and what goes into one datagram.
//!
//! Reports are sent at random intervals around a mean that keeps RTCP within a twentieth of the session's bandwidth. Other
//! feedback goes at once. A datagram starts with a report and a source description, unless the reduced size was negotiated.
//!
//! Source: [RFC 3550 §6.2](https://www.rfc-editor.org/rfc/rfc3550#section-6.2),
//! [RFC 5506](https://www.rfc-editor.org/rfc/rfc5506)

use crate::id::Ssrc;
use crate::rtcp::{Chunk, Item, ItemKind, Packet, ReceiverReport, ReportBlock, SenderReport, SourceDescription, Text};
use ortica_core::{Instant, Rng};
use std::collections::VecDeque;
use std::time::Duration;

/// Share of the session's bandwidth that RTCP may take.
const BANDWIDTH_SHARE: f64 = 0.05;

/// Lower layers' part of a datagram that counts towards the bandwidth: IP, UDP and SRTCP.
const LOWER_LAYERS: usize = 28 + 14;

/// How a [`Reporter`] reports.
#[derive(Clone, Debug)]
pub struct Config {
    ssrc: Ssrc,
    cname: Text,
    reduced_size: bool,
    interval: Duration,
    bandwidth: u64,
    max_packet: usize,
    limits: Limits,
}

/// Bounds of a [`Reporter`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Limits {
    /// Packets of feedback waiting to be sent. Beyond, the oldest are dropped. Default 256.
    pub feedback: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { feedback: 256 }
    }
}

impl Config {
    /// Reports in the name of `ssrc` where no stream of ours is concerned. `cname` (255 bytes are taken) names this end: see
    /// [`random_cname`].
    pub fn new(ssrc: Ssrc, cname: &str) -> Self {
        Self {
            ssrc,
            cname: cname.bytes().collect(),
            reduced_size: false,
            interval: Duration::from_secs(1),
            bandwidth: 1_000_000,
            max_packet: 1_150,
            limits: Limits::default(),
        }
    }

    /// Sends feedback without a report before it, as `a=rtcp-rsize` allows. Default `false`.
    pub fn with_reduced_size(mut self, reduced_size: bool) -> Self {
        self.reduced_size = reduced_size;
        self
    }

    /// The mean time between reports where bandwidth allows it. Default 1 second.
    pub fn with_interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// The most bytes of a datagram, before encryption. Default 1,150.
    pub fn with_max_packet(mut self, max_packet: usize) -> Self {
        self.max_packet = max_packet;
        self
    }

    /// See [`Limits`].
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}

/// A name for this end that says nothing about it: 96 random bits, as 16 characters of base64.
///
/// Source: [RFC 7022 §5](https://www.rfc-editor.org/rfc/rfc7022#section-5)
pub fn random_cname(rng: &mut Rng) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let random = rng.bytes::<16>();
    random.iter().filter_map(|byte| ALPHABET.get(usize::from(byte & 0x3f))).map(|byte| char::from(*byte)).collect()
}

/// Counters of a [`Reporter`].
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Stats {
    /// Datagrams made.
    pub datagrams: u64,
    /// Bytes in them.
    pub bytes: u64,
    /// Packets of feedback dropped for lack of room.
    pub dropped: u64,
}

/// Makes the RTCP datagrams of one transport.
#[derive(Debug)]
pub struct Reporter {
    config: Config,
    rng: Rng,
    due: Instant,
    /// Reports that were made and not yet sent.
    reports: VecDeque<Packet>,
    feedback: VecDeque<Packet>,
    members: usize,
    /// Of the datagrams sent and received, with their lower layers.
    average_len: f64,
    stats: Stats,
}

impl Reporter {
    /// Gives back the memory that is not used, while nothing is to be reported.
    pub fn rest(&mut self) {
        self.rng.rest();
        self.reports.shrink_to_fit();
        self.feedback.shrink_to_fit();
    }

    /// Nothing sent yet; the first report is due after half the interval.
    pub fn new(config: Config, rng: Rng, now: Instant) -> Self {
        let mut reporter = Self {
            config,
            rng,
            due: now,
            reports: VecDeque::new(),
            feedback: VecDeque::new(),
            members: 2,
            average_len: 100.0,
            stats: Stats::default(),
        };
        reporter.due = now + reporter.random_interval() / 2;
        reporter
    }

    /// Counters.
    pub const fn stats(&self) -> Stats {
        self.stats
    }

    /// In whose name reports go where no stream of ours is concerned.
    pub const fn ssrc(&self) -> Ssrc {
        self.config.ssrc
    }

    /// See [`Config::new`].
    pub fn set_ssrc(&mut self, ssrc: Ssrc) {
        self.config.ssrc = ssrc;
    }

    /// See [`Config::with_reduced_size`].
    pub fn set_reduced_size(&mut self, reduced_size: bool) {
        self.config.reduced_size = reduced_size;
    }

    /// Takes note of the session's bandwidth, in bits per second. 1 Mbit/s until then.
    pub fn set_bandwidth(&mut self, bandwidth: u64) {
        self.config.bandwidth = bandwidth.max(1);
    }

    /// Takes note of how many streams the session has, sent and received. 2 until then.
    pub fn set_members(&mut self, members: usize) {
        self.members = members.max(2);
    }

    /// A datagram of `len` bytes was received: its size counts for the interval.
    pub fn on_received(&mut self, len: usize) {
        self.average(len);
    }

    /// The mean time between reports.
    pub fn mean_interval(&self) -> Duration {
        let rate = self.config.bandwidth as f64 * BANDWIDTH_SHARE / 8.0;
        let seconds = self.average_len * self.members as f64 / rate;
        self.config.interval.max(Duration::from_secs_f64(seconds.min(3_600.0)))
    }

    /// Sends `packet` with the next datagram, which is due at once.
    pub fn push(&mut self, packet: impl Into<Packet>) {
        if self.feedback.len() >= self.config.limits.feedback {
            self.feedback.pop_front();
            self.stats.dropped += 1;
        }
        self.feedback.push_back(packet.into());
    }

    /// Whether feedback waits to be sent.
    pub fn has_feedback(&self) -> bool {
        !self.feedback.is_empty()
    }

    /// When [`poll`](Self::poll) will have a report; `poll` has feedback before that.
    pub fn poll_timeout(&self) -> Option<Instant> {
        Some(self.due)
    }

    /// Appends the next datagram to `out` and gives its length. Call until `None`.
    ///
    /// If reports are due, `senders` gives those of the streams that are being sent (see
    /// [`SendStream::sender_report`](super::SendStream::sender_report)) and `blocks` those on the streams that are received
    /// (see [`ReceiveStream::report_block`](super::ReceiveStream::report_block)). Otherwise neither is asked.
    pub fn poll(
        &mut self,
        now: Instant,
        senders: impl IntoIterator<Item = SenderReport>,
        blocks: impl IntoIterator<Item = ReportBlock>,
        out: &mut Vec<u8>,
    ) -> Option<usize> {
        if now >= self.due {
            self.collect(senders, blocks);
            self.due = now + self.random_interval();
        }
        if self.reports.is_empty() && self.feedback.is_empty() {
            return None;
        }
        let start = out.len();
        self.write_lead(out);
        self.write_rest(start, out);
        let len = out.len() - start;
        self.stats.datagrams += 1;
        self.stats.bytes += len as u64;
        self.average(len);
        Some(len)
    }

    /// Fills the sender reports with blocks, then receiver reports with those that are left. Something is always reported.
    fn collect(
        &mut self,
        senders: impl IntoIterator<Item = SenderReport>,
        blocks: impl IntoIterator<Item = ReportBlock>,
    ) {
        // Reports that could not be sent since the last time are out of date.
        self.reports.clear();
        let mut blocks = blocks.into_iter().peekable();
        for mut report in senders {
            while !report.reports.is_full()
                && let Some(block) = blocks.next()
            {
                let _ = report.reports.push(block);
            }
            self.reports.push_back(report.into());
        }
        while self.reports.is_empty() || blocks.peek().is_some() {
            let reports = blocks.by_ref().take(31).collect();
            self.reports.push_back(ReceiverReport { ssrc: self.config.ssrc, reports }.into());
        }
    }

    /// What a datagram must start with.
    fn write_lead(&mut self, out: &mut Vec<u8>) {
        let lead = match self.reports.pop_front() {
            Some(report) => report,
            None if self.config.reduced_size => return,
            None => ReceiverReport { ssrc: self.config.ssrc, ..ReceiverReport::default() }.into(),
        };
        lead.write(out);
        let ssrc = match &lead {
            Packet::SenderReport(report) => report.ssrc,
            _ => self.config.ssrc,
        };
        self.description(ssrc).write(out);
    }

    /// What fits besides. A packet that is too large for any datagram goes in one of its own.
    fn write_rest(&mut self, start: usize, out: &mut Vec<u8>) {
        while let Some(packet) = self.reports.front().or_else(|| self.feedback.front()) {
            let mark = out.len();
            packet.write(out);
            if let Packet::SenderReport(report) = packet {
                self.description(report.ssrc).write(out);
            }
            if out.len() - start > self.config.max_packet && self.stands_alone(mark - start) {
                out.truncate(mark);
                return;
            }
            if self.reports.pop_front().is_none() {
                self.feedback.pop_front();
            }
        }
    }

    /// `true` when a datagram of `len` bytes says more than it must start with.
    fn stands_alone(&self, len: usize) -> bool {
        let name = 4 + (4 + 2 + self.config.cname.len() + 1).next_multiple_of(4);
        len > if self.config.reduced_size { 0 } else { 8 + name }
    }

    fn description(&self, ssrc: Ssrc) -> Packet {
        let item = Item { kind: ItemKind::CNAME, text: self.config.cname.clone() };
        let chunk = Chunk { ssrc, items: [item].into_iter().collect() };
        SourceDescription { chunks: [chunk].into_iter().collect() }.into()
    }

    fn average(&mut self, len: usize) {
        self.average_len += ((len + LOWER_LAYERS) as f64 - self.average_len) / 16.0;
    }

    /// Between half and one and a half of the mean, so that many ends do not report in step.
    fn random_interval(&mut self) -> Duration {
        let factor = 0.5 + self.rng.unit();
        self.mean_interval().mul_f64(factor)
    }
}

#[cfg(test)]
mod tests;
