//! ICE over TCP: connections in place of datagrams.
//!
//! A connection is known by the socket of ours that it belongs to and the peer's address, as a pair is: a socket of
//! [`TcpBase::Active`] opens them, one of [`TcpBase::Passive`] takes them, and one of [`TcpBase::SimultaneousOpen`] does both at one
//! port. So the packets of a connection go and come like datagrams, once it is there; whoever owns the connection puts them into
//! frames ([`framing`](crate::framing)).
//!
//! An active pair opens its connection when its turn to be checked comes, and its check goes out when the connection is there. A
//! passive one is made when a check comes in: nobody can wait for it (RFC 6544 §6.2 prunes it). Each check is sent once, since TCP
//! repeats what gets lost (§7.1). When a pair is selected, all connections but its own are closed (§8); one that is lost fails its
//! pairs, and a pair that was selected opens another one (§11.1), again and again as [`Reopening`] says.
//!
//! # Simultaneous open
//!
//! Both sides connect from the port of their candidate to that of the other. A NAT that keeps the mapping of a port whatever the
//! destination is lets that through: the SYN that leaves opens it for the one that comes. A connection is known by its two ports and
//! addresses, which are the same from either side, so that a pair has one connection, whoever's SYN came first: where they crossed, the
//! kernels make one of them; where the peer's came before ours was sent, the port that listens takes it, and nothing is left to be
//! opened. Whoever owns the connections reports either as the one that was asked for.
//!
//! Where the peer sees such a port, STUN servers say over a connection from there ([`Io::ConnectStun`](super::Io::ConnectStun)), which
//! stays until a pair is selected (§11.2). That address makes two candidates, since the port takes connections too: `so`, and
//! `passive` for peers that know nothing else. A port that several agents listen at is not asked about: two connections
//! to one server from one port cannot be.
//!
//! Any candidate of UDP is preferred to any of TCP, but for those of relays.
//!
//! Source: [RFC 6544](https://www.rfc-editor.org/rfc/rfc6544)

mod agent;
mod connections;
mod ports;
mod priority;
mod reopening;

pub(super) use connections::{Connections, End};
pub(super) use ports::is_blocked;
pub(super) use priority::priority;
pub(super) use reopening::Reopening;

use super::{Candidate, CandidateKind, CertificateFault, TcpType, TurnTransport};
use thiserror::Error;

/// The port of a candidate that opens connections: each gets a port of its own.
///
/// Source: [RFC 6544 §4.5](https://www.rfc-editor.org/rfc/rfc6544#section-4.5)
pub(super) const ACTIVE_PORT: u16 = 9;

/// What a host does over TCP from one of its addresses.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum TcpBase {
    /// It opens connections to the peer's passive candidates.
    Active {
        /// Whether the peer is told of it by a candidate. It need not be: an active candidate leads nowhere, and who connects from
        /// it is known by the first check.
        signalled: bool,
    },
    /// It takes connections at a port that is signalled.
    Passive,
    /// It opens connections from a port that is signalled, to ports of the peer that do the same, and takes them there too. No other
    /// agent uses that port. Lite agents have no use for it (RFC 6544 §4.4).
    SimultaneousOpen,
}

impl TcpBase {
    pub(super) const fn tcp_type(self) -> TcpType {
        match self {
            Self::Active { .. } => TcpType::Active,
            Self::Passive => TcpType::Passive,
            Self::SimultaneousOpen => TcpType::SimultaneousOpen,
        }
    }
}

/// What the candidates of a socket go over.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Base {
    Udp,
    Tcp(TcpBase),
    /// An address that a TURN server lends, and how that is reached.
    Relay(TurnTransport),
}

impl Base {
    pub fn tcp_type(self) -> Option<TcpType> {
        match self {
            Self::Udp | Self::Relay(_) => None,
            Self::Tcp(base) => Some(base.tcp_type()),
        }
    }

    /// Packets leave from it by UDP, and come so.
    pub fn is_udp(self) -> bool {
        !matches!(self, Self::Tcp(_))
    }

    /// What the candidate is whose address is its own.
    pub fn kind(self) -> CandidateKind {
        match self {
            Self::Udp | Self::Tcp(_) => CandidateKind::Host,
            Self::Relay(_) => CandidateKind::Relayed,
        }
    }

    pub fn is_active(self) -> bool {
        self.tcp_type() == Some(TcpType::Active)
    }

    /// Connections come in there.
    pub fn takes_connections(self) -> bool {
        matches!(self, Self::Tcp(TcpBase::Passive | TcpBase::SimultaneousOpen))
    }

    /// Whether the connection of a pair with such a candidate is opened from here. One that nobody signalled is there because of its own
    /// connection.
    pub fn opens_to(self, remote: &Candidate, signalled: bool) -> bool {
        match self {
            Self::Udp | Self::Relay(_) | Self::Tcp(TcpBase::Passive) => false,
            Self::Tcp(TcpBase::Active { .. }) => true,
            Self::Tcp(TcpBase::SimultaneousOpen) => signalled && remote.tcp_type == Some(TcpType::SimultaneousOpen),
        }
    }

    /// The priority of a candidate of this kind, with the preference that its address has among those of its sort.
    pub fn priority(self, kind: CandidateKind, preference: u16) -> u32 {
        match self.tcp_type() {
            None => kind.priority(preference),
            Some(tcp_type) => priority(kind, tcp_type, preference),
        }
    }
}

/// Why there is no connection, or none any more.
#[derive(Clone, Copy, Debug, Eq, Error, Hash, PartialEq)]
#[non_exhaustive]
pub enum ConnectionError {
    /// Nobody takes connections there.
    #[error("the connection was refused")]
    Refused,
    /// It did not come about in time, or nothing came over it for long.
    #[error("the connection timed out")]
    TimedOut,
    /// The system knows no way there, or has no means left.
    #[error("the connection could not be made")]
    Unreachable,
    /// The other side closed or reset it.
    #[error("the connection was closed by the other side")]
    Closed,
    /// What came first was no STUN message: the other side is none of ICE.
    #[error("the other side does not speak ICE")]
    NotIce,
    /// The relay does not send to the peer.
    #[error("the relay does not send there")]
    NotPermitted,
    /// What came is no message of TURN.
    #[error("the other side does not speak TURN")]
    NotTurn,
    /// This build does not speak what it takes, TLS or DTLS.
    #[error("TLS is not spoken")]
    NotSpoken,
    /// The certificate of the other side does not show that it is who it is to be.
    #[error("TLS failed: {0}")]
    Certificate(CertificateFault),
    /// The other side did not show that it is who it is to be.
    #[error("TLS failed: the other side does not speak it, or shows no certificate that is trusted")]
    Untrusted,
    /// This side closed it, since another pair carries the data.
    #[error("the connection was not needed")]
    Unneeded,
}
