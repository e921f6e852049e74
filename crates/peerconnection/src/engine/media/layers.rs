//! Layers of a receiver: streams of the same pictures side by side (simulcast), and which of them is read.

use super::ReceivedFrame;
use super::parameters::RtpCodecParameters;
use super::receiver::{PacketTap, Repair, Stream, Unread};
use crate::engine::{Limits, ReceiverStats};
use ortica_core::Instant;
use ortica_rtp::{Rid, Ssrc};
use std::collections::VecDeque;
use std::time::Duration;

/// A layer that gave no frame for so long is not waited for while others come.
const SILENCE: Duration = Duration::from_secs(1);

/// Frames that are held back at most. Beyond, the first are given out early.
const MAX_HELD: usize = 512;

/// One layer, or the only stream there is.
pub(super) struct Layer {
    pub rid: Option<Rid>,
    pub stream: Option<Stream>,
    /// What came in a stream of retransmissions before there was one to repair.
    pub early: Repair,
    /// What is held back, with when it is due.
    held: VecDeque<(Instant, ReceivedFrame)>,
    tap: Option<Tap>,
    pub packets: PacketTap,
}

/// Frames for who reads the layer by itself.
struct Tap {
    readers: usize,
    unread: Unread,
}

impl Layer {
    pub fn new(rid: Option<Rid>) -> Self {
        Self {
            rid,
            stream: None,
            early: Repair::default(),
            held: VecDeque::new(),
            tap: None,
            packets: PacketTap::default(),
        }
    }

    /// Another stream begins: the `number`th of its receiver, in that codec with what the peer says of it.
    pub fn begin(&mut self, number: (u32, Ssrc), codec: (RtpCodecParameters, Option<&str>), rtt: Option<Duration>) {
        let repair = std::mem::take(&mut self.early);
        self.stream = Some(Stream::new(number, codec, repair, rtt));
    }

    pub fn tap(&mut self) {
        self.tap.get_or_insert_with(|| Tap { readers: 0, unread: Unread::waiting() }).readers += 1;
    }

    pub fn untap(&mut self) {
        self.tap.take_if(|tap| {
            tap.readers = tap.readers.saturating_sub(1);
            tap.readers == 0
        });
    }

    pub fn read(&mut self) -> Option<ReceivedFrame> {
        self.tap.as_mut()?.unread.read()
    }

    /// Somebody is about to read the layer by itself.
    pub fn expect_reader(&mut self) {
        if let Some(tap) = &mut self.tap {
            tap.unread.expect_reader();
        }
    }

    /// Whether somebody reads the layer by itself.
    pub fn is_read(&self) -> bool {
        self.tap.as_ref().is_some_and(|tap| !tap.unread.is_abandoned())
    }

    /// Holds `frames` back for `target` since they came, and puts in their place what is due now.
    pub fn hold(&mut self, now: Instant, target: Duration, frames: &mut VecDeque<ReceivedFrame>) {
        if target.is_zero() && self.held.is_empty() {
            return;
        }
        for received in frames.drain(..) {
            let came = match &received {
                ReceivedFrame::Frame { arrived, .. } => *arrived,
                ReceivedFrame::Lost { .. } | ReceivedFrame::ComfortNoise { .. } => now,
            };
            // In order, also when the target becomes less.
            let due = self.held.back().map_or(came + target, |(last, _)| (came + target).max(*last));
            self.held.push_back((due, received));
        }
        while self.held.len() > MAX_HELD || self.held.front().is_some_and(|(due, _)| *due <= now || target.is_zero()) {
            frames.extend(self.held.pop_front().map(|(_, received)| received));
        }
    }

    /// When the next frame that is held back is due.
    pub fn held_until(&self) -> Option<Instant> {
        self.held.front().map(|(due, _)| *due)
    }

    /// Asks for a key frame; what comes before it is given out all the same.
    pub fn request_key_frame(&mut self, now: Instant) {
        if let Some(stream) = &mut self.stream {
            stream.request_key_frame(now);
        }
    }

    /// Nothing is given out before the next key frame, which is asked for.
    pub fn require_key_frame(&mut self, now: Instant) {
        if let Some(stream) = &mut self.stream {
            stream.require_key_frame(now);
        }
    }

    /// Keeps frames for who reads the layer by itself; `true` if somebody does. Beyond the limit all are dropped, and the
    /// reader starts over at the next key frame.
    pub fn keep(&mut self, now: Instant, limits: &Limits, frames: &VecDeque<ReceivedFrame>) -> bool {
        let Some(tap) = &mut self.tap else { return false };
        let mut is_needed = false;
        for received in frames {
            is_needed |= tap.unread.put(limits.received_frames, received.clone());
        }
        if is_needed {
            self.request_key_frame(now);
        }
        true
    }

