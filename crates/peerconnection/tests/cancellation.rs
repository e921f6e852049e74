//! Futures that are dropped before they are done.
#![cfg(all(feature = "tokio", any(feature = "aws-lc-rs", feature = "rust-crypto")))]
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

#[path = "common/sockets.rs"]
mod sockets;

use ortica::codecs::synthetic::Tone;
use ortica::codecs::{Codec, EncodedFrame, MediaKind};
use ortica::jsep::TransceiverInit;
use ortica::ortc::{
    DtlsState, DtlsTransport, IceGatherer, IceRole, IceTransport, IceTransportState, SctpState, SctpTransport,
};
use ortica::{
    Configuration, DataChannel, DataChannelInit, Event, Events, LocalTrack, Message, PeerConnection, RemoteTrack,
};
use sockets::{connection, loopback, within};
use std::cell::Cell;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

/// How often a future may be polled at most until it is done.
const MOST_POLLS: usize = 500;
/// More than the queues of both sides hold while nobody reads.
const MESSAGES: u32 = 60;

/// Drops each future at its `at`-th poll, and asks anew for what it would have given.
struct Cutter {
    at: usize,
    cut: Cell<usize>,
}

impl Cutter {
    fn new(at: usize) -> Self {
        Self { at, cut: Cell::new(0) }
    }

    /// Runs what `ask` makes, if need be a second time without a cut.
    async fn ask<T, F: Future<Output = T>>(&self, ask: impl Fn() -> F) -> T {
        match self.cut(ask()).await {
            Some(done) => done,
            None => ask().await,
        }
    }

    /// Polls a future as often as it is woken, and drops it unless it is done with its `at`-th poll. No waker of it may stay.
    async fn cut<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        let relay = Arc::new(Relay(poll_fn(|cx| Poll::Ready(cx.waker().clone())).await));
        let waker = Waker::from(relay.clone());
        let outcome = {
            let mut polls = 0;
            let mut future = pin!(future);
            let cut = poll_fn(|_| match future.as_mut().poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(done) => Poll::Ready(Some(done)),
                Poll::Pending => {
                    polls += 1;
                    if polls == self.at { Poll::Ready(None) } else { Poll::Pending }
                }
            });
            cut.await
        };
        drop(waker);
        self.cut.set(self.cut.get() + usize::from(outcome.is_none()));
        assert_eq!(Arc::strong_count(&relay), 1, "a future that was dropped left its waker behind");
        outcome
    }
}

/// Wakes the task of the test.
struct Relay(Waker);

impl Wake for Relay {
    fn wake(self: Arc<Self>) {
        self.0.wake_by_ref();
    }
}

/// Runs a scenario with all futures dropped at their first poll, at their second, and so on, until none of them takes that long.
async fn at_each_poll<F: Future<Output = Cutter>>(name: &str, scenario: impl Fn(Cutter) -> F) {
    let mut cuts = Vec::new();
    loop {
        let cutter = within(scenario(Cutter::new(cuts.len() + 1))).await;
        cuts.push(cutter.cut.get());
        if cutter.cut.get() == 0 {
            break;
        }
        assert!(cuts.len() < MOST_POLLS, "{name}: {cuts:?}");
    }
    println!("{name}: futures dropped at each poll: {cuts:?}");
    assert!(cuts[0] > 0, "{name}: something waits");
}

async fn incoming(cutter: &Cutter, events: &mut Events) -> DataChannel {
    loop {
        // An event that was taken is not lost with a future: it is dropped while it waits or not at all.
        let event = match cutter.cut(events.next()).await {
            Some(event) => event,
            None => events.next().await,
        };
        if let Event::DataChannel(channel) = event.expect("the connection goes on") {
            return channel;
        }
    }
}

