//! What the agent answers to hand-made messages.

use super::script::{Ask, REMOTE, Script, Sent};
use super::*;
use crate::stun::ErrorCode;

const CANDIDATE: &str = "1 1 udp 2130706431 198.51.100.2 6000 typ host";

/// A script whose agent has sent its first check.
fn checking(role: Role) -> (Script, Sent) {
    let mut script = Script::new(role);
    script.name(CANDIDATE);
    let mut sent = script.sent();
    assert_eq!(sent.len(), 1);
    (script, sent.remove(0))
}

#[test]
fn a_check_says_who_it_is_for_and_from() {
    let (script, check) = checking(Role::Controlling);
    let message = check.message();
    let username = format!("{}:{}", script.peer.ufrag, script.agent.local_credentials().ufrag);
    assert_eq!(message.username(), Some(&username[..]));
    assert_eq!(message.priority(), Ok(Some((110 << 24) | (0xfffe << 8) | 255)));
    assert!(message.ice_controlling().unwrap().is_some() && message.ice_controlled().unwrap().is_none());
    assert!(!message.use_candidate(), "nomination is regular");
    assert!(message.has_fingerprint() && message.verify_integrity(&script.key(&script.peer.pwd)));
    assert!(message.attribute(crate::stun::AttributeType::SOFTWARE).is_none());
}

#[test]
fn a_request_is_answered_with_its_source_and_checked_back_at_once() {
    let mut script = Script::new(Role::Controlling);
    let sent = script.ask(Ask::default());
    assert_eq!(sent.len(), 2);
    let answer = sent[0].message();
    assert_eq!(answer.class(), Class::Success);
    assert_eq!(answer.xor_mapped_address(), Ok(Some(address(REMOTE))));
    let local = script.agent.local_credentials().clone();
    assert!(answer.has_fingerprint() && answer.verify_integrity(&script.key(&local.pwd)));
    assert!(sent[1].is_request() && sent[1].remote == address(REMOTE));
    assert!(script.agent.is_validated(SocketId(0), address(REMOTE)), "a check proves the peer");
    assert!(script.agent.route().is_none(), "a check makes no valid pair");
}

/// Guards `on_request`'s 420 and `on_response`'s drop.
#[test]
fn stun_3_unknown_attributes_are_refused_in_requests_and_drop_answers() {
    let mut script = Script::new(Role::Controlling);
    let sent = script.ask(Ask { unknown: vec![0x7f01, 0xc001, 0x0030], ..Ask::default() });
    assert_eq!(sent.len(), 1, "no check back");
    let answer = sent[0].message();
    assert_eq!(answer.error_code().unwrap().map(|error| error.code), Some(ErrorCode::UNKNOWN_ATTRIBUTE));
    let listed = answer.attribute(crate::stun::AttributeType::UNKNOWN_ATTRIBUTES);
    assert_eq!(listed, Some(&[0x7f, 0x01, 0x00, 0x30][..]));
    assert!(answer.verify_integrity(&script.key(&script.agent.local_credentials().pwd.clone())));

    let (mut script, check) = checking(Role::Controlling);
    let mut answer = Vec::new();
    MessageBuilder::new(&mut answer, Class::Success, Method::BINDING, check.message().transaction())
        .xor_mapped_address(address("192.0.2.1:5000"))
        .attribute(crate::stun::AttributeType(0x7f01), &[])
        .integrity(&script.key(&script.peer.pwd))
        .fingerprint();
    script.give(REMOTE, answer);
    assert_eq!(script.agent.route(), None);
    let sent = script.give(REMOTE, script.success(&check));
    assert!(script.agent.route().is_some() && sent.len() == 1, "the right answer still counts");

    let mut indication = Vec::new();
    MessageBuilder::new(&mut indication, Class::Indication, Method::BINDING, check.message().transaction())
        .attribute(crate::stun::AttributeType(0x7f01), &[]);
    assert!(script.give(REMOTE, indication).is_empty());
}

