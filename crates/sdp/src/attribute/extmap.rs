use super::Direction;
use crate::SdpError;
use crate::cursor::{Cursor, number};
use crate::write::{self, Value, text_form};

/// What the id of an RTP header extension stands for: `3/recvonly urn:ietf:params:rtp-hdrext:sdes:mid`.
///
/// Source: [RFC 8285 §8](https://www.rfc-editor.org/rfc/rfc8285#section-8)
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Extmap {
    /// 1 to 14 fits the one-byte form, up to 255 the two-byte form; 4096 to 4351 are offers still without an id.
    pub id: u16,
    /// Which way it is used, where that is said.
    pub direction: Option<Direction>,
    /// What it is.
    pub uri: String,
    /// What else its own specification lets it say.
    pub attributes: Option<String>,
}

impl Extmap {
    /// An extension used whichever way the section's media flows.
    pub fn new(id: u16, uri: impl Into<String>) -> Self {
        Self { id, direction: None, uri: uri.into(), attributes: None }
    }
}

impl Value for Extmap {
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, SdpError> {
        let token = cursor.token("header extension id")?;
        let (id, direction) = match token.split_once('/') {
            Some((id, direction)) => {
                let direction = Direction::from_name(direction);
                (id, Some(direction.ok_or_else(|| cursor.invalid("header extension direction"))?))
            }
            None => (token, None),
        };
        let id = number(id).filter(|&id| id > 0).ok_or_else(|| cursor.invalid("header extension id"))?;
        let uri = cursor.token("header extension uri")?.into();
        Ok(Self { id, direction, uri, attributes: cursor.optional_text().map(Into::into) })
    }

    fn write(&self, out: &mut String) {
        write::number(out, self.id);
        if let Some(direction) = self.direction {
            out.push('/');
            out.push_str(direction.as_str());
        }
        out.push(' ');
        write::text(out, &self.uri);
        if let Some(attributes) = &self.attributes {
            out.push(' ');
            write::text(out, attributes);
        }
    }
}

text_form! { Extmap: "extmap" }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn direction_and_attributes_are_optional() {
        for text in [
            "1 urn:ietf:params:rtp-hdrext:ssrc-audio-level",
            "2/recvonly urn:ietf:params:rtp-hdrext:csrc-audio-level",
            "4097/inactive http://example.com/ext long words",
        ] {
            assert_eq!(text.parse::<Extmap>().unwrap().to_string(), text);
        }
        let extmap: Extmap = "4/sendonly uri a b".parse().unwrap();
        assert_eq!((extmap.direction, extmap.attributes.as_deref()), (Some(Direction::SendOnly), Some("a b")));
        for text in ["0 uri", "65536 uri", "1/both uri", "1", "x uri"] {
            assert!(text.parse::<Extmap>().is_err(), "{text}");
        }
    }
}
