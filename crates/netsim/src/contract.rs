//! Checks that a machine keeps the sans-IO contract.
//!
//! A crate writes a [`Machine`] adapter of a few lines and calls [`check`] with a constructor:
//!
//! ```
//! use netsim::contract::{self, Side};
//! # use netsim::{Event, Machine};
//! # use ortica_core::{Instant, Rng};
//! # #[derive(Default)]
//! # struct Adapter { closing: bool, told: bool }
//! # impl Machine for Adapter {
//! #     fn handle_packet(&mut self, _: Instant, _: &mut [u8]) {}
//! #     fn handle_timeout(&mut self, _: Instant) {}
//! #     fn poll_packet(&mut self, _: Instant, _: &mut Vec<u8>) -> Option<usize> { None }
//! #     fn poll_timeout(&self) -> Option<Instant> { None }
//! #     fn poll_event(&mut self) -> Option<Event> {
//! #         (self.closing && !std::mem::replace(&mut self.told, true)).then(|| Event::closed("Closed"))
//! #     }
//! #     fn close(&mut self, _: Instant) { self.closing = true; }
//! # }
//! # fn machine(_: Side, _: Rng, _: Instant) -> Adapter { Adapter::default() }
//! contract::check(|seed, side| machine(side, Rng::from_number(seed), netsim::epoch()));
//! ```
//!
//! It asserts that
//! * polls reach `None`, append what they say, and leave what was in the buffer alone;
//! * `poll_timeout` is not consumed by asking, and lies after `now` once `now` has been handled;
//! * arbitrary bytes, fresh ones as well as broken copies of real packets, do not panic, at any point of a conversation;
//! * two runs of one seed give the same packets at the same times and the same events;
//! * after [`Machine::close`] the end is told within five minutes, once, and nothing follows it: no event, no packet, no
//!   timer.

use crate::link::Link;
use crate::machine::{Endpoint, Machine};
use crate::pair::Pair;
use crate::trace::{Hash, What};
use ortica_core::{Datagram, Ecn, Instant, Rng, SocketId, Transmit};
use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

/// Which of two peers a machine is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Side {
    /// The one that begins, where that makes a difference.
    A,
    /// The other.
    B,
}

/// What [`check_with`] does, and how much of it.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many seeds; 4 unless set.
    pub seeds: u64,
    /// Steps of 100 ms in each conversation; 50 unless set. [`Machine::act`] is called at each.
    pub steps: u64,
    /// Broken packets per step and side; 20 unless set.
    pub junk: usize,
    /// Whether the machine has an end that [`Machine::close`] brings about; true unless set.
    pub closes: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { seeds: 4, steps: 50, junk: 20, closes: true }
    }
}

/// Checks machines made by `make` from a seed; the two sides of one seed talk to each other. Each is made at
/// [`epoch`](crate::epoch).
///
/// # Panics
///
/// With the seed and what was broken, if the contract is.
pub fn check<M: Machine>(make: impl Fn(u64, Side) -> M) {
    check_with(&Options::default(), make);
}

/// As [`check`], with more or less of each.
///
/// # Panics
///
/// With the seed and what was broken, if the contract is.
pub fn check_with<M: Machine>(options: &Options, make: impl Fn(u64, Side) -> M) {
    let clean = Link::with_delay(Duration::from_millis(20));
    let rough = clean.clone().lossy(0.1).reorder(0.1, Duration::from_millis(60)).duplicate(0.1).corrupt(0.02);
    let silent = Link { down: true, ..Link::default() };
    for seed in 0..options.seeds {
        for (name, link, junk) in [
            ("clean", &clean, 0),
            ("rough", &rough, 0),
            ("junk", &clean, options.junk),
            ("alone", &silent, options.junk),
        ] {
            let first = converse(options, seed, link, junk, &make);
            let second = converse(options, seed, link, junk, &make);
            assert_eq!(first, second, "seed {seed}, {name}: two runs differ");
        }
    }
}

