//! Publishing and playing over HTTP, with servers that are made here.
#![cfg(feature = "whip")]

#[path = "../common/sockets.rs"]
mod sockets;

mod media_server;
mod playing;
mod publishing;
mod redirections;
mod refusals;
mod server;
mod stun_server;

use ortica::codecs::Codec;
use ortica::codecs::synthetic::{Tone, tone_level, tone_purity};
use ortica::jsep::{SignalingState, TransceiverInit};
use ortica::{
    BundlePolicy, Configuration, Direction, Events, IceServer, LocalTrack, PeerConnection, RemoteTrack, RtpTransceiver,
};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::interval;

const PITCH: f64 = 800.0;

/// A connection on loopback that bundles as the protocol has it.
fn connection() -> (PeerConnection, Events) {
    connection_asking(Vec::new())
}

/// The same with servers to ask for candidates.
fn connection_asking(servers: Vec<IceServer>) -> (PeerConnection, Events) {
    let configuration = Configuration::default()
        .with_endpoint(sockets::loopback())
        .with_bundle_policy(BundlePolicy::MaxBundle)
        .with_ice_servers(servers)
        .with_codecs(vec![Codec::Pcmu]);
    PeerConnection::new(configuration).expect("it needs nothing else")
}

/// How sound goes one way.
fn one_way(direction: Direction) -> TransceiverInit {
    TransceiverInit { direction, streams: vec!["stream".to_owned()], ..TransceiverInit::default() }
}

/// Sound to publish.
fn sending(pc: &PeerConnection) -> (LocalTrack, RtpTransceiver) {
    let track = LocalTrack::audio();
    let transceiver = pc.add_transceiver(&track, one_way(Direction::SendOnly)).expect("a transceiver");
    (track, transceiver)
}

/// Room for sound to play.
fn receiving(pc: &PeerConnection) -> RtpTransceiver {
    pc.add_transceiver(ortica::codecs::MediaKind::Audio, one_way(Direction::RecvOnly)).expect("a transceiver")
}

/// Writes a tone in real time until the set is dropped.
fn whistle(track: LocalTrack) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut ticks = interval(Duration::from_millis(20));
        for frame in Tone::new(PITCH, 8_000, 1).expect("a legal tone") {
            ticks.tick().await;
            track.write_audio(frame).expect("a track of sound");
        }
    });
    tasks
}

/// Listens until a whole frame of the tone was heard.
async fn hear(track: &RemoteTrack) {
    let listen = async {
        loop {
            let frame = track.recv_audio().await.expect("the track goes on");
            if tone_level(&frame, PITCH) > 0.3 && tone_purity(&frame, PITCH) > 0.8 {
                return;
            }
        }
    };
    sockets::within(listen).await;
}

/// Nothing was agreed on, and nothing is pending.
fn assert_untouched(pc: &PeerConnection) {
    assert_eq!(pc.signaling_state(), SignalingState::Stable);
    assert_eq!((pc.local_description(), pc.remote_description()), (None, None));
    assert!(pc.transceivers().iter().all(|transceiver| transceiver.mid().is_none()));
}
