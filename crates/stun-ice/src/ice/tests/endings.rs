//! Agents that come to nothing, and those that are closed on the way.

use super::script::{Ask, Script};
use super::*;

/// Guards `Agent::is_over` wherever something comes in: checks are under way, a name is being resolved, the peer knocks.
#[test]
fn closing_amid_checks_ends_them_and_nothing_begins_again() {
    let mut script = Script::new(Role::Controlling);
    for port in 31_102..31_112 {
        script.name(&format!("{port} 1 udp 659136 198.51.100.7 {port} typ host generation 0"));
    }
    script.name("1 1 udp 659136 a.local 6000 typ host");
    assert_eq!(script.sent().len(), 1, "the first check is under way");
    let question = std::iter::from_fn(|| script.agent.poll_event()).find_map(|event| match event {
        Event::Io(Io::Resolve { id, .. }) => Some(id),
        _ => None,
    });
    assert!(!script.ask(Ask::default()).is_empty(), "who knocks now is answered");
    let pairs = script.agent.pairs().count();
    script.agent.close(script.now);

    script.agent.resolved(script.now, question.unwrap(), Some("198.51.100.8".parse().unwrap()));
    script.agent.end_of_remote_candidates(script.now);
    assert!(script.ask(Ask { from: "198.51.100.9:6000", ..Ask::default() }).is_empty());
    let named = "2 1 udp 659136 b.local 6000 typ host".parse().unwrap();
    assert_eq!(script.agent.add_remote_candidate(script.now, named), Err(CandidateError::Closed));
    let peer = script.peer.clone();
    assert_eq!(script.agent.set_remote_credentials(script.now, peer, false), Err(CredentialsError::Closed));
    for _ in 0..100 {
        assert!(script.after(SECOND).is_empty());
    }
    assert_eq!((script.agent.poll_timeout(), script.agent.route()), (None, None));
    assert_eq!(script.agent.pairs().count(), pairs);
    assert!(script.agent.pairs().all(|pair| pair.state == PairState::Failed));
    let told: Vec<_> = std::iter::from_fn(|| script.agent.poll_event()).collect();
    assert_eq!(told, [Event::Closed(CloseReason::Local)]);
}

/// Guards `Agent::failure_at` on the near side: without a socket nothing can be checked, and once there will be none, the agent
/// fails as soon as one whose checks all fail.
#[test]
fn ice_9_without_a_socket_patience_ends_too() {
    for (ended, patience) in [(true, 39_500 * MS), (false, 79_000 * MS)] {
        let start = netsim::epoch();
        let mut agent = Agent::new(Arc::new(config()), Rng::from_number(1), start);
        agent.set_role(start, Role::Controlling);
        if ended {
            agent.end_of_sockets(start);
        }
        let gathered = if ended { GatheringState::Complete } else { GatheringState::New };
        assert_eq!((agent.gathering_state(), agent.local_candidates().len()), (gathered, 0));
        let candidate = "1 1 udp 659136 198.51.100.2 31102 typ host generation 0".parse().unwrap();
        agent.add_remote_candidate(start, candidate).unwrap();
        agent.end_of_remote_candidates(start);
        agent.set_remote_credentials(start, Credentials::generate(&mut Rng::from_number(2)), false).unwrap();
        let mut now = start;
        while agent.state() != State::Failed {
            now = agent.poll_timeout().unwrap();
            agent.handle_timeout(now);
        }
        assert_eq!(now.saturating_duration_since(start), patience, "sockets ended: {ended}");
    }
}

/// One side was told another password or fragment than the peer's: nothing is selected, and both sides fail, the one that was
/// told right when the other falls silent.
#[test]
fn wrong_credentials_of_one_side_fail_both() {
    let other = Credentials::generate(&mut Rng::from_number(77));
    for wrong_pwd in [true, false] {
        let (mut sim, [a, b]) = Sim::unsignalled(MS);
        let Signal::Credentials(right) = b[0].clone() else { panic!("credentials come first") };
        let wrong = if wrong_pwd {
            Credentials { pwd: other.pwd.clone(), ..right }
        } else {
            Credentials { ufrag: other.ufrag.clone(), ..right }
        };
        sim.a().take(Signal::Credentials(wrong));
        for signal in &b[1..] {
            let mut signal = signal.clone();
            if let Signal::Candidate(candidate) = &mut signal {
                candidate.ufrag = None;
            }
            sim.a().take(signal);
        }
        a.into_iter().for_each(|signal| sim.b().take(signal));
        sim.run_for(120 * SECOND);
        for node in 0..2 {
            assert_eq!(sim.peer(node).states().last(), Some(&State::Failed), "peer {node}");
            assert!(sim.peer(node).agent.pairs().all(|pair| !pair.nominated), "peer {node}");
        }
        let [first, second] = [0, 1].map(|node| sim.peer(node).when(State::Failed).unwrap());
        let (first, later) =
            (first.saturating_duration_since(netsim::epoch()), second.saturating_duration_since(first));
        assert!((39 * SECOND..46 * SECOND).contains(&first) && later <= 30 * SECOND, "{first:?}, then {later:?}");
        assert_eq!(sim.a().agent.stats().responses_received, 0);
        assert!(sim.b().agent.stats().unauthenticated > 10);
    }
}
