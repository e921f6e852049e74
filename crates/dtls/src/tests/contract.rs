//! The sans-IO contract.

use super::*;
use netsim::Machine;
use netsim::contract::{self, Side};

struct Adapter(Connection);

impl Machine for Adapter {
    fn handle_packet(&mut self, now: Instant, packet: &mut [u8]) {
        self.0.handle_packet(now, packet, &mut |_| {});
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.0.handle_timeout(now);
    }

    fn poll_packet(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<usize> {
        self.0.poll_packet(now, out)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.0.poll_timeout()
    }

    fn poll_event(&mut self) -> Option<netsim::Event> {
        self.0.poll_event().map(|event| match event {
            Event::Connected(verified) => netsim::Event::new(format!("{verified:?}")),
            Event::Secured => netsim::Event::new("secured"),
            Event::Closed(reason) => netsim::Event::closed(format!("{reason:?}")),
        })
    }

    fn close(&mut self, now: Instant) {
        self.0.close(now);
    }
}

#[test]
fn keeps_the_contract() {
    contract::check(|seed, side| {
        let (role, own, other) = match side {
            Side::A => (Role::Client, 1, 2),
            Side::B => (Role::Server, 2, 1),
        };
        let rng = Rng::from_number(seed).fork(&format!("{role:?}"));
        Adapter(Connection::new(Arc::new(config(own)), role, vec![fingerprint(other)], rng, netsim::epoch()))
    });
}

/// Of a client and a server outside of calls.
#[test]
fn keeps_the_contract_without_signaling() {
    struct All;

    impl ChainVerifier for All {
        fn verify_chain(&self, _: &[&[u8]]) -> Result<(), ChainError> {
            Ok(())
        }

        fn signatures(&self) -> Vec<u16> {
            Vec::new()
        }
    }

    contract::check(|seed, side| {
        let rng = |name| Rng::from_number(seed).fork(name);
        Adapter(match side {
            Side::A => {
                let server = ServerIdentity::new("turn.example", Arc::new(All));
                Connection::to_server(Arc::new(config(1)), server, rng("client"), netsim::epoch())
            }
            Side::B => Connection::for_anyone(Arc::new(config(2)), rng("server"), netsim::epoch()),
        })
    });
}
