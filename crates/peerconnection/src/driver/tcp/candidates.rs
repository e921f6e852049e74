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
    /// As `Listen(0)`, and each transport has a port of its own at each address, from which connections are opened to those of the other
    /// side that are of this kind, while the other side opens them to here: simultaneous open. Candidates of type `so` are signalled,
    /// and those that STUN servers see there, which they are asked over TCP: `so` and `passive`.
    ///
    /// So two sides meet where both are behind NATs, UDP does not pass, and there is no relay, if each NAT keeps a port the same
    /// whomever it sends to. It has to be asked for, as in browsers it cannot be had: it takes one listening port for each
    /// address and connection, some packets to whatever address the other side names, and both sides to do it. Of use on Unix alone;
    /// elsewhere it is `Listen(0)`.
    SimultaneousOpen,
}
