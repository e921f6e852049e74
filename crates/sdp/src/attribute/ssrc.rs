use std::fmt;

use crate::SdpError;
use crate::cursor::Cursor;
use crate::write::{self, Value, text_form};

/// Something about one synchronisation source: `1365565191 cname:wrJrjVAqcPgY4DTb`.
///
/// Source: [RFC 5576 §4.1](https://www.rfc-editor.org/rfc/rfc5576#section-4.1)
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SsrcAttribute {
    /// Which source.
    pub ssrc: u32,
    /// What is said about it: `cname`, `msid`.
    pub name: String,
    /// What is said after the colon.
    pub value: Option<String>,
}

impl SsrcAttribute {
    /// Says `name:value` about `ssrc`.
    pub fn new(ssrc: u32, name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { ssrc, name: name.into(), value: Some(value.into()) }
    }
}

impl Value for SsrcAttribute {
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, SdpError> {
        let ssrc = cursor.number("ssrc")?;
        let text = cursor.text("ssrc attribute")?;
        let (name, value) = text.split_once(':').map_or((text, None), |(name, value)| (name, Some(value)));
        if name.is_empty() {
            return Err(cursor.invalid("ssrc attribute"));
        }
        Ok(Self { ssrc, name: name.into(), value: value.map(Into::into) })
    }

    fn write(&self, out: &mut String) {
        write::number(out, self.ssrc);
        out.push(' ');
        write::text(out, &self.name);
        if let Some(value) = &self.value {
            out.push(':');
            write::text(out, value);
        }
    }
}

/// Sources that belong together: `FID 4162464597 2964067633`.
///
/// Source: [RFC 5576 §4.2](https://www.rfc-editor.org/rfc/rfc5576#section-4.2)
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SsrcGroup {
    /// How they belong together.
    pub semantics: SsrcSemantics,
    /// The sources, in an order that means something.
    pub ssrcs: Vec<u32>,
}

/// How the sources of an [`SsrcGroup`] belong together.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum SsrcSemantics {
    /// `FID`: media, and its retransmissions.
    FlowIdentification,
    /// `FEC-FR`: media, and what repairs it.
    ForwardErrorCorrection,
    /// `SIM`: encodings of one picture, smallest first (simulcast as it was before `a=simulcast`).
    Simulcast,
    /// Any other.
    Other(String),
}

impl SsrcSemantics {
    /// The token in SDP.
    pub fn as_str(&self) -> &str {
        match self {
            Self::FlowIdentification => "FID",
            Self::ForwardErrorCorrection => "FEC-FR",
            Self::Simulcast => "SIM",
            Self::Other(name) => name,
        }
    }
}

impl fmt::Display for SsrcSemantics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Value for SsrcGroup {
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, SdpError> {
        let semantics = match cursor.token("ssrc group semantics")? {
            "FID" => SsrcSemantics::FlowIdentification,
            "FEC-FR" => SsrcSemantics::ForwardErrorCorrection,
            "SIM" => SsrcSemantics::Simulcast,
            other => SsrcSemantics::Other(other.into()),
        };
        let mut ssrcs = Vec::new();
        while !cursor.is_at_end() {
            ssrcs.push(cursor.number("ssrc")?);
        }
        Ok(Self { semantics, ssrcs })
    }

    fn write(&self, out: &mut String) {
        write::text(out, self.semantics.as_str());
        write::each_after(out, ' ', &self.ssrcs, |out, &ssrc| write::number(out, ssrc));
    }
}

text_form! { SsrcAttribute: "ssrc", SsrcGroup: "ssrc-group" }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_may_hold_spaces_and_colons() {
        let text = "1365565191 msid:1ced035d-aaf6 8a79340a:19c2";
        let attribute: SsrcAttribute = text.parse().unwrap();
        assert_eq!(attribute, SsrcAttribute::new(1_365_565_191, "msid", "1ced035d-aaf6 8a79340a:19c2"));
        for text in [text, "1 flag", "4294967295 cname:"] {
            assert_eq!(text.parse::<SsrcAttribute>().unwrap().to_string(), text);
        }
        for text in ["1", "x cname:y", "4294967296 cname:y", "1 :x", ""] {
            assert!(text.parse::<SsrcAttribute>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_group_keeps_its_order() {
        for text in ["FID 4162464597 2964067633", "SIM 1 2 3", "FEC-FR 1 2", "DUP 1", "FID"] {
            assert_eq!(text.parse::<SsrcGroup>().unwrap().to_string(), text);
        }
        assert_eq!("FID 7 3".parse::<SsrcGroup>().unwrap().ssrcs, [7, 3]);
        assert!("FID 1 x".parse::<SsrcGroup>().is_err());
    }
}
