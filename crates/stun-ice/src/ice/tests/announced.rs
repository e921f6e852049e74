//! Addresses that a NAT maps one to one.

use super::script::Script;
use super::*;
use netsim::Nat;
use std::net::IpAddr;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// What is signalled by an agent with a socket of each family.
fn signalled(config: Config) -> Vec<String> {
    let mut script = Script::unsignalled(config, Role::Controlled);
    script.agent.add_socket(script.now, SocketId(1), address("[2001:db8::1]:9"));
    script.agent.local_candidates().iter().map(|it| format!("{}|{}", it.address, it.port)).collect()
}

/// Guards `Config::announced`: one address, a family, and nothing.
#[test]
fn an_announced_address_stands_for_one_of_the_host_or_a_family() {
    let plain = signalled(config());
    assert!(plain[0].starts_with("192.0.2.1|"), "{plain:?}");
    let port = plain[0].split('|').nth(1).unwrap();
    let announced = |pairs: &[(&str, &str)]| {
        let pairs = pairs.iter().map(|(from, to)| (ip(from), ip(to))).collect();
        signalled(config().with_announced_addresses(pairs))
    };
    let wanted = [format!("203.0.113.7|{port}"), plain[1].clone()];
    assert_eq!(announced(&[("192.0.2.1", "203.0.113.7")]), wanted);
    assert_eq!(announced(&[("0.0.0.0", "203.0.113.7")]), wanted);
    assert_eq!(announced(&[("0.0.0.0", "203.0.113.8"), ("192.0.2.1", "203.0.113.7")]), wanted);
    assert_eq!(announced(&[("::", "2001:db8::7")]), [plain[0].clone(), "2001:db8::7|9".to_owned()]);
    assert_eq!(announced(&[("192.0.2.9", "203.0.113.7")]), plain);
}

/// Guards the policies: what is announced is no secret, and no name stands for it; nothing is signalled where hosts are hidden.
#[test]
fn ice_11_an_announced_address_is_shown_in_place_of_a_name() {
    let announcing = || config().with_announced_addresses(vec![(ip("192.0.2.1"), ip("203.0.113.7"))]);
    let named = signalled(announcing().with_host_candidates(HostCandidates::Mdns));
    assert!(named[0].starts_with("203.0.113.7|") && named[1].contains(".local|"), "{named:?}");
    assert!(signalled(announcing().with_host_candidates(HostCandidates::Hidden)).is_empty());
}

/// Guards `Local::address`: the peer sees the host where it was announced, so that nothing new is found out by it.
#[test]
fn a_peer_finds_an_announced_host_and_no_other() {
    // The port that this NAT gives first, so that it keeps it.
    let (inside, outside) = (address("10.0.0.2:40000"), address("192.0.2.1:40000"));
    let announcing = config().with_announced_addresses(vec![(inside.ip(), outside.ip())]);
    let mut sim = Sim::with(1, Link::with_delay(10 * MS), announcing, config(), |network, links, nodes| {
        let nat = network.add_nat(Nat::full_cone(), outside.ip());
        network.add_interface_behind(nat, netsim::NodeId(0), inside.ip(), links[0], links[1]);
        network.add_interface(netsim::NodeId(1), ip("203.0.113.2"), links[2], links[3]);
        for (node, addr) in [inside, address("203.0.113.2:5000")].into_iter().enumerate() {
            let id = network.bind(netsim::NodeId(node), addr);
            nodes[node].peer().agent.add_socket(netsim::epoch(), id, addr);
        }
    });
    sim.connect(5 * SECOND).unwrap();
    assert_eq!(sim.b().agent.route().unwrap().remote, outside);
    let kinds = |agent: &Agent| agent.candidates().map(|it| it.candidate.kind).collect::<Vec<_>>();
    assert_eq!(kinds(&sim.a().agent), [CandidateKind::Host; 2]);
    assert_eq!(kinds(&sim.b().agent), [CandidateKind::Host; 2]);
}
