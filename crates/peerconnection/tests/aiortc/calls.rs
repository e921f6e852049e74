//! Calls from their beginning to their end.

use super::*;
use ortica::codecs::MediaKind::{Audio, Video};
use ortica::engine::ChannelParameters;
use ortica::jsep::{IceCandidate, SignalingState};
use ortica::{IceConnectionState, IceGatheringState};

fn is_closed(side: &Side) -> bool {
    let peer = &side.peer;
    (peer.connection_state(), peer.ice_connection_state(), peer.signaling_state())
        == (ConnectionState::Closed, IceConnectionState::Closed, SignalingState::Closed)
}

/// Every state that both sides go through, each reported once.
#[test]
fn aiortc_connect_audio_bidirectional_states() {
    let mut pair = pair();
    for side in [&pair.a, &pair.b] {
        assert_eq!(side.peer.connection_state(), ConnectionState::New);
        assert_eq!(side.peer.ice_connection_state(), IceConnectionState::New);
        assert_eq!(side.peer.ice_gathering_state(), IceGatheringState::New);
        assert!(side.peer.local_description().is_none() && side.peer.remote_description().is_none());
    }
    add_track(&mut pair.a, Audio);
    add_track(&mut pair.b, Audio);
    negotiate(&mut pair);
    connect(&mut pair);
    pair.run_for(SECOND);
    let of = |side: &Side, kind: &str| -> Vec<String> {
        history(side).iter().filter_map(|it| it.strip_prefix(kind)).map(|it| it.trim().to_owned()).collect()
    };
    assert_eq!(of(&pair.a, "signaling"), ["have-local-offer", "stable"]);
    assert_eq!(of(&pair.b, "signaling"), ["have-remote-offer", "stable"]);
    for side in [&pair.a, &pair.b] {
        assert_eq!(of(side, "gathering"), ["gathering", "complete"]);
        assert_eq!(of(side, "connection"), ["connecting", "connected"]);
        let ice = of(side, "ice");
        assert!(ice == ["checking", "connected", "completed"] || ice == ["checking", "connected"], "{ice:?}");
    }
    let before = pair.a.events.len();
    pair.with_a(|a, now| a.peer.close(now));
    pair.run_for(SECOND);
    assert!(is_closed(&pair.a));
    assert_eq!(history(&pair.a)[history(&pair.a).len() - 1], "closed");
    assert_eq!(pair.a.events.len(), before + 1, "its own close is no event of each state");
}

#[test]
fn aiortc_close_twice_and_before_connecting() {
    let mut lonely = side(1, Pair::<Side>::A);
    lonely.peer.close(now());
    assert!(is_closed(&lonely));
    lonely.peer.close(now());
    assert!(is_closed(&lonely));

    let mut pair = pair();
    add_track(&mut pair.a, Audio);
    negotiate(&mut pair);
    pair.with_a(|a, now| a.peer.close(now));
    pair.with_b(|b, now| b.peer.close(now));
    pair.run_for(SECOND);
    assert!(is_closed(&pair.a) && is_closed(&pair.b));
}

/// Candidates go one by one, named by mid or by the place of their section; descriptions have none.
fn trickled(media: impl FnOnce(&mut Pair<Side>), by_mid: bool) -> Pair<Side> {
    let mut pair = pair();
    media(&mut pair);
    let bare = |description: SessionDescription| without(&without(&description, "a=candidate:"), "a=end-of-candidates");
    let offer = pair.a.peer.create_offer(now()).unwrap();
    pair.a.peer.set_local_description(now(), offer).unwrap();
    let offer = bare(pair.a.peer.local_description().unwrap());
    pair.b.peer.set_remote_description(now(), offer).unwrap();
    let answer = pair.b.peer.create_answer(now()).unwrap();
    pair.b.peer.set_local_description(now(), answer).unwrap();
    let answer = bare(pair.b.peer.local_description().unwrap());
    pair.a.peer.set_remote_description(now(), answer).unwrap();
    pair.run_for(DELAY);
    let told = |side: &Side| -> Vec<IceCandidate> {
        let told = side.events.iter().filter_map(|event| match event {
            PeerEvent::IceCandidate(candidate) => Some(candidate.clone().unwrap_or_default()),
            _ => None,
        });
        let named = told.map(|it| IceCandidate {
            sdp_mid: it.sdp_mid.filter(|_| by_mid),
            sdp_mline_index: it.sdp_mline_index.filter(|_| !by_mid),
            ..it
        });
        named.collect()
    };
    let (of_a, of_b) = (told(&pair.a), told(&pair.b));
    assert!(of_a.len() >= 2 && of_b.len() >= 2, "one candidate, and their end");
    of_a.iter().for_each(|it| pair.b.peer.add_ice_candidate(now(), it).unwrap());
    of_b.iter().for_each(|it| pair.a.peer.add_ice_candidate(now(), it).unwrap());
    connect(&mut pair);
    pair
}

