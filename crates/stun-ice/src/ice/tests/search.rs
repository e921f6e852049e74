//! A search over timings: candidates come late, out of order, twice or never, before the credentials and after them, with others
//! among them where nobody is; sockets come late; roles conflict; either side restarts; packets are lost, doubled and
//! reordered; one side may be lite. By seed.
//!
//! Every run is to keep its promises: a pair that answers is never dropped; both sides end with the same one, and stay with it.

use super::*;
use netsim::Access;
use std::collections::BTreeMap;

/// How long signalling takes at most.
const LATE: u64 = 2_000;

/// What one run is like.
#[derive(Debug)]
struct Plan {
    accesses: [Access; 2],
    /// Sockets of each side, and of these how many come late.
    sockets: [(u64, u64); 2],
    link: Link,
    pairs: usize,
    roles: [Role; 2],
    /// The side that is lite.
    lite: Option<usize>,
    /// The side that names no candidate: the other one learns them from checks.
    mum: Option<usize>,
    /// When who restarts.
    restarts: Vec<(Duration, usize)>,
    /// Candidates where nobody is.
    decoys: u64,
    /// Whether candidates are held back until the credentials of their generation are known.
    holds_back: [bool; 2],
}

impl Plan {
    fn draw(rng: &mut Rng) -> Self {
        let ms = |rng: &mut Rng, bound| MS * rng.below(bound) as u32;
        let kinds = [
            Access::Public,
            Access::Public,
            Access::Public,
            Access::FullCone,
            Access::AddressRestricted,
            Access::PortRestricted,
            Access::SymmetricKeepingPorts,
            Access::SymmetricRandom,
        ];
        let mut accesses = [(); 2].map(|()| kinds[rng.below(8) as usize]);
        // Who is behind random ports meets those alone who do not filter by port.
        let filters = |access: Access| {
            matches!(access, Access::PortRestricted | Access::SymmetricKeepingPorts | Access::SymmetricRandom)
        };
        if accesses.contains(&Access::SymmetricRandom) && accesses.into_iter().all(filters) {
            accesses[1] = Access::Public;
        }
        let lite = Some(rng.below(12) as usize).filter(|side| *side < 2 && accesses[*side] == Access::Public);
        let sockets = accesses.map(|access| match access {
            Access::Public => (1 + rng.below(3), rng.below(2)),
            _ => (1, 0),
        });
        let mut link = Link::with_delay(MS + ms(rng, 100));
        if rng.below(2) == 0 {
            link = link.lossy(0.15 * rng.unit()).duplicate(0.3 * rng.unit());
        }
        if rng.below(2) == 0 {
            link = link.jitter(ms(rng, 20)).reorder(0.3 * rng.unit(), ms(rng, 100));
        }
        let role = |rng: &mut Rng| if rng.below(2) == 0 { Role::Controlling } else { Role::Controlled };
        let may_be_mum = |side: &usize| *side < 2 && accesses[1 - side] == Access::Public && lite != Some(*side);
        let mum = Some(rng.below(6) as usize).filter(may_be_mum);
        let restarts = (0..rng.below(3)).map(|_| (ms(rng, 6_000), rng.below(2) as usize)).collect();
        Self {
            accesses,
            sockets,
            link,
            pairs: if rng.below(4) == 0 { 12 } else { 100 },
            roles: [(); 2].map(|()| role(rng)),
            lite,
            mum,
            restarts,
            decoys: rng.below(4),
            holds_back: [(); 2].map(|()| rng.below(2) == 0),
        }
    }

    fn is_lossless(&self) -> bool {
        self.link.loss == netsim::Loss::None
    }
}

/// A signal on its way.
struct Letter {
    at: Instant,
    to: usize,
    /// How often its sender had restarted.
    restarts: u32,
    signal: Signal,
}

/// A run.
struct Run {
    plan: Plan,
    sim: Sim,
    renominates: bool,
    rng: Rng,
    post: Vec<Letter>,
    /// What came before its generation.
    early: [Vec<Letter>; 2],
    /// How often each side has restarted, and the same of the peer as far as it knows.
    restarts: [u32; 2],
    knows: [Option<u32>; 2],
    late: Vec<(Instant, usize, String)>,
    answered: [Answered; 2],
}

