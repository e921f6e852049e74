//! Servers that help to find a path, as they are configured.

mod link;

use ortica_ice::{Address, StunServer, TurnServer, TurnTransport};
use std::fmt;
use std::net::{Ipv6Addr, SocketAddr};
use std::str::FromStr;
use thiserror::Error;
use zeroize::Zeroizing;

/// A STUN or TURN server with its credentials.
///
/// Source: [webrtc-pc §4.2.3](https://www.w3.org/TR/webrtc/#rtciceserver-dictionary)
#[derive(Clone, Default, Eq, PartialEq)]
pub struct IceServer {
    /// How it is reached, one way or several; see [`IceUrl`]. Not empty.
    pub urls: Vec<String>,
    /// Who asks, for TURN: at most 509 bytes.
    pub username: Option<String>,
    /// The password, for TURN. Not empty.
    pub credential: Option<String>,
}

impl IceServer {
    /// A server with one URL.
    pub fn new(url: impl Into<String>) -> Self {
        Self { urls: vec![url.into()], ..Self::default() }
    }

    /// With credentials.
    #[must_use]
    pub fn with_credentials(mut self, username: impl Into<String>, credential: impl Into<String>) -> Self {
        self.username = Some(username.into());
        self.credential = Some(credential.into());
        self
    }

    /// What its URLs say.
    ///
    /// # Errors
    /// See [`IceServerError`].
    ///
    /// Source: [webrtc-pc §4.4.1.6](https://www.w3.org/TR/webrtc/#set-the-configuration), "validate an ICE server"
    pub fn parse(&self) -> Result<Vec<IceUrl>, IceServerError> {
        if self.urls.is_empty() {
            return Err(IceServerError::NoUrl);
        }
        let syntax = |url: &String| url.parse().map_err(|problem| IceServerError::Syntax { url: url.clone(), problem });
        let urls = self.urls.iter().map(syntax).collect::<Result<Vec<IceUrl>, _>>()?;
        if urls.iter().any(|url| url.scheme.is_turn()) {
            self.check_credentials()?;
        }
        Ok(urls)
    }

    /// The TURN servers among its URLs, over UDP, TCP, TLS and DTLS.
    ///
    /// # Errors
    /// See [`IceServerError`].
    pub fn turn_servers(&self) -> Result<Vec<TurnServer>, IceServerError> {
        let username = self.username.clone().unwrap_or_default();
        let credential = Zeroizing::new(self.credential.clone().unwrap_or_default());
        let server = |url: &IceUrl| {
            let transport = url.turn_transport()?;
            let (host, port) = (url.host.clone(), url.port);
            Some(TurnServer { host, port, transport, username: username.clone(), credential: credential.clone() })
        };
        Ok(self.parse()?.iter().filter_map(server).collect())
    }

    fn check_credentials(&self) -> Result<(), IceServerError> {
        match (&self.username, &self.credential) {
            (Some(username), Some(_)) if username.len() > Self::MAX_USERNAME => Err(IceServerError::UsernameTooLong),
            (Some(_), Some(credential)) if !credential.is_empty() => Ok(()),
            _ => Err(IceServerError::NoCredentials),
        }
    }

    /// Source: [RFC 8489 §14.3](https://www.rfc-editor.org/rfc/rfc8489#section-14.3)
    const MAX_USERNAME: usize = 509;
}

/// Without the password.
impl fmt::Debug for IceServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IceServer")
            .field("urls", &self.urls)
            .field("username", &self.username)
            .field("has_credential", &self.credential.is_some())
            .finish()
    }
}

/// Why a server cannot be used as it is given.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum IceServerError {
    /// It has no URL: the W3C's `SyntaxError`.
    #[error("an ICE server without a URL")]
    NoUrl,
    /// A URL is malformed: the W3C's `SyntaxError`.
    #[error("{url:?}: {problem}")]
    Syntax {
        /// The URL.
        url: String,
        /// What is wrong with it.
        problem: IceUrlError,
    },
    /// TURN without a user name or a password: the W3C's `InvalidAccessError`.
    #[error("TURN takes a user name and a password")]
    NoCredentials,
    /// The user name is longer than 509 bytes: the W3C's `InvalidAccessError`.
    #[error("the user name is longer than 509 bytes")]
    UsernameTooLong,
}

