//! `simulcast/negotiation-encodings`, `simulcast/setParameters-encodings`, `simulcast/rid-manipulation`, `protocol/simulcast-*`,
//! `RTCPeerConnection-setRemoteDescription-simulcast`.

use super::*;
use ortica::codecs::MediaKind::{Audio, Video};
use ortica::parameters::{ParametersError, RtpEncodingParameters};

/// Names and scales of what is sent.
fn encodings(pc: &mut Pc, id: TransceiverId) -> Vec<(String, f64)> {
    let encodings = pc.peer().sender_parameters(id).unwrap().encodings;
    let of = |it: RtpEncodingParameters| (it.rid.unwrap_or_default(), it.scale_resolution_down_by.unwrap_or(0.0));
    encodings.into_iter().map(of).collect()
}

fn rids(pc: &mut Pc, id: TransceiverId) -> Vec<String> {
    encodings(pc, id).into_iter().map(|(rid, _)| rid).collect()
}

fn set_scales(pc: &mut Pc, id: TransceiverId, scales: &[f64]) {
    let mut parameters = pc.peer().sender_parameters(id).unwrap();
    for (encoding, scale) in parameters.encodings.iter_mut().zip(scales) {
        encoding.scale_resolution_down_by = Some(*scale);
    }
    pc.peer().set_sender_parameters(now(), id, parameters).unwrap();
}

fn add_simulcast(pc: &mut Pc, kind: MediaKind, rids: &[&str]) -> TransceiverId {
    let send_encodings = rids.iter().map(|rid| RtpEncodingParameters::named(*rid)).collect();
    pc.peer().add_transceiver(kind, TransceiverInit { send_encodings, ..TransceiverInit::default() }).unwrap()
}

fn is_of_layers(line: &str) -> bool {
    line.starts_with("a=rid:") || line.starts_with("a=simulcast:")
}

/// The lines about layers.
fn lines(sdp: &str) -> Vec<&str> {
    sdp.lines().filter(|line| is_of_layers(line)).collect()
}

/// The same description with other lines about layers.
fn with_layers(description: &SessionDescription, lines: &str) -> SessionDescription {
    let kept: String = description.sdp.split_inclusive("\r\n").filter(|line| !is_of_layers(line)).collect();
    SessionDescription { kind: description.kind, sdp: kept + lines }
}

/// Lines that ask to receive these: alternatives after a comma.
fn receive(streams: &str) -> String {
    let names: std::collections::BTreeSet<&str> =
        streams.split([';', ',']).map(|rid| rid.trim_start_matches('~')).collect();
    let rids: String = names.iter().map(|rid| format!("a=rid:{rid} recv\r\n")).collect();
    format!("{rids}a=simulcast:recv {streams}\r\n")
}

/// An offer of `pc` to receive layers.
fn offer_to_receive(pc: &mut Pc, streams: &str) -> SessionDescription {
    let offer = pc.sld_implicit();
    with_layers(&offer, &receive(streams))
}

/// `pc` answers, and `b` takes the answer without what it did not offer.
fn answer(pc: &mut Pc, b: &mut Pc) -> SessionDescription {
    let answer = pc.sld_implicit();
    b.srd(with_layers(&answer, "")).unwrap();
    answer
}

/// `a` offers its layers, and `b`'s answer takes those.
fn negotiate_to(a: &mut Pc, b: &mut Pc, layers: &str) {
    let offer = a.sld_implicit();
    b.srd(offer).unwrap();
    let answer = b.sld_implicit();
    let layers = if layers.is_empty() { String::new() } else { receive(layers) };
    a.srd(with_layers(&answer, &layers)).unwrap();
}

/// A connection that sends foo and bar, as both sides agreed.
fn agreed() -> (Pc, Pc, TransceiverId) {
    let (mut a, mut b) = Pc::two();
    let id = add_simulcast(&mut a, Video, &["foo", "bar"]);
    negotiate(&mut a, &mut b);
    assert_eq!(rids(&mut a, id), ["foo", "bar"]);
    (a, b, id)
}

// --- negotiation --------------------------------------------------------------------------------------------------------

#[test]
fn wpt_simulcast_negotiation_encodings_add_track_then_recv_offer() {
    let (mut a, mut b) = Pc::two();
    b.add_track(Video, &[]);
    let id = a.add_track(Video, &[]);
    a.srd(offer_to_receive(&mut b, "foo;bar")).unwrap();
    assert_eq!((rids(&mut a, id), a.transceivers().len()), (vec!["foo".to_owned(), "bar".to_owned()], 1));
    answer(&mut a, &mut b);
    assert_eq!(encodings(&mut a, id), [("foo".to_owned(), 2.0), ("bar".to_owned(), 1.0)]);
}

