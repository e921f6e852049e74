//! How long things take: nothing waits for a server that says nothing, and a hopeless call ends in time, with reasons.

use super::*;

/// Both know everything from the start but for what `servers` that never answer would say.
fn with_silent_servers(seed: u64, servers: usize) -> Sim {
    let addresses: Vec<_> = (1..=servers).map(|n| address(&format!("203.0.113.{n}:3478"))).collect();
    let config = config().with_stun_servers(addresses);
    Sim::with(seed, Link::with_delay(10 * MS), config.clone(), config, |_, _, _| {})
}

/// Guards the first check of a generation, which does not wait until it is its turn after the questions to servers.
#[test]
fn silent_servers_do_not_delay_the_first_check() {
    for servers in 0..=4 {
        let mut sim = with_silent_servers(1, servers);
        let valid = sim.run_until(SECOND, |a, b| a.agent.route().is_some() && b.agent.route().is_some()).unwrap();
        // One round trip, and the 5 ms that nobody may go below.
        assert!(valid <= 25 * MS, "{servers} servers: {valid:?}");
        sim.connect(SECOND).unwrap();
        let took = sim.swarm.elapsed();
        assert!(took <= 45 * MS, "{servers} servers: {took:?}");
    }
}

/// Nobody is where the peer says it is, and the server is silent too.
#[test]
fn a_hopeless_call_fails_when_rfc_8863_allows_it() {
    for seed in 0..20 {
        let mut sim = with_silent_servers(seed, 2);
        sim.change_links(|link| link.down = true);
        let took = sim.run_until(60 * SECOND, |a, b| [a, b].iter().all(|it| it.agent.state() == State::Failed));
        let took = took.unwrap();
        assert!(took >= 39_500 * MS && took < 40 * SECOND, "seed {seed}: {took:?}");
        for node in 0..2 {
            let peer = sim.peer(node);
            let codes: Vec<_> = peer
                .events
                .iter()
                .filter_map(|(_, event)| match event {
                    Event::GatheringError(error) => Some(error.code),
                    _ => None,
                })
                .collect();
            assert_eq!(codes, [701, 701], "seed {seed}: each server was silent");
            let pairs: Vec<_> = peer.agent.pairs().map(|pair| (pair.state, pair.failure)).collect();
            assert_eq!(pairs, [(PairState::Failed, Some(PairFailure::Unanswered))], "seed {seed}");
        }
    }
}
