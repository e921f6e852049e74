//! Which answers of STUN servers count.

use super::script::{Script, Sent};
use super::*;

const SERVER: &str = "203.0.113.9:3478";
const SERVER_V6: &str = "[2001:db8::9]:3478";

/// An agent that has asked the server.
fn asking() -> (Script, Sent) {
    let mut script = Script::unsignalled(config().with_stun_servers(vec![address(SERVER)]), Role::Controlling);
    let question = script.sent().remove(0);
    assert_eq!(question.remote, address(SERVER));
    (script, question)
}

fn answer(to: &Sent) -> Vec<u8> {
    let mut out = Vec::new();
    MessageBuilder::new(&mut out, Class::Success, Method::BINDING, to.message().transaction())
        .xor_mapped_address(address("198.51.100.77:4000"));
    out
}

fn has_reflexive(script: &Script) -> bool {
    script.agent.local_candidates().iter().any(|candidate| candidate.kind == CandidateKind::ServerReflexive)
}

/// Guards the comparison of an answer with whom was asked and from which socket, and that it counts once.
#[test]
fn stun_6_a_servers_answer_counts_from_where_it_was_asked() {
    let (mut script, question) = asking();
    script.agent.add_socket(script.now, SocketId(1), address("192.0.2.7:5000"));
    for from in ["203.0.113.9:3479", "203.0.113.10:3478", "[2001:db8::9]:3478"] {
        script.give(from, answer(&question));
    }
    let mut elsewhere = answer(&question);
    script.agent.handle_datagram(script.now, Datagram::single(SocketId(1), address(SERVER), &mut elsewhere));
    assert_eq!((has_reflexive(&script), script.agent.stats().unexpected), (false, 4));
    let asked = question.message().transaction();
    assert!(script.agent.awaits(asked));
    script.give(SERVER, answer(&question));
    script.give(SERVER, answer(&question));
    assert_eq!((has_reflexive(&script), script.agent.stats().unexpected), (true, 5));
    assert!(!script.agent.awaits(asked));
}

/// Guards `Query::is_asking` where answers come in.
#[test]
fn stun_5_an_answer_that_comes_after_the_end_counts_no_more() {
    let (mut script, question) = asking();
    let late = script.now + 9_500 * MS;
    // In the last instant it counts.
    let (mut just, same) = asking();
    assert_eq!(question.bytes, same.bytes, "one seed, one question");
    just.now = late;
    just.give(SERVER, answer(&same));
    assert!(has_reflexive(&just));
    while script.now < late {
        script.after(500 * MS);
    }
    assert_eq!(script.agent.gathering_state(), GatheringState::Complete);
    script.give(SERVER, answer(&question));
    assert_eq!((has_reflexive(&script), script.agent.stats().unexpected), (false, 1));
}

/// An answer in the instant in which its request would be repeated: it is not.
#[test]
fn stun_5_an_answer_in_time_saves_the_repetition() {
    let (mut script, question) = asking();
    script.now += 500 * MS;
    assert!(script.give(SERVER, answer(&question)).is_empty());

    let mut script = Script::new(Role::Controlled);
    script.name("1 1 udp 2130706431 198.51.100.2 6000 typ host");
    let check = script.sent().remove(0);
    script.now += 500 * MS;
    let answer = script.success(&check);
    assert!(script.agent.awaits(check.message().transaction()));
    assert!(script.give(super::script::REMOTE, answer).is_empty());
    assert!(!script.agent.awaits(check.message().transaction()));
    // And without one it is.
    let (mut script, _) = asking();
    assert_eq!(script.after(500 * MS).len(), 1);
}

/// Guards the family in `Gathering::ask`: servers of IPv6 are asked too, from the sockets that reach them.
#[test]
fn a_server_is_asked_from_the_sockets_of_its_family() {
    let servers = config().with_stun_servers(vec![address(SERVER), address(SERVER_V6)]);
    let mut script = Script::unsignalled(servers, Role::Controlling);
    script.agent.add_socket(script.now, SocketId(1), address("[2001:db8::1]:5000"));
    let mut asked = Vec::new();
    let mut bytes = Vec::new();
    for _ in 0..40 {
        script.now += 10 * MS;
        while let Some(transmit) = script.agent.poll_transmit(script.now, 1, &mut bytes) {
            asked.push((transmit.socket, transmit.remote));
        }
    }
    assert_eq!(asked, [(SocketId(0), address(SERVER)), (SocketId(1), address(SERVER_V6))]);
}
