//! One path, and what the two stacks make of it.

use crate::quic::{Quic, Setup};
use crate::sctp::Sctp;
use netsim::{Endpoint, Link, Loss, Network, Swarm};
use ortica_core::{Datagram, Instant, Transmit};
use ortica_sctp::CongestionControl;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

/// Not counted: windows open.
const WARM_UP: Duration = Duration::from_secs(5);
const MEASURED: Duration = Duration::from_secs(30);
const SAMPLE: Duration = Duration::from_millis(100);
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
}

/// Who sends.
#[derive(Clone, Copy, Debug)]
pub enum Stack {
    Sctp(CongestionControl),
    Quic,
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

    fn buffer(&self) -> usize {
        self.bdp().max(LEAST_BUFFER)
    }

    /// Bits per second of a Reno flow by the formula of Mathis: MSS · 1.22 / (RTT · √p).
    pub fn reno(&self) -> f64 {
        PAYLOAD as f64 * 8.0 * 1.22 / (self.rtt.as_secs_f64() * self.loss.sqrt())
    }

    /// `flows` of one stack share the path.
    pub fn run(&self, stack: Stack, flows: usize, seed: u64) -> Outcome {
        let mut network = Network::new(seed);
        network.set_coalescing(COALESCING);
        let loss = if self.loss > 0.0 { Loss::Random(self.loss) } else { Loss::None };
        let there = Link::with_delay(self.rtt / 2).loss(loss).bottleneck(self.bandwidth, self.buffer());
        let back = Link::with_delay(self.rtt / 2).loss(loss);
        let (there, back, ideal) = (network.add_link(there), network.add_link(back), network.add_link(Link::default()));
        let setup = Setup::new(self.window());
        let mut ends = Vec::new();
        for flow in 0..flows {
            for sends in [true, false] {
                let node = network.add_node();
                let (local, remote) = (address(flow, sends), address(flow, !sends));
                network.add_interface(node, local.ip(), if sends { there } else { back }, ideal);
                network.bind(node, local);
                let seed = seed * 100 + ends.len() as u64;
                ends.push(match stack {
                    Stack::Sctp(control) => End::Sctp(Box::new(Sctp::new(sends, remote, self.window(), control, seed))),
                    Stack::Quic => End::Quic(Box::new(Quic::new(sends, remote, &setup, seed))),
                });
            }
        }
        let mut swarm = Swarm::new(network, ends);
        swarm.run_for(WARM_UP);
        let before: Vec<_> = swarm.endpoints.iter().map(End::received).collect();
        let (mut waited, samples) = (Duration::ZERO, MEASURED.as_millis() / SAMPLE.as_millis());
        for _ in 0..samples {
            swarm.run_for(SAMPLE);
            waited += swarm.endpoints[0].rtt().unwrap_or_default().saturating_sub(self.rtt);
        }
        let received = swarm.endpoints.iter().zip(before).map(|(end, before)| end.received() - before);
        let goodput = received.skip(1).step_by(2).map(|bytes| bytes as f64 * 8.0 / MEASURED.as_secs_f64()).collect();
        let details = swarm.endpoints.iter().map(End::describe).collect::<Vec<_>>().join("\n");
        Outcome { goodput, queueing: waited / samples as u32, details }
    }
}

fn address(flow: usize, sends: bool) -> SocketAddr {
    let host = if sends { 1 } else { 2 };
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, (flow * 2 + host) as u8)), 5_000)
}

/// An end of a flow, of either stack.
enum End {
    Sctp(Box<Sctp>),
    Quic(Box<Quic>),
}

impl End {
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
}

impl Endpoint for End {
    fn handle_datagram(&mut self, now: Instant, datagram: Datagram<'_>) {
        match self {
            Self::Sctp(sctp) => sctp.handle_datagram(now, datagram),
            Self::Quic(quic) => quic.handle_datagram(now, datagram),
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        match self {
            Self::Sctp(sctp) => sctp.handle_timeout(now),
            Self::Quic(quic) => quic.handle_timeout(now),
        }
    }

    fn poll_transmit(&mut self, now: Instant, max_segments: usize, out: &mut Vec<u8>) -> Option<Transmit> {
        match self {
            Self::Sctp(sctp) => sctp.poll_transmit(now, max_segments, out),
            Self::Quic(quic) => quic.poll_transmit(now, max_segments, out),
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::Sctp(sctp) => sctp.poll_timeout(),
            Self::Quic(quic) => quic.poll_timeout(),
        }
    }
}
