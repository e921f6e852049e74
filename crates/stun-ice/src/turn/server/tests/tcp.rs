//! Allocations of TCP.

use super::*;
use crate::turn::ConnectionId;

/// Connections of clients, the first of them with an allocation.
const CONTROL: SocketId = SocketId(2_000);
const DATA: SocketId = SocketId(2_001);
const MORE_DATA: SocketId = SocketId(2_002);
/// A connection with a peer.
const PEER: SocketId = SocketId(3_000);
const TCP: &[u8] = &[6, 0, 0, 0];

impl Lab {
    /// One whose server connects, with three connections of a client's.
    fn for_tcp() -> Self {
        Self::for_tcp_with(|config| config)
    }

    fn for_tcp_with(change: impl FnOnce(ServerConfig) -> ServerConfig) -> Self {
        let mut lab = Self::with(|config| change(config.with_tcp(true).with_nonce_lifetime(seconds(10_000))));
        for connection in [CONTROL, DATA, MORE_DATA] {
            lab.server.connection_opened(connection);
        }
        lab
    }

    /// The answer to a request on a connection; `None` as long as there is none.
    fn ask_on(
        &mut self,
        connection: SocketId,
        method: Method,
        more: impl FnOnce(MessageBuilder<'_>) -> MessageBuilder<'_>,
    ) -> Option<Sent> {
        let packet = self.request(client(1), method, more);
        let mut answers = self.give(connection, client(1), &packet);
        assert!(answers.len() <= 1);
        let answer = answers.pop()?;
        assert_eq!((answer.socket, answer.remote), (connection, client(1)));
        assert!(answer.message().verify_integrity(&key("alice", "wonder")));
        Some(answer)
    }

    fn allocate_tcp(&mut self) -> SocketId {
        let answer = self.ask_on(CONTROL, Method::ALLOCATE, allocate_tcp).unwrap();
        assert_eq!(answer.code(), None);
        assert!(answer.message().xor_addresses(AttributeType::XOR_RELAYED_ADDRESS).next().is_some());
        SocketId(self.sockets - 1)
    }

    /// The code of a refused Connect, or `None` and what was ordered.
    fn connect(&mut self, to: SocketAddr) -> Result<ConnectionId, u16> {
        let answer = self.ask_on(CONTROL, Method::CONNECT, |it| it.xor_address(AttributeType::XOR_PEER_ADDRESS, to));
        if let Some(answer) = answer {
            return Err(answer.code().expect("it is not there yet"));
        }
        match self.orders.pop() {
            Some(ServerEvent::Connect { id, peer, .. }) if peer == to => Ok(id),
            other => panic!("{other:?}"),
        }
    }

    /// A connection to a peer that waits for the client's.
    fn connected(&mut self, to: SocketAddr, socket: SocketId) -> ConnectionId {
        let id = self.connect(to).unwrap();
        self.server.peer_connected(self.now, id, socket);
        let answers = self.drain();
        assert_eq!((answers.len(), answers[0].socket, answers[0].code()), (1, CONTROL, None));
        assert_eq!(answers[0].message().method(), Method::CONNECT);
        assert_eq!(answers[0].message().connection_id(), Ok(Some(id.get())));
        assert!(answers[0].message().verify_integrity(&key("alice", "wonder")));
        id
    }

    /// The code of a refused ConnectionBind.
    fn bind_data(&mut self, connection: SocketId, id: ConnectionId) -> Option<u16> {
        let id = id.get().to_be_bytes();
        let answer =
            self.ask_on(connection, Method::CONNECTION_BIND, |it| it.attribute(AttributeType::CONNECTION_ID, &id));
        answer.expect("an answer").code()
    }

    /// Lets time pass, and gives the codes of what is answered then.
    fn wait_for(&mut self, time: Duration) -> Vec<Option<u16>> {
        self.now += time;
        self.server.handle_timeout(self.now);
        assert!(self.server.poll_timeout().is_none_or(|at| at > self.now));
        self.drain().iter().map(Sent::code).collect()
    }

    fn connections(&self) -> usize {
        self.server.stats().connections
    }
}

fn allocate_tcp(builder: MessageBuilder<'_>) -> MessageBuilder<'_> {
    builder.attribute(AttributeType::REQUESTED_TRANSPORT, TCP)
}

/// Guards the way of a connection: ordered, answered, joined, and ended by either side.
#[test]
fn turn_8_a_connection_is_ordered_joined_and_ended() {
    for (closed, other) in [(DATA, PEER), (PEER, DATA)] {
        let mut lab = Lab::for_tcp();
        let relay = lab.allocate_tcp();
        let packet =
            lab.request(client(1), Method::CONNECT, |it| it.xor_address(AttributeType::XOR_PEER_ADDRESS, peer(1)));
        assert_eq!(lab.give(CONTROL, client(1), &packet), [], "the answer waits for the connection");
        let Some(ServerEvent::Connect { id, relay: from, peer: to }) = lab.orders.pop() else { panic!("no order") };
        assert_eq!((from, to), (relay, peer(1)));
        lab.server.peer_connected(lab.now, id, PEER);
        assert_eq!(lab.drain()[0].message().connection_id(), Ok(Some(id.get())));
        assert_eq!(lab.bind_data(DATA, id), None);
        assert_eq!(lab.orders, [ServerEvent::Join { client: DATA, peer: PEER }]);
        // What it carries is nothing to the server.
        let refresh = lab.request(client(1), Method::REFRESH, |it| it.lifetime(seconds(0)));
        assert_eq!(lab.give(DATA, client(1), &refresh), []);
        // It lives as long as the allocation.
        assert_eq!(lab.wait_for(seconds(599)), []);
        assert_eq!((lab.connections(), lab.released.len()), (1, 0));
        lab.server.connection_closed(closed);
        assert_eq!((lab.drain(), &lab.released[..], lab.connections()), (Vec::new(), &[other][..], 0));
        lab.server.connection_closed(other);
        assert_eq!((lab.released.len(), lab.server.stats().allocations), (1, 1));
        assert_eq!(lab.bind_data(MORE_DATA, id), Some(400));
    }
}

/// Guards the one connection to a peer: while it is opened, while it waits, and while it carries data.
#[test]
fn turn_8_a_duplicate_peer_gets_446() {
    let mut lab = Lab::for_tcp();
    lab.allocate_tcp();
    let id = lab.connect(peer(1)).unwrap();
    assert_eq!(lab.connect(peer(1)), Err(446));
    lab.server.peer_connected(lab.now, id, PEER);
    lab.drain();
    assert_eq!(lab.connect(peer(1)), Err(446));
    assert_eq!(lab.bind_data(DATA, id), None);
    lab.orders.clear();
    assert_eq!(lab.connect(peer(1)), Err(446));
    // Another port is another peer.
    assert!(lab.connect(SocketAddr::new(peer(1).ip(), 1)).is_ok());
    lab.server.connection_closed(PEER);
    assert!(lab.connect(peer(1)).is_ok());
}

/// Guards the failure, and the end of patience.
#[test]
fn turn_8_a_peer_that_cannot_be_reached_in_time_gets_447() {
    let mut lab = Lab::for_tcp();
    lab.allocate_tcp();
    let id = lab.connect(peer(1)).unwrap();
    lab.server.peer_failed(id);
    assert_eq!(lab.drain().iter().map(Sent::code).collect::<Vec<_>>(), [Some(447)]);
    lab.server.peer_failed(id);
    let id = lab.connect(peer(1)).unwrap();
    assert_eq!(lab.wait_for(Duration::from_millis(29_999)), []);
    assert_eq!(lab.wait_for(Duration::from_millis(1)), [Some(447)]);
    assert_eq!((std::mem::take(&mut lab.orders), lab.connections()), (vec![ServerEvent::Abandon { id }], 0));
    // It comes after all.
    lab.server.peer_connected(lab.now, id, PEER);
    assert_eq!((lab.drain(), &lab.released[..]), (Vec::new(), &[PEER][..]));
}

/// Guards the half minute in which the client has to come for a connection.
#[test]
fn turn_8_a_connection_that_nobody_comes_for_is_closed_after_30_s() {
    let mut lab = Lab::for_tcp();
    let relay = lab.allocate_tcp();
    lab.ask_on(CONTROL, Method::CREATE_PERMISSION, |it| it.xor_address(AttributeType::XOR_PEER_ADDRESS, peer(2)));
    let connect = |lab: &mut Lab, number: u32| {
        let ordered = lab.connected(peer(1), SocketId(PEER.0 + number));
        lab.server.peer_accepted(lab.now, relay, peer(2), SocketId(PEER.0 + number + 1));
        let told = lab.drain().remove(0);
        [ordered, ConnectionId::new(told.message().connection_id().unwrap().unwrap())]
    };
    let ids = connect(&mut lab, 0);
    assert_eq!(lab.wait_for(Duration::from_millis(29_999)), []);
    assert_eq!((lab.bind_data(DATA, ids[0]), lab.bind_data(MORE_DATA, ids[1])), (None, None));
    assert_eq!(lab.wait_for(seconds(60)), []);
    assert_eq!((lab.connections(), lab.released.len()), (2, 0));
    lab.server.connection_closed(PEER);
    lab.server.connection_closed(SocketId(PEER.0 + 1));
    assert_eq!((lab.drain(), std::mem::take(&mut lab.released)), (Vec::new(), vec![DATA, MORE_DATA]));
    for connection in [DATA, MORE_DATA] {
        lab.server.connection_opened(connection);
    }
    let ids = connect(&mut lab, 10);
    assert_eq!(lab.wait_for(seconds(30)), []);
    assert_eq!((lab.connections(), lab.released.len()), (0, 2));
    assert_eq!((lab.bind_data(DATA, ids[0]), lab.bind_data(MORE_DATA, ids[1])), (Some(400), Some(400)));
}

/// Guards the relayed address: who is not permitted is sent away, and nobody is told.
#[test]
fn turn_8_permissions_say_who_may_connect() {
    let mut lab = Lab::for_tcp();
    let relay = lab.allocate_tcp();
    let comes = |lab: &mut Lab, from: SocketAddr| {
        lab.server.peer_accepted(lab.now, relay, from, PEER);
        let told = lab.drain();
        (told.first().map(|sent| sent.message().xor_peer_address()), std::mem::take(&mut lab.released).len())
    };
    assert_eq!(comes(&mut lab, peer(1)), (None, 1));
    let permit = |lab: &mut Lab| {
        lab.ask_on(CONTROL, Method::CREATE_PERMISSION, |it| it.xor_address(AttributeType::XOR_PEER_ADDRESS, peer(1)))
    };
    assert_eq!(permit(&mut lab).unwrap().code(), None);
    assert_eq!(comes(&mut lab, peer(2)), (None, 1));
    lab.server.peer_accepted(lab.now, relay, "[::ffff:203.0.113.1]:9".parse().unwrap(), PEER);
    let told = lab.drain().remove(0);
    assert_eq!((told.socket, told.remote), (CONTROL, client(1)));
    assert_eq!((told.message().class(), told.message().method()), (Class::Indication, Method::CONNECTION_ATTEMPT));
    assert_eq!(told.message().xor_peer_address(), Ok(Some(SocketAddr::new(peer(1).ip(), 9))));
    let id = ConnectionId::new(told.message().connection_id().unwrap().unwrap());
    assert_eq!(lab.bind_data(DATA, id), None);
    assert_eq!(lab.orders, [ServerEvent::Join { client: DATA, peer: PEER }]);
    lab.wait_for(seconds(300));
    assert_eq!(comes(&mut lab, peer(1)), (None, 1));
    assert_eq!(lab.connections(), 1, "what stands does not hang on the permission");
    // A socket that is nobody's.
    lab.server.peer_accepted(lab.now, SocketId(77), peer(1), SocketId(78));
    assert_eq!((lab.drain(), &lab.released[..]), (Vec::new(), &[SocketId(78)][..]));
}

/// Guards whose a connection is, and what it may be joined to.
#[test]
fn turn_8_a_connection_is_for_its_owner_and_once() {
    let mut lab = Lab::for_tcp();
    lab.allocate_tcp();
    let id = lab.connected(peer(1), PEER);
    assert_eq!(lab.bind_data(DATA, ConnectionId::new(id.get() ^ 1)), Some(400));
    assert_eq!(lab.bind_data(CONTROL, id), Some(400), "it carries the allocation");
    assert_eq!(lab.bind_data(LISTENER, id), Some(400), "it is no stream");
    assert_eq!(lab.ask_on(DATA, Method::CONNECTION_BIND, |it| it).unwrap().code(), Some(400));
    let number = id.get().to_be_bytes();
    let of_bob = lab.request_of("bob", "build", client(1), Method::CONNECTION_BIND, |it| {
        it.attribute(AttributeType::CONNECTION_ID, &number)
    });
    let answer = lab.give(DATA, client(1), &of_bob).remove(0);
    assert_eq!((answer.code(), answer.message().verify_integrity(&key("bob", "build"))), (Some(400), true));
    assert_eq!(lab.orders, []);
    assert_eq!(lab.bind_data(DATA, id), None);
    assert_eq!(lab.bind_data(MORE_DATA, id), Some(400));
    assert_eq!(lab.orders, [ServerEvent::Join { client: DATA, peer: PEER }]);
}

/// Guards what TCP is not given for, and where.
#[test]
fn turn_8_only_streams_get_connections_and_datagrams_have_no_place_there() {
    let mut lab = Lab::for_tcp();
    let code = |lab: &mut Lab, connection, attribute: Option<(AttributeType, &[u8])>| {
        let answer = lab.ask_on(connection, Method::ALLOCATE, |it| match attribute {
            Some((attribute, value)) => allocate_tcp(it).attribute(attribute, value),
            None => allocate_tcp(it),
        });
        answer.unwrap().code()
    };
    assert_eq!(code(&mut lab, LISTENER, None), Some(400));
    let of_datagrams: [(AttributeType, &[u8]); 3] = [
        (AttributeType::EVEN_PORT, &[0]),
        (AttributeType::DONT_FRAGMENT, &[]),
        (AttributeType::RESERVATION_TOKEN, &[0; 8]),
    ];
    for attribute in of_datagrams {
        assert_eq!(code(&mut lab, CONTROL, Some(attribute)), Some(400), "{attribute:?}");
    }
    let relay = lab.allocate_tcp();
    lab.ask_on(CONTROL, Method::CREATE_PERMISSION, |it| it.xor_address(AttributeType::XOR_PEER_ADDRESS, peer(1)));
    let bound = lab.ask_on(CONTROL, Method::CHANNEL_BIND, |it| {
        it.attribute(AttributeType::CHANNEL_NUMBER, &[0x40, 0, 0, 0])
            .xor_address(AttributeType::XOR_PEER_ADDRESS, peer(1))
    });
    assert_eq!(bound.unwrap().code(), Some(403));
    let mut send = Vec::new();
    MessageBuilder::new(&mut send, Class::Indication, Method::SEND, TransactionId([5; 12]))
        .xor_address(AttributeType::XOR_PEER_ADDRESS, peer(1))
        .attribute(AttributeType::DATA, b"x");
    assert_eq!((lab.give(CONTROL, client(1), &send), lab.give(relay, peer(1), b"x")), (Vec::new(), Vec::new()));
    // An allocation of UDP has no connections.
    lab.server.connection_closed(CONTROL);
    lab.server.connection_opened(CONTROL);
    lab.drain();
    assert_eq!(lab.ask_on(CONTROL, Method::ALLOCATE, allocate).unwrap().code(), None);
    assert_eq!(lab.connect(peer(1)), Err(437));
    lab.server.peer_accepted(lab.now, SocketId(lab.sockets - 1), peer(1), PEER);
    lab.drain();
    assert_eq!((lab.connections(), lab.released.pop()), (0, Some(PEER)));
}

/// Guards the setting: unless told so a server connects to nobody.
#[test]
fn turn_8_without_being_told_a_server_gives_no_tcp() {
    let mut lab = Lab::new();
    lab.server.connection_opened(CONTROL);
    assert_eq!(lab.ask_on(CONTROL, Method::ALLOCATE, allocate_tcp).unwrap().code(), Some(442));
    for method in [Method::CONNECT, Method::CONNECTION_BIND] {
        let packet = lab.request(client(1), method, |it| it);
        assert_eq!(lab.give(CONTROL, client(1), &packet)[0].code(), Some(400));
    }
}

/// Guards whom the server connects to.
#[test]
fn turn_8_connections_go_only_where_packets_may() {
    let own: SocketAddr = "198.51.100.9:3478".parse().unwrap();
    let mut lab = Lab::for_tcp_with(|config| config.with_peers(PeerPolicy::default().deny_own(own)));
    assert_eq!(lab.connect(peer(1)), Err(437), "there is no allocation");
    lab.allocate_tcp();
    for (denied, code) in [
        ("127.0.0.1:80", 403),
        ("169.254.169.254:80", 403),
        ("198.51.100.9:3478", 403),
        ("[2001:db8::1]:80", 443),
        ("203.0.113.1:0", 400),
    ] {
        assert_eq!(lab.connect(denied.parse().unwrap()), Err(code), "{denied}");
    }
    assert_eq!(lab.ask_on(CONTROL, Method::CONNECT, |it| it).unwrap().code(), Some(400));
    assert_eq!((&lab.orders[..], lab.connections()), (&[][..], 0));
}

/// Guards the end of an allocation: nothing of it stays open.
#[test]
fn turn_8_connections_end_with_their_allocation() {
    for way in 0..3 {
        let mut lab = Lab::for_tcp();
        lab.allocate_tcp();
        let joined = lab.connected(peer(1), PEER);
        assert_eq!(lab.bind_data(DATA, joined), None);
        lab.orders.clear();
        if way == 0 {
            lab.wait_for(seconds(580));
        }
        lab.connected(peer(2), SocketId(3_001));
        let opening = lab.connect(peer(3)).unwrap();
        match way {
            0 => assert_eq!(lab.wait_for(seconds(20)), []),
            1 => {
                let answer = lab.ask_on(CONTROL, Method::REFRESH, |it| it.lifetime(seconds(0)));
                assert_eq!(answer.unwrap().code(), None);
            }
            _ => {
                lab.server.connection_closed(CONTROL);
                assert_eq!(lab.drain(), []);
            }
        }
        lab.released.sort();
        assert_eq!(lab.released, [SocketId(0), DATA, PEER, SocketId(3_001)], "way {way}");
        assert_eq!(lab.orders, [ServerEvent::Abandon { id: opening }]);
        assert_eq!((lab.connections(), lab.server.poll_timeout()), (0, None));
    }
}

/// Guards the bound, of those that are ordered and of those that come.
#[test]
fn turn_8_connections_of_an_allocation_are_bounded() {
    let limits = ServerLimits { connections: 2, ..ServerLimits::default() };
    let mut lab = Lab::for_tcp_with(|config| config.with_limits(limits));
    let relay = lab.allocate_tcp();
    lab.ask_on(CONTROL, Method::CREATE_PERMISSION, |it| it.xor_address(AttributeType::XOR_PEER_ADDRESS, peer(9)));
    let first = lab.connect(peer(1)).unwrap();
    lab.server.peer_accepted(lab.now, relay, peer(9), PEER);
    assert_eq!(lab.drain().len(), 1);
    assert_eq!(lab.connect(peer(3)), Err(508));
    lab.server.peer_accepted(lab.now, relay, SocketAddr::new(peer(9).ip(), 1), SocketId(3_001));
    assert_eq!((lab.drain(), std::mem::take(&mut lab.released)), (Vec::new(), vec![SocketId(3_001)]));
    lab.server.peer_failed(first);
    lab.drain();
    assert!(lab.connect(peer(3)).is_ok());
}
