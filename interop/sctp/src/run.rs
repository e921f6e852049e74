//! One run: our association and a peer's over a path made from a seed, in virtual time.

use crate::node::Node;
use crate::ours::Ours;
use crate::peer::Peer;
use crate::stack::{Offer, Stack};
use crate::wire::{Seen, Way};
use netsim::{Link, Pair, What};
use ortica_core::{Instant, Rng};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

/// Virtual time that anything may take.
const LIMIT: Duration = Duration::from_secs(300);

/// Who does something.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Who {
    We,
    Peer,
    Both,
}

impl Who {
    pub fn is_us(self) -> bool {
        self != Self::Peer
    }

    pub fn is_peer(self) -> bool {
        self != Self::We
    }
}

pub struct Run {
    pub pair: Pair<Node<Ours>, Node>,
    pub seed: u64,
    seen: Rc<RefCell<Seen>>,
}

impl Run {
    /// Over a path that loses, reorders and doubles packets.
    pub fn rough(peer: Peer, seed: u64, offer: Offer) -> Self {
        Self::new(seed, rough(seed), Ours::new(seed, offer), peer.make(seed, offer))
    }

    /// Over a path that takes time and nothing else.
    pub fn smooth(peer: Peer, seed: u64, offer: Offer) -> Self {
        let link = Link::with_delay(Duration::from_millis(1 + seed % 60));
        Self::new(seed, link, Ours::new(seed, offer), peer.make(seed, offer))
    }

    pub fn new(seed: u64, link: Link, ours: Ours, theirs: Box<dyn Stack>) -> Self {
        type Ends = Pair<Node<Ours>, Node>;
        let (ours, theirs) = (Node::new(Box::new(ours), Ends::B), Node::new(theirs, Ends::A));
        let mut pair = Pair::new(seed, link, ours, theirs);
        let seen: Rc<RefCell<Seen>> = Rc::default();
        let counts = Rc::clone(&seen);
        pair.network.set_tap(move |crossing| {
            if crossing.what == What::Delivered {
                let way = if crossing.from == Ends::A { Way::FromUs } else { Way::FromPeer };
                counts.borrow_mut().packet(way, crossing.bytes);
            }
        });
        Self { pair, seed, seen }
    }

    /// Sets up the association.
    pub fn open(&mut self, who: Who) -> Result<(), String> {
        let now = self.now();
        if who.is_us() {
            self.pair.a.stack.connect(now);
        }
        if who.is_peer() {
            self.pair.b.stack.connect(now);
        }
        self.until("connected", |a, b| a.connected && b.connected)
    }

    /// Runs until `done`. Everything that must not happen in any check is a failure here.
    pub fn until(
        &mut self,
        what: &str,
        mut done: impl FnMut(&mut Node<Ours>, &mut Node) -> bool,
    ) -> Result<(), String> {
        let is_over = |a: &mut Node<Ours>, b: &mut Node| done(a, b) || !a.troubles.is_empty() || !b.troubles.is_empty();
        let outcome = self.pair.run_until(LIMIT, is_over);
        for (who, troubles) in [("we", &self.pair.a.troubles), ("the peer", &self.pair.b.troubles)] {
            if let Some(trouble) = troubles.first() {
                return Err(format!("seed {}, until {what}: {who}: {trouble}", self.seed));
            }
        }
        outcome.map(drop).map_err(|stalled| {
            let (a, b) = (&self.pair.a, &self.pair.b);
            let (got, ends) = ((a.inbox.len(), b.inbox.len()), (a.end, b.end));
            format!("{what}: {stalled}; we and the peer got {got:?} messages, ended {ends:?}; {:?}", a.stack.stats())
        })
    }

    pub fn now(&self) -> Instant {
        self.pair.now()
    }

    /// What arrived so far.
    pub fn seen(&self) -> Seen {
        self.seen.borrow().clone()
    }
}

/// The first is a clean one; the others have up to 5 % of loss, single or in bursts, a fifth out of order, a tenth doubled.
fn rough(seed: u64) -> Link {
    let mut rng = Rng::from_number(seed).fork("path");
    let ms = |rng: &mut Rng, most| Duration::from_millis(rng.below(most));
    let link = Link::with_delay(Duration::from_millis(1) + ms(&mut rng, 60));
    if seed == 0 {
        return link;
    }
    let loss = 0.05 * rng.unit();
    let link = match rng.below(2) {
        0 => link.lossy(loss),
        _ => link.loss(netsim::Loss::bursts(3.0, loss)),
    };
    let (reorder, by) = (0.2 * rng.unit(), Duration::from_millis(1) + ms(&mut rng, 40));
    link.jitter(ms(&mut rng, 10)).reorder(reorder, by).duplicate(0.1 * rng.unit())
}
