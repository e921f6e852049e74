//! What crossed the network: a running hash, counters, and a tap for tests that want to look.

use crate::link::Lost;
use ortica_core::{Ecn, Instant};
use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// One packet at one point of its way.
#[derive(Clone, Copy, Debug)]
pub struct Crossing<'a> {
    /// When.
    pub at: Instant,
    /// Source address as seen at this point, so behind a NAT its outer address.
    pub from: SocketAddr,
    /// Destination address as seen at this point.
    pub to: SocketAddr,
    /// The ECN mark it carries.
    pub ecn: Ecn,
    /// Where on its way it is.
    pub what: What,
    /// The UDP payload.
    pub bytes: &'a [u8],
}

/// Where on its way a packet is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum What {
    /// It was sent.
    Sent,
    /// It was handed to the receiver.
    Delivered,
    /// It will not arrive.
    Lost(Lost),
}

/// Counters of a whole network.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Stats {
    /// Packets sent.
    pub sent: u64,
    /// UDP payload bytes sent.
    pub sent_bytes: u64,
    /// Packets handed to a receiver, duplicates included.
    pub delivered: u64,
    /// UDP payload bytes handed to a receiver.
    pub delivered_bytes: u64,
    /// Packets that a link delivered twice.
    pub duplicated: u64,
    /// Packets that did not arrive, by reason.
    pub lost: BTreeMap<Lost, u64>,
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} sent, {} delivered, {} doubled", self.sent, self.delivered, self.duplicated)?;
        for (reason, count) in &self.lost {
            write!(f, ", {count} lost ({reason:?})")?;
        }
        Ok(())
    }
}

/// A tap: is shown every [`Crossing`].
pub type Tap = Box<dyn FnMut(&Crossing<'_>)>;

#[derive(Default)]
pub(crate) struct Trace {
    pub(crate) stats: Stats,
    pub(crate) tap: Option<Tap>,
    hash: Hash,
}

impl Trace {
    pub(crate) fn record(&mut self, crossing: &Crossing<'_>) {
        let len = crossing.bytes.len() as u64;
        match crossing.what {
            What::Sent => {
                self.stats.sent += 1;
                self.stats.sent_bytes += len;
            }
            What::Delivered => {
                self.stats.delivered += 1;
                self.stats.delivered_bytes += len;
            }
            What::Lost(reason) => *self.stats.lost.entry(reason).or_default() += 1,
        }
        if !matches!(crossing.what, What::Lost(_)) {
            self.hash.number(crossing.at.as_nanos());
            self.hash.address(crossing.from);
            self.hash.address(crossing.to);
            self.hash.number(crossing.ecn as u64);
            self.hash.bytes(crossing.bytes);
        }
        if let Some(tap) = &mut self.tap {
            tap(crossing);
        }
    }

    pub(crate) fn hash(&self) -> u64 {
        self.hash.0
    }
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trace").field("stats", &self.stats).field("hash", &self.hash).finish_non_exhaustive()
    }
}

/// A hash over a sequence of values, the same in every build and on every machine, which the standard library's hashers
/// do not promise. It compares two runs; it withstands nobody.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Hash(pub u64);

impl Default for Hash {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hash {
    /// Takes in `bytes` and their length.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.number(u64::from_le_bytes(*word));
        }
        for byte in rest {
            self.number(u64::from(*byte));
        }
    }

    /// Takes in a number.
    pub fn number(&mut self, number: u64) {
        self.0 = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    }

    /// Takes in an address.
    pub fn address(&mut self, address: SocketAddr) {
        match address.ip() {
            IpAddr::V4(ip) => self.number(u64::from(ip.to_bits())),
            IpAddr::V6(ip) => self.bytes(&ip.octets()),
        }
        self.number(u64::from(address.port()));
    }
}
