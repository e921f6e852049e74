//! An encoded frame as a transform sees it: its bytes, and what its stream says of it.

use crate::engine::Resolution;
use crate::engine::media::sources::{attenuation, linear};
use bytes::Bytes;
use ortica_codecs::frame::{ScalabilityMode, SpatialLayers, TemporalLayer};
use ortica_codecs::{Codec, EncodedFrame, MediaKind, Rotation};
use ortica_core::{Instant, NtpTime};
use ortica_rtp::{PayloadType, Rid, RtpTimestamp, SequenceNumber, Ssrc};
use std::time::Duration;
use thiserror::Error;

/// The most bytes that a frame may have: what receivers put together.
pub const MAX_FRAME: usize = 4 << 20;
/// Contributing sources of a packet.
///
/// Source: [RFC 3550 §5.1](https://www.rfc-editor.org/rfc/rfc3550#section-5.1)
const MAX_SOURCES: usize = 15;

/// An encoded frame between encoder and packets, or between packets and decoder: what the W3C calls `RTCEncodedVideoFrame` and
/// `RTCEncodedAudioFrame`.
///
/// A clone shares the bytes and stays the same frame, which goes on once, and only where it was read. A copy that
/// [`with_metadata`](Self::with_metadata) makes is a frame of its own, which any sender of its codec takes.
///
/// Source: [webrtc-encoded-transform](https://www.w3.org/TR/webrtc-encoded-transform/#RTCEncodedVideoFrame-interface)
#[derive(Clone, Debug, PartialEq)]
pub struct RtpFrame {
    data: Bytes,
    key_frame: bool,
    metadata: RtpFrameMetadata,
    pub(super) origin: Option<Origin>,
    pub(in crate::engine::media) timing: Timing,
    pts: i64,
    duration: u32,
    discardable: bool,
    /// It refers to the base layer alone.
    sync: bool,
    /// The layers of resolution that its bytes are told apart by.
    spatial: Option<SpatialLayers>,
    scalability: Option<ScalabilityMode>,
    starts_talkspurt: bool,
    rotation: Rotation,
}

/// Where a frame was read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Origin {
    /// The detour.
    pub owner: u64,
    /// Its number among those that took it.
    pub number: u64,
}

/// When a frame was there, as far as that is not for the application to change.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(in crate::engine::media) struct Timing {
    /// When it was captured, if that was here.
    pub captured: Option<Instant>,
    /// When its first packet came.
    pub began: Option<Instant>,
    /// When the packet came that completed it.
    pub arrived: Option<Instant>,
    /// Frames before it were lost.
    pub discontinuity: bool,
}

/// Whether a frame needs others.
///
/// Source: [webrtc-encoded-transform](https://www.w3.org/TR/webrtc-encoded-transform/#RTCEncodedVideoFrameType)
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum FrameType {
    /// It has no bytes.
    Empty,
    /// It can be decoded without any other. Sound always can.
    Key,
    /// It refers to others.
    Delta,
}

/// What a stream says of a frame.
///
/// Source: [webrtc-encoded-transform](https://www.w3.org/TR/webrtc-encoded-transform/#RTCEncodedVideoFrameMetadata)
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RtpFrameMetadata {
    /// The format of the bytes. A sender takes the one that it sends.
    pub codec: Codec,
    /// The stream. A sender puts its own in its place.
    pub synchronization_source: Option<Ssrc>,
    /// What the stream calls the format. A sender puts its own in its place.
    pub payload_type: Option<PayloadType>,
    /// Whose media a mixer put into it, at most 15. A sender says it in each packet.
    pub contributing_sources: Vec<Ssrc>,
    /// When it was sampled, by the clock of the stream. A sender says it in each packet; without one it goes by the time of the
    /// frame that was encoded.
    pub rtp_timestamp: Option<RtpTimestamp>,
    /// Which of several encodings side by side (simulcast). A sender sends it as that one; without a name as the first.
    pub rid: Option<Rid>,
    /// When the packet came that completed it.
    pub receive_time: Option<Instant>,
    /// When it was captured, on the clock of the side that did, once its reports tell.
    pub capture_time: Option<NtpTime>,
    /// What only sound has, or only pictures.
    pub media: MediaMetadata,
}

