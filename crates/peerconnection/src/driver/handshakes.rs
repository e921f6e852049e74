//! Handshakes, which wait for everything else.
//!
//! A flight of a DTLS handshake takes a hundred times what any other packet does: keys are agreed on, signatures made and verified. Where
//! many connections begin at once, those that are up would stand behind them with their media and their answers to checks for consent
//! (RFC 7675). So records of handshakes wait until all else that was read is handled, and then few sessions have their turn at a time.
//! What comes of DTLS behind such a record waits with it, so that nothing is overtaken that it depends on.
//!
//! Source: [RFC 7983 §7](https://www.rfc-editor.org/rfc/rfc7983#section-7)

use ortica_core::{Ecn, SocketId};
use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;

/// Messages that wait at most. What has no room is lost, as on the way, and DTLS sends it again.
const MOST: usize = 4_096;
/// The same for one session, whose peer may send handshakes and nothing else.
const MOST_OF_ONE: usize = 64;
/// The content type of a handshake whose record is in the clear.
///
/// Source: [RFC 9147 §4](https://www.rfc-editor.org/rfc/rfc9147#section-4)
const HANDSHAKE: u8 = 22;

/// A message as it was read.
#[derive(Debug)]
pub(super) struct Waiting {
    pub local: SocketId,
    pub remote: SocketAddr,
    pub ecn: Ecn,
    pub stride: usize,
    pub contents: Box<[u8]>,
}

/// What waits, by session, and whose turn is next.
#[derive(Debug, Default)]
pub(super) struct Handshakes {
    order: VecDeque<usize>,
    waiting: HashMap<usize, Vec<Waiting>>,
    len: usize,
}

impl Handshakes {
    /// Whether a message for `session` is to wait.
    pub fn concern(&self, session: usize, contents: &[u8]) -> bool {
        match contents.first() {
            Some(&HANDSHAKE) => true,
            Some(20..=63) => self.waiting.contains_key(&session),
            _ => false,
        }
    }

    /// Has a message wait; `false` where it has no room and is lost.
    pub fn push(&mut self, session: usize, message: Waiting) -> bool {
        let is_first = !self.waiting.contains_key(&session);
        let own = self.waiting.get(&session).map_or(0, Vec::len);
        if self.len >= MOST || own >= MOST_OF_ONE {
            return false;
        }
        if is_first {
            self.order.push_back(session);
        }
        self.waiting.entry(session).or_default().push(message);
        self.len += 1;
        true
    }

    /// The session that has waited longest, and all its messages in the order in which they came.
    pub fn pop(&mut self) -> Option<(usize, Vec<Waiting>)> {
        let session = self.order.pop_front()?;
        let messages = self.waiting.remove(&session)?;
        self.len -= messages.len();
        Some((session, messages))
    }

    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// The session is gone.
    pub fn forget(&mut self, session: usize) {
        if let Some(messages) = self.waiting.remove(&session) {
            self.len -= messages.len();
            self.order.retain(|other| *other != session);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(first: u8) -> Waiting {
        let remote = SocketAddr::from(([192, 0, 2, 1], 9));
        Waiting { local: SocketId(0), remote, ecn: Ecn::NotEct, stride: 1, contents: vec![first].into() }
    }

    #[test]
    fn what_dtls_brings_behind_a_handshake_waits_with_it() {
        let mut handshakes = Handshakes::default();
        assert!(handshakes.concern(1, &[22, 254]));
        assert!(!handshakes.concern(1, &[23, 254]) && !handshakes.concern(1, &[0, 1]) && !handshakes.concern(1, &[]));
        assert!(handshakes.push(1, message(22)));
        assert!(handshakes.concern(1, &[23, 254]) && handshakes.concern(1, &[0x2e]));
        assert!(!handshakes.concern(1, &[0, 1]) && !handshakes.concern(1, &[128]), "neither STUN nor media");
        assert!(!handshakes.concern(2, &[23, 254]));
        assert!(handshakes.push(1, message(23)));
        let (session, messages) = handshakes.pop().unwrap();
        assert_eq!((session, messages.iter().map(|it| it.contents[0]).collect::<Vec<_>>()), (1, vec![22, 23]));
        assert!(!handshakes.concern(1, &[23, 254]) && handshakes.is_empty());
    }

    #[test]
    fn who_sends_nothing_but_handshakes_keeps_nobody_out() {
        let mut handshakes = Handshakes::default();
        let taken = (0..1_000).filter(|_| handshakes.push(1, message(22))).count();
        assert_eq!(taken, MOST_OF_ONE);
        assert!(handshakes.push(2, message(22)));
        assert!(handshakes.pop().is_some_and(|(session, messages)| session == 1 && messages.len() == MOST_OF_ONE));
        assert!(handshakes.push(1, message(22)));
        assert!(handshakes.pop().is_some_and(|(session, _)| session == 2));
    }

    #[test]
    fn what_waits_is_bounded_and_forgotten_with_its_session() {
        let mut handshakes = Handshakes::default();
        let taken = (0..2 * MOST).filter(|session| handshakes.push(*session, message(22))).count();
        assert_eq!(taken, MOST);
        handshakes.forget(0);
        handshakes.forget(0);
        assert!(handshakes.push(MOST + 1, message(22)) && !handshakes.push(MOST + 2, message(22)));
        let mut left = 0;
        while let Some((session, _)) = handshakes.pop() {
            assert_ne!(session, 0);
            left += 1;
        }
        assert_eq!((left, handshakes.len), (MOST, 0));
    }
}
