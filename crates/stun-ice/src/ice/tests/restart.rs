//! Restarts.

use super::*;

/// Both sides restart, as an offer and its answer make them.
fn restart(sim: &mut Sim) {
    sim.a().restart();
    sim.b().restart();
}

/// Two sides that are connected over a path with losses, and send data to each other.
fn talking(seed: u64) -> Sim {
    let mut sim = Sim::new(seed, Link::with_delay(10 * MS).lossy(0.05));
    sim.connect(5 * SECOND).expect("connects");
    sim.a().send_data_every(5 * MS);
    sim.b().send_data_every(5 * MS);
    sim.run_for(SECOND);
    sim
}

/// Data have come to both sides without a pause since `start`.
fn assert_uninterrupted(sim: &mut Sim, start: Instant) {
    for node in 0..2 {
        let (gap, refused) = (sim.peer(node).gap(start), sim.peer(node).refused);
        assert!(gap < 60 * MS && refused == 0, "{gap:?}, {refused} refused");
        assert!(!sim.peer(node).states().contains(&State::Disconnected));
    }
}

/// Guards the old generation, which carries data until the new one has a selected pair.
#[test]
fn ice_7_a_restart_interrupts_nothing_and_changes_the_credentials() {
    for seed in 0..20 {
        let mut sim = talking(seed);
        let start = sim.swarm.now();
        let before = sim.a().agent.local_credentials().clone();
        for _ in 0..10 {
            restart(&mut sim);
            assert!(sim.a().agent.route().is_some());
            sim.run_for(2 * SECOND);
            sim.connect(5 * SECOND).unwrap();
        }
        assert_ne!(before, *sim.a().agent.local_credentials());
        assert_uninterrupted(&mut sim, start);
        sim.run_for(10 * SECOND);
        assert_eq!(sim.a().agent.pairs().count(), 1, "the old generation is forgotten");
    }
}

/// Guards the generation that carries data, when a restart follows one that has found nothing yet.
#[test]
fn ice_7_restarts_in_a_row_interrupt_nothing() {
    for seed in 0..20 {
        let mut sim = talking(seed);
        let start = sim.swarm.now();
        for _ in 0..5 {
            restart(&mut sim);
            sim.run_for(5 * MS);
            assert!(sim.a().agent.remote_credentials().is_some() && sim.a().agent.route().is_some(), "seed {seed}");
        }
        sim.run_for(2 * SECOND);
        sim.connect(5 * SECOND).unwrap();
        assert_uninterrupted(&mut sim, start);
        sim.run_for(10 * SECOND);
        assert_eq!(sim.a().agent.pairs().count(), 1, "the old generations are forgotten");
    }
}

/// Guards what is left when the second of two restarts is taken back: the first, and the pair that carries data.
#[test]
fn ice_7_a_restart_of_a_restart_can_be_taken_back() {
    let mut sim = Sim::new(1, Link::with_delay(10 * MS));
    sim.connect(SECOND).unwrap();
    restart(&mut sim);
    sim.run_for(5 * MS);
    let first = sim.a().agent.local_credentials().clone();
    sim.signalling = false;
    sim.a().restart();
    let now = sim.swarm.now();
    assert_ne!(*sim.a().agent.local_credentials(), first);
    assert!(sim.a().agent.rollback_restart(now));
    assert_eq!(*sim.a().agent.local_credentials(), first);
    assert!(sim.a().agent.route().is_some());
    sim.run_for(2 * SECOND);
    assert_eq!((sim.a().agent.state(), sim.b().agent.state()), (State::Completed, State::Completed));
    sim.run_for(10 * SECOND);
    assert_eq!(sim.a().agent.pairs().count(), 1);
}

