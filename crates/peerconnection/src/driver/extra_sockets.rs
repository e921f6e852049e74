//! Sockets of single transports, beside those that an endpoint has for all.

use super::interfaces::Ports;
use super::socket::Socket;
use ortica_core::{Rng, SocketId};
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};

/// Which session has which.
#[derive(Debug)]
pub(super) struct ExtraSockets {
    next: u32,
    ports: Ports,
    rng: Rng,
    of: HashMap<usize, Vec<SocketId>>,
}

/// What came of binding some.
#[derive(Debug, Default)]
pub(super) struct Bound {
    pub sockets: Vec<Socket>,
    /// Where the system had none to give.
    pub refused: Vec<(SocketAddr, io::Error)>,
}

impl ExtraSockets {
    /// With ids from `first` on.
    pub fn new(first: usize, ports: Ports, rng: Rng) -> Self {
        Self { next: first as u32, ports, rng, of: HashMap::new() }
    }

    /// Binds one at each of the interfaces that `beside` are bound to, on a free port.
    pub fn bind(&mut self, session: usize, beside: &[(SocketId, SocketAddr)]) -> Bound {
        let mut bound = Bound::default();
        for (_, address) in beside {
            let address = SocketAddr::new(address.ip(), 0);
            match self.bind_one(session, address) {
                Ok(socket) => bound.sockets.push(socket),
                Err(error) => bound.refused.push((address, error)),
            }
        }
        bound
    }

    /// Binds one there for a session.
    pub fn bind_one(&mut self, session: usize, address: SocketAddr) -> io::Result<Socket> {
        let socket = self.ports.bind(SocketId(self.next), address, &mut self.rng)?;
        self.of.entry(session).or_default().push(socket.id());
        self.next = self.next.wrapping_add(1);
        Ok(socket)
    }

    /// Binds one that its taker closes.
    pub fn bind_as(&mut self, id: SocketId, ip: IpAddr) -> io::Result<Socket> {
        self.ports.bind(id, SocketAddr::new(ip, 0), &mut self.rng)
    }

    /// Randomness for what goes over such a socket.
    pub fn seed(&mut self) -> Rng {
        Rng::from_seed(self.rng.bytes())
    }

    /// Binds one for all sessions.
    pub fn bind_for_all(&mut self, ip: IpAddr) -> io::Result<Socket> {
        let socket = self.ports.bind(SocketId(self.next), SocketAddr::new(ip, 0), &mut self.rng)?;
        self.next = self.next.wrapping_add(1);
        Ok(socket)
    }

    /// These are gone, whosever they were.
    pub fn lose(&mut self, sockets: &[SocketId]) {
        self.of.values_mut().for_each(|own| own.retain(|socket| !sockets.contains(socket)));
    }

    /// Some are not needed any more.
    pub fn release(&mut self, session: usize, sockets: &[SocketId]) {
        if let Some(own) = self.of.get_mut(&session) {
            own.retain(|socket| !sockets.contains(socket));
        }
    }

    /// A session is over; gives those that it had.
    pub fn forget(&mut self, session: usize) -> Vec<SocketId> {
        self.of.remove(&session).unwrap_or_default()
    }
}
