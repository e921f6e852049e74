//! The sending end of a stream.

use crate::id::{PayloadType, Ssrc};
use crate::packet::Header;
use crate::repair::history::{self, History, SentPayload};
use crate::repair::rtx::{self, OSN_LEN};
use crate::rtcp::{Goodbye, Nack, ReportBlock, ReportBlocks, SenderReport};
use crate::sequence::{RtpTimestamp, SequenceNumber};
use crate::session::circuit_breaker::{CircuitBreaker, Trip};
use ortica_core::{Instant, Rng, WallClock};
use std::time::Duration;
use tracing::debug;

/// A second collision within this time is a loop: packets of ours come back, and another SSRC would come back as well.
///
/// Source: [RFC 3550 §8.2](https://www.rfc-editor.org/rfc/rfc3550#section-8.2)
const LOOP_TIME: Duration = Duration::from_secs(10);

/// What a [`SendStream`] sends.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    ssrc: Ssrc,
    payload_type: PayloadType,
    clock_rate: u32,
    rtx: Option<(Ssrc, PayloadType)>,
    history: history::Limits,
}

impl Config {
    /// A stream `ssrc` of that format, whose timestamps count `clock_rate` (1 at least) in a second.
    pub fn new(ssrc: Ssrc, payload_type: PayloadType, clock_rate: u32) -> Self {
        Self { ssrc, payload_type, clock_rate: clock_rate.max(1), rtx: None, history: history::Limits::default() }
    }

    /// Retransmits in a stream of its own. Default: packets are sent again as they were.
    pub fn with_rtx(mut self, ssrc: Ssrc, payload_type: PayloadType) -> Self {
        self.rtx = Some((ssrc, payload_type));
        self
    }

    /// How much is kept for retransmission. Zero packets mean that none is served.
    pub fn with_history(mut self, limits: history::Limits) -> Self {
        self.history = limits;
        self
    }
}

/// What a [`SendStream`] reports.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// The stream should stop.
    CircuitBreaker(Trip),
}

/// Counters of a [`SendStream`].
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Stats {
    /// Packets sent, retransmissions excluded.
    pub packets: u64,
    /// Bytes of payload in them.
    pub bytes: u64,
    /// Packets sent again.
    pub retransmitted_packets: u64,
    /// Bytes of payload in those, the original sequence number included where it goes with them.
    pub retransmitted_bytes: u64,
    /// Requests for packets received.
    pub nacks: u64,
    /// How the requested packets fared.
    pub history: history::Stats,
}

/// What the peer says about a stream.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct RemoteReport {
    /// When it said so, last.
    pub at: Option<Instant>,
    /// Share of packets lost between its last two reports, in 1/256.
    pub fraction_lost: u8,
    /// Packets that arrived, by the highest number and what was lost: at most, where the first ones got lost.
    pub packets_received: u64,
    /// Packets lost in all.
    pub cumulative_lost: i32,
    /// Variation of the transit time.
    pub jitter: Duration,
    /// The highest sequence number that arrived, with its cycles.
    pub highest_sequence: u32,
    /// The last round-trip time, if one could be measured.
    pub rtt: Option<Duration>,
    /// Smoothed over the last eight or so.
    pub smoothed_rtt: Option<Duration>,
    /// All round-trip times added up.
    pub total_rtt: Duration,
    /// How many there were.
    pub rtt_measurements: u64,
    /// Reports received.
    pub reports: u64,
}

/// A packet to send again.
#[derive(Clone, Debug)]
pub struct Retransmission {
    /// Its header.
    pub header: Header,
    /// What precedes the payload: the original sequence number if it goes in a stream of its own, else nothing.
    pub osn: Option<[u8; OSN_LEN]>,
    /// The payload as it was sent.
    pub payload: SentPayload,
}

/// Numbers the packets of a stream, stamps them, keeps them for those who missed them, and reports on them.
///
/// For each packet: [`next_header`](Self::next_header), send it, [`on_sent`](Self::on_sent). After
/// [`handle_nack`](Self::handle_nack), [`poll_retransmit`](Self::poll_retransmit) until `None`, sending each, and
/// [`on_retransmitted`](Self::on_retransmitted).
#[derive(Debug)]
pub struct SendStream {
    config: Config,
    rng: Rng,
    clock: WallClock,
    /// Of the first packet.
    first: SequenceNumber,
    next: SequenceNumber,
    next_rtx: SequenceNumber,
    /// The timestamp of media time zero.
    offset: RtpTimestamp,
    /// The last timestamp used, and the moment that it stands for.
    anchor: Option<(RtpTimestamp, Instant)>,
    history: History,
    breaker: CircuitBreaker,
    stats: Stats,
    /// Packets and bytes of the present SSRC.
    reported: (u32, u32),
    sent_since_report: bool,
    remote: RemoteReport,
    collided: Option<Instant>,
}

