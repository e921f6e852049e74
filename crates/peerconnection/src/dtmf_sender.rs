//! Keys of a telephone, as a handle.

use crate::engine::DtmfError;
use crate::rtp_transceiver::RtpSender;
use std::time::Duration;

/// What plays the keys of a telephone over a sender of sound.
///
/// Source: [webrtc-pc §7.2](https://www.w3.org/TR/webrtc/#rtcdtmfsender)
#[derive(Clone, Debug)]
pub struct DtmfSender {
    pub(crate) sender: RtpSender,
}

impl DtmfSender {
    /// How long a tone is held by default.
    pub const DURATION: Duration = Duration::from_millis(100);
    /// The pause behind a tone, by default.
    pub const GAP: Duration = Duration::from_millis(70);

    /// Plays tones in place of those that wait: `0` to `9`, `A` to `D` of either case, `*`, `#`, and the comma, which waits two
    /// seconds; none at all drops what waits. Sound is left out meanwhile.
    /// [`Event::ToneChange`](crate::Event::ToneChange) tells when each begins.
    ///
    /// # Errors
    /// See [`DtmfError`]; what waits is as before then.
    pub fn insert_dtmf(&self, tones: &str) -> Result<(), DtmfError> {
        self.insert_dtmf_with(tones, Self::DURATION, Self::GAP)
    }

    /// The same, with how long each tone is held (40 ms to 6 s) and the pause behind it (30 ms at least); what lies outside
    /// counts as the nearest that is legal.
    ///
    /// # Errors
    /// As [`insert_dtmf`](Self::insert_dtmf).
    pub fn insert_dtmf_with(&self, tones: &str, duration: Duration, gap: Duration) -> Result<(), DtmfError> {
        if self.sender.track().is_none() {
            return Err(DtmfError::InvalidState);
        }
        self.sender.command(|peer, now, id| peer.insert_dtmf(now, id, tones, duration, gap))
    }

    /// Whether tones can be played now: a track is sent, and the other side takes tones.
    pub fn can_insert_dtmf(&self) -> bool {
        self.sender.track().is_some() && self.sender.command(|peer, _, id| peer.can_insert_dtmf(id))
    }

    /// The tones that wait.
    pub fn tone_buffer(&self) -> String {
        self.sender.command(|peer, _, id| peer.tone_buffer(id))
    }
}
