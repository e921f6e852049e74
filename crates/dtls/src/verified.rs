//! The proof that a handshake is over and that the peer is who signaling said.

use crate::alert::Alert;
use crate::certificate::Certificate;
use crate::cipher_suite::{CipherSuite, Version};
use crate::config::Role;
use crate::exporter::{self, ExportError};
use crate::fingerprint::{self, Fingerprint};
use crate::key_schedule::Secrets;
use crate::srtp::{SrtpKeys, SrtpProfile};
use ortica_core::crypto::{CryptoProvider, Group};
use std::fmt;
use std::sync::Arc;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// The proof that the peer's certificate matched a fingerprint and that its Finished message verified.
///
/// It is made in one place, comes once per connection with [`Event::Connected`](crate::Event::Connected), and cannot be
/// copied. A function that takes it by value can therefore only run for a verified peer: nobody makes one by hand,
///
/// ```compile_fail,E0451
/// fn forge(secrets: ortica_dtls::Verified) -> ortica_dtls::Verified {
///     ortica_dtls::Verified { ..secrets }
/// }
/// ```
/// ```compile_fail,E0599
/// let verified = ortica_dtls::Verified::new();
/// ```
/// and nobody uses one twice:
/// ```compile_fail,E0599
/// fn copy(verified: &ortica_dtls::Verified) -> ortica_dtls::Verified {
///     verified.clone()
/// }
/// ```
pub struct Verified {
    role: Role,
    secrets: Secrets,
    peer: Matched,
    group: Group,
    srtp_profile: Option<SrtpProfile>,
    shown: Arc<Certificate>,
}

impl Verified {
    /// The only place where one is made: consumes the proof that the certificate matched, and checks the last thing that
    /// is left to check, the peer's Finished message.
    pub(crate) fn check(
        peer: Matched,
        negotiated: Negotiated,
        received: &[u8],
        expected: &[u8; 12],
    ) -> Result<Self, Alert> {
        check_finished(received, expected)?;
        let Negotiated { role, secrets, group, srtp_profile, shown } = negotiated;
        Ok(Self { role, secrets, peer, group, srtp_profile, shown })
    }

    /// The certificate that this end showed.
    pub fn certificate(&self) -> &Certificate {
        &self.shown
    }

    /// The protocol version.
    pub fn version(&self) -> Version {
        Version::Dtls12
    }

    /// The cipher suite that protects the records.
    pub fn cipher_suite(&self) -> CipherSuite {
        self.secrets.suite().id()
    }

    /// The group in which the keys were agreed.
    pub fn group(&self) -> Group {
        self.group
    }

    /// Which part this end played.
    pub fn role(&self) -> Role {
        self.role
    }

    /// The peer's certificate as X.509 DER. Nothing in it but the key was looked at.
    pub fn peer_certificate(&self) -> &[u8] {
        &self.peer.der
    }

    /// The SRTP profile both ends agreed on; `None` when either end wanted none or they had none in common.
    ///
    /// With media to carry, `None` is a failure (RFC 5764 §4.1).
    pub fn srtp_profile(&self) -> Option<SrtpProfile> {
        self.srtp_profile
    }

    /// The SRTP keys for the agreed profile; `None` as for [`srtp_profile`](Self::srtp_profile).
    ///
    /// Source: [RFC 5764 §4.2](https://www.rfc-editor.org/rfc/rfc5764#section-4.2)
    pub fn srtp(&self) -> Option<SrtpKeys> {
        exporter::srtp_keys(&self.secrets, self.role, self.srtp_profile?)
    }

    /// `len` bytes of key material for `label`. An absent context and an empty one give different bytes.
    ///
    /// # Errors
    /// When `label` belongs to the handshake, or `context` or `len` exceed 65,535 bytes.
    ///
    /// Source: [RFC 5705 §4](https://www.rfc-editor.org/rfc/rfc5705#section-4)
    pub fn export(&self, label: &str, context: Option<&[u8]>, len: usize) -> Result<Zeroizing<Vec<u8>>, ExportError> {
        exporter::export(&self.secrets, label, context, len)
    }
}

impl fmt::Debug for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verified")
            .field("role", &self.role)
            .field("cipher_suite", &self.cipher_suite())
            .field("srtp_profile", &self.srtp_profile)
            .finish_non_exhaustive()
    }
}

/// Compares the peer's Finished with what it has to be. Takes the same time wherever the two differ.
fn check_finished(received: &[u8], expected: &[u8; 12]) -> Result<(), Alert> {
    if received.ct_eq(expected).into() { Ok(()) } else { Err(Alert::DECRYPT_ERROR) }
}

/// What a handshake came to.
pub(crate) enum Established {
    /// The peer is who signaling said.
    Verified(Box<Verified>),
    /// The peer is the server that was asked for, or a client that nobody asked.
    Secured,
}

/// A handshake that lacks the peer's Finished.
pub(crate) enum Unconfirmed {
    /// With the peer that signaling announced.
    Announced(Matched, Negotiated),
    /// With a server whose chain is accepted, or a client that nobody asked.
    Other(Secrets),
}

impl Unconfirmed {
    pub(crate) fn secrets(&self) -> &Secrets {
        match self {
            Self::Announced(_, negotiated) => &negotiated.secrets,
            Self::Other(secrets) => secrets,
        }
    }

    /// Checks the last thing that is left to check.
    pub(crate) fn confirm(self, received: &[u8], expected: &[u8; 12]) -> Result<Established, Alert> {
        match self {
            Self::Announced(matched, negotiated) => Verified::check(matched, negotiated, received, expected)
                .map(|verified| Established::Verified(Box::new(verified))),
            Self::Other(_) => check_finished(received, expected).map(|()| Established::Secured),
        }
    }
}

/// What a handshake settled, besides who the peer is.
pub(crate) struct Negotiated {
    pub role: Role,
    pub secrets: Secrets,
    pub group: Group,
    pub srtp_profile: Option<SrtpProfile>,
    /// This end's certificate.
    pub shown: Arc<Certificate>,
}

/// A certificate that matched a fingerprint: half of the way to [`Verified`].
pub(crate) struct Matched {
    der: Vec<u8>,
}

impl Matched {
    /// Compares the certificate `der` with what signaling said, and gives it back if it is another.
    pub(crate) fn check(
        provider: &CryptoProvider,
        fingerprints: &[Fingerprint],
        der: Vec<u8>,
    ) -> Result<Self, Vec<u8>> {
        if fingerprint::any_matches(provider, fingerprints, &der) { Ok(Self { der }) } else { Err(der) }
    }
}
