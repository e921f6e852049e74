//! Streams are reset as data channels are closed, and their ids used again.

use super::Check;
use super::messages::{exchange, message};
use crate::peer::Peer;
use crate::run::{Run, Who};
use crate::stack::{Offer, Outgoing};
use crate::wire::{Seen, Sight, chunk};
use ortica_core::Rng;
use ortica_sctp::ppid::Kind;

const STREAMS: [u16; 3] = [4, 5, 1_000];
/// Uses of each stream.
const TIMES: usize = 3;
const SIGHTS: &[Sight] = &[Sight::Chunk(chunk::RE_CONFIG)];

pub const CHECKS: &[Check] = &[
    Check { name: "we close channels", needs: &[], sights: SIGHTS, run: |peer, seed| reuse(peer, seed, Who::We) },
    Check {
        name: "the peer closes channels",
        needs: &[],
        sights: SIGHTS,
        run: |peer, seed| reuse(peer, seed, Who::Peer),
    },
    Check { name: "both close at once", needs: &[], sights: SIGHTS, run: |peer, seed| reuse(peer, seed, Who::Both) },
];

fn reuse(peer: Peer, seed: u64, who: Who) -> Result<Seen, String> {
    let mut run = Run::rough(peer, seed, Offer::default());
    run.open(Who::Both)?;
    let mut rng = Rng::from_number(seed).fork("reuse");
    for _ in 0..TIMES {
        exchange(&mut run, &some(&mut rng), &some(&mut rng))?;
        close(&mut run, who)?;
    }
    Ok(run.seen())
}

/// Several on each stream, so that sequence numbers that go on after a reset would hold up what follows.
fn some(rng: &mut Rng) -> Vec<Outgoing> {
    STREAMS.iter().flat_map(|stream| [*stream; 3]).map(|stream| message(rng, stream, Kind::Binary, 1_500)).collect()
}

/// Both directions of every stream are reset, and both sides know.
fn close(run: &mut Run, who: Who) -> Result<(), String> {
    let now = run.now();
    for stream in STREAMS {
        if who.is_us() {
            run.pair.a.reset(now, stream);
        }
        if who.is_peer() {
            run.pair.b.reset(now, stream);
        }
    }
    run.until("channels closed", |a, b| {
        let all = |set: &std::collections::BTreeSet<u16>| STREAMS.iter().all(|stream| set.contains(stream));
        all(&a.reset_by_peer) && all(&a.reset_done) && all(&b.reset_by_peer) && all(&b.reset_done)
    })?;
    run.pair.a.forget_resets();
    run.pair.b.forget_resets();
    Ok(())
}
