//! Handshake messages whose parts come one by one, in any order, several times, and not always from the peer.

use crate::message::{Fragment, HandshakeType, Message};

/// Messages that are not whole yet, or that must wait for their turn.
///
/// What is whole by itself never waits for what a stranger may have sent under the same number: messages of different
/// type or length live side by side, and the first whole one wins. Bytes that contradict each other are never merged.
pub(crate) struct Reassembly {
    max_messages: usize,
    max_bytes: usize,
    messages: Vec<Partial>,
}

struct Partial {
    kind: HandshakeType,
    sequence: u16,
    body: Vec<u8>,
    /// A bit for each byte that has come.
    seen: Vec<u64>,
    missing: usize,
}

impl Reassembly {
    pub(crate) fn new(max_messages: usize, max_bytes: usize) -> Self {
        Self { max_messages, max_bytes, messages: Vec::new() }
    }

    /// Takes in a part of a message.
    pub(crate) fn add(&mut self, fragment: &Fragment<'_>) {
        match self.messages.iter_mut().find(|partial| partial.is_same_message(fragment)) {
            Some(partial) if partial.missing == 0 => {}
            Some(partial) if partial.agrees_with(fragment) => partial.fill(fragment),
            // One of the two is not the peer's. The later one stays: a peer repeats itself, a stranger need not.
            Some(partial) => *partial = Partial::new(fragment),
            None => {
                if self.make_room(fragment) {
                    self.messages.push(Partial::new(fragment));
                }
            }
        }
    }

    /// Takes out the message number `sequence` if it is whole and one of `kinds`, and forgets all before it.
    pub(crate) fn take(&mut self, sequence: u16, kinds: &[HandshakeType]) -> Option<Message> {
        let index = self.messages.iter().position(|partial| {
            partial.sequence == sequence && partial.missing == 0 && kinds.contains(&partial.kind)
        })?;
        let Partial { kind, sequence, body, .. } = self.messages.remove(index);
        self.messages.retain(|partial| partial.sequence > sequence);
        Some(Message { kind, sequence, body })
    }

    /// Takes out any whole message.
    pub(crate) fn take_any(&mut self) -> Option<Message> {
        let index = self.messages.iter().position(|partial| partial.missing == 0)?;
        let Partial { kind, sequence, body, .. } = self.messages.remove(index);
        Some(Message { kind, sequence, body })
    }

    /// `true` if the message number `sequence` of this kind is whole.
    pub(crate) fn has(&self, sequence: u16, kind: HandshakeType) -> bool {
        self.messages.iter().any(|partial| partial.sequence == sequence && partial.kind == kind && partial.missing == 0)
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.messages = Vec::new();
    }

    /// Sum of the declared lengths.
    fn bytes(&self) -> usize {
        self.messages.iter().map(|partial| partial.body.len()).sum()
    }

    /// Drops what is further ahead than `fragment` until there is room for its message; `false` if there is none.
    fn make_room(&mut self, fragment: &Fragment<'_>) -> bool {
        if fragment.length > self.max_bytes || self.max_messages == 0 {
            return false;
        }
        while self.messages.len() >= self.max_messages || self.bytes() + fragment.length > self.max_bytes {
            // Of several equally far ahead the oldest goes: the others may still be coming.
            let furthest = self.messages.iter().map(|partial| partial.sequence).max();
            let Some(furthest) = furthest.filter(|furthest| *furthest >= fragment.sequence) else { return false };
            let Some(index) = self.messages.iter().position(|partial| partial.sequence == furthest) else {
                return false;
            };
            self.messages.remove(index);
        }
        true
    }
}

impl Partial {
    fn new(fragment: &Fragment<'_>) -> Self {
        let mut partial = Self {
            kind: fragment.kind,
            sequence: fragment.sequence,
            body: vec![0; fragment.length],
            seen: vec![0; fragment.length.div_ceil(64)],
            missing: fragment.length,
        };
        partial.fill(fragment);
        partial
    }

    fn is_same_message(&self, fragment: &Fragment<'_>) -> bool {
        (self.sequence, self.kind, self.body.len()) == (fragment.sequence, fragment.kind, fragment.length)
    }

    fn has(&self, at: usize) -> bool {
        self.seen.get(at / 64).is_some_and(|word| word & (1 << (at % 64)) != 0)
    }

    /// `true` unless a byte that has come differs from the fragment's.
    fn agrees_with(&self, fragment: &Fragment<'_>) -> bool {
        let held = self.body.iter().enumerate().skip(fragment.offset);
        held.zip(fragment.body).all(|((at, held), new)| held == new || !self.has(at))
    }

