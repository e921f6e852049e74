//! UDP sockets of an endpoint, read and written in batches.

use super::readable::{Read, Readable};
use ortica_core::{Ecn, SocketId, Transmit};
use quinn_udp::{RecvMeta, UdpSockRef, UdpSocketState};
use socket2::{Domain, Protocol, Socket as RawSocket, Type};
use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::task::{Context, Poll};

/// What a socket's buffers are set to, in bytes; the system may grant less.
const BUFFER: usize = 8 << 20;

/// Messages per read; each may hold up to 64 packets (GRO). More would spare little of a system call, and cost memory and, where
/// one message comes at a time, the time to lay them out.
pub(super) const BATCH: usize = 8;
const _: () = assert!(BATCH <= quinn_udp::BATCH_SIZE);

/// A bound socket, to read from.
#[derive(Debug)]
pub(super) struct Socket {
    pub address: SocketAddr,
    io: Readable,
    outlet: Arc<Outlet>,
}

impl Socket {
    pub fn bind(id: SocketId, address: SocketAddr) -> io::Result<Self> {
        let raw = RawSocket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        if address.is_ipv6() {
            raw.set_only_v6(true)?;
        }
        raw.bind(&address.into())?;
        // Bursts overflow the usual 208 KiB, and lost bursts are what stalls a transfer. A refusal is no error.
        let _ = raw.set_recv_buffer_size(BUFFER);
        let _ = raw.set_send_buffer_size(BUFFER);
        raw.set_nonblocking(true)?;
        let socket = Arc::new(UdpSocket::from(raw));
        let io = Readable::new(socket.clone())?;
        // It also forbids fragments, where the system lets it.
        let state = UdpSocketState::new(UdpSockRef::from(&*socket))?;
        let outlet = Outlet {
            id,
            socket,
            state,
            #[cfg(test)]
            refusals: super::refusals::Refusals::default(),
        };
        Ok(Self { address: outlet.socket.local_addr()?, io, outlet: Arc::new(outlet) })
    }

    pub fn id(&self) -> SocketId {
        self.outlet.id
    }

    /// Where to send from it.
    pub fn outlet(&self) -> &Arc<Outlet> {
        &self.outlet
    }

    /// How long a buffer per message has to be.
    pub fn receive_len(&self) -> usize {
        self.outlet.state.gro_segments() * 1500
    }

    /// Reads what waits, up to one batch.
    pub fn poll_receive(
        &self,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        self.io.poll_read(cx, |socket| {
            let messages = self.outlet.state.recv(UdpSockRef::from(socket), buffers, meta)?;
            // A short batch says that nothing is left, which spares the read that would find out.
            Ok(Read { value: messages, is_last: messages < BATCH })
        })
    }
}

/// The side of a socket that sends; whoever has something to send may use it.
#[derive(Debug)]
pub(super) struct Outlet {
    pub id: SocketId,
    socket: Arc<UdpSocket>,
    state: UdpSocketState,
    /// What the system is to refuse, where a test says so.
    #[cfg(test)]
    pub refusals: super::refusals::Refusals,
}

impl Outlet {
    /// The most segments one transmit may hold here.
    pub fn max_segments(&self) -> usize {
        self.state.max_gso_segments().min(Transmit::MAX_SEGMENTS)
    }

    /// Packets that are too long for a link travel in pieces, because the system knows no way to forbid it.
    pub fn may_fragment(&self) -> bool {
        self.state.may_fragment()
    }

    /// Sends one transmit.
    pub fn send(&self, transmit: &Transmit, contents: &[u8]) -> io::Result<()> {
        #[cfg(test)]
        self.refusals.take()?;
        if transmit.segment_size.is_none() && transmit.ecn == Ecn::NotEct {
            // Nothing to tell the system beside the packet, which spares it to read it.
            return self.socket.send_to(contents, transmit.remote).map(drop);
        }
        let transmit = quinn_udp::Transmit {
            destination: transmit.remote,
            ecn: ecn_out(transmit.ecn),
            contents,
            segment_size: transmit.segment_size,
            src_ip: None,
        };
        self.state.try_send(UdpSockRef::from(&*self.socket), &transmit)
    }
}

/// Whether a transmit was refused because the link does not carry packets of its length.
pub(super) fn is_too_long(error: &io::Error) -> bool {
    #[cfg(unix)]
    const TOO_LONG: i32 = libc::EMSGSIZE;
    /// WSAEMSGSIZE
    #[cfg(not(unix))]
    const TOO_LONG: i32 = 10_040;
    error.raw_os_error() == Some(TOO_LONG)
}

fn ecn_out(ecn: Ecn) -> Option<quinn_udp::EcnCodepoint> {
    match ecn {
        Ecn::NotEct => None,
        Ecn::Ect1 => Some(quinn_udp::EcnCodepoint::Ect1),
        Ecn::Ect0 => Some(quinn_udp::EcnCodepoint::Ect0),
        Ecn::Ce => Some(quinn_udp::EcnCodepoint::Ce),
    }
}

pub(super) fn ecn_in(ecn: Option<quinn_udp::EcnCodepoint>) -> Ecn {
    match ecn {
        None => Ecn::NotEct,
        Some(quinn_udp::EcnCodepoint::Ect1) => Ecn::Ect1,
        Some(quinn_udp::EcnCodepoint::Ect0) => Ecn::Ect0,
        Some(quinn_udp::EcnCodepoint::Ce) => Ecn::Ce,
    }
}
