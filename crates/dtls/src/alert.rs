//! Alerts: why an end stops talking.

use ortica_core::{DecodeError, Reader};
use std::fmt;

/// What an alert says: its description octet.
///
/// Source: [RFC 5246 §7.2](https://www.rfc-editor.org/rfc/rfc5246#section-7.2) and the IANA registry of TLS alerts
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Alert(pub u8);

impl Alert {
    /// The sender will send no more.
    pub const CLOSE_NOTIFY: Self = Self(0);
    /// A message came where the handshake has no place for it.
    pub const UNEXPECTED_MESSAGE: Self = Self(10);
    /// No parameters suit both ends.
    pub const HANDSHAKE_FAILURE: Self = Self(40);
    /// The certificate is corrupt, or is not the one that was announced.
    pub const BAD_CERTIFICATE: Self = Self(42);
    /// The certificate's key is of a kind not supported.
    pub const UNSUPPORTED_CERTIFICATE: Self = Self(43);
    /// The certificate was taken back.
    pub const CERTIFICATE_REVOKED: Self = Self(44);
    /// The certificate holds no more, or not yet.
    pub const CERTIFICATE_EXPIRED: Self = Self(45);
    /// The certificate is not acceptable for another reason.
    pub const CERTIFICATE_UNKNOWN: Self = Self(46);
    /// A field holds what its meaning forbids.
    pub const ILLEGAL_PARAMETER: Self = Self(47);
    /// The chain leads to nobody who is trusted.
    pub const UNKNOWN_CA: Self = Self(48);
    /// A message could not be parsed.
    pub const DECODE_ERROR: Self = Self(50);
    /// A signature or the Finished message does not verify.
    pub const DECRYPT_ERROR: Self = Self(51);
    /// No common protocol version.
    pub const PROTOCOL_VERSION: Self = Self(70);
    /// Required parameters are weaker than asked for.
    pub const INSUFFICIENT_SECURITY: Self = Self(71);
    /// Something went wrong at the sender that has nothing to do with the peer.
    pub const INTERNAL_ERROR: Self = Self(80);
    /// An extension came that was not asked for.
    pub const UNSUPPORTED_EXTENSION: Self = Self(110);

    /// The name the registry gives it, where it has one here.
    pub const fn name(self) -> Option<&'static str> {
        Some(match self.0 {
            0 => "close_notify",
            10 => "unexpected_message",
            20 => "bad_record_mac",
            22 => "record_overflow",
            40 => "handshake_failure",
            42 => "bad_certificate",
            43 => "unsupported_certificate",
            44 => "certificate_revoked",
            45 => "certificate_expired",
            46 => "certificate_unknown",
            47 => "illegal_parameter",
            48 => "unknown_ca",
            49 => "access_denied",
            50 => "decode_error",
            51 => "decrypt_error",
            70 => "protocol_version",
            71 => "insufficient_security",
            80 => "internal_error",
            86 => "inappropriate_fallback",
            90 => "user_canceled",
            100 => "no_renegotiation",
            109 => "missing_extension",
            110 => "unsupported_extension",
            _ => return None,
        })
    }
}

impl fmt::Display for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "alert {}", self.0),
        }
    }
}

/// An alert as it travels: two octets, the level and the description.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct AlertMessage {
    /// 1 is a warning, 2 ends the connection.
    pub level: u8,
    /// Why.
    pub description: Alert,
}

impl AlertMessage {
    const WARNING: u8 = 1;
    const FATAL: u8 = 2;

    /// The message for `description` at the level this crate sends it with.
    pub(crate) const fn new(description: Alert) -> Self {
        let level = if matches!(description, Alert::CLOSE_NOTIFY) { Self::WARNING } else { Self::FATAL };
        Self { level, description }
    }

    /// `true` if it ends the connection. close_notify does too, in its own way.
    pub(crate) const fn is_fatal(self) -> bool {
        self.level != Self::WARNING
    }

    pub(crate) fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(body);
        let level = r.u8("alert level")?;
        let description = Alert(r.u8("alert description")?);
        r.finish("alert")?;
        if !matches!(level, Self::WARNING | Self::FATAL) {
            return Err(DecodeError::Invalid("alert level"));
        }
        Ok(Self { level, description })
    }

    pub(crate) fn encode(self) -> [u8; 2] {
        [self.level, self.description.0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_notify_is_a_warning_and_the_rest_is_fatal() {
        assert_eq!(AlertMessage::new(Alert::CLOSE_NOTIFY).encode(), [1, 0]);
        assert_eq!(AlertMessage::new(Alert::DECRYPT_ERROR).encode(), [2, 51]);
        assert!(AlertMessage::new(Alert::DECRYPT_ERROR).is_fatal());
    }

    #[test]
    fn every_alert_survives_a_round_trip() {
        for description in 0..=255 {
            let alert = AlertMessage::new(Alert(description));
            assert_eq!(AlertMessage::decode(&alert.encode()), Ok(alert));
        }
    }

    #[test]
    fn refuses_other_lengths_and_levels() {
        assert!(AlertMessage::decode(&[]).is_err());
        assert!(AlertMessage::decode(&[2]).is_err());
        assert!(AlertMessage::decode(&[2, 40, 0]).is_err());
        assert!(AlertMessage::decode(&[3, 40]).is_err());
    }

    #[test]
    fn shows_the_registered_name_or_the_number() {
        assert_eq!(Alert::BAD_CERTIFICATE.to_string(), "bad_certificate");
        assert_eq!(Alert(255).to_string(), "alert 255");
    }
}
