use super::*;
use ortica_core::crypto::rust_crypto;
use ortica_core::{DecodeError, Rng};
use proptest::prelude::*;
use std::net::SocketAddr;

const REQUEST: &[u8] = include_bytes!("../../testdata/rfc5769/request.bin");
const IPV4_RESPONSE: &[u8] = include_bytes!("../../testdata/rfc5769/ipv4-response.bin");
const IPV6_RESPONSE: &[u8] = include_bytes!("../../testdata/rfc5769/ipv6-response.bin");
const LONG_TERM_REQUEST: &[u8] = include_bytes!("../../testdata/rfc5769/long-term-request.bin");
const PASSWORD: &str = "VOkJxbRl1RmTxUk/WvJxBt";

fn key(password: &str) -> IntegrityKey {
    IntegrityKey::short_term(&rust_crypto::provider(), password)
}

fn id() -> TransactionId {
    TransactionId::generate(&mut Rng::from_number(1))
}

/// A request with a username, and whatever `more` appends.
fn request(more: impl FnOnce(MessageBuilder<'_>) -> MessageBuilder<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    more(MessageBuilder::new(&mut out, Class::Request, Method::BINDING, id()).username("abcd", "efgh"));
    out
}

#[test]
fn rfc_5769_request() {
    let message = Message::parse(REQUEST).unwrap();
    assert_eq!((message.class(), message.method()), (Class::Request, Method::BINDING));
    assert_eq!(format!("{:?}", message.transaction()), "b7e7a701bc34d686fa87dfae");
    assert_eq!(message.attribute(AttributeType::SOFTWARE), Some(&b"STUN test client"[..]));
    assert_eq!(message.priority(), Ok(Some(0x6e00_01ff)));
    assert_eq!(message.ice_controlled(), Ok(Some(0x932f_f9b1_5126_3b36)));
    assert_eq!(message.ice_controlling(), Ok(None));
    assert_eq!(message.username(), Some("evtj:h6vY"));
    assert!(message.has_fingerprint() && message.verify_integrity(&key(PASSWORD)));
    assert!(!message.verify_integrity(&key("VOkJxbRl1RmTxUk/WvJxBT")));
    assert_eq!((stun_username(REQUEST), stun_answer(REQUEST)), (Some("evtj:h6vY"), None));
}

#[test]
fn rfc_5769_responses() {
    for (bytes, mapped) in
        [(IPV4_RESPONSE, "192.0.2.1:32853"), (IPV6_RESPONSE, "[2001:db8:1234:5678:11:2233:4455:6677]:32853")]
    {
        let message = Message::parse(bytes).unwrap();
        assert_eq!(message.class(), Class::Success);
        assert_eq!(message.xor_mapped_address(), Ok(Some(mapped.parse().unwrap())));
        assert!(message.has_fingerprint() && message.verify_integrity(&key(PASSWORD)));
        assert_eq!(stun_answer(bytes), Some(message.transaction()));
        assert!((0..HEADER_LEN).all(|len| stun_answer(&bytes[..len]).is_none()));
    }
}

#[test]
fn rfc_5769_long_term_request() {
    let message = Message::parse(LONG_TERM_REQUEST).unwrap();
    assert_eq!(message.username(), Some("\u{30DE}\u{30C8}\u{30EA}\u{30C3}\u{30AF}\u{30B9}"));
    assert_eq!(message.attribute(AttributeType::NONCE), Some(&b"f//499k954d6OL34oL9FSTvy64sA"[..]));
    assert_eq!(message.attribute(AttributeType::REALM), Some(&b"example.org"[..]));
    assert!(!message.has_fingerprint() && message.has_integrity());
}

/// Guards the attribute's place, its truncation and its key: the longer attribute behind the shorter one, and neither behind it.
#[test]
fn stun_2_both_integrity_attributes_are_read_in_their_order() {
    let provider = rust_crypto::provider();
    let long = LongTermKey::derive(&provider, PasswordAlgorithm::Sha256, "alice", "example.org", "wonder");
    let [sha1, sha256] = [Integrity::Sha1, Integrity::Sha256].map(|integrity| long.integrity(&provider, integrity));
    let both = request(|it| it.priority(1).integrity(&sha1).integrity(&sha256).fingerprint());
    let message = Message::parse(&both).unwrap();
    assert!(message.verify_integrity(&sha1) && message.verify_integrity(&sha256));
    assert_eq!(message.priority(), Ok(Some(1)));
    let turned = request(|it| it.integrity(&sha256).integrity(&sha1).priority(1));
    let message = Message::parse(&turned).unwrap();
    assert!(!message.verify_integrity(&sha1) && message.verify_integrity(&sha256));
    assert_eq!(message.priority(), Ok(None));
    for at in (0..both.len() - 44).filter(|at| ![2, 3].contains(at)) {
        let mut bad = both.clone();
        bad[at] ^= 0x10;
        let verified = Message::parse(&bad[..]).is_ok_and(|message| message.verify_integrity(&sha256));
        assert!(!verified, "byte {at}");
    }
    // The sender may leave out up to sixteen bytes, and says so in the length that the HMAC sees.
    for len in 0..40 {
        let mut before = request(|it| it);
        let length = (before.len() - 20 + 4 + len) as u16;
        before[2..4].copy_from_slice(&length.to_be_bytes());
        let tag = provider.hash.hmac_key(ortica_core::crypto::HashAlgorithm::Sha256, long.as_bytes()).sign(&[&before]);
        let mut value = tag.to_vec();
        value.resize(len, 0);
        let bytes = request(|it| it.attribute(AttributeType::MESSAGE_INTEGRITY_SHA256, &value));
        let verified = Message::parse(&bytes).is_ok_and(|message| message.verify_integrity(&sha256));
        assert_eq!(verified, (16..=32).contains(&len) && len % 4 == 0, "{len}");
    }
}

/// The key of long-term credentials, and with it the whole vector.
#[test]
fn rfc_5769_long_term_request_verifies() {
    let provider = rust_crypto::provider();
    let message = Message::parse(LONG_TERM_REQUEST).unwrap();
    let username = message.username().unwrap();
    let key = LongTermKey::derive(&provider, PasswordAlgorithm::Md5, username, "example.org", "TheMatrIX");
    assert!(message.verify_integrity(&key.integrity(&provider, Integrity::Sha1)));
}

/// The builder writes the same bytes, but for the vector's padding of spaces.
#[test]
fn the_builder_writes_what_rfc_5769_shows() {
    for (bytes, software, mapped) in [
        (IPV4_RESPONSE, "test vector", "192.0.2.1:32853"),
        (IPV6_RESPONSE, "test vector", "[2001:db8:1234:5678:11:2233:4455:6677]:32853"),
    ] {
        let transaction = Message::parse(bytes).unwrap().transaction();
        let mut out = Vec::new();
        MessageBuilder::new(&mut out, Class::Success, Method::BINDING, transaction)
            .attribute(AttributeType::SOFTWARE, software.as_bytes())
            .xor_mapped_address(mapped.parse().unwrap());
        // The vector pads with a space, a builder with zeros, and both checksums see the padding.
        let padding = out.iter().zip(bytes).position(|(ours, theirs)| ours != theirs && *theirs == b' ');
        assert_eq!(padding, Some(HEADER_LEN + 4 + software.len()));
        out[HEADER_LEN + 4 + software.len()] = b' ';
        let integrity = key(PASSWORD).sign(&out);
        assert_eq!(out[4..], bytes[4..out.len()]);
        assert_eq!(integrity, bytes[out.len() + 4..out.len() + 24]);
    }
}

/// Guards the header checks: anything else that shares the port is not taken for STUN.
#[test]
fn stun_1_cookie_first_bits_and_length_tell_stun() {
    let message = request(|it| it);
    assert!(is_stun(&message) && Message::parse(&message).is_ok());
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = message.clone();
        change(&mut bytes);
        Message::parse(&bytes).err()
    };
    assert_eq!(with(&|it| it[0] |= 0x40), Some(DecodeError::Invalid("message type")));
    assert_eq!(with(&|it| it[0] |= 0x80), Some(DecodeError::Invalid("message type")));
    assert_eq!(with(&|it| it[4] ^= 1), Some(DecodeError::Invalid("magic cookie")));
    assert_eq!(with(&|it| it[3] -= 4), Some(DecodeError::Invalid("message length")));
    assert_eq!(with(&|it| it[3] += 4), Some(DecodeError::Invalid("message length")));
    assert_eq!(with(&|it| it.push(0)), Some(DecodeError::Invalid("message length")));
    let unaligned = |it: &mut Vec<u8>| {
        it.push(0);
        it[3] += 1;
    };
    assert_eq!(with(&unaligned), Some(DecodeError::Invalid("message length")));
    assert_eq!(Message::parse(&[]).err(), Some(DecodeError::Truncated("message type")));
    for len in 0..message.len() {
        assert!(Message::parse(&message[..len]).is_err());
    }
    for other in [&[][..], &[0; 7], &[20; 30], &[0x80; 30], &[4, 0, 0, 0, 0x21, 0x12, 0xa4, 0x42]] {
        assert!(!is_stun(other) && stun_username(other).is_none() && stun_answer(other).is_none());
    }
}

