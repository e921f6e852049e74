//! A receiver whose packets are read as they come, in place of frames.

use super::stream::Buffer;
use super::{Limits, Receiver, Stream};
use crate::engine::media::layers::Layer;
use crate::engine::media::packet::RtpPacket;
use ortica_core::Instant;
use ortica_rtp::header_extension::{AudioLevel, ColorSpace, Values, VideoOrientation};
use ortica_rtp::{Packet, Rid};
use std::collections::VecDeque;

/// Packets of a layer, for who reads them.
#[derive(Debug, Default)]
pub(in crate::engine::media) struct PacketTap {
    /// Of this layer by itself; those of all layers are the receiver's.
    readers: usize,
    ready: VecDeque<RtpPacket>,
    pub dropped: u64,
}

impl PacketTap {
    /// `true` if there are more than before.
    fn take(&mut self, limits: &Limits, rid: Option<Rid>, from: &mut VecDeque<RtpPacket>) -> bool {
        let some = !from.is_empty();
        self.ready.extend(from.drain(..).map(|packet| RtpPacket { rid, ..packet }));
        let excess = self.ready.len().saturating_sub(limits.received_packets);
        self.ready.drain(..excess);
        self.dropped += excess as u64;
        some
    }
}

/// How a stream passes its packets on.
#[derive(Debug, Default)]
pub(super) struct Passing {
    audio_level: Option<AudioLevel>,
    video_orientation: Option<VideoOrientation>,
    color_space: Option<ColorSpace>,
    packets: VecDeque<RtpPacket>,
}

impl Passing {
    fn push(&mut self, packet: RtpPacket) {
        let Self { audio_level, video_orientation, color_space, .. } = *self;
        self.packets.push_back(RtpPacket { audio_level, video_orientation, color_space, ..packet });
    }
}

impl Receiver {
    /// Gives out packets, of one layer or of all, until as many calls of [`untap_packets`](Self::untap_packets). `false` if there
    /// is no such layer.
    pub fn tap_packets(&mut self, now: Instant, rid: Option<Rid>) -> bool {
        match rid {
            None => self.packet_readers += 1,
            Some(_) => match self.layers.iter_mut().find(|layer| layer.rid == rid) {
                Some(layer) => layer.packets.readers += 1,
                None => return false,
            },
        }
        self.set_passing(now);
        true
    }

    /// One reader less. Without any, frames are given out again, from the next key frame on.
    pub fn untap_packets(&mut self, now: Instant, rid: Option<Rid>) {
        match rid {
            None => self.packet_readers = self.packet_readers.saturating_sub(1),
            Some(_) => {
                if let Some(layer) = self.layers.iter_mut().find(|layer| layer.rid == rid) {
                    layer.packets.readers = layer.packets.readers.saturating_sub(1);
                }
            }
        }
        self.set_passing(now);
    }

    /// The oldest packet that nobody has read, of one layer or of any.
    pub fn read_packet(&mut self, rid: Option<Rid>) -> Option<RtpPacket> {
        let mut asked = self.layers.iter_mut().filter(|layer| rid.is_none() || layer.rid == rid);
        asked.find_map(|layer| layer.packets.ready.pop_front())
    }

    pub(super) fn set_passing(&mut self, now: Instant) {
        for layer in &mut self.layers {
            let is_read = Self::passes(self.packet_readers, layer);
            if !is_read {
                layer.packets.ready.clear();
            }
            if let Some(stream) = &mut layer.stream {
                stream.set_passing(now, is_read);
            }
        }
    }

    /// Whether what comes of a layer is read as packets.
    pub(super) fn passes(readers: usize, layer: &Layer) -> bool {
        readers + layer.packets.readers > 0
    }

    /// Moves what a stream passes on to where it can be read.
    pub(super) fn collect_packets(&mut self, limits: &Limits, at: usize) {
        let Some(layer) = self.layers.get_mut(at) else { return };
        if let Some(passing) = layer.stream.as_mut().and_then(|stream| stream.passing.as_mut()) {
            self.readable |= layer.packets.take(limits, layer.rid, &mut passing.packets);
        }
    }
}

impl Stream {
    /// Passes packets on from now on, or makes frames of them. Either begins with a key frame, which is asked for.
    pub(super) fn set_passing(&mut self, now: Instant, is_read: bool) {
        if is_read == self.passing.is_some() {
            return;
        }
        self.passing = is_read.then(Box::default);
        self.discarded += self.buffer.discarded();
        self.buffer = Buffer::new(self.codec.codec());
        self.silence = None;
        self.fresh = true;
        self.require_key_frame(now);
    }

    /// Takes note of what the extensions of a packet say that is to be passed on.
    pub(super) fn note(&mut self, values: &Values) {
        if let Some(passing) = &mut self.passing {
            passing.audio_level = values.audio_level;
            passing.video_orientation = values.video_orientation;
            passing.color_space = values.color_space;
        }
    }

    /// Passes a packet on; `None` where frames are made.
    pub(super) fn pass(&mut self, now: Instant, packet: &Packet<'_>) -> Option<bool> {
        let passing = self.passing.as_mut()?;
        let is_comfort_noise = self.codec.comfort_noise == Some(packet.payload_type());
        let info = self.depacketizer.inspect(packet.payload(), packet.marker());
        if info.is_err() && !is_comfort_noise && !packet.payload().is_empty() {
            self.malformed += 1;
            return Some(false);
        }
        let info = info.unwrap_or_default();
        if info.key_frame {
            self.requester.satisfy();
        }
        passing.push(RtpPacket {
            arrived: Some(now),
            captured: self.receive.wall_time(packet.timestamp()),
            is_comfort_noise,
            ..RtpPacket::of(self.codec.form, packet, info.key_frame)
        });
        Some(true)
    }

    /// Passes a telephone event on; `false` where that cannot be, since its clock is none of the codec's, or frames are made.
    pub(super) fn pass_event(&mut self, now: Instant, packet: &Packet<'_>, clock_rate: u32) -> bool {
        let is_of_codec = clock_rate == self.codec.codec().clock_rate();
        let Some(passing) = self.passing.as_mut().filter(|_| is_of_codec) else { return false };
        passing.push(RtpPacket {
            arrived: Some(now),
            captured: self.receive.wall_time(packet.timestamp()),
            is_telephone_event: true,
            ..RtpPacket::of(self.codec.form, packet, true)
        });
        true
    }
}
