//! Which session a datagram is for: by the address it came from, or by the ufrag that a first check names.
//!
//! An address may be that of several sessions: a peer vanished, and another one has its port now, while the old session
//! still hopes. None of them can be preferred: the older one may be dead, and the newer one's peer may be lying about its
//! address to cut the older one off. So all of them get what comes from there, and each knows its own by transaction or key.

use ortica_core::SocketId;
use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};

/// Addresses kept per session; beyond it the oldest is forgotten and found again by its next check.
const ADDRESSES_PER_SESSION: usize = 128;

/// Sessions that one address may be of; to a further one nothing comes from there but its checks.
const SESSIONS_PER_ADDRESS: usize = 8;
/// Ufrags kept per session: those of its transports, and of the generations that restarts replaced; beyond it the oldest
/// is forgotten.
const UFRAGS_PER_SESSION: usize = 128;

/// The table of one endpoint.
#[derive(Debug, Default)]
pub(super) struct Routes {
    by_address: HashMap<(SocketId, SocketAddr), Vec<usize>>,
    /// The same, whatever the port.
    by_host: HashMap<(SocketId, IpAddr), Vec<usize>>,
    by_ufrag: HashMap<String, usize>,
    addresses: HashMap<usize, Vec<(SocketId, SocketAddr)>>,
    ufrags: HashMap<usize, VecDeque<String>>,
}

impl Routes {
    /// Names a session by the local ufrag of one of its transports.
    pub fn add_ufrag(&mut self, ufrag: &str, session: usize) {
        if self.by_ufrag.get(ufrag) == Some(&session) {
            return;
        }
        self.by_ufrag.insert(ufrag.to_owned(), session);
        let own = self.ufrags.entry(session).or_default();
        own.push_back(ufrag.to_owned());
        if own.len() > UFRAGS_PER_SESSION
            && let Some(oldest) = own.pop_front()
        {
            self.forget_ufrag(&oldest, session);
        }
    }

    /// The session sends to this address, so answers from there may be its own.
    pub fn add_address(&mut self, socket: SocketId, remote: SocketAddr, session: usize) {
        let sessions = self.by_address.entry((socket, remote)).or_default();
        if sessions.contains(&session) || sessions.len() >= SESSIONS_PER_ADDRESS {
            return;
        }
        sessions.push(session);
        let neighbours = self.by_host.entry((socket, remote.ip())).or_default();
        if !neighbours.contains(&session) && neighbours.len() < SESSIONS_PER_ADDRESS {
            neighbours.push(session);
        }
        let own = self.addresses.entry(session).or_default();
        own.push((socket, remote));
        if own.len() > ADDRESSES_PER_SESSION {
            let oldest = own.remove(0);
            self.forget_address(oldest, session);
        }
    }

    /// Whose ufrag a check names.
    pub fn named_by(&self, contents: &[u8]) -> Option<usize> {
        let username = ortica_ice::stun_username(contents)?;
        self.by_ufrag.get(username.split(':').next()?).copied()
    }

    /// Whose datagram this may be, oldest session first. A check names its session; everything else goes by address.
    pub fn find(&self, socket: SocketId, remote: SocketAddr, contents: &[u8]) -> &[usize] {
        if ortica_ice::is_stun(contents)
            && let Some(session) = ortica_ice::stun_username(contents)
                .and_then(|username| self.by_ufrag.get(username.split(':').next().unwrap_or_default()))
        {
            return std::slice::from_ref(session);
        }
        if let Some(sessions) = self.by_address.get(&(socket, remote)) {
            return sessions;
        }
        // A NAT may have given the peer another port: whoever talks to its address will ask who is there now.
        if ortica_ice::is_stun(contents) {
            return &[];
        }
        self.by_host.get(&(socket, remote.ip())).map_or(&[], Vec::as_slice)
    }

    pub fn remove(&mut self, session: usize) {
        for address in self.addresses.remove(&session).unwrap_or_default() {
            self.forget_address(address, session);
        }
        for ufrag in self.ufrags.remove(&session).unwrap_or_default() {
            self.forget_ufrag(&ufrag, session);
        }
    }

    fn forget_address(&mut self, address: (SocketId, SocketAddr), session: usize) {
        if let Some(sessions) = self.by_address.get_mut(&address) {
            sessions.retain(|other| *other != session);
            if sessions.is_empty() {
                self.by_address.remove(&address);
            }
        }
        let (socket, host) = (address.0, address.1.ip());
        let elsewhere = self
            .addresses
            .get(&session)
            .is_some_and(|own| own.iter().any(|(other, remote)| *other == socket && remote.ip() == host));
        if !elsewhere && let Some(sessions) = self.by_host.get_mut(&(socket, host)) {
            sessions.retain(|other| *other != session);
            if sessions.is_empty() {
                self.by_host.remove(&(socket, host));
            }
        }
    }

    /// Another session may have drawn the same one since.
    fn forget_ufrag(&mut self, ufrag: &str, session: usize) {
        if self.by_ufrag.get(ufrag) == Some(&session) {
            self.by_ufrag.remove(ufrag);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    #[test]
    fn an_address_may_be_of_several_sessions_within_limits() {
        let mut routes = Routes::default();
        for session in 0..100 {
            routes.add_address(SocketId(0), address(1), session);
            routes.add_address(SocketId(0), address(1), session);
        }
        assert_eq!(routes.find(SocketId(0), address(1), &[20]), [0, 1, 2, 3, 4, 5, 6, 7]);
        assert!(routes.find(SocketId(1), address(1), &[20]).is_empty());
        (0..7).for_each(|session| routes.remove(session));
        assert_eq!(routes.find(SocketId(0), address(1), &[20]), [7]);
        routes.remove(7);
        assert!(routes.by_address.is_empty() && routes.by_host.is_empty());
    }

    #[test]
    fn another_port_of_a_known_host_is_handed_to_who_talks_to_it() {
        let mut routes = Routes::default();
        routes.add_address(SocketId(0), address(1), 7);
        routes.add_address(SocketId(0), address(2), 8);
        routes.add_address(SocketId(0), address(3), 8);
        assert_eq!(routes.find(SocketId(0), address(2), &[20]), [8]);
        assert_eq!(routes.find(SocketId(0), address(9), &[20]), [7, 8]);
        assert!(routes.find(SocketId(1), address(9), &[20]).is_empty());
        routes.forget_address((SocketId(0), address(2)), 8);
        routes.remove(7);
        assert_eq!(routes.find(SocketId(0), address(9), &[20]), [8]);
        routes.remove(8);
        assert!(routes.find(SocketId(0), address(9), &[20]).is_empty());
    }

    #[test]
    fn ufrags_per_session_are_bounded() {
        let mut routes = Routes::default();
        for restart in 0..1000 {
            routes.add_ufrag(&format!("ufrag{restart}"), 1);
        }
        assert_eq!(routes.by_ufrag.len(), UFRAGS_PER_SESSION);
        assert_eq!(routes.by_ufrag.get("ufrag999"), Some(&1));
        routes.add_ufrag("ufrag999", 2);
        routes.remove(1);
        assert_eq!(routes.by_ufrag.len(), 1, "what another session took over stays with it");
    }

    #[test]
    fn addresses_per_session_are_bounded() {
        let mut routes = Routes::default();
        for port in 0..1000 {
            routes.add_address(SocketId(0), address(port), 1);
        }
        assert_eq!(routes.by_address.len(), ADDRESSES_PER_SESSION);
        assert_eq!(routes.find(SocketId(0), address(999), &[]), [1]);
    }
}
