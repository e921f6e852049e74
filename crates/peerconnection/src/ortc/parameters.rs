//! Parameters and capabilities of transports as plain data.

use super::tokens;
use ortica_dtls::{Fingerprint, FingerprintError, Role};
use ortica_ice::{Agent, Credentials};
use std::fmt;

/// What one side's ICE is known by.
///
/// Source: [ORTC `RTCIceParameters`](https://draft.ortc.org/#rtciceparameters*),
/// [webrtc-pc §5.6.2](https://www.w3.org/TR/webrtc/#rtciceparameters)
#[derive(Clone, Default, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize), serde(rename_all = "camelCase"))]
pub struct IceParameters {
    /// 4 to 256 characters of `ice-char`.
    pub username_fragment: String,
    /// 22 to 256 characters of `ice-char`.
    pub password: String,
    /// It answers checks and makes none.
    #[cfg_attr(feature = "serde", serde(default))]
    pub ice_lite: bool,
}

impl IceParameters {
    /// Those of an agent that is not lite.
    pub fn of(credentials: &Credentials) -> Self {
        Self { username_fragment: credentials.ufrag.clone(), password: credentials.pwd.to_string(), ice_lite: false }
    }

    /// Those of this side, for who [looks at](crate::engine::Session::ice) its agent.
    pub fn local(agent: &Agent) -> Self {
        Self { ice_lite: agent.is_lite(), ..Self::of(agent.local_credentials()) }
    }

    /// Those of the peer, once the agent knows them.
    pub fn remote(agent: &Agent) -> Option<Self> {
        Some(Self { ice_lite: agent.is_remote_lite(), ..Self::of(agent.remote_credentials()?) })
    }

    /// For an agent, which checks them.
    pub fn credentials(&self) -> Credentials {
        Credentials::new(&self.username_fragment, &self.password)
    }
}

impl fmt::Debug for IceParameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IceParameters")
            .field("username_fragment", &self.username_fragment)
            .field("ice_lite", &self.ice_lite)
            .finish_non_exhaustive()
    }
}

tokens! {
    /// The part that its owner wants to play in DTLS.
    ///
    /// Source: [ORTC `RTCDtlsRole`](https://draft.ortc.org/#rtcdtlsrole*)
    DtlsRole {
        /// Either: the side whose ICE controls is the server.
        Auto = "auto",
        /// It says hello.
        Client = "client",
        /// It waits.
        Server = "server",
    }
}

impl DtlsRole {
    /// The role of this side, towards a peer that has this one.
    pub(crate) fn answered(self, ice: ortica_ice::Role) -> Role {
        match (self, ice) {
            (Self::Client, _) | (Self::Auto, ortica_ice::Role::Controlling) => Role::Server,
            (Self::Server, _) | (Self::Auto, ortica_ice::Role::Controlled) => Role::Client,
        }
    }
}

/// A hash of a certificate.
///
/// Source: [ORTC `RTCDtlsFingerprint`](https://draft.ortc.org/#rtcdtlsfingerprint*)
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
pub struct DtlsFingerprint {
    /// The hash, such as `sha-256`.
    pub algorithm: String,
    /// Its value: bytes in hexadecimal with colons between them, at most 64.
    pub value: String,
}

impl From<&Fingerprint> for DtlsFingerprint {
    fn from(fingerprint: &Fingerprint) -> Self {
        let text = fingerprint.to_string();
        let value = text.split_once(' ').map_or("", |(_, value)| value);
        Self { algorithm: fingerprint.algorithm().to_owned(), value: value.to_owned() }
    }
}

impl TryFrom<&DtlsFingerprint> for Fingerprint {
    type Error = FingerprintError;

    fn try_from(fingerprint: &DtlsFingerprint) -> Result<Self, FingerprintError> {
        format!("{} {}", fingerprint.algorithm, fingerprint.value).parse()
    }
}

/// What one side's DTLS is known by.
///
/// Source: [ORTC `RTCDtlsParameters`](https://draft.ortc.org/#rtcdtlsparameters*)
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
pub struct DtlsParameters {
    /// Its role.
    #[cfg_attr(feature = "serde", serde(default))]
    pub role: DtlsRole,
    /// Of its certificate, at least one.
    pub fingerprints: Vec<DtlsFingerprint>,
}

/// What one side's SCTP can take.
///
/// Source: [ORTC `RTCSctpCapabilities`](https://draft.ortc.org/#rtcsctpcapabilities*)
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize), serde(rename_all = "camelCase"))]
pub struct SctpCapabilities {
    /// Bytes of the longest message; zero means no limit.
    pub max_message_size: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_that_is_none_is_refused() {
        let sha256: Vec<String> = (0..32u8).map(|byte| format!("{byte:02X}")).collect();
        let good = DtlsFingerprint { algorithm: "sha-256".to_owned(), value: sha256.join(":") };
        let read = Fingerprint::try_from(&good).unwrap();
        assert_eq!(DtlsFingerprint::from(&read), good);
        for (algorithm, value) in [("sha-256", "00:11"), ("sha-256", ""), ("", "00"), ("sha-256 00", "00"), ("x", "0")]
        {
            let bad = DtlsFingerprint { algorithm: algorithm.to_owned(), value: value.to_owned() };
            assert!(Fingerprint::try_from(&bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn roles_fit_each_other_whoever_leaves_it_open() {
        use ortica_ice::Role::{Controlled, Controlling};
        assert_eq!(DtlsRole::Auto.answered(Controlling), Role::Server);
        assert_eq!(DtlsRole::Auto.answered(Controlled), Role::Client);
        for ice in [Controlled, Controlling] {
            assert_eq!(DtlsRole::Client.answered(ice), Role::Server);
            assert_eq!(DtlsRole::Server.answered(ice), Role::Client);
        }
    }

    #[test]
    fn a_password_does_not_reach_a_log() {
        let parameters =
            IceParameters { username_fragment: "ufrag".to_owned(), password: "secret".to_owned(), ice_lite: false };
        let text = format!("{parameters:?}");
        assert!(text.contains("ufrag") && !text.contains("secret"), "{text}");
    }

    #[cfg(feature = "serde")]
    #[test]
    fn serde_has_the_names_of_ortc() {
        let ice =
            IceParameters { username_fragment: "ufrag".to_owned(), password: "password".to_owned(), ice_lite: true };
        let json = r#"{"usernameFragment":"ufrag","password":"password","iceLite":true}"#;
        assert_eq!(serde_json::to_string(&ice).unwrap(), json);
        assert_eq!(serde_json::from_str::<IceParameters>(json).unwrap(), ice);
        let fingerprint = DtlsFingerprint { algorithm: "sha-256".to_owned(), value: "00:11".to_owned() };
        let dtls = DtlsParameters { role: DtlsRole::Client, fingerprints: vec![fingerprint] };
        let json = r#"{"role":"client","fingerprints":[{"algorithm":"sha-256","value":"00:11"}]}"#;
        assert_eq!(serde_json::to_string(&dtls).unwrap(), json);
        assert_eq!(serde_json::from_str::<DtlsParameters>(json).unwrap(), dtls);
        let open = serde_json::from_str::<DtlsParameters>(r#"{"fingerprints":[]}"#).unwrap();
        assert_eq!(open.role, DtlsRole::Auto);
        let sctp = SctpCapabilities { max_message_size: 65_536 };
        assert_eq!(serde_json::to_string(&sctp).unwrap(), r#"{"maxMessageSize":65536}"#);
        assert_eq!(serde_json::from_str::<SctpCapabilities>(r#"{"maxMessageSize":65536}"#).unwrap(), sctp);
    }
}
