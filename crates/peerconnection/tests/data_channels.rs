//! Two connections in one process, over real sockets on loopback.
#![cfg(all(feature = "tokio", any(feature = "aws-lc-rs", feature = "rust-crypto")))]
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

#[path = "common/sockets.rs"]
mod sockets;

use ortica::core::Rng;
use ortica::engine::{ChannelError, ChannelState, CloseReason, DtlsState, Reliability};
use ortica::{
    Certificate, Configuration, ConnectionState, DataChannel, DataChannelInit, Event, Message, NewError,
    PeerConnection, SendError, TrySendError, Undelivered,
};
use sockets::{call, call_between, connection, incoming, loopback, negotiate, within};
use std::time::Duration;

/// Guards the event of DTLS: the other side learns of a close at once, not when consent is lost.
#[tokio::test]
async fn a_goodbye_is_heard_at_once() {
    within(async {
        let mut call = call(DataChannelInit::default()).await;
        call.a.close().await;
        let started = std::time::Instant::now();
        while !matches!(call.b_events.next().await, Some(Event::DtlsStateChange { state: DtlsState::Closed, .. })) {}
        assert!(started.elapsed() < Duration::from_secs(3));
        assert_eq!(call.b_channel.recv().await, None);
    })
    .await;
}

#[tokio::test]
async fn messages_cross_both_ways() {
    within(async {
        let call = call(DataChannelInit::default()).await;
        call.a_channel.send("ping").await.unwrap();
        assert_eq!(call.b_channel.recv().await, Some(Message::from("ping")));
        call.b_channel.send(vec![0u8, 255]).await.unwrap();
        assert_eq!(call.a_channel.recv().await, Some(Message::from(vec![0u8, 255])));
        assert_eq!(call.a.connection_state(), ConnectionState::Connected);
        assert_eq!(call.b.connected().await, Ok(()));
    })
    .await;
}

/// Guards `Driver::makes_way`: what a packet brings is answered before the endpoint looks at anything else, which takes a second
/// turn for each.
#[tokio::test]
async fn who_waits_for_a_packet_answers_before_the_turn_goes_on() {
    const PINGS: u64 = 50;
    within(async {
        let endpoints = [loopback(), loopback()];
        let call = call_between(endpoints.each_ref().map(connection), DataChannelInit::default()).await;
        let channel = call.b_channel.clone();
        let echo = tokio::spawn(async move {
            while let Some(message) = channel.recv().await {
                channel.send(message).await.unwrap();
            }
        });
        let ping = async || {
            call.a_channel.send("ping").await.unwrap();
            assert_eq!(call.a_channel.recv().await, Some(Message::from("ping")));
        };
        ping().await;
        let [before, _] = endpoints.each_ref().map(|endpoint| endpoint.stats());
        for _ in 0..PINGS {
            ping().await;
        }
        let [after, _] = endpoints.each_ref().map(|endpoint| endpoint.stats());
        let turns = after.turns - before.turns;
        assert!(turns >= PINGS * 19 / 10, "{turns} turns");
        // A packet with the answer each time, and hardly any other.
        let transmits = after.transmits - before.transmits;
        assert!((PINGS..PINGS * 11 / 10).contains(&transmits), "{transmits} transmits");
        echo.abort();
    })
    .await;
}

/// "An empty message" and "a non-ASCII channel label" break others.
#[tokio::test]
async fn dc_3_empty_messages_and_labels_in_any_script_arrive() {
    within(async {
        let (a, _a_events) = connection(&loopback());
        let (b, mut b_events) = connection(&loopback());
        let init = DataChannelInit { protocol: "протокол".to_owned(), ..DataChannelInit::default() };
        let channel = a.create_data_channel("канал 数据 🦀", init).unwrap();
        negotiate(&a, &b).await;
        let incoming = incoming(&mut b_events).await;
        assert_eq!(incoming.label(), "канал 数据 🦀");
        assert_eq!(incoming.protocol(), "протокол");
        assert!(channel.opened().await);
        channel.send("").await.unwrap();
        channel.send(Vec::new()).await.unwrap();
        assert_eq!(incoming.recv().await, Some(Message::from("")));
        assert_eq!(incoming.recv().await, Some(Message::from(Vec::new())));
    })
    .await;
}

#[tokio::test]
async fn a_megabyte_arrives_whole() {
    within(async {
        let call = call(DataChannelInit::default()).await;
        let messages: Vec<Vec<u8>> =
            (0..64u8).map(|number| (0..16_384usize).map(|index| number ^ index as u8).collect()).collect();
        let sender = call.a_channel.clone();
        let sent = messages.clone();
        let task = tokio::spawn(async move {
            for message in sent {
                sender.send(message).await.unwrap();
            }
        });
        for message in messages {
            assert_eq!(call.b_channel.recv().await, Some(Message::from(message)));
        }
        task.await.unwrap();
    })
    .await;
}

