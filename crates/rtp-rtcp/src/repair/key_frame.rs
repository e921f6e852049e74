//! Asking for key frames, and being asked.
//!
//! A key frame costs as much as dozens of other pictures, so neither side does it more often than it helps: a
//! [`KeyFrameLimiter`] answers floods of requests with one key frame in 300 ms, a [`KeyFrameRequester`] repeats its request
//! only until the key frame is there.

use crate::id::Ssrc;
use crate::rtcp::{FirEntry, FullIntraRequest, Packet, PictureLoss};
use ortica_core::Instant;
use smallvec::SmallVec;
use std::time::Duration;

/// The least time between two key frames that peers can bring about, unless set otherwise.
pub const MIN_INTERVAL: Duration = Duration::from_millis(300);

/// How many who demand key frames are remembered by their last demand.
const MAX_REQUESTERS: usize = 16;

/// Decides for one encoding when a key frame is due.
#[derive(Clone, Debug)]
pub struct KeyFrameLimiter {
    interval: Duration,
    pending: bool,
    last: Option<Instant>,
    /// The last demand of each requester: the same number again is a repetition.
    demands: SmallVec<[(Ssrc, u8); 2]>,
    stats: Stats,
}

/// Counters of a [`KeyFrameLimiter`].
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Stats {
    /// Picture loss indications received.
    pub picture_losses: u64,
    /// Full intra requests received, repetitions included.
    pub full_intra_requests: u64,
    /// Key frames that followed.
    pub key_frames: u64,
}

impl Default for KeyFrameLimiter {
    fn default() -> Self {
        Self::new(MIN_INTERVAL)
    }
}

impl KeyFrameLimiter {
    /// At most one key frame in each `interval`.
    pub fn new(interval: Duration) -> Self {
        Self { interval, pending: false, last: None, demands: SmallVec::new(), stats: Stats::default() }
    }

    /// Counters.
    pub const fn stats(&self) -> Stats {
        self.stats
    }

    /// A peer could not decode a picture.
    pub fn handle_picture_loss(&mut self) {
        self.stats.picture_losses += 1;
        self.pending = true;
    }

    /// A peer demands a key frame; a demand that it repeats counts once.
    pub fn handle_full_intra_request(&mut self, requester: Ssrc, sequence: u8) {
        self.stats.full_intra_requests += 1;
        match self.demands.iter_mut().find(|(known, _)| *known == requester) {
            Some((_, last)) if *last == sequence => return,
            Some((_, last)) => *last = sequence,
            None => {
                if self.demands.len() >= MAX_REQUESTERS {
                    self.demands.remove(0);
                }
                self.demands.push((requester, sequence));
            }
        }
        self.pending = true;
    }

    /// When a key frame is due, if one was asked for: possibly now or before.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let due = self.last.map_or(Instant::from_nanos(0), |last| last + self.interval);
        self.pending.then_some(due)
    }

    /// `true`, once, when the encoder is to make a key frame.
    pub fn poll(&mut self, now: Instant) -> bool {
        if self.poll_timeout().is_none_or(|due| due > now) {
            return false;
        }
        self.stats.key_frames += 1;
        self.handle_key_frame(now);
        true
    }

    /// A key frame was made for a reason of its own: that answers what was asked.
    pub fn handle_key_frame(&mut self, now: Instant) {
        self.pending = false;
        self.last = Some(now);
    }
}

/// Asks for a key frame until it comes.
#[derive(Clone, Debug)]
pub struct KeyFrameRequester {
    interval: Duration,
    next: Option<Instant>,
    last: Option<Instant>,
    /// Of full intra requests.
    sequence: u8,
    rtt: Duration,
}

impl Default for KeyFrameRequester {
    fn default() -> Self {
        Self::new(MIN_INTERVAL)
    }
}

impl KeyFrameRequester {
    /// At most one request in each `interval`, or in each round-trip time if that is longer.
    pub fn new(interval: Duration) -> Self {
        Self { interval, next: None, last: None, sequence: 0, rtt: Duration::ZERO }
    }

    /// Takes note of the round-trip time.
    pub fn set_rtt(&mut self, rtt: Duration) {
        self.rtt = rtt;
    }

    /// A key frame is needed.
    pub fn request(&mut self, now: Instant) {
        if self.next.is_none() {
            let earliest = self.last.map_or(now, |last| last + self.interval.max(self.rtt));
            self.next = Some(earliest.max(now));
            self.sequence = self.sequence.wrapping_add(1);
        }
    }

    /// The key frame has come.
    pub fn satisfy(&mut self) {
        self.next = None;
    }

