//! One path, and what the two stacks make of it.

use crate::quic::{Quic, Setup};
use crate::sctp::Sctp;
use netsim::{Endpoint, Link, Loss, Network, Swarm};
use ortica_core::{Datagram, Instant, Transmit};
use ortica_sctp::CongestionControl;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

/// Not counted: windows open.
pub const WARM_UP: Duration = Duration::from_secs(5);
pub const MEASURED: Duration = Duration::from_secs(30);
pub const SAMPLE: Duration = Duration::from_millis(100);
/// Packets arrive in batches of this time, as network cards deliver them.
const COALESCING: Duration = Duration::from_micros(100);
/// The buffer of a path without length.
const LEAST_BUFFER: usize = 128 << 10;
const LEAST_WINDOW: usize = 1 << 20;
const MOST_WINDOW: usize = 64 << 20;
/// Bytes of a message in a packet of SCTP.
const PAYLOAD: usize = 1_160;

/// A path of the grid.
#[derive(Clone, Copy, Debug)]
pub struct Cell {
    pub rtt: Duration,
    pub loss: f64,
    /// Bits per second of the bottleneck.
    pub bandwidth: u64,
    /// How much waits before it at most, in bandwidth-delay products.
    pub buffer: f64,
}

/// Who sends.
#[derive(Clone, Copy, Debug)]
pub enum Stack {
    Sctp(CongestionControl),
    Quic,
}

/// Who sends from when on, counted from the start.
#[derive(Clone, Copy, Debug)]
pub struct Flow {
    pub stack: Stack,
    pub starts: Duration,
}

impl From<Stack> for Flow {
    fn from(stack: Stack) -> Self {
        Self { stack, starts: Duration::ZERO }
    }
}

/// What came of one run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Bits per second of each flow that reached the application.
    pub goodput: Vec<f64>,
    /// Mean of the smoothed round trip time, less the path's own.
    pub queueing: Duration,
    pub details: String,
}

impl Outcome {
    pub fn total(&self) -> f64 {
        self.goodput.iter().sum()
    }

    /// Jain's index: 1 when all have the same.
    pub fn fairness(&self) -> f64 {
        let squares: f64 = self.goodput.iter().map(|rate| rate * rate).sum();
        self.total() * self.total() / (self.goodput.len() as f64 * squares)
    }
}

impl Cell {
    /// Bandwidth times round trip time, in bytes.
    pub fn bdp(&self) -> usize {
        (self.bandwidth as f64 / 8.0 * self.rtt.as_secs_f64()) as usize
    }

    fn window(&self) -> usize {
        (2 * self.bdp()).clamp(LEAST_WINDOW, MOST_WINDOW)
    }

    /// Bytes that wait before the bottleneck at most.
    fn buffer(&self) -> usize {
        (self.bdp().max(LEAST_BUFFER) as f64 * self.buffer) as usize
    }

    /// The way with the bottleneck, and the way back.
    pub fn links(&self) -> (Link, Link) {
        let loss = if self.loss > 0.0 { Loss::Random(self.loss) } else { Loss::None };
        let back = Link::with_delay(self.rtt / 2).loss(loss);
        (back.clone().bottleneck(self.bandwidth, self.buffer()), back)
    }

    /// Bits per second of a Reno flow by the formula of Mathis: MSS · 1.22 / (RTT · √p).
    pub fn reno(&self) -> f64 {
        PAYLOAD as f64 * 8.0 * 1.22 / (self.rtt.as_secs_f64() * self.loss.sqrt())
    }

