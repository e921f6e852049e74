use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::SdpError;
use crate::cursor::Cursor;
use crate::write::{self, Value, text_form};

/// The hash of a certificate: `sha-256 69:18:37:...`.
///
/// Source: [RFC 8122 §5](https://www.rfc-editor.org/rfc/rfc8122#section-5)
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fingerprint {
    /// The function.
    pub algorithm: HashAlgorithm,
    /// What it gives for the certificate's DER.
    pub value: Vec<u8>,
}

/// A hash function by its name, in which upper and lower case are the same.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum HashAlgorithm {
    /// `sha-512`
    Sha512,
    /// `sha-384`
    Sha384,
    /// `sha-256`
    Sha256,
    /// `sha-224`
    Sha224,
    /// `sha-1`: read, but nothing to offer or to rely on.
    Sha1,
    /// `md5`, forbidden by RFC 8122 §5.
    Md5,
    /// `md2`, forbidden by RFC 8122 §5.
    Md2,
    /// Any other, in lower case.
    Other(String),
}

impl HashAlgorithm {
    /// Those that WebRTC's peers write.
    pub const SUPPORTED: [Self; 3] = [Self::Sha512, Self::Sha384, Self::Sha256];

    /// The name in SDP.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Sha512 => "sha-512",
            Self::Sha384 => "sha-384",
            Self::Sha256 => "sha-256",
            Self::Sha224 => "sha-224",
            Self::Sha1 => "sha-1",
            Self::Md5 => "md5",
            Self::Md2 => "md2",
            Self::Other(name) => name,
        }
    }

    /// Bytes in a hash. 0 stands for "cannot be relied on": MD5, MD2, and what is not known.
    const fn strength(&self) -> usize {
        match self {
            Self::Sha512 => 64,
            Self::Sha384 => 48,
            Self::Sha256 => 32,
            Self::Sha224 => 28,
            Self::Sha1 => 20,
            Self::Md5 | Self::Md2 | Self::Other(_) => 0,
        }
    }

    /// Whether an endpoint of today may write fingerprints of this kind: SHA-224 and up.
    pub const fn may_be_offered(&self) -> bool {
        self.strength() >= Self::Sha224.strength()
    }
}

impl From<&str> for HashAlgorithm {
    fn from(name: &str) -> Self {
        [Self::Sha256, Self::Sha384, Self::Sha512, Self::Sha1, Self::Sha224, Self::Md5, Self::Md2]
            .into_iter()
            .find(|known| known.as_str().eq_ignore_ascii_case(name))
            .unwrap_or_else(|| Self::Other(name.to_ascii_lowercase()))
    }
}

impl FromStr for HashAlgorithm {
    type Err = std::convert::Infallible;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Ok(name.into())
    }
}

impl fmt::Display for HashAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Value for Fingerprint {
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, SdpError> {
        let algorithm = cursor.token("hash function")?.into();
        let text = cursor.token("fingerprint")?;
        let mut value = Vec::with_capacity(text.len().div_ceil(3));
        let mut pairs = text.as_bytes().chunks(3).peekable();
        while let Some(pair) = pairs.next() {
            // Two digits, and a colon wherever more follow.
            let byte = match *pair {
                [high, low, b':'] if pairs.peek().is_some() => hex(high, low),
                [high, low] => hex(high, low),
                _ => None,
            };
            value.push(byte.ok_or_else(|| cursor.invalid("fingerprint"))?);
        }
        Ok(Self { algorithm, value })
    }

    fn write(&self, out: &mut String) {
        write::text(out, self.algorithm.as_str());
        let mut separator = ' ';
        for byte in &self.value {
            out.push(separator);
            separator = ':';
            for nibble in [byte >> 4, byte & 15] {
                // A nibble is below 16, so it has a digit.
                out.extend(char::from_digit(nibble.into(), 16).map(|digit| digit.to_ascii_uppercase()));
            }
        }
    }
}

text_form! { Fingerprint: "fingerprint" }

/// Upper case is what RFC 8122 asks for; lower case is read as well.
fn hex(high: u8, low: u8) -> Option<u8> {
    let digit = |character: u8| char::from(character).to_digit(16);
    u8::try_from(digit(high)? << 4 | digit(low)?).ok()
}

/// Why no fingerprint can be relied on.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum FingerprintError {
    /// There is none, and a section that uses DTLS needs one.
    #[error("there is no fingerprint")]
    Absent,
    /// None is made with a hash function that is supported, or the strongest have the wrong length.
    #[error("no fingerprint uses a supported hash function")]
    Unsupported,
}

