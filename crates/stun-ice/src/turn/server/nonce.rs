//! Nonces that need no memory: each says when it was made, and a tag says that it was made here and for whom.

use crate::stun::{BASE64, SecurityFeatures};
use ortica_core::Instant;
use ortica_core::crypto::{CryptoProvider, HashAlgorithm, HmacKey};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Bytes of the tag.
const TAG: usize = 8;
/// Bytes of the time.
const TIME: usize = 4;
/// Digits of both, of six bits each. They are few, for a short answer says more (see `answer_nobody`).
const DIGITS: usize = (TIME + TAG) * 8 / 6;

/// Makes and reads nonces.
pub(super) struct Nonces {
    key: Box<dyn HmacKey>,
    lifetime: Duration,
}

impl Nonces {
    pub(super) fn new(provider: &CryptoProvider, secret: &[u8; 32], lifetime: Duration) -> Self {
        Self { key: provider.hash.hmac_key(HashAlgorithm::Sha256, secret), lifetime }
    }

    /// One for a client. Without features it speaks of none.
    pub(super) fn make(&self, now: Instant, client: SocketAddr, features: Option<SecurityFeatures>) -> Vec<u8> {
        let prefix = features.map(SecurityFeatures::nonce_prefix);
        let prefix = prefix.as_ref().map_or(&[][..], |prefix| &prefix[..]);
        let time = seconds(now).to_be_bytes();
        let tag = self.tag(prefix, &time, client);
        let bits = time.iter().chain(tag.iter().take(TAG)).fold(0u128, |bits, byte| bits << 8 | u128::from(*byte));
        let digits = (0..DIGITS).rev().filter_map(|place| BASE64.get((bits >> (6 * place) & 63) as usize));
        prefix.iter().chain(digits).copied().collect()
    }

    /// Whether it was made here for this client, and is not too old.
    pub(super) fn is_valid(&self, now: Instant, client: SocketAddr, nonce: &[u8]) -> bool {
        let check = || {
            let (prefix, digits) = nonce.split_at_checked(nonce.len().checked_sub(DIGITS)?)?;
            let bits = digits.iter().try_fold(0u128, |bits, digit| {
                let value = BASE64.iter().position(|known| known == digit)?;
                Some(bits << 6 | u128::try_from(value).ok()?)
            })?;
            let bytes = bits.to_be_bytes();
            let (_, bytes) = bytes.split_last_chunk::<{ TIME + TAG }>()?;
            let (time, tag) = bytes.split_first_chunk::<TIME>()?;
            let age = seconds(now).wrapping_sub(u32::from_be_bytes(*time));
            let (ip, port) = parts(client);
            let is_ours = self.key.verify(&[prefix, time, &ip, &port], tag);
            Some(is_ours && Duration::from_secs(age.into()) <= self.lifetime)
        };
        check().unwrap_or(false)
    }

    fn tag(&self, prefix: &[u8], time: &[u8], client: SocketAddr) -> ortica_core::crypto::Digest {
        let (ip, port) = parts(client);
        self.key.sign(&[prefix, time, &ip, &port])
    }
}

impl fmt::Debug for Nonces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Nonces(..)")
    }
}

fn seconds(now: Instant) -> u32 {
    // Wraps after 136 years, and ages with it.
    (now.as_nanos() / 1_000_000_000) as u32
}

fn parts(client: SocketAddr) -> ([u8; 16], [u8; 2]) {
    let ip = match client.ip() {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    };
    (ip.octets(), client.port().to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ortica_core::crypto::rust_crypto;

    /// Guards each part of a nonce: time, client, tag and the features before them.
    #[test]
    fn stun_7_a_nonce_is_good_for_one_client_and_some_time() {
        let nonces = Nonces::new(&rust_crypto::provider(), &[7; 32], Duration::from_secs(600));
        let features = SecurityFeatures { password_algorithms: true, username_anonymity: false };
        let (client, now) = ("192.0.2.1:5000".parse().unwrap(), netsim::epoch());
        for features in [Some(features), None] {
            let nonce = nonces.make(now, client, features);
            assert_eq!(SecurityFeatures::of_nonce(&nonce), features.unwrap_or_default());
            let after = |seconds| now + Duration::from_secs(seconds);
            assert!(nonces.is_valid(now, client, &nonce) && nonces.is_valid(after(600), client, &nonce));
            assert!(!nonces.is_valid(after(601), client, &nonce));
            for other in ["192.0.2.1:5001", "192.0.2.2:5000", "[::1]:5000"] {
                assert!(!nonces.is_valid(now, other.parse().unwrap(), &nonce));
                assert_ne!(nonces.make(now, other.parse().unwrap(), features), nonce);
            }
            for at in 0..nonce.len() {
                let mut changed = nonce.clone();
                changed[at] = if changed[at] == b'0' { b'1' } else { b'0' };
                assert!(!nonces.is_valid(now, client, &changed), "byte {at}");
                assert!(!nonces.is_valid(now, client, &nonce[..at]));
            }
            let other = Nonces::new(&rust_crypto::provider(), &[8; 32], Duration::from_secs(600));
            assert!(!other.is_valid(now, client, &nonce));
        }
    }
}
