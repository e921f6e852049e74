//! Floods.

use super::script::{Ask, REMOTE, Script};
use super::*;

/// Candidates at so many different addresses.
fn flood(count: u32) -> impl Iterator<Item = Candidate> {
    (0..count).map(|n| {
        let ip = std::net::Ipv4Addr::from_bits(0x0b00_0000 + n);
        format!("{n} 1 udp {} {ip} 9 typ host", n + 1).parse().unwrap()
    })
}

/// Guards `Limits::remote_candidates` and `Limits::pairs`, and the pace.
#[test]
fn cve_41_a_flood_of_candidates_makes_sixty_four_and_a_hundred_pairs() {
    let mut script = Script::new(Role::Controlling);
    for socket in 1..4 {
        script.agent.add_socket(script.now, SocketId(socket), address(&format!("192.0.2.{socket}:9")));
    }
    for candidate in flood(100_000) {
        script.agent.add_remote_candidate(script.now, candidate).unwrap();
    }
    assert_eq!(script.agent.remote_candidates().count(), 64);
    assert_eq!(script.agent.pairs().count(), 100);
    let stats = script.agent.stats();
    assert_eq!((stats.candidates_ignored, stats.pairs_dropped), (100_000 - 64, 4 * 64 - 100));
    // The pairs kept are the best: the peer's priority is the smaller one here, and decides.
    let mut priorities: Vec<_> = script.agent.pairs().map(|pair| pair.priority).collect();
    assert!(priorities.is_sorted_by(|a, b| a >= b));
    priorities.dedup();
    assert!(priorities.len() > 1);
    let best: Vec<_> = script.agent.candidates().filter(|it| it.remote && it.candidate.priority > 64 - 25).collect();
    assert_eq!(best.len(), 25);
    assert!(script.agent.pairs().all(|pair| best.iter().any(|it| it.id == pair.remote)), "25 candidates, 4 sockets");

    let mut times = Vec::new();
    for _ in 0..10_000 {
        let sent = script.after(MS);
        assert!(sent.len() <= 1, "one check at a time");
        times.extend(sent.iter().map(|_| script.now));
    }
    assert!(times.len() <= 201, "{} checks in ten seconds", times.len());
}

/// Guards the pace of triggered checks: a peer that knows the password cannot have us send faster than every 5 ms.
#[test]
fn ice_3_triggered_checks_are_five_milliseconds_apart_over_all_pairs() {
    let mut script = Script::new(Role::Controlling);
    let mut times = Vec::new();
    for n in 0..400u32 {
        let from: &'static str = Box::leak(format!("203.0.113.{}:6000", n % 60 + 1).into_boxed_str());
        script.now += MS;
        let mut sent = script.ask(Ask { from, ..Ask::default() });
        sent.retain(|sent| sent.is_request());
        times.extend(sent.iter().map(|_| script.now));
    }
    assert!(times.len() > 30);
    let closest = times.windows(2).map(|pair| pair[1].saturating_duration_since(pair[0])).min().unwrap();
    assert!(closest >= 5 * MS, "{closest:?}");
}

/// Guards `Limits::early_checks`.
#[test]
fn ice_1_early_checks_are_bounded() {
    let mut script = Script::unsignalled(config(), Role::Controlled);
    for n in 0..200u32 {
        let from: &'static str = Box::leak(format!("203.0.113.{n}:6000").into_boxed_str());
        let sent = script.ask(Ask { from, ..Ask::default() });
        assert_eq!(sent.len(), 1, "each is answered");
    }
    let peer = script.peer.clone();
    script.agent.set_remote_credentials(script.now, peer, false).unwrap();
    assert_eq!(script.agent.pairs().count(), 16);
}

/// Checks of somebody else's fragment do not count for the peer whose credentials come.
#[test]
fn ice_1_early_checks_of_another_fragment_are_forgotten() {
    let mut script = Script::unsignalled(config(), Role::Controlled);
    script.ask(Ask::default());
    let other = Credentials::generate(&mut script.rng);
    script.agent.set_remote_credentials(script.now, other, false).unwrap();
    assert_eq!(script.agent.pairs().count(), 0);
}

/// Guards `Limits::replies`: a caller that does not send collects no work.
#[test]
fn answers_that_nobody_takes_are_bounded() {
    let mut script = Script::new(Role::Controlled);
    for _ in 0..1000 {
        let mut request = script.request(&Ask::default());
        let datagram = Datagram::single(SocketId(0), address(REMOTE), &mut request);
        script.agent.handle_datagram(script.now, datagram);
    }
    assert_eq!(script.sent().iter().filter(|sent| !sent.is_request()).count(), 64);
    assert_eq!(script.agent.stats().replies_dropped, 1000 - 64);
}

