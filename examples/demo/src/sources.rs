//! What each side sends: a moving picture with numbers in it, and a tone.

use crate::error::DemoError;
use ortica::LocalTrack;
use ortica::codecs::coder::VideoEncoderConfig;
use ortica::codecs::synthetic::{MovingPicture, Tone};
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval};

const WIDTH: u32 = 640;
const HEIGHT: u32 = 480;
const FRAME_RATE: u32 = 30;
const BITRATE: u32 = 1_500_000;
/// Samples per second, in two channels.
const SAMPLE_RATE: u32 = 48_000;
/// What a frame of [`Tone`] lasts.
const TONE_INTERVAL: Duration = Duration::from_millis(20);

pub fn encoding() -> VideoEncoderConfig {
    VideoEncoderConfig::default().with_bitrate(BITRATE).with_frame_rate(FRAME_RATE)
}

/// Sends the picture that is due, until the time is up. A machine that is too slow skips some.
pub async fn play_film(track: &LocalTrack, length: Duration) -> Result<(), DemoError> {
    let film = MovingPicture::new(WIDTH, HEIGHT, FRAME_RATE)?;
    let mut ticks = interval(Duration::from_secs(1) / FRAME_RATE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let start = Instant::now();
    while start.elapsed() < length {
        let due = ticks.tick().await.saturating_duration_since(start);
        track.write_video(film.picture((due.as_secs_f64() * f64::from(FRAME_RATE)).round() as u32))?;
    }
    Ok(())
}

/// Sends a tone until the time is up. A machine that is too slow catches up: sound has no gaps.
pub async fn play_tone(track: &LocalTrack, frequency: f64, length: Duration) -> Result<(), DemoError> {
    let mut ticks = interval(TONE_INTERVAL);
    let start = Instant::now();
    for frame in Tone::new(frequency, SAMPLE_RATE, 2)? {
        if ticks.tick().await.saturating_duration_since(start) >= length {
            break;
        }
        track.write_audio(frame)?;
    }
    Ok(())
}
