//! The receiving end of a stream.

use crate::id::Ssrc;
use crate::packet::Packet;
use crate::repair::nack::{self, NackGenerator};
use crate::rtcp::{Nack, ReportBlock, SenderReport};
use crate::sequence::{RtpTimestamp, SequenceNumber, SequenceUnwrapper};
use ortica_core::{Instant, NtpTime};
use std::time::Duration;

/// How far a sequence number may jump forward within a stream; and how far back a late one may lie.
///
/// Source: [RFC 3550 §A.1](https://www.rfc-editor.org/rfc/rfc3550#appendix-A.1), `MAX_DROPOUT` and `MAX_MISORDER` (raised to
/// the same: repair brings packets back later than the network does).
const MAX_JUMP: i64 = 3_000;

/// A transit time that changes by more is a clock that was set, not jitter.
const MAX_TRANSIT_STEP: Duration = Duration::from_secs(5);

/// How a [`ReceiveStream`] receives.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    ssrc: Ssrc,
    clock_rate: u32,
    nack: Option<nack::Config>,
    silence: Duration,
}

impl Config {
    /// A stream `ssrc` whose timestamps count `clock_rate` (1 at least) in a second.
    pub fn new(ssrc: Ssrc, clock_rate: u32) -> Self {
        Self { ssrc, clock_rate: clock_rate.max(1), nack: None, silence: Duration::from_secs(25) }
    }

    /// Asks for missing packets. Default: does not.
    pub fn with_nack(mut self, config: nack::Config) -> Self {
        self.nack = Some(config);
        self
    }

    /// After how much silence the stream counts as gone. Default 25 seconds: five of the longest intervals between reports.
    ///
    /// Source: [RFC 3550 §6.3.5](https://www.rfc-editor.org/rfc/rfc3550#section-6.3.5)
    pub fn with_silence(mut self, silence: Duration) -> Self {
        self.silence = silence;
        self
    }
}

/// What a [`ReceiveStream`] makes of a packet.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Arrival {
    /// It belongs to the stream.
    Accepted,
    /// It is the first of a stream that has started over: what was kept of the old one is worthless.
    Restarted,
    /// Its number is far from the others. If its successor comes next, the stream has started over; this one is dropped.
    Stray,
}

/// What a [`ReceiveStream`] reports.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// Nothing came for the time of [`Config::with_silence`]. What comes later revives the stream.
    Silent,
}

/// Counters of a [`ReceiveStream`].
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Stats {
    /// Packets received, duplicates included, restored ones excluded.
    pub packets: u64,
    /// Bytes of payload in them.
    pub bytes: u64,
    /// Bytes of header and padding in them.
    pub header_bytes: u64,
    /// Packets expected and not received; negative if duplicates outnumber them.
    pub lost: i64,
    /// Packets with a lower number than one before.
    pub reordered: u64,
    /// Packets dropped since their number was far from the others.
    pub stray: u64,
    /// Variation of the transit time.
    pub jitter: Duration,
    /// When the last packet came.
    pub last: Option<Instant>,
    /// Packets restored from retransmissions.
    pub restored: u64,
    /// Requests for missing packets.
    pub nack: nack::Stats,
}

/// What the sender says about a stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct RemoteReport {
    /// When its last report came.
    pub at: Instant,
    /// Its wall time at that report.
    pub ntp: NtpTime,
    /// The same moment in the stream's time.
    pub rtp: RtpTimestamp,
    /// Packets sent.
    pub packets: u32,
    /// Bytes of payload sent.
    pub octets: u32,
    /// Reports received.
    pub reports: u64,
}

/// Counts the packets of a stream for reports on it, and asks for those that are missing.
#[derive(Clone, Debug)]
pub struct ReceiveStream {
    config: Config,
    sequence: SequenceUnwrapper,
    /// The number of the first packet.
    base: i64,
    received: i64,
    /// The successor of a stray packet.
    after_stray: Option<SequenceNumber>,
    /// Expected and received at the last report.
    reported: (i64, i64),
    transit: Option<u32>,
    /// In 1/16 ticks.
    jitter: u32,
    remote: Option<RemoteReport>,
    nack: Option<NackGenerator>,
    stats: Stats,
    /// Of silence.
    deadline: Option<Instant>,
    event: Option<Event>,
}

