//! One sender: frames into packets, feedback into what the encoder is told.

use super::coding::{EncodedReport, EncodingStats};
use super::parameters::{self, RtpCodecParameters, RtpParametersError, RtpSendParameters};
use crate::engine::secured::Srtp;
use crate::engine::{Limits, SenderStats};
use ortica_codecs::payload::{self, PacketizeError, Packetizer, Payload};
use ortica_codecs::{Codec, EncodedFrame, MediaKind};
use ortica_core::{Instant, Rng, WallClock};
use ortica_rtp::header_extension::{AbsSendTime, AudioLevel, ExtensionMap, Values};
use ortica_rtp::repair::history::SentPayload;
use ortica_rtp::repair::key_frame::KeyFrameLimiter;
use ortica_rtp::rtcp::{FirEntry, Goodbye, Nack, Remb, ReportBlock, SenderReport};
use ortica_rtp::session::sender::{Config, SendStream};
use ortica_rtp::{Header, Mid, SequenceNumber, Ssrc};
use std::collections::VecDeque;
use std::time::Duration;
use thiserror::Error;

/// The longest UDP payload that is made of a frame, in bytes: what fits a path MTU of 1,280.
const MAX_PACKET: usize = 1_200;
/// Room for what surrounds a payload: header, its extensions, the number of a retransmitted packet, the tag of SRTP.
const OVERHEAD: usize = 12 + 28 + 2 + 16;

/// Why a frame was not sent.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum SendFrameError {
    /// There is no such sender.
    #[error("there is no such sender")]
    Unknown,
    /// Nothing is agreed, or the transport is not up. Media does not wait.
    #[error("the sender does not send")]
    NotSending,
    /// The frame is of another codec than was agreed.
    #[error("a frame of {actual} where {expected} was agreed")]
    Codec {
        /// What was agreed.
        expected: Codec,
        /// The frame's.
        actual: Codec,
    },
    /// The receiver cannot decode it: a key frame comes first.
    #[error("waiting for a key frame")]
    NeedsKeyFrame,
    /// More waits to be sent than [`Limits::media_queue`] allows.
    #[error("too much waits to be sent")]
    QueueFull,
    /// The frame has no place in packets.
    #[error(transparent)]
    Packetize(#[from] PacketizeError),
}

/// What the encoder of a sender is to do: one value, read before each frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct EncoderTargets {
    /// What to encode to.
    pub codec: Codec,
    /// The most that the peer asked for, in bits per second; `None` if it did not say.
    pub max_bitrate: Option<u64>,
    /// The next frame should be a key frame.
    pub key_frame: bool,
    /// Share of packets lost, in percent.
    pub loss_percent: u8,
}

/// A sender, with or without something agreed.
pub(in crate::engine) struct Sender {
    pub kind: MediaKind,
    pub sending: Option<Sending>,
    /// What was sent before it was stopped. The stream goes on from there: numbers that were used once may not be used
    /// again under the same keys (RFC 3711 §9.1).
    paused: Option<Sending>,
    /// Frames that came while nothing was sent.
    dropped: u64,
}

/// What exists while a sender sends.
pub(in crate::engine) struct Sending {
    codec: RtpCodecParameters,
    mid: Option<Mid>,
    extensions: ExtensionMap,
    stream: SendStream,
    packetizer: Box<dyn Packetizer>,
    queue: VecDeque<Queued>,
    queued_bytes: usize,
    limiter: KeyFrameLimiter,
    /// Nothing before a key frame can be decoded.
    needs_key_frame: bool,
    /// The encoder is to be told.
    key_frame_wanted: bool,
    max_bitrate: Option<u64>,
    /// Reused: payloads of the frame that is being cut, header of the packet that is being sealed.
    payloads: Vec<Payload>,
    header: Vec<u8>,
    frames: u64,
    key_frames: u64,
    dropped: u64,
    header_bytes: u64,
    huge_frames: u64,
    /// Bytes of all frames that were cut.
    frame_bytes: u64,
    send_delay: Duration,
    encoding: EncodingStats,
}

