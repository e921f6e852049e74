//! A better pair than the selected one comes up later.

use super::relay::{around_servers, asked, selected};
use super::script::{Ask, REMOTE, Script};
use super::*;
use crate::GatherOptions;

const OTHER: &str = "198.51.100.3:6000";

/// The route of an agent that the hand-made peer controls, after it asked for pairs, with a number or none.
fn asked_for(script: &mut Script, from: &'static str, nomination: Option<u32>) -> String {
    let ask = Ask { from, role: Role::Controlling, use_candidate: nomination.is_none(), nomination, ..Ask::default() };
    let mut sent = script.ask(ask);
    // Checks keep five milliseconds between them.
    sent.extend(script.after(10 * MS));
    sent.iter().filter(|sent| sent.is_request()).for_each(|check| {
        script.give(&check.remote.to_string(), script.success(check));
    });
    script.agent.route().unwrap().remote.to_string()
}

/// Guards the order of numbers in `consider_request_to_use`: whatever comes late or again says nothing new.
#[test]
fn ice_5_the_nomination_with_the_highest_number_counts() {
    let mut script = Script::new(Role::Controlled);
    script.name("1 1 udp 2130706431 198.51.100.2 6000 typ host");
    script.name("2 1 udp 2130706175 198.51.100.3 6000 typ host");
    assert_eq!(asked_for(&mut script, REMOTE, Some(1)), REMOTE);
    // A worse pair, at once.
    assert_eq!(asked_for(&mut script, OTHER, Some(2)), OTHER);
    for late in [None, Some(0), Some(1), Some(2)] {
        assert_eq!(asked_for(&mut script, REMOTE, late), OTHER, "{late:?}");
    }
    script.after(3 * SECOND);
    assert_eq!(asked_for(&mut script, REMOTE, Some(1)), OTHER, "also when nobody has asked for it for long");
    assert_eq!(asked_for(&mut script, REMOTE, Some(3)), REMOTE);
    assert_eq!(asked_for(&mut script, OTHER, Some(u32::MAX)), OTHER);
}

/// Guards checks that come before the peer's credentials do.
#[test]
fn the_number_of_a_nomination_that_came_early_is_kept() {
    let mut script = Script::unsignalled(config(), Role::Controlled);
    for (from, nomination) in [(OTHER, Some(5)), (OTHER, None), (REMOTE, Some(4))] {
        script.ask(Ask { from, role: Role::Controlling, nomination, ..Ask::default() });
    }
    let peer = script.peer.clone();
    script.agent.set_remote_credentials(script.now, peer, false).unwrap();
    for _ in 0..10 {
        script.after(10 * MS).iter().filter(|sent| sent.is_request()).for_each(|check| {
            script.give(&check.remote.to_string(), script.success(check));
        });
    }
    assert_eq!(script.agent.route().unwrap().remote, address(OTHER));
}

/// Guards what tells the peer: no number goes to one that does not know them, and none where it is not wanted.
#[test]
fn nominations_have_numbers_only_where_both_sides_know_them() {
    for (wanted, known) in [(false, false), (false, true), (true, false), (true, true)] {
        let mut script = Script::unsignalled(config().with_renomination(wanted), Role::Controlling);
        let peer = script.peer.clone();
        script.agent.set_remote_credentials(script.now, peer, false).unwrap();
        script.agent.set_remote_renomination(script.now, known);
        script.name("1 1 udp 2130706431 198.51.100.2 6000 typ host");
        let check = script.sent().remove(0);
        assert_eq!((check.message().use_candidate(), check.message().nomination()), (false, Ok(None)));
        let nomination = script.give(REMOTE, script.success(&check)).remove(0);
        assert!(nomination.message().use_candidate());
        assert_eq!(nomination.message().nomination(), Ok((wanted && known).then_some(1)));
    }
}

/// Peers that reach each other over a relay alone, as long as a filter is in the way between their own addresses.
fn over_relays(seed: u64, renominate: [bool; 2]) -> Sim {
    let options = GatherOptions { turn_servers: vec![asked(TurnTransport::Udp)], ..GatherOptions::default() };
    let configs = renominate.map(|on| config().with_gather_options(options.clone()).with_renomination(on));
    let mut sim = around_servers(seed, Link::with_delay(20 * MS).jitter(5 * MS), configs, 1);
    // From one peer to the other nothing passes, and from and to the server everything.
    let turn = address(super::turn_server::TURN).ip();
    sim.swarm.network.set_filter(move |_, from, to, _| match from.ip() == turn || to.ip() == turn {
        true => netsim::Verdict::Pass,
        false => netsim::Verdict::Drop,
    });
    for (node, on) in [(0, renominate[1]), (1, renominate[0])] {
        sim.peer(node).renominates = on;
    }
    sim
}

