use super::*;

#[test]
#[cfg(feature = "aws-lc-rs")]
fn aws_lc_rs_conforms() {
    assert_eq!(check(&crate::crypto::aws_lc_rs::provider()), Ok(()));
}

#[test]
#[cfg(feature = "rust-crypto")]
fn rust_crypto_conforms() {
    assert_eq!(check(&crate::crypto::rust_crypto::provider()), Ok(()));
}

#[test]
#[cfg(feature = "rust-crypto")]
fn rust_crypto_signs_as_rfc_6979_says() {
    let provider = crate::crypto::rust_crypto::provider();
    let key = provider.signature.load(ECDSA, &ecdsa_pkcs8()).unwrap();
    assert_eq!(key.sign(&mut Rng::from_number(1), &[b"sam", b"ple"]), Ok(hex(ECDSA_SIGNATURE)));
}

/// Guards the random number that RSA signs with: what is drawn blinds the computation, whose time would tell of the key otherwise
/// (RUSTSEC-2023-0071), and leaves the signature as it is.
#[test]
#[cfg(feature = "rust-crypto")]
fn rust_crypto_blinds_what_rsa_signs() {
    let provider = crate::crypto::rust_crypto::provider();
    let pkcs8 = provider.signature.generate(SignatureScheme::RsaPkcs1Sha256, &mut Rng::from_number(1)).unwrap();
    let key = provider.signature.load(SignatureScheme::RsaPkcs1Sha256, &pkcs8).unwrap();
    let signatures = [2, 3].map(|seed| {
        let mut rng = Rng::from_number(seed);
        let signature = key.sign(&mut rng, &[b"sample"]).unwrap();
        assert_ne!(rng.u64(), Rng::from_number(seed).u64(), "nothing was drawn");
        signature
    });
    assert_eq!(signatures[0], signatures[1]);
}

#[test]
#[cfg(feature = "rust-crypto")]
fn a_broken_backend_is_named_with_the_check_it_failed() {
    use crate::crypto::{Digest, HashProvider, HmacKey};

    struct Constant;
    impl HashProvider for Constant {
        fn digest(&self, algorithm: HashAlgorithm, _: &[&[u8]]) -> Digest {
            std::iter::repeat_n(7, algorithm.output_len()).collect()
        }
        fn hmac_key(&self, algorithm: HashAlgorithm, key: &[u8]) -> Box<dyn HmacKey> {
            crate::crypto::rust_crypto::provider().hash.hmac_key(algorithm, key)
        }
    }

    let broken = CryptoProvider { name: "broken", hash: &Constant, ..crate::crypto::rust_crypto::provider() };
    let failure = check(&broken).unwrap_err();
    assert_eq!(failure, Nonconformance { backend: "broken", what: "SHA-1 of abc" });
    assert_eq!(failure.to_string(), "broken fails the check of SHA-1 of abc");
}

/// Each backend against the other, on random input.
#[cfg(all(feature = "aws-lc-rs", feature = "rust-crypto"))]
mod agreement_of_backends {
    use super::*;
    use crate::{Rng, crypto::providers};
    use proptest::prelude::*;

    const HASHES: [HashAlgorithm; 4] =
        [HashAlgorithm::Sha1, HashAlgorithm::Sha256, HashAlgorithm::Sha384, HashAlgorithm::Sha512];
    const AEADS: [AeadAlgorithm; 3] =
        [AeadAlgorithm::Aes128Gcm, AeadAlgorithm::Aes256Gcm, AeadAlgorithm::ChaCha20Poly1305];

    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(any::<u8>(), 0..300)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn hashes_agree(key in bytes(), message in bytes(), more in bytes()) {
            for algorithm in HASHES {
                let [aws, rust] = both(|provider| {
                    let key = provider.hash.hmac_key(algorithm, &key);
                    (provider.hash.digest(algorithm, &[&message, &more]), key.sign(&[&message, &more]))
                });
                prop_assert_eq!(aws, rust);
            }
        }

        #[test]
        fn aeads_agree(key in any::<[u8; 32]>(), nonce in any::<[u8; 12]>(), aad in bytes(), plaintext in bytes()) {
            for algorithm in AEADS {
                let [aws, rust] = both(|provider| {
                    let key = provider.cipher.aead(algorithm, &key[..algorithm.key_len()]).unwrap();
                    let mut data = plaintext.clone();
                    let tag = key.seal(&nonce, &aad, &mut data);
                    data.extend_from_slice(&tag);
                    let mut opened = data.clone();
                    assert_eq!(key.open(&nonce, &aad, &mut opened), Ok(plaintext.len()));
                    assert_eq!(opened[..plaintext.len()], plaintext);
                    data
                });
                prop_assert_eq!(aws, rust);
            }
        }

        #[test]
        fn counter_modes_agree(key in any::<[u8; 32]>(), iv in any::<[u8; 16]>(), plaintext in bytes()) {
            for key in [&key[..16], &key[..]] {
                let [aws, rust] = both(|provider| {
                    let mut data = plaintext.clone();
                    provider.cipher.aes_ctr(key).unwrap().apply(&iv, &mut data);
                    data
                });
                prop_assert_eq!(aws, rust);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn key_agreements_agree(mine in any::<[u8; 32]>(), theirs in any::<u64>()) {
            for group in [Group::P256, Group::X25519] {
                let [aws, rust] = both(|provider| {
                    let theirs = crate::crypto::rust_crypto::provider()
                        .agreement
                        .generate(group, &mut Rng::from_number(theirs));
                    let mine = provider.agreement.load(group, &mine).ok()?;
                    Some((mine.public_key().to_vec(), mine.agree(theirs.public_key())))
                });
                prop_assert_eq!(aws, rust);
            }
        }

        #[test]
        fn each_verifies_what_the_other_signs(seed in any::<u64>(), message in bytes()) {
            for scheme in [ECDSA, SignatureScheme::Ed25519] {
                each_verifies(scheme, seed, &message);
            }
        }
    }

    /// RSA keys take long to make.
    #[test]
    fn each_verifies_what_the_other_signs_with_rsa() {
        each_verifies(SignatureScheme::RsaPkcs1Sha256, 1, b"sample");
    }

    fn each_verifies(scheme: SignatureScheme, seed: u64, message: &[u8]) {
        let providers = providers();
        for signer in &providers {
            let rng = &mut Rng::from_number(seed);
            let pkcs8 = signer.signature.generate(scheme, rng).expect("a key");
            for (loader, verifier) in providers.iter().zip(providers.iter().rev()) {
                let key = loader.signature.load(scheme, &pkcs8).expect("the key is sound");
                let signature = key.sign(rng, &[message]).expect("a signature");
                assert!(verifier.signature.verify(scheme, key.public_key(), message, &signature).is_ok());
            }
        }
    }

    fn both<T>(run: impl Fn(&CryptoProvider) -> T) -> [T; 2] {
        [run(&crate::crypto::aws_lc_rs::provider()), run(&crate::crypto::rust_crypto::provider())]
    }
}
