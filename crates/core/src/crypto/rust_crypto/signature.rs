//! Signatures: a key type for each scheme.

use super::{Backend, digest, is_uncompressed, p256_point, p256_secret};
use crate::Rng;
use crate::crypto::{CryptoError, SignatureProvider, SignatureScheme, SigningKey};
use ed25519_dalek::Signer;
use p256::ecdsa::signature::hazmat::{PrehashSigner, PrehashVerifier};
use p256::pkcs8::{DecodePrivateKey, EncodePrivateKey};
use rsa::pkcs1::{DecodeRsaPublicKey, EncodeRsaPublicKey};
use rsa::traits::PublicKeyParts;
use rsa::{Pkcs1v15Sign, PrivateKey as RsaPrivateKey, PublicKey as RsaPublicKey};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

impl SignatureProvider for Backend {
    fn generate(&self, scheme: SignatureScheme, rng: &mut Rng) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
        let pkcs8 = match scheme {
            SignatureScheme::EcdsaP256Sha256 => p256_secret(rng).to_pkcs8_der(),
            SignatureScheme::RsaPkcs1Sha256 => {
                RsaPrivateKey::new(rng.stream(), RSA_BITS).map_err(|_| CryptoError)?.to_pkcs8_der()
            }
            SignatureScheme::Ed25519 => ed25519_key(&Zeroizing::new(rng.bytes())).to_pkcs8_der(),
        };
        Ok(pkcs8.map_err(|_| CryptoError)?.to_bytes())
    }

    fn load(&self, scheme: SignatureScheme, pkcs8: &[u8]) -> Result<Box<dyn SigningKey>, CryptoError> {
        match scheme {
            SignatureScheme::EcdsaP256Sha256 => {
                let secret = p256::SecretKey::from_pkcs8_der(pkcs8).map_err(|_| CryptoError)?;
                Ok(Box::new(EcdsaKey { public: p256_point(&secret), key: secret.into() }))
            }
            SignatureScheme::RsaPkcs1Sha256 => {
                let key = RsaPrivateKey::from_pkcs8_der(pkcs8).map_err(|_| CryptoError)?;
                let public = key.to_public_key();
                check_modulus(&public)?;
                let public = public.to_pkcs1_der().map_err(|_| CryptoError)?.as_bytes().to_vec();
                Ok(Box::new(RsaKey { key, public }))
            }
            SignatureScheme::Ed25519 => {
                let key = ed25519_dalek::SigningKey::from_pkcs8_der(pkcs8).map_err(|_| CryptoError)?;
                Ok(Box::new(Ed25519Key { public: key.verifying_key().to_bytes(), key }))
            }
        }
    }

    fn verify(
        &self,
        scheme: SignatureScheme,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), CryptoError> {
        let verify = match scheme {
            SignatureScheme::EcdsaP256Sha256 => verify_ecdsa,
            SignatureScheme::RsaPkcs1Sha256 => verify_rsa,
            SignatureScheme::Ed25519 => verify_ed25519,
        };
        verify(public_key, message, signature)
    }
}

fn verify_ecdsa(public_key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
    if !is_uncompressed(public_key) {
        return Err(CryptoError);
    }
    let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(public_key).map_err(|_| CryptoError)?;
    let signature = p256::ecdsa::Signature::from_der(signature).map_err(|_| CryptoError)?;
    key.verify_prehash(&Sha256::digest(message), &signature).map_err(|_| CryptoError)
}

fn verify_rsa(public_key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
    let key = RsaPublicKey::from_pkcs1_der(public_key).map_err(|_| CryptoError)?;
    check_modulus(&key)?;
    key.verify(pkcs1_sha256(), &Sha256::digest(message), signature).map_err(|_| CryptoError)
}

fn verify_ed25519(public_key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
    let key = ed25519_dalek::VerifyingKey::try_from(public_key).map_err(|_| CryptoError)?;
    let signature = ed25519_dalek::Signature::from_slice(signature).map_err(|_| CryptoError)?;
    key.verify_strict(message, &signature).map_err(|_| CryptoError)
}

struct EcdsaKey {
    key: p256::ecdsa::SigningKey,
    public: [u8; 65],
}

impl SigningKey for EcdsaKey {
    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::EcdsaP256Sha256
    }

    fn public_key(&self) -> &[u8] {
        &self.public
    }

    fn sign(&self, _rng: &mut Rng, message: &[&[u8]]) -> Result<Vec<u8>, CryptoError> {
        // The nonce is derived from key and message (RFC 6979), so nothing is drawn.
        let hash = super::digest::<Sha256>(message);
        let signature: p256::ecdsa::DerSignature = self.key.sign_prehash(&hash).map_err(|_| CryptoError)?;
        Ok(signature.as_bytes().to_vec())
    }
}

/// Bits of a fresh modulus.
const RSA_BITS: usize = 2048;
/// What a modulus may have. Longer ones take long to verify with, and no peer has them.
const RSA_SIZES: std::ops::RangeInclusive<usize> = 2048..=4096;

fn check_modulus(key: &RsaPublicKey) -> Result<(), CryptoError> {
    if RSA_SIZES.contains(&(key.size() * 8)) { Ok(()) } else { Err(CryptoError) }
}

/// The padding of RFC 8017 §9.2: the prefix is DER for "SHA-256, 32 bytes".
fn pkcs1_sha256() -> Pkcs1v15Sign {
    const PREFIX: [u8; 19] = [
        0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04,
        0x20,
    ];
    Pkcs1v15Sign { hash_len: Some(32), prefix: Box::new(PREFIX) }
}

struct RsaKey {
    key: RsaPrivateKey,
    public: Vec<u8>,
}

impl SigningKey for RsaKey {
    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::RsaPkcs1Sha256
    }

    fn public_key(&self) -> &[u8] {
        &self.public
    }

    fn sign(&self, rng: &mut Rng, message: &[&[u8]]) -> Result<Vec<u8>, CryptoError> {
        // What is drawn blinds the computation and leaves the signature as it is.
        self.key.sign_with_rng(rng.stream(), pkcs1_sha256(), &digest::<Sha256>(message)).map_err(|_| CryptoError)
    }
}

fn ed25519_key(seed: &[u8; 32]) -> ed25519_dalek::SigningKey {
    ed25519_dalek::SigningKey::from_bytes(seed)
}

struct Ed25519Key {
    key: ed25519_dalek::SigningKey,
    public: [u8; 32],
}

impl SigningKey for Ed25519Key {
    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::Ed25519
    }

    fn public_key(&self) -> &[u8] {
        &self.public
    }

    fn sign(&self, _rng: &mut Rng, message: &[&[u8]]) -> Result<Vec<u8>, CryptoError> {
        // The message is hashed twice, so it has to be there as a whole.
        Ok(self.key.try_sign(&message.concat()).map_err(|_| CryptoError)?.to_bytes().to_vec())
    }
}
