//! The peer's messages, in order.

use super::reassembly::Reassembly;
use crate::message::{Fragment, HandshakeType, Message};

/// Gives out the messages of the peer's flight in their order, each once.
pub(crate) struct Inbox {
    reassembly: Reassembly,
    /// Number of the message that is awaited.
    next: u16,
    /// Number of the first message of the flight it belongs to.
    first: u16,
}

impl Inbox {
    /// How far ahead of its turn a message may come.
    const WINDOW: u16 = 16;

    /// The peer's first message has the number `first`.
    pub(crate) fn new(first: u16, reassembly: Reassembly) -> Self {
        Self { reassembly, next: first, first }
    }

    /// Takes in a part of a message, unless its turn is over or far away.
    pub(crate) fn add(&mut self, fragment: &Fragment<'_>) {
        if fragment.sequence.checked_sub(self.next).is_some_and(|ahead| ahead < Self::WINDOW) {
            self.reassembly.add(fragment);
        }
    }

    /// `true` if the message belongs to a flight that was answered before.
    pub(crate) fn is_answered(&self, fragment: &Fragment<'_>) -> bool {
        fragment.sequence < self.first
    }

    /// The next message, if it is there and one of `kinds`.
    ///
    /// A NewSessionTicket is not authenticated, but counts into the hash that the Finished message after it proves. It is
    /// given out once that message is there; where Finished comes in its place, it was a stranger's.
    pub(crate) fn take(&mut self, kinds: &[HandshakeType]) -> Option<Message> {
        let (finished, ticket) = (HandshakeType::FINISHED, HandshakeType::NEW_SESSION_TICKET);
        let kinds = if kinds.contains(&ticket) && !self.reassembly.has(self.next.wrapping_add(1), finished) {
            &[HandshakeType::FINISHED]
        } else {
            kinds
        };
        let message = self.reassembly.take(self.next, kinds)?;
        self.next = self.next.saturating_add(1);
        Some(message)
    }

    /// What was taken so far was answered: the peer's next flight begins. Nothing of it can be here yet.
    pub(crate) fn begin_flight(&mut self) {
        self.restart(self.next);
    }

    /// Starts over: the peer's next flight begins with the number `first`.
    pub(crate) fn restart(&mut self, first: u16) {
        self.reassembly.clear();
        (self.first, self.next) = (first, first);
    }

    /// Takes the flight from its first message again: what came of it was not the peer's.
    pub(crate) fn rewind(&mut self) {
        self.restart(self.first);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FINISHED: HandshakeType = HandshakeType::FINISHED;
    const TICKET: HandshakeType = HandshakeType::NEW_SESSION_TICKET;

    fn inbox() -> Inbox {
        Inbox::new(3, Reassembly::new(16, 1000))
    }

    fn whole(kind: HandshakeType, sequence: u16) -> Fragment<'static> {
        Fragment { kind, length: 1, sequence, offset: 0, body: b"x" }
    }

    #[test]
    fn messages_come_out_in_order_and_once() {
        let mut inbox = inbox();
        for sequence in [4, 2, 3, 4, 3, 30] {
            inbox.add(&whole(FINISHED, sequence));
        }
        let taken: Vec<u16> = std::iter::from_fn(|| inbox.take(&[FINISHED])).map(|m| m.sequence).collect();
        assert_eq!(taken, [3, 4]);
        inbox.add(&whole(FINISHED, 4));
        assert!(inbox.take(&[FINISHED]).is_none());
    }

    #[test]
    fn a_message_of_another_kind_does_not_take_the_turn() {
        let mut inbox = inbox();
        inbox.add(&whole(HandshakeType::CERTIFICATE, 3));
        assert!(inbox.take(&[FINISHED]).is_none());
        inbox.add(&whole(FINISHED, 3));
        assert_eq!(inbox.take(&[FINISHED]).unwrap().kind, FINISHED);
    }

    #[test]
    fn a_ticket_is_taken_once_finished_follows_it() {
        let mut inbox = inbox();
        inbox.add(&whole(TICKET, 3));
        assert!(inbox.take(&[TICKET, FINISHED]).is_none());
        inbox.add(&whole(FINISHED, 4));
        assert_eq!(inbox.take(&[TICKET, FINISHED]).unwrap().kind, TICKET);
        assert_eq!(inbox.take(&[TICKET, FINISHED]).unwrap().kind, FINISHED);
    }

    #[test]
    fn a_forged_ticket_does_not_stand_in_the_way_of_finished() {
        let mut inbox = inbox();
        inbox.add(&whole(TICKET, 3));
        inbox.add(&whole(FINISHED, 3));
        assert_eq!(inbox.take(&[TICKET, FINISHED]).unwrap().kind, FINISHED);
    }

    #[test]
    fn a_flight_can_be_taken_again() {
        let mut inbox = inbox();
        inbox.add(&whole(FINISHED, 3));
        assert!(inbox.take(&[FINISHED]).is_some());
        inbox.rewind();
        inbox.add(&whole(FINISHED, 3));
        assert!(inbox.take(&[FINISHED]).is_some());
        inbox.begin_flight();
        assert!(inbox.is_answered(&whole(FINISHED, 3)));
        assert!(!inbox.is_answered(&whole(FINISHED, 4)));
    }
}
