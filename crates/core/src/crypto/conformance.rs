//! What a backend must get right before protocol code is built on it.

use super::{AeadAlgorithm, CryptoProvider, Group, HashAlgorithm, SignatureScheme};
use crate::Rng;
use thiserror::Error;

/// A backend does not do what [`check`] asks of it.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("{backend} fails the check of {what}")]
pub struct Nonconformance {
    /// The name of the backend.
    pub backend: &'static str,
    /// The check that failed.
    pub what: &'static str,
}

/// Runs every operation of `provider` against published answers, and against keys, tags and points it has to refuse.
/// Takes some milliseconds.
///
/// # Errors
/// The first check that failed.
pub fn check(provider: &CryptoProvider) -> Result<(), Nonconformance> {
    let checks: [fn(&CryptoProvider) -> Outcome; 11] = [
        digests,
        hmacs,
        aead_vectors,
        aead_refusals,
        aes_ctr,
        x25519,
        p256_agreement,
        ecdsa_vectors,
        other_signatures,
        ecdsa_round_trip,
        determinism,
    ];
    for run in checks {
        run(provider).map_err(|what| Nonconformance { backend: provider.name, what })?;
    }
    Ok(())
}

/// What one group of checks came to; the error names the check.
type Outcome = Result<(), &'static str>;

fn ensure(holds: bool, what: &'static str) -> Outcome {
    if holds { Ok(()) } else { Err(what) }
}

/// Source: FIPS 180-4, with the answers that NIST publishes beside it.
fn digests(provider: &CryptoProvider) -> Outcome {
    let vectors = [
        ("SHA-1 of abc", HashAlgorithm::Sha1, "abc", "a9993e364706816aba3e25717850c26c9cd0d89d"),
        ("SHA-1 of 56 bytes", HashAlgorithm::Sha1, TWO_BLOCKS, "84983e441c3bd26ebaae4aa1f95129e5e54670f1"),
        (
            "SHA-256 of abc",
            HashAlgorithm::Sha256,
            "abc",
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        ),
        (
            "SHA-256 of 56 bytes",
            HashAlgorithm::Sha256,
            TWO_BLOCKS,
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
        ),
        (
            "SHA-384 of abc",
            HashAlgorithm::Sha384,
            "abc",
            "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
        ),
        (
            "SHA-512 of abc",
            HashAlgorithm::Sha512,
            "abc",
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
             2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        ),
    ];
    for (what, algorithm, message, expected) in vectors {
        let expected = hex(expected);
        ensure(expected.len() == algorithm.output_len(), what)?;
        ensure(provider.hash.digest(algorithm, &[message.as_bytes()])[..] == expected, what)?;
        let (head, tail) = message.as_bytes().split_at(1);
        ensure(provider.hash.digest(algorithm, &[head, b"", tail])[..] == expected, what)?;
    }
    Ok(())
}

const TWO_BLOCKS: &str = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";

/// The name of the check, the algorithm, the key, the message and its HMAC.
type HmacVector<'a> = (&'static str, HashAlgorithm, &'a [u8], &'a [u8], &'static str);