/// Guards the use of an answer: without a mapped address that can be read there is no valid pair.
#[test]
fn stun_4_an_answer_whose_address_is_malformed_makes_no_pair() {
    for value in [&[][..], &[0, 1, 2, 3], &[0, 1, 2, 3, 4, 5, 6], &[0, 9, 0, 9, 1, 2, 3, 4]] {
        let (mut script, check) = checking(Role::Controlling);
        let mut answer = Vec::new();
        MessageBuilder::new(&mut answer, Class::Success, Method::BINDING, check.message().transaction())
            .attribute(crate::stun::AttributeType::XOR_MAPPED_ADDRESS, value)
            .integrity(&script.key(&script.peer.pwd))
            .fingerprint();
        script.give(REMOTE, answer);
        assert_eq!(script.agent.route(), None, "{value:?}");
        assert_eq!(script.agent.stats().malformed, 1);
    }
}

/// Guards the integrity check of answers, and that a forged one does not keep the real one out.
#[test]
fn an_answer_without_integrity_is_dropped_and_the_right_one_still_counts() {
    let (mut script, check) = checking(Role::Controlling);
    let mut forged = Vec::new();
    MessageBuilder::new(&mut forged, Class::Success, Method::BINDING, check.message().transaction())
        .xor_mapped_address(address("192.0.2.1:5000"))
        .fingerprint();
    script.give(REMOTE, forged);
    let mut wrong = Vec::new();
    MessageBuilder::new(&mut wrong, Class::Error, Method::BINDING, check.message().transaction())
        .error_code(ErrorCode { code: 400, reason: "" })
        .integrity(&script.key("another password, just as long"))
        .fingerprint();
    script.give(REMOTE, wrong);
    let mut unsigned = Vec::new();
    MessageBuilder::new(&mut unsigned, Class::Error, Method::BINDING, check.message().transaction())
        .error_code(ErrorCode { code: ErrorCode::ROLE_CONFLICT, reason: "" })
        .fingerprint();
    script.give(REMOTE, unsigned);
    assert_eq!((script.agent.route(), script.agent.stats().unauthenticated), (None, 3));
    assert_eq!((script.pair().state, script.agent.role()), (PairState::InProgress, Role::Controlling));
    script.give(REMOTE, script.success(&check));
    assert!(script.agent.route().is_some());
}

/// Guards the comparison of the answer's source with the request's destination.
#[test]
fn ice_4_an_answer_from_elsewhere_fails_the_pair() {
    for from in ["198.51.100.2:6001", "203.0.113.5:6000"] {
        let (mut script, check) = checking(Role::Controlling);
        script.give(from, script.success(&check));
        assert_eq!(script.agent.route(), None);
        assert_eq!(script.pair().state, PairState::Failed);
        assert_eq!(script.agent.stats().asymmetric, 1);
        assert!(!script.agent.is_validated(SocketId(0), address(from)));
    }
}

/// Guards the transaction id: nothing but what was asked is taken for an answer.
#[test]
fn stun_6_an_answer_that_nothing_asked_for_is_counted_and_dropped() {
    let (mut script, check) = checking(Role::Controlling);
    let mut stray = check.clone();
    stray.bytes[12] ^= 1;
    let mut answer = Vec::new();
    let id = crate::stun::TransactionId([9; 12]);
    MessageBuilder::new(&mut answer, Class::Success, Method::BINDING, id)
        .xor_mapped_address(address("192.0.2.1:5000"))
        .integrity(&script.key(&script.peer.pwd))
        .fingerprint();
    script.give(REMOTE, answer);
    assert_eq!((script.agent.route(), script.agent.stats().unexpected), (None, 1));
    // An answer counts once.
    let answer = script.success(&check);
    script.give(REMOTE, answer.clone());
    script.give(REMOTE, answer);
    assert_eq!((script.agent.stats().responses_received, script.agent.stats().unexpected), (1, 2));
}

