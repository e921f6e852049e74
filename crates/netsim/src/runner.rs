//! The loop: moves the clock from one happening to the next and drains whoever it happens to.

use crate::flight::Arrival;
use crate::machine::Endpoint;
use crate::network::{Network, NodeId};
use ortica_core::{Datagram, Instant, Transmit};
use std::fmt;
use std::time::Duration;

/// More transmits than this from one drain are taken for an endless loop.
const MAX_DRAIN: usize = 20_000;
/// More visits than this at one instant are taken for a timer that does not move on.
const MAX_VISITS: usize = 1_000;

/// A run that ended without what it was to bring about.
#[derive(Clone, Debug)]
pub struct Stalled {
    /// The seed to run again.
    pub seed: u64,
    /// Virtual time since [`epoch`](crate::epoch).
    pub after: Duration,
    /// Nothing was on its way and no timer ran, so that waiting longer would have been in vain.
    pub quiet: bool,
    /// What the network counted.
    pub stats: String,
}

impl fmt::Display for Stalled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = if self.quiet { "nothing left to happen" } else { "out of time" };
        write!(f, "seed {}: {why} {:?} into the run ({})", self.seed, self.after, self.stats)
    }
}

impl std::error::Error for Stalled {}

impl Stalled {
    pub(crate) fn new(network: &Network, end: End) -> Self {
        Self {
            seed: network.seed(),
            after: network.now().saturating_duration_since(crate::epoch()),
            quiet: end == End::Quiet,
            stats: network.stats().to_string(),
        }
    }
}

/// Why a step did not happen.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum End {
    /// The next thing happens after the deadline.
    Deadline,
    /// Nothing will ever happen by itself.
    Quiet,
}

/// Drives any number of endpoints; node n of the network is endpoint n.
#[derive(Debug)]
pub(crate) struct Runner {
    max_segments: usize,
    /// Until when a node is not called, by node.
    paused: Vec<Option<Instant>>,
    arrivals: Vec<Arrival>,
    /// What came for nodes that are paused.
    waiting: Vec<Arrival>,
    out: Vec<u8>,
    batch: Vec<u8>,
    visits: usize,
}

impl Default for Runner {
    fn default() -> Self {
        Self {
            max_segments: 10,
            paused: Vec::new(),
            arrivals: Vec::new(),
            waiting: Vec::new(),
            out: Vec::new(),
            batch: Vec::new(),
            visits: 0,
        }
    }
}

impl Runner {
    pub(crate) fn set_max_segments(&mut self, segments: usize) {
        self.max_segments = segments.clamp(1, Transmit::MAX_SEGMENTS);
    }

    pub(crate) fn pause(&mut self, node: usize, until: Instant) {
        if self.paused.len() <= node {
            self.paused.resize(node + 1, None);
        }
        self.paused[node] = Some(until);
    }

    /// Drains every endpoint, then moves on to the next thing that happens until `deadline`.
    pub(crate) fn step(
        &mut self,
        network: &mut Network,
        nodes: &mut [&mut dyn Endpoint],
        deadline: Instant,
    ) -> Result<(), End> {
        let next = self.next(network, nodes).map(|next| next.max(network.now()));
        match next {
            Some(next) if next <= deadline => {
                self.happen(network, nodes, next);
                Ok(())
            }
            _ => {
                network.advance(deadline, &mut self.arrivals);
                Err(if next.is_some() { End::Deadline } else { End::Quiet })
            }
        }
    }

    /// Sends everything that anyone wants to send now.
    pub(crate) fn drain_all(&mut self, network: &mut Network, nodes: &mut [&mut dyn Endpoint]) {
        for (node, endpoint) in nodes.iter_mut().enumerate() {
            self.drain(network, node, *endpoint);
        }
    }

    /// Sends everything that `endpoint` wants to send now.
    fn drain(&mut self, network: &mut Network, node: usize, endpoint: &mut dyn Endpoint) {
        let now = network.now();
        if self.is_paused(node, now) {
            return;
        }
        for _ in 0..MAX_DRAIN {
            let sent = self.drain_transmits(network, node, endpoint);
            endpoint.react(now);
            if sent == 0 && self.drain_transmits(network, node, endpoint) == 0 {
                return;
            }
        }
        panic!("seed {}: node {node} keeps sending at one instant", network.seed());
    }

