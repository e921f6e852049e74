//! Sections that are not bundled, over real sockets: each transport has its own.

#[path = "common/sockets.rs"]
mod sockets;

use ortica::codecs::synthetic::{Tone, tone_level};
use ortica::codecs::{Codec, MediaKind};
use ortica::jsep::{SessionDescription, TransceiverInit};
use ortica::{
    BundlePolicy, Configuration, DataChannelInit, Events, LocalTrack, Message, NewError, PeerConnection, RtcpMuxPolicy,
};
use sockets::{describe, incoming, loopback, within};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::{interval, timeout};

const PATIENCE: Duration = Duration::from_secs(20);

fn connection(policy: BundlePolicy) -> (PeerConnection, Events) {
    let configuration = Configuration::default().with_gather_loopback(true).with_bundle_policy(policy);
    PeerConnection::new(configuration).expect("sockets can be bound")
}

/// With a track of sound and a data channel.
fn caller(policy: BundlePolicy) -> (PeerConnection, LocalTrack, ortica::DataChannel) {
    let (a, _) = connection(policy);
    let track = LocalTrack::audio();
    let init = TransceiverInit { codecs: vec![Codec::Pcmu], ..Default::default() };
    let transceiver = a.add_transceiver(MediaKind::Audio, init).expect("a transceiver");
    transceiver.sender().replace_track(Some(&track)).expect("of that kind");
    let channel = a.create_data_channel("data", DataChannelInit::default()).expect("a channel");
    (a, track, channel)
}

/// `a` offers and `b` answers, each with all candidates; `change` is done to the offer on its way.
async fn negotiate(a: &PeerConnection, b: &PeerConnection, change: impl Fn(&str) -> String) -> [SessionDescription; 2] {
    let offer = SessionDescription::offer(change(&within(describe(a)).await.sdp));
    b.set_remote_description(offer.clone()).expect("a legal offer");
    let answer = within(describe(b)).await;
    a.set_remote_description(answer.clone()).expect("a legal answer");
    [offer, answer]
}

fn without_groups(sdp: &str) -> String {
    sdp.split_inclusive("\r\n").filter(|line| !line.starts_with("a=group:BUNDLE")).collect()
}

/// The addresses of each section's candidates.
fn addresses(description: &SessionDescription) -> Vec<BTreeSet<SocketAddr>> {
    let address = |line: &str| {
        let mut words = line.strip_prefix("a=candidate:")?.split(' ').skip(4);
        Some(SocketAddr::new(words.next()?.parse().ok()?, words.next()?.parse().ok()?))
    };
    let sections = description.sdp.split("\r\nm=").skip(1);
    sections.map(|section| section.lines().filter_map(address).collect()).collect()
}

async fn message_crosses(channel: &ortica::DataChannel, events: &mut Events) {
    let incoming = within(incoming(events)).await;
    channel.send(Message::Text("over there".to_owned())).await.expect("it is open");
    let message = timeout(PATIENCE, incoming.recv()).await.expect("in time");
    assert_eq!(message, Some(Message::Text("over there".to_owned())));
}

#[tokio::test]
async fn sound_and_data_cross_on_sockets_of_their_own() {
    let (a, track, channel) = caller(BundlePolicy::Balanced);
    let (b, mut b_events) = connection(BundlePolicy::Balanced);
    let descriptions = negotiate(&a, &b, without_groups).await;
    for description in &descriptions {
        let addresses = addresses(description);
        assert!(addresses.iter().all(|it| !it.is_empty()) && addresses[0].is_disjoint(&addresses[1]), "{addresses:?}");
    }
    let incoming = sockets::track(&mut b_events).await;
    timeout(PATIENCE, a.connected()).await.expect("in time").expect("connects");
    timeout(PATIENCE, b.connected()).await.expect("in time").expect("connects");
    let whistle = tokio::spawn(async move {
        let mut ticks = interval(Duration::from_millis(20));
        for frame in Tone::new(800.0, 48_000, 1).expect("a legal tone") {
            ticks.tick().await;
            track.write_audio(frame).expect("a track of sound");
        }
    });
    let listen =
        async { while tone_level(&incoming.track.recv_audio().await.expect("the track goes on"), 800.0) < 0.3 {} };
    timeout(PATIENCE, listen).await.expect("the tone");
    whistle.abort();
    message_crosses(&channel, &mut b_events).await;
    let transports = b.get_stats().iter().filter(|stats| stats.id.starts_with("transport-")).count();
    assert_eq!(transports, 2);
    timeout(PATIENCE, a.close()).await.expect("in time");
}

/// Guards: sockets that bundling makes superfluous are closed.
#[tokio::test]
async fn bundling_frees_the_sockets() {
    let (a, _track, channel) = caller(BundlePolicy::MaxCompat);
    let (b, mut b_events) = connection(BundlePolicy::MaxCompat);
    let [offer, _] = negotiate(&a, &b, str::to_owned).await;
    timeout(PATIENCE, a.connected()).await.expect("in time").expect("connects");
    message_crosses(&channel, &mut b_events).await;
    let addresses = addresses(&offer);
    for address in &addresses[1] {
        assert!(std::net::UdpSocket::bind(address).is_ok(), "{address} is in use");
    }
    let mut kept = addresses[0].iter().map(std::net::UdpSocket::bind);
    assert!(kept.all(|bound| bound.is_err()), "the test sees what is in use");
}

/// Guards: an endpoint that was told where to bind binds nothing else.
#[tokio::test]
async fn an_endpoint_with_addresses_binds_no_others() {
    let endpoint = loopback();
    let configuration =
        Configuration::default().with_endpoint(endpoint.clone()).with_bundle_policy(BundlePolicy::MaxCompat);
    let (a, _a_events) = PeerConnection::new(configuration).expect("a connection");
    a.add_track(&LocalTrack::audio(), &[]).expect("a track");
    let channel = a.create_data_channel("data", DataChannelInit::default()).expect("a channel");
    let (b, mut b_events) = connection(BundlePolicy::Balanced);
    let [offer, _] = negotiate(&a, &b, str::to_owned).await;
    let own = endpoint.local_addresses()[0];
    assert_eq!(addresses(&offer), vec![BTreeSet::from([own]); 2]);
    message_crosses(&channel, &mut b_events).await;
}

#[tokio::test]
async fn wpt_rtc_configuration_rtcp_mux_policy_negotiate_optional() {
    let configuration = Configuration::default().with_rtcp_mux_policy(RtcpMuxPolicy::Negotiate);
    assert!(matches!(PeerConnection::new(configuration), Err(NewError::RtcpMuxPolicy)));
    let configuration = Configuration::default().with_rtcp_mux_policy(RtcpMuxPolicy::Require);
    assert!(PeerConnection::new(configuration).is_ok());
}
