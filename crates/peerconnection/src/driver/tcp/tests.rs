//! Connections on loopback, while time stands still or goes by leaps.

use super::*;
use std::future::poll_fn;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown};
use std::slice;
use tokio::time::timeout;

/// How long the system may take for what it does at once.
const LIMIT: Duration = Duration::from_secs(60);
const SESSION: usize = 7;
const OTHER: usize = 8;

/// A STUN message without attributes, in its frame, whose last byte is the number of a session.
fn check_for(session: usize) -> Vec<u8> {
    let mut frame = vec![0, 20, 0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
    frame.extend([0; 11]);
    frame.push(session as u8);
    frame
}

/// What sessions are told.
#[derive(Default)]
struct Told {
    packets: Vec<(usize, Vec<u8>)>,
    connected: Vec<Route>,
    lost: Vec<(Route, ConnectionError)>,
}

impl Sessions for Told {
    fn named_by(&self, packet: &[u8]) -> Option<usize> {
        packet.last().map(|last| usize::from(*last)).filter(|session| [SESSION, OTHER].contains(session))
    }

    fn take(&mut self, session: usize, _: SocketId, _: SocketAddr, packets: &mut Wire) {
        while let Some(packet) = packets.next_packet() {
            self.packets.push((session, packet.to_vec()));
        }
    }

    fn connected(&mut self, session: usize, socket: SocketId, remote: SocketAddr) {
        self.connected.push((session, socket, remote));
    }

    fn lost(&mut self, session: usize, socket: SocketId, remote: SocketAddr, error: ConnectionError) {
        self.lost.push(((session, socket, remote), error));
    }
}

/// The connections of an endpoint, and its time.
struct Run {
    now: Instant,
    tcp: Tcp,
    told: Told,
    /// Where connections come in.
    port: (SocketId, SocketAddr),
}

impl Run {
    /// With a port that is for all sessions.
    fn with_port_of_all() -> Self {
        let listener = Listener::bind(0, (Ipv4Addr::LOCALHOST, 0).into()).expect("a free port");
        let port = (listener.id, listener.address);
        Self { now: netsim::epoch(), tcp: Tcp::new(vec![listener]), told: Told::default(), port }
    }

    /// With a port that [`SESSION`] has for itself.
    fn with_own_port() -> Self {
        let mut tcp = Tcp::new(Vec::new());
        let bound = tcp.bind_own(SESSION, [Ipv4Addr::LOCALHOST.into()]);
        Self { now: netsim::epoch(), tcp, told: Told::default(), port: bound.ports[0] }
    }

    /// Looks at the connections until something is so.
    async fn until(&mut self, what: &str, mut is_so: impl FnMut(&Self) -> bool) {
        let so = poll_fn(|cx| {
            let more = self.tcp.poll(self.now, cx, &mut self.told);
            if is_so(self) {
                return Poll::Ready(());
            }
            if more {
                cx.waker().wake_by_ref();
            }
            Poll::Pending
        });
        timeout(LIMIT, so).await.unwrap_or_else(|_| panic!("not so: {what}"));
    }

    /// Lets time go by.
    async fn pass(&mut self, time: Duration) {
        self.now += time;
        poll_fn(|cx| Poll::Ready(self.tcp.poll(self.now, cx, &mut self.told))).await;
    }

    /// Opens a connection to the port, which is taken.
    async fn stranger(&mut self) -> Far {
        let far = Far::connect(self.port.1);
        let before = self.tcp.next_token;
        self.until("a stranger is taken in", |run| run.tcp.next_token > before).await;
        far
    }

    /// The same from somebody who says whom it is for.
    async fn introduced(&mut self, session: usize) -> Far {
        let mut far = self.stranger().await;
        let before = self.told.packets.len();
        far.write(&check_for(session));
        self.until("its packet is there", |run| run.told.packets.len() > before).await;
        far
    }

    fn open(&mut self, remote: SocketAddr) {
        self.tcp.open(self.now, SESSION, self.port, remote, FarEnd::Peer);
    }

    fn route(&self, remote: SocketAddr) -> Route {
        (SESSION, self.port.0, remote)
    }
}

/// The other end of a connection.
struct Far(std::net::TcpStream);

impl Far {
    fn connect(to: SocketAddr) -> Self {
        let far = std::net::TcpStream::connect(to).expect("it listens");
        far.set_read_timeout(Some(LIMIT)).expect("a time");
        Self(far)
    }

    fn address(&self) -> SocketAddr {
        self.0.local_addr().expect("it is bound")
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).expect("it is open");
    }

    /// How it ended.
    fn end(&mut self) -> Result<(), ErrorKind> {
        let mut byte = 0;
        match self.0.read(slice::from_mut(&mut byte)) {
            Ok(len) => {
                assert_eq!(len, 0, "there is something to be read");
                Ok(())
            }
            Err(error) => Err(error.kind()),
        }
    }

    fn is_open(&self) -> bool {
        self.0.set_nonblocking(true).expect("a socket");
        let mut byte = 0;
        let peeked = self.0.peek(slice::from_mut(&mut byte));
        self.0.set_nonblocking(false).expect("a socket");
        peeked.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    }
}

