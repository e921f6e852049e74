//! The allocations of an agent. They outlive a restart: the next generation signals the same addresses.

use super::super::address::canonical;
use super::super::{Config, Io, TurnServer};
use super::LinkId;
use super::allocation::Allocation;
use crate::turn::{Client, ClientConfig, ClientEvent, TurnError};
use ortica_core::{Instant, Rng, SocketId, Transmit};
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// All there are, one for each server at most.
#[derive(Debug)]
pub(in crate::ice) struct Allocations {
    all: Vec<Allocation>,
    /// What the driver is to do, in order.
    orders: VecDeque<Io>,
    next_link: u32,
    /// Ids of relayed addresses are counted down, those of drivers up.
    next_socket: u32,
    /// Room for packets that are wrapped.
    scratch: Vec<u8>,
}

impl Default for Allocations {
    fn default() -> Self {
        Self { all: Vec::new(), orders: VecDeque::new(), next_link: 0, next_socket: u32::MAX, scratch: Vec::new() }
    }
}

impl Allocations {
    /// Asks a server, unless that was done.
    pub fn want(&mut self, server: &Arc<TurnServer>, address: SocketAddr) {
        if self.of_server(server).is_none() {
            let link = self.new_link();
            self.all.push(Allocation::new(link, server.clone(), address));
        }
    }

    pub fn of_server(&self, server: &TurnServer) -> Option<&Allocation> {
        self.all.iter().find(|allocation| allocation.is_wanted() && *allocation.server == *server)
    }

    pub fn get_mut(&mut self, link: LinkId) -> Option<&mut Allocation> {
        self.all.iter_mut().find(|allocation| allocation.link == link)
    }

    /// Whose relayed address a socket stands for.
    pub fn of_socket(&self, socket: SocketId) -> Option<&Allocation> {
        self.all.iter().find(|allocation| allocation.relayed.contains(&socket))
    }

    fn of_socket_mut(&mut self, socket: SocketId) -> Option<&mut Allocation> {
        self.all.iter_mut().find(|allocation| allocation.relayed.contains(&socket))
    }

    /// Whether one waits to be begun.
    pub fn has_waiting(&self) -> bool {
        self.all.iter().any(Allocation::is_waiting)
    }

    /// Begins the next one; `false` when none waits.
    pub fn begin_next(&mut self) -> bool {
        let Some(allocation) = self.all.iter_mut().find(|allocation| allocation.is_waiting()) else { return false };
        allocation.on_ordered();
        self.orders.push_back(Io::ConnectServer {
            link: allocation.link,
            remote: allocation.address,
            transport: allocation.transport(),
            name: allocation.server.host.to_string(),
        });
        true
    }

    /// The driver made a link; one that nobody waits for is given back.
    pub fn on_link(&mut self, now: Instant, link: LinkId, socket: SocketId, config: &Config, rng: &mut Rng) {
        let provider = config.provider;
        let taken = self.get_mut(link).is_some_and(|allocation| {
            let server = allocation.server.clone();
            let make = || {
                let mut config = ClientConfig::new(provider, server.username.clone(), server.credential.as_str());
                config.is_stream = server.transport.is_stream();
                config.with_ipv6 = true;
                Client::new(Arc::new(config), rng.fork(&format!("turn {}", link.0)), now)
            };
            allocation.on_link(socket, make)
        });
        if !taken {
            self.orders.push_back(Io::DisconnectServer { link });
        }
    }

    /// What came from there is of a link.
    pub fn over(&mut self, socket: SocketId, remote: SocketAddr) -> Option<&mut Allocation> {
        let remote = canonical(remote);
        self.all.iter_mut().find(|allocation| allocation.is_over(socket, remote))
    }

    pub fn is_over(&self, socket: SocketId, remote: SocketAddr) -> bool {
        let remote = canonical(remote);
        self.all.iter().any(|allocation| allocation.is_over(socket, remote))
    }

    /// A name for another relayed address.
    pub fn new_socket(&mut self) -> SocketId {
        let id = SocketId(self.next_socket);
        self.next_socket = self.next_socket.wrapping_sub(1);
        id
    }

    fn new_link(&mut self) -> LinkId {
        self.next_link = self.next_link.wrapping_add(1);
        LinkId(self.next_link)
    }

    /// Goes on with another server.
    pub fn redirect(&mut self, link: LinkId, to: SocketAddr) -> Result<(), TurnError> {
        let new = self.new_link();
        let Some(allocation) = self.get_mut(link) else { return Ok(()) };
        allocation.redirect(new, to)?;
        self.orders.push_back(Io::DisconnectServer { link });
        Ok(())
    }

