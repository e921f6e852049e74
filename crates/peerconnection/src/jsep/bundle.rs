//! Which sections share a transport, as far as this side decides.

use super::remote::Remote;
use ortica_sdp::MediaKind;
use std::fmt;

/// What to do for peers that cannot bundle. Those that can get one transport for everything, whatever the policy. `Display` gives
/// the W3C token.
///
/// Source: [RFC 9429 §4.1.1](https://www.rfc-editor.org/rfc/rfc9429#section-4.1.1),
/// [webrtc-pc §4.2.3](https://www.w3.org/TR/webrtc/#rtcbundlepolicy-enum)
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum BundlePolicy {
    /// The first section of each kind (audio, video, data) is offered with a transport of its own, which a peer that cannot
    /// bundle takes; further ones are offered to be bundled alone.
    #[default]
    Balanced,
    /// Each section is offered with a transport of its own: all of them run with a peer that cannot bundle, and candidates are
    /// gathered for all.
    MaxCompat,
    /// The first section alone has a transport, and the others are offered to be bundled with it.
    MaxBundle,
}

impl fmt::Display for BundlePolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Balanced => "balanced",
            Self::MaxCompat => "max-compat",
            Self::MaxBundle => "max-bundle",
        })
    }
}

impl BundlePolicy {
    /// Whether a section of a new group has a transport of its own, after those of the kinds `before`.
    pub(super) fn leads(self, before: &[&MediaKind], kind: &MediaKind) -> bool {
        match self {
            Self::Balanced => !before.contains(&kind),
            Self::MaxCompat => true,
            Self::MaxBundle => before.is_empty(),
        }
    }

    /// Whether a section of an offer is to be answered: those that would need more transports than the policy has are not.
    ///
    /// Source: [RFC 9429 §5.3.1](https://www.rfc-editor.org/rfc/rfc9429#section-5.3.1)
    pub(super) fn takes(self, offer: &Remote, index: usize) -> bool {
        let Some(section) = offer.sections.get(index) else { return false };
        let mut offered = offer.sections.iter().filter(|it| !it.is_given_up());
        let first = match self {
            Self::Balanced => offered.find(|it| it.line.media == section.line.media),
            Self::MaxCompat => return true,
            Self::MaxBundle => offered.next(),
        };
        first.is_none_or(|first| std::ptr::eq(first, section) || offer.bundles(first, section))
    }
}