/// Guards the comparison of tie-breakers, for either role and either outcome. RFC 8445 §7.3.1.1.
#[test]
fn ice_2_the_greater_tie_breaker_controls() {
    for (role, theirs, keeps) in [
        (Role::Controlling, 0, true),
        (Role::Controlling, u64::MAX, false),
        (Role::Controlled, u64::MAX, true),
        (Role::Controlled, 0, false),
    ] {
        let mut script = Script::new(role);
        let sent = script.ask(Ask { role, tie_breaker: theirs, ..Ask::default() });
        let code = sent[0].message().error_code().unwrap().map(|error| error.code);
        assert_eq!(code, keeps.then_some(ErrorCode::ROLE_CONFLICT), "{role:?} {theirs}");
        assert!(sent[0].message().verify_integrity(&script.key(&script.agent.local_credentials().pwd.clone())));
        assert_eq!(script.agent.role(), if keeps { role } else { role.other() });
        assert_eq!(sent.len(), if keeps { 1 } else { 2 }, "a refused check triggers none");
    }
}

/// Guards the switch upon a 487: the check is repeated in the other role, with the same tie-breaker.
#[test]
fn ice_2_a_refused_role_is_changed_and_the_tie_breaker_is_kept() {
    let (mut script, check) = checking(Role::Controlling);
    let before = script.pair().priority;
    let tie_breaker = check.message().ice_controlling().unwrap();
    script.now += 10 * MS;
    let sent = script.give(REMOTE, script.error(&check, ErrorCode::ROLE_CONFLICT));
    assert_eq!(script.agent.role(), Role::Controlled);
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].message().ice_controlled().unwrap(), tie_breaker);
    assert_ne!(script.pair().priority, before, "priorities follow the role");
    // A second answer of the same kind, to a request in the old role, changes nothing.
    let (mut script, check) = checking(Role::Controlled);
    script.agent.set_role(script.now, Role::Controlling);
    script.give(REMOTE, script.error(&check, ErrorCode::ROLE_CONFLICT));
    assert_eq!(script.agent.role(), Role::Controlling);
}

/// Guards `Generation::lite` where a role is refused: a lite peer cannot control, whatever it says.
#[test]
fn ice_10_a_lite_peer_that_refuses_the_role_gets_no_other() {
    let mut script = Script::unsignalled(config(), Role::Controlled);
    let peer = script.peer.clone();
    script.agent.set_remote_credentials(script.now, peer, true).unwrap();
    script.name(CANDIDATE);
    let check = script.sent().remove(0);
    script.now += 10 * MS;
    script.give(REMOTE, script.error(&check, ErrorCode::ROLE_CONFLICT));
    assert_eq!((script.agent.role(), script.agent.stats().role_conflicts), (Role::Controlling, 1));
}

/// Guards `asked_for`: USE-CANDIDATE on a pair still in progress is remembered.
#[test]
fn ice_5_a_nomination_that_comes_too_early_is_remembered() {
    let (mut script, check) = checking(Role::Controlled);
    let controlling = || Ask { role: Role::Controlling, use_candidate: true, ..Ask::default() };
    script.ask(controlling());
    assert!(!script.pair().nominated);
    script.give(REMOTE, script.success(&check));
    assert!(script.pair().nominated && script.pair().selected);
    // And on a valid pair it takes effect at once.
    let (mut script, check) = checking(Role::Controlled);
    script.give(REMOTE, script.success(&check));
    assert!(!script.pair().nominated && script.agent.route().is_some());
    script.ask(controlling());
    assert!(script.pair().nominated);
}