impl ReceiveStream {
    /// A stream of which nothing was received.
    pub fn new(config: Config) -> Self {
        Self {
            config,
            sequence: SequenceUnwrapper::new(),
            base: 0,
            received: 0,
            after_stray: None,
            reported: (0, 0),
            transit: None,
            jitter: 0,
            remote: None,
            nack: config.nack.map(NackGenerator::new),
            stats: Stats::default(),
            deadline: None,
            event: None,
        }
    }

    /// The stream.
    pub const fn ssrc(&self) -> Ssrc {
        self.config.ssrc
    }

    /// Ticks of the timestamps in a second.
    pub const fn clock_rate(&self) -> u32 {
        self.config.clock_rate
    }

    /// The format has changed, and the clock of the timestamps with it.
    pub fn set_clock_rate(&mut self, clock_rate: u32) {
        let clock_rate = clock_rate.max(1);
        if clock_rate != self.config.clock_rate {
            self.config.clock_rate = clock_rate;
            (self.transit, self.jitter, self.remote) = (None, 0, None);
        }
    }

    /// Takes note of the round-trip time, which says when to ask again.
    pub fn set_rtt(&mut self, rtt: Duration) {
        if let Some(nack) = &mut self.nack {
            nack.set_rtt(rtt);
        }
    }

    /// Counters.
    pub fn stats(&self) -> Stats {
        let nack = self.nack.as_ref().map(NackGenerator::stats).unwrap_or_default();
        Stats { lost: self.expected() - self.received, jitter: self.jitter(), nack, ..self.stats }
    }

    /// What the sender last said about this stream.
    pub const fn remote(&self) -> Option<&RemoteReport> {
        self.remote.as_ref()
    }

    /// Variation of the transit time.
    pub fn jitter(&self) -> Duration {
        Duration::from_nanos(u64::from(self.jitter) * 1_000_000_000 / 16 / u64::from(self.config.clock_rate))
    }

    /// A packet of this stream has come.
    pub fn handle_packet(&mut self, now: Instant, packet: &Packet<'_>) -> Arrival {
        let arrival = self.arrival(packet.sequence_number());
        self.deadline = Some(now + self.config.silence);
        match arrival {
            Arrival::Stray => {
                self.stats.stray += 1;
                return arrival;
            }
            Arrival::Restarted => self.restart(),
            Arrival::Accepted => {}
        }
        self.count(now, packet);
        self.update_jitter(now, packet.timestamp());
        if let Some(nack) = &mut self.nack {
            nack.handle_packet(now, packet.sequence_number());
        }
        arrival
    }

    /// A packet of this stream was restored from a retransmission. It is missing no more, but counts as lost.
    pub fn handle_restored(&mut self, now: Instant, number: SequenceNumber) {
        self.stats.restored += 1;
        if let Some(nack) = &mut self.nack {
            nack.handle_packet(now, number);
        }
    }

    /// Nobody waits for packets before `number` any more.
    pub fn forget_before(&mut self, number: SequenceNumber) {
        if let Some(nack) = &mut self.nack {
            nack.forget_before(number);
        }
    }

    /// The sender's report on this stream has come.
    pub fn handle_sender_report(&mut self, now: Instant, report: &SenderReport) {
        let reports = self.remote.map_or(0, |remote| remote.reports) + 1;
        let &SenderReport { ntp, rtp, packets, octets, .. } = report;
        self.remote = Some(RemoteReport { at: now, ntp, rtp, packets, octets, reports });
    }

    /// The sender's wall time at a timestamp of this stream: equal times of two streams are to be played together. `None`
    /// until a report has come.
    pub fn wall_time(&self, timestamp: RtpTimestamp) -> Option<NtpTime> {
        let remote = self.remote.as_ref()?;
        let ticks = i128::from(remote.rtp.distance(timestamp));
        let units = (ticks << 32) / i128::from(self.config.clock_rate);
        Some(NtpTime(remote.ntp.0.wrapping_add(units as u64)))
    }

    /// `true` when packets have come since the last [`report_block`](Self::report_block).
    pub const fn is_active(&self) -> bool {
        self.received > self.reported.1
    }

