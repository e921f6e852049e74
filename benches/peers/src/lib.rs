//! The same transfer through several WebRTC stacks: what a stack's program shares with the others.
//!
//! Each stack has a program under `bin/` that makes connections ([`Stack`]) and runs what this crate hands it: messages to send
//! ([`Load`]), a place where they arrive ([`Sink`]), round trips ([`Pings`]). [`main`] measures one thing per process and prints it
//! as a line of JSON; `ortica-bench-peers` runs the programs and makes the tables.

mod job;
mod load;
mod pings;
mod process;
mod server_hello;
mod stack;
mod wire;

pub use job::{Job, Kind};
pub use load::{HIGH, LOW, Load, Message, Sink};
pub use pings::{PING, Pings};
pub use process::{cpu_time, peak_memory};
pub use stack::{Answerer, BULK, GOODBYE, Offerer, Stack, main};
pub use wire::{Wire, wires};