/// Guards the end of the covered attributes.
#[test]
fn stun_2_attributes_after_the_integrity_are_ignored() {
    let smuggled = |out: MessageBuilder<'_>| {
        out.attribute(AttributeType::USE_CANDIDATE, &[]).attribute(AttributeType(0x7777), &[]).priority(7);
    };
    let mut bytes = Vec::new();
    let builder = MessageBuilder::new(&mut bytes, Class::Request, Method::BINDING, id());
    smuggled(builder.username("abcd", "efgh").integrity(&key(PASSWORD)));
    let message = Message::parse(&bytes).unwrap();
    assert!(message.verify_integrity(&key(PASSWORD)), "the length is the one that ends with the integrity");
    assert!(!message.use_candidate());
    assert_eq!(message.priority(), Ok(None));
    assert_eq!(message.unknown_attributes().count(), 0);
    assert_eq!(message.username(), Some("abcd:efgh"));
    // A username after the integrity routes nowhere either.
    let late = {
        let mut out = Vec::new();
        MessageBuilder::new(&mut out, Class::Request, Method::BINDING, id())
            .integrity(&key(PASSWORD))
            .username("a", "b");
        out
    };
    assert_eq!((stun_username(&late), Message::parse(&late).unwrap().username()), (None, None));
}

/// Guards the place and the value of FINGERPRINT.
#[test]
fn stun_2_a_fingerprint_is_last_and_right() {
    let good = request(|it| it.integrity(&key(PASSWORD)).fingerprint());
    let message = Message::parse(&good).unwrap();
    assert!(message.has_fingerprint() && message.verify_integrity(&key(PASSWORD)));
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1;
        assert!(!Message::parse(&bad).is_ok_and(|message| message.has_fingerprint()), "byte {at}");
    }
    let mut followed = request(|it| it.fingerprint().priority(1));
    let at = followed.len() - 16;
    let value = integrity::fingerprint(&followed[..at]).to_be_bytes();
    followed[at + 4..at + 8].copy_from_slice(&value);
    assert_eq!(Message::parse(&followed).err(), Some(DecodeError::Trailing("fingerprint")));
    let short = request(|it| it.attribute(AttributeType::FINGERPRINT, &[1, 2]));
    assert_eq!(Message::parse(&short).err(), Some(DecodeError::Invalid("fingerprint")));
}

