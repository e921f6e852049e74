//! How tasks hear that nobody needs them any more.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use tokio::sync::Notify;

/// Held by whoever a task works for: when it is dropped, and whenever it is told, the task looks whether it is still needed.
#[derive(Debug, Default)]
pub(super) struct Departure(Arc<Notify>);

impl Departure {
    /// What the task waits for.
    pub fn listen(&self) -> Arc<Notify> {
        self.0.clone()
    }

    /// Has the task look.
    pub fn tell(&self) {
        self.0.notify_one();
    }
}

impl Drop for Departure {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

/// What comes of `work`; `None` if it is not needed any more before it is done.
pub(super) async fn while_needed<T>(
    work: impl Future<Output = Option<T>>,
    told: &Notify,
    is_needed: impl Fn() -> bool,
) -> Option<T> {
    let mut work = pin!(work);
    while is_needed() {
        tokio::select! {
            done = &mut work => return done,
            () = told.notified() => {}
        }
    }
    None
}