impl SendStream {
    /// A stream that has sent nothing. `clock` gives the wall time of its reports: streams to be played in sync share one.
    pub fn new(config: Config, mut rng: Rng, clock: WallClock) -> Self {
        let first = initial_sequence_number(&mut rng);
        Self {
            first,
            next: first,
            next_rtx: initial_sequence_number(&mut rng),
            offset: RtpTimestamp(rng.u32()),
            history: History::new(config.history),
            config,
            rng,
            clock,
            anchor: None,
            breaker: CircuitBreaker::new(),
            stats: Stats::default(),
            reported: (0, 0),
            sent_since_report: false,
            remote: RemoteReport::default(),
            collided: None,
        }
    }

    /// The stream.
    pub const fn ssrc(&self) -> Ssrc {
        self.config.ssrc
    }

    /// The stream of its retransmissions.
    pub fn rtx_ssrc(&self) -> Option<Ssrc> {
        self.config.rtx.map(|(ssrc, _)| ssrc)
    }

    /// The format.
    pub const fn payload_type(&self) -> PayloadType {
        self.config.payload_type
    }

    /// Ticks of the timestamps in a second.
    pub const fn clock_rate(&self) -> u32 {
        self.config.clock_rate
    }

    /// Changes the format. With another clock rate, timestamps go on from where they are. What was sent in the old format is
    /// not sent again where retransmissions have a stream of their own.
    pub fn set_format(&mut self, now: Instant, payload_type: PayloadType, clock_rate: u32, rtx: Option<PayloadType>) {
        let clock_rate = clock_rate.max(1);
        if clock_rate != self.config.clock_rate
            && let Some(timestamp) = self.clock_at(now)
        {
            self.anchor = Some((timestamp, now));
        }
        if payload_type != self.config.payload_type && self.config.rtx.is_some() {
            // Retransmissions would say of them that they are of the new format.
            self.history.clear();
        }
        (self.config.payload_type, self.config.clock_rate) = (payload_type, clock_rate);
        if let (Some((_, payload_type)), Some(rtx)) = (&mut self.config.rtx, rtx) {
            *payload_type = rtx;
        }
    }

    /// Counters.
    pub fn stats(&self) -> Stats {
        Stats { history: self.history.stats(), ..self.stats }
    }

    /// What the peer last said about this stream.
    pub const fn remote(&self) -> &RemoteReport {
        &self.remote
    }

    /// The timestamp of the media time `time`, which counts from any start.
    pub fn timestamp(&self, time: Duration) -> RtpTimestamp {
        self.offset + ticks(time, self.config.clock_rate)
    }

    /// The timestamp of what is captured at that moment, by the last packet; the first one where nothing was sent.
    pub fn timestamp_at(&self, captured: Instant) -> RtpTimestamp {
        self.clock_at(captured).unwrap_or(self.offset)
    }

    /// The header of the next packet, whose number is then used up. `captured` is the moment that `timestamp` stands for:
    /// reports relate the two, and receivers play streams in sync by it. Where that moment is unknown, now.
    pub fn next_header(&mut self, captured: Instant, timestamp: RtpTimestamp, marker: bool) -> Header {
        let sequence_number = self.next;
        self.next += 1;
        if self.anchor.is_none_or(|(last, _)| last != timestamp) {
            self.anchor = Some((timestamp, captured));
        }
        let (payload_type, ssrc) = (self.config.payload_type, self.config.ssrc);
        Header { marker, payload_type, sequence_number, timestamp, ssrc, ..Header::default() }
    }

    /// The number that the next packet gets.
    pub const fn next_sequence_number(&self) -> SequenceNumber {
        self.next
    }

    /// The header of a packet whose number is given, for a stream that is passed on with its gaps and in the order in which it
    /// comes; numbers go on behind the highest. Else as [`next_header`](Self::next_header). No number may be given twice.
    pub fn header_at(
        &mut self,
        captured: Instant,
        (sequence_number, timestamp): (SequenceNumber, RtpTimestamp),
        marker: bool,
    ) -> Header {
        if !sequence_number.precedes(self.next) {
            self.next = sequence_number.next();
        }
        // What comes late says nothing of the present.
        if self.anchor.is_none_or(|(last, _)| last.precedes(timestamp)) {
            self.anchor = Some((timestamp, captured));
        }
        let (payload_type, ssrc) = (self.config.payload_type, self.config.ssrc);
        Header { marker, payload_type, sequence_number, timestamp, ssrc, ..Header::default() }
    }

