//! A tone between two peers, encrypted from end to end: whoever forwards the packets, and so has the keys of the connection, hears
//! nothing.
//!
//! ```text
//! cargo run -p encrypted
//! ```
//!
//! Both peers live here, so that no signaling is in the way. The key would come from elsewhere, such as MLS.

mod cipher;

use cipher::Cipher;
use ortica::codecs::MediaKind;
use ortica::codecs::synthetic::{Tone, tone_level};
use ortica::transform::RtpFrame;
use ortica::{Configuration, Event, LocalTrack, PeerConnection, RtpReceiver};
use std::error::Error;
use std::time::Duration;
use tokio::time::interval;

const KEY: [u8; 16] = *b"shared elsewhere";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let configuration = || Configuration::default().with_gather_loopback(true);
    let (caller, _events) = PeerConnection::new(configuration())?;
    let (callee, mut events) = PeerConnection::new(configuration())?;
    let track = LocalTrack::audio();
    let sender = caller.add_track(&track, &[])?;

    // Set before anything flows, so that nothing goes out in the clear.
    let mut cipher = Cipher::new(&KEY)?;
    sender.set_transform(move |frame| with_data(frame, |data| Some(cipher.seal(data))))?;

    caller.set_local_description(None)?;
    caller.gathering_complete().await;
    callee.set_remote_description(caller.local_description().ok_or("no offer")?)?;
    let receiver = loop {
        if let Event::Track(event) = events.next().await.ok_or("no track")? {
            break event.transceiver.receiver();
        }
    };
    callee.set_local_description(None)?;
    callee.gathering_complete().await;
    caller.set_remote_description(callee.local_description().ok_or("no answer")?)?;

    let whistling = tokio::spawn(whistle(track));
    println!("without the key: {:.3}", loudest(&receiver).await?);
    let cipher = Cipher::new(&KEY)?;
    receiver.set_transform(move |frame| with_data(frame, |data| cipher.open(data)))?;
    println!("with the key:    {:.3}", loudest(&receiver).await?);
    whistling.abort();
    caller.close().await;
    Ok(())
}

/// Changes the bytes of a frame; one that cannot be opened is dropped.
fn with_data(mut frame: RtpFrame, change: impl FnOnce(&[u8]) -> Option<Vec<u8>>) -> Option<RtpFrame> {
    debug_assert_eq!(frame.kind(), MediaKind::Audio);
    let data = change(frame.data())?;
    frame.set_data(data);
    Some(frame)
}

async fn whistle(track: LocalTrack) {
    let mut ticks = interval(Duration::from_millis(20));
    for frame in Tone::new(1_000.0, 48_000, 1).into_iter().flatten() {
        ticks.tick().await;
        if track.write_audio(frame).is_err() {
            return;
        }
    }
}

/// How loud the tone is, at its loudest within a second of sound.
async fn loudest(receiver: &RtpReceiver) -> Result<f32, Box<dyn Error>> {
    let track = receiver.track();
    let mut loudest = 0.0_f32;
    for _ in 0..50 {
        let sound = track.recv_audio().await.ok_or("the track ended")?;
        loudest = loudest.max(tone_level(&sound, 1_000.0) as f32);
    }
    Ok(loudest)
}
