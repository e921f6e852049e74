//! Relayed candidates: what TURN servers lend an agent.
//!
//! An allocation goes over a link of its own: a UDP socket, with or without DTLS on it, or a stream to one server, which the
//! driver makes when it is asked ([`Io::ConnectServer`](super::Io::ConnectServer)). UDP sockets are not shared with other
//! candidates, since a server tells allocations apart by their five-tuple, and agents that share a socket would be one to it.
//!
//! Each relayed address is a socket to the rest of the agent, with an id of its own that no driver hands out. Pairs, routes and
//! counters know nothing else; what is to go out from there is wrapped for the server ([`Agent::wrap`](super::Agent::wrap)), and
//! what came from the server is unwrapped ([`Agent::unwrap`](super::Agent::unwrap)).
//!
//! | file | what |
//! |---|---|
//! | `allocation` | one allocation, from the wish to the end |
//! | `allocations` | those of an agent, which outlive a restart |
//! | `wishes` | the servers that a generation asks |
//! | `candidate` | what a generation makes of them |
//! | `agent` | what the caller says and hears |
//!
//! Source: [RFC 8445 §5.1.1](https://www.rfc-editor.org/rfc/rfc8445#section-5.1.1),
//! [RFC 8656](https://www.rfc-editor.org/rfc/rfc8656)

mod agent;
mod allocation;
mod allocations;
mod candidate;
mod wishes;

pub use agent::Unwrapped;
pub(super) use allocations::Allocations;
pub(super) use wishes::Wishes;

/// Names a link to a TURN server that an agent asked for.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct LinkId(pub u32);