    fn next(&self, network: &Network, nodes: &[&mut dyn Endpoint]) -> Option<Instant> {
        let timers = nodes.iter().enumerate().filter_map(|(node, endpoint)| {
            let resumes = self.paused.get(node).copied().flatten();
            if self.waiting.iter().any(|arrival| arrival.node.0 == node) {
                return resumes;
            }
            Some(endpoint.poll_timeout()?.max(resumes.unwrap_or(crate::epoch())))
        });
        timers.chain(network.next_at()).min()
    }

    fn happen(&mut self, network: &mut Network, nodes: &mut [&mut dyn Endpoint], now: Instant) {
        self.visits = if now > network.now() { 0 } else { self.visits + 1 };
        if self.visits > MAX_VISITS {
            let stuck: Vec<_> = nodes.iter().map(|endpoint| endpoint.poll_timeout()).collect();
            panic!("seed {}: time stands still at {now:?}, timeouts {stuck:?}", network.seed());
        }
        let mut arrivals = std::mem::take(&mut self.waiting);
        arrivals.append(&mut self.arrivals);
        network.advance(now, &mut arrivals);
        let (ready, waiting) = arrivals.into_iter().partition(|it| !self.is_paused(it.node.0, now));
        self.waiting = waiting;
        let mut touched = vec![false; nodes.len()];
        self.deliver(network, nodes, now, ready, &mut touched);
        for (node, endpoint) in nodes.iter_mut().enumerate() {
            if self.is_paused(node, now) {
                continue;
            }
            if endpoint.poll_timeout().is_some_and(|at| at <= now) {
                endpoint.handle_timeout(now);
                touched[node] = true;
            }
            if touched[node] {
                self.drain(network, node, *endpoint);
            }
        }
    }

    /// Hands over packets; what came to one socket from one source in equal sizes goes as one datagram.
    fn deliver(
        &mut self,
        network: &mut Network,
        nodes: &mut [&mut dyn Endpoint],
        now: Instant,
        ready: Vec<Arrival>,
        touched: &mut [bool],
    ) {
        let mut ready = ready.into_iter().peekable();
        while let Some(Arrival { node: NodeId(node), socket, from, ecn, bytes }) = ready.next() {
            let stride = bytes.len();
            let mut segments = 1;
            let mut last = stride;
            self.batch.clear();
            self.batch.extend_from_slice(&bytes);
            network.recycle(bytes);
            while let Some(next) = ready.next_if(|next| {
                (next.node.0, next.socket, next.from, next.ecn) == (node, socket, from, ecn)
                    && (1..=stride).contains(&next.bytes.len())
                    && last == stride
                    && segments < Transmit::MAX_SEGMENTS
                    && self.batch.len() + next.bytes.len() <= Transmit::MAX_LEN
            }) {
                self.batch.extend_from_slice(&next.bytes);
                last = next.bytes.len();
                segments += 1;
                network.recycle(next.bytes);
            }
            if let Some(endpoint) = nodes.get_mut(node) {
                let datagram = Datagram { local: socket, remote: from, ecn, contents: &mut self.batch, stride };
                endpoint.handle_datagram(now, datagram);
                touched[node] = true;
            }
        }
    }

    fn drain_transmits(&mut self, network: &mut Network, node: usize, endpoint: &mut dyn Endpoint) -> usize {
        let now = network.now();
        for sent in 0..MAX_DRAIN {
            self.out.clear();
            let Some(transmit) = endpoint.poll_transmit(now, self.max_segments, &mut self.out) else { return sent };
            let Transmit { socket, remote, ecn, len, segment_size } = transmit;
            assert_eq!(self.out.len(), len, "a transmit appended another length than it says");
            assert!(transmit.segments() <= self.max_segments, "{transmit:?} has more segments than was allowed");
            let size = segment_size.unwrap_or(len).max(1);
            if len == 0 {
                network.send(NodeId(node), socket, remote, ecn, &[]);
            }
            for packet in self.out.chunks(size) {
                network.send(NodeId(node), socket, remote, ecn, packet);
            }
        }
        panic!("seed {}: node {node} never ran out of transmits", network.seed());
    }

    fn is_paused(&self, node: usize, now: Instant) -> bool {
        self.paused.get(node).copied().flatten().is_some_and(|until| now < until)
    }
}