/// The offer waits for its answer: the old generation keeps consent meanwhile.
#[test]
fn ice_7_the_old_pair_carries_on_while_the_answer_is_awaited() {
    let mut sim = Sim::new(1, Link::with_delay(10 * MS));
    sim.connect(SECOND).unwrap();
    let route = sim.a().agent.route();
    sim.a().restart();
    sim.signalling = false;
    sim.run_for(120 * SECOND);
    assert_eq!(sim.a().agent.route(), route);
    assert_eq!((sim.a().agent.state(), sim.b().agent.state()), (State::Connected, State::Completed));
    assert_eq!(sim.a().agent.gathering_state(), GatheringState::Complete);
    sim.b().restart();
    sim.signalling = true;
    sim.run_for(SECOND);
    assert_eq!((sim.a().agent.state(), sim.b().agent.state()), (State::Completed, State::Completed));
}

/// Guards that a pair is called selected when it is, and not for leading where the selected one does.
#[test]
fn after_a_restart_the_old_pair_is_selected_until_the_new_one_is_and_that_is_told() {
    let mut sim = Sim::new(1, Link::with_delay(10 * MS));
    sim.connect(SECOND).unwrap();
    let route = sim.a().agent.route();
    restart(&mut sim);
    sim.a().events.clear();
    let (mut selected, mut both) = (Vec::new(), 0);
    for _ in 0..200 {
        let pairs: Vec<_> = sim.a().agent.pairs().collect();
        let mut now = pairs.iter().filter(|pair| pair.selected).map(|pair| pair.id);
        selected.extend(now.next());
        assert_eq!((now.next(), sim.a().agent.route()), (None, route));
        both += usize::from(pairs.len() == 2 && selected.first() == selected.last());
        sim.run_for(MS);
    }
    selected.dedup();
    assert_eq!(selected.len(), 2, "first the old one, then the new one");
    assert!(both > 0, "the new one was there before it was selected");
    let told = sim.a().events.iter().filter(|(_, event)| matches!(event, Event::Selected(_))).count();
    assert_eq!(told, 1);
}

#[test]
fn a_restart_reports_the_candidates_again_under_the_new_fragment() {
    let mut sim = Sim::new(1, Link::with_delay(10 * MS));
    sim.connect(SECOND).unwrap();
    sim.a().events.clear();
    sim.signalling = false;
    sim.a().restart();
    sim.run_for(MS);
    let ufrag = sim.a().agent.local_credentials().ufrag.clone();
    let candidates: Vec<_> = sim
        .a()
        .events
        .iter()
        .filter_map(|(_, event)| match event {
            Event::LocalCandidate(candidate) => candidate.ufrag.clone(),
            _ => None,
        })
        .collect();
    assert_eq!(candidates, [ufrag]);
    assert!(sim.a().agent.remote_credentials().is_none());
}

/// Guards the new generation, which nothing of a failed one holds back.
#[test]
fn flt_18_after_lost_consent_a_restart_connects_again() {
    for seed in 0..10 {
        let mut sim = Sim::new(seed, Link::with_delay(10 * MS));
        sim.connect(SECOND).unwrap();
        sim.change_links(|link| link.down = true);
        sim.run_for(35 * SECOND);
        assert_eq!((sim.a().agent.state(), sim.b().agent.state()), (State::Failed, State::Failed));
        sim.change_links(|link| link.down = false);
        let sent = sim.swarm.network.stats().sent;
        sim.run_for(10 * SECOND);
        assert_eq!(sim.swarm.network.stats().sent, sent, "nothing is sent after expiry");
        restart(&mut sim);
        assert_eq!(sim.a().agent.state(), State::Checking);
        let took = sim.connect(3 * SECOND).unwrap();
        assert!(took < SECOND, "seed {seed}: {took:?}");
    }
}

#[test]
fn a_disconnected_agent_is_checking_after_a_restart() {
    let mut sim = Sim::new(1, Link::with_delay(10 * MS));
    sim.connect(SECOND).unwrap();
    sim.change_links(|link| link.down = true);
    sim.run_for(10 * SECOND);
    assert_eq!(sim.a().agent.state(), State::Disconnected);
    restart(&mut sim);
    assert_eq!(sim.a().agent.state(), State::Checking);
    sim.change_links(|link| link.down = false);
    sim.connect(3 * SECOND).unwrap();
}

