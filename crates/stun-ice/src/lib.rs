//! STUN, TURN, ICE and mDNS candidates, sans-IO.
//!
//! [`Agent`] finds the addresses over which two peers reach each other, agrees with its counterpart on one pair of them,
//! and makes sure that the peer still wants what is sent there: [RFC 8445](https://www.rfc-editor.org/rfc/rfc8445) (full
//! and lite agents, regular nomination), [8838](https://www.rfc-editor.org/rfc/rfc8838) (trickle),
//! [8839](https://www.rfc-editor.org/rfc/rfc8839) (candidates as text), [8863](https://www.rfc-editor.org/rfc/rfc8863)
//! (patience), [8421](https://www.rfc-editor.org/rfc/rfc8421) (both IP versions),
//! [7675](https://www.rfc-editor.org/rfc/rfc7675) (consent), [6544](https://www.rfc-editor.org/rfc/rfc6544) (TCP). [`stun`] reads and writes
//! [RFC 8489](https://www.rfc-editor.org/rfc/rfc8489); [`mdns`] resolves the names that hide host addresses.
//!
//! It opens no socket and asks no clock. One agent has one component: RTP, RTCP and data share it.
//!
//! # The loop, run once
//!
//! ```
//! use ortica_core::crypto::rust_crypto;
//! use ortica_core::{Datagram, Instant, Rng, SocketId};
//! use ortica_ice::{Agent, Config, Event, Role};
//! use std::sync::Arc;
//!
//! let config = Arc::new(Config::new(rust_crypto::provider()));
//! let now = Instant::from_nanos(1_000_000_000);
//! let addresses = ["192.0.2.1:5000".parse().unwrap(), "192.0.2.2:5000".parse().unwrap()];
//! let mut agents = [1, 2].map(|seed| Agent::new(Arc::clone(&config), Rng::from_number(seed), now));
//! agents[0].set_role(now, Role::Controlling);
//!
//! // The driver has bound a socket each, and will bind no more.
//! for (agent, address) in agents.iter_mut().zip(addresses) {
//!     agent.add_socket(now, SocketId(0), address);
//!     agent.end_of_sockets(now);
//! }
//! // Signalling carries credentials, candidates as they come, and their end.
//! for (from, to) in [(0, 1), (1, 0)] {
//!     let credentials = agents[from].local_credentials().clone();
//!     agents[to].set_remote_credentials(now, credentials, false)?;
//!     while let Some(event) = agents[from].poll_event() {
//!         if let Event::LocalCandidate(candidate) = event {
//!             agents[to].add_remote_candidate(now, candidate.to_string().parse()?)?;
//!         }
//!     }
//!     agents[to].end_of_remote_candidates(now);
//! }
//! // Datagrams go from one to the other until neither has anything to send. (Here they take no time; a driver also calls
//! // `handle_timeout` when `poll_timeout` says.)
//! let mut out = Vec::new();
//! for turn in [0, 1, 0, 1, 0, 1] {
//!     let [a, b] = &mut agents;
//!     let (from, to) = if turn == 0 { (a, b) } else { (b, a) };
//!     while let Some(transmit) = from.poll_transmit(now, 1, &mut out) {
//!         to.handle_datagram(now, Datagram::single(transmit.socket, addresses[turn], &mut out));
//!         out.clear();
//!     }
//! }
//! assert_eq!(agents[0].route().unwrap().remote, addresses[1]);
//! assert_eq!(agents[1].route().unwrap().remote, addresses[0]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Modules
//!
//! | where | what |
//! |---|---|
//! | [`Agent`] and the items beside it | ICE |
//! | [`stun`] | messages, their integrity and fingerprint |
//! | [`behavior`] | what a NAT does, by RFC 5780 |
//! | [`mdns`] | a resolver and responder for `.local` names |
//! | [`turn`] | packets by way of a server: client and server |
//! | [`framing`] | packets on a stream, for TCP |
//!
//! # What it is not
//!
//! A driver: that is `ortica`.
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

pub mod behavior;
pub mod framing;
mod ice;
pub mod mdns;
pub mod stun;
pub mod turn;

pub use ice::{
    Address, Agent, Candidate, CandidateError, CandidateId, CandidateKind, CandidateStats, CertificateFault,
    CloseReason, Config, ConnectionError, Credentials, CredentialsError, Event, GatherOptions, GatheringError,
    GatheringState, HostCandidates, Io, Limits, LinkId, PairFailure, PairId, PairState, PairStats, ResolveId, Role,
    Route, State, Stats, StunServer, TcpBase, TcpType, Transport, TransportPolicy, TurnServer, TurnTransport,
    Unwrapped,
};
pub use stun::{is_stun, stun_answer, stun_username};
