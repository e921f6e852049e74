//! Tones that an encoding sends in place of sound.

use super::{Queued, Sending, TONE_QUEUE};
use crate::engine::media::appearance::Appearance;
use crate::engine::media::tones::{DtmfError, TonePacket};
use bytes::Bytes;
use ortica_core::Instant;
use ortica_rtp::repair::history::SentPayload;
use ortica_rtp::{Header, PayloadType};
use std::time::Duration;

impl Sending {
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

    pub(super) fn queue_tones(&mut self, now: Instant) {
        self.tones.handle_timeout(now);
        let Some(payload_type) = self.tone_format else { return };
        while let Some(packet) = self.tones.poll_packet(now, self.codec.codec().clock_rate()) {
            if self.queued_bytes < TONE_QUEUE {
                self.queue_tone(now, payload_type, packet);
            }
        }
    }

    fn queue_tone(&mut self, now: Instant, payload_type: PayloadType, packet: TonePacket) {
        if packet.marker {
            self.tone_timestamp = self.stream.timestamp_at(packet.begun);
        }
        let begun = Duration::from_secs(u64::from(packet.offset)) / self.codec.codec().clock_rate();
        let header = self.stream.next_header(packet.begun + begun, self.tone_timestamp + packet.offset, packet.marker);
        let payload = SentPayload::new(&packet.event.encode(), Bytes::new());
        self.queued_bytes += payload.len();
        self.queue.push_back(Queued {
            since: now,
            header: Header { payload_type, ..header },
            payload,
            audio_level: None,
            appearance: Appearance::default(),
        });
    }
}
