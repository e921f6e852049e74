//! Tracks of RTP packets over real sockets: a server of conferences in a few lines.

#[path = "common/sockets.rs"]
mod sockets;

use ortica::codecs::{Codec, EncodedFrame, MediaKind};
use ortica::engine::RtpPacket;
use ortica::media::{Buffering, Frame, MediaRelay, MediaSource, RtpReader, WriteError};
use ortica::{Configuration, Events, LocalTrack, PeerConnection, RemoteTrack};
use sockets::{loopback, negotiate, track, within};
use std::time::Duration;
use tokio::time::interval;

fn connection() -> (PeerConnection, Events) {
    let configuration = Configuration::default().with_endpoint(loopback());
    PeerConnection::new(configuration.with_codecs(vec![Codec::Vp8])).expect("sockets can be bound")
}

/// A picture of VP8 as far as its header goes, the `number`th of 50 in a second.
fn picture(number: u32, key_frame: bool) -> EncodedFrame {
    let mut data = vec![u8::from(!key_frame), 0, 0, 0x9d, 0x01, 0x2a, 64, 1, 240, 0];
    data.extend_from_slice(&number.to_be_bytes());
    data.resize(if key_frame { 9_000 } else { 2_500 }, number as u8);
    EncodedFrame::new(Codec::Vp8, data, i64::from(number) * 1_800).with_key_frame(key_frame)
}

fn number(frame: &EncodedFrame) -> u32 {
    u32::from_be_bytes(frame.data[10..14].try_into().expect("four bytes"))
}

/// Sends pictures until it is dropped, key frames only where somebody wants them.
async fn film(track: LocalTrack) {
    let mut ticks = interval(Duration::from_millis(20));
    for at in 0.. {
        ticks.tick().await;
        let key_frame = track.take_key_frame_request();
        track.write_encoded(&picture(at, key_frame)).expect("a track of pictures");
    }
}

/// The next whole pictures, one after the other.
async fn watch(track: &RemoteTrack, count: usize) -> Vec<EncodedFrame> {
    let (mut track, mut seen) = (track.clone(), Vec::new());
    while seen.len() < count {
        match within(track.recv()).await {
            Some(Frame::Encoded { frame, .. }) => seen.push(frame),
            other => panic!("{other:?}"),
        }
    }
    seen
}

/// Sends a track over a connection of its own: who sends, who receives, and what comes there.
async fn call(sent: &LocalTrack) -> (PeerConnection, PeerConnection, RemoteTrack) {
    let (from, _) = connection();
    let (to, mut events) = connection();
    from.add_track(sent, &["speaker"]).expect("a track");
    negotiate(&from, &to).await;
    let incoming = track(&mut events).await.track;
    (from, to, incoming)
}

/// Everybody gets what the speaker sent, byte for byte; who comes late gets a key frame, which was asked for at the speaker through
/// the server.
#[tokio::test]
async fn a_server_passes_packets_on_to_all_and_requests_back() {
    let source = LocalTrack::video();
    let (_speaker, server, incoming) = call(&source).await;
    let relay = MediaRelay::new(RtpReader::new(incoming));
    let task = tokio::spawn(film(source));
    let mut calls = Vec::new();
    for _ in 0..3 {
        let copy = LocalTrack::pulled(relay.subscribe(Buffering::default()), Default::default());
        let (out, listener, heard) = call(&copy).await;
        let seen = watch(&heard, 30).await;
        assert!(seen[0].key_frame, "it can be decoded");
        assert!(seen.iter().all(|frame| frame.data == picture(number(frame), frame.key_frame).data));
        assert!(seen.windows(2).all(|pair| pair[0].pts < pair[1].pts));
        calls.push((out, listener, copy, heard));
    }
    for (.., heard) in &calls {
        watch(heard, 10).await;
    }
    assert_eq!(relay.consumers(), 3);
    task.abort();
    server.close().await;
    let heard = &calls[0].3;
    assert!(!heard.is_ended());
    within(async {
        while !calls[0].2.is_ended() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

/// Guards: a track takes packets of its kind alone, and sends them as long as it may.
#[tokio::test]
async fn packets_are_written_to_a_track_that_sends() {
    let source = LocalTrack::video();
    let (_speaker, _server, incoming) = call(&source).await;
    let mut reader = RtpReader::new(incoming);
    let task = tokio::spawn(film(source));
    let copy = LocalTrack::video();
    let (out, _listener, heard) = call(&copy).await;
    within(out.connected()).await.expect("it connects");
    reader.request_key_frame();
    let first = within(next_key_frame(&mut reader)).await;
    assert_eq!(copy.write_rtp(&first), Ok(1));
    assert_eq!(LocalTrack::audio().write_rtp(&first), Err(WriteError::Kind(MediaKind::Audio)));
    copy.set_enabled(false);
    let next = within(reader.recv()).await.expect("it goes on");
    assert_eq!(copy.write_rtp(&next), Ok(0));
    copy.set_enabled(true);
    assert_eq!(copy.write_rtp(&next), Ok(1));
    copy.stop();
    assert_eq!(copy.write_rtp(&next), Err(WriteError::Ended));
    assert!(!heard.is_ended());
    task.abort();
}

/// The next packet with which a key frame begins.
async fn next_key_frame(reader: &mut RtpReader) -> RtpPacket {
    loop {
        let packet = reader.recv().await.expect("it goes on");
        if packet.starts_key_frame {
            return packet;
        }
    }
}

/// Guards: frames come again once the last reader of packets is gone.
#[tokio::test]
async fn frames_come_again_without_readers_of_packets() {
    let source = LocalTrack::video();
    let (_speaker, _server, incoming) = call(&source).await;
    let task = tokio::spawn(film(source));
    let [mut first, mut second] = [(); 2].map(|()| RtpReader::new(incoming.clone()));
    assert!(within(first.recv()).await.is_some());
    drop(first);
    assert!(within(second.recv()).await.is_some(), "one is left");
    drop(second);
    assert!(watch(&incoming, 10).await[0].key_frame);
    task.abort();
}
