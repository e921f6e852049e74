//! What answering an offer of 500 sections takes, beside one of 50.
//!
//! ```text
//! cargo bench -p ortica --bench sections
//! ```
#![expect(clippy::expect_used, reason = "what fails here fails the bench")]

#[path = "../tests/common/mod.rs"]
mod common;
#[path = "../tests/common/sections.rs"]
mod sections;

use common::Side;
use netsim::Pair;
use ortica::codecs::Codec;
use std::process::ExitCode;
use std::time::Duration;

/// What the row CVE-43 allows, for 500 sections.
const MOST: Duration = Duration::from_millis(100);
/// In all; the clock ticks every few milliseconds.
const SECTIONS: usize = 5_000;

/// CPU time of this thread so far.
fn cpu_time() -> Duration {
    let line = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux says how long a thread ran");
    let nanos = line.split_whitespace().next().and_then(|field| field.parse().ok());
    Duration::from_nanos(nanos.expect("nanoseconds on a CPU"))
}

/// Takes the offer, answers it, and sets the answer, as often as 5,000 sections take; the mean of one.
fn answer(count: usize) -> Duration {
    let offer = sections::offer(count);
    let rounds = SECTIONS / count;
    let mut taken = Duration::ZERO;
    for _ in 0..rounds {
        let mut side = Side::new(1, Pair::<Side>::A);
        side.peer.set_codecs(vec![Codec::Vp8]);
        let now = netsim::epoch();
        let before = cpu_time();
        side.peer.set_remote_description(now, offer.clone()).expect("the offer is legal");
        let answer = side.peer.create_answer(now).expect("an answer");
        side.peer.set_local_description(now, answer).expect("the answer is ours");
        taken += cpu_time() - before;
        assert_eq!(side.peer.session().receivers().count(), count, "every section is served");
    }
    taken / u32::try_from(rounds).unwrap_or(u32::MAX)
}

fn main() -> ExitCode {
    let (few, many) = (answer(50), answer(500));
    println!("bar: many sections: an offer of 500 is answered in {many:.1?} of CPU time, one of 50 in {few:.1?}");
    if many > MOST { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
