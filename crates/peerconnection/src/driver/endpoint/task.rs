//! The task of an endpoint: the way of every packet between sockets and sessions.

mod addresses;
mod servers;
mod streams;
#[cfg(test)]
mod tests;

use super::Shared;
use super::counters::count;
use crate::driver::batch::Batch;
use crate::driver::cell::Cell;
use crate::driver::extra_sockets::{Bound, ExtraSockets};
use crate::driver::handshakes::{Handshakes, Waiting};
use crate::driver::lookup::{Asker, Lookups};
use crate::driver::mdns::Mdns;
use crate::driver::network::Network;
use crate::driver::route::Routes;
use crate::driver::servers::Servers;
use crate::driver::socket::{Socket, ecn_in, is_too_long};
use crate::driver::tcp::{Listener, Tcp};
use crate::engine::TransportId;
use crate::peer::Peer;
use ortica_core::{Datagram, Instant, SocketId, Transmit};
use quinn_udp::RecvMeta;
use std::collections::{BTreeSet, HashMap};
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// Batches read from one socket in a turn, however long their messages are.
const READS_PER_TURN: usize = 4;
/// The same where messages are short: what many connections bring at the same moment is taken in before the system's buffer overflows.
const SHORT_READS_PER_TURN: usize = 32;
/// No more batches are read beyond the first once they held this much, which trains of packets do at once: larger turns make a flow slower.
const BYTES_PER_TURN: usize = 48 * 1024;
/// Transmits drained from one session before the others have their turn.
const TRANSMITS_PER_TURN: usize = 8;
/// Sessions that are drained in one turn, or whose timers are looked after: the sockets are read in between.
const SESSIONS_PER_TURN: usize = 256;
/// Sessions whose handshakes go on in one turn.
const HANDSHAKES_PER_TURN: usize = 2;

/// A session in the driver's table.
#[derive(Debug)]
struct Entry {
    cell: Arc<Cell>,
    deadline: Option<Instant>,
}

/// What one look at the sockets brought.
#[derive(Debug, Default)]
struct Received {
    /// One of them may hold more.
    more: bool,
    /// The session of the only packet, if there was only one.
    only: Option<usize>,
}

/// The task itself.
pub(super) struct Driver {
    shared: Arc<Shared>,
    sockets: Vec<Socket>,
    extra: ExtraSockets,
    /// Room per message that is read.
    stride: usize,
    sessions: HashMap<usize, Entry>,
    routes: Routes,
    timers: BTreeSet<(Instant, usize)>,
    dirty: BTreeSet<usize>,
    /// The session that was drained last.
    drained: usize,
    handshakes: Handshakes,
    sleep: Option<Pin<Box<tokio::time::Sleep>>>,
    mdns: Mdns,
    /// Answers that it gave.
    resolved: Vec<(Asker, Option<IpAddr>)>,
    lookups: Lookups,
    tcp: Tcp,
    servers: Servers,
    network: Network,
    out: Vec<u8>,
    transmits: Vec<Transmit>,
    max_segments: usize,
    /// The turn before this one ended early, for the sake of who answers what came in.
    made_way: bool,
}

impl Driver {
    pub fn new(
        shared: Arc<Shared>,
        sockets: Vec<Socket>,
        extra: ExtraSockets,
        listeners: Vec<Listener>,
        network: Network,
    ) -> Self {
        let longest = sockets.iter().map(Socket::receive_len).max().unwrap_or(2048);
        let max_segments = max_segments(&sockets);
        Self {
            mdns: Mdns::new(Arc::downgrade(&shared)),
            resolved: Vec::new(),
            lookups: Lookups::default(),
            tcp: Tcp::new(listeners),
            servers: Servers::default(),
            network,
            shared,
            extra,
            sockets,
            stride: Batch::stride(longest),
            sessions: HashMap::new(),
            routes: Routes::default(),
            timers: BTreeSet::new(),
            dirty: BTreeSet::new(),
            drained: 0,
            handshakes: Handshakes::default(),
            sleep: None,
            out: Vec::new(),
            transmits: Vec::new(),
            max_segments,
            made_way: false,
        }
    }

