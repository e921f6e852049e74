//! Long-term credentials, as a client proves them.
//!
//! Source: [RFC 8489 §9.2](https://www.rfc-editor.org/rfc/rfc8489#section-9.2)

use super::config::ClientConfig;
use super::request::Request;
use crate::stun::{
    AttributeType, ErrorCode, Integrity, IntegrityKey, LongTermKey, Message, MessageBuilder, PasswordAlgorithm,
    SecurityFeatures, opaque_string, user_hash,
};
use crate::turn::TurnError;
use std::sync::Arc;

/// The longest realm or nonce that a server may send, in bytes.
///
/// Source: [RFC 8489 §14.9, §14.10](https://www.rfc-editor.org/rfc/rfc8489#section-14.9)
const MAX_TEXT: usize = 763;

/// What a server said of itself, and what follows from it for the credentials.
#[derive(Debug)]
struct Challenge {
    realm: String,
    nonce: Vec<u8>,
    /// PASSWORD-ALGORITHMS as it came, and what was chosen of it.
    algorithms: Option<(Vec<u8>, PasswordAlgorithm)>,
    /// USERHASH or USERNAME.
    user: (AttributeType, Vec<u8>),
    key: IntegrityKey,
}

impl Challenge {
    /// Takes a 401 or 438.
    fn read(config: &ClientConfig, message: &Message<'_>) -> Result<Self, TurnError> {
        let text = |attribute, name| {
            let value = message.attribute(attribute).filter(|value| !value.is_empty() && value.len() <= MAX_TEXT);
            value.ok_or(TurnError::InvalidAnswer(name))
        };
        let realm = text(AttributeType::REALM, "realm")?;
        let realm = std::str::from_utf8(realm).map_err(|_| TurnError::InvalidAnswer("realm"))?;
        let nonce = text(AttributeType::NONCE, "nonce")?;
        let features = SecurityFeatures::of_nonce(nonce);
        let algorithms = match message.attribute(AttributeType::PASSWORD_ALGORITHMS) {
            None if features.password_algorithms => return Err(TurnError::BidDown),
            None => None,
            Some(list) => {
                let known = message.password_algorithms().find_map(Result::ok);
                let short = list.len() <= MAX_TEXT;
                Some((list.to_vec(), known.filter(|_| short).ok_or(TurnError::InvalidAnswer("password algorithm"))?))
            }
        };
        let (provider, username) = (&config.provider, &config.username);
        let username = opaque_string(username).unwrap_or_else(|| username.into());
        let user = match features.username_anonymity {
            true => (AttributeType::USERHASH, user_hash(provider, &username, realm).to_vec()),
            false => (AttributeType::USERNAME, username.as_bytes().to_vec()),
        };
        let (algorithm, integrity) = match &algorithms {
            Some((_, algorithm)) => (*algorithm, Integrity::Sha256),
            None => (PasswordAlgorithm::Md5, Integrity::Sha1),
        };
        let password = config.credential.as_str();
        let key = LongTermKey::derive(provider, algorithm, &username, realm, password).integrity(provider, integrity);
        Ok(Self { realm: realm.to_owned(), nonce: nonce.to_vec(), algorithms, user, key })
    }

    /// Whether an answer to `other` would be another one but for the nonce, so that it is worth a second try.
    fn asks_otherwise_than(&self, other: &Self) -> bool {
        (&self.realm, &self.algorithms, &self.user) != (&other.realm, &other.algorithms, &other.user)
    }

    /// Appends what proves the credentials.
    fn answer<'a>(&self, builder: MessageBuilder<'a>) -> MessageBuilder<'a> {
        let (attribute, user) = &self.user;
        let mut builder = builder
            .attribute(*attribute, user)
            .attribute(AttributeType::REALM, self.realm.as_bytes())
            .attribute(AttributeType::NONCE, &self.nonce);
        if let Some((list, chosen)) = &self.algorithms {
            builder = builder
                .attribute(AttributeType::PASSWORD_ALGORITHMS, list)
                .attribute(AttributeType::PASSWORD_ALGORITHM, &chosen.encode());
        }
        builder.integrity(&self.key)
    }

    /// Whether the server shows that it knows the password.
    fn verify(&self, message: &Message<'_>) -> bool {
        message.verify_integrity(&self.key)
    }
}

/// Proves credentials to a server, and finds out whether it is the server that answers.
#[derive(Clone, Debug, Default)]
pub(super) struct Prover {
    challenge: Option<Arc<Challenge>>,
}

impl Prover {
    /// The server has said what it wants, so that requests carry credentials.
    pub(super) fn is_ready(&self) -> bool {
        self.challenge.is_some()
    }

    /// Appends what proves the credentials, as far as the server has said what it wants.
    pub(super) fn answer(&self, builder: MessageBuilder<'_>) {
        if let Some(challenge) = &self.challenge {
            challenge.answer(builder);
        }
    }

    /// Source: [RFC 8489 §9.2.5](https://www.rfc-editor.org/rfc/rfc8489#section-9.2.5)
    pub(super) fn is_authentic(&self, request: &Request, message: &Message<'_>) -> bool {
        let nonce = message.attribute(AttributeType::NONCE).unwrap_or_default();
        let lacks_algorithms = SecurityFeatures::of_nonce(nonce).password_algorithms
            && message.attribute(AttributeType::PASSWORD_ALGORITHMS).is_none();
        let verified = || self.challenge.as_ref().is_some_and(|challenge| challenge.verify(message));
        !lacks_algorithms && (!request.is_authenticated || verified())
    }

    /// 401 and 438: the request may be made again with credentials, or with a new nonce; either once.
    ///
    /// # Errors
    /// When it was made so already.
    pub(super) fn meet(
        &mut self,
        config: &ClientConfig,
        request: &mut Request,
        error: ErrorCode<'_>,
        message: &Message<'_>,
    ) -> Result<(), TurnError> {
        let challenge = Challenge::read(config, message)?;
        if error.code == ErrorCode::STALE_NONCE && request.is_authenticated {
            if request.after_stale {
                return Err(TurnError::StaleNonces);
            }
            request.after_stale = true;
        } else {
            let is_same = |known: &Arc<Challenge>| !challenge.asks_otherwise_than(known);
            let was_refused = request.is_authenticated && self.challenge.as_ref().is_none_or(is_same);
            if request.after_challenge || was_refused {
                return Err(TurnError::Unauthorized { reason: error.reason.to_owned() });
            }
            request.after_challenge = true;
        }
        self.challenge = Some(Arc::new(challenge));
        Ok(())
    }
}
