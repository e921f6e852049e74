//! What becomes of everybody who waits for something when a connection ends: over real sockets, by a clock that the tests turn.
//!
//! That clock goes on only when nothing is left to be done, so what it shows is what was waited for, however busy the machine is.
#![cfg(all(feature = "tokio", any(feature = "aws-lc-rs", feature = "rust-crypto")))]
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

#[path = "common/sockets.rs"]
mod sockets;

use ortica::codecs::{Codec, EncodedFrame, MediaKind};
use ortica::engine::{CloseReason, DtmfError};
use ortica::jsep::{DescriptionError, SignalingState, TransceiverInit};
use ortica::ortc::{DtlsTransport, IceGatherer, IceTransport, IceTransportState, SctpState, SctpTransport};
use ortica::{
    Configuration, ConnectionState, DataChannel, DataChannelInit, Event, Events, IceConnectionState, LocalTrack,
    PeerConnection, RemoteTrack, ReplaceTrackError, RtpSender, SendError,
};
use sockets::{Call, connection, describe, incoming, loopback};
use std::fmt::Debug;
use std::future::poll_fn;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// What a close may take that waits for nothing.
const PROMPT: Duration = Duration::from_millis(100);
/// What is waited for who does not acknowledge what was sent: see `Configuration::with_linger`.
const LINGER: Duration = Duration::from_secs(5);

/// Somebody who waits.
struct Waiter {
    name: &'static str,
    task: JoinHandle<String>,
    /// What it is to get, as `Debug` writes it.
    gets: String,
}

impl Waiter {
    fn new<T: Debug + Send + 'static>(
        name: &'static str,
        gets: impl Debug,
        future: impl Future<Output = T> + Send + 'static,
    ) -> Self {
        let task = tokio::spawn(async move { format!("{:?}", future.await) });
        Self { name, task, gets: format!("{gets:?}") }
    }

    async fn settled(self) {
        let Self { name, task, gets } = self;
        assert_eq!(task.await.unwrap(), gets, "{name}");
    }
}

/// Lets everybody go on until nobody can.
async fn let_run() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}

async fn are_waiting(waiters: &[Waiter]) {
    let_run().await;
    let done: Vec<&str> = waiters.iter().filter(|it| it.task.is_finished()).map(|it| it.name).collect();
    assert!(done.is_empty(), "these wait for nothing: {done:?}");
}

/// All get what they are to get, while the clock stands still: nothing is waited for but other threads.
async fn settle_at_once(waiters: Vec<Waiter>, since: Instant) {
    let patience = std::time::Instant::now() + Duration::from_secs(20);
    while let Some(waiter) = waiters.iter().find(|waiter| !waiter.task.is_finished()) {
        assert!(std::time::Instant::now() < patience, "{} waits on", waiter.name);
        tokio::task::yield_now().await;
    }
    settle(waiters, since, PROMPT).await;
    assert_eq!(since.elapsed(), Duration::ZERO);
}

/// All get what they are to get, within so much of the clock's time.
async fn settle(waiters: Vec<Waiter>, since: Instant, within: Duration) {
    for waiter in waiters {
        let name = waiter.name;
        let left = within.saturating_sub(since.elapsed());
        tokio::time::timeout(left, waiter.settled()).await.unwrap_or_else(|_| panic!("{name} waits on"));
    }
}

/// Takes datagrams from one side to the other, as long as it is let.
struct Path {
    task: JoinHandle<()>,
    sockets: [Arc<UdpSocket>; 2],
}

impl Path {
    async fn new(ends: [SocketAddr; 2]) -> Self {
        let bind = async || Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap());
        let sockets = [bind().await, bind().await];
        let [near, far] = sockets.clone();
        let task = tokio::spawn(async move {
            let (mut from_near, mut from_far) = ([0; 2_000], [0; 2_000]);
            loop {
                tokio::select! {
                    Ok((len, _)) = near.recv_from(&mut from_near) => drop(far.send_to(&from_near[..len], ends[1]).await),
                    Ok((len, _)) = far.recv_from(&mut from_far) => drop(near.send_to(&from_far[..len], ends[0]).await),
                }
            }
        });
        Self { task, sockets }
    }

    /// Where one side finds the other.
    fn port(&self, side: usize) -> u16 {
        self.sockets[side].local_addr().unwrap().port()
    }

    /// From now on everything is swallowed.
    fn vanish(&self) {
        self.task.abort();
    }
}

/// A call over a path, with sound both ways and three channels that are open.
struct Busy {
    call: Call,
    /// Its queue is full.
    full: DataChannel,
    bytes: DataChannel,
    sender: RtpSender,
    heard: RemoteTrack,
    path: Path,
}

