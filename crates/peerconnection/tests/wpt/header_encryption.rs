//! `webrtc-extensions/RTCConfiguration-rtpHeaderEncryptionPolicy`: header extensions and contributing sources that are encrypted.

use super::connection::pair_of;
use super::*;
use ortica::codecs::EncodedFrame;
use ortica::codecs::MediaKind::{Audio, Video};
use ortica::engine::ReceivedFrame;
use ortica::jsep::SectionProblem;
use ortica::{ConnectionState, RtpHeaderEncryptionPolicy};
use std::time::Duration;

fn requiring() -> Pc {
    let mut pc = Pc::at(2, Pair::<Side>::B);
    pc.peer().set_header_encryption_policy(RtpHeaderEncryptionPolicy::Require);
    pc
}

fn without(description: &SessionDescription) -> SessionDescription {
    let sdp = description.sdp.replace("a=cryptex\r\n", "");
    assert_ne!(sdp, description.sdp);
    SessionDescription { kind: description.kind, sdp }
}

#[test]
fn wpt_webrtc_extensions_rtc_configuration_rtp_header_encryption_policy_default_negotiate() {
    let mut pc = Pc::new();
    assert_eq!(pc.peer().header_encryption_policy(), RtpHeaderEncryptionPolicy::Negotiate);
    assert_eq!(requiring().peer().header_encryption_policy(), RtpHeaderEncryptionPolicy::Require);
    assert_eq!(RtpHeaderEncryptionPolicy::default().to_string(), "negotiate");
    assert_eq!(RtpHeaderEncryptionPolicy::Require.to_string(), "require");
}

#[test]
fn wpt_webrtc_extensions_rtc_configuration_rtp_header_encryption_policy_require_needs_cryptex() {
    let mut a = Pc::new();
    a.add_transceiver(Audio, Direction::SendRecv);
    let offer = a.sld_implicit();
    let refused = DescriptionError::Section { index: 0, problem: SectionProblem::HeaderEncryption };
    let mut b = requiring();
    assert_eq!(b.srd(without(&offer)), Err(refused.clone()));
    assert_eq!(b.state(), SignalingState::Stable);
    b.srd(offer).unwrap();
    // Nor is such an answer taken.
    let mut b = requiring();
    b.add_transceiver(Audio, Direction::SendRecv);
    let mut c = Pc::new();
    let offer = b.sld_implicit();
    c.srd(without(&offer)).unwrap();
    let answer = c.create_answer();
    assert!(!answer.sdp.contains("a=cryptex"), "it was not offered");
    assert_eq!(b.srd(answer), Err(refused));
    assert_eq!(b.state(), SignalingState::HaveLocalOffer);
}

#[test]
fn wpt_webrtc_extensions_rtc_configuration_rtp_header_encryption_policy_require_ignores_data() {
    let mut a = Pc::new();
    a.create_channel();
    let offer = a.sld_implicit();
    assert!(!offer.sdp.contains("a=cryptex"));
    let mut b = requiring();
    b.srd(offer).unwrap();
    let answer = b.sld_implicit();
    a.srd(answer).unwrap();
}

/// What the headers of the media look like that one side of a call sends; `change` is done to the answer.
fn sent(policy: RtpHeaderEncryptionPolicy, change: fn(&SessionDescription) -> SessionDescription) -> (bool, [u8; 2]) {
    let (mut a, mut b) = Pc::two();
    b.peer().set_header_encryption_policy(policy);
    let from = a.add_track(Video, &[]);
    let mut pair = pair_of(a, b);
    let now = pair.now();
    let offer = pair.a.peer.create_offer(now).unwrap();
    pair.a.peer.set_local_description(now, offer).unwrap();
    let offer = pair.a.peer.local_description().unwrap();
    assert!(offer.sdp.contains("a=cryptex\r\n"));
    pair.b.peer.set_remote_description(now, offer).unwrap();
    let answer = pair.b.peer.create_answer(now).unwrap();
    pair.b.peer.set_local_description(now, answer).unwrap();
    let answer = change(&pair.b.peer.local_description().unwrap());
    pair.a.peer.set_remote_description(now, answer).unwrap();
    let is_up = |side: &mut Side| side.peer.connection_state() == ConnectionState::Connected;
    pair.run_until(Duration::from_secs(10), |a, b| is_up(a) && is_up(b)).unwrap();
    let to = pair.b.peer.transceivers()[0].id;
    let frame = |number: i64| {
        let data = vec![0, 0, 0, 0x9d, 0x01, 0x2a, 64, 0, 64, 0];
        EncodedFrame::new(Codec::Vp8, data, number * 3_000).with_key_frame(true)
    };
    // They arrive, and the names in them with them.
    pair.with_a(|a, now| a.peer.send_frame(now, from, &frame(0))).unwrap();
    pair.run_for(Duration::from_secs(1));
    assert!(matches!(pair.b.peer.read_frame(to), Some(ReceivedFrame::Frame { .. })));
    let agreed = pair.a.peer.is_header_encryption_negotiated(from);

    let now = pair.now();
    pair.a.peer.send_frame(now, from, &frame(1)).unwrap();
    let mut out = Vec::new();
    let mut names = Vec::new();
    while let Some(transmit) = pair.a.peer.poll_transmit(now, 1, &mut out) {
        let packet = out.split_off(out.len() - transmit.len);
        if packet[0] == 0x90 && packet[1] & 0x7f == 96 {
            names.push([packet[12], packet[13]]);
        }
    }
    let [name] = names[..] else { panic!("one packet of media: {names:?}") };
    (agreed, name)
}

/// Guards: headers are encrypted once both sides say so, and not before.
#[test]
fn srtp_7_headers_are_encrypted_where_both_sides_say_so() {
    for policy in [RtpHeaderEncryptionPolicy::Negotiate, RtpHeaderEncryptionPolicy::Require] {
        assert_eq!(sent(policy, Clone::clone), (true, [0xc0, 0xde]));
    }
    assert_eq!(sent(RtpHeaderEncryptionPolicy::Negotiate, without), (false, [0xbe, 0xde]));
}