/// Guards `Agent::derive_state` while the old generation carries the data: that it falls silent is told, and that it speaks again.
#[test]
fn an_agent_whose_restart_is_not_answered_says_when_the_old_pair_falls_silent() {
    let mut sim = Sim::new(1, Link::with_delay(10 * MS));
    sim.connect(SECOND).unwrap();
    sim.signalling = false;
    sim.a().restart();
    sim.run_for(SECOND);
    assert_eq!(sim.a().agent.state(), State::Connected);
    sim.change_links(|link| link.down = true);
    sim.run_for(10 * SECOND);
    assert_eq!(sim.a().agent.state(), State::Disconnected);
    sim.change_links(|link| link.down = false);
    sim.run_for(3 * SECOND);
    assert_eq!(sim.a().agent.state(), State::Connected);
}

/// Guards the same where there was a pair and none is left: it is disconnected, not checking as one that never was connected.
#[test]
fn an_agent_that_lost_its_only_socket_is_disconnected() {
    let mut sim = Sim::new(1, Link::with_delay(10 * MS));
    sim.connect(SECOND).unwrap();
    let (now, socket) = (sim.swarm.now(), sim.a().agent.route().unwrap().socket);
    sim.a().agent.remove_socket(now, socket);
    assert_eq!(sim.a().agent.state(), State::Disconnected);
}

/// Guards `Agent::rollback_restart`: credentials bit for bit, and the pair.
#[test]
fn a_rolled_back_restart_leaves_everything_as_it_was() {
    let mut sim = Sim::new(1, Link::with_delay(10 * MS));
    sim.connect(SECOND).unwrap();
    sim.run_for(SECOND);
    let (credentials, route) = (sim.a().agent.local_credentials().clone(), sim.a().agent.route());
    sim.signalling = false;
    sim.a().restart();
    sim.run_for(20 * SECOND);
    sim.a().events.clear();
    let now = sim.swarm.now();
    assert!(sim.a().agent.rollback_restart(now));
    assert_eq!(*sim.a().agent.local_credentials(), credentials);
    assert_eq!((sim.a().agent.route(), sim.a().agent.state()), (route, State::Completed));
    sim.run_for(60 * SECOND);
    assert_eq!((sim.a().agent.state(), sim.b().agent.state()), (State::Completed, State::Completed));
    let gathered = |(_, event): &(Instant, Event)| matches!(event, Event::GatheringState(_));
    assert!(!sim.a().events.iter().any(gathered), "it was complete, and so it stayed");
    let now = sim.swarm.now();
    assert!(!sim.a().agent.rollback_restart(now), "there is nothing to take back");
}

#[test]
fn other_credentials_without_a_restart_are_refused() {
    let mut sim = Sim::new(1, Link::with_delay(10 * MS));
    sim.connect(SECOND).unwrap();
    let now = sim.swarm.now();
    let known = sim.a().agent.remote_credentials().unwrap().clone();
    let other = Credentials::generate(&mut Rng::from_number(9));
    assert_eq!(sim.a().agent.set_remote_credentials(now, known, false), Ok(()));
    assert_eq!(sim.a().agent.set_remote_credentials(now, other, false), Err(CredentialsError::Changed));
}

/// A restart every two seconds, a hundred times, while data flows.
#[test]
fn flt_35_a_hundred_restarts_leave_no_gap_and_no_growth() {
    let mut sim = Sim::new(1, Link::with_delay(20 * MS));
    sim.connect(SECOND).unwrap();
    sim.a().send_data_every(5 * MS);
    sim.b().send_data_every(5 * MS);
    sim.run_for(SECOND);
    let start = sim.swarm.now();
    for _ in 0..100 {
        restart(&mut sim);
        sim.run_for(2 * SECOND);
        assert!(sim.a().agent.pairs().count() <= 2 && sim.a().agent.candidates().count() <= 4);
    }
    let gaps = [0, 1].map(|node| sim.peer(node).gap(start));
    assert!(gaps.iter().all(|gap| *gap < 60 * MS), "{gaps:?}");
}