/// What only sound has, or only pictures.
#[derive(Clone, Debug, PartialEq)]
pub enum MediaMetadata {
    /// Of sound.
    Audio(AudioFrameMetadata),
    /// Of a picture.
    Video(VideoFrameMetadata),
}

/// What only sound has.
///
/// Source: [webrtc-encoded-transform](https://www.w3.org/TR/webrtc-encoded-transform/#RTCEncodedAudioFrameMetadata)
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct AudioFrameMetadata {
    /// The number of its packet. Only what was received has one; a sender counts by itself.
    pub sequence_number: Option<SequenceNumber>,
    /// How loud it is, from 0 (silence) to 1 (the overload point), linearly. A sender says it in each packet, in whole decibels,
    /// if the other side takes that.
    pub audio_level: Option<f64>,
}

/// What only pictures have.
///
/// Source: [webrtc-encoded-transform](https://www.w3.org/TR/webrtc-encoded-transform/#RTCEncodedVideoFrameMetadata)
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct VideoFrameMetadata {
    /// Its number among the frames of its stream that came by here, from zero.
    pub frame_id: Option<u64>,
    /// The numbers of those that it refers to; `None` where its marks do not tell.
    pub dependencies: Option<Vec<u64>>,
    /// The size of the picture, by the last key frame whose header could be read.
    pub size: Option<Resolution>,
    /// Its layer of resolution; 0, since all layers of a picture come by in one piece.
    pub spatial_index: u8,
    /// Its layer in time, where the stream has them. A sender says it in each packet.
    pub temporal_index: Option<u8>,
}

/// Why metadata was refused. Nothing has changed then.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum MetadataError {
    /// The codec, or what only sound or pictures have, is of another kind than the frame.
    #[error("the frame is one of {0}")]
    Kind(MediaKind),
    /// A packet names 15 contributing sources at most.
    #[error("{0} contributing sources")]
    TooManySources(usize),
}

impl RtpFrame {
    /// The bytes of the codec, or whatever was put in their place.
    pub fn data(&self) -> &Bytes {
        &self.data
    }

    /// Puts other bytes in their place: [`MAX_FRAME`] at most, or the frame is refused when it is written. VP8 begins with a bit
    /// that tells key frames from others: packets have no other mark, so it has to stay as it is. Layers of resolution are not told
    /// apart in other bytes, so that they are sent in one piece as well.
    pub fn set_data(&mut self, data: impl Into<Bytes>) {
        self.data = data.into();
        self.spatial = None;
    }

    /// Sound or picture.
    pub fn kind(&self) -> MediaKind {
        self.metadata.codec.kind()
    }

    /// Whether it needs others.
    pub fn frame_type(&self) -> FrameType {
        match self.key_frame {
            _ if self.data.is_empty() => FrameType::Empty,
            true => FrameType::Key,
            false => FrameType::Delta,
        }
    }

    /// When it is shown or heard, since whatever zero its source counts from.
    pub fn timestamp(&self) -> Duration {
        self.metadata.codec_time(self.pts)
    }

    /// What its stream says of it.
    pub fn metadata(&self) -> &RtpFrameMetadata {
        &self.metadata
    }

    /// Puts other metadata in their place. Each member says what becomes of it.
    ///
    /// # Errors
    /// See [`MetadataError`].
    pub fn set_metadata(&mut self, metadata: RtpFrameMetadata) -> Result<(), MetadataError> {
        let kind = self.kind();
        let is_kind = metadata.codec.kind() == kind && metadata.media.kind() == kind;
        if !is_kind {
            return Err(MetadataError::Kind(kind));
        }
        if metadata.contributing_sources.len() > MAX_SOURCES {
            return Err(MetadataError::TooManySources(metadata.contributing_sources.len()));
        }
        self.metadata = metadata;
        Ok(())
    }

