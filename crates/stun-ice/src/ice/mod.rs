//! The ICE agent.
//!
//! [`Agent`] is what the caller sees. Behind it are two parts: `shared`, which outlives a restart (sockets, role, pace,
//! events on their way), and up to three [`generation`]s, which a restart replaces (credentials, candidates, pairs). What a
//! generation does is spread over the files by subject:
//!
//! | file | what |
//! |---|---|
//! | `state` | what is reported of all this |
//! | `earlier` | generations that a restart replaced |
//! | `local`, `remote` | candidates, and the pairs they make |
//! | `pair`, `checklist` | one pair, and all of them in order |
//! | `request`, `response` | what the peer sends |
//! | `transmit` | what is sent, and when |
//! | `nomination`, `renomination` | which pair is selected, and whether another one is later |
//! | `consent` | whether it still works, and may be used |
//! | `servers`, `gather` | STUN servers, and what they are asked |
//! | `tcp` | connections in place of datagrams |
//! | `relay` | TURN servers, and what they lend |
//! | `traffic` | what pairs carried beside checks |

mod address;
mod agent;
mod candidate;
mod certificate_fault;
mod checklist;
mod config;
mod consent;
mod credentials;
mod earlier;
mod event;
mod gather;
mod generation;
mod local;
mod nomination;
mod pair;
mod relay;
mod remote;
mod renomination;
mod request;
mod response;
mod rest;
mod servers;
mod shared;
mod state;
mod stats;
mod tcp;
mod traffic;
mod transaction;
mod transmit;

pub use agent::Agent;
pub use candidate::{Address, Candidate, CandidateError, CandidateKind, TcpType, Transport};
pub use certificate_fault::CertificateFault;
pub use config::{Config, HostCandidates, Limits};
pub use credentials::{Credentials, CredentialsError};
pub use event::{CloseReason, Event, GatheringState, Io, ResolveId, Role, Route, State};
pub use relay::{LinkId, Unwrapped};
pub use servers::{GatherOptions, GatheringError, StunServer, TransportPolicy, TurnServer, TurnTransport};
pub use stats::{CandidateId, CandidateStats, PairFailure, PairId, PairState, PairStats, Stats};
pub use tcp::{ConnectionError, TcpBase};
pub use traffic::Traffic;

#[cfg(test)]
mod tests;
