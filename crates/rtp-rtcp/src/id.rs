//! Names of streams, formats and media sections.

use arrayvec::ArrayString;
use ortica_core::Rng;
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// Names one stream of packets within a session: a synchronization source.
///
/// Source: [RFC 3550 §3](https://www.rfc-editor.org/rfc/rfc3550#section-3)
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Ssrc(pub u32);

impl Ssrc {
    /// A fresh one. Never zero, which several peers take for "not set".
    pub fn random(rng: &mut Rng) -> Self {
        loop {
            let value = rng.u32();
            if value != 0 {
                return Self(value);
            }
        }
    }
}

impl fmt::Display for Ssrc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Says in which format a payload is, as the session description mapped it: 0 to 127. The top bit belongs to the marker
/// and is dropped when written.
///
/// Source: [RFC 3550 §5.1](https://www.rfc-editor.org/rfc/rfc3550#section-5.1)
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PayloadType(pub u8);

impl PayloadType {
    /// The largest payload type.
    pub const MAX: Self = Self(127);

    /// `false` for 64 to 95: such a packet with its marker set looks like RTCP to who shares one port among both.
    ///
    /// Source: [RFC 5761 §4](https://www.rfc-editor.org/rfc/rfc5761#section-4)
    pub const fn may_share_a_port_with_rtcp(self) -> bool {
        self.0 < 64 || (self.0 > 95 && self.0 <= Self::MAX.0)
    }
}

impl fmt::Display for PayloadType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why a text names nothing.
#[derive(Clone, Copy, Debug, Eq, Error, Hash, PartialEq)]
pub enum IdError {
    /// It has no characters.
    #[error("empty identifier")]
    Empty,
    /// It has more characters than the type keeps.
    #[error("identifier too long")]
    TooLong,
    /// It has a character that its grammar forbids.
    #[error("forbidden character in identifier")]
    ForbiddenCharacter,
}

/// Names a media section: an SDP token of 1 to 36 characters, kept inline. (Its header extension takes 16 of them in the
/// one-byte form; 36 are a UUID, which some peers choose.)
///
/// Source: [RFC 9143 §15](https://www.rfc-editor.org/rfc/rfc9143#section-15)
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Mid(ArrayString<{ Mid::MAX_LEN }>);

/// Names one encoding among those of a media section: 1 to 36 letters, digits, `-` or `_`, kept inline.
///
/// RFC 8852 forbids `-` and `_`, which RFC 8851 allowed: peers use both.
///
/// Source: [RFC 8852 §3](https://www.rfc-editor.org/rfc/rfc8852#section-3)
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Rid(ArrayString<{ Rid::MAX_LEN }>);

impl Mid {
    /// The longest one, in bytes.
    pub const MAX_LEN: usize = 36;

    /// Names a media section by `text`.
    ///
    /// # Errors
    /// [`IdError`] when `text` is empty, too long or not an SDP token.
    pub fn new(text: &str) -> Result<Self, IdError> {
        checked(text, is_token_char).map(Self)
    }

    /// Its characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Rid {
    /// The longest one, in bytes.
    pub const MAX_LEN: usize = 36;

    /// Names an encoding by `text`.
    ///
    /// # Errors
    /// [`IdError`] when `text` is empty, too long or has other characters.
    pub fn new(text: &str) -> Result<Self, IdError> {
        checked(text, |c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_')).map(Self)
    }

    /// Its characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn checked<const N: usize>(text: &str, allowed: fn(u8) -> bool) -> Result<ArrayString<N>, IdError> {
    if text.is_empty() {
        return Err(IdError::Empty);
    }
    if !text.bytes().all(allowed) {
        return Err(IdError::ForbiddenCharacter);
    }
    ArrayString::from(text).map_err(|_| IdError::TooLong)
}

/// Source: [RFC 8866 §9](https://www.rfc-editor.org/rfc/rfc8866#section-9), `token-char`.
fn is_token_char(c: u8) -> bool {
    c.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`{|}~".contains(&c)
}

impl FromStr for Mid {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::new(text)
    }
}

impl FromStr for Rid {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::new(text)
    }
}

impl fmt::Display for Mid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Rid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_keep_their_text() {
        assert_eq!(Mid::new("0").unwrap().to_string(), "0");
        assert_eq!("sdparta_0".parse::<Mid>().unwrap().as_str(), "sdparta_0");
        assert_eq!(Rid::new("hi").unwrap().as_str(), "hi");
    }

    #[test]
    fn ids_refuse_what_their_grammar_forbids() {
        assert_eq!(Mid::new(""), Err(IdError::Empty));
        assert_eq!(Mid::new("a b"), Err(IdError::ForbiddenCharacter));
        assert_eq!(Mid::new(&"a".repeat(37)), Err(IdError::TooLong));
        assert_eq!(Rid::new("a;b"), Err(IdError::ForbiddenCharacter));
        assert!(Mid::new(&"a".repeat(36)).is_ok());
    }

    #[test]
    fn payload_types_that_look_like_rtcp_are_known() {
        assert!(PayloadType(63).may_share_a_port_with_rtcp());
        assert!(!PayloadType(72).may_share_a_port_with_rtcp());
        assert!(!PayloadType(95).may_share_a_port_with_rtcp());
        assert!(PayloadType(96).may_share_a_port_with_rtcp());
        assert!(!PayloadType(128).may_share_a_port_with_rtcp());
    }
}
