//! A borrowed view of a message.

use super::attribute::{AttributeType, ErrorCode, decode_address};
use super::integrity::{Integrity, IntegrityKey, fingerprint};
use super::long_term::{PasswordAlgorithm, password_algorithms};
use ortica_core::{DecodeError, Reader, Rng};
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

/// What tells STUN from everything else that shares a port with it.
pub const MAGIC_COOKIE: u32 = 0x2112_a442;
/// Length of the header in bytes.
pub const HEADER_LEN: usize = 20;

/// Whether a datagram is STUN rather than DTLS, RTP or RTCP: by its first byte and the magic cookie.
///
/// Source: [RFC 9443 §3](https://www.rfc-editor.org/rfc/rfc9443#section-3)
pub fn is_stun(datagram: &[u8]) -> bool {
    match datagram {
        [0..=3, _, _, _, cookie @ ..] => cookie.starts_with(&MAGIC_COOKIE.to_be_bytes()),
        _ => false,
    }
}

/// The username of a request, unverified and without a look at the rest: `receiver:sender`, so that the fragment before
/// the colon says which agent a datagram from an unknown address belongs to.
pub fn stun_username(datagram: &[u8]) -> Option<&str> {
    if !is_stun(datagram) {
        return None;
    }
    let attributes = Attributes { rest: datagram.get(HEADER_LEN..)? };
    let (_, value) = attributes
        .take_while(|(attribute, _)| *attribute != AttributeType::MESSAGE_INTEGRITY)
        .find(|(attribute, _)| *attribute == AttributeType::USERNAME)?;
    std::str::from_utf8(value).ok()
}

/// The transaction that an answer belongs to, unverified and without a look at the rest, so that of several agents the one gets it that
/// asked. `None` for what is no answer.
pub fn stun_answer(datagram: &[u8]) -> Option<TransactionId> {
    let header = datagram.first_chunk::<HEADER_LEN>().filter(|_| is_stun(datagram))?;
    let [high, low, _, _, _, _, _, _, id @ ..] = header;
    let (class, _) = split_message_type(u16::from_be_bytes([*high, *low]));
    matches!(class, Class::Success | Class::Error).then_some(TransactionId(*id))
}

/// What a message is for.
///
/// Source: [RFC 8489 §5](https://www.rfc-editor.org/rfc/rfc8489#section-5)
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Class {
    /// Asks for an answer.
    Request,
    /// Does not.
    Indication,
    /// The answer to a request that was granted.
    Success,
    /// The answer to a request that was refused.
    Error,
}

/// What is asked for, 12 bits.
///
/// Source: [RFC 8489 §18.2](https://www.rfc-editor.org/rfc/rfc8489#section-18.2)
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Method(pub u16);

impl Method {
    /// The only method of STUN and ICE: says where the request came from.
    pub const BINDING: Self = Self(0x001);
    /// Makes an allocation ([RFC 8656 §7](https://www.rfc-editor.org/rfc/rfc8656#section-7)).
    pub const ALLOCATE: Self = Self(0x003);
    /// Keeps an allocation, or gives it up ([RFC 8656 §8](https://www.rfc-editor.org/rfc/rfc8656#section-8)).
    pub const REFRESH: Self = Self(0x004);
    /// Carries data to a peer ([RFC 8656 §11](https://www.rfc-editor.org/rfc/rfc8656#section-11)).
    pub const SEND: Self = Self(0x006);
    /// Carries data from a peer ([RFC 8656 §11](https://www.rfc-editor.org/rfc/rfc8656#section-11)).
    pub const DATA: Self = Self(0x007);
    /// Lets peers send ([RFC 8656 §10](https://www.rfc-editor.org/rfc/rfc8656#section-10)).
    pub const CREATE_PERMISSION: Self = Self(0x008);
    /// Gives a peer a number ([RFC 8656 §12](https://www.rfc-editor.org/rfc/rfc8656#section-12)).
    pub const CHANNEL_BIND: Self = Self(0x009);
    /// Opens a connection to a peer ([RFC 6062 §4.3](https://www.rfc-editor.org/rfc/rfc6062#section-4.3)).
    pub const CONNECT: Self = Self(0x00a);
    /// Makes a connection that of a peer ([RFC 6062 §4.3](https://www.rfc-editor.org/rfc/rfc6062#section-4.3)).
    pub const CONNECTION_BIND: Self = Self(0x00b);
    /// Says that a peer has connected ([RFC 6062 §4.4](https://www.rfc-editor.org/rfc/rfc6062#section-4.4)).
    pub const CONNECTION_ATTEMPT: Self = Self(0x00c);
}

