//! The stacks of others that run in this process.

mod dcsctp;
mod sctp_proto;

pub use self::sctp_proto::SctpProto;

use self::dcsctp::Dcsctp;
use crate::stack::{Offer, Stack};

/// Whose stack it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Peer {
    Dcsctp,
    SctpProto,
}

/// What a check needs of the peer and not every peer has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ability {
    Abort,
    Interleaving,
    SetUpBySignalling,
    ZeroChecksum,
}

impl Peer {
    pub const ALL: [Self; 2] = [Self::Dcsctp, Self::SctpProto];

    /// Its name and version, as Cargo.toml has them.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dcsctp => "dcsctp 0.1.16",
            Self::SctpProto => "sctp-proto 0.10.8",
        }
    }

    pub fn make(self, seed: u64, offer: Offer) -> Box<dyn Stack> {
        match self {
            Self::Dcsctp => Box::new(Dcsctp::new(seed, offer)),
            Self::SctpProto => Box::new(SctpProto::new()),
        }
    }

    pub fn has(self, ability: Ability) -> bool {
        match self {
            Self::Dcsctp => ability != Ability::SetUpBySignalling,
            Self::SctpProto => ability == Ability::SetUpBySignalling,
        }
    }
}
