//! One driver task with its sockets and sessions.

use super::batch::Batch;
use super::cell::Cell;
use super::clock::Clock;
use super::extra_sockets::{Bound, ExtraSockets};
use super::lookup::Lookups;
use super::mdns::Mdns;
use super::route::Routes;
use super::socket::{Outlet, Socket, ecn_in, is_too_long};
use crate::engine::TransportId;
use crate::peer::Peer;
use ortica_core::{Datagram, Instant, Rng, SocketId, Transmit};
use ortica_ice::ResolveId;
use std::collections::{BTreeSet, HashMap};
use std::future::{Future, poll_fn};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, TryLockError, Weak};
use std::task::{Context, Poll, Waker};

/// Messages read from one socket before the others have their turn.
const READS_PER_TURN: usize = 4;
/// Transmits drained from one session before the others have their turn.
const TRANSMITS_PER_TURN: usize = 8;

/// Settings of an [`Endpoint`].
#[derive(Clone, Debug, Default)]
pub struct EndpointConfig {
    addresses: Vec<SocketAddr>,
    gather_loopback: bool,
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

    fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        if !self.addresses.is_empty() {
            return Ok(self.addresses.clone());
        }
        let all: Vec<IpAddr> = if_addrs::get_if_addrs()?.into_iter().map(|interface| interface.ip()).collect();
        // Link-local IPv6 addresses need a scope, which a candidate cannot carry.
        let usable = |ip: &IpAddr| !matches!(ip, IpAddr::V6(v6) if v6.is_unicast_link_local());
        let routable = all.iter().copied().filter(|ip| usable(ip) && !ip.is_loopback());
        let mut chosen: Vec<IpAddr> = routable.collect();
        if self.gather_loopback || chosen.is_empty() {
            chosen.extend(all.iter().copied().filter(IpAddr::is_loopback));
        }
        Ok(chosen.into_iter().map(|ip| SocketAddr::new(ip, 0)).collect())
    }
}

/// Counters of an endpoint's sockets.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct EndpointStats {
    /// Reads that returned messages.
    pub reads: u64,
    /// Packets received, each segment of a message counted.
    pub packets_received: u64,
    /// Transmits handed to the system.
    pub transmits: u64,
    /// Packets in them.
    pub packets_sent: u64,
    /// Transmits that the system refused; they are lost, as if on the way.
    pub refused: u64,
    /// Datagrams for which no session was found.
    pub unrouted: u64,
    /// Turns of the driver: how often it was woken, or had more to do than fits one.
    pub turns: u64,
}

/// One driver task with its sockets, shared by any number of connections: many peers on one port.
///
/// What is no STUN goes by the address it came from, so that one socket can serve one connection per address of a peer: two
/// endpoints with one socket each carry one connection between them, not many. Sections that are not bundled have
/// transports, and sockets, of their own, unless [`EndpointConfig::with_addresses`] named the addresses to bind to: then all share
/// those, which works with peers that bundle, or that have an address for each transport.
///
/// Clones name the same endpoint. It ends when the last clone and the last connection on it are gone.
#[derive(Clone, Debug)]
pub struct Endpoint {
    shared: Arc<Shared>,
    _alive: Arc<Alive>,
}

