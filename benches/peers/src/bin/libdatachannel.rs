//! libdatachannel through the crate `datachannel`: callbacks on the library's own threads.

use datachannel::{
    DataChannelHandler, DataChannelInfo, GatheringState, PeerConnectionHandler, RtcConfig, RtcDataChannel,
    RtcPeerConnection, SdpType, SessionDescription,
};
use ortica_bench_peers::{Answerer, BULK, GOODBYE, HIGH, Job, LOW, Offerer, PING, Sink, Stack, Wire};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long to wait for a callback.
const PATIENCE: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    ortica_bench_peers::main::<LibDataChannel>()
}

struct LibDataChannel {
    config: RtcConfig,
}

impl Stack for LibDataChannel {
    fn new(job: &Job) -> Self {
        let config = RtcConfig::new::<&str>(&[]).bind_address(&"127.0.0.1").mtu(job.mtu as i32);
        Self { config }
    }

    fn offer(&mut self, mut wire: Wire, work: Offerer) {
        let (heard, hear) = channel();
        let mut connection =
            RtcPeerConnection::new(&self.config, Side::new(heard.clone(), None)).expect("a connection");
        let mut opened = |label: &str| {
            let handler =
                Handler { role: Role::Offers, label: label.to_owned(), heard: heard.clone(), own: Own::default() };
            connection.create_data_channel(label, handler).expect("a legal channel")
        };
        let (mut bulk, mut ping) = (opened(BULK), opened("ping"));
        bulk.set_buffered_amount_low_threshold(LOW).expect("a channel");
        wire.send(description(&connection, &hear));
        connection.set_remote_description(&parse(SdpType::Answer, &wire.wait())).expect("a legal answer");
        let mut open = 0;
        while open < 2 {
            open += usize::from(matches!(hear.recv_timeout(PATIENCE).expect("it opens"), Heard::Opened));
        }
        work.opened();
        std::thread::scope(|scope| {
            let (low_sender, low) = channel();
            let (pong_sender, pong) = channel();
            let sorter = scope.spawn(move || sort(hear, low_sender, pong_sender));
            let bulk = &mut bulk;
            let sending = scope.spawn(move || {
                let Some(mut load) = work.load else { return };
                while let Some(message) = load.next() {
                    while bulk.buffered_amount() >= HIGH {
                        low.recv_timeout(PATIENCE).expect("it drains");
                    }
                    bulk.send(&message.data).expect("an open channel");
                }
            });
            if let Some(pings) = work.pings {
                while let Some(started) = pings.start() {
                    ping.send(&PING).expect("an open channel");
                    pong.recv_timeout(PATIENCE).expect("it comes back");
                    pings.note(started);
                }
            }
            sending.join().expect("it ends");
            heard.send(Heard::Over).expect("the sorter listens");
            sorter.join().expect("it ends");
        });
        bulk.send(GOODBYE).expect("an open channel");
        wire.wait();
        drop((bulk, ping, connection));
    }

    fn answer(&mut self, wire: &mut Wire, work: Answerer) {
        let offer = parse(SdpType::Offer, &wire.wait());
        let (heard, hear) = channel();
        let mut connection =
            RtcPeerConnection::new(&self.config, Side::new(heard, Some(work.sink))).expect("a connection");
        connection.set_remote_description(&offer).expect("a legal offer");
        wire.send(description(&connection, &hear));
        let mut channels = Vec::new();
        loop {
            match hear.recv().expect("callbacks live as long as the connection") {
                Heard::Channel(own) => channels.push(own),
                Heard::Over => break,
                _ => {}
            }
        }
        for own in channels {
            let gone = own.lock().unwrap_or_else(PoisonError::into_inner).take();
            drop(gone);
        }
    }
}

/// Hands each callback's word to the loop that waits for it.
fn sort(hear: Receiver<Heard>, low: Sender<()>, pong: Sender<()>) {
    while let Ok(heard) = hear.recv() {
        // A loop that has ended wants to hear nothing more.
        let _ = match heard {
            Heard::Low => low.send(()),
            Heard::Pong => pong.send(()),
            Heard::Over => return,
            _ => Ok(()),
        };
    }
}

/// The description once it has all candidates.
fn description(connection: &RtcPeerConnection<Side>, hear: &Receiver<Heard>) -> String {
    while !matches!(hear.recv_timeout(PATIENCE).expect("it gathers"), Heard::Gathered) {}
    connection.local_description().expect("was made").sdp.to_string()
}

fn parse(sdp_type: SdpType, sdp: &str) -> SessionDescription {
    let json = serde_json::json!({ "type": sdp_type, "sdp": sdp });
    serde_json::from_value(json).expect("a legal description")
}

/// What callbacks say.
enum Heard {
    Gathered,
    Channel(Own),
    Opened,
    Low,
    Pong,
    Over,
}

/// A channel that its own handler can send on.
type Own = Arc<Mutex<Option<Box<RtcDataChannel<Handler>>>>>;

struct Side {
    heard: Sender<Heard>,
    sink: Option<Sink>,
    coming: Option<Own>,
}

impl Side {
    fn new(heard: Sender<Heard>, sink: Option<Sink>) -> Self {
        Self { heard, sink, coming: None }
    }
}

impl PeerConnectionHandler for Side {
    type DCH = Handler;

    fn data_channel_handler(&mut self, info: DataChannelInfo) -> Handler {
        let own = Own::default();
        self.coming = Some(own.clone());
        let role = self.sink.clone().map_or(Role::Offers, Role::Answers);
        Handler { role, label: info.label, heard: self.heard.clone(), own }
    }

    fn on_data_channel(&mut self, channel: Box<RtcDataChannel<Handler>>) {
        let Some(own) = self.coming.take() else { return };
        *own.lock().unwrap_or_else(PoisonError::into_inner) = Some(channel);
        let _ = self.heard.send(Heard::Channel(own));
    }

    fn on_gathering_state_change(&mut self, state: GatheringState) {
        if state == GatheringState::Complete {
            let _ = self.heard.send(Heard::Gathered);
        }
    }
}

enum Role {
    Offers,
    Answers(Sink),
}

struct Handler {
    role: Role,
    label: String,
    heard: Sender<Heard>,
    own: Own,
}

impl DataChannelHandler for Handler {
    fn on_open(&mut self) {
        let _ = self.heard.send(Heard::Opened);
    }

    fn on_message(&mut self, message: &[u8]) {
        let _ = match &self.role {
            Role::Offers => self.heard.send(Heard::Pong),
            Role::Answers(_) if message == GOODBYE => self.heard.send(Heard::Over),
            Role::Answers(sink) if self.label == BULK => return sink.take(message),
            Role::Answers(_) => {
                let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
                let sent = own.as_mut().map(|channel| channel.send(message));
                return sent.map_or((), |sent| sent.expect("an open channel"));
            }
        };
    }

    fn on_buffered_amount_low(&mut self) {
        let _ = self.heard.send(Heard::Low);
    }
}
