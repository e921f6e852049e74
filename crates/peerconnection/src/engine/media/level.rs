//! What the level of a format allows.

use super::picture::PictureLimits;
use ortica_codecs::codec::Form;

/// How much a decoder of the peer takes, by what it said of a format.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct LevelLimits {
    /// In bits per second.
    pub max_bitrate: Option<u64>,
    /// How large and how many pictures may be.
    pub picture: PictureLimits,
}

impl LevelLimits {
    pub fn of(form: Form) -> Self {
        match form {
            Form::H264(form) => Self {
                max_bitrate: Some(form.level.max_bitrate().into()),
                picture: PictureLimits {
                    max_macroblocks: Some(form.level.max_macroblocks()),
                    max_macroblock_rate: Some(form.level.max_macroblock_rate()),
                    ..PictureLimits::default()
                },
            },
            _ => Self::default(),
        }
    }
}
