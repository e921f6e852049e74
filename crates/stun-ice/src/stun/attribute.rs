//! Attribute types and the values that have a shape of their own.

use ortica_core::{DecodeError, Reader};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::message::{MAGIC_COOKIE, TransactionId};

/// The type of an attribute.
///
/// Source: [RFC 8489 §18.3](https://www.rfc-editor.org/rfc/rfc8489#section-18.3)
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct AttributeType(pub u16);

impl AttributeType {
    /// Address of the sender of a request, in the clear: rewritten by some NATs.
    pub const MAPPED_ADDRESS: Self = Self(0x0001);
    /// Who sends a request.
    pub const USERNAME: Self = Self(0x0006);
    /// HMAC-SHA1 over what precedes it.
    pub const MESSAGE_INTEGRITY: Self = Self(0x0008);
    /// Why a request is refused.
    pub const ERROR_CODE: Self = Self(0x0009);
    /// Which attributes of a request were not understood.
    pub const UNKNOWN_ATTRIBUTES: Self = Self(0x000a);
    /// Realm of long-term credentials.
    pub const REALM: Self = Self(0x0014);
    /// Nonce of long-term credentials.
    pub const NONCE: Self = Self(0x0015);
    /// HMAC-SHA256 over what precedes it.
    pub const MESSAGE_INTEGRITY_SHA256: Self = Self(0x001c);
    /// Algorithm for long-term passwords.
    pub const PASSWORD_ALGORITHM: Self = Self(0x001d);
    /// Hash of username and realm.
    pub const USERHASH: Self = Self(0x001e);
    /// Address of the sender of a request.
    pub const XOR_MAPPED_ADDRESS: Self = Self(0x0020);
    /// Priority of the peer-reflexive candidate that a check may yield ([RFC 8445 §7.1.1](https://www.rfc-editor.org/rfc/rfc8445#section-7.1.1)).
    pub const PRIORITY: Self = Self(0x0024);
    /// Nominates the pair ([RFC 8445 §7.1.2](https://www.rfc-editor.org/rfc/rfc8445#section-7.1.2)).
    pub const USE_CANDIDATE: Self = Self(0x0025);
    /// What the sender is.
    pub const SOFTWARE: Self = Self(0x8022);
    /// CRC-32 over what precedes it.
    pub const FINGERPRINT: Self = Self(0x8028);
    /// The sender is in the controlled role ([RFC 8445 §7.1.3](https://www.rfc-editor.org/rfc/rfc8445#section-7.1.3)).
    pub const ICE_CONTROLLED: Self = Self(0x8029);
    /// The sender is in the controlling role ([RFC 8445 §7.1.3](https://www.rfc-editor.org/rfc/rfc8445#section-7.1.3)).
    pub const ICE_CONTROLLING: Self = Self(0x802a);

    /// `true` when a receiver that does not know the attribute must refuse the message.
    pub const fn is_comprehension_required(self) -> bool {
        self.0 < 0x8000
    }

    /// `true` when this crate knows what the attribute says.
    pub(crate) const fn is_known(self) -> bool {
        matches!(
            self,
            Self::MAPPED_ADDRESS
                | Self::USERNAME
                | Self::MESSAGE_INTEGRITY
                | Self::ERROR_CODE
                | Self::UNKNOWN_ATTRIBUTES
                | Self::REALM
                | Self::NONCE
                | Self::MESSAGE_INTEGRITY_SHA256
                | Self::PASSWORD_ALGORITHM
                | Self::USERHASH
                | Self::XOR_MAPPED_ADDRESS
                | Self::PRIORITY
                | Self::USE_CANDIDATE
                | Self::SOFTWARE
                | Self::FINGERPRINT
                | Self::ICE_CONTROLLED
                | Self::ICE_CONTROLLING
        )
    }
}

