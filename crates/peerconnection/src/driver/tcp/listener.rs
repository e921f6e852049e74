//! Where connections come in.

use ortica_core::SocketId;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};
use tokio::net::{TcpListener, TcpStream};

/// Connections that the system keeps until they are taken.
const BACKLOG: i32 = 128;
/// The first id of listeners: sockets of UDP are below, names of what is opened above.
const FIRST_ID: u32 = 1 << 30;

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

    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        self.io.poll_accept(cx)
    }
}
