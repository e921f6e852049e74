//! What an agent may gather, and whom it asks.

use super::Address;
use std::fmt;
use std::net::SocketAddr;

/// A STUN server. One that is known by name is looked up when gathering begins, by [`Io::Resolve`](super::Io::Resolve).
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct StunServer {
    /// Its address or its name.
    pub host: Address,
    /// Its UDP port.
    pub port: u16,
}

impl From<SocketAddr> for StunServer {
    fn from(address: SocketAddr) -> Self {
        Self { host: address.ip().into(), port: address.port() }
    }
}

/// The server as an address: IPv6 in brackets.
impl fmt::Display for StunServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Address::Ip(ip) => SocketAddr::new(*ip, self.port).fmt(f),
            Address::Name(name) => write!(f, "{name}:{}", self.port),
        }
    }
}

/// Which candidates are used.
///
/// Source: [webrtc-pc §4.2.4](https://www.w3.org/TR/webrtc/#rtcicetransportpolicy-enum)
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum TransportPolicy {
    /// All.
    #[default]
    All,
    /// Those of relays alone, so that the peer learns no address of this host. Without a relay there are none: nothing is
    /// gathered, checked or answered, and what is in use is given up once the peer's answer to the restart is known.
    Relay,
}

/// The token of the W3C.
impl fmt::Display for TransportPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::All => "all",
            Self::Relay => "relay",
        })
    }
}

/// What an agent may gather, and whom it asks: see [`Agent::set_gather_options`](crate::Agent::set_gather_options).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct GatherOptions {
    /// STUN servers that are asked for server-reflexive candidates. The first
    /// [`Limits::stun_servers`](super::Limits::stun_servers) are used.
    pub stun_servers: Vec<StunServer>,
    /// Which candidates are used.
    pub policy: TransportPolicy,
}

/// A server that could not help.
///
/// Source: [webrtc-pc §4.8.3](https://www.w3.org/TR/webrtc/#rtcpeerconnectioniceerrorevent)
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct GatheringError {
    /// The socket that it answered to. `None` when it answered to none.
    pub local: Option<SocketAddr>,
    /// The server.
    pub server: StunServer,
    /// What it answered, 300 to 699, or [`UNREACHABLE`](Self::UNREACHABLE).
    pub code: u16,
    /// In words.
    pub reason: String,
}

impl GatheringError {
    /// The code for a server that answered to no socket, which is none of STUN's.
    pub const UNREACHABLE: u16 = 701;
}
