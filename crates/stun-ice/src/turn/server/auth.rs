//! Who a request is from.
//!
//! Source: [RFC 8489 §9.2.4](https://www.rfc-editor.org/rfc/rfc8489#section-9.2.4)

use super::{Flow, Server};
use crate::stun::{
    AttributeType, Class, ErrorCode, Integrity, IntegrityKey, LongTermKey, Message, MessageBuilder, PasswordAlgorithm,
    SecurityFeatures, opaque_string,
};
use ortica_core::Instant;
use ortica_core::crypto::CryptoProvider;

/// What a server offers, the better one first: the value of PASSWORD-ALGORITHMS.
const ALGORITHMS: [u8; 8] = [0, 2, 0, 0, 0, 1, 0, 0];
/// Headers of IPv4 and UDP, which count on either side of an amplification.
const OVERHEAD: usize = 28;

/// Who proved to know a password.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    pub(super) username: String,
    key: LongTermKey,
    /// What the answer is to carry.
    integrity: Integrity,
}

impl Identity {
    /// Proves the answer.
    pub(super) fn key(&self, provider: &CryptoProvider) -> IntegrityKey {
        self.key.integrity(provider, self.integrity)
    }
}

/// Why a request is from nobody.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Nobody {
    /// 400
    BadRequest,
    /// 401
    Unauthenticated,
    /// 438
    StaleNonce,
}

impl Server {
    /// Finds out, in the order of the RFC.
    pub(super) fn authenticate(&self, now: Instant, flow: Flow, message: &Message<'_>) -> Result<Identity, Nobody> {
        if !message.has_integrity() && !message.has_integrity_sha256() {
            return Err(Nobody::Unauthenticated);
        }
        let config = &self.config;
        let text = |attribute| message.attribute(attribute).and_then(|value| std::str::from_utf8(value).ok());
        let user_hash = message.attribute(AttributeType::USERHASH);
        let username = message.username();
        let (Some(realm), Some(nonce)) = (text(AttributeType::REALM), message.attribute(AttributeType::NONCE)) else {
            return Err(Nobody::BadRequest);
        };
        if username.is_none() && user_hash.is_none() {
            return Err(Nobody::BadRequest);
        }
        let (algorithm, is_named) = Self::algorithm(message, nonce)?;
        if opaque_string(realm) != opaque_string(&config.realm) {
            return Err(Nobody::Unauthenticated);
        }
        let username = match (username, user_hash) {
            (_, Some(hash)) => config.users.by_hash(&config.provider, &config.realm, hash),
            (name, None) => name.map(str::to_owned),
        };
        let known = username.and_then(|name| config.users.password(now, &name).map(|password| (name, password)));
        let (username, password) = known.ok_or(Nobody::Unauthenticated)?;
        let key = LongTermKey::derive(&config.provider, algorithm, &username, &config.realm, &password);
        let received = if message.has_integrity_sha256() { Integrity::Sha256 } else { Integrity::Sha1 };
        if !message.verify_integrity(&key.integrity(&config.provider, received)) {
            return Err(Nobody::Unauthenticated);
        }
        if !self.nonces.is_valid(now, flow.remote, nonce) {
            return Err(Nobody::StaleNonce);
        }
        let answered = if is_named { Integrity::Sha256 } else { Integrity::Sha1 };
        Ok(Identity { username, key, integrity: answered })
    }

    /// The algorithm that a request names, and whether it does.
    fn algorithm(message: &Message<'_>, nonce: &[u8]) -> Result<(PasswordAlgorithm, bool), Nobody> {
        let list = message.attribute(AttributeType::PASSWORD_ALGORITHMS);
        let chosen = message.password_algorithm().map_err(|_| Nobody::BadRequest)?;
        match (list, chosen) {
            (None, None) => Ok((PasswordAlgorithm::Md5, false)),
            _ if !SecurityFeatures::of_nonce(nonce).password_algorithms => Ok((PasswordAlgorithm::Md5, false)),
            (Some(list), Some(chosen)) if list == ALGORITHMS => Ok((chosen, true)),
            _ => Err(Nobody::BadRequest),
        }
    }

    /// Tells nobody so, unless its network was told often enough. The answer offers what there is room for: it is at most 2.2 times
    /// as long as the request.
    pub(super) fn answer_nobody(
        &mut self,
        now: Instant,
        flow: Flow,
        message: &Message<'_>,
        request_len: usize,
        nobody: Nobody,
    ) {
        if !self.errors.take(now, flow.remote.ip()) {
            self.stats.errors_limited += 1;
            return;
        }
        let code = match nobody {
            Nobody::BadRequest => ErrorCode::BAD_REQUEST,
            Nobody::Unauthenticated => ErrorCode::UNAUTHENTICATED,
            Nobody::StaleNonce => ErrorCode::STALE_NONCE,
        };
        let features =
            SecurityFeatures { password_algorithms: true, username_anonymity: self.config.username_anonymity };
        let mut answer = Vec::new();
        for features in [Some(features), None] {
            answer.clear();
            let builder = MessageBuilder::new(&mut answer, Class::Error, message.method(), message.transaction())
                .error_code(ErrorCode { code, reason: "" });
            if nobody != Nobody::BadRequest {
                let builder = builder
                    .attribute(AttributeType::REALM, self.config.realm.as_bytes())
                    .attribute(AttributeType::NONCE, &self.nonces.make(now, flow.remote, features));
                if features.is_some() {
                    builder.attribute(AttributeType::PASSWORD_ALGORITHMS, &ALGORITHMS);
                }
            }
            if 10 * (answer.len() + OVERHEAD) <= 22 * (request_len + OVERHEAD) {
                self.stats.errors_sent += 1;
                self.outbox.write(flow.local, flow.remote, |out| out.extend_from_slice(&answer));
                return;
            }
        }
        self.stats.errors_limited += 1;
    }
}
