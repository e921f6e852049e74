use super::*;
use crate::media::test_media::{paced, pictures};
use crate::media::{silence, test_picture, tone};
use ortica_codecs::{AudioFrame, MediaKind};
use std::time::Duration;
use tokio::time::sleep;

#[tokio::test(start_paused = true)]
async fn sound_and_pictures_are_taken_at_their_pace() {
    let mut hole = MediaBlackhole::new();
    hole.add_track(silence());
    hole.add_track(test_picture(96, 64, 25).unwrap());
    sleep(Duration::from_secs(5)).await;
    assert_eq!(hole.frames(), 0, "nothing is taken before the start");
    hole.start();
    sleep(Duration::from_millis(9_990)).await;
    assert_eq!(hole.frames(), 500 + 250);
    hole.stop().await;
    sleep(Duration::from_secs(5)).await;
    assert_eq!(hole.frames(), 750);
}

#[tokio::test(start_paused = true)]
async fn tracks_that_end_end_it() {
    let mut hole = MediaBlackhole::new();
    hole.add_track(paced(MediaKind::Video, pictures(0..50)));
    // One that has ended already.
    hole.add_track(paced(MediaKind::Audio, Vec::<AudioFrame>::new()));
    hole.start();
    hole.ended().await;
    assert_eq!(hole.frames(), 50);
}

#[tokio::test(start_paused = true)]
async fn what_is_stopped_before_the_start_takes_nothing() {
    let mut hole = MediaBlackhole::new();
    hole.add_track(tone(440.0).unwrap());
    hole.stop().await;
    hole.start();
    hole.ended().await;
    assert_eq!(hole.frames(), 0);
}
