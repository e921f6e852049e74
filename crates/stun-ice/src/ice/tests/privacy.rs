//! What of a host's addresses the peer gets to see.

use super::script::{REMOTE, Script};
use super::*;
use std::net::IpAddr;

const PRIVATE: &str = "192.0.2.1";

fn shows(agent: &Agent, events: &[Event]) -> bool {
    let mut text = format!("{events:?}");
    for candidate in agent.local_candidates() {
        text += &candidate.to_string();
    }
    for stats in agent.candidates().filter(|it| !it.remote) {
        text += &format!("{stats:?} {}", stats.candidate);
    }
    text.contains(PRIVATE)
}

fn events(agent: &mut Agent) -> Vec<Event> {
    std::iter::from_fn(|| agent.poll_event()).collect()
}

/// Guards `random_name` and `HostCandidates::Mdns`: a version 4 UUID per address, published and signalled in its
/// place.
#[test]
fn ice_11_mdns_names_stand_for_host_addresses() {
    let policy = config().with_host_candidates(HostCandidates::Mdns);
    let mut script = Script::unsignalled(policy, Role::Controlled);
    script.agent.add_socket(script.now, SocketId(1), address("[2001:db8::1]:9"));
    let mut events = events(&mut script.agent);
    let published: Vec<_> = events
        .extract_if(.., |event| matches!(event, Event::Io(Io::Publish { .. })))
        .map(|event| match event {
            Event::Io(Io::Publish { name, address }) => (name, address),
            _ => unreachable!(),
        })
        .collect();
    assert!(!shows(&script.agent, &events));
    let candidates = script.agent.local_candidates();
    assert_eq!((candidates.len(), published.len()), (2, 2));
    assert_eq!(published[0].1, PRIVATE.parse::<IpAddr>().unwrap());
    for (candidate, (name, _)) in candidates.iter().zip(&published) {
        assert_eq!(candidate.address, Address::Name(name.clone()));
        assert!(candidate.related.is_none());
        let label = name.strip_suffix(".local").unwrap();
        let groups: Vec<_> = label.split('-').map(str::len).collect();
        assert_eq!(groups, [8, 4, 4, 4, 12], "{name}");
        assert_eq!(label.as_bytes()[14], b'4', "version 4: {name}");
        assert!(b"89ab".contains(&label.as_bytes()[19]), "variant: {name}");
    }
    assert_ne!(published[0].0, published[1].0);
}

/// Guards `HostCandidates::Hidden` and the related address of what STUN reveals.
#[test]
fn ice_11_hidden_hosts_are_not_signalled_and_related_addresses_say_nothing() {
    for policy in [HostCandidates::Hidden, HostCandidates::Mdns] {
        let server = address("203.0.113.9:3478");
        let config = config().with_stun_servers(vec![server]).with_host_candidates(policy);
        let mut script = Script::unsignalled(config, Role::Controlled);
        let question = script.sent().remove(0);
        assert_eq!(question.remote, server);
        let mut answer = Vec::new();
        MessageBuilder::new(&mut answer, Class::Success, Method::BINDING, question.message().transaction())
            .xor_mapped_address(address("203.0.113.200:1234"));
        script.give("203.0.113.9:3478", answer);
        let mut events = events(&mut script.agent);
        events.retain(|event| !matches!(event, Event::Io(Io::Publish { .. })));
        assert!(!shows(&script.agent, &events), "{policy:?}");
        let candidate = script.agent.local_candidates().last().unwrap();
        assert!(candidate.to_string().contains("203.0.113.200 1234 typ srflx raddr 0.0.0.0 rport 9"), "{candidate}");
        let hosts = script.agent.local_candidates().iter().filter(|it| it.kind == CandidateKind::Host).count();
        assert_eq!(hosts, usize::from(policy == HostCandidates::Mdns));
    }
}

