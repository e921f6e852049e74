//! Who a server has to be, for a client that is told of no fingerprint: a name, and a chain of certificates that vouch for it.
//!
//! That is how DTLS is used outside of a call, for example on the way to a TURN server (RFC 7350). What a chain is worth is
//! decided by who asks: this crate has no roots, no clock and no idea of names. What it proves itself is that the server has
//! the key of the chain's first certificate.

use crate::alert::Alert;
use crate::extension::{Extension, ServerName, SignatureAlgorithm, SignatureAlgorithms};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use thiserror::Error;

/// Judges what a server shows.
pub trait ChainVerifier: Send + Sync {
    /// Whether these certificates, in X.509 DER, show that the server is who it is to be: that the first one is for its name,
    /// holds now, and is vouched for. The others are in the order in which the server sent them. There is at least one, and there
    /// are at most 10, of 16 KiB together.
    ///
    /// The server has proved by then that it has the key of the first one.
    ///
    /// # Errors
    /// When they do not. The connection is over then.
    fn verify_chain(&self, chain: &[&[u8]]) -> Result<(), ChainError>;

    /// The signatures inside of chains that it can check, by their registered numbers, best first. The server is told of them
    /// (`signature_algorithms_cert`), unless there are none here.
    ///
    /// Source: [RFC 8446 §4.2.3](https://www.rfc-editor.org/rfc/rfc8446#section-4.2.3)
    fn signatures(&self) -> Vec<u16>;
}

/// Why a chain shows nothing.
#[derive(Clone, Copy, Debug, Eq, Error, Hash, PartialEq)]
#[non_exhaustive]
pub enum ChainError {
    /// A certificate cannot be read.
    #[error("a certificate is malformed")]
    Malformed,
    /// A certificate holds no more, or not yet.
    #[error("a certificate is not valid at this time")]
    NotValidNow,
    /// The first certificate is not for the server.
    #[error("the certificate is for another name")]
    WrongName,
    /// The chain leads to nobody who is trusted.
    #[error("nobody who is trusted vouches for the certificate")]
    UnknownIssuer,
    /// A certificate was taken back.
    #[error("a certificate is revoked")]
    Revoked,
    /// Something else is wrong with a certificate.
    #[error("a certificate is not acceptable")]
    Unacceptable,
}

impl ChainError {
    /// What the server is told.
    ///
    /// Source: [RFC 5246 §7.2.2](https://www.rfc-editor.org/rfc/rfc5246#section-7.2.2)
    pub(crate) const fn alert(self) -> Alert {
        match self {
            Self::Malformed => Alert::BAD_CERTIFICATE,
            Self::NotValidNow => Alert::CERTIFICATE_EXPIRED,
            Self::UnknownIssuer => Alert::UNKNOWN_CA,
            Self::Revoked => Alert::CERTIFICATE_REVOKED,
            Self::WrongName | Self::Unacceptable => Alert::CERTIFICATE_UNKNOWN,
        }
    }
}

/// The server that a client wants to speak to.
#[derive(Clone)]
pub struct ServerIdentity {
    /// What it is called, if that can be said in the handshake.
    pub(crate) name: Option<String>,
    pub(crate) verifier: Arc<dyn ChainVerifier>,
}

impl ServerIdentity {
    /// The server called `host`, as `verifier` knows it. The name goes out in the clear (`server_name`), so that a server of
    /// several names knows which certificate to show; an IP address does not.
    ///
    /// Source: [RFC 6066 §3](https://www.rfc-editor.org/rfc/rfc6066#section-3)
    pub fn new(host: &str, verifier: Arc<dyn ChainVerifier>) -> Self {
        let name = host.strip_suffix('.').unwrap_or(host);
        let is_name = (1..=Self::MAX_NAME).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
            && name.parse::<IpAddr>().is_err();
        Self { name: is_name.then(|| name.to_ascii_lowercase()), verifier }
    }

    /// As [`ChainVerifier::verify_chain`].
    ///
    /// # Errors
    /// When the chain does not show that the server is who it is to be.
    pub fn verify(&self, chain: &[&[u8]]) -> Result<(), ChainError> {
        self.verifier.verify_chain(chain)
    }

    /// What the server is told.
    pub(crate) fn extensions(&self) -> impl Iterator<Item = Extension> {
        let name = self.name.as_ref().map(|name| Extension::ServerName(ServerName(name.clone().into_bytes())));
        let signatures: Vec<_> = self.verifier.signatures().into_iter().map(SignatureAlgorithm).collect();
        let signatures = Some(SignatureAlgorithms(signatures)).filter(|signatures| !signatures.0.is_empty());
        name.into_iter().chain(signatures.map(Extension::SignatureAlgorithmsCert))
    }

    /// The longest name that DNS knows, in bytes.
    const MAX_NAME: usize = 253;
}

impl fmt::Debug for ServerIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerIdentity").field("name", &self.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nobody;

    impl ChainVerifier for Nobody {
        fn verify_chain(&self, _: &[&[u8]]) -> Result<(), ChainError> {
            Err(ChainError::UnknownIssuer)
        }

        fn signatures(&self) -> Vec<u16> {
            Vec::new()
        }
    }

    #[test]
    fn names_are_said_and_addresses_are_not() {
        let said = |host: &str| ServerIdentity::new(host, Arc::new(Nobody)).name;
        assert_eq!(said("Turn.Example.").as_deref(), Some("turn.example"));
        for host in ["192.0.2.1", "2001:db8::1", "[2001:db8::1]", "", ".", "a b", &"a".repeat(254)] {
            assert_eq!(said(host), None, "{host}");
        }
    }
}
