//! Sources that cannot wait.

use super::*;
use crate::media::PlayerOptions;
use crate::media::test_media::{picture, sound};
use ortica_codecs::{Codec, VideoFrame};

/// Of a source that gives raw pictures, encoded ones and sound.
fn live() -> Shared {
    let stream = |kind, codec| Stream { kind, codec };
    let streams = vec![
        stream(MediaKind::Video, None),
        stream(MediaKind::Video, Some(Codec::Vp8)),
        stream(MediaKind::Audio, Some(Codec::Opus)),
    ];
    let origin = Origin { path: "camera".into(), streams, duration: None, is_live: true };
    let shared = Shared::new(origin, &PlayerOptions::default().with_decode(false), Interest::default());
    for stream in 0..3 {
        assert!(matches!(shared.next(stream, Instant::now()), Next::Empty));
    }
    shared
}

fn put(shared: &Shared, stream: usize, numbers: std::ops::Range<i64>) {
    for number in numbers {
        let frame: Frame = match stream {
            0 => VideoFrame::black(16, 16)
                .expect("a size")
                .with_pts(number, ortica_codecs::TimeBase::per_second(25))
                .into(),
            1 => picture(number, (number % 20 == 0).then_some((16, 16))).into(),
            _ => sound(number).into(),
        };
        let position = frame.time();
        shared.put(stream, frame, position);
    }
}

/// Times of all that is there at once, in milliseconds.
fn take(shared: &Shared, stream: usize) -> Vec<u128> {
    let now = Instant::now();
    let next = || match shared.next(stream, now) {
        Next::Frame(frame) => Some(frame.time().as_millis()),
        Next::Empty => None,
        other => panic!("{other:?}"),
    };
    std::iter::from_fn(next).collect()
}

/// Guards: nothing waits for its time, what is not taken goes, the oldest first, and reading goes on all the while.
#[tokio::test(start_paused = true)]
async fn the_latest_of_a_camera_is_shown_at_once() {
    let shared = live();
    put(&shared, 0, 0..100);
    assert_eq!(take(&shared, 0), [96 * 40, 97 * 40, 98 * 40, 99 * 40]);
    put(&shared, 0, 100..102);
    assert_eq!(take(&shared, 0), [4_000, 4_040]);
    put(&shared, 2, 0..100);
    assert_eq!(take(&shared, 2), (75..100).map(|number| number * 20).collect::<Vec<u128>>());
    put(&shared, 0, 102..110);
    assert!(matches!(shared.order(), Order::ReadAny), "however full it is");
}

/// Guards: pictures that refer to one that was dropped are not given out.
#[tokio::test(start_paused = true)]
async fn encoded_pictures_go_on_with_a_key_frame() {
    let shared = live();
    put(&shared, 1, 0..30);
    // The 26th leaves no room; the next key frame is the 40th.
    assert_eq!(take(&shared, 1), Vec::<u128>::new());
    put(&shared, 1, 30..43);
    assert_eq!(take(&shared, 1), [1_600, 1_640, 1_680]);
}

/// Guards: what came while it was paused is over.
#[tokio::test(start_paused = true)]
async fn nothing_of_a_pause_is_given_out() {
    let shared = live();
    put(&shared, 0, 0..2);
    put(&shared, 1, 0..2);
    shared.pause(Instant::now());
    assert!(matches!(shared.next(0, Instant::now()), Next::Paused));
    put(&shared, 0, 2..50);
    put(&shared, 1, 2..50);
    shared.resume(Instant::now());
    put(&shared, 0, 50..52);
    put(&shared, 1, 50..62);
    assert_eq!(take(&shared, 0), [2_000, 2_040]);
    assert_eq!(take(&shared, 1), [2_400, 2_440]);
    shared.seek(Duration::ZERO);
    put(&shared, 0, 52..53);
    assert_eq!(take(&shared, 0), [2_080], "it cannot be sought in");
}
