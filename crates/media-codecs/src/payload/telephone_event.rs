//! Keys of a telephone.
//!
//! ```text
//! |     event     |E|R| volume    |          duration             |
//! ```
//!
//! Source: [RFC 4733 §2.3](https://www.rfc-editor.org/rfc/rfc4733#section-2.3)

use ortica_core::{DecodeError, Reader};

/// A key that is held, or that was.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct TelephoneEvent {
    /// Which: 0 to 9, 10 for `*`, 11 for `#`, 12 to 15 for A to D; other numbers have other meanings (RFC 4733 §3).
    pub event: u8,
    /// It was let go: this is how long it was held.
    pub end: bool,
    /// How loud it is: 0 (loud) to 63, in decibels below 1 mW.
    pub volume: u8,
    /// For how long it is held, in ticks of the timestamps.
    pub duration: u16,
}

impl TelephoneEvent {
    /// Length of a payload, in bytes.
    pub const LEN: usize = 4;

    /// The event of a key: `0` to `9`, `A` to `D` of either case, `*` and `#`.
    pub const fn of_key(key: char) -> Option<u8> {
        match key {
            '0'..='9' => Some(key as u8 - b'0'),
            '*' => Some(10),
            '#' => Some(11),
            'A'..='D' => Some(key as u8 - b'A' + 12),
            'a'..='d' => Some(key as u8 - b'a' + 12),
            _ => None,
        }
    }

    /// The key of an event; `None` for what is none.
    pub const fn key_of(event: u8) -> Option<char> {
        match event {
            0..=9 => Some((b'0' + event) as char),
            10 => Some('*'),
            11 => Some('#'),
            12..=15 => Some((b'A' + event - 12) as char),
            _ => None,
        }
    }

    /// Reads a payload. Several may follow each other; this is the first.
    ///
    /// # Errors
    /// [`DecodeError`] if it is too short.
    pub fn decode(payload: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(payload);
        let event = r.u8("telephone event")?;
        let flags = r.u8("telephone event volume")?;
        let duration = r.u16("telephone event duration")?;
        Ok(Self { event, end: flags & 0x80 != 0, volume: flags & 0x3f, duration })
    }

    /// The payload.
    pub fn encode(self) -> [u8; Self::LEN] {
        let [high, low] = self.duration.to_be_bytes();
        [self.event, u8::from(self.end) << 7 | self.volume & 0x3f, high, low]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_its_number() {
        let numbers: Vec<Option<u8>> = "09*#ADad".chars().map(TelephoneEvent::of_key).collect();
        assert_eq!(numbers, [0, 9, 10, 11, 12, 15, 12, 15].map(Some));
        assert!(
            "0123456789*#ABCD"
                .chars()
                .all(|key| TelephoneEvent::of_key(key).and_then(TelephoneEvent::key_of) == Some(key))
        );
        assert_eq!(TelephoneEvent::key_of(16), None);
        assert!("EeX ,".chars().all(|key| TelephoneEvent::of_key(key).is_none()));
    }

    #[test]
    fn what_is_written_can_be_read_back() {
        let event = TelephoneEvent { event: 11, end: true, volume: 10, duration: 0x1234 };
        assert_eq!(event.encode(), [11, 0x8a, 0x12, 0x34]);
        assert_eq!(TelephoneEvent::decode(&event.encode()), Ok(event));
        assert_eq!(TelephoneEvent::decode(&[11, 0xca, 0x12, 0x34]), Ok(event), "a reserved bit says nothing");
        assert!(TelephoneEvent::decode(&[1, 2, 3]).is_err());
    }
}
