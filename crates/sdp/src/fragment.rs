//! A piece of a description that tells ICE candidates.

use std::fmt;
use std::str::FromStr;

use crate::level::{has, level};
use crate::session::attribute_lines;
use crate::{Attribute, Group, GroupSemantics, Limits, Media, SdpError, parse};

/// The body of type [`MEDIA_TYPE`](Self::MEDIA_TYPE): what holds for all sections, then pseudo media sections, each of which names
/// the section of the description that its candidates belong to (`a=mid`).
///
/// [`FromStr`] reads one within the default [`Limits`], [`Display`](fmt::Display) writes it. It consists of `m=` and `a=` lines
/// alone; what an `m=` line says means nothing.
///
/// ```
/// use ortica_sdp::{Attribute, Fragment, Media};
///
/// let mut fragment = Fragment::default().with(Attribute::IceUfrag("8hhY".into())).with(Attribute::IcePwd("asd88fgpdd777uzjYhagZg".into()));
/// fragment.media.push(Fragment::section("0").with(Attribute::EndOfCandidates));
/// let text = "a=ice-ufrag:8hhY\r\na=ice-pwd:asd88fgpdd777uzjYhagZg\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\na=end-of-candidates\r\n";
/// assert_eq!(fragment.to_string(), text);
/// assert_eq!(text.parse::<Fragment>()?, fragment);
/// # Ok::<(), ortica_sdp::SdpError>(())
/// ```
///
/// Source: [RFC 8840 §9](https://www.rfc-editor.org/rfc/rfc8840#section-9)
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Fragment {
    /// `a=` before the first `m=`.
    pub attributes: Vec<Attribute>,
    /// `m=` and what follows each.
    pub media: Vec<Media>,
}

impl Fragment {
    /// What HTTP and SIP call it.
    pub const MEDIA_TYPE: &'static str = "application/trickle-ice-sdpfrag";

    /// A pseudo media section for the section of that name, with the contents that stand for none in particular.
    ///
    /// Source: [RFC 8840 §4.4](https://www.rfc-editor.org/rfc/rfc8840#section-4.4)
    pub fn section(mid: impl Into<String>) -> Media {
        let mut media = Media::new(crate::MediaKind::Audio, crate::Protocol::from("RTP/AVP"));
        media.connection = None;
        media.formats.push(crate::Format::PayloadType(0));
        media.with(Attribute::Mid(mid.into()))
    }

    /// Reads a fragment.
    ///
    /// # Errors
    /// When the text is longer than `limits` allow, has lines of other types than `m=` and `a=`, or has a known attribute with a
    /// malformed value.
    pub fn parse(text: &str, limits: &Limits) -> Result<Self, SdpError> {
        parse::fragment(text, limits)
    }

    /// Appends the fragment.
    pub fn write(&self, out: &mut String) {
        attribute_lines(out, &self.attributes);
        for media in &self.media {
            media.write(out);
        }
    }

    /// User name and password of ICE: both of the session level, else both of the first section that has any.
    ///
    /// Source: [RFC 8840 §4.4](https://www.rfc-editor.org/rfc/rfc8840#section-4.4)
    pub fn ice_credentials(&self) -> Option<(&str, &str)> {
        let shared = self.ice_ufrag().zip(self.ice_pwd());
        shared.or_else(|| self.media.iter().find_map(|media| media.ice_ufrag().zip(media.ice_pwd())))
    }

    /// Whether no section gets further candidates (`a=end-of-candidates` at the session level).
    pub fn end_of_candidates(&self) -> bool {
        has!(self.attributes, EndOfCandidates)
    }

    /// The group of sections that share a transport, if it is said.
    pub fn bundle(&self) -> Option<&Group> {
        let mut groups = crate::level::all!(self.attributes, Group);
        groups.find(|group| group.semantics == GroupSemantics::Bundle)
    }
}

level!(Fragment);

impl FromStr for Fragment {
    type Err = SdpError;

    fn from_str(text: &str) -> Result<Self, SdpError> {
        Self::parse(text, &Limits::default())
    }
}

