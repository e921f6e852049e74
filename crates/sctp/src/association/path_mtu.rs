//! How long packets may be: looked for with probes, and doubted when a path swallows what it carried.
//!
//! Source: [RFC 8899](https://www.rfc-editor.org/rfc/rfc8899), for SCTP over DTLS §6.2.3. A probe is a HEARTBEAT with a PAD chunk
//! behind it, of which nothing depends: that it gets lost is no sign of congestion. Since a chunk cannot be cut again once it
//! has a TSN, no chunk is longer than what fits the base size; longer packets carry several, and each can be sent again in a
//! packet that fits every path.

use super::timer::Timer;
use super::{Association, State};
use crate::Config;
use ortica_core::Instant;
use std::time::Duration;

/// Probes of one size that have to get lost (`MAX_PROBES`).
const MOST_PROBES: u32 = 3;
/// The least time to wait for an answer (`PROBE_TIMER`).
const LEAST_WAIT: Duration = Duration::from_secs(1);
/// When to look for more again (`PMTU_RAISE_TIMER`).
const RAISE: Duration = Duration::from_secs(600);
/// Gains of fewer bytes are not worth a probe.
const LEAST_GAIN: usize = 16;

/// The search for the longest packet, in bytes of SCTP.
#[derive(Debug)]
pub struct PathMtu {
    base: usize,
    most: usize,
    current: usize,
    /// Packets of this length get lost.
    ceiling: usize,
    probe: Probe,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Probe {
    /// There is nothing to look for, or not now.
    None,
    /// A packet of this size is to be sent, after so many of it got lost.
    Due { size: usize, lost: u32 },
    /// It was sent, with this number in it.
    Sent { size: usize, lost: u32, nonce: u64 },
}

impl PathMtu {
    pub fn new(config: &Config) -> Self {
        let base = config.max_packet_size & !3;
        let most = config.packet_size_to_find.map_or(base, |most| (most & !3).max(base));
        let mut mtu = Self { base, most, current: base, ceiling: most + 4, probe: Probe::None };
        mtu.look_on();
        mtu
    }

    /// Bytes of the longest packet to send.
    pub fn current(&self) -> usize {
        self.current
    }

    /// Bytes of the probe that is to be sent.
    pub fn due(&self) -> Option<usize> {
        if let Probe::Due { size, .. } = self.probe { Some(size) } else { None }
    }

    /// The probe was sent, with `nonce` in it. Returns how long to wait for its answer.
    pub fn on_sent(&mut self, nonce: u64, time_out: Duration) -> Duration {
        if let Probe::Due { size, lost } = self.probe {
            self.probe = Probe::Sent { size, lost, nonce };
        }
        time_out.max(LEAST_WAIT)
    }

    /// A HEARTBEAT was answered. Returns whether it was the probe, and how long then to leave the path alone if nothing is
    /// due now.
    pub fn on_answer(&mut self, answered: u64) -> Option<Duration> {
        let Probe::Sent { size, nonce, .. } = self.probe else { return None };
        if nonce != answered {
            return None;
        }
        self.current = size;
        Some(self.look_on())
    }

    /// The wait is over. Returns how long to leave the path alone if nothing is due now.
    pub fn on_timeout(&mut self) -> Duration {
        match self.probe {
            Probe::Sent { size, lost, .. } if lost + 1 < MOST_PROBES => {
                self.probe = Probe::Due { size, lost: lost + 1 };
                RAISE
            }
            Probe::Sent { size, .. } => {
                self.ceiling = size;
                self.look_on()
            }
            Probe::Due { .. } => RAISE,
            Probe::None => {
                self.ceiling = self.most + 4;
                self.look_on()
            }
        }
    }

    /// Data got lost so that a time-out had to find it. If packets are longer than every path carries, this one may have
    /// become shorter: back to the base, and look on from there. Returns whether that is so.
    pub fn on_black_hole(&mut self) -> bool {
        if self.current == self.base {
            return false;
        }
        self.ceiling = self.current;
        self.current = self.base;
        self.look_on();
        true
    }

    /// A packet of `len` bytes was refused before it left: nothing of its length comes through, which need not be asked
    /// twice. Returns whether that was news of a path that had carried it.
    pub fn on_refused(&mut self, len: usize) -> bool {
        if let Probe::Sent { size, .. } = self.probe
            && len >= size
        {
            self.ceiling = size;
            self.look_on();
            return false;
        }
        if len <= self.base || len > self.current {
            return false;
        }
        self.current = len;
        self.on_black_hole()
    }

    /// The packets go another way from here on, about which nothing is known.
    pub fn on_path_changed(&mut self) {
        self.ceiling = self.most + 4;
        self.current = self.base;
        self.look_on();
    }

    /// Bytes of the probe that is to be sent, or is not answered yet.
    fn probed(&self) -> Option<usize> {
        match self.probe {
            Probe::Due { size, .. } | Probe::Sent { size, .. } => Some(size),
            Probe::None => None,
        }
    }

