//! Behaviours that dcSCTP tests, by its names for them; one file here for each of its own. Where another test of ours shows
//! one already, or none does: `docs/sctp-conformance.md`.

#[path = "../common/mod.rs"]
mod common;

mod data_tracker;
mod reassembly_queue;
mod retransmission_queue;
mod send_queue;
mod socket;
mod socket_messages;
mod socket_streams;
mod stream_reset;
