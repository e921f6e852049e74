//! A data channel as a stream of bytes.
#![cfg(all(feature = "tokio", any(feature = "aws-lc-rs", feature = "rust-crypto")))]
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

#[path = "common/sockets.rs"]
mod sockets;

use ortica::{DataChannel, DataChannelInit};
use sockets::{call_between, connection_everywhere, within};
use std::io::ErrorKind;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Both ends of a channel, which keep their connections.
async fn channel() -> (DataChannel, DataChannel) {
    let sides = [connection_everywhere(), connection_everywhere()];
    let call = call_between(sides, DataChannelInit::default()).await;
    (call.a_channel, call.b_channel)
}

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 31 + at / 251) as u8).collect()
}

#[tokio::test]
async fn bytes_arrive_as_written_and_end_with_the_channel() {
    within(async {
        let (mine, theirs) = channel().await;
        let (mut mine, mut theirs) = (mine.into_stream(), theirs.into_stream());
        let sent = pattern(3_000_001);
        let writes = async {
            mine.write_all(&[]).await.unwrap();
            for piece in sent.chunks(100_003) {
                mine.write_all(piece).await.unwrap();
            }
            mine.flush().await.unwrap();
            mine.shutdown().await.unwrap();
            mine
        };
        let mut received = Vec::new();
        let (mine, read) = tokio::join!(writes, theirs.read_to_end(&mut received));
        assert_eq!(read.unwrap(), sent.len());
        assert!(received == sent);
        let error = mine.into_inner().into_stream().write(b"late").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    })
    .await;
}

#[tokio::test]
async fn small_reads_take_a_message_apart() {
    within(async {
        let (mine, theirs) = channel().await;
        mine.send(&b"0123456789"[..]).await.unwrap();
        mine.send(&b"abc"[..]).await.unwrap();
        let mut theirs = theirs.into_stream();
        let mut four = [0; 4];
        let mut read = Vec::new();
        while read.len() < 12 {
            theirs.read_exact(&mut four).await.unwrap();
            read.extend_from_slice(&four);
        }
        assert_eq!(read, b"0123456789ab");
    })
    .await;
}

#[tokio::test]
async fn text_is_an_error() {
    within(async {
        let (mine, theirs) = channel().await;
        mine.send("text").await.unwrap();
        let error = theirs.into_stream().read_u8().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
    })
    .await;
}
