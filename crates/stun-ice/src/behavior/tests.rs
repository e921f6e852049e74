//! Discovery through simulated NATs, and with servers that do not do as they are asked.

use super::question::{CHANGE_IP, CHANGE_PORT, CHANGE_REQUEST, OTHER_ADDRESS};
use super::*;
use crate::stun::{ErrorCode, MessageBuilder, Method};
use netsim::{Endpoint, Link, Nat, Network, NodeId, Swarm};
use ortica_core::Ecn;
use std::net::IpAddr;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
/// Address and port of a server, the first ones and the others: sockets 0 to 3 in this order.
const SERVER: [&str; 4] = ["203.0.113.1:3478", "203.0.113.1:3479", "203.0.113.2:3478", "203.0.113.2:3479"];

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// What a server does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Manner {
    Whole,
    /// It has one address.
    Single,
    /// It answers from where it was asked, whatever is asked.
    Stubborn,
    Refusing,
}

struct Server {
    manner: Manner,
    answers: Vec<(SocketId, SocketAddr, Vec<u8>)>,
}

impl Endpoint for Server {
    fn handle_datagram(&mut self, _now: Instant, mut datagram: Datagram<'_>) {
        let (SocketId(local), remote) = (datagram.local, datagram.remote);
        for packet in datagram.segments() {
            let message = Message::parse(packet).unwrap();
            let flags = message.attribute(CHANGE_REQUEST).map_or(0, |it| u32::from_be_bytes(it.try_into().unwrap()));
            let mut from = local;
            if self.manner != Manner::Stubborn {
                from ^= u32::from(flags & CHANGE_IP != 0) << 1;
                from ^= u32::from(flags & CHANGE_PORT != 0);
            }
            let mut out = Vec::new();
            if self.manner == Manner::Refusing {
                MessageBuilder::new(&mut out, Class::Error, Method::BINDING, message.transaction())
                    .error_code(ErrorCode { code: 500, reason: "" });
            } else {
                let other: Vec<u8> =
                    [0, 1, 3479_u16.to_be_bytes()[0], 3479_u16.to_be_bytes()[1], 203, 0, 113, 2].into();
                let builder = MessageBuilder::new(&mut out, Class::Success, Method::BINDING, message.transaction())
                    .xor_mapped_address(remote);
                if self.manner != Manner::Single {
                    builder.attribute(OTHER_ADDRESS, &other);
                }
            }
            self.answers.push((SocketId(from), remote, out));
        }
    }

    fn handle_timeout(&mut self, _now: Instant) {}

    fn poll_transmit(&mut self, _now: Instant, _max_segments: usize, out: &mut Vec<u8>) -> Option<Transmit> {
        let (socket, remote, bytes) = self.answers.pop()?;
        out.extend_from_slice(&bytes);
        Some(Transmit { socket, remote, ecn: Ecn::NotEct, len: bytes.len(), segment_size: None })
    }

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }
}

enum Node {
    Asker(Box<BehaviorDiscovery>),
    Server(Server),
}

