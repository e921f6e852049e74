use super::*;
use crate::media::{Paced, silence, tone};
use ortica_codecs::{Codec, EncodedFrame, VideoFrame};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

/// What a test puts in.
struct Hand {
    kind: MediaKind,
    frames: mpsc::Receiver<Frame>,
    asked: Arc<AtomicUsize>,
}

impl MediaSource for Hand {
    fn kind(&self) -> MediaKind {
        self.kind
    }

    async fn recv(&mut self) -> Option<Frame> {
        self.frames.recv().await
    }

    fn key_frame_requester(&self) -> Option<KeyFrameRequester> {
        let asked = self.asked.clone();
        Some(KeyFrameRequester::new(move || {
            asked.fetch_add(1, Ordering::Relaxed);
        }))
    }
}

fn hand(kind: MediaKind) -> (mpsc::Sender<Frame>, Arc<AtomicUsize>, Hand) {
    let (to, frames) = mpsc::channel(1);
    let asked = Arc::new(AtomicUsize::new(0));
    (to, asked.clone(), Hand { kind, frames, asked })
}

fn picture(number: i64, key_frame: bool) -> Frame {
    EncodedFrame::new(Codec::Vp8, vec![number as u8], number * 90).with_key_frame(key_frame).into()
}

fn raw(number: i64) -> Frame {
    let time_base = ortica_codecs::TimeBase::per_second(1_000);
    VideoFrame::black(16, 16).map(|frame| frame.with_pts(number, time_base)).expect("it can be so small").into()
}

fn number(frame: &Frame) -> u64 {
    frame.time().as_millis() as u64
}

async fn settled<T>(relay: &MediaRelay, of: impl Fn(&State) -> T, wanted: T)
where
    T: PartialEq,
{
    while of(&relay.shared.lock()) != wanted {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn several_consumers_get_the_same_and_one_that_stops_stops_alone() {
    let relay = MediaRelay::new(tone(440.0).unwrap());
    let (mut one, mut other) = (relay.subscribe(Buffering::default()), relay.subscribe(Buffering::default()));
    for _ in 0..10 {
        let (one, other) = tokio::join!(one.recv(), other.recv());
        assert_eq!(one.unwrap().time(), other.unwrap().time());
    }
    one.stop();
    assert!(one.recv().await.is_none());
    for _ in 0..10 {
        assert!(other.recv().await.is_some());
    }
    assert_eq!(relay.consumers(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_source_ends_all_consumers_after_what_they_have() {
    let (to, _, source) = hand(MediaKind::Video);
    let relay = MediaRelay::new(source);
    let (mut one, mut other) = (relay.subscribe(Buffering::Frames(5)), relay.subscribe(Buffering::Latest));
    assert!(one.take().is_none() && other.take().is_none());
    for number in 0..3 {
        to.send(raw(number)).await.unwrap();
    }
    drop(to);
    settled(&relay, |state| state.ended, true).await;
    let mut read = Vec::new();
    while let Some(frame) = one.recv().await {
        read.push(number(&frame));
    }
    assert_eq!(read, [0, 1, 2]);
    assert_eq!(other.recv().await.map(|frame| number(&frame)), Some(2));
    assert!(other.recv().await.is_none());
    // Who comes later finds the end.
    assert!(relay.subscribe(Buffering::default()).recv().await.is_none());
}

/// Guards: a consumer that takes nothing costs what its buffer holds, and others nothing.
#[tokio::test(start_paused = true)]
async fn a_slow_consumer_holds_up_nobody() {
    let (to, _, source) = hand(MediaKind::Video);
    let relay = MediaRelay::new(source);
    let mut slow = relay.subscribe(Buffering::Frames(4));
    let mut fast = relay.subscribe(Buffering::Frames(4));
    assert!(slow.take().is_none() && fast.take().is_none());
    for sent in 0..100 {
        to.send(raw(sent)).await.unwrap();
        assert_eq!(number(&fast.recv().await.unwrap()), sent as u64);
    }
    assert_eq!((slow.dropped(), fast.dropped()), (96, 0));
    assert_eq!(number(&slow.recv().await.unwrap()), 96);
}

/// Guards: what a consumer gets of encoded pictures can be decoded, whatever it missed.
#[tokio::test(start_paused = true)]
async fn of_encoded_pictures_everything_up_to_the_next_key_frame_is_dropped() {
    let (to, asked, source) = hand(MediaKind::Video);
    let relay = MediaRelay::new(source);
    let mut track = relay.subscribe(Buffering::Frames(3));
    assert!(track.take().is_none());
    assert_eq!(asked.load(Ordering::Relaxed), 1, "who joins asks");
    // Number 4 is one too many: with it go those before.
    for (sent, key_frame) in [(0, false), (1, true), (2, false), (3, false), (4, false), (5, false)] {
        to.send(picture(sent, key_frame)).await.unwrap();
    }
    settled(&relay, |state| state.consumers.values().map(|consumer| consumer.dropped).sum(), 6).await;
    assert_eq!(asked.load(Ordering::Relaxed), 2);
    for (sent, key_frame) in [(6, true), (7, false)] {
        to.send(picture(sent, key_frame)).await.unwrap();
    }
    assert_eq!(number(&track.recv().await.unwrap()), 6);
    assert_eq!(number(&track.recv().await.unwrap()), 7);
}

/// Guards: nobody reading means that nothing is made.
#[tokio::test(start_paused = true)]
async fn a_source_rests_while_nobody_takes_anything() {
    let made = Arc::new(AtomicUsize::new(0));
    let count = made.clone();
    let frames = (0..).map(move |number| {
        count.fetch_add(1, Ordering::Relaxed);
        raw(number)
    });
    let relay = MediaRelay::new(Paced::new(MediaKind::Video, frames));
    let mut track = relay.subscribe(Buffering::default());
    sleep(Duration::from_secs(10)).await;
    assert_eq!(made.load(Ordering::Relaxed), 0);
    track.recv().await.unwrap();
    track.stop();
    sleep(Duration::from_secs(10)).await;
    // One was on its way.
    assert!(made.load(Ordering::Relaxed) <= 2);
}

#[tokio::test(start_paused = true)]
async fn a_source_is_let_go_when_the_relay_is_stopped_or_dropped() {
    for stop in [true, false] {
        let (to, _, source) = hand(MediaKind::Video);
        let relay = MediaRelay::new(source);
        let mut track = relay.subscribe(Buffering::default());
        assert!(track.take().is_none());
        if stop {
            relay.stop();
            assert!(track.recv().await.is_none());
        } else {
            drop((relay, track));
        }
        timeout(Duration::from_secs(1), to.closed()).await.expect("the source is dropped");
    }
}

#[tokio::test(start_paused = true)]
async fn silence_comes_in_its_own_time() {
    let mut silence = silence();
    let start = tokio::time::Instant::now();
    for at in 0..50 {
        let Some(Frame::Audio(frame)) = silence.recv().await else { panic!("silence has no end") };
        assert_eq!((frame.len(), frame.level()), (160, 127));
        assert_eq!(start.elapsed().as_millis() / 20, at);
    }
}
