//! Which addresses of this host a connection uses, and which it shows.

use crate::IceUrl;
use crate::peer::PeerConfiguration;
use ortica_ice::{HostCandidates, TransportPolicy, TurnTransport};

/// Which addresses of this host are used and shown to the other side: the four modes of RFC 8828, each showing less than the one before
/// and reaching less.
///
/// Source: [RFC 8828 §5.2](https://www.rfc-editor.org/rfc/rfc8828#section-5.2)
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum IpHandling {
    /// All of all interfaces, which finds the best path: mode 1.
    #[default]
    AllInterfaces,
    /// Those that the system sends from by default, one of each family, as candidates too: mode 2.
    DefaultRoute,
    /// The same ones, but none of them as a candidate: what STUN and TURN servers see and lend is all that the other side gets to
    /// know. Mode 3.
    DefaultRouteHidden,
    /// No UDP leaves this host, and nothing for the other side directly: TURN servers over TCP and TLS carry everything. Mode 4,
    /// but for proxies, which are not spoken to.
    RelayOverTcp,
}

impl IpHandling {
    /// Addresses off the default route are left out.
    pub(crate) fn is_default_route(self) -> bool {
        self != Self::AllInterfaces
    }

    /// What is shown of hosts' addresses, where `said` otherwise.
    pub(crate) fn host_candidates(self, said: HostCandidates) -> HostCandidates {
        if self == Self::DefaultRouteHidden { HostCandidates::Hidden } else { said }
    }

    /// What is asked for candidates, where `said` otherwise.
    pub(crate) fn peer(self, said: &PeerConfiguration) -> PeerConfiguration {
        let mut peer = said.clone();
        if self == Self::RelayOverTcp {
            peer.ice_transport_policy = TransportPolicy::Relay;
            peer.ice_servers.iter_mut().for_each(|server| server.urls.retain(|url| is_of_streams(url)));
            peer.ice_servers.retain(|server| !server.urls.is_empty());
        }
        peer
    }
}

/// A TURN server over a stream; or what is none at all, which is to be reported.
fn is_of_streams(url: &str) -> bool {
    match url.parse::<IceUrl>() {
        Ok(url) => url.turn_transport().is_some_and(TurnTransport::is_stream),
        Err(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::IceServer;

    /// Guards `TurnTransport::is_stream`, too: DTLS is none.
    #[test]
    fn relays_over_tcp_leave_every_other_server_out() {
        let turn = |url: &str| IceServer::new(url).with_credentials("user", "secret");
        let both = IceServer {
            urls: vec!["turn:a.example".to_owned(), "turn:a.example?transport=tcp".to_owned()],
            ..turn("turn:a.example")
        };
        let said = PeerConfiguration {
            ice_servers: vec![
                IceServer::new("stun:s.example"),
                both,
                turn("turn:b.example"),
                turn("turns:c.example"),
                turn("turns:d.example?transport=udp"),
                IceServer::new("no server"),
            ],
            ..PeerConfiguration::default()
        };
        let kept = IpHandling::RelayOverTcp.peer(&said);
        let urls: Vec<_> = kept.ice_servers.iter().flat_map(|server| server.urls.iter().map(String::as_str)).collect();
        assert_eq!(urls, ["turn:a.example?transport=tcp", "turns:c.example", "no server"]);
        assert_eq!(kept.ice_transport_policy, TransportPolicy::Relay);
        for other in [IpHandling::AllInterfaces, IpHandling::DefaultRoute, IpHandling::DefaultRouteHidden] {
            assert_eq!(other.peer(&said), said);
        }
    }

    #[test]
    fn hosts_are_hidden_off_the_modes_that_show_them() {
        let of = |mode: IpHandling| mode.host_candidates(HostCandidates::Address);
        assert_eq!(of(IpHandling::DefaultRoute), HostCandidates::Address);
        assert_eq!(of(IpHandling::DefaultRouteHidden), HostCandidates::Hidden);
    }
}
