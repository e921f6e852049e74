//! What the payload protocol identifiers of WebRTC mean, and how an empty message crosses SCTP, which cannot carry one.

use bytes::Bytes;
use thiserror::Error;

/// Payload protocol identifier: says what a message holds. SCTP carries it and looks at nothing in it.
///
/// Source: [RFC 8831 §8](https://www.rfc-editor.org/rfc/rfc8831#section-8)
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Ppid(pub u32);

impl Ppid {
    /// A message of the data channel establishment protocol ([`dcep`](crate::dcep)).
    pub const DCEP: Self = Self(50);
    /// Text in UTF-8, at least one byte.
    pub const STRING: Self = Self(51);
    /// Part of a binary message: deprecated, never sent.
    pub const BINARY_PARTIAL: Self = Self(52);
    /// Bytes, at least one.
    pub const BINARY: Self = Self(53);
    /// Part of a text message: deprecated, never sent.
    pub const STRING_PARTIAL: Self = Self(54);
    /// The empty text; one zero byte stands in for it.
    pub const STRING_EMPTY: Self = Self(56);
    /// The empty sequence of bytes; one zero byte stands in for it.
    pub const BINARY_EMPTY: Self = Self(57);
}

/// What a data channel message is to its reader.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Kind {
    /// Text. That it is valid UTF-8 is for the channel to check.
    Text,
    /// Bytes.
    Binary,
}

/// A message as the application means it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Content {
    /// A message of the data channel establishment protocol.
    Control(Bytes),
    /// A message for the application, possibly empty.
    User(Kind, Bytes),
}

/// The identifier is none that a WebRTC peer may send.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum PpidError {
    /// One of the two deprecated identifiers for parts of messages (52, 54). They are refused rather than guessed at: no
    /// browser of the last ten years sends them, and joining parts would need a second limit on message size.
    #[error("deprecated partial message (payload protocol {})", .0.0)]
    Partial(Ppid),
    /// An identifier that RFC 8831 does not name.
    #[error("unknown payload protocol {}", .0.0)]
    Unknown(Ppid),
}

/// How `payload` crosses SCTP: the identifier, and the bytes to send. An empty payload becomes one zero byte.
///
/// Source: [RFC 8831 §6.6](https://www.rfc-editor.org/rfc/rfc8831#section-6.6)
pub fn to_wire(kind: Kind, payload: Bytes) -> (Ppid, Bytes) {
    const ZERO: Bytes = Bytes::from_static(&[0]);
    match (kind, payload.is_empty()) {
        (Kind::Text, false) => (Ppid::STRING, payload),
        (Kind::Binary, false) => (Ppid::BINARY, payload),
        (Kind::Text, true) => (Ppid::STRING_EMPTY, ZERO),
        (Kind::Binary, true) => (Ppid::BINARY_EMPTY, ZERO),
    }
}

/// What a received message means. Whatever an "empty" message carries is ignored.
///
/// # Errors
/// When no WebRTC peer may send `ppid`; the channel it came on should be closed.
///
/// Source: [RFC 8831 §6.6](https://www.rfc-editor.org/rfc/rfc8831#section-6.6)
pub fn from_wire(ppid: Ppid, payload: Bytes) -> Result<Content, PpidError> {
    match ppid {
        Ppid::DCEP => Ok(Content::Control(payload)),
        Ppid::STRING => Ok(Content::User(Kind::Text, payload)),
        Ppid::BINARY => Ok(Content::User(Kind::Binary, payload)),
        Ppid::STRING_EMPTY => Ok(Content::User(Kind::Text, Bytes::new())),
        Ppid::BINARY_EMPTY => Ok(Content::User(Kind::Binary, Bytes::new())),
        Ppid::STRING_PARTIAL | Ppid::BINARY_PARTIAL => Err(PpidError::Partial(ppid)),
        _ => Err(PpidError::Unknown(ppid)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Guards the table of RFC 8831 §8 and the rule for empty messages of §6.6.
    #[test]
    fn sctp_12_every_message_crosses_and_comes_back() {
        for (kind, payload, ppid, wire) in [
            (Kind::Text, &b"hi"[..], 51, &b"hi"[..]),
            (Kind::Binary, b"\x01\x02", 53, b"\x01\x02"),
            (Kind::Text, b"", 56, b"\0"),
            (Kind::Binary, b"", 57, b"\0"),
        ] {
            let payload = Bytes::from_static(payload);
            assert_eq!(to_wire(kind, payload.clone()), (Ppid(ppid), Bytes::from_static(wire)));
            assert_eq!(from_wire(Ppid(ppid), Bytes::from_static(wire)), Ok(Content::User(kind, payload)));
        }
        assert_eq!(from_wire(Ppid::DCEP, Bytes::from_static(&[2])), Ok(Content::Control(Bytes::from_static(&[2]))));
    }

    /// Guards against silently taking part of a message for a whole one.
    #[test]
    fn sctp_12_deprecated_partial_forms_are_refused() {
        for ppid in [Ppid(52), Ppid(54)] {
            assert_eq!(from_wire(ppid, Bytes::from_static(b"x")), Err(PpidError::Partial(ppid)));
        }
        assert_eq!(from_wire(Ppid(55), Bytes::new()), Err(PpidError::Unknown(Ppid(55))));
    }
}
