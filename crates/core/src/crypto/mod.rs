//! Cryptography as an argument: a [`CryptoProvider`] is a set of operations that protocol code is given.
//!
//! There is no process-wide default and no backend `cfg` in protocol code: a provider travels in a `Config`, and two
//! sessions of one process may use different ones.
//!
//! | backend | feature | deterministic |
//! |---|---|---|
//! | `aws_lc_rs` | `aws-lc-rs` | no: the library draws its own keys and nonces |
//! | `rust_crypto` | `rust-crypto` | yes: keys come from the [`Rng`], signatures are made by RFC 6979 |
//!
//! # Writing a backend
//!
//! Implement [`HashProvider`], [`CipherProvider`], [`AgreementProvider`] and [`SignatureProvider`], and run
//! [`conformance::check`] over the result. What the protocols above rely on:
//!
//! * The work that depends on the key alone is done once, in `hmac_key`, `aead`, `aes_ctr` and `load`: SRTP calls what
//!   they return for every packet, from `&self`, and expects it to allocate nothing.
//! * Keys are wiped when dropped.
//! * Tags are compared in constant time, and nothing decrypted is kept when one does not verify.
//! * Public keys from the network are checked (on the curve, not the identity, no all-zero secret), and come in the one
//!   form that TLS uses, no other.
//! * A `deterministic` backend draws from the [`Rng`] it is handed and from nowhere else.

#[cfg(feature = "aws-lc-rs")]
pub mod aws_lc_rs;
pub mod conformance;
#[cfg(feature = "rust-crypto")]
pub mod rust_crypto;

use crate::Rng;
use arrayvec::ArrayVec;
use std::fmt;
use thiserror::Error;
use zeroize::Zeroizing;

/// The operations of one backend.
#[derive(Clone, Copy)]
pub struct CryptoProvider {
    /// What the backend is called, for logs.
    pub name: &'static str,
    /// Hash functions, HMAC among them.
    pub hash: &'static dyn HashProvider,
    /// Ciphers.
    pub cipher: &'static dyn CipherProvider,
    /// Key agreement.
    pub agreement: &'static dyn AgreementProvider,
    /// Signatures.
    pub signature: &'static dyn SignatureProvider,
    /// `true` if everything it draws comes from the [`Rng`] it is handed, so that a seed replays a session.
    pub deterministic: bool,
}

impl fmt::Debug for CryptoProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CryptoProvider").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The backends that were compiled in, the fastest first.
pub fn providers() -> Vec<CryptoProvider> {
    vec![
        #[cfg(feature = "aws-lc-rs")]
        aws_lc_rs::provider(),
        #[cfg(feature = "rust-crypto")]
        rust_crypto::provider(),
    ]
}

/// An operation was refused: a key of the wrong length, a point off the curve, a tag or signature that does not verify.
/// Says no more on purpose.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("the cryptographic operation failed")]
pub struct CryptoError;

/// A hash function.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum HashAlgorithm {
    /// SHA-1, 20 bytes: for HMAC where a protocol fixed it, never for signatures or fingerprints.
    Sha1,
    /// SHA-256, 32 bytes.
    Sha256,
    /// SHA-384, 48 bytes.
    Sha384,
    /// SHA-512, 64 bytes.
    Sha512,
}

impl HashAlgorithm {
    /// Length of the output in bytes.
    pub const fn output_len(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }
}

/// A hash or an HMAC, as long as its algorithm's output.
pub type Digest = ArrayVec<u8, 64>;

/// Hash functions and HMAC.
pub trait HashProvider: Send + Sync {
    /// The hash of `parts`, one after the other.
    fn digest(&self, algorithm: HashAlgorithm, parts: &[&[u8]]) -> Digest;

    /// A key for HMAC; any length.
    ///
    /// Source: [RFC 2104](https://www.rfc-editor.org/rfc/rfc2104)
    fn hmac_key(&self, algorithm: HashAlgorithm, key: &[u8]) -> Box<dyn HmacKey>;

    /// The HMAC of `parts` under a key of any length that is used too seldom to be held ready, which takes most of a kilobyte.
    fn hmac(&self, algorithm: HashAlgorithm, key: &[u8], parts: &[&[u8]]) -> Digest {
        self.hmac_key(algorithm, key).sign(parts)
    }
}

/// A key for HMAC, set up once and used for many messages.
pub trait HmacKey: Send + Sync {
    /// The HMAC of `parts`, one after the other.
    fn sign(&self, parts: &[&[u8]]) -> Digest;

    /// `true` if `tag` is the HMAC of `parts`, or a leftmost part of it at least 4 bytes long. Takes the same time
    /// wherever the two differ.
    fn verify(&self, parts: &[&[u8]], tag: &[u8]) -> bool {
        is_tag(&self.sign(parts), tag)
    }
}

/// `true` if `tag` is `expected`, or a leftmost part of it at least 4 bytes long. Takes the same time wherever the two differ.
pub fn is_tag(expected: &[u8], tag: &[u8]) -> bool {
    use subtle::ConstantTimeEq;
    match expected.get(..tag.len()) {
        Some(expected) if tag.len() >= 4 => expected.ct_eq(tag).into(),
        _ => false,
    }
}

/// An authenticated cipher.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum AeadAlgorithm {
    /// AES-128-GCM, 16-byte key.
    Aes128Gcm,
    /// AES-256-GCM, 32-byte key.
    Aes256Gcm,
    /// ChaCha20-Poly1305, 32-byte key.
    ChaCha20Poly1305,
}