    /// One turn: what handles left, what the sockets hold, what is due; then each session that was touched is drained
    /// once. Where a packet came alone and somebody waited for what is in it, they come first: their answer leaves at once, and
    /// the rest of the turn is done while it is on its way.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        count(&self.shared.counters.turns, 1);
        let network_changed = self.take_mail(cx);
        let Received { more: mut again, only } = self.receive(cx);
        let now = self.shared.clock.now();
        self.follow_network(now, network_changed);
        self.made_way = !self.made_way && only.is_some_and(|key| self.makes_way(now, key));
        if self.made_way {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        again |= self.poll_streams(now, cx) | self.poll_servers(now, cx) | self.go_on_with_handshakes();
        self.expire(now);
        self.poll_names(now, cx);
        again |= self.drain(now);
        again |= self.lookups.take_begun() | self.tcp.is_stirred() | self.servers.is_stirred();
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

    /// Takes what the handles left; `true` when the host may have other addresses.
    fn take_mail(&mut self, cx: &Context<'_>) -> bool {
        let mut mail = self.shared.lock();
        mail.driver = Some(cx.waker().clone());
        for (key, cell) in mail.added.drain(..) {
            self.sessions.insert(key, Entry { cell, deadline: None });
            self.dirty.insert(key);
        }
        self.dirty.append(&mut mail.dirty);
        self.resolved.append(&mut mail.resolved);
        std::mem::take(&mut mail.network_changed)
    }

    /// No handle to the endpoint exists any more, and the last session on it is over. Nobody would wake the task to find that out
    /// in a later turn.
    fn is_over(&mut self) -> bool {
        let mail = self.shared.lock();
        let is_abandoned = mail.abandoned && mail.added.is_empty() && self.sessions.is_empty();
        drop(mail);
        is_abandoned && self.are_streams_over() && self.servers.is_idle()
    }

    /// Whether somebody was woken who may answer what the session took in.
    fn makes_way(&self, now: Instant, key: usize) -> bool {
        self.sessions.get(&key).is_some_and(|entry| entry.cell.tell(now))
    }

    /// Reads the sockets.
    fn receive(&mut self, cx: &mut Context<'_>) -> Received {
        Batch::lend(self.stride, |batch| self.receive_into(batch, cx))
    }

    fn receive_into(&mut self, batch: &mut Batch, cx: &mut Context<'_>) -> Received {
        let mut received = Received::default();
        let mut so_far = 0;
        for index in 0..self.sockets.len() {
            let mut bytes = 0;
            for turn in 0..SHORT_READS_PER_TURN {
                if turn >= READS_PER_TURN && bytes > BYTES_PER_TURN {
                    received.more = true;
                    break;
                }
                let (mut buffers, meta) = batch.buffers();
                match self.sockets[index].poll_receive(cx, &mut buffers, meta) {
                    Poll::Pending => break,
                    // An ICMP error of some earlier packet: that packet is lost, nothing else.
                    Poll::Ready(Err(_)) => {}
                    Poll::Ready(Ok(messages)) => {
                        count(&self.shared.counters.reads, 1);
                        let now = self.shared.clock.now();
                        for message in 0..messages {
                            let message = batch.message(message);
                            bytes += message.1.len;
                            let taker = self.deliver(now, self.sockets[index].id(), message);
                            received.only = taker.filter(|_| so_far == 0);
                            so_far += 1;
                        }
                    }
                }
                received.more |= turn + 1 == SHORT_READS_PER_TURN;
            }
        }
        received
    }

    /// Hands a message to whom it is for; the session that took it if it was a single packet, and for nobody else.
    fn deliver(&mut self, now: Instant, local: SocketId, (contents, meta): (&mut [u8], RecvMeta)) -> Option<usize> {
        let packets = if meta.stride == 0 { 1 } else { meta.len.div_ceil(meta.stride).max(1) };
        count(&self.shared.counters.packets_received, packets);
        let remote = meta.addr;
        let Some((last, others)) = self.routes.find(local, remote, contents).split_last() else {
            count(&self.shared.counters.unrouted, 1);
            return None;
        };
        let ecn = ecn_in(meta.ecn);
        let mut hand_over = |key: usize, contents: &mut [u8]| {
            let Some(entry) = self.sessions.get(&key) else { return };
            if self.handshakes.concern(key, contents) {
                let waiting = Waiting { local, remote, ecn, stride: meta.stride, contents: (&*contents).into() };
                if !self.handshakes.push(key, waiting) {
                    count(&self.shared.counters.dropped, packets);
                }
                return;
            }
            let datagram = Datagram { local, remote, ecn, contents, stride: meta.stride };
            entry.cell.take(now, |peer, now| peer.handle_datagram(now, datagram));
            self.dirty.insert(key);
        };
        for key in others {
            // Decrypted in place, so each needs its own.
            hand_over(*key, &mut contents.to_vec());
        }
        hand_over(*last, contents);
        (packets == 1 && others.is_empty()).then_some(*last)
    }

    /// Hands over what waited of a few handshakes; `true` when others wait still.
    fn go_on_with_handshakes(&mut self) -> bool {
        for _ in 0..HANDSHAKES_PER_TURN {
            let Some((key, messages)) = self.handshakes.pop() else { break };
            let Some(entry) = self.sessions.get(&key) else { continue };
            for Waiting { local, remote, ecn, stride, mut contents } in messages {
                let datagram = Datagram { local, remote, ecn, contents: &mut contents, stride };
                entry.cell.take(self.shared.clock.now(), |peer, now| peer.handle_datagram(now, datagram));
            }
            self.dirty.insert(key);
        }
        !self.handshakes.is_empty()
    }

    fn expire(&mut self, now: Instant) {
        for _ in 0..SESSIONS_PER_TURN {
            let Some((_, key)) = self.timers.first().copied().filter(|(deadline, _)| *deadline <= now) else { break };
            self.timers.pop_first();
            if let Some(entry) = self.sessions.get_mut(&key) {
                entry.deadline = None;
                entry.cell.take(now, Peer::handle_timeout);
                self.dirty.insert(key);
            }
        }
    }

    fn poll_names(&mut self, now: Instant, cx: &mut Context<'_>) {
        let mut answers = std::mem::take(&mut self.resolved);
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
        for _ in 0..SESSIONS_PER_TURN {
            let Some(key) = self.next_dirty() else { break };
            if self.drain_session(now, key) {
                more.insert(key);
            }
        }
        self.dirty.append(&mut more);
        !self.dirty.is_empty()
    }

    /// Whose turn it is. They go by their numbers, round and round, so that those that always have something keep nobody waiting.
    fn next_dirty(&mut self) -> Option<usize> {
        let key = self.dirty.range(self.drained + 1..).next().or_else(|| self.dirty.first()).copied()?;
        self.dirty.remove(&key);
        self.drained = key;
        Some(key)
    }

    /// Sends what a session has to send, and does what it wants done; `true` when it has more.
    fn drain_session(&mut self, now: Instant, key: usize) -> bool {
        let Some(entry) = self.sessions.get(&key) else { return false };
        let cell = entry.cell.clone();
        self.out.clear();
        self.transmits.clear();
        let drained = cell.drain(now, TRANSMITS_PER_TURN, self.max_segments, &mut self.out, &mut self.transmits);
        let too_long = self.send(key);
        self.flush_streams();
        self.flush_servers();
        let has_streams = self.tcp.serves(key) || self.servers.serves(key);
        let (wishes, port_wishes, released, orders, server_orders) = cell.look(|inner| {
            inner.peer.for_each_ufrag(|ufrag| self.routes.add_ufrag(ufrag, key));
            for question in inner.peer.take_questions() {
                if question.name.ends_with(".local") {
                    self.mdns.ask(key, question);
                } else {
                    self.lookups.ask(key, question);
                }
            }
            for (name, address) in inner.peer.take_published() {
                self.mdns.publish(key, name, address);
            }
            if let Some(Transmit { socket, remote, len, segment_size, .. }) = too_long {
                inner.peer.handle_too_long(now, socket, remote, segment_size.unwrap_or(len));
            }
            if let Some((socket, remote)) = inner.at_once.on_turn_over(drained.more) {
                self.routes.add_address(socket, remote, key);
            }
            let orders = inner.peer.take_connection_orders();
            let server_orders = inner.peer.take_server_orders();
            inner.at_once.over_streams = has_streams || !orders.is_empty() || !server_orders.is_empty();
            let wishes = (inner.peer.take_socket_wishes(), inner.peer.take_port_wishes());
            (wishes.0, wishes.1, inner.peer.take_released_sockets(), orders, server_orders)
        });
        self.release(key, &released);
        self.obey(now, key, orders);
        let has_links = self.obey_servers(now, key, &cell, server_orders);
        for transport in &wishes {
            self.bind_for(now, key, &cell, *transport);
        }
        for transport in &port_wishes {
            self.bind_ports_for(now, key, &cell, *transport);
        }
        self.set_deadline(key, drained.timeout);
        if drained.done {
            self.remove(key);
        }
        let has_more = drained.more || too_long.is_some() || !wishes.is_empty() || !port_wishes.is_empty() || has_links;
        !drained.done && has_more
    }

    /// Sends what was drained from a session; returns a transmit whose packets are too long for their link, if there is one.
    fn send(&mut self, key: usize) -> Option<Transmit> {
        let mut rest = self.out.as_slice();
        let mut too_long = None;
        for transmit in &self.transmits {
            let Some((contents, after)) = rest.split_at_checked(transmit.len) else { break };
            rest = after;
            let Some(socket) = self.sockets.iter().find(|socket| socket.id() == transmit.socket) else {
                if self.servers.has(transmit.socket) {
                    let is_too_long = self.servers.send(transmit, contents);
                    too_long = too_long.or(is_too_long.then_some(*transmit));
                    count(&self.shared.counters.transmits, 1);
                    count(&self.shared.counters.packets_sent, transmit.segments());
                } else {
                    streams::send(&mut self.tcp, &self.shared, key, transmit, contents);
                }
                continue;
            };
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
        let Bound { sockets: bound, refused } = self.extra.bind(key, &self.shared.addresses());
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
            self.tcp.close_all(self.shared.clock.now(), key, Some(sockets));
            self.tcp.close_own(key, Some(sockets));
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
        self.tcp.close_all(self.shared.clock.now(), key, None);
        self.tcp.close_own(key, None);
        self.servers.close_all(self.shared.clock.now(), key);
        let sockets = self.extra.forget(key);
        self.release(key, &sockets);
        self.mdns.forget(key);
        self.lookups.forget(key);
        self.handshakes.forget(key);
    }

    /// Arms the one timer for the nearest deadline.
    fn set_alarm(&mut self, cx: &mut Context<'_>) {
        let others = [self.tcp.poll_timeout(), self.network.poll_timeout(), self.servers.poll_timeout()];
        let next =
            self.timers.first().map(|(deadline, _)| *deadline).into_iter().chain(others.into_iter().flatten()).min();
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
        let added = {
            let mut mail = self.shared.lock();
            mail.stopped = true;
            std::mem::take(&mut mail.added)
        };
        for cell in self.sessions.drain().map(|(_, entry)| entry.cell).chain(added.into_iter().map(|(_, cell)| cell)) {
            cell.stop();
        }
    }
}
