//! Keys of long-term credentials, from username, realm and password.

use super::integrity::{Integrity, IntegrityKey};
use super::opaque::opaque_string;
use md5::{Digest as _, Md5};
use ortica_core::crypto::{CryptoProvider, Digest, HashAlgorithm};
use ortica_core::{DecodeError, Reader};
use std::fmt;
use zeroize::Zeroizing;

/// How a key is made of a password.
///
/// Source: [RFC 8489 §18.5](https://www.rfc-editor.org/rfc/rfc8489#section-18.5)
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum PasswordAlgorithm {
    /// 16 bytes; what everybody knows.
    Md5,
    /// 32 bytes.
    Sha256,
}

impl PasswordAlgorithm {
    /// Its number on the wire.
    pub const fn number(self) -> u16 {
        match self {
            Self::Md5 => 1,
            Self::Sha256 => 2,
        }
    }

    /// As a value of PASSWORD-ALGORITHM, or an entry of PASSWORD-ALGORITHMS: number, and no parameters.
    pub(crate) const fn encode(self) -> [u8; 4] {
        let [high, low] = self.number().to_be_bytes();
        [high, low, 0, 0]
    }
}

/// The entries of PASSWORD-ALGORITHMS. One that is not known is an error of its own; a list that ends within an entry ends in one.
pub(crate) fn password_algorithms(
    value: &[u8],
) -> impl Iterator<Item = Result<PasswordAlgorithm, DecodeError>> + use<'_> {
    let mut r = Reader::new(value);
    std::iter::from_fn(move || {
        if r.is_empty() {
            return None;
        }
        let entry = entry(&mut r);
        if matches!(entry, Err(DecodeError::Truncated(_))) {
            r.take_rest();
        }
        Some(entry)
    })
}

fn entry(r: &mut Reader<'_>) -> Result<PasswordAlgorithm, DecodeError> {
    let number = r.u16("password algorithm")?;
    let parameters = r.vec16("password algorithm parameters")?;
    r.bytes(super::message::padding(parameters.len()), "password algorithm padding")?;
    match (number, parameters) {
        (1, []) => Ok(PasswordAlgorithm::Md5),
        (2, []) => Ok(PasswordAlgorithm::Sha256),
        _ => Err(DecodeError::Invalid("password algorithm")),
    }
}

/// The key of a long-term credential. As good as the password, for one realm.
///
/// Source: [RFC 8489 §9.2.2](https://www.rfc-editor.org/rfc/rfc8489#section-9.2.2)
#[derive(Clone)]
pub struct LongTermKey {
    bytes: Zeroizing<[u8; 32]>,
    len: usize,
}

impl LongTermKey {
    /// Makes it. Realm and password are prepared by [`opaque_string`]; one that this refuses is taken as it is. The username is
    /// taken as it is, for that is how it goes into the message.
    pub fn derive(
        provider: &CryptoProvider,
        algorithm: PasswordAlgorithm,
        username: &str,
        realm: &str,
        password: &str,
    ) -> Self {
        let realm = opaque_string(realm).unwrap_or_else(|| realm.into());
        let password = Zeroizing::new(opaque_string(password).unwrap_or_else(|| password.into()).into_owned());
        let parts = [username.as_bytes(), b":", realm.as_bytes(), b":", password.as_bytes()];
        match algorithm {
            PasswordAlgorithm::Md5 => {
                let mut hash = Md5::new();
                parts.iter().for_each(|part| hash.update(part));
                Self::from_bytes(&hash.finalize())
            }
            PasswordAlgorithm::Sha256 => Self::from_bytes(&provider.hash.digest(HashAlgorithm::Sha256, &parts)),
        }
    }

    fn from_bytes(hash: &[u8]) -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        bytes.iter_mut().zip(hash).for_each(|(to, from)| *to = *from);
        Self { bytes, len: hash.len().min(32) }
    }

    /// Its 16 or 32 bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// The same, made ready for an attribute.
    pub fn integrity(&self, provider: &CryptoProvider, integrity: Integrity) -> IntegrityKey {
        IntegrityKey::new(provider, integrity, self.as_bytes())
    }
}

