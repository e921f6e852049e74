//! Message identifiers that start shortly before their end. They always begin with 0, and 2^32 messages are too many to send
//! first, so both ends are set to where such a stream would be.

use super::*;
use netsim::{Link, Machine, Pair};

const STREAM: StreamId = StreamId(1);
const LATE: u64 = (3 << 32) - 10;
const MESSAGES: u32 = 40;

/// An association that reads whatever comes.
struct Reader {
    association: Association,
    inbox: Vec<Message>,
}

impl Machine for Reader {
    fn handle_packet(&mut self, now: Instant, packet: &mut [u8]) {
        self.association.handle_packet(now, packet);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.association.handle_timeout(now);
    }

    fn poll_packet(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<usize> {
        while self.association.poll_event().is_some() {}
        self.inbox.extend(std::iter::from_fn(|| self.association.read(STREAM)));
        self.association.poll_packet(now, out)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.association.poll_timeout()
    }
}

impl Reader {
    fn new(seed: u64) -> Self {
        let config = Arc::new(config().with_interleaving(true));
        Self { association: Association::new(config, Rng::from_number(seed), netsim::epoch()), inbox: Vec::new() }
    }

    /// As if some thirteen thousand million messages had gone over the stream, ordered and unordered ones.
    fn age(&mut self) {
        self.association.queue.set_next(STREAM, Mid(LATE as u32));
        self.association.delivery.set_next(STREAM, LATE);
        self.association.up_mut().unwrap().inbound.interleaved_mut().set_first_unordered(STREAM, LATE);
    }

    fn send(&mut self, now: Instant, payload: Vec<u8>, options: SendOptions) {
        self.association.send(now, STREAM, Ppid::BINARY, payload.into(), options).unwrap();
    }

    /// The numbers of the messages that had to arrive, as they came.
    fn received(&self, ordered: bool) -> Vec<u8> {
        let whole = |message: &&Message| message.ordered == ordered && message.payload.len() > 100;
        self.inbox.iter().filter(whole).map(|message| message.payload[0]).collect()
    }
}

/// Guards the serial arithmetic of message identifiers, where messages are put together and in order, and where I-FORWARD-TSN
/// skips some of them.
#[test]
fn flt_40_message_identifiers_wrap() {
    for seed in 0..100 {
        let link = Link::with_delay(25 * MS);
        let mut pair = Pair::of_machines(seed, link.clone(), Reader::new(seed * 2), Reader::new(seed * 2 + 1));
        pair.with_a(|a, now| a.machine.association.connect(now));
        let up = |side: &Reader| side.association.is_connected();
        pair.run_until(Duration::from_secs(10), |a, b| up(&a.machine) && up(&b.machine)).unwrap();
        pair.a.machine.age();
        pair.b.machine.age();
        pair.links(|each| *each = link.clone().lossy(0.05).reorder(0.1, 40 * MS).duplicate(0.02));
        pair.with_a(|a, now| {
            for number in 0..MESSAGES {
                for ordered in [true, false] {
                    let fragile = SendOptions { ordered, reliability: crate::Reliability::MaxRetransmits(0) };
                    a.machine.send(now, vec![number as u8; 3_000], SendOptions { ordered, ..SendOptions::default() });
                    a.machine.send(now, vec![number as u8; 100], fragile);
                }
            }
        });
        let count = 2 * MESSAGES as usize;
        let all = |side: &Reader| side.received(true).len() + side.received(false).len() >= count;
        pair.run_until(Duration::from_secs(60), |_, b| all(&b.machine)).unwrap_or_else(|stalled| panic!("{stalled}"));
        let expected: Vec<u8> = (0..MESSAGES as u8).collect();
        assert_eq!(pair.b.machine.received(true), expected, "seed {seed}");
        let mut unordered = pair.b.machine.received(false);
        unordered.sort_unstable();
        assert_eq!(unordered, expected, "seed {seed}");
        assert!(
            pair.b.machine.inbox.iter().all(|message| message.payload.iter().all(|byte| *byte == message.payload[0]))
        );
    }
}