/// Value of an ERROR-CODE attribute.
///
/// Source: [RFC 8489 §14.8](https://www.rfc-editor.org/rfc/rfc8489#section-14.8)
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct ErrorCode<'a> {
    /// 300 to 699.
    pub code: u16,
    /// For people, at most 763 bytes of UTF-8.
    pub reason: &'a str,
}

impl ErrorCode<'_> {
    /// The request is malformed.
    pub const BAD_REQUEST: u16 = 400;
    /// The request lacks credentials or has wrong ones.
    pub const UNAUTHENTICATED: u16 = 401;
    /// The request has attributes that the server does not know and must.
    pub const UNKNOWN_ATTRIBUTE: u16 = 420;
    /// Both agents took the same role ([RFC 8445 §7.2.5.1](https://www.rfc-editor.org/rfc/rfc8445#section-7.2.5.1)).
    pub const ROLE_CONFLICT: u16 = 487;
}

impl<'a> ErrorCode<'a> {
    pub(crate) fn decode(value: &'a [u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(value);
        r.u16("error reserved")?;
        let class = r.u8("error class")? & 0x07;
        let number = r.u8("error number")?;
        if !(3..=6).contains(&class) || number > 99 {
            return Err(DecodeError::Invalid("error code"));
        }
        let reason = std::str::from_utf8(r.take_rest()).map_err(|_| DecodeError::Invalid("error reason"))?;
        Ok(Self { code: u16::from(class) * 100 + u16::from(number), reason })
    }
}

/// Decodes MAPPED-ADDRESS, and with `xor` XOR-MAPPED-ADDRESS and its like.
///
/// Source: [RFC 8489 §14.2](https://www.rfc-editor.org/rfc/rfc8489#section-14.2)
pub(crate) fn decode_address(value: &[u8], xor: Option<TransactionId>) -> Result<SocketAddr, DecodeError> {
    let mut r = Reader::new(value);
    r.u8("address reserved")?;
    let family = r.u8("address family")?;
    let port = r.u16("port")?;
    let (port_mask, mask) = xor.map_or((0, [0; 16]), masks);
    let ip = match family {
        1 => {
            let [a, b, c, d, ..] = mask;
            let mask = u32::from_be_bytes([a, b, c, d]);
            IpAddr::V4(Ipv4Addr::from_bits(r.u32("IPv4 address")? ^ mask))
        }
        2 => {
            let bits = u128::from_be_bytes(r.array("IPv6 address")?);
            IpAddr::V6(Ipv6Addr::from_bits(bits ^ u128::from_be_bytes(mask)))
        }
        _ => return Err(DecodeError::Invalid("address family")),
    };
    r.finish("address")?;
    Ok(SocketAddr::new(ip, port ^ port_mask))
}

/// Appends the value of XOR-MAPPED-ADDRESS.
pub(crate) fn encode_xor_address(address: SocketAddr, transaction: TransactionId, out: &mut Vec<u8>) {
    let (port_mask, mask) = masks(transaction);
    let port = (address.port() ^ port_mask).to_be_bytes();
    match address.ip() {
        IpAddr::V4(ip) => {
            let [a, b, c, d, ..] = mask;
            out.extend_from_slice(&[0, 1]);
            out.extend_from_slice(&port);
            out.extend_from_slice(&(ip.to_bits() ^ u32::from_be_bytes([a, b, c, d])).to_be_bytes());
        }
        IpAddr::V6(ip) => {
            out.extend_from_slice(&[0, 2]);
            out.extend_from_slice(&port);
            out.extend_from_slice(&(ip.to_bits() ^ u128::from_be_bytes(mask)).to_be_bytes());
        }
    }
}

/// What port and address are combined with: the cookie, followed by the transaction id.
fn masks(transaction: TransactionId) -> (u16, [u8; 16]) {
    let mut mask = [0; 16];
    let (cookie, id) = mask.split_at_mut(4);
    cookie.copy_from_slice(&MAGIC_COOKIE.to_be_bytes());
    id.copy_from_slice(&transaction.0);
    ((MAGIC_COOKIE >> 16) as u16, mask)
}
