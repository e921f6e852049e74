//! `RTCPeerConnection-onnegotiationneeded`, `RTCPeerConnection-restartIce`.

use super::*;
use ortica::codecs::MediaKind::{Audio, Video};

/// Two sides that agreed on sound.
fn connected() -> (Pc, Pc) {
    let (mut a, mut b) = Pc::two();
    a.add_transceiver(Audio, Direction::SendRecv);
    negotiate(&mut a, &mut b);
    a.events();
    b.events();
    (a, b)
}

/// What order things were reported in.
fn order(pc: &mut Pc) -> Vec<String> {
    let named = |event| match event {
        PeerEvent::SignalingStateChange(state) => Some(state.to_string()),
        PeerEvent::NegotiationNeeded => Some("negotiationneeded".to_owned()),
        _ => None,
    };
    pc.events().into_iter().filter_map(named).collect()
}

#[test]
fn wpt_rtc_peer_connection_onnegotiationneeded_first_data_channel() {
    let mut pc = Pc::new();
    pc.create_channel();
    assert!(pc.is_negotiation_needed());
}

#[test]
fn wpt_rtc_peer_connection_onnegotiationneeded_second_data_channel_no_event() {
    let mut pc = Pc::new();
    pc.create_channel();
    pc.is_negotiation_needed();
    pc.create_channel();
    assert!(!pc.is_negotiation_needed());
}

#[test]
fn wpt_rtc_peer_connection_onnegotiationneeded_add_transceiver() {
    let mut pc = Pc::new();
    pc.add_transceiver(Audio, Direction::SendRecv);
    assert!(pc.is_negotiation_needed());
}

#[test]
fn wpt_rtc_peer_connection_onnegotiationneeded_add_transceiver_twice_once() {
    let mut pc = Pc::new();
    pc.add_transceiver(Audio, Direction::SendRecv);
    pc.add_transceiver(Video, Direction::SendRecv);
    assert!(pc.is_negotiation_needed());
}

#[test]
fn wpt_rtc_peer_connection_onnegotiationneeded_dc_then_transceiver_once() {
    let mut pc = Pc::new();
    pc.create_channel();
    pc.add_transceiver(Audio, Direction::SendRecv);
    assert!(pc.is_negotiation_needed());
}

#[test]
fn wpt_rtc_peer_connection_onnegotiationneeded_not_in_have_local_offer() {
    let mut pc = Pc::new();
    pc.add_transceiver(Audio, Direction::SendRecv);
    pc.sld_implicit();
    pc.events();
    pc.create_channel();
    assert!(!pc.is_negotiation_needed());
}

#[test]
fn wpt_rtc_peer_connection_onnegotiationneeded_after_srd_answer() {
    let (mut a, mut b) = Pc::two();
    a.add_transceiver(Audio, Direction::SendRecv);
    let offer = a.sld_implicit();
    a.create_channel();
    a.events();
    b.srd(offer).unwrap();
    let answer = b.sld_implicit();
    a.srd(answer).unwrap();
    assert_eq!(order(&mut a), ["stable", "negotiationneeded"]);
}

#[test]
fn wpt_rtc_peer_connection_onnegotiationneeded_after_sld_answer() {
    let (mut a, mut b) = Pc::two();
    a.add_transceiver(Audio, Direction::SendRecv);
    let offer = a.sld_implicit();
    b.srd(offer).unwrap();
    b.create_channel();
    assert_eq!(order(&mut b), ["have-remote-offer"]);
    b.sld_implicit();
    assert_eq!(order(&mut b), ["stable", "negotiationneeded"]);
}

#[test]
fn wpt_rtc_peer_connection_onnegotiationneeded_add_track() {
    let mut pc = Pc::new();
    pc.add_track(Audio, &[]);
    assert!(pc.is_negotiation_needed());
}

#[test]
fn wpt_rtc_peer_connection_onnegotiationneeded_direction_change() {
    let (mut a, _) = connected();
    let id = a.transceivers()[0].id;
    a.peer().set_direction(id, Direction::RecvOnly).unwrap();
    assert!(a.is_negotiation_needed());
}

/// Whether another set of streams than the negotiated one asks for negotiation.
fn asks_after_streams(negotiated: &[&str], later: &[&str]) -> bool {
    let (mut a, mut b) = Pc::two();
    let id = a.add_track(Audio, negotiated);
    negotiate(&mut a, &mut b);
    a.events();
    let later: Vec<String> = later.iter().map(|&stream| stream.to_owned()).collect();
    a.peer().set_streams(id, &later).unwrap();
    a.is_negotiation_needed()
}

#[test]
fn wpt_rtc_peer_connection_onnegotiationneeded_set_streams_first() {
    assert!(asks_after_streams(&[], &["1"]));
}

#[test]
fn wpt_rtc_peer_connection_onnegotiationneeded_set_streams_changed() {
    for later in [&["2"][..], &["1", "2"], &[]] {
        assert!(asks_after_streams(&["1"], later), "{later:?}");
    }
    assert!(asks_after_streams(&["1", "2"], &["1"]));
}