    /// A report on this stream since the last one.
    ///
    /// Source: [RFC 3550 §A.3](https://www.rfc-editor.org/rfc/rfc3550#appendix-A.3)
    pub fn report_block(&mut self, now: Instant) -> ReportBlock {
        let expected = self.expected();
        let expected_since = expected - self.reported.0;
        let lost_since = expected_since - (self.received - self.reported.1);
        self.reported = (expected, self.received);
        // Duplicates can make the loss of an interval negative: it counts as none.
        let fraction_lost = if expected_since <= 0 { 0 } else { (lost_since.max(0) * 256 / expected_since).min(255) };
        let lost = expected - self.received;
        let (last_sender_report, delay_since_last_sender_report) = self.last_sender_report(now);
        ReportBlock {
            ssrc: self.config.ssrc,
            fraction_lost: fraction_lost as u8,
            cumulative_lost: lost.clamp(ReportBlock::MIN_LOST.into(), ReportBlock::MAX_LOST.into()) as i32,
            highest_sequence: self.sequence.highest().unwrap_or(0) as u32,
            jitter: self.jitter >> 4,
            last_sender_report,
            delay_since_last_sender_report,
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), or [`poll_nack`](Self::poll_nack).
    pub fn poll_timeout(&self) -> Option<Instant> {
        let nack = self.nack.as_ref().and_then(NackGenerator::poll_timeout);
        [self.deadline, nack].into_iter().flatten().min()
    }

    /// Time has passed. Ask [`poll_nack`](Self::poll_nack) then.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.deadline.is_some_and(|deadline| deadline <= now) {
            self.deadline = None;
            self.event = Some(Event::Silent);
        }
    }

    /// The next request for missing packets, if it is time. Call until `None`.
    pub fn poll_nack(&mut self, now: Instant, sender: Ssrc) -> Option<Nack> {
        self.nack.as_mut()?.poll(now, sender, self.config.ssrc)
    }

    /// The next thing to report.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.event.take()
    }

    /// Packets that should have come since the first one.
    fn expected(&self) -> i64 {
        self.sequence.highest().map_or(0, |highest| highest - self.base + 1)
    }

    fn arrival(&mut self, number: SequenceNumber) -> Arrival {
        let Some(highest) = self.sequence.highest() else { return Arrival::Accepted };
        let expected = self.after_stray.take();
        if (self.sequence.peek(number) - highest).abs() <= MAX_JUMP {
            return Arrival::Accepted;
        }
        if expected == Some(number) {
            return Arrival::Restarted;
        }
        self.after_stray = Some(number.next());
        Arrival::Stray
    }

    /// As if the stream were new, but for its counters.
    fn restart(&mut self) {
        self.sequence = SequenceUnwrapper::new();
        (self.base, self.received, self.reported) = (0, 0, (0, 0));
        (self.transit, self.jitter) = (None, 0);
    }

    fn count(&mut self, now: Instant, packet: &Packet<'_>) {
        let before = self.sequence.highest();
        let number = self.sequence.unwrap(packet.sequence_number());
        match before {
            None => self.base = number,
            Some(before) if number < before => self.stats.reordered += 1,
            Some(_) => {}
        }
        // One that was overtaken by the first was to be expected as well.
        self.base = self.base.min(number);
        self.received += 1;
        self.stats.packets += 1;
        self.stats.bytes += packet.payload().len() as u64;
        self.stats.header_bytes += (packet.header_len() + usize::from(packet.padding_len())) as u64;
        self.stats.last = Some(now);
    }

    /// Source: [RFC 3550 §A.8](https://www.rfc-editor.org/rfc/rfc3550#appendix-A.8)
    fn update_jitter(&mut self, now: Instant, timestamp: RtpTimestamp) {
        let rate = u128::from(self.config.clock_rate);
        let arrival = (u128::from(now.as_nanos()) * rate / 1_000_000_000) as u32;
        let transit = arrival.wrapping_sub(timestamp.0);
        let Some(last) = self.transit.replace(transit) else { return };
        let step = (transit.wrapping_sub(last) as i32).unsigned_abs();
        if u64::from(step) > u64::from(self.config.clock_rate) * MAX_TRANSIT_STEP.as_secs() {
            return;
        }
        self.jitter = (self.jitter - ((self.jitter + 8) >> 4)).saturating_add(step);
    }

    fn last_sender_report(&self, now: Instant) -> (u32, u32) {
        let Some(remote) = &self.remote else { return (0, 0) };
        let delay = now.saturating_duration_since(remote.at).as_nanos() * 65_536 / 1_000_000_000;
        (remote.ntp.middle(), u32::try_from(delay).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests;
