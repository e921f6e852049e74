//! Stream reset: our requests, one at a time, and the peer's.
//!
//! Source: [RFC 6525](https://www.rfc-editor.org/rfc/rfc6525)

use crate::chunk::{ChunkType, ReconfigParam, ReconfigResult};
use crate::packet::Builder;
use crate::{StreamId, Tsn};
use arrayvec::ArrayVec;
use std::collections::BTreeSet;

/// Both directions of asking.
#[derive(Debug)]
pub struct Resets {
    /// Streams of ours to reset: their queues have run dry.
    outgoing: BTreeSet<StreamId>,
    /// Streams of the peer's to ask it to reset.
    incoming: BTreeSet<StreamId>,
    /// The request that waits for its answer.
    request: Option<Request>,
    /// Number of our next request.
    next: u32,
    /// The request of the peer's that our next one answers.
    answering: Option<u32>,
    /// Number of the peer's next request.
    expected: u32,
    /// The answers given last, in case they were lost.
    answers: ArrayVec<(u32, ReconfigResult), 2>,
    /// Answers to send.
    due: ArrayVec<(u32, ReconfigResult), 4>,
    /// The peer's request that waits for data to arrive.
    waiting: Option<(u32, Vec<StreamId>)>,
}

/// A request of ours.
#[derive(Debug)]
pub struct Request {
    number: u32,
    kind: RequestKind,
    /// To be sent, for the first time or again.
    due: bool,
    /// The peer knows of it: waiting is no failure.
    acknowledged: bool,
}

/// What a request of ours is about.
#[derive(Debug)]
pub enum RequestKind {
    /// Streams of ours that begin anew.
    Outgoing { response: u32, last_tsn: Tsn, streams: Vec<StreamId> },
    /// Streams of the peer's that should.
    Incoming { streams: Vec<StreamId> },
}

/// What to make of the number of a request of the peer's.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Turn {
    /// It is the next.
    New,
    /// It is answered: as before, if it is among the last.
    Old,
}

/// What an answer of the peer's means.
#[derive(Debug)]
pub enum Outcome {
    /// Nothing: there was no such request.
    Stray,
    /// The peer works on it.
    InProgress,
    /// It is done, or was refused.
    Settled(RequestKind, bool),
}

impl Resets {
    /// Requests are numbered from the first TSN of their sender on.
    pub fn new(local: Tsn, peer: Tsn) -> Self {
        Self {
            outgoing: BTreeSet::new(),
            incoming: BTreeSet::new(),
            request: None,
            next: local.0,
            answering: None,
            expected: peer.0,
            answers: ArrayVec::new(),
            due: ArrayVec::new(),
            waiting: None,
        }
    }

    pub fn want_outgoing(&mut self, stream: StreamId) {
        self.outgoing.insert(stream);
    }

    pub fn want_incoming(&mut self, stream: StreamId) {
        self.incoming.insert(stream);
    }

    /// Makes the next request, if none waits and there is a reason. A chunk holds at most `most` stream numbers.
    pub fn prepare(&mut self, last_tsn: Tsn, most: usize) {
        if self.request.is_some() {
            return;
        }
        let kind = if !self.outgoing.is_empty() {
            let streams = take(&mut self.outgoing, most);
            let response = self.answering.take().unwrap_or(self.expected.wrapping_sub(1));
            RequestKind::Outgoing { response, last_tsn, streams }
        } else if !self.incoming.is_empty() {
            RequestKind::Incoming { streams: take(&mut self.incoming, most) }
        } else {
            return;
        };
        self.request = Some(Request { number: self.next, kind, due: true, acknowledged: false });
        self.next = self.next.wrapping_add(1);
    }

    /// Something about streams is to be said, or waits for its turn.
    pub fn is_due(&self) -> bool {
        !self.outgoing.is_empty() || !self.incoming.is_empty() || self.answers_len() + self.request_len() > 0
    }

    /// Bytes of the answers that are due, zero when there are none.
    fn answers_len(&self) -> usize {
        self.due.len().div_ceil(2) * 4 + self.due.len() * ReconfigParam::RESPONSE_LEN
    }

    /// Bytes of the request that is due, zero when there is none.
    fn request_len(&self) -> usize {
        let request = self.request.as_ref().filter(|request| request.due).map_or(0, |request| match &request.kind {
            RequestKind::Outgoing { streams, .. } => 4 + ReconfigParam::OUTGOING_LEN + streams.len() * 2,
            RequestKind::Incoming { streams } => 4 + 8 + streams.len() * 2,
        });
        request.next_multiple_of(4)
    }

