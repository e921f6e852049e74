use crate::SdpError;
use crate::base64;
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

/// The INIT chunk that the one who says so would send, so that SCTP can do without its handshake. In base64 on the wire.
///
/// Whether the bytes are such a chunk is for SCTP to say.
///
/// Source: [draft-hancke-tsvwg-snap](https://datatracker.ietf.org/doc/draft-hancke-tsvwg-snap/)
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SctpInit {
    /// The chunk, header included: at least one byte.
    pub chunk: Vec<u8>,
}

impl Value for SctpInit {
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, SdpError> {
        let text = cursor.token("sctp-init")?;
        base64::decode(text).map(|chunk| Self { chunk }).ok_or_else(|| cursor.invalid("base64"))
    }

    fn write(&self, out: &mut String) {
        base64::encode(&self.chunk, out);
    }
}

text_form! { MaxMessageSize: "max-message-size", SctpInit: "sctp-init", SctpMap: "sctpmap" }

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

    /// The guard: what is no base64 is kept as it stands and means nothing, and the session is read all the same.
    #[test]
    fn an_init_that_is_no_base64_is_ignored() {
        let section = |value: &str| -> crate::Media {
            let text =
                format!("m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=sctp-init:{value}\r\na=mid:0\r\n");
            text.parse().unwrap()
        };
        // The example of the draft.
        let example = section("AQAAHols3R0AUAAA/////+B5ZR3AAAAEgAgABoLA");
        let chunk = &example.sctp_init().unwrap().chunk;
        assert_eq!((chunk.len(), &chunk[..8]), (30, &[1, 0, 0, 30, 0x89, 0x6c, 0xdd, 0x1d][..]));
        for value in ["not valid base64", "AQAAH", "AQ==AQ==", "AQ-_", ""] {
            let section = section(value);
            assert_eq!((section.sctp_init(), section.mid()), (None, Some("0")), "{value}");
            assert!(section.to_string().contains(&format!("a=sctp-init:{value}\r\n")), "{value}");
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
