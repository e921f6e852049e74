//! Messages of all sizes, both ways at once, ordered and not.

use super::Check;
use crate::peer::{Ability, Peer};
use crate::run::{Run, Who};
use crate::stack::{Incoming, Offer, Outgoing};
use crate::wire::{Seen, Sight, chunk};
use bytes::Bytes;
use ortica_core::Rng;
use ortica_sctp::Reliability;
use ortica_sctp::ppid::{self, Kind};
use std::collections::BTreeSet;

/// Bytes of the messages. The empty one goes as RFC 8831 §6.6 has it.
const SIZES: [usize; 6] = [0, 1, 1_200, 64 << 10, 256 << 10, 0];
const ORDERED: u16 = 1;
const UNORDERED: u16 = 2;

pub const CHECKS: &[Check] = &[
    Check {
        name: "messages of 0 to 256 KiB",
        needs: &[],
        sights: &[Sight::Chunk(chunk::DATA)],
        run: |peer, seed| all_sizes(peer, seed, Offer::default()),
    },
    Check {
        name: "messages without checksums",
        needs: &[Ability::ZeroChecksum],
        sights: &[Sight::Chunk(chunk::DATA), Sight::NoChecksum],
        run: |peer, seed| all_sizes(peer, seed, Offer { zero_checksum: true, ..Offer::default() }),
    },
    Check {
        name: "interleaved messages",
        needs: &[Ability::Interleaving],
        sights: &[Sight::Chunk(chunk::I_DATA)],
        run: |peer, seed| all_sizes(peer, seed, Offer { interleaving: true, ..Offer::default() }),
    },
];

fn all_sizes(peer: Peer, seed: u64, offer: Offer) -> Result<Seen, String> {
    let mut run = Run::rough(peer, seed, offer);
    run.open(if seed.is_multiple_of(2) { Who::We } else { Who::Peer })?;
    let agreed = run.pair.a.stack.association().agreed().unwrap_or_default();
    if (agreed.interleaving, agreed.zero_checksum) != (offer.interleaving, offer.zero_checksum) {
        return Err(format!("seed {seed}: offered {offer:?}, agreed on {agreed:?}"));
    }
    exchange(&mut run, &every_size(seed, "ours"), &every_size(seed, "theirs"))?;
    Ok(run.seen())
}

/// Each size as text and as bytes, on a stream that keeps the order and on one that does not.
fn every_size(seed: u64, whose: &str) -> Vec<Outgoing> {
    let mut rng = Rng::from_number(seed).fork(whose);
    let mut messages = Vec::new();
    for size in SIZES {
        for (stream, ordered) in [(ORDERED, true), (UNORDERED, false)] {
            for kind in [Kind::Binary, Kind::Text] {
                messages.push(Outgoing { ordered, ..message(&mut rng, stream, kind, size) });
            }
        }
    }
    messages
}

/// Three short messages on one stream.
pub fn few(seed: u64, whose: &str) -> Vec<Outgoing> {
    let mut rng = Rng::from_number(seed).fork(whose);
    [10, 2_000, 30].map(|size| message(&mut rng, ORDERED, Kind::Binary, size)).into()
}

/// A reliable, ordered message of random bytes.
pub fn message(rng: &mut Rng, stream: u16, kind: Kind, size: usize) -> Outgoing {
    let mut bytes = vec![0; size];
    rng.fill(&mut bytes);
    let (ppid, payload) = ppid::to_wire(kind, Bytes::from(bytes));
    Outgoing { stream, ppid, payload, ordered: true, reliability: Reliability::Reliable }
}

/// Sends both lists at once, and sees that each side gets what the other sent and nothing else.
pub fn exchange(run: &mut Run, from_us: &[Outgoing], from_peer: &[Outgoing]) -> Result<(), String> {
    let now = run.now();
    run.pair.a.send(now, from_us.iter().cloned());
    run.pair.b.send(now, from_peer.iter().cloned());
    run.until("messages arrived", |a, b| a.inbox.len() >= from_peer.len() && b.inbox.len() >= from_us.len())?;
    let (ours, theirs) = (std::mem::take(&mut run.pair.a.inbox), std::mem::take(&mut run.pair.b.inbox));
    let wrong = same("from the peer", from_peer, &ours).and_then(|()| same("from us", from_us, &theirs));
    wrong.map_err(|wrong| format!("seed {}: {wrong}", run.seed))
}

/// Each message once, and in the order of sending where that was promised.
fn same(whose: &str, sent: &[Outgoing], got: &[Incoming]) -> Result<(), String> {
    let streams: BTreeSet<(u16, bool)> = sent.iter().map(|message| (message.stream, message.ordered)).collect();
    if sent.len() != got.len() {
        return Err(format!("{} messages {whose}, {} came", sent.len(), got.len()));
    }
    for (stream, ordered) in streams {
        let sent = sent.iter().filter(|it| it.stream == stream).map(as_incoming);
        let got = got.iter().filter(|it| it.stream == stream).cloned();
        let (mut sent, mut got): (Vec<_>, Vec<_>) = (sent.collect(), got.collect());
        if !ordered {
            sent.sort();
            got.sort();
        }
        if sent != got {
            let lengths = |messages: &[Incoming]| messages.iter().map(|it| it.payload.len()).collect::<Vec<_>>();
            return Err(format!("stream {stream} {whose}: sent {:?}, got {:?}", lengths(&sent), lengths(&got)));
        }
    }
    Ok(())
}

pub fn as_incoming(message: &Outgoing) -> Incoming {
    Incoming { stream: message.stream, ppid: message.ppid.0, payload: message.payload.clone() }
}
