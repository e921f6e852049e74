//! MESSAGE-INTEGRITY and FINGERPRINT.

use ortica_core::crypto::{CryptoProvider, HashAlgorithm, HmacKey};
use std::fmt;

/// A password made ready for MESSAGE-INTEGRITY, once per credential.
///
/// Source: [RFC 8489 §14.5](https://www.rfc-editor.org/rfc/rfc8489#section-14.5)
pub struct IntegrityKey(Box<dyn HmacKey>);

impl IntegrityKey {
    /// Length of the HMAC in bytes.
    pub const LEN: usize = 20;

    /// The key for a short-term password: its bytes.
    pub fn short_term(provider: &CryptoProvider, password: &str) -> Self {
        Self(provider.hash.hmac_key(HashAlgorithm::Sha1, password.as_bytes()))
    }

    /// The HMAC over `before`, a message up to its MESSAGE-INTEGRITY attribute.
    pub(crate) fn sign(&self, before: &[u8]) -> [u8; Self::LEN] {
        let (message_type, length, rest) = as_if_last(before);
        let digest = self.0.sign(&[message_type, &length, rest]);
        let mut tag = [0; Self::LEN];
        // HMAC-SHA1 gives exactly as many bytes.
        tag.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
        tag
    }

    /// Whether `tag` is the HMAC over `before`.
    pub(crate) fn verify(&self, before: &[u8], tag: &[u8; Self::LEN]) -> bool {
        let (message_type, length, rest) = as_if_last(before);
        self.0.verify(&[message_type, &length, rest], tag)
    }
}

impl fmt::Debug for IntegrityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IntegrityKey(..)")
    }
}

/// What the HMAC sees of a message: its type, a length that ends with MESSAGE-INTEGRITY as if nothing came after it, and
/// everything from the cookie up to that attribute.
fn as_if_last(before: &[u8]) -> (&[u8], [u8; 2], &[u8]) {
    let (message_type, rest) = before.split_at_checked(2).unwrap_or((before, &[]));
    let attributes = before.len().saturating_sub(super::HEADER_LEN);
    let length = u16::try_from(attributes + 4 + IntegrityKey::LEN).unwrap_or(u16::MAX);
    (message_type, length.to_be_bytes(), rest.get(2..).unwrap_or_default())
}

/// The FINGERPRINT over `before`, a message up to that attribute whose length field counts the attribute already.
///
/// Source: [RFC 8489 §14.7](https://www.rfc-editor.org/rfc/rfc8489#section-14.7)
pub(crate) fn fingerprint(before: &[u8]) -> u32 {
    crc32fast::hash(before) ^ 0x5354_554e
}