/// The controlling side, which may renominate, of a peer with two addresses.
fn two_addresses() -> Script {
    let mut script = Script::unsignalled(config().with_renomination(true), Role::Controlling);
    let peer = script.peer.clone();
    script.agent.set_remote_credentials(script.now, peer, false).unwrap();
    script.agent.set_remote_renomination(script.now, true);
    script.name("1 1 udp 2130706431 198.51.100.2 6000 typ host");
    script.name("2 1 udp 2130706175 198.51.100.3 6000 typ host");
    script
}

/// Guards `end_nomination`: the peer may have gone over to the pair that it would not let be nominated, and is called back.
#[test]
fn a_renomination_that_is_refused_is_taken_back() {
    let mut script = two_addresses();
    let (mut late, mut sent, mut numbers) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..1_000 {
        sent.extend(script.after(10 * MS));
        while let Some(request) = sent.pop() {
            let number = request.message().nomination().unwrap();
            numbers.extend(number.map(|number| (request.remote.to_string(), number)));
            // The better one is the slower one, and the faster one refuses.
            if request.remote == address(REMOTE) {
                late.push((script.now + 150 * MS, script.success(&request)));
            } else {
                let answer = if number.is_some() { script.error(&request, 400) } else { script.success(&request) };
                sent.extend(script.give(OTHER, answer));
            }
        }
        while late.first().is_some_and(|(at, _)| *at <= script.now) {
            let (_, answer) = late.remove(0);
            sent.extend(script.give(REMOTE, answer));
        }
    }
    numbers.dedup();
    assert_eq!(numbers, [(REMOTE.to_owned(), 1), (OTHER.to_owned(), 2), (REMOTE.to_owned(), 3)]);
    assert_eq!(script.agent.route().unwrap().remote, address(REMOTE));
    let refused = script.agent.pairs().find(|pair| pair.failure == Some(PairFailure::Refused(400)));
    assert_eq!(refused.unwrap().state, PairState::Failed);
}

/// Guards `Consent::follow`: what was last asked long ago loses consent before its usual turn comes.
#[test]
fn a_pair_that_is_selected_long_after_it_answered_is_asked_at_once() {
    let mut script = Script::new(Role::Controlled);
    script.name("1 1 udp 2130706431 198.51.100.2 6000 typ host");
    script.name("2 1 udp 2130706175 198.51.100.3 6000 typ host");
    assert_eq!(asked_for(&mut script, OTHER, Some(1)), OTHER);
    assert_eq!(asked_for(&mut script, REMOTE, Some(2)), REMOTE);
    for _ in 0..2_800 {
        for check in script.after(10 * MS).iter().filter(|sent| sent.is_request()) {
            script.give(&check.remote.to_string(), script.success(check));
        }
    }
    let nomination = Some(3);
    let mut sent = script.ask(Ask { from: OTHER, role: Role::Controlling, nomination, ..Ask::default() });
    assert_eq!(script.agent.route().unwrap().remote, address(OTHER));
    sent.extend(script.after(10 * MS));
    assert!(sent.iter().any(|sent| sent.is_request() && sent.remote == address(OTHER)));
}

/// Guards `choose_active`: the selected pair falls silent, another one is nominated, and before that is answered the first is back. The
/// peer may have gone over to the other one.
#[test]
fn a_nomination_is_taken_back_when_the_selected_pair_answers_again() {
    let mut script = two_addresses();
    let (mut sent, mut numbers, start) = (Vec::new(), Vec::new(), script.now);
    for _ in 0..2_000 {
        sent.extend(script.after(10 * MS));
        while let Some(request) = sent.pop() {
            let number = request.message().nomination().unwrap();
            numbers.extend(number.map(|number| (request.remote.to_string(), number)));
            let is_back = numbers.iter().any(|(remote, _)| remote == OTHER);
            let answers = match request.remote == address(REMOTE) {
                true => is_back || script.now < start + 3 * SECOND,
                false => number.is_none(),
            };
            if answers {
                let answer = script.success(&request);
                sent.extend(script.give(&request.remote.to_string(), answer));
            }
        }
    }
    numbers.dedup();
    assert_eq!(numbers, [(REMOTE.to_owned(), 1), (OTHER.to_owned(), 2), (REMOTE.to_owned(), 3)]);
    assert_eq!(script.agent.route().unwrap().remote, address(REMOTE));
}

