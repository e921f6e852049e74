//! Video over a path that loses packets in bursts; in virtual time, by seed.

mod common;

use common::negotiate;
use common::streams::{connect, pair};
use netsim::{Link, Loss};
use ortica::codecs::{Codec, EncodedFrame, MediaKind};
use ortica::engine::ReceivedFrame;
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);
/// Between two pictures.
const FRAME: Duration = Duration::from_millis(20);
/// A picture that comes so long after the one before it ends a freeze (webrtc-stats, `freezeCount`: 150 ms beyond the mean).
const FREEZE: Duration = Duration::from_millis(170);
/// Pictures: a minute of them.
const PICTURES: u32 = 3_000;
/// How long before another key frame is asked for, in pictures.
const PLI_INTERVAL: usize = 15;

/// What a receiver saw.
#[derive(Default)]
struct Seen {
    pictures: usize,
    /// From one picture to the next.
    gaps: Vec<Duration>,
    /// How many key frames it had asked for when each picture was sent.
    plis: Vec<u64>,
    nacks: u64,
}

fn picture(number: u32, key_frame: bool) -> EncodedFrame {
    let mut data = vec![u8::from(!key_frame), 0, 0, 0x9d, 0x01, 0x2a, 64, 0, 64, 0];
    data.resize(if key_frame { 12_000 } else { 3_000 }, number as u8);
    EncodedFrame::new(Codec::Vp8, data, i64::from(number) * 1_800).with_key_frame(key_frame)
}

fn watch(seed: u64, loss: Loss) -> Seen {
    let mut pair = pair(seed, Link::with_delay(25 * MS));
    let from = pair.a.peer.add_track(MediaKind::Video, Vec::new()).expect("a track");
    negotiate(&mut pair);
    connect(&mut pair);
    let to = pair.b.peer.transceivers()[0].id;
    let receiver = pair.b.peer.transceiver(to).and_then(|state| state.receiver).expect("it receives");
    pair.a_to_b().loss = loss;
    let (mut seen, mut last) = (Seen::default(), None);
    for number in 0..PICTURES {
        pair.with_a(|a, now| {
            let wanted = a.peer.encoder_targets(from).is_some_and(|targets| targets.key_frame);
            a.peer.send_frame(now, from, &picture(number, wanted)).expect("there is room");
        });
        pair.run_for(FRAME);
        let now = pair.now();
        while let Some(received) = pair.b.peer.read_frame(to) {
            if matches!(received, ReceivedFrame::Frame { .. }) {
                seen.pictures += 1;
                seen.gaps.extend(last.replace(now).map(|last| now.saturating_duration_since(last)));
            }
        }
        let stats = pair.b.peer.session().receiver_stats(receiver).expect("it receives");
        seen.plis.push(stats.pli_count);
        seen.nacks = stats.nack_count;
    }
    seen
}

/// The most key frames that were asked for within 300 ms.
fn most_at_once(seen: &Seen) -> Option<u64> {
    seen.plis.windows(PLI_INTERVAL).map(|window| window[PLI_INTERVAL - 1] - window[0]).max()
}

/// Guards the repair of what is lost: bursts of eight packets on average, a twentieth of all, cost short freezes.
#[test]
fn flt_4_video_goes_on_over_bursts_of_loss() {
    let mut freezes = Vec::new();
    for seed in 0..10 {
        let seen = watch(seed, Loss::bursts(8.0, 0.05));
        assert!(seen.nacks > 50, "seed {seed}: {} packets asked for", seen.nacks);
        assert!(seen.pictures as u32 > PICTURES * 9 / 10, "seed {seed}: {} pictures", seen.pictures);
        let most = most_at_once(&seen);
        assert!(most <= Some(1), "seed {seed}: {most:?} key frames asked for within 300 ms");
        freezes.extend(seen.gaps.into_iter().filter(|gap| *gap > FREEZE));
    }
    freezes.sort_unstable();
    let p95 = freezes.get(freezes.len() * 95 / 100).copied().unwrap_or_default();
    assert!(p95 <= 400 * MS, "{p95:?}");
}

/// Guards `KeyFrameRequester`: bursts that nothing repairs in time, half a second long, have key frames asked for, and none over and
/// over.
#[test]
fn flt_4_bursts_that_cannot_be_repaired_bring_no_storm_of_requests() {
    let mut asked = 0;
    for seed in 0..5 {
        let seen = watch(seed, Loss::bursts(120.0, 0.2));
        let most = most_at_once(&seen);
        assert!(most <= Some(1), "seed {seed}: {most:?} key frames asked for within 300 ms");
        asked += seen.plis.last().copied().unwrap_or_default();
    }
    assert!(asked >= 10, "{asked} key frames asked for");
}
