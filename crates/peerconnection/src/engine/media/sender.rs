//! One sender: frames into packets, feedback into what the encoder is told.

mod transform;

use super::coding::{EncodedReport, EncodingStats};
use super::orientation::orientation;
use super::parameters::{
    self, MAX_ENCODINGS, RtpCodecParameters, RtpEncodingParameters, RtpParametersError, RtpSendParameters,
};
use super::picture::PictureLimits;
use super::share::{self, Claim};
use super::tones::{DtmfError, TonePacket, Tones};
use super::transform::Detour;
use crate::engine::secured::Srtp;
use crate::engine::{Limits, Priority, SenderStats};
use bytes::Bytes;
use ortica_codecs::payload::{self, PacketizeError, Packetizer, Payload};
use ortica_codecs::{Codec, EncodedFrame, MediaKind};
use ortica_core::{Instant, Rng, WallClock};
use ortica_rtp::header_extension::{AbsSendTime, AudioLevel, ExtensionMap, Kind, Values, VideoOrientation};
use ortica_rtp::repair::history::SentPayload;
use ortica_rtp::repair::key_frame::KeyFrameLimiter;
use ortica_rtp::rtcp::{FirEntry, Goodbye, Nack, Remb, ReportBlock, SenderReport};
use ortica_rtp::session::sender::{Config, Event as Trouble, SendStream};
use ortica_rtp::{Header, Mid, PayloadType, RtpTimestamp, SequenceNumber, Ssrc};
use std::collections::VecDeque;
use std::time::Duration;
use thiserror::Error;

/// The longest UDP payload that is made of a frame, in bytes: what fits a path MTU of 1,280.
const MAX_PACKET: usize = 1_200;
/// Room for what surrounds a payload beside header extensions: header, the number of a retransmitted packet, the tag of SRTP.
const OVERHEAD: usize = 12 + 2 + 16;
/// Bytes that may wait to be sent while tones go on being played.
const TONE_QUEUE: usize = 4_096;

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
    /// There is no such encoding.
    #[error("the sender has no such encoding")]
    UnknownEncoding,
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
    /// A tone is sent in its place.
    #[error("a tone is being sent")]
    Tone,
    /// More waits to be sent than [`Limits::media_queue`] allows.
    #[error("too much waits to be sent")]
    QueueFull,
    /// The frame has no place in packets.
    #[error(transparent)]
    Packetize(#[from] PacketizeError),
}

/// What the encoder of an encoding is to do: one value, read before each frame.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct EncoderTargets {
    /// Which of the sender's encodings, from zero.
    pub encoding: usize,
    /// What to encode to.
    pub codec: Codec,
    /// The most that may be spent, in bits per second: by the parameters, and by what the peer said; `None` if neither says.
    pub max_bitrate: Option<u64>,
    /// How large and how many pictures may be.
    pub picture: PictureLimits,
    /// The next frame should be a key frame.
    pub key_frame: bool,
    /// Share of packets lost, in percent.
    pub loss_percent: u8,
}

/// A sender, with or without something agreed.
pub(in crate::engine) struct Sender {
    pub kind: MediaKind,
    /// What is sent, in the order of the parameters.
    pub encodings: Vec<Sending>,
    /// What was sent before. A stream goes on from there if it comes back: numbers that were used once may not be used
    /// again under the same keys (RFC 3711 §9.1). There are no more than the owner's descriptions gave SSRCs to.
    paused: Vec<Sending>,
    /// The most that the peer takes, by its feedback and by its description, in bits per second.
    estimated: Option<u64>,
    agreed: Option<u64>,
    /// Frames that came while nothing was sent, or that a transform was too slow for.
    dropped: u64,
    /// Where frames go first, if the application wants to change them.
    detour: Option<Box<Detour>>,
}

/// One encoding while a sender sends.
pub(in crate::engine) struct Sending {
    /// Which of the sender's encodings it is or was.
    index: u32,
    codec: RtpCodecParameters,
    parameters: RtpEncodingParameters,
    mid: Option<Mid>,
    extensions: ExtensionMap,
    /// The longest payload of a packet, in bytes.
    max_payload: usize,
    stream: SendStream,
    packetizer: Box<dyn Packetizer>,
    queue: VecDeque<Queued>,
    queued_bytes: usize,
    limiter: KeyFrameLimiter,
    /// Nothing before a key frame can be decoded.
    needs_key_frame: bool,
    /// The encoder is to be told.
    key_frame_wanted: bool,
    /// Its part of what the peer takes.
    share: Option<u64>,
    tones: Tones,
    /// The payload type of tones, where the peer takes some at the clock rate of the codec.
    tone_format: Option<PayloadType>,
    /// Of the beginning of the present tone.
    tone_timestamp: RtpTimestamp,
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
    /// Of the picture that it completes.
    orientation: Option<VideoOrientation>,
}

