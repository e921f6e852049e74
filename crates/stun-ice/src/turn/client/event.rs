//! What a client reports.

use crate::turn::{ConnectionId, TurnError};
use arrayvec::ArrayVec;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::time::Duration;

/// What happened. [`Alternate`](Self::Alternate), [`Failed`](Self::Failed) and [`Closed`](Self::Closed) are the last event of a
/// client, which does nothing any more after it.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ClientEvent {
    /// There is an allocation; a new one with new addresses when one was [`Lost`](Self::Lost).
    Allocated {
        /// What peers send to: one address, or one of each family.
        relayed: ArrayVec<SocketAddr, 2>,
        /// Where the server sees the client.
        mapped: SocketAddr,
    },
    /// The server has connected to a peer, as it was [asked to](super::Client::connect): a
    /// [data connection](super::Client::data_connection) of that number becomes the one to the peer.
    Connected {
        /// The peer.
        peer: SocketAddr,
        /// The number.
        connection: ConnectionId,
    },
    /// The server has no connection to a peer that it was asked for.
    ConnectRefused {
        /// The peer.
        peer: SocketAddr,
        /// The code of the answer: 403 (not allowed), 443 (address family), 446 (there is one), 447 (it cannot be reached, or no right
        /// answer came), 508 (capacity) and others.
        code: u16,
    },
    /// A peer that is [permitted](super::Client::permit) has connected to the relayed address. It waits 30 s for a
    /// [data connection](super::Client::data_connection); without one the server closes it.
    ConnectionAttempt {
        /// The peer.
        peer: SocketAddr,
        /// The number.
        connection: ConnectionId,
    },
    /// The server has forgotten the allocation, or does not answer. The relayed addresses are void, as are
    /// connections to peers; another allocation is being made.
    Lost,
    /// The server allows nothing to and from a peer, or gives it no channel; what was permitted before stays so until it ends.
    PeerRefused {
        /// The peer.
        peer: IpAddr,
        /// The code of the answer: 403, 443, 486, 508 and others.
        code: u16,
    },
    /// Another server is to be asked, over the same transport: see [`Redirects`](crate::turn::Redirects).
    Alternate {
        /// Where it is.
        server: SocketAddr,
        /// Its name, for its certificate.
        domain: Option<String>,
    },
    /// There is no allocation, and will be none.
    Failed(TurnError),
    /// What [`close`](super::Client::close) began is done.
    Closed,
}

/// What a peer sent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FromPeer {
    /// Who.
    pub peer: SocketAddr,
    /// Where it is in the server's packet.
    pub data: Range<usize>,
}

/// Counters of a client.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct ClientStats {
    /// Requests sent, each time.
    pub requests_sent: u64,
    /// Answers without a right integrity.
    pub responses_forged: u64,
    /// Packets that meant nothing: malformed, answers to nothing, from peers and channels nobody asked for.
    pub packets_dropped: u64,
    /// From the last request that was sent once to its answer.
    pub round_trip: Option<Duration>,
}