    /// Chooses the next size: first all there may be, then by halves.
    fn look_on(&mut self) -> Duration {
        let size = if self.ceiling > self.most { self.most } else { self.current.midpoint(self.ceiling) & !3 };
        let is_worth_it = size > self.current && (self.ceiling > self.most || size >= self.current + LEAST_GAIN);
        self.probe = if is_worth_it { Probe::Due { size, lost: 0 } } else { Probe::None };
        RAISE
    }
}

/// What the layers below know of the path.
impl Association {
    /// Bytes of the packet that looks for more than the path is known to carry, while it is due or on its way. What would share
    /// its fate does not belong into one transmit with it.
    pub fn probe_size(&self) -> Option<usize> {
        self.up()?.mtu.probed()
    }

    /// The socket refused a packet of `len` bytes, because the first link does not carry it. It is lost; those built from here
    /// on are shorter, if they can be.
    pub fn packet_too_long(&mut self, now: Instant, len: usize) {
        let State::Up { link, .. } = &mut self.state else { return };
        self.stats.black_holes += u64::from(link.mtu.on_refused(len));
        self.look_for_more(now);
    }

    /// The packets take another path from here on: how much that carries has to be found out anew.
    pub fn path_changed(&mut self, now: Instant) {
        let State::Up { link, .. } = &mut self.state else { return };
        link.mtu.on_path_changed();
        self.look_for_more(now);
    }

    /// Another probe may be due, or the search may be over for now.
    fn look_for_more(&mut self, now: Instant) {
        self.drain.begin();
        if self.probe_size().is_none() {
            self.set_timer(Timer::PathMtu, now + RAISE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ortica_core::crypto::rust_crypto;

    fn mtu(base: usize, most: Option<usize>) -> PathMtu {
        PathMtu::new(&Config::new(rust_crypto::provider()).with_max_packet_size(base).with_packet_size_to_find(most))
    }

    /// Probes until nothing is due, on a path that carries packets of `carried` bytes. Returns how many it took.
    fn search(mtu: &mut PathMtu, carried: usize) -> u32 {
        let mut probes = 0;
        while let Some(size) = mtu.due() {
            mtu.on_sent(7, Duration::ZERO);
            if size <= carried {
                assert!(mtu.on_answer(7).is_some());
            } else {
                mtu.on_timeout();
            }
            probes += 1;
            assert!(probes < 100);
        }
        probes
    }

    #[test]
    fn finds_what_the_path_carries() {
        let mut all = mtu(1_188, Some(1_400));
        assert_eq!((search(&mut all, 9_000), all.current()), (1, 1_400));
        for carried in [1_200, 1_300, 1_391, 4_000, 8_000] {
            let mut some = mtu(1_188, Some(8_900));
            search(&mut some, carried);
            assert!(some.current() <= carried && some.current() + 2 * LEAST_GAIN > carried, "{carried} {some:?}");
        }
    }

    #[test]
    fn is_off_unless_asked_for() {
        assert_eq!(mtu(1_188, None).due(), None);
        assert_eq!(mtu(1_188, Some(1_000)).due(), None);
    }

    #[test]
    fn one_lost_probe_says_nothing_and_a_strange_answer_neither() {
        let mut mtu = mtu(1_188, Some(1_400));
        mtu.on_sent(1, Duration::ZERO);
        assert_eq!(mtu.on_answer(2), None);
        mtu.on_timeout();
        assert_eq!(mtu.due(), Some(1_400));
        mtu.on_sent(3, Duration::ZERO);
        assert!(mtu.on_answer(3).is_some());
        assert_eq!(mtu.current(), 1_400);
    }

    #[test]
    fn a_probe_that_is_refused_is_not_repeated() {
        let mut mtu = mtu(1_188, Some(16_384));
        let mut refused = 0;
        while let Some(size) = mtu.due() {
            mtu.on_sent(7, Duration::ZERO);
            if size <= 1_435 {
                assert!(mtu.on_answer(7).is_some());
            } else {
                assert!(!mtu.on_refused(size));
                refused += 1;
            }
        }
        assert!((1_420..=1_435).contains(&mtu.current()), "{mtu:?}");
        assert!(refused <= 10, "{refused}");
    }

    #[test]
    fn a_refusal_of_what_was_carried_leads_back_to_the_base_and_one_of_less_does_not() {
        let mut mtu = mtu(1_188, Some(1_400));
        search(&mut mtu, 1_400);
        assert!(!mtu.on_refused(1_188) && !mtu.on_refused(1_404));
        assert_eq!(mtu.current(), 1_400);
        assert!(mtu.on_refused(1_300));
        assert_eq!(mtu.current(), 1_188);
        search(&mut mtu, 1_250);
        assert!((1_230..=1_250).contains(&mtu.current()), "{mtu:?}");
    }

    #[test]
    fn another_path_is_looked_at_anew() {
        let mut mtu = mtu(1_188, Some(1_400));
        search(&mut mtu, 1_300);
        mtu.on_path_changed();
        assert_eq!((mtu.current(), mtu.due()), (1_188, Some(1_400)));
    }

    #[test]
    fn a_black_hole_leads_back_to_the_base_and_a_new_search() {
        let mut mtu = mtu(1_188, Some(1_400));
        assert!(!mtu.on_black_hole());
        search(&mut mtu, 1_400);
        assert!(mtu.on_black_hole());
        assert_eq!(mtu.current(), 1_188);
        search(&mut mtu, 1_300);
        assert!((1_270..=1_300).contains(&mtu.current()), "{mtu:?}");
        // Much later, it may have become longer again.
        mtu.on_timeout();
        assert_eq!(mtu.due(), Some(1_400));
    }
}
