//! A peer for netsim: an association with a simple application on top.
#![allow(dead_code, reason = "each test file uses a part of it")]

pub mod raw;
pub mod said;
pub mod script;

use bytes::Bytes;
use netsim::{Event as Told, Link, Machine, Packets, Pair};
use ortica_core::crypto::rust_crypto;
use ortica_core::{Instant, Rng};
use ortica_sctp::{Association, Config, Event, Message, Ppid, SendOptions, SendRefusal, StreamId};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

pub const MS: Duration = Duration::from_millis(1);
pub const SECOND: Duration = Duration::from_secs(1);

/// An association whose application sends what it is given as fast as it is taken, and reads what it can.
pub struct Peer {
    pub association: Association,
    /// What to send: stream, message, how.
    pub outbox: VecDeque<(StreamId, Bytes, SendOptions)>,
    /// What was read.
    pub inbox: Vec<Message>,
    pub events: Vec<Event>,
    /// Streams that are not read.
    pub unread: Vec<StreamId>,
    /// Answers each reset of the peer's with one of its own, as data channels do.
    pub mirrors_resets: bool,
    /// Packets built, as they were.
    pub sent: Vec<(Instant, Vec<u8>)>,
    pub records: bool,
    closing: bool,
}

impl Peer {
    pub fn new(config: Config, seed: u64) -> Self {
        Self {
            association: Association::new(Arc::new(config), Rng::from_number(seed), netsim::epoch()),
            outbox: VecDeque::new(),
            inbox: Vec::new(),
            events: Vec::new(),
            unread: Vec::new(),
            mirrors_resets: true,
            sent: Vec::new(),
            records: false,
            closing: false,
        }
    }

    /// With default settings, from the stream of seeds that belongs to `side`.
    pub fn plain(seed: u64, side: u64) -> Self {
        Self::new(config(), seed * 2 + side)
    }

    pub fn queue(&mut self, stream: u16, payload: impl Into<Bytes>, options: SendOptions) {
        self.outbox.push_back((StreamId(stream), payload.into(), options));
    }

    pub fn is_up(&self) -> bool {
        self.association.is_connected()
    }

    pub fn has(&self, event: &Event) -> bool {
        self.events.contains(event)
    }

    /// Everything read, in order.
    pub fn bytes(&self) -> Vec<u8> {
        self.inbox.iter().flat_map(|message| message.payload.iter().copied()).collect()
    }

    pub fn received(&self) -> usize {
        self.inbox.iter().map(|message| message.payload.len()).sum()
    }

    /// Does what the application does after each batch.
    pub fn run_application(&mut self, now: Instant) {
        while let Some((stream, payload, options)) = self.outbox.pop_front() {
            if let Err(error) = self.association.send(now, stream, Ppid::BINARY, payload, options) {
                if error.reason == SendRefusal::WouldBlock {
                    self.outbox.push_front((stream, error.payload, options));
                }
                break;
            }
        }
        while let Some(event) = self.association.poll_event() {
            if let Event::Readable(stream) = event {
                self.read(stream);
            }
            if let (Event::StreamReset(stream), true) = (&event, self.mirrors_resets) {
                let _ = self.association.reset_streams(now, &[*stream]);
            }
            self.events.push(event);
        }
    }

    /// Reads `stream` empty, unless it is not to be read.
    pub fn read(&mut self, stream: StreamId) {
        while !self.unread.contains(&stream)
            && let Some(message) = self.association.read(stream)
        {
            self.inbox.push(message);
        }
    }
}

impl Machine for Peer {
    fn handle_packet(&mut self, now: Instant, packet: &mut [u8]) {
        self.association.handle_packet(now, packet);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.association.handle_timeout(now);
    }

    fn poll_packet(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<usize> {
        // Before the first packet of a batch and after each: what the application sends goes with it.
        self.run_application(now);
        let from = out.len();
        let len = self.association.poll_packet(now, out);
        if len.is_some() && self.records {
            self.sent.push((now, out[from..].to_vec()));
        }
        len
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.association.poll_timeout()
    }

    fn poll_event(&mut self) -> Option<Told> {
        None
    }

    fn close(&mut self, now: Instant) {
        self.closing = true;
        self.association.shutdown(now);
    }
}

pub type Peers = Pair<Packets<Peer>>;

pub fn config() -> Config {
    Config::new(rust_crypto::provider())
}

/// Two peers, neither of which has begun.
pub fn pair(seed: u64, link: Link) -> Peers {
    Pair::of_machines(seed, link, Peer::plain(seed, 0), Peer::plain(seed, 1))
}

/// Two peers with a handshake done over a perfect link of the same delay.
pub fn connected(seed: u64, link: Link) -> Peers {
    connect(pair(seed, Link::with_delay(link.delay)), link)
}

/// Runs the handshake, then puts the peers on `link`.
pub fn connect(mut pair: Peers, link: Link) -> Peers {
    pair.with_a(|a, now| a.machine.association.connect(now));
    pair.run_until(10 * SECOND, |a, b| a.machine.is_up() && b.machine.is_up()).expect("the handshake completes");
    pair.links(|each| *each = link.clone());
    pair
}

/// Bytes that show where they belong.
pub fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 31 + at / 251 * 7) as u8).collect()
}

/// How many seeds this tier runs: `few`, or all of them in `cargo xtask bars`.
pub fn seeds(few: u64) -> u64 {
    std::env::var("ORTICA_SEEDS").ok().and_then(|count| count.parse().ok()).unwrap_or(few)
}
