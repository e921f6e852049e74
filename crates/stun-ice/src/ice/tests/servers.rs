//! Servers that are known by name, that refuse or are silent, and what a policy leaves of gathering.

use super::script::{Ask, REMOTE, Script};
use super::*;
use crate::{GatherOptions, GatheringError, Io, StunServer, TransportPolicy};

fn named(name: &str) -> StunServer {
    StunServer { host: Address::Name(name.to_owned()), port: 3478 }
}

fn asking(servers: Vec<StunServer>) -> Script {
    let options = GatherOptions { stun_servers: servers, ..GatherOptions::default() };
    Script::unsignalled(config().with_gather_options(options), Role::Controlling)
}

fn events(script: &mut Script) -> Vec<Event> {
    std::iter::from_fn(|| script.agent.poll_event()).collect()
}

fn errors(script: &mut Script) -> Vec<GatheringError> {
    let error = |event| if let Event::GatheringError(error) = event { Some(error) } else { None };
    events(script).into_iter().filter_map(error).collect()
}

fn resolution(script: &mut Script) -> (ResolveId, String) {
    let asked = events(script).into_iter().find_map(|event| match event {
        Event::Io(Io::Resolve { id, name }) => Some((id, name)),
        _ => None,
    });
    asked.expect("a name to resolve")
}

#[test]
fn a_server_known_by_name_is_asked_once_it_has_an_address() {
    let mut script = asking(vec![named("STUN.example")]);
    let (id, name) = resolution(&mut script);
    assert_eq!(name, "stun.example");
    assert!(script.after(SECOND).is_empty());
    assert_eq!(script.agent.gathering_state(), GatheringState::Gathering);
    script.agent.resolved(script.now, id, Some("203.0.113.9".parse().unwrap()));
    let question = script.sent().remove(0);
    assert_eq!(question.remote, address("203.0.113.9:3478"));
    let mut answer = Vec::new();
    MessageBuilder::new(&mut answer, Class::Success, Method::BINDING, question.message().transaction())
        .xor_mapped_address(address("198.51.100.77:4000"));
    script.give("203.0.113.9:3478", answer);
    assert_eq!(script.agent.gathering_state(), GatheringState::Complete);
    assert_eq!(script.agent.local_candidates().len(), 2);
    assert_eq!(errors(&mut script), []);
}

#[test]
fn a_name_without_an_address_is_reported_and_ends_gathering() {
    let mut script = asking(vec![named("stun.example")]);
    let (id, _) = resolution(&mut script);
    script.agent.resolved(script.now, id, None);
    let told = events(&mut script);
    let [Event::GatheringError(error), Event::GatheringState(GatheringState::Complete)] = &told[..] else {
        panic!("{told:?}");
    };
    assert_eq!((error.local, error.code, error.server.to_string().as_str()), (None, 701, "stun.example:3478"));
    // The same when nobody answers the question.
    let mut script = asking(vec![named("stun.example")]);
    script.after(9 * SECOND);
    assert_eq!(script.agent.gathering_state(), GatheringState::Gathering);
    script.after(SECOND);
    assert_eq!(script.agent.gathering_state(), GatheringState::Complete);
    assert_eq!(errors(&mut script).len(), 1);
}

#[test]
fn a_silent_server_and_one_out_of_reach_are_reported_once() {
    let v6: SocketAddr = address("[2001:db8::9]:3478");
    let mut script = asking(vec![address("203.0.113.9:3478").into(), v6.into()]);
    let first = errors(&mut script);
    assert_eq!(first.len(), 1);
    assert_eq!((first[0].server.to_string(), first[0].code), ("[2001:db8::9]:3478".to_owned(), 701));
    for _ in 0..20 {
        script.after(SECOND);
    }
    let second = errors(&mut script);
    assert_eq!(second.len(), 1);
    assert_eq!((second[0].server.to_string(), second[0].code), ("203.0.113.9:3478".to_owned(), 701));
}

#[test]
fn a_servers_refusal_is_reported_with_its_code() {
    let mut script = asking(vec![address("203.0.113.9:3478").into()]);
    let question = script.sent().remove(0);
    let mut answer = Vec::new();
    MessageBuilder::new(&mut answer, Class::Error, Method::BINDING, question.message().transaction())
        .error_code(crate::stun::ErrorCode { code: 403, reason: "Forbidden" });
    script.give("203.0.113.9:3478", answer);
    let told = errors(&mut script);
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].code, told[0].reason.as_str()), (403, "Forbidden"));
    assert_eq!(told[0].local, Some(address(super::script::LOCAL)));
}

/// Guards `Gathering::uses_hosts`: no candidate, no check, no answer, with or without a server, until a restart allows them.
#[test]
fn relays_alone_means_that_the_peer_sees_no_address() {
    let stun_servers = vec![address("203.0.113.9:3478").into()];
    let options = GatherOptions { policy: TransportPolicy::Relay, stun_servers, ..GatherOptions::default() };
    let mut script = Script::unsignalled(config().with_gather_options(options), Role::Controlling);
    let peer = script.peer.clone();
    script.agent.set_remote_credentials(script.now, peer.clone(), false).unwrap();
    script.name("1 1 udp 1000 198.51.100.2 6000 typ host");
    assert_eq!(script.agent.gathering_state(), GatheringState::Complete);
    assert!(script.agent.local_candidates().is_empty());
    assert!(script.after(SECOND).is_empty());
    assert!(script.ask(Ask::default()).is_empty());
    assert!(script.after(SECOND).is_empty());

    // What was set takes effect with a restart.
    script.agent.set_gather_options(GatherOptions::default());
    assert!(script.ask(Ask::default()).is_empty());
    script.agent.restart(script.now);
    assert_eq!(script.agent.local_candidates().len(), 1);
    script.agent.set_remote_credentials(script.now, peer, false).unwrap();
    let answered = script.ask(Ask::default());
    assert!(answered.iter().any(|sent| sent.remote == address(REMOTE)));
}
