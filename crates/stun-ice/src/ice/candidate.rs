//! Candidates.

mod text;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use thiserror::Error;

/// A transport address that one side may be reached at.
///
/// `FromStr` and `Display` are the value of the `candidate` attribute. Parsing takes it with or without `a=` and
/// `candidate:`; writing begins with `candidate:`.
///
/// ```
/// use ortica_ice::{Candidate, CandidateKind};
/// let text = "candidate:1 1 udp 2130706431 192.0.2.1 50000 typ host generation 0";
/// let candidate: Candidate = text.parse().unwrap();
/// assert_eq!(candidate.kind, CandidateKind::Host);
/// assert_eq!(candidate.to_string(), text);
/// ```
///
/// Source: [RFC 8839 §5.1](https://www.rfc-editor.org/rfc/rfc8839#section-5.1)
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Candidate {
    /// Groups candidates that are likely to work or fail together: 1 to 32 characters of `ice-char`.
    pub foundation: String,
    /// 1 for media and data, 2 for RTCP where it has a port of its own.
    pub component: u16,
    /// The transport.
    pub transport: Transport,
    /// The sender's preference, 1 to 2^31 - 1; higher is better.
    pub priority: u32,
    /// Where it is.
    pub address: Address,
    /// Its port.
    pub port: u16,
    /// How its owner came by it.
    pub kind: CandidateKind,
    /// What it was derived from, for diagnostics: the base of a reflexive candidate, the mapped address of a relayed one.
    pub related: Option<(Address, u16)>,
    /// Who opens the connection, for TCP.
    pub tcp_type: Option<TcpType>,
    /// The username fragment of the generation it belongs to.
    pub ufrag: Option<String>,
    /// Further attributes in their order, names and values.
    pub extensions: Vec<(String, String)>,
}

impl Candidate {
    /// Longest text that is parsed, in bytes.
    pub const MAX_LEN: usize = 2_048;

    /// Address and port, unless the address is a name.
    pub fn socket_addr(&self) -> Option<SocketAddr> {
        match self.address {
            Address::Ip(ip) => Some(SocketAddr::new(ip, self.port)),
            Address::Name(_) => None,
        }
    }
}

/// Where a candidate is.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Address {
    /// An address.
    Ip(IpAddr),
    /// A host name, as it was signalled. Only names under `.local` are resolved.
    Name(String),
}

impl Address {
    fn parse(text: &str) -> Self {
        text.parse().map_or_else(|_| Self::Name(text.to_owned()), Self::Ip)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(ip) => ip.fmt(f),
            Self::Name(name) => f.write_str(name),
        }
    }
}

impl From<IpAddr> for Address {
    fn from(ip: IpAddr) -> Self {
        Self::Ip(ip)
    }
}

/// The transport of a candidate.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Transport {
    /// UDP.
    Udp,
    /// TCP.
    Tcp,
    /// Another one; such candidates are kept and never used.
    Other(String),
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Other(name) => name,
        })
    }
}

/// How the owner of a candidate came by it.
///
/// Source: [RFC 8445 §5.1.1](https://www.rfc-editor.org/rfc/rfc8445#section-5.1.1)
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum CandidateKind {
    /// Bound on an interface of its own.
    Host,
    /// A STUN server saw it.
    ServerReflexive,
    /// The peer saw it in a check.
    PeerReflexive,
    /// A TURN server lends it.
    Relayed,
}

impl CandidateKind {
    /// The recommended type preference.
    ///
    /// Source: [RFC 8445 §5.1.2.2](https://www.rfc-editor.org/rfc/rfc8445#section-5.1.2.2)
    pub const fn preference(self) -> u8 {
        match self {
            Self::Host => 126,
            Self::PeerReflexive => 110,
            Self::ServerReflexive => 100,
            Self::Relayed => 0,
        }
    }

    /// The priority of a candidate of this kind on component 1.
    ///
    /// Source: [RFC 8445 §5.1.2.1](https://www.rfc-editor.org/rfc/rfc8445#section-5.1.2.1)
    pub(crate) fn priority(self, local_preference: u16) -> u32 {
        (u32::from(self.preference()) << 24) | (u32::from(local_preference) << 8) | 255
    }
}

impl fmt::Display for CandidateKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Host => "host",
            Self::ServerReflexive => "srflx",
            Self::PeerReflexive => "prflx",
            Self::Relayed => "relay",
        })
    }
}

/// Who opens a TCP connection.
///
/// Source: [RFC 6544 §4.5](https://www.rfc-editor.org/rfc/rfc6544#section-4.5)
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum TcpType {
    /// The owner of the candidate.
    Active,
    /// The other side.
    Passive,
    /// Both at once.
    SimultaneousOpen,
}

impl fmt::Display for TcpType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Active => "active",
            Self::Passive => "passive",
            Self::SimultaneousOpen => "so",
        })
    }
}

/// Why a candidate was refused.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum CandidateError {
    /// The text is longer than [`Candidate::MAX_LEN`].
    #[error("candidate of more than 2048 bytes")]
    TooLong,
    /// The text ends before this field.
    #[error("candidate without {0}")]
    Missing(&'static str),
    /// This field holds something its grammar forbids.
    #[error("candidate with invalid {0}")]
    Invalid(&'static str),
    /// It belongs to another generation than the one whose credentials were set.
    #[error("candidate of an unknown username fragment")]
    UnknownUfrag,
    /// The agent was closed.
    #[error("the agent is closed")]
    Closed,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn priorities_follow_rfc_8445() {
        assert_eq!(CandidateKind::Host.priority(65535), 2_130_706_431);
        assert_eq!(CandidateKind::ServerReflexive.priority(65535), 1_694_498_815);
        assert_eq!(CandidateKind::Relayed.priority(0), 255);
    }
}
