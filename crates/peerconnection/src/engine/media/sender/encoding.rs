//! One encoding of a sender: frames into payloads, feedback into what the encoder is told.

use super::{EncoderTargets, MAX_PACKET, Marks, OVERHEAD, Queued, Redundancy, SendFrameError, Sending};
use crate::engine::media::appearance::Appearance;
use crate::engine::media::coding::{EncodedReport, EncodingStats};
use crate::engine::media::level::LevelLimits;
use crate::engine::media::parameters::{RtpCodecParameters, RtpEncodingParameters, RtpSendParameters};
use crate::engine::media::tones::Tones;
use crate::engine::{Limits, SenderStats};
use ortica_codecs::payload;
use ortica_codecs::{Codec, EncodedFrame, MediaKind};
use ortica_core::{Instant, Rng, WallClock};
use ortica_rtp::header_extension::{AudioLevel, ExtensionMap, Kind};
use ortica_rtp::repair::history::SentPayload;
use ortica_rtp::repair::key_frame::KeyFrameLimiter;
use ortica_rtp::rtcp::{FirEntry, Goodbye, Nack, ReportBlock, SenderReport};
use ortica_rtp::session::sender::{Config, Event as Trouble, SendStream};
use ortica_rtp::{Header, RtpTimestamp, Ssrc};
use std::collections::VecDeque;
use std::time::Duration;