/// Guards: `try_send` gives the message back when the queue is full, and nothing grows.
#[tokio::test]
async fn a_full_queue_gives_the_message_back() {
    within(async {
        let call = call(DataChannelInit::default()).await;
        let message = vec![7u8; 200_000];
        let mut refused = None;
        for _ in 0..200 {
            if let Err(error) = call.a_channel.try_send(message.clone()) {
                refused = Some(error);
                break;
            }
        }
        assert_eq!(refused, Some(TrySendError::Full(Message::from(message))));
        let reader = tokio::spawn(async move { while call.b_channel.recv().await.is_some() {} });
        call.a_channel.buffered_amount_below(0).await;
        assert_eq!(call.a_channel.buffered_amount(), 0);
        reader.abort();
    })
    .await;
}

/// Guards: a negotiated channel sends no OPEN, either parity may be used, and one id serves one channel.
#[tokio::test]
async fn dc_6_negotiated_channels_need_no_announcement() {
    within(async {
        let (a, _a_events) = connection(&loopback());
        let (b, mut b_events) = connection(&loopback());
        let init = |id| DataChannelInit { negotiated: Some(id), ..DataChannelInit::default() };
        let (a5, b5) = (a.create_data_channel("five", init(5)).unwrap(), b.create_data_channel("5", init(5)).unwrap());
        let (a6, b6) = (a.create_data_channel("six", init(6)).unwrap(), b.create_data_channel("6", init(6)).unwrap());
        assert_eq!(a.create_data_channel("again", init(5)).unwrap_err(), ChannelError::StreamInUse(5));
        assert_eq!(a.create_data_channel("none", init(65_535)).unwrap_err(), ChannelError::StreamOutOfRange);
        negotiate(&a, &b).await;
        for (from, to) in [(&a5, &b5), (&b6, &a6)] {
            assert!(from.opened().await);
            from.send("hello").await.unwrap();
            assert_eq!(to.recv().await, Some(Message::from("hello")));
        }
        b.close().await;
        while let Some(event) = b_events.next().await {
            assert!(!matches!(event, Event::DataChannel(_)), "nothing was announced");
        }
    })
    .await;
}

#[tokio::test]
async fn closing_a_channel_delivers_what_was_sent_and_frees_its_stream() {
    within(async {
        let mut call = call(DataChannelInit::default()).await;
        for _ in 0..3 {
            let id = call.a_channel.id();
            call.a_channel.send("last words").await.unwrap();
            call.a_channel.close().await;
            assert_eq!(call.b_channel.recv().await, Some(Message::from("last words")));
            assert_eq!(call.b_channel.recv().await, None);
            assert_eq!(call.b_channel.ready_state(), ChannelState::Closed);
            let refused = call.a_channel.send("too late").await;
            assert_eq!(refused, Err(SendError::NotOpen(ChannelState::Closed)));
            call.a_channel = call.a.create_data_channel("next", DataChannelInit::default()).unwrap();
            call.b_channel = incoming(&mut call.b_events).await;
            assert!(call.a_channel.opened().await);
            assert_eq!(call.a_channel.id(), id);
        }
    })
    .await;
}

#[tokio::test]
async fn parameters_reach_the_other_side() {
    within(async {
        let init = DataChannelInit {
            ordered: false,
            reliability: Reliability::MaxRetransmits(3),
            ..DataChannelInit::default()
        };
        let call = call(init).await;
        assert!(!call.b_channel.ordered());
        assert_eq!(call.b_channel.reliability(), Reliability::MaxRetransmits(3));
        for (connection, channel) in [(&call.a, &call.a_channel), (&call.b, &call.b_channel)] {
            let listed = connection.data_channels();
            assert_eq!(listed.iter().map(DataChannel::id).collect::<Vec<_>>(), [channel.id()]);
        }
    })
    .await;
}

#[tokio::test]
async fn closing_ends_every_waiter_with_the_same_reason() {
    within(async {
        let call = call(DataChannelInit::default()).await;
        let waiting = tokio::spawn({
            let channel = call.a_channel.clone();
            async move { channel.recv().await }
        });
        assert_eq!(call.a.close().await, CloseReason::Local);
        assert_eq!(call.a.close().await, CloseReason::Local);
        assert_eq!(waiting.await.unwrap(), None);
        assert_eq!(call.a_channel.send("too late").await, Err(SendError::Closed(CloseReason::Local)));
        assert_eq!(call.a.connection_state(), ConnectionState::Closed);
        let mut events = call.a_events;
        let mut last = None;
        while let Some(event) = events.next().await {
            last = Some(event);
        }
        assert!(matches!(last, Some(Event::Closed(CloseReason::Local))));
    })
    .await;
}

/// Guards: what `send` took arrives although the connection is closed right after, or its last handle is dropped.
#[tokio::test]
async fn closing_a_connection_delivers_what_was_sent() {
    within(async {
        for drops in [false, true] {
            let call = call(DataChannelInit::default()).await;
            let channel = call.b_channel;
            let reader = tokio::spawn(async move {
                for round in 0..200 {
                    assert_eq!(channel.recv().await, Some(Message::from(vec![round; 10_000])));
                }
                assert_eq!(channel.recv().await, None);
            });
            for round in 0..200 {
                call.a_channel.send(vec![round; 10_000]).await.unwrap();
            }
            if drops {
                drop((call.a, call.a_channel, call.a_events));
            } else {
                assert_eq!(call.a.close().await, CloseReason::Local);
                assert_eq!(call.a_channel.closed().await, Undelivered::default());
                assert!(call.a.undelivered().is_none());
            }
            reader.await.unwrap();
        }
    })
    .await;
}

