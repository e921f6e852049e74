//! Silence in place of frames: a packet tells what it sounds like, and none follow until there is something to be heard.
//!
//! Source: [RFC 3389 §4](https://www.rfc-editor.org/rfc/rfc3389#section-4)

use super::{Queued, SendFrameError, Sending};
use crate::engine::Limits;
use crate::engine::media::appearance::Appearance;
use bytes::Bytes;
use ortica_codecs::payload::comfort_noise::ComfortNoise;
use ortica_core::Instant;
use ortica_rtp::Header;
use ortica_rtp::header_extension::AudioLevel;
use ortica_rtp::repair::history::SentPayload;
use std::time::Duration;

impl Sending {
    /// Tells what silence sounds like from `time` on, as the source counts; `captured` is the moment that it stands for.
    pub fn push_noise(
        &mut self,
        captured: Instant,
        limits: &Limits,
        time: Duration,
        noise: &ComfortNoise,
    ) -> Result<(), SendFrameError> {
        self.check(self.codec.codec())?;
        let payload_type = self.codec.comfort_noise.ok_or(SendFrameError::NoComfortNoise)?;
        if self.tones.is_sounding(captured) {
            return Err(SendFrameError::Tone);
        }
        let payload = SentPayload::new(&noise.encode(), Bytes::new());
        if self.queued_bytes + payload.len() > limits.media_queue {
            return Err(SendFrameError::QueueFull);
        }
        let header = self.stream.next_header(captured, self.stream.timestamp(time), false);
        self.queued_bytes += payload.len();
        self.queue.push_back(Queued {
            since: captured,
            header: Header { payload_type, ..header },
            payload,
            audio_level: Some(AudioLevel::new(false, noise.level())),
            appearance: Appearance::default(),
        });
        Ok(())
    }
}