/// Runs one conversation and gives a hash over its packets and its events.
fn converse<M: Machine>(
    options: &Options,
    seed: u64,
    link: &Link,
    junk: usize,
    make: &impl Fn(u64, Side) -> M,
) -> (u64, u64, u64) {
    let a = Subject::new(seed, Side::A, make(seed, Side::A));
    let b = Subject::new(seed, Side::B, make(seed, Side::B));
    let mut pair = Pair::new(seed, link.clone(), a, b);
    let seen = remember_packets(&mut pair);
    let mut breaker = Breaker { rng: Rng::from_number(seed).fork("junk"), seen };
    for step in 0..options.steps {
        for _ in 0..junk {
            let (for_a, for_b) = (breaker.packet(), breaker.packet());
            pair.with_a(|a, now| a.suffer(now, for_a));
            pair.with_b(|b, now| b.suffer(now, for_b));
        }
        pair.with_a(|a, now| a.machine.act(now, step));
        pair.with_b(|b, now| b.machine.act(now, step));
        run(&mut pair, Duration::from_millis(100));
    }
    if options.closes {
        pair.with_a(|a, now| a.machine.close(now));
        run(&mut pair, Duration::from_secs(150));
        pair.with_b(|b, now| b.machine.close(now));
        run(&mut pair, Duration::from_secs(300));
        for side in [&pair.a, &pair.b] {
            assert!(side.closed, "seed {seed}, side {:?}: no end within five minutes of close", side.side);
        }
        // What comes for the dead changes nothing.
        for _ in 0..junk {
            let packet = breaker.packet();
            pair.with_a(|a, now| a.suffer(now, packet));
        }
        run(&mut pair, Duration::from_secs(60));
    }
    (pair.network.hash(), pair.a.events.0, pair.b.events.0)
}

fn run<M: Machine>(pair: &mut Pair<Subject<M>>, time: Duration) {
    let _ = pair.run_until(time, |a, b| {
        a.check_settled();
        b.check_settled();
        false
    });
}

type Seen = Rc<RefCell<Vec<Vec<u8>>>>;

/// Keeps the last packets sent, for [`Breaker`] to break.
fn remember_packets<M: Machine>(pair: &mut Pair<Subject<M>>) -> Seen {
    let seen = Seen::default();
    let keep = Rc::clone(&seen);
    pair.network.set_tap(move |crossing| {
        if crossing.what == What::Sent {
            let mut seen = keep.borrow_mut();
            if seen.len() == 64 {
                seen.remove(0);
            }
            seen.push(crossing.bytes.to_vec());
        }
    });
    seen
}

/// Makes packets that are wrong.
struct Breaker {
    rng: Rng,
    seen: Seen,
}

impl Breaker {
    fn packet(&mut self) -> Vec<u8> {
        let seen = self.seen.borrow();
        let pick = |rng: &mut Rng| seen.get(rng.below(seen.len() as u64) as usize).cloned();
        let Some(mut packet) = pick(&mut self.rng).filter(|_| self.rng.below(4) > 0) else {
            let mut noise = vec![0; self.rng.below(200) as usize];
            self.rng.fill(&mut noise);
            // Small first bytes pass for more protocols.
            if let Some(first) = noise.first_mut().filter(|_| self.rng.below(2) == 0) {
                *first &= 0x3f;
            }
            return noise;
        };
        match self.rng.below(5) {
            // As it was: a replay, or one's own packet reflected.
            0 => {}
            1 => packet.truncate(self.rng.below(packet.len() as u64 + 1) as usize),
            2 => packet.extend(self.rng.bytes::<9>()),
            3 => {
                let other = pick(&mut self.rng).unwrap_or_default();
                packet.truncate(self.rng.below(packet.len() as u64 + 1) as usize);
                packet.extend_from_slice(other.get(packet.len()..).unwrap_or_default());
            }
            _ => {
                for _ in 0..=self.rng.below(3) {
                    let at = self.rng.below(packet.len() as u64) as usize;
                    if let Some(byte) = packet.get_mut(at) {
                        *byte = self.rng.u32() as u8;
                    }
                }
            }
        }
        packet
    }
}

