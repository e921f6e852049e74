//! What an association is told before it starts.

use crate::Scheduler;
use ortica_core::crypto::CryptoProvider;
use std::time::Duration;

/// Settings of an association; many may share one.
///
/// There is no `Default`, because a cryptographic backend has to be chosen: see [`Config::new`].
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) provider: CryptoProvider,
    pub(crate) local_port: u16,
    pub(crate) remote_port: u16,
    pub(crate) max_packet_size: usize,
    pub(crate) packet_size_to_find: Option<usize>,
    pub(crate) outbound_streams: u16,
    pub(crate) inbound_streams: u16,
    pub(crate) rto_initial: Duration,
    pub(crate) rto_min: Duration,
    pub(crate) rto_max: Duration,
    pub(crate) max_retransmits: u32,
    pub(crate) max_init_retransmits: u32,
    pub(crate) heartbeat_interval: Option<Duration>,
    pub(crate) sack_delay: Duration,
    pub(crate) cookie_lifetime: Duration,
    pub(crate) partial_reliability: bool,
    pub(crate) interleaving: bool,
    pub(crate) zero_checksum: bool,
    pub(crate) scheduler: Scheduler,
    pub(crate) initial_tsn: Option<u32>,
    pub(crate) congestion_control: CongestionControl,
    pub(crate) limits: Limits,
}

impl Config {
    /// The default of [`with_max_packet_size`](Self::with_max_packet_size): what fits an IPv6 packet of 1,280 bytes (the
    /// least every path must carry) through DTLS and a TURN relay.
    ///
    /// 1,280 − 40 (IPv6) − 8 (UDP) − 4 (TURN ChannelData) − 37 (DTLS 1.2 record: 13 of header, 8 of nonce, 16 of tag;
    /// DTLS 1.3 needs less) = 1,191 bytes. SCTP pads to four, so packets are at most 1,188 bytes long and carry 1,160
    /// bytes of one message.
    pub const DEFAULT_MAX_PACKET_SIZE: usize = 1_280 - 40 - 8 - 4 - 37;

    /// Default settings. The `provider` authenticates the state cookie (HMAC-SHA-256).
    pub fn new(provider: CryptoProvider) -> Self {
        Self {
            provider,
            local_port: 5000,
            remote_port: 5000,
            max_packet_size: Self::DEFAULT_MAX_PACKET_SIZE,
            packet_size_to_find: None,
            outbound_streams: u16::MAX,
            inbound_streams: u16::MAX,
            rto_initial: Duration::from_secs(1),
            rto_min: Duration::from_millis(400),
            rto_max: Duration::from_secs(60),
            max_retransmits: 10,
            max_init_retransmits: 8,
            heartbeat_interval: Some(Duration::from_secs(30)),
            sack_delay: Duration::from_millis(40),
            cookie_lifetime: Duration::from_secs(60),
            partial_reliability: true,
            interleaving: false,
            zero_checksum: false,
            scheduler: Scheduler::default(),
            initial_tsn: None,
            congestion_control: CongestionControl::Cubic,
            limits: Limits::default(),
        }
    }

    /// Ports in the SCTP header, as `a=sctp-port` gives them. Default: 5000 for both. Packets with other ports are dropped.
    pub fn with_ports(mut self, local: u16, remote: u16) -> Self {
        (self.local_port, self.remote_port) = (local, remote);
        self
    }

    /// This side's port in the SCTP header.
    pub fn local_port(&self) -> u16 {
        self.local_port
    }

    /// The peer's port in the SCTP header.
    pub fn remote_port(&self) -> u16 {
        self.remote_port
    }

    /// The longest packet to send, in bytes, before DTLS adds its own. Rounded down to a multiple of four and kept within
    /// 128 to 65,532. Default: [`DEFAULT_MAX_PACKET_SIZE`](Self::DEFAULT_MAX_PACKET_SIZE).
    pub fn with_max_packet_size(mut self, bytes: usize) -> Self {
        self.max_packet_size = bytes.clamp(128, 65_532);
        self
    }

