//! The resolver of `.local` names, and the responder for our own, on real sockets: made when the first name comes up, shared
//! by all sessions.

use super::clock::Clock;
use super::lookup::Asker;
use crate::peer::Question;
use ortica_core::{Datagram, Instant, Rng, SocketId};
use ortica_ice::mdns::{Event, Limits, Resolver};
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::ReadBuf;
use tokio::net::UdpSocket;

/// Source: [RFC 6762 §3](https://www.rfc-editor.org/rfc/rfc6762#section-3)
const PORT: u16 = 5353;
const GROUP_V4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);
const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xfb);

/// Questions that wait for an answer, over all sessions; a later one gets none.
const MAX_QUESTIONS: usize = 1024;
/// Names of our own, over all sessions; a later one is not answered for.
const MAX_NAMES: usize = 4096;

pub(super) struct Mdns {
    resolver: Resolver,
    /// Empty until the first question: most connections never ask.
    sockets: Option<Vec<(SocketId, UdpSocket)>>,
    asked: Vec<(Asker, String)>,
    refused: Vec<Asker>,
    /// Names of our own, and whose they are.
    published: Vec<(usize, String)>,
}

impl Mdns {
    pub fn new(clock: &Clock, rng: Option<Rng>) -> Self {
        let rng = rng.unwrap_or_else(|| Rng::from_seed([0; 32]));
        let limits = Limits { names: MAX_NAMES, ..Limits::default() };
        let config = ortica_ice::mdns::Config::default().with_limits(limits);
        Self {
            resolver: Resolver::new(Arc::new(config), rng, clock.now()),
            sockets: None,
            asked: Vec::new(),
            refused: Vec::new(),
            published: Vec::new(),
        }
    }

    pub fn ask(&mut self, now: Instant, session: usize, question: Question) {
        let asker = Asker { session, transport: question.transport, id: question.id };
        self.open(now);
        if self.asked.len() >= MAX_QUESTIONS {
            self.refused.push(asker);
            return;
        }
        self.resolver.resolve(now, &question.name);
        self.asked.push((asker, question.name));
    }

    /// Answers for a name of ours as long as its session lives.
    pub fn publish(&mut self, now: Instant, session: usize, name: String, address: IpAddr) {
        self.open(now);
        if self.published.len() < MAX_NAMES {
            self.resolver.register(now, &name, address);
            self.published.push((session, name));
        }
    }

    fn open(&mut self, now: Instant) {
        if self.sockets.is_none() {
            let sockets = open_sockets();
            for (id, socket) in &sockets {
                if let Ok(address) = socket.local_addr() {
                    self.resolver.add_socket(now, *id, address);
                }
            }
            self.sockets = Some(sockets);
        }
    }

    /// Forgets the questions and the names of a session that is gone.
    pub fn forget(&mut self, now: Instant, session: usize) {
        for (_, name) in self.published.extract_if(.., |(owner, _)| *owner == session) {
            self.resolver.unregister(now, &name);
        }
        self.asked.retain(|(asker, _)| asker.session != session);
        self.refused.retain(|asker| asker.session != session);
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        self.sockets.as_ref().and_then(|_| self.resolver.poll_timeout())
    }

    /// Reads, sends, and says who gets which answer; `None` is a name that nobody knows.
    pub fn poll(&mut self, now: Instant, cx: &mut Context<'_>) -> Vec<(Asker, Option<IpAddr>)> {
        let Some(sockets) = &self.sockets else { return Vec::new() };
        receive(&mut self.resolver, sockets, now, cx);
        if self.resolver.poll_timeout().is_some_and(|deadline| deadline <= now) {
            self.resolver.handle_timeout(now);
        }
        let mut out = Vec::new();
        while let Some(transmit) = self.resolver.poll_transmit(now, 1, &mut out) {
            let sent = sockets
                .iter()
                .find(|(id, _)| *id == transmit.socket)
                .map(|(_, socket)| socket.try_send_to(&out, transmit.remote));
            tracing::trace!(?sent, "mDNS");
            out.clear();
        }
        let mut answers: Vec<_> = self.refused.drain(..).map(|asker| (asker, None)).collect();
        while let Some(event) = self.resolver.poll_event() {
            let Event::Resolved { name, address } = event else { continue };
            for (asker, _) in self.asked.extract_if(.., |(_, asked)| asked.eq_ignore_ascii_case(&name)) {
                answers.push((asker, address));
            }
        }
        answers
    }
}

fn receive(resolver: &mut Resolver, sockets: &[(SocketId, UdpSocket)], now: Instant, cx: &mut Context<'_>) {
    let mut bytes = [0; 9000];
    for (id, socket) in sockets {
        // A bounded number per turn; the socket stays ready for the next.
        for _ in 0..16 {
            let mut buffer = ReadBuf::new(&mut bytes);
            match socket.poll_recv_from(cx, &mut buffer) {
                Poll::Ready(Ok(remote)) => {
                    resolver.handle_datagram(now, Datagram::single(*id, remote, buffer.filled_mut()));
                }
                Poll::Ready(Err(_)) => {}
                Poll::Pending => break,
            }
        }
    }
}

/// One socket per address family and interface; what the system refuses is left out.
fn open_sockets() -> Vec<(SocketId, UdpSocket)> {
    let mut sockets = Vec::new();
    let mut open = Vec::new();
    for interface in if_addrs::get_if_addrs().unwrap_or_default() {
        // Several IPv6 addresses of one interface would make the same socket again.
        let key = match interface.ip() {
            IpAddr::V4(ip) => (interface.index, Some(ip)),
            IpAddr::V6(_) => (interface.index, None),
        };
        if open.contains(&key) {
            continue;
        }
        open.push(key);
        match open_socket(&interface) {
            Ok(socket) => sockets.push((SocketId(sockets.len() as u32), socket)),
            Err(error) => tracing::debug!(%error, interface = interface.name, "no mDNS here"),
        }
    }
    sockets
}

fn open_socket(interface: &if_addrs::Interface) -> io::Result<UdpSocket> {
    let ip = interface.ip();
    let raw = Socket::new(Domain::for_address(SocketAddr::new(ip, PORT)), Type::DGRAM, Some(Protocol::UDP))?;
    raw.set_reuse_address(true)?;
    #[cfg(unix)]
    raw.set_reuse_port(true)?;
    match ip {
        IpAddr::V4(v4) => {
            raw.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, PORT)).into())?;
            raw.join_multicast_v4(&GROUP_V4, &v4)?;
            raw.set_multicast_if_v4(&v4)?;
            // Responders on this host, and on this link only: RFC 6762 §11.
            raw.set_multicast_loop_v4(true)?;
            raw.set_multicast_ttl_v4(255)?;
            // What other sockets joined on other interfaces is theirs.
            #[cfg(target_os = "linux")]
            raw.set_multicast_all_v4(false)?;
        }
        IpAddr::V6(_) => {
            let index = interface.index.unwrap_or(0);
            raw.set_only_v6(true)?;
            raw.bind(&SocketAddr::from((Ipv6Addr::UNSPECIFIED, PORT)).into())?;
            raw.join_multicast_v6(&GROUP_V6, index)?;
            raw.set_multicast_if_v6(index)?;
            raw.set_multicast_loop_v6(true)?;
            raw.set_multicast_hops_v6(255)?;
            #[cfg(target_os = "linux")]
            raw.set_multicast_all_v6(false)?;
        }
    }
    raw.set_nonblocking(true)?;
    UdpSocket::from_std(raw.into())
}
