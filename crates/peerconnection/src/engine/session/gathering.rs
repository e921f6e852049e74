//! What transports gather, and transports that gather before anybody asked for them.

use super::{Event, Session, TcpSocket, Transport};
use crate::engine::TransportId;
use ortica_core::{Instant, SocketId};
use ortica_ice::GatherOptions;
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// What a session knows of gathering.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    /// `None` before anything was said: then it is as the configuration has it.
    options: Option<GatherOptions>,
    /// Transports that nobody has asked for yet.
    pool: Vec<TransportId>,
    /// What transports of the pool gathered, until it may be told.
    held: BTreeMap<TransportId, Vec<Event>>,
}

impl Gathering {
    pub fn prepare(&self, transport: &mut Transport) {
        if let Some(options) = &self.options {
            transport.ice.set_gather_options(options.clone());
        }
    }

    pub fn is_pooled(&self, id: TransportId) -> bool {
        self.pool.contains(&id)
    }

    /// The transport that gathered first.
    pub fn take(&mut self) -> Option<TransportId> {
        (!self.pool.is_empty()).then(|| self.pool.remove(0))
    }

    /// Keeps an event back that it is too early for.
    pub fn hold(&mut self, event: Event) -> Option<Event> {
        let tells = matches!(event, Event::LocalCandidate(..) | Event::Gathering(..) | Event::GatheringError(..));
        match event.transport().filter(|_| tells).and_then(|id| self.held.get_mut(&id)) {
            Some(held) => {
                held.push(event);
                None
            }
            None => Some(event),
        }
    }

    /// What may be told from here on.
    pub fn release(&mut self, id: TransportId) -> Vec<Event> {
        self.held.remove(&id).unwrap_or_default()
    }

    pub fn forget(&mut self, id: TransportId) {
        self.pool.retain(|pooled| *pooled != id);
        self.held.remove(&id);
    }
}

/// # Gathering
impl Session {
    /// Says what transports may gather from here on, and whom they ask: those to come, and those there are when they gather
    /// anew. Default: what the configuration says.
    pub fn set_gather_options(&mut self, options: GatherOptions) {
        for transport in self.transports.values_mut() {
            transport.ice.set_gather_options(options.clone());
        }
        self.gathering.options = Some(options);
    }

    /// Keeps so many transports that gather on these sockets, and on those that `tcp` has for each, before anybody asks for them; no more than
    /// [`Limits::transports`](crate::engine::Limits) in all. [`add_transport`](Self::add_transport) takes the oldest, and what
    /// it gathered is reported after [`end_of_sockets`](Self::end_of_sockets). What is beyond `size` is dropped.
    ///
    /// Source: [RFC 9429 §3.5.4](https://www.rfc-editor.org/rfc/rfc9429#section-3.5.4)
    pub fn set_candidate_pool(
        &mut self,
        now: Instant,
        size: usize,
        sockets: &[(SocketId, SocketAddr)],
        tcp: impl Fn(TransportId) -> Vec<TcpSocket>,
    ) {
        while self.gathering.pool.len() > size
            && let Some(id) = self.gathering.pool.pop()
        {
            self.remove_transport(id);
        }
        while self.gathering.pool.len() < size {
            let Ok(id) = self.make_new_transport(now) else { return };
            self.gathering.pool.push(id);
            self.gathering.held.insert(id, Vec::new());
            for (socket, address) in sockets {
                let _ = self.command(now, id, |transport, _, _| {
                    transport.ice.add_socket(now, *socket, *address);
                    Ok(())
                });
            }
            for socket in tcp(id) {
                let _ = self.add_tcp_socket(now, id, socket);
            }
            let _ = self.command(now, id, |transport, _, _| {
                transport.ice.end_of_sockets(now);
                Ok(())
            });
        }
    }
}
