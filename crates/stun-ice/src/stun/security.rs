//! What a server offers beyond RFC 5389, said in its nonce where nobody can take it away.

/// Prefix of a nonce that says which features follow.
///
/// Source: [RFC 8489 §9.2](https://www.rfc-editor.org/rfc/rfc8489#section-9.2)
const NONCE_COOKIE: &[u8; 9] = b"obMatJos2";
/// The digits of base64. Four of them are the features.
pub(crate) const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The features of a server, 24 bits of which two have a meaning.
///
/// Source: [RFC 8489 §18.1](https://www.rfc-editor.org/rfc/rfc8489#section-18.1)
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct SecurityFeatures {
    /// It sends PASSWORD-ALGORITHMS.
    pub password_algorithms: bool,
    /// It takes USERHASH, and wants it in place of USERNAME.
    pub username_anonymity: bool,
}

impl SecurityFeatures {
    /// How many bytes a nonce begins with that says so.
    pub const LEN: usize = NONCE_COOKIE.len() + 4;
    const PASSWORD_ALGORITHMS: u32 = 1 << 23;
    const USERNAME_ANONYMITY: u32 = 1 << 22;

    /// Those of a nonce; none if it does not speak of any.
    pub fn of_nonce(nonce: &[u8]) -> Self {
        let bits = || {
            let digits = nonce.strip_prefix(NONCE_COOKIE)?.first_chunk::<4>()?;
            digits.iter().try_fold(0u32, |bits, digit| {
                let value = BASE64.iter().position(|known| known == digit)?;
                Some(bits << 6 | u32::try_from(value).ok()?)
            })
        };
        let bits = bits().unwrap_or_default();
        Self {
            password_algorithms: bits & Self::PASSWORD_ALGORITHMS != 0,
            username_anonymity: bits & Self::USERNAME_ANONYMITY != 0,
        }
    }

    /// What a nonce of a server with these features begins with.
    pub fn nonce_prefix(self) -> [u8; Self::LEN] {
        let mut bits = 0;
        if self.password_algorithms {
            bits |= Self::PASSWORD_ALGORITHMS;
        }
        if self.username_anonymity {
            bits |= Self::USERNAME_ANONYMITY;
        }
        let mut prefix = [0; Self::LEN];
        let digits = [18, 12, 6, 0].iter().filter_map(|shift| BASE64.get((bits >> shift & 63) as usize));
        prefix.iter_mut().zip(NONCE_COOKIE.iter().chain(digits)).for_each(|(to, from)| *to = *from);
        prefix
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Guards the nonce cookie: bit 0 is the leftmost of 24.
    #[test]
    fn stun_7_features_stand_behind_the_nonce_cookie() {
        let features =
            |password_algorithms, username_anonymity| SecurityFeatures { password_algorithms, username_anonymity };
        for (one, text) in [
            (features(false, false), "obMatJos2AAAA"),
            (features(true, false), "obMatJos2gAAA"),
            (features(false, true), "obMatJos2QAAA"),
            (features(true, true), "obMatJos2wAAA"),
        ] {
            assert_eq!(one.nonce_prefix(), text.as_bytes());
            assert_eq!(SecurityFeatures::of_nonce(format!("{text}and more").as_bytes()), one);
        }
        for other in ["", "obMatJos2", "obMatJos2w", "obMatJos3wAAA", "obMatJos2w*AA", "f//499k954d6OL34oL9FSTvy64sA"] {
            assert_eq!(SecurityFeatures::of_nonce(other.as_bytes()), SecurityFeatures::default(), "{other}");
        }
    }
}