/// What a frame says in its packets beside what its stream does.
#[derive(Clone, Debug, Default)]
struct Marks {
    /// In place of the one that its time gives.
    timestamp: Option<RtpTimestamp>,
    /// Whose media a mixer put into it, at most 15.
    sources: Vec<Ssrc>,
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
        Self {
            kind,
            encodings: Vec::new(),
            paused: Vec::new(),
            estimated: None,
            agreed: None,
            dropped: 0,
            detour: None,
        }
    }

    /// Sends by these parameters. A stream that is there goes on, also after a stop; returns the goodbye of those that are
    /// sent no more.
    pub fn start(
        &mut self,
        now: Instant,
        parameters: &RtpSendParameters,
        rng: &Rng,
        clock: WallClock,
    ) -> Result<Option<Goodbye>, RtpParametersError> {
        parameters::check(self.kind, &parameters.codecs)?;
        let count = parameters.encodings.len();
        if count == 0 || count > MAX_ENCODINGS {
            return Err(RtpParametersError::Encodings(count));
        }
        let mut before = std::mem::take(&mut self.encodings);
        for (index, encoding) in (0..).zip(&parameters.encodings) {
            let codec = parameters.codec_of(encoding).ok_or(RtpParametersError::NoCodec)?;
            let known = take(&mut before, encoding.ssrc).or_else(|| take(&mut self.paused, encoding.ssrc));
            let mut sending = known.unwrap_or_else(|| Sending::new(codec, encoding, rng, clock));
            sending.configure(now, codec, encoding, parameters, rng);
            sending.index = index;
            self.encodings.push(sending);
        }
        self.agreed = parameters.max_bitrate;
        self.share();
        Ok(self.pause(before))
    }

    /// Stops sending and drops what waits; returns the goodbye of the streams.
    pub fn stop(&mut self) -> Option<Goodbye> {
        let encodings = std::mem::take(&mut self.encodings);
        self.pause(encodings)
    }

    fn pause(&mut self, mut encodings: Vec<Sending>) -> Option<Goodbye> {
        encodings.iter_mut().for_each(Sending::halt);
        let sources =
            encodings.iter().flat_map(|sending| sending.stream.goodbye().sources.iter().copied().collect::<Vec<_>>());
        let goodbye = Goodbye { sources: sources.collect(), reason: None };
        self.paused.append(&mut encodings);
        Some(goodbye).filter(|goodbye| !goodbye.sources.is_empty())
    }

    /// The highest of its encodings; `None` while nothing is sent.
    pub fn priority(&self) -> Option<Priority> {
        self.encodings.iter().map(|sending| sending.parameters.priority).max()
    }

    /// The encoding that has this stream.
    pub fn encoding_of(&mut self, ssrc: Ssrc) -> Option<&mut Sending> {
        self.encodings.iter_mut().find(|sending| sending.has(ssrc))
    }

    /// The peer takes so much of all encodings together.
    pub fn handle_remb(&mut self, remb: &Remb) {
        self.estimated = Some(remb.bitrate);
        self.share();
    }

    /// Gives each encoding its part of what the peer takes: by priority and size, since a layer of half the size needs a
    /// quarter.
    fn share(&mut self) {
        let total = self.estimated.into_iter().chain(self.agreed).min();
        let mut active: Vec<&mut Sending> =
            self.encodings.iter_mut().filter(|sending| sending.parameters.active).collect();
        let claim = |sending: &&mut Sending| Claim {
            weight: f64::from(sending.parameters.priority.weight())
                / sending.parameters.picture.scale_down_by.max(1.0).powi(2),
            most: sending.parameters.max_bitrate,
        };
        let claims: Vec<Claim> = active.iter().map(claim).collect();
        let shares = total.map(|total| share::split(total, &claims));
        for (at, sending) in active.iter_mut().enumerate() {
            sending.share = shares.as_ref().and_then(|shares| shares.get(at).copied());
        }
    }

    /// What each encoder is to do now; a wish for a key frame is told once.
    pub fn take_targets(&mut self) -> impl Iterator<Item = EncoderTargets> + '_ {
        let active = self.encodings.iter_mut().enumerate().filter(|(_, sending)| sending.parameters.active);
        active.map(|(at, sending)| sending.take_targets(at))
    }

    /// The streams under which something was sent.
    pub fn used(&self) -> impl Iterator<Item = Ssrc> {
        let streams = self.encodings.iter().chain(&self.paused).map(|sending| &sending.stream);
        let used = streams.filter(|stream| stream.stats().packets > 0);
        used.flat_map(|stream| [Some(stream.ssrc()), stream.rtx_ssrc()]).flatten()
    }

    pub fn count_dropped(&mut self) {
        self.dropped += 1;
    }

    /// Counters of each encoding that is or was sent, those that are sent first and in their order.
    pub fn stats(&self) -> Vec<SenderStats> {
        let mut dropped = self.dropped;
        let active = self.encodings.iter().map(|sending| (sending, sending.parameters.active));
        let all = active.chain(self.paused.iter().map(|sending| (sending, false)));
        let counted = all.map(|(sending, active)| {
            let frames_dropped = std::mem::take(&mut dropped);
            let mut stats = SenderStats { frames_dropped, active, ..SenderStats::default() };
            sending.add_stats(&mut stats);
            stats
        });
        let stats: Vec<SenderStats> = counted.collect();
        if stats.is_empty() {
            return vec![SenderStats { frames_dropped: self.dropped, ..SenderStats::default() }];
        }
        stats
    }
}

