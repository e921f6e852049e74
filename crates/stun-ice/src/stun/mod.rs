//! STUN messages: a borrowed view to read them, a builder to write them.
//!
//! Source: [RFC 8489](https://www.rfc-editor.org/rfc/rfc8489)

mod attribute;
mod builder;
mod integrity;
mod message;

pub(crate) use attribute::decode_address;
pub use attribute::{AttributeType, ErrorCode};
pub use builder::MessageBuilder;
pub use integrity::IntegrityKey;
pub use message::{
    Attributes, Class, HEADER_LEN, MAGIC_COOKIE, Message, Method, TransactionId, is_stun, stun_username,
};

#[cfg(test)]
mod tests;
