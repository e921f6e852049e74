//! Deterministic network simulation and contract checks for the tests of ortica.
//!
//! Nothing here opens a port, sleeps or asks a clock: packets cross [`Link`]s in virtual time, and one seed gives one run.
//!
//! | to test | use |
//! |---|---|
//! | two machines against each other | [`Pair`] |
//! | several machines, NATs, several interfaces, shared bottlenecks | [`Swarm`] over a [`Network`] |
//! | the ways in which hosts are connected: eight kinds of [`Access`] | [`Access::connect`] |
//! | what was on the wire, in Wireshark | [`Pcap`] |
//! | that a machine keeps the sans-IO contract | [`contract::check`] |
//!
//! An edge machine (ICE, the engine), which speaks datagrams with addresses, takes part through [`Endpoint`]; an inner one
//! (DTLS, SCTP), which speaks packets, through [`Machine`] and [`Packets`].
//!
//! ```
//! use netsim::{Link, Machine, Pair};
//! use ortica_core::Instant;
//! use std::time::Duration;
//!
//! /// Says hello once a second.
//! struct Greeter { next: Instant, due: bool, greeted: bool }
//!
//! impl Machine for Greeter {
//!     fn handle_packet(&mut self, _now: Instant, packet: &mut [u8]) {
//!         self.greeted |= packet == b"hello";
//!     }
//!     fn handle_timeout(&mut self, now: Instant) {
//!         if self.next <= now {
//!             self.due = true;
//!             self.next = now + Duration::from_secs(1);
//!         }
//!     }
//!     fn poll_packet(&mut self, _now: Instant, out: &mut Vec<u8>) -> Option<usize> {
//!         std::mem::take(&mut self.due).then(|| { out.extend_from_slice(b"hello"); 5 })
//!     }
//!     fn poll_timeout(&self) -> Option<Instant> { Some(self.next) }
//! }
//!
//! let greeter = || Greeter { next: netsim::epoch(), due: false, greeted: false };
//! let link = Link::with_delay(Duration::from_millis(25)).lossy(0.3);
//! let mut pair = Pair::of_machines(7, link, greeter(), greeter());
//! pair.run_until(Duration::from_secs(60), |a, b| a.machine.greeted && b.machine.greeted).unwrap();
//! ```
#![forbid(unsafe_code)]

mod access;
pub mod contract;
mod flight;
mod link;
mod machine;
mod nat;
mod network;
mod pair;
mod pcap;
mod runner;
mod stream;
mod swarm;
mod trace;

pub use access::{Access, Site};
pub use link::{Fate, Lane, Link, Loss, Lost, OVERHEAD};
pub use machine::{Endpoint, Event, Machine, Packets};
pub use nat::{Dependence, Nat, Ports};
pub use network::{Filter, LinkId, NatId, Network, NodeId, Verdict};
pub use pair::Pair;
pub use pcap::Pcap;
pub use runner::Stalled;
pub use swarm::Swarm;
pub use trace::{Crossing, Hash, Stats, Tap, What};

use ortica_core::{Instant, NtpTime, WallClock};
use std::time::Duration;

/// When virtual time starts: an hour after the clock's zero, so that a machine which subtracts has room and one which takes
/// zero for "now" is caught.
pub const fn epoch() -> Instant {
    Instant::from_nanos(3_600_000_000_000)
}

/// The wall clock of virtual time: it is midnight of 1 January 2026, UTC, at [`epoch`].
pub const fn wall_clock() -> WallClock {
    WallClock::new(epoch(), NtpTime::from_unix(unix_epoch()))
}

/// Time since the Unix epoch at [`epoch`].
pub const fn unix_epoch() -> Duration {
    Duration::from_secs(1_767_225_600)
}
