//! `RTCRtpSender-transport`, and what `RTCRtpReceiver` says of transports. Sender and receiver of a transceiver have one.

use super::*;
use ortica::jsep::BundlePolicy;
use ortica::ortc::IceTransportState;

const POLICIES: [BundlePolicy; 3] = [BundlePolicy::Balanced, BundlePolicy::MaxBundle, BundlePolicy::MaxCompat];

/// Two sides, the first of which has sound, pictures and what else there is to offer by that policy.
fn of_policy(content: Content, policy: BundlePolicy) -> Pair<Side> {
    let mut pair = pair(content);
    pair.a.peer.set_bundle_policy(policy);
    pair.a.peer.add_track(MediaKind::Video, vec!["stream".to_owned()]).unwrap();
    pair
}

/// What carries each section.
fn carriers(side: &Side) -> Vec<Option<TransportId>> {
    let peer = &side.peer;
    let media = peer.transceivers().into_iter().map(|transceiver| peer.transport_of(transceiver.id));
    media.chain(peer.has_sctp().then(|| peer.data_transport())).collect()
}

/// All are carried, and by the same.
fn is_shared(carriers: &[Option<TransportId>]) -> bool {
    carriers.first().is_some_and(|first| first.is_some() && carriers.iter().all(|other| other == first))
}

fn per_bundle_policy(content: Content) {
    for policy in POLICIES {
        let mut pair = of_policy(content, policy);
        let (now, Pair { a, b, .. }) = (pair.now(), &mut pair);
        let offer = a.peer.create_offer(now).unwrap();
        assert!(carriers(a).iter().all(Option::is_none), "{policy}");
        a.peer.set_local_description(now, offer.clone()).unwrap();
        let offered = carriers(a);
        assert!(offered.iter().all(Option::is_some), "{policy}");
        assert_eq!(is_shared(&offered), policy == BundlePolicy::MaxBundle, "{policy}");
        b.peer.set_remote_description(now, offer).unwrap();
        let answer = b.peer.create_answer(now).unwrap();
        assert!(carriers(b).iter().all(Option::is_none), "{policy}");
        b.peer.set_local_description(now, answer.clone()).unwrap();
        a.peer.set_remote_description(now, answer).unwrap();
        assert!(is_shared(&carriers(a)) && is_shared(&carriers(b)), "{policy}");
        assert_eq!(carriers(a)[0], offered[0], "{policy}: that of the first");
    }
}

#[test]
fn wpt_rtc_rtp_sender_transport_per_bundle_policy() {
    per_bundle_policy(Content::Sound);
}

#[test]
fn wpt_rtc_rtp_sender_transport_per_bundle_policy_with_data() {
    per_bundle_policy(Content::Both);
}

#[test]
fn wpt_rtc_rtp_receiver_shared_with_max_bundle() {
    let mut pair = of_policy(Content::Sound, BundlePolicy::MaxBundle);
    pair.a.peer.set_local_description(pair.now(), SessionDescription::offer("")).unwrap();
    assert!(is_shared(&carriers(&pair.a)));
}

#[test]
fn wpt_rtc_rtp_receiver_merged_by_answer() {
    let mut pair = of_policy(Content::Sound, BundlePolicy::MaxCompat);
    pair.a.peer.set_local_description(pair.now(), SessionDescription::offer("")).unwrap();
    assert!(!is_shared(&carriers(&pair.a)));
    pair.a.peer.set_local_description(pair.now(), SessionDescription::rollback()).unwrap();
    negotiate(&mut pair);
    assert!(is_shared(&carriers(&pair.a)));
}

#[test]
fn wpt_rtc_ice_transport_bundled_away_closes() {
    let mut pair = of_policy(Content::Sound, BundlePolicy::Balanced);
    pair.a.peer.set_local_description(pair.now(), SessionDescription::offer("")).unwrap();
    let [Some(audio), Some(video)] = carriers(&pair.a)[..] else { panic!("both are offered") };
    assert_ne!(audio, video);
    assert_eq!(pair.a.peer.ice_state(video), IceTransportState::New);
    let offer = pair.a.peer.local_description().unwrap();
    let now = pair.now();
    pair.b.peer.set_remote_description(now, offer).unwrap();
    pair.b.peer.set_local_description(now, SessionDescription::answer("")).unwrap();
    pair.a.peer.set_remote_description(now, pair.b.peer.local_description().unwrap()).unwrap();
    connect(&mut pair);
    assert_eq!(carriers(&pair.a), [Some(audio), Some(audio)]);
    assert_eq!(pair.a.peer.ice_state(video), IceTransportState::Closed);
}

#[test]
fn wpt_rtc_rtp_sender_transport_null_unconnected() {
    let pair = pair(Content::Sound);
    assert_eq!(pair.a.peer.transport_of(transceiver(&pair.a)), None);
}

#[test]
fn wpt_rtc_rtp_sender_transport_set_when_connected() {
    let pair = connected(Content::Sound);
    for side in [&pair.a, &pair.b] {
        assert!(side.peer.session().ice(transport(side)).is_some());
    }
}

#[test]
fn wpt_rtc_rtp_receiver_null_initially() {
    let mut pair = pair(Content::Sound);
    pair.a.peer.create_offer(pair.now()).unwrap();
    assert_eq!(pair.a.peer.transport_of(transceiver(&pair.a)), None);
}

#[test]
fn wpt_rtc_rtp_receiver_set_after_sld_offer() {
    let mut pair = pair(Content::Sound);
    pair.a.peer.set_local_description(pair.now(), SessionDescription::offer("")).unwrap();
    assert!(pair.a.peer.transport_of(transceiver(&pair.a)).is_some());
}

#[test]
fn wpt_rtc_rtp_receiver_null_after_rollback() {
    let mut pair = pair(Content::Sound);
    for description in [SessionDescription::offer(""), SessionDescription::rollback()] {
        pair.a.peer.set_local_description(pair.now(), description).unwrap();
    }
    assert_eq!(pair.a.peer.transport_of(transceiver(&pair.a)), None);
}

#[test]
fn wpt_rtc_rtp_receiver_null_after_srd_offer() {
    let mut pair = pair(Content::Sound);
    let offer = pair.a.peer.create_offer(pair.now()).unwrap();
    pair.b.peer.set_remote_description(pair.now(), offer).unwrap();
    assert_eq!(pair.b.peer.transport_of(transceiver(&pair.b)), None);
}

#[test]
fn wpt_rtc_rtp_receiver_same_after_ice_restart() {
    let mut pair = connected(Content::Sound);
    let before = transport(&pair.a);
    pair.a.peer.restart_ice();
    pair.a.peer.set_local_description(pair.now(), SessionDescription::offer("")).unwrap();
    assert_eq!(transport(&pair.a), before);
}
