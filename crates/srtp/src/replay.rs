//! Which indices were seen already.
//!
//! Source: [RFC 3711 §3.3.2](https://www.rfc-editor.org/rfc/rfc3711#section-3.3.2)

/// A window over the last `WORDS * 64` indices.
///
/// The bits are a ring: index `i` has bit `i % (WORDS * 64)`, so that the window moves without shifting.
#[derive(Clone)]
pub(crate) struct ReplayWindow<const WORDS: usize> {
    /// One more than the highest index accepted, 0 at first.
    next: u64,
    seen: [u64; WORDS],
}

impl<const WORDS: usize> ReplayWindow<WORDS> {
    /// How many indices it spans.
    pub(crate) const LEN: u64 = WORDS as u64 * 64;

    pub(crate) const fn new() -> Self {
        Self { next: 0, seen: [0; WORDS] }
    }

    /// The highest index accepted.
    pub(crate) const fn highest(&self) -> Option<u64> {
        self.next.checked_sub(1)
    }

    /// `true` for an index that was not accepted yet, as far as the window remembers: what is older counts as seen.
    pub(crate) fn is_fresh(&self, index: u64) -> bool {
        index >= self.next || (self.is_within(index) && self.word(index) & bit(index) == 0)
    }

    /// `true` for an index up to the highest that the window still covers.
    pub(crate) const fn is_within(&self, index: u64) -> bool {
        index < self.next && self.next - index <= Self::LEN
    }

    /// Enters an index. Only one that was authenticated may move the window.
    pub(crate) fn accept(&mut self, index: u64) {
        if index >= self.next {
            if index - self.next >= Self::LEN {
                self.seen = [0; WORDS];
            } else {
                for skipped in self.next..index {
                    *self.word_mut(skipped) &= !bit(skipped);
                }
            }
            self.next = index + 1;
        }
        *self.word_mut(index) |= bit(index);
    }

    #[expect(clippy::indexing_slicing, reason = "the position is reduced modulo the number of words")]
    fn word(&self, index: u64) -> u64 {
        self.seen[Self::position(index)]
    }

    #[expect(clippy::indexing_slicing, reason = "the position is reduced modulo the number of words")]
    fn word_mut(&mut self, index: u64) -> &mut u64 {
        &mut self.seen[Self::position(index)]
    }

    const fn position(index: u64) -> usize {
        (index / 64) as usize % WORDS
    }
}

const fn bit(index: u64) -> u64 {
    1 << (index % 64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn srtp_2_refuses_what_was_accepted_and_what_is_too_old() {
        let mut window = ReplayWindow::<2>::new();
        assert!(window.is_fresh(0));
        window.accept(1000);
        assert_eq!(window.highest(), Some(1000));
        assert!(!window.is_fresh(1000));
        assert!(window.is_fresh(1001));
        assert!(window.is_fresh(873), "127 behind the highest is the last one within");
        assert!(!window.is_fresh(872));
        window.accept(873);
        assert!(!window.is_fresh(873));
    }

    #[test]
    fn srtp_2_looking_does_not_move_the_window() {
        let mut window = ReplayWindow::<16>::new();
        window.accept(5);
        assert!(window.is_fresh(1 << 40));
        assert!(window.is_fresh(4));
        assert_eq!(window.highest(), Some(5));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Against a set that remembers everything.
        #[test]
        fn srtp_2_agrees_with_a_set(steps in prop::collection::vec((any::<bool>(), 0u64..300), 1..200)) {
            let (mut window, mut seen, mut highest) = (ReplayWindow::<2>::new(), BTreeSet::new(), 150u64);
            for (ahead, distance) in steps {
                let index = if ahead { highest + distance } else { highest.saturating_sub(distance) };
                let top = seen.last().copied();
                let expected = top.is_none_or(|top| index > top || (top - index < 128 && !seen.contains(&index)));
                prop_assert_eq!(window.is_fresh(index), expected);
                if expected {
                    window.accept(index);
                    seen.insert(index);
                    highest = highest.max(index);
                }
            }
        }
    }
}