    /// `flows` share the path. What the last of them has had time to settle down for is measured.
    pub fn run(&self, flows: &[Flow], seed: u64) -> Outcome {
        let mut network = Network::new(seed);
        network.set_coalescing(COALESCING);
        let (there, back) = self.links();
        let (there, back, ideal) = (network.add_link(there), network.add_link(back), network.add_link(Link::default()));
        let setup = Setup::new(self.window());
        let mut ends = Vec::new();
        for (flow, &Flow { stack, starts }) in flows.iter().enumerate() {
            for sends in [true, false] {
                let node = network.add_node();
                let (local, remote) = (address(flow, sends), address(flow, !sends));
                network.add_interface(node, local.ip(), if sends { there } else { back }, ideal);
                network.bind(node, local);
                let seed = seed * 100 + ends.len() as u64;
                let machine = match stack {
                    Stack::Sctp(control) => {
                        Machine::Sctp(Box::new(Sctp::new(sends, remote, self.window(), control, seed)))
                    }
                    Stack::Quic => Machine::Quic(Box::new(Quic::new(sends, remote, &setup, seed))),
                };
                let starts = sends.then(|| netsim::epoch() + starts);
                ends.push(End { starts, machine });
            }
        }
        let mut swarm = Swarm::new(network, ends);
        let last = flows.iter().map(|flow| flow.starts).max().unwrap_or_default();
        swarm.run_for(last + WARM_UP);
        let before: Vec<_> = swarm.endpoints.iter().map(|end| end.machine.received()).collect();
        let (mut waited, samples) = (Duration::ZERO, MEASURED.as_millis() / SAMPLE.as_millis());
        for _ in 0..samples {
            swarm.run_for(SAMPLE);
            waited += swarm.endpoints[0].machine.rtt().unwrap_or_default().saturating_sub(self.rtt);
        }
        let received = swarm.endpoints.iter().zip(before).map(|(end, before)| end.machine.received() - before);
        let goodput = received.skip(1).step_by(2).map(|bytes| bytes as f64 * 8.0 / MEASURED.as_secs_f64()).collect();
        let details = swarm.endpoints.iter().map(|end| end.machine.describe()).collect::<Vec<_>>().join("\n");
        Outcome { goodput, queueing: waited / samples as u32, details }
    }
}

fn address(flow: usize, sends: bool) -> SocketAddr {
    let host = if sends { 1 } else { 2 };
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, (flow * 2 + host) as u8)), 5_000)
}

/// An end of a flow, of either stack.
enum Machine {
    Sctp(Box<Sctp>),
    Quic(Box<Quic>),
}

impl Machine {
    fn received(&self) -> u64 {
        match self {
            Self::Sctp(sctp) => sctp.received(),
            Self::Quic(quic) => quic.received(),
        }
    }

    fn rtt(&self) -> Option<Duration> {
        match self {
            Self::Sctp(sctp) => sctp.rtt(),
            Self::Quic(quic) => quic.rtt(),
        }
    }

    fn describe(&self) -> String {
        match self {
            Self::Sctp(sctp) => sctp.describe(),
            Self::Quic(quic) => quic.describe(),
        }
    }

    fn endpoint(&self) -> &dyn Endpoint {
        match self {
            Self::Sctp(sctp) => &**sctp,
            Self::Quic(quic) => &**quic,
        }
    }

    fn endpoint_mut(&mut self) -> &mut dyn Endpoint {
        match self {
            Self::Sctp(sctp) => &mut **sctp,
            Self::Quic(quic) => &mut **quic,
        }
    }
}

/// A machine that is silent until it starts.
struct End {
    /// `None` once it has started.
    starts: Option<Instant>,
    machine: Machine,
}

impl Endpoint for End {
    fn handle_datagram(&mut self, now: Instant, datagram: Datagram<'_>) {
        self.machine.endpoint_mut().handle_datagram(now, datagram);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.starts.take_if(|starts| *starts <= now);
        if self.starts.is_none() {
            self.machine.endpoint_mut().handle_timeout(now);
        }
    }

    fn poll_transmit(&mut self, now: Instant, max_segments: usize, out: &mut Vec<u8>) -> Option<Transmit> {
        self.starts.take_if(|starts| *starts <= now);
        if self.starts.is_some() {
            return None;
        }
        self.machine.endpoint_mut().poll_transmit(now, max_segments, out)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.starts.or_else(|| self.machine.endpoint().poll_timeout())
    }
}
