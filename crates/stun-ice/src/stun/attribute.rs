//! Attribute types and the values that have a shape of their own.

use arrayvec::ArrayVec;
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
    /// Number of a channel ([RFC 8656 §18.1](https://www.rfc-editor.org/rfc/rfc8656#section-18.1)).
    pub const CHANNEL_NUMBER: Self = Self(0x000c);
    /// How long an allocation lives ([RFC 8656 §18.2](https://www.rfc-editor.org/rfc/rfc8656#section-18.2)).
    pub const LIFETIME: Self = Self(0x000d);
    /// Address of a peer, as the server sees it ([RFC 8656 §18.3](https://www.rfc-editor.org/rfc/rfc8656#section-18.3)).
    pub const XOR_PEER_ADDRESS: Self = Self(0x0012);
    /// What goes to a peer or comes from one ([RFC 8656 §18.4](https://www.rfc-editor.org/rfc/rfc8656#section-18.4)).
    pub const DATA: Self = Self(0x0013);
    /// Realm of long-term credentials.
    pub const REALM: Self = Self(0x0014);
    /// Nonce of long-term credentials.
    pub const NONCE: Self = Self(0x0015);
    /// Address that a server relays for a client ([RFC 8656 §18.5](https://www.rfc-editor.org/rfc/rfc8656#section-18.5)).
    pub const XOR_RELAYED_ADDRESS: Self = Self(0x0016);
    /// IPv4 or IPv6 ([RFC 8656 §18.6](https://www.rfc-editor.org/rfc/rfc8656#section-18.6)).
    pub const REQUESTED_ADDRESS_FAMILY: Self = Self(0x0017);
    /// Wants an even port, and maybe the next one ([RFC 8656 §18.7](https://www.rfc-editor.org/rfc/rfc8656#section-18.7)).
    pub const EVEN_PORT: Self = Self(0x0018);
    /// What a server speaks to peers: UDP or TCP ([RFC 8656 §18.8](https://www.rfc-editor.org/rfc/rfc8656#section-18.8)).
    pub const REQUESTED_TRANSPORT: Self = Self(0x0019);
    /// Wants packets to peers unfragmented ([RFC 8656 §18.9](https://www.rfc-editor.org/rfc/rfc8656#section-18.9)).
    pub const DONT_FRAGMENT: Self = Self(0x001a);
    /// HMAC-SHA256 over what precedes it.
    pub const MESSAGE_INTEGRITY_SHA256: Self = Self(0x001c);
    /// Algorithm for long-term passwords.
    pub const PASSWORD_ALGORITHM: Self = Self(0x001d);
    /// Hash of username and realm.
    pub const USERHASH: Self = Self(0x001e);
    /// Address of the sender of a request.
    pub const XOR_MAPPED_ADDRESS: Self = Self(0x0020);
    /// Claims a port that EVEN-PORT had set aside ([RFC 8656 §18.10](https://www.rfc-editor.org/rfc/rfc8656#section-18.10)).
    pub const RESERVATION_TOKEN: Self = Self(0x0022);
    /// Number of a connection to a peer ([RFC 6062 §6.2.1](https://www.rfc-editor.org/rfc/rfc6062#section-6.2.1)).
    pub const CONNECTION_ID: Self = Self(0x002a);
    /// Priority of the peer-reflexive candidate that a check may yield ([RFC 8445 §7.1.1](https://www.rfc-editor.org/rfc/rfc8445#section-7.1.1)).
    pub const PRIORITY: Self = Self(0x0024);
    /// Nominates the pair ([RFC 8445 §7.1.2](https://www.rfc-editor.org/rfc/rfc8445#section-7.1.2)).
    pub const USE_CANDIDATE: Self = Self(0x0025);
    /// Wants a relayed address of a second family ([RFC 8656 §18.11](https://www.rfc-editor.org/rfc/rfc8656#section-18.11)).
    pub const ADDITIONAL_ADDRESS_FAMILY: Self = Self(0x8000);
    /// Why there is no relayed address of a family ([RFC 8656 §18.12](https://www.rfc-editor.org/rfc/rfc8656#section-18.12)).
    pub const ADDRESS_ERROR_CODE: Self = Self(0x8001);
    /// The algorithms that a server takes for long-term passwords, in its order.
    pub const PASSWORD_ALGORITHMS: Self = Self(0x8002);
    /// Name of the server to try instead, for its certificate.
    pub const ALTERNATE_DOMAIN: Self = Self(0x8003);
    /// An ICMP error that a peer's network sent ([RFC 8656 §18.13](https://www.rfc-editor.org/rfc/rfc8656#section-18.13)).
    pub const ICMP: Self = Self(0x8004);
    /// What the sender is.
    pub const SOFTWARE: Self = Self(0x8022);
    /// Address of the server to try instead.
    pub const ALTERNATE_SERVER: Self = Self(0x8023);
    /// CRC-32 over what precedes it.
    pub const FINGERPRINT: Self = Self(0x8028);
    /// The sender is in the controlled role ([RFC 8445 §7.1.3](https://www.rfc-editor.org/rfc/rfc8445#section-7.1.3)).
    pub const ICE_CONTROLLED: Self = Self(0x8029);
    /// The sender is in the controlling role ([RFC 8445 §7.1.3](https://www.rfc-editor.org/rfc/rfc8445#section-7.1.3)).
    pub const ICE_CONTROLLING: Self = Self(0x802a);
    /// Which nomination this is, the last one counting (draft-thatcher-ice-renomination; the number is libwebrtc's).
    pub const NOMINATION: Self = Self(0xc001);

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
                | Self::CHANNEL_NUMBER
                | Self::LIFETIME
                | Self::XOR_PEER_ADDRESS
                | Self::DATA
                | Self::REALM
                | Self::NONCE
                | Self::XOR_RELAYED_ADDRESS
                | Self::REQUESTED_ADDRESS_FAMILY
                | Self::EVEN_PORT
                | Self::REQUESTED_TRANSPORT
                | Self::DONT_FRAGMENT
                | Self::MESSAGE_INTEGRITY_SHA256
                | Self::PASSWORD_ALGORITHM
                | Self::USERHASH
                | Self::XOR_MAPPED_ADDRESS
                | Self::RESERVATION_TOKEN
                | Self::CONNECTION_ID
                | Self::PRIORITY
                | Self::USE_CANDIDATE
                | Self::ADDITIONAL_ADDRESS_FAMILY
                | Self::ADDRESS_ERROR_CODE
                | Self::PASSWORD_ALGORITHMS
                | Self::ALTERNATE_DOMAIN
                | Self::ICMP
                | Self::SOFTWARE
                | Self::ALTERNATE_SERVER
                | Self::FINGERPRINT
                | Self::ICE_CONTROLLED
                | Self::ICE_CONTROLLING
                | Self::NOMINATION
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
    /// Another server is to be asked.
    pub const TRY_ALTERNATE: u16 = 300;
    /// The request is malformed.
    pub const BAD_REQUEST: u16 = 400;
    /// The request lacks credentials or has wrong ones.
    pub const UNAUTHENTICATED: u16 = 401;
    /// The request is understood and not allowed ([RFC 8656 §19](https://www.rfc-editor.org/rfc/rfc8656#section-19), as all
    /// below but 438, 446, 447 and 487).
    pub const FORBIDDEN: u16 = 403;
    /// The request has attributes that the server does not know and must.
    pub const UNKNOWN_ATTRIBUTE: u16 = 420;
    /// There is no allocation, or there must be none.
    pub const ALLOCATION_MISMATCH: u16 = 437;
    /// The nonce is too old.
    pub const STALE_NONCE: u16 = 438;
    /// There are no relayed addresses of the family.
    pub const ADDRESS_FAMILY_NOT_SUPPORTED: u16 = 440;
    /// The allocation was made with other credentials.
    pub const WRONG_CREDENTIALS: u16 = 441;
    /// The server does not relay over this transport.
    pub const UNSUPPORTED_TRANSPORT_PROTOCOL: u16 = 442;
    /// The peer is of another family than the relayed address.
    pub const PEER_ADDRESS_FAMILY_MISMATCH: u16 = 443;
    /// There is a connection to that peer ([RFC 6062 §6.3](https://www.rfc-editor.org/rfc/rfc6062#section-6.3)).
    pub const CONNECTION_ALREADY_EXISTS: u16 = 446;
    /// The peer cannot be connected to ([RFC 6062 §6.3](https://www.rfc-editor.org/rfc/rfc6062#section-6.3)).
    pub const CONNECTION_FAILED: u16 = 447;
    /// The user has as many allocations as it may.
    pub const ALLOCATION_QUOTA_REACHED: u16 = 486;
    /// Both agents took the same role ([RFC 8445 §7.2.5.1](https://www.rfc-editor.org/rfc/rfc8445#section-7.2.5.1)).
    pub const ROLE_CONFLICT: u16 = 487;
    /// The server has nothing left to give.
    pub const INSUFFICIENT_CAPACITY: u16 = 508;
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