#[test]
fn wpt_rtc_peer_connection_set_remote_description_simulcast_one_transceiver() {
    let (mut a, mut b) = Pc::two();
    b.add_track(Video, &[]);
    a.add_track(Video, &[]);
    a.srd(offer_to_receive(&mut b, "foo;bar;baz")).unwrap();
    assert_eq!(a.transceivers().len(), 1);
}

#[test]
fn wpt_simulcast_negotiation_encodings_audio_never_simulcast() {
    let (mut a, mut b) = Pc::two();
    b.add_track(Audio, &[]);
    let id = a.add_track(Audio, &[]);
    // The names are even said to be in the packets: without that, layers of nothing are taken.
    let mut offer = offer_to_receive(&mut b, "foo;bar");
    offer.sdp += "a=extmap:14 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\n";
    a.srd(offer).unwrap();
    answer(&mut a, &mut b);
    assert_eq!(rids(&mut a, id), [""]);
}

#[test]
fn wpt_simulcast_negotiation_encodings_answer_narrows() {
    let (mut a, mut b) = Pc::two();
    let id = add_simulcast(&mut a, Video, &["foo", "bar"]);
    negotiate_to(&mut a, &mut b, "foo");
    assert_eq!(encodings(&mut a, id), [("foo".to_owned(), 2.0)]);
}

#[test]
fn wpt_simulcast_negotiation_encodings_reanswer_narrows() {
    let (mut a, mut b, id) = agreed();
    negotiate_to(&mut a, &mut b, "foo");
    assert_eq!(encodings(&mut a, id), [("foo".to_owned(), 2.0)]);
}

#[test]
fn wpt_simulcast_negotiation_encodings_reoffer_narrows() {
    let (mut a, mut b, id) = agreed();
    a.srd(offer_to_receive(&mut b, "foo")).unwrap();
    assert_eq!(rids(&mut a, id), ["foo", "bar"]);
    assert_eq!(lines(&answer(&mut a, &mut b).sdp), ["a=rid:foo send"]);
    assert_eq!(encodings(&mut a, id), [("foo".to_owned(), 2.0)]);
}

#[test]
fn wpt_simulcast_negotiation_encodings_answer_drops_first() {
    let (mut a, mut b) = Pc::two();
    let id = add_simulcast(&mut a, Video, &["foo", "bar"]);
    negotiate_to(&mut a, &mut b, "bar");
    assert_eq!(encodings(&mut a, id), [("bar".to_owned(), 1.0)]);
}

#[test]
fn wpt_simulcast_negotiation_encodings_reanswer_drops_first() {
    let (mut a, mut b, id) = agreed();
    negotiate_to(&mut a, &mut b, "bar");
    assert_eq!(encodings(&mut a, id), [("bar".to_owned(), 1.0)]);
}

#[test]
fn wpt_simulcast_negotiation_encodings_reoffer_drops_first() {
    let (mut a, mut b, id) = agreed();
    a.srd(offer_to_receive(&mut b, "bar")).unwrap();
    assert_eq!(rids(&mut a, id), ["foo", "bar"]);
    answer(&mut a, &mut b);
    assert_eq!(encodings(&mut a, id), [("bar".to_owned(), 1.0)]);
}

#[test]
fn wpt_simulcast_negotiation_encodings_duplicate_rids_in_offer() {
    let (mut a, mut b) = Pc::two();
    b.add_track(Video, &[]);
    let id = a.add_track(Video, &[]);
    a.srd(offer_to_receive(&mut b, "foo;bar;foo")).unwrap();
    assert_eq!(rids(&mut a, id), ["foo", "bar"]);
    assert!(answer(&mut a, &mut b).sdp.contains("a=simulcast:send foo;bar\r\n"));
}

#[test]
fn wpt_simulcast_negotiation_encodings_alternatives_in_offer() {
    let (mut a, mut b) = Pc::two();
    b.add_track(Video, &[]);
    let id = a.add_track(Video, &[]);
    a.srd(offer_to_receive(&mut b, "foo,bar;1,2")).unwrap();
    assert_eq!(rids(&mut a, id), ["foo", "1"]);
    assert!(answer(&mut a, &mut b).sdp.contains("a=simulcast:send foo;1\r\n"));
    assert_eq!(rids(&mut a, id), ["foo", "1"]);
}