#[test]
fn wpt_rtc_peer_connection_onnegotiationneeded_set_streams_same_set() {
    assert!(!asks_after_streams(&["1"], &["1"]));
    assert!(!asks_after_streams(&["1"], &["1", "1"]));
    assert!(!asks_after_streams(&["1", "2"], &["2", "1"]));
    assert!(!asks_after_streams(&["1", "2"], &["2", "1", "2", "1"]));
}

#[test]
fn wpt_rtc_peer_connection_onnegotiationneeded_remove_track_caller() {
    let (mut a, mut b) = Pc::two();
    let id = a.add_track(Audio, &[]);
    assert!(a.is_negotiation_needed());
    negotiate(&mut a, &mut b);
    assert!(!a.is_negotiation_needed());
    a.peer().set_direction(id, Direction::RecvOnly).unwrap();
    assert!(a.is_negotiation_needed());
}

#[test]
fn wpt_rtc_peer_connection_onnegotiationneeded_two_transceivers_one_by_one() {
    let (mut a, mut b) = Pc::two();
    let mut needed = 0;
    for kind in [Audio, Video] {
        a.add_transceiver(kind, Direction::SendRecv);
        needed += usize::from(a.is_negotiation_needed());
        negotiate(&mut a, &mut b);
    }
    assert_eq!((needed, a.is_negotiation_needed()), (2, false));
}

fn ufrag(pc: &mut Pc) -> String {
    let sdp = pc.peer().local_description().unwrap().sdp;
    sdp.lines().find_map(|line| line.strip_prefix("a=ice-ufrag:")).unwrap().to_owned()
}

fn ufrags(a: &mut Pc, b: &mut Pc) -> [String; 2] {
    [ufrag(a), ufrag(b)]
}

/// Whether both sides have other credentials than before, or none has.
fn are_renewed(before: &[String; 2], after: &[String; 2]) -> bool {
    let renewed = before.iter().zip(after).map(|(before, after)| before != after);
    let renewed: Vec<bool> = renewed.collect();
    assert_eq!(renewed[0], renewed[1], "one side alone");
    renewed[0]
}

#[test]
fn wpt_rtc_peer_connection_restart_ice_closed_no_effect() {
    let (mut a, _) = connected();
    a.peer().close(now());
    a.peer().restart_ice();
    assert!(!a.is_negotiation_needed());
}

#[test]
fn wpt_rtc_peer_connection_restart_ice_before_initial() {
    let mut pc = Pc::new();
    pc.peer().restart_ice();
    assert!(!pc.is_negotiation_needed());
    pc.add_transceiver(Audio, Direction::SendRecv);
    assert!(pc.is_negotiation_needed());
}

#[test]
fn wpt_rtc_peer_connection_restart_ice_no_effect_on_initial_negotiation() {
    let (mut a, mut b) = Pc::two();
    a.add_transceiver(Audio, Direction::SendRecv);
    a.peer().restart_ice();
    a.events();
    negotiate(&mut a, &mut b);
    assert!(!a.is_negotiation_needed());
}

#[test]
fn wpt_rtc_peer_connection_restart_ice_fires_nn_after_initial() {
    let (mut a, _) = connected();
    a.peer().restart_ice();
    assert!(a.is_negotiation_needed());
}

#[test]
fn wpt_rtc_peer_connection_restart_ice_fresh_ufrags() {
    let (mut a, mut b) = connected();
    let first = ufrags(&mut a, &mut b);
    negotiate(&mut a, &mut b);
    assert!(!are_renewed(&first, &ufrags(&mut a, &mut b)));
    a.peer().restart_ice();
    negotiate(&mut a, &mut b);
    let second = ufrags(&mut a, &mut b);
    assert!(are_renewed(&first, &second));
    a.events();
    negotiate(&mut a, &mut b);
    assert!(!are_renewed(&second, &ufrags(&mut a, &mut b)));
    assert!(!a.is_negotiation_needed());
}

#[test]
fn wpt_rtc_peer_connection_restart_ice_keeps_dtls_transport() {
    let (mut a, mut b) = connected();
    let transports: Vec<_> = a.peer().session().transports().collect();
    a.peer().restart_ice();
    negotiate(&mut a, &mut b);
    assert_eq!(a.peer().session().transports().collect::<Vec<_>>(), transports);
}

#[test]
fn wpt_rtc_peer_connection_restart_ice_in_have_local_offer() {
    for initial in [false, true] {
        let (mut a, mut b) = Pc::two();
        a.add_transceiver(Audio, Direction::SendRecv);
        if !initial {
            negotiate(&mut a, &mut b);
        }
        let offer = a.sld_implicit();
        a.peer().restart_ice();
        let mine = ufrag(&mut a);
        b.srd(offer).unwrap();
        let answer = b.sld_implicit();
        a.events();
        a.srd(answer).unwrap();
        assert_eq!(ufrag(&mut a), mine);
        assert!(a.is_negotiation_needed());
        let before = ufrags(&mut a, &mut b);
        negotiate(&mut a, &mut b);
        assert!(are_renewed(&before, &ufrags(&mut a, &mut b)));
    }
}

