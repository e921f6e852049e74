//! The values of the lines that are neither media nor attribute: `o=`, `c=`, `b=`, `t=`.

use std::net::IpAddr;

use crate::SdpError;
use crate::cursor::Cursor;
use crate::write::{self, Value, text_form};

/// Who made the description, and which version of it this is (`o=`).
///
/// Source: [RFC 8866 §5.2](https://www.rfc-editor.org/rfc/rfc8866#section-5.2)
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Origin {
    /// A login name; `-` for none.
    pub username: String,
    /// Tells this session from others of the same origin. WebRTC keeps it below 2^63.
    pub session_id: u64,
    /// Rises by one with each changed description.
    pub session_version: u64,
    /// Where the description was made; nothing is ever sent there.
    pub address: Address,
}

impl Origin {
    /// An origin that says nothing about its maker: `- ID VERSION IN IP4 127.0.0.1`.
    pub fn new(session_id: u64, session_version: u64) -> Self {
        Self { username: "-".into(), session_id, session_version, address: Address::ip4("127.0.0.1") }
    }
}

impl Value for Origin {
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, SdpError> {
        Ok(Self {
            username: cursor.token("username")?.into(),
            session_id: cursor.number("session id")?,
            session_version: cursor.number("session version")?,
            address: Address::read(cursor)?,
        })
    }

    fn write(&self, out: &mut String) {
        write::text(out, &self.username);
        out.push(' ');
        write::number(out, self.session_id);
        out.push(' ');
        write::number(out, self.session_version);
        out.push(' ');
        self.address.write(out);
    }
}

/// An address as SDP writes it: `IN IP4 192.0.2.1`. The value of `c=`.
///
/// Source: [RFC 8866 §5.7](https://www.rfc-editor.org/rfc/rfc8866#section-5.7)
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Address {
    /// Which kind of address it is said to be. A host name is said to be of one kind too.
    pub kind: AddressKind,
    /// An address, for multicast with `/ttl`, or a host name.
    pub host: String,
}

/// The kinds of [`Address`] there are.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum AddressKind {
    /// `IP4`
    Ip4,
    /// `IP6`
    Ip6,
}

impl Address {
    /// `IN IP4 host`
    pub fn ip4(host: impl Into<String>) -> Self {
        Self { kind: AddressKind::Ip4, host: host.into() }
    }

    /// `IN IP6 host`
    pub fn ip6(host: impl Into<String>) -> Self {
        Self { kind: AddressKind::Ip6, host: host.into() }
    }

    /// The numeric address; `None` for a host name.
    pub fn ip(&self) -> Option<IpAddr> {
        self.host.split('/').next()?.parse().ok()
    }
}

impl From<IpAddr> for Address {
    fn from(ip: IpAddr) -> Self {
        let kind = if ip.is_ipv4() { AddressKind::Ip4 } else { AddressKind::Ip6 };
        Self { kind, host: ip.to_string() }
    }
}

impl Value for Address {
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, SdpError> {
        if cursor.token("network type")? != "IN" {
            return Err(cursor.invalid("network type"));
        }
        let kind = match cursor.token("address type")? {
            "IP4" => AddressKind::Ip4,
            "IP6" => AddressKind::Ip6,
            _ => return Err(cursor.invalid("address type")),
        };
        Ok(Self { kind, host: cursor.token("address")?.into() })
    }

    fn write(&self, out: &mut String) {
        out.push_str(match self.kind {
            AddressKind::Ip4 => "IN IP4 ",
            AddressKind::Ip6 => "IN IP6 ",
        });
        write::text(out, &self.host);
    }
}

/// A bandwidth the maker would like to see kept (`b=`).
///
/// Source: [RFC 8866 §5.8](https://www.rfc-editor.org/rfc/rfc8866#section-5.8)
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Bandwidth {
    /// `AS` and `CT` in kilobits per second, `TIAS`, `RS` and `RR` in bits per second, or another.
    pub kind: String,
    /// In the unit of its kind.
    pub value: u64,
}

impl Bandwidth {
    /// The media's bandwidth in bits per second, as far as the kind speaks of it.
    pub fn bits_per_second(&self) -> Option<u64> {
        match self.kind.as_str() {
            "AS" | "CT" => self.value.checked_mul(1000),
            "TIAS" => Some(self.value),
            _ => None,
        }
    }
}

impl Value for Bandwidth {
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, SdpError> {
        Ok(Self { kind: cursor.before(':', "bandwidth type")?.into(), value: cursor.number("bandwidth")? })
    }

    fn write(&self, out: &mut String) {
        write::text(out, &self.kind);
        out.push(':');
        write::number(out, self.value);
    }
}

/// When the session takes place (`t=`, with its `r=` lines); in WebRTC always `0 0`, now and for good.
///
/// Source: [RFC 8866 §5.9](https://www.rfc-editor.org/rfc/rfc8866#section-5.9)
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Timing {
    /// First second, counted as NTP does; 0 for always.
    pub start: u64,
    /// Last second, counted as NTP does; 0 for no end.
    pub stop: u64,
    /// The values of the `r=` lines that follow, as they stand.
    pub repeats: Vec<String>,
}

impl Value for Timing {
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, SdpError> {
        Ok(Self { start: cursor.number("start time")?, stop: cursor.number("stop time")?, repeats: Vec::new() })
    }

    fn write(&self, out: &mut String) {
        write::number(out, self.start);
        out.push(' ');
        write::number(out, self.stop);
    }
}

text_form! { Origin: "origin", Address: "address", Bandwidth: "bandwidth" }

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SdpErrorKind;

    #[test]
    fn an_origin_round_trips() {
        let text = "mozilla...THIS_IS_SDPARTA-99.0 1449936422381165257 3 IN IP6 ::1";
        let origin: Origin = text.parse().unwrap();
        assert_eq!((origin.session_id, origin.session_version), (1_449_936_422_381_165_257, 3));
        assert_eq!(origin.address.ip(), Some("::1".parse().unwrap()));
        assert_eq!(origin.to_string(), text);
    }

    #[test]
    fn an_address_may_be_a_host_name_or_multicast() {
        assert_eq!("IN IP4 host.example".parse::<Address>().unwrap().ip(), None);
        assert_eq!("IN IP4 224.2.36.42/127".parse::<Address>().unwrap().ip(), Some([224, 2, 36, 42].into()));
        let error = "IN IP5 1".parse::<Address>().unwrap_err();
        assert_eq!((error.kind(), error.column()), (SdpErrorKind::Invalid("address type"), 4));
        assert_eq!("ATM NSAP 1".parse::<Address>().unwrap_err().kind(), SdpErrorKind::Invalid("network type"));
    }

    #[test]
    fn a_bandwidth_knows_its_unit() {
        assert_eq!("AS:500".parse::<Bandwidth>().unwrap().bits_per_second(), Some(500_000));
        assert_eq!("TIAS:500".parse::<Bandwidth>().unwrap().bits_per_second(), Some(500));
        assert_eq!("X-YZ:128".parse::<Bandwidth>().unwrap().bits_per_second(), None);
        assert_eq!("X-YZ:128".parse::<Bandwidth>().unwrap().to_string(), "X-YZ:128");
        assert!("AS".parse::<Bandwidth>().is_err());
    }
}
