//! Where connections come in, for all sessions or for one.

use super::{Listener, Tcp};
use ortica_core::SocketId;
use std::io;
use std::net::{IpAddr, SocketAddr};

/// A port that listens.
#[derive(Debug)]
pub(super) struct Port {
    pub listener: Listener,
    /// The session that has it for itself.
    pub owner: Option<usize>,
}

impl Port {
    pub fn of_all(listener: Listener) -> Self {
        Self { listener, owner: None }
    }
}

/// What came of binding ports.
#[derive(Debug, Default)]
pub(in crate::driver) struct BoundPorts {
    pub ports: Vec<(SocketId, SocketAddr)>,
    /// Where the system had none to give.
    pub refused: Vec<(SocketAddr, io::Error)>,
}

impl Tcp {
    /// Gives a session a port of its own at each of these addresses.
    pub fn bind_own(&mut self, session: usize, addresses: impl IntoIterator<Item = IpAddr>) -> BoundPorts {
        let mut bound = BoundPorts::default();
        for ip in addresses {
            match Listener::bind_own(self.own_ports, ip) {
                Ok(listener) => {
                    bound.ports.push((listener.id, listener.address));
                    self.own_ports = self.own_ports.wrapping_add(1);
                    let token = self.next_token;
                    self.next_token += 1;
                    self.ports.insert(token, Port { listener, owner: Some(session) });
                    // It is looked at once to begin with.
                    self.wakes.push(token);
                }
                Err(error) => bound.refused.push((SocketAddr::new(ip, 0), error)),
            }
        }
        bound
    }

    /// Closes those of its own that a session does not need any more, or all of them, and what came in there and said nothing.
    pub fn close_own(&mut self, session: usize, which: Option<&[SocketId]>) {
        let is_it = |id: &SocketId| which.is_none_or(|sockets| sockets.contains(id));
        let is_gone = |port: &Port| port.owner == Some(session) && is_it(&port.listener.id);
        let gone: Vec<SocketId> =
            self.ports.values().filter(|port| is_gone(port)).map(|port| port.listener.id).collect();
        self.ports.retain(|_, port| !gone.contains(&port.listener.id));
        let is_there = |token: &u64| self.connections.get(token).is_some_and(|it| gone.contains(&it.socket));
        let strangers: Vec<u64> = self.strangers.iter().copied().filter(is_there).collect();
        for token in strangers {
            self.strangers.retain(|stranger| *stranger != token);
            self.forget(token);
        }
    }
}
