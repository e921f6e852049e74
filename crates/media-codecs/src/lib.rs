//! Media for RTP: frames, payload formats, codecs and container files. Blocking code, without sockets, threads or clocks.
//!
//! From a camera to the wire a picture passes through three hands, and back on the other side:
//!
//! ```text
//! VideoFrame -> coder::VideoEncoder -> EncodedFrame -> payload::Packetizer -> RTP
//! VideoFrame <- coder::VideoDecoder <- EncodedFrame <- payload::Depacketizer <- jitter buffer <- RTP
//! ```
//!
//! | module | what |
//! |---|---|
//! | [`frame`] | [`AudioFrame`], [`VideoFrame`], [`EncodedFrame`]: shared and cheap to clone; conversion, scaling, resampling |
//! | [`codec`] | [`Codec`]: names and clocks, [`Form`](codec::Form): SDP parameters, as data; what is compiled in |
//! | [`payload`] | RTP payload formats: VP8 (RFC 7741), VP9 (RFC 9628), AV1, H.264 (RFC 6184), H.265 (RFC 7798), Opus (RFC 7587), G.711 and G.722 (RFC 3551); redundant audio (RFC 2198), comfort noise (RFC 3389) |
//! | [`coder`] | encoders and decoders: G.711 and G.722 always, Opus, VP8, VP9 and H.264 behind features; AV1 and H.265 decoded by FFmpeg, behind another |
//! | [`container`] | WebM, IVF, H.264 byte streams, Ogg Opus, WAV, Y4M and PNG files |
//! | `ffmpeg` | files of all kinds, addresses, devices and decoders by the system's FFmpeg, behind a feature |
//! | [`synthetic`] | test sources whose content a program can read back: a numbered moving picture, a tone |
//!
//! Payload formats for all codecs are always there, so that a server forwards or records what it cannot decode. Coders need
//! their library: feature `opus` builds libopus from source (C++ compiler, cmake), `h264` OpenH264 (C++ compiler), and `vpx` links the
//! system's libvpx; an application registers others ([`coder::register_audio`], [`coder::register_video`]). [`Codec::can_code`] tells.
//!
//! # A tone over G.711
//!
//! ```
//! use ortica_codecs::coder::{self, AudioEncoderConfig};
//! use ortica_codecs::payload::{self, Piece};
//! use ortica_codecs::synthetic::{Tone, tone_level};
//! use ortica_codecs::{Codec, frame::AudioAdapter};
//! use ortica_core::Rng;
//! use ortica_rtp::SequenceNumber;
//!
//! let mut encoder = coder::audio_encoder(Codec::Pcmu, &AudioEncoderConfig::default())?;
//! let mut adapter = AudioAdapter::new(encoder.sample_rate(), encoder.channels(), encoder.frame_len())?;
//! let mut packetizer = payload::packetizer(Codec::Pcmu, &mut Rng::from_number(7));
//!
//! // 20 ms of a 1 kHz tone at 48 kHz; the adapter brings it to the 8 kHz of the encoder.
//! let (mut raw, mut payloads) = (Vec::new(), Vec::new());
//! for frame in Tone::new(1_000.0, 48_000, 2)?.take(10) {
//!     adapter.push(&frame, &mut raw)?;
//! }
//! for frame in &raw {
//!     if let Some(encoded) = encoder.encode(frame)? {
//!         packetizer.packetize(&encoded, 1_200, &mut payloads)?;
//!     }
//! }
//!
//! // The other side.
//! let mut depacketizer = payload::depacketizer(Codec::Pcmu, payload::Limits::default());
//! let mut decoder = coder::audio_decoder(Codec::Pcmu)?;
//! let payload = payloads.last().expect("the tone made packets").to_vec();
//! let piece = Piece { sequence: SequenceNumber(1), marker: false, first: true, payload: &payload };
//! let encoded = depacketizer.assemble(0, &[piece])?;
//! let heard = decoder.decode(&encoded)?;
//! assert!(tone_level(&heard, 1_000.0) > 0.2);
//! assert!(tone_level(&heard, 1_500.0) < 0.02);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unreachable,
        clippy::todo
    )
)]

pub mod codec;
pub mod coder;
pub mod container;
#[cfg(feature = "ffmpeg")]
pub mod ffmpeg;
pub mod frame;
pub mod payload;
pub mod synthetic;

pub use codec::{Codec, MediaKind};
pub use frame::{
    AudioFrame, ColorMatrix, ColorSpace, EncodedFrame, FrameError, PixelFormat, Rotation, TimeBase, VideoFrame,
};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
