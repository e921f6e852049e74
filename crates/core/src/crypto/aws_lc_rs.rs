//! The [aws-lc-rs](https://github.com/aws/aws-lc-rs) backend: the fastest, and it needs a C compiler to build.
//!
//! AWS-LC draws keys and signature nonces from its own generator, so a seed does not replay a session that uses it.

mod signature;

use super::{
    Aead, AeadAlgorithm, AgreementProvider, CipherProvider, CryptoError, CryptoProvider, Digest, Group, HashAlgorithm,
    HashProvider, HmacKey, PrivateKey, StreamCipher,
};
use crate::Rng;
use aws_lc_rs::{aead, agreement, cipher, digest, hmac, iv::FixedLength};
use zeroize::Zeroizing;

/// The provider.
pub fn provider() -> CryptoProvider {
    CryptoProvider {
        name: "aws-lc-rs",
        hash: &Backend,
        cipher: &Backend,
        agreement: &Backend,
        signature: &Backend,
        deterministic: false,
    }
}

struct Backend;

impl HashProvider for Backend {
    fn digest(&self, algorithm: HashAlgorithm, parts: &[&[u8]]) -> Digest {
        let mut context = digest::Context::new(match algorithm {
            HashAlgorithm::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            HashAlgorithm::Sha256 => &digest::SHA256,
            HashAlgorithm::Sha384 => &digest::SHA384,
            HashAlgorithm::Sha512 => &digest::SHA512,
        });
        for part in parts {
            context.update(part);
        }
        context.finish().as_ref().iter().copied().collect()
    }

    fn hmac_key(&self, algorithm: HashAlgorithm, key: &[u8]) -> Box<dyn HmacKey> {
        Box::new(PreparedHmac::new(algorithm, key))
    }

    fn hmac(&self, algorithm: HashAlgorithm, key: &[u8], parts: &[&[u8]]) -> Digest {
        PreparedHmac::new(algorithm, key).sign(parts)
    }
}

/// Holds the state after the padded key went in; every message starts from a copy of it.
struct PreparedHmac(hmac::Key);

impl PreparedHmac {
    fn new(algorithm: HashAlgorithm, key: &[u8]) -> Self {
        let algorithm = match algorithm {
            HashAlgorithm::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            HashAlgorithm::Sha256 => hmac::HMAC_SHA256,
            HashAlgorithm::Sha384 => hmac::HMAC_SHA384,
            HashAlgorithm::Sha512 => hmac::HMAC_SHA512,
        };
        Self(hmac::Key::new(algorithm, key))
    }
}

impl HmacKey for PreparedHmac {
    fn sign(&self, parts: &[&[u8]]) -> Digest {
        let mut context = hmac::Context::with_key(&self.0);
        for part in parts {
            context.update(part);
        }
        context.sign().as_ref().iter().copied().collect()
    }
}

impl CipherProvider for Backend {
    fn aead(&self, algorithm: AeadAlgorithm, key: &[u8]) -> Result<Box<dyn Aead>, CryptoError> {
        let algorithm = match algorithm {
            AeadAlgorithm::Aes128Gcm => &aead::AES_128_GCM,
            AeadAlgorithm::Aes256Gcm => &aead::AES_256_GCM,
            AeadAlgorithm::ChaCha20Poly1305 => &aead::CHACHA20_POLY1305,
        };
        let key = aead::UnboundKey::new(algorithm, key).map_err(|_| CryptoError)?;
        Ok(Box::new(AeadKey(aead::LessSafeKey::new(key))))
    }

    fn aes_ctr(&self, key: &[u8]) -> Result<Box<dyn StreamCipher>, CryptoError> {
        let algorithm = match key.len() {
            16 => &cipher::AES_128,
            32 => &cipher::AES_256,
            _ => return Err(CryptoError),
        };
        let key = cipher::UnboundCipherKey::new(algorithm, key).map_err(|_| CryptoError)?;
        Ok(Box::new(Ctr(cipher::EncryptingKey::ctr(key).map_err(|_| CryptoError)?)))
    }
}

