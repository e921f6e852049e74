//! Who waits for what in a session.

use crate::engine::ChannelId;
use crate::jsep::TransceiverId;
use crate::peer::TransformSide;
use std::collections::BTreeMap;
use std::task::Waker;

/// What a future waits for.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Interest {
    /// The next event of the connection.
    Event,
    /// A change of a connection's states.
    State,
    /// A change of a transport, or a channel of the other side.
    Transport,
    /// A message on a channel, or its end.
    Read(ChannelId),
    /// A frame of a transceiver, or its end.
    Frame(TransceiverId),
    /// A key of a telephone that a transceiver received, or its end.
    Tone(TransceiverId),
    /// A frame of a transceiver that waits to be transformed, or its end.
    Transform(TransceiverId, TransformSide),
    /// A wish for a key frame of what a transceiver sends, or its end.
    KeyFrame(TransceiverId),
    /// Room for a message on a channel, a change of its state, or its end.
    Write(ChannelId),
}

/// A future's place among those who share an interest.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Ticket(u64);

impl Ticket {
    /// For futures written by hand, which hold no ticket: one of them at a time, and the last one to ask is woken.
    pub const BY_HAND: Self = Self(0);
    const LAST: Self = Self(u64::MAX);
}

/// A list of places. A future holds one from its first wait to its end, so there are no more of them than futures: whether
/// two wakers wake the same task cannot be told for sure, and is not asked.
#[derive(Debug, Default)]
pub(crate) struct Waiters {
    places: BTreeMap<(Interest, Ticket), Waker>,
    tickets: u64,
}

impl Waiters {
    /// A place that nobody else has.
    pub fn ticket(&mut self) -> Ticket {
        self.tickets += 1;
        Ticket(self.tickets)
    }

    pub fn wait(&mut self, interest: Interest, ticket: Ticket, waker: &Waker) {
        self.places
            .entry((interest, ticket))
            .and_modify(|place| place.clone_from(waker))
            .or_insert_with(|| waker.clone());
    }

    /// Gives up a place.
    pub fn leave(&mut self, interest: Interest, ticket: Ticket) {
        self.places.remove(&(interest, ticket));
    }

    /// Wakes all who wait for this; whether there was anybody.
    pub fn wake(&mut self, interest: Interest) -> bool {
        let all = (interest, Ticket::BY_HAND)..=(interest, Ticket::LAST);
        let mut any = false;
        while let Some(place) = self.places.range(all.clone()).next().map(|(place, _)| *place) {
            self.places.remove(&place).into_iter().for_each(Waker::wake);
            any = true;
        }
        any
    }

    pub fn wake_all(&mut self) {
        std::mem::take(&mut self.places).into_values().for_each(Waker::wake);
    }

    /// How many places are taken.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.places.len()
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

    fn waker() -> (Arc<Count>, Waker) {
        let count = Arc::new(Count::default());
        (count.clone(), Waker::from(count))
    }

    #[test]
    fn a_future_that_polls_twice_holds_one_place_whatever_its_waker() {
        let ((first, first_waker), (second, second_waker)) = (waker(), waker());
        let mut waiters = Waiters::default();
        let ticket = waiters.ticket();
        waiters.wait(Interest::Event, ticket, &first_waker);
        waiters.wait(Interest::Event, ticket, &second_waker);
        assert_eq!(waiters.len(), 1);
        waiters.wake(Interest::Event);
        assert_eq!(waiters.len(), 0);
        assert_eq!((first.0.load(Ordering::Relaxed), second.0.load(Ordering::Relaxed)), (0, 1));
    }

    #[test]
    fn an_interest_wakes_all_who_share_it_and_nobody_else() {
        let (count, waker) = waker();
        let mut waiters = Waiters::default();
        for interest in [Interest::Read(ChannelId(1)), Interest::Read(ChannelId(1)), Interest::Write(ChannelId(1))] {
            let ticket = waiters.ticket();
            waiters.wait(interest, ticket, &waker);
        }
        waiters.wait(Interest::Read(ChannelId(1)), Ticket::BY_HAND, &waker);
        waiters.wait(Interest::Read(ChannelId(2)), Ticket::BY_HAND, &waker);
        waiters.wake(Interest::Read(ChannelId(1)));
        assert_eq!(count.0.load(Ordering::Relaxed), 3);
        waiters.wake_all();
        assert_eq!(count.0.load(Ordering::Relaxed), 5);
    }
}
