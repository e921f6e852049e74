use crate::SdpError;
use crate::cursor::{Cursor, number};
use crate::write::{self, Value, text_form};

/// What a payload type stands for: `111 opus/48000/2`.
///
/// Source: [RFC 8866 §6.6](https://www.rfc-editor.org/rfc/rfc8866#section-6.6)
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RtpMap {
    /// The number in RTP packets, 0 to 127.
    pub payload_type: u8,
    /// The codec; upper and lower case mean the same, see [`is`](Self::is).
    pub encoding: String,
    /// Ticks of the RTP timestamp in a second.
    pub clock_rate: u32,
    /// Audio channels, where they are written. Firefox writes `/1`, Chromium leaves it out: see
    /// [`channels`](Self::channels).
    pub written_channels: Option<u8>,
}

impl RtpMap {
    /// A codec without channels: video, or audio with one.
    pub fn new(payload_type: u8, encoding: impl Into<String>, clock_rate: u32) -> Self {
        Self { payload_type, encoding: encoding.into(), clock_rate, written_channels: None }
    }

    /// Writes the number of channels.
    pub fn with_channels(mut self, channels: u8) -> Self {
        self.written_channels = Some(channels);
        self
    }

    /// The channels of audio: one when none are written.
    pub fn channels(&self) -> u8 {
        self.written_channels.unwrap_or(1)
    }

    /// Whether this is the codec of that name.
    pub fn is(&self, encoding: &str) -> bool {
        self.encoding.eq_ignore_ascii_case(encoding)
    }

    /// What a payload type below 96 stands for when no line says so, as far as WebRTC uses it.
    ///
    /// Source: [RFC 3551 §6](https://www.rfc-editor.org/rfc/rfc3551#section-6)
    pub fn of_static(payload_type: u8) -> Option<Self> {
        let encoding = match payload_type {
            0 => "PCMU",
            8 => "PCMA",
            9 => "G722",
            13 => "CN",
            _ => return None,
        };
        Some(Self::new(payload_type, encoding, 8000))
    }
}

impl Value for RtpMap {
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, SdpError> {
        let payload_type = payload_type(cursor)?;
        let encoding = cursor.before('/', "encoding name")?.into();
        let rest = cursor.token("clock rate")?;
        let (clock_rate, channels) = match rest.split_once('/') {
            Some((clock_rate, channels)) => (clock_rate, Some(channels)),
            None => (rest, None),
        };
        let clock_rate = number(clock_rate).filter(|&rate| rate > 0).ok_or_else(|| cursor.invalid("clock rate"))?;
        let written_channels = channels
            .map(|text| number(text).filter(|&count| count > 0).ok_or_else(|| cursor.invalid("channels")))
            .transpose()?;
        Ok(Self { payload_type, encoding, clock_rate, written_channels })
    }

    fn write(&self, out: &mut String) {
        write::number(out, self.payload_type);
        out.push(' ');
        write::text(out, &self.encoding);
        out.push('/');
        write::number(out, self.clock_rate);
        if let Some(channels) = self.written_channels {
            out.push('/');
            write::number(out, channels);
        }
    }
}

text_form! { RtpMap: "rtpmap" }

/// A number that fits the seven bits of RTP's payload type.
pub(super) fn payload_type(cursor: &mut Cursor<'_>) -> Result<u8, SdpError> {
    match cursor.number("payload type")? {
        number @ 0..=127 => Ok(number),
        _ => Err(cursor.invalid("payload type")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SdpErrorKind;

    #[test]
    fn channels_are_kept_as_written() {
        let opus: RtpMap = "111 opus/48000/2".parse().unwrap();
        assert_eq!(opus, RtpMap::new(111, "opus", 48_000).with_channels(2));
        assert!(opus.is("OPUS"));
        for text in ["111 opus/48000/2", "9 G722/8000/1", "9 G722/8000"] {
            assert_eq!(text.parse::<RtpMap>().unwrap().to_string(), text);
        }
        assert_eq!("9 G722/8000/1".parse::<RtpMap>().unwrap().channels(), 1);
        assert_eq!("9 G722/8000".parse::<RtpMap>().unwrap().channels(), 1);
    }

    #[test]
    fn a_payload_type_has_seven_bits_and_a_clock_ticks() {
        let kind = |text: &str| text.parse::<RtpMap>().unwrap_err().kind();
        assert_eq!(kind("128 VP8/90000"), SdpErrorKind::Invalid("payload type"));
        assert_eq!(kind("96 VP8"), SdpErrorKind::Invalid("encoding name"));
        assert_eq!(kind("96 VP8/0"), SdpErrorKind::Invalid("clock rate"));
        assert_eq!(kind("96 opus/48000/0"), SdpErrorKind::Invalid("channels"));
        assert_eq!(kind("96 opus/48000/2/2"), SdpErrorKind::Invalid("channels"));
        assert_eq!(kind("96"), SdpErrorKind::Invalid("encoding name"));
    }

    #[test]
    fn static_payload_types_need_no_line() {
        assert_eq!(RtpMap::of_static(0).unwrap().encoding, "PCMU");
        // G.722 samples at 16 kHz, but its clock is 8,000 by a mistake that was kept (RFC 3551 §4.5.2).
        assert_eq!(RtpMap::of_static(9).unwrap().clock_rate, 8000);
        assert_eq!(RtpMap::of_static(96), None);
    }
}
