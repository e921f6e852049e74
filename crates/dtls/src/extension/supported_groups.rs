//! `supported_groups`: in which groups a client can agree on keys.

use super::numbers;
use ortica_core::crypto::Group;
use ortica_core::{DecodeError, Reader, Writer};

/// A group by its registered number.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct NamedGroup(pub u16);

impl NamedGroup {
    const SECP256R1: Self = Self(23);
    const X25519: Self = Self(29);

    pub(crate) fn group(self) -> Option<Group> {
        match self {
            Self::SECP256R1 => Some(Group::P256),
            Self::X25519 => Some(Group::X25519),
            _ => None,
        }
    }
}

impl From<Group> for NamedGroup {
    fn from(group: Group) -> Self {
        match group {
            Group::P256 => Self::SECP256R1,
            Group::X25519 => Self::X25519,
        }
    }
}

/// The groups, best first. Those of DTLS 1.3 clients include ones that are none of ours.
///
/// Source: [RFC 8422 §5.1.1](https://www.rfc-editor.org/rfc/rfc8422#section-5.1.1)
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct SupportedGroups(pub Vec<NamedGroup>);

impl SupportedGroups {
    pub(super) fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let list = numbers(r.vec16("supported groups")?, "supported groups")?;
        Ok(Self(list.into_iter().map(NamedGroup).collect()))
    }

    pub(super) fn encode(&self, w: &mut Writer<'_>) {
        let length = w.length(2);
        for group in &self.0 {
            w.u16(group.0);
        }
        w.close(length);
    }
}
