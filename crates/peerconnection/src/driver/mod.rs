//! The driver: the only place with sockets and clocks.
//!
//! An [`Endpoint`] is one task with its sockets, one timer queue and a table of sessions. Handles and endpoint share
//! each session's own mutex: lock, talk to the engine, wake, unlock; never across an await, and never those of two
//! sessions at once. The endpoint sends, but for a short message that nothing is before: it goes out from the call that
//! sends it.

mod at_once;
mod batch;
mod cell;
mod clock;
mod endpoint;
mod extra_sockets;
mod handshakes;
mod interfaces;
mod lookup;
mod mdns;
mod nat_behavior;
mod network;
mod readable;
#[cfg(test)]
mod refusals;
mod route;
mod servers;
mod socket;
#[cfg(feature = "turn-tls")]
mod stun_stream;
mod tcp;
mod waiters;

pub use endpoint::{Endpoint, EndpointConfig, EndpointStats};
pub use interfaces::NetworkInterface;
pub use nat_behavior::{NatBehaviorError, nat_behavior};
#[cfg(feature = "turn-tls")]
pub use stun_stream::{StreamMapping, StunStreamError, stun_over_tcp, stun_over_tls};
pub use tcp::TcpCandidates;

pub(crate) use cell::{Cell, Sending};
pub(crate) use servers::Trust;
pub(crate) use waiters::{Interest, Ticket};