/// A peer that nominates another pair later is followed: at once if that one is better, and if it is worse as soon as it
/// is clear that the peer no longer asks for the better one.
#[test]
fn ice_5_the_selected_pair_changes_with_the_peers_mind() {
    let other = "198.51.100.3:6000";
    let ask = |from| Ask { from, role: Role::Controlling, use_candidate: true, ..Ask::default() };
    let mut script = Script::new(Role::Controlled);
    let answer_all = |script: &mut Script, sent: Vec<super::script::Sent>| {
        for check in sent.iter().filter(|sent| sent.is_request()) {
            let from = check.remote.to_string();
            let answer = script.success(check);
            script.give(&from, answer);
        }
    };
    script.name("1 1 udp 2130706431 198.51.100.2 6000 typ host");
    script.name("2 1 udp 1 198.51.100.3 6000 typ relay raddr 0.0.0.0 rport 9");
    let sent = script.ask(ask(REMOTE));
    answer_all(&mut script, sent);
    script.now += 100 * MS;
    let sent = script.ask(ask(other));
    answer_all(&mut script, sent);
    let route = |script: &Script| script.agent.route().unwrap().remote;
    assert_eq!(route(&script), address(REMOTE), "aggressive nomination: the better pair counts");
    script.now += 2 * SECOND;
    script.ask(ask(other));
    assert_eq!(route(&script), address(other), "the peer changed its mind");
    script.ask(ask(REMOTE));
    assert_eq!(route(&script), address(REMOTE), "a better pair is taken at once");
}

/// Guards the silence towards whoever does not know the password.
#[test]
fn cve_40_unauthenticated_requests_are_counted_and_get_no_answer() {
    let mut script = Script::new(Role::Controlled);
    let wrong = || Some("another password, just as long".to_owned());
    for ask in [
        Ask { pwd: wrong(), ..Ask::default() },
        Ask { ufrag: Some("nobody".into()), ..Ask::default() },
        Ask { pwd: wrong(), unknown: vec![0x7f01], ..Ask::default() },
    ] {
        assert!(script.ask(ask).is_empty());
    }
    let mut bare = Vec::new();
    let id = crate::stun::TransactionId([1; 12]);
    MessageBuilder::new(&mut bare, Class::Request, Method::BINDING, id).fingerprint();
    assert!(script.give(REMOTE, bare).is_empty());
    let ufrag = script.agent.local_credentials().ufrag.clone();
    let mut unsigned = Vec::new();
    MessageBuilder::new(&mut unsigned, Class::Request, Method::BINDING, id).username(&ufrag, "peer").fingerprint();
    assert!(script.give(REMOTE, unsigned).is_empty());
    // The right password helps nobody who does not say whom the request is for.
    let local = script.agent.local_credentials().clone();
    for username in [Some(ufrag.as_bytes()), None] {
        let mut unaddressed = Vec::new();
        let mut builder = MessageBuilder::new(&mut unaddressed, Class::Request, Method::BINDING, id);
        if let Some(username) = username {
            builder = builder.attribute(crate::stun::AttributeType::USERNAME, username);
        }
        builder.integrity(&script.key(&local.pwd)).fingerprint();
        assert!(script.give(REMOTE, unaddressed).is_empty());
    }
    assert_eq!(script.agent.stats().unauthenticated, 7);
    assert_eq!((script.agent.stats().errors_sent, script.agent.pairs().count()), (0, 0));
}

/// Guards the size of answers, errors included, over both families.
#[test]
fn cve_40_answers_are_at_most_half_as_long_again_as_their_request() {
    for from in [REMOTE, "[2001:db8::9]:6000"] {
        for (role, unknown) in
            [(Role::Controlled, vec![]), (Role::Controlling, vec![]), (Role::Controlled, (0x7000..0x7100).collect())]
        {
            let mut script = Script::new(Role::Controlling);
            let ask = Ask { from, role, unknown, ..Ask::default() };
            let request = script.request(&ask);
            let len = request.len();
            let sent = script.give(from, request);
            let answer = sent.iter().find(|sent| !sent.is_request()).unwrap();
            assert!(answer.bytes.len() * 2 <= len * 3, "{} bytes for {len}", answer.bytes.len());
        }
        // The shortest request that is answered at all: nothing but username and integrity.
        let mut script = Script::new(Role::Controlling);
        let local = script.agent.local_credentials().clone();
        let mut request = Vec::new();
        MessageBuilder::new(&mut request, Class::Request, Method::BINDING, crate::stun::TransactionId([1; 12]))
            .username(&local.ufrag, "")
            .integrity(&script.key(&local.pwd));
        let len = request.len();
        let sent = script.give(from, request);
        assert!(sent[0].bytes.len() * 2 <= len * 3, "{} bytes for {len}", sent[0].bytes.len());
    }
}

