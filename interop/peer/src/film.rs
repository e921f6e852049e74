//! Pictures that are sent.

use ortica::LocalTrack;
use ortica::codecs::synthetic::MovingPicture;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval};

const WIDTH: u32 = 320;
const HEIGHT: u32 = 240;
const FRAME_RATE: u32 = 20;

/// A track that shows a moving picture until this is dropped.
#[derive(Debug)]
pub struct Film {
    pub track: LocalTrack,
    player: JoinHandle<()>,
}

impl Film {
    pub fn start() -> Self {
        let track = LocalTrack::video();
        Self { player: tokio::spawn(play(track.clone())), track }
    }
}

impl Drop for Film {
    fn drop(&mut self) {
        self.player.abort();
    }
}

async fn play(track: LocalTrack) {
    let film = MovingPicture::new(WIDTH, HEIGHT, FRAME_RATE).expect("the size is one that it draws");
    let mut ticks = interval(Duration::from_secs(1) / FRAME_RATE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let start = Instant::now();
    loop {
        let due = ticks.tick().await.saturating_duration_since(start);
        let number = (due.as_secs_f64() * f64::from(FRAME_RATE)).round() as u32;
        track.write_video(film.picture(number)).expect("a track of pictures takes pictures");
    }
}