/// Appends the value of XOR-MAPPED-ADDRESS and its like.
pub(crate) fn encode_xor_address(address: SocketAddr, transaction: TransactionId, out: &mut Vec<u8>) {
    let (family, octets) = xor_address(address, transaction);
    out.extend_from_slice(&[0, family]);
    out.extend_from_slice(&octets);
}

/// The family of an address, and port and address as they are written there.
pub(crate) fn xor_address(address: SocketAddr, transaction: TransactionId) -> (u8, ArrayVec<u8, 18>) {
    let (port_mask, mask) = masks(transaction);
    let mut octets = ArrayVec::from_iter((address.port() ^ port_mask).to_be_bytes());
    match address.ip() {
        IpAddr::V4(ip) => {
            let [a, b, c, d, ..] = mask;
            octets.extend((ip.to_bits() ^ u32::from_be_bytes([a, b, c, d])).to_be_bytes());
            (1, octets)
        }
        IpAddr::V6(ip) => {
            octets.extend((ip.to_bits() ^ u128::from_be_bytes(mask)).to_be_bytes());
            (2, octets)
        }
    }
}

/// Appends the value of MAPPED-ADDRESS and its like.
pub(crate) fn encode_address(address: SocketAddr, out: &mut Vec<u8>) {
    let port = address.port().to_be_bytes();
    out.extend_from_slice(&[0, if address.is_ipv4() { 1 } else { 2 }]);
    out.extend_from_slice(&port);
    match address.ip() {
        IpAddr::V4(ip) => out.extend_from_slice(&ip.octets()),
        IpAddr::V6(ip) => out.extend_from_slice(&ip.octets()),
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