/// What is wrong with the URL of a server.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum IceUrlError {
    /// The scheme is none of `stun`, `stuns`, `turn` and `turns`.
    #[error("neither STUN nor TURN")]
    Scheme,
    /// There is no host, or it is none: an IPv6 address stands in brackets, and no path, user or fragment goes with it.
    #[error("malformed host")]
    Host,
    /// The port is no number up to 65,535.
    #[error("malformed port")]
    Port,
    /// Only TURN takes a query, which is `transport=udp` or `transport=tcp`.
    #[error("malformed query")]
    Query,
}

/// What a server is to be asked, and how securely.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum IceScheme {
    /// STUN over UDP.
    Stun,
    /// STUN over TLS. Nobody is asked for candidates so, for what a server sees is the address of a connection of TCP: see
    /// `driver::stun_over_tls`.
    Stuns,
    /// TURN over UDP or TCP.
    Turn,
    /// TURN over TLS or DTLS.
    Turns,
}

impl IceScheme {
    const ALL: [Self; 4] = [Self::Stun, Self::Stuns, Self::Turn, Self::Turns];

    /// Whether it is TURN.
    pub const fn is_turn(self) -> bool {
        matches!(self, Self::Turn | Self::Turns)
    }

    /// Where nothing else is said.
    const fn default_port(self) -> u16 {
        match self {
            Self::Stun | Self::Turn => 3478,
            Self::Stuns | Self::Turns => 5349,
        }
    }
}

impl fmt::Display for IceScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stun => "stun",
            Self::Stuns => "stuns",
            Self::Turn => "turn",
            Self::Turns => "turns",
        })
    }
}

/// The transport protocol towards a TURN server.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum IceUrlTransport {
    /// UDP.
    Udp,
    /// TCP.
    Tcp,
}

/// The URL of a STUN or TURN server.
///
/// Source: [RFC 7064 §3](https://www.rfc-editor.org/rfc/rfc7064#section-3),
/// [RFC 7065 §3](https://www.rfc-editor.org/rfc/rfc7065#section-3)
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct IceUrl {
    /// What to ask for.
    pub scheme: IceScheme,
    /// Whom.
    pub host: Address,
    /// Where: 3478 unless it says, 5349 with TLS.
    pub port: u16,
    /// By which protocol, if it says; TURN alone does.
    pub transport: Option<IceUrlTransport>,
}

impl IceUrl {
    /// The server, where STUN over UDP reaches it.
    pub fn stun_server(&self) -> Option<StunServer> {
        (self.scheme == IceScheme::Stun).then(|| StunServer { host: self.host.clone(), port: self.port })
    }

    /// How the server is reached, if it is one of TURN: over UDP where it does not say, and with `turns` over TLS. Datagrams go by
    /// DTLS there.
    ///
    /// Source: [RFC 7065 §3.2](https://www.rfc-editor.org/rfc/rfc7065#section-3.2),
    /// [RFC 7350 §4.6.1](https://www.rfc-editor.org/rfc/rfc7350#section-4.6.1)
    pub fn turn_transport(&self) -> Option<TurnTransport> {
        match (self.scheme, self.transport) {
            (IceScheme::Turn, None | Some(IceUrlTransport::Udp)) => Some(TurnTransport::Udp),
            (IceScheme::Turn, Some(IceUrlTransport::Tcp)) => Some(TurnTransport::Tcp),
            (IceScheme::Turns, None | Some(IceUrlTransport::Tcp)) => Some(TurnTransport::Tls),
            (IceScheme::Turns, Some(IceUrlTransport::Udp)) => Some(TurnTransport::Dtls),
            (IceScheme::Stun | IceScheme::Stuns, _) => None,
        }
    }

