//! Which candidates go together, which of them are one, and which pairs are checked.

use super::script::{Ask, REMOTE, Script};
use super::*;

/// An agent with a socket of each family.
fn both_families(role: Role) -> Script {
    let mut script = Script::new(role);
    script.agent.add_socket(script.now, SocketId(1), address("[2001:db8::1]:5000"));
    script
}

/// The names of the peer's candidates that were signalled, and all pairs.
fn known(agent: &Agent) -> (Vec<String>, Vec<PairId>) {
    let foundations = agent.remote_candidates().map(|candidate| candidate.foundation.clone());
    (foundations.collect(), agent.pairs().map(|pair| pair.id).collect())
}

fn pair_to(agent: &Agent, remote: &str) -> PairStats {
    let is_it = |it: &CandidateStats<'_>| it.remote && it.candidate.socket_addr() == Some(address(remote));
    let id = agent.candidates().find(is_it).unwrap().id;
    agent.pairs().find(|pair| pair.remote == id).unwrap()
}

/// Guards `may_pair`, `go_together` and `is_usable`.
#[test]
fn candidates_of_one_family_transport_and_component_go_together() {
    let cases: [(&str, &[u32]); 8] = [
        ("1 1 udp 659136 198.51.100.2 31102 typ host generation 0", &[0]),
        ("1 1 UDP 659136 198.51.100.2 31102 typ host generation 0", &[0]),
        ("1 1 udp 659136 2001:db8:85a3::8a2e:370:7334 31102 typ host generation 0", &[1]),
        ("1 2 udp 659136 198.51.100.2 31102 typ host generation 0", &[]),
        ("1 1 tcp 659136 198.51.100.2 31102 typ host tcptype active", &[]),
        ("1 1 tcp 659136 198.51.100.2 31102 typ host tcptype passive", &[]),
        ("1 1 sctp 659136 198.51.100.2 31102 typ host", &[]),
        ("1 1 udp 659136 fe80::2 31102 typ host", &[]),
    ];
    for (candidate, sockets) in cases {
        let mut script = both_families(Role::Controlling);
        script.name(candidate);
        let paired: Vec<_> = script.agent.pairs().map(|pair| pair.socket.0).collect();
        assert_eq!(paired, sockets, "{candidate}");
    }
}

/// Guards `place_remote`: where a candidate is counts, not how it is written, what it is called or how its owner came by it.
#[test]
fn an_address_has_one_candidate_the_first_that_was_signalled() {
    let mut script = both_families(Role::Controlled);
    script.name("four 1 udp 2130706431 198.51.100.2 6000 typ host");
    script.name("six 1 udp 2130706431 2001:db8::2 6000 typ host");
    let before = known(&script.agent);
    assert_eq!((before.0.as_slice(), before.1.len()), (&["four".to_owned(), "six".to_owned()][..], 2));
    for again in [
        "four 1 udp 2130706431 198.51.100.2 6000 typ host",
        "other 1 UDP 1694498815 198.51.100.2 6000 typ srflx raddr 192.168.1.2 rport 6000",
        "other 1 udp 2130706431 ::ffff:198.51.100.2 6000 typ host",
        "other 1 udp 2130706431 2001:DB8:0::2 6000 typ host",
    ] {
        script.name(again);
        assert_eq!(known(&script.agent), before, "{again}");
    }
    // A check from there reveals nothing new.
    let mut check = script.request(&Ask { role: Role::Controlling, ..Ask::default() });
    let datagram = Datagram::single(SocketId(1), address("[2001:db8::2]:6000"), &mut check);
    script.agent.handle_datagram(script.now, datagram);
    assert_eq!(known(&script.agent), before);
    assert_eq!(script.agent.candidates().filter(|it| it.remote).count(), 2);
}