impl fmt::Display for Fragment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = String::new();
        self.write(&mut out);
        f.write_str(&out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SdpErrorKind;

    /// RFC 8840 §4.4, figure 7, without its second section.
    const INFO: &str = "a=ice-pwd:asd88fgpdd777uzjYhagZg\r\n\
        a=ice-ufrag:8hhY\r\n\
        m=audio 9 RTP/AVP 0\r\n\
        a=mid:1\r\n\
        a=candidate:1 1 UDP 2130706432 2001:db8:a0b:12f0::1 5000 typ host\r\n\
        a=candidate:2 1 UDP 1694498815 192.0.2.3 5010 typ srflx raddr 192.0.2.1 rport 8998\r\n\
        a=end-of-candidates\r\n";

    #[test]
    fn the_example_of_the_rfc_reads_as_it_is_written() {
        let fragment: Fragment = INFO.parse().unwrap();
        assert_eq!(fragment.ice_credentials(), Some(("8hhY", "asd88fgpdd777uzjYhagZg")));
        let [section] = &fragment.media[..] else { panic!("{fragment:?}") };
        assert_eq!((section.mid(), section.candidates().count()), (Some("1"), 2));
        assert!(section.end_of_candidates() && !fragment.end_of_candidates());
        assert_eq!(fragment.to_string(), INFO);
    }

    #[test]
    fn credentials_may_stand_in_a_section_and_are_never_one_of_each_level() {
        let in_section: Fragment = "m=audio 9 RTP/AVP 0\na=mid:0\na=ice-ufrag:u\na=ice-pwd:p\n".parse().unwrap();
        assert_eq!(in_section.ice_credentials(), Some(("u", "p")));
        let mixed: Fragment = "a=ice-ufrag:u\nm=audio 9 RTP/AVP 0\na=mid:0\na=ice-pwd:p\n".parse().unwrap();
        assert_eq!(mixed.ice_credentials(), None);
        assert_eq!("".parse::<Fragment>().unwrap().ice_credentials(), None);
    }

    #[test]
    fn a_group_and_the_end_of_all_candidates_are_of_the_session() {
        let fragment: Fragment = "a=group:BUNDLE 0 1\r\na=ice-lite\r\na=end-of-candidates\r\n".parse().unwrap();
        assert_eq!(fragment.bundle().unwrap().mids, ["0", "1"]);
        assert!(fragment.end_of_candidates());
        assert!(fragment.media.is_empty());
    }

    #[test]
    fn what_is_no_fragment_is_refused_at_its_line() {
        for (text, line, kind) in [
            ("v=0\r\n", 1, SdpErrorKind::Misplaced('v')),
            ("a=mid:0\r\nc=IN IP4 0.0.0.0\r\n", 2, SdpErrorKind::Misplaced('c')),
            ("m=audio 9 RTP/AVP 0\r\nb=AS:1\r\n", 2, SdpErrorKind::Misplaced('b')),
            ("m=audio\r\n", 1, SdpErrorKind::Missing("port")),
            ("a=ice-ufrag:a b\r\n", 1, SdpErrorKind::Trailing("the attribute")),
            ("x=1\r\n", 1, SdpErrorKind::UnknownLineType('x')),
            ("hello\r\n", 1, SdpErrorKind::NotALine),
        ] {
            let error = text.parse::<Fragment>().unwrap_err();
            assert_eq!((error.line(), error.kind()), (line, kind), "{text}");
        }
    }

    #[test]
    fn a_fragment_is_bounded_as_descriptions_are() {
        let limits = Limits::default().with_sections(2).with_bytes(200);
        let sections = |count| "m=audio 9 RTP/AVP 0\n".repeat(count);
        assert!(Fragment::parse(&sections(2), &limits).is_ok());
        assert_eq!(Fragment::parse(&sections(3), &limits).unwrap_err().kind(), SdpErrorKind::TooManySections(2));
        assert_eq!(Fragment::parse(&"a=x\n".repeat(51), &limits).unwrap_err().kind(), SdpErrorKind::TooLong(200));
    }
}