    /// Up to which size, in bytes, to look for longer packets than [`with_max_packet_size`](Self::with_max_packet_size) says,
    /// by probes that may get lost. Default: `None`, not at all; at most 65,532.
    ///
    /// It needs sockets that never fragment (DF): a probe that arrives in pieces proves nothing. A path that stops carrying
    /// what it did is noticed at the next time-out.
    ///
    /// Source: [RFC 8899](https://www.rfc-editor.org/rfc/rfc8899)
    pub fn with_packet_size_to_find(mut self, most: Option<usize>) -> Self {
        self.packet_size_to_find = most.map(|most| most.min(65_532));
        self
    }

    /// How many streams to offer for sending, and how many to accept. Both default to 65,535 and are at least 1. A stream
    /// costs no memory until it is used.
    pub fn with_streams(mut self, outbound: u16, inbound: u16) -> Self {
        (self.outbound_streams, self.inbound_streams) = (outbound.max(1), inbound.max(1));
        self
    }

    /// Retransmission time-out: before the first measurement (default 1 s), least (default 400 ms), and most (default
    /// 60 s).
    ///
    /// RFC 9260 §16 suggests a least of one second, "suggested" because of clocks of 500 ms in 2000. 400 ms is twice the
    /// longest usual delay of an acknowledgement (200 ms) and what browsers use; everything from there up is in range.
    /// A WebRTC transport, which finds out by ICE consent when its path is gone, does well with a most of 10 s: data
    /// flow again that much sooner after an outage.
    pub fn with_rto(mut self, initial: Duration, min: Duration, max: Duration) -> Self {
        let min = min.max(Duration::from_millis(1));
        let max = max.max(min);
        (self.rto_initial, self.rto_min, self.rto_max) = (initial.clamp(min, max), min, max);
        self
    }

    /// How many time-outs in a row end the association. Default: 10 (`Association.Max.Retrans`; an association inside
    /// DTLS has one path).
    pub fn with_max_retransmits(mut self, count: u32) -> Self {
        self.max_retransmits = count;
        self
    }

    /// How many times an INIT or COOKIE ECHO is repeated before giving up. Default: 8 (`Max.Init.Retransmits`).
    pub fn with_max_init_retransmits(mut self, count: u32) -> Self {
        self.max_init_retransmits = count;
        self
    }

    /// How long the path lies idle before a HEARTBEAT probes it, to which the retransmission time-out is added. Default:
    /// 30 s. `None` leaves it idle. Those of the peer are answered all the same, and after a time-out one measures the
    /// path.
    pub fn with_heartbeat_interval(mut self, interval: Option<Duration>) -> Self {
        self.heartbeat_interval = interval;
        self
    }

    /// How long an acknowledgement of a single packet may wait for company. Default: 40 ms; range 1 to 500 ms.
    ///
    /// With two packets or more in a batch, a hole, or a duplicate, none waits.
    pub fn with_sack_delay(mut self, delay: Duration) -> Self {
        self.sack_delay = delay.clamp(Duration::from_millis(1), Duration::from_millis(500));
        self
    }

    /// How long a state cookie is good for. Default: 60 s.
    pub fn with_cookie_lifetime(mut self, lifetime: Duration) -> Self {
        self.cookie_lifetime = lifetime;
        self
    }

    /// Whether to offer partial reliability (RFC 3758, and RFC 8260 §2.3.1 for interleaved messages). Default: `true`. Without it, or with a peer that lacks it, every
    /// message is reliable once its first byte was sent.
    pub fn with_partial_reliability(mut self, offer: bool) -> Self {
        self.partial_reliability = offer;
        self
    }

    /// Whether to offer that messages of different streams are interleaved (RFC 8260), so that a long one does not hold up
    /// the others. Default: `false`. It costs four bytes a chunk, and takes effect when the peer offers it too.
    pub fn with_interleaving(mut self, offer: bool) -> Self {
        self.interleaving = offer;
        self
    }

    /// Whether packets may do without their checksum, because DTLS authenticates every one of them (RFC 9653). Default:
    /// `false`. To be set only where that is so; packets to a peer that did not offer it keep theirs.
    pub fn with_zero_checksum(mut self, offer: bool) -> Self {
        self.zero_checksum = offer;
        self
    }

    /// How streams share what may be sent. Default: [`Scheduler::WeightedFairQueueing`], which data channels ask for.
    pub fn with_scheduler(mut self, scheduler: Scheduler) -> Self {
        self.scheduler = scheduler;
        self
    }

    /// The first TSN to use, instead of a random one: for tests of the wrap. Default: `None`.
    #[doc(hidden)]
    pub fn with_initial_tsn(mut self, tsn: Option<u32>) -> Self {
        self.initial_tsn = tsn;
        self
    }