/// Guards: who is left by the other side learns what did not arrive, by every way of asking.
#[tokio::test]
async fn what_did_not_arrive_is_told_to_everybody_who_asks() {
    within(async {
        let call = call(DataChannelInit::default()).await;
        let waiting = tokio::spawn({
            let channel = call.a_channel.clone();
            async move { channel.closed().await }
        });
        let (channel, sent) = (call.a_channel.clone(), 1_000_000);
        channel.try_send(vec![7; 100_000]).unwrap();
        for _ in 1..10 {
            channel.send(vec![7; 100_000]).await.unwrap();
        }
        // Nobody reads, and the window is no longer than this: not all of it can have been acknowledged.
        call.b.close().await;
        let told = waiting.await.unwrap();
        assert_eq!(channel.closed().await, told);
        assert_eq!(channel.close().await, told);
        assert_eq!(call.a.undelivered(), told);
        assert!(told.messages > 0 && told.bytes <= sent, "{told:?}");
        assert_eq!(told.bytes, told.messages * 100_000);
        let shutdown = tokio::io::AsyncWriteExt::shutdown(&mut channel.into_stream()).await;
        assert_eq!(shutdown.unwrap_err().kind(), std::io::ErrorKind::ConnectionAborted);
    })
    .await;
}

#[tokio::test]
async fn the_peers_goodbye_is_told_once_and_closes_nothing_but_channels() {
    within(async {
        let mut call = call(DataChannelInit::default()).await;
        call.a.close().await;
        loop {
            match call.b_events.next().await {
                Some(Event::DtlsStateChange { state: DtlsState::Closed, .. }) => break,
                Some(_) => continue,
                None => panic!("the connection is over"),
            }
        }
        assert_eq!(call.b_channel.recv().await, None);
        assert_eq!(call.b.connection_state(), ConnectionState::Connected);
        call.b.close().await;
        let mut last = None;
        while let Some(event) = call.b_events.next().await {
            assert!(!matches!(event, Event::DtlsStateChange { state: DtlsState::Closed, .. }), "once");
            last = Some(event);
        }
        assert!(matches!(last, Some(Event::Closed(CloseReason::Local))));
    })
    .await;
}

/// Guards: a dropped future leaves the object usable.
#[tokio::test]
async fn api_2_a_cancelled_receive_loses_nothing() {
    within(async {
        let call = call(DataChannelInit::default()).await;
        for round in 0..20 {
            let cancelled = tokio::time::timeout(Duration::ZERO, call.b_channel.recv()).await;
            assert!(cancelled.is_err());
            call.a_channel.send(format!("{round}")).await.unwrap();
            assert_eq!(call.b_channel.recv().await, Some(Message::from(format!("{round}"))));
        }
    })
    .await;
}

/// Guards: the last handle of a connection ends it; the other side learns of it.
#[tokio::test]
async fn api_2_dropping_the_last_handle_ends_the_connection() {
    within(async {
        let call = call(DataChannelInit::default()).await;
        drop((call.a, call.a_channel, call.a_events));
        assert_eq!(call.b_channel.recv().await, None);
    })
    .await;
}

#[tokio::test]
async fn many_connections_share_one_port() {
    within(async {
        let server = loopback();
        let mut calls = Vec::new();
        for _ in 0..20 {
            let (a, _) = connection(&loopback());
            let (b, mut events) = connection(&server);
            let channel = a.create_data_channel("chat", DataChannelInit::default()).unwrap();
            negotiate(&a, &b).await;
            calls.push((incoming(&mut events).await, channel, a, b));
        }
        assert_eq!(server.local_addresses().len(), 1);
        for (number, (incoming, channel, ..)) in calls.iter().enumerate() {
            assert!(channel.opened().await);
            channel.send(number.to_string()).await.unwrap();
            assert_eq!(incoming.recv().await, Some(Message::from(number.to_string())));
        }
    })
    .await;
}

/// Guards the check in `PeerConnection::new`: no peer is shown a certificate that has run out.
#[tokio::test]
async fn api_7_an_expired_certificate_is_refused() {
    let provider = ortica::core::crypto::rust_crypto::provider();
    let make = |wall| Certificate::generate(&provider, &mut Rng::from_number(1), wall).unwrap();
    let made_with = |certificate| {
        PeerConnection::new(Configuration::default().with_endpoint(loopback()).with_certificate(certificate))
    };
    let wall = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let month = Duration::from_secs(30 * 24 * 60 * 60);
    let fresh = make(wall);
    assert_eq!(fresh.expires().as_secs(), (wall + month).as_secs());
    assert!(made_with(fresh).is_ok());
    assert!(matches!(made_with(make(wall - month - Duration::from_secs(1))), Err(NewError::CertificateExpired)));
}
