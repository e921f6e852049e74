//! Messages that have to arrive as they were sent.
#![allow(dead_code, reason = "each test uses its part")]
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

use crate::sockets::within;
use ortica::{DataChannel, Message};

/// Up to 100,000 bytes that tell which message they are of.
fn message(seed: usize) -> Vec<u8> {
    (0..seed * 7_919 % 100_000 + 1).map(|at| (at * 31 + seed) as u8).collect()
}

/// Sends so many messages, and reads as many, which have to be those.
pub async fn exchange(from: &DataChannel, to: &DataChannel, count: usize) {
    within(async { tokio::join!(send(from, count), receive(to, count)) }).await;
}

/// Sends so many messages, and reads as many at the same end, which have to be those that the other end was to send.
pub async fn exchange_here(channel: &DataChannel, count: usize) {
    within(async { tokio::join!(send(channel, count), receive(channel, count)) }).await;
}

async fn send(from: &DataChannel, count: usize) {
    for seed in 0..count {
        from.send(message(seed)).await.unwrap();
    }
}

async fn receive(to: &DataChannel, count: usize) {
    for seed in 0..count {
        assert!(to.recv().await == Some(Message::from(message(seed))), "message {seed}");
    }
}
