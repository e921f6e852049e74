//! What is checked of each stack that runs in this process, over as many paths as asked for.

mod bulk;
mod ending;
pub mod messages;
mod opening;
mod partial;
mod reset;

use crate::peer::{Ability, Peer};
use crate::report::Report;
use crate::wire::{Seen, Sight, Way};
use serde_json::{Value, json};

pub struct Check {
    name: &'static str,
    needs: &'static [Ability],
    /// What must have crossed the wire in each direction, over all seeds.
    sights: &'static [Sight],
    run: fn(Peer, u64) -> Result<Seen, String>,
}

const GROUPS: [&[Check]; 6] =
    [opening::CHECKS, messages::CHECKS, partial::CHECKS, reset::CHECKS, ending::CHECKS, bulk::CHECKS];

/// Every check against every peer.
pub fn all(seeds: u64, report: &mut Report) {
    for peer in Peer::ALL {
        for check in GROUPS.into_iter().flatten() {
            let name = format!("{}: {}", peer.name(), check.name);
            match check.needs.iter().find(|ability| !peer.has(**ability)) {
                Some(lack) => report.skip(&name, &format!("{} has no such thing: {lack:?}", peer.name())),
                None => report.check(&name, || check.over(peer, seeds)),
            }
        }
    }
}

impl Check {
    fn over(&self, peer: Peer, seeds: u64) -> Result<Value, String> {
        let mut seen = Seen::default();
        for seed in 0..seeds {
            seen += (self.run)(peer, seed)?;
        }
        for &sight in self.sights {
            for way in [Way::FromUs, Way::FromPeer] {
                if seen.of(way, sight) == 0 {
                    return Err(format!("{sight:?} was never seen {way:?} in {seeds} seeds"));
                }
            }
        }
        Ok(json!({ "seeds": seeds }))
    }
}
