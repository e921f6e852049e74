//! Header extensions of a section: which there are, under which ids, and which way they are used.
//!
//! Source: [RFC 8285](https://www.rfc-editor.org/rfc/rfc8285)

use crate::parameters::{ParametersError, RtpHeaderExtensionCapability, RtpHeaderExtensionParameters};
use ortica_codecs::MediaKind;
use ortica_rtp::header_extension::{ExtensionMap, Kind};
use ortica_sdp as sdp;
use ortica_sdp::Direction;

/// An extension of a description. That of another side may be one that is not known here: then `kind` is `None`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Extension<K = Kind> {
    pub id: u8,
    pub kind: K,
    /// Which way it is used, seen from whoever says so.
    pub direction: Direction,
}

impl Extension {
    /// Appends its line to a section.
    pub fn write(&self, media: &mut sdp::Media) {
        let mut extmap = sdp::Extmap::new(u16::from(self.id), self.kind.uri());
        extmap.direction = Some(self.direction).filter(|direction| *direction != Direction::SendRecv);
        media.push(sdp::Attribute::Extmap(extmap));
    }
}

/// The extensions of a section, as the other side has them.
pub(super) fn read(section: &sdp::Section<'_>) -> Vec<Extension<Option<Kind>>> {
    let read = |extmap: &sdp::Extmap| {
        let id = u8::try_from(extmap.id).ok().filter(|id| *id > 0)?;
        // 15 is reserved (RFC 8285 §4.2): who gives it to something is not answered with it.
        let kind = Kind::from_uri(&extmap.uri).filter(|_| id != 15);
        Some(Extension { id, kind, direction: extmap.direction.unwrap_or_default() })
    };
    section.extmaps().filter_map(read).collect()
}

/// The extensions that sections of a kind can have, in the order in which they get their ids.
const fn extensions_of(kind: MediaKind) -> &'static [Kind] {
    match kind {
        MediaKind::Audio => &[Kind::Mid, Kind::AbsSendTime, Kind::TransportCc, Kind::AudioLevel, Kind::CsrcAudioLevel],
        MediaKind::Video => &[
            Kind::Mid,
            Kind::AbsSendTime,
            Kind::TransportCc,
            Kind::Rid,
            Kind::RepairedRid,
            Kind::VideoOrientation,
            Kind::ColorSpace,
        ],
    }
}

/// Without it, what is bundled or sent in layers could not be told apart.
const fn is_mandatory(kind: Kind) -> bool {
    matches!(kind, Kind::Mid | Kind::Rid | Kind::RepairedRid)
}

/// What a transceiver negotiates: each extension that its sections can have, with the way it is used.
///
/// Source: [webrtc-extensions](https://w3c.github.io/webrtc-extensions/#rtp-header-extension-control-0)
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct ExtensionPreferences(Vec<(Kind, Option<Direction>)>);

impl ExtensionPreferences {
    /// All that there are for a kind of media.
    pub fn all(kind: MediaKind) -> Self {
        Self(extensions_of(kind).iter().map(|kind| (*kind, Some(Direction::SendRecv))).collect())
    }

    /// Those that are not stopped.
    pub fn wanted(&self) -> impl Iterator<Item = (Kind, Direction)> + Clone {
        self.0.iter().filter_map(|(kind, direction)| Some((*kind, (*direction)?)))
    }

    /// All, under the W3C's names.
    pub fn capabilities(&self) -> Vec<RtpHeaderExtensionCapability> {
        self.0.iter().map(|(kind, direction)| capability(*kind, *direction)).collect()
    }

    /// All, with what became of them in `agreed`.
    pub fn negotiated(&self, agreed: &[Extension]) -> Vec<RtpHeaderExtensionCapability> {
        let direction = |kind: Kind| agreed.iter().find(|it| it.kind == kind).map(|it| it.direction);
        self.0.iter().map(|(kind, _)| capability(*kind, direction(*kind))).collect()
    }

