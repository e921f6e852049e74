//! Eight kinds of access against each other.

use super::relay::{asked, selected};
use super::*;
use crate::GatherOptions;
use netsim::Access;

/// Who can reach whom without a relay: `+` if they can. Rows and columns in the order of [`Access::ALL`].
///
/// Each side tells the other where a STUN server has seen it, and sends there until an answer comes (RFC 5128 §3.3). That
/// opens its own NAT, and meets the other side if its mapping is the one that the server saw:
///
/// * Public hosts, NATs whose mapping does not depend on the destination (full cone, address-restricted, port-restricted, the
///   two of CGNAT), and those that keep the port for each destination are found where the server saw them. Whatever
///   they filter by (RFC 4787 §5), both have sent to where the other one sends from, so all of them meet.
/// * A symmetric NAT with random ports sends from a port that nobody knows of. It is let in by who filters nothing (public,
///   full cone) and by who filters by address alone; they learn the port from what comes. Who filters by port never
///   lets it in.
/// * Without UDP nothing is reached.
const WITHOUT_RELAY: [&str; 8] = [
    "+++++++-", // public
    "+++++++-", // full cone
    "+++++++-", // address-restricted
    "+++++-+-", // port-restricted
    "+++++-+-", // symmetric keeping ports
    "+++-----", // symmetric at random
    "+++++-+-", // CGNAT twice, behind one carrier
    "--------", // UDP blocked
];

/// The same where both sides have a TURN server: `+` where they are to do without, `r` where a relay has to help. Those that are shut
/// off from UDP reach theirs over TCP.
const WITH_RELAY: [&str; 8] = [
    "+++++++r", // public
    "+++++++r", // full cone
    "+++++++r", // address-restricted
    "+++++r+r", // port-restricted
    "+++++r+r", // symmetric keeping ports
    "+++rrrrr", // symmetric at random
    "+++++r+r", // CGNAT twice, behind one carrier
    "rrrrrrrr", // UDP blocked
];

/// Two agents connected as told, and a server that both ask: one of STUN, or where they are to have relays of TURN.
fn between(seed: u64, accesses: [Access; 2], config: &Config) -> Sim {
    let config = config.clone().with_stun_servers(vec![address("203.0.113.9:3478")]);
    let has_relays = !config.gather.turn_servers.is_empty();
    let mut ids = Vec::new();
    let link = Link::with_delay(20 * MS).jitter(10 * MS);
    let mut sim = Sim::with(seed, link, config.clone(), config, |network, links, nodes| {
        if has_relays {
            TurnServer::bind(network, 2, links);
            nodes[2] = Node::Turn(TurnServer::default());
        } else {
            network.add_interface(netsim::NodeId(2), "203.0.113.9".parse().unwrap(), links[4], links[5]);
            network.bind(netsim::NodeId(2), address("203.0.113.9:3478"));
        }
        for (node, access) in accesses.into_iter().enumerate() {
            let (id, house) = (netsim::NodeId(node), node as u8 + 1);
            let site = access.connect(network, id, house, links[2 * node], links[2 * node + 1]);
            ids.extend(site.nats);
            let addr = SocketAddr::new(site.ip, 5000);
            let socket = network.bind(id, addr);
            let (datagrams, stream) = (SocketAddr::new(site.ip, 6000), SocketAddr::new(site.ip, 6001));
            let peer = nodes[node].peer();
            peer.spare.push(network.bind(id, datagrams));
            peer.spare_streams.push(network.bind_stream(id, stream));
            peer.agent.add_socket(netsim::epoch(), socket, addr);
        }
    });
    sim.nats = ids;
    sim
}

