//! One stream of a receiver: packets through a jitter buffer into frames.

use super::noise::Silence;
use super::packets::Passing;
use super::redundancy::CopyStats;
use super::{ReceivedFrame, Repair};
use crate::engine::media::appearance::Appearances;
use crate::engine::media::coding::DecodingStats;
use crate::engine::media::parameters::RtpCodecParameters;
use crate::engine::{BufferingStats, ReceiverStats};
use ortica_codecs::payload::comfort_noise::ComfortNoise;
use ortica_codecs::payload::red::Block;
use ortica_codecs::payload::{self, Depacketizer, Piece};
use ortica_codecs::{Codec, MediaKind};
use ortica_core::Instant;
use ortica_rtp::repair::jitter_buffer::{
    self, AudioBuffer, AudioConfig, Event as BufferEvent, FrameBuffer, FrameConfig, PacketHint, Playout,
};
use ortica_rtp::repair::key_frame::KeyFrameRequester;
use ortica_rtp::repair::nack;
use ortica_rtp::repair::rtx::AptTable;
use ortica_rtp::rtcp::Packet as RtcpPacket;
use ortica_rtp::session::receiver::{Arrival, Config, ReceiveStream};
use ortica_rtp::{Packet, RtpTimestamp, Ssrc, TimestampUnwrapper};
use std::collections::VecDeque;
use std::time::Duration;

/// A stream that is being received, with the one of its retransmissions.
pub(in crate::engine::media) struct Stream {
    /// Among all that this receiver had.
    number: u32,
    pub(super) codec: RtpCodecParameters,
    pub(super) receive: ReceiveStream,
    pub(super) repair: Repair,
    pub(super) depacketizer: Box<dyn Depacketizer>,
    pub(super) buffer: Buffer,
    /// Packets are passed on as they are.
    pub(super) passing: Option<Box<Passing>>,
    /// Silence that goes on.
    pub(super) silence: Option<Silence>,
    timestamps: TimestampUnwrapper,
    pub(super) appearances: Appearances,
    pub(super) requester: KeyFrameRequester,
    frames: u64,
    key_frames: u64,
    plis: u64,
    firs: u64,
    pub(super) malformed: u64,
    lost: u64,
    /// Packets that a jitter buffer discarded which is gone: the codec changed.
    pub(super) discarded: u64,
    pub(super) copies: CopyStats,
    buffering: BufferingStats,
    pub(super) decoding: DecodingStats,
    pub(super) fresh: bool,
}

pub(super) enum Buffer {
    Audio(AudioBuffer),
    Video(FrameBuffer),
}

impl Stream {
    /// The `number`th that the receiver has; its retransmissions go on in `repair`.
    pub(in crate::engine::media) fn new(
        (number, ssrc): (u32, Ssrc),
        (codec, description): (RtpCodecParameters, Option<&str>),
        repair: Repair,
        rtt: Option<Duration>,
    ) -> Self {
        let mut config = Config::new(ssrc, codec.codec().clock_rate());
        if codec.feedback.nack {
            config = config.with_nack(nack::Config::default());
        }
        let mut stream = Self {
            number,
            receive: ReceiveStream::new(config),
            repair,
            depacketizer: depacketizer(codec, description),
            buffer: Buffer::new(codec.codec()),
            passing: None,
            silence: None,
            timestamps: TimestampUnwrapper::new(),
            appearances: Appearances::default(),
            requester: KeyFrameRequester::default(),
            codec,
            frames: 0,
            key_frames: 0,
            plis: 0,
            firs: 0,
            malformed: 0,
            lost: 0,
            discarded: 0,
            copies: CopyStats::default(),
            buffering: BufferingStats::default(),
            decoding: DecodingStats::default(),
            fresh: true,
        };
        if let Some(rtt) = rtt {
            stream.set_rtt(rtt);
        }
        stream
    }

    pub(super) fn set_rtt(&mut self, rtt: Duration) {
        self.receive.set_rtt(rtt);
        self.requester.set_rtt(rtt);
    }

    /// Nothing is given out before the next key frame, which is asked for.
    pub(in crate::engine::media) fn require_key_frame(&mut self, now: Instant) {
        if let Buffer::Video(buffer) = &mut self.buffer {
            buffer.require_key_frame();
            self.requester.request(now);
        }
    }