    /// Changes those that are named.
    pub fn set(&mut self, wanted: &[RtpHeaderExtensionCapability]) -> Result<(), ParametersError> {
        let mut changed = self.clone();
        for RtpHeaderExtensionCapability { uri, direction } in wanted {
            if uri.is_empty() {
                return Err(ParametersError::Type("a header extension has no name"));
            }
            let known = changed.0.iter_mut().find(|(kind, _)| kind.uri() == uri);
            let (kind, present) = known.ok_or(ParametersError::NotSupported("a header extension is not known"))?;
            if is_mandatory(*kind) && *direction != Some(Direction::SendRecv) {
                return Err(ParametersError::InvalidModification("a header extension cannot be left out"));
            }
            *present = *direction;
        }
        *self = changed;
        Ok(())
    }
}

fn capability(kind: Kind, direction: Option<Direction>) -> RtpHeaderExtensionCapability {
    RtpHeaderExtensionCapability { uri: kind.uri().to_owned(), direction }
}

/// What both sides have, under the ids of `theirs` and as this side sees it.
pub(super) fn common(
    ours: impl Iterator<Item = (Kind, Direction)> + Clone,
    theirs: &[Extension<Option<Kind>>],
) -> Vec<Extension> {
    let shared = |theirs: &Extension<Option<Kind>>| {
        let (kind, direction) = ours.clone().find(|(kind, _)| theirs.kind == Some(*kind))?;
        let direction = direction.and(theirs.direction.reversed());
        Some(Extension { id: theirs.id, kind, direction }).filter(|it| it.direction != Direction::Inactive)
    };
    theirs.iter().filter_map(shared).collect()
}

/// What the engine is told. An id that stands for two things stands for the first.
pub(super) fn map<'a>(extensions: impl Iterator<Item = &'a Extension>, mixed: bool) -> ExtensionMap {
    let mut map = ExtensionMap::new();
    for extension in extensions {
        let _ = map.insert(extension.id, extension.kind);
    }
    map.set_mixed(mixed);
    map
}

/// Header extensions under the W3C's names.
pub(super) fn parameters(extensions: &[Extension]) -> Vec<RtpHeaderExtensionParameters> {
    let of = |it: &Extension| RtpHeaderExtensionParameters { uri: it.kind.uri().to_owned(), id: it.id };
    extensions.iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn theirs(text: &str) -> Vec<Extension<Option<Kind>>> {
        let media: sdp::Media = format!("m=video 9 UDP/TLS/RTP/SAVPF 96\r\n{text}").parse().unwrap();
        let mut session = sdp::Session::new(1, 1);
        session.media.push(media);
        let sections: Vec<_> = session.sections().map(|section| read(&section)).collect();
        sections.concat()
    }

    fn written(extension: Extension) -> String {
        let mut media = sdp::Media::rtp(sdp::MediaKind::Video, "0");
        extension.write(&mut media);
        media.to_string().lines().find_map(|line| line.strip_prefix("a=extmap:")).unwrap().to_owned()
    }

    /// Guards: an extension that one side only sends is one that the other side only receives.
    #[test]
    fn directions_are_answered() {
        let all = ExtensionPreferences::all(MediaKind::Video);
        let theirs = theirs(&format!(
            "a=extmap:1/sendonly {}\r\na=extmap:2 {}\r\na=extmap:3 urn:unknown\r\na=extmap:4/inactive {}\r\n",
            Kind::VideoOrientation.uri(),
            Kind::Mid.uri(),
            Kind::AbsSendTime.uri(),
        ));
        let lines: Vec<String> = common(all.wanted(), &theirs).into_iter().map(written).collect();
        let expected = [format!("1/recvonly {}", Kind::VideoOrientation.uri()), format!("2 {}", Kind::Mid.uri())];
        assert_eq!(lines, expected);
    }

    #[test]
    fn what_is_refused_changes_nothing() {
        let mut preferences = ExtensionPreferences::all(MediaKind::Audio);
        let before = preferences.clone();
        let level = RtpHeaderExtensionCapability { uri: Kind::AudioLevel.uri().to_owned(), direction: None };
        let mid = RtpHeaderExtensionCapability { uri: Kind::Mid.uri().to_owned(), direction: None };
        let refused = preferences.set(&[level.clone(), mid]);
        assert!(matches!(refused, Err(ParametersError::InvalidModification(_))));
        assert_eq!(preferences, before);
        preferences.set(&[level]).unwrap();
        assert!(preferences.wanted().all(|(kind, _)| kind != Kind::AudioLevel));
    }
}
