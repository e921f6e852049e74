//! STUN, ICE and mDNS candidates as a sans-IO agent.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unreachable,
        clippy::todo
    )
)]

mod ice;
pub mod mdns;
pub mod stun;

pub use ice::{
    Address, Agent, Candidate, CandidateError, CandidateId, CandidateKind, CandidateStats, CloseReason, Config,
    Credentials, CredentialsError, Event, GatheringState, HostCandidates, Io, Limits, PairId, PairState, PairStats,
    ResolveId, Role, Route, State, Stats, TcpType, Transport,
};
pub use stun::{is_stun, stun_username};
