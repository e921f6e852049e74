use std::fmt;

use crate::SdpError;
use crate::cursor::Cursor;
use crate::write::{self, Value, text_form};

/// Sections that belong together: `BUNDLE 0 1 2`.
///
/// Source: [RFC 5888 §5](https://www.rfc-editor.org/rfc/rfc5888#section-5)
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Group {
    /// How they belong together.
    pub semantics: GroupSemantics,
    /// The names of the sections. In a bundle the first is the tagged one, which gives the transport. May be empty.
    pub mids: Vec<String>,
}

/// How the sections of a [`Group`] belong together.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum GroupSemantics {
    /// `BUNDLE`: they share a transport ([RFC 9143](https://www.rfc-editor.org/rfc/rfc9143)).
    Bundle,
    /// `LS`: they are played in step.
    LipSync,
    /// Any other.
    Other(String),
}

impl GroupSemantics {
    /// The token in SDP.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Bundle => "BUNDLE",
            Self::LipSync => "LS",
            Self::Other(name) => name,
        }
    }
}

impl fmt::Display for GroupSemantics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Group {
    /// A bundle of those sections.
    pub fn bundle<T: Into<String>>(mids: impl IntoIterator<Item = T>) -> Self {
        Self { semantics: GroupSemantics::Bundle, mids: mids.into_iter().map(Into::into).collect() }
    }

    /// Whether the section of that name is in it.
    pub fn contains(&self, mid: &str) -> bool {
        self.mids.iter().any(|it| it == mid)
    }
}

impl Value for Group {
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, SdpError> {
        let semantics = match cursor.token("group semantics")? {
            "BUNDLE" => GroupSemantics::Bundle,
            "LS" => GroupSemantics::LipSync,
            other => GroupSemantics::Other(other.into()),
        };
        let mut mids = Vec::new();
        while let Some(mid) = cursor.optional_token() {
            mids.push(mid.into());
        }
        Ok(Self { semantics, mids })
    }

    fn write(&self, out: &mut String) {
        write::text(out, self.semantics.as_str());
        write::each_after(out, ' ', &self.mids, |out, mid| write::text(out, mid));
    }
}

text_form! { Group: "group" }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_lists_its_sections() {
        let group: Group = "BUNDLE 0 v1 data".parse().unwrap();
        assert_eq!(group, Group::bundle(["0", "v1", "data"]));
        assert!(group.contains("v1") && !group.contains("v"));
        for text in ["BUNDLE 0 v1", "BUNDLE", "LS a b", "FID x"] {
            assert_eq!(text.parse::<Group>().unwrap().to_string(), text);
        }
        assert!("".parse::<Group>().is_err());
    }
}
