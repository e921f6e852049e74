//! What an agent gives back when it only keeps up consent.

use super::agent::Agent;
use super::generation::Generation;
use super::shared::{Outbox, Shared};

/// Room that stays for what consent takes: one request, and the answer to one.
const FOR_CONSENT: usize = 1;

impl Agent {
    /// Gives back the memory that candidates, checks and answers took while pairs were looked for. Nothing else changes, and what
    /// comes after it makes room anew. To be called when nothing but consent was going on for some seconds.
    pub fn rest(&mut self) {
        self.shared.rest();
        self.generations_mut().for_each(Generation::rest);
    }
}

impl Shared {
    fn rest(&mut self) {
        self.rng.rest();
        self.sockets.shrink_to_fit();
        self.replies.shrink_to(FOR_CONSENT);
        self.outbox.rest();
    }
}

impl Outbox {
    fn rest(&mut self) {
        self.candidates.shrink_to_fit();
        self.errors.shrink_to_fit();
        self.io.shrink_to_fit();
    }
}

impl Generation {
    fn rest(&mut self) {
        self.locals.shrink_to_fit();
        self.signalled.shrink_to_fit();
        self.foundations.shrink_to_fit();
        self.remotes.shrink_to_fit();
        self.early.shrink_to_fit();
        self.list.shrink_to_fit();
        self.transactions.shrink_to(FOR_CONSENT);
    }
}
