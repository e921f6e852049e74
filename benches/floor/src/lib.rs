//! The least that a packet can cost on this machine, for those who want to compare.

pub mod compute;
#[cfg(unix)]
pub mod runtime;
pub mod udp;

use std::time::Duration;

/// A full DTLS datagram of data, as ortica sends it over a path of unknown MTU.
pub const PACKET: usize = 1225;

/// Of many times, what is usual and what is slow.
#[derive(Clone, Copy, Debug, Default)]
pub struct Percentiles {
    /// Half are shorter.
    pub median: Duration,
    /// One in a hundred is longer.
    pub high: Duration,
}

impl Percentiles {
    /// Of no times: zero.
    pub fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let at = |share: usize| times.get(times.len() * share / 100).copied().unwrap_or_default();
        Self { median: at(50), high: at(99) }
    }
}
