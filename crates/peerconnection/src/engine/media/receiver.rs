//! One receiver: packets into frames, gaps into requests.

mod noise;
mod packets;
mod redundancy;
mod repair;
mod stream;
mod transform;
mod unread;

use super::coding::DecodedReport;
use super::flow::Flow;
use super::heard_tones::HeardTones;
use super::layers::{Layer, Selection};
use super::parameters::{self, MAX_ENCODINGS, RtpParametersError, RtpReceiveParameters};
use super::sources::{RtpSource, Sources};
use crate::engine::{Limits, ReceiverStats};
use ortica_codecs::payload::comfort_noise::ComfortNoise;
use ortica_codecs::{Codec, EncodedFrame, MediaKind};
use ortica_core::{Instant, NtpTime};
use ortica_rtp::demux::Section;
use ortica_rtp::header_extension::Values;
use ortica_rtp::repair::rtx::AptTable;
use ortica_rtp::rtcp::{Packet as RtcpPacket, ReportBlock, SenderReport};
use ortica_rtp::{Packet, Rid, Ssrc};
pub(super) use packets::PacketTap;
use redundancy::Unwrapped;
pub(super) use repair::Repair;
use std::collections::VecDeque;
use std::time::Duration;
pub(super) use stream::Stream;
use transform::Transform;
pub(super) use unread::Unread;

/// What a receiver gives out, in order.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ReceivedFrame {
    /// A whole frame.
    Frame {
        /// It. Its `pts` counts from where the peer began, without wraps.
        frame: EncodedFrame,
        /// When its first packet came.
        began: Instant,
        /// When the packet came that completed it.
        arrived: Instant,
        /// The moment it was captured, on the peer's clock, once its reports tell. Frames of two receivers with equal times
        /// belong together.
        captured: Option<NtpTime>,
        /// Frames before it were lost, or another stream starts here.
        discontinuity: bool,
    },
    /// Sound that was lost: the decoder makes up for it.
    Lost {
        /// Of which codec.
        codec: Codec,
        /// When it was to be heard, in ticks of the codec's clock.
        pts: i64,
    },
    /// A stretch of silence of which the peer sends nothing but how it sounds: it lasts until the next frame, and comes in pieces as
    /// time goes on. [`NoiseGenerator`](ortica_codecs::coder::comfort_noise::NoiseGenerator) makes it.
    ComfortNoise {
        /// Beside which codec.
        codec: Codec,
        /// When it is to be heard, in ticks of the codec's clock.
        pts: i64,
        /// How long, in the same.
        duration: u32,
        /// How it sounds.
        noise: ComfortNoise,
    },
}

/// A receiver, with or without something agreed.
pub(in crate::engine) struct Receiver {
    pub kind: MediaKind,
    parameters: Option<RtpReceiveParameters>,
    apt: AptTable,
    /// How many streams there were.
    streams: u32,
    /// One without a name, or as many as may come side by side.
    layers: Vec<Layer>,
    selection: Selection,
    sources: Sources,
    pub tones: HeardTones,
    /// How long frames are held back.
    target: Duration,
    /// Frames of the layer that is read.
    unread: Unread,
    /// Reused: what a layer gave out.
    collected: VecDeque<ReceivedFrame>,
    readable: bool,
    /// Another stream has begun.
    begun: bool,
    rtt: Option<Duration>,
    pub flow: Flow,
    /// Where frames go first, if the application wants to change them.
    transform: Option<Box<Transform>>,
    /// Who reads the packets of all layers in place of frames.
    packet_readers: usize,
}

impl ReceivedFrame {
    fn kind(&self) -> MediaKind {
        match self {
            Self::Frame { frame, .. } => frame.codec.kind(),
            Self::Lost { codec, .. } | Self::ComfortNoise { codec, .. } => codec.kind(),
        }
    }
}

impl Receiver {
    pub fn new(kind: MediaKind) -> Self {
        Self {
            kind,
            parameters: None,
            apt: AptTable::new(),
            layers: Vec::new(),
            selection: Selection::default(),
            sources: Sources::default(),
            tones: HeardTones::default(),
            target: Duration::ZERO,
            streams: 0,
            unread: Unread::default(),
            collected: VecDeque::new(),
            readable: false,
            begun: false,
            rtt: None,
            flow: Flow::default(),
            transform: None,
            packet_readers: 0,
        }
    }