/// Takes the stream `ssrc` out of those there are.
fn take(sendings: &mut Vec<Sending>, ssrc: Ssrc) -> Option<Sending> {
    let at = sendings.iter().position(|sending| sending.stream.ssrc() == ssrc)?;
    Some(sendings.swap_remove(at))
}

impl Sending {
    fn new(codec: RtpCodecParameters, encoding: &RtpEncodingParameters, rng: &Rng, clock: WallClock) -> Self {
        let mut config = Config::new(encoding.ssrc, codec.payload_type, codec.codec.clock_rate());
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
            packetizer: payload::packetizer(codec.codec, &mut rng.fork("packetizer")),
            stream: SendStream::new(config, rng, clock),
            queue: VecDeque::new(),
            queued_bytes: 0,
            limiter: KeyFrameLimiter::default(),
            needs_key_frame: codec.codec.kind() == MediaKind::Video,
            key_frame_wanted: codec.codec.kind() == MediaKind::Video,
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

    fn configure(
        &mut self,
        now: Instant,
        codec: RtpCodecParameters,
        encoding: &RtpEncodingParameters,
        parameters: &RtpSendParameters,
        rng: &Rng,
    ) {
        if self.codec.codec != codec.codec {
            self.packetizer = payload::packetizer(codec.codec, &mut rng.fork("packetizer"));
            self.require_key_frame();
        }
        if self.parameters.picture != encoding.picture {
            // From here on it comes from another encoder, which may be in the middle of its own stream.
            self.require_key_frame();
        }
        self.codec = codec;
        self.stream.set_format(now, codec.payload_type, codec.codec.clock_rate(), codec.rtx);
        (self.mid, self.extensions) = (parameters.mid, parameters.header_extensions.clone());
        self.parameters = encoding.clone();
        self.max_payload = MAX_PACKET - OVERHEAD - self.extensions_len();
        self.tone_format = parameters.telephone_events_of(codec.codec);
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
    fn halt(&mut self) {
        self.queue.clear();
        self.queued_bytes = 0;
        self.tones.clear();
        self.require_key_frame();
    }

    /// Whatever the peer has of the stream, it starts with the next key frame.
    pub fn require_key_frame(&mut self) {
        if self.codec.codec.kind() == MediaKind::Video {
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
    fn check(&mut self, codec: Codec) -> Result<(), SendFrameError> {
        if !self.parameters.active {
            self.dropped += 1;
            return Err(SendFrameError::NotSending);
        }
        if codec != self.codec.codec {
            return Err(SendFrameError::Codec { expected: self.codec.codec, actual: codec });
        }
        Ok(())
    }

    fn push_marked(
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
            let orientation = (is_picture && payload.marker()).then(|| orientation(frame.rotation));
            let header = self.stream.next_header(captured, timestamp, payload.marker());
            let header = Header { csrcs: marks.sources.iter().copied().collect(), ..header };
            let payload = SentPayload::new(payload.prefix(), payload.body().clone());
            self.queued_bytes += payload.len();
            let audio_level = frame.audio_level;
            self.queue.push_back(Queued { since: captured, header, payload, audio_level, orientation });
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

    fn take_targets(&mut self, encoding: usize) -> EncoderTargets {
        EncoderTargets {
            encoding,
            codec: self.codec.codec,
            max_bitrate: self.share.into_iter().chain(self.parameters.max_bitrate).min(),
            picture: self.parameters.picture,
            key_frame: std::mem::take(&mut self.key_frame_wanted),
            loss_percent: (u32::from(self.stream.remote().fraction_lost) * 100 / 256) as u8,
        }
    }

    // --- tones ------------------------------------------------------------------------------------------------------

    /// Whether tones can be played now.
    pub fn takes_tones(&self) -> bool {
        self.parameters.active && self.tone_format.is_some()
    }

    /// Plays tones in place of those that wait.
    pub fn insert_tones(
        &mut self,
        now: Instant,
        tones: &str,
        duration: Duration,
        gap: Duration,
    ) -> Result<(), DtmfError> {
        if !self.takes_tones() {
            return Err(DtmfError::InvalidState);
        }
        self.tones.insert(now, tones, duration, gap)
    }

    /// Tones that wait.
    pub fn tone_buffer(&self) -> String {
        self.tones.buffer()
    }

    /// A tone that began, or that none is left.
    pub fn poll_tone_change(&mut self) -> Option<Option<char>> {
        self.tones.poll_change()
    }

    fn queue_tones(&mut self, now: Instant) {
        self.tones.handle_timeout(now);
        let Some(payload_type) = self.tone_format else { return };
        while let Some(packet) = self.tones.poll_packet(now, self.codec.codec.clock_rate()) {
            if self.queued_bytes < TONE_QUEUE {
                self.queue_tone(now, payload_type, packet);
            }
        }
    }

    fn queue_tone(&mut self, now: Instant, payload_type: PayloadType, packet: TonePacket) {
        if packet.marker {
            self.tone_timestamp = self.stream.timestamp_at(packet.begun);
        }
        let begun = Duration::from_secs(u64::from(packet.offset)) / self.codec.codec.clock_rate();
        let header = self.stream.next_header(packet.begun + begun, self.tone_timestamp + packet.offset, packet.marker);
        let payload = SentPayload::new(&packet.event.encode(), Bytes::new());
        self.queued_bytes += payload.len();
        self.queue.push_back(Queued {
            since: now,
            header: Header { payload_type, ..header },
            payload,
            audio_level: None,
            orientation: None,
        });
    }

    // --- packets ----------------------------------------------------------------------------------------------------

    /// Appends the next packet, sealed: one to send again before those that wait. `false` if there is none.
    pub fn poll_packet(&mut self, stamp: &Stamp, srtp: &mut Srtp, out: &mut Vec<u8>) -> bool {
        while let Some(again) = self.stream.poll_retransmit(stamp.now) {
            let mut values = self.values(stamp);
            if again.osn.is_some() {
                values.repaired_rid = values.rid.take();
            }
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
        while let Some(Queued { since, header, payload, audio_level, orientation }) = self.queue.pop_front() {
            self.queued_bytes -= payload.len();
            let audio_level = audio_level.map(|level| AudioLevel::new(level < 127, level));
            let values = Values { audio_level, video_orientation: orientation, ..self.values(stamp) };
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

    fn values(&self, stamp: &Stamp) -> Values {
        Values {
            mid: self.mid,
            rid: self.parameters.rid,
            abs_send_time: Some(AbsSendTime::from(stamp.clock.ntp(stamp.now))),
            transport_cc: Some(stamp.number),
            ..Values::default()
        }
    }

    // --- feedback ---------------------------------------------------------------------------------------------------

    pub fn ssrc(&self) -> Ssrc {
        self.stream.ssrc()
    }

    /// Says whether `ssrc` is its stream or that of its retransmissions.
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

    fn add_stats(&self, stats: &mut SenderStats) {
        let (stream, limiter) = (self.stream.stats(), self.limiter.stats());
        stats.ssrc = Some(self.stream.ssrc());
        stats.rid = self.parameters.rid;
        stats.encoding_index = Some(self.index);
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
