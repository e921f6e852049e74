//! What every layer of ortica shares; it knows no protocol.
//!
//! The protocol crates are sans-IO: they are told the time, the bytes and the randomness, and say what is to be sent and
//! when to be called next. This crate holds the words of that conversation:
//!
//! | module | what |
//! |---|---|
//! | [`net`] | [`Datagram`] comes in, [`Transmit`] goes out, both in batches |
//! | [`time`] | [`Instant`], [`Timers`], [`NtpTime`], [`WallClock`] |
//! | [`rate`] | [`Bitrate`] |
//! | [`rng`] | [`Rng`], a seeded generator that forks by name |
//! | [`wire`] | [`Reader`], [`Writer`], [`DecodeError`] |
//! | [`crypto`] | [`CryptoProvider`](crypto::CryptoProvider) and its backends |
//!
//! Something enters here once three crates want it and its name mentions no protocol.
#![forbid(unsafe_code)]

pub mod crypto;
pub mod net;
pub mod rate;
pub mod rng;
pub mod time;
pub mod wire;

pub use net::{Datagram, Ecn, SocketId, Transmit};
pub use rate::Bitrate;
pub use rng::Rng;
pub use time::{Instant, NtpTime, Timers, WallClock};
pub use wire::{DecodeError, Reader, Writer};
