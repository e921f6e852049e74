//! Links to TURN servers: a UDP socket each, in the clear or under DTLS, or a stream.
//!
//! A socket in the clear is one of the endpoint's, which nothing else uses; its packets take the way of all others. What a stream
//! brings is cut into packets, which are handed in as datagrams of the server's; what goes to it waits in a bounded queue where the
//! system does not take it at once, and what does not fit is lost, as a full buffer of UDP loses it. What comes under DTLS is
//! decrypted where it was read and handed in likewise; what goes out is copied once, into its records, and sent at once.

mod dtls;
mod link;
mod open;
mod stream;

pub(super) use dtls::DtlsLink;
pub(crate) use open::Trust;
pub(super) use open::identity;

use super::tcp::Wakes;
use crate::engine::{TransportId, TurnLink};
use link::Link;
use ortica_core::{Instant, SocketId, Transmit};
use ortica_ice::turn::framing::{FramingError, StreamReader};
use ortica_ice::{ConnectionError, LinkId};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;
use stream::Stream;

/// Links are named from here on: after listeners and what is opened to peers, before what agents count down.
const FIRST_LINK: u32 = 3 << 30;
/// How long one that is closed may take to write what waits.
const ENDING_TIMEOUT: Duration = Duration::from_secs(2);

/// Whose link it is, and its name there.
pub(super) type Name = (usize, TransportId, LinkId);

/// Takes a packet.
pub(super) type Take<'a> = dyn FnMut(&mut [u8]) + 'a;

/// The sessions of an endpoint, as their servers see them.
pub(super) trait Takers {
    /// Takes all packets that are there.
    fn take(
        &mut self,
        session: usize,
        from: (SocketId, SocketAddr),
        packets: &mut StreamReader,
    ) -> Result<(), FramingError>;
    /// Takes the packets that `open` hands out.
    fn take_packets(&mut self, session: usize, from: (SocketId, SocketAddr), open: &mut dyn FnMut(&mut Take<'_>));
    /// A link that was asked for is there.
    fn connected(&mut self, name: Name, socket: SocketId, local: SocketAddr);
    /// There is none, or none any more.
    fn lost(&mut self, name: Name, error: ConnectionError);
}

/// What became of packets that were to be sent.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sent {
    /// Packets that there was no room for.
    dropped: usize,
    /// Transmits that the system refused.
    refused: usize,
    /// One of them because the way to the server does not carry packets that long.
    is_too_long: bool,
}

/// The links of one endpoint.
#[derive(Default)]
pub(super) struct Servers {
    sockets: BTreeMap<Name, SocketId>,
    wakes: Arc<Wakes>,
    links: HashMap<u64, Entry>,
    names: BTreeMap<Name, u64>,
    /// When those that are closed are given up, in order.
    endings: VecDeque<(Instant, u64)>,
    /// When links are to be looked at.
    timers: BTreeSet<(Instant, u64)>,
    /// Those that something was queued for.
    unflushed: Vec<u64>,
    next: u64,
    /// Room for what is sealed.
    out: Vec<u8>,
    /// Packets that a queue had no room for.
    pub dropped: usize,
    /// Transmits that the system refused.
    pub refused: usize,
}

struct Entry {
    link: Link,
    /// Has the driver look at it.
    waker: Waker,
    /// When it is to be looked at.
    timer: Option<Instant>,
}

impl Servers {
    /// A socket was bound for a link.
    pub fn add_socket(&mut self, name: Name, socket: SocketId) {
        self.sockets.insert(name, socket);
    }

    /// The socket of a link that is closed, if it has one.
    pub fn remove_socket(&mut self, name: Name) -> Option<SocketId> {
        self.sockets.remove(&name)
    }

    /// Opens a stream.
    pub fn open(&mut self, name: Name, from: IpAddr, server: TurnLink, trust: Arc<Trust>) {
        let stream = Stream::open(name, self.next_socket(), from, server, trust);
        self.add(Link::Stream(Box::new(stream)));
    }

    /// Begins a handshake. The socket has the name that [`next_socket`](Self::next_socket) gave.
    pub fn open_secured(&mut self, link: DtlsLink) {
        self.add(Link::Dtls(Box::new(link)));
    }

    /// The name of the next link's socket.
    pub fn next_socket(&self) -> SocketId {
        SocketId(FIRST_LINK + self.next as u32)
    }

    fn add(&mut self, link: Link) {
        let token = self.next;
        self.next += 1;
        self.names.insert(link.name(), token);
        self.links.insert(token, Entry { link, waker: self.wakes.waker(token), timer: None });
        // It has to be asked once before it can wake anybody.
        self.wakes.push(token);
    }