    /// The URL of a server that is asked so; of STUN without a transport.
    pub(crate) fn of(server: &StunServer, turn: Option<TurnTransport>) -> Self {
        let (scheme, transport) = match turn {
            None => (IceScheme::Stun, None),
            Some(TurnTransport::Udp) => (IceScheme::Turn, Some(IceUrlTransport::Udp)),
            Some(TurnTransport::Tcp) => (IceScheme::Turn, Some(IceUrlTransport::Tcp)),
            Some(TurnTransport::Tls) => (IceScheme::Turns, Some(IceUrlTransport::Tcp)),
            Some(TurnTransport::Dtls) => (IceScheme::Turns, Some(IceUrlTransport::Udp)),
        };
        Self { scheme, host: server.host.clone(), port: server.port, transport }
    }

    /// The same with the protocol that TURN over TLS stands for where nothing else is said, which is TCP.
    ///
    /// Source: [RFC 7065 §3.2](https://www.rfc-editor.org/rfc/rfc7065#section-3.2)
    #[must_use]
    pub fn in_full(&self) -> Self {
        let implied = (self.scheme == IceScheme::Turns).then_some(IceUrlTransport::Tcp);
        Self { transport: self.transport.or(implied), ..self.clone() }
    }
}

impl From<SocketAddr> for IceUrl {
    /// STUN over UDP.
    fn from(address: SocketAddr) -> Self {
        Self { scheme: IceScheme::Stun, host: address.ip().into(), port: address.port(), transport: None }
    }
}

impl fmt::Display for IceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let server = StunServer { host: self.host.clone(), port: self.port };
        write!(f, "{}:{server}", self.scheme)?;
        match self.transport {
            None => Ok(()),
            Some(IceUrlTransport::Udp) => f.write_str("?transport=udp"),
            Some(IceUrlTransport::Tcp) => f.write_str("?transport=tcp"),
        }
    }
}

impl FromStr for IceUrl {
    type Err = IceUrlError;

    fn from_str(url: &str) -> Result<Self, IceUrlError> {
        let (scheme, rest) = url.split_once(':').ok_or(IceUrlError::Scheme)?;
        let named = |known: &IceScheme| known.to_string().eq_ignore_ascii_case(scheme);
        let scheme = IceScheme::ALL.into_iter().find(named).ok_or(IceUrlError::Scheme)?;
        let (authority, query) = match rest.split_once('?') {
            Some((authority, query)) => (authority, Some(query)),
            None => (rest, None),
        };
        let (host, port) = split_port(authority)?;
        let transport = match query {
            None => None,
            Some("transport=udp") if scheme.is_turn() => Some(IceUrlTransport::Udp),
            Some("transport=tcp") if scheme.is_turn() => Some(IceUrlTransport::Tcp),
            Some(_) => return Err(IceUrlError::Query),
        };
        let port = port.map_or(Ok(scheme.default_port()), parse_port)?;
        Ok(Self { scheme, host, port, transport })
    }
}

/// The host, and the port if one is given.
fn split_port(authority: &str) -> Result<(Address, Option<&str>), IceUrlError> {
    if let Some(bracketed) = authority.strip_prefix('[') {
        let (ip, rest) = bracketed.split_once(']').ok_or(IceUrlError::Host)?;
        let ip: Ipv6Addr = ip.parse().map_err(|_| IceUrlError::Host)?;
        return match (rest, rest.strip_prefix(':')) {
            ("", _) => Ok((Address::Ip(ip.into()), None)),
            (_, Some(port)) => Ok((Address::Ip(ip.into()), Some(port))),
            _ => Err(IceUrlError::Host),
        };
    }
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    };
    // A second colon would be an IPv6 address without brackets.
    if !is_host(host) || port.is_some_and(|port| port.contains(':')) {
        return Err(IceUrlError::Host);
    }
    Ok((host.parse().map_or_else(|_| Address::Name(host.to_owned()), Address::Ip), port))
}