/// Those of `fingerprints` that a certificate has to be checked against: all that use the strongest of the `supported`
/// hash functions that occur. The certificate is right when it matches any one of them; weaker ones do not count, as
/// otherwise the weakest would decide.
///
/// MD5 and MD2 are refused even when said to be supported.
///
/// # Errors
/// When nothing is left to check against: then the section has to be refused, not run unchecked.
///
/// Source: [RFC 8122 §5.1](https://www.rfc-editor.org/rfc/rfc8122#section-5.1)
pub fn strongest_fingerprints<'a>(
    fingerprints: impl IntoIterator<Item = &'a Fingerprint>,
    supported: &[HashAlgorithm],
) -> Result<Vec<&'a Fingerprint>, FingerprintError> {
    let mut any = false;
    let mut strongest = 0;
    let mut chosen = Vec::new();
    for fingerprint in fingerprints {
        any = true;
        let strength = fingerprint.algorithm.strength();
        if strength == 0 || strength < strongest || !supported.contains(&fingerprint.algorithm) {
            continue;
        }
        if strength > strongest {
            strongest = strength;
            chosen.clear();
        }
        // One of another length can match nothing, yet it still says which hash function counts.
        if fingerprint.value.len() == strength {
            chosen.push(fingerprint);
        }
    }
    match (any, chosen.is_empty()) {
        (false, _) => Err(FingerprintError::Absent),
        (true, true) => Err(FingerprintError::Unsupported),
        (true, false) => Ok(chosen),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_bytes_and_its_hash_has_no_case() {
        let fingerprint: Fingerprint = "SHA-256 0a:1B:ff".parse().unwrap();
        assert_eq!(fingerprint, Fingerprint { algorithm: HashAlgorithm::Sha256, value: vec![0x0a, 0x1b, 0xff] });
        assert_eq!(fingerprint.to_string(), "sha-256 0A:1B:FF");
        assert_eq!("SHA3-256 00".parse::<Fingerprint>().unwrap().to_string(), "sha3-256 00");
        for text in
            ["sha-256", "sha-256 0", "sha-256 00:", "sha-256 00:1", "sha-256 0011", "sha-256 00-11", "sha-256 0g"]
        {
            assert!(text.parse::<Fingerprint>().is_err(), "{text}");
        }
    }

    fn fingerprint(algorithm: &str, len: usize, fill: u8) -> Fingerprint {
        Fingerprint { algorithm: algorithm.into(), value: vec![fill; len] }
    }

    /// The guard: the weaker hashes beside a strong one do not count, however many match.
    #[test]
    fn sdp_8_only_the_strongest_supported_hash_counts() {
        let all = [
            fingerprint("sha-1", 20, 1),
            fingerprint("sha-256", 32, 2),
            fingerprint("SHA-512", 64, 3),
            fingerprint("sha-512", 64, 4),
            fingerprint("sha-384", 48, 5),
            fingerprint("sha3-512", 64, 6),
        ];
        let values = |supported: &[HashAlgorithm]| -> Vec<u8> {
            strongest_fingerprints(&all, supported).unwrap().iter().map(|it| it.value[0]).collect()
        };
        assert_eq!(values(&HashAlgorithm::SUPPORTED), [3, 4]);
        assert_eq!(values(&[HashAlgorithm::Sha256, HashAlgorithm::Sha1]), [2]);
    }

    /// The guard: MD5 and MD2 are refused (RFC 8122 §5), SHA-1 is neither offered nor relied on.
    #[test]
    fn sdp_8_broken_hashes_are_refused_and_not_offered() {
        let broken = [HashAlgorithm::Md5, HashAlgorithm::Md2];
        for algorithm in &broken {
            // Also one of no bytes at all, which is as long as what a hash without strength counts for.
            for len in [16, 0] {
                let one = [fingerprint(algorithm.as_str(), len, 0)];
                assert_eq!(strongest_fingerprints(&one, &broken), Err(FingerprintError::Unsupported), "{len}");
            }
            assert!(!algorithm.may_be_offered());
        }
        let sha1 = [fingerprint("sha-1", 20, 0)];
        assert_eq!(strongest_fingerprints(&sha1, &HashAlgorithm::SUPPORTED), Err(FingerprintError::Unsupported));
        assert!(!HashAlgorithm::Sha1.may_be_offered());
        assert!(HashAlgorithm::SUPPORTED.iter().all(HashAlgorithm::may_be_offered));
    }

    /// The guard: a section without a fingerprint is refused rather than run without a check.
    #[test]
    fn sdp_8_no_fingerprint_is_an_error() {
        assert_eq!(strongest_fingerprints([], &HashAlgorithm::SUPPORTED), Err(FingerprintError::Absent));
        // A strong one that can match nothing does not let a weaker one decide.
        let cut = [fingerprint("sha-512", 32, 0), fingerprint("sha-256", 32, 0)];
        assert_eq!(strongest_fingerprints(&cut, &HashAlgorithm::SUPPORTED), Err(FingerprintError::Unsupported));
    }
}
