//! The association of this project.

use crate::stack::{End, Incoming, News, Offer, Outgoing, Sent, Stack};
use ortica_core::crypto::rust_crypto;
use ortica_core::{Instant, Rng};
use ortica_sctp::{Association, CloseReason, Config, Event, SendOptions, SendRefusal, Stats, StreamId};
use std::collections::VecDeque;
use std::sync::Arc;

/// TSNs of every other seed begin this far before the wrap.
const BEFORE_THE_WRAP: u32 = 40;

pub struct Ours {
    association: Association,
    news: VecDeque<News>,
}

impl Ours {
    pub fn new(seed: u64, offer: Offer) -> Self {
        let first = (seed % 2 == 1).then_some(u32::MAX - BEFORE_THE_WRAP);
        Self::with_config(seed, config(offer).with_initial_tsn(first), netsim::epoch())
    }

    pub fn with_config(seed: u64, config: Config, now: Instant) -> Self {
        let association = Association::new(Arc::new(config), Rng::from_number(seed).fork("ours"), now);
        Self { association, news: VecDeque::new() }
    }

    /// The association itself, for what no other stack has.
    pub fn association(&mut self) -> &mut Association {
        &mut self.association
    }

    pub fn stats(&self) -> Stats {
        self.association.stats()
    }

    fn take_messages(&mut self, stream: StreamId) {
        while let Some(message) = self.association.read(stream) {
            let incoming = Incoming { stream: stream.0, ppid: message.ppid.0, payload: message.payload };
            self.news.push_back(News::Message(incoming));
        }
    }
}

/// Default settings, but for what is offered.
pub fn config(offer: Offer) -> Config {
    Config::new(rust_crypto::provider()).with_interleaving(offer.interleaving).with_zero_checksum(offer.zero_checksum)
}

impl Stack for Ours {
    fn connect(&mut self, now: Instant) {
        self.association.connect(now);
    }

    fn handle_packet(&mut self, now: Instant, packet: &mut [u8]) {
        self.association.handle_packet(now, packet);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.association.handle_timeout(now);
    }

    fn poll_packet(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<usize> {
        self.association.poll_packet(now, out)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.association.poll_timeout()
    }

    fn send(&mut self, now: Instant, message: &Outgoing) -> Sent {
        let options = SendOptions { ordered: message.ordered, reliability: message.reliability };
        let sent = self.association.send(now, StreamId(message.stream), message.ppid, message.payload.clone(), options);
        match sent.map_err(|error| error.reason) {
            Ok(()) => Sent::Taken,
            Err(SendRefusal::WouldBlock | SendRefusal::Resetting) => Sent::Later,
            Err(reason) => Sent::Refused(reason.to_string()),
        }
    }

    fn reset(&mut self, now: Instant, stream: u16) {
        if let Err(error) = self.association.reset_streams(now, &[StreamId(stream)]) {
            self.news.push_back(News::Trouble(format!("reset of stream {stream}: {error}")));
        }
    }

    fn shutdown(&mut self, now: Instant) {
        self.association.shutdown(now);
    }

    fn abort(&mut self, now: Instant) {
        self.association.abort(now, "enough");
    }

    fn poll_news(&mut self, _now: Instant) -> Option<News> {
        while self.news.is_empty() {
            match self.association.poll_event()? {
                Event::Connected => self.news.push_back(News::Connected),
                Event::Readable(stream) => self.take_messages(stream),
                Event::StreamReset(stream) => self.news.push_back(News::StreamReset(stream.0)),
                Event::StreamResetDone(stream) => self.news.push_back(News::ResetDone(stream.0)),
                Event::Closed(reason) => self.news.push_back(ended(reason)),
                Event::CookieEchoed | Event::BufferedAmountLow(_) | Event::Writable => {}
                other => self.news.push_back(News::Trouble(format!("{other:?}"))),
            }
        }
        self.news.pop_front()
    }
}

fn ended(reason: CloseReason) -> News {
    match reason {
        CloseReason::Shutdown => News::Closed(End::Shutdown),
        CloseReason::Aborted => News::Closed(End::Aborted),
        CloseReason::AbortedByPeer(_) => News::Closed(End::AbortedByPeer),
        reason => News::Trouble(format!("{reason:?}")),
    }
}
