//! What a description of many sections costs, counted at the allocator.
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

#[path = "../../sctp/tests/common/allocations.rs"]
mod allocations;
mod common;
#[path = "common/sections.rs"]
mod sections;

use common::Side;
use netsim::Pair;
use ortica::codecs::Codec;
use ortica::jsep::SessionDescription;
use sections::offer;

/// What an action takes.
#[derive(Clone, Copy, Debug)]
struct Cost {
    /// Bytes at once.
    peak: usize,
    /// For memory.
    calls: usize,
}

fn measure<T>(action: impl FnOnce() -> T) -> (T, Cost) {
    let calls = allocations::calls();
    let (result, peak) = allocations::peak_of(action);
    (result, Cost { peak: peak as usize, calls: allocations::calls() - calls })
}

fn side() -> Side {
    let mut side = Side::new(1, Pair::<Side>::A);
    side.peer.set_codecs(vec![Codec::Vp8]);
    side
}

/// Takes an offer and answers it, to the engine's last receiver.
fn answer(side: &mut Side, offer: &SessionDescription) -> SessionDescription {
    let now = netsim::epoch();
    side.peer.set_remote_description(now, offer.clone()).unwrap();
    let answer = side.peer.create_answer(now).unwrap();
    side.peer.set_local_description(now, answer).unwrap();
    side.peer.local_description().unwrap()
}

/// Guards: ten times the sections cost at most twelve times the memory and calls for it, whoever offers. The time it takes is
/// the bench `sections`.
#[test]
fn cve_43_the_cost_of_an_answer_grows_with_its_sections() {
    let cost = |sections: usize| {
        let (mut side, offer) = (side(), offer(sections));
        let (answer, cost) = measure(|| answer(&mut side, &offer));
        assert_eq!(answer.sdp.matches("\r\na=recvonly\r\n").count(), sections);
        assert_eq!(side.peer.session().receivers().count(), sections);
        cost
    };
    let (few, many) = (cost(50), cost(500));
    assert!(many.peak <= few.peak * 12, "{few:?}, then {many:?}");
    assert!(many.calls <= few.calls * 12, "{few:?}, then {many:?}");
    assert!(many.peak <= 64 << 20, "{many:?}");
}

/// Guards `free_mid`: the same for one's own offer.
#[test]
fn cve_43_the_cost_of_an_offer_grows_with_its_sections() {
    let cost = |sections: usize| {
        let mut side = side();
        for _ in 0..sections {
            side.peer.add_track(ortica::codecs::MediaKind::Video, Vec::new()).unwrap();
        }
        let (offer, cost) = measure(|| side.peer.create_offer(netsim::epoch()).unwrap());
        assert_eq!(offer.sdp.matches("\r\na=mid:").count(), sections);
        cost
    };
    let (few, many) = (cost(50), cost(500));
    assert!(many.peak <= few.peak * 12, "{few:?}, then {many:?}");
    assert!(many.calls <= few.calls * 12, "{few:?}, then {many:?}");
}

/// Guards: candidates by the hundred thousand, and sections beyond the limit, cost a bounded amount, and the peer goes on.
#[test]
fn cve_41_a_description_of_a_hundred_thousand_candidates_is_bounded() {
    let now = netsim::epoch();
    let mut few = offer(1);
    // As many lines as fit the limit of one MiB.
    let line = "a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n";
    few.sdp.push_str(&line.repeat((1 << 20) / line.len() - few.sdp.len() / line.len() - 1));
    let mut first = side();
    let (answer, cost) = measure(|| answer(&mut first, &few));
    assert!(answer.sdp.contains("a=recvonly"));
    assert!(cost.peak <= 64 << 20, "{cost:?}");
    let agent = first.peer.session().transports().next().and_then(|id| first.peer.session().ice(id)).unwrap();
    assert!(agent.remote_candidates().count() <= 64, "{}", agent.remote_candidates().count());

    let mut whole = offer(1);
    whole.sdp.push_str(&line.repeat(100_000));
    let mut second = side();
    let (refused, cost) = measure(|| second.peer.set_remote_description(now, whole.clone()));
    assert!(refused.is_err(), "more than a MiB");
    assert!(cost.peak <= 16 << 20, "{cost:?}");
    second.peer.set_remote_description(now, offer(1)).unwrap();
}

/// Guards the limits of the parser where a peer's words come in: 10^4 sections, a line of a MiB and 10^5 parameters are
/// refused, or cost no more than their length, and the connection is as it was.
#[test]
fn cve_42_bombs_are_refused_and_nothing_changes() {
    let now = netsim::epoch();
    let long = |name: &str, unit: &str, count: usize| {
        let mut text = offer(1);
        text.sdp.push_str(&format!("a={name}{}\r\n", unit.repeat(count)));
        text
    };
    let mut side = side();
    for (bomb, is_refused) in [
        (offer(10_000), true),
        (offer(1_025), true),
        (long("fmtp:96 ", "a=1;", 100_000), true),
        (long("x:", "y", 1 << 20), true),
        (long("fmtp:96 ", "a=1;", 16_000), false),
        (long("rtcp-fb:96 ", "n", 60_000), false),
    ] {
        let (outcome, cost) = measure(|| side.peer.set_remote_description(now, bomb.clone()));
        assert_eq!(outcome.is_err(), is_refused, "{:?}", &bomb.sdp[bomb.sdp.len() - 30..]);
        assert!(cost.peak <= 16 << 20, "{cost:?}");
        if is_refused {
            assert!(side.peer.remote_description().is_none() && side.peer.transceivers().is_empty());
        } else {
            side.peer.set_remote_description(now, SessionDescription::rollback()).unwrap();
        }
    }
}