/// A machine under watch.
struct Subject<M> {
    seed: u64,
    side: Side,
    machine: M,
    events: Hash,
    closed: bool,
    handled: Option<Instant>,
    polled_at: Instant,
    polls: usize,
}

/// More packets than this at one instant are taken for an endless loop.
const MAX_POLLS: usize = 10_000;
const PREFIX: &[u8] = b"what was here before";

impl<M: Machine> Subject<M> {
    fn new(seed: u64, side: Side, machine: M) -> Self {
        let (events, polled_at) = (Hash::default(), crate::epoch());
        Self { seed, side, machine, events, closed: false, handled: None, polled_at, polls: 0 }
    }

    fn suffer(&mut self, now: Instant, mut packet: Vec<u8>) {
        self.machine.handle_packet(now, &mut packet);
    }

    /// Everything that was due has been handled and drained.
    fn check_settled(&self) {
        let Self { seed, side, .. } = self;
        let timeout = self.machine.poll_timeout();
        assert_eq!(timeout, self.machine.poll_timeout(), "seed {seed}, side {side:?}: asking changed the timeout");
        if let (Some(handled), Some(timeout)) = (self.handled, timeout) {
            assert!(
                timeout > handled,
                "seed {seed}, side {side:?}: {handled:?} is handled, yet the timeout is {timeout:?}"
            );
        }
        if self.closed {
            assert_eq!(timeout, None, "seed {seed}, side {side:?}: a timer runs after the end");
        }
    }

    fn peer(&self) -> SocketAddr {
        match self.side {
            Side::A => Pair::<Self>::B,
            Side::B => Pair::<Self>::A,
        }
    }
}

impl<M: Machine> Endpoint for Subject<M> {
    fn handle_datagram(&mut self, now: Instant, mut datagram: Datagram<'_>) {
        for packet in datagram.segments() {
            self.machine.handle_packet(now, packet);
        }
        self.handled = Some(now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.machine.handle_timeout(now);
        self.handled = Some(now);
    }

    fn poll_transmit(&mut self, now: Instant, _max_segments: usize, out: &mut Vec<u8>) -> Option<Transmit> {
        let Self { seed, side, .. } = *self;
        if now > self.polled_at {
            (self.polled_at, self.polls) = (now, 0);
        }
        self.polls += 1;
        assert!(self.polls < MAX_POLLS, "seed {seed}, side {side:?}: poll_packet does not come to None");
        let mut buffer = PREFIX.to_vec();
        let polled = self.machine.poll_packet(now, &mut buffer);
        assert!(buffer.starts_with(PREFIX), "seed {seed}, side {side:?}: poll_packet changed what it was given");
        let appended = buffer.split_off(PREFIX.len());
        let Some(len) = polled else {
            assert!(appended.is_empty(), "seed {seed}, side {side:?}: poll_packet appended bytes and said None");
            return None;
        };
        assert_eq!(appended.len(), len, "seed {seed}, side {side:?}: poll_packet appended another length than it said");
        assert!(!self.closed, "seed {seed}, side {side:?}: a packet follows the end");
        out.extend_from_slice(&appended);
        let (socket, remote) = (SocketId(0), self.peer());
        Some(Transmit { socket, remote, ecn: Ecn::NotEct, len, segment_size: None })
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.machine.poll_timeout()
    }

    fn react(&mut self, now: Instant) {
        let Self { seed, side, .. } = *self;
        for _ in 0..MAX_POLLS {
            let Some(event) = self.machine.poll_event() else { return };
            assert!(!self.closed, "seed {seed}, side {side:?}: {:?} follows the end", event.text);
            self.closed = event.closed;
            self.events.number(now.as_nanos());
            self.events.bytes(event.text.as_bytes());
        }
        panic!("seed {seed}, side {side:?}: poll_event does not come to None");
    }
}

#[cfg(test)]
mod tests;