    /// Asks for a key frame; what comes before it is given out all the same.
    pub(in crate::engine::media) fn request_key_frame(&mut self, now: Instant) {
        if matches!(self.buffer, Buffer::Video(_)) {
            self.requester.request(now);
        }
    }

    /// Requests that are due. That of a key frame waits for somebody who reads.
    pub(super) fn poll_feedback(
        &mut self,
        now: Instant,
        sender: Ssrc,
        is_read: bool,
        mut push: impl FnMut(RtcpPacket),
    ) {
        while let Some(nack) = self.receive.poll_nack(now, sender) {
            push(nack.into());
        }
        if is_read && self.requester.poll(now) {
            let ssrc = self.receive.ssrc();
            if self.codec.feedback.pli {
                self.plis += 1;
                push(KeyFrameRequester::picture_loss(sender, ssrc));
            } else if self.codec.feedback.fir {
                self.firs += 1;
                push(self.requester.full_intra_request(sender, ssrc));
            }
        }
    }

    /// The peer may change the codec between two packets.
    pub(super) fn set_codec(&mut self, codec: RtpCodecParameters, description: Option<&str>) {
        if !self.codec.form.matches(codec.form) {
            self.depacketizer = depacketizer(codec, description);
            self.discarded += self.buffer.discarded();
            self.buffer = Buffer::new(codec.codec());
            self.silence = None;
            self.timestamps = TimestampUnwrapper::new();
            self.receive.set_clock_rate(codec.codec().clock_rate());
            self.fresh = true;
        }
        self.codec = codec;
    }

