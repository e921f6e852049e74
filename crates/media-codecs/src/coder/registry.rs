//! Which coders there are: those of the application before those that are built in.

use std::sync::{Arc, PoisonError, RwLock};

use super::{
    AudioDecoder, AudioEncoder, AudioEncoderConfig, CoderError, DecoderLimits, VideoDecoder, VideoEncoder,
    VideoEncoderConfig, built_in,
};
use crate::codec::Form;
use crate::frame::ScalabilityMode;
use crate::{Codec, MediaKind};

/// Makes encoders and decoders of one codec of sound. Without one of the two methods it makes only the other.
pub trait AudioCoderFactory: Send + Sync {
    /// Of which codec.
    fn codec(&self) -> Codec;

    /// Whether it makes encoders. Default `true`.
    fn can_encode(&self) -> bool {
        true
    }

    /// Whether it makes decoders. Default `true`.
    fn can_decode(&self) -> bool {
        true
    }

    /// An encoder for a new stream.
    ///
    /// # Errors
    /// [`CoderError`] if there is none for this configuration, or none more: then the next factory is asked.
    fn encoder(&self, config: &AudioEncoderConfig) -> Result<Box<dyn AudioEncoder>, CoderError>;

    /// A decoder for a new stream, in as many channels as [`Codec::channels`] says.
    ///
    /// # Errors
    /// [`CoderError`] if there is none: then the next factory is asked.
    fn decoder(&self) -> Result<Box<dyn AudioDecoder>, CoderError>;
}

/// Makes encoders and decoders of one codec of pictures.
///
/// ```
/// use ortica_codecs::Codec;
/// use ortica_codecs::codec::Form;
/// use ortica_codecs::coder::{
///     self, CoderError, DecoderLimits, VideoCoderFactory, VideoDecoder, VideoEncoder, VideoEncoderConfig,
/// };
///
/// /// The encoder of a graphics card. What decodes is still what is built in.
/// struct Card;
///
/// impl VideoCoderFactory for Card {
///     fn codec(&self) -> Codec {
///         Codec::H264
///     }
///
///     fn can_decode(&self) -> bool {
///         false
///     }
///
///     fn encoder(&self, _: Form, _: &VideoEncoderConfig) -> Result<Box<dyn VideoEncoder>, CoderError> {
///         // All of its engines are in use: the next best is asked.
///         Err(CoderError::Library { call: "open", reason: "busy".to_owned() })
///     }
///
///     fn decoder(&self, _: DecoderLimits) -> Result<Box<dyn VideoDecoder>, CoderError> {
///         Err(CoderError::NotCompiledIn(Codec::H264))
///     }
/// }
///
/// coder::register_video(Card);
/// ```
pub trait VideoCoderFactory: Send + Sync {
    /// Of which codec.
    fn codec(&self) -> Codec;

    /// Whether it makes encoders. Default `true`.
    fn can_encode(&self) -> bool {
        true
    }

    /// Whether it makes decoders. Default `true`.
    fn can_decode(&self) -> bool {
        true
    }

    /// Whether its encoders make streams of such layers. Default: of none but one.
    fn makes_layers(&self, mode: ScalabilityMode) -> bool {
        mode == ScalabilityMode::L1T1
    }

    /// An encoder for a new stream, in a form that the peer takes.
    ///
    /// # Errors
    /// [`CoderError`] if there is none for this form or configuration, or none more: then the next factory is asked.
    fn encoder(&self, form: Form, config: &VideoEncoderConfig) -> Result<Box<dyn VideoEncoder>, CoderError>;

    /// A decoder for a new stream of pictures up to `limits`.
    ///
    /// # Errors
    /// [`CoderError`] if there is none: then the next factory is asked.
    fn decoder(&self, limits: DecoderLimits) -> Result<Box<dyn VideoDecoder>, CoderError>;
}

static AUDIO: RwLock<Vec<Arc<dyn AudioCoderFactory>>> = RwLock::new(Vec::new());
static VIDEO: RwLock<Vec<Arc<dyn VideoCoderFactory>>> = RwLock::new(Vec::new());

/// Adds coders for sound, for all streams of this process that begin from now on. Those that came last are asked first, those that
/// are built in at the end. A codec that had none is offered by connections that are made from now on.
pub fn register_audio(factory: impl AudioCoderFactory + 'static) {
    AUDIO.write().unwrap_or_else(PoisonError::into_inner).insert(0, Arc::new(factory));
}

/// Adds coders for pictures, as [`register_audio`] does for sound.
pub fn register_video(factory: impl VideoCoderFactory + 'static) {
    VIDEO.write().unwrap_or_else(PoisonError::into_inner).insert(0, Arc::new(factory));
}

