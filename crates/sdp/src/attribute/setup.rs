use thiserror::Error;

use crate::SdpError;
use crate::cursor::Cursor;
use crate::write::{Value, text_form};

/// Who opens the DTLS association.
///
/// An offer says [`ActPass`](Self::ActPass), always: RFC 8842 §5.2 and §5.5 ask for it in first and later offers. What
/// an answer says comes from [`answer`](Self::answer).
///
/// Source: [RFC 4145 §4](https://www.rfc-editor.org/rfc/rfc4145#section-4)
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Setup {
    /// I open it.
    Active,
    /// You open it.
    Passive,
    /// You choose.
    ActPass,
    /// Nobody opens it for now. DTLS has no use for it (RFC 8842 §5.1).
    HoldConn,
}

/// An end of a DTLS association.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum DtlsRole {
    /// Sends the first message.
    Client,
    /// Waits for it.
    Server,
}

impl DtlsRole {
    /// The role of the other end.
    pub const fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }

    /// Our role after we offered `offered` and were answered `answered`; `None` is a line that is absent.
    ///
    /// `established` is our role in an association that goes on; `None` when a new one is to be made.
    ///
    /// # Errors
    /// When the two do not give each end one role, or give another than the established one.
    ///
    /// Source: [RFC 4145 §4.1](https://www.rfc-editor.org/rfc/rfc4145#section-4.1),
    /// [RFC 8842 §5.4](https://www.rfc-editor.org/rfc/rfc8842#section-5.4)
    pub fn of_offerer(offered: Setup, answered: Option<Setup>, established: Option<Self>) -> Result<Self, SetupError> {
        let role = match (offered, answered.unwrap_or(Setup::Passive)) {
            (Setup::ActPass | Setup::Passive, Setup::Active) => Self::Server,
            (Setup::ActPass | Setup::Active, Setup::Passive) => Self::Client,
            (_, Setup::ActPass) => return Err(SetupError::Undecided),
            (_, Setup::HoldConn) | (Setup::HoldConn, _) => return Err(SetupError::HoldConn),
            (Setup::Active, Setup::Active) | (Setup::Passive, Setup::Passive) => return Err(SetupError::SameRole),
        };
        role.unless_changed(established)
    }

    fn unless_changed(self, established: Option<Self>) -> Result<Self, SetupError> {
        match established {
            Some(role) if role != self => Err(SetupError::RoleChanged),
            _ => Ok(self),
        }
    }
}

/// Why two ends do not agree on who opens the DTLS association.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum SetupError {
    /// An answer has to choose, and says `actpass`.
    #[error("an answer says actpass")]
    Undecided,
    /// `holdconn` asks for no association.
    #[error("holdconn has no meaning for DTLS")]
    HoldConn,
    /// Both ends want to be client, or both server.
    #[error("both ends take the same DTLS role")]
    SameRole,
    /// The association goes on, so its roles stay; a change needs a new association.
    #[error("the DTLS role changes within an association")]
    RoleChanged,
}

impl Setup {
    /// What to answer to `offered`: `active` when there is a choice, else what the offer or the association leaves.
    ///
    /// `offered` is `None` when the offer does not say, which stands for `active`. `established` is our role in an
    /// association that goes on; `None` when a new one is to be made. Our role is then [`role`](Self::role) of the
    /// answer.
    ///
    /// # Errors
    /// [`SetupError::HoldConn`] when that is offered, [`SetupError::RoleChanged`] when the offer would swap the roles of
    /// the association that goes on.
    ///
    /// Source: [RFC 8842 §5.3](https://www.rfc-editor.org/rfc/rfc8842#section-5.3),
    /// [RFC 8829 §5.3.1](https://www.rfc-editor.org/rfc/rfc8829#section-5.3.1)
    pub fn answer(offered: Option<Self>, established: Option<DtlsRole>) -> Result<Self, SetupError> {
        let role = match offered.unwrap_or(Self::Active) {
            Self::ActPass => established.unwrap_or(DtlsRole::Client),
            Self::Active => DtlsRole::Server.unless_changed(established)?,
            Self::Passive => DtlsRole::Client.unless_changed(established)?,
            Self::HoldConn => return Err(SetupError::HoldConn),
        };
        Ok(match role {
            DtlsRole::Client => Self::Active,
            DtlsRole::Server => Self::Passive,
        })
    }

    /// The role of the one who says so, if that is decided.
    pub const fn role(self) -> Option<DtlsRole> {
        match self {
            Self::Active => Some(DtlsRole::Client),
            Self::Passive => Some(DtlsRole::Server),
            Self::ActPass | Self::HoldConn => None,
        }
    }