/// Guards `learn_remote`: what the check says is what is known of the candidate, and a check goes back.
#[test]
fn a_peer_that_nobody_named_is_learned_from_its_check() {
    let mut script = Script::new(Role::Controlling);
    script.ask(Ask::default());
    let remotes: Vec<_> = script.agent.candidates().filter(|it| it.remote).collect();
    assert_eq!(remotes.len(), 1);
    let Candidate { component, transport, priority, kind, related, .. } = remotes[0].candidate;
    assert_eq!((*component, transport, related), (1, &Transport::Udp, &None));
    assert_eq!((*kind, *priority), (CandidateKind::PeerReflexive, CandidateKind::PeerReflexive.priority(7)));
    assert_eq!(remotes[0].candidate.socket_addr(), Some(address(REMOTE)));
    assert!(!remotes[0].signalled);
    let pair = pair_to(&script.agent, REMOTE);
    assert_eq!((script.agent.pairs().count(), pair.state, pair.socket), (1, PairState::InProgress, SocketId(0)));
}

/// Guards `on_check`, for each state of the pair. RFC 8445 §7.3.1.4.
#[test]
fn a_check_triggers_one_back_unless_its_pair_works() {
    use PairState::{Failed, Frozen, InProgress, Succeeded, Waiting};
    for before in [Frozen, Waiting, InProgress, Succeeded, Failed] {
        let mut script = Script::new(Role::Controlled);
        // A better one: it would have the first turn, and one of the same foundation waits for it.
        match before {
            Frozen => script.name("1 1 udp 2130706431 198.51.100.9 6000 typ host"),
            Waiting => script.name("2 1 udp 2130706431 198.51.100.9 6000 typ host"),
            _ => {}
        }
        script.name("1 1 udp 2130706430 198.51.100.2 6000 typ host");
        if !matches!(before, Frozen | Waiting) {
            let check = script.sent().remove(0);
            match before {
                Succeeded => drop(script.give(REMOTE, script.success(&check))),
                Failed => drop(script.give(REMOTE, script.error(&check, 400))),
                _ => {}
            }
        }
        assert_eq!(pair_to(&script.agent, REMOTE).state, before);
        script.now += 10 * MS;
        let sent = script.ask(Ask { role: Role::Controlling, ..Ask::default() });
        let back = sent.iter().find(|sent| sent.is_request()).map(|check| check.remote);
        let after = pair_to(&script.agent, REMOTE).state;
        if before == Succeeded {
            assert_eq!((back, after), (None, Succeeded));
        } else {
            assert_eq!((back, after), (Some(address(REMOTE)), InProgress), "{before}");
        }
        let pairs = 1 + usize::from(matches!(before, Frozen | Waiting));
        assert_eq!(script.agent.pairs().count(), pairs, "no new one");
    }
}

/// Guards `Checklist::rest`: once a pair is selected, no other is checked, whether its checks had begun or not.
#[test]
fn a_selected_pair_ends_the_search() {
    let mut script = Script::new(Role::Controlling);
    script.name("1 1 udp 2130706431 198.51.100.2 6000 typ host");
    script.name("2 1 udp 2130706175 198.51.100.3 6000 typ host");
    script.name("3 1 udp 2130705919 198.51.100.4 6000 typ host");
    script.name("3 1 udp 1 198.51.100.5 6000 typ host");
    let first = script.sent().remove(0);
    let second = script.after(50 * MS).remove(0);
    assert_eq!((first.remote, second.remote), (address(REMOTE), address("198.51.100.3:6000")));
    let nomination = script.give(REMOTE, script.success(&first)).remove(0);
    assert!(nomination.message().use_candidate());
    let answer = script.success(&nomination);
    assert!(script.give(REMOTE, answer).is_empty());
    assert_eq!(script.agent.state(), State::Connected);
    for _ in 0..300 {
        assert!(script.after(10 * MS).is_empty(), "no check, and no request for consent yet");
    }
    let states: Vec<_> = script.agent.pairs().map(|pair| (pair.state, pair.nominated)).collect();
    let rests = (PairState::Frozen, false);
    assert_eq!(states, [(PairState::Succeeded, true), rests, rests, rests]);
}
