//! A receiver whose frames go through the application before they are given out.

use super::{Layer, Limits, ReceivedFrame, Receiver};
use crate::engine::media::transform::{
    Detour, KeyFrameError, MediaMetadata, Passage, RtpFrame, Timing, WriteFrameError,
};
use ortica_codecs::MediaKind;
use ortica_core::Instant;
use ortica_rtp::header_extension::Values;
use ortica_rtp::{Packet, PayloadType, RtpTimestamp, SequenceNumber, Ssrc};
use std::collections::VecDeque;

/// Frames whose packets are remembered: as many as may be held back.
const MAX_NOTES: usize = 512;
/// Losses of sound that wait for the frame behind them.
const MAX_LOST: usize = 60;

/// A receiver's way through the application.
#[derive(Debug)]
pub(super) struct Transform {
    detour: Detour,
    /// What packets said, from the oldest on.
    notes: VecDeque<Note>,
    /// Sound that was lost, behind the frame of that number.
    lost: VecDeque<(u64, ReceivedFrame)>,
    /// The time of the last frame, in ticks of its clock.
    last: i64,
}

/// What the first packet of a frame said of it.
#[derive(Debug)]
struct Note {
    ssrc: Ssrc,
    timestamp: RtpTimestamp,
    payload_type: PayloadType,
    sequence: SequenceNumber,
    sources: Vec<Ssrc>,
    audio_level: Option<u8>,
}

impl Transform {
    fn new(detour: Detour) -> Self {
        Self { detour, notes: VecDeque::new(), lost: VecDeque::new(), last: 0 }
    }

    /// A packet has come.
    pub fn note(&mut self, packet: &Packet<'_>, values: &Values) {
        let (ssrc, timestamp) = (packet.ssrc(), packet.timestamp());
        if self.notes.iter().rev().any(|note| note.ssrc == ssrc && note.timestamp == timestamp) {
            return;
        }
        if self.notes.len() >= MAX_NOTES {
            self.notes.pop_front();
        }
        self.notes.push_back(Note {
            ssrc,
            timestamp,
            payload_type: packet.payload_type(),
            sequence: packet.sequence_number(),
            sources: packet.csrcs().collect(),
            audio_level: values.audio_level.map(|level| level.attenuation()),
        });
    }

    /// Fills in what the packets of a frame said.
    fn tell(&mut self, layer: &Layer, frame: &mut RtpFrame) {
        let stream = layer.stream.as_ref();
        let ssrc = stream.map(|stream| stream.receive.ssrc());
        let timestamp = RtpTimestamp(frame.pts() as u32);
        let of_frame = |note: &Note| ssrc == Some(note.ssrc) && note.timestamp == timestamp;
        let note = self.notes.iter().position(of_frame).and_then(|at| self.notes.remove(at));
        let metadata = frame.metadata_mut();
        metadata.rtp_timestamp = Some(timestamp);
        metadata.rid = layer.rid;
        metadata.synchronization_source = ssrc;
        metadata.payload_type = stream.map(|stream| stream.codec.payload_type);
        let Some(note) = note else { return };
        metadata.payload_type = Some(note.payload_type);
        metadata.contributing_sources = note.sources;
        if let MediaMetadata::Audio(audio) = &mut metadata.media {
            audio.sequence_number = Some(note.sequence);
            audio.audio_level = note.audio_level.map(crate::engine::media::sources::linear);
        }
    }
}

impl Receiver {
    /// Frames go through the application from now on, or no more. What waits for it is dropped then: it was to be changed.
    pub fn set_transform(&mut self, now: Instant, detour: Option<Detour>) {
        match detour {
            Some(_) if self.transform.is_some() => {}
            Some(detour) => self.transform = Some(Box::new(Transform::new(detour))),
            None if self.transform.take().is_some() => {
                self.layers.iter_mut().for_each(|layer| layer.require_key_frame(now));
            }
            None => {}
        }
    }

    /// Hands what was collected of a layer to the application.
    pub(super) fn divert(&mut self, now: Instant, at: usize) {
        let (Some(layer), Some(transform)) = (self.layers.get_mut(at), &mut self.transform) else { return };
        for received in self.collected.drain(..) {
            let ReceivedFrame::Frame { frame: encoded, began, arrived, captured, discontinuity } = received else {
                if transform.lost.len() >= MAX_LOST {
                    transform.lost.pop_front();
                }
                transform.lost.push_back((transform.detour.came(), received));
                continue;
            };
            transform.last = encoded.pts;
            let mut frame = RtpFrame::from(encoded.clone());
            frame.timing = Timing { captured: None, began: Some(began), arrived: Some(arrived), discontinuity };
            let metadata = frame.metadata_mut();
            (metadata.receive_time, metadata.capture_time) = (Some(arrived), captured);
            transform.tell(layer, &mut frame);
            transform.detour.describe(&encoded, &mut frame);
            if transform.detour.push(frame) == Passage::KeyFrameWanted {
                layer.request_key_frame(now);
            }
        }
        self.unread.dropped += transform.detour.take_dropped();
    }

    /// `true`, once, when frames wait for the application where none did.
    pub fn take_untransformed(&mut self) -> bool {
        self.transform.as_mut().is_some_and(|transform| transform.detour.take_readable())
    }

    /// The frame that has waited for the application longest.
    pub fn read_untransformed(&mut self) -> Option<RtpFrame> {
        self.transform.as_mut()?.detour.read()
    }

    /// Asks for key frames of all that comes.
    pub fn send_key_frame_request(&mut self, now: Instant) -> Result<(), KeyFrameError> {
        if self.kind != MediaKind::Video || self.parameters.is_none() {
            return Err(KeyFrameError::InvalidState);
        }
        self.unread.expect_reader();
        self.layers.iter_mut().for_each(|layer| layer.request_key_frame(now));
        Ok(())
    }

    /// A frame that the application has done with is given out.
    pub fn write_transformed(&mut self, now: Instant, limits: &Limits, frame: RtpFrame) -> Result<(), WriteFrameError> {
        let transform = self.transform.as_mut().ok_or(WriteFrameError::NoTransform)?;
        if frame.kind() != self.kind {
            return Err(WriteFrameError::Kind(self.kind));
        }
        let rid = frame.metadata().rid;
        let at = self.layers.iter().position(|layer| layer.rid == rid || rid.is_none());
        let at = at.ok_or(WriteFrameError::UnknownLayer)?;
        transform.detour.admit(&frame)?;
        // What was lost before it comes first.
        while transform.lost.front().is_some_and(|(behind, _)| frame.is_behind(*behind)) {
            self.collected.extend(transform.lost.pop_front().map(|(_, lost)| lost));
        }
        let pts = frame.unwrapped(if frame.is_copy() { transform.last } else { frame.pts() });
        let timing = frame.timing;
        let captured = frame.metadata().capture_time;
        let mut encoded = frame.into_encoded();
        encoded.pts = pts;
        self.collected.push_back(ReceivedFrame::Frame {
            frame: encoded,
            began: timing.began.unwrap_or(now),
            arrived: timing.arrived.unwrap_or(now),
            captured,
            discontinuity: timing.discontinuity,
        });
        self.give_out(now, limits, at);
        Ok(())
    }
}
