//! Long-term credentials, as a client proves them.
//!
//! Source: [RFC 8489 §9.2](https://www.rfc-editor.org/rfc/rfc8489#section-9.2)

use super::config::ClientConfig;
use crate::stun::{
    AttributeType, Integrity, IntegrityKey, LongTermKey, Message, MessageBuilder, PasswordAlgorithm, SecurityFeatures,
    opaque_string, user_hash,
};
use crate::turn::TurnError;

/// The longest realm or nonce that a server may send, in bytes.
///
/// Source: [RFC 8489 §14.9, §14.10](https://www.rfc-editor.org/rfc/rfc8489#section-14.9)
const MAX_TEXT: usize = 763;

/// What a server said of itself, and what follows from it for the credentials.
#[derive(Debug)]
pub(super) struct Challenge {
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
    pub(super) fn read(config: &ClientConfig, message: &Message<'_>) -> Result<Self, TurnError> {
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
    pub(super) fn asks_otherwise_than(&self, other: &Self) -> bool {
        (&self.realm, &self.algorithms, &self.user) != (&other.realm, &other.algorithms, &other.user)
    }

    /// Appends what proves the credentials.
    pub(super) fn answer<'a>(&self, builder: MessageBuilder<'a>) -> MessageBuilder<'a> {
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
    pub(super) fn verify(&self, message: &Message<'_>) -> bool {
        message.verify_integrity(&self.key)
    }
}
