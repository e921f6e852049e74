//! Data beside media over one transport, through a bottleneck with a deep buffer, in virtual time.
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

mod common;

use bytes::Bytes;
use common::{Side, negotiate};
use netsim::{Crossing, Link, Lost, Pair, What};
use ortica::codecs::{Codec, EncodedFrame, MediaKind};
use ortica::core::{Bitrate, Instant};
use ortica::engine::ChannelMessage;
use ortica::jsep::TransceiverId;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const DELAY: Duration = Duration::from_millis(20);
const FRAME: Duration = Duration::from_millis(20);
/// Frames between two key frames.
const KEY_FRAMES: u32 = 100;
const MESSAGE: usize = 16_384;
/// Bytes of a full packet of data on the wire, and those of messages in it.
const PACKET: (f64, f64) = (1_188.0 + 29.0 + 28.0, 1_160.0);

/// What crosses the network from a to b.
#[derive(Default)]
struct Tally {
    /// Packets of media on their way, by SSRC and sequence number.
    sent: BTreeMap<[u8; 6], Instant>,
    delays: Vec<Duration>,
    /// Packets of media for which a queue had no room.
    dropped: usize,
    /// Bytes of media with their headers.
    media: usize,
}

impl Tally {
    /// Counts anew; what is on its way still is.
    fn begin(&mut self) {
        *self = Self { sent: std::mem::take(&mut self.sent), ..Self::default() };
    }

    fn see(&mut self, crossing: &Crossing<'_>) {
        let Some(id) = media_id(crossing) else { return };
        match crossing.what {
            What::Sent => {
                self.media += crossing.bytes.len() + 28;
                self.sent.insert(id, crossing.at);
            }
            What::Delivered => {
                let sent = self.sent.remove(&id).unwrap();
                self.delays.push(crossing.at.saturating_duration_since(sent));
            }
            What::Lost(Lost::QueueFull) => self.dropped += 1,
            _ => {}
        }
    }
}

/// SSRC and sequence number of a packet of media that `a` sent.
fn media_id(crossing: &Crossing<'_>) -> Option<[u8; 6]> {
    let is_rtp = matches!(crossing.bytes, [128..=191, kind, ..] if !(192..=223).contains(kind));
    let (number, ssrc) = (crossing.bytes.get(2..4)?, crossing.bytes.get(8..12)?);
    (is_rtp && crossing.from == Pair::<Side>::A).then(|| [number, ssrc].concat().try_into().unwrap())
}

/// A call with a channel and a track of video from a to b.
struct Call {
    pair: Pair<Side>,
    video: TransceiverId,
    bottleneck: u64,
    frames: u32,
    tally: Rc<RefCell<Tally>>,
}

/// What a while of a call showed.
#[derive(Debug)]
struct Seen {
    /// Of the delays of media, above the path's own: the 95th percentile and the longest.
    queue: Duration,
    longest: Duration,
    /// The share of packets of media that found a queue full.
    dropped: f64,
    /// What data took of what media left of the bottleneck.
    data: f64,
}

impl Call {
    /// `bottleneck` in bits per second, with a buffer for `buffer` of it.
    fn new(seed: u64, bottleneck: u64, buffer: Duration, loss: f64) -> Self {
        let mut a = Side::new(seed * 2 + 1, Pair::<Side>::A);
        let mut b = Side::new(seed * 2 + 2, Pair::<Side>::B);
        for side in [&mut a, &mut b] {
            side.peer.set_codecs(vec![Codec::Vp8]);
        }
        let mut pair = Pair::new(seed, Link::with_delay(DELAY), a, b);
        let now = pair.now();
        pair.a.create_channel(now, Default::default());
        let video = pair.a.peer.add_track(MediaKind::Video, Vec::new()).unwrap();
        negotiate(&mut pair);
        pair.run_until(30 * SECOND, |a, b| !a.opened.is_empty() && !b.opened.is_empty()).unwrap();
        let queue = (bottleneck as f64 / 8.0 * buffer.as_secs_f64()) as usize;
        pair.links(|link| *link = Link::with_delay(DELAY).lossy(loss).bottleneck(bottleneck, queue));
        let tally = Rc::new(RefCell::new(Tally::default()));
        let seen = tally.clone();
        pair.network.set_tap(move |crossing| seen.borrow_mut().see(crossing));
        Self { pair, video, bottleneck, frames: 0, tally }
    }

    /// Some 1 Mbit/s of video for `time`.
    fn send_video(&mut self, time: Duration) -> Seen {
        self.run(time, |call| {
            let video = call.video;
            let number = call.frames;
            call.frames += 1;
            call.pair.with_a(|a, now| {
                let wanted = a.peer.encoder_targets(video).is_some_and(|targets| targets.key_frame);
                a.peer.send_frame(now, video, &picture(number, wanted || number.is_multiple_of(KEY_FRAMES))).unwrap();
            });
        })
    }

    fn send_no_video(&mut self, time: Duration) -> Seen {
        self.run(time, |_| ())
    }

