//! STUN messages: a borrowed view to read them, a builder to write them.
//!
//! Source: [RFC 8489](https://www.rfc-editor.org/rfc/rfc8489)

mod attribute;
mod builder;
mod integrity;
mod long_term;
mod message;
mod opaque;
mod security;

pub use attribute::{AttributeType, ErrorCode};
pub(crate) use attribute::{decode_address, xor_address};
pub use builder::MessageBuilder;
pub use integrity::{Integrity, IntegrityKey};
pub use long_term::{LongTermKey, PasswordAlgorithm, user_hash};
pub(crate) use message::message_type;
pub use message::{
    Attributes, Class, HEADER_LEN, MAGIC_COOKIE, Message, Method, TransactionId, is_stun, stun_answer, stun_username,
};
pub use opaque::opaque_string;
pub(crate) use security::BASE64;
pub use security::SecurityFeatures;

#[cfg(test)]
mod tests;