/// Two connections and both ends of a channel, waited for in all ways at once.
async fn connect(cutter: &Cutter) -> (PeerConnection, PeerConnection, [Events; 2], [DataChannel; 2]) {
    let ((a, a_events), (b, mut b_events)) = (connection(&loopback()), connection(&loopback()));
    let channel = a.create_data_channel("chat", DataChannelInit::default()).unwrap();
    let negotiate = async {
        a.set_local_description(None).unwrap();
        cutter.ask(|| a.gathering_complete()).await;
        b.set_remote_description(a.local_description().unwrap()).unwrap();
        b.set_local_description(None).unwrap();
        cutter.ask(|| b.gathering_complete()).await;
        a.set_remote_description(b.local_description().unwrap()).unwrap();
    };
    let ((), a_connected, b_connected, opened, other) = tokio::join!(
        negotiate,
        cutter.ask(|| a.connected()),
        cutter.ask(|| b.connected()),
        cutter.ask(|| channel.opened()),
        incoming(cutter, &mut b_events),
    );
    assert_eq!((a_connected, b_connected, opened), (Ok(()), Ok(()), true));
    (a, b, [a_events, b_events], [channel, other])
}

/// Each message comes once and in its turn.
fn check(message: Option<Message>, next: &mut u32) {
    let Some(Message::Binary(bytes)) = message else { panic!("{message:?}") };
    assert_eq!((&bytes[..4], bytes.len()), (&next.to_be_bytes()[..], 100_004));
    *next += 1;
}

async fn data(cutter: Cutter) -> Cutter {
    let (a, b, events, [channel, other]) = connect(&cutter).await;
    let mut next = 0;
    let mut full = 0;
    for number in 0..MESSAGES {
        let bytes = [&number.to_be_bytes()[..], &[0; 100_000]].concat();
        // A send that was dropped has sent nothing; one that was done has sent all of it.
        let sent = tokio::select! {
            biased;
            sent = cutter.cut(channel.send(bytes.clone())) => sent,
            () = a_moment() => None,
        };
        if let Some(done) = sent {
            done.unwrap();
            continue;
        }
        full += 1;
        let mut send = pin!(channel.send(bytes));
        loop {
            // Room is made by reading, and the last read is dropped by the send that is done.
            tokio::select! {
                biased;
                sent = &mut send => break sent.unwrap(),
                message = other.recv() => check(message, &mut next),
            }
        }
    }
    assert!(full > 0, "the queue was never full");
    let read = async {
        while next < MESSAGES {
            let message = cutter.ask(|| other.recv()).await;
            check(message, &mut next);
        }
    };
    let ((), ()) = tokio::join!(read, cutter.ask(|| channel.buffered_amount_below(0)));
    let ((), closing, ()) = tokio::join!(cutter.ask(|| other.closing()), cutter.ask(|| channel.close()), async {
        assert_eq!(cutter.ask(|| other.recv()).await, None)
    },);
    assert!(closing.is_none() && cutter.ask(|| other.closed()).await.is_none());
    cutter.ask(|| a.close()).await;
    cutter.ask(|| b.close()).await;
    for mut events in events {
        while events.next().await.is_some() {}
    }
    cutter
}

/// Some turns of the driver.
async fn a_moment() {
    for _ in 0..8 {
        tokio::task::yield_now().await;
    }
}

/// Guards the wait lists, in which a future holds its place and nothing else: whatever is dropped, and at whichever poll, no
/// message is lost or doubled, whoever asks again is served, and no waker stays.
#[tokio::test]
async fn flt_46_a_future_can_be_dropped_at_any_poll() {
    at_each_poll("connections and channels", data).await;
}

/// A call with one track of sound.
async fn sound() -> (PeerConnection, PeerConnection, LocalTrack, RemoteTrack) {
    let ((a, _), (b, mut b_events)) = (connection(&loopback()), connection(&loopback()));
    let track = LocalTrack::audio();
    let init = TransceiverInit { codecs: vec![Codec::Pcmu], ..TransceiverInit::default() };
    a.add_transceiver(&track, init).unwrap();
    sockets::negotiate(&a, &b).await;
    let incoming = sockets::track(&mut b_events).await.track;
    a.connected().await.unwrap();
    b.connected().await.unwrap();
    (a, b, track, incoming)
}

