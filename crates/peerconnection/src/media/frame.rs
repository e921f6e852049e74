//! What tracks carry.

use crate::engine::{ReceivedFrame, RtpPacket};
use ortica_codecs::{AudioFrame, EncodedFrame, MediaKind, TimeBase, VideoFrame};
use ortica_core::NtpTime;
use std::time::Duration;

const NANOS: TimeBase = TimeBase::per_second(1_000_000_000);

/// A frame of a track, raw or encoded. Clones share its contents.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Frame {
    /// A stretch of sound.
    Audio(AudioFrame),
    /// A picture.
    Video(VideoFrame),
    /// Either of them, as a file held it or a peer sent it.
    Encoded {
        /// It.
        frame: EncodedFrame,
        /// The moment it was captured, on the clock of who sent it, where that is known. Frames of two tracks with equal times
        /// belong together.
        captured: Option<NtpTime>,
    },
    /// A packet of RTP, of sound or of a picture.
    Rtp(RtpPacket),
}

impl Frame {
    /// Sound or picture.
    pub fn kind(&self) -> MediaKind {
        match self {
            Self::Audio(_) => MediaKind::Audio,
            Self::Video(_) => MediaKind::Video,
            Self::Encoded { frame, .. } => frame.codec.kind(),
            Self::Rtp(packet) => packet.kind(),
        }
    }

    /// When it is shown or heard, from where its source begins to count; zero for times before that. For packets that is wherever
    /// their timestamps began.
    pub fn time(&self) -> Duration {
        match self {
            Self::Audio(frame) => frame.time_base().duration(frame.pts()),
            Self::Video(frame) => frame.time_base().duration(frame.pts()),
            Self::Encoded { frame, .. } => frame.time(),
            Self::Rtp(packet) => TimeBase::per_second(packet.codec().clock_rate()).duration(packet.timestamp.0.into()),
        }
    }

    /// How long it lasts, where it says so.
    pub(super) fn duration(&self) -> Option<Duration> {
        match self {
            Self::Audio(frame) => Some(frame.duration()),
            Self::Video(_) | Self::Rtp(_) => None,
            Self::Encoded { frame, .. } => Some(frame.time_base().duration(frame.duration.into())),
        }
        .filter(|duration| !duration.is_zero())
    }

    /// The same so many nanoseconds later.
    pub(super) fn later(self, nanos: i64) -> Self {
        let moved = |pts: i64, time_base: TimeBase| pts.saturating_add(NANOS.rescale(nanos, time_base));
        match self {
            Self::Audio(frame) => {
                let (pts, time_base) = (frame.pts(), frame.time_base());
                Self::Audio(frame.with_pts(moved(pts, time_base), time_base))
            }
            Self::Video(frame) => {
                let (pts, time_base) = (frame.pts(), frame.time_base());
                // Pictures of files count in whole pictures, which others need not last.
                let pts = time_base.rescale(pts, TimeBase::VIDEO);
                Self::Video(frame.with_pts(moved(pts, TimeBase::VIDEO), TimeBase::VIDEO))
            }
            Self::Encoded { mut frame, captured } => {
                frame.pts = moved(frame.pts, frame.time_base());
                Self::Encoded { frame, captured }
            }
            Self::Rtp(mut packet) => {
                let ticks = moved(0, TimeBase::per_second(packet.codec().clock_rate()));
                packet.timestamp += ticks as u32;
                Self::Rtp(packet)
            }
        }
    }

    /// `true` for a frame that others may refer to, or that refers to others: one of its kind cannot be left out alone.
    pub(super) fn is_of_chain(&self) -> bool {
        matches!(self, Self::Encoded { .. } | Self::Rtp(_)) && self.kind() == MediaKind::Video
    }

    /// `true` for a frame that can be decoded without any before it.
    pub(super) fn is_key_frame(&self) -> bool {
        match self {
            Self::Audio(_) | Self::Video(_) => true,
            Self::Encoded { frame, .. } => frame.key_frame,
            Self::Rtp(packet) => packet.starts_key_frame,
        }
    }

    /// In how many parts a whole one comes, about.
    pub(super) fn parts(&self) -> usize {
        if matches!(self, Self::Rtp(_)) { 16 } else { 1 }
    }

    /// `None` for sound that was lost, and for silence that was not sent.
    pub(super) fn of_received(received: ReceivedFrame) -> Option<Self> {
        match received {
            ReceivedFrame::Frame { frame, captured, .. } => Some(Self::Encoded { frame, captured }),
            ReceivedFrame::Lost { .. } | ReceivedFrame::ComfortNoise { .. } => None,
        }
    }
}

impl From<AudioFrame> for Frame {
    fn from(frame: AudioFrame) -> Self {
        Self::Audio(frame)
    }
}

impl From<VideoFrame> for Frame {
    fn from(frame: VideoFrame) -> Self {
        Self::Video(frame)
    }
}

impl From<EncodedFrame> for Frame {
    fn from(frame: EncodedFrame) -> Self {
        Self::Encoded { frame, captured: None }
    }
}