    fn fill(&mut self, fragment: &Fragment<'_>) {
        for (at, byte) in (fragment.offset..).zip(fragment.body) {
            let (Some(word), Some(to)) = (self.seen.get_mut(at / 64), self.body.get_mut(at)) else { return };
            let bit = 1 << (at % 64);
            if *word & bit == 0 {
                *word |= bit;
                *to = *byte;
                self.missing -= 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CERTIFICATE: HandshakeType = HandshakeType::CERTIFICATE;
    const KINDS: &[HandshakeType] = &[CERTIFICATE, HandshakeType::FINISHED];

    fn reassembly() -> Reassembly {
        Reassembly::new(16, 64 * 1024)
    }

    fn part(sequence: u16, length: usize, offset: usize, body: &[u8]) -> Fragment<'_> {
        Fragment { kind: CERTIFICATE, length, sequence, offset, body }
    }

    #[test]
    fn parts_make_a_message_in_any_order() {
        let mut reassembly = reassembly();
        for (offset, body) in [(4, &b"ef"[..]), (0, b"ab"), (1, b"bc"), (2, b"cde")] {
            assert!(reassembly.take(0, KINDS).is_none());
            reassembly.add(&part(0, 6, offset, body));
        }
        assert_eq!(reassembly.take(0, KINDS).unwrap().body, b"abcdef");
        assert!(reassembly.take(0, KINDS).is_none());
    }

    #[test]
    fn a_message_waits_for_its_turn() {
        let mut reassembly = reassembly();
        reassembly.add(&part(1, 1, 0, b"b"));
        reassembly.add(&part(0, 1, 0, b"a"));
        assert_eq!(reassembly.take(0, KINDS).unwrap().body, b"a");
        assert_eq!(reassembly.take(1, KINDS).unwrap().body, b"b");
    }

    /// The guard is `Partial::is_same_message`: type and length are part of the key.
    #[test]
    fn dtls_3_parts_of_different_messages_are_not_merged() {
        let mut reassembly = reassembly();
        reassembly.add(&part(0, 4, 0, b"ab"));
        reassembly.add(&part(0, 5, 2, b"cde"));
        reassembly.add(&Fragment { kind: HandshakeType::FINISHED, ..part(0, 4, 2, b"cd") });
        assert!(reassembly.take(0, KINDS).is_none());
        reassembly.add(&part(0, 4, 2, b"CD"));
        assert_eq!(reassembly.take(0, KINDS).unwrap().body, b"abCD");
    }

    /// The guard is `Partial::agrees_with`.
    #[test]
    fn dtls_3_bytes_that_contradict_are_never_merged() {
        let mut reassembly = reassembly();
        reassembly.add(&part(0, 4, 0, b"abc"));
        reassembly.add(&part(0, 4, 2, b"XY"));
        assert!(reassembly.take(0, KINDS).is_none(), "abXY and abcY were said by nobody");
        reassembly.add(&part(0, 4, 0, b"WZ"));
        assert_eq!(reassembly.take(0, KINDS).unwrap().body, b"WZXY");
    }

    /// The guard is the key of `Reassembly::add`; the write goes where its own message is long enough.
    #[test]
    fn cve_08_two_messages_interleaved_under_one_number_stay_apart() {
        let (a, b) = ([1; 300], [2; 500]);
        let mut reassembly = reassembly();
        for at in (0..500).step_by(10) {
            if at < 300 {
                reassembly.add(&part(7, 300, at, &a[at..at + 10]));
            }
            reassembly.add(&Fragment { kind: HandshakeType::FINISHED, ..part(7, 500, at, &b[at..at + 10]) });
        }
        assert_eq!(reassembly.take(7, &[HandshakeType::FINISHED]).unwrap().body, b);
        assert!(reassembly.messages.is_empty(), "the other one lost its turn");
    }

    #[test]
    fn a_whole_message_is_not_disturbed_by_a_stranger() {
        let mut reassembly = reassembly();
        reassembly.add(&part(0, 4, 0, b"x"));
        reassembly.add(&part(0, 4, 0, b"abcd"));
        reassembly.add(&part(0, 4, 1, b"y"));
        assert_eq!(reassembly.take(0, KINDS).unwrap().body, b"abcd");
    }

    /// The guard is `Reassembly::make_room`.
    #[test]
    fn cve_03_a_million_fragments_take_bounded_memory() {
        let mut reassembly = reassembly();
        let mut rng = ortica_core::Rng::from_number(1);
        for _ in 0..100_000 {
            let length = 1 + rng.below(16 * 1024) as usize;
            let offset = rng.below(length as u64) as usize;
            reassembly.add(&part(rng.below(16) as u16, length, offset, &[1]));
            assert!(reassembly.bytes() <= 64 * 1024);
            assert!(reassembly.messages.len() <= 16);
        }
    }

    #[test]
    fn the_message_furthest_ahead_makes_room() {
        let mut reassembly = Reassembly::new(2, 100);
        for sequence in [1, 2, 0, 5] {
            reassembly.add(&part(sequence, 1, 0, b"x"));
        }
        let held: Vec<u16> = reassembly.messages.iter().map(|partial| partial.sequence).collect();
        assert_eq!(held, [1, 0]);
        reassembly.add(&part(0, 101, 0, b"x"));
        assert_eq!(reassembly.messages.len(), 2, "a message that can never fit pushes nothing out");
    }

    #[test]
    fn an_empty_message_is_whole() {
        let mut reassembly = reassembly();
        reassembly.add(&part(0, 0, 0, b""));
        assert!(reassembly.has(0, CERTIFICATE));
        assert_eq!(reassembly.take(0, KINDS).unwrap().body, b"");
    }

    proptest! {
        #[test]
        fn any_cut_in_any_order_gives_the_message_back(
            body in proptest::collection::vec(any::<u8>(), 1..200),
            cuts in proptest::collection::vec((any::<u16>(), any::<u16>()), 0..20),
        ) {
            let mut reassembly = reassembly();
            for (from, to) in cuts {
                let from = usize::from(from) % body.len();
                let to = from + 1 + usize::from(to) % (body.len() - from);
                reassembly.add(&part(0, body.len(), from, &body[from..to]));
            }
            for (offset, byte) in body.chunks(7).enumerate() {
                reassembly.add(&part(0, body.len(), offset * 7, byte));
            }
            prop_assert_eq!(reassembly.take(0, KINDS).unwrap().body, body);
        }
    }
}
