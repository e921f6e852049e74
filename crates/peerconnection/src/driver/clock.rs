//! The monotonic clock of an endpoint, paired with the protocol crates' [`Instant`].

use ortica_core::{Instant, NtpTime, WallClock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Counts from a little after zero, so that subtracting a short time never meets the start.
const OFFSET: Duration = Duration::from_secs(3600);

#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: tokio::time::Instant,
}

impl Clock {
    pub fn start() -> Self {
        Self { start: tokio::time::Instant::now() }
    }

    pub fn now(&self) -> Instant {
        Instant::from_nanos(0) + OFFSET + self.start.elapsed()
    }

    /// When the runtime's timer has to fire for `instant`.
    pub fn deadline(&self, instant: Instant) -> tokio::time::Instant {
        self.start + instant.saturating_duration_since(Instant::from_nanos(0) + OFFSET)
    }

    /// Wall time, read once: a later step of the system's clock does not reach the sessions.
    pub fn wall(&self) -> WallClock {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        WallClock::new(self.now(), NtpTime::from_unix(unix))
    }
}
