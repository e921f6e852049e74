//! Which sequence numbers were seen.

/// Words of the window; the one that is filled counts only as far as it is.
const WORDS: usize = 32;

/// A window over the last 1,984 sequence numbers of an epoch.
///
/// The RFC asks for 64. Bulk data needs more: on a path that delivers packets late, so many others overtake them that a short
/// window turns what is late into what is lost. The words are a ring, so that none is ever moved.
///
/// Source: [RFC 6347 §4.1.2.6](https://www.rfc-editor.org/rfc/rfc6347#section-4.1.2.6),
/// [RFC 6479](https://www.rfc-editor.org/rfc/rfc6479)
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ReplayWindow {
    /// One above the highest number seen.
    next: u64,
    /// A bit for each number, 64 in a word.
    seen: [u64; WORDS],
}

impl ReplayWindow {
    /// How far back it reaches.
    pub(crate) const LEN: u64 = (WORDS as u64 - 1) * 64;

    /// `true` if `sequence` is new. Asked before a record is authenticated, so it changes nothing.
    pub(crate) fn is_new(&self, sequence: u64) -> bool {
        match self.next.checked_sub(sequence + 1) {
            None => true,
            Some(age) => age < Self::LEN && self.word(sequence) & bit(sequence) == 0,
        }
    }

    /// Notes `sequence`, of a record that was authenticated.
    pub(crate) fn note(&mut self, sequence: u64) {
        if sequence >= self.next {
            let fresh = self.next.div_ceil(64)..=sequence / 64;
            for word in fresh.take(WORDS) {
                self.change(word * 64, |_| 0);
            }
            self.next = sequence + 1;
        }
        if self.next - (sequence + 1) < Self::LEN {
            self.change(sequence, |word| word | bit(sequence));
        }
    }

    fn word(&self, sequence: u64) -> u64 {
        self.seen.get(place(sequence)).copied().unwrap_or_default()
    }

    fn change(&mut self, sequence: u64, change: impl FnOnce(u64) -> u64) {
        if let Some(word) = self.seen.get_mut(place(sequence)) {
            *word = change(*word);
        }
    }
}

/// Where in the ring the word of `sequence` is.
fn place(sequence: u64) -> usize {
    (sequence / 64) as usize % WORDS
}

fn bit(sequence: u64) -> u64 {
    1 << (sequence % 64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn dtls_9_a_number_is_new_once() {
        let mut window = ReplayWindow::default();
        for sequence in [0, 1, 5, 3, 200, 130, 199, 64, 63, 3_000, 1_017, 2_048] {
            assert!(window.is_new(sequence), "{sequence}");
            window.note(sequence);
            assert!(!window.is_new(sequence), "{sequence}");
        }
    }

    #[test]
    fn dtls_9_the_window_reaches_back_1984_numbers() {
        for newest in [5_000, 5_055, 5_056, 1 << 40] {
            let mut window = ReplayWindow::default();
            window.note(newest);
            assert!(window.is_new(newest - 1_983));
            assert!(!window.is_new(newest - 1_984));
        }
        const { assert!(ReplayWindow::LEN >= 64) };
    }

    #[test]
    fn the_highest_number_of_all_fits() {
        let mut window = ReplayWindow::default();
        window.note((1 << 48) - 1);
        assert!(!window.is_new((1 << 48) - 1));
        assert!(window.is_new((1 << 48) - 2));
    }

    proptest! {
        /// Against a model that remembers everything.
        #[test]
        fn agrees_with_a_set(numbers in proptest::collection::vec(0u64..6_000, 0..200)) {
            let mut window = ReplayWindow::default();
            let mut seen = std::collections::BTreeSet::new();
            for sequence in numbers {
                let too_old = seen.last().is_some_and(|last: &u64| sequence + ReplayWindow::LEN <= *last);
                prop_assert_eq!(window.is_new(sequence), !too_old && !seen.contains(&sequence));
                if window.is_new(sequence) {
                    window.note(sequence);
                    seen.insert(sequence);
                }
            }
        }
    }
}
