//! What servers lent a transport that is not needed any more goes back to them.
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

mod common;

use common::Side;
use netsim::Pair;
use ortica::core::crypto::rust_crypto;
use ortica::core::{Datagram, Instant, Rng, SocketId};
use ortica::engine::{Event, Session, TransportId};
use ortica::ice::turn::{Server, ServerConfig, ServerEvent, StaticUsers};
use ortica::ice::{GatherOptions, LinkId, TurnServer, TurnTransport};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

const HOST: SocketId = SocketId(0);
const LISTENER: SocketId = SocketId(100);

/// A session with transports, and a TURN server that it asks, with nothing between them.
struct Lab {
    side: Side,
    server: Server,
    at: SocketAddr,
    now: Instant,
    /// Where links to the server begin, and what it sees of them.
    links: BTreeMap<SocketId, SocketAddr>,
    next: u32,
    closed: Vec<(TransportId, LinkId)>,
}

impl Lab {
    fn new() -> Self {
        let provider = rust_crypto::provider();
        let users = StaticUsers::default().with_user("alice", "wonder");
        let config = ServerConfig::new(provider, "ortica", Arc::new(users));
        let mut lab = Self {
            side: Side::new(1, Pair::<Side>::A),
            server: Server::new(Arc::new(config), Rng::from_number(1)),
            at: SocketAddr::from(([198, 51, 100, 1], 3_478)),
            now: netsim::epoch(),
            links: BTreeMap::new(),
            next: 1,
            closed: Vec::new(),
        };
        let server = TurnServer {
            host: lab.at.ip().into(),
            port: lab.at.port(),
            transport: TurnTransport::Udp,
            username: "alice".to_owned(),
            credential: "wonder".to_owned().into(),
        };
        let options = GatherOptions { turn_servers: vec![server], ..GatherOptions::default() };
        lab.session().set_gather_options(options);
        lab
    }

    fn session(&mut self) -> &mut Session {
        self.side.peer.session_mut()
    }

    /// A transport that has gathered.
    fn gathered(&mut self) -> TransportId {
        let now = self.now;
        let id = self.session().add_transport(now).unwrap();
        self.gather(id);
        id
    }

    fn gather(&mut self, id: TransportId) {
        let now = self.now;
        self.session().add_socket(now, id, HOST, Pair::<Side>::A).unwrap();
        self.session().end_of_sockets(now, id).unwrap();
        for _ in 0..100 {
            self.exchange();
            self.now += Duration::from_millis(10);
            let now = self.now;
            self.session().handle_timeout(now);
        }
    }

    /// All that is to be said by now goes to the other side.
    fn exchange(&mut self) {
        let now = self.now;
        let mut out = Vec::new();
        loop {
            let mut is_idle = true;
            while let Some(transmit) = self.side.peer.session_mut().poll_transmit(now, 1, &mut out) {
                is_idle = false;
                if let Some(from) = self.links.get(&transmit.socket) {
                    assert_eq!(transmit.remote, self.at);
                    self.server.handle_datagram(now, Datagram::single(LISTENER, *from, &mut out));
                }
                out.clear();
            }
            while let Some(event) = self.side.peer.session_mut().poll_event() {
                is_idle = false;
                match event {
                    Event::ConnectServer { transport, link, .. } => {
                        let (socket, local) =
                            (SocketId(self.next), SocketAddr::new(Pair::<Side>::A.ip(), self.next as u16));
                        self.next += 1;
                        self.links.insert(socket, local);
                        self.session().server_connected(now, transport, link, socket, local);
                    }
                    Event::DisconnectServer { transport, link } => self.closed.push((transport, link)),
                    _ => {}
                }
            }
            while let Some(event) = self.server.poll_event() {
                if let ServerEvent::Bind { id, .. } = event {
                    self.next += 1;
                    let address = SocketAddr::new(self.at.ip(), 40_000 + self.next as u16);
                    self.server.relay_bound(now, id, SocketId(1_000 + self.next), address);
                }
            }
            while let Some(transmit) = self.server.poll_transmit(now, 1, &mut out) {
                is_idle = false;
                let to = self.links.iter().find(|(_, local)| **local == transmit.remote).map(|(socket, _)| *socket);
                let (to, from) = (to.expect("the server answers"), self.at);
                self.session().handle_datagram(now, Datagram::single(to, from, &mut out));
                out.clear();
            }
            if is_idle {
                return;
            }
        }
    }
}

/// Guards `Session::give_back`: a transport that goes tells the server before its link does.
#[test]
fn turn_2_a_transport_that_is_dropped_gives_its_allocation_back() {
    let mut lab = Lab::new();
    let [stays, goes] = [lab.gathered(), lab.gathered()];
    assert_eq!(lab.server.stats().allocations, 2);
    lab.session().remove_transport(goes);
    lab.exchange();
    assert_eq!(lab.server.stats().allocations, 1);
    let [(transport, _)] = lab.closed[..] else { panic!("{:?}", lab.closed) };
    assert_eq!(transport, goes);
    let agent = lab.side.peer.session().ice(stays).unwrap();
    assert_eq!(agent.links().count(), 1);
}

/// The same of one that begins anew: what it asks for then is another allocation.
#[test]
fn turn_2_a_transport_that_begins_anew_gives_its_allocation_back() {
    let mut lab = Lab::new();
    let id = lab.gathered();
    let now = lab.now;
    lab.session().reset_transport(now, id).unwrap();
    lab.exchange();
    assert_eq!((lab.server.stats().allocations, lab.closed.len()), (0, 1));
    lab.gather(id);
    assert_eq!((lab.server.stats().allocations, lab.closed.len()), (1, 1));
}

/// Guards those that never asked anybody: nothing is said for them.
#[test]
fn a_transport_without_relays_goes_without_a_word() {
    let mut lab = Lab::new();
    let now = lab.now;
    let id = lab.session().add_transport(now).unwrap();
    lab.session().remove_transport(id);
    let mut out = Vec::new();
    assert!(lab.session().poll_transmit(now, 1, &mut out).is_none() && out.is_empty());
}