/// An encoder for sound: of the first factory that has one.
///
/// # Errors
/// [`CoderError`] if the codec is none for sound, has no encoder, or none that takes the configuration.
pub fn audio_encoder(codec: Codec, config: &AudioEncoderConfig) -> Result<Box<dyn AudioEncoder>, CoderError> {
    check_kind(codec, MediaKind::Audio)?;
    first_audio(codec, |factory| factory.can_encode().then(|| factory.encoder(config)))
}

/// A decoder for sound, in as many channels as [`Codec::channels`] says.
///
/// # Errors
/// As [`audio_encoder`].
pub fn audio_decoder(codec: Codec) -> Result<Box<dyn AudioDecoder>, CoderError> {
    check_kind(codec, MediaKind::Audio)?;
    first_audio(codec, |factory| factory.can_decode().then(|| factory.decoder()))
}

/// An encoder for pictures, in a form that the peer takes: of the first factory that has one.
///
/// # Errors
/// [`CoderError`] if the codec is none for pictures, has no encoder, or none that takes the configuration.
pub fn video_encoder(form: impl Into<Form>, config: &VideoEncoderConfig) -> Result<Box<dyn VideoEncoder>, CoderError> {
    let form = form.into();
    check_kind(form.codec(), MediaKind::Video)?;
    first_video(form.codec(), |factory| factory.can_encode().then(|| factory.encoder(form, config)))
}

/// A decoder for pictures up to `limits`.
///
/// # Errors
/// As [`video_encoder`].
pub fn video_decoder(codec: Codec, limits: DecoderLimits) -> Result<Box<dyn VideoDecoder>, CoderError> {
    check_kind(codec, MediaKind::Video)?;
    first_video(codec, |factory| factory.can_decode().then(|| factory.decoder(limits)))
}

/// Whether an encoder of a codec makes streams of such layers. One layer is made even where there is no encoder yet.
pub fn makes_layers(codec: Codec, mode: ScalabilityMode) -> bool {
    built_in::makes_layers(codec, mode)
        || video().iter().any(|factory| factory.codec() == codec && factory.can_encode() && factory.makes_layers(mode))
}

/// Whether somebody encodes a codec, and somebody decodes it.
pub(crate) fn can_code(codec: Codec) -> bool {
    let abilities: Vec<(bool, bool)> = match codec.kind() {
        MediaKind::Audio => {
            let (own, built_in) = (audio(), built_in::AUDIO.iter().copied());
            let all = own.iter().map(|factory| &**factory).chain(built_in).filter(|factory| factory.codec() == codec);
            all.map(|factory| (factory.can_encode(), factory.can_decode())).collect()
        }
        MediaKind::Video => {
            let (own, built_in) = (video(), built_in::VIDEO.iter().copied());
            let all = own.iter().map(|factory| &**factory).chain(built_in).filter(|factory| factory.codec() == codec);
            all.map(|factory| (factory.can_encode(), factory.can_decode())).collect()
        }
    };
    abilities.iter().any(|(encodes, _)| *encodes) && abilities.iter().any(|(_, decodes)| *decodes)
}

fn check_kind(codec: Codec, kind: MediaKind) -> Result<(), CoderError> {
    if codec.kind() == kind { Ok(()) } else { Err(CoderError::WrongCodec(codec)) }
}

/// A copy: a factory takes its time, and may register another one.
fn audio() -> Vec<Arc<dyn AudioCoderFactory>> {
    AUDIO.read().unwrap_or_else(PoisonError::into_inner).clone()
}

fn video() -> Vec<Arc<dyn VideoCoderFactory>> {
    VIDEO.read().unwrap_or_else(PoisonError::into_inner).clone()
}

fn first_audio<T>(
    codec: Codec,
    make: impl Fn(&dyn AudioCoderFactory) -> Option<Result<T, CoderError>>,
) -> Result<T, CoderError> {
    let (own, built_in) = (audio(), built_in::AUDIO.iter().copied());
    let all = own.iter().map(|factory| &**factory).chain(built_in);
    first(codec, all.filter(|factory| factory.codec() == codec).filter_map(make))
}

fn first_video<T>(
    codec: Codec,
    make: impl Fn(&dyn VideoCoderFactory) -> Option<Result<T, CoderError>>,
) -> Result<T, CoderError> {
    let (own, built_in) = (video(), built_in::VIDEO.iter().copied());
    let all = own.iter().map(|factory| &**factory).chain(built_in);
    first(codec, all.filter(|factory| factory.codec() == codec).filter_map(make))
}

/// What worked first; if nothing did, why the last one failed.
fn first<T>(codec: Codec, made: impl Iterator<Item = Result<T, CoderError>>) -> Result<T, CoderError> {
    let mut failed = CoderError::NotCompiledIn(codec);
    for made in made {
        match made {
            Ok(made) => return Ok(made),
            Err(error) => {
                tracing::debug!(%error, %codec, "a coder cannot be had");
                failed = error;
            }
        }
    }
    Err(failed)
}
