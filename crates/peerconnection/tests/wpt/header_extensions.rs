//! `webrtc-extensions/RTCRtpTransceiver-headerExtensionControl`, `protocol/rtp-headerextensions` and
//! `protocol/rtp-extension-support`: which header extensions are negotiated, and under which ids.

use super::connection::pair_of;
use super::*;
use ortica::ConnectionState;
use ortica::codecs::MediaKind::{Audio, Video};
use ortica::codecs::{EncodedFrame, Rotation};
use ortica::engine::ReceivedFrame;
use ortica::jsep::{SectionProblem, TransceiverError};
use ortica::parameters::{ParametersError, RtpHeaderExtensionCapability};
use std::time::Duration;

const KINDS: [MediaKind; 2] = [Audio, Video];
const MID: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";
const LEVEL: &str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";
const ORIENTATION: &str = "urn:3gpp:video-orientation";
const SEND_TIME: &str = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time";

fn extension(uri: &str, direction: Option<Direction>) -> RtpHeaderExtensionCapability {
    RtpHeaderExtensionCapability { uri: uri.to_owned(), direction }
}

fn set(pc: &mut Pc, id: TransceiverId, uri: &str, direction: Option<Direction>) -> Result<(), ParametersError> {
    let outcome = pc.peer().set_header_extensions_to_negotiate(id, &[extension(uri, direction)]);
    outcome.map_err(|error| match error {
        TransceiverError::Parameters(error) => error,
        other => panic!("{other}"),
    })
}

/// The names of those that are not stopped.
fn used(extensions: Vec<RtpHeaderExtensionCapability>) -> Vec<String> {
    extensions.into_iter().filter(|it| it.direction.is_some()).map(|it| it.uri).collect()
}

/// What the lines of a description say of extensions.
fn lines(sdp: &str) -> Vec<&str> {
    sdp.lines().filter_map(|line| line.strip_prefix("a=extmap:")).collect()
}

/// The names in the lines of a description.
fn named(sdp: &str) -> Vec<&str> {
    lines(sdp).into_iter().filter_map(|line| Some(line.split_once(' ')?.1)).collect()
}

#[test]
fn wpt_webrtc_extensions_rtc_rtp_transceiver_header_extension_control_mandatory_offered() {
    for kind in KINDS {
        let mut pc = Pc::new();
        let id = pc.add_transceiver(kind, Direction::SendRecv);
        let extensions = used(pc.peer().header_extensions_to_negotiate(id));
        assert!(extensions.contains(&MID.to_owned()));
        assert_eq!(extensions.contains(&ORIENTATION.to_owned()), kind == Video);
    }
}

#[test]
fn wpt_webrtc_extensions_rtc_rtp_transceiver_header_extension_control_empty_uri_rejects() {
    let mut pc = Pc::new();
    let id = pc.add_transceiver(Audio, Direction::SendRecv);
    assert!(matches!(set(&mut pc, id, "", None), Err(ParametersError::Type(_))));
}

#[test]
fn wpt_webrtc_extensions_rtc_rtp_transceiver_header_extension_control_unknown_uri_rejects() {
    let mut pc = Pc::new();
    let id = pc.add_transceiver(Audio, Direction::SendRecv);
    let outcome = set(&mut pc, id, "urn:example:unknown", Some(Direction::SendRecv));
    assert!(matches!(outcome, Err(ParametersError::NotSupported(_))));
}

#[test]
fn wpt_webrtc_extensions_rtc_rtp_transceiver_header_extension_control_mandatory_not_changeable() {
    let mut pc = Pc::new();
    let id = pc.add_transceiver(Audio, Direction::SendRecv);
    let before = pc.peer().header_extensions_to_negotiate(id);
    let others = [Direction::SendOnly, Direction::RecvOnly, Direction::Inactive].map(Some);
    for direction in others.into_iter().chain([None]) {
        let outcome = set(&mut pc, id, MID, direction);
        assert!(matches!(outcome, Err(ParametersError::InvalidModification(_))), "{direction:?}");
    }
    set(&mut pc, id, MID, Some(Direction::SendRecv)).unwrap();
    assert_eq!(pc.peer().header_extensions_to_negotiate(id), before);
}