impl Sending {
    pub(super) fn new(
        codec: RtpCodecParameters,
        encoding: &RtpEncodingParameters,
        rng: &Rng,
        clock: WallClock,
    ) -> Self {
        let mut config = Config::new(encoding.ssrc, codec.payload_type, codec.codec().clock_rate());
        if let (Some(ssrc), Some(payload_type)) = (encoding.rtx, codec.rtx) {
            config = config.with_rtx(ssrc, payload_type);
        }
        let rng = rng.fork(&format!("stream {}", encoding.ssrc));
        Self {
            index: 0,
            codec,
            parameters: encoding.clone(),
            mid: None,
            extensions: ExtensionMap::new(),
            max_payload: MAX_PACKET - OVERHEAD,
            packetizer: payload::packetizer(codec.form, &mut rng.fork("packetizer")),
            redundancy: Redundancy::default(),
            stream: SendStream::new(config, rng, clock),
            queue: VecDeque::new(),
            splice: None,
            queued_bytes: 0,
            limiter: KeyFrameLimiter::default(),
            needs_key_frame: codec.codec().kind() == MediaKind::Video,
            key_frame_wanted: codec.codec().kind() == MediaKind::Video,
            share: None,
            tones: Tones::default(),
            tone_format: None,
            tone_timestamp: RtpTimestamp(0),
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

    pub(super) fn configure(
        &mut self,
        now: Instant,
        codec: RtpCodecParameters,
        encoding: &RtpEncodingParameters,
        parameters: &RtpSendParameters,
        rng: &Rng,
    ) {
        if self.codec.form != codec.form {
            self.packetizer = payload::packetizer(codec.form, &mut rng.fork("packetizer"));
            self.require_key_frame();
        }
        if self.parameters.picture != encoding.picture {
            // From here on it comes from another encoder, which may be in the middle of its own stream.
            self.require_key_frame();
        }
        self.codec = codec;
        self.redundancy.configure(codec);
        self.stream.set_format(now, codec.payload_type, codec.codec().clock_rate(), codec.rtx);
        (self.mid, self.extensions) = (parameters.mid, parameters.header_extensions.clone());
        self.parameters = encoding.clone();
        self.max_payload = MAX_PACKET - OVERHEAD - self.extensions_len();
        self.tone_format = parameters.telephone_events_of(codec.codec());
        if self.tone_format.is_none() {
            self.tones.clear();
        }
        if !encoding.active {
            self.halt();
        }
    }

    /// The most that the header extensions of a packet take, in bytes: each value behind two bytes at most (RFC 8285 §4.3).
    fn extensions_len(&self) -> usize {
        let len = |kind| match kind {
            Kind::Mid => self.mid.map_or(0, |mid| mid.as_str().len()),
            // A packet has one of the two.
            Kind::Rid => self.parameters.rid.map_or(0, |rid| rid.as_str().len()),
            Kind::RepairedRid => 0,
            _ => 3,
        };
        let values: usize = self.extensions.iter().map(|(_, kind)| 2 + len(kind)).sum();
        4 + values.next_multiple_of(4)
    }

    /// Drops what waits.
    pub(super) fn halt(&mut self) {
        self.queue.clear();
        self.queued_bytes = 0;
        self.tones.clear();
        self.redundancy.forget();
        self.require_key_frame();
    }

    /// Whatever the peer has of the stream, it starts with the next key frame.
    pub fn require_key_frame(&mut self) {
        if self.codec.codec().kind() == MediaKind::Video {
            (self.needs_key_frame, self.key_frame_wanted) = (true, true);
        }
    }

    /// The encoder should make a key frame; what is sent until then can be decoded all the same.
    pub fn want_key_frame(&mut self) {
        self.key_frame_wanted = true;
    }

    /// Cuts a frame into packets, which wait to be sent. `captured` is the moment that its `pts` stands for.
    pub fn push(&mut self, captured: Instant, limits: &Limits, frame: &EncodedFrame) -> Result<(), SendFrameError> {
        self.push_marked(captured, limits, frame, &Marks::default())
    }

    /// Whether a frame can be sent at all: somebody wants it, and in that codec.
    pub(super) fn check(&mut self, codec: Codec) -> Result<(), SendFrameError> {
        if !self.parameters.active {
            self.dropped += 1;
            return Err(SendFrameError::NotSending);
        }
        if codec != self.codec.codec() {
            return Err(SendFrameError::Codec { expected: self.codec.codec(), actual: codec });
        }
        Ok(())
    }

    pub(super) fn push_marked(
        &mut self,
        captured: Instant,
        limits: &Limits,
        frame: &EncodedFrame,
        marks: &Marks,
    ) -> Result<(), SendFrameError> {
        self.check(frame.codec)?;
        if self.tones.is_sounding(captured) {
            self.dropped += 1;
            return Err(SendFrameError::Tone);
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
        let max_payload = self.max_payload - 4 * marks.sources.len();
        self.packetizer.packetize(frame, max_payload, &mut self.payloads)?;
        let timestamp = marks.timestamp.unwrap_or_else(|| self.stream.timestamp(frame.time()));
        let is_picture = frame.codec.kind() == MediaKind::Video;
        for payload in self.payloads.drain(..) {
            let appearance = if is_picture && payload.marker() { Appearance::of(frame) } else { Appearance::default() };
            let header = self.stream.next_header(captured, timestamp, payload.marker());
            let wrapped = self.redundancy.wrap(timestamp, &payload, max_payload);
            let (payload_type, payload) = wrapped.unwrap_or((header.payload_type, payload));
            let header = Header { csrcs: marks.sources.iter().copied().collect(), payload_type, ..header };
            let payload = SentPayload::new(payload.prefix(), payload.body().clone());
            self.queued_bytes += payload.len();
            let audio_level = frame.audio_level.map(|level| AudioLevel::new(level < 127, level));
            self.queue.push_back(Queued { since: captured, header, payload, audio_level, appearance });
        }
        self.count_frame(frame.data.len());
        if frame.key_frame && self.codec.codec().kind() == MediaKind::Video {
            self.key_frames += 1;
            self.needs_key_frame = false;
            self.limiter.handle_key_frame(captured);
        }
        Ok(())
    }

    /// A frame is huge if it has more than two and a half times the bytes of those before it, on average.
    pub(super) fn count_frame(&mut self, len: usize) {
        let len = len as u64;
        self.huge_frames += u64::from(self.frames > 0 && 2 * len * self.frames > 5 * self.frame_bytes);
        self.frames += 1;
        self.frame_bytes += len;
    }

    /// An encoder made a frame for this stream.
    pub fn handle_encoded(&mut self, now: Instant, report: &EncodedReport) {
        self.encoding.add(now, report);
    }

    pub(super) fn take_targets(&mut self, encoding: usize) -> EncoderTargets {
        let level = LevelLimits::of(self.codec.form);
        EncoderTargets {
            encoding,
            form: self.codec.form,
            max_bitrate: self.share.into_iter().chain(self.parameters.max_bitrate).chain(level.max_bitrate).min(),
            picture: self.parameters.picture.and(level.picture),
            scalability: self.parameters.scalability,
            key_frame: std::mem::take(&mut self.key_frame_wanted),
            loss_percent: (u32::from(self.stream.remote().fraction_lost) * 100 / 256) as u8,
            comfort_noise: self.codec.comfort_noise.is_some(),
        }
    }

    pub fn ssrc(&self) -> Ssrc {
        self.stream.ssrc()
    }

    /// Says whether `ssrc` is its stream or that of its retransmissions.
    pub fn has(&self, ssrc: Ssrc) -> bool {
        self.stream.ssrc() == ssrc || self.stream.rtx_ssrc() == Some(ssrc)
    }

    pub fn rtx_ssrc(&self) -> Option<Ssrc> {
        self.stream.rtx_ssrc()
    }

    /// The peer sends under its number: it takes another one, and what waits under the old one is dropped. `None` if that happened
    /// just before.
    pub fn handle_collision(&mut self, now: Instant) -> Option<Goodbye> {
        let goodbye = self.stream.handle_collision(now)?;
        (self.parameters.ssrc, self.parameters.rtx) = (self.stream.ssrc(), self.stream.rtx_ssrc());
        self.halt();
        Some(goodbye)
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

    pub fn sender_report(&mut self, now: Instant) -> Option<SenderReport> {
        self.stream.sender_report(now)
    }

    /// That the peer hears little of what is sent, once.
    pub fn poll_trouble(&mut self) -> Option<Trouble> {
        self.stream.poll_event()
    }

    /// The round-trip time that reports tell, smoothed.
    pub fn smoothed_rtt(&self) -> Option<Duration> {
        self.stream.remote().smoothed_rtt
    }

    /// Runs what is due; `true` when the encoder should make a key frame now.
    pub fn handle_timeout(&mut self, now: Instant) -> bool {
        self.queue_tones(now);
        self.stream.handle_timeout(now);
        let wanted = self.limiter.poll(now);
        self.key_frame_wanted |= wanted;
        wanted
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        let tones = self.tones.poll_timeout();
        [self.stream.poll_timeout(), self.limiter.poll_timeout(), tones].into_iter().flatten().min()
    }

    pub(super) fn add_stats(&self, stats: &mut SenderStats) {
        let (stream, limiter) = (self.stream.stats(), self.limiter.stats());
        stats.ssrc = Some(self.stream.ssrc());
        stats.rid = self.parameters.rid;
        stats.encoding_index = Some(self.index);
        stats.codec = Some(self.codec.codec());
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
