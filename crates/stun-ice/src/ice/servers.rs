//! What an agent may gather, and whom it asks.

use super::Address;
use std::fmt;
use std::net::SocketAddr;
use zeroize::Zeroizing;

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

/// How a TURN server is reached.
///
/// Source: [RFC 8656 §3.1](https://www.rfc-editor.org/rfc/rfc8656#section-3.1)
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum TurnTransport {
    /// By datagrams.
    Udp,
    /// Over a TCP connection.
    Tcp,
    /// Over TLS on a TCP connection.
    Tls,
    /// By datagrams under DTLS.
    ///
    /// Source: [RFC 7350](https://www.rfc-editor.org/rfc/rfc7350)
    Dtls,
}

impl TurnTransport {
    /// Whether what is said to the server goes over a stream.
    pub const fn is_stream(self) -> bool {
        matches!(self, Self::Tcp | Self::Tls)
    }
}

/// What the protocol is called. The W3C has `relayProtocol` in the same words, but calls DTLS `tls`.
impl fmt::Display for TurnTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Dtls => "dtls",
        })
    }
}

/// A TURN server, and who asks it. One that is known by name is looked up when gathering begins.
#[derive(Clone, Eq, PartialEq)]
pub struct TurnServer {
    /// Its address or its name; over TLS and DTLS its certificate is to be for that.
    pub host: Address,
    /// Its port.
    pub port: u16,
    /// How it is reached.
    pub transport: TurnTransport,
    /// Who asks.
    pub username: String,
    /// The password.
    pub credential: Zeroizing<String>,
}

impl TurnServer {
    /// What it is called.
    pub(super) fn name(&self) -> StunServer {
        StunServer { host: self.host.clone(), port: self.port }
    }
}

/// Without the password.
impl fmt::Debug for TurnServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TurnServer")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("transport", &self.transport)
            .finish_non_exhaustive()
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
    /// Those of relays alone, so that the peer learns no address of this host. From others nothing is gathered, checked or
    /// answered, and what is in use there is given up once the peer's answer to the restart is known.
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
    /// TURN servers that are asked for relayed candidates, side by side. The first
    /// [`Limits::turn_servers`](super::Limits::turn_servers) are used. Those over UDP are asked for server-reflexive candidates too.
    pub turn_servers: Vec<TurnServer>,
    /// Which candidates are used.
    pub policy: TransportPolicy,
}

/// A server that could not help.
///
/// Source: [webrtc-pc §4.8.3](https://www.w3.org/TR/webrtc/#rtcpeerconnectioniceerrorevent)
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct GatheringError {
    /// The socket that it answered to. `None` when it answered to none, or to one that no candidate shows.
    pub local: Option<SocketAddr>,
    /// The server.
    pub server: StunServer,
    /// How it was reached, where it was asked for a relayed candidate.
    pub turn: Option<TurnTransport>,
    /// What it answered, 300 to 699, or [`UNREACHABLE`](Self::UNREACHABLE).
    pub code: u16,
    /// In words.
    pub reason: String,
}

impl GatheringError {
    /// The code for a server that answered to no socket, which is none of STUN's.
    pub const UNREACHABLE: u16 = 701;
}
