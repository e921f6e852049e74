//! Any number of machines on a network that the test lays out.

use crate::machine::Endpoint;
use crate::network::Network;
use crate::runner::{Runner, Stalled};
use ortica_core::Instant;
use std::time::Duration;

/// Endpoints on a [`Network`]: endpoint n is node n.
#[derive(Debug)]
pub struct Swarm<E> {
    /// The endpoints, in the order of their nodes.
    pub endpoints: Vec<E>,
    /// What lies between them.
    pub network: Network,
    runner: Runner,
}

impl<E: Endpoint> Swarm<E> {
    /// Puts `endpoints` on `network`, whose nodes and sockets are there already.
    pub fn new(network: Network, endpoints: Vec<E>) -> Self {
        Self { endpoints, network, runner: Runner::default() }
    }

    /// How many segments a transmit may have; 10 unless set.
    pub fn set_max_segments(&mut self, segments: usize) {
        self.runner.set_max_segments(segments);
    }

    /// Does not call an endpoint for this long, as if its process were stopped; what comes for it waits.
    pub fn pause(&mut self, endpoint: usize, time: Duration) {
        self.runner.pause(endpoint, self.network.now() + time);
    }

    /// Virtual time.
    pub fn now(&self) -> Instant {
        self.network.now()
    }

    /// Virtual time since [`epoch`](crate::epoch).
    pub fn elapsed(&self) -> Duration {
        self.now().saturating_duration_since(crate::epoch())
    }

    /// Runs for this much virtual time.
    pub fn run_for(&mut self, time: Duration) {
        let _ = self.run_until(time, |_| false);
    }

    /// Runs until `done` holds, for at most this much virtual time, and gives the time it took.
    ///
    /// # Errors
    ///
    /// Says why the run ended, and its seed, when `done` never held.
    pub fn run_until(&mut self, limit: Duration, mut done: impl FnMut(&mut [E]) -> bool) -> Result<Duration, Stalled> {
        let start = self.network.now();
        let Self { endpoints, network, runner } = self;
        runner.drain_all(network, &mut as_dyn(endpoints));
        while !done(endpoints) {
            if let Err(end) = runner.step(network, &mut as_dyn(endpoints), start + limit) {
                return Err(Stalled::new(network, end));
            }
        }
        Ok(network.now().saturating_duration_since(start))
    }
}

fn as_dyn<E: Endpoint>(endpoints: &mut [E]) -> Vec<&mut dyn Endpoint> {
    endpoints.iter_mut().map(|endpoint| endpoint as &mut dyn Endpoint).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Link, Nat, NodeId};
    use ortica_core::{Datagram, Ecn, SocketId, Transmit};
    use std::net::{IpAddr, SocketAddr};

    const PERIOD: Duration = Duration::from_millis(10);

    /// Sends 1,000 bytes to its target every 10 ms; counts what comes, and from whom.
    #[derive(Default)]
    struct Sender {
        target: Option<SocketAddr>,
        next: Option<Instant>,
        due: bool,
        got: usize,
        last_from: Option<SocketAddr>,
    }

    impl Sender {
        fn to(target: &str) -> Self {
            Self { target: Some(target.parse().unwrap()), next: Some(crate::epoch()), ..Self::default() }
        }
    }

    impl Endpoint for Sender {
        fn handle_datagram(&mut self, _now: Instant, datagram: Datagram<'_>) {
            self.got += datagram.contents.len();
            self.last_from = Some(datagram.remote);
        }

        fn handle_timeout(&mut self, now: Instant) {
            self.due = true;
            self.next = Some(now + PERIOD);
        }

        fn poll_transmit(&mut self, _now: Instant, _max: usize, out: &mut Vec<u8>) -> Option<Transmit> {
            let remote = self.target.filter(|_| std::mem::take(&mut self.due))?;
            out.resize(1_000, 0);
            Some(Transmit { socket: SocketId(0), remote, ecn: Ecn::NotEct, len: 1_000, segment_size: None })
        }

        fn poll_timeout(&self) -> Option<Instant> {
            self.next
        }
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn senders_share_a_bottleneck() {
        let mut network = Network::new(1);
        let nodes = [network.add_node(), network.add_node(), network.add_node()];
        // 1,028 bytes per 10 ms and sender is 822 kbit/s; half of what two of them send passes.
        let shared = network.add_link(Link::default().bottleneck(822_400, 10_000));
        let ideal = network.add_link(Link::default());
        for (node, address) in nodes.into_iter().zip(["192.0.2.1", "192.0.2.2", "192.0.2.3"]) {
            let up = if node == NodeId(2) { ideal } else { shared };
            network.add_interface(node, ip(address), up, ideal);
            network.bind(node, SocketAddr::new(ip(address), 5));
        }
        let endpoints = vec![Sender::to("192.0.2.3:5"), Sender::to("192.0.2.3:5"), Sender::default()];
        let mut swarm = Swarm::new(network, endpoints);
        swarm.run_for(Duration::from_secs(10));
        assert!((990_000..1_020_000).contains(&swarm.endpoints[2].got), "{}", swarm.endpoints[2].got);
    }

    /// Guards what shares of a full queue rest on: nobody is always first to answer.
    #[test]
    fn who_gets_coalesced_packets_first_is_drawn() {
        let mut network = Network::new(1);
        network.set_coalescing(PERIOD);
        let link = network.add_link(Link::default());
        for address in ["192.0.2.1", "192.0.2.2", "192.0.2.3"] {
            let node = network.add_node();
            network.add_interface(node, ip(address), link, link);
            network.bind(node, SocketAddr::new(ip(address), 5));
        }
        let (first, second) = (SocketAddr::new(ip("192.0.2.2"), 5), SocketAddr::new(ip("192.0.2.3"), 5));
        let mut came_first = [0, 0];
        for _ in 0..1_000 {
            for to in [first, second] {
                network.send(NodeId(0), SocketId(0), to, Ecn::NotEct, &[0; 10]);
            }
            let mut arrivals = Vec::new();
            while arrivals.is_empty() {
                let next = network.next_at().unwrap();
                network.advance(next, &mut arrivals);
            }
            assert!(network.now().as_nanos() % PERIOD.as_nanos() as u64 <= PERIOD.as_nanos() as u64 / 64);
            came_first[arrivals[0].node.0 - 1] += 1;
            network.advance(network.now() + PERIOD / 2, &mut arrivals);
        }
        assert!(came_first.iter().all(|&times| times > 400), "{came_first:?}");
    }

    #[test]
    fn a_rebound_nat_shows_another_port() {
        let mut network = Network::new(1);
        let (inside, outside) = (network.add_node(), network.add_node());
        let link = network.add_link(Link::with_delay(PERIOD));
        let nat = network.add_nat(Nat::symmetric(), ip("198.51.100.1"));
        network.add_interface_behind(nat, inside, ip("10.0.0.1"), link, link);
        network.add_interface(outside, ip("192.0.2.1"), link, link);
        network.bind(inside, SocketAddr::new(ip("10.0.0.1"), 5));
        network.bind(outside, SocketAddr::new(ip("192.0.2.1"), 5));
        let mut swarm = Swarm::new(network, vec![Sender::to("192.0.2.1:5"), Sender::default()]);
        swarm.run_until(Duration::from_secs(1), |them| them[1].got > 0).unwrap();
        let before = swarm.endpoints[1].last_from;
        swarm.network.rebind_nat(nat);
        swarm.run_until(Duration::from_secs(1), |them| them[1].last_from != before).unwrap();
        assert_eq!(before.map(|from| from.ip()), Some(ip("198.51.100.1")));
    }
}
