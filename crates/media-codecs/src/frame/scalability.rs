//! How a stream of pictures is made of layers.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// The modes, each with its name, its layers in space and in time, and how those in space are made.
macro_rules! modes {
    ($($(#[$doc:meta])* $mode:ident = $name:literal, $spatial:literal, $temporal:literal, $making:ident;)+) => {
        /// How many layers a stream of pictures has, in space (L) and in time (T), and how they follow each other.
        ///
        /// Of several layers in time each has twice the pictures of the one below. Of several in space each has twice the width and
        /// height of the one below, or one and a half times where the name ends in `h`; the highest has the size of the picture. A
        /// layer in space refers to the one below: in every picture, or in key frames alone where the name ends in `_KEY`.
        ///
        /// Source: [Scalable Video Coding Extension for WebRTC §9](https://www.w3.org/TR/webrtc-svc/#scalabilitymodes)
        #[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
        #[non_exhaustive]
        pub enum ScalabilityMode {
            $($(#[$doc])* $mode,)+
        }

        impl ScalabilityMode {
            /// Every mode.
            pub const ALL: &'static [Self] = &[$(Self::$mode,)+];

            /// Its name in the W3C's specification.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$mode => $name,)+ }
            }

            const fn shape(self) -> (u8, u8, Making) {
                match self { $(Self::$mode => ($spatial, $temporal, Making::$making),)+ }
            }
        }
    };
}

modes! {
    /// One layer.
    #[default]
    L1T1 = "L1T1", 1, 1, Halves;
    /// Every second picture can be left out.
    L1T2 = "L1T2", 1, 2, Halves;
    /// Every second picture can be left out, and every second of the rest.
    L1T3 = "L1T3", 1, 3, Halves;
    /// Two layers in space.
    L2T1 = "L2T1", 2, 1, Halves;
    /// Two layers in space, two in time.
    L2T2 = "L2T2", 2, 2, Halves;
    /// Two layers in space, three in time.
    L2T3 = "L2T3", 2, 3, Halves;
    /// Three layers in space.
    L3T1 = "L3T1", 3, 1, Halves;
    /// Three layers in space, two in time.
    L3T2 = "L3T2", 3, 2, Halves;
    /// Three layers in space, three in time.
    L3T3 = "L3T3", 3, 3, Halves;
    /// Two layers in space, close in size.
    L2T1h = "L2T1h", 2, 1, Thirds;
    /// Two layers in space, close in size, two in time.
    L2T2h = "L2T2h", 2, 2, Thirds;
    /// Two layers in space, close in size, three in time.
    L2T3h = "L2T3h", 2, 3, Thirds;
    /// Three layers in space, close in size.
    L3T1h = "L3T1h", 3, 1, Thirds;
    /// Three layers in space, close in size, two in time.
    L3T2h = "L3T2h", 3, 2, Thirds;
    /// Three layers in space, close in size, three in time.
    L3T3h = "L3T3h", 3, 3, Thirds;
    /// Two layers in space that part after the key frame.
    L2T1Key = "L2T1_KEY", 2, 1, HalvesOfKeyFrames;
    /// Two layers in space that part after the key frame, two in time.
    L2T2Key = "L2T2_KEY", 2, 2, HalvesOfKeyFrames;
    /// Two layers in space that part after the key frame, three in time.
    L2T3Key = "L2T3_KEY", 2, 3, HalvesOfKeyFrames;
    /// Three layers in space that part after the key frame.
    L3T1Key = "L3T1_KEY", 3, 1, HalvesOfKeyFrames;
    /// Three layers in space that part after the key frame, two in time.
    L3T2Key = "L3T2_KEY", 3, 2, HalvesOfKeyFrames;
    /// Three layers in space that part after the key frame, three in time.
    L3T3Key = "L3T3_KEY", 3, 3, HalvesOfKeyFrames;
}

/// How layers in space are made of each other.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Making {
    /// Each is half as wide and high as the one above, which refers to it.
    Halves,
    /// Each is two thirds as wide and high as the one above, which refers to it.
    Thirds,
    /// Each is half as wide and high as the one above, which refers to it in key frames alone.
    HalvesOfKeyFrames,
}

/// A name that is no scalability mode known here.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("an unknown scalability mode")]
pub struct UnknownScalabilityMode;

impl ScalabilityMode {
    /// The layers in space, 1 to 3.
    pub const fn spatial_layers(self) -> u8 {
        self.shape().0
    }

    /// The layers in time, 1 to 3.
    pub const fn temporal_layers(self) -> u8 {
        self.shape().1
    }

    /// Whether layers in space refer to the one below in key frames alone, so that whoever has those can be given the highest alone.
    pub const fn parts_after_key_frames(self) -> bool {
        matches!(self.shape().2, Making::HalvesOfKeyFrames)
    }

    /// Width and height of a layer in space as a part of those of the picture, over and under the line; 0 is the lowest layer.
    pub const fn scale_of(self, layer: u8) -> (u32, u32) {
        let below = self.spatial_layers().saturating_sub(layer).saturating_sub(1) as u32;
        match self.shape().2 {
            Making::Thirds => (2u32.pow(below), 3u32.pow(below)),
            Making::Halves | Making::HalvesOfKeyFrames => (1, 2u32.pow(below)),
        }
    }

    /// The same mode with fewer layers in space, 1 at least.
    #[must_use]
    pub fn with_spatial_layers(self, layers: u8) -> Self {
        let (spatial, temporal, making) = self.shape();
        let layers = layers.clamp(1, spatial);
        let wanted = (layers, temporal, if layers == 1 { Making::Halves } else { making });
        Self::ALL.iter().copied().find(|mode| mode.shape() == wanted).unwrap_or(self)
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

    /// The guard: the table says what the names say.
    #[test]
    fn a_name_tells_the_layers() {
        for mode in ScalabilityMode::ALL {
            let name = mode.as_str();
            assert_eq!(name[..4], format!("L{}T{}", mode.spatial_layers(), mode.temporal_layers()));
            assert_eq!(mode.parts_after_key_frames(), name.ends_with("_KEY"));
            let top = mode.spatial_layers() - 1;
            assert_eq!(mode.scale_of(top), (1, 1));
            let below = if name.ends_with('h') { (2, 3) } else { (1, 2) };
            assert!(top == 0 || mode.scale_of(top - 1) == below, "{mode}");
        }
        assert_eq!((ScalabilityMode::L3T1h.scale_of(0), ScalabilityMode::L3T1Key.scale_of(0)), ((4, 9), (1, 4)));
    }

    #[test]
    fn layers_in_space_can_be_taken_away() {
        for (mode, layers, fewer) in [
            (ScalabilityMode::L3T3Key, 2, ScalabilityMode::L2T3Key),
            (ScalabilityMode::L3T2h, 2, ScalabilityMode::L2T2h),
            (ScalabilityMode::L3T3Key, 1, ScalabilityMode::L1T3),
            (ScalabilityMode::L2T1h, 0, ScalabilityMode::L1T1),
            (ScalabilityMode::L2T1, 3, ScalabilityMode::L2T1),
        ] {
            assert_eq!(mode.with_spatial_layers(layers), fewer);
        }
    }
}
