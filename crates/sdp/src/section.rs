//! A media section in its session.

use std::ops::Deref;

use crate::line::Address;
use crate::{Direction, Extmap, Fingerprint, Group, GroupSemantics, IceOptions, Media, Session, Setup};

/// A media section together with what it takes over from the session.
///
/// It is a [`Media`] for everything else; the methods here hide those of the same name that look at one level only.
#[derive(Clone, Copy, Debug)]
pub struct Section<'a> {
    session: &'a Session,
    media: &'a Media,
    index: usize,
}

impl Deref for Section<'_> {
    type Target = Media;

    fn deref(&self) -> &Media {
        self.media
    }
}

impl<'a> Section<'a> {
    pub(crate) const fn new(session: &'a Session, media: &'a Media, index: usize) -> Self {
        Self { session, media, index }
    }

    /// The section itself.
    pub const fn media(&self) -> &'a Media {
        self.media
    }

    /// The session it is part of.
    pub const fn session(&self) -> &'a Session {
        self.session
    }

    /// How many sections come before it (`sdpMLineIndex`).
    pub const fn index(&self) -> usize {
        self.index
    }

    /// The direction of the section, else that of the session, else both ways.
    ///
    /// Source: [RFC 8866 §6.7](https://www.rfc-editor.org/rfc/rfc8866#section-6.7)
    pub fn direction(&self) -> Direction {
        self.media.direction().or_else(|| self.session.direction()).unwrap_or_default()
    }

    /// The address of the section, else that of the session.
    pub fn connection(&self) -> Option<&'a Address> {
        self.media.connection.as_ref().or(self.session.connection.as_ref())
    }

    /// User name and password of ICE: both of the section, else both of the session, never one of each.
    ///
    /// Source: [RFC 8839 §5.4](https://www.rfc-editor.org/rfc/rfc8839#section-5.4)
    pub fn ice_credentials(&self) -> Option<(&'a str, &'a str)> {
        match (self.media.ice_ufrag(), self.media.ice_pwd()) {
            (None, None) => self.session.ice_ufrag().zip(self.session.ice_pwd()),
            (ufrag, pwd) => ufrag.zip(pwd),
        }
    }

    /// The user name of [`ice_credentials`](Self::ice_credentials).
    pub fn ice_ufrag(&self) -> Option<&'a str> {
        self.ice_credentials().map(|(ufrag, _)| ufrag)
    }

    /// The password of [`ice_credentials`](Self::ice_credentials).
    pub fn ice_pwd(&self) -> Option<&'a str> {
        self.ice_credentials().map(|(_, pwd)| pwd)
    }

    /// The ICE options of the section, else those of the session.
    pub fn ice_options(&self) -> Option<&'a IceOptions> {
        self.media.ice_options().or_else(|| self.session.ice_options())
    }

    /// The fingerprints of the section if it has any, else those of the session.
    ///
    /// Source: [RFC 8122 §5](https://www.rfc-editor.org/rfc/rfc8122#section-5)
    pub fn fingerprints(&self) -> impl Iterator<Item = &'a Fingerprint> + Clone + 'a {
        let mut own = self.media.fingerprints().peekable();
        let shared = own.peek().is_none().then(|| self.session.fingerprints());
        own.chain(shared.into_iter().flatten())
    }

    /// `a=setup` of the section, else that of the session.
    pub fn setup(&self) -> Option<Setup> {
        self.media.setup().or_else(|| self.session.setup())
    }

    /// `a=tls-id` of the section, else that of the session.
    pub fn tls_id(&self) -> Option<&'a str> {
        self.media.tls_id().or_else(|| self.session.tls_id())
    }

    /// The header extensions of the session, then those of the section.
    pub fn extmaps(&self) -> impl Iterator<Item = &'a Extmap> + 'a {
        self.session.extmaps().chain(self.media.extmaps())
    }

    /// Whether the section or the session has `a=cryptex`.
    pub fn cryptex(&self) -> bool {
        self.media.cryptex() || self.session.cryptex()
    }

    /// Whether the section or the session has `a=extmap-allow-mixed`.
    pub fn extmap_allow_mixed(&self) -> bool {
        self.media.extmap_allow_mixed() || self.session.extmap_allow_mixed()
    }

    /// The bundle that lists this section.
    pub fn bundle(&self) -> Option<&'a Group> {
        let mid = self.media.mid()?;
        self.session.groups().find(|group| group.semantics == GroupSemantics::Bundle && group.contains(mid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Attribute, MediaKind};

    fn session_with(attributes: &[&str], media: &[&str]) -> Session {
        let mut session = Session::new(1, 1);
        session.attributes.extend(attributes.iter().map(|it| it.parse::<Attribute>().unwrap()));
        let mut section = Media::rtp(MediaKind::Audio, "0");
        section.attributes.extend(media.iter().map(|it| it.parse::<Attribute>().unwrap()));
        session.media.push(section);
        session
    }

    #[test]
    fn a_section_takes_over_what_the_session_says() {
        let shared = [
            "ice-ufrag:s",
            "ice-pwd:sp",
            "ice-options:trickle",
            "fingerprint:sha-256 00",
            "setup:active",
            "tls-id:st",
            "recvonly",
            "extmap:1 a",
            "extmap-allow-mixed",
            "cryptex",
            "group:BUNDLE 0 1",
        ];
        let session = session_with(&shared, &["extmap:2 b"]);
        let section = session.section(0).unwrap();
        assert_eq!(section.ice_credentials(), Some(("s", "sp")));
        assert!(section.ice_options().unwrap().contains("trickle"));
        assert_eq!(section.fingerprints().count(), 1);
        assert_eq!((section.setup(), section.tls_id()), (Some(Setup::Active), Some("st")));
        assert_eq!(section.direction(), Direction::RecvOnly);
        assert_eq!(section.extmaps().map(|it| it.id).collect::<Vec<_>>(), [1, 2]);
        assert!(section.extmap_allow_mixed() && section.cryptex());
        assert_eq!(section.bundle().unwrap().mids, ["0", "1"]);
    }

    #[test]
    fn what_a_section_says_itself_counts_more() {
        let session = session_with(
            &["ice-ufrag:s", "ice-pwd:sp", "fingerprint:sha-256 00", "setup:active", "recvonly"],
            &[
                "ice-ufrag:m",
                "ice-pwd:mp",
                "fingerprint:sha-256 01",
                "fingerprint:sha-384 02",
                "setup:passive",
                "sendonly",
            ],
        );
        let section = session.section_by_mid("0").unwrap();
        assert_eq!((section.ice_ufrag(), section.ice_pwd()), (Some("m"), Some("mp")));
        assert_eq!(section.fingerprints().map(|it| it.value[0]).collect::<Vec<_>>(), [1, 2]);
        assert_eq!((section.setup(), section.direction()), (Some(Setup::Passive), Direction::SendOnly));
        assert_eq!(section.bundle(), None);
    }

    #[test]
    fn credentials_of_two_levels_are_not_mixed() {
        let session = session_with(&["ice-ufrag:s", "ice-pwd:sp"], &["ice-ufrag:m"]);
        assert_eq!(session.section(0).unwrap().ice_credentials(), None);
    }

    #[test]
    fn a_section_without_a_direction_attribute_flows_both_ways() {
        let session = session_with(&[], &[]);
        assert_eq!(session.media[0].direction(), None);
        assert_eq!(session.section(0).unwrap().direction(), Direction::SendRecv);
    }
}
