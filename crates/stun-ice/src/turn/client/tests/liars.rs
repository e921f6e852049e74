//! Servers that lie, and people who speak for them.

use super::*;

/// What a server says, and the end of it: within a bounded number of requests.
fn ends_in(error: &TurnError, mut answer: impl FnMut(&mut Script, &Sent)) {
    let mut script = Script::allocated();
    script.client.probe(script.now);
    for _ in 0..20 {
        let Some(sent) = script.sent() else { break };
        answer(&mut script, &sent);
    }
    script.assert_failed(error);
}

#[test]
fn endless_438_ends_in_an_error() {
    ends_in(&TurnError::StaleNonces, |script, sent| script.challenge(sent, 438));
}

#[test]
fn endless_437_ends_in_an_error() {
    ends_in(&TurnError::Refused { code: 437, reason: "no".to_owned() }, |script, sent| script.refuse(sent, 437));
}

#[test]
fn an_allocation_that_is_forgotten_at_once_ends_in_an_error() {
    ends_in(&TurnError::Unstable, |script, sent| {
        if sent.method() == Method::ALLOCATE {
            script.grant_allocation(sent, relayed(5));
            script.client.probe(script.now);
        } else {
            script.refuse(sent, 437);
        }
    });
}

/// A good life in between is worth new tries.
#[test]
fn a_server_may_start_anew_every_minute() {
    let mut script = Script::allocated();
    for round in 2..12 {
        script.wait(seconds(61));
        script.client.probe(script.now);
        let refresh = script.sent_one(Method::REFRESH);
        script.refuse(&refresh, 437);
        assert_eq!(script.events(), [ClientEvent::Lost]);
        script.allocate(relayed(round));
    }
}

#[test]
fn refusals_end_with_code_and_reason() {
    for code in [400, 403, 420, 440, 442, 486, 500, 508] {
        let mut script = Script::new();
        let first = script.sent_one(Method::ALLOCATE);
        script.challenge(&first, 401);
        let second = script.sent_one(Method::ALLOCATE);
        script.refuse(&second, code);
        let error = TurnError::Refused { code, reason: "no".to_owned() };
        assert_eq!(error.code(), Some(code));
        script.assert_failed(&error);
    }
}

/// Guards each check of what an allocation says.
#[test]
fn allocations_that_cannot_be_are_refused() {
    type Change = fn(MessageBuilder<'_>) -> MessageBuilder<'_>;
    const RELAYED: AttributeType = AttributeType::XOR_RELAYED_ADDRESS;
    let good: Change = |it| it.xor_mapped_address(mapped()).lifetime(seconds(600));
    let cases: [(&str, Change); 9] = [
        ("relayed address", |it| it),
        ("relayed address", |it| it.xor_address(RELAYED, "[2001:db8::1]:9".parse().unwrap())),
        ("relayed address", |it| it.xor_address(RELAYED, relayed(1)).xor_address(RELAYED, relayed(2))),
        ("relayed address", |it| {
            it.xor_address(RELAYED, relayed(1)).xor_address(RELAYED, "[2001:db8::1]:9".parse().unwrap())
        }),
        ("relayed address", |it| it.xor_address(RELAYED, relayed(0))),
        ("relayed address", |it| it.xor_address(RELAYED, "0.0.0.0:9".parse().unwrap())),
        ("relayed address", |it| it.xor_address(RELAYED, "224.0.0.1:9".parse().unwrap())),
        ("relayed address", |it| it.attribute(RELAYED, &[0, 1, 2])),
        ("relayed address", |it| it.attribute(RELAYED, &[0, 3, 0, 1, 1, 2, 3, 4])),
    ];
    let check = |name: &'static str, more: &dyn Fn(MessageBuilder<'_>) -> MessageBuilder<'_>| {
        let mut script = Script::new();
        let first = script.sent_one(Method::ALLOCATE);
        script.challenge(&first, 401);
        let second = script.sent_one(Method::ALLOCATE);
        script.client.permit(script.now, peer(1));
        let mut bytes = Vec::new();
        more(MessageBuilder::new(&mut bytes, Class::Success, Method::ALLOCATE, second.id())).integrity(&script.key);
        script.client.handle_packet(script.now, &bytes);
        script.assert_failed(&TurnError::InvalidAnswer(name));
    };
    for (name, change) in cases {
        check(name, &|it| change(good(it)));
    }
    check("mapped address", &|it| it.xor_address(RELAYED, relayed(1)).lifetime(seconds(600)));
    check("mapped address", &|it| {
        it.xor_address(RELAYED, relayed(1)).lifetime(seconds(600)).xor_mapped_address("0.0.0.0:0".parse().unwrap())
    });
    check("lifetime", &|it| it.xor_address(RELAYED, relayed(1)).xor_mapped_address(mapped()));
    check("lifetime", &|it| it.xor_address(RELAYED, relayed(1)).xor_mapped_address(mapped()).lifetime(Duration::ZERO));
}