    /// A packet was sent: it counts, and is kept for those who miss it.
    pub fn on_sent(&mut self, now: Instant, header: Header, payload: SentPayload) {
        let len = payload.len();
        self.stats.packets += 1;
        self.stats.bytes += len as u64;
        let (packets, bytes) = self.reported;
        self.reported = (packets.wrapping_add(1), bytes.wrapping_add(len as u32));
        self.sent_since_report = true;
        self.breaker.on_sent(now, len);
        self.history.push(now, header, payload);
    }

    /// A peer says how it receives this stream.
    pub fn handle_report(&mut self, now: Instant, report: &ReportBlock) {
        self.remote.at = Some(now);
        self.remote.reports += 1;
        self.remote.fraction_lost = report.fraction_lost;
        self.remote.cumulative_lost = report.cumulative_lost;
        self.remote.highest_sequence = report.highest_sequence;
        let expected = 1 + i64::from(report.highest_sequence.wrapping_sub(u32::from(self.first.0)) as i32);
        self.remote.packets_received = (expected - i64::from(report.cumulative_lost)).max(0) as u64;
        self.remote.jitter = duration(report.jitter, self.config.clock_rate);
        if let Some(rtt) = self.round_trip(now, report) {
            self.remote.rtt = Some(rtt);
            self.remote.smoothed_rtt = Some(self.remote.smoothed_rtt.map_or(rtt, |smoothed| (smoothed * 7 + rtt) / 8));
            self.remote.total_rtt = self.remote.total_rtt.saturating_add(rtt);
            self.remote.rtt_measurements += 1;
            self.history.set_rtt(rtt);
        }
        let rtt = self.remote.smoothed_rtt.unwrap_or_default();
        self.breaker.on_report(now, report.highest_sequence, report.fraction_lost, rtt);
    }

    /// A peer asks for packets again.
    pub fn handle_nack(&mut self, now: Instant, nack: &Nack) {
        self.stats.nacks += 1;
        self.history.request(now, nack.numbers());
    }

    /// `true` when packets wait to be sent again.
    pub fn has_retransmissions(&self) -> bool {
        self.history.has_wanted()
    }

    /// The next packet to send again; see [`on_retransmitted`](Self::on_retransmitted).
    pub fn poll_retransmit(&mut self, now: Instant) -> Option<Retransmission> {
        let (original, payload) = self.history.poll(now)?;
        let payload = payload.clone();
        let retransmission = match self.config.rtx {
            Some((ssrc, payload_type)) => {
                let (header, osn) = rtx::encapsulate(original, ssrc, payload_type, self.next_rtx);
                self.next_rtx += 1;
                Retransmission { header, osn: Some(osn), payload }
            }
            None => Retransmission { header: original.clone(), osn: None, payload },
        };
        Some(retransmission)
    }

    /// A packet was sent again: it counts.
    pub fn on_retransmitted(&mut self, retransmission: &Retransmission) {
        let Retransmission { osn, payload, .. } = retransmission;
        self.stats.retransmitted_packets += 1;
        self.stats.retransmitted_bytes += (osn.map_or(0, |osn| osn.len()) + payload.len()) as u64;
    }

    /// The header of a packet of padding alone, to probe the bandwidth: in the stream of retransmissions if there is one. The
    /// caller appends [`write_padding`](crate::packet::write_padding). `None` as long as nothing was sent.
    pub fn padding_header(&mut self) -> Option<Header> {
        let (timestamp, _) = self.anchor?;
        let (ssrc, payload_type, sequence_number) = match self.config.rtx {
            Some((ssrc, payload_type)) => (ssrc, payload_type, take(&mut self.next_rtx)),
            None => (self.config.ssrc, self.config.payload_type, take(&mut self.next)),
        };
        Some(Header { payload_type, sequence_number, timestamp, ssrc, padding: true, ..Header::default() })
    }

    /// `true` when packets were sent since the last [`sender_report`](Self::sender_report): who sends makes sender reports.
    pub const fn is_active(&self) -> bool {
        self.sent_since_report
    }

