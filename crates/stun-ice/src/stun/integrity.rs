//! MESSAGE-INTEGRITY, MESSAGE-INTEGRITY-SHA256 and FINGERPRINT.

use super::attribute::AttributeType;
use ortica_core::crypto::{CryptoProvider, Digest, HashAlgorithm, HashProvider, is_tag};
use std::fmt;
use zeroize::Zeroizing;

/// Which of the two attributes protects a message.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Integrity {
    /// MESSAGE-INTEGRITY: HMAC-SHA1, 20 bytes.
    Sha1,
    /// MESSAGE-INTEGRITY-SHA256: HMAC-SHA256, 32 bytes, of which a sender may leave out the last 16.
    Sha256,
}

impl Integrity {
    /// The attribute.
    pub const fn attribute(self) -> AttributeType {
        match self {
            Self::Sha1 => AttributeType::MESSAGE_INTEGRITY,
            Self::Sha256 => AttributeType::MESSAGE_INTEGRITY_SHA256,
        }
    }

    const fn hash(self) -> HashAlgorithm {
        match self {
            Self::Sha1 => HashAlgorithm::Sha1,
            Self::Sha256 => HashAlgorithm::Sha256,
        }
    }

    /// Whether a tag may be so long.
    ///
    /// Source: [RFC 8489 §14.6](https://www.rfc-editor.org/rfc/rfc8489#section-14.6)
    pub(crate) const fn allows(self, len: usize) -> bool {
        match self {
            Self::Sha1 => len == 20,
            Self::Sha256 => len >= 16 && len <= 32 && len.is_multiple_of(4),
        }
    }
}

/// A password as the key of one of the integrity attributes. What is made of it to sign with is not kept: a connection that is up
/// signs and checks a message every few seconds.
///
/// Source: [RFC 8489 §14.5, §14.6](https://www.rfc-editor.org/rfc/rfc8489#section-14.5)
pub struct IntegrityKey {
    integrity: Integrity,
    hash: &'static dyn HashProvider,
    key: Zeroizing<Box<[u8]>>,
}

impl IntegrityKey {
    /// The key for a short-term password: its bytes, for MESSAGE-INTEGRITY.
    pub fn short_term(provider: &CryptoProvider, password: &str) -> Self {
        Self::new(provider, Integrity::Sha1, password.as_bytes())
    }

    /// A key of any length.
    pub(crate) fn new(provider: &CryptoProvider, integrity: Integrity, key: &[u8]) -> Self {
        Self { integrity, hash: provider.hash, key: Zeroizing::new(key.into()) }
    }

    /// The attribute it is for.
    pub fn integrity(&self) -> Integrity {
        self.integrity
    }

    /// The HMAC over `before`, a message up to its integrity attribute.
    pub(crate) fn sign(&self, before: &[u8]) -> Digest {
        let (message_type, length, rest) = as_if_last(before, self.integrity.hash().output_len());
        self.hash.hmac(self.integrity.hash(), &self.key, &[message_type, &length, rest])
    }

    /// Whether `tag` is the HMAC over `before`. Takes the same time wherever the two differ.
    pub(crate) fn verify(&self, before: &[u8], tag: &[u8]) -> bool {
        let (message_type, length, rest) = as_if_last(before, tag.len());
        let expected = || self.hash.hmac(self.integrity.hash(), &self.key, &[message_type, &length, rest]);
        self.integrity.allows(tag.len()) && is_tag(&expected(), tag)
    }
}

impl fmt::Debug for IntegrityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IntegrityKey(..)")
    }
}

/// What the HMAC sees of a message: its type, a length that ends with the integrity attribute as if nothing came after it, and
/// everything from the cookie up to that attribute.
fn as_if_last(before: &[u8], tag_len: usize) -> (&[u8], [u8; 2], &[u8]) {
    let (message_type, rest) = before.split_at_checked(2).unwrap_or((before, &[]));
    let attributes = before.len().saturating_sub(super::HEADER_LEN);
    let length = u16::try_from(attributes + 4 + tag_len).unwrap_or(u16::MAX);
    (message_type, length.to_be_bytes(), rest.get(2..).unwrap_or_default())
}

/// The FINGERPRINT over `before`, a message up to that attribute whose length field counts the attribute already.
///
/// Source: [RFC 8489 §14.7](https://www.rfc-editor.org/rfc/rfc8489#section-14.7)
pub(crate) fn fingerprint(before: &[u8]) -> u32 {
    crc32fast::hash(before) ^ 0x5354_554e
}
