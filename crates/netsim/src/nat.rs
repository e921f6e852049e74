//! A network address translator for UDP.

use ortica_core::Instant;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// What a NAT's behaviour depends on.
///
/// Source: [RFC 4787 §4.1 and §5](https://www.rfc-editor.org/rfc/rfc4787#section-4.1)
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Dependence {
    /// Nothing: one mapping serves every destination, or everyone may answer.
    Endpoint,
    /// The other side's address.
    Address,
    /// The other side's address and port.
    AddressAndPort,
}

/// How a NAT behaves.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Nat {
    /// Which destinations share a mapping.
    pub mapping: Dependence,
    /// Who may send to a mapping.
    pub filtering: Dependence,
    /// A mapping unused for this long is forgotten.
    pub lifetime: Duration,
    /// Whether hosts behind the NAT reach each other through its outer address.
    pub hairpin: bool,
}

impl Nat {
    /// Everyone may send to a mapping once it exists.
    pub fn full_cone() -> Self {
        let lifetime = Duration::from_secs(120);
        Self { mapping: Dependence::Endpoint, filtering: Dependence::Endpoint, lifetime, hairpin: false }
    }

    /// One mapping, but only those it sent to may answer.
    pub fn port_restricted() -> Self {
        Self { filtering: Dependence::AddressAndPort, ..Self::full_cone() }
    }

    /// A mapping per destination: what STUN learns from one server is worth nothing to another peer.
    pub fn symmetric() -> Self {
        Self { mapping: Dependence::AddressAndPort, ..Self::port_restricted() }
    }
}

/// A [`Nat`] at work.
#[derive(Debug)]
pub(crate) struct Translator {
    pub(crate) nat: Nat,
    pub(crate) outer: IpAddr,
    mappings: BTreeMap<u16, Mapping>,
    next_port: u16,
}

#[derive(Debug)]
struct Mapping {
    inner: SocketAddr,
    /// The destination for which it was made, as far as the NAT looks at it.
    made_for: Option<(IpAddr, Option<u16>)>,
    peers: Vec<SocketAddr>,
    used: Instant,
}

impl Translator {
    pub(crate) fn new(nat: Nat, outer: IpAddr) -> Self {
        Self { nat, outer, mappings: BTreeMap::new(), next_port: 40_000 }
    }

    /// The source that the outside sees.
    pub(crate) fn outbound(&mut self, now: Instant, inner: SocketAddr, to: SocketAddr) -> SocketAddr {
        self.expire(now);
        let made_for = match self.nat.mapping {
            Dependence::Endpoint => None,
            Dependence::Address => Some((to.ip(), None)),
            Dependence::AddressAndPort => Some((to.ip(), Some(to.port()))),
        };
        let known = self.mappings.iter_mut().find(|(_, it)| it.inner == inner && it.made_for == made_for);
        let (port, mapping) = match known {
            Some((port, mapping)) => (*port, mapping),
            None => {
                let port = self.free_port();
                let mapping = Mapping { inner, made_for, peers: Vec::new(), used: now };
                (port, self.mappings.entry(port).or_insert(mapping))
            }
        };
        mapping.used = now;
        if !mapping.peers.contains(&to) {
            mapping.peers.push(to);
        }
        SocketAddr::new(self.outer, port)
    }

    /// Who inside gets what `from` sent to the outer `port`.
    pub(crate) fn inbound(&mut self, now: Instant, port: u16, from: SocketAddr) -> Option<SocketAddr> {
        self.expire(now);
        let filtering = self.nat.filtering;
        let mapping = self.mappings.get(&port)?;
        let admitted = mapping.peers.iter().any(|peer| match filtering {
            Dependence::Endpoint => true,
            Dependence::Address => peer.ip() == from.ip(),
            Dependence::AddressAndPort => *peer == from,
        });
        admitted.then_some(mapping.inner)
    }

    /// Forgets every mapping, as after a restart; new ones get other ports.
    pub(crate) fn rebind(&mut self) {
        self.mappings.clear();
        self.next_port = self.next_port.wrapping_add(1_000).max(40_000);
    }

    fn free_port(&mut self) -> u16 {
        loop {
            let port = self.next_port;
            self.next_port = self.next_port.checked_add(1).unwrap_or(40_000);
            if !self.mappings.contains_key(&port) {
                return port;
            }
        }
    }

    fn expire(&mut self, now: Instant) {
        let lifetime = self.nat.lifetime;
        self.mappings.retain(|_, mapping| now.saturating_duration_since(mapping.used) < lifetime);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::epoch;

    const INNER: SocketAddr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2)), 5_000);

    fn outside(last: u8, port: u16) -> SocketAddr {
        SocketAddr::from(([203, 0, 113, last], port))
    }

    fn translator(nat: Nat) -> Translator {
        Translator::new(nat, IpAddr::from([198, 51, 100, 1]))
    }

    #[test]
    fn a_full_cone_has_one_mapping_that_admits_everyone() {
        let mut nat = translator(Nat::full_cone());
        let mapped = nat.outbound(epoch(), INNER, outside(1, 1));
        assert_eq!(nat.outbound(epoch(), INNER, outside(2, 2)), mapped);
        assert_eq!(nat.inbound(epoch(), mapped.port(), outside(9, 9)), Some(INNER));
    }

    #[test]
    fn a_port_restricted_nat_admits_whom_it_sent_to() {
        let mut nat = translator(Nat::port_restricted());
        let mapped = nat.outbound(epoch(), INNER, outside(1, 1));
        assert_eq!(nat.inbound(epoch(), mapped.port(), outside(1, 1)), Some(INNER));
        assert_eq!(nat.inbound(epoch(), mapped.port(), outside(1, 2)), None);
    }

    #[test]
    fn a_symmetric_nat_maps_each_destination_anew() {
        let mut nat = translator(Nat::symmetric());
        let mapped = nat.outbound(epoch(), INNER, outside(1, 1));
        assert_ne!(nat.outbound(epoch(), INNER, outside(1, 2)), mapped);
        assert_eq!(nat.outbound(epoch(), INNER, outside(1, 1)), mapped);
    }

    #[test]
    fn mappings_end_with_disuse_and_with_a_rebind() {
        let mut nat = translator(Nat::full_cone());
        let mapped = nat.outbound(epoch(), INNER, outside(1, 1));
        assert_eq!(nat.inbound(epoch() + Duration::from_secs(120), mapped.port(), outside(1, 1)), None);
        let mapped = nat.outbound(epoch(), INNER, outside(1, 1));
        nat.rebind();
        assert_ne!(nat.outbound(epoch(), INNER, outside(1, 1)), mapped);
    }
}
