//! What the server's answers lead to, and their absence.

use super::request::{Purpose, Request};
use super::{Client, ClientEvent, MAX_ATTEMPTS, Stage};
use crate::stun::{AttributeType, Class, ErrorCode, Message};
use crate::turn::TurnError;
use arrayvec::ArrayVec;
use ortica_core::Instant;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// An allocation is refreshed so long before it ends, or at half its life if that is short.
const BEFORE_END: Duration = Duration::from_secs(60);
/// It is refreshed no more often, however short its life.
const MIN_REFRESH: Duration = Duration::from_secs(5);

impl Client {
    /// Takes an answer.
    pub(super) fn on_response(&mut self, now: Instant, message: &Message<'_>) {
        let is_asked = |request: &Request| {
            let same = request.id == message.transaction() && request.purpose.method() == message.method();
            same && request.was_sent()
        };
        let Some(index) = self.requests.iter().position(is_asked) else { return self.drop_packet() };
        let error = match (message.class(), message.error_code()) {
            (Class::Success, _) => None,
            (Class::Error, Ok(Some(error))) => Some(error),
            _ => return self.drop_packet(),
        };
        if message.unknown_attributes().next().is_some() {
            return self.drop_packet();
        }
        if let Some(error) = error
            && matches!(error.code, ErrorCode::UNAUTHENTICATED | ErrorCode::STALE_NONCE)
        {
            return self.on_challenge(now, index, message, error);
        }
        let is_authentic = |request: &Request| self.prover.is_authentic(request, message);
        if !self.requests.get(index).is_some_and(is_authentic) {
            return self.on_forged(now, index);
        }
        let request = self.requests.remove(index);
        self.stats.round_trip = request.round_trip(now).or(self.stats.round_trip);
        self.probe.on_answer();
        match error {
            None => self.on_success(now, request.purpose, message),
            Some(error) => self.on_refusal(now, request.purpose, error, message),
        }
    }

    /// An answer that anybody may have sent counts for nothing, but on a stream, where no other one follows.
    fn on_forged(&mut self, now: Instant, index: usize) {
        self.stats.responses_forged += 1;
        if let Some(request) = self.requests.get_mut(index) {
            request.has_forged = true;
        }
        if self.config.is_stream {
            let request = self.requests.remove(index);
            self.on_unanswered(now, &request);
        }
    }

    /// 401 and 438: the same again.
    fn on_challenge(&mut self, now: Instant, index: usize, message: &Message<'_>, error: ErrorCode<'_>) {
        let mut request = self.requests.remove(index);
        match self.prover.meet(&self.config, &mut request, error, message) {
            Ok(()) => self.requests.push(request.again(&mut self.rng, now)),
            Err(error) => self.fail(error),
        }
    }

    fn on_success(&mut self, now: Instant, purpose: Purpose, message: &Message<'_>) {
        match purpose {
            Purpose::Allocate => match self.read_allocation(message) {
                Ok((relayed, mapped, lifetime)) => {
                    let refresh_at = now + refresh_after(lifetime);
                    self.stage = Stage::Allocated { since: now, refresh_at, relayed: relayed.clone() };
                    self.events.push_back(ClientEvent::Allocated { relayed, mapped });
                }
                Err(error) => self.fail(error),
            },
            Purpose::Refresh => {
                let lifetime = message.lifetime().ok().flatten().unwrap_or(self.config.lifetime);
                if let Stage::Allocated { refresh_at, .. } = &mut self.stage {
                    *refresh_at = now + refresh_after(lifetime);
                }
            }
            Purpose::Release => self.on_released(now),
            Purpose::Permission(_) | Purpose::Channel(..) => self.peers.on_granted(now, purpose),
            Purpose::Connect(peer) => self.on_connected(now, peer, message),
            // That is the other connection's.
            Purpose::ConnectionBind(_) => {}
        }
    }

