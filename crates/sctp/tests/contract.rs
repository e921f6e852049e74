//! The sans-IO contract.

use netsim::Machine;
use netsim::contract::{self, Options, Side};
use ortica_core::crypto::rust_crypto;
use ortica_core::{Instant, Rng};
use ortica_sctp::{Association, Config, Event, Ppid, Reliability, SendOptions, StreamId};
use std::sync::Arc;
use std::time::Duration;

/// Sends messages of all kinds, reads what comes, and resets a stream now and then.
struct Adapter(Association);

impl Machine for Adapter {
    fn handle_packet(&mut self, now: Instant, packet: &mut [u8]) {
        self.0.handle_packet(now, packet);
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
            Event::Readable(stream) => {
                let messages = std::iter::from_fn(|| self.0.read(stream));
                netsim::Event::new(format!("{stream}: {:?}", messages.map(|it| it.payload.len()).collect::<Vec<_>>()))
            }
            // Not told as the end: a peer that missed SHUTDOWN COMPLETE asks again, and is answered (RFC 9260 §8.4).
            event => netsim::Event::new(format!("{event:?}")),
        })
    }

    fn close(&mut self, now: Instant) {
        self.0.shutdown(now);
    }

    fn act(&mut self, now: Instant, step: u64) {
        let step = step as usize;
        let stream = StreamId(step as u16 % 4);
        let reliability = [
            Reliability::Reliable,
            Reliability::MaxRetransmits(0),
            Reliability::MaxLifetime(Duration::from_millis(150)),
        ][step % 3];
        let options = SendOptions { ordered: step.is_multiple_of(2), reliability };
        let payload = vec![7; step * 997 % 9_000 + 1];
        let _ = self.0.send(now, stream, Ppid::BINARY, payload.into(), options);
        if step % 11 == 10 {
            let _ = self.0.reset_streams(now, &[stream]);
        }
    }
}

fn check(change: fn(Config) -> Config) {
    contract::check_with(&Options { closes: false, ..Options::default() }, |seed, side| {
        let config = Arc::new(change(Config::new(rust_crypto::provider())));
        let rng = Rng::from_number(seed).fork(&format!("{side:?}"));
        let mut association = Association::new(config, rng, netsim::epoch());
        if let Side::A = side {
            association.connect(netsim::epoch());
        }
        Adapter(association)
    });
}

#[test]
fn keeps_the_contract() {
    check(|config| config);
}

#[test]
fn keeps_the_contract_with_every_extension() {
    check(|config| config.with_interleaving(true).with_zero_checksum(true));
}
