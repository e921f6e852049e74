//! With whom clients may exchange packets.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use thiserror::Error;

/// Addresses that begin alike, as `10.0.0.0/8`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Prefix {
    ip: IpAddr,
    bits: u8,
}

/// A text is no prefix.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("not an address, or an address, a slash and its number of bits")]
pub struct PrefixError;

impl Prefix {
    fn contains(self, ip: IpAddr) -> bool {
        let (own, other, len) = match (self.ip, ip) {
            (IpAddr::V4(own), IpAddr::V4(other)) => (own.to_bits().into(), other.to_bits().into(), 32),
            (IpAddr::V6(own), IpAddr::V6(other)) => (own.to_bits(), other.to_bits(), 128),
            _ => return false,
        };
        let differing: u128 = own ^ other;
        differing.checked_shr(len - u32::from(self.bits)).unwrap_or(0) == 0
    }
}

impl FromStr for Prefix {
    type Err = PrefixError;

    fn from_str(text: &str) -> Result<Self, PrefixError> {
        let (ip, bits) = text.split_once('/').map_or((text, None), |(ip, bits)| (ip, Some(bits)));
        let ip: IpAddr = ip.parse().map_err(|_| PrefixError)?;
        let len = if ip.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(len), str::parse).map_err(|_| PrefixError)?;
        if bits > len { Err(PrefixError) } else { Ok(Self { ip, bits }) }
    }
}

/// Which peers a server's clients may reach. Unless told otherwise nobody who is no other host: this one (`0.0.0.0/8`, `127.0.0.0/8`,
/// `::`, `::1`), link-local ones, groups, broadcast and reserved addresses. An IPv6 address that stands for an IPv4 one (mapped,
/// compatible, 6to4, NAT64) is judged as that one; those of Teredo are refused.
///
/// Private networks are not refused: say so where clients have no business there.
#[derive(Clone, Debug, Default)]
pub struct PeerPolicy {
    allowed: Vec<Prefix>,
    denied: Vec<Prefix>,
    own: Vec<SocketAddr>,
}

impl PeerPolicy {
    /// Allows addresses, whatever else is said of them.
    pub fn allow(mut self, prefix: Prefix) -> Self {
        self.allowed.push(prefix);
        self
    }

    /// Refuses addresses.
    pub fn deny(mut self, prefix: Prefix) -> Self {
        self.denied.push(prefix);
        self
    }

    /// Where this host listens: the server's own sockets and whatever else is not for clients. Other ports of the same addresses
    /// are not refused, for two clients of one server meet there.
    pub fn deny_own(mut self, address: SocketAddr) -> Self {
        self.own.push(SocketAddr::new(stands_for(address.ip()), address.port()));
        self
    }

    /// Whether packets may go to an address and come from there.
    pub fn allows(&self, ip: IpAddr) -> bool {
        let ip = stands_for(ip);
        let among = |prefixes: &[Prefix]| prefixes.iter().any(|prefix| prefix.contains(ip));
        among(&self.allowed) || !among(&self.denied) && !is_special(ip)
    }

    /// The same for one of its ports.
    pub(super) fn allows_port(&self, peer: SocketAddr) -> bool {
        let is_own = |own: &SocketAddr| {
            own.port() == peer.port() && (own.ip() == stands_for(peer.ip()) || own.ip().is_unspecified())
        };
        self.allows(peer.ip()) && !self.own.iter().any(is_own)
    }
}

/// The IPv4 address that an IPv6 one stands for; else the address itself.
fn stands_for(ip: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = ip else { return ip };
    let low = |bits: u32| IpAddr::V4(Ipv4Addr::from_bits(bits));
    let bits = v6.to_bits();
    match v6.segments() {
        // Neither of these two stands for an IPv4 address.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => ip,
        // Compatible, mapped, translated (RFC 4291 §2.5.5, RFC 2765).
        [0, 0, 0, 0, 0, 0 | 0xffff, ..] | [0, 0, 0, 0, 0xffff, 0, ..] => low(bits as u32),
        // 6to4 (RFC 3056).
        [0x2002, ..] => low((bits >> 80) as u32),
        // NAT64, the well-known prefix and the one for local use with addresses at its end (RFC 6052, RFC 8215).
        [0x64, 0xff9b, 0, 0, 0, 0, ..] | [0x64, 0xff9b, 1, ..] => low(bits as u32),
        _ => ip,
    }
}

/// Whether an address is no other host's.
fn is_special(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [first, ..] = ip.octets();
            first == 0 || first >= 224 || ip.is_loopback() || ip.is_link_local()
        }
        IpAddr::V6(ip) => is_special_v6(ip),
    }
}