#[test]
fn a_changed_byte_breaks_the_integrity() {
    let good = request(|it| it.priority(1).integrity(&key(PASSWORD)));
    for at in (0..good.len()).filter(|at| ![2, 3].contains(at)) {
        let mut bad = good.clone();
        bad[at] ^= 0x10;
        let verified = Message::parse(&bad).is_ok_and(|message| message.verify_integrity(&key(PASSWORD)));
        assert!(!verified, "byte {at}");
    }
    let plain = request(|it| it);
    assert!(!Message::parse(&plain).unwrap().verify_integrity(&key(PASSWORD)), "none is not a right one");
}

/// Guards `Message::unknown_attributes`: the upper half of the types may be ignored, the lower may not.
#[test]
fn stun_3_unknown_attributes_are_listed_if_they_matter() {
    let bytes = request(|it| {
        it.attribute(AttributeType(0x7f01), &[1])
            .attribute(AttributeType(0xc001), &[1])
            .attribute(AttributeType(0x0030), &[])
    });
    let unknown: Vec<_> = Message::parse(&bytes).unwrap().unknown_attributes().collect();
    assert_eq!(unknown, [AttributeType(0x7f01), AttributeType(0x0030)]);
}

/// Guards the builder's padding: leftovers of the caller's buffer stay there.
#[test]
fn stun_4_padding_is_zero_when_written_and_ignored_when_read() {
    for len in 0..9 {
        let mut out = vec![0xff; 64];
        out.truncate(3);
        MessageBuilder::new(&mut out, Class::Request, Method::BINDING, id())
            .attribute(AttributeType::SOFTWARE, &vec![7; len]);
        let bytes = &mut out[3..];
        assert_eq!(bytes.len(), HEADER_LEN + 4 + len.next_multiple_of(4));
        assert!(bytes[HEADER_LEN + 4 + len..].iter().all(|byte| *byte == 0));
        bytes[HEADER_LEN + 4 + len..].fill(0xaa);
        assert_eq!(Message::parse(bytes).unwrap().attribute(AttributeType::SOFTWARE), Some(&vec![7; len][..]));
    }
}