/// The message type interleaves the bits of method and class: `M11..M7 C1 M6..M4 C0 M3..M0`.
pub(crate) fn message_type(class: Class, method: Method) -> u16 {
    let class = match class {
        Class::Request => 0x0000,
        Class::Indication => 0x0010,
        Class::Success => 0x0100,
        Class::Error => 0x0110,
    };
    let Method(m) = method;
    (m & 0x000f) | ((m & 0x0070) << 1) | ((m & 0x0f80) << 2) | class
}

fn split_message_type(message_type: u16) -> (Class, Method) {
    let class = match message_type & 0x0110 {
        0x0000 => Class::Request,
        0x0010 => Class::Indication,
        0x0100 => Class::Success,
        _ => Class::Error,
    };
    let method = (message_type & 0x000f) | ((message_type >> 1) & 0x0070) | ((message_type >> 2) & 0x0f80);
    (class, Method(method))
}

/// Ties an answer to its request: 96 random bits.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct TransactionId(pub [u8; 12]);

impl TransactionId {
    /// A fresh one.
    pub fn generate(rng: &mut Rng) -> Self {
        Self(rng.bytes())
    }
}

impl fmt::Debug for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:024x}", self.0.iter().fold(0u128, |id, byte| (id << 8) | u128::from(*byte)))
    }
}

/// A well-formed message. Its lengths were checked and its FINGERPRINT, if it has one, verified; its integrity was not.
///
/// The getters see the attributes before MESSAGE-INTEGRITY and MESSAGE-INTEGRITY-SHA256, and of several of one type the first.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    class: Class,
    method: Method,
    transaction: TransactionId,
    /// The attributes before those that protect the message.
    attributes: &'a [u8],
    /// What MESSAGE-INTEGRITY covers, and its value.
    integrity: Option<(&'a [u8], &'a [u8])>,
    /// What MESSAGE-INTEGRITY-SHA256 covers, and its value.
    integrity_sha256: Option<(&'a [u8], &'a [u8])>,
    has_fingerprint: bool,
}

impl<'a> Message<'a> {
    /// Reads a message that fills `datagram`.
    ///
    /// # Errors
    /// Names what is wrong: the first two bits, the cookie, a length that is no multiple of 4 or not the datagram's, an
    /// attribute that runs past the end, a FINGERPRINT that does not verify or is not last.
    pub fn parse(datagram: &'a [u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(datagram);
        let message_type = r.u16("message type")?;
        if message_type >= 0x4000 {
            return Err(DecodeError::Invalid("message type"));
        }
        let length = usize::from(r.u16("message length")?);
        if r.u32("magic cookie")? != MAGIC_COOKIE {
            return Err(DecodeError::Invalid("magic cookie"));
        }
        let transaction = TransactionId(r.array("transaction id")?);
        if length % 4 != 0 || length != r.remaining() {
            return Err(DecodeError::Invalid("message length"));
        }
        let (class, method) = split_message_type(message_type);
        let (attributes, integrity, integrity_sha256, has_fingerprint) = (r.rest(), None, None, false);
        let mut message = Self { class, method, transaction, attributes, integrity, integrity_sha256, has_fingerprint };
        message.scan(datagram, r)?;
        Ok(message)
    }

