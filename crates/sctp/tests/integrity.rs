//! Long streams over a path that loses, reorders and doubles packets: what arrives is what was sent, by its hash.
//!
//! ```text
//! ORTICA_INTEGRITY_BYTES=10000000000 cargo test --release -p ortica-sctp --test integrity -- --nocapture
//! ```

mod common;

use bytes::Bytes;
use common::{MS, SECOND, config};
use netsim::{Link, Machine, Pair};
use ortica_core::crypto::{Digest, HashAlgorithm, rust_crypto};
use ortica_core::{Instant, Rng};
use ortica_sctp::{Association, Event, Ppid, SendOptions, StreamId};
use std::sync::Arc;

const STREAMS: usize = 4;
/// The longest message.
const LONGEST: u64 = 128 << 10;

/// The hash of all messages of a stream so far, in their order: each covers the one before.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct Chain {
    digest: Digest,
    messages: u64,
    bytes: u64,
}

impl Chain {
    fn add(&mut self, message: &[u8]) {
        self.digest = rust_crypto::provider().hash.digest(HashAlgorithm::Sha256, &[&self.digest, message]);
        self.messages += 1;
        self.bytes += message.len() as u64;
    }
}

/// An association that makes up what it sends and keeps of what it reads the hash.
struct Side {
    association: Association,
    contents: Rng,
    /// Bytes still to be made up.
    left: u64,
    /// Made up and not yet taken.
    next: Option<(usize, Bytes)>,
    sent: [Chain; STREAMS],
    received: [Chain; STREAMS],
}

impl Side {
    fn new(seed: u64, left: u64) -> Self {
        Self {
            association: Association::new(Arc::new(config()), Rng::from_number(seed), netsim::epoch()),
            contents: Rng::from_number(seed).fork("contents"),
            left,
            next: None,
            sent: Default::default(),
            received: Default::default(),
        }
    }

    /// A message of random length and contents, for a random stream.
    fn make(&mut self) -> (usize, Bytes) {
        let len = (1 + self.contents.below(LONGEST)).min(self.left);
        let mut message = vec![0; len as usize];
        self.contents.fill(&mut message);
        self.left -= len;
        (self.contents.below(STREAMS as u64) as usize, message.into())
    }

    fn run_application(&mut self, now: Instant) {
        while self.left > 0 || self.next.is_some() {
            let (stream, message) = self.next.take().unwrap_or_else(|| self.make());
            let copy = message.clone();
            let id = StreamId(stream as u16);
            if self.association.send(now, id, Ppid::BINARY, message, SendOptions::default()).is_err() {
                self.next = Some((stream, copy));
                break;
            }
            self.sent[stream].add(&copy);
        }
        while let Some(event) = self.association.poll_event() {
            if let Event::Readable(stream) = event {
                while let Some(message) = self.association.read(stream) {
                    self.received[usize::from(stream.0)].add(&message.payload);
                }
            }
        }
    }

    fn received_bytes(&self) -> u64 {
        self.received.iter().map(|chain| chain.bytes).sum()
    }
}

impl Machine for Side {
    fn handle_packet(&mut self, now: Instant, packet: &mut [u8]) {
        self.association.handle_packet(now, packet);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.association.handle_timeout(now);
    }

    fn poll_packet(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<usize> {
        self.run_application(now);
        self.association.poll_packet(now, out)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.association.poll_timeout()
    }
}

/// How many bytes this tier sends one way; a tenth of it goes back.
fn bytes() -> u64 {
    std::env::var("ORTICA_INTEGRITY_BYTES").ok().and_then(|count| count.parse().ok()).unwrap_or(30_000_000)
}

/// Guards every step from a message to chunks and back: cutting, sending again, reassembly, order. Bytes go both ways, so
/// that data and acknowledgements share packets.
#[test]
fn what_arrives_through_loss_reordering_and_duplication_is_what_was_sent() {
    let bytes = bytes();
    let link = Link::with_delay(2 * MS).lossy(0.01).reorder(0.05, 8 * MS).duplicate(0.02);
    let mut pair = Pair::of_machines(1, link, Side::new(1, bytes), Side::new(2, bytes / 10));
    // Packets arrive together, as they do where interrupts are coalesced.
    pair.network.set_coalescing(MS);
    pair.with_a(|a, now| a.machine.association.connect(now));
    let all = |from: &Side, to: &Side| from.left == 0 && from.next.is_none() && to.received == from.sent;
    let total = bytes + bytes / 10;
    let took = pair
        .run_until(1_000_000 * SECOND, |a, b| a.machine.received_bytes() + b.machine.received_bytes() >= total)
        .unwrap_or_else(|stalled| panic!("{stalled}"));
    // Nothing comes after the last byte.
    pair.run_for(5 * SECOND);
    let (a, b) = (&pair.a.machine, &pair.b.machine);
    assert!(all(a, b), "from a: {:?}, at b: {:?}", a.sent, b.received);
    assert!(all(b, a), "from b: {:?}, at a: {:?}", b.sent, a.received);

    let (stats, network) = (a.association.stats(), pair.network.stats());
    let lost: u64 = network.lost.values().sum();
    println!(
        "bar: integrity: {total} bytes in {} messages exact by SHA-256; {} packets, {lost} lost, {} doubled; {} chunks sent \
         again, {} time-outs; {} s of virtual time",
        a.received.iter().chain(&b.received).map(|chain| chain.messages).sum::<u64>(),
        network.sent,
        network.duplicated,
        stats.data_chunks_retransmitted,
        stats.timeouts,
        took.as_secs()
    );
    assert!(lost > network.sent / 200 && network.duplicated > network.sent / 100, "{network}");
    assert!(stats.data_chunks_retransmitted > 0 && b.association.stats().duplicates_received > 0);
}
