//! The purposes of ETSI TS 102 369, each as a script under its own name. What is left out, and why:
//! `docs/sctp-conformance.md`.

#[path = "../common/mod.rs"]
mod common;

mod acknowledgement;
mod bundling;
mod data;
mod duplicate;
mod error;
mod fault;
mod invalid;
mod miscellaneous;
mod retransmission;
mod setup;
mod termination;