    /// Walks over the attributes once, checks that they stay within the message, and notes where the covered ones end.
    fn scan(&mut self, datagram: &'a [u8], mut r: Reader<'a>) -> Result<(), DecodeError> {
        let mut covered_to = None;
        while !r.is_empty() {
            if self.has_fingerprint {
                return Err(DecodeError::Trailing("fingerprint"));
            }
            let (before, _) = datagram.split_at_checked(r.position()).unwrap_or((datagram, &[]));
            let attribute = AttributeType(r.u16("attribute type")?);
            let value = r.vec16("attribute value")?;
            r.bytes(padding(value.len()), "attribute padding")?;
            match attribute {
                // Behind MESSAGE-INTEGRITY-SHA256 it is ignored, the other way round it is not (RFC 8489 §14.5, §14.6).
                AttributeType::MESSAGE_INTEGRITY if self.integrity.is_none() && self.integrity_sha256.is_none() => {
                    self.integrity = Some((before, allowed(Integrity::Sha1, value)?));
                    covered_to.get_or_insert(before.len());
                }
                AttributeType::MESSAGE_INTEGRITY_SHA256 if self.integrity_sha256.is_none() => {
                    self.integrity_sha256 = Some((before, allowed(Integrity::Sha256, value)?));
                    covered_to.get_or_insert(before.len());
                }
                AttributeType::FINGERPRINT => {
                    if value != fingerprint(before).to_be_bytes() {
                        return Err(DecodeError::Invalid("fingerprint"));
                    }
                    self.has_fingerprint = true;
                    covered_to.get_or_insert(before.len());
                }
                _ => {}
            }
        }
        if let Some(end) = covered_to {
            self.attributes = datagram.get(HEADER_LEN..end).unwrap_or_default();
        }
        Ok(())
    }

    /// What it is for.
    pub fn class(&self) -> Class {
        self.class
    }

    /// What it asks for, or answers.
    pub fn method(&self) -> Method {
        self.method
    }

    /// Ties an answer to its request.
    pub fn transaction(&self) -> TransactionId {
        self.transaction
    }

    /// `true` if it has a FINGERPRINT, which then was verified.
    pub fn has_fingerprint(&self) -> bool {
        self.has_fingerprint
    }

    /// `true` if it has a MESSAGE-INTEGRITY.
    pub fn has_integrity(&self) -> bool {
        self.integrity.is_some()
    }

    /// `true` if it has a MESSAGE-INTEGRITY-SHA256.
    pub fn has_integrity_sha256(&self) -> bool {
        self.integrity_sha256.is_some()
    }

    /// Whether the attribute that `key` is for was made with it; `false` without that attribute.
    pub fn verify_integrity(&self, key: &IntegrityKey) -> bool {
        let tag = match key.integrity() {
            Integrity::Sha1 => self.integrity,
            Integrity::Sha256 => self.integrity_sha256,
        };
        tag.is_some_and(|(before, tag)| key.verify(before, tag))
    }