fn is_special_v6(ip: Ipv6Addr) -> bool {
    let [first, second, ..] = ip.segments();
    let is_site_local = first & 0xffc0 == 0xfec0;
    let is_teredo = (first, second) == (0x2001, 0);
    ip.is_unspecified()
        || ip.is_loopback()
        || ip.is_multicast()
        || ip.is_unicast_link_local()
        || is_site_local
        || is_teredo
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Guards `stands_for` and `is_special`: 60 addresses, each with what is to be said of it.
    #[test]
    fn cve_46_sixty_addresses_are_judged_as_what_they_stand_for() {
        let denied = "0.0.0.0 0.1.2.3 127.0.0.1 127.255.255.254 169.254.0.1 169.254.169.254 224.0.0.1 239.255.255.255 240.0.0.1 \
            255.255.255.255 :: ::1 ::ffff:127.0.0.1 ::ffff:0.0.0.0 ::ffff:0.1.2.3 ::ffff:169.254.169.254 ::ffff:224.0.0.1 \
            ::ffff:255.255.255.255 ::127.0.0.1 ::169.254.1.1 ::0.0.0.2 ::ffff:0:127.0.0.1 ::ffff:0:224.0.0.1 2002:7f00:1:: \
            2002:7f00:1::1 2002:0:1:: 2002:a9fe:a9fe:: 2002:e000:1:: 64:ff9b::127.0.0.1 64:ff9b::0.0.0.0 64:ff9b::169.254.169.254 \
            64:ff9b::224.0.0.1 64:ff9b:1::127.0.0.1 64:ff9b:1:ffff::127.0.0.1 fe80::1 febf::1 fec0::1 ff02::1 ff0e::1 2001::1 \
            2001:0:53aa:64c:0:fffe:80ff:fffe";
        let allowed = "1.1.1.1 10.0.0.1 100.64.0.1 128.0.0.1 126.255.255.255 169.253.255.255 169.255.0.0 172.16.0.1 192.168.1.1 \
            192.0.2.1 223.255.255.255 ::ffff:192.0.2.1 ::192.0.2.1 2002:c000:201:: 64:ff9b::192.0.2.1 2001:db8::1 2001:1::1 \
            2606:4700::1111 fd00::1";
        let denied: Vec<IpAddr> = denied.split_whitespace().map(|ip| ip.parse().unwrap()).collect();
        let allowed: Vec<IpAddr> = allowed.split_whitespace().map(|ip| ip.parse().unwrap()).collect();
        assert_eq!(denied.len() + allowed.len(), 60);
        let policy = PeerPolicy::default();
        for ip in denied {
            assert!(!policy.allows(ip), "{ip} is denied");
        }
        for ip in allowed {
            assert!(policy.allows(ip), "{ip} is allowed");
        }
    }

    #[test]
    fn turn_4_what_is_said_of_an_ipv4_address_holds_for_its_ipv6_forms() {
        let policy = PeerPolicy::default().deny("10.0.0.0/8".parse().unwrap()).allow("127.0.0.1".parse().unwrap());
        for ip in ["10.1.2.3", "::ffff:10.1.2.3", "2002:a01:203::", "64:ff9b::10.1.2.3"] {
            assert!(!policy.allows(ip.parse().unwrap()), "{ip}");
        }
        for ip in ["127.0.0.1", "::ffff:127.0.0.1", "11.1.2.3"] {
            assert!(policy.allows(ip.parse().unwrap()), "{ip}");
        }
        assert!(!policy.allows("127.0.0.2".parse().unwrap()));
    }

    /// Guards the server's own sockets.
    #[test]
    fn turn_4_own_sockets_are_denied_and_other_ports_beside_them_are_not() {
        let policy = PeerPolicy::default().deny_own("192.0.2.1:3478".parse().unwrap());
        let allows = |peer: &str| policy.allows_port(peer.parse().unwrap());
        assert!(!allows("192.0.2.1:3478") && !allows("[::ffff:192.0.2.1]:3478") && !allows("127.0.0.1:80"));
        assert!(allows("192.0.2.1:50000") && allows("192.0.2.2:3478"));
        let policy = PeerPolicy::default().deny_own("0.0.0.0:3478".parse().unwrap());
        assert!(!policy.allows_port("192.0.2.1:3478".parse().unwrap()));
    }

    #[test]
    fn prefixes_are_read_and_compared_by_their_bits() {
        let contains = |prefix: &str, ip: &str| prefix.parse::<Prefix>().unwrap().contains(ip.parse().unwrap());
        assert!(contains("10.1.0.0/15", "10.0.255.255") && !contains("10.1.0.0/15", "10.2.0.0"));
        assert!(contains("0.0.0.0/0", "255.1.1.1") && !contains("0.0.0.0/0", "::1") && contains("::/0", "ff::"));
        assert!(contains("2001:db8::/33", "2001:db8:7fff::") && !contains("2001:db8::/33", "2001:db8:8000::"));
        assert!(contains("1.2.3.4", "1.2.3.4") && !contains("1.2.3.4/32", "1.2.3.5"));
        for bad in ["", "10.0.0.0/33", "::/129", "10/8", "10.0.0.0/", "10.0.0.0/-1", "a/8"] {
            assert_eq!(bad.parse::<Prefix>(), Err(PrefixError), "{bad}");
        }
    }
}
