//! From the shared secret to keys: the PRF of TLS 1.2, the master secret, the key block, Finished.

use crate::cipher_suite::Suite;
use crate::config::Role;
use crate::key_log::KeyLogEntry;
use ortica_core::crypto::{CryptoProvider, HashAlgorithm};
use zeroize::{Zeroize, Zeroizing};

/// What a hello's random field holds.
pub(crate) type Random = [u8; 32];

/// The output of `PRF(secret, label, seed)`, as long as `out`.
///
/// Source: [RFC 5246 §5](https://www.rfc-editor.org/rfc/rfc5246#section-5)
pub(crate) fn prf(
    provider: &CryptoProvider,
    hash: HashAlgorithm,
    secret: &[u8],
    label: &[u8],
    seed: [&[u8]; 3],
    out: &mut [u8],
) {
    let key = provider.hash.hmac_key(hash, secret);
    let [first, second, third] = seed;
    let mut a = key.sign(&[label, first, second, third]);
    for chunk in out.chunks_mut(hash.output_len()) {
        let mut block = key.sign(&[&a, label, first, second, third]);
        chunk.iter_mut().zip(block.iter()).for_each(|(to, from)| *to = *from);
        block.as_mut_slice().zeroize();
        a = key.sign(&[&a]);
    }
    a.as_mut_slice().zeroize();
}

/// The master secret with what turns it into keys. Wiped when dropped.
///
/// Kept as bytes, so that a session can be written out and taken up elsewhere.
pub(crate) struct Secrets {
    provider: CryptoProvider,
    suite: Suite,
    master: Zeroizing<[u8; 48]>,
    client_random: Random,
    server_random: Random,
}

impl Secrets {
    /// The master secret that is bound to the transcript up to and with ClientKeyExchange.
    ///
    /// Source: [RFC 7627 §4](https://www.rfc-editor.org/rfc/rfc7627#section-4)
    pub(crate) fn extended(
        provider: &CryptoProvider,
        suite: Suite,
        shared: &[u8],
        session_hash: &[u8],
        client_random: Random,
        server_random: Random,
    ) -> Self {
        let mut master = Zeroizing::new([0; 48]);
        let label = b"extended master secret";
        prf(provider, suite.hash(), shared, label, [session_hash, &[], &[]], &mut *master);
        Self { provider: *provider, suite, master, client_random, server_random }
    }

    /// What others need to decrypt the connection.
    pub(crate) fn key_log_entry(&self) -> KeyLogEntry {
        KeyLogEntry::new(self.client_random, &self.master)
    }

    pub(crate) fn suite(&self) -> Suite {
        self.suite
    }

    /// The record keys of the end that writes as `role`.
    ///
    /// Source: [RFC 5246 §6.3](https://www.rfc-editor.org/rfc/rfc5246#section-6.3)
    pub(crate) fn write_key(&self, role: Role) -> WriteKey {
        let (key_len, iv_len) = (self.suite.aead().key_len(), self.suite.fixed_iv_len());
        let mut block = Zeroizing::new(vec![0; 2 * (key_len + iv_len)]);
        self.prf(b"key expansion", [&self.server_random, &self.client_random, &[]], &mut block);
        let mut rest = block.as_slice();
        let mut take = |len| {
            let (taken, left) = rest.split_at_checked(len).unwrap_or((rest, &[]));
            rest = left;
            Zeroizing::new(taken.to_vec())
        };
        let (client_key, server_key) = (take(key_len), take(key_len));
        let (client_iv, server_iv) = (take(iv_len), take(iv_len));
        let (key, iv) = match role {
            Role::Client => (client_key, client_iv),
            Role::Server => (server_key, server_iv),
        };
        WriteKey { suite: self.suite, key, iv }
    }

    /// What the Finished message of `role` holds over a transcript with this hash.
    ///
    /// Source: [RFC 5246 §7.4.9](https://www.rfc-editor.org/rfc/rfc5246#section-7.4.9)
    pub(crate) fn verify_data(&self, role: Role, transcript_hash: &[u8]) -> [u8; 12] {
        let label: &[u8] = match role {
            Role::Client => b"client finished",
            Role::Server => b"server finished",
        };
        let mut out = [0; 12];
        self.prf(label, [transcript_hash, &[], &[]], &mut out);
        out
    }

