//! What the NAT before this host does, asked over a socket of its own.

use super::clock::Clock;
use ortica_core::{Datagram, Rng, SocketId};
use ortica_ice::behavior::{Behavior, BehaviorDiscovery, BehaviorError};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use thiserror::Error;
use tokio::net::UdpSocket;

/// Why it is not known what a NAT does.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NatBehaviorError {
    /// The system has no socket, no way to the server, or no randomness.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The server does not help.
    #[error(transparent)]
    Server(#[from] BehaviorError),
}

/// Finds out what the NAT between this host and a STUN server does. A server with a second address (RFC 5780) shows all of it, any
/// other one where it sees this host. Takes three seconds and a half where everything is answered but for what a NAT does not let in, and
/// half a minute at most.
///
/// # Errors
/// When there is no way to the server, or it does not answer.
///
/// # Panics
/// Outside a tokio runtime.
pub async fn nat_behavior(server: SocketAddr) -> Result<Behavior, NatBehaviorError> {
    let socket = UdpSocket::bind(SocketAddr::new(source(server).await?, 0)).await?;
    let local = socket.local_addr()?;
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(io::Error::other)?;
    let clock = Clock::start();
    let mut discovery = BehaviorDiscovery::new(clock.now(), SocketId(0), local, server, Rng::from_seed(seed));
    let (mut out, mut bytes) = (Vec::new(), [0; 1500]);
    loop {
        while let Some(transmit) = discovery.poll_transmit(clock.now(), &mut out) {
            // One that the system refuses counts as lost.
            let _ = socket.send_to(&out, transmit.remote).await;
            out.clear();
        }
        if let Some(report) = discovery.poll_event() {
            return Ok(report?);
        }
        let deadline = discovery.poll_timeout().map_or_else(tokio::time::Instant::now, |at| clock.deadline(at));
        match tokio::time::timeout_at(deadline, socket.recv_from(&mut bytes)).await {
            Ok(Ok((len, remote))) => {
                let packet = bytes.get_mut(..len).unwrap_or_default();
                discovery.handle_datagram(clock.now(), Datagram::single(SocketId(0), remote, packet));
            }
            // An ICMP error of some packet: that packet is lost, nothing else.
            Ok(Err(_)) => {}
            Err(_) => discovery.handle_timeout(clock.now()),
        }
    }
}

/// The address of this host that packets to the server leave from.
async fn source(server: SocketAddr) -> io::Result<IpAddr> {
    let any: IpAddr = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0)).await?;
    socket.connect(server).await?;
    Ok(socket.local_addr()?.ip())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ortica_ice::stun::{Class, Message, MessageBuilder, Method};

    /// Guards the loop: what a server says over a real socket is what is reported.
    #[tokio::test]
    async fn a_server_with_one_address_says_where_it_sees_this_host() {
        let server = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let address = server.local_addr().expect("it is bound");
        let seen: SocketAddr = "203.0.113.7:7".parse().expect("an address");
        let serve = async {
            let mut bytes = [0; 1500];
            let (len, from) = server.recv_from(&mut bytes).await.expect("a request");
            let request = Message::parse(&bytes[..len]).expect("a request");
            let mut answer = Vec::new();
            MessageBuilder::new(&mut answer, Class::Success, Method::BINDING, request.transaction())
                .xor_mapped_address(seen);
            server.send_to(&answer, from).await.expect("it can be answered");
        };
        let (found, ()) = tokio::join!(nat_behavior(address), serve);
        let found = found.expect("it answered");
        assert_eq!((found.mapped, found.mapping, found.filtering), (seen, None, None));
        assert_eq!(found.hairpin, Some(false));
    }
}
