//! The crate `webrtc` (webrtc-rs), on a tokio runtime per side as ortica is.

use bytes::BytesMut;
use ortica_bench_peers::{Answerer, BULK, GOODBYE, HIGH, Job, LOW, Load, Offerer, PING, Pings, Sink, Stack, Wire};
use rtc::peer_connection::configuration::setting_engine::SctpMaxMessageSize;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use webrtc::data_channel::{DataChannel, DataChannelEvent};
use webrtc::peer_connection::{
    PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCIceGatheringState, RTCSessionDescription,
    SettingEngineBuilder,
};

fn main() -> ExitCode {
    ortica_bench_peers::main::<Webrtc>()
}

struct Webrtc {
    runtime: Runtime,
    job: Job,
}

impl Stack for Webrtc {
    fn new(job: &Job) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        Self { runtime, job: *job }
    }

    fn offer(&mut self, wire: Wire, work: Offerer) {
        self.runtime.block_on(offer(&self.job, wire, work));
    }

    fn answer(&mut self, wire: &mut Wire, work: Answerer) {
        self.runtime.block_on(answer(&self.job, wire, work));
    }
}

type Channel = Arc<dyn DataChannel>;

async fn offer(job: &Job, mut wire: Wire, work: Offerer) {
    let (handler, mut heard) = Handler::new();
    let connection = connection(job, handler).await;
    let bulk = connection.create_data_channel(BULK, None).await.expect("a legal channel");
    let ping = connection.create_data_channel("ping", None).await.expect("a legal channel");
    let offer = connection.create_offer(None).await.expect("an offer");
    connection.set_local_description(offer).await.expect("an offer of its own");
    heard.gathered.recv().await;
    wire.send(connection.local_description().await.expect("was set").sdp);
    let answer = RTCSessionDescription::answer(wire.receive().await).expect("a legal answer");
    connection.set_remote_description(answer).await.expect("a legal answer");
    for channel in [&bulk, &ping] {
        while !matches!(channel.poll().await, Some(DataChannelEvent::OnOpen)) {}
    }
    work.opened();
    let measuring = tokio::spawn(measure(ping, work.pings));
    tokio::spawn(send(bulk.clone(), work.load)).await.expect("it ends");
    measuring.await.expect("it ends");
    let _ = bulk.send(BytesMut::from(GOODBYE)).await;
    wire.receive().await;
    let _ = connection.close().await;
}

/// Sends until it is told that much is buffered, then waits until it is told that little is, as its own example does.
async fn send(channel: Channel, load: Option<Load>) {
    let Some(mut load) = load else { return };
    channel.set_buffered_amount_high_threshold(HIGH as u32).await.expect("an open channel");
    channel.set_buffered_amount_low_threshold(LOW as u32).await.expect("an open channel");
    let mut full = false;
    loop {
        // While there is room, only what was already said is listened to.
        let said = if full {
            Some(channel.poll().await)
        } else {
            tokio::select! {
                biased;
                event = channel.poll() => Some(event),
                () = std::future::ready(()) => None,
            }
        };
        match said {
            Some(Some(DataChannelEvent::OnBufferedAmountHigh)) => full = true,
            Some(Some(DataChannelEvent::OnBufferedAmountLow)) => full = false,
            Some(None | Some(DataChannelEvent::OnClose)) => return,
            Some(_) => {}
            None => {
                let Some(message) = load.next() else { return };
                if channel.send(BytesMut::from(&message.data[..])).await.is_err() {
                    return;
                }
            }
        }
    }
}

async fn measure(channel: Channel, pings: Option<Pings>) {
    let Some(pings) = pings else { return };
    while let Some(started) = pings.start() {
        if channel.send(BytesMut::from(&PING[..])).await.is_err() || message(&channel).await.is_none() {
            return;
        }
        pings.note(started);
    }
}

async fn message(channel: &Channel) -> Option<BytesMut> {
    loop {
        match channel.poll().await? {
            DataChannelEvent::OnMessage(message) => return Some(message.data),
            DataChannelEvent::OnClose => return None,
            _ => {}
        }
    }
}

async fn answer(job: &Job, wire: &mut Wire, work: Answerer) {
    let offer = RTCSessionDescription::offer(wire.receive().await).expect("a legal offer");
    let (handler, mut heard) = Handler::new();
    let connection = connection(job, handler).await;
    connection.set_remote_description(offer).await.expect("a legal offer");
    let answer = connection.create_answer(None).await.expect("an answer");
    connection.set_local_description(answer).await.expect("an answer of its own");
    heard.gathered.recv().await;
    wire.send(connection.local_description().await.expect("was set").sdp);
    let (mut bulk, mut ping) = (None, None);
    while bulk.is_none() || ping.is_none() {
        let channel = heard.channels.recv().await.expect("the connection goes on");
        let label = channel.label().await.expect("the channel is open");
        *(if label == BULK { &mut bulk } else { &mut ping }) = Some(channel);
    }
    let (bulk, ping) = (bulk.expect("just seen"), ping.expect("just seen"));
    let echoing = tokio::spawn(echo(ping));
    tokio::spawn(receive(bulk, work.sink)).await.expect("it ends");
    echoing.abort();
    let _ = connection.close().await;
}

async fn receive(channel: Channel, sink: Sink) {
    while let Some(data) = message(&channel).await.filter(|data| data != GOODBYE) {
        sink.take(&data);
    }
}

async fn echo(channel: Channel) {
    while let Some(data) = message(&channel).await {
        if channel.send(data).await.is_err() {
            return;
        }
    }
}

async fn connection(job: &Job, handler: Handler) -> impl PeerConnection + use<> {
    // IPv4, UDP, and what a DTLS 1.2 record adds. The default is for a path MTU of 1,280 through a relay, over IPv6.
    const AROUND_SCTP: usize = 20 + 8 + 37;
    let mut settings = SettingEngineBuilder::new().with_include_loopback_candidate(true);
    if job.mtu != 1280 {
        settings = settings.with_sctp_mtu((job.mtu - AROUND_SCTP) as u32);
    }
    settings = settings.with_sctp_max_message_size(SctpMaxMessageSize::Unbounded);
    PeerConnectionBuilder::new()
        .with_setting_engine(settings.build())
        .with_handler(Arc::new(handler))
        .with_udp_addrs(vec!["127.0.0.1:0"])
        .build()
        .await
        .expect("a socket can be bound")
}

/// What a connection says by itself.
struct Handler {
    gathered: UnboundedSender<()>,
    channels: UnboundedSender<Channel>,
}

struct Heard {
    gathered: UnboundedReceiver<()>,
    channels: UnboundedReceiver<Channel>,
}

impl Handler {
    fn new() -> (Self, Heard) {
        let ((gathered, is_gathered), (channels, new_channels)) = (unbounded_channel(), unbounded_channel());
        (Self { gathered, channels }, Heard { gathered: is_gathered, channels: new_channels })
    }
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        if state == RTCIceGatheringState::Complete {
            let _ = self.gathered.send(());
        }
    }

    async fn on_data_channel(&self, channel: Channel) {
        let _ = self.channels.send(channel);
    }
}
