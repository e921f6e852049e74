//! DTLS for WebRTC as a sans-IO connection.
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

mod alert;
mod certificate;
mod cipher_suite;
mod client;
mod config;
mod connection;
mod der;
mod early;
mod event;
mod exporter;
mod extension;
mod fingerprint;
mod handshake;
mod key_log;
mod key_schedule;
mod message;
mod record;
mod server;
mod server_identity;
mod srtp;
mod stats;
#[cfg(test)]
mod tests;
mod verified;

pub use alert::Alert;
pub use certificate::{Certificate, CertificateError, CertificateOptions};
pub use cipher_suite::{CipherSuite, Version};
pub use config::{Config, Limits, Role};
pub use connection::{Connection, RecordStart, SealError};
pub use event::{CloseReason, Event};
pub use exporter::ExportError;
pub use fingerprint::{Fingerprint, FingerprintError};
pub use key_log::KeyLogEntry;
pub use server_identity::{ChainError, ChainVerifier, ServerIdentity};
pub use srtp::{SrtpKeys, SrtpProfile};
pub use stats::Stats;
pub use verified::Verified;