    /// A report about what was sent, without blocks. `None` as long as nothing was sent.
    pub fn sender_report(&mut self, now: Instant) -> Option<SenderReport> {
        let rtp = self.clock_at(now)?;
        self.sent_since_report = false;
        let (packets, octets) = self.reported;
        let (ssrc, ntp) = (self.config.ssrc, self.clock.ntp(now));
        Some(SenderReport { ssrc, ntp, rtp, packets, octets, reports: ReportBlocks::new() })
    }

    /// When to call [`handle_timeout`](Self::handle_timeout).
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.breaker.poll_timeout()
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.breaker.handle_timeout(now);
    }

    /// The next thing to report.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.breaker.poll().map(Event::CircuitBreaker)
    }

    /// The transport has another path, or the stream starts again after a stop.
    pub fn reset_circuit_breaker(&mut self) {
        self.breaker.reset();
    }

    /// Someone else uses the SSRC of this stream: it gets a new one, and the message to send says goodbye to the old.
    /// `None` if that happened just before: then the packets are our own that come back, and are to be dropped.
    ///
    /// Source: [RFC 3550 §8.2](https://www.rfc-editor.org/rfc/rfc3550#section-8.2)
    pub fn handle_collision(&mut self, now: Instant) -> Option<Goodbye> {
        if self.collided.is_some_and(|last| now.saturating_duration_since(last) < LOOP_TIME) {
            return None;
        }
        let goodbye = self.goodbye();
        self.collided = Some(now);
        self.config.ssrc = self.other_ssrc();
        if self.config.rtx.is_some() {
            let ssrc = self.other_ssrc();
            self.config.rtx = self.config.rtx.map(|(_, payload_type)| (ssrc, payload_type));
        }
        self.first = initial_sequence_number(&mut self.rng);
        self.next = self.first;
        self.next_rtx = initial_sequence_number(&mut self.rng);
        self.history.clear();
        self.reported = (0, 0);
        debug!(ssrc = %self.config.ssrc, "ssrc collision: changed");
        Some(goodbye)
    }

    /// The message that ends this stream.
    pub fn goodbye(&self) -> Goodbye {
        let sources = [Some(self.config.ssrc), self.rtx_ssrc()];
        Goodbye { sources: sources.into_iter().flatten().collect(), reason: None }
    }

    fn other_ssrc(&mut self) -> Ssrc {
        loop {
            let ssrc = Ssrc::random(&mut self.rng);
            if ssrc != self.config.ssrc && self.rtx_ssrc() != Some(ssrc) {
                return ssrc;
            }
        }
    }

    /// What the stream's own clock shows at `now`, by the last packet.
    fn clock_at(&self, now: Instant) -> Option<RtpTimestamp> {
        let (timestamp, captured) = self.anchor?;
        Some(if now >= captured {
            timestamp + ticks(now.saturating_duration_since(captured), self.config.clock_rate)
        } else {
            timestamp - ticks(captured.saturating_duration_since(now), self.config.clock_rate)
        })
    }

    /// Source: [RFC 3550 §6.4.1](https://www.rfc-editor.org/rfc/rfc3550#section-6.4.1), figure 2.
    fn round_trip(&self, now: Instant, report: &ReportBlock) -> Option<Duration> {
        if report.last_sender_report == 0 {
            return None;
        }
        let elapsed = self.clock.ntp(now).middle().wrapping_sub(report.last_sender_report);
        let rtt = elapsed.wrapping_sub(report.delay_since_last_sender_report);
        // Peers round: a bit less than nothing is nothing. Hours are nonsense.
        match rtt {
            0..0x0100_0000 => Some(duration(rtt, 1 << 16)),
            0xffff_0000.. => Some(Duration::ZERO),
            _ => None,
        }
    }
}

/// Random, but in the lower half: if the first packets get lost around a wrap, the two ends would count different cycles, and
/// SRTP would not decrypt.
fn initial_sequence_number(rng: &mut Rng) -> SequenceNumber {
    SequenceNumber((rng.u32() & 0x7fff) as u16)
}

fn take(next: &mut SequenceNumber) -> SequenceNumber {
    let number = *next;
    *next += 1;
    number
}

/// `time` in ticks of a clock, modulo 2^32.
fn ticks(time: Duration, clock_rate: u32) -> u32 {
    (time.as_nanos() * u128::from(clock_rate) / 1_000_000_000) as u32
}

fn duration(ticks: u32, clock_rate: u32) -> Duration {
    Duration::from_nanos(u64::from(ticks) * 1_000_000_000 / u64::from(clock_rate.max(1)))
}

#[cfg(test)]
mod tests;
