//! Which connections something happened to.

use std::collections::BTreeSet;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

/// Those that are to be looked at, and who does.
#[derive(Debug, Default)]
pub(in crate::driver) struct Wakes {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    ready: BTreeSet<u64>,
    driver: Option<Waker>,
}

/// Wakes the driver for one of them.
struct OfOne {
    token: u64,
    wakes: Arc<Wakes>,
}

impl Wakes {
    /// A waker for the one of this token.
    pub fn waker(self: &Arc<Self>, token: u64) -> Waker {
        Waker::from(Arc::new(OfOne { token, wakes: self.clone() }))
    }

    /// One is to be looked at in the driver's next turn.
    pub fn push(&self, token: u64) {
        self.lock().ready.insert(token);
    }

    pub fn has_some(&self) -> bool {
        !self.lock().ready.is_empty()
    }

    /// All that are to be looked at; `driver` is woken for the next one.
    pub fn take(&self, driver: &Waker) -> BTreeSet<u64> {
        let mut state = self.lock();
        match &mut state.driver {
            Some(known) => known.clone_from(driver),
            None => state.driver = Some(driver.clone()),
        }
        mem::take(&mut state.ready)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for OfOne {
    fn wake(self: Arc<Self>) {
        let driver = {
            let mut state = self.wakes.lock();
            let is_first = state.ready.is_empty();
            state.ready.insert(self.token);
            if is_first { state.driver.clone() } else { None }
        };
        if let Some(driver) = driver {
            driver.wake();
        }
    }
}
