//! Encoded transforms of tracks over real sockets, as functions and as streams.

#[path = "common/sockets.rs"]
mod sockets;

use ortica::codecs::synthetic::{Tone, tone_level, tone_purity};
use ortica::codecs::{Codec, EncodedFrame, MediaKind};
use ortica::engine::ReceivedFrame;
use ortica::jsep::TransceiverError;
use ortica::transform::{FrameReader, RtpFrame};
use ortica::{Configuration, Event, Events, LocalTrack, PeerConnection, RemoteTrack, RtpReceiver, RtpSender};
use sockets::describe;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;
use tokio::time::{interval, timeout};

const PATIENCE: Duration = Duration::from_secs(20);

fn connection(codec: Codec) -> (PeerConnection, Events) {
    let configuration = Configuration::default().with_gather_loopback(true).with_codecs(vec![codec]);
    PeerConnection::new(configuration).expect("sockets can be bound")
}

/// A call whose first side sends a track, and what the other side receives it with.
async fn call(codec: Codec) -> (PeerConnection, PeerConnection, LocalTrack, RtpSender, RtpReceiver) {
    let ((a, _), (b, mut events)) = (connection(codec), connection(codec));
    let track = LocalTrack::new(codec.kind(), Default::default());
    let sender = a.add_track(&track, &[]).expect("it is legal");
    b.set_remote_description(describe(&a).await).expect("a legal offer");
    let find = async {
        loop {
            if let Event::Track(event) = events.next().await.expect("the connection goes on") {
                return event.transceiver.receiver();
            }
        }
    };
    let receiver = timeout(PATIENCE, find).await.expect("a track");
    a.set_remote_description(describe(&b).await).expect("a legal answer");
    timeout(PATIENCE, a.connected()).await.expect("it connects").expect("it is open");
    (a, b, track, sender, receiver)
}

/// Writes a tone in real time until the task is dropped.
async fn whistle(track: LocalTrack) {
    let mut ticks = interval(Duration::from_millis(20));
    for frame in Tone::new(1_000.0, 48_000, 1).expect("a legal tone") {
        ticks.tick().await;
        track.write_audio(frame).expect("a track of sound");
    }
}

async fn hear(track: &RemoteTrack) {
    let listen = async {
        loop {
            let frame = track.recv_audio().await.expect("the track goes on");
            if tone_level(&frame, 1_000.0) > 0.3 && tone_purity(&frame, 1_000.0) > 0.8 {
                return;
            }
        }
    };
    timeout(PATIENCE, listen).await.expect("the tone");
}

fn scrambled(mut frame: RtpFrame) -> Option<RtpFrame> {
    let data: Vec<u8> = frame.data().iter().rev().map(|byte| byte ^ 0xa5).collect();
    frame.set_data(data);
    Some(frame)
}

/// Writes pictures, key frames as they are wanted, until the task is dropped.
async fn show(track: LocalTrack) {
    let mut ticks = interval(Duration::from_millis(20));
    for number in 0.. {
        ticks.tick().await;
        let key_frame = track.take_key_frame_request();
        let mut data = vec![u8::from(!key_frame), 0, 0, 0x9d, 0x01, 0x2a, 64, 0, 48, 0];
        data.resize(2_000, number as u8);
        let frame = EncodedFrame::new(Codec::Vp8, data, number * 1_800).with_key_frame(key_frame);
        track.write_encoded(&frame).expect("a track of pictures");
    }
}

#[tokio::test]
async fn sound_crosses_scrambled_and_is_heard() {
    let (_a, _b, track, sender, receiver) = call(Codec::Pcmu).await;
    sender.set_transform(scrambled).unwrap();
    receiver.set_transform(scrambled).unwrap();
    let whistling = tokio::spawn(whistle(track));
    hear(&receiver.track()).await;
    whistling.abort();
}

