//! The other process: the ends that call, each with a socket of its own.

use crate::calls::{drain, left, loopback};
use crate::lines::{Line, Speaker, talk};
use crate::{flood, process};
use ortica::codecs::MediaKind;
use ortica::jsep::{SdpType, SessionDescription, TransceiverInit};
use ortica::{Configuration, ConnectionState, DataChannel, DataChannelInit, PeerConnection};
use std::collections::HashMap;
use std::error::Error;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::Instant;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, oneshot};

/// What the tasks of this process share.
struct Shared {
    speaker: Speaker,
    /// Those that wait for an answer.
    waiting: Mutex<HashMap<usize, oneshot::Sender<String>>>,
    up: Mutex<Vec<PeerConnection>>,
    /// Names that checks of live connections carry.
    names: Mutex<Vec<String>>,
    media: bool,
}

/// How many names forgers know.
const MOST_NAMES: usize = 100;

/// Does what the process at `port` asks for, until it is gone.
pub async fn run(port: u16, media: bool) -> Result<(), Box<dyn Error + Send + Sync>> {
    process::raise_open_files();
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    let (speaker, mut listener) = talk(stream);
    let shared = Arc::new(Shared {
        speaker: speaker.clone(),
        waiting: Mutex::default(),
        up: Mutex::default(),
        names: Mutex::default(),
        media,
    });
    let mut begun = 0;
    while let Ok(line) = listener.next().await {
        match line {
            Line::Start(count, at_once) => {
                let places = Arc::new(Semaphore::new(at_once));
                for number in begun..begun + count {
                    tokio::spawn(begin(shared.clone(), places.clone(), number));
                }
                begun += count;
            }
            Line::Answer(number, sdp) => {
                let waiting = lock(&shared.waiting).remove(&number);
                let _ = waiting.map(|waiting| waiting.send(sdp));
            }
            Line::Flood(count, port) => {
                let (speaker, names) = (speaker.clone(), lock(&shared.names).clone());
                std::thread::spawn(move || {
                    if let Err(error) = flood::send(count, port, &names) {
                        eprintln!("the flood ended early: {error}");
                    }
                    let _ = speaker.send(Line::Flooded);
                });
            }
            Line::Report => {
                let is_up = |connection: &&PeerConnection| connection.connection_state() == ConnectionState::Connected;
                let up = lock(&shared.up).iter().filter(is_up).count();
                speaker.send(Line::Reported(up, left(), process::cpu_time().as_millis() as u64))?;
            }
            Line::Offer(..) | Line::Open(..) | Line::Flooded | Line::Reported(..) => {}
        }
    }
    Ok(())
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().expect("no task panics with it")
}

async fn begin(shared: Arc<Shared>, places: Arc<Semaphore>, number: usize) {
    let Ok(place) = places.acquire().await else { return };
    match call(&shared, number).await {
        Ok(channel) => {
            drop(place);
            echo(channel).await;
        }
        Err(error) => eprintln!("connection {number}: {error}"),
    }
}

/// Sets a connection up, from nothing to an open channel.
async fn call(shared: &Shared, number: usize) -> Result<DataChannel, Box<dyn Error + Send + Sync>> {
    let began = Instant::now();
    let (connection, events) = PeerConnection::new(Configuration::default().with_endpoint(loopback()?))?;
    tokio::spawn(drain(events));
    let channel = connection.create_data_channel("idle", DataChannelInit::default())?;
    if shared.media {
        for kind in [MediaKind::Audio, MediaKind::Video] {
            connection.add_transceiver(kind, TransceiverInit::default())?;
        }
    }
    connection.set_local_description(None)?;
    let offer = connection.local_description().ok_or("an offer was set")?.sdp;
    let (sender, answer) = oneshot::channel();
    lock(&shared.waiting).insert(number, sender);
    shared.speaker.send(Line::Offer(number, offer.clone()))?;
    let answer = answer.await?;
    connection.set_remote_description(SessionDescription { kind: SdpType::Answer, sdp: answer.clone() })?;
    if !channel.opened().await {
        return Err("its channel closed".into());
    }
    shared.speaker.send(Line::Open(number, began.elapsed().as_micros() as u64))?;
    if let (Some(theirs), Some(ours)) = (ufrag(&answer), ufrag(&offer)) {
        let names = &mut *lock(&shared.names);
        if names.len() < MOST_NAMES {
            names.push(format!("{theirs}:{ours}"));
        }
    }
    lock(&shared.up).push(connection);
    Ok(channel)
}

fn ufrag(sdp: &str) -> Option<&str> {
    sdp.lines().find_map(|line| line.strip_prefix("a=ice-ufrag:"))
}

/// Says again what it hears.
async fn echo(channel: DataChannel) {
    while let Some(message) = channel.recv().await {
        if channel.send(message).await.is_err() {
            return;
        }
    }
}
