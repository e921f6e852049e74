//! Sends back what a caller sends, decoded, transformed and encoded again; and records it, if wanted.

use crate::recording::Recording;
use crate::transform::Transform;
use ortica::codecs::{MediaKind, VideoFrame};
use ortica::jsep::TransceiverError;
use ortica::media::{Buffering, Decoded, Frame, MediaRelay, MediaSource};
use ortica::{LocalTrack, PeerConnection, RtpTransceiver};

/// Sends back over each transceiver that the caller's offer made and that nothing is sent over yet.
pub async fn answer(
    connection: &PeerConnection,
    transform: Transform,
    recording: &Recording,
) -> Result<(), TransceiverError> {
    for transceiver in connection.transceivers() {
        if transceiver.sender().track().is_none() && !transceiver.is_stopping() {
            let back = LocalTrack::new(transceiver.kind(), Default::default());
            connection.add_track(&back, &["echo"])?;
            start(&transceiver, back, transform, recording).await;
        }
    }
    Ok(())
}

/// Offers to send back what the caller will send.
pub async fn offer(
    connection: &PeerConnection,
    kind: MediaKind,
    recording: &Recording,
) -> Result<(), TransceiverError> {
    let back = LocalTrack::new(kind, Default::default());
    let sender = connection.add_track(&back, &["echo"])?;
    start(&sender.transceiver(), back, Transform::None, recording).await;
    Ok(())
}

async fn start(transceiver: &RtpTransceiver, back: LocalTrack, transform: Transform, recording: &Recording) {
    let track = Decoded(transceiver.receiver().track());
    if recording.is_wanted() {
        // Both get the same frames, and neither waits for the other.
        let relay = MediaRelay::new(track);
        recording.add(relay.subscribe(Buffering::default())).await;
        tokio::spawn(echo(relay.subscribe(Buffering::default()), back, transform));
    } else {
        tokio::spawn(echo(track, back, transform));
    }
}

async fn echo(mut track: impl MediaSource, back: LocalTrack, transform: Transform) {
    while let Some(frame) = track.recv().await {
        let written = match frame {
            Frame::Audio(frame) => back.write_audio(frame),
            Frame::Video(frame) => match transformed(frame, transform).await {
                Some(frame) => back.write_video(frame),
                None => return,
            },
            _ => Ok(()),
        };
        if written.is_err() {
            return;
        }
    }
}

async fn transformed(frame: VideoFrame, transform: Transform) -> Option<VideoFrame> {
    if transform == Transform::None {
        return Some(frame);
    }
    // Milliseconds of work, which other tasks must not wait for.
    let applied = tokio::task::spawn_blocking(move || transform.apply(frame)).await;
    applied.inspect_err(|error| tracing::warn!(%error, "a transform failed")).ok()
}
