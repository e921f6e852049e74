//! Futures that are dropped before they are done.
#![cfg(all(feature = "tokio", any(feature = "aws-lc-rs", feature = "rust-crypto")))]
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

use ortica::{
    Configuration, DataChannel, DataChannelInit, Endpoint, EndpointConfig, Event, Events, Message, PeerConnection,
};
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::time::Duration;

/// Each future is cancelled after so many polls, and each smaller number.
const POLLS: usize = 12;
/// More than the queues of both sides hold while nobody reads.
const MESSAGES: u32 = 60;

fn connection() -> (PeerConnection, Events) {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let endpoint = Endpoint::new(EndpointConfig::default().with_addresses(vec![address])).unwrap();
    PeerConnection::new(Configuration::default().with_endpoint(endpoint)).unwrap()
}

/// Polls `polls` times, with turns of the driver in between, and drops the future. What it gave, if it was done.
async fn cancelled<T>(polls: usize, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    for _ in 0..polls {
        let polled = std::future::poll_fn(|cx| std::task::Poll::Ready(future.as_mut().poll(cx))).await;
        if let std::task::Poll::Ready(output) = polled {
            return Some(output);
        }
        tokio::task::yield_now().await;
    }
    None
}

async fn incoming(events: &mut Events, polls: usize) -> DataChannel {
    loop {
        if let Some(event) = cancelled(polls, events.next()).await {
            if let Event::DataChannel(channel) = event.expect("the connection goes on") {
                return channel;
            }
        } else {
            tokio::task::yield_now().await;
        }
    }
}

/// Connects, while every future of the connection is cancelled on the way.
async fn call(polls: usize) -> (PeerConnection, PeerConnection, [Events; 2], [DataChannel; 2]) {
    let ((a, a_events), (b, mut b_events)) = (connection(), connection());
    let channel = a.create_data_channel("chat", DataChannelInit::default()).unwrap();
    cancelled(polls, a.connected()).await;
    cancelled(polls, channel.opened()).await;
    cancelled(polls, channel.recv()).await;
    a.set_local_description(None).unwrap();
    cancelled(polls, a.gathering_complete()).await;
    a.gathering_complete().await;
    b.set_remote_description(a.local_description().unwrap()).unwrap();
    b.set_local_description(None).unwrap();
    cancelled(polls, b.gathering_complete()).await;
    b.gathering_complete().await;
    a.set_remote_description(b.local_description().unwrap()).unwrap();
    cancelled(polls, a.connected()).await;
    cancelled(polls, channel.opened()).await;
    let other = incoming(&mut b_events, polls).await;
    a.connected().await.unwrap();
    assert!(channel.opened().await);
    (a, b, [a_events, b_events], [channel, other])
}

/// Guards the wait lists, in which a future holds its place and nothing else: whatever is dropped, and when, no message is
/// lost or doubled and whoever asks again is served. These futures wait for one thing each, so that twelve polls pass all
/// their awaits, and further ones find nothing new.
#[tokio::test]
async fn flt_46_a_future_can_be_dropped_at_any_poll() {
    tokio::time::timeout(Duration::from_secs(60), async {
        for polls in 1..=POLLS {
            let (a, b, events, [channel, other]) = call(polls).await;
            let (mut next, mut full) = (0, 0);
            for number in 0..MESSAGES {
                let bytes = [&number.to_be_bytes()[..], &[0; 100_000]].concat();
                // A send that was cancelled has sent nothing; one that was done has sent all of it.
                if let Some(done) = cancelled(polls, channel.send(bytes.clone())).await {
                    done.unwrap();
                    continue;
                }
                full += 1;
                cancelled(polls, channel.buffered_amount_below(1)).await;
                let mut send = pin!(channel.send(bytes));
                loop {
                    // Room is made by reading, and the last read is cancelled by the send that is done.
                    tokio::select! {
                        biased;
                        sent = &mut send => break sent.unwrap(),
                        message = other.recv() => check(&message.expect("the channel is open"), &mut next),
                    }
                }
            }
            assert!(full > 0, "the queue was never full");
            while let Some(message) = cancelled(polls, other.recv()).await {
                check(&message.expect("the channel is open"), &mut next);
            }
            while next < MESSAGES {
                check(&other.recv().await.expect("the channel is open"), &mut next);
            }
            cancelled(polls, channel.close()).await;
            channel.close().await;
            assert_eq!(other.recv().await, None);
            cancelled(polls, a.close()).await;
            a.close().await;
            b.close().await;
            for mut events in events {
                while events.next().await.is_some() {}
            }
        }
    })
    .await
    .expect("nothing waits for ever");
}

/// Each message comes once and in its turn.
fn check(message: &Message, next: &mut u32) {
    let Message::Binary(bytes) = message else { panic!("a text") };
    assert_eq!((&bytes[..4], bytes.len()), (&next.to_be_bytes()[..], 100_004));
    *next += 1;
}
