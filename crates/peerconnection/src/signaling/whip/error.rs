//! Why something could not be published or played, or a session not be changed.

use super::fetch::HttpError;
use super::refusal::Refusal;
use super::target::UrlError;
use crate::jsep::DescriptionError;
use ortica_sdp::SdpError;
use thiserror::Error;

/// Why something could not be published or played, or a session not be changed. The connection is as it was before the call; see
/// [`Client::play`](super::Client::play) for the one exception.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WhipError {
    /// The URL that was given is none that can be asked.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// The token is empty, or has other characters than the visible ones of ASCII.
    #[error("a token consists of visible ASCII characters")]
    Token,
    /// The connection bundles other than [`BundlePolicy::MaxBundle`](crate::BundlePolicy) has it (RFC 9725 §4.4.1).
    #[error("the connection's bundle policy is not max-bundle")]
    BundlePolicy,
    /// The connection has been negotiated, or is being negotiated: a session begins with the first offer.
    #[error("the connection has a description already")]
    InUse,
    /// The offer has no section for audio or video (RFC 9725 §4.4.2).
    #[error("the offer has no audio or video")]
    NoMedia,
    /// A section goes another way than that of the protocol: who publishes sends in each, who plays receives (RFC 9725 §4.2).
    #[error("section {0} of the offer does not go the way of the session")]
    Direction(usize),
    /// The connection wants to change more than ICE, and there is no renegotiation (RFC 9725 §4.2).
    #[error("the connection needs a negotiation that sessions do not have")]
    Renegotiation,
    /// No description could be made or set.
    #[error("no description could be made")]
    Local(#[source] DescriptionError),
    /// The server could not be asked.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The server refuses.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The server points elsewhere, to where this side does not go.
    #[error(transparent)]
    Redirect(#[from] RedirectError),
    /// The server's response is not what the protocol has it say.
    #[error(transparent)]
    Response(#[from] ResponseError),
    /// The server's description does not fit the connection.
    #[error("the server's description does not fit")]
    Remote(#[source] DescriptionError),
}

/// Why a redirection was not followed.
///
/// Source: [RFC 9725 §4.5](https://www.rfc-editor.org/rfc/rfc9725#section-4.5)
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum RedirectError {
    /// More than [`Client::MAX_REDIRECTS`](super::Client::MAX_REDIRECTS) in a row.
    #[error("more than {0} redirections")]
    TooMany(u8),
    /// From HTTPS to plain HTTP.
    #[error("a redirection to plain HTTP")]
    Insecure,
    /// It does not say where to, or not in a way that can be asked.
    #[error("a redirection to nowhere")]
    Location(#[source] UrlError),
    /// Of a kind that lets the request become another one: only 307 and 308 do not.
    #[error("a redirection of status {0}")]
    Status(u16),
}

/// What is wrong with a response.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum ResponseError {
    /// A status that is neither a refusal nor the success that the request can have.
    #[error("a response of status {0} to a request that has no such success")]
    Status(u16),
    /// It does not say where the session is, or not in a way that can be asked.
    #[error("a session without a place")]
    Location(#[source] UrlError),
    /// The session was set up over HTTPS, and is to go on over plain HTTP.
    #[error("a session over plain HTTP")]
    Insecure,
    /// The body is of another type than this.
    #[error("a body that is not {0}")]
    ContentType(&'static str),
    /// The body is not UTF-8.
    #[error("a body that is no text")]
    NotText,
    /// The body is no description, or no fragment of one; the error names the line.
    #[error(transparent)]
    Sdp(#[from] SdpError),
    /// A counter-offer has a section that does not send, or none for audio or video.
    #[error("a counter-offer that sends nothing")]
    Direction,
    /// The fragment that answers a restart has no ICE credentials.
    #[error("a fragment without ICE credentials")]
    NoCredentials,
    /// The fragment that answers a restart has the ICE credentials that were there before.
    #[error("a fragment with old ICE credentials")]
    NotRestarted,
    /// The fragment has candidates for a section that the session does not have.
    #[error("a fragment for another section")]
    UnknownSection,
}
