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
        let mut tag = [0; Self::LEN];
        if let Some((parts, len)) = split_at_length(before) {
            let digest = self.0.sign(&[parts.0, &len, parts.1]);
            // HMAC-SHA1 gives exactly as many bytes.
            tag.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
        }
        tag
    }

    /// Whether `tag` is the HMAC over `before`.
    pub(crate) fn verify(&self, before: &[u8], tag: &[u8; Self::LEN]) -> bool {
        split_at_length(before).is_some_and(|(parts, len)| self.0.verify(&[parts.0, &len, parts.1], tag))
    }
}

impl fmt::Debug for IntegrityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IntegrityKey(..)")
    }
}

/// What precedes and what follows the length field, and the length that the HMAC sees in its place: one that ends with
/// MESSAGE-INTEGRITY, as if nothing came after it.
fn split_at_length(before: &[u8]) -> Option<((&[u8], &[u8]), [u8; 2])> {
    let (message_type, rest) = before.split_at_checked(2)?;
    let (_, rest) = rest.split_at_checked(2)?;
    let attributes = before.len().checked_sub(super::HEADER_LEN)?;
    let len = u16::try_from(attributes + 4 + IntegrityKey::LEN).ok()?;
    Some(((message_type, rest), len.to_be_bytes()))
}

/// The FINGERPRINT over `before`, a message up to that attribute whose length field counts the attribute already.
///
/// Source: [RFC 8489 §14.7](https://www.rfc-editor.org/rfc/rfc8489#section-14.7)
pub(crate) fn fingerprint(before: &[u8]) -> u32 {
    crc32fast::hash(before) ^ 0x5354_554e
}
