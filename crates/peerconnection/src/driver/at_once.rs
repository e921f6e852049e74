//! What of a session may be sent without waiting for its endpoint's turn.
//!
//! A short answer to what just came in is most of what some sessions send. It goes out from where it is made then: the endpoint,
//! which is a task of its own, would take longer to be woken and to look around than the packet takes to be built. One at a
//! time: who sends much is served better by the endpoint, which fills packets and makes trains of them. A frame of media is a train by
//! itself; it goes out from the thread that encoded it, where no other session waits for the same frame.

use ortica_core::{Instant, SocketId};
use std::net::SocketAddr;

/// Kept by a session under its lock.
#[derive(Debug, Default)]
pub(crate) struct AtOnce {
    /// The endpoint has sent all that there was, so that nothing is overtaken.
    is_drained: bool,
    /// One packet may go out.
    may_send: bool,
    /// The session has connections of TCP, which only the endpoint can write to.
    pub over_streams: bool,
    /// Where the endpoint looks for answers from.
    known: Option<(SocketId, SocketAddr)>,
    /// Where was sent to, of which the endpoint does not know.
    unknown: Option<(SocketId, SocketAddr)>,
    /// When the endpoint looks at the session next.
    pub alarm: Option<Instant>,
}

impl AtOnce {
    /// The endpoint draws transmits out and has yet to send them.
    pub fn on_turn(&mut self) {
        self.is_drained = false;
        self.may_send = false;
    }

    /// It has sent them; `more` wait for its next turn. Returns where was sent to without it.
    pub fn on_turn_over(&mut self, more: bool) -> Option<(SocketId, SocketAddr)> {
        self.is_drained = !more;
        self.may_send = !more;
        let told = self.unknown.take();
        self.known = told.or(self.known);
        told
    }

    /// The endpoint begins a turn with a packet for the session. Returns whether it may be answered before the turn goes on.
    pub fn on_packet(&mut self) -> bool {
        self.may_send = self.is_drained;
        self.may_send && !self.over_streams
    }

    /// Whether one packet may go out, which is granted once in each turn and once between two.
    pub fn take_leave(&mut self) -> bool {
        std::mem::take(&mut self.may_send) && !self.over_streams
    }

    /// Whether a frame may go out: nothing is left for it to overtake.
    pub fn may_send_frame(&self) -> bool {
        self.is_drained && !self.over_streams
    }

    /// A packet went to `remote`. Returns whether the endpoint knows that answers may come from there.
    pub fn on_sent(&mut self, socket: SocketId, remote: SocketAddr) -> bool {
        if self.known == Some((socket, remote)) {
            return true;
        }
        self.unknown = Some((socket, remote));
        false
    }

    /// Whether the endpoint looks at the session before something is due at `next`. It may come too early, once.
    pub fn is_alarm_early(&self, next: Option<Instant>) -> bool {
        next.is_none_or(|next| self.alarm.is_some_and(|alarm| alarm <= next))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOCKET: SocketId = SocketId(0);

    fn remote(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    #[test]
    fn one_packet_goes_out_between_two_turns_and_none_during_one() {
        let mut at_once = AtOnce::default();
        assert!(!at_once.take_leave());
        at_once.on_turn_over(false);
        assert!(at_once.take_leave());
        assert!(!at_once.take_leave());
        at_once.on_turn_over(false);
        at_once.on_turn();
        assert!(!at_once.take_leave());
        at_once.on_turn_over(true);
        assert!(!at_once.take_leave(), "what is left goes first");
    }

    #[test]
    fn frames_go_out_wherever_they_overtake_nothing() {
        let mut at_once = AtOnce::default();
        assert!(!at_once.may_send_frame());
        at_once.on_turn_over(false);
        assert!(
            at_once.may_send_frame() && at_once.may_send_frame() && at_once.take_leave() && at_once.may_send_frame()
        );
        at_once.on_turn();
        assert!(!at_once.may_send_frame());
        at_once.on_turn_over(true);
        assert!(!at_once.may_send_frame(), "what is left goes first");
        at_once.on_turn_over(false);
        at_once.over_streams = true;
        assert!(!at_once.may_send_frame());
    }

    #[test]
    fn what_came_in_is_answered_unless_more_is_left() {
        let mut at_once = AtOnce::default();
        assert!(!at_once.on_packet() && !at_once.take_leave());
        at_once.on_turn_over(false);
        assert!(at_once.take_leave());
        assert!(at_once.on_packet() && at_once.take_leave() && !at_once.take_leave());
        at_once.on_turn();
        at_once.on_turn_over(true);
        assert!(!at_once.on_packet() && !at_once.take_leave(), "what is left goes first");
        at_once.on_turn_over(false);
        at_once.over_streams = true;
        assert!(!at_once.on_packet() && !at_once.take_leave());
    }

    #[test]
    fn what_may_go_over_a_stream_waits_for_the_endpoint() {
        let mut at_once = AtOnce { over_streams: true, ..AtOnce::default() };
        at_once.on_turn_over(false);
        assert!(!at_once.take_leave());
        at_once.on_turn_over(false);
        at_once.over_streams = false;
        assert!(at_once.take_leave());
    }

    #[test]
    fn the_endpoint_hears_of_each_new_destination() {
        let mut at_once = AtOnce::default();
        assert!(!at_once.on_sent(SOCKET, remote(1)));
        assert_eq!(at_once.on_turn_over(false), Some((SOCKET, remote(1))));
        assert!(at_once.on_sent(SOCKET, remote(1)));
        assert_eq!(at_once.on_turn_over(false), None);
        assert!(!at_once.on_sent(SOCKET, remote(2)));
        assert_eq!(at_once.on_turn_over(false), Some((SOCKET, remote(2))));
    }

    #[test]
    fn a_deadline_before_the_alarm_takes_a_turn() {
        let at = Instant::from_nanos;
        let mut at_once = AtOnce::default();
        assert!(at_once.is_alarm_early(None));
        assert!(!at_once.is_alarm_early(Some(at(1))));
        at_once.alarm = Some(at(5));
        assert!(at_once.is_alarm_early(Some(at(5))) && at_once.is_alarm_early(Some(at(6))));
        assert!(!at_once.is_alarm_early(Some(at(4))));
    }
}