    /// Puts what is due into the packet, as far as it has room: a request that names many streams fills one of its own. Returns
    /// whether there is a request among it, whose answer has to be waited for.
    pub fn write(&mut self, packet: &mut Builder<'_>) -> bool {
        if self.answers_len() <= packet.room() {
            self.write_answers(packet);
        }
        self.request_len() <= packet.room() && self.write_request(packet)
    }

    fn write_answers(&mut self, packet: &mut Builder<'_>) {
        for answers in std::mem::take(&mut self.due).chunks(2) {
            packet.chunk(ChunkType::RE_CONFIG, 0, |out| {
                for &(response, result) in answers {
                    ReconfigParam::Response { response, result }.encode(out);
                }
            });
        }
    }

    fn write_request(&mut self, packet: &mut Builder<'_>) -> bool {
        let Some(request) = self.request.as_mut().filter(|request| request.due) else { return false };
        request.due = false;
        let number = request.number;
        let param = match &request.kind {
            RequestKind::Outgoing { response, last_tsn, streams } => ReconfigParam::OutgoingReset {
                request: number,
                response: *response,
                last_tsn: *last_tsn,
                streams: streams.clone(),
            },
            RequestKind::Incoming { streams } => {
                ReconfigParam::IncomingReset { request: number, streams: streams.clone() }
            }
        };
        packet.chunk(ChunkType::RE_CONFIG, 0, |out| param.encode(out));
        true
    }

    /// No answer came in time: the request is sent again, unchanged. Returns whether that counts as a failure of the
    /// peer; it does not while the peer says that it works on it.
    pub fn on_timeout(&mut self) -> bool {
        self.request.as_mut().is_some_and(|request| {
            request.due = true;
            !request.acknowledged
        })
    }

    /// The peer answered a request.
    pub fn on_response(&mut self, number: u32, result: ReconfigResult) -> Outcome {
        let Some(request) = self.request.as_mut().filter(|request| request.number == number) else {
            return Outcome::Stray;
        };
        if result == ReconfigResult::IN_PROGRESS {
            request.acknowledged = true;
            return Outcome::InProgress;
        }
        match self.request.take() {
            Some(request) => Outcome::Settled(request.kind, result.is_success()),
            None => Outcome::Stray,
        }
    }

    /// `true` while our request `number`, for streams of the peer's, waits for its answer: the peer's own request is one.
    /// One for streams of ours has to wait for a real answer, because the peer names the last request that it has seen,
    /// not the last that it has performed.
    pub fn is_asking(&self, number: u32) -> bool {
        self.request
            .as_ref()
            .is_some_and(|request| request.number == number && matches!(request.kind, RequestKind::Incoming { .. }))
    }

    /// What to make of the number of a request of the peer's. An old one is answered here.
    pub fn turn(&mut self, number: u32) -> Turn {
        if number == self.expected {
            return Turn::New;
        }
        let known = self.answers.iter().find(|(answered, _)| *answered == number);
        let result = known.map_or(ReconfigResult::BAD_SEQUENCE, |(_, result)| *result);
        let _ = self.due.try_push((number, result));
        Turn::Old
    }

    /// Answers the peer's request, and counts it as seen.
    pub fn answer(&mut self, number: u32, result: ReconfigResult) {
        let _ = self.due.try_push((number, result));
        if let Some(answer) = self.answers.iter_mut().find(|(answered, _)| *answered == number) {
            answer.1 = result;
            return;
        }
        if number == self.expected {
            self.expected = number.wrapping_add(1);
        }
        if self.answers.is_full() {
            self.answers.remove(0);
        }
        self.answers.push((number, result));
    }

    /// Puts off the peer's request without counting it as seen.
    pub fn put_off(&mut self, number: u32) {
        let _ = self.due.try_push((number, ReconfigResult::IN_PROGRESS));
    }

    /// Our next request answers this one of the peer's.
    pub fn answer_with_request(&mut self, number: u32) {
        self.answering = Some(number);
    }

    /// Our request that answered `number` of the peer's is settled: that is what the peer hears if it asks again.
    pub fn on_answered(&mut self, number: u32, success: bool) {
        let result = if success { ReconfigResult::PERFORMED } else { ReconfigResult::DENIED };
        if let Some(answer) = self.answers.iter_mut().find(|(answered, _)| *answered == number)
            && answer.1 == ReconfigResult::IN_PROGRESS
        {
            answer.1 = result;
        }
    }

