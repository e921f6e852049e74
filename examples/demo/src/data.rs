//! The data channels: one is filled as fast as it takes it, one measures round trips beside it.

use crate::error::DemoError;
use crate::statement::Statement;
use ortica::{DataChannel, Message};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::time::{Duration, Instant};

/// Bytes in one message.
const MESSAGE_LEN: usize = 16 * 1024;
/// Between two round trips that are measured.
const PING_INTERVAL: Duration = Duration::from_millis(100);
/// The text that ends the data.
const END: &str = "end";

/// What was sent or received.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Data {
    pub messages: u64,
    pub bytes: u64,
    pub sha256: String,
    /// From when the channel was open to the last message.
    pub span: Duration,
}

impl Data {
    /// Megabytes per second.
    pub fn rate(&self) -> f64 {
        self.bytes as f64 / 1e6 / self.span.as_secs_f64().max(1e-3)
    }
}

/// Counts and hashes messages.
struct Tally {
    messages: u64,
    bytes: u64,
    hash: Sha256,
    start: Instant,
}

impl Tally {
    fn start() -> Self {
        Self { messages: 0, bytes: 0, hash: Sha256::new(), start: Instant::now() }
    }

    fn add(&mut self, message: &[u8]) {
        self.messages += 1;
        self.bytes += message.len() as u64;
        self.hash.update(message);
    }

    fn end(self) -> Data {
        let sha256 = self.hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Data { messages: self.messages, bytes: self.bytes, sha256, span: self.start.elapsed() }
    }
}

/// Sends for as long, and as much, as it is told.
pub async fn send(bulk: &DataChannel, length: Duration, limit: u64) -> Result<Data, DemoError> {
    let mut tally = Tally::start();
    let mut message = vec![0; MESSAGE_LEN];
    while tally.start.elapsed() < length && tally.bytes < limit {
        // Each message differs, so that one that is lost or doubled changes the hash.
        message[..8].copy_from_slice(&tally.messages.to_be_bytes());
        tally.add(&message);
        bulk.send(message.clone()).await?;
    }
    bulk.send(END).await?;
    Ok(tally.end())
}

/// Reads until the other side says that it has sent everything.
pub async fn receive(bulk: DataChannel) -> Result<Data, DemoError> {
    let mut tally = Tally::start();
    loop {
        match bulk.recv().await.ok_or(DemoError::Ended)? {
            Message::Binary(bytes) => tally.add(&bytes),
            Message::Text(_) => return Ok(tally.end()),
        }
    }
}

/// Says what this side sent and received, and hears the same of the other one.
pub async fn exchange(bulk: &DataChannel, here: &Statement) -> Result<Statement, DemoError> {
    bulk.send(serde_json::to_string(here)?).await?;
    match bulk.recv().await {
        Some(Message::Text(there)) => Ok(serde_json::from_str(&there)?),
        _ => Err(DemoError::Ended),
    }
}

/// Measures round trips, sorted by length, until the channel ends.
pub async fn measure(pings: DataChannel) -> Vec<Duration> {
    let mut round_trips = Vec::new();
    loop {
        let start = Instant::now();
        if pings.send("ping").await.is_err() || pings.recv().await.is_none() {
            break;
        }
        round_trips.push(start.elapsed());
        tokio::time::sleep(PING_INTERVAL).await;
    }
    round_trips.sort();
    round_trips
}

/// Sends back what comes, until the channel ends; measures nothing.
pub async fn echo(pings: DataChannel) -> Vec<Duration> {
    while let Some(message) = pings.recv().await {
        if pings.send(message).await.is_err() {
            break;
        }
    }
    Vec::new()
}
