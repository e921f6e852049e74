//! Audio, video and encoded frames: shared, cheap to clone, checked when made.

mod adapter;
mod audio;
mod color;
mod convert;
mod encoded;
#[cfg(feature = "image")]
mod images;
#[cfg(feature = "ndarray")]
mod ndarrays;
mod planar;
mod resample;
mod rotate;
mod scalability;
mod scale;
mod spatial;
mod time_base;
mod video;

pub use adapter::AudioAdapter;
pub use audio::{AudioFrame, MAX_SAMPLE_RATE, MIN_SAMPLE_RATE, SampleFormat};
pub use color::{ColorMatrix, ColorSpace};
pub use encoded::{EncodedFrame, TemporalLayer};
pub use resample::Resampler;
pub use rotate::Rotation;
pub use scalability::{ScalabilityMode, UnknownScalabilityMode};
pub use spatial::SpatialLayers;
pub use time_base::TimeBase;
pub use video::{MAX_DIMENSION, PixelFormat, Plane, PlaneRef, VideoFrame};

#[cfg(all(test, feature = "vpx"))]
pub(crate) use convert::psnr;
pub(crate) use video::check_size;

use thiserror::Error;

/// Why a frame cannot be made as asked.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum FrameError {
    /// A width or height of zero, or above [`MAX_DIMENSION`].
    #[error("a picture of {width}x{height} is outside 1 to {MAX_DIMENSION}")]
    Dimensions {
        /// In pixels.
        width: u32,
        /// In pixels.
        height: u32,
    },
    /// The rectangle to cut reaches outside the picture.
    #[error("the rectangle reaches outside the picture")]
    OutsidePicture,
    /// Fewer or more planes than the format has.
    #[error("the format has {expected} planes, not {actual}")]
    PlaneCount {
        /// What the pixel format says.
        expected: usize,
        /// What was given.
        actual: usize,
    },
    /// A plane whose stride is shorter than its row, or whose bytes end before its last row does.
    #[error("plane {plane} needs {expected} bytes and has {actual}")]
    PlaneSize {
        /// Which plane, from zero.
        plane: usize,
        /// Bytes needed.
        expected: usize,
        /// Bytes given.
        actual: usize,
    },
    /// Channels other than one or two.
    #[error("{0} channels, where one or two are supported")]
    Channels(u8),
    /// A sample rate outside [`MIN_SAMPLE_RATE`] to [`MAX_SAMPLE_RATE`].
    #[error("a sample rate of {0} Hz is outside {MIN_SAMPLE_RATE} to {MAX_SAMPLE_RATE}")]
    SampleRate(u32),
    /// Samples that are not a whole number of channels, or none where some are needed.
    #[error("{0} samples do not make whole frames of audio")]
    SampleCount(usize),
}
