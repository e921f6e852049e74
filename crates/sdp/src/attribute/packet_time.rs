use std::time::Duration;

use crate::SdpError;
use crate::cursor::{Cursor, number};
use crate::write::{self, Value, text_form};

/// How long the audio in a packet lasts, written in milliseconds: `20`, `2.5`.
///
/// Source: [RFC 8866 §6.4](https://www.rfc-editor.org/rfc/rfc8866#section-6.4)
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PacketTime(
    /// More than nothing; finer than a nanosecond is lost.
    pub Duration,
);

/// Nanoseconds in a millisecond have six digits.
const FRACTION_DIGITS: usize = 6;

impl Value for PacketTime {
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, SdpError> {
        let token = cursor.token("packet time")?;
        let (whole, fraction) = token.split_once('.').unwrap_or((token, "0"));
        let duration = number::<u32>(whole).zip(nanoseconds(fraction)).map(|(milliseconds, nanoseconds)| {
            Duration::from_millis(milliseconds.into()) + Duration::from_nanos(nanoseconds)
        });
        match duration {
            Some(duration) if !duration.is_zero() => Ok(Self(duration)),
            _ => Err(cursor.invalid("packet time")),
        }
    }

    fn write(&self, out: &mut String) {
        let nanoseconds = self.0.as_nanos();
        write::number(out, u64::try_from(nanoseconds / 1_000_000).unwrap_or(u64::MAX));
        let fraction = nanoseconds % 1_000_000;
        if fraction > 0 {
            out.push('.');
            out.push_str(format!("{fraction:0FRACTION_DIGITS$}").trim_end_matches('0'));
        }
    }
}

text_form! { PacketTime: "packet time" }

/// The digits after the point of a millisecond.
fn nanoseconds(fraction: &str) -> Option<u64> {
    let digits: u64 = number(fraction.get(..FRACTION_DIGITS).unwrap_or(fraction))?;
    let missing = FRACTION_DIGITS.saturating_sub(fraction.len());
    Some(digits * 10_u64.pow(u32::try_from(missing).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_time_may_have_a_fraction() {
        for (text, microseconds) in [("20", 20_000), ("2.5", 2_500), ("0.125", 125), ("120", 120_000)] {
            let time: PacketTime = text.parse().unwrap();
            assert_eq!(time.0, Duration::from_micros(microseconds));
            assert_eq!(time.to_string(), text);
        }
        assert_eq!("2.500".parse::<PacketTime>().unwrap().to_string(), "2.5");
        assert_eq!("1.00000099".parse::<PacketTime>().unwrap().to_string(), "1");
        for text in ["", "0", "0.0", "-1", "1.x", "1.", "4294967296"] {
            assert!(text.parse::<PacketTime>().is_err(), "{text}");
        }
    }
}
