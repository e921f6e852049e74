//! Round trips.

use serde_json::{Map, Value, json};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What goes there and back.
pub const PING: [u8; 64] = [0x5A; 64];

/// Takes the time of round trips, one at a time, until told to stop.
#[derive(Clone, Debug, Default)]
pub struct Pings {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    counts: AtomicBool,
    times: Mutex<Vec<Duration>>,
}

impl Pings {
    /// When a ping leaves; `None` when it is time to stop.
    pub fn start(&self) -> Option<Instant> {
        (!self.shared.stop.load(Ordering::Relaxed)).then(Instant::now)
    }

    /// Its answer is here.
    pub fn note(&self, started: Instant) {
        let taken = started.elapsed();
        if self.shared.counts.load(Ordering::Relaxed) {
            self.shared.times.lock().unwrap_or_else(PoisonError::into_inner).push(taken);
        }
    }

    /// From here on they count.
    pub(crate) fn count(&self) {
        self.shared.counts.store(true, Ordering::Relaxed);
    }

    pub(crate) fn stop(&self) {
        self.shared.stop.store(true, Ordering::Relaxed);
    }

    /// Median and 99th percentile in microseconds.
    pub(crate) fn report(&self, into: &mut Map<String, Value>) {
        let mut times = std::mem::take(&mut *self.shared.times.lock().unwrap_or_else(PoisonError::into_inner));
        report(&mut times, into);
    }
}

/// Median and 99th percentile of `times` in microseconds, and how many there are.
pub(crate) fn report(times: &mut [Duration], into: &mut Map<String, Value>) {
    times.sort_unstable();
    let at = |share: usize| times.get((times.len() * share / 100).min(times.len().saturating_sub(1)));
    let mut note = |name: &str, time: Option<&Duration>| {
        into.insert(name.to_owned(), json!(time.map(|time| time.as_secs_f64() * 1e6)));
    };
    note("p50", at(50));
    note("p99", at(99));
    into.insert("round_trips".to_owned(), json!(times.len()));
}