/// The pairs that answered, and their generation.
#[derive(Default)]
struct Answered {
    generation: u32,
    pairs: BTreeMap<PairId, Instant>,
}

impl Answered {
    /// Takes note of the pairs that answered. Those that did before are to be there still, and where nothing gets lost to work, but
    /// for those that were not asked again for 30 seconds: they are not in use.
    fn check(&mut self, agent: &Agent, now: Instant, lossless: bool) -> Result<(), String> {
        let current = &agent.current;
        if current.number != self.generation {
            (self.generation, self.pairs) = (current.number, BTreeMap::new());
        }
        for (id, answered) in &self.pairs {
            let is_old = *answered + crate::ice::consent::EXPIRY <= now && current.selected != Some(*id);
            match current.list.get(*id) {
                None => return Err(format!("{id} answered and was dropped")),
                Some(pair) if lossless && pair.last_answer.is_none() && !is_old => {
                    return Err(format!(
                        "{id} to {} answered and is {}: {:?}",
                        pair.remote_addr, pair.state, pair.failure
                    ));
                }
                Some(_) => {}
            }
        }
        let answering = current.list.iter().filter_map(|pair| Some((pair.id, pair.last_answer?)));
        self.pairs.extend(answering);
        Ok(())
    }
}

impl Run {
    fn new(seed: u64, renominates: bool) -> Self {
        let mut rng = Rng::from_number(seed).fork("search");
        let plan = Plan::draw(&mut rng);
        let limits = Limits { pairs: plan.pairs, ..Limits::default() };
        let config = |side| {
            let config = config().with_limits(limits).with_lite(plan.lite == Some(side)).with_renomination(renominates);
            config.with_stun_servers(vec![address("203.0.113.9:3478")])
        };
        let mut late = Vec::new();
        let sim = Sim::with(seed, plan.link.clone(), config(0), config(1), |network, links, nodes| {
            network.add_interface(netsim::NodeId(2), "203.0.113.9".parse().unwrap(), links[4], links[5]);
            network.bind(netsim::NodeId(2), address("203.0.113.9:3478"));
            for node in 0..2 {
                let (id, up, down) = (netsim::NodeId(node), links[2 * node], links[2 * node + 1]);
                let site = plan.accesses[node].connect(network, id, node as u8 + 1, up, down);
                let (count, at_first) = (plan.sockets[node].0, plan.sockets[node].0 - plan.sockets[node].1);
                let further = [format!("2001:db8::{}", node + 1), format!("192.0.2.{}1", node + 1)];
                let ips = std::iter::once(site.ip.to_string()).chain(further);
                for (n, ip) in (0..count).zip(ips) {
                    if n >= at_first.max(1) {
                        late.push((netsim::epoch() + MS * rng.below(5_000) as u32, node, ip));
                        continue;
                    }
                    let ip = ip.parse().unwrap();
                    if n > 0 {
                        network.add_interface(id, ip, up, down);
                    }
                    let addr = SocketAddr::new(ip, 5000);
                    let socket = network.bind(id, addr);
                    nodes[node].peer().agent.add_socket(netsim::epoch(), socket, addr);
                }
            }
        });
        let mut run = Self {
            plan,
            sim,
            renominates,
            rng,
            post: Vec::new(),
            early: [Vec::new(), Vec::new()],
            restarts: [0; 2],
            knows: [None; 2],
            late,
            answered: Default::default(),
        };
        run.sim.signalling = false;
        for node in 0..2 {
            let role = run.plan.roles[node];
            let knows_lite = run.plan.lite == Some(1 - node);
            let peer = run.sim.peer(node);
            (peer.lite, peer.renominates) = (knows_lite, renominates);
            peer.agent.set_role(peer.now, role);
        }
        run.post_decoys();
        run
    }

    /// Candidates that lead nowhere, better than any other or worse.
    fn post_decoys(&mut self) {
        for n in 0..self.plan.decoys {
            let (to, late) = (self.rng.below(2) as usize, self.rng.below(LATE));
            let priority = if self.rng.below(2) == 0 { 2_147_483_647 } else { 1 };
            let line = format!("9{n} 1 udp {priority} 203.0.113.{} 9 typ host", 100 + n);
            let signal = Signal::Candidate(line.parse().unwrap());
            self.post.push(Letter { at: netsim::epoch() + MS * late as u32, to, restarts: 0, signal });
        }
    }

