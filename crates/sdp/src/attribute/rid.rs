use super::Parameters;
use crate::SdpError;
use crate::cursor::{Cursor, number};
use crate::write::{self, Value, text_form};

/// An encoding of the section's media and what restricts it: `h send pt=96;max-width=1280`.
///
/// Source: [RFC 8851 §4](https://www.rfc-editor.org/rfc/rfc8851#section-4)
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rid {
    /// Its name: letters, digits, `-` and `_`.
    pub id: String,
    /// Which way it flows, seen from the one who says so.
    pub direction: RidDirection,
    /// The payload types it may use; empty for all of the section.
    pub payload_types: Vec<u8>,
    /// What else restricts it, such as `max-width`. What is not understood is a reason to drop the encoding.
    pub restrictions: Parameters,
}

/// Which way a [`Rid`] flows.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum RidDirection {
    /// From the one who says so.
    Send,
    /// To the one who says so.
    Recv,
}

impl RidDirection {
    /// The token in SDP.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::Recv => "recv",
        }
    }

    /// The same flow seen from the other end.
    pub const fn reversed(self) -> Self {
        match self {
            Self::Send => Self::Recv,
            Self::Recv => Self::Send,
        }
    }
}

impl Rid {
    /// An encoding that nothing restricts.
    pub fn new(id: impl Into<String>, direction: RidDirection) -> Self {
        Self { id: id.into(), direction, payload_types: Vec::new(), restrictions: Parameters::default() }
    }
}

impl Value for Rid {
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, SdpError> {
        let id = cursor.token("rid")?;
        if !is_rid(id) {
            return Err(cursor.invalid("rid"));
        }
        let direction = match cursor.token("rid direction")? {
            "send" => RidDirection::Send,
            "recv" => RidDirection::Recv,
            _ => return Err(cursor.invalid("rid direction")),
        };
        let mut restrictions = cursor.optional_text().unwrap_or_default();
        let mut payload_types = Vec::new();
        // The grammar has the payload types first.
        if let Some(list) = restrictions.strip_prefix("pt=") {
            let (list, rest) = list.split_once(';').unwrap_or((list, ""));
            for payload_type in list.split(',') {
                let payload_type = number(payload_type).filter(|it| *it <= 127);
                payload_types.push(payload_type.ok_or_else(|| cursor.invalid("rid payload types"))?);
            }
            restrictions = rest;
        }
        Ok(Self { id: id.into(), direction, payload_types, restrictions: restrictions.trim_matches(' ').into() })
    }

    fn write(&self, out: &mut String) {
        write::text(out, &self.id);
        out.push(' ');
        out.push_str(self.direction.as_str());
        let mut separator = " pt=";
        for payload_type in &self.payload_types {
            out.push_str(separator);
            write::number(out, *payload_type);
            separator = ",";
        }
        if !self.restrictions.is_empty() {
            out.push(if self.payload_types.is_empty() { ' ' } else { ';' });
            write::text(out, self.restrictions.as_str());
        }
    }
}

text_form! { Rid: "rid" }

/// `rid-id` of RFC 8851 §10.
pub(super) fn is_rid(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payload_types_and_restrictions_are_optional() {
        for text in ["q send", "1 recv pt=97", "5 send pt=99,102;max-br=64000", "hi recv max-width=1280;max-fps"] {
            assert_eq!(text.parse::<Rid>().unwrap().to_string(), text);
        }
        let rid: Rid = "5 send pt=99,102;max-br=64000;max-fps".parse().unwrap();
        assert_eq!(rid.payload_types, [99, 102]);
        assert_eq!(rid.restrictions.number("max-br"), Some(64_000));
        assert_eq!(rid.restrictions.iter().last(), Some(("max-fps", None)));
        assert_eq!(rid.direction.reversed(), RidDirection::Recv);
    }

    #[test]
    fn a_rid_has_letters_digits_dashes_and_underscores() {
        for text in ["a.b send", "é send", "a", "a both", "a send pt=", "a send pt=128", "a send pt=x", ""] {
            assert!(text.parse::<Rid>().is_err(), "{text}");
        }
        assert!("a-B_9 send".parse::<Rid>().is_ok());
    }
}
