//! A network address translator, for UDP and for streams.

use ortica_core::{Instant, Rng};
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

/// Which outer port a mapping gets.
///
/// Source: [RFC 4787 §4.2.1](https://www.rfc-editor.org/rfc/rfc4787#section-4.2.1)
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ports {
    /// The next free one from 40,000 on.
    InOrder,
    /// The inner one, or where that is taken one by chance. Where mappings depend on the destination, those to different
    /// destinations may share a port, as with Linux; what comes for it is told apart by who sends it.
    Preserved,
    /// A free one above 1,023 by chance.
    Random,
}

/// How a NAT behaves.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Nat {
    /// Which destinations share a mapping.
    pub mapping: Dependence,
    /// Who may send to a mapping.
    pub filtering: Dependence,
    /// Which outer port a mapping gets.
    pub ports: Ports,
    /// A mapping through which nothing left for this long is forgotten.
    pub lifetime: Duration,
    /// Whether hosts behind the NAT reach each other through its outer address. They see each other's outer address then.
    ///
    /// Source: [RFC 4787 §6](https://www.rfc-editor.org/rfc/rfc4787#section-6)
    pub hairpin: bool,
}

impl Nat {
    /// Everyone may send to a mapping once it exists.
    pub fn full_cone() -> Self {
        let (mapping, filtering) = (Dependence::Endpoint, Dependence::Endpoint);
        let lifetime = Duration::from_secs(120);
        Self { mapping, filtering, ports: Ports::InOrder, lifetime, hairpin: false }
    }

    /// One mapping, but only hosts it sent to may answer, from any port.
    pub fn address_restricted() -> Self {
        Self { filtering: Dependence::Address, ..Self::full_cone() }
    }

    /// One mapping, but only those it sent to may answer.
    pub fn port_restricted() -> Self {
        Self { filtering: Dependence::AddressAndPort, ..Self::full_cone() }
    }

    /// A mapping per destination: what STUN learns from one server is worth nothing to another peer.
    pub fn symmetric() -> Self {
        Self { mapping: Dependence::AddressAndPort, ..Self::port_restricted() }
    }

    /// Sets [`ports`](Self::ports).
    pub fn ports(self, ports: Ports) -> Self {
        Self { ports, ..self }
    }

    /// Has [hairpinning](Self::hairpin).
    pub fn with_hairpin(self) -> Self {
        Self { hairpin: true, ..self }
    }
}

/// A [`Nat`] at work.
#[derive(Debug)]
pub(crate) struct Translator {
    pub(crate) nat: Nat,
    pub(crate) outer: IpAddr,
    rng: Rng,
    mappings: Vec<Mapping>,
    next_port: u16,
}

#[derive(Debug)]
struct Mapping {
    port: u16,
    inner: SocketAddr,
    /// Ports of streams are others than those of UDP.
    stream: bool,
    /// The destination for which it was made, as far as the NAT looks at it.
    made_for: Option<(IpAddr, Option<u16>)>,
    peers: Vec<SocketAddr>,
    used: Instant,
}

impl Mapping {
    fn admits(&self, filtering: Dependence, from: SocketAddr) -> bool {
        self.peers.iter().any(|peer| match filtering {
            Dependence::Endpoint => true,
            Dependence::Address => peer.ip() == from.ip(),
            Dependence::AddressAndPort => *peer == from,
        })
    }
}

impl Translator {
    /// `rng` draws the ports.
    pub(crate) fn new(nat: Nat, outer: IpAddr, rng: Rng) -> Self {
        Self { nat, outer, rng, mappings: Vec::new(), next_port: 40_000 }
    }

    /// The source that the outside sees; `None` where all ports are taken.
    pub(crate) fn outbound(
        &mut self,
        now: Instant,
        stream: bool,
        inner: SocketAddr,
        to: SocketAddr,
    ) -> Option<SocketAddr> {
        self.expire(now);
        let made_for = match self.nat.mapping {
            Dependence::Endpoint => None,
            Dependence::Address => Some((to.ip(), None)),
            Dependence::AddressAndPort => Some((to.ip(), Some(to.port()))),
        };
        let is_it = |it: &Mapping| (it.inner, it.stream, it.made_for) == (inner, stream, made_for);
        let at = match self.mappings.iter().position(is_it) {
            Some(at) => at,
            None => {
                let port = self.free_port(inner.port(), stream, made_for)?;
                self.mappings.push(Mapping { port, inner, stream, made_for, peers: Vec::new(), used: now });
                self.mappings.len() - 1
            }
        };
        let mapping = &mut self.mappings[at];
        mapping.used = now;
        if !mapping.peers.contains(&to) {
            mapping.peers.push(to);
        }
        Some(SocketAddr::new(self.outer, mapping.port))
    }

