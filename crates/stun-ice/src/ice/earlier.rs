//! The generations before restarts: one of them carries the data until a newer one has a selected pair.

use super::generation::Generation;
use super::shared::Shared;
use ortica_core::{Instant, SocketId, Transmit};
use std::time::Duration;

/// How long an old generation is still heard after a newer one has a selected pair: the peer may switch a little later.
const LINGER: Duration = Duration::from_secs(2);

/// Two at most, the newest first: the one before the last restart, which can be taken back, and the one that carries the data.
#[derive(Debug, Default)]
pub(super) struct Earlier {
    generations: Vec<Previous>,
}

/// A generation that a restart took the place of.
#[derive(Debug)]
pub(super) struct Previous {
    pub generation: Generation,
    /// When it is forgotten, once it carries nothing any more.
    until: Option<Instant>,
    /// It was disconnected when the restart came, which forgets that.
    pub was_silent: bool,
}

impl Previous {
    /// It may carry data, as long as no newer one does.
    fn may_carry(&self) -> bool {
        self.until.is_none() && self.generation.active.is_some()
    }
}

impl Earlier {
    /// A restart took the place of `old`.
    pub fn push(&mut self, old: Generation) {
        // One that never met its peer is worth less than the one before it, which may still carry data.
        if old.remote.is_none() && !self.generations.is_empty() {
            return;
        }
        let carrier = self.generations.iter().rposition(Previous::may_carry);
        let carrier = carrier.map(|at| self.generations.swap_remove(at));
        let was_silent = old.is_silent();
        self.generations.clear();
        self.generations.push(Previous { generation: old, until: None, was_silent });
        self.generations.extend(carrier);
    }

    /// The generation before the last restart, to be in force again; `None` when it is gone already.
    pub fn take_back(&mut self) -> Option<Generation> {
        let is_there = self.generations.first().is_some_and(|previous| previous.until.is_none());
        is_there.then(|| self.generations.remove(0).generation)
    }

    pub fn forget(&mut self) {
        self.generations.clear();
    }

    /// Forgets those that used addresses of this host, which are not to be used any more.
    pub fn forget_hosts(&mut self) {
        self.generations.retain(|previous| !previous.generation.gathering.uses_hosts());
    }

    pub fn remove_socket(&mut self, id: SocketId) {
        self.iter_mut().for_each(|generation| generation.remove_socket(id));
    }

    pub fn iter(&self) -> impl Iterator<Item = &Generation> {
        self.generations.iter().map(|previous| &previous.generation)
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Generation> {
        self.generations.iter_mut().map(|previous| &mut previous.generation)
    }

    /// The one that carries data: the oldest, as long as it hears its peer or nothing newer does.
    pub fn carrier(&self, current: &Generation) -> Option<&Previous> {
        self.generations.iter().enumerate().rev().find_map(|(at, previous)| {
            let newer = self.generations.get(..at).unwrap_or_default().iter().map(|previous| &previous.generation);
            let replaced = || std::iter::once(current).chain(newer).any(|generation| generation.active.is_some());
            let is_carrier = previous.may_carry() && !(previous.generation.is_silent() && replaced());
            is_carrier.then_some(previous)
        })
    }

    pub fn settle(&mut self, shared: &mut Shared, now: Instant, current: &Generation) {
        let mut selected = current.selected.is_some();
        for Previous { generation, until, .. } in &mut self.generations {
            generation.settle(shared, now);
            if selected {
                until.get_or_insert(now + LINGER);
            }
            selected |= generation.selected.is_some();
        }
        self.generations.retain(|previous| previous.until.is_none_or(|until| until > now));
    }

    /// The next request for consent of those that are not on their way out.
    pub fn transmit_consent(&mut self, shared: &mut Shared, now: Instant, out: &mut Vec<u8>) -> Option<Transmit> {
        let here = self.generations.iter_mut().filter(|previous| previous.until.is_none());
        here.map(|previous| &mut previous.generation).find_map(|it| it.transmit_consent(shared, now, out))
    }

    pub fn poll_timeout(&self, shared: &Shared) -> Option<Instant> {
        let due = |Previous { generation, until, .. }: &Previous| match until {
            Some(until) => Some(*until),
            None => [generation.consent_due_at(), generation.next_change(shared)].into_iter().flatten().min(),
        };
        self.generations.iter().filter_map(due).min()
    }
}