    /// The covered attributes, in order, types and values.
    pub fn attributes(&self) -> Attributes<'a> {
        Attributes { rest: self.attributes }
    }

    /// The value of the first attribute of a type.
    pub fn attribute(&self, wanted: AttributeType) -> Option<&'a [u8]> {
        self.attributes().find(|(attribute, _)| *attribute == wanted).map(|(_, value)| value)
    }

    /// The attributes that this crate does not know and a receiver must.
    pub fn unknown_attributes(&self) -> impl Iterator<Item = AttributeType> + use<'a> {
        self.attributes()
            .map(|(attribute, _)| attribute)
            .filter(|attribute| attribute.is_comprehension_required() && !attribute.is_known())
    }

    /// USERNAME; `None` also when it is no UTF-8.
    pub fn username(&self) -> Option<&'a str> {
        self.attribute(AttributeType::USERNAME).and_then(|value| std::str::from_utf8(value).ok())
    }

    /// XOR-MAPPED-ADDRESS.
    ///
    /// # Errors
    /// When it is there and malformed.
    pub fn xor_mapped_address(&self) -> Result<Option<SocketAddr>, DecodeError> {
        self.xor_addresses(AttributeType::XOR_MAPPED_ADDRESS).next().transpose()
    }

    /// The attributes of one type whose values are written as that of XOR-MAPPED-ADDRESS: each the address, or why it is none.
    pub fn xor_addresses(
        &self,
        wanted: AttributeType,
    ) -> impl Iterator<Item = Result<SocketAddr, DecodeError>> + use<'a> {
        let transaction = self.transaction;
        self.attributes()
            .filter(move |(attribute, _)| *attribute == wanted)
            .map(move |(_, value)| decode_address(value, Some(transaction)))
    }

    /// XOR-PEER-ADDRESS, the first.
    ///
    /// # Errors
    /// When it is there and malformed.
    pub fn xor_peer_address(&self) -> Result<Option<SocketAddr>, DecodeError> {
        self.xor_addresses(AttributeType::XOR_PEER_ADDRESS).next().transpose()
    }

    /// ALTERNATE-SERVER.
    ///
    /// # Errors
    /// When it is there and malformed.
    pub fn alternate_server(&self) -> Result<Option<SocketAddr>, DecodeError> {
        self.attribute(AttributeType::ALTERNATE_SERVER).map(|value| decode_address(value, None)).transpose()
    }

    /// LIFETIME, in whole seconds.
    ///
    /// # Errors
    /// When it is there and malformed.
    pub fn lifetime(&self) -> Result<Option<Duration>, DecodeError> {
        let seconds = self.number(AttributeType::LIFETIME, "lifetime")?;
        Ok(seconds.map(|bytes| Duration::from_secs(u32::from_be_bytes(bytes).into())))
    }

    /// CHANNEL-NUMBER, any.
    ///
    /// # Errors
    /// When it is there and malformed.
    pub fn channel_number(&self) -> Result<Option<u16>, DecodeError> {
        self.first_two_of_four(AttributeType::CHANNEL_NUMBER, "channel number").map(|it| it.map(u16::from_be_bytes))
    }

    /// CONNECTION-ID.
    ///
    /// # Errors
    /// When it is there and malformed.
    pub fn connection_id(&self) -> Result<Option<u32>, DecodeError> {
        Ok(self.number(AttributeType::CONNECTION_ID, "connection id")?.map(u32::from_be_bytes))
    }

    /// EVEN-PORT: whether the next port is to be set aside as well.
    ///
    /// # Errors
    /// When it is there and malformed.
    pub fn even_port(&self) -> Result<Option<bool>, DecodeError> {
        let value = self.number(AttributeType::EVEN_PORT, "even-port")?;
        Ok(value.map(|[flags]| flags & 0x80 != 0))
    }

    /// REQUESTED-TRANSPORT: the number of an IP protocol.
    ///
    /// # Errors
    /// When it is there and malformed.
    pub fn requested_transport(&self) -> Result<Option<u8>, DecodeError> {
        self.first_two_of_four(AttributeType::REQUESTED_TRANSPORT, "requested transport")
            .map(|it| it.map(|[protocol, _]| protocol))
    }

    /// REQUESTED-ADDRESS-FAMILY: 1 for IPv4, 2 for IPv6.
    ///
    /// # Errors
    /// When it is there and malformed.
    pub fn requested_address_family(&self) -> Result<Option<u8>, DecodeError> {
        self.first_two_of_four(AttributeType::REQUESTED_ADDRESS_FAMILY, "requested address family")
            .map(|it| it.map(|[family, _]| family))
    }

    /// ADDITIONAL-ADDRESS-FAMILY: 2, for IPv6.
    ///
    /// # Errors
    /// When it is there and malformed.
    pub fn additional_address_family(&self) -> Result<Option<u8>, DecodeError> {
        self.first_two_of_four(AttributeType::ADDITIONAL_ADDRESS_FAMILY, "additional address family")
            .map(|it| it.map(|[family, _]| family))
    }

    /// PASSWORD-ALGORITHM.
    ///
    /// # Errors
    /// When it is there and malformed.
    pub fn password_algorithm(&self) -> Result<Option<PasswordAlgorithm>, DecodeError> {
        let Some(value) = self.attribute(AttributeType::PASSWORD_ALGORITHM) else { return Ok(None) };
        let mut list = password_algorithms(value);
        match (list.next(), list.next()) {
            (Some(Ok(algorithm)), None) => Ok(Some(algorithm)),
            _ => Err(DecodeError::Invalid("password algorithm")),
        }
    }

    /// PASSWORD-ALGORITHMS, in the order of the server; empty without that attribute.
    pub fn password_algorithms(&self) -> impl Iterator<Item = Result<PasswordAlgorithm, DecodeError>> + use<'a> {
        password_algorithms(self.attribute(AttributeType::PASSWORD_ALGORITHMS).unwrap_or_default())
    }

    /// MAPPED-ADDRESS, from servers of RFC 3489.
    ///
    /// # Errors
    /// When it is there and malformed.
    pub fn mapped_address(&self) -> Result<Option<SocketAddr>, DecodeError> {
        self.attribute(AttributeType::MAPPED_ADDRESS).map(|value| decode_address(value, None)).transpose()
    }

    /// ERROR-CODE.
    ///
    /// # Errors
    /// When it is there and malformed.
    pub fn error_code(&self) -> Result<Option<ErrorCode<'a>>, DecodeError> {
        self.attribute(AttributeType::ERROR_CODE).map(ErrorCode::decode).transpose()
    }

    /// PRIORITY.
    ///
    /// # Errors
    /// When it is there and malformed.
    pub fn priority(&self) -> Result<Option<u32>, DecodeError> {
        self.number(AttributeType::PRIORITY, "priority").map(|value| value.map(u32::from_be_bytes))
    }

    /// The tie-breaker of a sender in the controlling role.
    ///
    /// # Errors
    /// When it is there and malformed.
    pub fn ice_controlling(&self) -> Result<Option<u64>, DecodeError> {
        self.number(AttributeType::ICE_CONTROLLING, "ice-controlling").map(|value| value.map(u64::from_be_bytes))
    }

    /// The tie-breaker of a sender in the controlled role.
    ///
    /// # Errors
    /// When it is there and malformed.
    pub fn ice_controlled(&self) -> Result<Option<u64>, DecodeError> {
        self.number(AttributeType::ICE_CONTROLLED, "ice-controlled").map(|value| value.map(u64::from_be_bytes))
    }

    /// `true` if it has USE-CANDIDATE.
    pub fn use_candidate(&self) -> bool {
        self.attribute(AttributeType::USE_CANDIDATE).is_some()
    }

    /// Which nomination a request is, from 1 on.
    ///
    /// # Errors
    /// When it is there and malformed.
    pub fn nomination(&self) -> Result<Option<u32>, DecodeError> {
        self.number(AttributeType::NOMINATION, "nomination").map(|value| value.map(u32::from_be_bytes))
    }

    /// Two bytes that say something, before two that are reserved.
    fn first_two_of_four(&self, attribute: AttributeType, name: &'static str) -> Result<Option<[u8; 2]>, DecodeError> {
        Ok(self.number(attribute, name)?.map(|[a, b, _, _]: [u8; 4]| [a, b]))
    }

    fn number<const N: usize>(
        &self,
        attribute: AttributeType,
        name: &'static str,
    ) -> Result<Option<[u8; N]>, DecodeError> {
        self.attribute(attribute).map(|value| value.try_into().map_err(|_| DecodeError::Invalid(name))).transpose()
    }
}

/// Iterator over attributes: types and values. Ends early where an attribute runs past the end.
#[derive(Clone, Debug)]
pub struct Attributes<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Attributes<'a> {
    type Item = (AttributeType, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let mut r = Reader::new(self.rest);
        let attribute = AttributeType(r.u16("attribute type").ok()?);
        let value = r.vec16("attribute value").ok()?;
        // The padding's content is not looked at.
        r.bytes(padding(value.len()), "attribute padding").ok()?;
        self.rest = r.rest();
        Some((attribute, value))
    }
}

/// The value of an integrity attribute, if it may be so long.
fn allowed(integrity: Integrity, tag: &[u8]) -> Result<&[u8], DecodeError> {
    if integrity.allows(tag.len()) { Ok(tag) } else { Err(DecodeError::Invalid("message integrity")) }
}

/// How many bytes of padding follow a value.
pub(crate) const fn padding(len: usize) -> usize {
    len.next_multiple_of(4) - len
}
