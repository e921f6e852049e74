//! Connections that the server is asked for.
//!
//! Source: [RFC 6062 §4.3](https://www.rfc-editor.org/rfc/rfc6062#section-4.3)

use super::request::Purpose;
use crate::stun::ErrorCode;
use ortica_core::Instant;
use std::net::SocketAddr;
use std::time::Duration;

/// How long a peer that the server could not connect to is left alone.
const REST: Duration = Duration::from_secs(10);

#[derive(Debug)]
struct Wish {
    peer: SocketAddr,
    stage: Stage,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    /// To be asked for from then on.
    Due(Instant),
    Asked,
    /// It failed, and nobody wants it again yet.
    Resting(Instant),
}

/// What is wanted, one connection for each peer at a time.
#[derive(Debug)]
pub(super) struct Connects {
    wishes: Vec<Wish>,
    limit: usize,
}

impl Connects {
    pub(super) fn new(limit: usize) -> Self {
        Self { wishes: Vec::new(), limit }
    }

    /// Wants a connection; `false` when there is no room for it.
    pub(super) fn want(&mut self, now: Instant, peer: SocketAddr) -> bool {
        self.wishes.retain(|wish| !matches!(wish.stage, Stage::Resting(until) if until <= now));
        if let Some(wish) = self.wishes.iter_mut().find(|wish| wish.peer == peer) {
            if let Stage::Resting(until) = wish.stage {
                wish.stage = Stage::Due(until);
            }
            return true;
        }
        if self.wishes.len() >= self.limit {
            return false;
        }
        self.wishes.push(Wish { peer, stage: Stage::Due(now) });
        true
    }

    /// What is to be asked for by now; it counts as asked for.
    pub(super) fn next_due(&mut self, now: Instant) -> Option<Purpose> {
        let wish = self.wishes.iter_mut().find(|wish| matches!(wish.stage, Stage::Due(at) if at <= now))?;
        wish.stage = Stage::Asked;
        Some(Purpose::Connect(wish.peer))
    }

    pub(super) fn due_at(&self) -> Option<Instant> {
        let due = self.wishes.iter().filter_map(|wish| match wish.stage {
            Stage::Due(at) => Some(at),
            _ => None,
        });
        due.min()
    }

    pub(super) fn on_connected(&mut self, peer: SocketAddr) {
        self.wishes.retain(|wish| wish.peer != peer);
    }

    pub(super) fn on_refused(&mut self, now: Instant, peer: SocketAddr, code: u16) {
        match self.wishes.iter_mut().find(|wish| wish.peer == peer) {
            Some(wish) if code == ErrorCode::CONNECTION_FAILED => wish.stage = Stage::Resting(now + REST),
            _ => self.on_connected(peer),
        }
    }

    /// Everything is to be asked for anew, of a new allocation.
    pub(super) fn reset(&mut self, now: Instant) {
        for wish in &mut self.wishes {
            if matches!(wish.stage, Stage::Asked) {
                wish.stage = Stage::Due(now);
            }
        }
    }
}
