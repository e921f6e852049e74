//! Which sequence numbers were seen.

/// A window over the last 128 sequence numbers of an epoch.
///
/// Source: [RFC 6347 §4.1.2.6](https://www.rfc-editor.org/rfc/rfc6347#section-4.1.2.6)
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ReplayWindow {
    /// One above the highest number seen.
    next: u64,
    /// Bit 0 stands for `next - 1`, bit 1 for the one before, and so on.
    seen: u128,
}

impl ReplayWindow {
    /// How far back it reaches.
    pub(crate) const LEN: u64 = 128;

    /// `true` if `sequence` is new. Asked before a record is authenticated, so it changes nothing.
    pub(crate) fn is_new(&self, sequence: u64) -> bool {
        match self.next.checked_sub(sequence + 1) {
            None => true,
            Some(age) => age < Self::LEN && self.seen & (1 << age) == 0,
        }
    }

    /// Notes `sequence`, of a record that was authenticated.
    pub(crate) fn note(&mut self, sequence: u64) {
        match self.next.checked_sub(sequence + 1) {
            None => {
                let ahead = sequence + 1 - self.next;
                self.seen = if ahead < Self::LEN { self.seen << ahead } else { 0 } | 1;
                self.next = sequence + 1;
            }
            Some(age) if age < Self::LEN => self.seen |= 1 << age,
            Some(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn dtls_9_a_number_is_new_once() {
        let mut window = ReplayWindow::default();
        for sequence in [0, 1, 5, 3, 200, 130, 199] {
            assert!(window.is_new(sequence), "{sequence}");
            window.note(sequence);
            assert!(!window.is_new(sequence), "{sequence}");
        }
    }

    #[test]
    fn dtls_9_the_window_reaches_back_128_numbers() {
        let mut window = ReplayWindow::default();
        window.note(1000);
        assert!(window.is_new(1000 - 127));
        assert!(!window.is_new(1000 - 128));
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
        fn agrees_with_a_set(numbers in proptest::collection::vec(0u64..400, 0..100)) {
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