impl Endpoint for Node {
    fn handle_datagram(&mut self, now: Instant, datagram: Datagram<'_>) {
        match self {
            Self::Asker(asker) => asker.handle_datagram(now, datagram),
            Self::Server(server) => server.handle_datagram(now, datagram),
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        if let Self::Asker(asker) = self {
            asker.handle_timeout(now);
        }
    }

    fn poll_transmit(&mut self, now: Instant, max_segments: usize, out: &mut Vec<u8>) -> Option<Transmit> {
        match self {
            Self::Asker(asker) => asker.poll_transmit(now, out),
            Self::Server(server) => server.poll_transmit(now, max_segments, out),
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::Asker(asker) => asker.poll_timeout(),
            Self::Server(_) => None,
        }
    }
}

/// What is found out from behind a NAT, or from an address of its own, over a path that loses this much.
fn discover(nat: Option<Nat>, manner: Manner, loss: f64, seed: u64) -> (Result<Behavior, BehaviorError>, Duration) {
    let mut network = Network::new(seed);
    let (asker, server) = (network.add_node(), network.add_node());
    let links: Vec<_> =
        (0..4).map(|_| network.add_link(Link::with_delay(Duration::from_millis(10)).lossy(loss))).collect();
    for ip in ["203.0.113.1", "203.0.113.2"] {
        network.add_interface(server, ip.parse().unwrap(), links[0], links[1]);
    }
    SERVER.iter().for_each(|at| assert!(network.bind(server, address(at)).0 < 4));
    let local = match nat {
        Some(nat) => {
            let nat = network.add_nat(nat, "192.0.2.1".parse().unwrap());
            let inner: IpAddr = "10.0.0.2".parse().unwrap();
            network.add_interface_behind(nat, asker, inner, links[2], links[3]);
            SocketAddr::new(inner, 5000)
        }
        None => {
            network.add_interface(asker, "192.0.2.7".parse().unwrap(), links[2], links[3]);
            address("192.0.2.7:5000")
        }
    };
    assert_eq!(asker, NodeId(0));
    let socket = network.bind(asker, local);
    let rng = Rng::from_number(seed);
    let asking = BehaviorDiscovery::new(netsim::epoch(), socket, local, address(SERVER[0]), rng);
    let nodes = vec![Node::Asker(Box::new(asking)), Node::Server(Server { manner, answers: Vec::new() })];
    let mut swarm = Swarm::new(network, nodes);
    let mut report = None;
    let took = swarm.run_until(30 * SECOND, |nodes| {
        let Some(Node::Asker(asker)) = nodes.first_mut() else { unreachable!() };
        report = report.or_else(|| asker.poll_event());
        report.is_some()
    });
    (report.unwrap(), took.unwrap())
}

fn found(nat: Nat) -> (Option<Dependence>, Option<Dependence>, Option<bool>) {
    let behavior = discover(Some(nat), Manner::Whole, 0.0, 1).0.unwrap();
    assert_eq!(behavior.mapped.ip(), "192.0.2.1".parse::<IpAddr>().unwrap());
    (behavior.mapping, behavior.filtering, behavior.hairpin)
}

/// Guards both tables of RFC 5780 §4.3 and §4.4: each kind of NAT is known for what it is.
#[test]
fn nats_are_known_by_what_they_map_and_filter() {
    use Dependence::{AddressAndPortDependent, AddressDependent, EndpointIndependent};
    let kinds = [
        (netsim::Dependence::Endpoint, EndpointIndependent),
        (netsim::Dependence::Address, AddressDependent),
        (netsim::Dependence::AddressAndPort, AddressAndPortDependent),
    ];
    for (mapping, seen_mapping) in kinds {
        for (filtering, seen_filtering) in kinds {
            for hairpin in [false, true] {
                let nat = Nat { mapping, filtering, hairpin, ..Nat::full_cone() };
                // What comes back comes from another port where each destination has one, which is not one that was sent to.
                let passes = mapping == netsim::Dependence::Endpoint || filtering == netsim::Dependence::Endpoint;
                let wanted = (Some(seen_mapping), Some(seen_filtering), Some(hairpin && passes));
                assert_eq!(found(nat), wanted, "{nat:?}");
            }
        }
    }
}

/// Guards what is said where there is nothing to find out.
#[test]
fn without_a_nat_there_is_no_hairpin_and_nothing_depends_on_anything() {
    let (report, took) = discover(None, Manner::Whole, 0.0, 1);
    let behavior = report.unwrap();
    assert_eq!(behavior.mapped, address("192.0.2.7:5000"));
    assert_eq!(behavior.mapping, Some(Dependence::EndpointIndependent));
    assert_eq!(behavior.filtering, Some(Dependence::EndpointIndependent));
    assert_eq!(behavior.hairpin, None);
    assert!(took < SECOND, "nobody is waited for: {took:?}");
}

/// Guards `Step::answers_from` and OTHER-ADDRESS: what a server cannot show is not claimed.
#[test]
fn a_server_with_one_address_shows_the_mapping_alone() {
    for manner in [Manner::Single, Manner::Stubborn] {
        let behavior = discover(Some(Nat::full_cone()), manner, 0.0, 1).0.unwrap();
        assert_eq!(behavior.filtering, None, "{manner:?}");
        assert_eq!(behavior.mapping.is_some(), manner == Manner::Stubborn, "{manner:?}");
        assert_eq!(behavior.hairpin, Some(false), "{manner:?}");
    }
}

#[test]
fn servers_that_do_not_help_are_named() {
    let (report, _) = discover(None, Manner::Refusing, 0.0, 1);
    assert_eq!(report, Err(BehaviorError::Refused(500)));
    let (report, took) = discover(None, Manner::Whole, 1.0, 1);
    assert_eq!(report, Err(BehaviorError::Timeout));
    assert_eq!(took, Duration::from_millis(3_500));
}

/// Guards the repetitions: a tenth of all packets may be lost.
#[test]
fn what_is_lost_is_asked_again() {
    let right = |seed: u64| {
        let report = discover(Some(Nat::port_restricted()), Manner::Whole, 0.05, seed).0;
        report.is_ok_and(|it| it.mapping == Some(Dependence::EndpointIndependent))
    };
    let known = (0..50).filter(|seed| right(*seed)).count();
    assert!(known >= 48, "{known} of 50");
}

/// Guards the transaction id: who does not know it is not believed.
#[test]
fn stun_6_answers_to_other_questions_are_ignored() {
    let (now, local) = (netsim::epoch(), address("192.0.2.7:5000"));
    let mut asking = BehaviorDiscovery::new(now, SocketId(0), local, address(SERVER[0]), Rng::from_number(1));
    let mut out = Vec::new();
    asking.poll_transmit(now, &mut out).unwrap();
    let mut forged = Vec::new();
    let other = crate::stun::TransactionId([7; 12]);
    MessageBuilder::new(&mut forged, Class::Success, Method::BINDING, other).xor_mapped_address(local);
    asking.handle_datagram(now, Datagram::single(SocketId(0), address(SERVER[0]), &mut forged));
    let mut garbage = [0xff; 40];
    asking.handle_datagram(now, Datagram::single(SocketId(0), address(SERVER[0]), &mut garbage));
    assert!(asking.poll_event().is_none());
    assert_eq!(asking.poll_timeout(), Some(now + Duration::from_millis(500)));
}
