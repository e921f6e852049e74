//! Says how loud the audio of a packet is, so that who forwards it need not decode it.
//!
//! Source: [RFC 6464 §3](https://www.rfc-editor.org/rfc/rfc6464#section-3)

use ortica_core::DecodeError;

/// The name of this extension in session descriptions.
pub const URI: &str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";

/// Level and voice activity of the audio in a packet.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct AudioLevel {
    voice: bool,
    attenuation: u8,
}

impl AudioLevel {
    pub(super) const LEN: usize = 1;
    /// Digital silence.
    pub const SILENCE: Self = Self { voice: false, attenuation: 127 };

    /// Audio `attenuation` dB below the loudest that can be coded (more than 127 counts as 127, silence), with `voice` in
    /// it or not.
    pub const fn new(voice: bool, attenuation: u8) -> Self {
        Self { voice, attenuation: if attenuation > 127 { 127 } else { attenuation } }
    }

    /// `true` when the sender believes that someone speaks.
    pub const fn voice(self) -> bool {
        self.voice
    }

    /// dB below the loudest: 0 is the overload point, 127 is silence.
    pub const fn attenuation(self) -> u8 {
        self.attenuation
    }
}

/// A second byte may follow as padding in the two-byte form: it is ignored, as RFC 6464 §3 says.
pub(super) fn decode(data: &[u8]) -> Result<AudioLevel, DecodeError> {
    let (&byte, _) = data.split_first().ok_or(DecodeError::Truncated("audio level extension"))?;
    Ok(AudioLevel { voice: byte & 0x80 != 0, attenuation: byte & 0x7f })
}

pub(super) fn encode(level: AudioLevel, out: &mut Vec<u8>) {
    out.push((u8::from(level.voice) << 7) | level.attenuation);
}
