//! The hash of a certificate as signaling carries it.

use ortica_core::crypto::{CryptoProvider, HashAlgorithm};
use std::fmt;
use std::str::FromStr;
use subtle::ConstantTimeEq;
use thiserror::Error;

/// The hash of a certificate, as in `a=fingerprint`: `sha-256 4A:AD:B9:..`.
///
/// Text is read whatever its case; the name is kept in lower case and the value is written in upper case, as RFC 8122
/// has them.
///
/// Source: [RFC 8122 §5](https://www.rfc-editor.org/rfc/rfc8122#section-5)
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Fingerprint {
    algorithm: String,
    value: Vec<u8>,
}

/// The text is no fingerprint.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum FingerprintError {
    /// It is not a name, one space and a value.
    #[error("a fingerprint is a hash name, a space and a value")]
    Shape,
    /// The name is empty or longer than 32 bytes, or holds what no token may hold.
    #[error("malformed hash name")]
    Algorithm,
    /// The value is not pairs of hex digits with colons between, or is longer than 64 bytes.
    #[error("malformed fingerprint value")]
    Value,
    /// The value is not as long as the hash it names.
    #[error("the value is not as long as the hash")]
    Length,
}

impl Fingerprint {
    /// The longest value, in bytes: SHA-512.
    const MAX_VALUE: usize = 64;
    /// The longest hash name, in bytes.
    const MAX_ALGORITHM: usize = 32;