#[test]
fn wpt_webrtc_extensions_rtc_rtp_transceiver_header_extension_control_offer_lists_unstopped() {
    for kind in KINDS {
        let mut pc = Pc::new();
        let id = pc.add_transceiver(kind, Direction::SendRecv);
        assert!(named(&pc.create_offer().sdp).contains(&SEND_TIME));
        set(&mut pc, id, SEND_TIME, None).unwrap();
        let wanted = used(pc.peer().header_extensions_to_negotiate(id));
        assert!(!wanted.contains(&SEND_TIME.to_owned()));
        assert_eq!(named(&pc.create_offer().sdp), wanted);
    }
}

#[test]
fn wpt_webrtc_extensions_rtc_rtp_transceiver_header_extension_control_negotiated_set() {
    for kind in KINDS {
        let (mut a, mut b) = Pc::two();
        let id = a.add_transceiver(kind, Direction::SendRecv);
        assert!(used(a.peer().negotiated_header_extensions(id)).is_empty(), "nothing is agreed yet");
        set(&mut a, id, SEND_TIME, None).unwrap();
        negotiate(&mut a, &mut b);
        let wanted = used(a.peer().header_extensions_to_negotiate(id));
        let theirs = b.transceivers()[0].id;
        assert_eq!(used(a.peer().negotiated_header_extensions(id)), wanted);
        assert_eq!(used(b.peer().negotiated_header_extensions(theirs)), wanted);
        let before = lines(&a.peer().local_description().unwrap().sdp).join("\n");

        set(&mut a, id, SEND_TIME, Some(Direction::SendRecv)).unwrap();
        assert_eq!(used(a.peer().negotiated_header_extensions(id)), wanted, "not before it is negotiated");
        negotiate(&mut a, &mut b);
        let all = used(a.peer().header_extensions_to_negotiate(id));
        assert!(all.contains(&SEND_TIME.to_owned()));
        assert_eq!(used(a.peer().negotiated_header_extensions(id)), all);
        assert_eq!(used(b.peer().negotiated_header_extensions(theirs)), all);
        let after = a.peer().local_description().unwrap().sdp;
        assert!(before.lines().all(|line| lines(&after).contains(&line)), "ids stay");
    }
}

/// Guards: who only sends an extension is not sent it.
#[test]
fn an_extension_may_go_one_way() {
    let (mut a, mut b) = Pc::two();
    let id = a.add_transceiver(Audio, Direction::SendRecv);
    set(&mut a, id, LEVEL, Some(Direction::SendOnly)).unwrap();
    negotiate(&mut a, &mut b);
    let theirs = b.transceivers()[0].id;
    let direction = |pc: &mut Pc, id| {
        let all = pc.peer().negotiated_header_extensions(id);
        all.into_iter().find(|it| it.uri == LEVEL).unwrap().direction
    };
    assert_eq!(direction(&mut a, id), Some(Direction::SendOnly));
    assert_eq!(direction(&mut b, theirs), Some(Direction::RecvOnly));
    let [offer, answer] = [&mut a, &mut b].map(|pc| pc.peer().local_description().unwrap().sdp);
    let line = |sdp: &str| lines(sdp).into_iter().find(|line| line.ends_with(LEVEL)).unwrap().to_owned();
    assert!(line(&offer).contains("/sendonly ") && line(&answer).contains("/recvonly "));
}

#[test]
fn a_closed_connection_negotiates_no_extensions() {
    let mut pc = Pc::new();
    let id = pc.add_transceiver(Audio, Direction::SendRecv);
    pc.peer().close(now());
    let outcome = pc.peer().set_header_extensions_to_negotiate(id, &[extension(LEVEL, None)]);
    assert_eq!(outcome, Err(TransceiverError::Closed));
}