    /// Relayed addresses, the mapped one, and the lifetime. A server may lie about each.
    fn read_allocation(
        &self,
        message: &Message<'_>,
    ) -> Result<(ArrayVec<SocketAddr, 2>, SocketAddr, Duration), TurnError> {
        let invalid = |_| TurnError::InvalidAnswer("relayed address");
        let mut relayed = ArrayVec::<SocketAddr, 2>::new();
        for address in message.xor_addresses(AttributeType::XOR_RELAYED_ADDRESS) {
            let address = address.map_err(invalid)?;
            let is_wanted = address.is_ipv4() || self.config.with_ipv6;
            let is_second = relayed.iter().any(|known| known.is_ipv4() == address.is_ipv4());
            if !is_wanted || is_second || !is_address(address) {
                return Err(TurnError::InvalidAnswer("relayed address"));
            }
            relayed.try_push(address).map_err(|_| TurnError::InvalidAnswer("relayed address"))?;
        }
        if relayed.is_empty() {
            return Err(TurnError::InvalidAnswer("relayed address"));
        }
        let mapped = message.xor_mapped_address().ok().flatten().filter(|mapped| is_address(*mapped));
        let lifetime = message.lifetime().ok().flatten().filter(|lifetime| !lifetime.is_zero());
        let mapped = mapped.ok_or(TurnError::InvalidAnswer("mapped address"))?;
        Ok((relayed, mapped, lifetime.ok_or(TurnError::InvalidAnswer("lifetime"))?))
    }

    fn on_refusal(&mut self, now: Instant, purpose: Purpose, error: ErrorCode<'_>, message: &Message<'_>) {
        let is_gone = matches!(error.code, ErrorCode::ALLOCATION_MISMATCH | ErrorCode::WRONG_CREDENTIALS);
        match purpose {
            Purpose::Release => self.on_released(now),
            Purpose::Allocate if error.code == ErrorCode::ALLOCATION_MISMATCH && self.attempts < MAX_ATTEMPTS => {
                // One from before is in the way, made by whoever had this address, or by a request whose answer was lost.
                self.attempts += 1;
                self.ask(now, Purpose::Release);
            }
            Purpose::Allocate => match message.alternate_server() {
                Ok(Some(server)) if error.code == ErrorCode::TRY_ALTERNATE => {
                    let domain = message.attribute(AttributeType::ALTERNATE_DOMAIN);
                    let domain = domain.and_then(|name| std::str::from_utf8(name).ok()).map(str::to_owned);
                    self.end(ClientEvent::Alternate { server, domain });
                }
                _ => self.fail(TurnError::Refused { code: error.code, reason: error.reason.to_owned() }),
            },
            _ if is_gone => self.allocate_again(now),
            Purpose::Refresh => self.allocate_again(now),
            Purpose::Connect(peer) => self.on_connect_refused(now, peer, error.code),
            Purpose::ConnectionBind(_) => {}
            Purpose::Permission(ip) => self.on_peer_refused(purpose, ip, error.code),
            Purpose::Channel(_, peer) => self.on_peer_refused(purpose, peer.ip(), error.code),
        }
    }

    fn on_peer_refused(&mut self, purpose: Purpose, peer: IpAddr, code: u16) {
        self.peers.on_refused(purpose);
        self.refuse(peer, code);
    }

    /// The allocation is given up, or was none: the end, or room for another one.
    fn on_released(&mut self, now: Instant) {
        match self.stage {
            Stage::Closing => self.end(ClientEvent::Closed),
            _ => self.ask(now, Purpose::Allocate),
        }
    }

    /// Nothing came in time.
    pub(super) fn on_unanswered(&mut self, now: Instant, request: &Request) {
        match request.purpose {
            Purpose::Release if matches!(self.stage, Stage::Closing) => self.end(ClientEvent::Closed),
            Purpose::Allocate | Purpose::Release => {
                self.fail(if request.has_forged { TurnError::Forged } else { TurnError::Timeout });
            }
            Purpose::Connect(peer) => {
                // The peer may be to blame, or the server.
                self.on_connect_refused(now, peer, ErrorCode::CONNECTION_FAILED);
                self.probe(now);
            }
            _ => self.allocate_again(now),
        }
    }

    fn fail(&mut self, error: TurnError) {
        let is_closing = matches!(self.stage, Stage::Closing);
        self.end(if is_closing { ClientEvent::Closed } else { ClientEvent::Failed(error) });
    }

    pub(super) fn drop_packet(&mut self) {
        self.stats.packets_dropped += 1;
    }
}

fn refresh_after(lifetime: Duration) -> Duration {
    lifetime.saturating_sub(BEFORE_END).max(lifetime / 2).max(MIN_REFRESH)
}

/// Whether somebody can be there.
fn is_address(address: SocketAddr) -> bool {
    address.port() != 0 && !address.ip().is_unspecified() && !address.ip().is_multicast()
}