    /// Puts what `from` has to say on its way.
    fn collect(&mut self, from: usize) {
        let now = self.sim.swarm.now();
        for signal in std::mem::take(&mut self.sim.peer(from).signals) {
            let is_untold = self.plan.mum == Some(from) && matches!(signal, Signal::Candidate(_));
            let copies = if is_untold { 0 } else { 1 + u64::from(self.rng.below(5) == 0) };
            for _ in 0..copies {
                let at = now + MS * self.rng.below(LATE) as u32;
                self.post.push(Letter { at, to: 1 - from, restarts: self.restarts[from], signal: signal.clone() });
            }
        }
    }

    fn deliver(&mut self, letter: Letter) {
        let (to, restarts) = (letter.to, letter.restarts);
        match &letter.signal {
            Signal::Credentials(_) => {
                // What answers an offer that is out of date.
                if restarts < self.restarts[to] {
                    return;
                }
                if restarts > self.restarts[to] {
                    self.restart(to, restarts);
                }
                self.sim.peer(to).take(letter.signal);
                self.knows[to] = Some(restarts);
                let early = std::mem::take(&mut self.early[to]).into_iter();
                let (due, early): (Vec<_>, Vec<_>) = early.partition(|it| it.restarts <= restarts);
                self.early[to] = early;
                due.into_iter().for_each(|letter| self.deliver(letter));
            }
            _ if restarts > self.restarts[to] || self.plan.holds_back[to] && self.knows[to] < Some(restarts) => {
                self.early[to].push(letter);
            }
            Signal::End if restarts < self.restarts[to] => {}
            _ => self.sim.peer(to).take(letter.signal),
        }
    }

    fn restart(&mut self, node: usize, restarts: u32) {
        // What was not said yet belongs to the generation that ends.
        self.collect(node);
        self.restarts[node] = restarts;
        self.knows[node] = None;
        self.sim.peer(node).restart();
        self.collect(node);
    }

    /// Runs until `until`; keeps watch over the pairs meanwhile.
    fn run_until(&mut self, until: Instant) -> Result<(), String> {
        let Self { sim, answered, plan, .. } = self;
        let (time, lossless) = (until.saturating_duration_since(sim.swarm.now()), plan.is_lossless());
        let mut broken = Ok(());
        let _ = sim.run_until(time, |a, b| {
            let checks = [(a, 0), (b, 1)].map(|(peer, node)| answered[node].check(&peer.agent, peer.now, lossless));
            for check in checks {
                broken = std::mem::replace(&mut broken, Ok(())).and(check);
            }
            broken.is_err()
        });
        broken
    }

    /// All that is to happen from outside, one thing after the other.
    fn play(&mut self) -> Result<(), String> {
        loop {
            (0..2).for_each(|node| self.collect(node));
            let letter = self.post.iter().map(|letter| letter.at).min();
            let restart = self.plan.restarts.iter().map(|(after, _)| netsim::epoch() + *after).min();
            let late = self.late.iter().map(|(at, ..)| *at).min();
            // What the agents say in between is put on its way every 50 ms.
            let next = [letter, restart, late].into_iter().flatten().min();
            let gathered = |peer: &mut Peer| peer.agent.gathering_state() == GatheringState::Complete;
            if next.is_none() && (0..2).all(|node| gathered(self.sim.peer(node))) {
                return Ok(());
            }
            let (now, soon) = (self.sim.swarm.now(), self.sim.swarm.now() + 50 * MS);
            self.run_until(next.map_or(soon, |next| next.clamp(now, soon)))?;
            let now = self.sim.swarm.now();
            if let Some(at) = self.post.iter().position(|letter| letter.at <= now) {
                let letter = self.post.remove(at);
                self.deliver(letter);
            }
            if let Some(at) = self.plan.restarts.iter().position(|(after, _)| netsim::epoch() + *after <= now) {
                let (_, node) = self.plan.restarts.remove(at);
                self.restart(node, self.restarts[node] + 1);
            }
            if let Some(at) = self.late.iter().position(|(at, ..)| *at <= now) {
                let (_, node, ip) = self.late.remove(at);
                self.sim.interface(node, &ip);
                self.sim.socket(node, &SocketAddr::new(ip.parse().unwrap(), 5000).to_string());
            }
        }
    }

