//! Puts a function between a camera and who watches: it answers a call, and what comes goes back as its negative.
//!
//! ```text
//! cargo run -p ortica-filter -- --signaling tcp-socket
//! ```

use clap::Parser;
use ortica::codecs::{FrameError, MediaKind, PixelFormat, VideoFrame};
use ortica::signaling::{Signal, SignalingArguments};
use ortica::{Configuration, Event, LocalTrack, PeerConnection};
use std::error::Error;

#[derive(Parser)]
struct Options {
    #[command(flatten)]
    signaling: SignalingArguments,
}

/// The function. It runs as often as the camera gives pictures; those that it is too slow for are dropped before they are decoded
/// and changed.
fn change(picture: &VideoFrame) -> Result<VideoFrame, FrameError> {
    let mut pixels = picture.to_rgb().to_vec();
    pixels.iter_mut().for_each(|colour| *colour = !*colour);
    let changed = VideoFrame::from_bytes(PixelFormat::Rgb24, picture.width(), picture.height(), pixels)?;
    Ok(changed.with_pts(picture.pts(), picture.time_base()))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut signaling = Options::parse().signaling.signaling();
    let (connection, mut events) = PeerConnection::new(Configuration::default().with_gather_loopback(true))?;
    let Some(Signal::Description(offer)) = signaling.receive().await? else { return Err("no offer".into()) };
    connection.set_remote_description(offer)?;
    let out = LocalTrack::video();
    connection.add_track(&out, &[])?;
    connection.set_local_description(None)?;
    connection.gathering_complete().await;
    let answer = connection.local_description().ok_or("no answer")?;
    signaling.send(&answer.into()).await?;
    while let Some(event) = events.next().await {
        let (Event::Track(event), out) = (event, out.clone()) else { continue };
        if event.track.kind() == MediaKind::Video {
            tokio::spawn(async move {
                while let Some(picture) = event.track.recv_video().await {
                    let written = change(&picture).map(|changed| out.write_video(changed));
                    if !matches!(written, Ok(Ok(()))) {
                        eprintln!("a picture was not passed on: {written:?}");
                    }
                }
            });
        }
    }
    Ok(())
}
