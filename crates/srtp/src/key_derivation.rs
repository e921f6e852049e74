//! Session keys from a master key and a master salt.
//!
//! Source: [RFC 3711 §4.3](https://www.rfc-editor.org/rfc/rfc3711#section-4.3),
//! [RFC 6188 §3](https://www.rfc-editor.org/rfc/rfc6188#section-3) for 256-bit keys,
//! [RFC 7714 §11](https://www.rfc-editor.org/rfc/rfc7714#section-11) for AES-GCM

use crate::profile::Profile;
use ortica_core::crypto::{CryptoError, CryptoProvider, StreamCipher};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// What RTP and RTCP each derive under labels of their own.
#[derive(Clone, Copy)]
pub(crate) enum Usage {
    Rtp,
    Rtcp,
}

impl Usage {
    /// Labels of the cipher key, the authentication key and the salt.
    const fn labels(self) -> [u8; 3] {
        match self {
            Self::Rtp => [0, 1, 2],
            Self::Rtcp => [3, 4, 5],
        }
    }
}

/// The keys that packets are protected with.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct SessionKeys {
    /// As long as the profile's key.
    pub cipher: Vec<u8>,
    /// The key of HMAC-SHA1. Authenticated ciphers have no use for it.
    pub auth: [u8; 20],
    /// AES-GCM uses the first 12 bytes.
    pub salt: [u8; 14],
}

impl SessionKeys {
    /// # Errors
    /// When the provider refuses the length of the master key.
    pub(crate) fn derive(
        provider: &CryptoProvider,
        profile: Profile,
        usage: Usage,
        master_key: &[u8],
        master_salt: &[u8],
    ) -> Result<Self, CryptoError> {
        let prf = provider.cipher.aes_ctr(master_key)?;
        let mut keys = Self { cipher: vec![0; profile.key_len()], auth: [0; 20], salt: [0; 14] };
        let [cipher, auth, salt] = usage.labels();
        derive(&*prf, master_salt, cipher, &mut keys.cipher);
        derive(&*prf, master_salt, auth, &mut keys.auth);
        derive(&*prf, master_salt, salt, &mut keys.salt);
        Ok(keys)
    }
}

/// Fills `key`, which is all zeros, with the key stream for `label`. The key derivation rate is zero: WebRTC has no other.
fn derive(prf: &dyn StreamCipher, master_salt: &[u8], label: u8, key: &mut [u8]) {
    // A salt of 12 bytes is padded behind, not in front, where RFC 7714 leaves the choice open: so do all others.
    let mut iv = [0; 16];
    for (to, from) in iv.iter_mut().zip(master_salt) {
        *to = *from;
    }
    iv[7] ^= label;
    prf.apply(&iv, key);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vectors::Vectors;
    use ortica_core::crypto::providers;

    /// Source: [RFC 3711 B.3](https://www.rfc-editor.org/rfc/rfc3711#appendix-B.3)
    #[test]
    fn derives_the_keys_of_rfc_3711_b_3() {
        let vectors = Vectors::load(include_str!("../testdata/rfc3711.txt"));
        derives(&vectors, "b.3", 94);
    }

    /// Source: [RFC 6188 §7.2](https://www.rfc-editor.org/rfc/rfc6188#section-7.2)
    #[test]
    fn derives_the_keys_of_rfc_6188_7_2() {
        let vectors = Vectors::load(include_str!("../testdata/rfc6188.txt"));
        derives(&vectors, "7.2", 20);
    }

    fn derives(vectors: &Vectors, section: &str, auth_len: usize) {
        let get = |name: &str| vectors.get(&format!("{section} {name}"));
        let (master_key, master_salt) = (get("master key"), get("master salt"));
        for provider in providers() {
            let prf = provider.cipher.aes_ctr(&master_key).unwrap();
            for (label, name, len) in [(0, "cipher key", master_key.len()), (1, "auth key", auth_len), (2, "salt", 14)]
            {
                let mut key = vec![0; len];
                derive(&*prf, &master_salt, label, &mut key);
                assert_eq!(key, get(name), "{name}");
            }
        }
    }

    #[test]
    fn rtp_and_rtcp_share_no_key() {
        for provider in providers() {
            let derive =
                |usage| SessionKeys::derive(&provider, Profile::Aes128CmSha1_80, usage, &[1; 16], &[2; 14]).unwrap();
            let (rtp, rtcp) = (derive(Usage::Rtp), derive(Usage::Rtcp));
            assert_ne!(rtp.cipher, rtcp.cipher);
            assert_ne!(rtp.auth, rtcp.auth);
            assert_ne!(rtp.salt, rtcp.salt);
        }
    }

    /// Session keys live in this struct until the provider took them over, and providers wipe theirs.
    #[test]
    fn srtp_5_session_keys_are_wiped_on_drop() {
        fn is_wiped_on_drop<T: ZeroizeOnDrop>(_: &T) {}

        let provider = providers()[0];
        let mut keys = SessionKeys::derive(&provider, Profile::AeadAes256Gcm, Usage::Rtp, &[1; 32], &[2; 12]).unwrap();
        is_wiped_on_drop(&keys);
        assert_ne!(keys.cipher, [0; 32]);
        keys.zeroize();
        assert!(keys.cipher.is_empty() && keys.auth == [0; 20] && keys.salt == [0; 14]);
    }
}