impl AeadAlgorithm {
    /// Length of the tag in bytes.
    pub const TAG_LEN: usize = 16;
    /// Length of the nonce in bytes.
    pub const NONCE_LEN: usize = 12;

    /// Length of the key in bytes.
    pub const fn key_len(self) -> usize {
        match self {
            Self::Aes128Gcm => 16,
            Self::Aes256Gcm | Self::ChaCha20Poly1305 => 32,
        }
    }
}

/// Ciphers.
pub trait CipherProvider: Send + Sync {
    /// A key for `algorithm`.
    ///
    /// # Errors
    /// When `key` is not [`AeadAlgorithm::key_len`] bytes long.
    fn aead(&self, algorithm: AeadAlgorithm, key: &[u8]) -> Result<Box<dyn Aead>, CryptoError>;

    /// A key for AES in counter mode, 16 or 32 bytes long.
    ///
    /// # Errors
    /// When `key` has another length.
    fn aes_ctr(&self, key: &[u8]) -> Result<Box<dyn StreamCipher>, CryptoError>;
}

/// A key of an authenticated cipher.
pub trait Aead: Send + Sync {
    /// Encrypts `data` in place and returns the tag. A nonce must never be used twice with one key.
    fn seal(&self, nonce: &[u8; 12], aad: &[u8], data: &mut [u8]) -> [u8; 16];

    /// Verifies and decrypts `data`, ciphertext followed by its tag, in place; returns the length of the plaintext at
    /// its front.
    ///
    /// # Errors
    /// When the tag does not verify; `data` holds nothing of use then.
    fn open(&self, nonce: &[u8; 12], aad: &[u8], data: &mut [u8]) -> Result<usize, CryptoError>;
}

/// A key of a stream cipher.
pub trait StreamCipher: Send + Sync {
    /// Adds the key stream that starts at the counter block `iv` to `data`; the counter is the whole block, big endian.
    fn apply(&self, iv: &[u8; 16], data: &mut [u8]);
}

/// A group for key agreement.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Group {
    /// NIST P-256; public keys are uncompressed points, 65 bytes.
    P256,
    /// X25519; public keys are 32 bytes.
    X25519,
}

/// Key agreement.
pub trait AgreementProvider: Send + Sync {
    /// A fresh key pair in `group`.
    fn generate(&self, group: Group, rng: &mut Rng) -> Box<dyn PrivateKey>;

    /// Reads a private key: 32 bytes, big endian for P-256, as RFC 7748 encodes them for X25519.
    ///
    /// # Errors
    /// When `private_key` has another length or, for P-256, is 0 or not below the order of the group.
    fn load(&self, group: Group, private_key: &[u8]) -> Result<Box<dyn PrivateKey>, CryptoError>;
}

/// The private half of a key agreement.
pub trait PrivateKey: Send + Sync {
    /// The group it is in.
    fn group(&self) -> Group;

    /// The public half, as its group encodes it.
    fn public_key(&self) -> &[u8];

    /// The secret shared with the owner of `peer`: the x-coordinate for P-256, 32 bytes.
    ///
    /// # Errors
    /// When `peer` is not a public key of the group, or yields an all-zero secret.
    fn agree(&self, peer: &[u8]) -> Result<Zeroizing<Vec<u8>>, CryptoError>;
}

/// What a signature is made with.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum SignatureScheme {
    /// ECDSA over P-256 with SHA-256; public keys are uncompressed points (65 bytes), signatures are DER.
    EcdsaP256Sha256,
    /// RSASSA-PKCS1-v1_5 with SHA-256; public keys are DER of `RSAPublicKey` (RFC 8017 A.1.1) with a modulus of 2,048 to 4,096
    /// bits, signatures as long as the modulus. Fresh keys have 2,048 bits and the exponent 65,537.
    RsaPkcs1Sha256,
    /// Ed25519 (RFC 8032); public keys are 32 bytes, signatures 64.
    Ed25519,
}

/// Signatures.
pub trait SignatureProvider: Send + Sync {
    /// A fresh private key for `scheme`, as PKCS #8 DER.
    ///
    /// # Errors
    /// When the backend cannot make one.
    fn generate(&self, scheme: SignatureScheme, rng: &mut Rng) -> Result<Zeroizing<Vec<u8>>, CryptoError>;

    /// Reads a private key from PKCS #8 DER.
    ///
    /// # Errors
    /// When `pkcs8` is no key for `scheme`.
    fn load(&self, scheme: SignatureScheme, pkcs8: &[u8]) -> Result<Box<dyn SigningKey>, CryptoError>;

    /// Verifies `signature` over `message`.
    ///
    /// # Errors
    /// When it does not verify, or `public_key` is no key for `scheme`.
    fn verify(
        &self,
        scheme: SignatureScheme,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), CryptoError>;
}

/// A private key that signs.
pub trait SigningKey: Send + Sync {
    /// What it signs with.
    fn scheme(&self) -> SignatureScheme;

    /// The public half, as the scheme encodes it.
    fn public_key(&self) -> &[u8];

    /// Signs the parts of a message, one after the other.
    ///
    /// # Errors
    /// When the backend cannot.
    fn sign(&self, rng: &mut Rng, message: &[&[u8]]) -> Result<Vec<u8>, CryptoError>;
}