    /// Key material for `label`; the part of RFC 5705 that is computing.
    pub(crate) fn export(&self, label: &str, context: Option<&[u8]>, out: &mut [u8]) {
        let mut tail = Vec::new();
        if let Some(context) = context {
            tail.extend_from_slice(&(context.len() as u16).to_be_bytes());
            tail.extend_from_slice(context);
        }
        self.prf(label.as_bytes(), [&self.client_random, &self.server_random, &tail], out);
    }

    fn prf(&self, label: &[u8], seed: [&[u8]; 3], out: &mut [u8]) {
        prf(&self.provider, self.suite.hash(), &*self.master, label, seed, out);
    }
}

/// The key and the fixed part of the nonce of one direction. Wiped when dropped.
pub(crate) struct WriteKey {
    pub suite: Suite,
    pub key: Zeroizing<Vec<u8>>,
    pub iv: Zeroizing<Vec<u8>>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use ortica_core::crypto::rust_crypto::provider;

    /// "P_SHA256 test vector" of the IETF TLS mailing list (2009), quoted by every TLS 1.2 implementation's tests.
    #[test]
    fn prf_with_sha256_gives_the_known_output() {
        let secret = hex("9bbe436ba940f017b17652849a71db35");
        let seed = hex("a0ba9f936cda311827a6f796ffd5198c");
        let expected = hex(concat!(
            "e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a6b301791e90d35c9c9a46b4e14baf9af",
            "0fa022f7077def17abfd3797c0564bab4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a5110fff701",
            "87347b66"
        ));
        let mut out = vec![0; 100];
        prf(&provider(), HashAlgorithm::Sha256, &secret, b"test label", [&seed, &[], &[]], &mut out);
        assert_eq!(out, expected);
    }

    /// As above, for SHA-384.
    #[test]
    fn prf_with_sha384_gives_the_known_output() {
        let secret = hex("b80b733d6ceefcdc71566ea48e5567df");
        let seed = hex("cd665cf6a8447dd6ff8b27555edb7465");
        let expected = hex(concat!(
            "7b0c18e9ced410ed1804f2cfa34a336a1c14dffb4900bb5fd7942107e81c83cde9ca0faa60be9fe34f82b1233c9146a0",
            "e534cb400fed2700884f9dc236f80edd8bfa961144c9e8d792eca722a7b32fc3d416d473ebc2c5fd4abfdad05d918425",
            "9b5bf8cd4d90fa0d31e2dec479e4f1a26066f2eea9a69236a3e52655c9e9aee691c8f3a26854308d5eaa3be85e0990703d73e56f"
        ));
        let mut out = vec![0; 148];
        prf(&provider(), HashAlgorithm::Sha384, &secret, b"test label", [&seed, &[], &[]], &mut out);
        assert_eq!(out, expected);
    }

    #[test]
    fn the_two_directions_have_keys_of_their_own() {
        let secrets = Secrets::extended(&provider(), Suite::Aes256Gcm, &[1; 32], &[2; 48], [3; 32], [4; 32]);
        let (client, server) = (secrets.write_key(Role::Client), secrets.write_key(Role::Server));
        assert_eq!((client.key.len(), client.iv.len()), (32, 4));
        assert_eq!((server.key.len(), server.iv.len()), (32, 4));
        assert_ne!(client.key, server.key);
        assert_ne!(client.iv, server.iv);
    }

    #[test]
    fn an_absent_context_differs_from_an_empty_one() {
        let secrets = Secrets::extended(&provider(), Suite::Aes128Gcm, &[1; 32], &[2; 32], [3; 32], [4; 32]);
        let (mut absent, mut empty) = ([0; 16], [0; 16]);
        secrets.export("EXPORTER-x", None, &mut absent);
        secrets.export("EXPORTER-x", Some(&[]), &mut empty);
        assert_ne!(absent, empty);
    }

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    }
}