/// Letters of other scripts come in their ASCII form (RFC 5890).
fn is_host(host: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    !host.is_empty() && host.len() <= 253 && host.bytes().all(legal)
}

fn parse_port(port: &str) -> Result<u16, IceUrlError> {
    // `u16::from_str` takes a sign too.
    let is_number = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    port.parse().ok().filter(|_| is_number).ok_or(IceUrlError::Port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_what_it_is_and_has_the_defaults_of_its_scheme() {
        for (text, shown) in [
            ("stun:stun.example", "stun:stun.example:3478"),
            ("STUNS:192.0.2.1", "stuns:192.0.2.1:5349"),
            ("turn:[2001:db8::1]:80?transport=tcp", "turn:[2001:db8::1]:80?transport=tcp"),
            ("turn:turn.example", "turn:turn.example:3478"),
            ("turns:turn.example", "turns:turn.example:5349"),
            ("turns:turn.example:99?transport=tcp", "turns:turn.example:99?transport=tcp"),
        ] {
            let url: IceUrl = text.parse().unwrap();
            assert_eq!(url.to_string(), shown);
            assert_eq!(shown.parse(), Ok(url));
        }
        let server = "stun:192.0.2.1:99".parse::<IceUrl>().unwrap().stun_server();
        assert_eq!(server, Some("192.0.2.1:99".parse::<SocketAddr>().unwrap().into()));
        assert_eq!("turn:192.0.2.1".parse::<IceUrl>().unwrap().stun_server(), None);
    }

    #[test]
    fn a_malformed_url_is_told_by_the_part_that_is_wrong() {
        for (text, problem) in [
            ("relative-url", IceUrlError::Scheme),
            ("http://example.com", IceUrlError::Scheme),
            ("stun:", IceUrlError::Host),
            ("stun:2001:db8::1", IceUrlError::Host),
            ("stun:[2001:db8::1", IceUrlError::Host),
            ("stun:[2001:db8::1]80", IceUrlError::Host),
            ("stun:host:", IceUrlError::Port),
            ("stun:host:+80", IceUrlError::Port),
            ("stun:host:65536", IceUrlError::Port),
            ("stun:host?transport=udp", IceUrlError::Query),
        ] {
            assert_eq!(text.parse::<IceUrl>(), Err(problem), "{text}");
        }
    }

    #[test]
    fn a_password_is_not_shown() {
        let server = IceServer::new("turn:turn.example").with_credentials("user", "secret");
        assert!(!format!("{server:?}").contains("secret"));
    }

    /// Guards `IceUrl::turn_transport`: datagrams where nothing is said, TLS over TCP.
    #[test]
    fn turn_servers_are_those_that_can_be_asked() {
        let urls = [
            "turn:a.example",
            "turn:a.example?transport=tcp",
            "turns:b.example",
            "turns:b.example?transport=udp",
            "stun:c.example",
        ];
        let server = IceServer { urls: urls.map(str::to_owned).to_vec(), ..IceServer::default() };
        let asked = server.with_credentials("user", "secret").turn_servers().unwrap();
        let asked: Vec<_> = asked.iter().map(|it| (it.host.to_string(), it.port, it.transport)).collect();
        let (a, b) = ("a.example".to_owned(), "b.example".to_owned());
        let wanted = [
            (a.clone(), 3478, TurnTransport::Udp),
            (a, 3478, TurnTransport::Tcp),
            (b.clone(), 5349, TurnTransport::Tls),
            (b, 5349, TurnTransport::Dtls),
        ];
        assert_eq!(asked, wanted);
        for text in ["turn:a.example:3478?transport=udp", "turns:b.example:5349?transport=udp"] {
            let url: IceUrl = text.parse().unwrap();
            let server = StunServer { host: url.host.clone(), port: url.port };
            assert_eq!(IceUrl::of(&server, url.turn_transport()), url);
        }
    }
}
