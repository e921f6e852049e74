//! The [RustCrypto](https://github.com/RustCrypto) backend: no C, so it builds wherever Rust does, and deterministic, so
//! that tests replay.

mod signature;

use super::{
    Aead, AeadAlgorithm, AgreementProvider, CipherProvider, CryptoError, CryptoProvider, Digest, Group, HashAlgorithm,
    HashProvider, HmacKey, PrivateKey, StreamCipher,
};
use crate::Rng;
use aes::{Aes128, Aes256};
use aes_gcm::{Aes128Gcm, Aes256Gcm};
use chacha20poly1305::ChaCha20Poly1305;
use chacha20poly1305::aead::{AeadInOut, KeyInit};
use ctr::cipher::{BlockCipherEncrypt, BlockSizeUser, InnerIvInit, StreamCipherCore, consts::U16};
use ctr::flavors::Ctr128BE;
use hmac::{Hmac, Mac};
use p256::elliptic_curve::sec1::ToSec1Point;
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};
use zeroize::Zeroizing;

/// The provider.
pub fn provider() -> CryptoProvider {
    CryptoProvider {
        name: "rust-crypto",
        hash: &Backend,
        cipher: &Backend,
        agreement: &Backend,
        signature: &Backend,
        deterministic: true,
    }
}

struct Backend;

impl HashProvider for Backend {
    fn digest(&self, algorithm: HashAlgorithm, parts: &[&[u8]]) -> Digest {
        match algorithm {
            HashAlgorithm::Sha1 => digest::<Sha1>(parts),
            HashAlgorithm::Sha256 => digest::<Sha256>(parts),
            HashAlgorithm::Sha384 => digest::<Sha384>(parts),
            HashAlgorithm::Sha512 => digest::<Sha512>(parts),
        }
    }

    fn hmac_key(&self, algorithm: HashAlgorithm, key: &[u8]) -> Box<dyn HmacKey> {
        match algorithm {
            HashAlgorithm::Sha1 => hmac_key::<Hmac<Sha1>>(key),
            HashAlgorithm::Sha256 => hmac_key::<Hmac<Sha256>>(key),
            HashAlgorithm::Sha384 => hmac_key::<Hmac<Sha384>>(key),
            HashAlgorithm::Sha512 => hmac_key::<Hmac<Sha512>>(key),
        }
    }

    fn hmac(&self, algorithm: HashAlgorithm, key: &[u8], parts: &[&[u8]]) -> Digest {
        match algorithm {
            HashAlgorithm::Sha1 => PreparedHmac::<Hmac<Sha1>>::new(key).sign(parts),
            HashAlgorithm::Sha256 => PreparedHmac::<Hmac<Sha256>>::new(key).sign(parts),
            HashAlgorithm::Sha384 => PreparedHmac::<Hmac<Sha384>>::new(key).sign(parts),
            HashAlgorithm::Sha512 => PreparedHmac::<Hmac<Sha512>>::new(key).sign(parts),
        }
    }
}

fn digest<D: sha2::Digest>(parts: &[&[u8]]) -> Digest {
    let mut hash = D::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().iter().copied().collect()
}

fn hmac_key<M: Mac + KeyInit + Clone + Send + Sync + 'static>(key: &[u8]) -> Box<dyn HmacKey> {
    Box::new(PreparedHmac::<M>::new(key))
}

/// Holds the state after the padded key went in; every message starts from a copy of it.
struct PreparedHmac<M>(M);

impl<M: KeyInit> PreparedHmac<M> {
    fn new(key: &[u8]) -> Self {
        Self(M::new_from_slice(key).expect("HMAC takes keys of any length"))
    }
}

impl<M: Mac + Clone + Send + Sync> HmacKey for PreparedHmac<M> {
    fn sign(&self, parts: &[&[u8]]) -> Digest {
        let mut mac = self.0.clone();
        for part in parts {
            mac.update(part);
        }
        mac.finalize().into_bytes().iter().copied().collect()
    }
}

impl CipherProvider for Backend {
    fn aead(&self, algorithm: AeadAlgorithm, key: &[u8]) -> Result<Box<dyn Aead>, CryptoError> {
        match algorithm {
            AeadAlgorithm::Aes128Gcm => aead_key::<Aes128Gcm>(key),
            AeadAlgorithm::Aes256Gcm => aead_key::<Aes256Gcm>(key),
            AeadAlgorithm::ChaCha20Poly1305 => aead_key::<ChaCha20Poly1305>(key),
        }
    }

    fn aes_ctr(&self, key: &[u8]) -> Result<Box<dyn StreamCipher>, CryptoError> {
        match key.len() {
            16 => Ok(Box::new(Ctr(Aes128::new_from_slice(key).map_err(|_| CryptoError)?))),
            32 => Ok(Box::new(Ctr(Aes256::new_from_slice(key).map_err(|_| CryptoError)?))),
            _ => Err(CryptoError),
        }
    }
}

/// An AEAD with the nonce and tag lengths that all of ours have.
trait FixedAead: AeadInOut<NonceSize = chacha20poly1305::consts::U12, TagSize = U16> + Send + Sync {}