#[test]
fn wpt_rtc_peer_connection_restart_ice_in_have_remote_offer() {
    let (mut a, mut b) = connected();
    let first = ufrags(&mut a, &mut b);
    let offer = b.sld_implicit();
    a.srd(offer).unwrap();
    a.peer().restart_ice();
    a.events();
    let answer = a.sld_implicit();
    b.srd(answer).unwrap();
    assert!(!are_renewed(&first, &ufrags(&mut a, &mut b)));
    assert!(a.is_negotiation_needed());
    negotiate(&mut a, &mut b);
    assert!(are_renewed(&first, &ufrags(&mut a, &mut b)));
}

#[test]
fn wpt_rtc_peer_connection_restart_ice_initial_have_remote_offer_nothing() {
    let (mut a, mut b) = Pc::two();
    a.add_transceiver(Audio, Direction::SendRecv);
    let offer = a.sld_implicit();
    b.srd(offer).unwrap();
    b.peer().restart_ice();
    b.sld_implicit();
    assert!(!b.is_negotiation_needed());
}

#[test]
fn wpt_rtc_peer_connection_restart_ice_survives_remote_offer() {
    let (mut a, mut b) = connected();
    let first = ufrags(&mut a, &mut b);
    a.peer().restart_ice();
    a.events();
    negotiate(&mut b, &mut a);
    assert!(!are_renewed(&first, &ufrags(&mut a, &mut b)));
    assert!(a.is_negotiation_needed());
    negotiate(&mut a, &mut b);
    assert!(are_renewed(&first, &ufrags(&mut a, &mut b)));
}

#[test]
fn wpt_rtc_peer_connection_restart_ice_satisfied_by_remote_restart() {
    let (mut a, mut b) = connected();
    let first = ufrags(&mut a, &mut b);
    a.peer().restart_ice();
    b.peer().restart_ice();
    a.events();
    negotiate(&mut b, &mut a);
    assert!(are_renewed(&first, &ufrags(&mut a, &mut b)));
    assert!(!a.is_negotiation_needed());
}

#[test]
fn wpt_rtc_peer_connection_restart_ice_survives_rollback() {
    let (mut a, mut b) = connected();
    let first = ufrags(&mut a, &mut b);
    a.peer().restart_ice();
    a.sld_implicit();
    a.events();
    a.sld(SessionDescription::rollback()).unwrap();
    assert!(a.is_negotiation_needed());
    negotiate(&mut a, &mut b);
    assert!(are_renewed(&first, &ufrags(&mut a, &mut b)));
    assert!(!a.is_negotiation_needed());
}

#[test]
fn wpt_rtc_peer_connection_onnegotiationneeded_remove_track_callee() {
    let (mut a, mut b) = Pc::two();
    a.add_track(Audio, &[]);
    let id = b.add_track(Audio, &[]);
    let offer = a.sld_implicit();
    b.srd(offer).unwrap();
    let answer = b.create_answer();
    b.peer().set_direction(id, Direction::RecvOnly).unwrap();
    b.events();
    b.sld(answer).unwrap();
    assert!(b.is_negotiation_needed());
}

/// The ufrags of a description, section by section.
fn ufrags_of(description: &SessionDescription) -> Vec<String> {
    let lines = description.sdp.lines().filter_map(|line| line.strip_prefix("a=ice-ufrag:"));
    lines.map(str::to_owned).collect()
}

/// Two transports, of which the other side restarts the second: only that one is restarted by the answer, and the rest is still
/// wanted.
#[test]
fn wpt_rtc_peer_connection_restart_ice_survives_partial_remote_restart() {
    let (mut a, mut b) = Pc::two();
    let unbundled = |mut description: SessionDescription| {
        let kept = description.sdp.split_inclusive("\r\n").filter(|line| !line.starts_with("a=group:"));
        description.sdp = kept.collect();
        description
    };
    for pc in [&mut a, &mut b] {
        pc.peer().set_bundle_policy(ortica::BundlePolicy::MaxCompat);
    }
    b.add_track(MediaKind::Audio, &[]);
    b.add_track(MediaKind::Video, &[]);
    let offer = b.sld_implicit();
    a.srd(unbundled(offer)).unwrap();
    let answer = a.sld_implicit();
    b.srd(unbundled(answer.clone())).unwrap();
    let before = ufrags_of(&answer);
    assert_eq!(before.len(), 2);
    a.events();

    a.peer().restart_ice();
    assert!(a.is_negotiation_needed());
    let mut offer = unbundled(b.sld_implicit());
    let theirs = ufrags_of(&offer);
    offer.sdp = offer.sdp.replace(&format!("a=ice-ufrag:{}\r\n", theirs[1]), "a=ice-ufrag:restarted\r\n");
    a.srd(offer).unwrap();
    let answered = ufrags_of(&a.sld_implicit());
    assert!(answered[0] == before[0] && answered[1] != before[1], "{before:?} {answered:?}");
    assert!(a.is_negotiation_needed());
    let offered = ufrags_of(&a.create_offer());
    assert!(offered[0] != before[0] && ![&before[1], &answered[1]].contains(&&offered[1]), "{answered:?} {offered:?}");
}
