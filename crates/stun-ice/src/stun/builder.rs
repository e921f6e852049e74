//! Writes a message into the caller's buffer.

use super::attribute::{AttributeType, ErrorCode, encode_address, encode_xor_address};
use super::integrity::{IntegrityKey, fingerprint};
use super::message::{Class, MAGIC_COOKIE, Method, TransactionId, message_type, padding};
use std::net::SocketAddr;
use std::time::Duration;

/// Appends a message to a buffer, attribute by attribute in the order of the calls.
///
/// The length field is right after each call, so there is nothing to finish. MESSAGE-INTEGRITY comes after the attributes
/// it covers, FINGERPRINT last.
///
/// Attributes that would make the message longer than its length field can say are left out.
#[derive(Debug)]
pub struct MessageBuilder<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
    transaction: TransactionId,
}

impl<'a> MessageBuilder<'a> {
    /// Appends the header to `out`.
    pub fn new(out: &'a mut Vec<u8>, class: Class, method: Method, transaction: TransactionId) -> Self {
        let start = out.len();
        out.extend_from_slice(&message_type(class, method).to_be_bytes());
        out.extend_from_slice(&[0, 0]);
        out.extend_from_slice(&MAGIC_COOKIE.to_be_bytes());
        out.extend_from_slice(&transaction.0);
        Self { out, start, transaction }
    }

    /// Any attribute by its value. Padded with zeros.
    pub fn attribute(self, attribute: AttributeType, value: &[u8]) -> Self {
        self.append(attribute, value.len(), |out| out.extend_from_slice(value))
    }

    /// USERNAME, from two halves: `receiver:sender`.
    pub fn username(self, receiver: &str, sender: &str) -> Self {
        self.append(AttributeType::USERNAME, receiver.len() + 1 + sender.len(), |out| {
            out.extend_from_slice(receiver.as_bytes());
            out.push(b':');
            out.extend_from_slice(sender.as_bytes());
        })
    }

    /// PRIORITY.
    pub fn priority(self, priority: u32) -> Self {
        self.attribute(AttributeType::PRIORITY, &priority.to_be_bytes())
    }

    /// ICE-CONTROLLING.
    pub fn ice_controlling(self, tie_breaker: u64) -> Self {
        self.attribute(AttributeType::ICE_CONTROLLING, &tie_breaker.to_be_bytes())
    }

    /// ICE-CONTROLLED.
    pub fn ice_controlled(self, tie_breaker: u64) -> Self {
        self.attribute(AttributeType::ICE_CONTROLLED, &tie_breaker.to_be_bytes())
    }

    /// USE-CANDIDATE.
    pub fn use_candidate(self) -> Self {
        self.attribute(AttributeType::USE_CANDIDATE, &[])
    }

    /// NOMINATION.
    pub fn nomination(self, number: u32) -> Self {
        self.attribute(AttributeType::NOMINATION, &number.to_be_bytes())
    }

    /// XOR-MAPPED-ADDRESS.
    pub fn xor_mapped_address(self, address: SocketAddr) -> Self {
        self.xor_address(AttributeType::XOR_MAPPED_ADDRESS, address)
    }

    /// An attribute whose value is written as that of XOR-MAPPED-ADDRESS.
    pub fn xor_address(self, attribute: AttributeType, address: SocketAddr) -> Self {
        let transaction = self.transaction;
        self.append(attribute, address_len(address), |out| encode_xor_address(address, transaction, out))
    }

    /// ALTERNATE-SERVER.
    pub fn alternate_server(self, address: SocketAddr) -> Self {
        self.append(AttributeType::ALTERNATE_SERVER, address_len(address), |out| encode_address(address, out))
    }

    /// LIFETIME, in whole seconds.
    pub fn lifetime(self, lifetime: Duration) -> Self {
        let seconds = u32::try_from(lifetime.as_secs()).unwrap_or(u32::MAX);
        self.attribute(AttributeType::LIFETIME, &seconds.to_be_bytes())
    }

    /// ERROR-CODE.
    pub fn error_code(self, error: ErrorCode<'_>) -> Self {
        let class = u8::try_from(error.code / 100).unwrap_or_default() & 0x07;
        let number = (error.code % 100) as u8;
        self.append(AttributeType::ERROR_CODE, 4 + error.reason.len(), |out| {
            out.extend_from_slice(&[0, 0, class, number]);
            out.extend_from_slice(error.reason.as_bytes());
        })
    }

    /// UNKNOWN-ATTRIBUTES.
    pub fn unknown_attributes(self, attributes: &[AttributeType]) -> Self {
        self.append(AttributeType::UNKNOWN_ATTRIBUTES, attributes.len() * 2, |out| {
            attributes.iter().for_each(|attribute| out.extend_from_slice(&attribute.0.to_be_bytes()));
        })
    }

    /// MESSAGE-INTEGRITY or MESSAGE-INTEGRITY-SHA256, whichever the key is for, over what was written so far.
    pub fn integrity(self, key: &IntegrityKey) -> Self {
        let tag = key.sign(self.out.get(self.start..).unwrap_or_default());
        self.attribute(key.integrity().attribute(), &tag)
    }

    /// FINGERPRINT over what was written so far.
    pub fn fingerprint(mut self) -> Self {
        // The checksum covers a length field that counts the attribute already.
        self.write_length(8);
        let value = fingerprint(self.out.get(self.start..).unwrap_or_default());
        self.attribute(AttributeType::FINGERPRINT, &value.to_be_bytes())
    }

    /// How many bytes the message has.
    pub fn len(&self) -> usize {
        self.out.len() - self.start
    }

    /// `false`: a message has a header at least.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn append(mut self, attribute: AttributeType, len: usize, write: impl FnOnce(&mut Vec<u8>)) -> Self {
        let total = self.len() + 4 + len + padding(len) - super::HEADER_LEN;
        let (Ok(len), true) = (u16::try_from(len), total <= usize::from(u16::MAX)) else { return self };
        self.out.extend_from_slice(&attribute.0.to_be_bytes());
        self.out.extend_from_slice(&len.to_be_bytes());
        write(self.out);
        self.out.resize(self.out.len() + padding(usize::from(len)), 0);
        self.write_length(0);
        self
    }

    /// Writes how many bytes follow the header, `more` that are yet to be written among them.
    fn write_length(&mut self, more: usize) {
        let len = (self.len() - super::HEADER_LEN + more) as u16;
        if let Some(field) = self.out.get_mut(self.start + 2..self.start + 4) {
            field.copy_from_slice(&len.to_be_bytes());
        }
    }
}

/// How long an address is as a value.
const fn address_len(address: SocketAddr) -> usize {
    if address.is_ipv4() { 8 } else { 20 }
}
