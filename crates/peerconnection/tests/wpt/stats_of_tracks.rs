//! Statistics of tracks, which only connections with tracks have.

use super::sockets::{negotiate, track};
use ortica::codecs::synthetic::Tone;
use ortica::codecs::{Codec, MediaKind};
use ortica::jsep::TransceiverInit;
use ortica::{Configuration, Direction, Events, LocalTrack, PeerConnection, RtpSender, SelectorError, TrackEvent};
use std::time::Duration;
use tokio::time::{interval, timeout};

const PATIENCE: Duration = Duration::from_secs(20);

fn connection() -> (PeerConnection, Events) {
    let configuration = Configuration::default().with_gather_loopback(true).with_codecs(vec![Codec::Pcmu, Codec::Vp8]);
    PeerConnection::new(configuration).expect("sockets can be bound")
}

/// Sends a tone until a frame of it has come out at the other side.
async fn whistle(track: &LocalTrack, received: &TrackEvent) {
    let mut ticks = interval(Duration::from_millis(20));
    let send = async {
        for frame in Tone::new(1_000.0, 48_000, 1).expect("a legal tone") {
            ticks.tick().await;
            track.write_audio(frame).expect("a track of sound");
        }
    };
    let heard = async {
        received.track.recv_audio().await.expect("the track goes on");
    };
    let either = async {
        tokio::select! { () = send => {}, () = heard => {} }
    };
    timeout(PATIENCE, either).await.expect("the tone");
}

#[tokio::test]
async fn wpt_rtc_peer_connection_get_stats_foreign_track_rejects() {
    let (pc, _events) = connection();
    let outcome = pc.get_stats_of(&LocalTrack::audio());
    assert_eq!(outcome, Err(SelectorError::Foreign));
}

#[tokio::test]
async fn wpt_rtc_peer_connection_get_stats_own_track() {
    let (pc, _events) = connection();
    let (added, given) = (LocalTrack::audio(), LocalTrack::audio());
    pc.add_track(&added, &[]).expect("a track");
    let transceiver = pc.add_transceiver(MediaKind::Audio, TransceiverInit::default()).expect("a transceiver");
    transceiver.sender().replace_track(Some(&given)).expect("of that kind");
    assert!(pc.get_stats_of(&added).is_ok() && pc.get_stats_of(&given).is_ok());
}

#[tokio::test]
async fn wpt_rtc_peer_connection_get_stats_ambiguous_track_rejects() {
    let (pc, _events) = connection();
    let track = LocalTrack::audio();
    for _ in 0..2 {
        let transceiver = pc.add_transceiver(MediaKind::Audio, TransceiverInit::default()).expect("a transceiver");
        transceiver.sender().replace_track(Some(&track)).expect("of that kind");
    }
    assert_eq!(pc.get_stats_of(&track), Err(SelectorError::Ambiguous));
}

#[tokio::test]
async fn wpt_rtc_peer_connection_get_stats_sender_track_selector() {
    let ((a, _a_events), (b, _b_events)) = (connection(), connection());
    let (audio, video) = (LocalTrack::audio(), LocalTrack::video());
    let sender = a.add_track(&audio, &[]).expect("a track");
    a.add_track(&video, &[]).expect("a track");
    negotiate(&a, &b).await;
    let report = a.get_stats_of(&audio).expect("it is sent");
    let kinds: Vec<MediaKind> = report.outbound_rtp().map(|stream| stream.kind).collect();
    assert_eq!(kinds, [MediaKind::Audio], "nothing of the other track");
    assert_eq!((report.transports().count(), report.media_sources().count(), report.codecs().count()), (1, 1, 1));
    assert_eq!(sender.get_stats().outbound_rtp().count(), 1);
}

#[tokio::test]
async fn wpt_rtc_peer_connection_get_stats_receiver_track_selector() {
    let ((a, _a_events), (b, mut b_events)) = (connection(), connection());
    let tone = LocalTrack::audio();
    a.add_track(&tone, &["stream"]).expect("a track");
    negotiate(&a, &b).await;
    let received = track(&mut b_events).await;
    assert_eq!(b.get_stats_of(&received.track).expect("it is received").iter().count(), 0, "nothing came yet");
    whistle(&tone, &received).await;
    let report = b.get_stats_of(&received.track).expect("it is received");
    let stream = report.inbound_rtp().next().expect("packets came");
    assert!(stream.packets_received > 0 && stream.total_samples_received > Some(0), "{stream:?}");
    assert!(stream.total_audio_energy > Some(0.0), "a tone is no silence: {stream:?}");
    assert!(report.outbound_rtp().next().is_none());
    assert_eq!(received.transceiver.receiver().get_stats().inbound_rtp().count(), 1);
    assert_eq!(a.get_stats_of(&received.track), Err(SelectorError::Foreign));

    let source = a.get_stats().media_sources().next().expect("it is sent").clone();
    assert!(source.total_samples_duration > Some(Duration::ZERO) && source.audio_level > Some(0.0), "{source:?}");
    assert_eq!(source.track_identifier, stream.track_identifier);
}

/// The streams that a sender and the connection say it sends.
fn streams(pc: &PeerConnection, sender: &RtpSender) -> [usize; 2] {
    [pc.get_stats().outbound_rtp().count(), sender.get_stats().outbound_rtp().count()]
}

#[tokio::test]
async fn wpt_rtp_stats_lifetime_outbound_survives_null() {
    for track in [LocalTrack::audio(), LocalTrack::video()] {
        let ((a, _a_events), (b, _b_events)) = (connection(), connection());
        let sender = a.add_track(&track, &[]).expect("a track");
        negotiate(&a, &b).await;
        assert_eq!(sender.transceiver().current_direction(), Some(Direction::SendOnly));
        assert_eq!(streams(&a, &sender), [1, 1]);
        sender.replace_track(None).expect("none is of every kind");
        assert_eq!(streams(&a, &sender), [1, 1]);
        assert_eq!(a.get_stats().media_sources().count(), 0);
    }
}
