//! `RTCSctpTransport-constructor`, `-events`, `-maxChannels` and `-maxMessageSize`.

use super::*;
use ortica::engine::SctpState;
use ortica::jsep::SdpType;

#[test]
fn wpt_rtc_sctp_transport_constructor_no_data_section_srd() {
    let mut pair = pair(Content::Sound);
    negotiate(&mut pair);
    assert!(!pair.a.peer.has_sctp());
}

#[test]
fn wpt_rtc_sctp_transport_constructor_no_data_section_sld() {
    let mut pair = pair(Content::Sound);
    negotiate(&mut pair);
    assert!(!pair.b.peer.has_sctp());
}

/// What an SCTP transport is at right after negotiation.
fn is_made(side: &Side) -> bool {
    let peer = &side.peer;
    let carried = peer.data_transport().is_some_and(|id| peer.session().transports().any(|other| other == id));
    peer.has_sctp() && carried && peer.sctp_state() == SctpState::Connecting && peer.session().max_message_size() > 0
}

#[test]
fn wpt_rtc_sctp_transport_constructor_created_offerer() {
    let mut pair = pair(Content::Data);
    negotiate(&mut pair);
    assert!(is_made(&pair.a));
}

#[test]
fn wpt_rtc_sctp_transport_constructor_created_answerer() {
    let mut pair = pair(Content::Data);
    negotiate(&mut pair);
    assert!(is_made(&pair.b));
}

#[test]
fn wpt_rtc_sctp_transport_events_created_at_right_time() {
    let mut pair = pair(Content::Data);
    let now = pair.now();
    let (a, b) = (&mut pair.a.peer, &mut pair.b.peer);
    let offer = a.create_offer(now).unwrap();
    assert!(!a.has_sctp());
    a.set_local_description(now, offer.clone()).unwrap();
    assert!(a.has_sctp() && !b.has_sctp());
    b.set_remote_description(now, offer).unwrap();
    assert!(b.has_sctp());
    let answer = b.create_answer(now).unwrap();
    b.set_local_description(now, answer.clone()).unwrap();
    a.set_remote_description(now, answer).unwrap();
    pair.run_for(Duration::from_secs(1));
    for side in [&pair.a, &pair.b] {
        assert_eq!(side.peer.sctp_state(), SctpState::Connecting, "no candidates are known");
    }
}

#[test]
fn wpt_rtc_sctp_transport_events_connected_then_closed() {
    let mut pair = connected(Content::Data);
    let is_up = |side: &Side| side.peer.sctp_state() == SctpState::Connected;
    pair.run_until(PATIENCE, |a, b| is_up(a) && is_up(b)).unwrap();
    pair.with_a(|a, now| a.peer.close(now));
    assert_eq!(pair.a.peer.sctp_state(), SctpState::Closed);
    pair.run_until(PATIENCE, |_, b| b.peer.sctp_state() == SctpState::Closed).unwrap();
}

#[test]
fn wpt_rtc_sctp_transport_max_channels_null_when_unconnected() {
    let mut pair = pair(Content::Data);
    pair.a.peer.create_offer(pair.now()).unwrap();
    assert!(!pair.a.peer.has_sctp());
    negotiate(&mut pair);
    assert_eq!((pair.a.peer.max_channels(), pair.b.peer.max_channels()), (None, None));
}

fn is_fresh(side: &Side) -> bool {
    side.peer.has_sctp() && side.peer.max_channels().is_none() && side.peer.session().max_message_size() == 65_536
}

#[test]
fn wpt_rtc_sctp_transport_max_channels_have_local_offer() {
    let mut pair = pair(Content::Data);
    pair.a.peer.set_local_description(pair.now(), SessionDescription::offer("")).unwrap();
    assert!(is_fresh(&pair.a));
}

#[test]
fn wpt_rtc_sctp_transport_max_channels_have_remote_offer() {
    let mut pair = pair(Content::Data);
    let offer = pair.a.peer.create_offer(pair.now()).unwrap();
    pair.b.peer.set_remote_description(pair.now(), offer).unwrap();
    assert!(pair.b.peer.has_sctp() && pair.b.peer.max_channels().is_none());
}

