//! Two machines and a path between them.

use crate::link::Link;
use crate::machine::{Endpoint, Machine, Packets};
use crate::network::{LinkId, Network};
use crate::runner::{Runner, Stalled};
use ortica_core::{Instant, SocketId};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

/// Two endpoints with one socket each.
///
/// Each direction is a link of its own, [`a_to_b`](Self::a_to_b) and [`b_to_a`](Self::b_to_a). More addresses, NATs or
/// interfaces: see [`Swarm`](crate::Swarm).
#[derive(Debug)]
pub struct Pair<A, B = A> {
    /// The one side.
    pub a: A,
    /// The other side.
    pub b: B,
    /// What lies between them.
    pub network: Network,
    runner: Runner,
    a_to_b: LinkId,
    b_to_a: LinkId,
}

impl<A: Machine, B: Machine> Pair<Packets<A>, Packets<B>> {
    /// Two machines that speak packets, with `link` in each direction.
    pub fn of_machines(seed: u64, link: Link, a: A, b: B) -> Self {
        Self::new(seed, link, Packets::new(a, Self::B), Packets::new(b, Self::A))
    }
}

impl<A: Endpoint, B: Endpoint> Pair<A, B> {
    /// Address of `a`, its socket 0.
    pub const A: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 5_001);
    /// Address of `b`, its socket 0.
    pub const B: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(198, 51, 100, 2)), 5_002);
    /// The socket of either.
    pub const SOCKET: SocketId = SocketId(0);

    /// Two endpoints, with `link` in each direction.
    pub fn new(seed: u64, link: Link, a: A, b: B) -> Self {
        let mut network = Network::new(seed);
        let (node_a, node_b) = (network.add_node(), network.add_node());
        let (a_to_b, b_to_a) = (network.add_link(link.clone()), network.add_link(link));
        let ideal = network.add_link(Link::default());
        network.add_interface(node_a, Self::A.ip(), a_to_b, ideal);
        network.add_interface(node_b, Self::B.ip(), b_to_a, ideal);
        network.bind(node_a, Self::A);
        network.bind(node_b, Self::B);
        Self { a, b, network, runner: Runner::default(), a_to_b, b_to_a }
    }

    /// The link from `a` to `b`, to be changed at any time.
    pub fn a_to_b(&mut self) -> &mut Link {
        self.network.link_mut(self.a_to_b)
    }

    /// The link from `b` to `a`, to be changed at any time.
    pub fn b_to_a(&mut self) -> &mut Link {
        self.network.link_mut(self.b_to_a)
    }

    /// Changes both directions.
    pub fn links(&mut self, mut change: impl FnMut(&mut Link)) {
        change(self.a_to_b());
        change(self.b_to_a());
    }

    /// How many segments a transmit may have; 10 unless set.
    pub fn set_max_segments(&mut self, segments: usize) {
        self.runner.set_max_segments(segments);
    }

    /// Does not call `a` for this long, as if its process were stopped; what comes for it waits.
    pub fn pause_a(&mut self, time: Duration) {
        self.runner.pause(0, self.network.now() + time);
    }

    /// Does not call `b` for this long, as if its process were stopped; what comes for it waits.
    pub fn pause_b(&mut self, time: Duration) {
        self.runner.pause(1, self.network.now() + time);
    }

    /// Virtual time.
    pub fn now(&self) -> Instant {
        self.network.now()
    }

    /// Virtual time since [`epoch`](crate::epoch).
    pub fn elapsed(&self) -> Duration {
        self.now().saturating_duration_since(crate::epoch())
    }

    /// Gives `a` a command at the present time. What it wants to send leaves at the start of the next run.
    pub fn with_a<T>(&mut self, command: impl FnOnce(&mut A, Instant) -> T) -> T {
        command(&mut self.a, self.network.now())
    }

    /// Gives `b` a command at the present time. What it wants to send leaves at the start of the next run.
    pub fn with_b<T>(&mut self, command: impl FnOnce(&mut B, Instant) -> T) -> T {
        command(&mut self.b, self.network.now())
    }

    /// Runs for this much virtual time.
    pub fn run_for(&mut self, time: Duration) {
        let _ = self.run_until(time, |_, _| false);
    }

    /// Runs until `done` holds, for at most this much virtual time, and gives the time it took.
    ///
    /// # Errors
    ///
    /// Says why the run ended, and its seed, when `done` never held.
    pub fn run_until(
        &mut self,
        limit: Duration,
        mut done: impl FnMut(&mut A, &mut B) -> bool,
    ) -> Result<Duration, Stalled> {
        let start = self.network.now();
        let Self { a, b, network, runner, .. } = self;
        runner.drain_all(network, &mut [a, b]);
        while !done(a, b) {
            if let Err(end) = runner.step(network, &mut [a, b], start + limit) {
                return Err(Stalled::new(network, end));
            }
        }
        Ok(network.now().saturating_duration_since(start))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ortica_core::{Datagram, Ecn, Transmit};

    const MS: Duration = Duration::from_millis(1);

    /// Sends its messages, each in a transmit of several segments, one transmit per 10 ms; keeps what it gets.
    #[derive(Default)]
    struct Talker {
        messages: Vec<Vec<u8>>,
        next: Option<Instant>,
        due: bool,
        got: Vec<Vec<u8>>,
        batches: Vec<usize>,
        handled: Vec<Instant>,
    }

    impl Talker {
        fn new(count: u8) -> Self {
            let messages = (0..count).map(|n| vec![n; 25]).collect();
            Self { messages, next: Some(crate::epoch()), ..Self::default() }
        }
    }

    impl Endpoint for Talker {
        fn handle_datagram(&mut self, now: Instant, mut datagram: Datagram<'_>) {
            let packets: Vec<Vec<u8>> = datagram.segments().map(|it| it.to_vec()).collect();
            self.batches.push(packets.len());
            self.handled.push(now);
            self.got.extend(packets);
        }

        fn handle_timeout(&mut self, now: Instant) {
            self.due = true;
            self.next = (self.messages.len() > 1).then(|| now + 10 * MS);
        }

        fn poll_transmit(&mut self, _now: Instant, _max: usize, out: &mut Vec<u8>) -> Option<Transmit> {
            if !std::mem::take(&mut self.due) || self.messages.is_empty() {
                return None;
            }
            out.extend(self.messages.remove(0));
            let (socket, ecn) = (SocketId(0), Ecn::NotEct);
            Some(Transmit { socket, remote: Pair::<Self>::B, ecn, len: 25, segment_size: Some(10) })
        }

        fn poll_timeout(&self) -> Option<Instant> {
            self.next
        }
    }

    fn run(seed: u64) -> (u64, Vec<Vec<u8>>) {
        let link =
            Link::with_delay(25 * MS).lossy(0.2).jitter(20 * MS).reorder(0.1, 50 * MS).duplicate(0.1).corrupt(0.1);
        let mut pair = Pair::new(seed, link, Talker::new(100), Talker::default());
        pair.run_for(Duration::from_secs(5));
        (pair.network.hash(), pair.b.got)
    }

    #[test]
    fn the_same_seed_gives_the_same_packets() {
        assert_eq!(run(3), run(3));
        assert_ne!(run(3).0, run(4).0);
    }

    #[test]
    fn segments_are_lost_one_by_one_and_arrive_as_one_datagram() {
        let mut pair = Pair::new(1, Link::with_delay(MS), Talker::new(1), Talker::default());
        let mut count = 0;
        pair.network.set_filter(move |_, _, _, _| {
            count += 1;
            if count == 1 { crate::Verdict::Drop } else { crate::Verdict::Pass }
        });
        pair.run_for(10 * MS);
        assert_eq!(pair.b.got.iter().map(Vec::len).collect::<Vec<_>>(), [10, 5]);
        assert_eq!(pair.b.batches, [2]);
    }

    #[test]
    fn coalescing_delivers_several_transmits_together() {
        let mut pair = Pair::new(1, Link::default(), Talker::new(9), Talker::default());
        pair.network.set_coalescing(100 * MS);
        pair.run_for(Duration::from_secs(1));
        // Sizes 10, 10, 5 end a batch; the first transmit leaves at a multiple of the period.
        assert_eq!(pair.b.batches, [3; 9]);
        assert_eq!(pair.b.handled.iter().collect::<std::collections::BTreeSet<_>>().len(), 2);
    }

    #[test]
    fn a_paused_side_gets_everything_when_it_goes_on() {
        let mut pair = Pair::new(1, Link::default(), Talker::new(9), Talker::default());
        pair.pause_b(Duration::from_secs(5));
        pair.run_for(Duration::from_secs(4));
        assert_eq!(pair.b.got.len(), 0);
        pair.run_for(Duration::from_secs(2));
        assert_eq!(pair.b.got.len(), 27);
        assert!(pair.b.handled.iter().all(|&at| at == crate::epoch() + Duration::from_secs(5)));
    }

    #[test]
    fn a_run_in_vain_says_its_seed() {
        let mut pair = Pair::new(42, Link::default(), Talker::new(1), Talker::default());
        let stalled = pair.run_until(Duration::from_secs(1), |_, b| b.got.len() == 99).unwrap_err();
        assert!(stalled.quiet);
        assert!(stalled.to_string().starts_with("seed 42: nothing left to happen"), "{stalled}");
    }
}
