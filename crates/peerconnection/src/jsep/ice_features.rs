//! What ICE agents say of themselves in `a=ice-options`.

use ortica_sdp::{IceOptions, Session};

/// What an agent can do.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct IceFeatures {
    /// It takes candidates as they come ([RFC 8838](https://www.rfc-editor.org/rfc/rfc8838)).
    pub trickle: bool,
    /// It is one of [RFC 8445](https://www.rfc-editor.org/rfc/rfc8445#section-10), not of RFC 5245.
    pub ice2: bool,
    /// It follows nominations after the first one
    /// ([draft-thatcher-ice-renomination](https://datatracker.ietf.org/doc/html/draft-thatcher-ice-renomination-01)).
    pub renomination: bool,
}

impl IceFeatures {
    /// What a description says, above the sections or in one.
    pub fn of(session: &Session) -> Self {
        let said: Vec<&IceOptions> = session
            .ice_options()
            .into_iter()
            .chain(session.media.iter().filter_map(|media| media.ice_options()))
            .collect();
        let says = |option| said.iter().any(|options| options.contains(option));
        Self { trickle: says("trickle"), ice2: says("ice2"), renomination: says("renomination") }
    }

    /// What both can do: an answer names no more.
    ///
    /// Source: [RFC 9429 §5.3.1](https://www.rfc-editor.org/rfc/rfc9429#section-5.3.1)
    pub fn shared_with(self, other: Self) -> Self {
        Self {
            trickle: self.trickle && other.trickle,
            ice2: self.ice2 && other.ice2,
            renomination: self.renomination && other.renomination,
        }
    }

    /// As it is said; `None` where there is nothing to be said.
    pub fn to_options(self) -> Option<IceOptions> {
        let all = [(self.trickle, "trickle"), (self.ice2, "ice2"), (self.renomination, "renomination")];
        let said: Vec<String> = all.iter().filter(|(can, _)| *can).map(|(_, name)| (*name).to_owned()).collect();
        (!said.is_empty()).then_some(IceOptions(said))
    }
}

/// Whether a peer takes candidates as they come.
///
/// Source: [RFC 8838 §4.1](https://www.rfc-editor.org/rfc/rfc8838#section-4.1)
pub(crate) fn is_trickled(sdp: &str) -> bool {
    sdp.parse::<Session>().is_ok_and(|session| IceFeatures::of(&session).trickle)
}