    /// What decides how much may be in flight. Default: [`CongestionControl::Cubic`].
    pub fn with_congestion_control(mut self, control: CongestionControl) -> Self {
        self.congestion_control = control;
        self
    }

    /// Bounds of what is kept. Default: [`Limits::default`].
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Bounds of what is kept.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }
}

/// A way to find out how much a path carries.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum CongestionControl {
    /// CUBIC ([RFC 9438](https://www.rfc-editor.org/rfc/rfc9438)) with HyStart++
    /// ([RFC 9406](https://www.rfc-editor.org/rfc/rfc9406)): for long fat paths, and fair to Reno flows on short ones. A loss
    /// while round trip times show no queue costs it 15 % of its window instead of 30 %.
    #[default]
    Cubic,
    /// After BBR (draft-ietf-ccwg-bbr): sends at the bandwidth that it measures and keeps queues short, whatever is lost on the
    /// way. On a path shared with others it may take more or less than its share.
    Bbr,
    /// What SCTP itself describes ([RFC 9260 §7.2](https://www.rfc-editor.org/rfc/rfc9260#section-7.2)), with HyStart++.
    NewReno,
}

/// Bounds of every queue and table of an association.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes held for the application to read or for a message to be completed, counting besides 64 bytes for each message
    /// and each hole, 256 for each stream with messages, 640 more where some wait for others, and 384 for each interleaved
    /// message in part. Default: 5 MiB; never less than two and a quarter times [`max_message_size`](Self::max_message_size). It
    /// begins with 256 KiB, or twice `max_message_size`, and doubles up to here while the reader takes half of it within two
    /// round trips, or interleaved messages in part fill half of it. The window told to the peer is what is left of eight
    /// ninths of it; the last ninth is for chunks that close a hole. Chunks beyond that are dropped unacknowledged, so the
    /// peer offers them again.
    pub receive_buffer: usize,
    /// Bytes of the longest message to receive. Default: 256 KiB. A longer one aborts the association.
    pub max_message_size: usize,
    /// Bytes held for sending or for an acknowledgement, counting 64 bytes for each message besides. Default: 2 MiB.
    /// A larger one begins with 2 MiB and grows to twice the congestion window. Beyond it [`send`](crate::Association::send) gives the message back.
    pub send_buffer: usize,
    /// Runs of TSNs received out of order, and pieces of one interleaved message. Default: 1,024. A chunk that would begin
    /// another one is dropped.
    pub received_runs: usize,
    /// Gap ack blocks read from one SACK. Default: 1,024. The rest of it is ignored.
    pub gap_blocks: usize,
    /// Events waiting to be polled before requests of the peer that cause events are put off. Default: 4,096.
    pub events: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            receive_buffer: 5 << 20,
            max_message_size: 256 << 10,
            send_buffer: 2 << 20,
            received_runs: 1_024,
            gap_blocks: 1_024,
            events: 4_096,
        }
    }
}

impl Limits {
    /// Bytes of the longest message that can be sent: one that fills the send buffer alone.
    pub fn longest_message(&self) -> usize {
        self.send_buffer.saturating_sub(crate::association::MESSAGE_OVERHEAD)
    }

    /// Sets [`receive_buffer`](Self::receive_buffer).
    pub fn with_receive_buffer(mut self, bytes: usize) -> Self {
        self.receive_buffer = bytes;
        self
    }

    /// Sets [`max_message_size`](Self::max_message_size).
    pub fn with_max_message_size(mut self, bytes: usize) -> Self {
        self.max_message_size = bytes;
        self
    }

    /// Sets [`send_buffer`](Self::send_buffer).
    pub fn with_send_buffer(mut self, bytes: usize) -> Self {
        self.send_buffer = bytes;
        self
    }

    /// Sets [`received_runs`](Self::received_runs).
    pub fn with_received_runs(mut self, count: usize) -> Self {
        self.received_runs = count;
        self
    }

    /// Sets [`gap_blocks`](Self::gap_blocks).
    pub fn with_gap_blocks(mut self, count: usize) -> Self {
        self.gap_blocks = count;
        self
    }

    /// Sets [`events`](Self::events).
    pub fn with_events(mut self, count: usize) -> Self {
        self.events = count;
        self
    }
}
