//! Encoders and decoders, behind four small traits.
//!
//! They block for as long as the work takes, belong to one stream each, and run wherever the caller puts them. Targets are
//! changed in place: a new bitrate never costs a key frame.
//!
//! Which ones there are is a matter of what is built in and of what the application registers ([`register_audio`],
//! [`register_video`]): its own for a codec that has none here, such as AV1, or one in place of those here, such as the encoder of a
//! graphics card. [`audio_encoder`] and its siblings give the first that works.
//!
//! | codec | encoder and decoder | feature |
//! |---|---|---|
//! | PCMU, PCMA | [`g711`], in Rust | always |
//! | G722 | [`g722`], in Rust | always |
//! | Opus | `opus`, libopus built from source | `opus` |
//! | VP8, VP9 | `vpx`, the system's libvpx | `vpx` |
//! | H.264 | `h264`, OpenH264 built from source | `h264` |
//! | AV1, H.265 | a decoder alone, of the system's FFmpeg | `ffmpeg` |

mod built_in;
#[cfg(any(feature = "h264", feature = "ffmpeg"))]
mod clock;
pub mod comfort_noise;
mod config;
pub mod g711;
pub mod g722;
#[cfg(feature = "h264")]
pub mod h264;
#[cfg(feature = "opus")]
pub mod opus;
mod registry;
pub mod silence;
#[cfg(feature = "vpx")]
pub mod vpx;

#[cfg(any(feature = "vpx", feature = "h264"))]
pub(crate) use built_in::makes_layers as built_in_makes_layers;
#[cfg(any(feature = "h264", feature = "ffmpeg"))]
pub(crate) use clock::RisingClock;
pub(crate) use registry::can_code;
pub use registry::{
    AudioCoderFactory, VideoCoderFactory, audio_decoder, audio_encoder, makes_layers, register_audio, register_video,
    video_decoder, video_encoder,
};

pub use config::{AudioContent, AudioEncoderConfig, DecoderLimits, VideoEncoderConfig};

use thiserror::Error;

use crate::{AudioFrame, Codec, EncodedFrame, FrameError, VideoFrame};

/// Turns sound into [`EncodedFrame`]s.
pub trait AudioEncoder: Send {
    /// What it makes.
    fn codec(&self) -> Codec;

    /// What it is called in statistics: the library, or the device.
    fn implementation(&self) -> &'static str;

    /// The sample rate it wants, in hertz.
    fn sample_rate(&self) -> u32;

    /// The channels it wants.
    fn channels(&self) -> u8;

    /// The samples per channel it wants in each frame. An [`AudioAdapter`](crate::frame::AudioAdapter) brings any source into
    /// this shape.
    fn frame_len(&self) -> usize;

    /// Encodes one frame. `None` if it is silence that need not be sent. The result's time is the frame's, in ticks of the
    /// codec's clock.
    ///
    /// # Errors
    /// [`CoderError::Shape`] for a frame of another shape, [`CoderError::Library`] if the codec fails.
    fn encode(&mut self, frame: &AudioFrame) -> Result<Option<EncodedFrame>, CoderError>;

    /// Aims at this bitrate from the next frame on, in bits per second. No effect where a codec has only one.
    ///
    /// # Errors
    /// [`CoderError::Library`] if the codec refuses.
    fn set_bitrate(&mut self, bits_per_second: u32) -> Result<(), CoderError>;

    /// Protects against this share of lost packets, in percent, as far as the codec can. Default 0.
    ///
    /// # Errors
    /// [`CoderError::Library`] if the codec refuses.
    fn set_expected_loss(&mut self, percent: u8) -> Result<(), CoderError>;
}

/// Turns [`EncodedFrame`]s into sound.
pub trait AudioDecoder: Send {
    /// What it takes.
    fn codec(&self) -> Codec;

    /// What it is called in statistics: the library, or the device.
    fn implementation(&self) -> &'static str;

    /// The sample rate of what it makes, in hertz.
    fn sample_rate(&self) -> u32;

    /// The channels of what it makes.
    fn channels(&self) -> u8;

    /// Decodes one frame. The result's time is the frame's, in samples.
    ///
    /// # Errors
    /// [`CoderError`] for bytes that are no frame of the codec. The decoder goes on with the next.
    fn decode(&mut self, frame: &EncodedFrame) -> Result<AudioFrame, CoderError>;

    /// Makes `samples` per channel up for what was lost, at most 120 ms: from what came before, or silence where the codec
    /// knows no better.
    ///
    /// # Errors
    /// [`CoderError::Shape`] for a length that cannot be, [`CoderError::Library`] if the codec fails.
    fn conceal(&mut self, samples: usize) -> Result<AudioFrame, CoderError>;

    /// Recovers the frame **before** `next` from what `next` carries of it, `samples` long per channel; `next` itself is
    /// decoded afterwards. Where nothing is carried this is [`conceal`](Self::conceal), which is also the default.
    ///
    /// # Errors
    /// As [`conceal`](Self::conceal).
    fn recover(&mut self, next: &EncodedFrame, samples: usize) -> Result<AudioFrame, CoderError> {
        let _ = next;
        self.conceal(samples)
    }
}

