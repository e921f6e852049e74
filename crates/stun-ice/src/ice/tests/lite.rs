//! A lite agent answers and asks nothing.

use super::*;

/// A full agent `a`, which knows that `b` is lite.
fn with_lite_peer(seed: u64, link: Link) -> Sim {
    let mut sim = Sim::with(seed, link, config(), config().with_lite(true), |_, _, _| {});
    sim.a().lite = true;
    sim
}

/// Guards all that a lite agent does not send, and the pair that it takes from its peer.
#[test]
fn ice_10_a_lite_agent_is_found_and_sends_no_request() {
    for seed in 0..10 {
        let mut sim = with_lite_peer(seed, Link::with_delay(10 * MS).lossy(0.1));
        sim.connect(5 * SECOND).unwrap();
        sim.assert_data_meets();
        sim.run_for(120 * SECOND);
        sim.assert_data_meets();
        for node in 0..2 {
            assert!(!sim.peer(node).states().contains(&State::Failed), "seed {seed}");
        }
        assert_eq!(sim.b().agent.stats().requests_sent, 0);
        assert_eq!(sim.b().agent.role(), Role::Controlled);
    }
}

#[test]
fn a_lite_agent_asks_no_server() {
    let lite = config().with_lite(true).with_stun_servers(vec![address("203.0.113.9:3478")]);
    let mut sim = Sim::with(1, Link::with_delay(10 * MS), config(), lite, |network, links, _| {
        network.add_interface(netsim::NodeId(2), "203.0.113.9".parse().unwrap(), links[4], links[5]);
        network.bind(netsim::NodeId(2), address("203.0.113.9:3478"));
    });
    sim.a().lite = true;
    sim.connect(SECOND).unwrap();
    assert_eq!((sim.server().requests, sim.b().agent.gathering_state()), (0, GatheringState::Complete));
}

/// Guards the pairs before nomination, over which a lite agent may not send (RFC 8445 §12.1.1).
#[test]
fn a_lite_agent_sends_nothing_before_a_pair_is_nominated() {
    let mut sim = with_lite_peer(1, Link::with_delay(10 * MS));
    sim.swarm.network.set_filter(|_, _, _, bytes| {
        let nominates = Message::parse(bytes).is_ok_and(|message| message.use_candidate());
        if nominates { netsim::Verdict::Drop } else { netsim::Verdict::Pass }
    });
    sim.run_for(SECOND);
    assert!(sim.a().agent.route().is_some());
    assert_eq!((sim.b().agent.route(), sim.b().agent.state()), (None, State::Checking));
    sim.swarm.network.clear_filter();
    sim.connect(2 * SECOND).unwrap();
}

/// Guards the answer 487, which a lite agent gives whoever has the greater number.
#[test]
fn a_peer_that_does_not_know_learns_that_it_is_to_control() {
    for seed in 0..10 {
        let mut sim = with_lite_peer(seed, Link::with_delay(10 * MS));
        let a = sim.a();
        a.lite = false;
        a.agent.set_role(a.now, Role::Controlled);
        let b = sim.b();
        b.agent.set_role(b.now, Role::Controlling);
        sim.connect(2 * SECOND).unwrap();
        assert_eq!((sim.a().agent.role(), sim.b().agent.role()), (Role::Controlling, Role::Controlled), "seed {seed}");
    }
}

/// Two that are lite find each other: both check, as full agents do, and one of them yields.
#[test]
fn ice_10_both_sides_may_be_lite() {
    for seed in 0..10 {
        let lite = config().with_lite(true);
        let mut sim = Sim::with(seed, Link::with_delay(10 * MS), lite.clone(), lite, |_, _, _| {});
        (0..2).for_each(|node| sim.peer(node).lite = true);
        sim.connect(2 * SECOND).unwrap();
        assert_eq!(sim.a().agent.role(), sim.b().agent.role().other(), "seed {seed}");
        sim.assert_data_meets();
    }
}

/// Guards `LITE_SILENCE` and the end of consent, which no request of its own tells a lite agent.
#[test]
fn cve_48_a_lite_agent_stops_thirty_seconds_after_the_last_request() {
    for seed in 0..10 {
        let mut sim = with_lite_peer(seed, Link::with_delay(10 * MS));
        sim.connect(SECOND).unwrap();
        sim.run_for(SECOND * seed as u32);
        sim.b().send_data_every(20 * MS);
        let start = sim.swarm.now();
        sim.change_links(|link| link.down = true);
        sim.run_for(40 * SECOND);
        let b = sim.b();
        let [silent, failed] = [State::Disconnected, State::Failed]
            .map(|state| b.when(state).map(|at| at.saturating_duration_since(start)).unwrap());
        assert!(silent > 8 * SECOND && silent <= 15 * SECOND, "seed {seed}: {silent:?}");
        assert!(failed > 23 * SECOND && failed <= 30 * SECOND, "seed {seed}: {failed:?}");
        assert_eq!((b.agent.route(), b.agent.poll_timeout()), (None, None));
    }
}

/// Guards the end of consent before what has waited for an agent that slept: here the peer's requests.
#[test]
fn flt_22_a_lite_agent_that_slept_has_lost_consent() {
    let mut sim = with_lite_peer(1, Link::with_delay(10 * MS));
    sim.connect(SECOND).unwrap();
    sim.swarm.pause(1, 60 * SECOND);
    sim.run_for(61 * SECOND);
    assert_eq!((sim.b().agent.state(), sim.b().agent.route()), (State::Failed, None));
}

#[test]
fn a_lite_agent_that_nobody_checks_fails_in_time() {
    let mut sim = with_lite_peer(1, Link { down: true, ..Link::default() });
    let took = sim.run_until(60 * SECOND, |_, b| b.agent.state() == State::Failed).unwrap();
    assert_eq!(took, 39_500 * MS);
    assert!(!sim.b().states().contains(&State::Disconnected), "nothing was there to be lost");
}

#[test]
fn a_lite_agent_restarts_with_its_peer() {
    let mut sim = with_lite_peer(1, Link::with_delay(10 * MS));
    sim.connect(SECOND).unwrap();
    (0..2).for_each(|node| sim.peer(node).send_data_every(5 * MS));
    sim.run_for(SECOND);
    let start = sim.swarm.now();
    (0..2).for_each(|node| sim.peer(node).restart());
    sim.connect(SECOND).unwrap();
    sim.run_for(10 * SECOND);
    let gaps = [0, 1].map(|node| sim.peer(node).gap(start));
    assert!(gaps.iter().all(|gap| *gap < 60 * MS), "{gaps:?}");
    assert_eq!(sim.a().agent.pairs().count(), 1);
}