impl Endpoint {
    /// Binds the sockets and starts the driver on the current tokio runtime.
    ///
    /// # Errors
    /// When no socket can be bound, or no randomness is to be had from the system.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn new(config: EndpointConfig) -> io::Result<Self> {
        let mut sockets = Vec::new();
        let mut failure = None;
        for (index, address) in config.addresses()?.into_iter().enumerate() {
            match Socket::bind(SocketId(index as u32), address) {
                Ok(socket) => sockets.push(socket),
                Err(error) => failure = Some(error),
            }
        }
        if let (true, Some(error)) = (sockets.is_empty(), failure) {
            return Err(error);
        }
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(io::Error::other)?;
        let shared = Arc::new(Shared {
            clock: Clock::start(),
            addresses: sockets.iter().map(|socket| (socket.id(), socket.address)).collect(),
            outlets: RwLock::new(sockets.iter().map(|socket| Arc::downgrade(socket.outlet())).collect()),
            may_bind: config.addresses.is_empty(),
            may_fragment: sockets.iter().any(|socket| socket.outlet().may_fragment()),
            packet: Mutex::default(),
            mail: Mutex::new(Mail { rng: Some(Rng::from_seed(seed)), ..Mail::default() }),
            counters: Counters::default(),
        });
        let alive = Arc::new(Alive { shared: shared.clone() });
        let mut driver = Driver::new(shared.clone(), sockets);
        tokio::spawn(poll_fn(move |cx| driver.poll(cx)));
        Ok(Self { shared, _alive: alive })
    }

    /// The addresses its sockets are bound to.
    pub fn local_addresses(&self) -> Vec<SocketAddr> {
        self.shared.addresses.iter().map(|(_, address)| *address).collect()
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
        self.shared.addresses.clone()
    }

    /// Gives a peer its place among the sessions.
    pub(crate) fn add(&self, mut peer: Peer) -> Arc<Cell> {
        if self.shared.may_bind {
            peer.allow_more_sockets();
        }
        let mut mail = self.shared.lock();
        let key = mail.next_key;
        mail.next_key += 1;
        let cell = Arc::new(Cell::new(peer, self.shared.clone(), key));
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
    addresses: Vec<(SocketId, SocketAddr)>,
    /// The sockets, which the driver takes with it when it ends.
    outlets: RwLock<Vec<Weak<Outlet>>>,
    /// Transports that do not share a socket get sockets of their own.
    may_bind: bool,
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

    /// A session has something to send, or a new deadline.
    pub fn wake(&self, key: usize) {
        let mut mail = self.lock();
        if mail.dirty.insert(key) {
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

#[derive(Debug, Default)]
struct Counters {
    reads: AtomicU64,
    packets_received: AtomicU64,
    transmits: AtomicU64,
    packets_sent: AtomicU64,
    refused: AtomicU64,
    unrouted: AtomicU64,
    turns: AtomicU64,
}

impl Counters {
    fn read(&self) -> EndpointStats {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        EndpointStats {
            reads: get(&self.reads),
            packets_received: get(&self.packets_received),
            transmits: get(&self.transmits),
            packets_sent: get(&self.packets_sent),
            refused: get(&self.refused),
            unrouted: get(&self.unrouted),
            turns: get(&self.turns),
        }
    }
}

/// Adds to a counter of the driver.
fn count(counter: &AtomicU64, by: usize) {
    counter.fetch_add(by as u64, Ordering::Relaxed);
}

/// A session in the driver's table.
#[derive(Debug)]
struct Entry {
    cell: Arc<Cell>,
    deadline: Option<Instant>,
}

/// The task itself.
struct Driver {
    shared: Arc<Shared>,
    sockets: Vec<Socket>,
    extra: ExtraSockets,
    batch: Batch,
    sessions: HashMap<usize, Entry>,
    routes: Routes,
    timers: BTreeSet<(Instant, usize)>,
    dirty: BTreeSet<usize>,
    sleep: Option<Pin<Box<tokio::time::Sleep>>>,
    mdns: Mdns,
    lookups: Lookups,
    out: Vec<u8>,
    transmits: Vec<Transmit>,
    max_segments: usize,
}

impl Driver {
    fn new(shared: Arc<Shared>, sockets: Vec<Socket>) -> Self {
        let stride = sockets.iter().map(Socket::receive_len).max().unwrap_or(2048);
        let max_segments = max_segments(&sockets);
        let rng = shared.lock().rng.as_ref().map(|rng| rng.fork("mdns"));
        Self {
            mdns: Mdns::new(&shared.clock, rng),
            lookups: Lookups::default(),
            shared,
            extra: ExtraSockets::new(sockets.len()),
            sockets,
            batch: Batch::new(stride),
            sessions: HashMap::new(),
            routes: Routes::default(),
            timers: BTreeSet::new(),
            dirty: BTreeSet::new(),
            sleep: None,
            out: Vec::new(),
            transmits: Vec::new(),
            max_segments,
        }
    }

    /// One turn: what handles left, what the sockets hold, what is due; then each session that was touched is drained
    /// once.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        count(&self.shared.counters.turns, 1);
        self.take_mail(cx);
        let mut again = self.receive(cx);
        let now = self.shared.clock.now();
        self.expire(now);
        self.poll_names(now, cx);
        again |= self.drain(now);
        again |= self.lookups.take_begun();
        if self.is_over() {
            return Poll::Ready(());
        }
        if again {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.set_alarm(cx);
        Poll::Pending
    }

    /// Takes what the handles left.
    fn take_mail(&mut self, cx: &Context<'_>) {
        let mut mail = self.shared.lock();
        mail.driver = Some(cx.waker().clone());
        for (key, cell) in mail.added.drain(..) {
            self.sessions.insert(key, Entry { cell, deadline: None });
            self.dirty.insert(key);
        }
        self.dirty.append(&mut mail.dirty);
    }

    /// No handle to the endpoint exists any more, and the last session on it is over. Nobody would wake the task to find that out
    /// in a later turn.
    fn is_over(&self) -> bool {
        let mail = self.shared.lock();
        mail.abandoned && mail.added.is_empty() && self.sessions.is_empty()
    }

    /// Reads the sockets; `true` when one of them may hold more.
    fn receive(&mut self, cx: &mut Context<'_>) -> bool {
        let mut more = false;
        for index in 0..self.sockets.len() {
            for turn in 0..READS_PER_TURN {
                let (mut buffers, meta) = self.batch.buffers();
                match self.sockets[index].poll_receive(cx, &mut buffers, meta) {
                    Poll::Pending => break,
                    // An ICMP error of some earlier packet: that packet is lost, nothing else.
                    Poll::Ready(Err(_)) => {}
                    Poll::Ready(Ok(messages)) => {
                        count(&self.shared.counters.reads, 1);
                        let now = self.shared.clock.now();
                        for message in 0..messages {
                            self.deliver(now, self.sockets[index].id(), message);
                        }
                    }
                }
                more |= turn + 1 == READS_PER_TURN;
            }
        }
        more
    }

    fn deliver(&mut self, now: Instant, local: SocketId, message: usize) {
        let (contents, meta) = self.batch.message(message);
        let packets = if meta.stride == 0 { 1 } else { meta.len.div_ceil(meta.stride).max(1) };
        count(&self.shared.counters.packets_received, packets);
        let remote = meta.addr;
        let Some((last, others)) = self.routes.find(local, remote, contents).split_last() else {
            count(&self.shared.counters.unrouted, 1);
            return;
        };
        let ecn = ecn_in(meta.ecn);
        let mut hand_over = |key: usize, contents: &mut [u8]| {
            let Some(entry) = self.sessions.get(&key) else { return };
            let datagram = Datagram { local, remote, ecn, contents, stride: meta.stride };
            entry.cell.take(now, |peer, now| peer.handle_datagram(now, datagram));
            self.dirty.insert(key);
        };
        for key in others {
            // Decrypted in place, so each needs its own.
            hand_over(*key, &mut contents.to_vec());
        }
        hand_over(*last, contents);
    }

    fn expire(&mut self, now: Instant) {
        while let Some((deadline, key)) = self.timers.first().copied() {
            if deadline > now {
                break;
            }
            self.timers.pop_first();
            if let Some(entry) = self.sessions.get_mut(&key) {
                entry.deadline = None;
                entry.cell.take(now, Peer::handle_timeout);
                self.dirty.insert(key);
            }
        }
    }

    fn poll_names(&mut self, now: Instant, cx: &mut Context<'_>) {
        let mut answers = self.mdns.poll(now, cx);
        answers.extend(self.lookups.poll(cx));
        for (asker, answer) in answers {
            if let Some(entry) = self.sessions.get(&asker.session) {
                entry.cell.take(now, |peer, now| peer.resolved(now, asker.transport, asker.id, answer));
                self.dirty.insert(asker.session);
            }
        }
    }

    /// Drains each session that was touched; `true` when one of them has more to send.
    fn drain(&mut self, now: Instant) -> bool {
        let mut more = BTreeSet::new();
        while let Some(key) = self.dirty.pop_first() {
            let Some(entry) = self.sessions.get(&key) else { continue };
            let cell = entry.cell.clone();
            self.out.clear();
            self.transmits.clear();
            let drained = cell.drain(now, TRANSMITS_PER_TURN, self.max_segments, &mut self.out, &mut self.transmits);
            let too_long = self.send(key);
            let (wishes, released) = cell.look(|inner| {
                inner.peer.for_each_ufrag(|ufrag| self.routes.add_ufrag(ufrag, key));
                for question in inner.peer.take_questions() {
                    if question.name.ends_with(".local") {
                        self.mdns.ask(now, key, question);
                    } else {
                        self.lookups.ask(key, question);
                    }
                }
                for (name, address) in inner.peer.take_published() {
                    self.mdns.publish(now, key, name, address);
                }
                if let Some(Transmit { socket, remote, len, segment_size, .. }) = too_long {
                    inner.peer.handle_too_long(now, socket, remote, segment_size.unwrap_or(len));
                }
                if let Some((socket, remote)) = inner.at_once.on_turn_over(drained.more) {
                    self.routes.add_address(socket, remote, key);
                }
                (inner.peer.take_socket_wishes(), inner.peer.take_released_sockets())
            });
            self.release(key, &released);
            for transport in &wishes {
                self.bind_for(now, key, &cell, *transport);
            }
            self.set_deadline(key, drained.timeout);
            if drained.done {
                self.remove(key);
            } else if drained.more || too_long.is_some() || !wishes.is_empty() {
                more.insert(key);
            }
        }
        self.dirty = more;
        !self.dirty.is_empty()
    }

    /// Sends what was drained from a session; returns a transmit whose packets are too long for their link, if there is one.
    fn send(&mut self, key: usize) -> Option<Transmit> {
        let mut rest = self.out.as_slice();
        let mut too_long = None;
        for transmit in &self.transmits {
            let Some((contents, after)) = rest.split_at_checked(transmit.len) else { break };
            rest = after;
            let Some(socket) = self.sockets.iter().find(|socket| socket.id() == transmit.socket) else { continue };
            self.routes.add_address(transmit.socket, transmit.remote, key);
            if let Err(error) = self.shared.send(socket.outlet(), transmit, contents) {
                // Some refuse trains, and say so by the first one.
                self.max_segments = max_segments(&self.sockets);
                too_long = too_long.or(is_too_long(&error).then_some(*transmit));
            }
        }
        too_long
    }

    /// Gives a transport sockets of its own.
    fn bind_for(&mut self, now: Instant, key: usize, cell: &Cell, transport: TransportId) {
        let Bound { sockets: bound, refused } = self.extra.bind(key, &self.shared.addresses);
        let sockets = bound.iter().map(|socket| (socket.id(), socket.address)).collect();
        self.sockets.extend(bound);
        self.shared.set_outlets(&self.sockets);
        cell.take(now, |peer, now| {
            refused.iter().for_each(|(address, error)| peer.report_refused_socket(*address, error.to_string()));
            peer.provide_sockets(now, transport, sockets);
        });
    }

    /// Closes sockets that nobody needs any more.
    fn release(&mut self, key: usize, sockets: &[SocketId]) {
        if !sockets.is_empty() {
            self.extra.release(key, sockets);
            self.sockets.retain(|socket| !sockets.contains(&socket.id()));
            self.shared.set_outlets(&self.sockets);
        }
    }

    fn set_deadline(&mut self, key: usize, deadline: Option<Instant>) {
        let Some(entry) = self.sessions.get_mut(&key) else { return };
        if entry.deadline == deadline {
            return;
        }
        if let Some(old) = entry.deadline {
            self.timers.remove(&(old, key));
        }
        entry.deadline = deadline;
        self.timers.extend(deadline.map(|deadline| (deadline, key)));
    }

    fn remove(&mut self, key: usize) {
        self.set_deadline(key, None);
        self.sessions.remove(&key);
        self.routes.remove(key);
        let sockets = self.extra.forget(key);
        self.release(key, &sockets);
        self.mdns.forget(self.shared.clock.now(), key);
        self.lookups.forget(key);
    }

    /// Arms the one timer for the nearest deadline.
    fn set_alarm(&mut self, cx: &mut Context<'_>) {
        let next = self.timers.first().map(|(deadline, _)| *deadline).into_iter().chain(self.mdns.poll_timeout()).min();
        let Some(next) = next else {
            self.sleep = None;
            return;
        };
        let deadline = self.shared.clock.deadline(next);
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        // Most deadlines move away before they come, with each packet. The timer is left where it is then: it fires early, once,
        // and is set anew.
        if sleep.deadline() > deadline || sleep.is_elapsed() {
            sleep.as_mut().reset(deadline);
        }
        if sleep.as_mut().poll(cx).is_ready() {
            cx.waker().wake_by_ref();
        }
    }
}

/// The most segments that a transmit may hold on any of `sockets`.
fn max_segments(sockets: &[Socket]) -> usize {
    sockets.iter().map(|socket| socket.outlet().max_segments()).min().unwrap_or(1)
}

impl Drop for Driver {
    /// The runtime dropped the task, or it ended: nobody may wait for it any longer.
    fn drop(&mut self) {
        let added = std::mem::take(&mut self.shared.lock().added);
        for cell in self.sessions.drain().map(|(_, entry)| entry.cell).chain(added.into_iter().map(|(_, cell)| cell)) {
            cell.stop();
        }
    }
}

/// Who asked the resolver.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asker {
    pub session: usize,
    pub transport: TransportId,
    pub id: ResolveId,
}