/// Turns pictures into [`EncodedFrame`]s.
pub trait VideoEncoder: Send {
    /// What it makes.
    fn codec(&self) -> Codec;

    /// What it is called in statistics: the library, or the device.
    fn implementation(&self) -> &'static str;

    /// Encodes one picture of any format and size, as a key frame if `key_frame` is set or the size has changed. `None` if the
    /// encoder dropped the picture to keep to its bitrate. The result's time is the picture's, in ticks of 90 kHz.
    ///
    /// # Errors
    /// [`CoderError::Picture`] for a size the codec has no words for, [`CoderError::Library`] if the codec fails.
    fn encode(&mut self, frame: &VideoFrame, key_frame: bool) -> Result<Option<EncodedFrame>, CoderError>;

    /// Aims at this bitrate from the next picture on, in bits per second, without a key frame.
    ///
    /// # Errors
    /// [`CoderError::Library`] if the codec refuses.
    fn set_bitrate(&mut self, bits_per_second: u32) -> Result<(), CoderError>;
}

/// Turns [`EncodedFrame`]s into pictures.
pub trait VideoDecoder: Send {
    /// What it takes.
    fn codec(&self) -> Codec;

    /// What it is called in statistics: the library, or the device.
    fn implementation(&self) -> &'static str;

    /// Decodes one frame. `None` if it shows nothing. The result's time is the frame's, in ticks of 90 kHz, and its colors those of
    /// every [`VideoFrame`], whichever the frame has ([`EncodedFrame::color_space`], else what it says itself).
    ///
    /// # Errors
    /// [`CoderError`] for bytes that are no frame of the codec or a picture above the limits. The decoder goes on with the next
    /// key frame, so this is the moment to ask for one.
    fn decode(&mut self, frame: &EncodedFrame) -> Result<Option<VideoFrame>, CoderError>;
}

/// Why something was not encoded or decoded.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum CoderError {
    /// No coder for the codec is built in or registered.
    #[error("there is no coder for {0}")]
    NotCompiledIn(Codec),
    /// A video codec where sound was asked for, or the other way round, or a frame of another codec.
    #[error("{0} is not a codec of this coder")]
    WrongCodec(Codec),
    /// A value of the configuration that the codec has no words for.
    #[error("the codec does not know such {0}")]
    Configuration(&'static str),
    /// Sound of another rate, another number of channels or another length than the coder wants.
    #[error("sound of {sample_rate} Hz, {channels} channels, {len} samples, which the coder does not take")]
    Shape {
        /// The frame's, in hertz.
        sample_rate: u32,
        /// The frame's.
        channels: u8,
        /// The frame's, per channel.
        len: usize,
    },
    /// A picture larger than the codec or the limits allow.
    #[error("a picture of {width}x{height} is beyond what is allowed")]
    Picture {
        /// In pixels.
        width: u32,
        /// In pixels.
        height: u32,
    },
    /// A frame that needs a key frame before it, which has not come.
    #[error("waiting for a key frame")]
    NeedsKeyFrame,
    /// Bytes that are no frame of the codec.
    #[error("not a frame of the codec")]
    Malformed,
    /// The codec library failed.
    #[error("{call} failed: {reason}")]
    Library {
        /// The function that did.
        call: &'static str,
        /// What the library says about it.
        reason: String,
    },
    /// The result is no frame.
    #[error(transparent)]
    Frame(#[from] FrameError),
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Guards: what can be coded has both, and what has one of them alone does not count.
    #[test]
    fn a_coder_exists_for_each_codec_that_can_code() {
        for &codec in Codec::ALL {
            let (encoder, decoder) = match codec.kind() {
                crate::MediaKind::Audio => (
                    audio_encoder(codec, &AudioEncoderConfig::default()).map(|coder| coder.codec()),
                    audio_decoder(codec).map(|coder| coder.codec()),
                ),
                crate::MediaKind::Video => (
                    video_encoder(codec, &VideoEncoderConfig::default()).map(|coder| coder.codec()),
                    video_decoder(codec, DecoderLimits::default()).map(|coder| coder.codec()),
                ),
            };
            assert_eq!(codec.can_code(), encoder.is_ok() && decoder.is_ok(), "{codec}");
            for coder in [encoder, decoder] {
                assert!(coder == Ok(codec) || coder == Err(CoderError::NotCompiledIn(codec)), "{codec}: {coder:?}");
            }
        }
    }

    #[test]
    fn sound_is_no_picture() {
        assert!(audio_decoder(Codec::Vp8).is_err_and(|error| error == CoderError::WrongCodec(Codec::Vp8)));
        let decoder = video_decoder(Codec::Pcmu, DecoderLimits::default());
        assert!(decoder.is_err_and(|error| error == CoderError::WrongCodec(Codec::Pcmu)));
    }
}
