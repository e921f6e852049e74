//! The TURN servers that a generation asks, and what came of it.

use super::super::address::canonical;
use super::super::shared::Shared;
use super::super::{Address, GatheringError, Io, ResolveId, TurnServer};
use ortica_core::Instant;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// Allocations that were lost are made anew so many times; then the server is as good as none.
const RENEWALS: u32 = 8;

/// The servers of one generation, as the options named them when it began to gather.
#[derive(Debug, Default)]
pub(in crate::ice) struct Wishes {
    all: Vec<Wish>,
}

#[derive(Debug)]
struct Wish {
    server: Arc<TurnServer>,
    place: Place,
    /// When gathering is over without it.
    until: Instant,
    /// It lends an address, or that it does not was reported.
    is_settled: bool,
    renewals: u32,
}

/// Where a server is, as far as it is known.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Place {
    At(SocketAddr),
    Asked(ResolveId),
    Nowhere,
}

impl Wishes {
    /// Asks the servers of the options.
    pub fn begin(&mut self, shared: &mut Shared, now: Instant) {
        let options = shared.options.clone();
        let until = now + shared.config.gathering_timeout;
        for server in options.turn_servers.iter().take(shared.config.limits.turn_servers) {
            if self.wants(server) {
                continue;
            }
            let server = Arc::new(server.clone());
            let place = match &server.host {
                Address::Ip(ip) => Place::At(canonical(SocketAddr::new(*ip, server.port))),
                Address::Name(host) => {
                    let id = shared.resolve_id();
                    shared.outbox.io.push_back(Io::Resolve { id, name: host.to_ascii_lowercase() });
                    Place::Asked(id)
                }
            };
            self.all.push(Wish { server, place, until, is_settled: false, renewals: 0 });
        }
        self.ask(shared);
    }

    /// Asks those whose address is known.
    fn ask(&mut self, shared: &mut Shared) {
        for wish in self.all.iter_mut().filter(|wish| !wish.is_settled) {
            if let Place::At(address) = wish.place {
                shared.allocations.want(&wish.server, address);
                // One of the generation before, whose addresses this one signals too.
                let known = shared.allocations.of_server(&wish.server);
                wish.is_settled = known.is_some_and(|allocation| !allocation.relayed.is_empty());
            }
        }
    }

    pub fn on_resolved(&mut self, shared: &mut Shared, id: ResolveId, ip: Option<IpAddr>) {
        let Some(wish) = self.all.iter_mut().find(|wish| wish.place == Place::Asked(id)) else { return };
        wish.place = ip.map_or(Place::Nowhere, |ip| Place::At(canonical(SocketAddr::new(ip, wish.server.port))));
        self.ask(shared);
    }

    /// Whether a server is among them.
    pub fn wants(&self, server: &TurnServer) -> bool {
        self.all.iter().any(|wish| *wish.server == *server)
    }

    /// Whether one of them may still lend an address, before time is up.
    pub fn is_pending(&self) -> bool {
        self.all.iter().any(|wish| !wish.is_settled)
    }

    pub fn next_deadline(&self) -> Option<Instant> {
        self.all.iter().filter(|wish| !wish.is_settled).map(|wish| wish.until).min()
    }

    /// The server lends an address.
    pub fn on_allocated(&mut self, server: &TurnServer) {
        if let Some(wish) = self.all.iter_mut().find(|wish| *wish.server == *server) {
            wish.is_settled = true;
        }
    }

    /// It does not, or not any more. What it lent before (`was_lent`) is asked for again.
    pub fn on_failed(&mut self, shared: &mut Shared, error: GatheringError, server: &TurnServer, was_lent: bool) {
        let Some(wish) = self.all.iter_mut().find(|wish| *wish.server == *server) else { return };
        match wish.place {
            Place::At(address) if was_lent && wish.renewals < RENEWALS => {
                wish.renewals += 1;
                shared.allocations.want(&wish.server, address);
            }
            _ => {
                wish.is_settled = true;
                shared.outbox.errors.push_back(error);
            }
        }
    }

    /// Gives up on servers that had their time, or have no address: those that were asked.
    pub fn expire(&mut self, shared: &mut Shared, now: Instant) -> Vec<Arc<TurnServer>> {
        let mut silent = Vec::new();
        for wish in self.all.iter_mut().filter(|wish| !wish.is_settled) {
            let reason = match wish.place {
                Place::Nowhere => "the server's name has no address",
                _ if wish.until > now => continue,
                Place::Asked(_) => "the server's name has no address",
                Place::At(_) => "the server does not answer",
            };
            wish.is_settled = true;
            if let Place::At(_) = wish.place {
                silent.push(wish.server.clone());
            } else {
                wish.place = Place::Nowhere;
            }
            let code = GatheringError::UNREACHABLE;
            shared.outbox.errors.push_back(error(&wish.server, code, reason.to_owned()));
        }
        silent
    }

    /// Stops asking.
    pub fn abandon(&mut self) {
        self.all.clear();
    }
}

/// What is reported of a server. Where this side's end of the link is no candidate shows, and the error does not either.
///
/// Source: [webrtc-pc §4.8.3](https://www.w3.org/TR/webrtc/#dom-rtcpeerconnectioniceerrorevent-address)
pub(super) fn error(server: &TurnServer, code: u16, reason: String) -> GatheringError {
    GatheringError { local: None, server: server.name(), turn: Some(server.transport), code, reason }
}