/// Learned candidates do not push out signalled ones, and old ones make room for new ones once a pair is selected.
#[test]
fn learned_candidates_are_bounded_and_replaced() {
    let mut script = Script::new(Role::Controlled);
    for n in 0..300u32 {
        let from: &'static str = Box::leak(format!("203.0.113.{}:{}", n % 250 + 1, 6000 + n).into_boxed_str());
        let sent = script.ask(Ask { from, role: Role::Controlling, use_candidate: true, ..Ask::default() });
        for check in sent.iter().filter(|sent| sent.is_request()) {
            let (to, answer) = (check.remote.to_string(), script.success(check));
            script.give(&to, answer);
        }
        script.after(6 * SECOND);
        assert!(script.agent.candidates().filter(|it| it.remote).count() <= 64);
        let route = script.agent.route().unwrap();
        assert_eq!(route.remote, address(from), "candidate {n}: the peer is followed wherever it goes");
    }
}

/// FLT-36: out of order, twice, late and wrong.
#[test]
fn flt_36_odd_signalling_is_queued_or_ignored() {
    let mut script = Script::unsignalled(config(), Role::Controlling);
    let candidate = |ufrag: &str| {
        format!("1 1 udp 2130706431 198.51.100.2 6000 typ host ufrag {ufrag}").parse::<Candidate>().unwrap()
    };
    let (now, peer) = (script.now, script.peer.clone());
    // Before the credentials, for the right fragment and for another one.
    script.agent.add_remote_candidate(now, candidate(&peer.ufrag)).unwrap();
    let elsewhere = "2 1 udp 2130706431 198.51.100.3 6000 typ host ufrag other".parse().unwrap();
    script.agent.add_remote_candidate(now, elsewhere).unwrap();
    script.agent.end_of_remote_candidates(now);
    assert!(script.sent().is_empty());
    script.agent.set_remote_credentials(now, peer.clone(), false).unwrap();
    assert_eq!(script.agent.remote_candidates().count(), 1);
    assert_eq!(script.sent().len(), 1);
    // Twice, of an unknown generation, and after the end.
    script.agent.add_remote_candidate(now, candidate(&peer.ufrag)).unwrap();
    assert_eq!(script.agent.add_remote_candidate(now, candidate("other")), Err(CandidateError::UnknownUfrag));
    script.name("3 1 udp 2130706431 198.51.100.4 6000 typ host");
    assert_eq!((script.agent.remote_candidates().count(), script.agent.pairs().count()), (2, 2));
    // Of no use.
    script.name("4 2 udp 2130706431 198.51.100.5 6000 typ host");
    script.name("5 1 tcp 2130706431 198.51.100.5 9 typ host tcptype active");
    script.name("6 1 udp 2130706431 host.example.com 9 typ host");
    assert_eq!(script.agent.remote_candidates().count(), 2);
    let nowhere = "7 1 udp 2130706431 0.0.0.0 9 typ host".parse().unwrap();
    assert_eq!(script.agent.add_remote_candidate(now, nowhere), Err(CandidateError::Invalid("address")));
}

/// Guards `Remote::is_of_another`: a candidate of the generation before, which comes late, is at the same place as one of the
/// next, whose credentials are not known yet. Either may be the first.
#[test]
fn flt_36_a_late_candidate_of_the_last_generation_hides_none_of_the_next() {
    for late_first in [true, false] {
        let mut script = Script::unsignalled(config(), Role::Controlling);
        let peer = script.peer.clone();
        let mut ufrags = ["last", peer.ufrag.as_str()];
        if !late_first {
            ufrags.reverse();
        }
        for ufrag in ufrags {
            script.name(&format!("1 1 udp 2130706431 198.51.100.2 6000 typ host ufrag {ufrag}"));
            let name = "8e2c1f5e-5b52-4a8e-b9a3-3d2b3a2f6d11.local";
            script.name(&format!("2 1 udp 2130706175 {name} 6001 typ host ufrag {ufrag}"));
        }
        script.agent.set_remote_credentials(script.now, peer.clone(), false).unwrap();
        let ufrags: Vec<_> = script.agent.remote_candidates().map(|it| it.ufrag.as_deref().unwrap()).collect();
        assert_eq!(ufrags, [peer.ufrag.as_str(); 2]);
        assert_eq!(script.agent.pairs().count(), 1);
        assert_eq!(script.sent().len(), 1, "it is checked");
    }
}
