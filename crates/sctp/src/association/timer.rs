//! What happens when time passes.

use super::{Association, Heartbeat, State};
use crate::CloseReason;
use ortica_core::Instant;
use std::time::Duration;
use tracing::debug;

/// How many kinds of timers there are.
pub const TIMERS: usize = 11;

/// The timers of an association, by the names of the RFCs where they have one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Timer {
    /// T1-init and T1-cookie: INIT or COOKIE ECHO is not answered.
    Setup,
    /// T2-shutdown: SHUTDOWN or SHUTDOWN ACK is not answered.
    Shutdown,
    /// T3-rtx: the first outstanding chunk is not acknowledged; or the peer's window was closed and may be open again.
    Retransmit,
    /// The end of a flight is not acknowledged.
    Probe,
    /// What seems late may be taken for lost.
    Late,
    /// More may leave than did at once.
    Pace,
    /// A single packet has waited long enough for its acknowledgement.
    Ack,
    /// The path lies idle.
    Heartbeat,
    /// A request about streams is not answered.
    Reconfig,
    /// A probe for longer packets is not answered, or it is time for one.
    PathMtu,
    /// T5-shutdown-guard: the end takes too long.
    Guard,
}

/// Probes of a tail before the T3 timer takes over.
const MOST_PROBES: u32 = 2;
/// A tail is not probed sooner than this: below it timers and scheduling of both ends count for more than the path.
const LEAST_PROBE_DELAY: Duration = Duration::from_millis(10);
/// So much later than what may be late is judged, T3 runs out.
const CLOCK_GRAIN: Duration = Duration::from_millis(1);
/// How long peers hold back the acknowledgement of a single packet.
const PEER_ACK_DELAY: Duration = Duration::from_millis(200);

impl Association {
    pub(super) fn set_timer(&mut self, timer: Timer, deadline: Instant) {
        self.timers.set(timer as usize, deadline);
    }

    pub(super) fn clear_timer(&mut self, timer: Timer) {
        self.timers.clear(timer as usize);
    }

    pub(super) fn is_set(&self, timer: Timer) -> bool {
        self.timers.get(timer as usize).is_some()
    }