    /// Whether a hole can be punched: behind two NATs, a server or the peer has to have seen both, and the servers' answers may all
    /// have got lost. Of ten thousand seeds that happens to one, 8799: of the five questions that a host behind an address-restricted
    /// NAT asks until it is to have gathered, two get lost on their way to the server, and the answers to the other three on their way
    /// back. The other host, behind a symmetric NAT with random ports, is let in by who sent to its address, and nobody can tell it
    /// where that would be.
    fn is_reachable(&mut self) -> bool {
        let is_seen = |it: CandidateStats<'_>| !it.remote && it.candidate.kind != CandidateKind::Host;
        self.plan.accesses.contains(&Access::Public)
            || (0..2).all(|node| self.sim.peer(node).agent.candidates().any(is_seen))
    }

    /// Losses end; both sides are to be connected over one pair, and to stay so.
    fn finish(&mut self) -> Result<(), String> {
        self.sim.change_links(|link| link.loss = netsim::Loss::None);
        self.run_until(self.sim.swarm.now() + 12 * SECOND)?;
        self.assert_one_pair()?;
        let before = [0, 1].map(|node| self.sim.peer(node).agent.route());
        self.run_until(self.sim.swarm.now() + 30 * SECOND)?;
        self.assert_one_pair()?;
        let after = [0, 1].map(|node| self.sim.peer(node).agent.route());
        // Who may go over to a better pair may do so now.
        if before == after || self.renominates { Ok(()) } else { Err(format!("went from {before:?} to {after:?}")) }
    }

    fn assert_one_pair(&mut self) -> Result<(), String> {
        let roles = [0, 1].map(|node| self.sim.peer(node).agent.role());
        if roles[0] == roles[1] {
            return Err(format!("both are {:?}", roles[0]));
        }
        for node in 0..2 {
            let peer = self.sim.peer(node);
            if !matches!(peer.agent.state(), State::Connected | State::Completed) {
                return Err(format!("peer {node} is {}", peer.agent.state()));
            }
            if peer.nominated().is_none() {
                return Err(format!("peer {node} has selected no pair"));
            }
            peer.send_data_every(20 * MS);
        }
        self.sim.run_for(SECOND);
        for node in 0..2 {
            let peer = self.sim.peer(node);
            peer.data = None;
            let (theirs, ours) = (peer.came_over.take(), peer.agent.route());
            if theirs != ours || ours.is_none() {
                return Err(format!("peer {node} sends over {ours:?} and gets data over {theirs:?}"));
            }
        }
        Ok(())
    }
}

/// Whether there was something to be found; or how a promise was broken.
fn search(seed: u64, renominates: bool) -> Result<bool, String> {
    let mut run = Run::new(seed, renominates);
    let plan = format!("{:?}", run.plan);
    let played = run.play().and_then(|()| if run.is_reachable() { run.finish().map(|()| true) } else { Ok(false) });
    played.map_err(|broken| format!("seed {seed}: {broken}\n{plan}"))
}

#[test]
fn flt_36_whatever_the_timing_both_sides_end_with_the_same_pair() {
    let seeds = seeds(500);
    let (mut broken, mut unreachable) = (Vec::new(), 0);
    for seed in 0..seeds {
        match search(seed, false) {
            Ok(found) => unreachable += u64::from(!found),
            Err(how) => broken.push(how),
        }
    }
    println!(
        "bar: {seeds} random timings, {} of them break a promise; {unreachable} left out, as nobody has seen where they are",
        broken.len()
    );
    assert!(unreachable * 100 <= seeds, "{unreachable} of {seeds}");
    assert!(broken.is_empty(), "{} of {seeds}: {}", broken.len(), broken.join("\n"));
}

/// The same where both sides may go over to a better pair after they selected one: both do, or neither.
#[test]
fn whatever_the_timing_both_sides_go_over_to_the_same_pair() {
    let broken: Vec<_> = (0..seeds(200)).filter_map(|seed| search(seed, true).err()).collect();
    assert!(broken.is_empty(), "{}: {}", broken.len(), broken.join("\n"));
}
