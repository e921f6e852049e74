//! 300 (Try Alternate), followed and not for ever.

use super::TurnError;
use arrayvec::ArrayVec;
use std::net::SocketAddr;

/// The servers that one search for an allocation has come by. Whoever makes a [`Client`](super::Client) for an
/// [`Alternate`](super::ClientEvent::Alternate) keeps it from one client to the next, and speaks the same transport to the next
/// server as to the one before: never datagrams or plain TCP after TLS.
///
/// Source: [RFC 8489 §10](https://www.rfc-editor.org/rfc/rfc8489#section-10)
#[derive(Clone, Debug)]
pub struct Redirects {
    visited: ArrayVec<SocketAddr, 5>,
}

impl Redirects {
    /// Begins at a server.
    pub fn from_server(server: SocketAddr) -> Self {
        Self { visited: ArrayVec::from_iter([server]) }
    }

    /// Goes on to another server.
    ///
    /// # Errors
    /// [`TurnError::Redirected`] when it was visited before, is of another address family or no address, or four redirections
    /// were followed already.
    pub fn follow(&mut self, server: SocketAddr) -> Result<(), TurnError> {
        let first = self.visited.first().copied().unwrap_or(server);
        let is_address = server.port() != 0 && !server.ip().is_unspecified() && !server.ip().is_multicast();
        if !is_address || server.is_ipv4() != first.is_ipv4() || self.visited.contains(&server) {
            return Err(TurnError::Redirected);
        }
        self.visited.try_push(server).map_err(|_| TurnError::Redirected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Guards every condition of `follow`.
    #[test]
    fn turn_5_each_server_is_visited_once_and_five_at_most() {
        let server = |number: u8| SocketAddr::from(([192, 0, 2, number], 3478));
        let mut redirects = Redirects::from_server(server(0));
        let refused = Err(TurnError::Redirected);
        assert_eq!(redirects.follow(server(0)), refused);
        assert_eq!(redirects.follow(server(1)), Ok(()));
        for bad in ["[2001:db8::1]:3478", "192.0.2.9:0", "0.0.0.0:3478", "224.0.0.1:3478", "192.0.2.1:3478"] {
            assert_eq!(redirects.follow(bad.parse().unwrap()), refused, "{bad}");
        }
        for number in 2..5 {
            assert_eq!(redirects.follow(server(number)), Ok(()));
        }
        assert_eq!(redirects.follow(server(5)), refused);
    }
}
