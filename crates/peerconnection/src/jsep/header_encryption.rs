//! Whether header extensions and contributing sources have to be encrypted, as far as this side decides.

use ortica_srtp::Cryptex;
use std::fmt;

/// What to do about peers that do not encrypt header extensions and contributing sources of RTP (cryptex). `Display` gives the W3C
/// token.
///
/// Source: [webrtc-extensions](https://w3c.github.io/webrtc-extensions/#rtcrtpheaderencryptionpolicy-enum),
/// [RFC 9335](https://www.rfc-editor.org/rfc/rfc9335)
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum RtpHeaderEncryptionPolicy {
    /// It is offered, and done with peers that do so too.
    #[default]
    Negotiate,
    /// Descriptions with sections of media without it are refused, and so are packets without it.
    Require,
}

impl fmt::Display for RtpHeaderEncryptionPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Negotiate => "negotiate",
            Self::Require => "require",
        })
    }
}

impl RtpHeaderEncryptionPolicy {
    /// What a transport does whose sections all have it on both sides.
    pub(super) fn agreed(self) -> Cryptex {
        match self {
            Self::Negotiate => Cryptex::Agreed,
            Self::Require => Cryptex::Required,
        }
    }
}
