//! Where connections come in.
//!
//! A port of a session's own is one from which connections are opened too: to the other side, which does the same at once, and to STUN
//! servers. Each is a socket bound to that port, beside the one that listens, which the system allows where all of them say so
//! (`SO_REUSEPORT`). A SYN that comes while ours is on its way makes one connection of both; one that comes before is taken by the one
//! that listens.

use ortica_core::SocketId;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::task::{Context, Poll};
use tokio::net::{TcpListener, TcpStream};

/// Connections that the system keeps until they are taken.
const BACKLOG: i32 = 128;
/// The first id of listeners that all sessions have: sockets of UDP are below, names of what is opened above.
const FIRST_ID: u32 = 1 << 30;
/// The first id of those that one session has for itself, and how many there are.
const FIRST_OWN: u32 = 3 << 29;
const OWN: u32 = 1 << 29;

/// A listening socket.
#[derive(Debug)]
pub struct Listener {
    pub id: SocketId,
    pub address: SocketAddr,
    io: TcpListener,
}

impl Listener {
    /// The `index`th listener of its endpoint.
    pub fn bind(index: usize, address: SocketAddr) -> io::Result<Self> {
        let raw = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        if address.is_ipv6() {
            raw.set_only_v6(true)?;
        }
        // Connections of before that are still being closed do not keep a server from starting anew.
        #[cfg(unix)]
        raw.set_reuse_address(true)?;
        raw.bind(&address.into())?;
        raw.listen(BACKLOG)?;
        raw.set_nonblocking(true)?;
        let io = TcpListener::from_std(raw.into())?;
        Ok(Self { id: SocketId(FIRST_ID + index as u32), address: io.local_addr()?, io })
    }

    /// The `number`th that is one session's own, at a free port.
    pub fn bind_own(number: u32, ip: IpAddr) -> io::Result<Self> {
        let raw = bind_shared(SocketAddr::new(ip, 0))?;
        raw.listen(BACKLOG)?;
        let io = TcpListener::from_std(raw.into())?;
        Ok(Self { id: SocketId(FIRST_OWN + number % OWN), address: io.local_addr()?, io })
    }

    /// Whether this is the name of a session's own.
    pub fn is_own(id: SocketId) -> bool {
        (FIRST_OWN..FIRST_OWN + OWN).contains(&id.0)
    }

    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        self.io.poll_accept(cx)
    }
}

/// A socket bound to an address that others are bound to as well.
#[cfg(all(unix, not(any(target_os = "solaris", target_os = "illumos"))))]
pub(super) fn bind_shared(address: SocketAddr) -> io::Result<Socket> {
    let raw = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        raw.set_only_v6(true)?;
    }
    raw.set_reuse_address(true)?;
    raw.set_reuse_port(true)?;
    raw.bind(&address.into())?;
    raw.set_nonblocking(true)?;
    Ok(raw)
}

/// Elsewhere no port both listens and connects.
#[cfg(not(all(unix, not(any(target_os = "solaris", target_os = "illumos")))))]
pub(super) fn bind_shared(_: SocketAddr) -> io::Result<Socket> {
    Err(io::ErrorKind::Unsupported.into())
}
