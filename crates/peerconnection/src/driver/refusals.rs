//! Sockets that refuse what they are to send, and what becomes of a call then.

use crate::{
    Configuration, ConnectionState, DataChannel, DataChannelInit, Endpoint, EndpointConfig, Event, Events, Message,
    PeerConnection,
};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What a socket refuses.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    next: Mutex<(i32, u64)>,
}

impl Refusals {
    /// The next `count` transmits fail with this error of the system.
    pub fn set(&self, error: i32, count: u64) {
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = (error, count);
    }

    /// One is to be sent.
    pub fn take(&self) -> io::Result<()> {
        let (error, left) = &mut *self.next.lock().unwrap_or_else(PoisonError::into_inner);
        if *left == 0 {
            return Ok(());
        }
        *left -= 1;
        Err(io::Error::from_raw_os_error(*error))
    }
}

/// How many transmits are refused: the first one of a message and three repetitions.
const REFUSED: u64 = 4;
/// Turns that an endpoint may take meanwhile. One that tried over and over would take tens of thousands a second.
const TURNS: u64 = 200;
/// What the repetitions take at least, since each waits for a time-out.
const TIME: Duration = Duration::from_millis(300);
const LIMIT: Duration = Duration::from_secs(60);

/// A call over loopback; `sender` has an endpoint of its own.
struct Call {
    endpoint: Endpoint,
    sender: PeerConnection,
    outgoing: DataChannel,
    incoming: DataChannel,
    _receiver: PeerConnection,
    _events: [Events; 2],
}

impl Call {
    async fn new() -> Self {
        let on_loopback = || {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            Endpoint::new(EndpointConfig::default().with_addresses(vec![address])).unwrap()
        };
        let endpoint = on_loopback();
        let connection = |endpoint| PeerConnection::new(Configuration::default().with_endpoint(endpoint)).unwrap();
        let (sender, sender_events) = connection(endpoint.clone());
        let (receiver, mut receiver_events) = connection(on_loopback());
        let outgoing = sender.create_data_channel("chat", DataChannelInit::default()).unwrap();
        sender.set_local_description(None).unwrap();
        receiver.set_remote_description(sender.local_description().unwrap()).unwrap();
        receiver.set_local_description(None).unwrap();
        sender.set_remote_description(receiver.local_description().unwrap()).unwrap();
        let incoming = loop {
            if let Event::DataChannel(channel) = receiver_events.next().await.unwrap() {
                break channel;
            }
        };
        assert!(outgoing.opened().await);
        let mut call = Self {
            endpoint,
            sender,
            outgoing,
            incoming,
            _receiver: receiver,
            _events: [sender_events, receiver_events],
        };
        call.carry("before").await;
        call
    }

    async fn carry(&mut self, text: &str) {
        self.outgoing.send(text).await.unwrap();
        assert_eq!(self.incoming.recv().await, Some(Message::from(text)));
    }

    /// Sends while the socket refuses; returns how long that took, in time and in turns.
    async fn carry_in_spite_of(&mut self, error: i32) -> (Duration, u64) {
        let (before, began) = (self.endpoint.stats(), Instant::now());
        self.endpoint.refuse(error, REFUSED);
        self.carry("meanwhile").await;
        let after = self.endpoint.stats();
        assert_eq!(after.refused - before.refused, REFUSED, "{error}: each counts as lost");
        assert_eq!(self.sender.connection_state(), ConnectionState::Connected, "{error}");
        (began.elapsed(), after.turns - before.turns)
    }
}

/// Guards `Driver::send`: what the system refuses is lost, as if on the way. It is sent again when whoever sent it would do so
/// anyway, and nothing ends.
#[cfg(unix)]
#[tokio::test]
async fn flt_44_what_a_socket_refuses_is_lost_and_nothing_else() {
    let errors = [libc::EAGAIN, libc::ENOBUFS, libc::EPERM, libc::ENETUNREACH, libc::EMSGSIZE];
    let mut all = tokio::task::JoinSet::new();
    for error in errors {
        all.spawn(async move {
            let mut call = Call::new().await;
            let (time, turns) = call.carry_in_spite_of(error).await;
            assert!(turns <= TURNS, "{error}: {turns} turns");
            // Packets that are too long are sent in another form at once.
            assert!(error == libc::EMSGSIZE || time >= TIME, "{error}: {time:?}");
            call.carry("after").await;
        });
    }
    tokio::time::timeout(LIMIT, all.join_all()).await.expect("in time");
}
