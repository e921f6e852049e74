//! Both sides offer at once, again and again; in virtual time.
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

mod common;

use common::Side;
use netsim::Pair;
use ortica::Direction;
use ortica::codecs::{Codec, MediaKind};
use ortica::core::Rng;
use ortica::jsep::{SessionDescription, SignalingState, TransceiverInit};
use ortica::peer::PeerEvent;
use std::collections::BTreeMap;

const ROUNDS: u32 = 1_000;
/// Transceivers of a side before it stops them all.
const MANY: usize = 8;

fn side(seed: u64, address: std::net::SocketAddr) -> Side {
    let mut side = Side::new(seed, address);
    side.peer.set_codecs(vec![Codec::Pcmu, Codec::Vp8]);
    side
}

/// Offers, whatever the other side does.
fn offer(side: &mut Side) -> SessionDescription {
    let offer = side.peer.create_offer(netsim::epoch()).unwrap();
    side.peer.set_local_description(netsim::epoch(), offer.clone()).unwrap();
    offer
}

/// Takes an offer and answers it.
fn answer(side: &mut Side, offer: SessionDescription) -> SessionDescription {
    side.peer.set_remote_description(netsim::epoch(), offer).unwrap();
    let answer = side.peer.create_answer(netsim::epoch()).unwrap();
    side.peer.set_local_description(netsim::epoch(), answer.clone()).unwrap();
    answer
}

fn take(side: &mut Side, answer: SessionDescription) {
    side.peer.set_remote_description(netsim::epoch(), answer).unwrap();
}

/// Whether a side asked for a negotiation since the last call.
fn wants(side: &mut Side) -> bool {
    std::iter::from_fn(|| side.peer.poll_event()).filter(|event| *event == PeerEvent::NegotiationNeeded).count() > 0
}

/// How many tracks a side sends.
fn sending(side: &Side) -> usize {
    side.peer.transceivers().iter().filter(|state| state.direction.sends()).count()
}

/// What a side believes of each section in use.
fn view(side: &Side) -> BTreeMap<String, (MediaKind, Direction)> {
    let states = side.peer.transceivers().into_iter();
    states.filter_map(|state| Some((state.mid?, (state.kind, state.current_direction?)))).collect()
}

fn mirrored(view: BTreeMap<String, (MediaKind, Direction)>) -> BTreeMap<String, (MediaKind, Direction)> {
    view.into_iter().map(|(mid, (kind, direction))| (mid, (kind, direction.reversed()))).collect()
}

/// Gives a side something to say: a transceiver more, or none at all.
fn change(side: &mut Side, rng: &mut Rng) {
    let all = side.peer.transceivers();
    if all.len() >= MANY {
        all.iter().for_each(|state| side.peer.stop_transceiver(state.id).unwrap());
        return;
    }
    let kind = if rng.u64().is_multiple_of(2) { MediaKind::Audio } else { MediaKind::Video };
    match rng.u64() % 2 {
        0 => drop(side.peer.add_track(kind, vec!["stream".to_owned()]).unwrap()),
        _ => drop(side.peer.add_transceiver(kind, TransceiverInit::default()).unwrap()),
    }
}

/// Guards: the polite side's offer gives way, and what it was to say follows (perfect negotiation, webrtc-pc §10.7).
#[test]
fn flt_32_a_thousand_glares_lose_no_transceiver() {
    let mut rng = Rng::from_number(32);
    let (mut polite, mut impolite) = (side(1, Pair::<Side>::A), side(2, Pair::<Side>::B));
    let mut stops = 0;
    for round in 0..ROUNDS {
        let before = [&polite, &impolite].map(|side| (side.peer.transceivers().len(), sending(side)));
        for side in [&mut polite, &mut impolite] {
            change(side, &mut rng);
            assert!(wants(side), "round {round}");
        }
        stops += u32::from(before.iter().any(|(count, _)| *count >= MANY));
        let (_, theirs) = (offer(&mut polite), offer(&mut impolite));
        let answered = answer(&mut polite, theirs);
        take(&mut impolite, answered);
        // What gave way is offered again, and the other side too may have more to say.
        for _ in 0..2 {
            if wants(&mut polite) {
                let ours = offer(&mut polite);
                let answered = answer(&mut impolite, ours);
                take(&mut polite, answered);
            }
            if wants(&mut impolite) {
                let theirs = offer(&mut impolite);
                let answered = answer(&mut polite, theirs);
                take(&mut impolite, answered);
            }
        }
        assert!(!wants(&mut polite) && !wants(&mut impolite), "round {round}");
        assert_eq!(view(&polite), mirrored(view(&impolite)), "round {round}");
        let stopped = before.iter().any(|(count, _)| *count >= MANY);
        for (side, (_, before)) in [&polite, &impolite].into_iter().zip(before) {
            assert_eq!(side.peer.signaling_state(), SignalingState::Stable);
            assert!(side.peer.transceivers().iter().all(|state| state.mid.is_some()), "round {round}");
            assert!(stopped || sending(side) == before + 1, "round {round}: {} after {before}", sending(side));
        }
    }
    assert!(stops > 50, "{stops}");
}