impl<A: AeadInOut<NonceSize = chacha20poly1305::consts::U12, TagSize = U16> + Send + Sync> FixedAead for A {}

fn aead_key<A: FixedAead + KeyInit + 'static>(key: &[u8]) -> Result<Box<dyn Aead>, CryptoError> {
    Ok(Box::new(AeadKey(A::new_from_slice(key).map_err(|_| CryptoError)?)))
}

struct AeadKey<A>(A);

impl<A: FixedAead> Aead for AeadKey<A> {
    fn seal(&self, nonce: &[u8; 12], aad: &[u8], data: &mut [u8]) -> [u8; 16] {
        self.0
            .encrypt_inout_detached(nonce.into(), aad, data.into())
            .expect("it fails beyond 64 GiB only, and no packet is that long")
            .into()
    }

    fn open(&self, nonce: &[u8; 12], aad: &[u8], data: &mut [u8]) -> Result<usize, CryptoError> {
        let (data, tag) = data.split_last_chunk_mut::<{ AeadAlgorithm::TAG_LEN }>().ok_or(CryptoError)?;
        let len = data.len();
        self.0.decrypt_inout_detached(nonce.into(), aad, data.into(), (&*tag).into()).map_err(|_| CryptoError)?;
        Ok(len)
    }
}

struct Ctr<C>(C);

impl<C: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16> + Send + Sync> StreamCipher for Ctr<C> {
    fn apply(&self, iv: &[u8; 16], data: &mut [u8]) {
        ctr::CtrCore::<&C, Ctr128BE>::inner_iv_init(&self.0, iv.into()).apply_keystream_partial(data.into());
    }
}

impl AgreementProvider for Backend {
    fn generate(&self, group: Group, rng: &mut Rng) -> Box<dyn PrivateKey> {
        match group {
            Group::P256 => Box::new(P256Key::new(p256_secret(rng))),
            Group::X25519 => Box::new(X25519Key::new(rng.bytes::<32>().into())),
        }
    }

    fn load(&self, group: Group, private_key: &[u8]) -> Result<Box<dyn PrivateKey>, CryptoError> {
        let private_key = Zeroizing::new(<[u8; 32]>::try_from(private_key).map_err(|_| CryptoError)?);
        match group {
            Group::P256 => {
                let secret = p256::SecretKey::from_slice(&*private_key).map_err(|_| CryptoError)?;
                Ok(Box::new(P256Key::new(secret)))
            }
            Group::X25519 => Ok(Box::new(X25519Key::new((*private_key).into()))),
        }
    }
}

/// A uniform scalar in `1..order`: 32 bytes are drawn until they are one, which takes a second draw once in 2^32 times.
fn p256_secret(rng: &mut Rng) -> p256::SecretKey {
    loop {
        let bytes = Zeroizing::new(rng.bytes::<32>());
        if let Ok(secret) = p256::SecretKey::from_slice(&*bytes) {
            return secret;
        }
    }
}

/// The public half as an uncompressed point.
fn p256_point(secret: &p256::SecretKey) -> [u8; 65] {
    let point = secret.public_key().to_sec1_point(false);
    point.as_bytes().try_into().expect("an uncompressed point of P-256 is 65 bytes long")
}

/// `true` for what TLS sends: SEC 1 also has compressed points and the identity.
fn is_uncompressed(point: &[u8]) -> bool {
    point.len() == 65 && point.first() == Some(&4)
}

struct P256Key {
    secret: p256::SecretKey,
    public: [u8; 65],
}

impl P256Key {
    fn new(secret: p256::SecretKey) -> Self {
        let public = p256_point(&secret);
        Self { secret, public }
    }
}

impl PrivateKey for P256Key {
    fn group(&self) -> Group {
        Group::P256
    }

    fn public_key(&self) -> &[u8] {
        &self.public
    }

    fn agree(&self, peer: &[u8]) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
        if !is_uncompressed(peer) {
            return Err(CryptoError);
        }
        let peer = p256::PublicKey::from_sec1_bytes(peer).map_err(|_| CryptoError)?;
        Ok(Zeroizing::new(self.secret.diffie_hellman(&peer).raw_secret_bytes().to_vec()))
    }
}

struct X25519Key {
    secret: x25519_dalek::StaticSecret,
    public: x25519_dalek::PublicKey,
}

impl X25519Key {
    fn new(secret: x25519_dalek::StaticSecret) -> Self {
        let public = x25519_dalek::PublicKey::from(&secret);
        Self { secret, public }
    }
}

impl PrivateKey for X25519Key {
    fn group(&self) -> Group {
        Group::X25519
    }

    fn public_key(&self) -> &[u8] {
        self.public.as_bytes()
    }

    fn agree(&self, peer: &[u8]) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
        let peer = <[u8; 32]>::try_from(peer).map_err(|_| CryptoError)?;
        let shared = self.secret.diffie_hellman(&peer.into());
        if !shared.was_contributory() {
            return Err(CryptoError);
        }
        Ok(Zeroizing::new(shared.as_bytes().to_vec()))
    }
}
