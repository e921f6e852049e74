//! How X.509 names keys and signatures.

use crate::der;
use ortica_core::crypto::SignatureScheme;
use ortica_core::{DecodeError, Reader};

/// `id-ecPublicKey`, 1.2.840.10045.2.1.
const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
/// `prime256v1`, 1.2.840.10045.3.1.7.
const PRIME256V1: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
/// `ecdsa-with-SHA256`, 1.2.840.10045.4.3.2.
const ECDSA_WITH_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
/// `rsaEncryption`, 1.2.840.113549.1.1.1.
const RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
/// `sha256WithRSAEncryption`, 1.2.840.113549.1.1.11.
const SHA256_WITH_RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b];
/// `id-Ed25519`, 1.3.101.112, of keys and of signatures.
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];

/// The longest `RSAPublicKey` that is looked at, in bytes: a modulus of 4,096 bits.
const MAX_RSA_LEN: usize = 528;

/// Appends the AlgorithmIdentifier of a signature.
///
/// Source: [RFC 5758 §3.2](https://www.rfc-editor.org/rfc/rfc5758#section-3.2),
/// [RFC 4055 §5](https://www.rfc-editor.org/rfc/rfc4055#section-5),
/// [RFC 8410 §3](https://www.rfc-editor.org/rfc/rfc8410#section-3)
pub(super) fn encode(out: &mut Vec<u8>, scheme: SignatureScheme) {
    der::element(out, der::SEQUENCE, |out| match scheme {
        SignatureScheme::EcdsaP256Sha256 => der::primitive(out, der::OBJECT_ID, ECDSA_WITH_SHA256),
        SignatureScheme::RsaPkcs1Sha256 => {
            der::primitive(out, der::OBJECT_ID, SHA256_WITH_RSA);
            der::primitive(out, der::NULL, &[]);
        }
        SignatureScheme::Ed25519 => der::primitive(out, der::OBJECT_ID, ED25519),
    });
}

/// Whether the body of an AlgorithmIdentifier is that of a signature of this kind.
pub(super) fn is(body: &[u8], scheme: SignatureScheme) -> bool {
    let mut expected = Vec::new();
    encode(&mut expected, scheme);
    // Behind tag and length, which take one byte each.
    expected.get(2..) == Some(body)
}

/// Appends a SubjectPublicKeyInfo.
pub(super) fn encode_key(out: &mut Vec<u8>, scheme: SignatureScheme, public_key: &[u8]) {
    der::element(out, der::SEQUENCE, |out| {
        der::element(out, der::SEQUENCE, |out| match scheme {
            SignatureScheme::EcdsaP256Sha256 => {
                der::primitive(out, der::OBJECT_ID, EC_PUBLIC_KEY);
                der::primitive(out, der::OBJECT_ID, PRIME256V1);
            }
            SignatureScheme::RsaPkcs1Sha256 => {
                der::primitive(out, der::OBJECT_ID, RSA_ENCRYPTION);
                der::primitive(out, der::NULL, &[]);
            }
            SignatureScheme::Ed25519 => der::primitive(out, der::OBJECT_ID, ED25519),
        });
        der::bit_string(out, public_key);
    });
}

/// The key of a SubjectPublicKeyInfo, and what it signs with: an uncompressed point on P-256, RSA or Ed25519.
pub(super) fn decode_key(info: &[u8]) -> Result<(SignatureScheme, &[u8]), DecodeError> {
    let mut r = Reader::new(info);
    let mut algorithm = Reader::new(der::expect(&mut r, der::SEQUENCE, "algorithm")?);
    let scheme = match der::expect(&mut algorithm, der::OBJECT_ID, "algorithm")? {
        EC_PUBLIC_KEY if der::expect(&mut algorithm, der::OBJECT_ID, "namedCurve")? != PRIME256V1 => {
            return Err(DecodeError::Invalid("namedCurve"));
        }
        EC_PUBLIC_KEY => SignatureScheme::EcdsaP256Sha256,
        RSA_ENCRYPTION => SignatureScheme::RsaPkcs1Sha256,
        ED25519 => SignatureScheme::Ed25519,
        _ => return Err(DecodeError::Invalid("algorithm")),
    };
    let [0, key @ ..] = der::expect(&mut r, der::BIT_STRING, "subjectPublicKey")? else {
        return Err(DecodeError::Invalid("subjectPublicKey"));
    };
    let fits = match scheme {
        SignatureScheme::EcdsaP256Sha256 => key.len() == 65 && key.first() == Some(&4),
        SignatureScheme::RsaPkcs1Sha256 => key.len() <= MAX_RSA_LEN,
        SignatureScheme::Ed25519 => key.len() == 32,
    };
    if fits { Ok((scheme, key)) } else { Err(DecodeError::Invalid("subjectPublicKey")) }
}