    /// Runs for `time`, with data always waiting, and `each_frame` every 20 ms.
    fn run(&mut self, time: Duration, each_frame: impl Fn(&mut Self)) -> Seen {
        self.tally.borrow_mut().begin();
        self.pair.b.received.clear();
        let message = ChannelMessage { binary: true, data: Bytes::from(vec![7; MESSAGE]) };
        for _ in 0..time.as_millis() / FRAME.as_millis() {
            let waiting = self.pair.a.queue.len();
            self.pair.a.queue.extend((waiting..20).map(|_| message.clone()));
            each_frame(self);
            self.pair.run_for(FRAME);
        }
        self.seen(time)
    }

    fn seen(&self, time: Duration) -> Seen {
        let mut tally = self.tally.borrow_mut();
        tally.delays.sort_unstable();
        let at = |share: f64| {
            let index = (tally.delays.len() as f64 * share) as usize;
            let delay = tally.delays.get(index.min(tally.delays.len().saturating_sub(1)));
            delay.copied().unwrap_or(DELAY).saturating_sub(DELAY)
        };
        let bits = |bytes: f64| bytes * 8.0 / time.as_secs_f64();
        let received: usize = self.pair.b.received.iter().map(|message| message.data.len()).sum();
        let data = bits(received as f64 * PACKET.0 / PACKET.1);
        let left = self.bottleneck as f64 - bits(tally.media as f64);
        let all = tally.delays.len() + tally.dropped;
        Seen { queue: at(0.95), longest: at(1.0), dropped: tally.dropped as f64 / all.max(1) as f64, data: data / left }
    }

    fn sctp(&self) -> ortica_sctp::Stats {
        let session = self.pair.a.peer.session();
        session.sctp_stats(session.transports().next().unwrap()).unwrap()
    }
}

/// A picture of VP8 as far as its header goes.
fn picture(number: u32, key_frame: bool) -> EncodedFrame {
    let mut data = vec![u8::from(!key_frame), 0, 0, 0x9d, 0x01, 0x2a, 64, 0, 64, 0];
    data.resize(if key_frame { 15_000 } else { 2_300 }, number as u8);
    EncodedFrame::new(Codec::Vp8, data, i64::from(number) * 1_800).with_key_frame(key_frame)
}

/// Guards the bound on the queue that data build while media is sent, beside losses by chance too, and that data take the
/// whole path again after it.
#[test]
fn data_keep_the_queue_short_that_media_wait_in() {
    for (megabits, buffer, loss) in [(3, 300, 0.0), (3, 500, 0.01), (10, 300, 0.0), (10, 500, 0.01)] {
        for seed in 0..2 {
            let mut call = Call::new(seed, megabits * 1_000_000, buffer * MS, loss);
            call.send_video(5 * SECOND);
            let beside = call.send_video(20 * SECOND);
            call.send_no_video(3 * SECOND);
            let alone = call.send_no_video(7 * SECOND);
            let told = format!("{megabits} Mbit/s, {buffer} ms, {loss}, seed {seed}: {beside:?}, {alone:?}");
            println!("{told}");
            assert!(beside.queue <= 60 * MS && beside.dropped < 0.001, "{told}");
            assert!(beside.data >= 0.7, "{told}");
            // Losses by chance bound what CUBIC makes of these paths, shared or not: of the faster one twice what Reno would,
            // which is 58 % of it.
            let least = match (loss > 0.0, megabits) {
                (false, _) => 0.9,
                (true, 3) => 0.75,
                (true, _) => 0.58,
            };
            assert!(alone.data >= least, "{told}");
        }
    }
}

/// Guards media that begin when data have filled the buffer.
#[test]
fn a_queue_that_stood_before_media_began_goes_away() {
    for seed in 0..2 {
        let mut call = Call::new(seed, 3_000_000, 500 * MS, 0.0);
        call.send_no_video(10 * SECOND);
        assert_eq!(call.sctp().queue_cuts, 0);
        let early = call.send_video(3 * SECOND);
        assert!(early.longest > 150 * MS, "there was a queue: {early:?}");
        let beside = call.send_video(10 * SECOND);
        println!("seed {seed}: {early:?}, {beside:?}");
        assert!(beside.queue <= 60 * MS && beside.dropped < 0.001 && beside.data >= 0.7, "seed {seed}: {beside:?}");
    }
}

/// Guards the ceiling, told before there is an association and after.
#[test]
fn data_keep_to_the_ceiling_of_their_transport() {
    let mut call = Call::new(1, 10_000_000, 300 * MS, 0.0);
    let set = |call: &mut Call, ceiling: Option<u64>| {
        let session = call.pair.a.peer.session_mut();
        let transport = session.transports().next().unwrap();
        session.set_data_ceiling(transport, ceiling.map(Bitrate::from_bits)).unwrap();
    };
    for ceiling in [2_000_000, 500_000] {
        set(&mut call, Some(ceiling));
        call.send_no_video(3 * SECOND);
        let taken = call.send_no_video(10 * SECOND).data * 10_000_000.0 / ceiling as f64;
        // Chunks are 1,176 of the 1,245 bytes of a packet.
        assert!((1.0..1.08).contains(&taken), "{ceiling}: {taken}");
    }
    set(&mut call, None);
    call.send_no_video(3 * SECOND);
    let seen = call.send_no_video(5 * SECOND);
    assert!(seen.data >= 0.9, "{seen:?}");
}
