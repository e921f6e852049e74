use super::*;
use crate::machine::Event;

/// Pings once a second and answers pings; each of its flaws breaks one clause of the contract.
#[derive(Default)]
struct Pinger {
    flaw: Flaw,
    rng: Option<Rng>,
    next: Option<Instant>,
    queue: Vec<Vec<u8>>,
    events: Vec<Event>,
    ended: bool,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum Flaw {
    #[default]
    None,
    TimerStands,
    NeverDry,
    PanicsOnShort,
    Unseeded,
    TalksAfterEnd,
    EndsTwice,
    NeverEnds,
    ClearsBuffer,
}

thread_local! {
    static UNSEEDED: std::cell::Cell<u8> = const { std::cell::Cell::new(0) };
}

impl Pinger {
    fn new(seed: u64, flaw: Flaw) -> Self {
        Self { flaw, rng: Some(Rng::from_number(seed)), next: Some(crate::epoch()), ..Self::default() }
    }
}

impl Machine for Pinger {
    fn handle_packet(&mut self, _now: Instant, packet: &mut [u8]) {
        if self.flaw == Flaw::PanicsOnShort {
            assert!(packet.len() > 1);
        }
        if self.flaw == Flaw::TalksAfterEnd || !self.ended {
            if packet.first() == Some(&b'?') && self.queue.len() < 100 {
                self.queue.push(b"!".to_vec());
            }
            self.events.push(Event::new(format!("packet {packet:?}")));
        }
        if self.ended && self.flaw != Flaw::TalksAfterEnd {
            self.events.retain(|event| event.closed);
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        if self.next.is_none_or(|next| next > now) {
            return;
        }
        let mut ping = b"?".to_vec();
        ping.extend(self.rng.as_mut().unwrap().bytes::<4>());
        if self.flaw == Flaw::Unseeded {
            UNSEEDED.set(UNSEEDED.get().wrapping_add(1));
            ping.push(UNSEEDED.get());
        }
        self.queue.push(ping);
        if self.flaw != Flaw::TimerStands {
            self.next = Some(now + Duration::from_secs(1));
        }
    }

    fn poll_packet(&mut self, _now: Instant, out: &mut Vec<u8>) -> Option<usize> {
        if self.flaw == Flaw::NeverDry {
            return Some(0);
        }
        if self.flaw == Flaw::ClearsBuffer {
            out.clear();
        }
        let packet = self.queue.pop()?;
        out.extend_from_slice(&packet);
        Some(packet.len())
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.next
    }

    fn poll_event(&mut self) -> Option<Event> {
        (!self.events.is_empty()).then(|| self.events.remove(0))
    }

    fn close(&mut self, _now: Instant) {
        if self.flaw == Flaw::NeverEnds {
            return;
        }
        self.next = None;
        self.ended = true;
        self.events.push(Event::closed("closed"));
        if self.flaw == Flaw::EndsTwice {
            self.events.push(Event::closed("closed"));
        }
    }
}

fn check_flaw(flaw: Flaw) {
    check(|seed, side| Pinger::new(seed * 2 + side as u64, flaw));
}

#[test]
fn accepts_a_machine_that_keeps_it() {
    check_flaw(Flaw::None);
}

#[test]
#[should_panic = "yet the timeout is"]
fn refuses_a_timer_that_stands_still() {
    check_flaw(Flaw::TimerStands);
}

#[test]
#[should_panic = "does not come to None"]
fn refuses_a_poll_that_never_ends() {
    check_flaw(Flaw::NeverDry);
}

#[test]
#[should_panic = "packet.len() > 1"]
fn finds_a_panic_on_arbitrary_bytes() {
    check_flaw(Flaw::PanicsOnShort);
}

#[test]
#[should_panic = "two runs differ"]
fn refuses_randomness_from_elsewhere() {
    check_flaw(Flaw::Unseeded);
}

#[test]
#[should_panic = "follows the end"]
fn refuses_packets_after_the_end() {
    check_flaw(Flaw::TalksAfterEnd);
}

#[test]
#[should_panic = "follows the end"]
fn refuses_a_second_end() {
    check_flaw(Flaw::EndsTwice);
}

#[test]
#[should_panic = "no end within"]
fn refuses_a_close_without_an_end() {
    check_flaw(Flaw::NeverEnds);
}

#[test]
#[should_panic = "changed what it was given"]
fn refuses_a_poll_that_clears_the_buffer() {
    check_flaw(Flaw::ClearsBuffer);
}
