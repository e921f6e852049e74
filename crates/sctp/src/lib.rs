//! SCTP over DTLS and the data channel protocol as a sans-IO association.
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

mod association;
mod chunk;
mod config;
mod cookie;
pub mod dcep;
mod error_cause;
mod event;
mod id;
mod message;
mod packet;
pub mod ppid;
mod stats;
mod wire;

pub use association::{Association, Scheduler, check_init_chunk};
pub use config::{Config, CongestionControl, Limits};
pub use event::{CloseReason, Event};
use id::{Mid, Number};
pub use id::{Ssn, StreamId, Tsn};
pub use message::{ConnectError, Message, Reliability, ResetError, SendError, SendOptions, SendRefusal, Undelivered};
pub use ppid::Ppid;
pub use stats::{Agreed, Path, Stats};
