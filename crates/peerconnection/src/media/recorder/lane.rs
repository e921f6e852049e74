//! One track on its way into a file: what the file takes passes, the rest is coded.

use super::RecordingFormat;
use super::timeline::{Timeline, TrackTime};
use crate::media::{Frame, KeyFrameRequester};
use ortica_codecs::coder::{
    self, AudioDecoder, AudioEncoder, AudioEncoderConfig, CoderError, DecoderLimits, VideoDecoder, VideoEncoder,
    VideoEncoderConfig,
};
use ortica_codecs::container::WebmProfile;
use ortica_codecs::frame::AudioAdapter;
use ortica_codecs::{AudioFrame, Codec, EncodedFrame, MediaKind, TimeBase, VideoFrame};
use std::time::Duration;

/// What raw frames are encoded with, best first.
const PREFERRED: [Codec; 4] = [Codec::Opus, Codec::Pcmu, Codec::Vp8, Codec::H264];

/// What goes into a file, at the time that it says itself.
#[derive(Debug)]
pub(super) enum Item {
    Encoded(EncodedFrame),
    Sound(AudioFrame),
    Picture(VideoFrame),
}

impl Item {
    /// From the start of the recording.
    pub fn time(&self) -> Duration {
        match self {
            Self::Encoded(frame) => frame.time(),
            Self::Sound(frame) => frame.time_base().duration(frame.pts()),
            Self::Picture(frame) => frame.time_base().duration(frame.pts()),
        }
    }

    pub fn is_key_picture(&self) -> bool {
        match self {
            Self::Encoded(frame) => frame.key_frame && frame.codec.kind() == MediaKind::Video,
            Self::Sound(_) => false,
            Self::Picture(_) => true,
        }
    }
}

/// How raw frames are encoded.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Coding {
    pub audio: AudioEncoderConfig,
    pub video: VideoEncoderConfig,
}

pub(super) struct Lane {
    pub kind: MediaKind,
    pub ended: bool,
    requester: Option<KeyFrameRequester>,
    coding: Coding,
    pub time: TrackTime,
    audio_decoder: Option<Box<dyn AudioDecoder>>,
    video_decoder: Option<Box<dyn VideoDecoder>>,
    audio_encoder: Option<(Box<dyn AudioEncoder>, AudioAdapter)>,
    video_encoder: Option<Box<dyn VideoEncoder>>,
    /// The next picture that is encoded here is to be a key frame.
    key_frame: bool,
    /// Pictures that come have layers in space, or had: what comes refers to them.
    is_layered: bool,
}

impl Lane {
    pub fn new(kind: MediaKind, requester: Option<KeyFrameRequester>, coding: Coding) -> Self {
        Self {
            kind,
            ended: false,
            requester,
            coding,
            time: TrackTime::default(),
            audio_decoder: None,
            video_decoder: None,
            audio_encoder: None,
            video_encoder: None,
            key_frame: false,
            is_layered: false,
        }
    }

    /// Has a picture come that a file can begin with: from its encoder, if the lane has one, else from its source.
    pub fn begin_anew(&mut self) {
        match self.video_encoder {
            Some(_) => self.key_frame = true,
            None => self.request_key_frame(),
        }
    }

    pub fn request_key_frame(&self) {
        if let Some(requester) = self.requester.as_ref().filter(|_| self.kind == MediaKind::Video) {
            requester.request();
        }
    }

    /// What a frame makes that came when the recording had gone on for `arrived`.
    pub fn convert(
        &mut self,
        frame: Frame,
        arrived: Duration,
        line: &mut Timeline,
        format: RecordingFormat,
        out: &mut Vec<Item>,
    ) -> Result<(), CoderError> {
        let captured = match &frame {
            Frame::Encoded { captured, .. } => *captured,
            _ => None,
        };
        let time = line.place(&mut self.time, frame.time(), arrived, captured);
        match frame {
            Frame::Encoded { frame, .. } => self.convert_encoded(frame, time, format, out),
            // Whole frames are recorded; packets are for passing on.
            Frame::Rtp(_) => Err(CoderError::Malformed),
            Frame::Audio(frame) => self.convert_sound(at(frame, time), format, out),
            Frame::Video(frame) => {
                let pts = TimeBase::VIDEO.ticks(time);
                self.encode_picture(&frame.with_pts(pts, TimeBase::VIDEO), format, out)
            }
        }
    }

