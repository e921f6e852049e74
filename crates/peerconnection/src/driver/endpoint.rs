//! An endpoint: what handles see of the task that has the sockets.

mod counters;
mod task;

use super::cell::Cell;
use super::clock::Clock;
use super::extra_sockets::ExtraSockets;
use super::interfaces::{InterfaceFilter, NetworkInterface, Ports, addresses};
use super::lookup::Asker;
use super::network::Network;
use super::servers::Trust;
use super::socket::{Outlet, Socket};
use super::tcp::{Listener, TcpCandidates, sockets_for};
use crate::peer::{Peer, TcpSockets};
pub use counters::EndpointStats;
use counters::{Counters, count};
use ortica_core::{Rng, SocketId, Transmit};
use std::collections::BTreeSet;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, TryLockError, Weak};
use std::task::Waker;
use task::Driver;

/// Settings of an [`Endpoint`].
#[derive(Clone, Debug, Default)]
pub struct EndpointConfig {
    addresses: Vec<SocketAddr>,
    gather_loopback: bool,
    interfaces: InterfaceFilter,
    ports: Ports,
    /// What is bound once stays.
    is_fixed: bool,
    tcp: TcpCandidates,
}

impl EndpointConfig {
    /// Binds to these addresses alone; port 0 takes a free one. Default: one socket per address of each interface.
    #[must_use]
    pub fn with_addresses(mut self, addresses: Vec<SocketAddr>) -> Self {
        self.addresses = addresses;
        self
    }

    /// Binds to loopback addresses too. Default `false`: they are bound only when there is no other.
    #[must_use]
    pub fn with_gather_loopback(mut self, gather: bool) -> Self {
        self.gather_loopback = gather;
        self
    }

    /// Whether addresses of interfaces that come up while it is used are bound too, and those that go are given up: connections gather
    /// on them and go over to them by themselves. Default `true`; without effect where [`with_addresses`](Self::with_addresses) says
    /// which there are.
    #[must_use]
    pub fn with_network_changes(mut self, follow: bool) -> Self {
        self.is_fixed = !follow;
        self
    }

    /// Binds only to those addresses of interfaces for which `filter` says `true`. Default: all, but for link-local ones of IPv6.
    #[must_use]
    pub fn with_interface_filter(mut self, filter: impl Fn(&NetworkInterface) -> bool + Send + Sync + 'static) -> Self {
        self.interfaces.set(filter);
        self
    }

    /// Binds only to those addresses that the system sends from by default, one of each family: of several networks the one that
    /// its routes prefer. They are asked for without a packet being sent. Default `false`; without effect where
    /// [`with_addresses`](Self::with_addresses) says which there are.
    ///
    /// Source: [RFC 8828 §6.2](https://www.rfc-editor.org/rfc/rfc8828#section-6.2)
    #[must_use]
    pub fn with_default_route(mut self, only: bool) -> Self {
        self.interfaces.set_default_route(only);
        self
    }

    /// Takes UDP ports from this range alone, wherever no port is named: for firewalls that let those through. Each connection that
    /// has an endpoint of its own takes one for each address, and each transport that is not bundled with another takes as many.
    /// Default: any that the system gives.
    #[must_use]
    pub fn with_port_range(mut self, ports: RangeInclusive<u16>) -> Self {
        self.ports = Ports::within(ports);
        self
    }

    /// What ICE does over TCP. Default: [`TcpCandidates::Connect`].
    #[must_use]
    pub fn with_tcp(mut self, candidates: TcpCandidates) -> Self {
        self.tcp = candidates;
        self
    }

    /// One per address, where connections are to be taken.
    fn listeners(&self, addresses: &BTreeSet<IpAddr>) -> io::Result<Vec<Listener>> {
        let port = match self.tcp {
            TcpCandidates::Listen(port) => port,
            TcpCandidates::SimultaneousOpen => 0,
            TcpCandidates::Off | TcpCandidates::Connect => return Ok(Vec::new()),
        };
        let bound = addresses.iter().enumerate().map(|(index, ip)| Listener::bind(index, SocketAddr::new(*ip, port)));
        let (bound, refused): (Vec<_>, Vec<_>) = bound.partition(Result::is_ok);
        match refused.into_iter().find_map(Result::err) {
            Some(error) if bound.is_empty() => Err(error),
            _ => Ok(bound.into_iter().flatten().collect()),
        }
    }

    fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        if !self.addresses.is_empty() {
            return Ok(self.addresses.clone());
        }
        let chosen = addresses(&self.interfaces, self.gather_loopback)?;
        Ok(chosen.into_iter().map(|ip| SocketAddr::new(ip, 0)).collect())
    }
}

