//! Much at once through a narrow path.

use super::Check;
use super::messages::{exchange, message};
use crate::ours::Ours;
use crate::peer::Peer;
use crate::run::{Run, Who};
use crate::stack::{Offer, Outgoing};
use crate::wire::Seen;
use netsim::Link;
use ortica_core::Rng;
use ortica_sctp::ppid::Kind;
use std::time::Duration;

const MESSAGE: usize = 16 << 10;
const MESSAGES: usize = 192;
const BANDWIDTH: u64 = 10_000_000;
const QUEUE: usize = 64 << 10;
/// Six times what the bandwidth alone would take: the peers have Reno's window, and losses by chance.
const LONGEST: Duration = Duration::from_secs(15);

pub const CHECKS: &[Check] = &[Check { name: "3 MiB each way over 10 Mbit/s", needs: &[], sights: &[], run: bulk }];

fn bulk(peer: Peer, seed: u64) -> Result<Seen, String> {
    let loss = 0.002 * (seed % 3) as f64;
    let link = Link::with_delay(Duration::from_millis(20)).lossy(loss).bottleneck(BANDWIDTH, QUEUE);
    let offer = Offer::default();
    let mut run = Run::new(seed, link, Ours::new(seed, offer), peer.make(seed, offer));
    run.open(Who::We)?;
    let started = run.now();
    exchange(&mut run, &many(seed, "ours"), &many(seed, "theirs"))?;
    let taken = run.now().saturating_duration_since(started);
    if taken > LONGEST { Err(format!("seed {seed}: it took {taken:?}")) } else { Ok(run.seen()) }
}

fn many(seed: u64, whose: &str) -> Vec<Outgoing> {
    let mut rng = Rng::from_number(seed).fork(whose);
    (0..MESSAGES).map(|at| message(&mut rng, (at % 4) as u16, Kind::Binary, MESSAGE)).collect()
}
