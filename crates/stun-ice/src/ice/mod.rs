//! The ICE agent.

mod agent;
mod candidate;
mod config;
mod credentials;
mod event;
mod stats;

pub use agent::Agent;
pub use candidate::{Address, Candidate, CandidateError, CandidateKind, TcpType, Transport};
pub use config::{Config, HostCandidates, Limits};
pub use credentials::{Credentials, CredentialsError};
pub use event::{CloseReason, Event, GatheringState, Io, ResolveId, Role, Route, State};
pub use stats::{CandidateId, CandidateStats, PairId, PairState, PairStats, Stats};
