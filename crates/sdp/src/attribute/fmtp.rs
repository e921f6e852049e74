use std::fmt;

use crate::SdpError;
use crate::cursor::{Cursor, number};
use crate::write::{self, Value, text_form};

/// One of the formats that an `m=` line lists, and that `a=fmtp` speaks of.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Format {
    /// An RTP payload type, 0 to 127.
    PayloadType(u8),
    /// Anything else, such as `webrtc-datachannel`.
    Name(String),
}

impl Format {
    pub(crate) fn read(token: &str) -> Self {
        match number(token) {
            // A leading zero is not how payload types are written: such text is kept.
            Some(payload_type @ 0..=127) if token == "0" || !token.starts_with('0') => Self::PayloadType(payload_type),
            _ => Self::Name(token.into()),
        }
    }

    pub(crate) fn write(&self, out: &mut String) {
        match self {
            Self::PayloadType(payload_type) => write::number(out, *payload_type),
            Self::Name(name) => write::text(out, name),
        }
    }

    /// The payload type, if it is one.
    pub const fn payload_type(&self) -> Option<u8> {
        match self {
            Self::PayloadType(payload_type) => Some(*payload_type),
            Self::Name(_) => None,
        }
    }
}

impl From<u8> for Format {
    /// # Panics
    /// Never; a number beyond 127 becomes a [`Name`](Self::Name).
    fn from(payload_type: u8) -> Self {
        if payload_type <= 127 { Self::PayloadType(payload_type) } else { Self::Name(payload_type.to_string()) }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PayloadType(payload_type) => payload_type.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}

/// Parameters of a format: `96 apt=97`.
///
/// Source: [RFC 8866 §6.15](https://www.rfc-editor.org/rfc/rfc8866#section-6.15)
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fmtp {
    /// Whose parameters these are.
    pub format: Format,
    /// What they say.
    pub parameters: Parameters,
}

impl Fmtp {
    /// Parameters of a payload type.
    pub fn new(payload_type: u8, parameters: impl Into<Parameters>) -> Self {
        Self { format: payload_type.into(), parameters: parameters.into() }
    }

    /// The payload types this one is nothing without: that which a retransmission repairs (`apt=96`), those which
    /// redundant audio holds (`111/111`).
    pub fn references(&self) -> impl Iterator<Item = u8> + '_ {
        let redundant = self.parameters.as_str();
        let redundant = if redundant.contains('=') { "" } else { redundant };
        // `0-15` of telephone events has no slash and thus no reference.
        let redundant = if redundant.contains('/') { redundant } else { "" };
        self.parameters.get("apt").into_iter().chain(redundant.split('/')).filter_map(number)
    }
}

impl Value for Fmtp {
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, SdpError> {
        let format = Format::read(cursor.token("format")?);
        Ok(Self { format, parameters: Parameters(cursor.text("format parameters")?.into()) })
    }

    fn write(&self, out: &mut String) {
        self.format.write(out);
        out.push(' ');
        write::text(out, self.parameters.as_str());
    }
}

text_form! { Fmtp: "fmtp" }

/// `key=value` pairs with semicolons between them, kept as text: what the pairs mean, and whether there are pairs at
/// all (`0-15`, `111/111`), is up to each format.
///
/// Keys are compared without regard to case. A value is not unquoted.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Parameters(pub(crate) String);

impl Parameters {
    /// The text as it stands.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The pairs in order; a key without `=` has no value.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&str>)> + '_ {
        self.0.split(';').map(|pair| pair.trim_matches(' ')).filter(|pair| !pair.is_empty()).map(|pair| {
            pair.split_once('=')
                .map_or((pair, None), |(key, value)| (key.trim_end_matches(' '), Some(value.trim_start_matches(' '))))
        })
    }

    /// The value of the first pair with that key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).and_then(|(_, value)| value)
    }

    /// As [`get`](Self::get), as a number.
    pub fn number(&self, key: &str) -> Option<u64> {
        self.get(key).and_then(number)
    }

    /// Gives `key` that value: in its place, or at the end when it is new.
    pub fn set(&mut self, key: &str, value: impl fmt::Display) {
        let mut pairs: Vec<String> = Vec::new();
        let mut pair = Some(format!("{key}={value}"));
        for (name, old) in self.iter() {
            if name.eq_ignore_ascii_case(key) {
                pairs.extend(pair.take());
            } else {
                pairs.push(old.map_or_else(|| name.to_owned(), |old| format!("{name}={old}")));
            }
        }
        pairs.extend(pair);
        self.0 = pairs.join(";");
    }

    /// As [`set`](Self::set), for building.
    pub fn with(mut self, key: &str, value: impl fmt::Display) -> Self {
        self.set(key, value);
        self
    }

    /// Takes `key` out. Returns whether it was there.
    pub fn remove(&mut self, key: &str) -> bool {
        let is_key = |(name, _): &(&str, Option<&str>)| name.eq_ignore_ascii_case(key);
        if !self.iter().any(|pair| is_key(&pair)) {
            return false;
        }
        let pairs = self.iter().filter(|pair| !is_key(pair));
        let pairs: Vec<String> =
            pairs.map(|(key, value)| value.map_or_else(|| key.into(), |value| format!("{key}={value}"))).collect();
        self.0 = pairs.join(";");
        true
    }
}

impl From<&str> for Parameters {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for Parameters {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Display for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_whatever_their_spacing() {
        let fmtp: Fmtp = "111 minptime=10; UseInbandFec=1;stereo".parse().unwrap();
        let pairs: Vec<_> = fmtp.parameters.iter().collect();
        assert_eq!(pairs, [("minptime", Some("10")), ("UseInbandFec", Some("1")), ("stereo", None)]);
        assert_eq!(fmtp.parameters.number("useinbandfec"), Some(1));
        assert_eq!(fmtp.to_string(), "111 minptime=10; UseInbandFec=1;stereo");
    }

    #[test]
    fn a_parameter_is_set_in_its_place() {
        let mut parameters = Parameters::from("minptime=10;useinbandfec=1");
        parameters.set("minptime", 20);
        parameters.set("stereo", 1);
        assert_eq!(parameters.as_str(), "minptime=20;useinbandfec=1;stereo=1");
        assert!(parameters.remove("UseInbandFec"));
        assert!(!parameters.remove("useinbandfec"));
        assert_eq!(parameters.to_string(), "minptime=20;stereo=1");
    }

    #[test]
    fn a_format_need_not_be_a_payload_type() {
        let fmtp: Fmtp = "webrtc-datachannel max-message-size=100000".parse().unwrap();
        assert_eq!(fmtp.format, Format::Name("webrtc-datachannel".into()));
        assert_eq!(Format::read("128"), Format::Name("128".into()));
        assert_eq!(Format::read("007"), Format::Name("007".into()));
        assert_eq!(Format::from(200), Format::Name("200".into()));
        assert!("96".parse::<Fmtp>().is_err());
    }

    #[test]
    fn retransmission_and_redundancy_refer_to_other_payloads() {
        let references = |text: &str| text.parse::<Fmtp>().unwrap().references().collect::<Vec<_>>();
        assert_eq!(references("97 apt=96"), [96]);
        assert_eq!(references("97 rtx-time=3000;APT=96"), [96]);
        assert_eq!(references("63 111/111"), [111, 111]);
        assert_eq!(references("126 0-15"), [0_u8; 0]);
        assert_eq!(references("102 profile-level-id=42001f"), [0_u8; 0]);
    }
}
