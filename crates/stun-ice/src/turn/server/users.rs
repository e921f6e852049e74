//! Who may use a server.

use crate::stun::{BASE64, opaque_string, user_hash};
use ortica_core::crypto::{CryptoProvider, HashAlgorithm};
use ortica_core::{Instant, WallClock};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// The users of a server.
pub trait Users: Send + Sync {
    /// The password of a user; `None` for whom nothing is granted (any more).
    fn password(&self, now: Instant, username: &str) -> Option<Zeroizing<String>>;

    /// Whom a USERHASH stands for. Nobody unless written.
    fn by_hash(&self, provider: &CryptoProvider, realm: &str, hash: &[u8]) -> Option<String> {
        let _ = (provider, realm, hash);
        None
    }
}

/// Users with a password each.
#[derive(Default)]
pub struct StaticUsers {
    passwords: BTreeMap<String, Zeroizing<String>>,
}

impl StaticUsers {
    /// Adds a user, or changes its password. A name is the same in whichever way it is written (see
    /// [`opaque_string`](crate::stun::opaque_string)).
    pub fn with_user(mut self, username: impl Into<String>, password: impl Into<String>) -> Self {
        let username = username.into();
        let username = opaque_string(&username).map_or_else(|| username.clone(), Cow::into_owned);
        self.passwords.insert(username, Zeroizing::new(password.into()));
        self
    }
}

impl Users for StaticUsers {
    fn password(&self, _now: Instant, username: &str) -> Option<Zeroizing<String>> {
        self.passwords.get(&*opaque_string(username).unwrap_or(Cow::Borrowed(username))).cloned()
    }

    fn by_hash(&self, provider: &CryptoProvider, realm: &str, hash: &[u8]) -> Option<String> {
        let is_meant = |username: &&String| bool::from(user_hash(provider, username, realm).as_slice().ct_eq(hash));
        self.passwords.keys().find(is_meant).cloned()
    }
}

impl fmt::Debug for StaticUsers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StaticUsers").field("count", &self.passwords.len()).finish_non_exhaustive()
    }
}

/// Users whom a service that knows the same secret has let in for some time: the name is `timestamp:anything`, with the end of the
/// credentials in seconds since 1970, and the password the HMAC-SHA1 of the name in base64.
///
/// Source: [draft-uberti-behave-turn-rest](https://datatracker.ietf.org/doc/html/draft-uberti-behave-turn-rest-00)
pub struct TimeLimitedUsers {
    provider: CryptoProvider,
    secret: Zeroizing<Vec<u8>>,
    clock: WallClock,
}

impl TimeLimitedUsers {
    /// Lets in whom `secret` lets in, by this clock.
    pub fn new(provider: CryptoProvider, secret: impl Into<Vec<u8>>, clock: WallClock) -> Self {
        Self { provider, secret: Zeroizing::new(secret.into()), clock }
    }

    /// The password for a name: what a service hands out.
    pub fn password_for(&self, username: &str) -> Zeroizing<String> {
        let key = self.provider.hash.hmac_key(HashAlgorithm::Sha1, &self.secret);
        Zeroizing::new(base64(&key.sign(&[username.as_bytes()])))
    }
}

impl Users for TimeLimitedUsers {
    fn password(&self, now: Instant, username: &str) -> Option<Zeroizing<String>> {
        let (timestamp, _) = username.split_once(':').unwrap_or((username, ""));
        let end: u64 = timestamp.parse().ok()?;
        (self.clock.ntp(now).to_unix().as_secs() < end).then(|| self.password_for(username))
    }
}

impl fmt::Debug for TimeLimitedUsers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TimeLimitedUsers(..)")
    }
}

/// Source: [RFC 4648 §4](https://www.rfc-editor.org/rfc/rfc4648#section-4)
fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let digit = BASE64.get((bits >> (18 - 6 * place) & 63) as usize).copied().unwrap_or(b'=');
            text.push(if place > chunk.len() { '=' } else { char::from(digit) });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use ortica_core::crypto::rust_crypto;
    use std::time::Duration;

    #[test]
    fn base64_is_that_of_rfc_4648() {
        let texts = ["", "f", "fo", "foo", "foob", "fooba", "foobar"].map(|text| base64(text.as_bytes()));
        assert_eq!(texts, ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"]);
    }

    #[test]
    fn stun_7_a_name_is_the_same_in_whichever_way_it_is_written() {
        let users = StaticUsers::default().with_user("Ren\u{e9}", "a").with_user("Zoe\u{308}", "b");
        let password = |name| users.password(netsim::epoch(), name).map(|it| it.to_string());
        assert_eq!(
            ["Rene\u{301}", "Zo\u{eb}", "rene\u{301}"].map(password),
            [Some("a".into()), Some("b".into()), None]
        );
    }

    /// Guards the end of time-limited credentials.
    #[test]
    fn time_limited_credentials_end() {
        let users = TimeLimitedUsers::new(rust_crypto::provider(), "north", netsim::wall_clock());
        let end = netsim::unix_epoch().as_secs() + 100;
        let name = format!("{end}:alice");
        let at = |seconds| netsim::epoch() + Duration::from_secs(seconds);
        let password = users.password(at(99), &name).unwrap();
        assert_eq!((password.len(), &*password), (28, &*users.password_for(&name)));
        assert_ne!(password, users.password(at(99), &format!("{end}:bob")).unwrap());
        assert!(users.password(at(100), &name).is_none());
        assert!(users.password(at(0), "alice").is_none() && users.password(at(0), "").is_none());
        assert!(users.password(at(99), &end.to_string()).is_some());
        assert!(!format!("{users:?}").contains("north"));
    }

    /// What `printf 1767225700:alice | openssl dgst -sha1 -hmac north -binary | base64` prints.
    #[test]
    fn a_time_limited_password_is_what_other_services_make() {
        let users = TimeLimitedUsers::new(rust_crypto::provider(), "north", netsim::wall_clock());
        assert_eq!(*users.password_for("1767225700:alice"), "E28kMu7UKll9rU6ACv2Nm0jxGKA=");
    }
}
