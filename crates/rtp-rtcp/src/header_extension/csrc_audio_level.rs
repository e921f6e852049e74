//! Says how loud each contributing source of a mixed packet is.
//!
//! Source: [RFC 6465 §3](https://www.rfc-editor.org/rfc/rfc6465#section-3)

use ortica_core::DecodeError;

/// The name of this extension in session descriptions.
pub const URI: &str = "urn:ietf:params:rtp-hdrext:csrc-audio-level";

/// As many as a packet has contributing sources.
const MAX: usize = 15;

/// Levels of the contributing sources of a packet, in their order; at most 15.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct CsrcAudioLevels {
    attenuations: [u8; MAX],
    count: u8,
}

impl CsrcAudioLevels {
    /// Levels in dB below the loudest that can be coded: 127 and more is silence. More than 15 are cut off.
    pub fn new(attenuations: &[u8]) -> Self {
        let mut levels = Self::default();
        for (to, from) in levels.attenuations.iter_mut().zip(attenuations) {
            *to = (*from).min(127);
            levels.count += 1;
        }
        levels
    }

    /// The levels in dB below the loudest: 0 is the overload point, 127 is silence.
    pub fn iter(&self) -> impl Iterator<Item = u8> + '_ {
        self.attenuations.iter().copied().take(usize::from(self.count))
    }

    pub(super) const fn len(&self) -> usize {
        self.count as usize
    }
}

/// The first bit of each level is reserved.
pub(super) fn decode(data: &[u8]) -> Result<CsrcAudioLevels, DecodeError> {
    if data.is_empty() || data.len() > MAX {
        return Err(DecodeError::Invalid("csrc audio level extension"));
    }
    let levels: Vec<u8> = data.iter().map(|level| level & 0x7f).collect();
    Ok(CsrcAudioLevels::new(&levels))
}

pub(super) fn encode(levels: &CsrcAudioLevels, out: &mut Vec<u8>) {
    out.extend(levels.iter());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_bounded_in_value_and_number() {
        let levels = CsrcAudioLevels::new(&[0, 200, 30]);
        assert_eq!(levels.iter().collect::<Vec<_>>(), [0, 127, 30]);
        assert_eq!(CsrcAudioLevels::new(&[1; 20]).len(), 15);
        assert_eq!(decode(&[0x80 | 5, 6]).unwrap().iter().collect::<Vec<_>>(), [5, 6]);
        assert!(decode(&[]).is_err() && decode(&[0; 16]).is_err());
    }
}
