//! Streams: what is sent arrives once and in order, whatever the links lose, double and reorder on the way.

use crate::network::NodeId;
use ortica_core::SocketId;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

/// The first wait before lost bytes are sent again; the least that Linux waits.
const FIRST_WAIT: Duration = Duration::from_millis(200);
/// So often bytes are sent again before the stream counts as broken, as with Linux.
const MAX_TRIES: u32 = 15;

/// A place in a stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    stream: usize,
    number: u64,
    tries: u32,
}

impl Part {
    /// After what time these bytes are sent again once they got lost; `None` where the stream is broken.
    pub(crate) fn retry(&mut self) -> Option<Duration> {
        self.tries += 1;
        (self.tries <= MAX_TRIES).then(|| FIRST_WAIT * (1 << (self.tries - 1).min(5)))
    }
}

/// All streams of a network. There is one per sending socket and destination, so two per connection.
#[derive(Debug)]
pub(crate) struct Streams<T> {
    known: BTreeMap<(NodeId, SocketId, SocketAddr), usize>,
    all: Vec<Stream<T>>,
}

/// One direction.
#[derive(Debug)]
struct Stream<T> {
    sent: u64,
    due: u64,
    /// What came before its turn.
    early: BTreeMap<u64, T>,
}

impl<T> Default for Streams<T> {
    fn default() -> Self {
        Self { known: BTreeMap::new(), all: Vec::new() }
    }
}

impl<T> Streams<T> {
    /// The place of what is sent next.
    pub(crate) fn next(&mut self, node: NodeId, socket: SocketId, to: SocketAddr) -> Part {
        let Self { known, all } = self;
        let stream = *known.entry((node, socket, to)).or_insert_with(|| {
            all.push(Stream { sent: 0, due: 0, early: BTreeMap::new() });
            all.len() - 1
        });
        let number = all[stream].sent;
        all[stream].sent += 1;
        Part { stream, number, tries: 0 }
    }

    /// Takes what has come to its end; gives what is to be handed over now, in order.
    pub(crate) fn arrive(&mut self, part: Part, what: T) -> Vec<T> {
        let Some(Stream { due, early, .. }) = self.all.get_mut(part.stream) else { return Vec::new() };
        if part.number >= *due {
            early.entry(part.number).or_insert(what);
        }
        let mut ready = Vec::new();
        while let Some(next) = early.remove(due) {
            ready.push(next);
            *due += 1;
        }
        ready
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_early_waits_and_what_comes_twice_is_dropped() {
        let mut streams = Streams::default();
        let to = "192.0.2.1:5".parse().unwrap();
        let parts = [(); 4].map(|()| streams.next(NodeId(0), SocketId(0), to));
        let other = streams.next(NodeId(0), SocketId(1), to);
        assert_eq!(streams.arrive(parts[1], 1), []);
        assert_eq!(streams.arrive(parts[1], 1), []);
        assert_eq!(streams.arrive(other, 9), [9]);
        assert_eq!(streams.arrive(parts[0], 0), [0, 1]);
        assert_eq!(streams.arrive(parts[0], 0), []);
        assert_eq!(streams.arrive(parts[2], 2), [2]);
        assert_eq!(streams.arrive(parts[3], 3), [3]);
    }

    #[test]
    fn lost_bytes_are_sent_again_at_growing_intervals_until_the_stream_breaks() {
        let mut part = Streams::<()>::default().next(NodeId(0), SocketId(0), "192.0.2.1:5".parse().unwrap());
        let waits: Vec<_> = std::iter::from_fn(|| part.retry()).collect();
        assert_eq!(waits.len(), 15);
        assert_eq!(waits[..4], [1, 2, 4, 8].map(|times| FIRST_WAIT * times));
    }
}