    /// `true` while a key frame is needed.
    pub const fn is_waiting(&self) -> bool {
        self.next.is_some()
    }

    /// When to ask (again).
    pub const fn poll_timeout(&self) -> Option<Instant> {
        self.next
    }

    /// `true` when it is time to ask. The message is then [`picture_loss`](Self::picture_loss) or, for peers that know no
    /// other, [`full_intra_request`](Self::full_intra_request).
    pub fn poll(&mut self, now: Instant) -> bool {
        if self.next.is_none_or(|next| next > now) {
            return false;
        }
        self.last = Some(now);
        // The answer takes a round trip, and the encoder a moment.
        self.next = Some(now + self.interval.max(self.rtt));
        true
    }

    /// The message of most peers.
    pub fn picture_loss(sender: Ssrc, media: Ssrc) -> Packet {
        PictureLoss { sender, media }.into()
    }

    /// The message of those who negotiated `ccm fir` and no `nack pli`. Repeated, it keeps its number.
    pub fn full_intra_request(&self, sender: Ssrc, media: Ssrc) -> Packet {
        let entries = [FirEntry { ssrc: media, sequence: self.sequence }].into_iter().collect();
        FullIntraRequest { sender, media: Ssrc(0), entries }.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Instant = Instant::from_nanos(1_000_000_000);
    const MS: Duration = Duration::from_millis(1);

    /// Guards the interval between key frames that a peer can force.
    #[test]
    fn cve_25_a_flood_of_requests_brings_one_key_frame_in_300_ms() {
        let mut limiter = KeyFrameLimiter::default();
        let mut key_frames = Vec::new();
        for ms in 0..3_000 {
            let now = START + MS * ms;
            for i in 0..10u8 {
                limiter.handle_picture_loss();
                limiter.handle_full_intra_request(Ssrc(1), (ms as u8).wrapping_mul(10).wrapping_add(i));
            }
            if limiter.poll(now) {
                key_frames.push(ms);
            }
        }
        assert_eq!(key_frames, (0..10).map(|i| i * 300).collect::<Vec<_>>());
        assert_eq!(limiter.stats(), Stats { picture_losses: 30_000, full_intra_requests: 30_000, key_frames: 10 });
    }

    /// Guards the comparison of the demand's number.
    #[test]
    fn rtcp_3_a_repeated_full_intra_request_counts_once() {
        let mut limiter = KeyFrameLimiter::default();
        limiter.handle_full_intra_request(Ssrc(1), 7);
        assert!(limiter.poll(START));
        limiter.handle_full_intra_request(Ssrc(1), 7);
        assert!(!limiter.poll(START + 500 * MS));
        limiter.handle_full_intra_request(Ssrc(2), 7);
        assert!(limiter.poll(START + 500 * MS));
        limiter.handle_full_intra_request(Ssrc(1), 8);
        assert_eq!(limiter.poll_timeout(), Some(START + 800 * MS));
        assert!(!limiter.poll(START + 799 * MS));
        assert!(limiter.poll(START + 800 * MS));
    }

    #[test]
    fn a_key_frame_made_anyway_answers_the_requests() {
        let mut limiter = KeyFrameLimiter::default();
        limiter.handle_picture_loss();
        limiter.handle_key_frame(START);
        assert_eq!(limiter.poll_timeout(), None);
    }

    #[test]
    fn requesters_are_remembered_in_bounded_number() {
        let mut limiter = KeyFrameLimiter::default();
        for ssrc in 0..10_000 {
            limiter.handle_full_intra_request(Ssrc(ssrc), 1);
        }
        assert_eq!(limiter.demands.len(), MAX_REQUESTERS);
    }

    #[test]
    fn rtcp_3_a_request_is_repeated_until_the_key_frame_comes() {
        let mut requester = KeyFrameRequester::default();
        assert!(!requester.poll(START));
        requester.request(START);
        requester.request(START);
        assert!(requester.poll(START));
        assert!(!requester.poll(START));
        let Packet::FullIntraRequest(first) = requester.full_intra_request(Ssrc(1), Ssrc(2)) else { panic!() };
        assert_eq!(requester.poll_timeout(), Some(START + 300 * MS));
        assert!(requester.poll(START + 300 * MS));
        let Packet::FullIntraRequest(again) = requester.full_intra_request(Ssrc(1), Ssrc(2)) else { panic!() };
        assert_eq!(first, again);

        requester.satisfy();
        assert_eq!(requester.poll_timeout(), None);
        // A new loss right after waits for its turn.
        requester.set_rtt(400 * MS);
        requester.request(START + 350 * MS);
        assert_eq!(requester.poll_timeout(), Some(START + 700 * MS));
    }
}