    /// Who inside gets what `from` sent to the outer `port`. Connections are taken from those alone to whom one was opened.
    pub(crate) fn inbound(&mut self, now: Instant, stream: bool, port: u16, from: SocketAddr) -> Option<SocketAddr> {
        self.expire(now);
        let filtering = if stream { Dependence::AddressAndPort } else { self.nat.filtering };
        let is_it = |it: &&Mapping| it.port == port && it.stream == stream && it.admits(filtering, from);
        self.mappings.iter().find(is_it).map(|mapping| mapping.inner)
    }

    /// Forgets every mapping, as after a restart; new ones get other ports, unless they keep the inner ones.
    pub(crate) fn rebind(&mut self) {
        self.mappings.clear();
        self.next_port = self.next_port.wrapping_add(1_000).max(40_000);
    }

    fn free_port(&mut self, inner: u16, stream: bool, made_for: Option<(IpAddr, Option<u16>)>) -> Option<u16> {
        let Self { nat, mappings, rng, next_port, .. } = self;
        let shares = nat.ports == Ports::Preserved && nat.mapping != Dependence::Endpoint;
        let taken = |port: u16| {
            let is_taken =
                |it: &Mapping| it.port == port && it.stream == stream && (!shares || it.made_for == made_for);
            mappings.iter().any(is_taken)
        };
        if nat.ports == Ports::Preserved && !taken(inner) {
            return Some(inner);
        }
        // Each port is tried once at most, from where the search begins.
        let (first, count, start) = match nat.ports {
            Ports::InOrder => (40_000, 25_536, *next_port - 40_000),
            Ports::Preserved | Ports::Random => (1_024, 64_512, rng.below(64_512) as u16),
        };
        let port =
            (0..count).map(|step| first + ((u32::from(start) + step) % count) as u16).find(|port| !taken(*port))?;
        *next_port = port.checked_add(1).unwrap_or(40_000).max(40_000);
        Some(port)
    }

