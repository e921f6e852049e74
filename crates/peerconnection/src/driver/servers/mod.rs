//! Links to TURN servers: a UDP socket each, or a stream.
//!
//! A socket is one of the endpoint's, which nothing else uses; its packets take the way of all others. What a stream brings is cut
//! into packets, which are handed in as datagrams of the server's; what goes to it waits in a bounded queue where the system does
//! not take it at once, and what does not fit is lost, as a full buffer of UDP loses it.

mod open;
mod stream;

pub(crate) use open::Trust;

use super::tcp::Wakes;
use crate::engine::{TransportId, TurnLink};
use ortica_core::{Instant, SocketId, Transmit};
use ortica_ice::turn::framing::{FramingError, StreamReader};
use ortica_ice::{ConnectionError, LinkId};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;
use stream::Stream;

/// Streams are named from here on: after listeners and what is opened to peers, before what agents count down.
const FIRST_STREAM: u32 = 3 << 30;
/// How long one that is closed may take to write what waits.
const ENDING_TIMEOUT: Duration = Duration::from_secs(2);

/// Whose link it is, and its name there.
pub(super) type Name = (usize, TransportId, LinkId);

/// The sessions of an endpoint, as their servers see them.
pub(super) trait Takers {
    /// Takes all packets that are there.
    fn take(
        &mut self,
        session: usize,
        from: (SocketId, SocketAddr),
        packets: &mut StreamReader,
    ) -> Result<(), FramingError>;
    /// A link that was asked for is there.
    fn connected(&mut self, name: Name, socket: SocketId, local: SocketAddr);
    /// There is none, or none any more.
    fn lost(&mut self, name: Name, error: ConnectionError);
}

/// The links of one endpoint.
#[derive(Default)]
pub(super) struct Servers {
    sockets: BTreeMap<Name, SocketId>,
    wakes: Arc<Wakes>,
    streams: HashMap<u64, Entry>,
    names: BTreeMap<Name, u64>,
    /// When those that are closed are given up, in order.
    endings: VecDeque<(Instant, u64)>,
    /// Those that something was queued for.
    unflushed: Vec<u64>,
    next: u64,
    /// Packets that a queue had no room for.
    pub dropped: usize,
}

struct Entry {
    stream: Stream,
    /// Has the driver look at it.
    waker: Waker,
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
        let token = self.next;
        self.next += 1;
        let socket = SocketId(FIRST_STREAM + token as u32);
        let stream = Stream::open(name, socket, from, server, trust);
        self.streams.insert(token, Entry { stream, waker: self.wakes.waker(token) });
        self.names.insert(name, token);
        // It has to be asked once before it can wake anybody.
        self.wakes.push(token);
    }

    /// Closes a stream once all is written, or gives up to open it.
    pub fn close(&mut self, now: Instant, name: Name) {
        let Some(token) = self.names.remove(&name) else { return };
        let Some(entry) = self.streams.get_mut(&token) else { return };
        if entry.stream.end() {
            self.endings.push_back((now + ENDING_TIMEOUT, token));
            self.wakes.push(token);
        } else {
            self.streams.remove(&token);
        }
    }

    /// Closes all that a session has.
    pub fn close_all(&mut self, now: Instant, session: usize) {
        self.sockets.retain(|(of, _, _), _| *of != session);
        let gone: Vec<Name> = self.names.keys().copied().filter(|(of, _, _)| *of == session).collect();
        gone.into_iter().for_each(|name| self.close(now, name));
    }

    /// Whether a session has streams.
    pub fn serves(&self, session: usize) -> bool {
        self.names.keys().any(|(of, _, _)| *of == session)
    }

    /// Whether a stream goes by that name.
    pub fn has(&self, socket: SocketId) -> bool {
        token_of(socket).is_some_and(|token| self.streams.contains_key(&token))
    }

    /// Queues what is to go out; [`flush`](Self::flush) sends it.
    pub fn send(&mut self, transmit: &Transmit, contents: &[u8]) {
        let Some(token) = token_of(transmit.socket) else { return };
        let Some(entry) = self.streams.get_mut(&token) else { return };
        if self.unflushed.last() != Some(&token) {
            self.unflushed.push(token);
        }
        let packets = contents.chunks(transmit.segment_size.unwrap_or(contents.len()).max(1));
        self.dropped += packets.filter(|packet| !entry.stream.push(packet)).count();
    }

    /// Sends what was queued, as far as the system takes it.
    pub fn flush(&mut self, takers: &mut impl Takers) {
        while let Some(token) = self.unflushed.pop() {
            let Some(entry) = self.streams.get_mut(&token) else { continue };
            if let Err(error) = entry.stream.flush(&mut Context::from_waker(&entry.waker)) {
                self.lose(token, error, takers);
            }
        }
    }

    /// Looks at those that something happened to; `true` when there may be more.
    pub fn poll(&mut self, now: Instant, cx: &Context<'_>, takers: &mut impl Takers) -> bool {
        for token in self.wakes.take(cx.waker()) {
            let Some(entry) = self.streams.get_mut(&token) else { continue };
            match entry.stream.poll(&mut Context::from_waker(&entry.waker), takers) {
                Ok(false) => {}
                Ok(true) => self.wakes.push(token),
                Err(error) => self.lose(token, error, takers),
            }
        }
        while let Some((_, token)) = self.endings.front().copied().filter(|(deadline, _)| *deadline <= now) {
            self.endings.pop_front();
            self.streams.remove(&token);
        }
        self.is_stirred()
    }

    /// Whether there is something to [`flush`](Self::flush).
    pub fn has_unflushed(&self) -> bool {
        !self.unflushed.is_empty()
    }

    /// Whether there are some to be looked at.
    pub fn is_stirred(&self) -> bool {
        !self.is_idle() && self.wakes.has_some()
    }

    /// No stream is left, not even one on its way out.
    pub fn is_idle(&self) -> bool {
        self.streams.is_empty()
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        self.endings.front().map(|(deadline, _)| *deadline)
    }

    fn lose(&mut self, token: u64, error: ConnectionError, takers: &mut impl Takers) {
        let Some(entry) = self.streams.remove(&token) else { return };
        self.endings.retain(|(_, ending)| *ending != token);
        // One that was closed belongs to nobody any more.
        if self.names.get(&entry.stream.name) == Some(&token) {
            self.names.remove(&entry.stream.name);
            takers.lost(entry.stream.name, error);
        }
    }
}

fn token_of(socket: SocketId) -> Option<u64> {
    socket.0.checked_sub(FIRST_STREAM).map(u64::from)
}