    fn convert_encoded(
        &mut self,
        mut frame: EncodedFrame,
        time: Duration,
        format: RecordingFormat,
        out: &mut Vec<Item>,
    ) -> Result<(), CoderError> {
        frame.pts = frame.time_base().ticks(time);
        // Players of files may show each layer in space as a picture of its own.
        self.is_layered |= frame.spatial.is_some_and(|layers| layers.count() > 1);
        if format.passes(frame.codec) && !(self.is_layered && frame.codec == Codec::Vp9) {
            out.push(Item::Encoded(frame));
            return Ok(());
        }
        match frame.codec.kind() {
            MediaKind::Audio => {
                self.audio_decoder.take_if(|decoder| decoder.codec() != frame.codec);
                let decoder = match &mut self.audio_decoder {
                    Some(decoder) => decoder,
                    none => none.insert(coder::audio_decoder(frame.codec)?),
                };
                let sound = decoder.decode(&frame)?;
                self.convert_sound(at(sound, time), format, out)
            }
            MediaKind::Video => {
                self.video_decoder.take_if(|decoder| decoder.codec() != frame.codec);
                let decoder = match &mut self.video_decoder {
                    Some(decoder) => decoder,
                    none => none.insert(coder::video_decoder(frame.codec, DecoderLimits::default())?),
                };
                let decoded = decoder.decode(&frame);
                if decoded.is_err() {
                    self.request_key_frame();
                }
                match decoded? {
                    Some(picture) => self.encode_picture(&picture, format, out),
                    None => Ok(()),
                }
            }
        }
    }

    fn convert_sound(
        &mut self,
        sound: AudioFrame,
        format: RecordingFormat,
        out: &mut Vec<Item>,
    ) -> Result<(), CoderError> {
        let Some(codec) = format.encodes(MediaKind::Audio) else {
            out.push(Item::Sound(sound));
            return Ok(());
        };
        let (encoder, adapter) = match &mut self.audio_encoder {
            Some(encoder) => encoder,
            none => {
                let encoder = coder::audio_encoder(codec, &self.coding.audio)?;
                let adapter = AudioAdapter::new(encoder.sample_rate(), encoder.channels(), encoder.frame_len())?;
                none.insert((encoder, adapter))
            }
        };
        let mut shaped = Vec::new();
        adapter.push(&sound, &mut shaped)?;
        for sound in &shaped {
            out.extend(encoder.encode(sound)?.map(Item::Encoded));
        }
        Ok(())
    }

    fn encode_picture(
        &mut self,
        picture: &VideoFrame,
        format: RecordingFormat,
        out: &mut Vec<Item>,
    ) -> Result<(), CoderError> {
        let Some(codec) = format.encodes(MediaKind::Video) else {
            out.push(Item::Picture(picture.clone()));
            return Ok(());
        };
        let encoder = match &mut self.video_encoder {
            Some(encoder) => encoder,
            none => none.insert(coder::video_encoder(codec, &self.coding.video)?),
        };
        let encoded = encoder.encode(picture, self.key_frame)?;
        self.key_frame &= encoded.is_none();
        out.extend(encoded.map(Item::Encoded));
        Ok(())
    }
}

fn at(sound: AudioFrame, time: Duration) -> AudioFrame {
    let time_base = TimeBase::per_second(sound.sample_rate());
    let pts = time_base.ticks(time);
    sound.with_pts(pts, time_base)
}

impl RecordingFormat {
    /// Whether frames of that codec are written as they come.
    fn passes(self, codec: Codec) -> bool {
        match self {
            Self::Webm => WebmProfile::Webm.takes(codec),
            Self::Matroska => WebmProfile::Matroska.takes(codec),
            Self::Ogg => codec == Codec::Opus,
            Self::Wav | Self::Png => false,
            #[cfg(feature = "ffmpeg")]
            Self::Mp4 => matches!(codec, Codec::Opus | Codec::H264 | Codec::Vp9),
            #[cfg(feature = "ffmpeg")]
            Self::MpegTs => codec == Codec::H264,
            #[cfg(feature = "ffmpeg")]
            Self::Mp3 => false,
        }
    }

    /// What raw frames are encoded with; `None` where the file takes them raw.
    fn encodes(self, kind: MediaKind) -> Option<Codec> {
        let known = PREFERRED.into_iter().filter(|codec| codec.kind() == kind && self.passes(*codec));
        // Without a coder the first says what is missing.
        known.clone().find(|codec| codec.can_code()).or_else(|| known.clone().next())
    }
}