fn rollback() -> SessionDescription {
    SessionDescription { kind: SdpType::Rollback, sdp: String::new() }
}

#[test]
fn wpt_simulcast_negotiation_encodings_rollback_after_add_track() {
    let (mut a, mut b) = Pc::two();
    b.add_track(Video, &[]);
    let id = a.add_track(Video, &[]);
    a.srd(offer_to_receive(&mut b, "foo;bar")).unwrap();
    assert_eq!(rids(&mut a, id), ["foo", "bar"]);
    a.srd(rollback()).unwrap();
    assert_eq!(encodings(&mut a, id), [(String::new(), 1.0)]);
}

#[test]
fn wpt_simulcast_negotiation_encodings_rollback_with_add_track_after() {
    let (mut a, mut b) = Pc::two();
    b.add_track(Video, &[]);
    a.srd(offer_to_receive(&mut b, "foo;bar")).unwrap();
    let id = a.add_track(Video, &[]);
    assert_eq!(rids(&mut a, id), ["foo", "bar"]);
    a.srd(rollback()).unwrap();
    assert_eq!(encodings(&mut a, id), [(String::new(), 1.0)]);
}

#[test]
fn wpt_simulcast_negotiation_encodings_answer_order_ignored() {
    let (mut a, mut b) = Pc::two();
    let id = add_simulcast(&mut a, Video, &["foo", "bar"]);
    for _ in 0..2 {
        negotiate_to(&mut a, &mut b, "bar;foo");
        assert_eq!(rids(&mut a, id), ["foo", "bar"]);
    }
}

#[test]
fn wpt_simulcast_negotiation_encodings_reoffer_order_ignored() {
    let (mut a, mut b, id) = agreed();
    a.srd(offer_to_receive(&mut b, "bar;foo")).unwrap();
    answer(&mut a, &mut b);
    assert_eq!(rids(&mut a, id), ["foo", "bar"]);
}

#[test]
fn wpt_simulcast_negotiation_encodings_reoffer_rollback_keeps_all() {
    let (mut a, mut b, id) = agreed();
    a.srd(offer_to_receive(&mut b, "bar")).unwrap();
    a.srd(rollback()).unwrap();
    assert_eq!(rids(&mut a, id), ["foo", "bar"]);
}

#[test]
fn wpt_simulcast_negotiation_encodings_inactive_keeps_simulcast() {
    for ours in [true, false] {
        for direction in [Direction::Inactive, if ours { Direction::RecvOnly } else { Direction::SendOnly }] {
            let (mut a, mut b, id) = agreed();
            let theirs = b.transceivers()[0].id;
            match ours {
                true => a.peer().set_direction(id, direction).unwrap(),
                false => b.peer().set_direction(theirs, direction).unwrap(),
            }
            negotiate(&mut a, &mut b);
            assert_eq!(rids(&mut a, id), ["foo", "bar"]);
        }
    }
}

// --- parameters -----------------------------------------------------------------------------------------------------------

#[test]
fn wpt_simulcast_set_parameters_encodings_set_then_unicast_answer() {
    let (mut a, mut b) = Pc::two();
    let id = add_simulcast(&mut a, Video, &["foo", "bar"]);
    set_scales(&mut a, id, &[2.3, 3.3]);
    negotiate_to(&mut a, &mut b, "");
    assert_eq!(encodings(&mut a, id), [("foo".to_owned(), 2.3)]);
}

#[test]
fn wpt_simulcast_set_parameters_encodings_simulcast_offer_drops_settings() {
    let (mut a, mut b) = Pc::two();
    b.add_track(Video, &[]);
    let id = a.add_track(Video, &[]);
    set_scales(&mut a, id, &[3.0]);
    a.srd(offer_to_receive(&mut b, "foo;bar")).unwrap();
    assert_eq!(encodings(&mut a, id), [("foo".to_owned(), 2.0), ("bar".to_owned(), 1.0)]);
}

