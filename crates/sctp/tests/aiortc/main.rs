//! Behaviours of SCTP that aiortc tests in its `test_rtcsctptransport.py`, by its names for them. Where another test of
//! ours shows one already, or none does: `docs/aiortc.md`.

#[path = "../common/mod.rs"]
mod common;

mod abandon;
mod congestion;
mod connect;
mod receive;
mod reset;
mod stream;