    /// Closes a link once all is written, or gives up to open it.
    pub fn close(&mut self, now: Instant, name: Name) {
        let Some(token) = self.names.remove(&name) else { return };
        let Some(entry) = self.links.get_mut(&token) else { return };
        if entry.link.end(now, &mut self.out) {
            self.endings.push_back((now + ENDING_TIMEOUT, token));
            self.wakes.push(token);
        } else {
            self.remove(token);
        }
    }

    /// Closes all that a session has.
    pub fn close_all(&mut self, now: Instant, session: usize) {
        self.sockets.retain(|(of, _, _), _| *of != session);
        let gone: Vec<Name> = self.names.keys().copied().filter(|(of, _, _)| *of == session).collect();
        gone.into_iter().for_each(|name| self.close(now, name));
    }

    /// Whether a session has links that only the endpoint sends over.
    pub fn serves(&self, session: usize) -> bool {
        self.names.keys().any(|(of, _, _)| *of == session)
    }

    /// Whether a link goes by that name.
    pub fn has(&self, socket: SocketId) -> bool {
        token_of(socket).is_some_and(|token| self.links.contains_key(&token))
    }

    /// Sends what is to go out, or queues it: [`flush`](Self::flush) sends it then. `true` when the way to the server does not carry
    /// packets that long.
    pub fn send(&mut self, transmit: &Transmit, contents: &[u8]) -> bool {
        let Some(token) = token_of(transmit.socket) else { return false };
        let Some(entry) = self.links.get_mut(&token) else { return false };
        if self.unflushed.last() != Some(&token) {
            self.unflushed.push(token);
        }
        let Sent { dropped, refused, is_too_long } = entry.link.send(transmit, contents, &mut self.out);
        self.dropped += dropped;
        self.refused += refused;
        is_too_long
    }

    /// Sends what was queued, as far as the system takes it.
    pub fn flush(&mut self, takers: &mut impl Takers) {
        while let Some(token) = self.unflushed.pop() {
            let Some(entry) = self.links.get_mut(&token) else { continue };
            if let Err(error) = entry.link.flush(&mut Context::from_waker(&entry.waker)) {
                self.lose(token, error, takers);
            }
        }
    }

    /// Looks at those that something happened to; `true` when there may be more.
    pub fn poll(&mut self, now: Instant, cx: &Context<'_>, takers: &mut impl Takers) -> bool {
        let mut stirred = self.wakes.take(cx.waker());
        stirred.extend(self.timers.iter().take_while(|(due, _)| *due <= now).map(|(_, token)| token));
        for token in stirred {
            self.poll_link(now, token, takers);
        }
        while let Some((_, token)) = self.endings.front().copied().filter(|(deadline, _)| *deadline <= now) {
            self.endings.pop_front();
            self.remove(token);
        }
        self.is_stirred()
    }

    fn poll_link(&mut self, now: Instant, token: u64, takers: &mut impl Takers) {
        let Some(entry) = self.links.get_mut(&token) else { return };
        match entry.link.poll(now, &mut Context::from_waker(&entry.waker), &mut self.out, takers) {
            Ok(false) => {}
            Ok(true) => self.wakes.push(token),
            Err(error) => return self.lose(token, error, takers),
        }
        let timer = entry.link.poll_timeout();
        if timer != entry.timer {
            if let Some(before) = std::mem::replace(&mut entry.timer, timer) {
                self.timers.remove(&(before, token));
            }
            self.timers.extend(timer.map(|due| (due, token)));
        }
    }

    fn remove(&mut self, token: u64) {
        if let Some(due) = self.links.remove(&token).and_then(|entry| entry.timer) {
            self.timers.remove(&(due, token));
        }
        if self.links.is_empty() {
            self.out = Vec::new();
        }
    }

    /// Whether there is something to [`flush`](Self::flush).
    pub fn has_unflushed(&self) -> bool {
        !self.unflushed.is_empty()
    }

    /// Whether there are some to be looked at.
    pub fn is_stirred(&self) -> bool {
        !self.is_idle() && self.wakes.has_some()
    }

    /// No link is left, not even one on its way out.
    pub fn is_idle(&self) -> bool {
        self.links.is_empty()
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        let ending = self.endings.front().map(|(deadline, _)| *deadline);
        let timer = self.timers.first().map(|(due, _)| *due);
        ending.into_iter().chain(timer).min()
    }

    fn lose(&mut self, token: u64, error: ConnectionError, takers: &mut impl Takers) {
        let Some(name) = self.links.get(&token).map(|entry| entry.link.name()) else { return };
        self.remove(token);
        self.endings.retain(|(_, ending)| *ending != token);
        // One that was closed belongs to nobody any more.
        if self.names.get(&name) == Some(&token) {
            self.names.remove(&name);
            takers.lost(name, error);
        }
    }
}

fn token_of(socket: SocketId) -> Option<u64> {
    socket.0.checked_sub(FIRST_LINK).map(u64::from)
}

#[cfg(test)]
mod tests;
