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
