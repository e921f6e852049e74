//! Connections of TCP with peers, by their numbers.

/// The number of a connection with a peer, by which the server knows what a connection of the client's is for.
///
/// Source: [RFC 6062 §6.2.1](https://www.rfc-editor.org/rfc/rfc6062#section-6.2.1)
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ConnectionId(u32);

impl ConnectionId {
    pub(super) const MIN: Self = Self(0);
    pub(super) const MAX: Self = Self(u32::MAX);

    /// One of that number, any.
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The number.
    pub const fn get(self) -> u32 {
        self.0
    }
}

/// What a server speaks to peers.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum PeerTransport {
    /// UDP: packets, by indications and channels.
    #[default]
    Udp,
    /// TCP: a connection for each peer, and one between client and server for each of them.
    ///
    /// Source: [RFC 6062](https://www.rfc-editor.org/rfc/rfc6062)
    Tcp,
}

impl PeerTransport {
    /// The number of the protocol, for REQUESTED-TRANSPORT.
    pub(super) const fn number(self) -> u8 {
        match self {
            Self::Udp => 17,
            Self::Tcp => 6,
        }
    }

    /// What a number stands for.
    pub(super) const fn of_number(number: u8) -> Option<Self> {
        match number {
            17 => Some(Self::Udp),
            6 => Some(Self::Tcp),
            _ => None,
        }
    }
}