    /// The token in SDP.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Passive => "passive",
            Self::ActPass => "actpass",
            Self::HoldConn => "holdconn",
        }
    }
}

impl Value for Setup {
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, SdpError> {
        match cursor.token("setup")? {
            "active" => Ok(Self::Active),
            "passive" => Ok(Self::Passive),
            "actpass" => Ok(Self::ActPass),
            "holdconn" => Ok(Self::HoldConn),
            _ => Err(cursor.invalid("setup")),
        }
    }

    fn write(&self, out: &mut String) {
        out.push_str(self.as_str());
    }
}

/// Whether to open a connection. WebRTC's own descriptions never say.
///
/// Source: [RFC 4145 §5](https://www.rfc-editor.org/rfc/rfc4145#section-5)
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Connection {
    /// A new one.
    New,
    /// The one there is.
    Existing,
}

impl Value for Connection {
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, SdpError> {
        match cursor.token("connection")? {
            "new" => Ok(Self::New),
            "existing" => Ok(Self::Existing),
            _ => Err(cursor.invalid("connection")),
        }
    }

    fn write(&self, out: &mut String) {
        out.push_str(match self {
            Self::New => "new",
            Self::Existing => "existing",
        });
    }
}

text_form! { Setup: "setup", Connection: "connection" }

#[cfg(test)]
mod tests {
    use super::*;
    use Setup::{ActPass, Active, HoldConn, Passive};

    /// The guard: an answer says `active` or `passive`, never `actpass`, whatever was offered.
    #[test]
    fn sdp_7_an_answer_is_never_actpass() {
        for offered in [None, Some(Active), Some(Passive), Some(ActPass)] {
            for established in [None, Some(DtlsRole::Client), Some(DtlsRole::Server)] {
                if let Ok(answer) = Setup::answer(offered, established) {
                    let role = answer.role().expect("an answer decides");
                    // Both ends agree, now and when the association goes on.
                    let offered = offered.unwrap_or(Active);
                    assert_eq!(DtlsRole::of_offerer(offered, Some(answer), None), Ok(role.other()));
                    assert!(established.is_none_or(|established| established == role));
                }
            }
        }
        assert_eq!(Setup::answer(Some(ActPass), None), Ok(Active));
        assert_eq!(Setup::answer(Some(Active), None), Ok(Passive));
        assert_eq!(Setup::answer(Some(Passive), None), Ok(Active));
        assert_eq!(Setup::answer(None, None), Ok(Passive));
        assert_eq!(Setup::answer(Some(HoldConn), None), Err(SetupError::HoldConn));
    }

    /// The guard: as long as an association goes on, a new round of offer and answer keeps its roles.
    #[test]
    fn sdp_7_an_association_that_goes_on_keeps_its_roles() {
        assert_eq!(Setup::answer(Some(ActPass), Some(DtlsRole::Server)), Ok(Passive));
        assert_eq!(Setup::answer(Some(ActPass), Some(DtlsRole::Client)), Ok(Active));
        assert_eq!(Setup::answer(Some(Active), Some(DtlsRole::Client)), Err(SetupError::RoleChanged));
        assert_eq!(Setup::answer(Some(Passive), Some(DtlsRole::Server)), Err(SetupError::RoleChanged));
        assert_eq!(DtlsRole::of_offerer(ActPass, Some(Active), Some(DtlsRole::Client)), Err(SetupError::RoleChanged));
        assert_eq!(DtlsRole::of_offerer(ActPass, Some(Active), Some(DtlsRole::Server)), Ok(DtlsRole::Server));
    }

    #[test]
    fn an_offerer_refuses_an_answer_that_gives_no_roles() {
        assert_eq!(DtlsRole::of_offerer(ActPass, Some(ActPass), None), Err(SetupError::Undecided));
        assert_eq!(DtlsRole::of_offerer(Active, Some(Active), None), Err(SetupError::SameRole));
        assert_eq!(DtlsRole::of_offerer(Passive, Some(Passive), None), Err(SetupError::SameRole));
        assert_eq!(DtlsRole::of_offerer(ActPass, Some(HoldConn), None), Err(SetupError::HoldConn));
        assert_eq!(DtlsRole::of_offerer(HoldConn, Some(Active), None), Err(SetupError::HoldConn));
        assert_eq!(DtlsRole::of_offerer(ActPass, None, None), Ok(DtlsRole::Client));
    }
}
