//! What is wrong with certificates of servers.

use thiserror::Error;

/// Why the certificate of a server does not show that it is who it is to be.
#[derive(Clone, Copy, Debug, Eq, Error, Hash, PartialEq)]
#[non_exhaustive]
pub enum CertificateFault {
    /// It is for another name.
    #[error("the certificate is for another name")]
    WrongName,
    /// Nobody who is trusted vouches for it.
    #[error("nobody who is trusted vouches for the certificate")]
    UnknownIssuer,
    /// It, or one that vouches for it, is not valid any more, or not yet.
    #[error("a certificate is not valid at this time")]
    NotValidNow,
    /// It, or one that vouches for it, was taken back.
    #[error("a certificate is revoked")]
    Revoked,
    /// It, or one that vouches for it, cannot be read, or is not for servers.
    #[error("a certificate is not acceptable")]
    Unacceptable,
}