/// An offer of a section with these lines of extensions alone.
fn offer(kind: MediaKind, extensions: &[&str]) -> SessionDescription {
    let mut pc = Pc::at(2, Pair::<Side>::B);
    pc.add_transceiver(kind, Direction::SendRecv);
    let sdp = pc.create_offer().sdp;
    let kept: String = sdp.split_inclusive("\r\n").filter(|line| !line.starts_with("a=extmap:")).collect();
    let lines: String = extensions.iter().map(|line| format!("a=extmap:{line}\r\n")).collect();
    SessionDescription { kind: SdpType::Offer, sdp: kept + &lines }
}

#[test]
fn wpt_protocol_rtp_headerextensions_basic_extensions() {
    let alone = [(Audio, MID), (Video, MID), (Audio, LEVEL), (Video, ORIENTATION)];
    for (kind, uri) in alone {
        let line = format!("3 {uri}");
        let mut pc = Pc::new();
        pc.srd(offer(kind, &[&line])).unwrap();
        assert_eq!(lines(&pc.create_answer().sdp), [line]);
    }
}

/// The same lines of extensions, of which two have exchanged their ids.
fn swapped(description: &SessionDescription, some: &str, other: &str) -> SessionDescription {
    let id_of = |uri: &str| {
        let line = lines(&description.sdp).into_iter().find(|line| line.ends_with(uri)).unwrap();
        line.split_once(' ').unwrap().0.to_owned()
    };
    let (one, two) = (id_of(some), id_of(other));
    let sdp = description
        .sdp
        .replace(&format!("a=extmap:{one} {some}"), "a=extmap:one")
        .replace(&format!("a=extmap:{two} {other}"), &format!("a=extmap:{one} {other}"))
        .replace("a=extmap:one", &format!("a=extmap:{two} {some}"));
    SessionDescription { kind: description.kind, sdp }
}

#[test]
fn wpt_protocol_rtp_extension_support_id_reassignment_rejected() {
    let (mut a, mut b) = Pc::two();
    a.add_transceiver(Audio, Direction::SendRecv);
    negotiate(&mut a, &mut b);
    let offer = a.sld_implicit();
    b.srd(offer).unwrap();
    let answer = b.create_answer();
    let refused = DescriptionError::Section { index: 0, problem: SectionProblem::ExtensionId };
    assert_eq!(a.srd(swapped(&answer, MID, LEVEL)), Err(refused.clone()));
    assert_eq!(a.state(), SignalingState::HaveLocalOffer);
    b.sld(answer.clone()).unwrap();
    a.srd(answer).unwrap();
    // Nor by an offer.
    let offer = b.create_offer();
    assert_eq!(a.srd(swapped(&offer, MID, LEVEL)), Err(refused));
    assert_eq!(a.state(), SignalingState::Stable);
}

/// Guards: how a picture is to be turned arrives with it, by the packet that completes it.
#[test]
fn pictures_arrive_with_their_orientation() {
    let (mut a, b) = Pc::two();
    let from = a.add_track(Video, &[]);
    let mut pair = pair_of(a, b);
    let now = pair.now();
    common::exchange(now, &mut pair.a, &mut pair.b);
    let is_up = |side: &mut Side| side.peer.connection_state() == ConnectionState::Connected;
    pair.run_until(Duration::from_secs(10), |a, b| is_up(a) && is_up(b)).unwrap();
    let to = pair.b.peer.transceivers()[0].id;
    let turns = [Rotation::None, Rotation::Quarter, Rotation::Half, Rotation::ThreeQuarters, Rotation::None];
    let mut came = Vec::new();
    for (number, rotation) in turns.into_iter().enumerate() {
        let mut data = vec![0, 0, 0, 0x9d, 0x01, 0x2a, 64, 0, 64, 0];
        data.resize(5_000, 1);
        let picture = EncodedFrame::new(Codec::Vp8, data, number as i64 * 3_000).with_key_frame(true);
        pair.with_a(|a, now| a.peer.send_frame(now, from, &picture.with_rotation(rotation))).unwrap();
        pair.run_for(Duration::from_millis(200));
        came.extend(std::iter::from_fn(|| pair.b.peer.read_frame(to)).filter_map(|received| match received {
            ReceivedFrame::Frame { frame, .. } => Some(frame.rotation),
            _ => None,
        }));
    }
    assert_eq!(came, turns);
}