/// Source: [RFC 2202 §3](https://www.rfc-editor.org/rfc/rfc2202#section-3),
/// [RFC 4231 §4](https://www.rfc-editor.org/rfc/rfc4231#section-4)
fn hmacs(provider: &CryptoProvider) -> Outcome {
    let long_key = [0xaa; 131];
    let question: &[u8] = b"what do ya want for nothing?";
    let long: &[u8] = b"Test Using Larger Than Block-Size Key - Hash Key First";
    let vectors: [HmacVector; 9] = [
        (
            "HMAC-SHA-1, RFC 2202 case 1",
            HashAlgorithm::Sha1,
            &[0x0b; 20],
            b"Hi There",
            "b617318655057264e28bc0b6fb378c8ef146be00",
        ),
        (
            "HMAC-SHA-1, RFC 2202 case 2",
            HashAlgorithm::Sha1,
            b"Jefe",
            question,
            "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79",
        ),
        (
            "HMAC-SHA-1, RFC 2202 case 6",
            HashAlgorithm::Sha1,
            &long_key[..80],
            long,
            "aa4ae5e15272d00e95705637ce8a3b55ed402112",
        ),
        (
            "HMAC-SHA-256, RFC 4231 case 2",
            HashAlgorithm::Sha256,
            b"Jefe",
            question,
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
        (
            "HMAC-SHA-256, RFC 4231 case 6",
            HashAlgorithm::Sha256,
            &long_key,
            long,
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        ),
        (
            "HMAC-SHA-384, RFC 4231 case 2",
            HashAlgorithm::Sha384,
            b"Jefe",
            question,
            "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649",
        ),
        (
            "HMAC-SHA-384, RFC 4231 case 6",
            HashAlgorithm::Sha384,
            &long_key,
            long,
            "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c60c2ef6ab4030fe8296248df163f44952",
        ),
        (
            "HMAC-SHA-512, RFC 4231 case 2",
            HashAlgorithm::Sha512,
            b"Jefe",
            question,
            "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554\
             9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
        ),
        (
            "HMAC-SHA-512, RFC 4231 case 6",
            HashAlgorithm::Sha512,
            &long_key,
            long,
            "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352\
             6b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598",
        ),
    ];
    for (what, algorithm, key, message, expected) in vectors {
        let expected = hex(expected);
        let (head, tail) = message.split_at(5);
        ensure(provider.hash.hmac(algorithm, key, &[head, tail])[..] == expected, what)?;
        let key = provider.hash.hmac_key(algorithm, key);
        ensure(key.sign(&[message])[..] == expected, what)?;
        // The same key again: nothing of the first message may be left in it.
        ensure(key.sign(&[head, b"", tail])[..] == expected, what)?;
        ensure(key.verify(&[head, tail], &expected), what)?;
        ensure(key.verify(&[message], &expected[..10]), "a shortened HMAC")?;
        ensure(!key.verify(&[head], &expected), "an HMAC of something else")?;
        ensure(!key.verify(&[message], b""), "an HMAC of no length")?;
        let mut wrong = expected.clone();
        wrong[9] ^= 1;
        ensure(!key.verify(&[message], &wrong[..10]), "an HMAC with a flipped bit")?;
        wrong = [&expected[..], &[0]].concat();
        ensure(!key.verify(&[message], &wrong), "an HMAC that is too long")?;
    }
    Ok(())
}

struct AeadVector {
    what: &'static str,
    algorithm: AeadAlgorithm,
    key: &'static str,
    nonce: &'static str,
    aad: &'static str,
    plaintext: &'static str,
    ciphertext: &'static str,
    tag: &'static str,
}

/// Source: McGrew and Viega, "The Galois/Counter Mode of Operation", test cases 4 and 16;
/// [RFC 8439 §2.8.2](https://www.rfc-editor.org/rfc/rfc8439#section-2.8.2)
const AEAD_VECTORS: [AeadVector; 3] = [
    AeadVector {
        what: "AES-128-GCM",
        algorithm: AeadAlgorithm::Aes128Gcm,
        key: "feffe9928665731c6d6a8f9467308308",
        nonce: "cafebabefacedbaddecaf888",
        aad: "feedfacedeadbeeffeedfacedeadbeefabaddad2",
        plaintext: "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72\
                    1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
        ciphertext: "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e\
                     21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091",
        tag: "5bc94fbc3221a5db94fae95ae7121a47",
    },
    AeadVector {
        what: "AES-256-GCM",
        algorithm: AeadAlgorithm::Aes256Gcm,
        key: "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
        nonce: "cafebabefacedbaddecaf888",
        aad: "feedfacedeadbeeffeedfacedeadbeefabaddad2",
        plaintext: "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72\
                    1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
        ciphertext: "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa\
                     8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
        tag: "76fc6ece0f4e1768cddf8853bb2d551b",
    },
    AeadVector {
        what: "ChaCha20-Poly1305",
        algorithm: AeadAlgorithm::ChaCha20Poly1305,
        key: "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
        nonce: "070000004041424344454647",
        aad: "50515253c0c1c2c3c4c5c6c7",
        plaintext: "4c616469657320616e642047656e746c656d656e206f662074686520636c6173\
                    73206f66202739393a204966204920636f756c64206f6666657220796f75206f\
                    6e6c79206f6e652074697020666f7220746865206675747572652c2073756e73\
                    637265656e20776f756c642062652069742e",
        ciphertext: "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6\
                     3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36\
                     92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc\
                     3ff4def08e4b7a9de576d26586cec64b6116",
        tag: "1ae10b594f09e26a7e902ecbd0600691",
    },
];

fn aead_vectors(provider: &CryptoProvider) -> Outcome {
    for vector in &AEAD_VECTORS {
        let what = vector.what;
        let key = provider.cipher.aead(vector.algorithm, &hex(vector.key)).map_err(|_| what)?;
        let (nonce, aad, plaintext) = (array(vector.nonce), hex(vector.aad), hex(vector.plaintext));
        let sealed = [hex(vector.ciphertext), hex(vector.tag)].concat();

        let mut data = plaintext.clone();
        let tag = key.seal(&nonce, &aad, &mut data);
        ensure([&data[..], &tag].concat() == sealed, what)?;

        let mut data = sealed;
        let len = key.open(&nonce, &aad, &mut data).map_err(|_| what)?;
        ensure(data.get(..len) == Some(&plaintext[..]), what)?;
    }
    Ok(())
}

fn aead_refusals(provider: &CryptoProvider) -> Outcome {
    for vector in &AEAD_VECTORS {
        for len in (0..48).filter(|len| *len != vector.algorithm.key_len()) {
            ensure(provider.cipher.aead(vector.algorithm, &vec![1; len]).is_err(), "an AEAD key of a wrong length")?;
        }
        let key = provider.cipher.aead(vector.algorithm, &hex(vector.key)).map_err(|_| vector.what)?;
        let (nonce, aad) = (array(vector.nonce), hex(vector.aad));
        let sealed = [hex(vector.ciphertext), hex(vector.tag)].concat();
        for bit in 0..sealed.len() * 8 {
            let mut wrong = sealed.clone();
            wrong[bit / 8] ^= 1 << (bit % 8);
            ensure(key.open(&nonce, &aad, &mut wrong).is_err(), "sealed data with a flipped bit")?;
        }
        for len in 0..sealed.len() {
            ensure(key.open(&nonce, &aad, &mut sealed[..len].to_vec()).is_err(), "sealed data cut short")?;
        }
        ensure(key.open(&nonce, &aad[1..], &mut sealed.clone()).is_err(), "sealed data beside other associated data")?;
        ensure(key.open(&[0; 12], &aad, &mut sealed.clone()).is_err(), "sealed data with another nonce")?;

        let tag = key.seal(&nonce, &aad, &mut []);
        ensure(key.open(&nonce, &aad, &mut tag.clone()) == Ok(0), "an AEAD over no data")?;
    }
    Ok(())
}

/// Source: NIST SP 800-38A, F.5.1 and F.5.5
fn aes_ctr(provider: &CryptoProvider) -> Outcome {
    let iv = array("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff");
    let plaintext = hex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51\
         30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710");
    let vectors = [
        (
            "AES-128 in counter mode",
            "2b7e151628aed2a6abf7158809cf4f3c",
            "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff\
             5ae4df3edbd5d35e5b4f09020db03eab1e031dda2fbe03d1792170a0f3009cee",
        ),
        (
            "AES-256 in counter mode",
            "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
            "601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5\
             2b0930daa23de94ce87017ba2d84988ddfc9c58db67aada613c2dd08457941a6",
        ),
    ];
    for (what, key, ciphertext) in vectors {
        let key = provider.cipher.aes_ctr(&hex(key)).map_err(|_| what)?;
        let ciphertext = hex(ciphertext);
        // Lengths that are no multiple of a block too.
        for len in 0..=plaintext.len() {
            let mut data = plaintext[..len].to_vec();
            key.apply(&iv, &mut data);
            ensure(data == ciphertext[..len], what)?;
        }

        let (mut across, mut from_zero) = ([0; 32], [0; 16]);
        key.apply(&[0xff; 16], &mut across);
        key.apply(&[0; 16], &mut from_zero);
        ensure(across[16..] == from_zero, "counter mode across the end of the counter")?;
    }
    for len in (0..48).filter(|len| ![16, 24, 32].contains(len)) {
        ensure(provider.cipher.aes_ctr(&vec![1; len]).is_err(), "an AES key of a wrong length")?;
    }
    Ok(())
}

/// Source: [RFC 7748 §6.1](https://www.rfc-editor.org/rfc/rfc7748#section-6.1)
fn x25519(provider: &CryptoProvider) -> Outcome {
    let what = "X25519";
    agreement(
        provider,
        what,
        Group::X25519,
        [
            "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
            "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
        ],
        [
            "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
            "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
        ],
        "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742",
    )?;
    let key = provider.agreement.generate(Group::X25519, &mut Rng::from_number(1));
    let mut one = [0; 32];
    one[0] = 1;
    ensure(key.agree(&[0; 32]).is_err(), "X25519 with the point 0")?;
    ensure(key.agree(&one).is_err(), "X25519 with a point of small order")
}

/// Source: [RFC 5903 §8.1](https://www.rfc-editor.org/rfc/rfc5903#section-8.1)
fn p256_agreement(provider: &CryptoProvider) -> Outcome {
    let alice = "04dad0b65394221cf9b051e1feca5787d098dfe637fc90b9ef945d0c3772581180\
                 5271a0461cdb8252d61f1c456fa3e59ab1f45b33accf5f58389e0577b8990bb3";
    agreement(
        provider,
        "P-256 key agreement",
        Group::P256,
        ["c88f01f510d9ac3f70a292daa2316de544e9aab8afe84049c62a9c57862d1433", alice],
        [
            "c6ef9c5d78ae012a011164acb397ce2088685d8f06bf9be0b283ab46476bee53",
            "04d12dfb5289c8d4f81208b70270398c342296970a0bccb74c736fc7554494bf63\
             56fbf3ca366cc23e8157854c13c58d6aac23f046ada30f8353e74f33039872ab",
        ],
        "d6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de",
    )?;
    let key = provider.agreement.generate(Group::P256, &mut Rng::from_number(1));
    let mut point = hex(alice);
    let compressed = [&[2 | (point[64] & 1)], &point[1..33]].concat();
    ensure(key.agree(&compressed).is_err(), "a compressed point of P-256")?;
    ensure(key.agree(&[0]).is_err(), "the identity of P-256")?;
    ensure(key.agree(&[0; 65]).is_err(), "a point of zeros for P-256")?;
    point[64] ^= 1;
    ensure(key.agree(&point).is_err(), "a point off P-256")?;

    ensure(provider.agreement.load(Group::P256, &[0; 32]).is_err(), "the private key 0 of P-256")?;
    ensure(provider.agreement.load(Group::P256, &hex(P256_ORDER)).is_err(), "a private key beyond the order of P-256")
}

const P256_ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";

/// `alice` and `bob` are a private and a public key each, which must give `secret` both ways; so must generated ones.
fn agreement(
    provider: &CryptoProvider,
    what: &'static str,
    group: Group,
    alice: [&str; 2],
    bob: [&str; 2],
    secret: &str,
) -> Outcome {
    let [alice, alice_public] = alice.map(hex);
    let [bob, bob_public] = bob.map(hex);
    let alice = provider.agreement.load(group, &alice).map_err(|_| what)?;
    let bob = provider.agreement.load(group, &bob).map_err(|_| what)?;
    ensure(alice.group() == group, what)?;
    ensure(alice.public_key() == alice_public && bob.public_key() == bob_public, what)?;
    ensure(**alice.agree(&bob_public).map_err(|_| what)? == hex(secret), what)?;
    ensure(**bob.agree(&alice_public).map_err(|_| what)? == hex(secret), what)?;

    let mut rng = Rng::from_number(1);
    let one = provider.agreement.generate(group, &mut rng);
    let other = provider.agreement.generate(group, &mut rng);
    ensure(one.public_key() != other.public_key(), "two keys that should differ")?;
    let (to, fro) = (one.agree(other.public_key()), other.agree(one.public_key()));
    ensure(to.is_ok() && to == fro, what)?;

    for len in (0..100).filter(|len| *len != alice_public.len()) {
        let mut public_key = alice_public.clone();
        public_key.resize(len, 0);
        ensure(bob.agree(&public_key).is_err(), "a public key of a wrong length")?;
        ensure(len == 32 || provider.agreement.load(group, &vec![1; len]).is_err(), "a private key of a wrong length")?;
    }
    Ok(())
}

const ECDSA: SignatureScheme = SignatureScheme::EcdsaP256Sha256;
const ECDSA_PRIVATE: &str = "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721";
const ECDSA_PUBLIC: &str = "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6\
                            7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299";
const ECDSA_SIGNATURE: &str = "3046\
                               022100efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716\
                               022100f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8";

/// The key of RFC 6979 A.2.5 as PKCS #8.
fn ecdsa_pkcs8() -> Vec<u8> {
    let head = "308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420";
    [hex(head), hex(ECDSA_PRIVATE), hex("a144034200"), hex(ECDSA_PUBLIC)].concat()
}

/// Source: [RFC 6979 A.2.5](https://www.rfc-editor.org/rfc/rfc6979#appendix-A.2.5)
fn ecdsa_vectors(provider: &CryptoProvider) -> Outcome {
    let what = "ECDSA verification";
    let (public_key, signature) = (hex(ECDSA_PUBLIC), hex(ECDSA_SIGNATURE));
    let verify = |public_key: &[u8], message: &[u8], signature: &[u8]| {
        provider.signature.verify(ECDSA, public_key, message, signature).is_ok()
    };
    ensure(verify(&public_key, b"sample", &signature), what)?;
    ensure(!verify(&public_key, b"test", &signature), "a signature of another message")?;
    ensure(!verify(&public_key, b"sample", &signature[..71]), "a signature cut short")?;
    ensure(!verify(&public_key, b"sample", &[&signature[..], &[0]].concat()), "a signature with something after it")?;
    for index in 0..signature.len() {
        let mut wrong = signature.clone();
        wrong[index] ^= 1;
        ensure(!verify(&public_key, b"sample", &wrong), "a signature with a flipped bit")?;
    }
    // A verifier that forgets to refuse zero accepts this one for every message.
    ensure(!verify(&public_key, b"sample", &hex("3006020100020100")), "a signature of zeros")?;
    let mut off_curve = public_key.clone();
    off_curve[64] ^= 1;
    ensure(!verify(&off_curve, b"sample", &signature), "a signature under a point off the curve")?;
    let compressed = [&[2 | (public_key[64] & 1)], &public_key[1..33]].concat();
    ensure(!verify(&compressed, b"sample", &signature), "a signature under a compressed point")?;

    let key = provider.signature.load(ECDSA, &ecdsa_pkcs8()).map_err(|_| "a private key in PKCS #8")?;
    ensure(key.scheme() == ECDSA && key.public_key() == public_key, "the public half of a signing key")?;
    ensure(provider.signature.load(ECDSA, &ecdsa_pkcs8()[..100]).is_err(), "a PKCS #8 document cut short")
}

/// RSA and Ed25519, which are one another's opposite in all lengths.
fn other_signatures(provider: &CryptoProvider) -> Outcome {
    ed25519_vector(provider)?;
    for (scheme, what) in [(SignatureScheme::RsaPkcs1Sha256, "RSA"), (SignatureScheme::Ed25519, "Ed25519")] {
        let mut rng = Rng::from_number(7);
        let pkcs8 = provider.signature.generate(scheme, &mut rng).map_err(|_| what)?;
        let key = provider.signature.load(scheme, &pkcs8).map_err(|_| what)?;
        ensure(key.scheme() == scheme, what)?;
        ensure(provider.signature.load(ECDSA, &pkcs8).is_err(), "a key of another scheme")?;
        let signature = key.sign(&mut rng, &[b"sam", b"ple"]).map_err(|_| what)?;
        let verify = |public_key: &[u8], message: &[u8], signature: &[u8]| {
            provider.signature.verify(scheme, public_key, message, signature).is_ok()
        };
        ensure(verify(key.public_key(), b"sample", &signature), what)?;
        ensure(!verify(key.public_key(), b"simple", &signature), "a signature of another message")?;
        ensure(!verify(key.public_key(), b"sample", &signature[1..]), "a signature cut short")?;
        ensure(!verify(&key.public_key()[1..], b"sample", &signature), "a public key cut short")?;
        for index in [0, signature.len() / 2, signature.len() - 1] {
            let mut wrong = signature.clone();
            wrong[index] ^= 1;
            ensure(!verify(key.public_key(), b"sample", &wrong), "a signature with a flipped bit")?;
        }
    }
    Ok(())
}

/// Source: [RFC 8032 §7.1](https://www.rfc-editor.org/rfc/rfc8032#section-7.1), test 3
fn ed25519_vector(provider: &CryptoProvider) -> Outcome {
    let seed = hex("c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7");
    let public_key = hex("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025");
    let expected = hex("6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac\
                        18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a");
    let pkcs8 = [hex("302e020100300506032b657004220420"), seed].concat();
    let what = "the Ed25519 of RFC 8032";
    let key = provider.signature.load(SignatureScheme::Ed25519, &pkcs8).map_err(|_| what)?;
    ensure(key.public_key() == public_key, what)?;
    let signature = key.sign(&mut Rng::from_number(1), &[&[0xaf], &[0x82]]).map_err(|_| what)?;
    ensure(signature == expected, what)
}

fn ecdsa_round_trip(provider: &CryptoProvider) -> Outcome {
    let what = "ECDSA signing";
    let mut rng = Rng::from_number(1);
    let pkcs8 = provider.signature.generate(ECDSA, &mut rng).map_err(|_| what)?;
    let key = provider.signature.load(ECDSA, &pkcs8).map_err(|_| what)?;
    let other = provider.signature.generate(ECDSA, &mut rng).map_err(|_| what)?;
    let other = provider.signature.load(ECDSA, &other).map_err(|_| what)?;
    ensure(key.public_key() != other.public_key(), "two signing keys that should differ")?;
    for parts in [&[&b"sample"[..]][..], &[b"sam", b"", b"ple"], &[]] {
        let signature = key.sign(&mut rng, parts).map_err(|_| what)?;
        let message = parts.concat();
        ensure(provider.signature.verify(ECDSA, key.public_key(), &message, &signature).is_ok(), what)?;
        ensure(
            provider.signature.verify(ECDSA, other.public_key(), &message, &signature).is_err(),
            "a signature under another key",
        )?;
    }
    Ok(())
}

fn determinism(provider: &CryptoProvider) -> Outcome {
    if !provider.deterministic {
        return Ok(());
    }
    let run = |seed| -> Result<_, &'static str> {
        let what = "a deterministic run";
        let rng = &mut Rng::from_number(seed);
        let p256 = provider.agreement.generate(Group::P256, rng).public_key().to_vec();
        let x25519 = provider.agreement.generate(Group::X25519, rng).public_key().to_vec();
        let pkcs8 = provider.signature.generate(ECDSA, rng).map_err(|_| what)?;
        let key = provider.signature.load(ECDSA, &pkcs8).map_err(|_| what)?;
        let signature = key.sign(rng, &[b"sample"]).map_err(|_| what)?;
        Ok([p256, x25519, key.public_key().to_vec(), signature])
    };
    let (one, again, other) = (run(1)?, run(1)?, run(2)?);
    ensure(one == again, "equal output for equal seeds")?;
    ensure(one.iter().zip(&other).all(|(one, other)| one != other), "different output for different seeds")
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().filter_map(|digit| digit.to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn array<const N: usize>(text: &str) -> [u8; N] {
    hex(text).try_into().expect("the vectors above have the right lengths")
}

#[cfg(all(test, any(feature = "aws-lc-rs", feature = "rust-crypto")))]
mod tests;