impl fmt::Debug for LongTermKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LongTermKey(..)")
    }
}

/// The value of USERHASH: 32 bytes that stand for a username.
///
/// Source: [RFC 8489 §14.4](https://www.rfc-editor.org/rfc/rfc8489#section-14.4)
pub fn user_hash(provider: &CryptoProvider, username: &str, realm: &str) -> Digest {
    let realm = opaque_string(realm).unwrap_or_else(|| realm.into());
    provider.hash.digest(HashAlgorithm::Sha256, &[username.as_bytes(), b":", realm.as_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use ortica_core::crypto::rust_crypto;

    const REQUEST: &[u8] = include_bytes!("../../testdata/rfc8489/long-term-request.bin");
    const MATRIX: &str = "\u{30DE}\u{30C8}\u{30EA}\u{30C3}\u{30AF}\u{30B9}";

    fn derive(algorithm: PasswordAlgorithm, username: &str, realm: &str, password: &str) -> LongTermKey {
        LongTermKey::derive(&rust_crypto::provider(), algorithm, username, realm, password)
    }

    #[test]
    fn rfc_8489_key_by_md5() {
        let key = derive(PasswordAlgorithm::Md5, "user", "realm", "pass");
        assert_eq!(u128::from_be_bytes(key.as_bytes().try_into().unwrap()), 0x8493_fbc5_3ba5_82fb_4c04_4c45_6bdc_40eb);
        assert_eq!(format!("{key:?}"), "LongTermKey(..)");
    }

    /// RFC 8489 Appendix B.1, whose length field says 20 bytes more than there are; the HMAC was made with that length.
    #[test]
    fn rfc_8489_request_with_sha_256_and_userhash() {
        let provider = rust_crypto::provider();
        let (before, attribute) = REQUEST.split_at(REQUEST.len() - 36);
        let key = derive(PasswordAlgorithm::Sha256, MATRIX, "example.org", "TheMatrIX");
        assert_eq!(key.as_bytes().len(), 32);
        let hmac = provider.hash.hmac_key(HashAlgorithm::Sha256, key.as_bytes());
        assert_eq!(hmac.sign(&[before])[..], attribute[4..]);
        assert_eq!(user_hash(&provider, MATRIX, "example.org")[..], REQUEST[24..56]);
    }

    /// Guards the preparation: who writes the password with marks of their own knows the same one.
    #[test]
    fn stun_7_realm_and_password_count_in_whichever_way_they_are_written() {
        let keys = [("d\u{e9}j\u{e0}", "vu\u{308}"), ("de\u{301}ja\u{300}", "v\u{fc}")]
            .map(|(realm, password)| derive(PasswordAlgorithm::Sha256, "user", realm, password));
        assert_eq!(keys[0].as_bytes(), keys[1].as_bytes());
    }

    #[test]
    fn lists_of_algorithms_are_read_as_far_as_they_are_known() {
        let read = |value: &[u8]| password_algorithms(value).collect::<Vec<_>>();
        assert_eq!(read(&[0, 2, 0, 0, 0, 1, 0, 0]), [Ok(PasswordAlgorithm::Sha256), Ok(PasswordAlgorithm::Md5)]);
        let unknown = Err(DecodeError::Invalid("password algorithm"));
        assert_eq!(read(&[0, 9, 0, 1, 7, 0, 0, 0, 0, 1, 0, 0]), [unknown, Ok(PasswordAlgorithm::Md5)]);
        assert_eq!(read(&[0, 1, 0]), [Err(DecodeError::Truncated("password algorithm parameters"))]);
        assert!(read(&[]).is_empty());
        for algorithm in [PasswordAlgorithm::Md5, PasswordAlgorithm::Sha256] {
            assert_eq!(read(&algorithm.encode()), [Ok(algorithm)]);
        }
    }
}
