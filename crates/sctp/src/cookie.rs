//! The state cookie: everything an INIT ACK promised, kept by the peer and authenticated, so that nothing is kept here.

use crate::Tsn;
use crate::chunk::Extensions;
use ortica_core::crypto::{CryptoProvider, Digest, HashAlgorithm, HashProvider, is_tag};
use ortica_core::{DecodeError, Instant, Reader, Rng, Writer};
use std::time::Duration;
use zeroize::Zeroizing;

/// Bytes of the authentication code at the end.
const MAC_LEN: usize = 32;

/// What a cookie remembers. It holds numbers that both ends know, and no pointers.
///
/// Source: [RFC 9260 §5.1.3](https://www.rfc-editor.org/rfc/rfc9260#section-5.1.3)
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Cookie {
    /// When it was made.
    pub created: Instant,
    /// Milliseconds that it lives longer than usual, because the peer asked for them.
    pub preserved: u32,
    /// Tag we chose.
    pub local_tag: u32,
    /// Tag the peer chose.
    pub peer_tag: u32,
    /// Our tag of the association there was; 0 if there was none.
    pub local_tie_tag: u32,
    /// The peer's tag of the association there was; 0 if there was none.
    pub peer_tie_tag: u32,
    /// Our first TSN.
    pub local_tsn: Tsn,
    /// The peer's first TSN.
    pub peer_tsn: Tsn,
    /// Bytes the peer has room for.
    pub peer_window: u32,
    /// Streams for us to send on.
    pub outbound_streams: u16,
    /// Streams for the peer to send on.
    pub inbound_streams: u16,
    /// What both ends know.
    pub extensions: Extensions,
}

/// Why a cookie is not taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CookieError {
    /// Not ours, or changed.
    Forged,
    /// Ours, but older than it may be, by this much.
    Stale(Cookie, Duration),
}

/// The secret that cookies are authenticated with: drawn once per association.
pub struct CookieKey {
    secret: Zeroizing<[u8; 32]>,
    hash: &'static dyn HashProvider,
}

impl CookieKey {
    pub fn new(provider: &CryptoProvider, rng: &mut Rng) -> Self {
        Self { secret: Zeroizing::new(rng.bytes()), hash: provider.hash }
    }

    fn sign(&self, body: &[u8]) -> Digest {
        self.hash.hmac(HashAlgorithm::Sha256, &*self.secret, &[body])
    }

    /// The cookie as the peer gets it.
    pub fn seal(&self, cookie: &Cookie) -> Vec<u8> {
        let mut out = Vec::with_capacity(Cookie::LEN + MAC_LEN);
        cookie.encode(&mut out);
        let mac = self.sign(&out);
        out.extend_from_slice(&mac);
        out
    }

    /// The cookie as the peer sent it back.
    ///
    /// # Errors
    /// When it is not ours, or older than `lifetime` and what the peer was granted besides.
    pub fn open(&self, now: Instant, lifetime: Duration, sealed: &[u8]) -> Result<Cookie, CookieError> {
        let (body, mac) = sealed.split_at_checked(Cookie::LEN).ok_or(CookieError::Forged)?;
        if mac.len() != MAC_LEN || !is_tag(&self.sign(body), mac) {
            return Err(CookieError::Forged);
        }
        let cookie = Cookie::decode(body).map_err(|_| CookieError::Forged)?;
        let age = now.saturating_duration_since(cookie.created);
        let lifetime = lifetime + Duration::from_millis(cookie.preserved.into());
        if age > lifetime { Err(CookieError::Stale(cookie, age - lifetime)) } else { Ok(cookie) }
    }
}

impl Cookie {
    const LEN: usize = 8 + 8 * 4 + 2 * 2 + 1;

    fn encode(&self, out: &mut Vec<u8>) {
        Writer::new(out)
            .u64(self.created.as_nanos())
            .u32(self.preserved)
            .u32(self.local_tag)
            .u32(self.peer_tag)
            .u32(self.local_tie_tag)
            .u32(self.peer_tie_tag)
            .u32(self.local_tsn.0)
            .u32(self.peer_tsn.0)
            .u32(self.peer_window)
            .u16(self.outbound_streams)
            .u16(self.inbound_streams)
            .u8(self.extensions.to_bits());
    }

    fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(body);
        let created = Instant::from_nanos(r.u64("time")?);
        let preserved = r.u32("longer life")?;
        let local_tag = r.u32("local tag")?;
        let peer_tag = r.u32("peer tag")?;
        let local_tie_tag = r.u32("local tie-tag")?;
        let peer_tie_tag = r.u32("peer tie-tag")?;
        let local_tsn = Tsn(r.u32("local tsn")?);
        let peer_tsn = Tsn(r.u32("peer tsn")?);
        let peer_window = r.u32("peer window")?;
        let outbound_streams = r.u16("outbound streams")?;
        let inbound_streams = r.u16("inbound streams")?;
        let extensions = Extensions::from_bits(r.u8("extensions")?);
        r.finish("cookie")?;
        Ok(Self {
            created,
            preserved,
            local_tag,
            peer_tag,
            local_tie_tag,
            peer_tie_tag,
            local_tsn,
            peer_tsn,
            peer_window,
            outbound_streams,
            inbound_streams,
            extensions,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ortica_core::crypto::rust_crypto;
    use proptest::prelude::{ProptestConfig, prop_assert_eq, proptest};

    const MINUTE: Duration = Duration::from_secs(60);

    fn key(seed: u64) -> CookieKey {
        CookieKey::new(&rust_crypto::provider(), &mut Rng::from_number(seed))
    }

    fn cookie(created: u64, numbers: [u32; 7], streams: [u16; 2], extensions: u8) -> Cookie {
        let [local_tag, peer_tag, local_tie_tag, peer_tie_tag, local_tsn, peer_tsn, peer_window] = numbers;
        let [outbound_streams, inbound_streams] = streams;
        Cookie {
            created: Instant::from_nanos(created),
            preserved: 0,
            local_tag,
            peer_tag,
            local_tie_tag,
            peer_tie_tag,
            local_tsn: Tsn(local_tsn),
            peer_tsn: Tsn(peer_tsn),
            peer_window,
            outbound_streams,
            inbound_streams,
            extensions: Extensions::from_bits(extensions),
        }
    }

    /// Guards the authentication: no changed bit, no other key, no other length passes.
    #[test]
    fn sctp_2_a_cookie_is_authenticated() {
        let key_1 = key(1);
        let made = cookie(0, [1, 2, 3, 4, 5, 6, 7], [8, 9], 1);
        let mut sealed = key_1.seal(&made);
        let now = Instant::from_nanos(0) + MINUTE;
        assert_eq!(key_1.open(now, MINUTE, &sealed), Ok(made));
        assert_eq!(key(2).open(now, MINUTE, &sealed), Err(CookieError::Forged));
        for len in 0..sealed.len() {
            assert_eq!(key_1.open(now, MINUTE, &sealed[..len]), Err(CookieError::Forged));
        }
        for bit in 0..sealed.len() * 8 {
            sealed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(key_1.open(now, MINUTE, &sealed), Err(CookieError::Forged), "bit {bit}");
            sealed[bit / 8] ^= 1 << (bit % 8);
        }
    }

    /// Guards the life span: 60 s and no nanosecond more.
    #[test]
    fn sctp_2_a_cookie_grows_stale_after_its_lifetime() {
        let made = cookie(1_000, [1; 7], [1; 2], 3);
        let sealed = key(1).seal(&made);
        let late = made.created + MINUTE + Duration::from_nanos(1);
        assert_eq!(key(1).open(late, MINUTE, &sealed), Err(CookieError::Stale(made, Duration::from_nanos(1))));
        let preserved = Cookie { preserved: 1_000, ..made };
        let sealed = key(1).seal(&preserved);
        assert_eq!(key(1).open(made.created + MINUTE + Duration::from_secs(1), MINUTE, &sealed), Ok(preserved));
    }

    /// Guards against leaks: the same association seen from two places in memory gives the same cookie.
    #[test]
    fn cve_29_a_cookie_holds_no_pointers() {
        let made = cookie(5, [1; 7], [1; 2], 0);
        let (first, second) = (Box::new(key(1)), Box::new(key(1)));
        assert_eq!(first.seal(&made), second.seal(&made));
        assert_eq!(first.seal(&made).len(), Cookie::LEN + MAC_LEN);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn cookie_round_trips(created: u64, numbers: [u32; 7], streams: [u16; 2], extensions in 0..32u8) {
            let made = cookie(created, numbers, streams, extensions);
            let mut out = Vec::new();
            made.encode(&mut out);
            prop_assert_eq!(out.len(), Cookie::LEN);
            prop_assert_eq!(Cookie::decode(&out), Ok(made));
        }
    }
}