struct Queued {
    since: Instant,
    header: Header,
    payload: SentPayload,
    audio_level: Option<u8>,
}

/// What is the same for all packets of a transport.
pub(in crate::engine) struct Stamp {
    pub now: Instant,
    pub clock: WallClock,
    /// The next transport-wide number.
    pub number: SequenceNumber,
}

impl Sender {
    pub fn new(kind: MediaKind) -> Self {
        Self { kind, sending: None, paused: None, dropped: 0 }
    }

    /// Sends by these parameters. The stream goes on if it is the same, also after a stop.
    pub fn start(
        &mut self,
        now: Instant,
        parameters: &RtpSendParameters,
        rng: &Rng,
        clock: WallClock,
    ) -> Result<(), RtpParametersError> {
        let codec = parameters::check(self.kind, &parameters.codecs)?;
        let before = self.sending.take().or_else(|| self.paused.take());
        let same = before.filter(|sending| sending.stream.ssrc() == parameters.encoding.ssrc);
        let mut sending = same.unwrap_or_else(|| Sending::new(codec, parameters, rng, clock));
        sending.set_format(now, codec, rng);
        (sending.mid, sending.extensions) = (parameters.mid, parameters.header_extensions.clone());
        self.sending = Some(sending);
        Ok(())
    }

    /// Stops sending and drops what waits; returns the goodbye of the stream.
    pub fn stop(&mut self) -> Option<Goodbye> {
        let mut sending = self.sending.take()?;
        sending.queue.clear();
        sending.queued_bytes = 0;
        sending.require_key_frame();
        Some(self.paused.insert(sending).stream.goodbye())
    }

    /// The streams under which something was sent.
    pub fn used(&self) -> impl Iterator<Item = Ssrc> {
        let streams = [&self.sending, &self.paused].into_iter().flatten().map(|sending| &sending.stream);
        let used = streams.filter(|stream| stream.stats().packets > 0);
        used.flat_map(|stream| [Some(stream.ssrc()), stream.rtx_ssrc()]).flatten()
    }

    pub fn count_dropped(&mut self) {
        self.dropped += 1;
    }

    pub fn stats(&self) -> SenderStats {
        let active = self.sending.is_some();
        let mut stats = SenderStats { frames_dropped: self.dropped, active, ..SenderStats::default() };
        if let Some(sending) = self.sending.as_ref().or(self.paused.as_ref()) {
            sending.add_stats(&mut stats);
        }
        stats
    }
}

impl Sending {
    fn new(codec: RtpCodecParameters, parameters: &RtpSendParameters, rng: &Rng, clock: WallClock) -> Self {
        let encoding = parameters.encoding;
        let mut config = Config::new(encoding.ssrc, codec.payload_type, codec.codec.clock_rate());
        if let (Some(ssrc), Some(payload_type)) = (encoding.rtx, codec.rtx) {
            config = config.with_rtx(ssrc, payload_type);
        }
        let rng = rng.fork(&format!("stream {}", encoding.ssrc));
        Self {
            codec,
            mid: None,
            extensions: ExtensionMap::new(),
            packetizer: payload::packetizer(codec.codec, &mut rng.fork("packetizer")),
            stream: SendStream::new(config, rng, clock),
            queue: VecDeque::new(),
            queued_bytes: 0,
            limiter: KeyFrameLimiter::default(),
            needs_key_frame: codec.codec.kind() == MediaKind::Video,
            key_frame_wanted: codec.codec.kind() == MediaKind::Video,
            max_bitrate: None,
            payloads: Vec::new(),
            header: Vec::new(),
            frames: 0,
            key_frames: 0,
            dropped: 0,
            header_bytes: 0,
            huge_frames: 0,
            frame_bytes: 0,
            send_delay: Duration::ZERO,
            encoding: EncodingStats::default(),
        }
    }

    fn set_format(&mut self, now: Instant, codec: RtpCodecParameters, rng: &Rng) {
        if self.codec.codec != codec.codec {
            self.packetizer = payload::packetizer(codec.codec, &mut rng.fork("packetizer"));
            self.require_key_frame();
        }
        self.codec = codec;
        self.stream.set_format(now, codec.payload_type, codec.codec.clock_rate(), codec.rtx);
    }