    /// A packet has come, which is `inner` without its wrapping and without the `copies` of earlier ones.
    pub(super) fn handle_packet(
        &mut self,
        now: Instant,
        packet: &Packet<'_>,
        inner: &Packet<'_>,
        copies: &[Block<'_>],
    ) -> bool {
        if !self.admit(now, packet) {
            return false;
        }
        let useful = self.insert(now, inner);
        self.handle_copies(now, inner, copies);
        useful
    }

    /// A packet of a telephone event has come, whose clock has so many ticks a second. It counts as any other; it makes no sound,
    /// and nothing is missing in its place.
    pub(super) fn handle_event(
        &mut self,
        now: Instant,
        packet: &Packet<'_>,
        (inner, clock_rate): (&Packet<'_>, u32),
        copies: &[Block<'_>],
    ) -> bool {
        if !self.admit(now, packet) {
            return false;
        }
        let useful = self.pass_event(now, inner, clock_rate) || self.insert(now, &inner.without_payload());
        self.handle_copies(now, inner, copies);
        useful
    }

    /// A packet came whose payload is none of its format.
    pub(super) fn handle_malformed(&mut self, now: Instant, packet: &Packet<'_>) -> bool {
        self.malformed += u64::from(self.admit(now, packet));
        false
    }

    fn admit(&mut self, now: Instant, packet: &Packet<'_>) -> bool {
        let arrival = self.receive.handle_packet(now, packet);
        self.fresh |= arrival == Arrival::Restarted;
        arrival != Arrival::Stray
    }

    pub(super) fn handle_retransmission(&mut self, now: Instant, apt: &AptTable, packet: &Packet<'_>) -> bool {
        if !self.repair.handle_packet(now, packet, self.codec.codec().clock_rate()) {
            return false;
        }
        let Ok(restored) = apt.restore(packet, self.receive.ssrc()) else { return false };
        self.receive.handle_restored(now, restored.sequence_number());
        self.insert(now, &restored)
    }

    fn insert(&mut self, now: Instant, packet: &Packet<'_>) -> bool {
        if let Some(passed) = self.pass(now, packet) {
            return passed;
        }
        match &mut self.buffer {
            Buffer::Audio(buffer) => {
                buffer.insert(now, packet);
            }
            Buffer::Video(buffer) => {
                let hint = match self.depacketizer.inspect(packet.payload(), packet.marker()) {
                    Ok(info) => PacketHint {
                        start: info.start,
                        end: info.end,
                        key_frame: info.key_frame,
                        discardable: info.discardable,
                        picture: None,
                    },
                    // Packets of padding alone fill gaps.
                    Err(_) if packet.payload().is_empty() => PacketHint::default(),
                    Err(_) => {
                        self.malformed += 1;
                        return false;
                    }
                };
                buffer.insert(now, packet, hint);
            }
        }
        true
    }

    /// Takes out of the jitter buffer what is complete.
    pub(super) fn collect(&mut self, now: Instant, ready: &mut VecDeque<ReceivedFrame>) {
        if self.passing.is_some() {
            return;
        }
        match self.codec.codec().kind() {
            MediaKind::Audio => self.collect_audio(now, ready),
            MediaKind::Video => self.collect_video(now, ready),
        }
    }

    fn collect_audio(&mut self, now: Instant, ready: &mut VecDeque<ReceivedFrame>) {
        let Buffer::Audio(buffer) = &mut self.buffer else { return };
        let delay = buffer.delay();
        while let Some(playout) = buffer.poll(now) {
            match playout {
                Playout::Lost { timestamp, .. } => {
                    self.lost += 1;
                    let pts = self.timestamps.unwrap(timestamp);
                    // Silence goes on over it.
                    if self.silence.is_none() {
                        ready.push_back(ReceivedFrame::Lost { codec: self.codec.codec(), pts });
                    }
                }
                Playout::Packet(packet) if packet.payload.is_empty() => {}
                Playout::Packet(packet) if self.codec.comfort_noise == Some(packet.payload_type) => {
                    let pts = self.timestamps.unwrap(packet.timestamp);
                    match ComfortNoise::decode(packet.payload) {
                        Ok(noise) => {
                            Silence::describe(&mut self.silence, now, (self.codec.codec(), pts), noise);
                            ready.extend(Silence::poll(&mut self.silence, now));
                        }
                        Err(error) => {
                            self.malformed += 1;
                            tracing::debug!(%error, "a payload describes no silence");
                        }
                    }
                }
                Playout::Packet(packet) => {
                    let pts = self.timestamps.unwrap(packet.timestamp);
                    let piece = Piece {
                        sequence: packet.sequence,
                        marker: packet.marker,
                        first: true,
                        payload: packet.payload,
                    };
                    match self.depacketizer.assemble(pts, &[piece]) {
                        Ok(frame) => {
                            self.frames += 1;
                            ready.extend(self.silence.take().and_then(|silence| silence.end(pts)));
                            let samples = frame.duration.max(1);
                            self.buffering.emitted += u64::from(samples);
                            self.buffering.delay += now.saturating_duration_since(packet.arrived) * samples;
                            self.buffering.target_delay += delay * samples;
                            ready.push_back(ReceivedFrame::Frame {
                                frame,
                                began: packet.arrived,
                                arrived: packet.arrived,
                                captured: self.receive.wall_time(packet.timestamp),
                                discontinuity: std::mem::take(&mut self.fresh),
                            });
                        }
                        Err(error) => {
                            self.malformed += 1;
                            tracing::debug!(%error, "a payload makes no sound");
                        }
                    }
                }
            }
        }
        let first = buffer.first();
        self.receive.forget_before(first);
        while let Some(piece) = Silence::poll(&mut self.silence, now) {
            ready.push_back(piece);
        }
    }

    fn collect_video(&mut self, now: Instant, ready: &mut VecDeque<ReceivedFrame>) {
        let Buffer::Video(buffer) = &mut self.buffer else { return };
        while let Some(frame) = buffer.poll_frame(now) {
            let pts = self.timestamps.unwrap(frame.timestamp);
            // The buffer gives out what follows the frame before, with nothing missing in between, or starts with a key frame.
            let pieces: Vec<Piece<'_>> = (0..)
                .zip(frame.packets())
                .map(|(place, packet)| Piece {
                    sequence: packet.sequence,
                    marker: packet.marker,
                    first: place == 0,
                    payload: packet.payload,
                })
                .collect();
            let (key_frame, discontinuity) = (frame.key_frame, frame.discontinuity);
            let (began, arrived) = (frame.began, frame.arrived);
            let timestamp: RtpTimestamp = frame.timestamp;
            match self.depacketizer.assemble(pts, &pieces) {
                Ok(frame) => {
                    let frame = self.appearances.take(timestamp, frame);
                    self.frames += 1;
                    self.buffering.emitted += 1;
                    self.buffering.delay += now.saturating_duration_since(began);
                    self.buffering.assembled += u64::from(pieces.len() > 1);
                    self.buffering.assembly_time += arrived.saturating_duration_since(began);
                    if key_frame {
                        self.key_frames += 1;
                        self.requester.satisfy();
                    }
                    ready.push_back(ReceivedFrame::Frame {
                        frame,
                        began,
                        arrived,
                        captured: self.receive.wall_time(timestamp),
                        discontinuity: discontinuity | std::mem::take(&mut self.fresh),
                    });
                }
                Err(error) => {
                    self.malformed += 1;
                    tracing::debug!(%error, "packets make no picture");
                    buffer.require_key_frame();
                }
            }
        }
        while let Some(event) = buffer.poll_event() {
            if event == BufferEvent::KeyFrameNeeded {
                self.requester.request(now);
            }
        }
        let first = buffer.first();
        self.receive.forget_before(first);
    }

    pub(super) fn poll_timeout(&self, is_read: bool) -> Option<Instant> {
        let buffer = match &self.buffer {
            Buffer::Audio(buffer) => buffer.poll_timeout(),
            Buffer::Video(buffer) => buffer.poll_timeout(),
        };
        let request = self.requester.poll_timeout().filter(|_| is_read);
        let silence = self.silence.as_ref().map(Silence::poll_timeout);
        [self.receive.poll_timeout(), request, buffer, silence].into_iter().flatten().min()
    }

    pub(in crate::engine::media) fn add_stats(&self, stats: &mut ReceiverStats) {
        let receive = self.receive.stats();
        stats.stream = self.number;
        stats.ssrc = Some(self.receive.ssrc());
        stats.codec = Some(self.codec.codec());
        stats.payload_type = Some(self.codec.payload_type);
        stats.packets_received = receive.packets;
        stats.bytes_received = receive.bytes;
        stats.header_bytes_received = receive.header_bytes;
        stats.packets_lost = receive.lost;
        stats.jitter = receive.jitter;
        stats.last_packet_received = receive.last;
        self.repair.add_stats(stats);
        self.add_copy_stats(stats);
        stats.packets_discarded = self.discarded + self.buffer.discarded();
        stats.buffering = self.buffering;
        stats.decoding = self.decoding;
        stats.nack_count = receive.nack.nacks;
        stats.pli_count = self.plis;
        stats.fir_count = self.firs;
        stats.frames_received = self.frames;
        stats.key_frames_received = self.key_frames;
        stats.frames_malformed = self.malformed;
        stats.frames_lost = self.lost;
        stats.remote = self.receive.remote().copied();
    }
}

/// For a format, of whose streams the peer may have said something.
fn depacketizer(codec: RtpCodecParameters, description: Option<&str>) -> Box<dyn Depacketizer> {
    let mut depacketizer = payload::depacketizer(codec.codec(), payload::Limits::default());
    if let Some(Err(error)) = description.map(|fmtp| depacketizer.describe(fmtp)) {
        tracing::debug!(%error, "what the peer says of its stream is ignored");
    }
    depacketizer
}

/// Room for the packets of the largest frame.
fn video_limits() -> jitter_buffer::Limits {
    let mut limits = jitter_buffer::Limits::default();
    limits.packets = 4_096;
    limits
}

impl Buffer {
    pub(super) fn new(codec: Codec) -> Self {
        match codec.kind() {
            MediaKind::Audio => Self::Audio(AudioBuffer::new(AudioConfig::new(codec.clock_rate()))),
            MediaKind::Video => Self::Video(FrameBuffer::new(FrameConfig::default().with_limits(video_limits()))),
        }
    }

    /// Packets that came too late, or found no room.
    pub(super) fn discarded(&self) -> u64 {
        match self {
            Self::Audio(buffer) => buffer.stats().late + buffer.stats().overflowed,
            Self::Video(buffer) => buffer.stats().late,
        }
    }
}
