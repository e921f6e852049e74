//! The sockets of multicast DNS.

use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use tokio::net::UdpSocket;

/// Source: [RFC 6762 §3](https://www.rfc-editor.org/rfc/rfc6762#section-3)
const PORT: u16 = 5353;
const GROUP_V4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);
const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xfb);

/// One socket per address family and interface; what the system refuses is left out.
pub(super) fn open_all() -> Vec<UdpSocket> {
    let mut sockets = Vec::new();
    let mut known = Vec::new();
    for interface in if_addrs::get_if_addrs().unwrap_or_default() {
        // Several IPv6 addresses of one interface would make the same socket again.
        let key = match interface.ip() {
            IpAddr::V4(ip) => (interface.index, Some(ip)),
            IpAddr::V6(_) => (interface.index, None),
        };
        if known.contains(&key) {
            continue;
        }
        known.push(key);
        match open(&interface) {
            Ok(socket) => sockets.push(socket),
            Err(error) => tracing::debug!(%error, interface = interface.name, "no mDNS here"),
        }
    }
    sockets
}

fn open(interface: &if_addrs::Interface) -> io::Result<UdpSocket> {
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
