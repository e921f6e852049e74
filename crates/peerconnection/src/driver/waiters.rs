//! Who waits for what in a session.

use crate::engine::ChannelId;
use crate::jsep::TransceiverId;
use std::task::Waker;

/// What a future waits for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Interest {
    /// The next event of the connection.
    Event,
    /// A change of a connection's states.
    State,
    /// A message on a channel, or its end.
    Read(ChannelId),
    /// A frame of a transceiver, or its end.
    Frame(TransceiverId),
    /// Room for a message on a channel, a change of its state, or its end.
    Write(ChannelId),
}

/// A list of places; a future holds one, and takes it again at each poll.
#[derive(Debug, Default)]
pub(crate) struct Waiters {
    places: Vec<(Interest, Waker)>,
}

impl Waiters {
    pub fn wait(&mut self, interest: Interest, waker: &Waker) {
        let same = |place: &&mut (Interest, Waker)| place.0 == interest && place.1.will_wake(waker);
        if self.places.iter_mut().find(same).is_none() {
            self.places.push((interest, waker.clone()));
        }
    }

    pub fn wake(&mut self, interest: Interest) {
        for (_, waker) in self.places.extract_if(.., |place| place.0 == interest) {
            waker.wake();
        }
    }

    pub fn wake_all(&mut self) {
        for (_, waker) in self.places.drain(..) {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_future_that_polls_twice_holds_one_place() {
        let count = Arc::new(Count::default());
        let waker = Waker::from(count.clone());
        let mut waiters = Waiters::default();
        waiters.wait(Interest::Event, &waker);
        waiters.wait(Interest::Event, &waker);
        waiters.wait(Interest::State, &waker);
        waiters.wake(Interest::Event);
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
        waiters.wake_all();
        assert_eq!(count.0.load(Ordering::Relaxed), 2);
    }
}
