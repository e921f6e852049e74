//! Signatures: a key type for each scheme.

use super::{Backend, is_uncompressed};
use crate::Rng;
use crate::crypto::{CryptoError, SignatureProvider, SignatureScheme, SigningKey};
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaKeyPair, UnparsedPublicKey};
use zeroize::Zeroizing;

impl SignatureProvider for Backend {
    fn generate(&self, scheme: SignatureScheme, _rng: &mut Rng) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
        let pkcs8 = match scheme {
            SignatureScheme::EcdsaP256Sha256 => EcdsaKeyPair::generate(&signature::ECDSA_P256_SHA256_ASN1_SIGNING)
                .and_then(|key| Ok(key.to_pkcs8v1()?.as_ref().to_vec())),
            SignatureScheme::RsaPkcs1Sha256 => {
                RsaKeyPair::generate(KeySize::Rsa2048).and_then(|key| Ok(AsDer::as_der(&key)?.as_ref().to_vec()))
            }
            SignatureScheme::Ed25519 => {
                Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new()).map(|pkcs8| pkcs8.as_ref().to_vec())
            }
        };
        pkcs8.map(Zeroizing::new).map_err(|_| CryptoError)
    }

    fn load(&self, scheme: SignatureScheme, pkcs8: &[u8]) -> Result<Box<dyn SigningKey>, CryptoError> {
        Ok(match scheme {
            SignatureScheme::EcdsaP256Sha256 => {
                let key = EcdsaKeyPair::from_pkcs8(&signature::ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8);
                Box::new(EcdsaKey(key.map_err(|_| CryptoError)?))
            }
            SignatureScheme::RsaPkcs1Sha256 => {
                let key = RsaKeyPair::from_pkcs8(pkcs8).map_err(|_| CryptoError)?;
                if !RSA_SIZES.contains(&(key.public_modulus_len() * 8)) {
                    return Err(CryptoError);
                }
                Box::new(RsaKey(key))
            }
            SignatureScheme::Ed25519 => {
                Box::new(Ed25519Key(Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8).map_err(|_| CryptoError)?))
            }
        })
    }

    fn verify(
        &self,
        scheme: SignatureScheme,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), CryptoError> {
        // AWS-LC also reads compressed points and X.509 keys.
        let algorithm: &dyn signature::VerificationAlgorithm = match scheme {
            SignatureScheme::EcdsaP256Sha256 if is_uncompressed(public_key) => &signature::ECDSA_P256_SHA256_ASN1,
            SignatureScheme::RsaPkcs1Sha256 if public_key.len() <= MAX_RSA_LEN => {
                &signature::RSA_PKCS1_2048_8192_SHA256
            }
            SignatureScheme::Ed25519 if public_key.len() == 32 => &signature::ED25519,
            _ => return Err(CryptoError),
        };
        UnparsedPublicKey::new(algorithm, public_key).verify(message, signature).map_err(|_| CryptoError)
    }
}

struct EcdsaKey(EcdsaKeyPair);

impl SigningKey for EcdsaKey {
    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::EcdsaP256Sha256
    }

    fn public_key(&self) -> &[u8] {
        self.0.public_key().as_ref()
    }

    fn sign(&self, _rng: &mut Rng, message: &[&[u8]]) -> Result<Vec<u8>, CryptoError> {
        // In one piece, because FIPS 186-5 wants hash and signature from one call into the module.
        let signature = self.0.sign(&SystemRandom::new(), &message.concat());
        Ok(signature.map_err(|_| CryptoError)?.as_ref().to_vec())
    }
}

/// What a modulus may have, in bits. Longer ones take long to verify with, and no peer has them.
const RSA_SIZES: std::ops::RangeInclusive<usize> = 2048..=4096;
/// `RSAPublicKey` with a modulus of 4,096 bits and an exponent of 32: in bytes.
const MAX_RSA_LEN: usize = 528;

struct RsaKey(RsaKeyPair);

impl SigningKey for RsaKey {
    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::RsaPkcs1Sha256
    }

    fn public_key(&self) -> &[u8] {
        self.0.public_key().as_ref()
    }

    fn sign(&self, _rng: &mut Rng, message: &[&[u8]]) -> Result<Vec<u8>, CryptoError> {
        let mut out = vec![0; self.0.public_modulus_len()];
        self.0
            .sign(&signature::RSA_PKCS1_SHA256, &SystemRandom::new(), &message.concat(), &mut out)
            .map_err(|_| CryptoError)?;
        Ok(out)
    }
}

struct Ed25519Key(Ed25519KeyPair);

impl SigningKey for Ed25519Key {
    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::Ed25519
    }

    fn public_key(&self) -> &[u8] {
        self.0.public_key().as_ref()
    }

    fn sign(&self, _rng: &mut Rng, message: &[&[u8]]) -> Result<Vec<u8>, CryptoError> {
        Ok(self.0.sign(&message.concat()).as_ref().to_vec())
    }
}