/// So many bytes from the port to itself.
fn transmit(run: &Run, len: usize) -> Transmit {
    let (socket, remote) = run.port;
    Transmit { socket, remote, ecn: ortica_core::Ecn::NotEct, len, segment_size: None }
}

// --- who comes in -----------------------------------------------------------------------------------------------------------

/// Guards the bound on those who say nothing: a further one costs the oldest its place.
#[tokio::test]
async fn ice_12_strangers_are_few() {
    let mut run = Run::with_port_of_all();
    let mut strangers = Vec::new();
    for _ in 0..MAX_STRANGERS {
        strangers.push(run.stranger().await);
    }
    assert_eq!(run.tcp.counted.strangers, 0);
    assert!(strangers[0].is_open());
    run.stranger().await;
    assert_eq!((run.tcp.counted.strangers, run.tcp.connections.len()), (1, MAX_STRANGERS));
    assert_eq!(strangers[0].end(), Ok(()));
    assert!(strangers[1].is_open());
}

/// Guards the time that one has to say whom it is for.
#[tokio::test]
async fn ice_12_a_stranger_that_says_nothing_is_closed() {
    let mut run = Run::with_port_of_all();
    let mut silent = run.stranger().await;
    run.pass(INTRODUCTION_TIMEOUT.saturating_sub(Duration::from_nanos(1))).await;
    assert!(silent.is_open());
    run.pass(Duration::from_nanos(1)).await;
    assert_eq!(silent.end(), Ok(()));
    assert_eq!((run.tcp.counted.strangers, run.tcp.is_idle()), (1, true));
}

/// Guards the bound on the connections of one session, whom others still reach.
#[tokio::test]
async fn ice_12_a_session_has_so_many_connections() {
    let mut run = Run::with_port_of_all();
    let mut kept = Vec::new();
    for _ in 0..MAX_PER_SESSION {
        kept.push(run.introduced(SESSION).await);
    }
    let mut further = run.stranger().await;
    further.write(&check_for(SESSION));
    run.until("the further one is lost", |run| !run.told.lost.is_empty()).await;
    let route = run.route(further.address());
    assert_eq!(run.told.lost, [(route, ConnectionError::Unneeded)]);
    assert_eq!(further.end(), Ok(()));
    assert!(kept.iter().all(Far::is_open));
    run.introduced(OTHER).await;
}

/// Guards a port of one session's own against those who look for another one.
#[tokio::test]
async fn ice_12_a_port_of_its_own_is_for_one_session() {
    let mut run = Run::with_own_port();
    let mut stranger = run.stranger().await;
    stranger.write(&check_for(OTHER));
    run.until("it is closed", |run| run.tcp.is_idle()).await;
    assert_eq!(run.tcp.counted.strangers, 1);
    assert!(run.told.packets.is_empty() && run.told.lost.is_empty());
    run.introduced(SESSION).await;
}

/// Guards what came in and said nothing when the port goes that it came in at.
#[tokio::test]
async fn ice_12_a_port_goes_with_its_strangers() {
    let mut run = Run::with_own_port();
    let mut stranger = run.stranger().await;
    run.tcp.close_own(OTHER, None);
    run.tcp.close_own(SESSION, Some(&[SocketId(run.port.0.0 + 1)]));
    assert!(stranger.is_open());
    run.tcp.close_own(SESSION, Some(slice::from_ref(&run.port.0)));
    assert!(stranger.end().is_err());
    assert!(run.tcp.is_idle() && run.tcp.is_unused());
    std::net::TcpStream::connect(run.port.1).expect_err("nobody listens any more");
}

// --- one that was asked for -------------------------------------------------------------------------------------------------