async fn tracks(cutter: Cutter) -> Cutter {
    let (a, b, track, incoming) = sound().await;
    // As it was sent, and decoded: by two readers, of which each gets frames of its own as long as some come.
    let write = async {
        let mut ticks = tokio::time::interval(Duration::from_millis(20));
        for tone in Tone::new(440.0, 8_000, 1).unwrap() {
            ticks.tick().await;
            track.write_audio(tone).unwrap();
        }
    };
    let read = async {
        for _ in 0..3 {
            assert!(cutter.ask(|| incoming.recv_encoded()).await.is_some());
        }
        for _ in 0..3 {
            assert!(cutter.ask(|| incoming.recv_audio()).await.is_some());
        }
    };
    tokio::select! { () = write => {}, () = read => {} }
    b.close().await;
    a.close().await;
    // What was decoded before the end can be taken, and then it is told.
    while cutter.ask(|| incoming.recv_audio()).await.is_some() {}
    assert!(cutter.ask(|| incoming.recv_video()).await.is_none());
    let late = EncodedFrame::new(Codec::Pcmu, vec![0; 160], 0);
    assert_eq!((track.kind(), track.write_encoded(&late)), (MediaKind::Audio, Ok(0)));
    cutter
}

/// Guards the places of those who wait for frames, which come from other threads where they are decoded.
#[tokio::test]
async fn flt_46_a_reader_of_frames_can_be_dropped_at_any_poll() {
    at_each_poll("tracks", tracks).await;
}

struct Objects {
    gatherer: IceGatherer,
    ice: IceTransport,
    dtls: DtlsTransport,
    sctp: SctpTransport,
}

impl Objects {
    fn new() -> Self {
        let gatherer = IceGatherer::new(Configuration::default().with_endpoint(loopback())).unwrap();
        let ice = IceTransport::new(&gatherer);
        let dtls = DtlsTransport::new(&ice);
        let sctp = SctpTransport::new(&dtls);
        Self { gatherer, ice, dtls, sctp }
    }

    fn start(&self, other: &Self, role: IceRole) {
        self.ice.start(&other.gatherer.local_parameters(), role).unwrap();
        other.gatherer.local_candidates().iter().for_each(|it| self.ice.add_remote_candidate(Some(it)).unwrap());
        self.dtls.start(&other.dtls.local_parameters()).unwrap();
        self.sctp.start(other.sctp.capabilities()).unwrap();
    }
}

async fn objects(cutter: Cutter) -> Cutter {
    let (a, b) = (Objects::new(), Objects::new());
    let candidates = async {
        let mut candidates = a.gatherer.candidates();
        let mut count = 0;
        loop {
            let next = match cutter.cut(candidates.next()).await {
                Some(next) => next,
                None => candidates.next().await,
            };
            match next {
                Some(_) => count += 1,
                None => return count,
            }
        }
    };
    let gather = async {
        tokio::task::yield_now().await;
        a.gatherer.gather().unwrap();
        b.gatherer.gather().unwrap();
    };
    let (count, (), (), ()) = tokio::join!(
        candidates,
        gather,
        cutter.ask(|| a.gatherer.gathering_complete()),
        cutter.ask(|| b.ice.gathering_complete())
    );
    assert_eq!(count, 1);
    let start = async {
        a.start(&b, IceRole::Controlling);
        b.start(&a, IceRole::Controlled);
    };
    let (ice, dtls, checking, handshaking, associated, pair, ()) = tokio::join!(
        cutter.ask(|| a.ice.connected()),
        cutter.ask(|| a.dtls.connected()),
        cutter.ask(|| b.ice.state_change(IceTransportState::New)),
        cutter.ask(|| b.dtls.state_change(DtlsState::New)),
        cutter.ask(|| b.sctp.state_change(SctpState::Connecting)),
        cutter.ask(|| a.ice.selected_candidate_pair_change(None)),
        start,
    );
    assert_eq!((ice, dtls, associated), (Ok(()), Ok(()), SctpState::Connected));
    assert!(checking != IceTransportState::New && handshaking != DtlsState::New && pair.is_some());
    let (channel, made) = tokio::join!(cutter.ask(|| b.sctp.accept()), async {
        a.sctp.create_data_channel("by hand", DataChannelInit::default()).unwrap()
    });
    assert_eq!(channel.unwrap().label(), made.label());
    a.ice.stop().unwrap();
    assert!(cutter.ask(|| a.sctp.accept()).await.is_none());
    assert_eq!(cutter.ask(|| b.dtls.state_change(DtlsState::Connected)).await, DtlsState::Closed);
    cutter
}

/// Guards the same of objects made by hand.
#[tokio::test]
async fn flt_46_who_waits_for_an_object_can_be_dropped_at_any_poll() {
    at_each_poll("objects", objects).await;
}
