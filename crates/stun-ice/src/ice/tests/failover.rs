//! Relays that die in mid-call.

use super::relay::{RELAY, around_servers, asked_at, on_the_net};
use super::turn_server::{OTHER_TURN, TURN};
use super::*;
use crate::{GatherOptions, TransportPolicy};

/// Peers with a public address each, and two servers that both ask.
fn with_two_servers(seed: u64, policies: [TransportPolicy; 2]) -> Sim {
    let turn_servers = [TURN, OTHER_TURN].map(|at| asked_at(at, TurnTransport::Udp)).to_vec();
    let configs = policies.map(|policy| {
        config().with_gather_options(GatherOptions { turn_servers: turn_servers.clone(), policy, ..Default::default() })
    });
    around_servers(seed, Link::with_delay(20 * MS).jitter(10 * MS), configs, 2)
}

/// The relayed address of this side that data leaves from.
fn relayed_from(agent: &Agent) -> Option<std::net::IpAddr> {
    let pair = agent.pairs().find(|pair| pair.selected)?;
    let local = agent.candidates().find(|it| it.id == pair.local && it.candidate.kind == CandidateKind::Relayed)?;
    local.candidate.socket_addr().map(|at| at.ip())
}

/// A server dies in mid-call, and the other one goes on. Guards `Generation::doubted_at`: silence is noticed after seconds otherwise.
#[test]
fn flt_28_when_a_server_dies_another_one_takes_over_within_three_seconds() {
    let mut slowest = Duration::ZERO;
    for (seed, policies) in (0..seeds(10)).flat_map(|seed| {
        [RELAY, [TransportPolicy::Relay, TransportPolicy::All], [TransportPolicy::All, TransportPolicy::Relay]]
            .map(|policies| (seed, policies))
    }) {
        let mut sim = with_two_servers(seed, policies);
        sim.connect(5 * SECOND).unwrap();
        (0..2).for_each(|node| sim.peer(node).send_data_every(20 * MS));
        sim.run_for(SECOND + 613 * MS * (seed % 7) as u32);
        // The one whose address the side without others uses.
        let side = usize::from(policies[0] == TransportPolicy::All);
        let carrier = relayed_from(&sim.peer(side).agent).expect("a relay");
        let dying = if carrier == address(TURN).ip() { 2 } else { 3 };
        let start = sim.swarm.now();
        sim.turn_at(dying).mute = true;
        sim.run_for(20 * SECOND);
        for node in 0..2 {
            let gap = sim.peer(node).gap(start);
            slowest = slowest.max(gap);
            assert!(gap <= 3 * SECOND, "seed {seed}, {policies:?}, peer {node}: {gap:?}");
            assert!(sim.peer(node).nominated().is_some(), "seed {seed}, {policies:?}, peer {node}");
        }
        assert_ne!(relayed_from(&sim.peer(side).agent), Some(carrier), "seed {seed}, {policies:?}");
        sim.assert_agreed();
    }
    println!("bar: a TURN server dies in mid-call: data goes on over another one within {slowest:?}");
}

/// Data that goes one way only is no reason to give a relay up. Guards the answer to the question that comes of doubt.
#[test]
fn a_relay_over_which_data_goes_one_way_is_kept() {
    for sender in 0..2 {
        let mut sim = on_the_net(1, RELAY);
        sim.connect(5 * SECOND).unwrap();
        let before = [0, 1].map(|node| sim.peer(node).agent.stats());
        sim.peer(sender).send_data_every(20 * MS);
        sim.run_for(60 * SECOND);
        for (node, before) in before.into_iter().enumerate() {
            let peer = sim.peer(node);
            assert!(!peer.states().contains(&State::Disconnected));
            let stats = peer.agent.stats();
            assert_eq!(stats.route_changes, before.route_changes);
            let asked = stats.consent_requests_sent - before.consent_requests_sent;
            assert!(asked <= if node == sender { 61 } else { 16 }, "peer {node} asked {asked} times");
        }
    }
}