#[test]
fn wpt_rtc_sctp_transport_max_channels_set_when_connected() {
    let mut pair = pair(Content::Data);
    negotiate(&mut pair);
    let is_up = |side: &Side| side.peer.sctp_state() == SctpState::Connected;
    pair.run_until(PATIENCE, |a, b| {
        for side in [&*a, &*b] {
            assert_eq!(side.peer.max_channels().is_some(), is_up(side));
        }
        is_up(a) && is_up(b)
    })
    .unwrap();
    assert_eq!(pair.a.peer.max_channels(), Some(1_024), "the limit of a session, which has more streams");
    assert_eq!(pair.b.peer.max_channels(), Some(1_024));
}

#[test]
fn wpt_rtc_sctp_transport_max_channels_local_rollback() {
    let mut pair = pair(Content::Data);
    for description in [SessionDescription::offer(""), SessionDescription::rollback(), SessionDescription::offer("")] {
        let taken_back = description.kind == SdpType::Rollback;
        pair.a.peer.set_local_description(pair.now(), description).unwrap();
        assert_eq!(is_fresh(&pair.a), !taken_back);
        assert_eq!(pair.a.peer.has_sctp(), !taken_back);
    }
}

#[test]
fn wpt_rtc_sctp_transport_max_channels_remote_rollback() {
    let mut pair = pair(Content::Data);
    let offer = pair.a.peer.create_offer(pair.now()).unwrap();
    for description in [offer.clone(), SessionDescription::rollback(), offer] {
        let taken_back = description.kind == SdpType::Rollback;
        pair.b.peer.set_remote_description(pair.now(), description).unwrap();
        assert_eq!(is_fresh(&pair.b), !taken_back);
        assert_eq!(pair.b.peer.has_sctp(), !taken_back);
    }
}

/// Negotiates with an answer that says so of the longest message, or says nothing; gives what can be sent then.
fn longest(pair: &mut Pair<Side>, answered: Option<usize>) -> usize {
    exchange_changed(pair, |description| match (description.kind, answered) {
        (SdpType::Answer, None) => without(&description, "a=max-message-size"),
        (SdpType::Answer, Some(bytes)) => {
            let bare = without(&description, "a=max-message-size");
            SessionDescription::answer(format!("{}a=max-message-size:{bytes}\r\n", bare.sdp))
        }
        _ => description,
    });
    pair.a.peer.session().max_message_size()
}

/// What this side can send, whatever the other takes.
fn own_limit() -> usize {
    longest(&mut pair(Content::Data), Some(0))
}

#[test]
fn wpt_rtc_sctp_transport_max_message_size_positive_and_equal() {
    let mut pair = pair(Content::Data);
    negotiate(&mut pair);
    let [ours, theirs] = [&pair.a, &pair.b].map(|side| side.peer.session().max_message_size());
    assert_eq!((ours, theirs), (262_144, 262_144));
}

#[test]
fn wpt_rtc_sctp_transport_max_message_size_zero_means_own_limit() {
    let own = own_limit();
    assert_eq!(own, ortica_sctp::Limits::default().longest_message());
    assert!((65_536..usize::MAX).contains(&own));
}

#[test]
fn wpt_rtc_sctp_transport_max_message_size_missing_attribute() {
    assert_eq!(longest(&mut pair(Content::Data), None), 65_536);
}

#[test]
fn wpt_rtc_sctp_transport_max_message_size_remote_value_used() {
    let below = own_limit() - 1;
    assert_eq!(longest(&mut pair(Content::Data), Some(below)), below);
}

#[test]
fn wpt_rtc_sctp_transport_max_message_size_renegotiated() {
    let (mut pair, own) = (pair(Content::Data), own_limit());
    for (answered, wanted) in [(1, 1), (2, 2), (0, own), (1, 1)] {
        assert_eq!(longest(&mut pair, Some(answered)), wanted);
    }
}

#[test]
fn wpt_rtc_sctp_transport_max_message_size_remote_above_own_limit() {
    let own = own_limit();
    assert_eq!(longest(&mut pair(Content::Data), Some(own + 1)), own);
}

#[test]
fn wpt_rtc_sctp_transport_max_message_size_offer_has_attribute() {
    let mut pair = pair(Content::Both);
    let lines = |offer: SessionDescription| offer.sdp.matches("a=max-message-size:262144\r\n").count();
    assert_eq!(lines(pair.a.peer.create_offer(pair.now()).unwrap()), 1);
    negotiate(&mut pair);
    assert_eq!(lines(pair.a.peer.create_offer(pair.now()).unwrap()), 1);
}