/// How often the route of each side has changed so far.
fn route_changes(sim: &mut Sim) -> [u64; 2] {
    [0, 1].map(|node| sim.peer(node).agent.stats().route_changes)
}

fn is_relayed(sim: &mut Sim) -> [bool; 2] {
    [0, 1].map(|node| selected(&sim.peer(node).agent).contains(&CandidateKind::Relayed))
}

/// Guards `advance_renomination`, and that nothing of it happens without both sides' consent.
#[test]
fn a_direct_pair_that_comes_up_later_takes_over_from_a_relay() {
    for seed in 0..5 {
        for renominate in [[true, true], [true, false], [false, true]] {
            let mut sim = over_relays(seed, renominate);
            sim.connect(5 * SECOND).unwrap();
            (0..2).for_each(|node| sim.peer(node).send_data_every(20 * MS));
            sim.run_for(8 * SECOND);
            assert_eq!(is_relayed(&mut sim), [true; 2]);
            let before = route_changes(&mut sim);
            sim.swarm.network.clear_filter();
            let start = sim.swarm.now();
            sim.run_for(20 * SECOND);
            let moves = renominate == [true, true];
            assert_eq!(is_relayed(&mut sim), [!moves; 2], "seed {seed}, {renominate:?}");
            for node in 0..2 {
                let gap = sim.peer(node).gap(start);
                assert!(gap < 100 * MS, "seed {seed}, {renominate:?}: {gap:?}");
            }
            assert_eq!(route_changes(&mut sim), before.map(|count| count + u64::from(moves)));
            sim.assert_data_meets();
            sim.assert_agreed();
        }
    }
}

/// Two ways between the peers, by two addresses of `a` with links of their own; both sides follow.
fn two_ways(seed: u64, link: Link) -> (Sim, [LinkId; 2]) {
    let mut ways = Vec::new();
    let config = config().with_renomination(true);
    let mut sim = Sim::with(seed, link.clone(), config.clone(), config, |network, links, nodes| {
        let second = network.add_link(link);
        ways = vec![links[0], second];
        for (way, ip) in [(0, "192.0.2.1"), (1, "192.0.2.2")] {
            network.add_interface(netsim::NodeId(0), ip.parse().unwrap(), ways[way], links[1]);
            let host = address(&format!("{ip}:5000"));
            let socket = network.bind(netsim::NodeId(0), host);
            nodes[0].peer().agent.add_socket(netsim::epoch(), socket, host);
        }
    });
    (0..2).for_each(|node| sim.peer(node).renominates = true);
    (sim, [ways[0], ways[1]])
}

/// Guards the round trips: the way that was as good as the other becomes slow.
#[test]
fn a_way_that_became_slow_is_left() {
    for seed in 0..5 {
        let (mut sim, [first, _]) = two_ways(seed, Link::with_delay(20 * MS).jitter(5 * MS));
        sim.connect(5 * SECOND).unwrap();
        sim.run_for(10 * SECOND);
        let before = sim.a().agent.route().unwrap().socket;
        assert_eq!(before, SocketId(0));
        let changes = route_changes(&mut sim);
        let slow = sim.swarm.network.link_mut(first);
        slow.delay = 200 * MS;
        sim.run_for(60 * SECOND);
        assert_eq!(sim.a().agent.route().unwrap().socket, SocketId(1), "seed {seed}");
        assert_eq!(route_changes(&mut sim), changes.map(|count| count + 1), "seed {seed}");
        sim.assert_data_meets();
        sim.assert_agreed();
    }
}

/// Guards the margins: ways that are equally good, and lossy, are kept as they are.
#[test]
fn ways_that_are_alike_are_not_changed_to_and_fro() {
    for seed in 0..5 {
        let (mut sim, _) = two_ways(seed, Link::with_delay(20 * MS).jitter(8 * MS).lossy(0.02));
        sim.connect(5 * SECOND).unwrap();
        let before = route_changes(&mut sim);
        sim.run_for(600 * SECOND);
        assert_eq!(route_changes(&mut sim), before, "seed {seed}");
    }
}
