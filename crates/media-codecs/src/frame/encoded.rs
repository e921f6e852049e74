//! A compressed frame.

use std::time::Duration;

use bytes::Bytes;

use super::{ColorSpace, Rotation, ScalabilityMode, SpatialLayers, TimeBase};
use crate::Codec;

/// What an encoder made, a file held or a peer sent: one picture or one stretch of sound. Clones share the bytes, so that
/// one encoding serves every receiver.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct EncodedFrame {
    /// The format of `data`.
    pub codec: Codec,
    /// The codec's own bytes, without any RTP payload header.
    pub data: Bytes,
    /// When it is shown or heard, in ticks of the codec's clock ([`Codec::clock_rate`]); from a random start on the wire,
    /// here from wherever the source counts.
    pub pts: i64,
    /// How long it lasts in ticks of the same clock; zero where that is not known.
    pub duration: u32,
    /// It can be decoded without any before it. Always so for sound.
    pub key_frame: bool,
    /// No other frame refers to it, so it may be dropped.
    pub discardable: bool,
    /// Where it stands in a stream of temporal layers.
    pub layer: Option<TemporalLayer>,
    /// The layers in space that it is made of, where there are others than the lowest: as many as `data` has frames, joined by the
    /// index that the codec has for it.
    pub spatial: Option<SpatialLayers>,
    /// How the layers of its stream follow each other, where the encoder says so; not sent with each frame.
    pub scalability: Option<ScalabilityMode>,
    /// Sound after silence that was not sent: its packet carries the marker bit.
    pub starts_talkspurt: bool,
    /// How loud the sound is: 0 (loud) to 127 (silence), in decibels below overload.
    pub audio_level: Option<u8>,
    /// How its picture is to be turned once it is decoded.
    pub rotation: Rotation,
    /// The colors of its picture, where whoever sent it says so beside the frame; else the frame itself may.
    pub color_space: Option<ColorSpace>,
}

/// A layer of a video stream that can be thinned out in time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TemporalLayer {
    /// 0 for the base, at most 3 with VP8 and 7 with VP9.
    pub id: u8,
    /// The frame refers to the base layer only, so a receiver can join this layer here.
    pub sync: bool,
}

impl EncodedFrame {
    /// A frame at `pts` in ticks of the codec's clock: a key frame for sound, none for video, everything else unset.
    pub fn new(codec: Codec, data: impl Into<Bytes>, pts: i64) -> Self {
        Self {
            codec,
            data: data.into(),
            pts,
            duration: 0,
            key_frame: codec.kind() == crate::MediaKind::Audio,
            discardable: false,
            layer: None,
            spatial: None,
            scalability: None,
            starts_talkspurt: false,
            audio_level: None,
            rotation: Rotation::None,
            color_space: None,
        }
    }

    /// Says whether it can be decoded on its own.
    #[must_use]
    pub fn with_key_frame(mut self, key_frame: bool) -> Self {
        self.key_frame = key_frame;
        self
    }

    /// Says how long it lasts, in ticks of the codec's clock.
    #[must_use]
    pub fn with_duration(mut self, ticks: u32) -> Self {
        self.duration = ticks;
        self
    }

    /// Says how its picture is to be turned.
    #[must_use]
    pub fn with_rotation(mut self, rotation: Rotation) -> Self {
        self.rotation = rotation;
        self
    }

    /// Says what the colors of its picture are.
    #[must_use]
    pub fn with_color_space(mut self, color_space: Option<ColorSpace>) -> Self {
        self.color_space = color_space;
        self
    }

    /// The unit of `pts` and `duration`.
    pub fn time_base(&self) -> TimeBase {
        TimeBase::per_second(self.codec.clock_rate())
    }

    /// The time of `pts` since the source's zero; zero for negative ones.
    pub fn time(&self) -> Duration {
        self.time_base().duration(self.pts)
    }
}