/// Guards every getter against every length: an error or an absence, and no panic.
#[test]
fn cve_44_getters_are_total_for_all_lengths() {
    let types = [
        AttributeType::MAPPED_ADDRESS,
        AttributeType::USERNAME,
        AttributeType::MESSAGE_INTEGRITY,
        AttributeType::ERROR_CODE,
        AttributeType::UNKNOWN_ATTRIBUTES,
        AttributeType::XOR_MAPPED_ADDRESS,
        AttributeType::PRIORITY,
        AttributeType::USE_CANDIDATE,
        AttributeType::FINGERPRINT,
        AttributeType::ICE_CONTROLLED,
        AttributeType::ICE_CONTROLLING,
        AttributeType::CHANNEL_NUMBER,
        AttributeType::LIFETIME,
        AttributeType::XOR_PEER_ADDRESS,
        AttributeType::DATA,
        AttributeType::XOR_RELAYED_ADDRESS,
        AttributeType::REQUESTED_ADDRESS_FAMILY,
        AttributeType::REQUESTED_TRANSPORT,
        AttributeType::EVEN_PORT,
        AttributeType::RESERVATION_TOKEN,
        AttributeType::CONNECTION_ID,
        AttributeType::ADDITIONAL_ADDRESS_FAMILY,
        AttributeType::MESSAGE_INTEGRITY_SHA256,
        AttributeType::PASSWORD_ALGORITHM,
        AttributeType::PASSWORD_ALGORITHMS,
        AttributeType::USERHASH,
        AttributeType::ALTERNATE_SERVER,
    ];
    for attribute in types {
        for len in 0..=40usize {
            for fill in [0, 1, 2, 4, 0xff] {
                let mut bytes = Vec::new();
                MessageBuilder::new(&mut bytes, Class::Success, Method::BINDING, id())
                    .attribute(attribute, &vec![fill; len]);
                let Ok(message) = Message::parse(&bytes) else { continue };
                let address = message.xor_mapped_address();
                let right =
                    attribute != AttributeType::XOR_MAPPED_ADDRESS || fill == 1 && len == 8 || fill == 2 && len == 20;
                assert_eq!(address.is_ok(), right, "{attribute:?} of {len}");
                let _ = (message.mapped_address(), message.error_code(), message.username(), message.use_candidate());
                let number = (message.priority(), message.ice_controlled(), message.ice_controlling());
                assert_eq!(number.0.is_ok(), attribute != AttributeType::PRIORITY || len == 4);
                assert_eq!(number.1.is_ok(), attribute != AttributeType::ICE_CONTROLLED || len == 8);
                assert_eq!(number.2.is_ok(), attribute != AttributeType::ICE_CONTROLLING || len == 8);
                for (ours, has) in [
                    (AttributeType::LIFETIME, message.lifetime().is_ok()),
                    (AttributeType::CHANNEL_NUMBER, message.channel_number().is_ok()),
                    (AttributeType::CONNECTION_ID, message.connection_id().is_ok()),
                    (AttributeType::REQUESTED_TRANSPORT, message.requested_transport().is_ok()),
                    (AttributeType::REQUESTED_ADDRESS_FAMILY, message.requested_address_family().is_ok()),
                    (AttributeType::ADDITIONAL_ADDRESS_FAMILY, message.additional_address_family().is_ok()),
                ] {
                    assert_eq!(has, attribute != ours || len == 4, "{attribute:?} of {len}");
                }
                assert_eq!(message.even_port().is_ok(), attribute != AttributeType::EVEN_PORT || len == 1);
                let is_address = fill == 1 && len == 8 || fill == 2 && len == 20;
                let peer = message.xor_peer_address();
                assert_eq!(peer.is_ok(), attribute != AttributeType::XOR_PEER_ADDRESS || is_address);
                assert_eq!(
                    message.alternate_server().is_ok(),
                    attribute != AttributeType::ALTERNATE_SERVER || is_address
                );
                let _ = (message.password_algorithm(), message.password_algorithms().count());
                assert!(!message.verify_integrity(&key(PASSWORD)));
                let _ = (message.unknown_attributes().count(), stun_username(&bytes));
            }
        }
    }
}