/// Guards one that came in before its session asked for it: it is the same, and nothing that it said is lost.
#[tokio::test]
async fn ice_12_one_that_came_in_is_claimed() {
    let mut run = Run::with_own_port();
    let mut far = run.stranger().await;
    let route = run.route(far.address());
    run.open(far.address());
    run.until("it is there", |run| !run.told.connected.is_empty()).await;
    assert_eq!((run.told.connected.as_slice(), run.tcp.counted.connections), ([route].as_slice(), 1));
    assert_eq!((run.tcp.strangers.len(), run.tcp.connections.len()), (0, 1));
    far.write(&check_for(OTHER));
    run.until("its packet is there", |run| !run.told.packets.is_empty()).await;
    assert_eq!(run.told.packets[0].0, SESSION);
}

/// Guards one that had said whom it is for before that session asked for it. It counts once.
#[tokio::test]
async fn ice_12_one_that_introduced_itself_is_claimed() {
    let mut run = Run::with_own_port();
    let far = run.introduced(SESSION).await;
    assert!(run.told.connected.is_empty());
    run.open(far.address());
    run.until("it is there", |run| !run.told.connected.is_empty()).await;
    assert_eq!(run.told.connected, [run.route(far.address())]);
    assert_eq!((run.tcp.counted.connections, run.tcp.connections.len()), (1, 1));
    assert!(far.is_open() && run.told.lost.is_empty());
}

/// Guards one that comes in while its session opens it: what was waited for is there then.
#[tokio::test]
async fn ice_12_one_that_comes_in_is_the_one_asked_for() {
    let mut run = Run::with_own_port();
    // The system has it, and the port has not given it yet.
    let mut far = Far::connect(run.port.1);
    run.open(far.address());
    run.until("it is there", |run| !run.told.connected.is_empty()).await;
    assert_eq!(run.told.connected, [run.route(far.address())]);
    assert_eq!((run.tcp.counted.connections, run.tcp.connections.len(), run.tcp.strangers.len()), (1, 1, 0));
    far.write(&check_for(SESSION));
    run.until("its packet is there", |run| !run.told.packets.is_empty()).await;
}

/// Guards the way that a connection from a port of its own takes: once it is closed the next one can go the same way, from either side.
#[tokio::test]
async fn ice_12_a_way_is_free_as_soon_as_its_connection_is_closed() {
    let mut run = Run::with_own_port();
    let peer = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let remote = peer.local_addr().expect("it has one");
    for round in 1..4 {
        run.open(remote);
        run.until("it is there", |run| run.told.connected.len() == round).await;
        let (far, from) = peer.accept().expect("one came");
        assert_eq!(from, run.port.1);
        run.tcp.close(run.now, SESSION, run.port.0, remote);
        assert_eq!(Far(far).end(), Err(ErrorKind::ConnectionReset));
    }
    assert!(run.told.lost.is_empty());
}

/// Guards the same where a connection is given up before its session hears that it is there: the system has it already.
#[tokio::test]
async fn ice_12_a_way_is_free_as_soon_as_its_connection_is_given_up() {
    let mut run = Run::with_own_port();
    let peer = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let remote = peer.local_addr().expect("it has one");
    for to in [FarEnd::Peer, FarEnd::StunServer] {
        run.tcp.open(run.now, SESSION, run.port, remote, to);
        run.pass(Duration::ZERO).await;
        let (far, _) = peer.accept().expect("one came");
        run.tcp.close(run.now, SESSION, run.port.0, remote);
        assert_eq!(Far(far).end(), Err(ErrorKind::ConnectionReset));
    }
    assert!(run.told.connected.is_empty() && run.told.lost.is_empty());
}

/// Guards what the system has yet to bring to the other side when the session of such a port goes: it comes, and a goodbye behind it.
#[tokio::test]
async fn ice_12_one_from_a_port_of_its_own_says_goodbye() {
    /// More than the other side takes without being read.
    const PACKETS: usize = 200;
    let mut run = Run::with_own_port();
    let peer = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let remote = peer.local_addr().expect("it has one");
    run.open(remote);
    run.until("it is there", |run| !run.told.connected.is_empty()).await;
    let mut far = Far(peer.accept().expect("one came").0);
    let packet = [5; 1200];
    let transmit = Transmit { remote, ..transmit(&run, packet.len()) };
    for _ in 0..PACKETS {
        assert!(run.tcp.send(SESSION, &transmit, &packet));
    }
    run.tcp.close_all(run.now, SESSION, None);
    run.pass(Duration::ZERO).await;
    run.pass(ENDING_TIMEOUT).await;
    assert!(run.tcp.is_idle());
    let mut bytes = vec![0; PACKETS * (2 + packet.len())];
    far.0.read_exact(&mut bytes).expect("all of it comes");
    assert_eq!(far.end(), Ok(()));
}

