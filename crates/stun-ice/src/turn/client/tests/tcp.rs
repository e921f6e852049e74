//! Peers that are reached by TCP.

use super::*;
use crate::turn::framing::StreamReader;
use crate::turn::{ConnectError, ConnectionId, DataConnection, DataConnectionEvent, PeerTransport};

const ID: ConnectionId = ConnectionId::new(0x0102_0304);

/// One with an allocation of TCP.
fn script() -> Script {
    script_with(|_| {})
}

fn script_with(change: impl FnOnce(&mut ClientConfig)) -> Script {
    let mut script = Script::with(|config| {
        (config.is_stream, config.peer_transport) = (true, PeerTransport::Tcp);
        change(config);
    });
    script.allocate(relayed(1));
    script
}

fn connection_id(builder: MessageBuilder<'_>) -> MessageBuilder<'_> {
    builder.attribute(AttributeType::CONNECTION_ID, &ID.get().to_be_bytes())
}

fn attempt(more: impl FnOnce(MessageBuilder<'_>) -> MessageBuilder<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    more(MessageBuilder::new(&mut bytes, Class::Indication, Method::CONNECTION_ATTEMPT, TransactionId([3; 12])));
    bytes
}

/// Guards what is asked for: the transport of peers, and nothing that TCP has no use for.
#[test]
fn turn_8_an_allocation_of_tcp_says_so() {
    let mut script = Script::with(|config| (config.is_stream, config.peer_transport) = (true, PeerTransport::Tcp));
    let first = script.sent_one(Method::ALLOCATE);
    assert_eq!(first.message().requested_transport(), Ok(Some(6)));
    script.refuse(&first, 442);
    let refused = TurnError::Refused { code: 442, reason: "no".to_owned() };
    script.assert_failed(&refused);
}

/// Guards the number of requests: one for each peer at a time, each answered by one event.
#[test]
fn turn_8_a_connection_is_asked_for_once_until_it_is_there() {
    let mut script = script();
    for _ in 0..3 {
        assert_eq!(script.client.connect(script.now, peer(1)), Ok(()));
    }
    assert_eq!(script.client.connect(script.now, peer(2)), Ok(()));
    let first = script.sent().unwrap();
    let second = script.sent_one(Method::CONNECT);
    assert_eq!(first.message().xor_peer_address(), Ok(Some(peer(1))));
    assert!(first.message().verify_integrity(&script.key));
    // The server may try for half a minute.
    script.wait(seconds(30));
    assert_eq!(script.events(), []);
    script.succeed(&second, connection_id);
    script.refuse(&first, 403);
    let connected = ClientEvent::Connected { peer: peer(2), connection: ID };
    assert_eq!(script.events(), [connected, ClientEvent::ConnectRefused { peer: peer(1), code: 403 }]);
    // Both may be wanted again at once: the server knows whether there is one.
    for number in [1, 2] {
        script.client.connect(script.now, peer(number)).unwrap();
        let request = script.sent_one(Method::CONNECT);
        script.refuse(&request, 446);
        assert_eq!(script.events(), [ClientEvent::ConnectRefused { peer: peer(number), code: 446 }]);
    }
    assert!(script.sent().is_none());
}

/// Guards the rest after a failure.
#[test]
fn turn_8_a_peer_that_failed_is_asked_for_ten_seconds_later() {
    let mut script = script();
    script.client.connect(script.now, peer(1)).unwrap();
    let request = script.sent_one(Method::CONNECT);
    script.refuse(&request, 447);
    assert_eq!(script.events(), [ClientEvent::ConnectRefused { peer: peer(1), code: 447 }]);
    script.wait(seconds(2));
    script.client.connect(script.now, peer(1)).unwrap();
    script.client.connect(script.now, peer(2)).unwrap();
    let other = script.sent_one(Method::CONNECT);
    assert_eq!(other.message().xor_peer_address(), Ok(Some(peer(2))));
    assert_eq!(script.client.poll_timeout(), Some(script.now + seconds(8)));
    script.wait(seconds(7));
    assert!(script.sent().is_none());
    script.wait(seconds(1));
    let again = script.sent_one(Method::CONNECT);
    // Success without a number is none either.
    script.succeed(&again, |it| it);
    assert_eq!(script.events(), [ClientEvent::ConnectRefused { peer: peer(1), code: 447 }]);
    script.wait(seconds(10));
    script.client.connect(script.now, peer(1)).unwrap();
    script.sent_one(Method::CONNECT);
}

/// Guards the deadline: a server that says nothing is asked whether it is there.
#[test]
fn turn_8_a_connection_that_nobody_answers_for_is_given_up() {
    let mut script = script();
    script.client.connect(script.now, peer(1)).unwrap();
    script.sent_one(Method::CONNECT);
    script.wait(Duration::from_millis(39_499));
    assert_eq!((script.events(), script.sent().is_none()), (Vec::new(), true));
    script.wait(Duration::from_millis(1));
    assert_eq!(script.events(), [ClientEvent::ConnectRefused { peer: peer(1), code: 447 }]);
    script.sent_one(Method::REFRESH);
}

/// Guards what waits for an allocation, and for another one when that is gone.
#[test]
fn turn_8_connections_are_asked_of_the_next_allocation() {
    let mut script = Script::with(|config| (config.is_stream, config.peer_transport) = (true, PeerTransport::Tcp));
    script.client.connect(script.now, peer(1)).unwrap();
    script.allocate(relayed(1));
    let request = script.sent_one(Method::CONNECT);
    script.refuse(&request, 437);
    assert_eq!(script.events(), [ClientEvent::Lost]);
    script.allocate(relayed(2));
    let request = script.sent_one(Method::CONNECT);
    assert_eq!(request.message().xor_peer_address(), Ok(Some(peer(1))));
}

/// Guards who may be told of: peers that are permitted, in bounded number.
#[test]
fn turn_8_attempts_of_permitted_peers_are_told() {
    let mut script = script_with(|config| config.max_peers = 2);
    let from = |number: u8| attempt(|it| connection_id(it).xor_address(AttributeType::XOR_PEER_ADDRESS, peer(number)));
    let told = |script: &mut Script, packet: &[u8]| {
        assert_eq!(script.client.handle_packet(script.now, packet), None);
        script.events()
    };
    assert_eq!(told(&mut script, &from(1)), []);
    script.client.permit(script.now, peer(1));
    assert_eq!(script.grant_peers().len(), 1);
    assert_eq!(told(&mut script, &from(1)), [ClientEvent::ConnectionAttempt { peer: peer(1), connection: ID }]);
    assert_eq!(told(&mut script, &from(2)), []);
    let without_id = attempt(|it| it.xor_address(AttributeType::XOR_PEER_ADDRESS, peer(1)));
    assert_eq!(told(&mut script, &without_id), []);
    assert_eq!(told(&mut script, &attempt(connection_id)), []);
    let strange = attempt(|it| {
        let it = connection_id(it).xor_address(AttributeType::XOR_PEER_ADDRESS, peer(1));
        it.attribute(AttributeType(0x7fff), &[])
    });
    assert_eq!(told(&mut script, &strange), []);
    assert_eq!(script.client.stats().packets_dropped, 5);
    for _ in 0..100 {
        script.client.handle_packet(script.now, &from(1));
    }
    assert_eq!(script.events().len(), 8);
    // One of UDP knows nothing of that.
    let mut script = Script::allocated();
    script.client.permit(script.now, peer(1));
    script.grant_peers();
    assert_eq!(told(&mut script, &from(1)), []);
}

/// Guards what each kind of allocation cannot do.
#[test]
fn turn_8_tcp_has_no_packets_and_udp_no_connections() {
    let mut script = script_with(|config| config.max_peers = 2);
    script.client.bind(script.now, peer(1));
    assert_eq!(script.grant_peers(), [(Method::CREATE_PERMISSION, SocketAddr::new(peer(1).ip(), 0))]);
    assert!(!script.client.wrap(script.now, peer(1), b"x", &mut Vec::new()));
    let connects = [1, 2, 3].map(|number| script.client.connect(script.now, peer(number)));
    assert_eq!(connects, [Ok(()), Ok(()), Err(ConnectError::TooMany)]);
    script.client.close(script.now);
    assert_eq!(script.client.connect(script.now, peer(1)), Err(ConnectError::Over));
    let mut script = Script::allocated();
    assert_eq!(script.client.connect(script.now, peer(1)), Err(ConnectError::Packets));
    assert!(script.sent().is_none());
}

/// A data connection, and what the server sent on it.
struct Data {
    connection: DataConnection,
    reader: StreamReader,
    now: Instant,
    key: IntegrityKey,
}

impl Data {
    fn new() -> Self {
        let mut script = script();
        let connection = script.client.data_connection(script.now, ID);
        Self { connection, reader: StreamReader::default(), now: script.now, key: script.key }
    }

    /// The one request that is to be sent.
    fn sent(&mut self) -> Sent {
        let mut bytes = Vec::new();
        let len = self.connection.poll_transmit(self.now, &mut bytes).expect("a request");
        assert_eq!((len, self.connection.poll_transmit(self.now, &mut Vec::new())), (bytes.len(), None));
        let sent = Sent { bytes };
        assert_eq!((sent.method(), sent.message().connection_id()), (Method::CONNECTION_BIND, Ok(Some(ID.get()))));
        assert!(sent.message().verify_integrity(&self.key));
        sent
    }

    /// Takes bytes piece by piece.
    fn read(&mut self, bytes: &[u8], piece: usize) {
        for piece in bytes.chunks(piece) {
            self.reader.room()[..piece.len()].copy_from_slice(piece);
            self.reader.filled(piece.len());
            self.connection.read(self.now, &mut self.reader);
        }
    }

    fn answer(&self, to: &Sent, class: Class, is_signed: bool, code: Option<u16>) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut builder = MessageBuilder::new(&mut bytes, class, Method::CONNECTION_BIND, to.id());
        if let Some(code) = code {
            builder = builder.error_code(ErrorCode { code, reason: "no" });
        }
        if is_signed {
            builder.integrity(&self.key);
        } else {
            builder.attribute(AttributeType::REALM, REALM.as_bytes()).attribute(AttributeType::NONCE, b"another one");
        }
        bytes
    }

    fn failed(&mut self) -> Option<TurnError> {
        match self.connection.poll_event()? {
            DataConnectionEvent::Failed(error) => {
                assert_eq!((self.connection.poll_event(), self.connection.poll_timeout()), (None, None));
                assert_eq!(self.connection.poll_transmit(self.now, &mut Vec::new()), None);
                Some(error)
            }
            DataConnectionEvent::Bound => panic!("it is bound"),
        }
    }
}

/// Guards the bytes behind the answer: they are the peer's, whatever they look like.
#[test]
fn turn_8_what_follows_the_answer_is_left_for_the_peers_reader() {
    for piece in [1, 7, 10_000] {
        let mut data = Data::new();
        let request = data.sent();
        let mut stream = data.answer(&request, Class::Success, true, None);
        let (answer, peers) =
            (stream.len(), [data.answer(&request, Class::Error, true, Some(400)), vec![0xff; 9]].concat());
        stream.extend_from_slice(&peers);
        data.read(&stream[..answer - 1], piece);
        assert_eq!(data.connection.poll_event(), None);
        data.read(&stream[answer - 1..answer + 3], 4);
        assert_eq!(data.connection.poll_event(), Some(DataConnectionEvent::Bound));
        data.read(&stream[answer + 3..], 10_000);
        assert_eq!(data.reader.take_rest(), peers);
        assert_eq!((data.connection.poll_event(), data.connection.poll_timeout()), (None, None));
    }
}

/// Guards the credentials: another nonce is taken once.
#[test]
fn turn_8_a_stale_nonce_costs_a_data_connection_another_request() {
    let mut data = Data::new();
    let first = data.sent();
    let challenge = data.answer(&first, Class::Error, false, Some(438));
    data.read(&challenge, 10_000);
    let second = data.sent();
    assert_ne!(first.id(), second.id());
    assert_eq!(second.message().attribute(AttributeType::NONCE), Some(&b"another one"[..]));
    // The first request is not asked any more.
    let late = data.answer(&first, Class::Success, true, None);
    data.read(&late, 10_000);
    assert_eq!(data.connection.poll_event(), None);
    let challenge = data.answer(&second, Class::Error, false, Some(438));
    data.read(&challenge, 10_000);
    assert_eq!(data.failed(), Some(TurnError::StaleNonces));
}

/// Guards each way in which there is no connection.
#[test]
fn turn_8_a_data_connection_fails_with_a_reason() {
    let refused = TurnError::Refused { code: 400, reason: "no".to_owned() };
    for (class, is_signed, code, expected) in [
        (Class::Success, false, None, TurnError::Forged),
        (Class::Error, false, Some(400), TurnError::Forged),
        (Class::Error, true, Some(400), refused),
        (Class::Error, false, Some(401), TurnError::Unauthorized { reason: "no".to_owned() }),
        (Class::Error, true, Some(401), TurnError::InvalidAnswer("realm")),
    ] {
        let mut data = Data::new();
        let request = data.sent();
        let answer = data.answer(&request, class, is_signed, code);
        data.read(&answer, 10_000);
        assert_eq!(data.failed(), Some(expected));
    }
    let mut data = Data::new();
    data.sent();
    data.read(b"SSH-2.0", 10_000);
    assert_eq!(data.failed(), Some(TurnError::InvalidAnswer("form")));
    let mut data = Data::new();
    data.sent();
    data.now += Duration::from_millis(9_499);
    data.connection.handle_timeout(data.now);
    assert_eq!(data.failed(), None);
    data.now += Duration::from_millis(1);
    assert_eq!(data.connection.poll_timeout(), Some(data.now));
    data.connection.handle_timeout(data.now);
    assert_eq!(data.failed(), Some(TurnError::Timeout));
}