    /// A copy with metadata of its own, which shares the bytes: for senders beside the one that it was read from.
    ///
    /// # Errors
    /// See [`MetadataError`].
    pub fn with_metadata(&self, metadata: RtpFrameMetadata) -> Result<Self, MetadataError> {
        let mut copy = Self { origin: None, timing: Timing::default(), ..self.clone() };
        copy.set_metadata(metadata)?;
        Ok(copy)
    }

    /// What its stream says of it, to be filled in.
    pub(in crate::engine::media) fn metadata_mut(&mut self) -> &mut RtpFrameMetadata {
        &mut self.metadata
    }

    /// As it is packed or decoded.
    pub(in crate::engine::media) fn into_encoded(self) -> EncodedFrame {
        let mut frame = EncodedFrame::new(self.metadata.codec, self.data, self.pts);
        frame.duration = self.duration;
        frame.key_frame = self.key_frame;
        frame.discardable = self.discardable;
        frame.starts_talkspurt = self.starts_talkspurt;
        frame.rotation = self.rotation;
        frame.spatial = self.spatial;
        frame.scalability = self.scalability;
        match self.metadata.media {
            MediaMetadata::Audio(audio) => frame.audio_level = audio.audio_level.map(attenuation),
            MediaMetadata::Video(video) => {
                let layer = |id: u8| TemporalLayer { id: id.min(3), sync: self.sync };
                frame.layer = video.temporal_index.map(layer);
            }
        }
        frame
    }

    /// Its time, in ticks of the codec's clock, as its metadata have it: near `base`, which has wraps.
    pub(in crate::engine::media) fn unwrapped(&self, base: i64) -> i64 {
        self.metadata
            .rtp_timestamp
            .map_or(base, |timestamp| base + i64::from(RtpTimestamp(base as u32).distance(timestamp)))
    }

    /// A copy, or one that comes from nowhere: it has no place among those that were read.
    pub(in crate::engine::media) fn is_copy(&self) -> bool {
        self.origin.is_none()
    }

    /// Whether it was read after the frame of that number. A copy has no place, and counts as if it were.
    pub(in crate::engine::media) fn is_behind(&self, number: u64) -> bool {
        self.origin.is_none_or(|origin| origin.number > number)
    }

    /// Its time as it was encoded or unpacked, in ticks of the codec's clock.
    pub(in crate::engine::media) fn pts(&self) -> i64 {
        self.pts
    }
}

impl From<EncodedFrame> for RtpFrame {
    /// A frame that comes from nowhere: a sender gives it the rest.
    fn from(frame: EncodedFrame) -> Self {
        let media = match frame.codec.kind() {
            MediaKind::Audio => MediaMetadata::Audio(AudioFrameMetadata {
                audio_level: frame.audio_level.map(linear),
                ..AudioFrameMetadata::default()
            }),
            MediaKind::Video => MediaMetadata::Video(VideoFrameMetadata {
                temporal_index: frame.layer.map(|layer| layer.id),
                ..VideoFrameMetadata::default()
            }),
        };
        Self {
            data: frame.data,
            key_frame: frame.key_frame,
            metadata: RtpFrameMetadata {
                codec: frame.codec,
                synchronization_source: None,
                payload_type: None,
                contributing_sources: Vec::new(),
                rtp_timestamp: None,
                rid: None,
                receive_time: None,
                capture_time: None,
                media,
            },
            origin: None,
            timing: Timing::default(),
            pts: frame.pts,
            duration: frame.duration,
            discardable: frame.discardable,
            sync: frame.layer.is_some_and(|layer| layer.sync),
            spatial: frame.spatial,
            scalability: frame.scalability,
            starts_talkspurt: frame.starts_talkspurt,
            rotation: frame.rotation,
        }
    }
}

