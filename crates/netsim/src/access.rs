//! Eight ways in which hosts are connected.

use crate::nat::{Nat, Ports};
use crate::network::{LinkId, NatId, Network, NodeId};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

/// How a host is connected.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Access {
    /// With a public address.
    Public,
    /// Behind a [`Nat::full_cone`].
    FullCone,
    /// Behind a [`Nat::address_restricted`].
    AddressRestricted,
    /// Behind a [`Nat::port_restricted`].
    PortRestricted,
    /// Behind a [`Nat::symmetric`] that [keeps ports](Ports::Preserved).
    SymmetricKeepingPorts,
    /// Behind a [`Nat::symmetric`] whose ports are [random](Ports::Random).
    SymmetricRandom,
    /// Behind a port-restricted NAT at home and another one of the carrier, whose ports are random and which has
    /// [hairpinning](Nat::hairpin), as RFC 6888 §3 wants it. All such hosts of a network are customers of one carrier.
    CarrierGrade,
    /// Behind a port-restricted NAT, and a firewall that lets no UDP through.
    UdpBlocked,
}

/// Where a host came to be.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Site {
    /// Its address.
    pub ip: IpAddr,
    /// The NATs that it is behind, its own first.
    pub nats: Vec<NatId>,
}

/// The carrier's public address.
const CARRIER: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1));

impl Access {
    /// All eight.
    pub const ALL: [Self; 8] = [
        Self::Public,
        Self::FullCone,
        Self::AddressRestricted,
        Self::PortRestricted,
        Self::SymmetricKeepingPorts,
        Self::SymmetricRandom,
        Self::CarrierGrade,
        Self::UdpBlocked,
    ];

    /// Connects `node` over links of its own. `house` is another number for each host, from 1 to 254. Its public address, or
    /// that of its NAT, is 192.0.2.`house`; with [`CarrierGrade`](Self::CarrierGrade) all share 198.51.100.1.
    pub fn connect(self, network: &mut Network, node: NodeId, house: u8, up: LinkId, down: LinkId) -> Site {
        let public = IpAddr::from([192, 0, 2, house]);
        let nat = match self {
            Self::Public => {
                network.add_interface(node, public, up, down);
                return Site { ip: public, nats: Vec::new() };
            }
            Self::FullCone => Nat::full_cone(),
            Self::AddressRestricted => Nat::address_restricted(),
            Self::PortRestricted | Self::CarrierGrade | Self::UdpBlocked => Nat::port_restricted(),
            Self::SymmetricKeepingPorts => Nat::symmetric().ports(Ports::Preserved),
            Self::SymmetricRandom => Nat::symmetric().ports(Ports::Random),
        };
        let nats = if self == Self::CarrierGrade {
            let shared = Nat::port_restricted().ports(Ports::Random).with_hairpin();
            let carrier = network.public_nat(CARRIER).unwrap_or_else(|| network.add_nat(shared, CARRIER));
            vec![network.add_nat_behind(carrier, nat, IpAddr::from([100, 64, 0, house])), carrier]
        } else {
            vec![network.add_nat(nat, public)]
        };
        if self == Self::UdpBlocked {
            for link in [up, down] {
                network.link_mut(link).udp_blocked = true;
            }
        }
        let ip = IpAddr::from([192, 168, 1, house]);
        network.add_interface_behind(nats[0], node, ip, up, down);
        Site { ip, nats }
    }
}

/// A few words for it.
impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Public => "public",
            Self::FullCone => "full cone",
            Self::AddressRestricted => "address-restricted",
            Self::PortRestricted => "port-restricted",
            Self::SymmetricKeepingPorts => "symmetric keeping ports",
            Self::SymmetricRandom => "symmetric at random",
            Self::CarrierGrade => "CGNAT",
            Self::UdpBlocked => "UDP blocked",
        })
    }
}