/// Counts how many of it there are.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Guards: a transform that is replaced, cleared, or whose connection is gone leaves nothing behind.
#[tokio::test]
async fn a_transform_is_dropped_with_its_last_use() {
    let (a, b, _track, sender, receiver) = call(Codec::Pcmu).await;
    let alive = Arc::new(AtomicUsize::new(0));
    let counting = || {
        alive.fetch_add(1, Ordering::SeqCst);
        let counted = Counted(alive.clone());
        move |frame: RtpFrame| {
            let _here = &counted;
            Some(frame)
        }
    };
    let falls_to = async |count: usize| {
        let wait = async {
            while alive.load(Ordering::SeqCst) != count {
                // The thread of the transform may hold it for the length of a run.
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("{count} are left of {alive:?}"));
    };
    sender.set_transform(counting()).unwrap();
    sender.set_transform(counting()).unwrap();
    falls_to(1).await;
    receiver.set_transform(counting()).unwrap();
    falls_to(2).await;
    sender.clear_transform().unwrap();
    falls_to(1).await;
    let (_reader, _writer) = receiver.transform_streams().unwrap();
    falls_to(0).await;
    sender.set_transform(counting()).unwrap();
    drop((a, b, sender, receiver));
    falls_to(0).await;
}

#[tokio::test]
async fn a_task_forwards_frames_between_connections_and_asks_for_key_frames() {
    let (_a, _b, track, _, inbound) = call(Codec::Vp8).await;
    let (_c, _d, _unused, outbound, receiver) = call(Codec::Vp8).await;
    let (mut reader, _) = inbound.transform_streams().unwrap();
    let (_, writer) = outbound.transform_streams().unwrap();
    let showing = tokio::spawn(show(track));
    let wishes = tokio::spawn({
        let (outbound, inbound) = (outbound.clone(), inbound.clone());
        async move {
            let mut wishes = 0;
            while outbound.key_frame_request().await.is_some() {
                wishes += 1;
                let _ = inbound.send_key_frame_request();
            }
            wishes
        }
    });
    let forwarding = tokio::spawn(async move {
        while let Some(frame) = reader.read().await {
            let copy = frame.with_metadata(frame.metadata().clone()).expect("it is unchanged");
            let _ = writer.write(copy);
        }
    });
    let far = receiver.track();
    let watch = async |count: usize| {
        let mut keys = 0;
        for _ in 0..count {
            if let Some(ReceivedFrame::Frame { frame, .. }) = far.recv_encoded().await {
                assert_eq!(frame.data.len(), 2_000);
                keys += usize::from(frame.key_frame);
            }
        }
        keys
    };
    assert!(timeout(PATIENCE, watch(20)).await.expect("pictures") > 0);
    // Whoever cannot decode asks, and the wish goes all the way back.
    far.request_key_frame();
    assert!(timeout(PATIENCE, watch(1)).await.expect("a key frame") > 0);
    outbound.transceiver().stop().unwrap();
    let wishes = timeout(PATIENCE, wishes).await.expect("nothing is sent any more").unwrap();
    assert!(wishes >= 2, "{wishes}");
    showing.abort();
    forwarding.abort();
}

/// Guards: a future that is dropped at any poll loses no frame.
#[tokio::test]
async fn a_cancelled_read_loses_nothing() {
    let (_a, _b, track, sender, _receiver) = call(Codec::Pcmu).await;
    let (mut reader, _writer) = sender.transform_streams().unwrap();
    for number in 0..50 {
        cancel(&mut reader).await;
        let frame = EncodedFrame::new(Codec::Pcmu, vec![number; 160], i64::from(number) * 160);
        assert_eq!(track.write_encoded(&frame), Ok(1));
        let read = timeout(PATIENCE, reader.read()).await.expect("a frame").expect("the track goes on");
        assert_eq!(read.data()[0], number);
    }
}

/// Polls a read once, which has to wait, and drops it.
async fn cancel(reader: &mut FrameReader) {
    let mut read = Box::pin(reader.read());
    poll_fn(|cx| {
        assert!(read.as_mut().poll(cx).is_pending());
        Poll::Ready(())
    })
    .await;
}

#[tokio::test]
async fn readers_end_with_their_transceiver_and_their_connection() {
    let (a, b, _track, sender, receiver) = call(Codec::Pcmu).await;
    let (mut sent, _) = sender.transform_streams().unwrap();
    let (mut received, _) = receiver.transform_streams().unwrap();
    let stopping = tokio::spawn(async move { sent.read().await.is_none() });
    sender.transceiver().stop().unwrap();
    assert!(timeout(PATIENCE, stopping).await.expect("it ends").unwrap());
    assert_eq!(sender.clear_transform(), Err(TransceiverError::Stopped));
    let closing = tokio::spawn(async move { received.read().await.is_none() });
    b.close().await;
    assert!(timeout(PATIENCE, closing).await.expect("it ends").unwrap());
    assert_eq!(receiver.set_transform(Some), Err(TransceiverError::Closed));
    assert_eq!(receiver.track().kind(), MediaKind::Audio);
    drop(a);
}
