//! A data channel as a stream of bytes.
#![cfg(all(feature = "tokio", any(feature = "aws-lc-rs", feature = "rust-crypto")))]
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

use ortica::{Configuration, DataChannel, DataChannelInit, Event, Events, PeerConnection};
use std::io::ErrorKind;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const LIMIT: Duration = Duration::from_secs(30);

struct Call {
    mine: DataChannel,
    theirs: DataChannel,
    _events: (Events, Events),
    _connections: (PeerConnection, PeerConnection),
}

async fn call() -> Call {
    let connection = || PeerConnection::new(Configuration::default().with_gather_loopback(true)).unwrap();
    let ((a, a_events), (b, mut b_events)) = (connection(), connection());
    let mine = a.create_data_channel("bytes", DataChannelInit::default()).unwrap();
    a.set_local_description(None).unwrap();
    a.gathering_complete().await;
    b.set_remote_description(a.local_description().unwrap()).unwrap();
    b.set_local_description(None).unwrap();
    b.gathering_complete().await;
    a.set_remote_description(b.local_description().unwrap()).unwrap();
    let theirs = loop {
        match b_events.next().await.unwrap() {
            Event::DataChannel(channel) => break channel,
            _ => continue,
        }
    };
    assert!(mine.opened().await);
    Call { mine, theirs, _events: (a_events, b_events), _connections: (a, b) }
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, future).await.expect("it is done in time")
}

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 31 + at / 251) as u8).collect()
}

#[tokio::test]
async fn bytes_arrive_as_written_and_end_with_the_channel() {
    within(async {
        let Call { mine, theirs, _events, _connections } = call().await;
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
        let Call { mine, theirs, _events, _connections } = call().await;
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
        let Call { mine, theirs, _events, _connections } = call().await;
        mine.send("text").await.unwrap();
        let error = theirs.into_stream().read_u8().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
    })
    .await;
}