#[test]
fn aiortc_connect_audio_bidirectional_trickle() {
    for by_mid in [true, false] {
        let media = |pair: &mut Pair<Side>| {
            add_track(&mut pair.a, Audio);
            add_track(&mut pair.b, Audio);
        };
        trickled(media, by_mid);
    }
}

#[test]
fn aiortc_connect_datachannel_trickle() {
    for by_mid in [true, false] {
        let mut pair = trickled(
            |pair| {
                pair.a.create_channel(now(), ChannelParameters::default());
            },
            by_mid,
        );
        pair.run_until(SECOND, |a, b| !a.opened.is_empty() && !b.opened.is_empty()).unwrap();
    }
}

/// Sound, pictures and data share one transport, and the offer says so.
#[test]
fn aiortc_connect_audio_and_video_and_data_channel() {
    let mut pair = pair();
    for side in [&mut pair.a, &mut pair.b] {
        add_track(side, Audio);
        add_track(side, Video);
    }
    pair.a.create_channel(now(), ChannelParameters { label: "chat".to_owned(), ..ChannelParameters::default() });
    let [offer, answer] = negotiate(&mut pair);
    connect(&mut pair);
    for description in [&offer, &answer] {
        assert_eq!(lines(description, "a=group:BUNDLE"), ["a=group:BUNDLE 0 1 2"]);
        let kinds: Vec<&str> = lines(description, "m=").iter().map(|it| it.split(' ').next().unwrap()).collect();
        assert_eq!(kinds, ["m=audio", "m=video", "m=application"]);
    }
    pair.run_until(SECOND, |a, b| !a.opened.is_empty() && !b.opened.is_empty()).unwrap();
    assert_eq!((pair.a.peer.session().transports().count(), pair.b.peer.session().transports().count()), (1, 1));
}

/// One side goes before it was reached: the other gives up.
#[test]
fn aiortc_connect_audio_and_video_and_data_channel_ice_fail() {
    let mut pair = pair();
    add_track(&mut pair.a, Audio);
    add_track(&mut pair.a, Video);
    pair.a.create_channel(now(), ChannelParameters::default());
    negotiate(&mut pair);
    pair.with_a(|a, now| a.peer.close(now));
    pair.run_until(60 * SECOND, |_, b| b.peer.ice_connection_state() == IceConnectionState::Failed).unwrap();
    assert!(is_closed(&pair.a));
    assert_eq!(pair.b.peer.connection_state(), ConnectionState::Failed);
    assert!(history(&pair.b).contains(&"connection failed".to_owned()));
}

/// A second negotiation adds to the first, over the same transport.
#[test]
fn aiortc_connect_audio_then_video() {
    let mut pair = pair();
    add_track(&mut pair.a, Audio);
    add_track(&mut pair.b, Audio);
    let [offer, answer] = negotiate(&mut pair);
    assert!(sections(&offer).len() == 1 && sections(&answer).len() == 1);
    connect(&mut pair);
    add_track(&mut pair.a, Video);
    add_track(&mut pair.b, Video);
    let [offer, answer] = negotiate(&mut pair);
    pair.run_for(SECOND);
    for description in [&offer, &answer] {
        assert_eq!(lines(description, "a=sendrecv").len(), 2);
        assert_eq!(lines(description, "a=group:BUNDLE"), ["a=group:BUNDLE 0 1"]);
    }
    assert_eq!(pair.a.peer.connection_state(), ConnectionState::Connected);
    assert_eq!(pair.a.peer.session().transports().count(), 1);
}

#[test]
fn aiortc_connect_datachannel_then_audio() {
    let mut pair = pair();
    pair.a.create_channel(now(), ChannelParameters::default());
    negotiate(&mut pair);
    pair.run_until(10 * SECOND, |a, b| !a.opened.is_empty() && !b.opened.is_empty()).unwrap();
    add_track(&mut pair.a, Audio);
    add_track(&mut pair.b, Audio);
    let [offer, answer] = negotiate(&mut pair);
    for description in [&offer, &answer] {
        let kinds: Vec<&str> = lines(description, "m=").iter().map(|it| it.split(' ').next().unwrap()).collect();
        assert_eq!(kinds, ["m=application", "m=audio"]);
    }
    pair.run_for(SECOND);
    assert_eq!(only(&pair.b).current_direction, Some(Direction::SendRecv));
    assert!(pair.a.closed.is_empty() && pair.b.closed.is_empty(), "the channel goes on");
}