impl RtpFrameMetadata {
    /// The MIME type of the format, such as `video/VP8`.
    pub fn mime_type(&self) -> &'static str {
        self.codec.mime_type()
    }

    fn codec_time(&self, pts: i64) -> Duration {
        ortica_codecs::TimeBase::per_second(self.codec.clock_rate()).duration(pts)
    }
}

impl MediaMetadata {
    /// Sound or picture.
    pub fn kind(&self) -> MediaKind {
        match self {
            Self::Audio(_) => MediaKind::Audio,
            Self::Video(_) => MediaKind::Video,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture() -> RtpFrame {
        EncodedFrame::new(Codec::Vp8, vec![0, 1, 2], 90_000).with_key_frame(true).into()
    }

    #[test]
    fn a_frame_tells_its_type_and_time() {
        let mut frame = picture();
        assert_eq!((frame.frame_type(), frame.timestamp()), (FrameType::Key, Duration::from_secs(1)));
        frame.set_data(Bytes::new());
        assert_eq!(frame.frame_type(), FrameType::Empty);
        let delta = RtpFrame::from(EncodedFrame::new(Codec::Vp8, vec![1], 0));
        let sound = RtpFrame::from(EncodedFrame::new(Codec::Opus, vec![1], 0));
        assert_eq!((delta.frame_type(), sound.frame_type()), (FrameType::Delta, FrameType::Key));
    }

    #[test]
    fn metadata_of_the_other_kind_are_refused() {
        let mut frame = picture();
        let before = frame.clone();
        let sound = RtpFrame::from(EncodedFrame::new(Codec::Opus, vec![1], 0)).metadata().clone();
        assert_eq!(frame.set_metadata(sound.clone()), Err(MetadataError::Kind(MediaKind::Video)));
        let mixed = RtpFrameMetadata { media: sound.media, ..frame.metadata().clone() };
        assert_eq!(frame.set_metadata(mixed), Err(MetadataError::Kind(MediaKind::Video)));
        let sources = (0..16).map(Ssrc).collect();
        let crowded = RtpFrameMetadata { contributing_sources: sources, ..frame.metadata().clone() };
        assert_eq!(frame.set_metadata(crowded), Err(MetadataError::TooManySources(16)));
        assert_eq!(frame, before);
    }

    #[test]
    fn what_is_packed_is_what_was_encoded() {
        let mut encoded =
            EncodedFrame::new(Codec::Vp8, vec![1, 2], 7).with_duration(5).with_rotation(Rotation::Quarter);
        encoded.discardable = true;
        encoded.layer = Some(TemporalLayer { id: 2, sync: true });
        encoded.spatial = Some(SpatialLayers::lowest(2, true));
        encoded.scalability = Some(ScalabilityMode::L2T3);
        assert_eq!(RtpFrame::from(encoded.clone()).into_encoded(), encoded);
        let mut changed = RtpFrame::from(encoded);
        changed.set_data(vec![3]);
        assert_eq!(changed.into_encoded().spatial, None, "other bytes have no layers");
        for level in 0..=127 {
            let mut sound = EncodedFrame::new(Codec::Opus, vec![1], 0);
            sound.starts_talkspurt = true;
            sound.audio_level = Some(level);
            assert_eq!(RtpFrame::from(sound.clone()).into_encoded(), sound);
        }
    }

    #[test]
    fn a_changed_timestamp_moves_the_frame_and_wraps_hold() {
        let mut frame = picture();
        assert_eq!(frame.unwrapped(5), 5);
        let base = (3_i64 << 32) + 10;
        frame.metadata_mut().rtp_timestamp = Some(RtpTimestamp(u32::MAX - 4));
        assert_eq!(frame.unwrapped(base), base - 15);
        frame.metadata_mut().rtp_timestamp = Some(RtpTimestamp(100));
        assert_eq!(frame.unwrapped(base), base + 90);
    }
}
