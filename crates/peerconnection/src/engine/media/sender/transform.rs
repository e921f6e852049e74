//! A sender whose frames go through the application before they are cut.

use super::{Marks, SendFrameError, Sender, Sending};
use crate::engine::Limits;
use crate::engine::media::transform::{Detour, KeyFrameError, Passage, RtpFrame, Timing, WriteFrameError};
use ortica_codecs::{EncodedFrame, MediaKind};
use ortica_core::{Instant, WallClock};
use ortica_rtp::Rid;

impl Sender {
    /// Frames go through the application from now on, or no more. What waits for it is dropped then: it was to be changed.
    pub fn set_transform(&mut self, detour: Option<Detour>) {
        match detour {
            Some(_) if self.detour.is_some() => {}
            Some(detour) => self.detour = Some(Box::new(detour)),
            None if self.detour.take().is_some() => self.encodings.iter_mut().for_each(Sending::require_key_frame),
            None => {}
        }
    }

    pub fn has_transform(&self) -> bool {
        self.detour.is_some()
    }

    /// A frame of an encoder waits for the application; `true` if that is news.
    pub fn divert(
        &mut self,
        captured: Instant,
        clock: WallClock,
        encoding: usize,
        encoded: &EncodedFrame,
    ) -> Result<bool, SendFrameError> {
        let sending = self.encodings.get_mut(encoding).ok_or(SendFrameError::UnknownEncoding)?;
        sending.check(encoded.codec)?;
        let Some(detour) = &mut self.detour else { return Ok(false) };
        let mut frame = RtpFrame::from(encoded.clone());
        frame.timing = Timing { captured: Some(captured), ..Timing::default() };
        let metadata = frame.metadata_mut();
        metadata.synchronization_source = Some(sending.stream.ssrc());
        metadata.payload_type = Some(sending.codec.payload_type);
        metadata.rtp_timestamp = Some(sending.stream.timestamp(encoded.time()));
        metadata.rid = sending.parameters.rid;
        metadata.capture_time = Some(clock.ntp(captured));
        detour.describe(encoded, &mut frame);
        if detour.push(frame) == Passage::KeyFrameWanted {
            self.encodings.iter_mut().for_each(Sending::want_key_frame);
        }
        self.dropped += detour.take_dropped();
        Ok(detour.take_readable())
    }

    /// The frame that has waited for the application longest.
    pub fn read_untransformed(&mut self) -> Option<RtpFrame> {
        self.detour.as_mut()?.read()
    }

    /// Key frames are wanted of the encodings of these names, or of all.
    pub fn generate_key_frame(&mut self, rids: &[Rid]) -> Result<(), KeyFrameError> {
        if self.kind != MediaKind::Video {
            return Err(KeyFrameError::InvalidState);
        }
        let is_active = |sending: &Sending| sending.parameters.active;
        let has = |rid: &Rid| self.encodings.iter().any(|it| is_active(it) && it.parameters.rid == Some(*rid));
        if !self.encodings.iter().any(is_active) || !rids.iter().all(has) {
            return Err(KeyFrameError::NotFound);
        }
        let is_named =
            |sending: &&mut Sending| rids.is_empty() || sending.parameters.rid.is_some_and(|rid| rids.contains(&rid));
        self.encodings.iter_mut().filter(is_named).for_each(Sending::want_key_frame);
        Ok(())
    }

    /// The encoding of which a key frame is wanted, told once.
    pub fn take_key_frame_request(&mut self) -> Option<Option<Rid>> {
        let wanted = |sending: &&mut Sending| sending.parameters.active && sending.key_frame_wanted;
        let sending = self.encodings.iter_mut().find(wanted)?;
        sending.key_frame_wanted = false;
        Some(sending.parameters.rid)
    }

    pub fn wants_key_frame(&self) -> bool {
        self.encodings.iter().any(|sending| sending.parameters.active && sending.key_frame_wanted)
    }

    /// A frame that the application has done with is cut into packets.
    pub fn write_transformed(&mut self, now: Instant, limits: &Limits, frame: RtpFrame) -> Result<(), WriteFrameError> {
        let detour = self.detour.as_mut().ok_or(WriteFrameError::NoTransform)?;
        let rid = frame.metadata().rid;
        let named = |sending: &Sending| sending.parameters.rid == rid;
        let sending = match self.encodings.as_mut_slice() {
            [] => return Err(SendFrameError::NotSending.into()),
            encodings if rid.is_some() => encodings.iter_mut().find(|sending| named(sending)),
            encodings => encodings.first_mut(),
        };
        let sending = sending.ok_or(SendFrameError::UnknownEncoding)?;
        detour.admit(&frame)?;
        let is_key_frame_behind = detour.is_key_frame_behind(&frame);
        let was_wanted = sending.key_frame_wanted;
        let captured = frame.timing.captured.unwrap_or(now);
        let metadata = frame.metadata();
        let marks = Marks { timestamp: metadata.rtp_timestamp, sources: metadata.contributing_sources.clone() };
        let sent = sending.push_marked(captured, limits, &frame.into_encoded(), &marks);
        if sent == Err(SendFrameError::NeedsKeyFrame) && is_key_frame_behind {
            // It is on its way.
            sending.key_frame_wanted = was_wanted;
        }
        Ok(sent?)
    }
}