/// Guards the pairs of a hidden host candidate: it is not signalled, and checks leave from it all the same.
#[test]
fn ice_11_a_hidden_host_still_connects() {
    for policy in [HostCandidates::Hidden, HostCandidates::Mdns] {
        let hidden = config().with_host_candidates(policy);
        let mut sim = Sim::with(1, Link::with_delay(10 * MS), hidden, config(), |_, _, _| {});
        sim.connect(SECOND).unwrap();
    }
}

/// Guards `is_link_local_v6` where sockets and remote candidates come in.
#[test]
fn ice_11_link_local_addresses_are_never_signalled_nor_tried() {
    let mut script = Script::new(Role::Controlled);
    script.agent.add_socket(script.now, SocketId(1), address("[fe80::1]:9"));
    // Nor from a socket that could reach it, as far as the family goes.
    script.agent.add_socket(script.now, SocketId(2), address("[2001:db8::1]:9"));
    script.name("1 1 udp 2130706431 fe80::2 6000 typ host");
    assert_eq!((script.agent.local_candidates().len(), script.agent.pairs().count()), (2, 0));
}

/// A socket on all interfaces: nothing to signal until a server says how it is seen.
#[test]
fn a_socket_on_all_interfaces_has_no_host_candidate() {
    let now = netsim::epoch();
    let mut agent = Agent::new(Arc::new(config()), Rng::from_number(1), now);
    agent.add_socket(now, SocketId(0), address("0.0.0.0:9"));
    assert!(agent.local_candidates().is_empty());
}

/// Guards the resolution of names: asked for once, in lower case, and dropped silently when nobody answers.
#[test]
fn ice_11_a_name_is_resolved_and_an_unknown_one_dropped() {
    let mut script = Script::new(Role::Controlling);
    let name = "1f4712db-EA17-4BCF-a596-105139dfd8bf.LOCAL";
    script.name(&format!("1 1 udp 2130706431 {name} 6000 typ host"));
    script.name(&format!("1 1 udp 2130706431 {name} 6000 typ host"));
    script.name("2 1 udp 2130706430 nobody.local 6000 typ host");
    script.agent.end_of_remote_candidates(script.now);
    let asked: Vec<_> = events(&mut script.agent)
        .into_iter()
        .filter_map(|event| match event {
            Event::Io(Io::Resolve { id, name }) => Some((id, name)),
            _ => None,
        })
        .collect();
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[0].1, name.to_lowercase());
    assert!(script.sent().is_empty());
    script.agent.resolved(script.now, asked[1].0, None);
    script.agent.resolved(script.now, asked[0].0, Some(address(REMOTE).ip()));
    // Answers count once, and only for what was asked.
    script.agent.resolved(script.now, asked[0].0, Some("198.51.100.77".parse().unwrap()));
    script.agent.resolved(script.now, ResolveId(999), Some("198.51.100.77".parse().unwrap()));
    assert_eq!(script.sent().len(), 1);
    assert_eq!((script.agent.pairs().count(), script.agent.remote_candidates().count()), (1, 1));
    let remote = script.agent.candidates().find(|it| it.remote).unwrap();
    assert_eq!(remote.candidate.address, Address::Name(name.to_owned()), "the address stays hidden");
    assert_eq!(script.agent.state(), State::Checking);
}

/// An answer that names this host's own services, or a whole network, is no answer.
#[test]
fn cve_41_a_name_cannot_lead_to_loopback() {
    let mut script = Script::new(Role::Controlling);
    for (name, ip) in [("a.local", "127.0.0.1"), ("b.local", "255.255.255.255"), ("c.local", "::1")] {
        script.name(&format!("1 1 udp 2130706431 {name} 22 typ host"));
        let id = events(&mut script.agent).into_iter().find_map(|event| match event {
            Event::Io(Io::Resolve { id, .. }) => Some(id),
            _ => None,
        });
        script.agent.resolved(script.now, id.unwrap(), Some(ip.parse().unwrap()));
    }
    assert_eq!(script.agent.pairs().count(), 0);
}
