//! Packets of another stream in one of ours: with its number and payload type, and with sequence numbers and timestamps that go on
//! from where it is. Gaps and order stay, so that what is missing is asked for, and what comes late is in time.

use super::{Queued, Sending};
use crate::engine::Limits;
use crate::engine::media::appearance::Appearance;
use crate::engine::media::packet::RtpPacket;
use bytes::Bytes;
use ortica_codecs::{Codec, MediaKind};
use ortica_core::Instant;
use ortica_rtp::repair::history::SentPayload;
use ortica_rtp::{Header, RtpTimestamp, SequenceNumber, Ssrc};
use thiserror::Error;

/// The longest payload that is passed on, in bytes: with all that surrounds it, it fits a path of 1,500.
pub const MAX_FORWARDED: usize = 1_400;
/// A packet may be so far behind the highest, as SRTP has it.
const MAX_LATE: u16 = 1_000;
/// A jump by more is a new start.
const MAX_JUMP: u16 = 3_000;

/// Why a packet was not sent.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum SendPacketError {
    /// There is no such sender.
    #[error("there is no such sender")]
    Unknown,
    /// Nothing is agreed, or the transport is not up. Media does not wait.
    #[error("the sender does not send")]
    NotSending,
    /// There is no such encoding.
    #[error("the sender has no such encoding")]
    UnknownEncoding,
    /// The packet holds another codec than was agreed, or the same in another form.
    #[error("a packet of {actual} where {expected} was agreed, or in another form")]
    Form {
        /// What was agreed.
        expected: Codec,
        /// The packet's.
        actual: Codec,
    },
    /// Frames of the sender go through a transform, which knows no packets.
    #[error("the sender has a transform")]
    Transform,
    /// A picture that can be decoded on its own comes first: the stream begins here, or another one did.
    #[error("waiting for a key frame")]
    NeedsKeyFrame,
    /// It comes after too many others, or before the first of its stream that was sent.
    #[error("the packet comes too late")]
    Late,
    /// It is longer than [`MAX_FORWARDED`].
    #[error("a payload of {0} bytes is too long")]
    TooLong(usize),
    /// A tone is sent in its place.
    #[error("a tone is being sent")]
    Tone,
    /// More waits to be sent than [`Limits::media_queue`] allows.
    #[error("too much waits to be sent")]
    QueueFull,
}

/// Where the packets of another stream go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Splice {
    source: Ssrc,
    /// What is added to its numbers.
    sequence: u16,
    /// What is added to its timestamps.
    timestamp: u32,
    /// The oldest and the highest of its numbers that may be, and is, in use.
    oldest: SequenceNumber,
    highest: SequenceNumber,
    /// The next number of ours as this left it: another one says that something else was sent since.
    next: SequenceNumber,
}

impl Splice {
    fn takes(&self, packet: &RtpPacket, next: SequenceNumber) -> bool {
        let jump = self.highest.distance(packet.sequence_number).unsigned_abs();
        self.source == packet.ssrc && self.next == next && jump <= MAX_JUMP
    }

    fn admit(&mut self, number: SequenceNumber) {
        if !self.highest.precedes(number) {
            return;
        }
        self.highest = number;
        let oldest = number - MAX_LATE;
        if self.oldest.precedes(oldest) {
            self.oldest = oldest;
        }
    }
}

impl Sending {
    /// Queues a packet of another stream.
    pub fn forward(&mut self, now: Instant, limits: &Limits, packet: &RtpPacket) -> Result<(), SendPacketError> {
        let forwarded = self.try_forward(now, limits, packet);
        if forwarded.is_err() && packet.kind() == MediaKind::Video && packet.marker {
            self.dropped += 1;
        }
        forwarded
    }

    fn try_forward(&mut self, now: Instant, limits: &Limits, packet: &RtpPacket) -> Result<(), SendPacketError> {
        self.check_packet(now, limits, packet)?;
        let mut splice = match self.splice {
            Some(splice) if splice.takes(packet, self.stream.next_sequence_number()) && !self.needs_key_frame => splice,
            _ => self.join(now, packet)?,
        };
        let number = packet.sequence_number;
        if number.precedes(splice.oldest) {
            return Err(SendPacketError::Late);
        }
        splice.admit(number);
        self.queue_forwarded(now, packet, (number + splice.sequence, packet.timestamp + splice.timestamp));
        splice.next = self.stream.next_sequence_number();
        self.splice = Some(splice);
        Ok(())
    }

    fn check_packet(&mut self, now: Instant, limits: &Limits, packet: &RtpPacket) -> Result<(), SendPacketError> {
        if !self.parameters.active {
            return Err(SendPacketError::NotSending);
        }
        if !self.codec.form.matches(packet.form) {
            return Err(SendPacketError::Form { expected: self.codec.codec(), actual: packet.codec() });
        }
        if packet.payload.len() > MAX_FORWARDED {
            return Err(SendPacketError::TooLong(packet.payload.len()));
        }
        if self.tones.is_sounding(now) {
            return Err(SendPacketError::Tone);
        }
        if self.queued_bytes + packet.payload.len() > limits.media_queue {
            self.require_key_frame();
            return Err(SendPacketError::QueueFull);
        }
        Ok(())
    }

    /// Another stream begins, or this one anew.
    fn join(&mut self, now: Instant, packet: &RtpPacket) -> Result<Splice, SendPacketError> {
        if packet.kind() == MediaKind::Video && !packet.starts_key_frame {
            self.require_key_frame();
            return Err(SendPacketError::NeedsKeyFrame);
        }
        self.needs_key_frame = false;
        let (number, next) = (packet.sequence_number, self.stream.next_sequence_number());
        // At least a tick behind what was sent before, which is of another picture.
        let timestamp = self.stream.timestamp_at(now) + 1;
        Ok(Splice {
            source: packet.ssrc,
            sequence: (next - number.0).0,
            timestamp: (timestamp - packet.timestamp.0).0,
            oldest: number,
            highest: number,
            next,
        })
    }

    fn queue_forwarded(&mut self, now: Instant, packet: &RtpPacket, place: (SequenceNumber, RtpTimestamp)) {
        let header = self.stream.header_at(now, place, packet.marker);
        let csrcs = packet.csrcs.iter().copied().take(15).collect();
        let header = Header { csrcs, ..header };
        // Where the other side knows no events, or no silence, the number goes out all the same: nothing is missing in its place.
        let beside = if packet.is_comfort_noise { self.codec.comfort_noise } else { self.tone_format };
        let (payload_type, payload) = match (packet.is_telephone_event || packet.is_comfort_noise, beside) {
            (true, Some(payload_type)) => (payload_type, packet.payload.clone()),
            (true, None) => (header.payload_type, Bytes::new()),
            (false, _) => (header.payload_type, packet.payload.clone()),
        };
        let (header, payload) = (Header { payload_type, ..header }, SentPayload::new(&[], payload));
        self.queued_bytes += payload.len();
        let appearance = Appearance { orientation: packet.video_orientation, color_space: packet.color_space };
        let audio_level = packet.audio_level;
        self.queue.push_back(Queued { since: now, header, payload, audio_level, appearance });
        let is_video = packet.kind() == MediaKind::Video;
        self.frames += u64::from(packet.marker || !is_video);
        if is_video && packet.starts_key_frame {
            self.key_frames += 1;
            self.limiter.handle_key_frame(now);
        }
    }
}
