//! What is sent: pictures and sound.

use ortica::LocalTrack;
use ortica::codecs::synthetic::{MovingPicture, Tone};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval};

const FRAME_RATE: u32 = 20;
const SAMPLE_RATE: u32 = 48_000;
/// Of the tone, in hertz.
const FREQUENCY: f64 = 440.0;

/// A track that is played until this is dropped.
#[derive(Debug)]
pub struct Source {
    pub track: LocalTrack,
    player: JoinHandle<()>,
}

impl Source {
    /// A moving picture of this size in pixels.
    pub fn pictures(width: u32, height: u32) -> Self {
        let film = MovingPicture::new(width, height, FRAME_RATE).expect("the size is one that it draws");
        let track = LocalTrack::video();
        Self { player: tokio::spawn(show(film, track.clone())), track }
    }

    /// A tone.
    pub fn tone() -> Self {
        let tone = Tone::new(FREQUENCY, SAMPLE_RATE, 1).expect("the rate is one that frames can have");
        let track = LocalTrack::audio();
        Self { player: tokio::spawn(hum(tone, track.clone())), track }
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.player.abort();
    }
}

async fn show(film: MovingPicture, track: LocalTrack) {
    let mut ticks = interval(Duration::from_secs(1) / FRAME_RATE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let start = Instant::now();
    loop {
        let due = ticks.tick().await.saturating_duration_since(start);
        let number = (due.as_secs_f64() * f64::from(FRAME_RATE)).round() as u32;
        track.write_video(film.picture(number)).expect("a track of pictures takes pictures");
    }
}

async fn hum(tone: Tone, track: LocalTrack) {
    let mut ticks = interval(Duration::from_millis(20));
    for frame in tone {
        ticks.tick().await;
        track.write_audio(frame).expect("a track of sound takes sound");
    }
}
