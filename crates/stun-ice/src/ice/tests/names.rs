//! Candidates behind names, beyond what they hide.

use super::script::{Ask, REMOTE, Script};
use super::*;
use crate::{GatherOptions, TransportPolicy};

const NAMED: &str = "1 1 udp 2130706431 a.local 6000 typ host";

/// What the agent wants resolved.
fn questions(script: &mut Script) -> Vec<ResolveId> {
    let asked = |event| if let Event::Io(Io::Resolve { id, .. }) = event { Some(id) } else { None };
    std::iter::from_fn(|| script.agent.poll_event()).filter_map(asked).collect()
}

/// Guards `place_remote` for names: the peer's checks came first, and then the name of where they came from.
#[test]
fn ice_11_a_name_that_leads_to_a_learned_candidate_is_that_candidate() {
    let mut script = Script::new(Role::Controlled);
    script.ask(Ask { role: Role::Controlling, ..Ask::default() });
    script.name(NAMED);
    let question = questions(&mut script)[0];
    script.agent.resolved(script.now, question, Some(address(REMOTE).ip()));
    let remotes: Vec<_> = script.agent.candidates().filter(|it| it.remote).collect();
    assert_eq!((remotes.len(), script.agent.pairs().count()), (1, 1));
    assert!(remotes[0].signalled && remotes[0].candidate.kind == CandidateKind::Host);
    assert_eq!(remotes[0].candidate.address, Address::Name("a.local".to_owned()), "it shows its name");
}

/// Guards the family of what a name led to.
#[test]
fn ice_11_a_resolved_name_goes_with_sockets_of_its_family() {
    for (ip, socket) in [("198.51.100.2", 0), ("2001:db8::2", 1)] {
        let mut script = Script::new(Role::Controlling);
        script.agent.add_socket(script.now, SocketId(1), address("[2001:db8::1]:5000"));
        script.name(NAMED);
        assert_eq!(script.agent.pairs().count(), 0);
        let question = questions(&mut script)[0];
        script.agent.resolved(script.now, question, Some(ip.parse().unwrap()));
        let paired: Vec<_> = script.agent.pairs().map(|pair| pair.socket).collect();
        assert_eq!(paired, [SocketId(socket)], "{ip}");
    }
}

/// Guards `Generation::is_resolving` where the agent decides that nothing is left to hope for.
#[test]
fn ice_11_nothing_fails_while_a_name_may_lead_somewhere() {
    let mut script = Script::unsignalled(config().with_patience(2 * SECOND), Role::Controlling);
    let peer = script.peer.clone();
    script.agent.set_remote_credentials(script.now, peer, false).unwrap();
    script.name(NAMED);
    script.agent.end_of_remote_candidates(script.now);
    let question = questions(&mut script)[0];
    script.after(3 * SECOND);
    assert_ne!(script.agent.state(), State::Failed);
    script.agent.resolved(script.now, question, None);
    assert_eq!(script.agent.state(), State::Failed);
}

/// Guards `Gathering::will_use_hosts` where names are asked for: a question on the local network shows this host there, and only
/// addresses of this host could reach who answers.
#[test]
fn cve_50_with_relays_alone_no_name_is_asked_for() {
    let options = GatherOptions { policy: TransportPolicy::Relay, ..GatherOptions::default() };
    for has_socket in [true, false] {
        let config = config().with_gather_options(options.clone());
        let mut script = Script::unsignalled(config.clone(), Role::Controlling);
        if !has_socket {
            script.agent = Agent::new(Arc::new(config), Rng::from_number(1), script.now);
        }
        script.name(NAMED);
        let peer = script.peer.clone();
        script.agent.set_remote_credentials(script.now, peer, false).unwrap();
        assert!(questions(&mut script).is_empty());
        assert_eq!(script.agent.candidates().count(), 0);
    }
}