struct AeadKey(aead::LessSafeKey);

impl Aead for AeadKey {
    fn seal(&self, nonce: &[u8; 12], aad: &[u8], data: &mut [u8]) -> [u8; 16] {
        let nonce = aead::Nonce::assume_unique_for_key(*nonce);
        self.0
            .seal_in_place_separate_tag(nonce, aead::Aad::from(aad), data)
            .ok()
            .and_then(|tag| tag.as_ref().try_into().ok())
            .expect("it fails beyond 64 GiB only, and its tags are 16 bytes long")
    }

    fn open(&self, nonce: &[u8; 12], aad: &[u8], data: &mut [u8]) -> Result<usize, CryptoError> {
        let nonce = aead::Nonce::assume_unique_for_key(*nonce);
        let plaintext = self.0.open_in_place(nonce, aead::Aad::from(aad), data).map_err(|_| CryptoError)?;
        Ok(plaintext.len())
    }
}

struct Ctr(cipher::EncryptingKey);

impl StreamCipher for Ctr {
    fn apply(&self, iv: &[u8; 16], data: &mut [u8]) {
        let iv = cipher::EncryptionContext::Iv128(FixedLength::from(*iv));
        self.0.less_safe_encrypt(data, iv).expect("counter mode takes any length and any counter block");
    }
}

impl AgreementProvider for Backend {
    fn generate(&self, group: Group, _rng: &mut Rng) -> Box<dyn PrivateKey> {
        agreement::PrivateKey::generate(agreement_algorithm(group))
            .map_err(|_| CryptoError)
            .and_then(|key| AgreementKey::new(group, key))
            .map(Box::new)
            .expect("AWS-LC aborts when the system has no randomness, and finds the public half of what it made")
    }

    fn load(&self, group: Group, private_key: &[u8]) -> Result<Box<dyn PrivateKey>, CryptoError> {
        let key = agreement::PrivateKey::from_private_key(agreement_algorithm(group), private_key)
            .map_err(|_| CryptoError)?;
        Ok(Box::new(AgreementKey::new(group, key)?))
    }
}

fn agreement_algorithm(group: Group) -> &'static agreement::Algorithm {
    match group {
        Group::P256 => &agreement::ECDH_P256,
        Group::X25519 => &agreement::X25519,
    }
}

struct AgreementKey {
    group: Group,
    key: agreement::PrivateKey,
    public: agreement::PublicKey,
}

impl AgreementKey {
    fn new(group: Group, key: agreement::PrivateKey) -> Result<Self, CryptoError> {
        let public = key.compute_public_key().map_err(|_| CryptoError)?;
        Ok(Self { group, key, public })
    }
}

impl PrivateKey for AgreementKey {
    fn group(&self) -> Group {
        self.group
    }

    fn public_key(&self) -> &[u8] {
        self.public.as_ref()
    }

    fn agree(&self, peer: &[u8]) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
        // AWS-LC also reads compressed points and X.509 keys.
        let is_expected = match self.group {
            Group::P256 => is_uncompressed(peer),
            Group::X25519 => peer.len() == 32,
        };
        if !is_expected {
            return Err(CryptoError);
        }
        let peer = agreement::UnparsedPublicKey::new(agreement_algorithm(self.group), peer);
        let shared = agreement::agree(&self.key, peer, CryptoError, |secret| Ok(Zeroizing::new(secret.to_vec())))?;
        // X25519 gives zero for points of small order.
        if shared.iter().fold(0, |any, byte| any | byte) == 0 { Err(CryptoError) } else { Ok(shared) }
    }
}

/// `true` for what TLS sends: SEC 1 also has compressed points and the identity.
fn is_uncompressed(point: &[u8]) -> bool {
    point.len() == 65 && point.first() == Some(&4)
}
