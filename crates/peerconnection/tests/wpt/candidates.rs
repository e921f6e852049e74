//! `RTCPeerConnection-addTcpIceCandidate`, `RTCPeerConnection-addIceCandidate-timing` and when candidates are told.

use super::*;
use ortica::IceConnectionState;
use ortica::codecs::MediaKind::Audio;
use ortica::ice::ConnectionError;
use ortica::jsep::IceCandidate;
use ortica::peer::ConnectionOrder;

/// Ports that the Fetch standard blocks.
const BAD_PORTS: [u16; 83] = [
    0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109,
    110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530, 531,
    532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060,
    5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
];

fn tcp(port: u16) -> String {
    format!("candidate:1 1 tcp 1518280447 10.0.0.9 {port} typ host tcptype passive")
}

/// An answerer, and the offer that it is to take.
fn offered() -> (Pc, SessionDescription) {
    let (mut a, b) = Pc::two();
    a.add_track(Audio, &[]);
    (b, a.sld_implicit())
}

fn ice_states(pc: &mut Pc) -> Vec<IceConnectionState> {
    let state = |event| match event {
        PeerEvent::IceConnectionStateChange(state) => Some(state),
        _ => None,
    };
    pc.events().into_iter().filter_map(state).collect()
}

#[test]
fn wpt_rtc_peer_connection_add_tcp_ice_candidate_bad_port_in_sdp_ignored() {
    for port in BAD_PORTS {
        let (mut pc, mut offer) = offered();
        offer.sdp += &format!("a={}\r\n", tcp(port));
        pc.srd(offer).unwrap();
        pc.sld_implicit();
        assert_eq!(ice_states(&mut pc), [], "port {port}");
        assert_eq!(pc.peer().ice_connection_state(), IceConnectionState::New, "port {port}");
    }
}

#[test]
fn wpt_rtc_peer_connection_add_tcp_ice_candidate_bad_port_added_ignored() {
    let (mut pc, offer) = offered();
    pc.srd(offer).unwrap();
    pc.sld_implicit();
    let candidate = IceCandidate { candidate: tcp(2049), sdp_mid: Some("0".to_owned()), ..IceCandidate::default() };
    pc.peer().add_ice_candidate(now(), &candidate).unwrap();
    assert_eq!(ice_states(&mut pc), []);
}

/// The connection is opened, and refused; what then becomes of ICE.
fn tried(pc: &mut Pc) -> IceConnectionState {
    assert_eq!(ice_states(pc), [IceConnectionState::Checking]);
    assert!(pc.peer().poll_transmit(now(), 1, &mut Vec::new()).is_none(), "nothing goes out before it is there");
    pc.events();
    let [ConnectionOrder::Open { socket, remote, .. }] = pc.peer().take_connection_orders()[..] else {
        panic!("a connection is opened");
    };
    assert_eq!(remote, "10.0.0.9:8001".parse().unwrap());
    pc.peer().connection_lost(now(), socket, remote, ConnectionError::Refused);
    pc.events();
    pc.peer().ice_connection_state()
}

#[test]
fn wpt_rtc_peer_connection_add_tcp_ice_candidate_port_8001_tried() {
    let ends = [IceConnectionState::Failed, IceConnectionState::Disconnected];
    let (mut pc, mut offer) = offered();
    offer.sdp += &format!("a={}\r\n", tcp(8001));
    pc.srd(offer).unwrap();
    pc.sld_implicit();
    assert!(ends.contains(&tried(&mut pc)), "in the description");

    let (mut pc, offer) = offered();
    pc.srd(offer).unwrap();
    pc.sld_implicit();
    let candidate = IceCandidate { candidate: tcp(8001), sdp_mid: Some("0".to_owned()), ..IceCandidate::default() };
    pc.peer().add_ice_candidate(now(), &candidate).unwrap();
    assert!(ends.contains(&tried(&mut pc)), "added");
}

/// The description is in force, and told, before its first candidate is.
fn candidates_follow(pc: &mut Pc, state: SignalingState) {
    let is_candidate = |event: &PeerEvent| matches!(event, PeerEvent::IceCandidate(_));
    assert!(!pc.events().iter().any(is_candidate), "before the description was set");
    pc.sld_implicit();
    let events = pc.events();
    let set = events.iter().position(|event| *event == PeerEvent::SignalingStateChange(state)).unwrap();
    assert!(set < events.iter().position(is_candidate).unwrap());
}

#[test]
fn wpt_rtc_peer_connection_add_ice_candidate_timing_candidate_event_after_sld_offerer() {
    let mut pc = Pc::new();
    pc.add_track(Audio, &[]);
    pc.create_offer();
    candidates_follow(&mut pc, SignalingState::HaveLocalOffer);
}

#[test]
fn wpt_rtc_peer_connection_add_ice_candidate_timing_candidate_event_after_sld_answerer() {
    let (mut pc, offer) = offered();
    pc.srd(offer).unwrap();
    pc.create_answer();
    candidates_follow(&mut pc, SignalingState::Stable);
}

#[test]
fn wpt_protocol_candidate_exchange_events_after_sld() {
    let mut offerer = Pc::new();
    offerer.create_channel();
    candidates_follow(&mut offerer, SignalingState::HaveLocalOffer);
    let offer = offerer.peer().local_description().unwrap();
    let mut answerer = Pc::at(2, Pair::<Side>::B);
    answerer.srd(offer).unwrap();
    candidates_follow(&mut answerer, SignalingState::Stable);
}