/// The description with another port for the one of its candidate.
fn rerouted(description: ortica::jsep::SessionDescription, from: u16, to: u16) -> ortica::jsep::SessionDescription {
    let (old, new) = (format!(" {from} typ host"), format!(" {to} typ host"));
    assert!(description.sdp.contains(&old), "{}", description.sdp);
    ortica::jsep::SessionDescription { sdp: description.sdp.replace(&old, &new), ..description }
}

async fn busy() -> Busy {
    let endpoints = [loopback(), loopback()];
    let ends = [0, 1].map(|side: usize| endpoints[side].local_addresses()[0]);
    let path = Path::new(ends).await;
    let [(a, a_events), (b, mut b_events)] = [connection(&endpoints[0]), connection(&endpoints[1])];
    drop(endpoints);
    let [a_channel, full, bytes] =
        ["chat", "full", "bytes"].map(|label| a.create_data_channel(label, DataChannelInit::default()).unwrap());
    let init = || TransceiverInit { codecs: vec![Codec::Pcmu], ..TransceiverInit::default() };
    let sound = LocalTrack::audio();
    let transceiver = a.add_transceiver(&sound, init()).unwrap();
    b.set_remote_description(rerouted(describe(&a).await, ends[0].port(), path.port(1))).unwrap();
    b.add_track(&LocalTrack::audio(), &[]).unwrap();
    a.set_remote_description(rerouted(describe(&b).await, ends[1].port(), path.port(0))).unwrap();
    let b_channel = incoming(&mut b_events).await;
    assert!(a_channel.opened().await && full.opened().await && bytes.opened().await);
    let heard = transceiver.receiver().track();
    assert_eq!(sound.write_encoded(&EncodedFrame::new(Codec::Pcmu, vec![0; 160], 0)), Ok(1));
    // Until the other side acknowledges nothing more, and nothing fits any more.
    for len in [100_000, 1_000, 1] {
        while full.try_send(vec![0; len]).is_ok() {
            while full.try_send(vec![0; len]).is_ok() {}
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
    let call = Call { a, b, a_events, b_events, a_channel, b_channel };
    Busy { call, full, bytes, sender: transceiver.sender(), heard, path }
}

/// The events from here on.
async fn rest(mut events: Events) -> Vec<Event> {
    let mut rest = Vec::new();
    while let Some(event) = events.next().await {
        rest.push(event);
    }
    rest
}

/// What was told until nothing is left to be told.
async fn taken(events: &mut Events) -> Vec<Event> {
    let mut taken = Vec::new();
    while let Ok(Some(event)) = tokio::time::timeout(Duration::ZERO, events.next()).await {
        taken.push(event);
    }
    taken
}

/// Those who are told at once that nothing comes any more.
fn who_is_told_at_once(busy: &Busy) -> Vec<Waiter> {
    let Busy { call, full, bytes, heard, .. } = busy;
    let closed = Err::<(), _>(SendError::Closed(CloseReason::Local));
    let (channel, by_hand, queued, low) = (call.a_channel.clone(), call.a_channel.clone(), full.clone(), full.clone());
    let closing = call.a_channel.clone();
    let (mut reader, mut writer) = (bytes.clone().into_stream(), full.clone().into_stream());
    let [encoded, sound, picture] = [(); 3].map(|()| heard.clone());
    let sctp = call.a.sctp().unwrap();
    let (dtls, ice) = (sctp.transport().unwrap(), sctp.transport().unwrap().ice_transport());
    let (of_sctp, of_dtls, of_ice, of_pair) = (sctp.state(), dtls.state(), ice.state(), ice.selected_candidate_pair());
    let ice_again = ice.clone();
    vec![
        Waiter::new("recv", None::<()>, async move { channel.recv().await }),
        Waiter::new("poll_recv", None::<()>, poll_fn(move |cx| by_hand.poll_recv(cx))),
        Waiter::new("closing", (), async move { closing.closing().await }),
        Waiter::new("send", &closed, async move { queued.send("one more").await }),
        Waiter::new("buffered_amount_below", (), async move { low.buffered_amount_below(0).await }),
        Waiter::new("read", 0, async move { reader.read(&mut [0; 10]).await.unwrap() }),
        Waiter::new("write", std::io::ErrorKind::BrokenPipe, async move {
            writer.write(b"one more").await.unwrap_err().kind()
        }),
        Waiter::new("recv_encoded", None::<()>, async move {
            while encoded.recv_encoded().await.is_some() {}
            None::<()>
        }),
        Waiter::new("recv_audio", None::<()>, async move {
            while sound.recv_audio().await.is_some() {}
            None::<()>
        }),
        Waiter::new("recv_video", false, async move { picture.recv_video().await.is_some() }),
        Waiter::new("state of SCTP", SctpState::Closed, async move { sctp.state_change(of_sctp).await }),
        Waiter::new("state of DTLS", ortica::ortc::DtlsState::Closed, async move { dtls.state_change(of_dtls).await }),
        Waiter::new("state of ICE", IceTransportState::Closed, async move { ice.state_change(of_ice).await }),
        Waiter::new("selected pair", false, async move {
            ice_again.selected_candidate_pair_change(of_pair.as_ref()).await.is_some()
        }),
    ]
}

/// Those who want to know what has not arrived, which is settled in the end.
fn who_is_told_in_the_end(busy: &Busy) -> Vec<Waiter> {
    let [closed, shut] = [(); 2].map(|()| busy.full.clone());
    let mut shut = shut.into_stream();
    vec![
        Waiter::new("closed", true, async move { closed.closed().await.messages > 0 }),
        Waiter::new("shutdown", std::io::ErrorKind::ConnectionAborted, async move {
            shut.flush().await.unwrap();
            shut.shutdown().await.unwrap_err().kind()
        }),
    ]
}

/// A closed connection answers, and does nothing any more.
fn answers_and_refuses(a: &PeerConnection, sender: &RtpSender) {
    assert_eq!(a.signaling_state(), SignalingState::Closed);
    assert_eq!(a.connection_state(), ConnectionState::Closed);
    assert_eq!(a.ice_connection_state(), IceConnectionState::Closed);
    assert!(a.transceivers().iter().all(|transceiver| transceiver.is_stopped()));
    assert!(a.data_channels().iter().all(|it| it.ready_state() == ortica::engine::ChannelState::Closed));
    let report = a.get_stats();
    assert_eq!((report.data_channels().count(), report.transports().count()), (3, 1));
    assert!(matches!(a.set_local_description(None), Err(DescriptionError::Closed)));
    assert!(a.set_remote_description(a.remote_description().unwrap()).is_err() && a.create_offer().is_err());
    assert!(a.set_configuration(a.configuration()).is_err());
    assert_eq!(sender.replace_track(Some(&LocalTrack::audio())), Err(ReplaceTrackError::Stopped));
    assert!(sender.parameters().and_then(|parameters| sender.set_parameters(parameters)).is_err());
    assert_eq!(sender.dtmf().unwrap().insert_dtmf("1"), Err(DtmfError::InvalidState));
}

/// Closes, and asserts that everybody is told: at once, or in the end.
async fn assert_settles(mut busy: Busy, prompt: Vec<Waiter>) {
    let mut late = who_is_told_in_the_end(&busy);
    are_waiting(&prompt).await;
    are_waiting(&late).await;
    let dtmf = busy.sender.dtmf().unwrap();
    if dtmf.can_insert_dtmf() {
        dtmf.insert_dtmf("1,2,3").unwrap();
    }
    taken(&mut busy.call.a_events).await;
    let Busy { call: Call { a, a_events, .. }, sender, .. } = busy;
    let since = Instant::now();
    for _ in 0..2 {
        let a = a.clone();
        late.push(Waiter::new("close", CloseReason::Local, async move { a.close().await }));
    }
    let_run().await;
    assert_eq!(a.signaling_state(), SignalingState::Closed);
    late.push(Waiter::new("events", [Event::Closed(CloseReason::Local)], rest(a_events)));
    settle_at_once(prompt, since).await;
    settle(late, since, LINGER + PROMPT).await;
    answers_and_refuses(&a, &sender);
}

/// Guards `Cell::end`, which wakes everybody, and what each of them finds: nobody waits for a peer that does not answer, but who
/// wants to know what has arrived. The other side reads nothing, and later is not even there.
#[tokio::test(start_paused = true)]
async fn api_1_every_promise_settles_on_close() {
    let busy = busy().await;
    let prompt = who_is_told_at_once(&busy);
    assert_settles(busy, prompt).await;
}

#[tokio::test(start_paused = true)]
async fn api_1_every_promise_settles_on_close_after_the_peer_vanished() {
    let mut busy = busy().await;
    taken(&mut busy.call.a_events).await;
    busy.path.vanish();
    while busy.call.a.connection_state() != ConnectionState::Failed {
        busy.call.a_events.next().await.unwrap();
    }
    let prompt = who_is_told_at_once(&busy);
    assert_settles(busy, prompt).await;
}

/// Guards the same for the last handle: who holds none is told, and the other side learns of it.
#[tokio::test(start_paused = true)]
async fn api_1_every_promise_settles_when_the_last_handle_is_dropped() {
    let mut busy = busy().await;
    taken(&mut busy.call.a_events).await;
    let [encoded, sound] = [(); 2].map(|()| busy.heard.clone());
    let theirs = busy.call.b_channel.clone();
    let prompt = vec![
        Waiter::new("recv_encoded", None::<()>, async move {
            while encoded.recv_encoded().await.is_some() {}
            None::<()>
        }),
        Waiter::new("recv_audio", None::<()>, async move {
            while sound.recv_audio().await.is_some() {}
            None::<()>
        }),
    ];
    let late = vec![Waiter::new("the peer's recv", None::<()>, async move { theirs.recv().await })];
    are_waiting(&prompt).await;
    are_waiting(&late).await;
    let Busy { call: Call { a, a_events, a_channel, b, b_events, .. }, full, bytes, sender, heard, path } = busy;
    let since = Instant::now();
    drop((a, a_channel, full, bytes, sender));
    settle_at_once(prompt, since).await;
    settle(late, since, LINGER + PROMPT).await;
    assert_eq!(format!("{:?}", rest(a_events).await), format!("{:?}", [Event::Closed(CloseReason::Local)]));
    assert!(heard.is_ended());
    drop((b, b_events, path));
}

/// Guards the same before anything was negotiated, and for objects made by hand.
#[tokio::test(start_paused = true)]
async fn api_1_every_promise_settles_on_close_before_anything_began() {
    let (a, mut events) = connection(&loopback());
    let channel = a.create_data_channel("early", DataChannelInit::default()).unwrap();
    let track = a.add_transceiver(MediaKind::Audio, TransceiverInit::default()).unwrap().receiver().track();
    taken(&mut events).await;
    let [opened, closing, closed, received] = [(); 4].map(|()| channel.clone());
    let [gathered, connected] = [(); 2].map(|()| a.clone());
    let mut prompt = vec![
        Waiter::new("gathering_complete", (), async move { gathered.gathering_complete().await }),
        Waiter::new("connected", Err::<(), _>(ConnectionState::Closed), async move { connected.connected().await }),
        Waiter::new("opened", false, async move { opened.opened().await }),
        Waiter::new("closing", (), async move { closing.closing().await }),
        Waiter::new("closed", true, async move { closed.closed().await.is_none() }),
        Waiter::new("recv", None::<()>, async move { received.recv().await }),
        Waiter::new("recv_encoded", false, async move { track.recv_encoded().await.is_some() }),
        Waiter::new("events", [Event::Closed(CloseReason::Local)], rest(events)),
    ];

    let gatherer = IceGatherer::new(Configuration::default().with_endpoint(loopback())).unwrap();
    let ice = IceTransport::new(&gatherer);
    let dtls = DtlsTransport::new(&ice);
    let sctp = SctpTransport::new(&dtls);
    let (mut candidates, gathered, connected, secured) =
        (gatherer.candidates(), gatherer.clone(), ice.clone(), dtls.clone());
    let (accepts, states, of_ice, of_dtls, pair) = (sctp.clone(), sctp.clone(), ice.clone(), dtls.clone(), ice.clone());
    prompt.extend([
        Waiter::new("candidates", false, async move { candidates.next().await.is_some() }),
        Waiter::new("gathered by hand", (), async move { gathered.gathering_complete().await }),
        Waiter::new("ICE", Err::<(), _>(IceTransportState::Closed), async move { connected.connected().await }),
        Waiter::new("DTLS", Err::<(), _>(ortica::ortc::DtlsState::Closed), async move { secured.connected().await }),
        Waiter::new("accept", false, async move { accepts.accept().await.is_some() }),
        Waiter::new("state of SCTP", SctpState::Closed, async move { states.state_change(states.state()).await }),
        Waiter::new("state of ICE", IceTransportState::Closed, async move {
            of_ice.state_change(IceTransportState::New).await
        }),
        Waiter::new("state of DTLS", ortica::ortc::DtlsState::Closed, async move {
            of_dtls.state_change(ortica::ortc::DtlsState::New).await
        }),
        Waiter::new("pair", false, async move { pair.selected_candidate_pair_change(None).await.is_some() }),
    ]);
    are_waiting(&prompt).await;
    let since = Instant::now();
    ice.stop().unwrap();
    let close = Waiter::new("close", CloseReason::Local, async move { a.close().await });
    prompt.push(close);
    settle_at_once(prompt, since).await;
    // Nothing changes any more, so that nobody waits for it.
    assert_eq!(ice.state_change(IceTransportState::Closed).await, IceTransportState::Closed);
    assert_eq!(sctp.state_change(SctpState::Closed).await, SctpState::Closed);
}
