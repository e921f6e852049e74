//! TURN: packets by way of a server, where nothing goes directly.
//!
//! | where | what |
//! |---|---|
//! | [`Client`] | one allocation on one server: relayed addresses, permissions, channels |
//! | [`DataConnection`] | a connection to the server that becomes one to a peer, where peers are reached by TCP |
//! | [`ChannelData`] | the four bytes before what a channel carries |
//! | [`framing`] | both kinds of packets on a stream |
//! | [`Redirects`] | how often a server may send to another one |
//! | [`Server`] | the other end, for tests and small deployments; a STUN server as well |
//!
//! Source: [RFC 8656](https://www.rfc-editor.org/rfc/rfc8656), [RFC 6062](https://www.rfc-editor.org/rfc/rfc6062)

mod channel;
mod client;
mod connection;
mod error;
pub mod framing;
mod redirects;
mod server;

pub use channel::{ChannelData, ChannelNumber, is_channel_data};
pub use client::{
    Client, ClientConfig, ClientEvent, ClientStats, Credential, DataConnection, DataConnectionEvent, FromPeer,
};
pub use connection::{ConnectionId, PeerTransport};
pub use error::{ConnectError, TurnError};
pub use redirects::Redirects;
pub use server::{
    PeerPolicy, Prefix, PrefixError, RelayId, Server, ServerConfig, ServerEvent, ServerLimits, ServerStats,
    StaticUsers, TimeLimitedUsers, Users,
};

/// The families of REQUESTED-ADDRESS-FAMILY and ADDITIONAL-ADDRESS-FAMILY.
const IPV6: u8 = 2;

#[cfg(test)]
mod tests;
