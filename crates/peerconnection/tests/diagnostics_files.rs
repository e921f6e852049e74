//! Diagnostics of connections over sockets: what is written where.

#[path = "common/sockets.rs"]
mod sockets;

use ortica::diagnostics::{CaptureConfig, Diagnostics, EventLog, KeyLog, PacketCapture};
use ortica::{Configuration, DataChannelInit, Events, Message, PeerConnection};
use serde_json::Value;
use sockets::call_between;
use std::collections::BTreeSet;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(20);
const WORDS: &str = "meet me where the two rivers join";

/// A file in memory.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Shared {
    fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn connection(diagnostics: &Diagnostics) -> (PeerConnection, Events) {
    let configuration = Configuration::default().with_gather_loopback(true).with_diagnostics(diagnostics.clone());
    PeerConnection::new(configuration).expect("sockets can be bound")
}

/// Sends a message from one connection to another, then closes both.
async fn call(diagnostics: &Diagnostics) {
    let call = call_between([connection(diagnostics), connection(diagnostics)], DataChannelInit::default()).await;
    call.a_channel.send(WORDS).await.expect("the channel is open");
    let received = call.b_channel.recv().await.expect("a message");
    assert_eq!(received, Message::Text(WORDS.into()));
    call.a.close().await;
    call.b.close().await;
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

/// Guards what an application gets: two connections share each file, and the log tells them apart.
#[tokio::test]
async fn connections_write_what_is_wanted_and_where() {
    let (events, packets, keys) = (Shared::default(), Shared::default(), Shared::default());
    let log = EventLog::new(events.clone()).expect("a thread");
    let config = CaptureConfig::default().with_decrypted(true).with_secrets(true);
    let capture = PacketCapture::new(packets.clone(), config).expect("a thread");
    let key_log = KeyLog::new(keys.clone()).expect("a thread");
    let diagnostics =
        Diagnostics::default().with_event_log(log.clone()).with_capture(capture.clone()).with_key_log(key_log.clone());
    timeout(PATIENCE, call(&diagnostics)).await.expect("in time");
    log.flush();
    capture.flush();
    key_log.flush();
    assert_eq!((log.dropped(), capture.dropped(), key_log.dropped()), (0, 0, 0));

    let text = String::from_utf8(events.bytes()).expect("JSON is UTF-8");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
    let connections: BTreeSet<u64> = lines.iter().filter_map(|line| line["connection"].as_u64()).collect();
    assert_eq!(connections.len(), 2, "{connections:?}");
    for connection in connections {
        let of_it = || lines.iter().filter(|line| line["connection"] == connection);
        for (event, state) in [("ice", "connected"), ("dtls", "connected"), ("connection-state", "connected")] {
            assert!(of_it().any(|line| line["event"] == event && line["state"] == state), "{event} {state}: {text}");
        }
        assert!(of_it().any(|line| line["event"] == "closed"), "{text}");
        let times: Vec<f64> = of_it().filter_map(|line| line["time"].as_f64()).collect();
        assert!(times.is_sorted(), "{times:?}");
    }
    assert!(!text.contains(WORDS) && !text.contains("127.0.0.1"));

    let lines = String::from_utf8(keys.bytes()).expect("a key log is ASCII");
    let secrets: BTreeSet<&str> = lines.lines().collect();
    assert_eq!((lines.lines().count(), secrets.len()), (2, 1), "both sides know the same secret");
    let file = packets.bytes();
    assert_eq!(file[..4], [0x0a, 0x0d, 0x0d, 0x0a]);
    assert!(secrets.iter().all(|line| contains(&file, line.as_bytes())), "the capture holds the secrets");
    assert!(contains(&file, WORDS.as_bytes()), "and what was inside");

    timeout(PATIENCE, call(&Diagnostics::default())).await.expect("in time");
    log.flush();
    assert_eq!(events.bytes().len(), text.len(), "other connections are not recorded");
}
