//! Tracks that take their frames from a source.

use super::departure::while_needed;
use super::local::{LocalTrack, TrackConfig, WeakTrack, WriteError};
use super::{Frame, KeyFrameRequester, MediaSource};
use crate::ConnectionState;
use crate::driver::{Cell, Interest};
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use tokio::sync::Notify;

impl LocalTrack {
    /// A track that sends what a source gives, from the moment on at which the first connection that sends it is up; raw frames
    /// are encoded as `config` says, encoded ones pass as they are, and who receives them asks the source for key frames. The
    /// track ends with its source, and lets go of it when it is stopped or dropped.
    ///
    /// ```no_run
    /// use ortica::media::{self, MediaPlayer, PlayerOptions};
    /// use ortica::{LocalTrack, PeerConnection};
    ///
    /// # async fn call(pc: PeerConnection) -> Result<(), Box<dyn std::error::Error>> {
    /// let player = MediaPlayer::open("film.webm", PlayerOptions::default()).await?;
    /// for stream in player.tracks() {
    ///     pc.add_track(&LocalTrack::pulled(stream, Default::default()), &["film"])?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn pulled(source: impl MediaSource, config: TrackConfig) -> Self {
        let track = Self::new(source.kind(), config);
        tokio::spawn(pull(track.downgrade(), track.departure(), source));
        track
    }
}

async fn pull(track: WeakTrack, told: Arc<Notify>, mut source: impl MediaSource) {
    if !is_wanted(&track, &told).await {
        return;
    }
    let requester = source.key_frame_requester();
    while let Some(frame) = while_needed(source.recv(), &told, || track.is_needed()).await {
        let Some(track) = track.upgrade() else { return };
        if let Err(error) = write(&track, frame, requester.as_ref()) {
            tracing::debug!(%error, "a source gave a frame that its track does not take");
        }
    }
    if let Some(track) = track.upgrade() {
        track.stop();
    }
}

fn write(track: &LocalTrack, frame: Frame, requester: Option<&KeyFrameRequester>) -> Result<(), WriteError> {
    match frame {
        Frame::Audio(frame) => track.write_audio(frame),
        Frame::Video(frame) => track.write_video(frame),
        Frame::Encoded { frame, .. } => {
            track.write_encoded(&frame)?;
            pass_request(track, requester);
            Ok(())
        }
        Frame::Rtp(packet) => {
            track.write_rtp(&packet)?;
            pass_request(track, requester);
            Ok(())
        }
    }
}

/// Whoever receives the track may want a key frame.
fn pass_request(track: &LocalTrack, requester: Option<&KeyFrameRequester>) {
    if let Some(requester) = requester.filter(|_| track.take_key_frame_request()) {
        requester.request();
    }
}

/// Waits for a connection that sends the track to be up; `false` if the track is needed no more.
async fn is_wanted(track: &WeakTrack, told: &Notify) -> bool {
    while track.is_needed() {
        let cells = track.upgrade().map(|track| track.cells()).unwrap_or_default();
        tokio::select! {
            up = state_change(&cells) => {
                if up {
                    return true;
                }
            }
            // Another connection sends it, or it is needed no more.
            () = told.notified() => {}
        }
    }
    false
}

/// `true` once one of these connections is up, `false` once one is over.
async fn state_change(cells: &[Arc<Cell>]) -> bool {
    let mut places: Vec<_> = cells.iter().map(|cell| cell.place(Interest::State)).collect();
    poll_fn(|cx| {
        let mut ready = places.iter_mut().map(|place| {
            place.poll(cx, |peer, _| match peer.connection_state() {
                ConnectionState::Connected => Some(true),
                ConnectionState::Closed => Some(false),
                _ => None,
            })
        });
        ready.find(Poll::is_ready).unwrap_or(Poll::Pending)
    })
    .await
}