/// Guards the decoding of addresses, which ends in an error and not beyond the value.
#[test]
fn stun_4_addresses_of_odd_lengths_and_families_are_errors() {
    for value in [&[][..], &[0, 1, 2, 3], &[0, 1, 0, 9, 1, 2, 3], &[0, 3, 0, 9, 1, 2, 3, 4], &[0, 2, 0, 9, 1, 2, 3, 4]]
    {
        let bytes = request(|it| it.attribute(AttributeType::XOR_MAPPED_ADDRESS, value));
        assert!(Message::parse(&bytes).unwrap().xor_mapped_address().is_err(), "{value:?}");
    }
}

/// What servers of RFC 3489 and 5780 add: an address in the clear, and more that may be ignored.
#[test]
fn addresses_in_the_clear_are_read_beside_what_may_be_ignored() {
    let value = [0, 1, 0xcf, 0x3e, 80, 200, 136, 90];
    let bytes = request(|it| {
        it.attribute(AttributeType::MAPPED_ADDRESS, &value)
            .attribute(AttributeType(0x802b), &value)
            .attribute(AttributeType(0x802c), &value)
            .attribute(AttributeType::SOFTWARE, b"a server")
    });
    let message = Message::parse(&bytes).unwrap();
    assert_eq!(message.mapped_address(), Ok(Some("80.200.136.90:53054".parse().unwrap())));
    assert_eq!(message.xor_mapped_address(), Ok(None));
    assert_eq!(message.unknown_attributes().count(), 0);
}

/// Guards `TransactionId::generate`: all of its bytes are drawn.
#[test]
fn stun_6_transaction_ids_are_96_random_bits() {
    let mut rng = Rng::from_number(1);
    let ids: Vec<_> = (0..1000).map(|_| TransactionId::generate(&mut rng)).collect();
    for byte in 0..12 {
        let different = ids.iter().map(|id| id.0[byte]).collect::<std::collections::BTreeSet<_>>().len();
        assert!(different > 200, "byte {byte} takes {different} values");
    }
}

#[test]
fn every_method_and_class_survives() {
    for method in 0..0x1000 {
        for class in [Class::Request, Class::Indication, Class::Success, Class::Error] {
            let mut bytes = Vec::new();
            MessageBuilder::new(&mut bytes, class, Method(method), id());
            let message = Message::parse(&bytes).unwrap();
            assert_eq!((message.class(), message.method()), (class, Method(method)));
        }
    }
}