    /// Receives by these parameters. What is being received goes on.
    pub fn start(&mut self, parameters: RtpReceiveParameters) -> Result<Section, RtpParametersError> {
        parameters::check(self.kind, &parameters.codecs)?;
        if parameters.rids.len() > MAX_ENCODINGS {
            return Err(RtpParametersError::Encodings(parameters.rids.len()));
        }
        self.apt = parameters.apt();
        self.set_layers(&parameters.rids);
        let section = Section {
            mid: parameters.mid,
            payload_types: parameters.payload_types(),
            rids: parameters.rids.clone(),
            ssrcs: parameters.ssrcs.clone(),
        };
        self.parameters = Some(parameters);
        Ok(section)
    }

    /// Layers that stay go on.
    fn set_layers(&mut self, rids: &[Rid]) {
        let names: Vec<Option<Rid>> =
            if rids.is_empty() { vec![None] } else { rids.iter().copied().map(Some).collect() };
        if self.layers.iter().map(|layer| layer.rid).eq(names.iter().copied()) {
            return;
        }
        let mut before = std::mem::take(&mut self.layers);
        for name in names {
            let known = before.iter().position(|layer| layer.rid == name);
            self.layers.push(known.map_or_else(|| Layer::new(name), |at| before.swap_remove(at)));
        }
        self.selection.restart();
    }

    pub fn stop(&mut self) {
        self.parameters = None;
        self.layers.iter_mut().for_each(|layer| layer.stream = None);
        self.flow.set(false);
    }

    /// The oldest frame that nobody has read yet.
    pub fn read(&mut self) -> Option<ReceivedFrame> {
        self.unread.read()
    }

    /// Who was heard or seen lately, the latest first.
    pub fn sources(&self, now: Instant) -> Vec<RtpSource> {
        self.sources.recent(now)
    }

    /// How loud the last sound was as it was decoded: 0 (loud) to 127 (silence).
    pub fn measure(&mut self, attenuation: u8) {
        self.sources.measure(attenuation);
    }

    /// Holds frames back for so long from now on.
    pub fn set_target(&mut self, target: Duration) {
        self.target = target;
    }

