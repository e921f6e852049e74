use crate::SdpError;
use crate::cursor::Cursor;
use crate::line::Address;
use crate::write::{self, Value, text_form};

/// Where RTCP goes when it has a port of its own: `9 IN IP4 0.0.0.0`.
///
/// Source: [RFC 3605 §2.1](https://www.rfc-editor.org/rfc/rfc3605#section-2.1)
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rtcp {
    /// The port.
    pub port: u16,
    /// The address, when it is not that of the media.
    pub address: Option<Address>,
}

impl Value for Rtcp {
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, SdpError> {
        let port = cursor.number("rtcp port")?;
        let address = if cursor.is_at_end() { None } else { Some(Address::read(cursor)?) };
        Ok(Self { port, address })
    }

    fn write(&self, out: &mut String) {
        write::number(out, self.port);
        if let Some(address) = &self.address {
            out.push(' ');
            address.write(out);
        }
    }
}

text_form! { Rtcp: "rtcp" }

/// What to do about a section that does not multiplex RTP and RTCP.
///
/// Source: [RFC 8829 §4.1.1](https://www.rfc-editor.org/rfc/rfc8829#section-4.1.1)
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum RtcpMuxPolicy {
    /// Refuse it.
    #[default]
    Require,
    /// Take it, with a port for each.
    Negotiate,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_may_be_left_out() {
        let rtcp: Rtcp = "9 IN IP4 0.0.0.0".parse().unwrap();
        assert_eq!(rtcp, Rtcp { port: 9, address: Some(Address::ip4("0.0.0.0")) });
        for text in ["9 IN IP4 0.0.0.0", "16628 IN IP6 ::1", "1337"] {
            assert_eq!(text.parse::<Rtcp>().unwrap().to_string(), text);
        }
        for text in ["", "65536", "9 IN", "9 IN IP4 0.0.0.0 more"] {
            assert!(text.parse::<Rtcp>().is_err(), "{text}");
        }
    }
}