    /// The fingerprint `value` made with the hash called `algorithm` (`sha-256`, in any case).
    ///
    /// A name that is not known here is kept, for signaling to carry; it never matches a certificate.
    ///
    /// # Errors
    /// When the name is no token, or the value is empty, longer than 64 bytes, or not as long as a hash known here.
    pub fn new(algorithm: &str, value: Vec<u8>) -> Result<Self, FingerprintError> {
        let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`{|}~".contains(&b);
        if algorithm.is_empty() || algorithm.len() > Self::MAX_ALGORITHM || !algorithm.bytes().all(is_token) {
            return Err(FingerprintError::Algorithm);
        }
        if value.is_empty() || value.len() > Self::MAX_VALUE {
            return Err(FingerprintError::Value);
        }
        let fingerprint = Self { algorithm: algorithm.to_ascii_lowercase(), value };
        match fingerprint.hash() {
            Some(hash) if hash.output_len() != fingerprint.value.len() => Err(FingerprintError::Length),
            _ => Ok(fingerprint),
        }
    }

    /// The fingerprint of the certificate `der`.
    pub fn of(provider: &CryptoProvider, hash: HashAlgorithm, der: &[u8]) -> Self {
        Self { algorithm: name(hash).to_owned(), value: provider.hash.digest(hash, &[der]).to_vec() }
    }

    /// Name of the hash, in lower case.
    pub fn algorithm(&self) -> &str {
        &self.algorithm
    }

    /// The hash, if it is one that may vouch for a certificate: SHA-256, SHA-384 or SHA-512. MD2, MD5 and SHA-1 are not
    /// (RFC 8122 §5 forbids the first two, and the third no longer resists collisions).
    pub fn hash(&self) -> Option<HashAlgorithm> {
        [HashAlgorithm::Sha256, HashAlgorithm::Sha384, HashAlgorithm::Sha512]
            .into_iter()
            .find(|hash| name(*hash) == self.algorithm)
    }

    /// The hash value.
    pub fn value(&self) -> &[u8] {
        &self.value
    }

    /// `true` if the certificate `der` hashes to this. Takes the same time wherever the two differ.
    fn matches(&self, provider: &CryptoProvider, hash: HashAlgorithm, der: &[u8]) -> bool {
        provider.hash.digest(hash, &[der]).as_slice().ct_eq(&self.value).into()
    }
}

/// `true` if `der` matches one of `fingerprints` made with the strongest hash among those that may vouch for it.
///
/// A certificate can come with several fingerprints, of several hashes and of several certificates; only the strongest
/// hash counts, so that nobody gets in by a weaker one (RFC 8122 §5.1).
pub(crate) fn any_matches(provider: &CryptoProvider, fingerprints: &[Fingerprint], der: &[u8]) -> bool {
    let Some(strongest) = fingerprints.iter().filter_map(Fingerprint::hash).max_by_key(|hash| hash.output_len()) else {
        return false;
    };
    fingerprints
        .iter()
        .filter(|fingerprint| fingerprint.hash() == Some(strongest))
        .fold(false, |matched, fingerprint| matched | fingerprint.matches(provider, strongest, der))
}

const fn name(hash: HashAlgorithm) -> &'static str {
    match hash {
        HashAlgorithm::Sha1 => "sha-1",
        HashAlgorithm::Sha256 => "sha-256",
        HashAlgorithm::Sha384 => "sha-384",
        HashAlgorithm::Sha512 => "sha-512",
    }
}

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    fn from_str(text: &str) -> Result<Self, FingerprintError> {
        let (algorithm, value) = text.trim().split_once(' ').ok_or(FingerprintError::Shape)?;
        if value.len() > Self::MAX_VALUE * 3 {
            return Err(FingerprintError::Value);
        }
        let byte = |pair: &str| {
            let is_hex = pair.len() == 2 && pair.bytes().all(|b| b.is_ascii_hexdigit());
            is_hex.then(|| u8::from_str_radix(pair, 16).ok()).flatten().ok_or(FingerprintError::Value)
        };
        let value = value.split(':').map(byte).collect::<Result<Vec<u8>, _>>()?;
        Self::new(algorithm, value)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.algorithm)?;
        for (index, byte) in self.value.iter().enumerate() {
            let colon = if index == 0 { "" } else { ":" };
            write!(f, "{colon}{byte:02X}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ortica_core::crypto::rust_crypto::provider;
    use proptest::prelude::*;

    const DER: &[u8] = b"any bytes will do";

    #[test]
    fn reads_and_writes_the_form_of_sdp() {
        let text = format!("SHA-256 {}", ["aB"; 32].join(":"));
        let fingerprint: Fingerprint = text.parse().unwrap();
        assert_eq!(fingerprint.algorithm(), "sha-256");
        assert_eq!(fingerprint.hash(), Some(HashAlgorithm::Sha256));
        assert_eq!(fingerprint.value(), [0xab; 32]);
        assert_eq!(fingerprint.to_string(), format!("sha-256 {}", ["AB"; 32].join(":")));
    }

    #[test]
    fn refuses_what_is_no_fingerprint() {
        for text in ["", "sha-256", "sha-256 ", "sha-256 AB", "sha-256 A:B", "sha-256 +A:+B", "x y z", "a b", "é 00"] {
            assert!(text.parse::<Fingerprint>().is_err(), "{text}");
        }
        assert_eq!("sha-256 AB:CD".parse::<Fingerprint>(), Err(FingerprintError::Length));
        assert!("sha3-256 AB:CD".parse::<Fingerprint>().is_ok(), "an unknown hash is carried through");
    }

    #[test]
    fn only_the_strongest_hash_counts() {
        let provider = provider();
        let good = |hash| Fingerprint::of(&provider, hash, DER);
        let bad = |hash| Fingerprint::of(&provider, hash, b"another");
        let matches = |list: &[Fingerprint]| any_matches(&provider, list, DER);
        assert!(matches(&[good(HashAlgorithm::Sha256)]));
        assert!(matches(&[bad(HashAlgorithm::Sha256), good(HashAlgorithm::Sha256)]));
        assert!(matches(&[bad(HashAlgorithm::Sha256), good(HashAlgorithm::Sha512)]));
        assert!(!matches(&[good(HashAlgorithm::Sha256), bad(HashAlgorithm::Sha512)]));
        assert!(!matches(&[]));
    }

    #[test]
    fn weak_and_unknown_hashes_never_match() {
        let provider = provider();
        let sha1 = Fingerprint::of(&provider, HashAlgorithm::Sha1, DER);
        assert_eq!(sha1.hash(), None);
        assert!(!any_matches(&provider, &[sha1], DER));
        let md5 = Fingerprint::new("md5", vec![0; 16]).unwrap();
        assert!(!any_matches(&provider, &[md5], DER));
    }

    /// The guard is `Fingerprint::matches`, which compares every byte, in constant time.
    #[test]
    fn cve_51_a_fingerprint_with_any_bit_flipped_does_not_match() {
        let provider = provider();
        let good = Fingerprint::of(&provider, HashAlgorithm::Sha256, DER);
        for bit in 0..256 {
            let mut value = good.value().to_vec();
            value[bit / 8] ^= 1 << (bit % 8);
            let flipped = Fingerprint::new("sha-256", value).unwrap();
            assert!(!any_matches(&provider, &[flipped], DER), "bit {bit}");
        }
    }

    proptest! {
        #[test]
        fn text_survives_a_round_trip(value in proptest::collection::vec(any::<u8>(), 1..=64)) {
            let fingerprint = Fingerprint::new("x-hash", value).unwrap();
            prop_assert_eq!(fingerprint.to_string().parse::<Fingerprint>(), Ok(fingerprint));
        }
    }
}
