//! SRTP and SRTCP for WebRTC: a pure transform with replay protection. It knows no sockets, no clock and no queue.
//!
//! A [`Context`] holds the keys of **one direction** and what has to be remembered per SSRC. It is made once DTLS has
//! agreed on a [`Profile`] and exported the keys; then each packet goes through it once:
//!
//! ```
//! use ortica_core::crypto::rust_crypto;
//! use ortica_srtp::{Context, Limits, Profile, UnprotectError};
//!
//! let (profile, key, salt) = (Profile::AeadAes128Gcm, [7; 16], [9; 12]);
//! let mut sender = Context::new(&rust_crypto::provider(), profile, &key, &salt, Limits::default())?;
//! let mut receiver = Context::new(&rust_crypto::provider(), profile, &key, &salt, Limits::default())?;
//!
//! // Version 2, payload type 96, sequence number 1, timestamp 2, SSRC 3; the payload may come in parts.
//! let header = [0x80, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
//! let mut packet = Vec::new();
//! let len = sender.protect_rtp(&header, &[b"hel", b"lo"], &mut packet)?;
//! assert_eq!(len, header.len() + 5 + profile.rtp_overhead());
//!
//! let mut received = packet.clone();
//! let len = receiver.unprotect_rtp(&mut received)?;
//! assert_eq!(&received[..len], [&header[..], b"hello"].concat());
//!
//! // A second copy of it is no use to whoever sends it.
//! assert_eq!(receiver.unprotect_rtp(&mut packet), Err(UnprotectError::Replayed));
//! assert_eq!(receiver.stats().replayed, 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | module | what | source |
//! |---|---|---|
//! | `context` | the order of checks, streams, key lifetimes | RFC 3711 §3.3, §9.2 |
//! | `profile` | what DTLS negotiates, and its lengths | RFC 5764 §4.1.2, RFC 7714 §14.2 |
//! | `key_derivation` | session keys from a master key | RFC 3711 §4.3 |
//! | `rollover` | 48 bits of index from 16 bits of sequence number | RFC 3711 §3.3.1 |
//! | `replay` | which indices were seen | RFC 3711 §3.3.2 |
//! | `stream` | what is remembered per SSRC, and how much of it | |
//! | `cipher` | AES-CM with HMAC-SHA1, AES-GCM | RFC 3711 §4, RFC 7714 |
//! | `cryptex` | header extensions and contributing sources encrypted too | RFC 9335 |
//!
//! Not here: choosing SSRCs and first sequence numbers (those below 2^15 keep a receiver that misses the first packets
//! from guessing the rollover counter wrong), keys by SDES, MKI, and extensions that
//! are encrypted one by one (RFC 6904), of which RFC 9335 took the place.
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

mod cipher;
mod context;
mod cryptex;
mod key_derivation;
mod profile;
mod replay;
mod rollover;
mod stream;
#[cfg(test)]
mod vectors;

pub use context::{Context, ContextError, Cryptex, MAX_PACKET_LEN, ProtectError, RolloverError, Stats, UnprotectError};
pub use profile::Profile;
pub use stream::Limits;
