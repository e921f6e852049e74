//! Paths that carry nothing for a while, with the time-outs of a WebRTC transport.

mod common;

use common::*;
use netsim::{Link, Pair};
use ortica_sctp::SendOptions;
use std::time::Duration;

/// The longest time-out of a WebRTC transport, which learns from ICE when its path is gone for good.
const LONGEST: Duration = Duration::from_secs(10);
const PERIOD: Duration = Duration::from_millis(50);

/// A connected pair, on whose way from a to b a message is every `PERIOD`.
struct Talk {
    pair: Peers,
    sent: u32,
}

impl Talk {
    fn new(seed: u64) -> Self {
        let config = config().with_rto(SECOND, 400 * MS, LONGEST);
        let link = Link::with_delay(25 * MS);
        let [a, b] = [0, 1].map(|side| Peer::new(config.clone(), seed * 2 + side));
        Self { pair: connect(Pair::of_machines(seed, link.clone(), a, b), link), sent: 0 }
    }

    fn go_on(&mut self, time: Duration) {
        let end = self.pair.now() + time;
        while self.pair.now() < end {
            self.pair.a.machine.queue(1, self.sent.to_be_bytes().to_vec(), SendOptions::default());
            self.sent += 1;
            self.pair.run_for(PERIOD.min(end.saturating_duration_since(self.pair.now())));
        }
    }

    /// Cuts the path both ways while the talk goes on. Returns how long it took from its return until something arrived.
    fn cut(&mut self, time: Duration) -> Duration {
        self.pair.links(|link| link.down = true);
        self.go_on(time);
        self.pair.links(|link| link.down = false);
        let before = self.pair.b.machine.inbox.len();
        self.pair
            .run_until(60 * SECOND, |_, b| b.machine.inbox.len() > before)
            .unwrap_or_else(|stalled| panic!("after {time:?}: {stalled}"))
    }
}

/// Guards the upper bound of the time-out and the count of time-outs: an association outlives ten of them, and goes on within
/// one of the end of the outage, with nothing lost.
#[test]
fn flt_17_after_an_outage_data_flow_within_one_time_out() {
    let mut timeouts = 0;
    for seed in 0..20 {
        for outage in [10, 35, 60] {
            let mut talk = Talk::new(seed);
            talk.go_on(SECOND + seed as u32 * 37 * MS);
            let before = talk.pair.a.machine.association.stats().timeouts;
            let waited = talk.cut(outage * SECOND);
            let (rto, stats) = (talk.pair.a.machine.association.path().rto, talk.pair.a.machine.association.stats());
            assert!(waited <= LONGEST + SECOND, "seed {seed}, {outage} s: {waited:?}");
            // Of the time-out that ran when the path came back, doubled at most as often as it had run out.
            assert!(rto <= LONGEST, "seed {seed}: {rto:?}");
            timeouts = timeouts.max(stats.timeouts - before);
            talk.go_on(SECOND);
            let all = talk.sent as usize;
            talk.pair
                .run_until(30 * SECOND, |_, b| b.machine.inbox.len() == all)
                .unwrap_or_else(|stalled| panic!("{stalled}"));
            let expected: Vec<u8> = (0..talk.sent).flat_map(u32::to_be_bytes).collect();
            assert_eq!(talk.pair.b.machine.bytes(), expected, "seed {seed}, {outage} s");
            assert!(talk.pair.a.machine.is_up() && talk.pair.b.machine.is_up());
        }
    }
    println!("bar: outages of 10, 35 and 60 s: data flow within one time-out; {timeouts} time-outs in a row outlived");
    assert!(timeouts >= 9, "{timeouts} time-outs");
}
