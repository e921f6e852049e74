//! What uses a stack: sends what it is given, keeps what comes, and closes streams as data channels do.

use crate::stack::{End, Incoming, News, Outgoing, Sent, Stack};
use netsim::Endpoint;
use ortica_core::{Datagram, Ecn, Instant, SocketId, Transmit};
use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;

pub struct Node<S: ?Sized = dyn Stack> {
    remote: SocketAddr,
    outbox: VecDeque<Outgoing>,
    pub inbox: Vec<Incoming>,
    pub connected: bool,
    pub end: Option<End>,
    pub troubles: Vec<String>,
    /// Streams that were asked to be reset since the last [`forget_resets`](Self::forget_resets).
    asked: BTreeSet<u16>,
    /// Streams that the peer reset.
    pub reset_by_peer: BTreeSet<u16>,
    /// Streams whose reset the peer confirmed.
    pub reset_done: BTreeSet<u16>,
    pub stack: Box<S>,
}

impl<S: Stack + ?Sized> Node<S> {
    pub fn new(stack: Box<S>, remote: SocketAddr) -> Self {
        Self {
            remote,
            outbox: VecDeque::new(),
            inbox: Vec::new(),
            connected: false,
            end: None,
            troubles: Vec::new(),
            asked: BTreeSet::new(),
            reset_by_peer: BTreeSet::new(),
            reset_done: BTreeSet::new(),
            stack,
        }
    }

    /// Sends these, as soon as the stack takes them.
    pub fn send(&mut self, now: Instant, messages: impl IntoIterator<Item = Outgoing>) {
        self.outbox.extend(messages);
        self.hand_over(now);
    }

    /// Resets the sending direction of a stream.
    pub fn reset(&mut self, now: Instant, stream: u16) {
        if self.asked.insert(stream) {
            self.stack.reset(now, stream);
        }
    }

    /// Ready for the next use of the same streams.
    pub fn forget_resets(&mut self) {
        self.asked.clear();
        self.reset_by_peer.clear();
        self.reset_done.clear();
    }

    /// The stack has taken everything.
    pub fn is_idle(&self) -> bool {
        self.outbox.is_empty()
    }

    fn hand_over(&mut self, now: Instant) {
        while self.connected
            && let Some(message) = self.outbox.front()
        {
            match self.stack.send(now, message) {
                Sent::Later => return,
                Sent::Taken => {}
                Sent::Refused(why) => self.troubles.push(format!("stream {}: {why}", message.stream)),
            }
            self.outbox.pop_front();
        }
    }

    fn hear(&mut self, now: Instant, news: News) {
        if let (Some(end), false) = (self.end, matches!(news, News::Trouble(_))) {
            self.troubles.push(format!("{news:?} after the end ({end:?})"));
        }
        match news {
            News::Connected if self.connected => self.troubles.push("connected twice".to_owned()),
            News::Connected => self.connected = true,
            News::Message(message) => self.inbox.push(message),
            News::StreamReset(stream) => {
                self.reset_by_peer.insert(stream);
                // RFC 8831 §6.7: who hears of a reset answers with one.
                self.reset(now, stream);
            }
            News::ResetDone(stream) => {
                self.reset_done.insert(stream);
            }
            News::Closed(end) => self.end = Some(end),
            News::Trouble(what) => self.troubles.push(what),
        }
    }
}

impl<S: Stack + ?Sized> Endpoint for Node<S> {
    fn handle_datagram(&mut self, now: Instant, mut datagram: Datagram<'_>) {
        for packet in datagram.segments() {
            self.stack.handle_packet(now, packet);
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.stack.handle_timeout(now);
    }

    fn poll_transmit(&mut self, now: Instant, _max_segments: usize, out: &mut Vec<u8>) -> Option<Transmit> {
        let len = self.stack.poll_packet(now, out)?;
        Some(Transmit { socket: SocketId(0), remote: self.remote, ecn: Ecn::NotEct, len, segment_size: None })
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.stack.poll_timeout()
    }

    fn react(&mut self, now: Instant) {
        while let Some(news) = self.stack.poll_news(now) {
            self.hear(now, news);
        }
        self.hand_over(now);
    }
}