/// Guards `is_authentic`: without the password nobody grants, refuses or redirects.
#[test]
fn answers_without_the_right_integrity_count_for_nothing() {
    for class in [Class::Success, Class::Error] {
        let mut script = Script::new();
        let first = script.sent_one(Method::ALLOCATE);
        script.challenge(&first, 401);
        let second = script.sent_one(Method::ALLOCATE);
        for signed in [false, true] {
            let mut bytes = Vec::new();
            let builder = MessageBuilder::new(&mut bytes, class, Method::ALLOCATE, second.id())
                .error_code(ErrorCode { code: 300, reason: "" })
                .alternate_server(peer(6))
                .xor_address(AttributeType::XOR_RELAYED_ADDRESS, peer(6))
                .xor_mapped_address(mapped())
                .lifetime(seconds(600));
            if signed {
                builder.integrity(&IntegrityKey::short_term(&rust_crypto::provider(), "guessed"));
            }
            script.client.handle_packet(script.now, &bytes);
        }
        assert_eq!((script.events(), script.client.stats().responses_forged), (vec![], 2));
        // The real answer is still waited for.
        script.grant_allocation(&second, relayed(1));
        assert_eq!(script.events().len(), 1);
    }
}

#[test]
fn forged_answers_alone_end_in_an_error_that_says_so() {
    for is_stream in [false, true] {
        let mut script = Script::with(|config| config.is_stream = is_stream);
        let first = script.sent_one(Method::ALLOCATE);
        script.challenge(&first, 401);
        let second = script.sent_one(Method::ALLOCATE);
        script.answer(&second, |it| it.error_code(ErrorCode { code: 403, reason: "" }));
        if !is_stream {
            assert!(script.events().is_empty());
            script.wait(seconds(10));
        }
        script.assert_failed(&TurnError::Forged);
    }
}

/// Guards the dropping of what is not understood, and of answers to nothing.
#[test]
fn stun_3_answers_with_unknown_attributes_are_dropped() {
    let mut script = Script::new();
    let first = script.sent_one(Method::ALLOCATE);
    script.challenge(&first, 401);
    let second = script.sent_one(Method::ALLOCATE);
    script.succeed(&second, |it| {
        it.xor_address(AttributeType::XOR_RELAYED_ADDRESS, relayed(1))
            .xor_mapped_address(mapped())
            .lifetime(seconds(600))
            .attribute(AttributeType(0x7fff), &[])
    });
    assert_eq!((script.events(), script.client.stats().packets_dropped), (vec![], 1));
    // Neither another transaction nor another method is answered.
    for (method, id) in [(Method::ALLOCATE, TransactionId([3; 12])), (Method::REFRESH, second.id())] {
        let mut bytes = Vec::new();
        MessageBuilder::new(&mut bytes, Class::Success, method, id).lifetime(seconds(600)).integrity(&script.key);
        script.client.handle_packet(script.now, &bytes);
    }
    assert_eq!((script.events(), script.client.stats().packets_dropped), (vec![], 3));
}

#[test]
fn a_challenge_that_says_nothing_ends_in_an_error() {
    type Change = fn(MessageBuilder<'_>) -> MessageBuilder<'_>;
    const REALM: AttributeType = AttributeType::REALM;
    const NONCE: AttributeType = AttributeType::NONCE;
    let cases: [(&str, Change); 6] = [
        ("realm", |it| it.attribute(NONCE, b"n")),
        ("realm", |it| it.attribute(NONCE, b"n").attribute(REALM, b"")),
        ("realm", |it| it.attribute(NONCE, b"n").attribute(REALM, &[0xff])),
        ("nonce", |it| it.attribute(REALM, b"r")),
        ("nonce", |it| it.attribute(REALM, b"r").attribute(NONCE, &[b'n'; 764])),
        ("realm", |it| it.attribute(REALM, &[b'r'; 764]).attribute(NONCE, b"n")),
    ];
    for (name, change) in cases {
        let mut script = Script::new();
        let first = script.sent_one(Method::ALLOCATE);
        script.answer(&first, |it| change(it.error_code(ErrorCode { code: 401, reason: "" })));
        script.assert_failed(&TurnError::InvalidAnswer(name));
    }
}
