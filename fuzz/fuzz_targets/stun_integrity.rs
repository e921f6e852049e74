//! A message that is signed: it verifies with its key alone, and with no other bit in what is covered; what follows changes nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ortica_fuzz::{Script, provider};
use ortica_ice::stun::{AttributeType, Class, IntegrityKey, Message, MessageBuilder, Method, TransactionId};

/// Any attribute but those that protect a message.
fn append<'a>(builder: MessageBuilder<'a>, script: &mut Script<'_>) -> MessageBuilder<'a> {
    let attribute = AttributeType(script.u16());
    let protects =
        [AttributeType::MESSAGE_INTEGRITY, AttributeType::MESSAGE_INTEGRITY_SHA256, AttributeType::FINGERPRINT];
    let attribute = if protects.contains(&attribute) { AttributeType::SOFTWARE } else { attribute };
    let len = usize::from(script.u8() % 64);
    builder.attribute(attribute, script.bytes(len))
}

fuzz_target!(|input: &[u8]| {
    let mut script = Script::new(input);
    let key = |password: &str| IntegrityKey::short_term(&provider(), password);
    let (key, other) = (key("a password that both know"), key("a password that one knows"));
    let flip = usize::from(script.u16());
    let fingerprint = script.u8() % 2 == 0;
    let class = [Class::Request, Class::Indication, Class::Success, Class::Error][script.below(4)];
    let (method, mut id) = (Method(script.u16() & 0x0fff), [0; 12]);
    id.iter_mut().zip(script.bytes(12)).for_each(|(to, from)| *to = *from);

    let mut bytes = Vec::new();
    let mut builder = MessageBuilder::new(&mut bytes, class, method, TransactionId(id));
    let (before, after) = (script.u8() % 8, script.u8() % 4);
    for _ in 0..before {
        builder = append(builder, &mut script);
    }
    builder = builder.integrity(&key);
    let covered = builder.len();
    for _ in 0..after {
        builder = append(builder, &mut script);
    }
    if fingerprint {
        builder.fingerprint();
    }
    let message = Message::parse(&bytes).expect("what the builder writes is a message");
    assert!(message.verify_integrity(&key) && !message.verify_integrity(&other));
    assert_eq!((message.attributes().count(), message.has_fingerprint()), (usize::from(before), fingerprint));

    let at = flip / 8 % bytes.len();
    bytes[at] ^= 1 << (flip % 8);
    let Ok(message) = Message::parse(&bytes) else { return };
    assert_eq!(message.verify_integrity(&key), at >= covered, "a bit of byte {at}, {covered} are covered");
    if at >= covered {
        assert_eq!(message.attributes().count(), usize::from(before));
    }
});
