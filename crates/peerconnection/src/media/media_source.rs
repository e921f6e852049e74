//! Tracks that are pulled: whoever takes frames asks for the next.

use super::{Frame, RemoteTrack};
use ortica_codecs::MediaKind;
use std::fmt;
use std::future::Future;
use std::sync::Arc;

/// A track that gives one frame after the other: of a peer, a file, a relay, or the application's own.
///
/// It is taken by a [`LocalTrack`](crate::LocalTrack) that sends it, or by a [`MediaRelay`](super::MediaRelay), a
/// [`MediaRecorder`](super::MediaRecorder) or a [`MediaBlackhole`](super::MediaBlackhole). Nothing is made before somebody asks.
///
/// ```
/// use ortica::codecs::{MediaKind, VideoFrame};
/// use ortica::media::{Frame, MediaSource};
/// use std::time::Duration;
///
/// /// A black picture now and then.
/// struct Night;
///
/// impl MediaSource for Night {
///     fn kind(&self) -> MediaKind {
///         MediaKind::Video
///     }
///
///     async fn recv(&mut self) -> Option<Frame> {
///         tokio::time::sleep(Duration::from_secs(1)).await;
///         Some(VideoFrame::black(320, 240).ok()?.into())
///     }
/// }
/// ```
pub trait MediaSource: Send + 'static {
    /// Sound or picture: of each of its frames.
    fn kind(&self) -> MediaKind;

    /// The next frame, when it is due; `None` once the track has ended, and from then on.
    fn recv(&mut self) -> impl Future<Output = Option<Frame>> + Send;

    /// Who is to be asked for key frames. Default: nobody, as for raw frames.
    fn key_frame_requester(&self) -> Option<KeyFrameRequester> {
        None
    }
}

/// Asks a source for a picture that can be decoded on its own. Clones ask the same.
#[derive(Clone)]
pub struct KeyFrameRequester(Arc<dyn Fn() + Send + Sync>);

impl KeyFrameRequester {
    /// Has `request` called, which must not block.
    pub fn new(request: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Arc::new(request))
    }

    /// Asks; whether a key frame comes is up to the source.
    pub fn request(&self) {
        (self.0)();
    }
}

impl fmt::Debug for KeyFrameRequester {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyFrameRequester").finish_non_exhaustive()
    }
}

/// Gives frames as the other side sent them; nothing is decoded. Sound that was lost is a gap in their times. Clones share the frames:
/// two that are to have all of them go through a [`MediaRelay`](super::MediaRelay).
impl MediaSource for RemoteTrack {
    fn kind(&self) -> MediaKind {
        RemoteTrack::kind(self)
    }

    async fn recv(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = Frame::of_received(self.recv_encoded().await?) {
                return Some(frame);
            }
        }
    }

    fn key_frame_requester(&self) -> Option<KeyFrameRequester> {
        let track = self.clone();
        Some(KeyFrameRequester::new(move || track.request_key_frame()))
    }
}

/// A track of the other side as raw frames.
#[derive(Clone, Debug)]
pub struct Decoded(pub RemoteTrack);

impl MediaSource for Decoded {
    fn kind(&self) -> MediaKind {
        self.0.kind()
    }

    async fn recv(&mut self) -> Option<Frame> {
        match self.0.kind() {
            MediaKind::Audio => self.0.recv_audio().await.map(Frame::Audio),
            MediaKind::Video => self.0.recv_video().await.map(Frame::Video),
        }
    }
}
