//! An address attribute, in the clear and masked: what can be read is written as it was.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ortica_ice::stun::{AttributeType, Class, Message, MessageBuilder, Method, TransactionId};

fuzz_target!(|input: &[u8]| {
    let Some((id, value)) = input.split_first_chunk::<12>() else { return };
    if value.len() > 4_096 {
        return;
    }
    let id = TransactionId(*id);
    let mut bytes = Vec::new();
    MessageBuilder::new(&mut bytes, Class::Success, Method::BINDING, id)
        .attribute(AttributeType::XOR_MAPPED_ADDRESS, value)
        .attribute(AttributeType::MAPPED_ADDRESS, value);
    let message = Message::parse(&bytes).expect("what the builder writes is a message");
    let (masked, clear) = (message.xor_mapped_address(), message.mapped_address());
    let sound = match value {
        [_, 1, rest @ ..] => rest.len() == 6,
        [_, 2, rest @ ..] => rest.len() == 18,
        _ => false,
    };
    assert_eq!((masked.is_ok(), clear.is_ok()), (sound, sound));
    let (Ok(Some(masked)), Ok(Some(clear))) = (masked, clear) else { return };
    assert_eq!((masked.port() ^ clear.port(), masked.is_ipv4()), (0x2112, clear.is_ipv4()));
    let mut again = Vec::new();
    MessageBuilder::new(&mut again, Class::Success, Method::BINDING, id).xor_mapped_address(masked);
    let again = Message::parse(&again).expect("what the builder writes is a message");
    let again = again.attribute(AttributeType::XOR_MAPPED_ADDRESS).expect("it was written");
    // Nobody looks at the first byte.
    assert_eq!(again[1..], value[1..]);
});
