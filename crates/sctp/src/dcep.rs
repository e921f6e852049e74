//! The data channel establishment protocol: how a channel announces itself on its stream.
//!
//! Both messages travel with [`Ppid::DCEP`](crate::Ppid::DCEP). The state of channels is not kept here.
//!
//! Source: [RFC 8832](https://www.rfc-editor.org/rfc/rfc8832)

use crate::Reliability;
use ortica_core::{DecodeError, Reader, Writer};
use std::time::Duration;
use thiserror::Error;

/// Message type of [`Ack`].
const DATA_CHANNEL_ACK: u8 = 0x02;
/// Message type of [`Open`].
const DATA_CHANNEL_OPEN: u8 = 0x03;
/// Bit of the channel type: messages need not keep their order.
const UNORDERED: u8 = 0x80;

/// Either message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Message {
    /// Announces a channel.
    Open(Open),
    /// Confirms that it was announced.
    Ack,
}

impl Message {
    /// Reads a message.
    ///
    /// # Errors
    /// When it is none that RFC 8832 describes; the stream it came on should be reset.
    pub fn decode(payload: &[u8]) -> Result<Self, DecodeError> {
        match payload.first() {
            Some(&DATA_CHANNEL_OPEN) => Open::decode(payload).map(Self::Open),
            // Some implementations append bytes to the one that the RFC has; they mean nothing.
            Some(&DATA_CHANNEL_ACK) => Ok(Self::Ack),
            Some(_) => Err(DecodeError::Invalid("message type")),
            None => Err(DecodeError::Truncated("message type")),
        }
    }

    /// Appends the message to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Open(open) => open.encode(out),
            Self::Ack => Ack.encode(out),
        }
    }
}

/// DATA_CHANNEL_ACK: confirms that a channel was announced.
///
/// Source: [RFC 8832 §5.2](https://www.rfc-editor.org/rfc/rfc8832#section-5.2)
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Ack;

impl Ack {
    /// Appends the message to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(DATA_CHANNEL_ACK);
    }
}

/// DATA_CHANNEL_OPEN: announces a channel on the stream that carries it.
///
/// Source: [RFC 8832 §5.1](https://www.rfc-editor.org/rfc/rfc8832#section-5.1)
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Open {
    /// Messages are delivered in the order of sending.
    pub ordered: bool,
    /// How hard to try. A lifetime is carried in milliseconds, at most 2^32 − 1.
    pub reliability: Reliability,
    /// Its weight among the channels: 128 (below normal), 256 (normal), 512 (high) or 1,024 (extra high).
    pub priority: u16,
    label: String,
    protocol: String,
}

/// A label or subprotocol is longer than 65,535 bytes.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("{0} is longer than 65,535 bytes")]
pub struct TooLong(&'static str);

impl Open {
    /// An ordered, reliable channel of normal priority.
    ///
    /// # Errors
    /// When `label` or `protocol` is longer than 65,535 bytes in UTF-8.
    pub fn new(label: impl Into<String>, protocol: impl Into<String>) -> Result<Self, TooLong> {
        let (label, protocol) = (label.into(), protocol.into());
        for (text, name) in [(&label, "label"), (&protocol, "protocol")] {
            if text.len() > usize::from(u16::MAX) {
                return Err(TooLong(name));
            }
        }
        Ok(Self { ordered: true, reliability: Reliability::Reliable, priority: 256, label, protocol })
    }

    /// The name the application gave it, possibly empty.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// The subprotocol, possibly empty.
    pub fn protocol(&self) -> &str {
        &self.protocol
    }

    /// Reads the message.
    ///
    /// # Errors
    /// When the channel type is unknown, a length does not fit, or a text is not UTF-8.
    pub fn decode(payload: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(payload);
        if r.u8("message type")? != DATA_CHANNEL_OPEN {
            return Err(DecodeError::Invalid("message type"));
        }
        let channel_type = r.u8("channel type")?;
        let priority = r.u16("priority")?;
        let parameter = r.u32("reliability parameter")?;
        let label_len = r.u16("label length")?;
        let protocol_len = r.u16("protocol length")?;
        let label = text(r.bytes(usize::from(label_len), "label")?, "label")?;
        let protocol = text(r.bytes(usize::from(protocol_len), "protocol")?, "protocol")?;
        r.finish("data channel open")?;
        let reliability = match channel_type & !UNORDERED {
            0 => Reliability::Reliable,
            1 => Reliability::MaxRetransmits(parameter),
            2 => Reliability::MaxLifetime(Duration::from_millis(parameter.into())),
            _ => return Err(DecodeError::Invalid("channel type")),
        };
        Ok(Self { ordered: channel_type & UNORDERED == 0, reliability, priority, label, protocol })
    }

    /// Appends the message to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let (kind, parameter) = match self.reliability {
            // What is once begun arrives.
            Reliability::Reliable | Reliability::Priority(_) => (0, 0),
            Reliability::MaxRetransmits(count) => (1, count),
            Reliability::MaxLifetime(time) => (2, u32::try_from(time.as_millis()).unwrap_or(u32::MAX)),
        };
        let order = if self.ordered { 0 } else { UNORDERED };
        Writer::new(out)
            .u8(DATA_CHANNEL_OPEN)
            .u8(kind | order)
            .u16(self.priority)
            .u32(parameter)
            .u16(self.label.len() as u16)
            .u16(self.protocol.len() as u16)
            .bytes(self.label.as_bytes())
            .bytes(self.protocol.as_bytes());
    }
}