    /// The layers that may come.
    pub fn rids(&self) -> impl Iterator<Item = Rid> + '_ {
        self.layers.iter().filter_map(|layer| layer.rid)
    }

    /// The oldest frame of a layer that nobody has read yet.
    pub fn read_layer(&mut self, rid: Rid) -> Option<ReceivedFrame> {
        self.layer_mut(rid)?.read()
    }

    /// Keeps the frames of a layer for who reads it by itself, from its next key frame on. `false` if there is none.
    pub fn tap(&mut self, now: Instant, rid: Rid) -> bool {
        let Some(layer) = self.layer_mut(rid) else { return false };
        layer.tap();
        layer.request_key_frame(now);
        true
    }

    /// One reader less.
    pub fn untap(&mut self, rid: Rid) {
        if let Some(layer) = self.layer_mut(rid) {
            layer.untap();
        }
    }

    fn layer_mut(&mut self, rid: Rid) -> Option<&mut Layer> {
        self.layers.iter_mut().find(|layer| layer.rid == Some(rid))
    }

    /// `true`, once, when another stream has begun: one that was not received before.
    pub fn take_begun(&mut self) -> bool {
        std::mem::take(&mut self.begun)
    }

    /// `true`, once, when frames were added since the last call.
    pub fn take_readable(&mut self) -> bool {
        std::mem::take(&mut self.readable)
    }

    /// What was given out could not be decoded.
    pub fn request_key_frame(&mut self, now: Instant) {
        self.unread.expect_reader();
        if let Some(layer) = self.layers.get_mut(self.selection.layer()) {
            layer.require_key_frame(now);
        }
    }

    /// A decoder made something of what was read.
    pub fn handle_decoded(&mut self, now: Instant, report: &DecodedReport) {
        let layer = self.layers.get_mut(self.selection.layer());
        if let Some(stream) = layer.and_then(|layer| layer.stream.as_mut()) {
            stream.decoding.add(now, report);
        }
    }

    /// What was given out of a layer could not be decoded.
    pub fn request_layer_key_frame(&mut self, now: Instant, rid: Rid) {
        if let Some(layer) = self.layer_mut(rid) {
            layer.expect_reader();
            layer.require_key_frame(now);
        }
    }

    /// A packet that belongs here has come, with what its extensions say, of the layer `rid` if it is known to be of one.
    /// `false` if it is of no use.
    pub fn handle_packet(
        &mut self,
        now: Instant,
        limits: &Limits,
        packet: &Packet<'_>,
        (values, rid): (&Values, Option<Rid>),
    ) -> bool {
        let Some(parameters) = &self.parameters else { return false };
        let Some(at) = self.layer_of(packet.ssrc(), rid) else { return false };
        let Some(layer) = self.layers.get_mut(at) else { return false };
        if self.apt.is_rtx(packet.payload_type()) {
            return match &mut layer.stream {
                Some(stream) => {
                    stream.appearances.note(packet.timestamp(), values);
                    stream.note(values);
                    let useful = stream.handle_retransmission(now, &self.apt, packet);
                    self.collect_packets(limits, at);
                    useful
                }
                // Chromium looks for bandwidth with padding before there is a picture. It counts as sent.
                None => {
                    let clock_rate = parameters.repaired_clock(packet.payload_type());
                    clock_rate.is_some_and(|clock_rate| layer.early.handle_packet(now, packet, clock_rate))
                }
            };
        }
        let Unwrapped { packet: inner, copies } = match Unwrapped::of(parameters, packet) {
            Ok(unwrapped) => unwrapped,
            Err(error) => {
                tracing::debug!(%error, "a packet with earlier ones");
                let stream = layer.stream.as_mut().filter(|stream| stream.receive.ssrc() == packet.ssrc());
                return stream.is_some_and(|stream| stream.handle_malformed(now, packet));
            }
        };
        if let Some(clock_rate) = parameters.event_clock(inner.payload_type()) {
            self.tones.handle_packet(now, (packet.ssrc(), packet.timestamp()), inner.payload(), clock_rate);
            // Keys may come before any sound: they begin the stream, in the codec that is to be expected.
            if let (None, Some(codec)) = (&layer.stream, parameters.codecs.first().copied()) {
                self.streams += 1;
                self.begun = true;
                layer.begin((self.streams, packet.ssrc()), (codec, None), self.rtt);
            }
            let passes = Self::passes(self.packet_readers, layer);
            let stream = layer.stream.as_mut().filter(|stream| stream.receive.ssrc() == packet.ssrc());
            let Some(stream) = stream else { return false };
            stream.set_passing(now, passes);
            stream.note(values);
            let useful = stream.handle_event(now, packet, (&inner, clock_rate), &copies);
            self.collect_packets(limits, at);
            return useful;
        }
        // Silence goes on in the codec of its stream, or begins one in the first that has such.
        let current = layer.stream.as_ref().map(|stream| stream.codec);
        let current = current.filter(|codec| codec.comfort_noise == Some(inner.payload_type()));
        let silent = || current.or_else(|| parameters.silent(inner.payload_type()).copied());
        let Some(codec) = parameters.codec(inner.payload_type()).copied().or_else(silent) else { return false };
        let description = parameters.description(codec.payload_type);
        let passes = Self::passes(self.packet_readers, layer);
        match &mut layer.stream {
            Some(stream) if stream.receive.ssrc() == packet.ssrc() => stream.set_codec(codec, description),
            _ => {
                self.streams += 1;
                self.begun = true;
                layer.begin((self.streams, packet.ssrc()), (codec, description), self.rtt);
            }
        }
        let Some(stream) = &mut layer.stream else { return false };
        self.sources.observe(now, packet, values);
        stream.set_passing(now, passes);
        stream.appearances.note(packet.timestamp(), values);
        stream.note(values);
        if let Some(transform) = &mut self.transform {
            transform.note(&inner, values);
        }
        let useful = stream.handle_packet(now, packet, &inner, &copies);
        self.flow.set(self.flow.is_on() || useful);
        self.collect(now, limits, at);
        useful
    }

    /// Where only one stream may come, whatever it calls itself is that one.
    fn layer_of(&self, ssrc: Ssrc, rid: Option<Rid>) -> Option<usize> {
        if let [Layer { rid: None, .. }] = self.layers.as_slice() {
            return Some(0);
        }
        match rid {
            Some(_) => self.layers.iter().position(|layer| layer.rid == rid),
            None => {
                self.layers.iter().position(|layer| layer.stream.as_ref().is_some_and(|it| it.receive.ssrc() == ssrc))
            }
        }
    }

    fn streams(&mut self) -> impl Iterator<Item = &mut Stream> {
        self.layers.iter_mut().filter_map(|layer| layer.stream.as_mut())
    }

    /// The stream has ended, by the peer's word.
    pub fn handle_goodbye(&mut self, ssrc: Ssrc) {
        for layer in &mut self.layers {
            layer.stream.take_if(|stream| stream.receive.ssrc() == ssrc);
        }
        if self.layers.iter().all(|layer| layer.stream.is_none()) {
            self.flow.set(false);
        }
    }

    pub fn handle_sender_report(&mut self, now: Instant, report: &SenderReport) -> bool {
        let stream = self.streams().find(|stream| stream.receive.ssrc() == report.ssrc);
        stream.map(|stream| stream.receive.handle_sender_report(now, report)).is_some()
    }

    pub fn set_rtt(&mut self, rtt: Duration) {
        self.rtt = Some(rtt);
        self.streams().for_each(|stream| stream.set_rtt(rtt));
    }

    pub fn handle_timeout(&mut self, now: Instant, limits: &Limits) {
        for stream in self.streams() {
            stream.receive.handle_timeout(now);
            while let Some(event) = stream.receive.poll_event() {
                tracing::debug!(ssrc = %stream.receive.ssrc(), ?event, "stream");
            }
        }
        self.tones.handle_timeout(now);
        (0..self.layers.len()).for_each(|at| self.collect(now, limits, at));
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        let streams = self.layers.iter().filter_map(|layer| layer.stream.as_ref()?.poll_timeout(self.is_read(layer)));
        streams.chain(self.layers.iter().filter_map(Layer::held_until)).chain(self.tones.poll_timeout()).min()
    }

    /// Reports on the streams that sent something since the last ones.
    pub fn report_blocks(&mut self, now: Instant) -> impl Iterator<Item = ReportBlock> {
        let streams = self.streams().flat_map(|stream| [Some(&mut stream.receive), stream.repair.stream()]);
        streams.flatten().filter(|stream| stream.is_active()).map(move |stream| stream.report_block(now))
    }

    /// Requests that are due. Key frames are asked for where somebody reads.
    pub fn poll_feedback(&mut self, now: Instant, sender: Ssrc, mut push: impl FnMut(RtcpPacket)) {
        for at in 0..self.layers.len() {
            let is_read = self.layers.get(at).is_some_and(|layer| self.is_read(layer));
            if let Some(stream) = self.layers.get_mut(at).and_then(|layer| layer.stream.as_mut()) {
                stream.poll_feedback(now, sender, is_read, &mut push);
            }
        }
    }

    /// Takes what is complete of a layer out of its jitter buffer.
    fn collect(&mut self, now: Instant, limits: &Limits, at: usize) {
        self.collect_packets(limits, at);
        let Some(layer) = self.layers.get_mut(at) else { return };
        if let Some(stream) = &mut layer.stream {
            stream.collect(now, &mut self.collected);
        }
        layer.hold(now, self.target, &mut self.collected);
        if self.transform.is_some() {
            self.divert(now, at);
        } else {
            self.give_out(now, limits, at);
        }
    }

    /// Moves what was collected of a layer to where it can be read.
    fn give_out(&mut self, now: Instant, limits: &Limits, at: usize) {
        if self.collected.is_empty() {
            return;
        }
        let Some(layer) = self.layers.get_mut(at) else { return };
        self.readable |= layer.keep(now, limits, &self.collected);
        let before = self.unread.len();
        for mut received in self.collected.drain(..) {
            let is_needed = if self.selection.admits(at, &mut received) {
                self.unread.put(limits.received_frames, received)
            } else {
                self.selection.wants(at, &received)
            };
            if is_needed {
                layer.request_key_frame(now);
            }
        }
        self.readable |= self.unread.len() > before;
    }

    /// Whether somebody reads of that layer, as far as it can be told.
    fn is_read(&self, layer: &Layer) -> bool {
        !self.unread.is_abandoned() || layer.is_read() || Self::passes(self.packet_readers, layer)
    }

    /// Counters of the layer that is read.
    pub fn stats(&self) -> ReceiverStats {
        let mut stats =
            ReceiverStats { stream: self.streams, frames_dropped: self.unread.dropped, ..ReceiverStats::default() };
        if let Some(layer) = self.layers.get(self.selection.layer()) {
            layer.add_stats(&mut stats);
        }
        stats
    }

    /// Counters of each layer.
    pub fn layer_stats(&self) -> Vec<ReceiverStats> {
        let stats = |(at, layer): (usize, &Layer)| {
            let frames_dropped = if at == self.selection.layer() { self.unread.dropped } else { 0 };
            let mut stats = ReceiverStats { frames_dropped, ..ReceiverStats::default() };
            layer.add_stats(&mut stats);
            stats
        };
        self.layers.iter().enumerate().map(stats).collect()
    }
}
