//! Which addresses are the same, and which may be talked to.

use std::net::{IpAddr, SocketAddr};

/// The form in which addresses are compared: an IPv4 address that a dual-stack socket reports as IPv6 is IPv4, a flow
/// label means nothing, and a scope means something with link-local addresses only.
pub(super) fn canonical(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(_) => address,
        SocketAddr::V6(mut v6) => match v6.ip().to_ipv4_mapped() {
            Some(ip) => SocketAddr::new(IpAddr::V4(ip), v6.port()),
            None => {
                v6.set_flowinfo(0);
                if !v6.ip().is_unicast_link_local() {
                    v6.set_scope_id(0);
                }
                SocketAddr::V6(v6)
            }
        },
    }
}

/// `false` for what no single peer can be at.
pub(super) fn is_peer(address: SocketAddr) -> bool {
    let ip = address.ip();
    let broadcast = matches!(ip, IpAddr::V4(v4) if v4.is_broadcast());
    address.port() != 0 && !ip.is_unspecified() && !ip.is_multicast() && !broadcast
}

/// Whether a signalled address may be tried from a socket bound to `local`.
///
/// Loopback is tried from loopback only: else a peer could have this host probe its own services by naming them.
/// Link-local IPv6 is of no use without the interface, which is not signalled.
pub(super) fn may_pair(local: SocketAddr, remote: SocketAddr) -> bool {
    local.is_ipv4() == remote.is_ipv4()
        && local.ip().is_loopback() == remote.ip().is_loopback()
        && !is_link_local_v6(remote.ip())
}

/// fe80::/10.
pub(super) fn is_link_local_v6(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V6(v6) if v6.is_unicast_link_local())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::SocketAddrV6;

    #[test]
    fn a_mapped_address_is_the_same_as_the_one_it_maps() {
        let mapped: SocketAddr = "[::ffff:192.0.2.1]:5".parse().unwrap();
        assert_eq!(canonical(mapped), "192.0.2.1:5".parse().unwrap());
    }

    #[test]
    fn scope_counts_for_link_local_addresses_only() {
        let scoped = |ip: &str| SocketAddr::V6(SocketAddrV6::new(ip.parse().unwrap(), 5, 7, 3));
        assert_eq!(canonical(scoped("2001:db8::1")), "[2001:db8::1]:5".parse().unwrap());
        assert_eq!(canonical(scoped("fe80::1")), "[fe80::1%3]:5".parse().unwrap());
    }

    /// Guards against probing this host's own services, and whole networks, on a peer's word.
    #[test]
    fn cve_41_what_no_peer_can_be_at_is_refused() {
        for address in ["0.0.0.0:5", "255.255.255.255:5", "224.0.0.251:5353", "192.0.2.1:0", "[::]:5", "[ff02::1]:5"] {
            assert!(!is_peer(address.parse().unwrap()), "{address}");
        }
        let [lan, loopback] = ["192.0.2.1:5", "127.0.0.1:5"].map(|address| address.parse().unwrap());
        assert!(may_pair(lan, lan) && may_pair(loopback, loopback));
        assert!(!may_pair(lan, loopback) && !may_pair(loopback, lan));
        assert!(!may_pair(lan, "[2001:db8::1]:5".parse().unwrap()));
    }
}
