//! Long-term credentials.

use super::*;

/// A client that was challenged by a nonce with these features and that list.
fn challenged(features: SecurityFeatures, algorithms: Option<&[u8]>) -> Script {
    let mut script = Script::new();
    script.nonce = [&features.nonce_prefix()[..], b"-1"].concat();
    let (first, nonce) = (script.sent_one(Method::ALLOCATE), script.nonce.clone());
    script.answer(&first, |it| {
        let it = it
            .error_code(ErrorCode { code: 401, reason: "prove it" })
            .attribute(AttributeType::REALM, REALM.as_bytes())
            .attribute(AttributeType::NONCE, &nonce);
        algorithms.into_iter().fold(it, |it, list| it.attribute(AttributeType::PASSWORD_ALGORITHMS, list))
    });
    script
}

const ALGORITHMS: SecurityFeatures = SecurityFeatures { password_algorithms: true, username_anonymity: false };
const SHA_256_FIRST: &[u8] = &[0, 2, 0, 0, 0, 1, 0, 0];

/// Guards the choice of algorithm: the first that is known, sent along with the list, and HMAC-SHA256 from then on.
#[test]
fn stun_7_the_first_known_algorithm_is_used_with_hmac_sha_256() {
    let provider = rust_crypto::provider();
    for (list, algorithm) in [
        (SHA_256_FIRST, PasswordAlgorithm::Sha256),
        (&[0, 1, 0, 0, 0, 2, 0, 0], PasswordAlgorithm::Md5),
        (&[0, 77, 0, 0, 0, 2, 0, 0], PasswordAlgorithm::Sha256),
    ] {
        let mut script = challenged(ALGORITHMS, Some(list));
        let request = script.sent_one(Method::ALLOCATE);
        let message = request.message();
        assert_eq!(message.attribute(AttributeType::PASSWORD_ALGORITHMS), Some(list));
        assert_eq!(message.password_algorithm(), Ok(Some(algorithm)));
        let key = LongTermKey::derive(&provider, algorithm, USER, REALM, PASSWORD);
        assert!(message.verify_integrity(&key.integrity(&provider, Integrity::Sha256)) && !message.has_integrity());
        // An answer with the weaker attribute is none.
        script.key = key.integrity(&provider, Integrity::Sha1);
        script.grant_allocation(&request, relayed(1));
        assert!(script.events().is_empty());
        script.key = key.integrity(&provider, Integrity::Sha256);
        script.grant_allocation(&request, relayed(1));
        assert_eq!(script.events().len(), 1);
    }
}

#[test]
fn stun_7_userhash_stands_for_the_name_where_the_server_wants_it() {
    let features = SecurityFeatures { password_algorithms: false, username_anonymity: true };
    let mut script = challenged(features, None);
    let request = script.sent_one(Method::ALLOCATE);
    let hash = crate::stun::user_hash(&rust_crypto::provider(), USER, REALM);
    assert_eq!(request.message().attribute(AttributeType::USERHASH), Some(&hash[..]));
    assert_eq!(request.message().username(), None);
}

/// Guards the check for what somebody on the way took out of the challenge.
#[test]
fn stun_7_a_challenge_without_what_its_nonce_announces_is_not_answered() {
    challenged(ALGORITHMS, None).assert_failed(&TurnError::BidDown);
    challenged(ALGORITHMS, Some(&[0, 77, 0, 0])).assert_failed(&TurnError::InvalidAnswer("password algorithm"));
}

/// Guards the number of tries with wrong credentials.
#[test]
fn stun_7_refused_credentials_are_not_tried_again() {
    let mut script = Script::new();
    for _ in 0..2 {
        let request = script.sent_one(Method::ALLOCATE);
        script.challenge(&request, 401);
    }
    script.assert_failed(&TurnError::Unauthorized { reason: "prove it".to_owned() });
    assert_eq!(script.client.stats().requests_sent, 2);
}

/// Guards the one retry with a new nonce, of each request.
#[test]
fn stun_7_a_stale_nonce_is_replaced_once() {
    let mut script = Script::allocated();
    for nonce in [b"second", b"fourth"] {
        script.client.probe(script.now);
        let refresh = script.sent_one(Method::REFRESH);
        script.nonce = nonce.to_vec();
        script.challenge(&refresh, 438);
        let again = script.sent_one(Method::REFRESH);
        assert_eq!(again.message().attribute(AttributeType::NONCE), Some(&nonce[..]));
        assert_ne!(again.id(), refresh.id());
        script.succeed(&again, |it| it.lifetime(seconds(600)));
    }
    assert!(script.events().is_empty());
}

/// A server that starts anew may have another realm.
#[test]
fn a_changed_realm_is_answered_once() {
    let mut script = Script::allocated();
    script.client.probe(script.now);
    for realm in [&b"elsewhere.org"[..], b"nowhere.org"] {
        let refresh = script.sent_one(Method::REFRESH);
        script.answer(&refresh, |it| {
            it.error_code(ErrorCode { code: 401, reason: "moved" })
                .attribute(AttributeType::REALM, realm)
                .attribute(AttributeType::NONCE, b"n")
        });
    }
    script.assert_failed(&TurnError::Unauthorized { reason: "moved".to_owned() });
}

#[test]
fn neither_config_nor_client_shows_the_password() {
    let script = Script::allocated();
    let text = format!("{:?} {:?}", script.client, script.client.config);
    assert!(!text.contains("horse"), "{text}");
}