    /// Whatever the peer has of the stream, it starts with the next key frame.
    pub fn require_key_frame(&mut self) {
        if self.codec.codec.kind() == MediaKind::Video {
            (self.needs_key_frame, self.key_frame_wanted) = (true, true);
        }
    }

    /// Cuts a frame into packets, which wait to be sent. `captured` is the moment that its `pts` stands for.
    pub fn push(&mut self, captured: Instant, limits: &Limits, frame: &EncodedFrame) -> Result<(), SendFrameError> {
        if frame.codec != self.codec.codec {
            return Err(SendFrameError::Codec { expected: self.codec.codec, actual: frame.codec });
        }
        if self.needs_key_frame && !frame.key_frame {
            self.key_frame_wanted = true;
            self.dropped += 1;
            return Err(SendFrameError::NeedsKeyFrame);
        }
        if self.queued_bytes + frame.data.len() > limits.media_queue {
            self.dropped += 1;
            self.require_key_frame();
            return Err(SendFrameError::QueueFull);
        }
        self.packetizer.packetize(frame, MAX_PACKET - OVERHEAD, &mut self.payloads)?;
        let timestamp = self.stream.timestamp(frame.time());
        for payload in self.payloads.drain(..) {
            let header = self.stream.next_header(captured, timestamp, payload.marker());
            let payload = SentPayload::new(payload.prefix(), payload.body().clone());
            self.queued_bytes += payload.len();
            self.queue.push_back(Queued { since: captured, header, payload, audio_level: frame.audio_level });
        }
        self.count_frame(frame.data.len());
        if frame.key_frame && self.codec.codec.kind() == MediaKind::Video {
            self.key_frames += 1;
            self.needs_key_frame = false;
            self.limiter.handle_key_frame(captured);
        }
        Ok(())
    }

    /// A frame is huge if it has more than two and a half times the bytes of those before it, on average.
    fn count_frame(&mut self, len: usize) {
        let len = len as u64;
        self.huge_frames += u64::from(self.frames > 0 && 2 * len * self.frames > 5 * self.frame_bytes);
        self.frames += 1;
        self.frame_bytes += len;
    }

    /// An encoder made a frame for this stream.
    pub fn handle_encoded(&mut self, now: Instant, report: &EncodedReport) {
        self.encoding.add(now, report);
    }

    /// What the encoder is to do now; a wish for a key frame is told once.
    pub fn take_targets(&mut self) -> EncoderTargets {
        EncoderTargets {
            codec: self.codec.codec,
            max_bitrate: self.max_bitrate,
            key_frame: std::mem::take(&mut self.key_frame_wanted),
            loss_percent: (u32::from(self.stream.remote().fraction_lost) * 100 / 256) as u8,
        }
    }

    // --- packets ----------------------------------------------------------------------------------------------------

    /// Appends the next packet, sealed: one to send again before those that wait. `false` if there is none.
    pub fn poll_packet(&mut self, stamp: &Stamp, srtp: &mut Srtp, out: &mut Vec<u8>) -> bool {
        while let Some(again) = self.stream.poll_retransmit(stamp.now) {
            let values = self.values(stamp, None);
            self.header.clear();
            again.header.write_with(&self.extensions, &values, &mut self.header);
            let osn: &[u8] = again.osn.as_ref().map_or(&[], |osn| osn);
            let payload = [osn, &again.payload.prefix, &again.payload.body];
            let sealed = match again.osn {
                Some(_) => srtp.protect_rtp(&self.header, &payload, out),
                None => srtp.protect_rtp_again(&self.header, &payload, out),
            };
            match sealed {
                Ok(_) => {
                    self.header_bytes += self.header.len() as u64;
                    self.stream.on_retransmitted(&again);
                    return true;
                }
                Err(error) => tracing::debug!(%error, "a packet was not sent again"),
            }
        }
        while let Some(Queued { since, header, payload, audio_level }) = self.queue.pop_front() {
            self.queued_bytes -= payload.len();
            let values = self.values(stamp, audio_level);
            self.header.clear();
            header.write_with(&self.extensions, &values, &mut self.header);
            match srtp.protect_rtp(&self.header, &[&payload.prefix, &payload.body], out) {
                Ok(_) => {
                    self.header_bytes += self.header.len() as u64;
                    self.send_delay += stamp.now.saturating_duration_since(since);
                    self.stream.on_sent(stamp.now, header, payload);
                    return true;
                }
                Err(error) => tracing::debug!(%error, "a packet was not sent"),
            }
        }
        false
    }

