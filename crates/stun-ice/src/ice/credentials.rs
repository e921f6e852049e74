//! Username fragment and password: what one generation of an agent is known by.

use ortica_core::Rng;
use std::fmt;
use thiserror::Error;
use zeroize::Zeroizing;

/// The characters of a fragment and a password.
///
/// Source: [RFC 8839 §5.1](https://www.rfc-editor.org/rfc/rfc8839#section-5.1), `ice-char`
const ICE_CHARS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Username fragment and password of one side, for one generation (from start to restart).
///
/// Source: [RFC 8445 §5.3](https://www.rfc-editor.org/rfc/rfc8445#section-5.3)
#[derive(Clone, Eq, PartialEq)]
pub struct Credentials {
    /// Username fragment, 4 to 256 characters of `ice-char`. Not a secret: it routes checks to their agent.
    pub ufrag: String,
    /// Password, 22 to 256 characters of `ice-char`.
    pub pwd: Zeroizing<String>,
}

impl Credentials {
    /// Length of a generated fragment: 48 random bits.
    const UFRAG_LEN: usize = 8;
    /// Length of a generated password: 144 random bits, RFC 8445 asks for 128.
    const PWD_LEN: usize = 24;

    /// Credentials as a peer signalled them. Checked when the agent takes them.
    pub fn new(ufrag: impl Into<String>, pwd: impl Into<String>) -> Self {
        Self { ufrag: ufrag.into(), pwd: Zeroizing::new(pwd.into()) }
    }

    /// Fresh ones.
    pub fn generate(rng: &mut Rng) -> Self {
        Self { ufrag: ice_chars(rng, Self::UFRAG_LEN), pwd: Zeroizing::new(ice_chars(rng, Self::PWD_LEN)) }
    }

    /// Checks lengths and characters.
    ///
    /// # Errors
    /// Names the part that is too short, too long or holds another character.
    pub fn validate(&self) -> Result<(), CredentialsError> {
        if !is_ice_chars(&self.ufrag, 4) {
            return Err(CredentialsError::Ufrag);
        }
        if !is_ice_chars(&self.pwd, 22) {
            return Err(CredentialsError::Pwd);
        }
        Ok(())
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("ufrag", &self.ufrag).finish_non_exhaustive()
    }
}

/// Why credentials of the peer were refused.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum CredentialsError {
    /// The fragment is not 4 to 256 characters of `ice-char`.
    #[error("the username fragment is not 4 to 256 ice-chars")]
    Ufrag,
    /// The password is not 22 to 256 characters of `ice-char`.
    #[error("the password is not 22 to 256 ice-chars")]
    Pwd,
    /// This generation has other remote credentials already: the peer restarted, so restart first.
    #[error("remote credentials change with a restart only")]
    Changed,
    /// The agent was closed.
    #[error("the agent is closed")]
    Closed,
}

fn ice_chars(rng: &mut Rng, len: usize) -> String {
    let mut random = Zeroizing::new([0; 64]);
    rng.fill(&mut *random);
    // 64 characters: six bits of each byte pick one, all equally likely.
    random.iter().take(len).filter_map(|byte| ICE_CHARS.get(usize::from(byte & 63))).copied().map(char::from).collect()
}

fn is_ice_chars(text: &str, min: usize) -> bool {
    (min..=256).contains(&text.len()) && text.bytes().all(|byte| ICE_CHARS.contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Guards `Credentials::generate`: lengths, characters, and none twice.
    #[test]
    fn ice_10_generated_credentials_are_valid_and_fresh() {
        let mut rng = Rng::from_number(1);
        let (a, b) = (Credentials::generate(&mut rng), Credentials::generate(&mut rng));
        assert_eq!(a.validate(), Ok(()));
        assert!(a.ufrag.len() >= 4 && a.pwd.len() >= 22);
        assert!(a.ufrag != b.ufrag && a.pwd != b.pwd);
    }

    /// Guards the length and alphabet checks on what a peer signals.
    #[test]
    fn ice_10_lengths_to_256_are_accepted_and_nothing_outside_ice_char() {
        let with = |ufrag: usize, pwd: usize| Credentials::new("a".repeat(ufrag), "b".repeat(pwd)).validate();
        assert_eq!(with(4, 22), Ok(()));
        assert_eq!(with(256, 256), Ok(()));
        assert_eq!(with(3, 22), Err(CredentialsError::Ufrag));
        assert_eq!(with(257, 22), Err(CredentialsError::Ufrag));
        assert_eq!(with(4, 21), Err(CredentialsError::Pwd));
        assert_eq!(with(4, 257), Err(CredentialsError::Pwd));
        assert_eq!(Credentials::new("ab:d", "b".repeat(22)).validate(), Err(CredentialsError::Ufrag));
    }

    #[test]
    fn debug_shows_no_password() {
        let credentials = Credentials::new("abcd", "a-password-that-is-long-enough");
        assert!(!format!("{credentials:?}").contains("password"));
    }
}
