//! Tracks, transceivers and which way media flows.

use super::*;
use Direction::{Inactive, RecvOnly, SendOnly, SendRecv};
use ortica::codecs::MediaKind::{Audio, Video};

#[test]
fn aiortc_add_track_makes_a_transceiver_for_each() {
    for kind in [Audio, Video] {
        let mut side = side(1, Pair::<Side>::A);
        let first = add_track(&mut side, kind);
        let second = add_track(&mut side, kind);
        assert_ne!(first, second);
        let all = side.peer.transceivers();
        assert_eq!(
            all.iter().map(|it| (it.id, it.kind, it.direction)).collect::<Vec<_>>(),
            [(first, kind, SendRecv), (second, kind, SendRecv)]
        );
    }
}

#[test]
fn aiortc_add_track_takes_an_unused_transceiver() {
    for (before, after) in [(Inactive, SendOnly), (RecvOnly, SendRecv)] {
        let mut side = side(1, Pair::<Side>::A);
        let id = add_transceiver(&mut side, Audio, before);
        assert_eq!((only(&side).current_direction, only(&side).direction), (None, before));
        assert_eq!(add_track(&mut side, Audio), id);
        assert_eq!((only(&side).current_direction, only(&side).direction), (None, after));
        // It is taken now.
        assert_ne!(add_track(&mut side, Audio), id);
    }
}

/// What a call's transceivers say at its end: wanted and current direction of `a`, then of `b`, and what the descriptions say.
fn agreed(before: impl FnOnce(&mut Side), answering: impl FnOnce(&mut Side)) -> ([Direction; 4], [String; 2]) {
    let mut pair = pair();
    before(&mut pair.a);
    let offer = pair.a.peer.create_offer(now()).unwrap();
    assert!(lines(&offer, "a=candidate:").is_empty() && lines(&offer, "a=end-of-candidates").is_empty());
    pair.a.peer.set_local_description(now(), offer).unwrap();
    let offer = pair.a.peer.local_description().unwrap();
    assert!(!lines(&offer, "a=candidate:").is_empty() && !lines(&offer, "a=end-of-candidates").is_empty());
    assert_eq!(lines(&offer, "a=setup:"), ["a=setup:actpass"]);
    pair.b.peer.set_remote_description(now(), offer.clone()).unwrap();
    answering(&mut pair.b);
    let answer = pair.b.peer.create_answer(now()).unwrap();
    pair.b.peer.set_local_description(now(), answer).unwrap();
    let answer = pair.b.peer.local_description().unwrap();
    assert_eq!(lines(&answer, "a=setup:"), ["a=setup:active"]);
    pair.a.peer.set_remote_description(now(), answer.clone()).unwrap();
    connect(&mut pair);
    let (a, b) = (only(&pair.a), only(&pair.b));
    let said = [offer, answer].map(|it| {
        let words = ["sendrecv", "sendonly", "recvonly", "inactive"];
        words.into_iter().find(|word| it.sdp.contains(&format!("\r\na={word}\r\n"))).unwrap().to_owned()
    });
    ([a.direction, a.current_direction.unwrap(), b.direction, b.current_direction.unwrap()], said)
}

#[test]
fn aiortc_connect_audio_offer_recvonly_answer_recvonly() {
    let agreed = agreed(
        |a| {
            add_transceiver(a, Audio, RecvOnly);
        },
        |_| (),
    );
    assert_eq!(agreed, ([RecvOnly, Inactive, RecvOnly, Inactive], ["recvonly", "inactive"].map(str::to_owned)));
}

#[test]
fn aiortc_connect_audio_offer_recvonly() {
    let agreed = agreed(
        |a| {
            add_transceiver(a, Audio, RecvOnly);
        },
        |b| {
            add_track(b, Audio);
        },
    );
    assert_eq!(agreed, ([RecvOnly, RecvOnly, SendRecv, SendOnly], ["recvonly", "sendonly"].map(str::to_owned)));
}

#[test]
fn aiortc_connect_audio_offer_sendonly() {
    let agreed = agreed(
        |a| {
            add_transceiver(a, Audio, SendOnly);
        },
        |_| (),
    );
    assert_eq!(agreed, ([SendOnly, SendOnly, RecvOnly, RecvOnly], ["sendonly", "recvonly"].map(str::to_owned)));
}

#[test]
fn aiortc_connect_audio_offer_sendrecv_answer_recvonly() {
    let agreed = agreed(
        |a| {
            add_track(a, Audio);
        },
        |_| (),
    );
    assert_eq!(agreed, ([SendRecv, SendOnly, RecvOnly, RecvOnly], ["sendrecv", "recvonly"].map(str::to_owned)));
}

#[test]
fn aiortc_connect_audio_offer_sendrecv_answer_sendonly() {
    let sends_only = |b: &mut Side| b.peer.set_direction(only(b).id, SendOnly).unwrap();
    let agreed = agreed(
        |a| {
            add_track(a, Audio);
        },
        sends_only,
    );
    assert_eq!(agreed, ([SendRecv, RecvOnly, SendOnly, SendOnly], ["sendrecv", "sendonly"].map(str::to_owned)));
}

#[test]
fn aiortc_connect_audio_bidirectional() {
    let agreed = agreed(
        |a| {
            add_track(a, Audio);
        },
        |b| {
            add_track(b, Audio);
        },
    );
    assert_eq!(agreed, ([SendRecv; 4], ["sendrecv", "sendrecv"].map(str::to_owned)));
}

/// One side sends two tracks, the other one.
#[test]
fn aiortc_connect_audio_two_tracks() {
    let mut pair = pair();
    add_track(&mut pair.a, Audio);
    add_track(&mut pair.a, Audio);
    add_track(&mut pair.b, Audio);
    let [offer, answer] = negotiate(&mut pair);
    connect(&mut pair);
    assert_eq!(lines(&offer, "a=msid:").len(), 2);
    let current =
        |side: &Side| -> Vec<_> { side.peer.transceivers().iter().map(|it| it.current_direction.unwrap()).collect() };
    assert_eq!((current(&pair.a), current(&pair.b)), (vec![SendRecv, SendOnly], vec![SendRecv, RecvOnly]));
    assert_eq!(sections(&answer).iter().filter(|it| it.contains("a=sendrecv\r\n")).count(), 1);
    let told = pair.b.events.iter().filter(|event| matches!(event, PeerEvent::Track(_))).count();
    assert_eq!(told, 2);
}
