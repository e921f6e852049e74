//! Warnings that the peer can bring about: it must not fill logs with them.

use ortica_core::Instant;
use std::time::Duration;

/// The least time between two warnings of a kind.
const INTERVAL: Duration = Duration::from_secs(1);

/// Lets one warning of a kind pass in a second.
#[derive(Debug, Default)]
pub(super) struct Seldom {
    next: Option<Instant>,
    /// How often it came up and was not said.
    silent: u64,
}

impl Seldom {
    /// It came up. If it may be said now, how often that was since it was said last, this time included.
    pub fn admit(&mut self, now: Instant) -> Option<u64> {
        self.silent += 1;
        if self.next.is_some_and(|next| now < next) {
            return None;
        }
        self.next = Some(now + INTERVAL);
        Some(std::mem::take(&mut self.silent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_in_a_second_passes_and_speaks_for_the_others() {
        let (mut seldom, start) = (Seldom::default(), Instant::from_nanos(0) + Duration::from_secs(100));
        let said: Vec<u64> =
            (0..25).filter_map(|tenth| seldom.admit(start + tenth * Duration::from_millis(100))).collect();
        assert_eq!(said, [1, 10, 10]);
    }
}
