//! A STUN message: every accessor, with and without a key.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ortica_fuzz::provider;
use ortica_ice::stun::{Class, IntegrityKey, Message};

fuzz_target!(|input: &[u8]| {
    let _ = (ortica_ice::is_stun(input), ortica_ice::stun_username(input));
    let answer = ortica_ice::stun_answer(input);
    let Ok(message) = Message::parse(input) else { return };
    // Beyond first bytes of 3 it is still STUN, but not what a shared port takes for it.
    assert_eq!(ortica_ice::is_stun(input), input[0] <= 3);
    let is_answer = matches!(message.class(), Class::Success | Class::Error) && input[0] <= 3;
    assert_eq!(answer, is_answer.then_some(message.transaction()));
    let _ = message.verify_integrity(&IntegrityKey::short_term(&provider(), "password"));
    let _ = (message.class(), message.method(), message.transaction(), message.has_fingerprint(), message.username());
    let _ = (message.xor_mapped_address(), message.mapped_address(), message.error_code(), message.priority());
    let _ = (message.ice_controlling(), message.ice_controlled(), message.use_candidate());
    assert!(message.attributes().count() <= input.len() / 4);
    let _ = message.unknown_attributes().count();
});
