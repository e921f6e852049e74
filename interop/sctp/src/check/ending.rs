//! The end: by a shutdown, with messages still on their way, or by an abort.

use super::Check;
use super::messages::{as_incoming, message};
use crate::peer::{Ability, Peer};
use crate::run::{Run, Who};
use crate::stack::{End, Offer, Outgoing, Stack};
use crate::wire::{Seen, Sight, Way, chunk};
use ortica_core::Rng;
use ortica_sctp::ppid::Kind;

pub const CHECKS: &[Check] = &[
    Check { name: "we shut down", needs: &[], sights: &[], run: |peer, seed| shutdown(peer, seed, Who::We) },
    Check { name: "the peer shuts down", needs: &[], sights: &[], run: |peer, seed| shutdown(peer, seed, Who::Peer) },
    Check {
        name: "both shut down at once",
        needs: &[],
        sights: &[],
        run: |peer, seed| shutdown(peer, seed, Who::Both),
    },
    Check { name: "we abort", needs: &[], sights: &[], run: |peer, seed| abort(peer, seed, Who::We) },
    Check {
        name: "the peer aborts",
        needs: &[Ability::Abort],
        sights: &[],
        run: |peer, seed| abort(peer, seed, Who::Peer),
    },
];

/// What we sent before arrives, whoever begins, and both sides call it a shutdown. The peer sends nothing of its own: what
/// waits for its congestion window would be lost, in both stacks (they look at what is in flight alone).
fn shutdown(peer: Peer, seed: u64, who: Who) -> Result<Seen, String> {
    let mut run = Run::rough(peer, seed, Offer::default());
    run.open(Who::Both)?;
    let (now, last) = (run.now(), last_words(seed));
    run.pair.a.send(now, last.clone());
    if who.is_us() {
        run.pair.a.stack.shutdown(now);
    }
    if who.is_peer() {
        run.pair.b.stack.shutdown(now);
    }
    run.until("shut down", |a, b| a.end.is_some() && b.end.is_some())?;
    let ends = (run.pair.a.end, run.pair.b.end);
    if ends != (Some(End::Shutdown), Some(End::Shutdown)) {
        return Err(format!("seed {seed}: we and the peer ended {ends:?}"));
    }
    let sent: Vec<_> = last.iter().map(as_incoming).collect();
    if run.pair.b.inbox != sent {
        return Err(format!("seed {seed}: {} of {} last messages arrived", run.pair.b.inbox.len(), sent.len()));
    }
    let seen = run.seen();
    if [Way::FromUs, Way::FromPeer].iter().all(|way| seen.of(*way, Sight::Chunk(chunk::SHUTDOWN)) == 0) {
        return Err(format!("seed {seed}: an end without SHUTDOWN"));
    }
    Ok(seen)
}

fn last_words(seed: u64) -> Vec<Outgoing> {
    let mut rng = Rng::from_number(seed).fork("last words");
    [5_000; 6].map(|size| message(&mut rng, 7, Kind::Binary, size)).into()
}

/// An ABORT may get lost and is not sent again, so the path is a smooth one.
fn abort(peer: Peer, seed: u64, who: Who) -> Result<Seen, String> {
    let mut run = Run::smooth(peer, seed, Offer::default());
    run.open(Who::We)?;
    let now = run.now();
    run.pair.a.send(now, last_words(seed));
    match who {
        Who::We => run.pair.a.stack.abort(now),
        Who::Peer | Who::Both => run.pair.b.stack.abort(now),
    }
    run.until("aborted", |a, b| a.end.is_some() && b.end.is_some())?;
    let (expected, ends) = ((End::Aborted, End::AbortedByPeer), (run.pair.a.end, run.pair.b.end));
    let is_so = match who {
        Who::We => ends == (Some(expected.0), Some(expected.1)),
        Who::Peer | Who::Both => ends == (Some(expected.1), Some(expected.0)),
    };
    if is_so { Ok(run.seen()) } else { Err(format!("seed {seed}: we and the peer ended {ends:?}")) }
}
