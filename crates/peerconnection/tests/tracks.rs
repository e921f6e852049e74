//! Tracks over real sockets: raw frames in, raw frames out.

use ortica::codecs::synthetic::{Tone, tone_level, tone_purity};
use ortica::codecs::{Codec, MediaKind};
use ortica::{
    Configuration, Direction, Event, Events, LocalTrack, PeerConnection, RemoteTrack, TrackEvent, WriteError,
};
use std::time::Duration;
use tokio::time::{Instant, interval, timeout};

const PATIENCE: Duration = Duration::from_secs(20);

fn connection() -> (PeerConnection, Events) {
    PeerConnection::new(Configuration::default().with_gather_loopback(true)).expect("sockets can be bound")
}

async fn negotiate(offerer: &PeerConnection, answerer: &PeerConnection) {
    offerer.set_local_description(None).expect("an offer");
    offerer.gathering_complete().await;
    answerer.set_remote_description(offerer.local_description().expect("was set")).expect("a legal offer");
    answerer.set_local_description(None).expect("an answer");
    answerer.gathering_complete().await;
    offerer.set_remote_description(answerer.local_description().expect("was set")).expect("a legal answer");
}

async fn track(events: &mut Events) -> TrackEvent {
    let find = async {
        loop {
            match events.next().await.expect("the connection goes on") {
                Event::Track(event) => return event,
                _ => continue,
            }
        }
    };
    timeout(PATIENCE, find).await.expect("a track")
}

/// Writes a tone in real time until the task is dropped.
async fn whistle(track: LocalTrack, frequency: f64) {
    let mut ticks = interval(Duration::from_millis(20));
    for frame in Tone::new(frequency, 48_000, 2).expect("a legal tone") {
        ticks.tick().await;
        track.write_audio(frame).expect("a track of sound");
    }
}

/// Listens until a whole frame of the tone was heard.
async fn hear(track: &RemoteTrack, frequency: f64) {
    let listen = async {
        loop {
            let frame = track.recv_audio().await.expect("the track goes on");
            if tone_level(&frame, frequency) > 0.3 && tone_purity(&frame, frequency) > 0.8 {
                return;
            }
        }
    };
    timeout(PATIENCE, listen).await.expect("the tone");
}

#[tokio::test]
async fn a_tone_crosses_and_comes_back_over_the_same_transceiver() {
    let (a, mut a_events) = connection();
    let (b, mut b_events) = connection();
    let whistle_a = LocalTrack::audio();
    a.add_track(&whistle_a, &["stream"]).expect("a track");
    a.set_local_description(None).expect("an offer");
    a.gathering_complete().await;
    b.set_remote_description(a.local_description().expect("was set")).expect("a legal offer");
    let incoming = track(&mut b_events).await;
    assert_eq!((incoming.track.kind(), incoming.streams), (MediaKind::Audio, vec!["stream".to_owned()]));
    assert_eq!(incoming.transceiver.direction(), Direction::RecvOnly);

    let whistle_b = LocalTrack::audio();
    let sender = b.add_track(&whistle_b, &[]).expect("a track");
    assert_eq!(sender.transceiver().mid(), incoming.transceiver.mid());
    b.set_local_description(None).expect("an answer");
    b.gathering_complete().await;
    a.set_remote_description(b.local_description().expect("was set")).expect("a legal answer");
    let returned = track(&mut a_events).await;
    assert_eq!(incoming.transceiver.current_direction(), Some(Direction::SendRecv));

    let (one, other) = (tokio::spawn(whistle(whistle_a, 800.0)), tokio::spawn(whistle(whistle_b, 1_200.0)));
    hear(&incoming.track, 800.0).await;
    hear(&returned.track, 1_200.0).await;
    one.abort();
    other.abort();

    a.close().await;
    assert!(timeout(PATIENCE, returned.track.recv_audio()).await.is_ok());
}

#[tokio::test]
async fn one_track_is_encoded_once_for_many() {
    let source = LocalTrack::audio();
    let mut listeners = Vec::new();
    for _ in 0..3 {
        let (a, _) = connection();
        let (b, mut b_events) = connection();
        let init = ortica::jsep::TransceiverInit { codecs: vec![Codec::Pcmu], ..Default::default() };
        let transceiver = a.add_transceiver(MediaKind::Audio, init).expect("a transceiver");
        transceiver.sender().replace_track(Some(&source)).expect("of that kind");
        negotiate(&a, &b).await;
        let incoming = track(&mut b_events).await;
        timeout(PATIENCE, a.connected()).await.expect("in time").expect("connects");
        timeout(PATIENCE, b.connected()).await.expect("in time").expect("connects");
        listeners.push((a, b, incoming));
    }
    let task = tokio::spawn(whistle(source.clone(), 1_000.0));
    for (_, _, incoming) in &listeners {
        hear(&incoming.track, 1_000.0).await;
    }
    task.abort();
    let stats = source.stats();
    assert!(stats.frames_encoded > 0 && stats.frames_encoded <= stats.frames_written, "{stats:?}");
    assert_eq!(stats.frames_failed, 0);
}

#[tokio::test]
async fn a_track_takes_its_own_kind_only() {
    let track = LocalTrack::video();
    let sound = Tone::new(440.0, 8_000, 1).expect("a legal tone").next().expect("endless");
    assert_eq!(track.write_audio(sound), Err(WriteError::Kind(MediaKind::Video)));
}

/// Guards: what is written while nothing is agreed is dropped, not kept.
#[tokio::test]
async fn a_track_that_nobody_sends_costs_nothing() {
    let track = LocalTrack::audio();
    let until = Instant::now() + PATIENCE;
    for frame in Tone::new(440.0, 8_000, 1).expect("a legal tone").take(1_000) {
        track.write_audio(frame).expect("a track of sound");
    }
    while track.stats().frames_dropped == 0 && Instant::now() < until {
        for frame in Tone::new(440.0, 8_000, 1).expect("a legal tone").take(1_000) {
            track.write_audio(frame).expect("a track of sound");
        }
    }
    assert_eq!(track.stats().frames_encoded, 0);
}

#[cfg(feature = "vpx")]
mod pictures {
    use super::*;
    use ortica::codecs::synthetic::{MovingPicture, frame_counter};

    #[tokio::test]
    async fn numbered_pictures_cross_and_can_be_read() {
        let (a, _a_events) = connection();
        let (b, mut b_events) = connection();
        let source = LocalTrack::video();
        a.add_track(&source, &[]).expect("a track");
        negotiate(&a, &b).await;
        let incoming = track(&mut b_events).await;
        let film = tokio::spawn(async move {
            let mut ticks = interval(Duration::from_millis(33));
            for picture in MovingPicture::new(320, 240, 30).expect("a legal size") {
                ticks.tick().await;
                source.write_video(picture).expect("a track of pictures");
            }
        });
        let watch = async {
            let mut last = None;
            let mut seen = 0;
            while seen < 20 {
                let picture = incoming.track.recv_video().await.expect("the track goes on");
                let number = frame_counter(&picture).expect("the number can be read");
                assert!(last.is_none_or(|last| number > last), "{number} after {last:?}");
                (last, seen) = (Some(number), seen + 1);
            }
        };
        timeout(PATIENCE, watch).await.expect("pictures");
        film.abort();
    }
}
