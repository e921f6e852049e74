//! What an agent does with a port that opens connections and takes them, message by message.

use super::relay::asked;
use super::script::{Ask, Script};
use super::streams::AT_ONCE;
use super::*;
use crate::{GatherOptions, Io};

const REMOTE: &str = "198.51.100.2:7000";
const SERVER: &str = "203.0.113.9:3478";
const PASSIVE: &str = "1 1 tcp 1000 198.51.100.2 7000 typ host tcptype passive";
const SO: &str = "2 1 tcp 900 198.51.100.2 7000 typ host tcptype so";

fn with_port(config: Config) -> Script {
    let mut script = Script::unsignalled(config, Role::Controlling);
    script.agent.remove_socket(script.now, SocketId(0));
    script.agent.add_tcp_socket(script.now, AT_ONCE, address("192.0.2.1:4430"), TcpBase::SimultaneousOpen);
    script
}

/// What is asked for since the last look.
fn wanted(script: &mut Script) -> Vec<Io> {
    let io = |event| if let Event::Io(io) = event { Some(io) } else { None };
    std::iter::from_fn(|| script.agent.poll_event()).filter_map(io).collect()
}

/// Guards `Query::wants_turn`: TCP repeats what gets lost.
#[test]
fn ice_12_a_server_is_asked_once_over_a_connection() {
    let mut script = with_port(config().with_stun_servers(vec![address(SERVER)]));
    assert!(script.sent().is_empty(), "there is no connection");
    let connect = Io::ConnectStun { socket: AT_ONCE, remote: address(SERVER) };
    assert_eq!(wanted(&mut script), [connect]);
    script.agent.connected(script.now, AT_ONCE, address(SERVER));
    assert_eq!(script.after(50 * MS).len(), 1);
    let more: usize = (0..16).map(|_| script.after(500 * MS).len()).sum();
    assert_eq!(more, 0);
}

/// Guards `Gathering::ask`: the URL of a TURN server says that it is asked over UDP.
#[test]
fn ice_12_a_turn_server_is_not_asked_over_a_connection() {
    let turn_servers = vec![asked(TurnTransport::Udp)];
    let options = GatherOptions { turn_servers, ..GatherOptions::default() };
    let mut script = with_port(config().with_gather_options(options));
    for _ in 0..20 {
        script.after(100 * MS);
        assert!(!wanted(&mut script).iter().any(|io| matches!(io, Io::ConnectStun { .. })));
    }
}

/// Guards `pair_up`: a check came first, then the candidate that takes connections, and then the one that opens them: it is opened from
/// here from then on.
#[test]
fn ice_12_a_port_that_was_first_told_to_take_connections_is_connected_to() {
    let mut script = with_port(config());
    let peer = script.peer.clone();
    script.agent.set_remote_credentials(script.now, peer, false).unwrap();
    let mut check = script.request(&Ask::default());
    script.agent.handle_datagram(script.now, Datagram::single(AT_ONCE, address(REMOTE), &mut check));
    script.name(PASSIVE);
    script.name(SO);
    script.agent.connection_lost(script.now, AT_ONCE, address(REMOTE), ConnectionError::Refused);
    wanted(&mut script);
    script.after(SECOND);
    assert_eq!(wanted(&mut script), [Io::Connect { socket: AT_ONCE, remote: address(REMOTE) }]);
}

/// Guards `Remote::is_like`: a port may be told twice, with what it does.
#[test]
fn ice_12_each_type_of_a_named_port_is_looked_up() {
    let mut script = Script::new(Role::Controlling);
    for candidate in [PASSIVE, SO, PASSIVE, SO] {
        script.name(&candidate.replace("198.51.100.2", "3f1d6c9e-0f5a-4b57-9a3c-6a2f5b0e7c11.local"));
    }
    assert_eq!(wanted(&mut script).len(), 2);
}

/// Guards `transmit_gathering`: a server that cannot be asked, because the peer was there first, does not hold up the check whose turn
/// it took.
#[test]
fn ice_12_a_server_that_cannot_be_asked_holds_up_no_check() {
    let mut script = Script::unsignalled(config().with_stun_servers(vec![address(SERVER)]), Role::Controlling);
    script.agent.add_tcp_socket(script.now, AT_ONCE, address("192.0.2.1:4430"), TcpBase::SimultaneousOpen);
    let peer = script.peer.clone();
    script.agent.set_remote_credentials(script.now, peer, false).unwrap();
    script.name("1 1 tcp 4294967295 203.0.113.9 3478 typ host tcptype so");
    (0..4).for_each(|number| script.name(&format!("{number} 1 udp 1000 198.51.100.{number} 7000 typ host")));
    for _ in 0..40 {
        script.agent.handle_timeout(script.now);
        script.sent();
        wanted(&mut script);
        let next = script.agent.poll_timeout().unwrap();
        assert!(next > script.now, "{next:?} is due");
        script.now = next;
    }
}