#[test]
fn wpt_simulcast_set_parameters_encodings_stale_after_description() {
    let is_stale = |pc: &mut Pc, id, parameters| {
        matches!(pc.peer().set_sender_parameters(now(), id, parameters), Err(ParametersError::InvalidState(_)))
    };
    let (mut a, mut b) = Pc::two();
    b.add_track(Video, &[]);
    let id = a.add_track(Video, &[]);
    let given = a.peer().sender_parameters(id).unwrap();
    a.srd(offer_to_receive(&mut b, "foo;bar")).unwrap();
    assert!(is_stale(&mut a, id, given));
    let given = a.peer().sender_parameters(id).unwrap();
    answer(&mut a, &mut b);
    assert!(is_stale(&mut a, id, given));

    let offer = a.sld_implicit();
    b.srd(offer).unwrap();
    let given = a.peer().sender_parameters(id).unwrap();
    let answer = b.sld_implicit();
    a.srd(answer).unwrap();
    assert!(is_stale(&mut a, id, given));

    let offer = b.sld_implicit();
    a.srd(with_layers(&offer, "")).unwrap();
    let given = a.peer().sender_parameters(id).unwrap();
    a.srd(rollback()).unwrap();
    assert!(is_stale(&mut a, id, given));
}

#[test]
fn wpt_simulcast_set_parameters_encodings_rollback_drops_settings() {
    let (mut a, mut b) = Pc::two();
    b.add_track(Video, &[]);
    let id = a.add_track(Video, &[]);
    a.srd(offer_to_receive(&mut b, "foo;bar")).unwrap();
    set_scales(&mut a, id, &[3.0, 5.0]);
    a.srd(rollback()).unwrap();
    assert_eq!(encodings(&mut a, id), [(String::new(), 1.0)]);
}

#[test]
fn wpt_simulcast_set_parameters_encodings_rollback_restores_settings() {
    let (mut a, mut b, id) = agreed();
    set_scales(&mut a, id, &[3.0, 5.0]);
    let offer = b.sld_implicit();
    a.srd(with_layers(&offer, "")).unwrap();
    a.srd(rollback()).unwrap();
    assert_eq!(encodings(&mut a, id), [("foo".to_owned(), 3.0), ("bar".to_owned(), 5.0)]);
}

#[test]
fn wpt_simulcast_rid_manipulation_answers_change_rids() {
    let (mut a, mut b) = Pc::two();
    let id = add_simulcast(&mut a, Video, &["0", "1", "2"]);
    negotiate_to(&mut a, &mut b, "1;2");
    assert_eq!(rids(&mut a, id), ["1", "2"]);
    negotiate_to(&mut a, &mut b, "0;2");
    assert_eq!(rids(&mut a, id), ["2"]);
}

// --- descriptions ---------------------------------------------------------------------------------------------------------

#[test]
fn wpt_protocol_simulcast_offer_offers_simulcast() {
    let mut pc = Pc::new();
    add_simulcast(&mut pc, Video, &["foo", "bar", "baz"]);
    let offer = pc.create_offer().sdp;
    assert_eq!(lines(&offer), ["a=rid:foo send", "a=rid:bar send", "a=rid:baz send", "a=simulcast:send foo;bar;baz"]);
    assert!(!offer.contains("a=ssrc"), "streams are told apart by their names");
}

#[test]
fn wpt_protocol_simulcast_answer_answers_simulcast() {
    let (mut a, mut b) = Pc::two();
    b.add_track(Video, &[]);
    a.srd(offer_to_receive(&mut b, "foo;bar;baz")).unwrap();
    let id = a.transceivers()[0].id;
    a.peer().set_direction(id, Direction::SendOnly).unwrap();
    let answer = a.create_answer().sdp;
    assert_eq!(lines(&answer), ["a=rid:foo send", "a=rid:bar send", "a=rid:baz send", "a=simulcast:send foo;bar;baz"]);
}

#[test]
fn wpt_protocol_simulcast_answer_tilde_does_not_disable() {
    let (mut a, mut b) = Pc::two();
    b.add_track(Video, &[]);
    let id = a.add_track(Video, &[]);
    a.srd(offer_to_receive(&mut b, "foo;~bar;baz")).unwrap();
    answer(&mut a, &mut b);
    let encodings = a.peer().sender_parameters(id).unwrap().encodings;
    assert_eq!(encodings.iter().map(|encoding| encoding.active).collect::<Vec<_>>(), [true; 3]);
}

#[test]
fn wpt_protocol_simulcast_answer_inactive_not_in_sdp() {
    let (mut a, mut b) = Pc::two();
    b.add_track(Video, &[]);
    let id = a.add_track(Video, &[]);
    a.srd(offer_to_receive(&mut b, "foo;bar")).unwrap();
    let mut parameters = a.peer().sender_parameters(id).unwrap();
    parameters.encodings.iter_mut().for_each(|encoding| encoding.active = false);
    a.peer().set_sender_parameters(now(), id, parameters).unwrap();
    assert!(answer(&mut a, &mut b).sdp.contains("a=simulcast:send foo;bar\r\n"));
}