    /// Drops one, and its link.
    pub fn remove(&mut self, link: LinkId) {
        let gone = self.all.extract_if(.., |allocation| allocation.link == link);
        let had_link = gone.fold(false, |had_link, allocation| had_link | allocation.has_link());
        if had_link {
            self.orders.push_back(Io::DisconnectServer { link });
        }
    }

    /// What happened to one of them.
    pub fn poll_event(&mut self) -> Option<(LinkId, ClientEvent)> {
        let mut wanted = self.all.iter_mut().filter(|allocation| allocation.is_wanted());
        wanted.find_map(|allocation| Some((allocation.link, allocation.poll_event()?)))
    }

    /// Where checks waited for a permission that is there now.
    pub fn take_permitted(&mut self) -> Vec<(SocketId, SocketAddr)> {
        self.all.iter_mut().flat_map(Allocation::take_permitted).collect()
    }

    /// Packets that come from `from` are passed on to `peer`.
    pub fn is_permitted(&self, from: SocketId, peer: SocketAddr) -> bool {
        self.of_socket(from).is_some_and(|allocation| allocation.is_permitted(peer))
    }

    pub fn permit(&mut self, now: Instant, from: SocketId, peer: SocketAddr, limit: usize) {
        if let Some(allocation) = self.of_socket_mut(from) {
            allocation.permit(now, from, peer, limit);
        }
    }

    pub fn bind(&mut self, now: Instant, from: SocketId, peer: SocketAddr) {
        if let Some(allocation) = self.of_socket_mut(from) {
            allocation.bind(now, peer);
        }
    }

    pub fn doubt(&mut self, now: Instant, from: SocketId, silent_since: Instant) {
        if let Some(allocation) = self.of_socket_mut(from) {
            allocation.doubt(now, silent_since);
        }
    }

    /// The server said no to a peer: the sockets from where nothing passes there any more.
    pub fn on_refused(&mut self, link: LinkId, peer: IpAddr) -> Vec<SocketId> {
        let Some(allocation) = self.get_mut(link) else { return Vec::new() };
        if allocation.on_refused(peer) { allocation.relayed.to_vec() } else { Vec::new() }
    }

    pub fn forget_unused(&mut self, is_used: impl Fn(&[SocketId], IpAddr) -> bool) {
        self.all.iter_mut().for_each(|allocation| allocation.forget_unused(&is_used));
    }

    /// Wraps what leaves from a relayed address; `None` when it is gone, and what leaves from elsewhere as it is.
    pub fn wrap(&mut self, now: Instant, transmit: Transmit, out: &mut Vec<u8>, start: usize) -> Option<Transmit> {
        let Self { all, scratch, .. } = self;
        match all.iter_mut().find(|allocation| allocation.relayed.contains(&transmit.socket)) {
            Some(allocation) => allocation.wrap(now, &transmit, (out, start), scratch),
            None => Some(transmit),
        }
    }

    pub fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Transmit> {
        let transmit = self.all.iter_mut().find_map(|allocation| allocation.poll_transmit(now, out));
        if transmit.is_none() {
            self.drop_closed();
        }
        transmit
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        self.all.iter_mut().for_each(|allocation| allocation.handle_timeout(now));
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        self.all.iter().filter(|allocation| allocation.is_wanted()).filter_map(Allocation::poll_timeout).min()
    }

    /// Gives up those that are not `wanted`; the servers are told. Gives the sockets that are no more.
    pub fn close_all_but(&mut self, now: Instant, wanted: impl Fn(&TurnServer) -> bool) -> Vec<SocketId> {
        let mut gone = Vec::new();
        let mut unheard = Vec::new();
        for allocation in self.all.iter_mut().filter(|it| it.is_wanted() && !wanted(&it.server)) {
            gone.extend(allocation.relayed.drain(..));
            if !allocation.close(now) {
                unheard.push(allocation.link);
            }
        }
        unheard.into_iter().for_each(|link| self.remove(link));
        gone
    }

    /// Those that said goodbye need their link no more.
    fn drop_closed(&mut self) {
        let gone = self.all.iter().filter(|allocation| !allocation.is_wanted()).map(|allocation| allocation.link);
        for link in gone.collect::<Vec<_>>() {
            self.remove(link);
        }
    }

    pub fn poll_order(&mut self) -> Option<Io> {
        self.orders.pop_front()
    }

    /// The links that the driver has.
    pub fn links(&self) -> impl Iterator<Item = LinkId> + '_ {
        self.all.iter().filter(|allocation| allocation.has_link()).map(|allocation| allocation.link)
    }
}
