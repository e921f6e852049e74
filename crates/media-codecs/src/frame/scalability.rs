//! How a stream of pictures is made of layers.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// How many layers a stream of pictures has, in space (L) and in time (T), and how they follow each other.
///
/// Source: [Scalable Video Coding Extension for WebRTC §9](https://www.w3.org/TR/webrtc-svc/#scalabilitymodes)
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum ScalabilityMode {
    /// One layer.
    #[default]
    L1T1,
    /// Every second picture can be left out.
    L1T2,
    /// Every second picture can be left out, and every second of the rest.
    L1T3,
}

/// A name that is no scalability mode known here.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("an unknown scalability mode")]
pub struct UnknownScalabilityMode;

impl ScalabilityMode {
    /// Every mode.
    pub const ALL: &'static [Self] = &[Self::L1T1, Self::L1T2, Self::L1T3];

    /// The layers in time, 1 to 3.
    pub const fn temporal_layers(self) -> u8 {
        match self {
            Self::L1T1 => 1,
            Self::L1T2 => 2,
            Self::L1T3 => 3,
        }
    }

    /// Its name in the W3C's specification.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::L1T1 => "L1T1",
            Self::L1T2 => "L1T2",
            Self::L1T3 => "L1T3",
        }
    }
}

impl fmt::Display for ScalabilityMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ScalabilityMode {
    type Err = UnknownScalabilityMode;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL.iter().copied().find(|mode| mode.as_str() == name).ok_or(UnknownScalabilityMode)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_to_their_mode() {
        for mode in ScalabilityMode::ALL {
            assert_eq!(mode.to_string().parse(), Ok(*mode));
        }
        assert_eq!("L1T4".parse::<ScalabilityMode>(), Err(UnknownScalabilityMode));
        assert_eq!("l1t2".parse::<ScalabilityMode>(), Err(UnknownScalabilityMode), "letters count");
    }
}
