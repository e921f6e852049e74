//! Drives machines by a script, and asserts that they come to rest after everything they are told.

use crate::script::Script;
use netsim::{Machine, epoch};
use ortica_core::Instant;
use std::collections::VecDeque;
use std::time::Duration;

/// More packets or events than this at one instant are an endless loop.
const MOST_AT_ONCE: usize = 10_000;
/// How often time moves on after the script has ended.
const MOST_TIMEOUTS: usize = 200;

/// Tells one machine whatever the script says: packets, times and what its adapter does in [`Machine::act`].
pub fn alone(machine: impl Machine, input: &[u8]) {
    let mut subject = Subject::new(machine);
    let mut script = Script::new(input);
    let mut now = epoch();
    let mut step = 0;
    subject.settle(now);
    while !script.is_empty() {
        match script.u8() {
            0..128 => subject.receive(now, script.packet()),
            128..160 => now = subject.next(now).unwrap_or(now),
            160..192 => now += Duration::from_millis(u64::from(script.u16())),
            _ => {
                step += 1;
                subject.machine.act(now, step);
            }
        }
        subject.settle(now);
    }
    rest(&mut [&mut subject], now);
}

/// Lets two machines talk, while the script loses, doubles, swaps, bends and invents packets on their way.
pub fn pair<M: Machine>(a: M, b: M, input: &[u8]) {
    let (mut a, mut b) = (Subject::new(a), Subject::new(b));
    let mut script = Script::new(input);
    let mut now = epoch();
    let mut step = 0;
    for _ in 0..2_000 {
        a.settle(now);
        b.settle(now);
        // Packets go in turn; when none is on its way, time moves on.
        let (from, to) = if step % 2 == 0 { (&mut a, &mut b) } else { (&mut b, &mut a) };
        step += 1;
        if let Some(packet) = from.sent.pop_front() {
            carry(from, to, now, packet, &mut script);
        } else if to.sent.is_empty() {
            if script.is_empty() {
                break;
            }
            match script.u8() {
                0..160 => match a.next(now).into_iter().chain(b.next(now)).min() {
                    Some(next) => now = next,
                    None => now += Duration::from_secs(1),
                },
                160..176 => now += Duration::from_millis(u64::from(script.u16())),
                _ => from.machine.act(now, step),
            }
        }
    }
    rest(&mut [&mut a, &mut b], now);
}

/// Carries one packet. The low numbers, which a script that has ended reads, deliver it.
fn carry<M: Machine>(
    from: &mut Subject<M>,
    to: &mut Subject<M>,
    now: Instant,
    mut packet: Vec<u8>,
    script: &mut Script<'_>,
) {
    match script.u8() {
        0..160 => {}
        160..176 => return,
        176..184 => to.receive(now, &packet),
        184..192 => return from.sent.push_back(packet),
        192..224 => {
            for _ in 0..=script.u8() % 4 {
                let at = script.below(packet.len());
                if let Some(byte) = packet.get_mut(at) {
                    *byte = script.u8();
                }
            }
        }
        224..232 => packet.truncate(script.below(packet.len() + 1)),
        232..240 => packet.extend_from_slice(script.bytes(8)),
        // Reflected to whom it came from.
        240..244 => return from.receive(now, &packet),
        _ => to.receive(now, script.packet()),
    }
    to.receive(now, &packet);
}

/// Lets the time pass for a while without anything else.
fn rest<M: Machine>(subjects: &mut [&mut Subject<M>], mut now: Instant) {
    for _ in 0..MOST_TIMEOUTS {
        let Some(next) = subjects.iter().filter_map(|subject| subject.next(now)).min() else { return };
        now = next;
        for subject in subjects.iter_mut() {
            subject.settle(now);
            subject.sent.clear();
        }
    }
}

/// A machine under watch.
struct Subject<M> {
    machine: M,
    sent: VecDeque<Vec<u8>>,
    out: Vec<u8>,
    closed: bool,
    /// A packet came that was not settled yet.
    received: bool,
}

impl<M: Machine> Subject<M> {
    fn new(machine: M) -> Self {
        Self { machine, sent: VecDeque::new(), out: Vec::new(), closed: false, received: false }
    }

    /// When time has to move on for it, if at all.
    fn next(&self, now: Instant) -> Option<Instant> {
        self.machine.poll_timeout().map(|at| at.max(now))
    }

    fn receive(&mut self, now: Instant, packet: &[u8]) {
        self.machine.handle_packet(now, &mut packet.to_vec());
        self.received = true;
        self.settle(now);
    }

    /// Handles what is due, and takes out everything there is.
    fn settle(&mut self, now: Instant) {
        if self.machine.poll_timeout().is_some_and(|at| at <= now) {
            self.machine.handle_timeout(now);
        }
        for polled in 0.. {
            assert!(polled < MOST_AT_ONCE, "poll_packet does not come to None");
            self.out.clear();
            let Some(len) = self.machine.poll_packet(now, &mut self.out) else { break };
            assert_eq!(len, self.out.len(), "poll_packet appended another length than it said");
            // After the end it may still answer, as a peer that has not heard of the end needs it to (RFC 9260 §8.4).
            let answers = std::mem::take(&mut self.received);
            assert!(!self.closed || answers, "a packet follows the end");
            self.sent.push_back(self.out.clone());
        }
        for polled in 0.. {
            assert!(polled < MOST_AT_ONCE, "poll_event does not come to None");
            let Some(event) = self.machine.poll_event() else { break };
            assert!(!self.closed, "{} follows the end", event.text);
            self.closed = event.closed;
        }
        self.received = false;
        if let Some(timeout) = self.machine.poll_timeout() {
            assert!(timeout > now, "{now:?} is handled, yet the timeout is {timeout:?}");
        }
    }
}
