//! `RTCRtpSender-transport`, and what `RTCRtpReceiver` says of transports. Sender and receiver of a transceiver have one.

use super::*;

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
