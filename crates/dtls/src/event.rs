//! What a connection tells its owner.

use crate::alert::Alert;
use crate::server_identity::ChainError;
use crate::verified::Verified;

/// What happened on a [`Connection`](crate::Connection).
#[derive(Debug)]
#[non_exhaustive]
#[expect(clippy::large_enum_variant, reason = "there are two of them in the life of a connection")]
pub enum Event {
    /// The handshake is over and the peer is who signaling said. Comes once, before any application data is delivered.
    Connected(Verified),
    /// The handshake is over, with the server that a client [asked for](crate::Connection::to_server), or with a client that
    /// [nobody asked](crate::Connection::for_anyone) who he is. Comes once, before any application data is delivered, and is no proof
    /// of what signaling said: there is no [`Verified`].
    Secured,
    /// The connection is over. Comes once, last.
    Closed(CloseReason),
}

/// Why a connection is over.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum CloseReason {
    /// `close` was called.
    Local,
    /// The peer said goodbye.
    Remote,
    /// The peer sent an alert, authenticated by the keys of the handshake.
    Alert(Alert),
    /// The peer proved to own its certificate, but it is not the one that signaling announced.
    FingerprintMismatch,
    /// The server proved to own the first certificate of its chain, but the chain does not show that it is who it is to be.
    Untrusted(ChainError),
    /// The peer proved to be the one that sent something unacceptable.
    Refused(Alert),
    /// The handshake was not over in time.
    Timeout {
        /// Why the last message that was dropped without proof of its origin was unacceptable: the likely reason, where
        /// nobody interferes.
        refused: Option<Alert>,
        /// The last alert that came without proof of its origin: likewise.
        alert: Option<Alert>,
    },
}