#[test]
fn error_codes_have_three_digits() {
    let bytes = request(|it| it.error_code(ErrorCode { code: 487, reason: "Role Conflict" }));
    assert_eq!(
        Message::parse(&bytes).unwrap().error_code(),
        Ok(Some(ErrorCode { code: ErrorCode::ROLE_CONFLICT, reason: "Role Conflict" }))
    );
    assert_eq!(Message::parse(&request(|it| it)).unwrap().error_code(), Ok(None));
    for value in [&[0, 0, 2, 0][..], &[0, 0, 7, 0], &[0, 0, 4, 100], &[0, 0, 4], &[]] {
        let bytes = request(|it| it.attribute(AttributeType::ERROR_CODE, value));
        assert!(Message::parse(&bytes).unwrap().error_code().is_err());
    }
}

#[test]
fn what_the_length_field_cannot_say_is_left_out() {
    let bytes = request(|it| it.attribute(AttributeType::SOFTWARE, &[1; 70_000]).priority(5));
    assert_eq!(Message::parse(&bytes).unwrap().priority(), Ok(Some(5)));
    let bytes = request(|it| {
        (0..40)
            .fold(it, |it, _| it.attribute(AttributeType::SOFTWARE, &[1; 2_000]))
            .attribute(AttributeType::REALM, &[])
    });
    assert!(Message::parse(&bytes).is_ok());
}

#[test]
fn the_corpus_does_not_panic() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/stun");
    let mut parsed = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        let _ = (is_stun(&bytes), stun_username(&bytes), stun_answer(&bytes));
        if let Ok(message) = Message::parse(&bytes) {
            parsed += 1;
            let _ = (message.xor_mapped_address(), message.mapped_address(), message.error_code(), message.username());
            let _ = message.verify_integrity(&key(PASSWORD));
        }
    }
    assert!(parsed >= 15, "{parsed} of the corpus are messages");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_is_read(
        ufrags in ("[a-zA-Z0-9+/]{4,20}", "[a-zA-Z0-9+/]{4,20}"),
        priority: u32,
        tie_breaker: u64,
        address: SocketAddr,
        id: [u8; 12],
        code in 300u16..700,
        software in "\\PC{0,40}",
    ) {
        let key = key("a password");
        let mut bytes = vec![1, 2, 3];
        MessageBuilder::new(&mut bytes, Class::Request, Method::BINDING, TransactionId(id))
            .username(&ufrags.0, &ufrags.1)
            .priority(priority)
            .ice_controlling(tie_breaker)
            .use_candidate()
            .xor_mapped_address(address)
            .error_code(ErrorCode { code, reason: &software })
            .attribute(AttributeType::SOFTWARE, software.as_bytes())
            .integrity(&key)
            .fingerprint();
        prop_assert_eq!(&bytes[..3], &[1, 2, 3]);
        let message = Message::parse(&bytes[3..]).unwrap();
        prop_assert_eq!(message.transaction(), TransactionId(id));
        let username = format!("{}:{}", ufrags.0, ufrags.1);
        prop_assert_eq!(message.username(), Some(&username[..]));
        prop_assert_eq!(message.priority(), Ok(Some(priority)));
        prop_assert_eq!(message.ice_controlling(), Ok(Some(tie_breaker)));
        prop_assert!(message.use_candidate());
        let mapped = message.xor_mapped_address().unwrap().unwrap();
        prop_assert_eq!((mapped.ip(), mapped.port()), (address.ip(), address.port()));
        prop_assert_eq!(message.error_code(), Ok(Some(ErrorCode { code, reason: &software })));
        prop_assert!(message.verify_integrity(&key) && message.has_fingerprint());
    }

    #[test]
    fn arbitrary_attributes_do_not_panic(mut bytes: Vec<u8>) {
        bytes.truncate(bytes.len() / 4 * 4);
        let mut message = vec![0, 1];
        message.extend_from_slice(&(bytes.len() as u16).to_be_bytes());
        message.extend_from_slice(&MAGIC_COOKIE.to_be_bytes());
        message.extend_from_slice(&[0; 12]);
        message.extend_from_slice(&bytes);
        let _ = stun_username(&message);
        if let Ok(message) = Message::parse(&message) {
            let _ = (message.attributes().count(), message.xor_mapped_address(), message.error_code());
        }
    }
}
