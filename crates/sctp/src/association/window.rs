//! How much the peer may send ahead of the reader, and how much the application ahead of the path: both begin modest, and
//! grow with what the path and the reader carry, up to their limits.

use crate::Limits;
use ortica_core::Instant;
use std::time::Duration;

/// Bytes of the receive window at the beginning, if two of the longest messages need no more.
const FIRST_RECEIVE: usize = 256 << 10;
/// Bytes of the send buffer at the beginning.
const FIRST_SEND: usize = 2 << 20;
/// On a shorter path the pauses of reader and sender count for more than the path.
const LEAST_TIME: Duration = Duration::from_millis(20);

/// The receive window. It is too small when the reader takes half of it within two round trips: the peer, which hears of what
/// was taken a round trip later, may then be waiting for it. What fills it for good, because nobody reads it, is no part of it
/// in this.
#[derive(Debug)]
pub struct ReceiveWindow {
    size: usize,
    most: usize,
    /// Bytes taken by the reader, ever.
    taken: u64,
    /// The beginning of the time looked at.
    since: Option<(Instant, u64)>,
}

impl ReceiveWindow {
    pub fn new(limits: &Limits) -> Self {
        // Room for two messages at least, or one that arrives in part could never be completed.
        let least = 2 * limits.max_message_size;
        let most = (limits.receive_buffer - limits.receive_buffer / 9).max(least);
        Self { size: least.max(FIRST_RECEIVE).min(most), most, taken: 0, since: None }
    }

    /// Bytes that the peer may have sent.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Bytes that may be held: an eighth more, for what closes holes. Only that can complete messages and make room again, and
    /// a peer that takes it for lost fills its place.
    pub fn with_reserve(&self) -> usize {
        self.size + self.size / 8
    }

    /// The reader took so many bytes.
    pub fn on_read(&mut self, bytes: usize) {
        self.taken += bytes as u64;
    }

    /// So many bytes belong to messages in part, which no reader can take. They get at most half of the window, as long as it
    /// may grow: beside them there has to be room for what makes them whole.
    pub fn make_room_beside(&mut self, parts: usize) {
        while parts > self.size / 2 && self.size < self.most {
            self.size = (2 * self.size).min(self.most);
        }
    }

    /// Lets the window grow if it is too small for a path of this round trip time, while `stuck` bytes of it are not read.
    /// Returns whether the time looked at is over.
    pub fn adjust(&mut self, now: Instant, rtt: Option<Duration>, stuck: usize) -> bool {
        let (start, before) = *self.since.get_or_insert((now, self.taken));
        let is_soon = rtt.is_none_or(|rtt| now.saturating_duration_since(start) <= (2 * rtt).max(LEAST_TIME));
        let taken = self.taken - before;
        let is_half = taken > 0 && taken >= self.size.saturating_sub(stuck) as u64 / 2;
        if is_soon && is_half {
            self.size = (2 * self.size).min(self.most);
        }
        if is_half || !is_soon {
            self.since = Some((now, self.taken));
        }
        is_half || !is_soon
    }
}

/// The send buffer: as much as is in flight, and as much again to follow on it.
#[derive(Debug)]
pub struct SendBuffer {
    size: usize,
    most: usize,
}

impl SendBuffer {
    pub fn new(limits: &Limits) -> Self {
        Self { size: limits.send_buffer.min(FIRST_SEND), most: limits.send_buffer }
    }

    /// The limits as they are for a message of `cost` bytes. One that is longer than all that may be held, but not than the
    /// limit, goes when nothing else is held.
    pub fn limits(&self, limits: &Limits, cost: usize) -> Limits {
        limits.with_send_buffer(self.size.max(cost.min(self.most)))
    }

    /// Whether somebody who was refused may go on, while so many bytes are held.
    pub fn has_room(&self, held: usize) -> bool {
        held <= self.size / 4 * 3
    }

    /// The congestion window has this size.
    pub fn adjust(&mut self, window: usize) {
        self.size = self.size.max(window.saturating_mul(2)).min(self.most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn limits() -> Limits {
        Limits::default().with_receive_buffer(16 << 20).with_max_message_size(64 << 10).with_send_buffer(16 << 20)
    }

    /// What is promised at most: with the reserve it is the buffer.
    const MOST: usize = (16 << 20) - (16 << 20) / 9;

    /// What becomes of the window when the reader takes `rate` bytes a second for ten seconds.
    fn size_at(rate: usize, rtt: Duration) -> usize {
        let mut window = ReceiveWindow::new(&limits());
        for step in 0..2_000u32 {
            window.on_read(rate / 200);
            window.adjust(netsim::epoch() + 5 * step * MS, Some(rtt), 0);
        }
        window.size()
    }

    #[test]
    fn the_receive_window_follows_the_bandwidth_delay_product() {
        assert_eq!(ReceiveWindow::new(&limits()).size(), 256 << 10);
        // Half a megabyte a second at 100 ms are 50 KB: nothing to do.
        assert_eq!(size_at(500_000, 100 * MS), 256 << 10);
        // 12.5 MB/s at 100 ms are 1.25 MB, which the window exceeds twice at least.
        let size = size_at(12_500_000, 100 * MS);
        assert!((2 * 1_250_000..=8 << 20).contains(&size), "{size}");
        assert_eq!(size_at(12_500_000, MS), 512 << 10);
        assert_eq!(size_at(125_000_000, 300 * MS), MOST);
    }

    #[test]
    fn the_receive_window_holds_two_messages_and_keeps_its_limit() {
        assert_eq!(ReceiveWindow::new(&Limits::default()).size(), 512 << 10);
        let small = Limits::default().with_receive_buffer(20_000).with_max_message_size(10_000);
        let mut window = ReceiveWindow::new(&small);
        assert_eq!(window.size(), 20_000);
        window.on_read(1 << 30);
        window.adjust(netsim::epoch(), None, 0);
        window.on_read(1 << 30);
        window.adjust(netsim::epoch(), None, 0);
        assert_eq!(window.size(), 20_000);
    }

    #[test]
    fn the_receive_window_grows_beside_messages_in_part() {
        let mut window = ReceiveWindow::new(&limits());
        window.make_room_beside(128 << 10);
        assert_eq!(window.size(), 256 << 10);
        window.make_room_beside((512 << 10) + 1);
        assert_eq!(window.size(), 2 << 20);
        window.make_room_beside(100 << 20);
        assert_eq!(window.size(), MOST);
        assert!(window.with_reserve() <= 16 << 20);
    }

    #[test]
    fn the_send_buffer_holds_twice_the_window_and_takes_one_long_message() {
        let mut buffer = SendBuffer::new(&limits());
        assert_eq!(buffer.limits(&limits(), 100).send_buffer, 2 << 20);
        assert_eq!(buffer.limits(&limits(), 5 << 20).send_buffer, 5 << 20);
        assert_eq!(buffer.limits(&limits(), 50 << 20).send_buffer, 16 << 20);
        buffer.adjust(3 << 20);
        assert_eq!(buffer.limits(&limits(), 100).send_buffer, 6 << 20);
        buffer.adjust(1 << 20);
        assert!(buffer.has_room(4 << 20) && !buffer.has_room(5 << 20));
        buffer.adjust(100 << 20);
        assert_eq!(buffer.limits(&limits(), 100).send_buffer, 16 << 20);
    }
}
