//! Partial reliability: what is given up is skipped, what follows it arrives, nothing comes twice or changed.

use super::Check;
use super::messages::{as_incoming, message};
use crate::peer::{Ability, Peer};
use crate::run::{Run, Who};
use crate::stack::{Incoming, Offer, Outgoing};
use crate::wire::{Seen, Sight, chunk};
use ortica_core::Rng;
use ortica_sctp::Reliability;
use ortica_sctp::ppid::Kind;
use std::ops::Range;
use std::time::Duration;

const MESSAGES: usize = 60;
/// Loss that every path has, so that there is something to give up.
const LOSS: f64 = 0.05;
/// Bytes of a message.
const SIZES: Range<u64> = 100..3_100;
/// Bytes of a message that dcsctp may let expire. When the rest of one expires in its queue, it leaves what it has sent without an
/// end and begins the next, which is a violation and no loss; and it cuts a message to whatever room its window has left, which
/// are at least these bytes.
const NEVER_CUT: Range<u64> = 4..5;
/// Stream, order and promise of what is sent.
const POLICIES: [(u16, bool, Reliability); 4] = [
    (1, true, Reliability::MaxRetransmits(0)),
    (2, false, Reliability::MaxRetransmits(0)),
    (3, true, Reliability::MaxLifetime(Duration::from_millis(150))),
    (4, true, Reliability::MaxRetransmits(1)),
];

pub const CHECKS: &[Check] = &[
    Check {
        name: "partial reliability",
        needs: &[],
        sights: &[Sight::Chunk(chunk::FORWARD_TSN)],
        run: |peer, seed| give_up(peer, seed, Offer::default()),
    },
    Check {
        name: "partial reliability, interleaved",
        needs: &[Ability::Interleaving],
        sights: &[Sight::Chunk(chunk::I_FORWARD_TSN)],
        run: |peer, seed| give_up(peer, seed, Offer { interleaving: true, ..Offer::default() }),
    },
];

fn give_up(peer: Peer, seed: u64, offer: Offer) -> Result<Seen, String> {
    let mut run = Run::rough(peer, seed, offer);
    run.pair.links(|link| link.loss = netsim::Loss::Random(LOSS));
    run.open(if seed.is_multiple_of(2) { Who::We } else { Who::Peer })?;
    let expiring = if peer == Peer::Dcsctp { NEVER_CUT } else { SIZES };
    let (ours, theirs) = (unreliable(seed, "ours", SIZES), unreliable(seed, "theirs", expiring));
    let now = run.now();
    run.pair.a.send(now, ours.iter().cloned());
    run.pair.b.send(now, theirs.iter().cloned());
    run.until("the last message of each stream arrived", |a, b| {
        has_last_ones(&a.inbox, &theirs) && has_last_ones(&b.inbox, &ours)
    })?;
    // Stragglers would show now.
    run.pair.run_for(Duration::from_secs(10));
    run.until("nothing went wrong afterwards", |_, _| true)?;
    for (whose, sent, got) in [("from us", &ours, &run.pair.b.inbox), ("from the peer", &theirs, &run.pair.a.inbox)] {
        judge(sent, got).map_err(|wrong| format!("seed {seed}, {whose}: {wrong}"))?;
    }
    Ok(run.seen())
}

/// Messages that may be given up, and after them a reliable one on each stream.
fn unreliable(seed: u64, whose: &str, expiring: Range<u64>) -> Vec<Outgoing> {
    let mut rng = Rng::from_number(seed).fork(whose);
    let mut messages = Vec::new();
    for round in 0..=MESSAGES {
        for (stream, ordered, reliability) in POLICIES {
            let expires = matches!(reliability, Reliability::MaxLifetime(_));
            let sizes = if expires { &expiring } else { &SIZES };
            let size = (sizes.start + rng.below(sizes.end - sizes.start)) as usize;
            let reliability = if round < MESSAGES { reliability } else { Reliability::Reliable };
            let message = message(&mut rng, stream, Kind::Binary, size);
            messages.push(Outgoing { ordered, reliability, ..message });
        }
    }
    messages
}

fn has_last_ones(got: &[Incoming], sent: &[Outgoing]) -> bool {
    sent[sent.len() - POLICIES.len()..].iter().all(|message| got.contains(&as_incoming(message)))
}

/// Whether what came is part of what was sent: each at most once, in order where that was promised, and most of it.
fn judge(sent: &[Outgoing], got: &[Incoming]) -> Result<(), String> {
    for (stream, ordered, reliability) in POLICIES {
        let sent: Vec<Incoming> = sent.iter().filter(|it| it.stream == stream).map(as_incoming).collect();
        let places: Option<Vec<usize>> =
            got.iter().filter(|it| it.stream == stream).map(|it| sent.iter().position(|sent| sent == it)).collect();
        let Some(mut places) = places else { return Err(format!("stream {stream}: a message that nobody sent")) };
        if !ordered {
            places.sort_unstable();
        }
        if !places.is_sorted_by(|before, after| before < after) {
            return Err(format!("stream {stream}: out of order or twice: {places:?}"));
        }
        if matches!(reliability, Reliability::MaxRetransmits(_)) && places.len() * 2 < sent.len() {
            return Err(format!("stream {stream}: only {} of {} arrived", places.len(), sent.len()));
        }
    }
    Ok(())
}