    /// The peer's request waits for data to arrive; none did before.
    pub fn wait(&mut self, number: u32, streams: Vec<StreamId>) {
        self.waiting = Some((number, streams));
    }

    /// The data that the peer's request waited for have arrived.
    pub fn take_waiting(&mut self) -> Option<(u32, Vec<StreamId>)> {
        self.waiting.take()
    }

    /// `true` while a request of the peer's waits for data.
    pub fn is_waiting(&self) -> bool {
        self.waiting.is_some()
    }
}

/// Takes out the first `most` streams.
fn take(streams: &mut BTreeSet<StreamId>, most: usize) -> Vec<StreamId> {
    std::iter::from_fn(|| streams.pop_first()).take(most).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resets() -> Resets {
        Resets::new(Tsn(u32::MAX), Tsn(100))
    }

    fn request(resets: &mut Resets) -> u32 {
        resets.prepare(Tsn(5), 10);
        resets.request.as_ref().unwrap().number
    }

    /// Guards that one request waits at a time, and that numbers go on across the wrap.
    #[test]
    fn sctp_10_requests_go_one_at_a_time_and_wrap() {
        let mut resets = resets();
        resets.want_outgoing(StreamId(1));
        assert_eq!(request(&mut resets), u32::MAX);
        resets.want_outgoing(StreamId(2));
        assert_eq!(request(&mut resets), u32::MAX);
        assert!(matches!(resets.on_response(0, ReconfigResult::PERFORMED), Outcome::Stray));
        assert!(matches!(
            resets.on_response(u32::MAX, ReconfigResult::PERFORMED),
            Outcome::Settled(RequestKind::Outgoing { streams, .. }, true) if streams == [StreamId(1)]
        ));
        assert_eq!(request(&mut resets), 0);
        assert!(matches!(resets.on_response(0, ReconfigResult::DENIED), Outcome::Settled(_, false)));
    }

    /// Guards the strict numbering of the peer's requests: the last ones are answered again, others refused.
    #[test]
    fn sctp_10_request_numbers_are_strict() {
        let mut resets = resets();
        assert_eq!(resets.turn(100), Turn::New);
        resets.answer(100, ReconfigResult::PERFORMED);
        assert_eq!(resets.turn(100), Turn::Old);
        assert_eq!(resets.turn(99), Turn::Old);
        assert_eq!(resets.turn(102), Turn::Old);
        let due: Vec<_> = resets.due.drain(..).collect();
        let [performed, bad] = [ReconfigResult::PERFORMED, ReconfigResult::BAD_SEQUENCE];
        assert_eq!(due, [(100, performed), (100, performed), (99, bad), (102, bad)]);
        assert_eq!(resets.turn(101), Turn::New);
    }

    /// Guards "in progress": the request is repeated, and the peer is not blamed for taking its time.
    #[test]
    fn sctp_10_in_progress_is_retried_without_blame() {
        let mut resets = resets();
        resets.want_outgoing(StreamId(1));
        let number = request(&mut resets);
        let mut out = Vec::new();
        let header = crate::packet::Header { source_port: 1, destination_port: 2, tag: 3 };
        assert!(resets.write(&mut Builder::new(&mut out, 1_188, header)));
        assert_eq!(resets.request_len(), 0);
        assert!(resets.on_timeout());
        assert_ne!(resets.request_len(), 0);
        assert!(matches!(resets.on_response(number, ReconfigResult::IN_PROGRESS), Outcome::InProgress));
        assert!(!resets.on_timeout());
        assert!(matches!(resets.on_response(number, ReconfigResult::NOTHING_TO_DO), Outcome::Settled(_, true)));
    }

    /// Guards against answers and a request that wait for each other, because no packet has room for both.
    #[test]
    fn sctp_10_a_request_that_fills_a_packet_follows_the_answers() {
        let mut resets = resets();
        (0..1_000).for_each(|stream| resets.want_outgoing(StreamId(stream)));
        resets.prepare(Tsn(5), 576);
        resets.answer(100, ReconfigResult::PERFORMED);
        let header = crate::packet::Header { source_port: 1, destination_port: 2, tag: 3 };
        let mut write = || resets.write(&mut Builder::new(&mut Vec::new(), 1_188, header));
        assert_eq!([write(), write(), write()], [false, true, false]);
        assert_eq!((resets.answers_len(), resets.request_len()), (0, 0));
    }
}