/// Guards the time that one may take to come about.
#[tokio::test]
async fn ice_12_one_that_does_not_come_about_is_given_up() {
    let mut run = Run::with_own_port();
    // The system has such a connection, so that none comes about, and none comes in.
    let far = run.introduced(SESSION).await;
    let (_, token) = run.tcp.of(SESSION).next().expect("it is there");
    run.tcp.routes.clear();
    run.open(far.address());
    run.pass(Duration::ZERO).await;
    run.pass(CONNECT_TIMEOUT.saturating_sub(Duration::from_nanos(1))).await;
    assert!(run.told.lost.is_empty());
    run.pass(Duration::from_nanos(1)).await;
    assert_eq!(run.told.lost, [(run.route(far.address()), ConnectionError::TimedOut)]);
    assert!(run.tcp.connections.contains_key(&token) && run.tcp.connections.len() == 1);
}

// --- how they end -----------------------------------------------------------------------------------------------------------

/// Guards the time that nothing may come, which begins anew with each packet.
#[tokio::test]
async fn ice_12_one_that_nothing_comes_over_is_lost() {
    let mut run = Run::with_port_of_all();
    let mut far = run.introduced(SESSION).await;
    run.pass(IDLE_TIMEOUT / 2).await;
    far.write(&check_for(SESSION));
    run.until("its packet is there", |run| run.told.packets.len() == 2).await;
    run.pass(IDLE_TIMEOUT.saturating_sub(Duration::from_nanos(1))).await;
    assert!(far.is_open() && run.told.lost.is_empty());
    run.pass(Duration::from_nanos(1)).await;
    assert_eq!(run.told.lost, [(run.route(far.address()), ConnectionError::TimedOut)]);
    assert_eq!((far.end(), run.tcp.is_idle()), (Ok(()), true));
}

/// Guards what waits when a connection is closed: it is written first. One whose other side says nothing to that goes all the same.
#[tokio::test]
async fn ice_12_what_waits_is_written_before_one_ends() {
    let mut run = Run::with_port_of_all();
    let mut far = run.introduced(SESSION).await;
    let packet = [5; 1200];
    let transmit = Transmit { remote: far.address(), ..transmit(&run, packet.len()) };
    // More than the system takes at once.
    let mut taken = 0;
    loop {
        assert!(run.tcp.send(SESSION, &transmit, &packet));
        run.tcp.flush(&mut run.told);
        if run.tcp.counted.dropped > 0 {
            break;
        }
        taken += 1;
    }
    assert!(!run.tcp.send(OTHER, &transmit, &packet));
    run.tcp.close(run.now, SESSION, run.port.0, far.address());
    assert!(!run.tcp.send(SESSION, &transmit, &packet));
    let reading = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        far.0.read_to_end(&mut bytes).expect("it ends well");
        far.0.shutdown(Shutdown::Write).expect("it is open to the other side");
        bytes.len()
    });
    run.until("both sides have closed it", |run| run.tcp.is_idle()).await;
    assert_eq!(reading.join().expect("it read all"), taken * (2 + packet.len()));

    let far = run.introduced(SESSION).await;
    run.tcp.close_all(run.now, SESSION, None);
    run.pass(ENDING_TIMEOUT.saturating_sub(Duration::from_nanos(1))).await;
    assert!(!run.tcp.is_idle());
    run.pass(Duration::from_nanos(1)).await;
    assert!(run.tcp.is_idle());
    assert!(run.told.lost.is_empty());
    drop(far);
}

/// Guards an endpoint that nobody uses any more: what is nobody's ends with it.
#[tokio::test]
async fn ice_12_an_endpoint_that_retires_takes_nobody_in() {
    let mut run = Run::with_port_of_all();
    let mut stranger = run.stranger().await;
    let mut far = run.introduced(SESSION).await;
    run.tcp.retire();
    assert_eq!(stranger.end(), Ok(()));
    assert!(far.is_open() && !run.tcp.is_idle());
    std::net::TcpStream::connect(run.port.1).expect_err("nobody listens any more");
    run.tcp.close_all(run.now, SESSION, None);
    run.until("it has said goodbye", |run| run.tcp.unflushed.is_empty() && run.tcp.connections.len() == 1).await;
    assert_eq!(far.end(), Ok(()));
    drop(far);
    run.until("both sides have closed it", |run| run.tcp.is_idle()).await;
}