#[test]
fn wpt_protocol_rtp_extension_support_mandatory_in_offer() {
    let mut pc = Pc::new();
    pc.add_transceiver(Audio, Direction::default());
    add_simulcast(&mut pc, Video, &["foo", "bar"]);
    let offer = pc.create_offer().sdp;
    let (audio, video) = offer.split_once("m=video").unwrap();
    assert!(audio.contains("urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n"));
    for section in [audio, video] {
        assert!(section.contains("urn:ietf:params:rtp-hdrext:sdes:mid\r\n"));
    }
    for name in ["rtp-stream-id", "repaired-rtp-stream-id"] {
        assert!(video.contains(&format!("urn:ietf:params:rtp-hdrext:sdes:{name}\r\n")), "{name}");
    }
}

/// Guards: browsers give layers up for good that an answer does not take, also of a section that is held, and go on with layers that
/// it takes without `~`, though their application had them stop.
#[test]
fn answers_take_layers_as_they_were_offered() {
    let (mut a, mut b) = Pc::two();
    add_simulcast(&mut a, Video, &["foo", "bar"]);
    let offer = with_layers(&a.sld_implicit(), "a=rid:foo send\r\na=rid:bar send\r\na=simulcast:send ~foo;bar\r\n");
    let held = SessionDescription { sdp: offer.sdp.replace("a=sendrecv\r\n", "a=inactive\r\n"), ..offer.clone() };
    for offer in [offer, held] {
        b.srd(offer).unwrap();
        let answer = b.sld_implicit();
        assert_eq!(lines(&answer.sdp), ["a=rid:foo recv", "a=rid:bar recv", "a=simulcast:recv ~foo;bar"]);
    }
}

/// Guards: what an answer takes is at most what was offered, and an answer names no layer that the offer did not.
#[test]
fn sdp_11_answers_only_narrow() {
    let (mut a, mut b) = Pc::two();
    let id = add_simulcast(&mut a, Video, &["foo", "bar"]);
    let offer = a.sld_implicit();
    b.srd(offer).unwrap();
    let answer = b.sld_implicit();
    assert_eq!(lines(&answer.sdp), ["a=rid:foo recv", "a=rid:bar recv", "a=simulcast:recv foo;bar"]);
    a.srd(with_layers(&answer, &receive("other;bar"))).unwrap();
    assert_eq!(rids(&mut a, id), ["bar"]);
}

/// Guards: an answer brings no layers that were not asked for.
#[test]
fn sdp_11_answers_send_no_layers_unasked() {
    let (mut a, mut b) = Pc::two();
    b.add_track(Video, &[]);
    add_simulcast(&mut a, Video, &["foo", "bar"]);
    let unasked = receive("foo;bar") + "a=rid:x send\r\na=rid:y send\r\n";
    let unasked = unasked.replace("a=simulcast:", "a=simulcast:send x;y ");
    let offer = a.sld_implicit();
    b.srd(offer).unwrap();
    let answer = b.sld_implicit();
    a.srd(with_layers(&answer, &unasked)).unwrap();
    assert!(a.transceivers()[0].current_direction.is_some_and(Direction::receives));
    assert_eq!(lines(&a.create_offer().sdp), ["a=rid:foo send", "a=rid:bar send", "a=simulcast:send foo;bar"]);
}

/// Guards: a provisional answer takes no layers away, as the one that follows may still take them.
#[test]
fn provisional_answers_do_not_narrow() {
    let (mut a, mut b) = Pc::two();
    let id = add_simulcast(&mut a, Video, &["foo", "bar"]);
    let offer = a.sld_implicit();
    b.srd(offer).unwrap();
    let answer = b.sld_implicit();
    a.srd(SessionDescription { kind: SdpType::Pranswer, ..with_layers(&answer, &receive("foo")) }).unwrap();
    assert_eq!(rids(&mut a, id), ["foo", "bar"]);
    a.srd(answer).unwrap();
    assert_eq!(rids(&mut a, id), ["foo", "bar"]);
}

/// Guards: who does not send names no layers to send.
#[test]
fn layers_of_who_does_not_send_are_not_described() {
    let (mut a, _, id) = agreed();
    for direction in [Direction::RecvOnly, Direction::Inactive] {
        a.peer().set_direction(id, direction).unwrap();
        assert!(lines(&a.create_offer().sdp).is_empty(), "{direction:?}");
    }
}