    /// Acts on what [`poll_timeout`](Self::poll_timeout) announced.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.drain.begin();
        for (timer, act) in [
            (Timer::Guard, Self::on_guard as fn(&mut Self, Instant)),
            (Timer::Setup, Self::on_setup_timeout),
            (Timer::Shutdown, Self::on_shutdown_timeout),
            (Timer::Late, Self::detect_lost),
            (Timer::Retransmit, Self::on_retransmit_timeout),
            (Timer::Probe, Self::on_probe_timeout),
            // That the drain begins anew is all there is to it.
            (Timer::Pace, |_, _| ()),
            (Timer::Ack, Self::on_ack_timeout),
            (Timer::Heartbeat, Self::on_heartbeat_timeout),
            (Timer::Reconfig, Self::on_reconfig_timeout),
            (Timer::PathMtu, Self::on_path_mtu_timeout),
        ] {
            if self.timers.take_expired(timer as usize, now) {
                act(self, now);
            }
        }
        self.settle(now);
    }

    /// The path carries packets again after an outage, as the layer below noticed: what waits for a time-out is sent now. The
    /// back-off may have made that ten seconds long by then.
    pub fn path_restored(&mut self, now: Instant) {
        for timer in [Timer::Setup, Timer::Shutdown, Timer::Retransmit, Timer::Reconfig] {
            if self.is_set(timer) {
                self.set_timer(timer, now);
            }
        }
        self.handle_timeout(now);
    }

    /// The peer did not answer once more. Returns whether the association survives that.
    pub(super) fn on_failure(&mut self) -> bool {
        self.errors += 1;
        let alive = self.errors <= self.config.max_retransmits;
        if !alive {
            self.abort_with(CloseReason::Timeout, |_| ());
        }
        alive
    }

    fn on_guard(&mut self, _now: Instant) {
        self.abort_with(CloseReason::Timeout, |_| ());
    }

    fn on_setup_timeout(&mut self, _now: Instant) {
        let (State::CookieWait(setup) | State::CookieEchoed { setup, .. }) = &mut self.state else { return };
        setup.timeouts += 1;
        setup.due = true;
        if setup.timeouts > self.config.max_init_retransmits {
            self.abort_with(CloseReason::ConnectTimeout, |_| ());
        }
    }

    fn on_shutdown_timeout(&mut self, _now: Instant) {
        if self.on_failure() {
            self.drain.shutdown_due = true;
            self.rto.back_off();
        }
    }

    fn on_retransmit_timeout(&mut self, now: Instant) {
        let State::Up { link, .. } = &mut self.state else { return };
        if !link.flight.is_outstanding() {
            // Nothing is in flight because the peer's window was closed: ask whether it still is.
            self.drain.window_probe = true;
            self.drain.window_probes += 1;
            return;
        }
        if self.drain.window_probes > 0 {
            return self.on_window_probe_timeout(now);
        }
        self.rto.back_off();
        debug!(in_flight = link.flight.in_flight(), "retransmission time-out");
        let chunks = link.flight.on_timeout(now);
        link.congestion.on_timeout(chunks, link.flight.last_packet());
        self.stats.timeouts += 1;
        self.stats.black_holes += u64::from(link.mtu.on_black_hole());
        self.drain.probes = 0;
        self.clear_timer(Timer::Probe);
        self.clear_timer(Timer::Late);
        if self.on_failure() {
            self.drain.force = true;
            self.set_timer(Timer::Retransmit, now + self.retransmit_wait(0));
            // What is sent again tells no round trip time (Karn), and with losses enough nothing else is sent: the
            // time-out would stay as long as it has become. The answer to a HEARTBEAT is not ambiguous.
            self.heartbeat = Some(Heartbeat { nonce: self.rng.u64(), sent_at: now, due: true });
        }
    }

    /// What was sent into a closed window is not acknowledged. That is no loss, and no failure for long: each time that the
    /// peer says that it has no room, the count starts anew, so it may go on saying so for as long as it likes.
    ///
    /// Source: [RFC 9260 §6.1](https://www.rfc-editor.org/rfc/rfc9260#section-6.1), rule A
    fn on_window_probe_timeout(&mut self, now: Instant) {
        let State::Up { link, .. } = &mut self.state else { return };
        link.flight.on_timeout(now);
        self.drain.window_probes += 1;
        if self.on_failure() {
            self.drain.force = true;
            let wait = self.retransmit_wait(self.drain.window_probes);
            self.set_timer(Timer::Retransmit, now + wait);
        }
    }

    /// How long T3 runs from now on: never shorter than a packet may be late without being taken for lost, or everything in
    /// flight would be sent again before it is known what of it is missing.
    pub(super) fn retransmit_wait(&self, doublings: u32) -> Duration {
        let wait = self.rto.backed_off(doublings);
        let patience = self.up().and_then(|link| link.flight.patience(&self.rto));
        patience.map_or(wait, |patience| wait.max(patience + CLOCK_GRAIN))
    }

    fn on_probe_timeout(&mut self, _now: Instant) {
        self.drain.probes += 1;
        self.drain.probe = true;
        self.stats.tail_probes += 1;
    }

    fn on_ack_timeout(&mut self, _now: Instant) {
        if let Some(link) = self.up_mut() {
            link.inbound.acknowledge_now();
        }
    }

    fn on_heartbeat_timeout(&mut self, now: Instant) {
        if self.heartbeat.is_some() {
            if !self.on_failure() {
                return;
            }
            self.rto.back_off();
        }
        self.heartbeat = Some(Heartbeat { nonce: self.rng.u64(), sent_at: now, due: true });
        self.arm_heartbeat(now);
    }

    fn on_path_mtu_timeout(&mut self, now: Instant) {
        let Some(link) = self.up_mut() else { return };
        let wait = link.mtu.on_timeout();
        self.set_timer(Timer::PathMtu, now + wait);
    }

    fn on_reconfig_timeout(&mut self, _now: Instant) {
        let Some(link) = self.up_mut() else { return };
        if link.resets.on_timeout() && self.on_failure() {
            self.rto.back_off();
        }
    }

    /// The path was used: it lies idle from now on.
    pub(super) fn arm_heartbeat(&mut self, now: Instant) {
        if let Some(interval) = self.config.heartbeat_interval {
            // Both ends start together; what one of them adds at random keeps them from meeting for ever.
            let grain = self.rto.current().as_nanos() as u64;
            let jitter = Duration::from_nanos(self.rng.below(grain));
            self.set_timer(Timer::Heartbeat, now + interval + self.rto.current() / 2 + jitter);
        }
    }

    /// Sets the timer that probes the end of a flight. `now` is when it was last added to.
    pub(super) fn arm_probe(&mut self, now: Instant) {
        self.clear_timer(Timer::Probe);
        let (State::Up { link, .. }, Some(rtt)) = (&self.state, self.rto.smoothed()) else { return };
        let in_flight = link.flight.in_flight();
        if in_flight == 0 || self.drain.probes >= MOST_PROBES || self.drain.window_probes > 0 {
            return;
        }
        let patience =
            if in_flight <= super::link::packet_room(&self.config) { PEER_ACK_DELAY } else { Duration::ZERO };
        let delay = (2 * rtt + patience).max(LEAST_PROBE_DELAY) * (1 << self.drain.probes);
        let at = now + delay;
        if self.timers.get(Timer::Retransmit as usize).is_some_and(|deadline| at < deadline) {
            self.set_timer(Timer::Probe, at);
        }
    }
}