fn text(bytes: &[u8], field: &'static str) -> Result<String, DecodeError> {
    std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| DecodeError::Invalid(field))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encoded(open: &Open) -> Vec<u8> {
        let mut out = Vec::new();
        open.encode(&mut out);
        out
    }

    /// Guards the layout of RFC 8832 §5.1.
    #[test]
    fn open_has_the_layout_of_the_rfc() {
        let open = Open { priority: 512, ..Open::new("chat", "v1").unwrap() };
        assert_eq!(encoded(&open), b"\x03\x00\x02\x00\x00\x00\x00\x00\x00\x04\x00\x02chatv1");
        assert_eq!(Message::decode(&encoded(&open)), Ok(Message::Open(open)));
    }

    /// Guards the mapping of the six type codes, both ways, and the refusal of all others.
    #[test]
    fn dc_7_six_type_codes_map_and_all_others_are_refused() {
        let base = Open::new("l", "p").unwrap();
        for (code, ordered, reliability) in [
            (0x00, true, Reliability::Reliable),
            (0x80, false, Reliability::Reliable),
            (0x01, true, Reliability::MaxRetransmits(7)),
            (0x81, false, Reliability::MaxRetransmits(7)),
            (0x02, true, Reliability::MaxLifetime(Duration::from_millis(7))),
            (0x82, false, Reliability::MaxLifetime(Duration::from_millis(7))),
        ] {
            let open = Open { ordered, reliability, ..base.clone() };
            let bytes = encoded(&open);
            assert_eq!(bytes[1], code);
            assert_eq!(Open::decode(&bytes), Ok(open));
        }
        let mut bytes = encoded(&base);
        for code in (0..=255).filter(|code| code & 0x7f > 2) {
            bytes[1] = code;
            assert_eq!(Open::decode(&bytes), Err(DecodeError::Invalid("channel type")));
        }
    }

    /// Guards the two length fields: whatever they claim is held against the message.
    #[test]
    fn dc_3_lengths_are_checked_against_the_message() {
        let good = encoded(&Open::new("chat", "v1").unwrap());
        for (at, value, error) in [
            (8, 5, DecodeError::Truncated("protocol")),
            (8, 0xffff, DecodeError::Truncated("label")),
            (8, 3, DecodeError::Trailing("data channel open")),
            (10, 3, DecodeError::Truncated("protocol")),
            (10, 0, DecodeError::Trailing("data channel open")),
        ] {
            let mut bytes = good.clone();
            bytes[at..at + 2].copy_from_slice(&u16::to_be_bytes(value));
            assert_eq!(Open::decode(&bytes), Err(error), "{at} {value}");
        }
        for len in 0..good.len() {
            assert!(Open::decode(&good[..len]).is_err());
        }
    }

    /// Guards lossless text: any UTF-8 crosses unchanged, anything else is refused, 65,535 bytes are the most.
    #[test]
    fn dc_3_text_is_lossless_utf_8() {
        let open = Open::new("żółw 亀 \u{1f422}\0", "прото\u{feff}кол").unwrap();
        assert_eq!(Open::decode(&encoded(&open)), Ok(open));
        let mut bytes = encoded(&Open::new("chat", "").unwrap());
        bytes[12] = 0xff;
        assert_eq!(Open::decode(&bytes), Err(DecodeError::Invalid("label")));
        let longest = Open::new("x".repeat(65_535), "y".repeat(65_535)).unwrap();
        assert_eq!(Open::decode(&encoded(&longest)), Ok(longest));
        assert_eq!(Open::new("x".repeat(65_536), ""), Err(TooLong("label")));
        assert_eq!(Open::new("", "x".repeat(65_536)), Err(TooLong("protocol")));
    }

    #[test]
    fn ack_is_one_byte_and_may_be_followed() {
        let mut out = Vec::new();
        Message::Ack.encode(&mut out);
        assert_eq!(out, [2]);
        assert_eq!(Message::decode(&[2]), Ok(Message::Ack));
        assert_eq!(Message::decode(&[2, 0, 0, 0]), Ok(Message::Ack));
        assert_eq!(Message::decode(&[]), Err(DecodeError::Truncated("message type")));
        assert_eq!(Message::decode(&[1]), Err(DecodeError::Invalid("message type")));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn open_round_trips(label in ".{0,40}", protocol in ".{0,40}", ordered: bool, priority: u16, kind in 0..3, n: u32) {
            let reliability = match kind {
                0 => Reliability::Reliable,
                1 => Reliability::MaxRetransmits(n),
                _ => Reliability::MaxLifetime(Duration::from_millis(n.into())),
            };
            let open = Open { ordered, reliability, priority, ..Open::new(label, protocol).unwrap() };
            prop_assert_eq!(Open::decode(&encoded(&open)), Ok(open));
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = Message::decode(&bytes);
        }
    }
}
