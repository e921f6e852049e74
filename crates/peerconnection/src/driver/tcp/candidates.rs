//! What an endpoint does over TCP.

/// Whether ICE uses TCP, where UDP does not get through: see [RFC 6544](https://www.rfc-editor.org/rfc/rfc6544). Any pair of
/// addresses that UDP works on is preferred.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum TcpCandidates {
    /// Not at all: candidates of TCP come to nothing.
    Off,
    /// Connections are opened to where the other side listens, as browsers do. This side signals nothing of it.
    #[default]
    Connect,
    /// The same, and this side listens on this port of each of its addresses for all its connections, or on free ones with zero.
    /// Candidates of both kinds are signalled.
    Listen(u16),
}
