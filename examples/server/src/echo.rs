//! Sends back what a caller sends, decoded, transformed and encoded again.

use crate::transform::Transform;
use ortica::codecs::MediaKind;
use ortica::jsep::TransceiverError;
use ortica::{LocalTrack, PeerConnection, RemoteTrack, RtpTransceiver};

/// Sends back over each transceiver that the caller's offer made and that nothing is sent over yet.
pub fn answer(connection: &PeerConnection, transform: Transform) -> Result<(), TransceiverError> {
    for transceiver in connection.transceivers() {
        if transceiver.sender().track().is_none() && !transceiver.is_stopping() {
            let back = LocalTrack::new(transceiver.kind(), Default::default());
            connection.add_track(&back, &["echo"])?;
            start(&transceiver, back, transform);
        }
    }
    Ok(())
}

/// Offers to send back what the caller will send.
pub fn offer(connection: &PeerConnection, kind: MediaKind) -> Result<(), TransceiverError> {
    let back = LocalTrack::new(kind, Default::default());
    let sender = connection.add_track(&back, &["echo"])?;
    start(&sender.transceiver(), back, Transform::None);
    Ok(())
}

fn start(transceiver: &RtpTransceiver, back: LocalTrack, transform: Transform) {
    let track = transceiver.receiver().track();
    match track.kind() {
        MediaKind::Audio => tokio::spawn(sound(track, back)),
        MediaKind::Video => tokio::spawn(pictures(track, back, transform)),
    };
}

async fn sound(track: RemoteTrack, back: LocalTrack) {
    while let Some(frame) = track.recv_audio().await {
        if back.write_audio(frame).is_err() {
            return;
        }
    }
}

async fn pictures(track: RemoteTrack, back: LocalTrack, transform: Transform) {
    while let Some(frame) = track.recv_video().await {
        let frame = match transform {
            Transform::None => frame,
            // Milliseconds of work, which other tasks must not wait for.
            _ => match tokio::task::spawn_blocking(move || transform.apply(frame)).await {
                Ok(frame) => frame,
                Err(error) => {
                    tracing::warn!(%error, "a transform failed");
                    return;
                }
            },
        };
        if back.write_video(frame).is_err() {
            return;
        }
    }
}