/// Guards what is written into each kind of message: nothing that tells an attacker which version runs here.
#[test]
fn cve_40_no_message_names_the_software() {
    let server = config().with_stun_servers(vec![address("203.0.113.9:3478")]);
    let mut sim = Sim::with(1, Link::with_delay(10 * MS), server.clone(), server, |_, _, _| {});
    let seen = std::rc::Rc::new(std::cell::RefCell::new([0; 3]));
    let log = seen.clone();
    sim.swarm.network.set_tap(move |crossing| {
        let message = Message::parse(crossing.bytes).unwrap();
        log.borrow_mut()[message.class() as usize % 3] += 1;
        let mut rest = &crossing.bytes[20..];
        while let [a, b, c, d, ..] = *rest {
            assert_ne!(u16::from_be_bytes([a, b]), 0x8022, "SOFTWARE");
            rest = rest.get(4 + usize::from(u16::from_be_bytes([c, d])).next_multiple_of(4)..).unwrap_or_default();
        }
    });
    sim.connect(SECOND).unwrap();
    sim.run_for(20 * SECOND);
    assert!(seen.borrow().iter().sum::<i32>() > 20);
}

/// Guards `Message::parse` in front of everything else.
#[test]
fn stun_1_what_is_no_stun_is_counted_and_dropped() {
    let mut script = Script::new(Role::Controlled);
    for junk in [vec![], vec![0], vec![0; 20], vec![0x80; 100], vec![0xff; 3]] {
        assert!(script.give(REMOTE, junk).is_empty());
    }
    assert_eq!(script.agent.stats().malformed, 5);
}

#[test]
fn an_indication_and_another_method_get_no_answer() {
    let mut script = Script::new(Role::Controlled);
    let local = script.agent.local_credentials().clone();
    for (class, method) in [(Class::Indication, Method::BINDING), (Class::Request, Method(3))] {
        let mut bytes = Vec::new();
        MessageBuilder::new(&mut bytes, class, method, crate::stun::TransactionId([1; 12]))
            .username(&local.ufrag, "peer")
            .integrity(&script.key(&local.pwd))
            .fingerprint();
        assert!(script.give(REMOTE, bytes).is_empty());
    }
}

/// A mapped address is the same as the IPv4 address it maps: one pair, validated under either form.
#[test]
fn an_address_that_a_dual_stack_socket_reports_is_the_one_signalled() {
    let mut script = Script::new(Role::Controlled);
    script.name(CANDIDATE);
    script.ask(Ask { from: "[::ffff:198.51.100.2]:6000", ..Ask::default() });
    assert_eq!(script.agent.pairs().count(), 1);
    assert!(script.agent.is_validated(SocketId(0), address(REMOTE)));
    assert!(script.agent.is_validated(SocketId(0), address("[::ffff:198.51.100.2]:6000")));
}

#[test]
fn a_refused_check_fails_its_pair_until_the_peer_checks_it() {
    let (mut script, check) = checking(Role::Controlling);
    script.give(REMOTE, script.error(&check, 401));
    assert_eq!(script.pair().state, PairState::Failed);
    script.now += SECOND;
    let sent = script.ask(Ask::default());
    assert_eq!(sent.iter().filter(|sent| sent.is_request()).count(), 1, "a triggered check");
    assert_eq!(script.pair().state, PairState::InProgress);
}

