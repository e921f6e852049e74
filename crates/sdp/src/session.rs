//! A whole description.

use std::fmt;
use std::str::FromStr;

use crate::level::{all, has, level};
use crate::line::{Address, Bandwidth, Origin, Timing};
use crate::write::{self, Value};
use crate::{Attribute, Group, Limits, Media, SdpError, Section, parse};

/// A session description: what holds for all, then the media sections in order.
///
/// [`FromStr`] reads one within the default [`Limits`], [`Display`](fmt::Display) writes it. Lines end in CRLF when
/// written; LF alone is read too. Attributes keep their order, and those this crate does not know keep their text.
/// Within a level the other lines may come in any order, as in Chromium, and are written in that of RFC 8866.
///
/// ```
/// use ortica_sdp::{Attribute, Direction, Media, Session};
///
/// let mut offer = Session::new(4611731400430051336, 2);
/// offer.media.push(Media::data("0").with(Attribute::flag("x-mine")));
/// let text = offer.to_string();
/// assert!(text.starts_with("v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=application 9 "));
/// assert_eq!(text.parse::<Session>()?, offer);
/// # Ok::<(), ortica_sdp::SdpError>(())
/// ```
///
/// Source: [RFC 8866 §5](https://www.rfc-editor.org/rfc/rfc8866#section-5)
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Session {
    /// `o=`
    pub origin: Origin,
    /// `s=`; `-` for none.
    pub name: String,
    /// `i=`
    pub information: Option<String>,
    /// `u=`
    pub uri: Option<String>,
    /// `e=`
    pub emails: Vec<String>,
    /// `p=`
    pub phones: Vec<String>,
    /// `c=`
    pub connection: Option<Address>,
    /// `b=`
    pub bandwidths: Vec<Bandwidth>,
    /// `t=` and `r=`. As there has to be one, `0 0` is written when there is none.
    pub timings: Vec<Timing>,
    /// `z=`, as it stands.
    pub time_zones: Option<String>,
    /// `k=`, as it stands; obsolete.
    pub key: Option<String>,
    /// `a=` before the first `m=`.
    pub attributes: Vec<Attribute>,
    /// `m=` and what follows each.
    pub media: Vec<Media>,
}

impl Session {
    /// A description without sections. `session_id` is to be below 2^63, and the version to rise by one with each change.
    pub fn new(session_id: u64, session_version: u64) -> Self {
        Self { timings: vec![Timing::default()], ..Self::blank(Origin::new(session_id, session_version), "-".into()) }
    }

    pub(crate) const fn blank(origin: Origin, name: String) -> Self {
        Self {
            origin,
            name,
            information: None,
            uri: None,
            emails: Vec::new(),
            phones: Vec::new(),
            connection: None,
            bandwidths: Vec::new(),
            timings: Vec::new(),
            time_zones: None,
            key: None,
            attributes: Vec::new(),
            media: Vec::new(),
        }
    }

    /// Reads a description.
    ///
    /// # Errors
    /// When the text is longer than `limits` allow, has a line of a type that RFC 8866 does not have, lacks a mandatory
    /// line, or has a known line or attribute with a malformed value. Attributes that are not known are never an error.
    pub fn parse(text: &str, limits: &Limits) -> Result<Self, SdpError> {
        parse::session(text, limits)
    }

    /// Appends the description.
    pub fn write(&self, out: &mut String) {
        out.push_str("v=0\r\n");
        line(out, "o=", |out| self.origin.write(out));
        text_lines(out, "s=", [&self.name]);
        text_lines(out, "i=", &self.information);
        text_lines(out, "u=", &self.uri);
        text_lines(out, "e=", &self.emails);
        text_lines(out, "p=", &self.phones);
        value_lines(out, "c=", &self.connection);
        value_lines(out, "b=", &self.bandwidths);
        if self.timings.is_empty() {
            out.push_str("t=0 0\r\n");
        }
        for timing in &self.timings {
            line(out, "t=", |out| timing.write(out));
            text_lines(out, "r=", &timing.repeats);
        }
        text_lines(out, "z=", &self.time_zones);
        text_lines(out, "k=", &self.key);
        attribute_lines(out, &self.attributes);
        for media in &self.media {
            media.write(out);
        }
    }

    /// `a=group`, all of them.
    pub fn groups(&self) -> impl Iterator<Item = &Group> + '_ {
        all!(self.attributes, Group)
    }

    /// `a=ice-lite`
    pub fn ice_lite(&self) -> bool {
        has!(self.attributes, IceLite)
    }

    /// `a=msid-semantic`, as it stands.
    pub fn msid_semantics(&self) -> impl Iterator<Item = &str> + '_ {
        all!(self.attributes, MsidSemantic).map(String::as_str)
    }

    /// The media sections together with what they take over from the session.
    pub fn sections(&self) -> impl ExactSizeIterator<Item = Section<'_>> + '_ {
        self.media.iter().enumerate().map(|(index, media)| Section::new(self, media, index))
    }

    /// The media section at `index`, counted from 0.
    pub fn section(&self, index: usize) -> Option<Section<'_>> {
        self.media.get(index).map(|media| Section::new(self, media, index))
    }

    /// The media section whose `a=mid` is `mid`.
    pub fn section_by_mid(&self, mid: &str) -> Option<Section<'_>> {
        self.sections().find(|section| section.mid() == Some(mid))
    }

    /// The media section whose `a=mid` is `mid`, to change it.
    pub fn media_by_mid_mut(&mut self, mid: &str) -> Option<&mut Media> {
        self.media.iter_mut().find(|media| media.mid() == Some(mid))
    }
}

level!(Session);

impl FromStr for Session {
    type Err = SdpError;

    fn from_str(text: &str) -> Result<Self, SdpError> {
        Self::parse(text, &Limits::default())
    }
}

impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = String::with_capacity(4096);
        self.write(&mut out);
        f.write_str(&out)
    }
}

/// Appends one line.
pub(crate) fn line(out: &mut String, start: &str, write: impl FnOnce(&mut String)) {
    out.push_str(start);
    write(out);
    out.push_str("\r\n");
}

/// Appends a line for each text.
pub(crate) fn text_lines<'a>(out: &mut String, start: &str, texts: impl IntoIterator<Item = &'a String>) {
    for text in texts {
        line(out, start, |out| write::text(out, text));
    }
}

/// Appends a line for each value.
pub(crate) fn value_lines<'a, T: Value + 'a>(out: &mut String, start: &str, values: impl IntoIterator<Item = &'a T>) {
    for value in values {
        line(out, start, |out| value.write(out));
    }
}

/// Appends a line for each attribute.
pub(crate) fn attribute_lines(out: &mut String, attributes: &[Attribute]) {
    for attribute in attributes {
        line(out, "a=", |out| attribute.write(out));
    }
}