/// Runs every cell and compares it with what is `expected`; the longest time that one took to connect, and to fail.
fn matrix(seeds: u64, expected: [&str; 8], config: &Config) -> (Duration, Duration) {
    let (mut slowest, mut last) = (Duration::ZERO, Duration::ZERO);
    for (a, row) in Access::ALL.into_iter().zip(expected) {
        for (b, cell) in Access::ALL.into_iter().zip(row.chars()) {
            for seed in 0..seeds {
                let mut sim = between(seed, [a, b], config);
                if cell != '-' {
                    let took = sim.connect(10 * SECOND).unwrap_or_else(|stalled| panic!("{a} and {b}: {stalled}"));
                    slowest = slowest.max(took);
                    sim.assert_data_meets();
                    for node in 0..2 {
                        let kinds = selected(&sim.peer(node).agent);
                        let is_relayed = kinds.contains(&CandidateKind::Relayed);
                        assert_eq!(is_relayed, cell == 'r', "{a} and {b}, seed {seed}, peer {node}: {kinds:?}");
                    }
                } else {
                    let failed = |peer: &Peer| peer.agent.state() == State::Failed;
                    let took = sim.run_until(60 * SECOND, |a, b| failed(a) && failed(b));
                    last = last.max(took.unwrap_or_else(|stalled| panic!("{a} and {b}: {stalled}")));
                    assert!(sim.a().received.is_empty() && sim.b().received.is_empty());
                }
            }
        }
    }
    (slowest, last)
}

#[test]
fn eight_kinds_of_access_meet_without_a_relay_wherever_holes_can_be_punched() {
    let seeds = seeds(3);
    let (slowest, last) = matrix(seeds, WITHOUT_RELAY, &config());
    let meet = WITHOUT_RELAY.concat().matches('+').count();
    println!(
        "bar: 8x8 accesses, {seeds} seeds: {meet} of 64 connect without a relay, as RFC 4787 has it, in {slowest:?}; the others fail in {last:?}"
    );
    assert!(slowest < 3 * SECOND, "{slowest:?}");
    // RFC 8863: 39.5 s after checks could begin; those of the last pair began within a second.
    assert!(last >= 39_500 * MS && last < 41 * SECOND, "{last:?}");
}

#[test]
fn eight_kinds_of_access_all_meet_with_relays_which_are_left_out_where_holes_can_be_punched() {
    let seeds = seeds(3);
    let turn_servers = vec![asked(TurnTransport::Udp), asked(TurnTransport::Tcp)];
    let config = config().with_gather_options(GatherOptions { turn_servers, ..GatherOptions::default() });
    let (slowest, _) = matrix(seeds, WITH_RELAY, &config);
    // A relay is used exactly where nothing else works.
    assert_eq!(WITH_RELAY.map(|row| row.replace('r', "-")), WITHOUT_RELAY);
    let relayed = WITH_RELAY.concat().matches('r').count();
    println!(
        "bar: 8x8 accesses, {seeds} seeds: 64 of 64 connect with a TURN server on either side, {relayed} of them over it and the others without, in {slowest:?}"
    );
    assert!(slowest < 3 * SECOND, "{slowest:?}");
}

/// A NAT forgets its mappings in mid-call. Who filters by port alone does not let the new one in, and keeps the old one.
#[test]
fn flt_14_whatever_nat_is_rebound_data_is_back_within_a_second() {
    let rebound = [
        Access::FullCone,
        Access::AddressRestricted,
        Access::PortRestricted,
        Access::SymmetricRandom,
        Access::CarrierGrade,
    ];
    for access in rebound {
        for other in [Access::Public, Access::FullCone, Access::AddressRestricted] {
            for seed in 0..seeds(4) {
                let mut sim = between(seed, [access, other], &config());
                sim.connect(5 * SECOND).unwrap_or_else(|stalled| panic!("{access} and {other}: {stalled}"));
                (0..2).for_each(|node| sim.peer(node).send_data_every(20 * MS));
                sim.run_for(SECOND * (seed as u32 % 7));
                let start = sim.swarm.now();
                // Its own NAT, or the carrier's.
                let nat = sim.nats[usize::from(access == Access::CarrierGrade && seed % 2 == 1)];
                sim.swarm.network.rebind_nat(nat);
                sim.run_for(10 * SECOND);
                let gaps = [0, 1].map(|node| sim.peer(node).gap(start));
                assert!(gaps.iter().all(|gap| *gap < SECOND), "{access} and {other}, seed {seed}: {gaps:?}");
                sim.assert_data_meets();
            }
        }
    }
}
