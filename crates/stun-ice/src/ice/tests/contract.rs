//! The sans-IO contract.

use super::*;
use netsim::contract::{self, Side};
use netsim::{Machine, Packets, Pair};

/// An agent with one socket, which speaks to whoever `netsim::Pair` puts opposite.
struct Wire {
    agent: Agent,
    remote: SocketAddr,
}

type Ends = Pair<Packets<Wire>>;

impl Wire {
    /// Both sides' secrets follow from the seed, so that each can be told the other's.
    fn new(seed: u64, side: Side) -> Self {
        let now = netsim::epoch();
        let make = |side| {
            let (name, local, role) = match side {
                Side::A => ("a", Ends::A, Role::Controlling),
                Side::B => ("b", Ends::B, Role::Controlled),
            };
            let mut agent = Agent::new(Arc::new(config()), Rng::from_number(seed).fork(name), now);
            agent.set_role(now, role);
            agent.add_socket(now, SocketId(0), local);
            agent.end_of_sockets(now);
            agent
        };
        let (other, remote) = match side {
            Side::A => (make(Side::B), Ends::B),
            Side::B => (make(Side::A), Ends::A),
        };
        let mut agent = make(side);
        agent.set_remote_credentials(now, other.local_credentials().clone(), false).unwrap();
        agent.add_remote_candidate(now, other.local_candidates()[0].clone()).unwrap();
        agent.end_of_remote_candidates(now);
        Self { agent, remote }
    }
}

impl Machine for Wire {
    fn handle_packet(&mut self, now: Instant, packet: &mut [u8]) {
        self.agent.handle_datagram(now, Datagram::single(SocketId(0), self.remote, packet));
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.agent.handle_timeout(now);
    }

    fn poll_packet(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<usize> {
        let transmit = self.agent.poll_transmit(now, 1, out)?;
        assert_eq!((transmit.socket, transmit.remote, transmit.segment_size), (SocketId(0), self.remote, None));
        Some(transmit.len)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.agent.poll_timeout()
    }

    fn poll_event(&mut self) -> Option<netsim::Event> {
        self.agent.poll_event().map(|event| match event {
            Event::Closed(reason) => netsim::Event::closed(format!("{reason:?}")),
            event => netsim::Event::new(format!("{event:?}")),
        })
    }

    fn close(&mut self, now: Instant) {
        self.agent.close(now);
    }
}

#[test]
fn the_agent_keeps_the_sans_io_contract() {
    let options = contract::Options { seeds: 4, steps: 400, ..contract::Options::default() };
    contract::check_with(&options, Wire::new);
}
