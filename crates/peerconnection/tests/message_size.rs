//! How long a message may be, as the two sides tell each other.
#![cfg(all(feature = "tokio", any(feature = "aws-lc-rs", feature = "rust-crypto")))]
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

#[path = "common/sockets.rs"]
mod sockets;

use ortica::engine::{ChannelError, Limits};
use ortica::{Configuration, DataChannel, DataChannelInit, Message, PeerConnection, SendError, TrySendError};
use sockets::{describe, incoming, within};
use tokio::io::AsyncWriteExt;

/// What ortica announces unless told otherwise.
const USUAL: usize = 256 << 10;
/// What it sends at most to a peer without limit.
const BUFFER: usize = (2 << 20) - 64;

/// Both ends of a channel, which keep their connections.
struct Call {
    mine: DataChannel,
    theirs: DataChannel,
}

/// A call in which the answer says about its `a=max-message-size` line what `said` makes of it.
async fn call(configuration: Configuration, said: impl Fn(&str) -> String) -> Call {
    let connection = || PeerConnection::new(configuration.clone().with_gather_loopback(true)).unwrap();
    let ((a, _a_events), (b, mut b_events)) = (connection(), connection());
    let mine = a.create_data_channel("messages", DataChannelInit::default()).unwrap();
    assert_eq!(mine.max_message_size(), 64 << 10, "nothing was said yet");
    b.set_remote_description(describe(&a).await).unwrap();
    let mut answer = describe(&b).await;
    let line = answer.sdp.lines().find(|line| line.starts_with("a=max-message-size:")).unwrap().to_owned();
    answer.sdp = answer.sdp.replace(&format!("{line}\r\n"), &said(&line));
    a.set_remote_description(answer).unwrap();
    let theirs = incoming(&mut b_events).await;
    assert!(mine.opened().await);
    Call { mine, theirs }
}

/// What was said, as it is.
fn plainly(line: &str) -> String {
    format!("{line}\r\n")
}

async fn expect(channel: &DataChannel, len: usize) {
    match channel.recv().await {
        Some(Message::Binary(bytes)) => assert_eq!(bytes.len(), len),
        other => panic!("{other:?} instead of {len} bytes"),
    }
}

/// A message of `most` bytes crosses, and one of a byte more is refused by both ways of sending; the channel goes on.
async fn crosses_up_to(call: &Call, most: usize) {
    let Call { mine, theirs, .. } = call;
    assert_eq!(mine.max_message_size(), most);
    mine.send(vec![7; most]).await.unwrap();
    expect(theirs, most).await;
    assert_eq!(mine.send(vec![7; most + 1]).await, Err(SendError::TooLarge(most)));
    assert_eq!(mine.try_send(vec![7; most + 1]), Err(TrySendError::Refused(SendError::TooLarge(most))));
    mine.send(vec![7; 5]).await.unwrap();
    expect(theirs, 5).await;
}

/// Guards the comparison in `Channels::send`.
#[tokio::test]
async fn sdp_12_a_longer_message_than_the_peer_takes_is_refused_here() {
    within(async {
        crosses_up_to(&call(Configuration::default(), plainly).await, USUAL).await;
        crosses_up_to(&call(Configuration::default(), |_| "a=max-message-size:1000\r\n".to_owned()).await, 1000).await;
    })
    .await;
}

#[tokio::test]
async fn sdp_12_a_peer_that_does_not_say_takes_64_kib() {
    within(async {
        crosses_up_to(&call(Configuration::default(), |_| String::new()).await, 64 << 10).await;
    })
    .await;
}

/// Such a peer gets what the send buffer holds. The peer here lies, so that nothing of that length is sent.
#[tokio::test]
async fn sdp_12_a_peer_without_limit_gets_what_can_be_held() {
    within(async {
        let Call { mine, theirs, .. } =
            &call(Configuration::default(), |_| "a=max-message-size:0\r\n".to_owned()).await;
        assert_eq!(mine.max_message_size(), BUFFER);
        assert_eq!(mine.send(vec![7; BUFFER + 1]).await, Err(SendError::TooLarge(BUFFER)));
        mine.send(vec![7; USUAL]).await.unwrap();
        expect(theirs, USUAL).await;
    })
    .await;
}

#[tokio::test]
async fn two_that_allow_it_send_long_messages_to_each_other() {
    const LONG: usize = 8 << 20;
    within(async {
        let call = call(Configuration::default().with_max_message_size(LONG), plainly).await;
        crosses_up_to(&call, LONG).await;
        call.theirs.send(vec![1; LONG]).await.unwrap();
        expect(&call.mine, LONG).await;
    })
    .await;
}

/// Whatever is asked for, an OPEN with the longest names still arrives.
#[tokio::test]
async fn no_limit_is_so_low_that_channels_could_not_open() {
    within(async {
        let call = call(Configuration::default().with_max_message_size(1), plainly).await;
        crosses_up_to(&call, 131_082).await;
    })
    .await;
}

/// Any amount is written, in pieces that the peer takes.
#[tokio::test]
async fn a_stream_writes_in_pieces_that_the_peer_takes() {
    within(async {
        for (said, piece) in [("a=max-message-size:1000\r\n", 1000), ("a=max-message-size:0\r\n", 64 << 10)] {
            let Call { mine, theirs } = call(Configuration::default(), |_| said.to_owned()).await;
            let written: Vec<u8> = (0..3_000_001).map(|at| (at * 31 + at / 251) as u8).collect();
            let mut stream = mine.into_stream();
            let read = async {
                let (mut read, mut longest) = (Vec::new(), 0);
                while let Some(Message::Binary(bytes)) = theirs.recv().await {
                    longest = longest.max(bytes.len());
                    read.extend_from_slice(&bytes);
                }
                (read, longest)
            };
            let write = async {
                stream.write_all(&written).await.unwrap();
                stream.shutdown().await.unwrap();
            };
            let ((read, longest), ()) = tokio::join!(read, write);
            assert!(read == written, "{said}");
            assert_eq!(longest, piece, "{said}");
        }
    })
    .await;
}

/// Guards `Configuration::with_limits`.
#[tokio::test]
async fn a_connection_has_no_more_channels_than_it_was_made_for() {
    let mut limits = Limits::default();
    limits.channels = 2;
    let configuration = Configuration::default().with_gather_loopback(true).with_limits(limits);
    let (connection, _events) = PeerConnection::new(configuration).unwrap();
    let make = || connection.create_data_channel("x", DataChannelInit::default());
    let (_first, _second) = (make().unwrap(), make().unwrap());
    assert_eq!(make().unwrap_err(), ChannelError::TooMany);
}