    fn values(&self, stamp: &Stamp, audio_level: Option<u8>) -> Values {
        Values {
            mid: self.mid,
            abs_send_time: Some(AbsSendTime::from(stamp.clock.ntp(stamp.now))),
            audio_level: audio_level.map(|level| AudioLevel::new(level < 127, level)),
            transport_cc: Some(stamp.number),
            ..Values::default()
        }
    }

    // --- feedback ---------------------------------------------------------------------------------------------------

    pub fn ssrc(&self) -> Ssrc {
        self.stream.ssrc()
    }

    /// Says whether `ssrc` is one of this sender's streams.
    pub fn has(&self, ssrc: Ssrc) -> bool {
        self.stream.ssrc() == ssrc || self.stream.rtx_ssrc() == Some(ssrc)
    }

    pub fn handle_report(&mut self, now: Instant, report: &ReportBlock) {
        self.stream.handle_report(now, report);
    }

    pub fn handle_nack(&mut self, now: Instant, nack: &Nack) {
        self.stream.handle_nack(now, nack);
    }

    pub fn handle_picture_loss(&mut self) {
        self.limiter.handle_picture_loss();
    }

    pub fn handle_full_intra_request(&mut self, requester: Ssrc, entry: FirEntry) {
        self.limiter.handle_full_intra_request(requester, entry.sequence);
    }

    pub fn handle_remb(&mut self, remb: &Remb) {
        self.max_bitrate = Some(remb.bitrate);
    }

    pub fn sender_report(&mut self, now: Instant) -> Option<SenderReport> {
        self.stream.sender_report(now)
    }

    /// The round-trip time that reports tell, smoothed.
    pub fn smoothed_rtt(&self) -> Option<Duration> {
        self.stream.remote().smoothed_rtt
    }

    /// Runs what is due; `true` when the encoder should make a key frame now.
    pub fn handle_timeout(&mut self, now: Instant) -> bool {
        self.stream.handle_timeout(now);
        while let Some(event) = self.stream.poll_event() {
            tracing::warn!(ssrc = %self.ssrc(), ?event, "the peer hears little of what is sent");
        }
        let wanted = self.limiter.poll(now);
        self.key_frame_wanted |= wanted;
        wanted
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        [self.stream.poll_timeout(), self.limiter.poll_timeout()].into_iter().flatten().min()
    }

    fn add_stats(&self, stats: &mut SenderStats) {
        let (stream, limiter) = (self.stream.stats(), self.limiter.stats());
        stats.ssrc = Some(self.stream.ssrc());
        stats.codec = Some(self.codec.codec);
        stats.payload_type = Some(self.codec.payload_type);
        stats.rtx_ssrc = self.stream.rtx_ssrc();
        stats.packets_sent = stream.packets + stream.retransmitted_packets;
        stats.bytes_sent = stream.bytes + stream.retransmitted_bytes;
        stats.header_bytes_sent = self.header_bytes;
        stats.retransmitted_packets_sent = stream.retransmitted_packets;
        stats.retransmitted_bytes_sent = stream.retransmitted_bytes;
        stats.frames_sent = self.frames;
        stats.key_frames_sent = self.key_frames;
        stats.huge_frames_sent = self.huge_frames;
        stats.send_delay = self.send_delay;
        stats.encoding = self.encoding;
        stats.frames_dropped += self.dropped;
        stats.nack_count = stream.nacks;
        stats.pli_count = limiter.picture_losses;
        stats.fir_count = limiter.full_intra_requests;
        stats.remote = *self.stream.remote();
    }
}