/// One driver task with its sockets, shared by any number of connections: many peers on one port.
///
/// What is no STUN goes by the address it came from, so that one socket can serve one connection per address of a peer: two
/// endpoints with one socket each carry one connection between them, not many. Sections that are not bundled have
/// transports, and sockets, of their own, unless [`EndpointConfig::with_addresses`] named the addresses to bind to: then all share
/// those, which works with peers that bundle, or that have an address for each transport.
///
/// Clones name the same endpoint. It ends when the last clone and the last connection on it are gone, or with its runtime. Then
/// all its connections are closed ([`CloseReason::DriverStopped`](crate::engine::CloseReason)), and so are those made later.
#[derive(Clone, Debug)]
pub struct Endpoint {
    shared: Arc<Shared>,
    _alive: Arc<Alive>,
}

impl Endpoint {
    /// Binds the sockets and starts the driver on the current tokio runtime.
    ///
    /// # Errors
    /// When no socket can be bound, or none of those that listen, the range of ports is none, or no randomness is to be had from the
    /// system.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn new(config: EndpointConfig) -> io::Result<Self> {
        config.ports.check()?;
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(io::Error::other)?;
        let rng = Rng::from_seed(seed);
        let mut port_rng = rng.fork("ports");
        let mut sockets = Vec::new();
        let mut failure = None;
        for (index, address) in config.addresses()?.into_iter().enumerate() {
            match config.ports.bind(SocketId(index as u32), address, &mut port_rng) {
                Ok(socket) => sockets.push(socket),
                Err(error) => failure = Some(error),
            }
        }
        if let (true, Some(error)) = (sockets.is_empty(), failure) {
            return Err(error);
        }
        let hosts: BTreeSet<IpAddr> = sockets.iter().map(|socket| socket.address.ip()).collect();
        let listeners = config.listeners(&hosts)?;
        let shared = Arc::new(Shared {
            clock: Clock::start(),
            addresses: RwLock::new(sockets.iter().map(|socket| (socket.id(), socket.address)).collect()),
            outlets: RwLock::new(sockets.iter().map(|socket| Arc::downgrade(socket.outlet())).collect()),
            tcp: sockets_for(config.tcp, hosts, &listeners),
            may_bind: config.addresses.is_empty(),
            may_bind_anywhere: config.addresses.is_empty() && config.interfaces.takes_all(),
            may_fragment: sockets.iter().any(|socket| socket.outlet().may_fragment()),
            packet: Mutex::default(),
            mail: Mutex::new(Mail { rng: Some(rng), ..Mail::default() }),
            counters: Counters::default(),
        });
        let alive = Arc::new(Alive { shared: shared.clone() });
        let network = if config.is_fixed || !config.addresses.is_empty() {
            Network::ignored()
        } else {
            Network::followed(config.interfaces, config.gather_loopback, Arc::downgrade(&shared))
        };
        let extra = ExtraSockets::new(sockets.len(), config.ports, port_rng);
        let mut driver = Driver::new(shared.clone(), sockets, extra, listeners, network);
        tokio::spawn(poll_fn(move |cx| driver.poll(cx)));
        Ok(Self { shared, _alive: alive })
    }

    /// The addresses its sockets are bound to.
    pub fn local_addresses(&self) -> Vec<SocketAddr> {
        self.shared.addresses().into_iter().map(|(_, address)| address).collect()
    }

    /// Counters of its sockets.
    pub fn stats(&self) -> EndpointStats {
        self.shared.counters.read()
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    /// Packets that are too long for a path may travel in pieces.
    pub(crate) fn may_fragment(&self) -> bool {
        self.shared.may_fragment
    }

    /// A fresh generator for one session.
    pub(crate) fn rng(&self) -> Rng {
        let mut mail = self.shared.lock();
        mail.sessions += 1;
        let name = format!("session {}", mail.sessions);
        mail.rng.as_ref().map_or_else(|| Rng::from_seed([0; 32]), |rng| rng.fork(&name))
    }

    /// Has its sockets refuse the next `count` transmits.
    #[cfg(test)]
    pub(super) fn refuse(&self, error: i32, count: u64) {
        let outlets = self.shared.outlets.read().unwrap_or_else(PoisonError::into_inner);
        outlets.iter().filter_map(Weak::upgrade).for_each(|outlet| outlet.refusals.set(error, count));
    }

    /// Its sockets, to gather on.
    pub(crate) fn sockets(&self) -> Vec<(SocketId, SocketAddr)> {
        self.shared.addresses()
    }

    /// What a peer may do over TCP.
    pub(crate) fn tcp_sockets(&self) -> Option<Arc<TcpSockets>> {
        self.shared.tcp.clone()
    }

    /// Gives a peer its place among the sessions.
    pub(crate) fn add(&self, mut peer: Peer, trust: Arc<Trust>) -> Arc<Cell> {
        if self.shared.may_bind {
            peer.allow_more_sockets();
        }
        let mut mail = self.shared.lock();
        let key = mail.next_key;
        mail.next_key += 1;
        let cell = Arc::new(Cell::new(peer, trust, self.shared.clone(), key));
        if mail.stopped {
            drop(mail);
            cell.stop();
            return cell;
        }
        mail.added.push((key, cell.clone()));
        mail.wake();
        cell
    }
}

