//! What an agent reports, and the words for it.

use crate::{Candidate, GatheringError, LinkId, TurnTransport};
use ortica_core::SocketId;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// A fact about an agent. Levels coalesce: of several changes between two polls only the last is reported.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A local candidate to signal to the peer.
    LocalCandidate(Candidate),
    /// A server could not help to gather, which goes on without it.
    GatheringError(GatheringError),
    /// Gathering moved on. [`GatheringState::Complete`] follows the last candidate: signal the end of candidates.
    GatheringState(GatheringState),
    /// The state of the agent changed.
    State(State),
    /// Another pair carries the data from now on: over another route, as [`Agent::route`](crate::Agent::route) says too, or after
    /// a restart over the same one.
    Selected(Route),
    /// Something is to be done that is not a datagram.
    Io(Io),
    /// The agent ended. Comes once, and last.
    Closed(CloseReason),
}

/// Where data goes: from one of our sockets to an address of the peer.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Route {
    /// The socket to send from.
    pub socket: SocketId,
    /// Where to.
    pub remote: SocketAddr,
}

/// State of an agent.
///
/// ```text
/// New -> Checking -> Connected <-> Completed
///           |            |  ^
///           |            v  |
///           +--> Failed <-- Disconnected        any -> Closed
/// ```
///
/// `Checking` leads to `Disconnected` too, and back, where all pairs failed and the peer may have candidates to come. A restart
/// leads from `Completed` to `Connected` and from `Disconnected` or `Failed` to `Checking`.
///
/// Source: [WebRTC §5.6.4](https://www.w3.org/TR/webrtc/#rtcicetransportstate)
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum State {
    /// Gathers, or waits for the peer's candidates.
    #[default]
    New,
    /// Checks pairs and has none that works.
    Checking,
    /// Has a pair that works; a better one may still be found.
    Connected,
    /// Has selected a pair, and neither side has candidates to come.
    Completed,
    /// The pair in use stopped answering: returns by itself when it answers again, or when another pair does. Or no pair works,
    /// and candidates may be to come: returns when one does.
    Disconnected,
    /// No pair works: none was found, or consent was lost. Nothing is sent any more. Only a restart leads out of it.
    Failed,
    /// Closed by the application.
    Closed,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::New => "new",
            Self::Checking => "checking",
            Self::Connected => "connected",
            Self::Completed => "completed",
            Self::Disconnected => "disconnected",
            Self::Failed => "failed",
            Self::Closed => "closed",
        })
    }
}

/// How far gathering is.
///
/// Source: [WebRTC §5.6.3](https://www.w3.org/TR/webrtc/#rtcicegathererstate)
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum GatheringState {
    /// No socket was given yet.
    #[default]
    New,
    /// Sockets may come, or STUN servers have yet to answer.
    Gathering,
    /// There will be no further candidates.
    Complete,
}

impl fmt::Display for GatheringState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::New => "new",
            Self::Gathering => "gathering",
            Self::Complete => "complete",
        })
    }
}

/// Which side picks the pair.
///
/// Source: [RFC 8445 §6.1.1](https://www.rfc-editor.org/rfc/rfc8445#section-6.1.1)
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Role {
    /// Nominates the pair: the offerer, and always the side whose peer is lite.
    Controlling,
    /// Takes the pair that the peer nominates.
    Controlled,
}

impl Role {
    /// The other role.
    pub const fn other(self) -> Self {
        match self {
            Self::Controlling => Self::Controlled,
            Self::Controlled => Self::Controlling,
        }
    }
}

/// Something to do that is not a datagram.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Io {
    /// Resolve the `.local` name of a remote candidate by multicast DNS, or the name of a server by DNS, and answer by
    /// [`Agent::resolved`](crate::Agent::resolved).
    Resolve {
        /// Names the question in the answer.
        id: ResolveId,
        /// Lower case.
        name: String,
    },
    /// Answer multicast DNS queries for `name` with `address` while the agent lives
    /// ([`HostCandidates::Mdns`](crate::HostCandidates::Mdns)).
    Publish {
        /// A random name that ends in `.local`.
        name: String,
        /// What it stands for.
        address: IpAddr,
    },
    /// Open a TCP connection to `remote`, from the address of `socket` and any port, or with
    /// [`TcpBase::SimultaneousOpen`](crate::TcpBase::SimultaneousOpen) from its very port, and answer by
    /// [`Agent::connected`](crate::Agent::connected) or [`Agent::connection_lost`](crate::Agent::connection_lost).
    Connect {
        /// Which of our addresses.
        socket: SocketId,
        /// Where to.
        remote: SocketAddr,
    },
    /// The same to a STUN server, from the port of `socket`, which is one of
    /// [`TcpBase::SimultaneousOpen`](crate::TcpBase::SimultaneousOpen). What goes to and fro is not put into frames: one STUN message
    /// follows the other ([`turn::framing`](crate::turn::framing) cuts them).
    ConnectStun {
        /// Which of our addresses.
        socket: SocketId,
        /// Where the server is.
        remote: SocketAddr,
    },
    /// Close a TCP connection, opened or on its way, which nothing needs any more. No answer is wanted.
    Disconnect {
        /// Which of our addresses it is of.
        socket: SocketId,
        /// The peer's end.
        remote: SocketAddr,
    },
    /// Make a link to a TURN server: a UDP socket that nothing else uses, with or without DTLS on it, or a connection. Answer by
    /// [`Agent::server_connected`](crate::Agent::server_connected) or [`Agent::server_lost`](crate::Agent::server_lost).
    ConnectServer {
        /// Names the link in the answer.
        link: LinkId,
        /// Where the server is.
        remote: SocketAddr,
        /// What the link is.
        transport: TurnTransport,
        /// What the server is called: with TLS or DTLS its certificate is to be for that, a name or an address.
        name: String,
    },
    /// Close a link to a server, made or on its way, once what was to be sent has gone out. No answer is wanted.
    DisconnectServer {
        /// Which.
        link: LinkId,
    },
}

/// Names a resolution that an agent asked for.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ResolveId(pub u32);

/// Why an agent ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum CloseReason {
    /// [`Agent::close`](crate::Agent::close) was called.
    Local,
}
