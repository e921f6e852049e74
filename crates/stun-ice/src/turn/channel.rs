//! ChannelData: a number in place of a peer's address.
//!
//! Source: [RFC 8656 §12.4](https://www.rfc-editor.org/rfc/rfc8656#section-12.4)

use ortica_core::{DecodeError, Reader};

/// Bytes before the data: number and length.
const CHANNEL_HEADER: usize = 4;

/// Number of a channel: 0x4000 to 0x4fff.
///
/// Source: [RFC 8656 §12](https://www.rfc-editor.org/rfc/rfc8656#section-12)
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ChannelNumber(u16);

impl ChannelNumber {
    /// The lowest.
    pub const FIRST: Self = Self(0x4000);
    /// The highest.
    pub const LAST: Self = Self(0x4fff);

    /// `None` outside the range.
    pub const fn new(number: u16) -> Option<Self> {
        if number >= Self::FIRST.0 && number <= Self::LAST.0 { Some(Self(number)) } else { None }
    }

    /// The number.
    pub const fn get(self) -> u16 {
        self.0
    }
}

/// Whether a packet is ChannelData rather than STUN: by its first byte.
pub fn is_channel_data(packet: &[u8]) -> bool {
    matches!(packet.first(), Some(0x40..=0x4f))
}

/// What a channel carries.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ChannelData<'a> {
    /// The channel.
    pub number: ChannelNumber,
    /// What is for the peer, or comes from it; at most 65,535 bytes.
    pub data: &'a [u8],
}

impl<'a> ChannelData<'a> {
    /// Bytes before the data: number and length.
    pub const HEADER_LEN: usize = CHANNEL_HEADER;

    /// Reads it. Bytes behind the data are padding: up to three on streams, and some servers pad datagrams as well.
    ///
    /// # Errors
    /// When the number is none, the data is shorter than its length says, or more follows it than padding.
    pub fn decode(packet: &'a [u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(packet);
        let number = ChannelNumber::new(r.u16("channel number")?).ok_or(DecodeError::Invalid("channel number"))?;
        let data = r.vec16("channel data")?;
        if r.remaining() > 3 {
            return Err(DecodeError::Trailing("channel data"));
        }
        Ok(Self { number, data })
    }

    /// What stands before `len` bytes of data.
    pub(crate) fn header(number: ChannelNumber, len: u16) -> [u8; CHANNEL_HEADER] {
        let ([a, b], [c, d]) = (number.0.to_be_bytes(), len.to_be_bytes());
        [a, b, c, d]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn turn_1_channel_numbers_are_those_of_rfc_8656() {
        assert_eq!([0x3fff, 0x5000, 0, 0x7fff, 0xffff].map(ChannelNumber::new), [None; 5]);
        assert_eq!(ChannelNumber::new(0x4000), Some(ChannelNumber::FIRST));
        assert_eq!(ChannelNumber::new(0x4fff), Some(ChannelNumber::LAST));
        for first in 0..=255 {
            assert_eq!(is_channel_data(&[first, 0, 0, 0]), (0x40..0x50).contains(&first));
        }
        assert!(!is_channel_data(&[]));
    }

    /// Guards the length: it ends the data, and leaves room for padding alone.
    #[test]
    fn turn_3_the_length_leaves_padding_out() {
        let number = ChannelNumber::FIRST;
        assert_eq!(ChannelData::decode(&[0x40, 0, 0, 1, 7]), Ok(ChannelData { number, data: &[7] }));
        assert_eq!(ChannelData::decode(&[0x40, 0, 0, 1, 7, 0, 0, 0]), Ok(ChannelData { number, data: &[7] }));
        assert_eq!(ChannelData::decode(&[0x40, 0, 0, 0]), Ok(ChannelData { number, data: &[] }));
        for (bad, error) in [
            (&[0x40, 0, 0, 1, 7, 0, 0, 0, 0][..], DecodeError::Trailing("channel data")),
            (&[0x40, 0, 0, 2, 7], DecodeError::Truncated("channel data")),
            (&[0x40, 0, 0], DecodeError::Truncated("channel data")),
            (&[0x50, 0, 0, 0], DecodeError::Invalid("channel number")),
            (&[0x40], DecodeError::Truncated("channel number")),
        ] {
            assert_eq!(ChannelData::decode(bad), Err(error));
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(number in 0x4000u16..=0x4fff, data: Vec<u8>) {
            let number = ChannelNumber::new(number).unwrap();
            let mut packet = ChannelData::header(number, data.len() as u16).to_vec();
            packet.extend_from_slice(&data);
            prop_assert_eq!(ChannelData::decode(&packet), Ok(ChannelData { number, data: &data }));
        }
    }
}
