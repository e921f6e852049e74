//! Setting up: either side first, both at once, by signalling.

use super::Check;
use super::messages::{exchange, few};
use crate::ours::Ours;
use crate::peer::{Ability, Peer, SctpProto};
use crate::run::{Run, Who};
use crate::stack::Offer;
use crate::wire::Seen;
use bytes::Bytes;
use netsim::Link;
use std::time::Duration;

pub const CHECKS: &[Check] = &[
    Check { name: "we open", needs: &[], sights: &[], run: |peer, seed| opens(peer, seed, Who::We) },
    Check { name: "the peer opens", needs: &[], sights: &[], run: |peer, seed| opens(peer, seed, Who::Peer) },
    Check { name: "both open at once", needs: &[], sights: &[], run: |peer, seed| opens(peer, seed, Who::Both) },
    Check { name: "set up by signalling", needs: &[Ability::SetUpBySignalling], sights: &[], run: by_signalling },
];

fn opens(peer: Peer, seed: u64, who: Who) -> Result<Seen, String> {
    let mut run = Run::rough(peer, seed, Offer::default());
    run.open(who)?;
    let agreed = run.pair.a.stack.association().agreed().unwrap_or_default();
    if !(agreed.partial_reliability && agreed.stream_reset) || agreed.interleaving || agreed.zero_checksum {
        return Err(format!("seed {seed}: agreed on {agreed:?}"));
    }
    exchange(&mut run, &few(seed, "ours"), &few(seed, "theirs"))?;
    Ok(run.seen())
}

/// The INIT chunks travel with the descriptions (`a=sctp-init`).
fn by_signalling(_: Peer, seed: u64) -> Result<Seen, String> {
    let (mut ours, mut theirs) = (Ours::new(seed, Offer::default()), SctpProto::new());
    let (our_init, their_init) = (Bytes::from(ours.association().init_chunk()), theirs.init_chunk()?);
    ours.association().connect_with(netsim::epoch(), &their_init).map_err(|error| error.to_string())?;
    theirs.connect_with(their_init, our_init)?;
    let link = Link::with_delay(Duration::from_millis(20));
    let mut run = Run::new(seed, link, ours, Box::new(theirs));
    run.until("connected", |a, b| a.connected && b.connected)?;
    exchange(&mut run, &few(seed, "ours"), &few(seed, "theirs"))?;
    Ok(run.seen())
}
