use crate::SdpError;
use crate::cursor::Cursor;
use crate::write::{self, Value, text_form};

/// The longest message that the one who says so takes on a data channel, in bytes; on the wire, 0 stands for no limit.
///
/// Source: [RFC 8841 §6](https://www.rfc-editor.org/rfc/rfc8841#section-6)
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MaxMessageSize {
    /// So many bytes, which is more than none.
    Bytes(std::num::NonZeroU64),
    /// No limit.
    Unlimited,
}

impl MaxMessageSize {
    /// A limit as it is written: 0 for none.
    pub const fn new(bytes: u64) -> Self {
        match std::num::NonZeroU64::new(bytes) {
            Some(bytes) => Self::Bytes(bytes),
            None => Self::Unlimited,
        }
    }

    /// Whether a message of `len` bytes may be sent.
    pub fn allows(self, len: usize) -> bool {
        match self {
            Self::Bytes(limit) => u64::try_from(len).is_ok_and(|len| len <= limit.get()),
            Self::Unlimited => true,
        }
    }

    /// The number of bytes; `None` when there is no limit.
    pub const fn bytes(self) -> Option<u64> {
        match self {
            Self::Bytes(limit) => Some(limit.get()),
            Self::Unlimited => None,
        }
    }
}

/// 64 KiB, which holds when nothing is said.
impl Default for MaxMessageSize {
    fn default() -> Self {
        Self::new(64 << 10)
    }
}

impl Value for MaxMessageSize {
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, SdpError> {
        Ok(Self::new(cursor.number("maximum message size")?))
    }

    fn write(&self, out: &mut String) {
        write::number(out, self.bytes().unwrap_or(0));
    }
}

/// The port inside SCTP as drafts before RFC 8841 wrote it: `5000 webrtc-datachannel 256`.
///
/// Firefox before 63 and old aiortc speak of data channels like this, on an `m=` line of `DTLS/SCTP 5000`.
///
/// Source: [draft-ietf-mmusic-sctp-sdp-05 §5](https://datatracker.ietf.org/doc/html/draft-ietf-mmusic-sctp-sdp-05#section-5)
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SctpMap {
    /// The port inside SCTP.
    pub port: u16,
    /// What is spoken on it: `webrtc-datachannel`.
    pub protocol: String,
    /// How many streams.
    pub streams: Option<u16>,
}

impl Value for SctpMap {
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, SdpError> {
        let port = cursor.number("sctp port")?;
        let protocol = cursor.token("sctp protocol")?.into();
        let streams = if cursor.is_at_end() { None } else { Some(cursor.number("sctp streams")?) };
        Ok(Self { port, protocol, streams })
    }

    fn write(&self, out: &mut String) {
        write::number(out, self.port);
        out.push(' ');
        write::text(out, &self.protocol);
        if let Some(streams) = self.streams {
            out.push(' ');
            write::number(out, streams);
        }
    }
}

text_form! { MaxMessageSize: "max-message-size", SctpMap: "sctpmap" }

#[cfg(test)]
mod tests {
    use super::*;

    /// The guard: a send above the peer's value is refused here, where 0 is no limit rather than the smallest.
    #[test]
    fn sdp_12_zero_is_no_limit_and_nothing_said_is_64_kib() {
        let limit: MaxMessageSize = "262144".parse().unwrap();
        assert!(limit.allows(262_144) && !limit.allows(262_145));
        let unlimited: MaxMessageSize = "0".parse().unwrap();
        assert_eq!((unlimited, unlimited.bytes()), (MaxMessageSize::Unlimited, None));
        assert!(unlimited.allows(usize::MAX));
        assert!(MaxMessageSize::default().allows(65_536) && !MaxMessageSize::default().allows(65_537));
        for text in ["0", "1", "1073741823", "18446744073709551615"] {
            assert_eq!(text.parse::<MaxMessageSize>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_legacy_map_may_leave_out_its_streams() {
        for text in ["5000 webrtc-datachannel 256", "5000 webrtc-datachannel"] {
            assert_eq!(text.parse::<SctpMap>().unwrap().to_string(), text);
        }
        assert!("5000".parse::<SctpMap>().is_err());
        assert!("5000 webrtc-datachannel 65536".parse::<SctpMap>().is_err());
    }
}