/// Dropped with the last clone of an endpoint: then it ends as soon as no session is left.
#[derive(Debug)]
struct Alive {
    shared: Arc<Shared>,
}

impl Drop for Alive {
    fn drop(&mut self) {
        let mut mail = self.shared.lock();
        mail.abandoned = true;
        mail.wake();
    }
}

/// What handles and driver share of an endpoint.
#[derive(Debug)]
pub(crate) struct Shared {
    clock: Clock,
    /// What sessions gather on.
    addresses: RwLock<Vec<(SocketId, SocketAddr)>>,
    /// The sockets, which the driver takes with it when it ends.
    outlets: RwLock<Vec<Weak<Outlet>>>,
    /// What sessions may do over TCP.
    tcp: Option<Arc<TcpSockets>>,
    /// Transports that do not share a socket get sockets of their own.
    may_bind: bool,
    /// Links to servers may begin at whichever address the system takes.
    may_bind_anywhere: bool,
    may_fragment: bool,
    /// Where a packet is built that does not wait for the driver's turn.
    packet: Mutex<Vec<u8>>,
    mail: Mutex<Mail>,
    counters: Counters,
}

/// What handles leave for the driver.
#[derive(Debug, Default)]
struct Mail {
    rng: Option<Rng>,
    sessions: u64,
    next_key: usize,
    added: Vec<(usize, Arc<Cell>)>,
    dirty: BTreeSet<usize>,
    abandoned: bool,
    /// The host may have other addresses.
    network_changed: bool,
    /// Names of the local network that were resolved, no more than were asked for.
    resolved: Vec<(Asker, Option<IpAddr>)>,
    /// The task has ended.
    stopped: bool,
    driver: Option<Waker>,
}

impl Mail {
    fn wake(&mut self) {
        if let Some(driver) = self.driver.take() {
            driver.wake();
        }
    }
}

impl Shared {
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The host may have other addresses.
    pub fn on_network_change(&self) {
        let mut mail = self.lock();
        mail.network_changed = true;
        mail.wake();
    }

    /// A name of the local network was resolved, or nobody knows it.
    pub fn on_resolved(&self, asker: Asker, answer: Option<IpAddr>) {
        let mut mail = self.lock();
        mail.resolved.push((asker, answer));
        mail.wake();
    }

    /// A session has something to send, or a new deadline.
    pub fn wake(&self, key: usize) {
        let mut mail = self.lock();
        if !mail.stopped && mail.dirty.insert(key) {
            mail.wake();
        }
    }

    /// Room for a packet that does not wait for the driver's turn; `None` while another thread has it.
    pub fn packet(&self) -> Option<MutexGuard<'_, Vec<u8>>> {
        let mut packet = match self.packet.try_lock() {
            Ok(packet) => packet,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        packet.clear();
        Some(packet)
    }

    /// Sends one transmit, outside the driver's turn. A socket that is gone takes it with it.
    pub fn send_at_once(&self, transmit: &Transmit, contents: &[u8]) -> io::Result<()> {
        let outlets = self.outlets.read().unwrap_or_else(PoisonError::into_inner);
        let outlet = outlets.iter().filter_map(Weak::upgrade).find(|outlet| outlet.id == transmit.socket);
        drop(outlets);
        outlet.map_or(Ok(()), |outlet| self.send(&outlet, transmit, contents))
    }

    /// The most segments that a transmit may hold on any of the sockets.
    pub fn max_segments(&self) -> usize {
        let outlets = self.outlets.read().unwrap_or_else(PoisonError::into_inner);
        outlets.iter().filter_map(Weak::upgrade).map(|outlet| outlet.max_segments()).min().unwrap_or(1)
    }

    pub fn addresses(&self) -> Vec<(SocketId, SocketAddr)> {
        self.addresses.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sessions gather on others from now on.
    fn set_addresses(&self, addresses: Vec<(SocketId, SocketAddr)>) {
        *self.addresses.write().unwrap_or_else(PoisonError::into_inner) = addresses;
    }

    /// The sockets have changed.
    fn set_outlets(&self, sockets: &[Socket]) {
        let mut outlets = self.outlets.write().unwrap_or_else(PoisonError::into_inner);
        *outlets = sockets.iter().map(|socket| Arc::downgrade(socket.outlet())).collect();
    }

    /// Sends one transmit and counts it.
    fn send(&self, outlet: &Outlet, transmit: &Transmit, contents: &[u8]) -> io::Result<()> {
        let sent = outlet.send(transmit, contents);
        match &sent {
            Ok(()) => {
                count(&self.counters.transmits, 1);
                count(&self.counters.packets_sent, transmit.segments());
            }
            Err(error) => {
                tracing::trace!(%error, remote = %transmit.remote, "a transmit was refused");
                count(&self.counters.refused, 1);
            }
        }
        sent
    }

    fn lock(&self) -> MutexGuard<'_, Mail> {
        self.mail.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