    pub fn add_stats(&self, stats: &mut ReceiverStats) {
        stats.rid = self.rid;
        stats.frames_dropped += self.tap.as_ref().map_or(0, |tap| tap.unread.dropped);
        stats.packets_unread += self.packets.dropped;
        if let Some(stream) = &self.stream {
            stream.add_stats(stats);
        }
    }
}

/// Which layer a receiver's own frames come from: the best that comes. A better one takes over with its first key frame; a
/// lesser one when the better has been silent for [`SILENCE`]. Layers are numbered from the least to the best.
#[derive(Debug, Default)]
pub(super) struct Selection {
    layer: usize,
    /// The last frame that was given out: when it came, and its time as it was given out.
    last: Option<(Instant, i64)>,
    /// What is added to the times of the layer, so that they go on from those of the one before.
    offset: i64,
}

impl Selection {
    /// The layer that is read.
    pub fn layer(&self) -> usize {
        self.layer
    }

    /// Other layers come from now on; times go on.
    pub fn restart(&mut self) {
        self.layer = 0;
    }

    /// Whether a frame of a layer is given out; its time is then one of the selection's.
    pub fn admits(&mut self, layer: usize, received: &mut ReceivedFrame) -> bool {
        if layer != self.layer {
            if !self.wants(layer, received) || !is_key_frame(received) {
                return false;
            }
            self.change(layer, received);
        }
        match received {
            ReceivedFrame::Frame { frame, arrived, .. } => {
                frame.pts += self.offset;
                self.last = Some((*arrived, frame.pts));
            }
            ReceivedFrame::Lost { pts, .. } | ReceivedFrame::ComfortNoise { pts, .. } => *pts += self.offset,
        }
        true
    }

    /// Whether that layer is the one to go on with, once a key frame of it comes.
    pub fn wants(&self, layer: usize, received: &ReceivedFrame) -> bool {
        let ReceivedFrame::Frame { arrived, .. } = received else { return false };
        let is_silent = self.last.is_none_or(|(last, _)| arrived.saturating_duration_since(last) > SILENCE);
        layer > self.layer || layer < self.layer && is_silent
    }

    fn change(&mut self, layer: usize, received: &mut ReceivedFrame) {
        let ReceivedFrame::Frame { frame, arrived, discontinuity, .. } = received else { return };
        if let Some((last, pts)) = self.last {
            let passed = arrived.saturating_duration_since(last);
            let ticks = passed.as_nanos() * u128::from(frame.codec.clock_rate()) / 1_000_000_000;
            // Times rise, also when two layers give a frame at once.
            self.offset = pts + (ticks as i64).max(1) - frame.pts;
        }
        *discontinuity = true;
        self.layer = layer;
    }
}

fn is_key_frame(received: &ReceivedFrame) -> bool {
    matches!(received, ReceivedFrame::Frame { frame, .. } if frame.key_frame)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ortica_codecs::{Codec, EncodedFrame};

    fn frame(millis: u64, pts: i64, key_frame: bool) -> ReceivedFrame {
        ReceivedFrame::Frame {
            frame: EncodedFrame::new(Codec::Vp8, vec![0], pts).with_key_frame(key_frame),
            began: Instant::from_nanos(millis * 1_000_000),
            arrived: Instant::from_nanos(millis * 1_000_000),
            captured: None,
            discontinuity: false,
        }
    }

    fn given(selection: &mut Selection, layer: usize, mut received: ReceivedFrame) -> Option<(i64, bool)> {
        let admitted = selection.admits(layer, &mut received);
        let ReceivedFrame::Frame { frame, discontinuity, .. } = received else { panic!("frames only") };
        admitted.then_some((frame.pts, discontinuity))
    }

    #[test]
    fn a_better_layer_takes_over_with_a_key_frame_and_times_go_on() {
        let mut selection = Selection::default();
        assert_eq!(given(&mut selection, 0, frame(0, 1_000, true)), Some((1_000, false)));
        assert_eq!(given(&mut selection, 2, frame(10, 77_000, false)), None);
        assert_eq!(given(&mut selection, 2, frame(20, 77_900, true)), Some((2_800, true)));
        assert_eq!(given(&mut selection, 2, frame(40, 79_700, false)), Some((4_600, false)));
        assert_eq!(given(&mut selection, 0, frame(40, 4_600, true)), None, "the better one comes");
    }

    #[test]
    fn a_lesser_layer_takes_over_when_the_better_is_silent() {
        let mut selection = Selection::default();
        assert!(given(&mut selection, 1, frame(0, 0, true)).is_some());
        assert_eq!(given(&mut selection, 0, frame(1_000, 5, true)), None);
        assert!(!selection.wants(0, &frame(1_000, 5, false)) && selection.wants(0, &frame(1_001, 5, false)));
        assert_eq!(given(&mut selection, 0, frame(1_001, 5, false)), None, "not without a key frame");
        assert_eq!(given(&mut selection, 0, frame(1_100, 6, true)), Some((99_000, true)));
    }
}