/// How often an agent asked to use its only pair in so many seconds, of a peer that answers all else; it refuses that with a code, or says
/// nothing to it.
fn nominations(script: &mut Script, mut sent: Vec<Sent>, seconds: u32, code: Option<u16>) -> u32 {
    let mut asked = 0;
    for _ in 0..seconds * 100 {
        for request in sent.iter().filter(|sent| sent.is_request()) {
            let nominates = request.message().use_candidate();
            asked += u32::from(nominates);
            let answer = match code {
                _ if !nominates => script.success(request),
                Some(code) => script.error(request, code),
                None => continue,
            };
            assert!(script.give(REMOTE, answer).is_empty());
        }
        sent = script.after(10 * MS);
    }
    asked
}

/// A peer that answers checks and refuses to be nominated: the pair carries data for a while, and is then given up with a reason, also
/// where the peer goes on checking it. Guards `on_nomination_refused` and `Pair::given_up`.
#[test]
fn a_pair_that_the_peer_refuses_to_use_is_given_up() {
    let (mut script, check) = checking(Role::Controlling);
    let sent = script.give(REMOTE, script.success(&check));
    let asked = nominations(&mut script, sent, 1, Some(500));
    assert!(script.agent.route().is_some() && asked < 15, "asked {asked} times");
    let sent = script.sent();
    let asked = asked + nominations(&mut script, sent, 9, Some(500));
    assert_eq!(asked, 15);
    let given_up = (PairState::Failed, Some(PairFailure::Refused(500)));
    assert_eq!((script.pair().state, script.pair().failure), given_up);
    assert_eq!((script.agent.route(), script.agent.state()), (None, State::Disconnected));
    for _ in 0..30 {
        assert!(!script.ask(Ask::default()).iter().any(Sent::is_request), "no check back");
        assert!(!script.after(SECOND).iter().any(Sent::is_request));
    }
    assert_eq!((script.pair().state, script.pair().failure), given_up);
    assert_eq!(script.agent.state(), State::Failed);
}

/// The same of one that does not even refuse. Guards `Nominee::is_hopeless`.
#[test]
fn a_pair_whose_nomination_is_ignored_is_given_up_after_39_5_seconds() {
    let (mut script, check) = checking(Role::Controlling);
    let sent = script.give(REMOTE, script.success(&check));
    nominations(&mut script, sent, 39, None);
    assert!(script.agent.route().is_some());
    let sent = script.sent();
    nominations(&mut script, sent, 2, None);
    assert_eq!((script.pair().failure, script.agent.route()), (Some(PairFailure::NominationUnanswered), None));
    let sent = script.sent();
    assert_eq!(nominations(&mut script, sent, 40, None), 0);
    assert_eq!(script.agent.state(), State::Failed);
}

/// Guards the repetition of the nomination.
#[test]
fn flt_27_an_unanswered_nomination_is_repeated_and_then_another_pair_has_its_turn() {
    let (mut script, first) = checking(Role::Controlling);
    script.name("2 1 udp 2130706175 198.51.100.3 6000 typ host");
    let second = script.after(50 * MS).remove(0);
    script.give(&second.remote.to_string(), script.success(&second));
    let mut sent = script.give(REMOTE, script.success(&first));
    assert_eq!(sent.len(), 1);
    let (mut times, mut to) = (vec![], vec![]);
    for _ in 0..200 {
        for request in sent.iter().filter(|sent| sent.message().use_candidate()) {
            times.push(script.now);
            to.push(request.remote);
        }
        sent = script.after(10 * MS);
    }
    assert_eq!(to[..5], [address(REMOTE); 5]);
    assert_eq!(to[5], address("198.51.100.3:6000"));
    assert!(times[1].saturating_duration_since(times[0]) < 110 * MS, "{times:?}");
}