    fn expire(&mut self, now: Instant) {
        let lifetime = self.nat.lifetime;
        self.mappings.retain(|mapping| now.saturating_duration_since(mapping.used) < lifetime);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::epoch;

    const INNER: SocketAddr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2)), 5_000);
    const NEIGHBOUR: SocketAddr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 3)), 5_000);

    fn outside(last: u8, port: u16) -> SocketAddr {
        SocketAddr::from(([203, 0, 113, last], port))
    }

    fn translator(nat: Nat) -> Translator {
        Translator::new(nat, IpAddr::from([198, 51, 100, 1]), Rng::from_number(1))
    }

    impl Translator {
        fn out(&mut self, inner: SocketAddr, to: SocketAddr) -> SocketAddr {
            self.outbound(epoch(), false, inner, to).unwrap()
        }

        fn back(&mut self, port: u16, from: SocketAddr) -> Option<SocketAddr> {
            self.inbound(epoch(), false, port, from)
        }
    }

    #[test]
    fn a_full_cone_has_one_mapping_that_admits_everyone() {
        let mut nat = translator(Nat::full_cone());
        let mapped = nat.out(INNER, outside(1, 1));
        assert_eq!(nat.out(INNER, outside(2, 2)), mapped);
        assert_eq!(nat.back(mapped.port(), outside(9, 9)), Some(INNER));
    }

    #[test]
    fn an_address_restricted_nat_admits_hosts_it_sent_to() {
        let mut nat = translator(Nat::address_restricted());
        let mapped = nat.out(INNER, outside(1, 1));
        assert_eq!(nat.back(mapped.port(), outside(1, 2)), Some(INNER));
        assert_eq!(nat.back(mapped.port(), outside(2, 1)), None);
    }

    #[test]
    fn a_port_restricted_nat_admits_whom_it_sent_to() {
        let mut nat = translator(Nat::port_restricted());
        let mapped = nat.out(INNER, outside(1, 1));
        assert_eq!(nat.back(mapped.port(), outside(1, 1)), Some(INNER));
        assert_eq!(nat.back(mapped.port(), outside(1, 2)), None);
    }

    #[test]
    fn a_symmetric_nat_maps_each_destination_anew() {
        let mut nat = translator(Nat::symmetric());
        let mapped = nat.out(INNER, outside(1, 1));
        assert_ne!(nat.out(INNER, outside(1, 2)), mapped);
        assert_eq!(nat.out(INNER, outside(1, 1)), mapped);
    }

    #[test]
    fn a_port_is_kept_unless_a_neighbour_has_it() {
        let mut nat = translator(Nat::full_cone().ports(Ports::Preserved));
        assert_eq!(nat.out(INNER, outside(1, 1)).port(), INNER.port());
        let other = nat.out(NEIGHBOUR, outside(1, 1)).port();
        assert!(other != INNER.port() && other > 1_023);
        assert_eq!(nat.back(other, outside(1, 1)), Some(NEIGHBOUR));
    }

    /// Guards who gets what comes for a port that mappings to several destinations share.
    #[test]
    fn a_symmetric_nat_that_keeps_ports_shares_them_among_destinations() {
        let mut nat = translator(Nat::symmetric().ports(Ports::Preserved));
        for (inner, to) in [(INNER, outside(1, 1)), (INNER, outside(2, 2)), (NEIGHBOUR, outside(3, 3))] {
            assert_eq!(nat.out(inner, to).port(), INNER.port());
        }
        assert_eq!(nat.back(INNER.port(), outside(3, 3)), Some(NEIGHBOUR));
        assert_eq!(nat.back(INNER.port(), outside(2, 2)), Some(INNER));
        assert_eq!(nat.back(INNER.port(), outside(2, 3)), None);
        assert_ne!(nat.out(NEIGHBOUR, outside(1, 1)).port(), INNER.port(), "a neighbour talks to that one already");
    }

    #[test]
    fn random_ports_follow_from_the_seed_and_have_no_order() {
        let ports = |seed| -> Vec<u16> {
            let nat = Nat::symmetric().ports(Ports::Random);
            let mut nat = Translator::new(nat, IpAddr::from([198, 51, 100, 1]), Rng::from_number(seed));
            (1..100).map(|port| nat.out(INNER, outside(1, port)).port()).collect()
        };
        assert_eq!(ports(1), ports(1));
        assert_ne!(ports(1), ports(2));
        let near = ports(1).windows(2).filter(|two| two[0].abs_diff(two[1]) < 100).count();
        assert!(near < 5 && ports(1).iter().all(|port| *port > 1_023), "{:?}", ports(1));
    }

    /// Guards the end of the search for a free port.
    #[test]
    fn a_nat_whose_ports_are_all_taken_maps_nothing_more() {
        let mut nat = translator(Nat::symmetric());
        nat.mappings = (40_000..=u16::MAX)
            .map(|port| Mapping { port, inner: INNER, stream: false, made_for: None, peers: Vec::new(), used: epoch() })
            .collect();
        assert_eq!(nat.outbound(epoch(), false, INNER, outside(1, 1)), None);
        nat.mappings.remove(7);
        assert_eq!(nat.out(INNER, outside(1, 1)).port(), 40_007);
    }

    #[test]
    fn connections_are_opened_from_inside_alone_and_have_ports_of_their_own() {
        let mut nat = translator(Nat::full_cone().ports(Ports::Preserved));
        nat.out(NEIGHBOUR, outside(1, 1));
        let mapped = nat.outbound(epoch(), true, INNER, outside(1, 1)).unwrap();
        assert_eq!(mapped.port(), INNER.port(), "UDP's port is another one");
        assert_eq!(nat.inbound(epoch(), true, mapped.port(), outside(1, 1)), Some(INNER));
        assert_eq!(nat.inbound(epoch(), true, mapped.port(), outside(1, 2)), None);
    }

    #[test]
    fn mappings_end_with_disuse_and_with_a_rebind() {
        let mut nat = translator(Nat::full_cone());
        let mapped = nat.out(INNER, outside(1, 1));
        assert_eq!(nat.inbound(epoch() + Duration::from_secs(120), false, mapped.port(), outside(1, 1)), None);
        let mapped = nat.out(INNER, outside(1, 1));
        nat.rebind();
        assert_ne!(nat.out(INNER, outside(1, 1)), mapped);
    }
}
