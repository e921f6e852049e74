//! ortica, as its users drive it: a task per direction of a channel.

use ortica::jsep::SessionDescription;
use ortica::{
    Configuration, DataChannel, DataChannelInit, Endpoint, EndpointConfig, Event, Events, Message, PeerConnection,
};
use ortica_bench_peers::{Answerer, BULK, GOODBYE, HIGH, Job, LOW, Load, Offerer, PING, Pings, Sink, Stack, Wire};
use std::process::ExitCode;
use tokio::runtime::{Builder, Runtime};

fn main() -> ExitCode {
    ortica_bench_peers::main::<Ortica>()
}

struct Ortica {
    runtime: Runtime,
    job: Job,
}

impl Stack for Ortica {
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

async fn offer(job: &Job, mut wire: Wire, work: Offerer) {
    let (connection, _events) = connection(job);
    let bulk = connection.create_data_channel(BULK, DataChannelInit::default()).expect("a legal channel");
    let ping = connection.create_data_channel("ping", DataChannelInit::default()).expect("a legal channel");
    connection.set_local_description(None).expect("an offer");
    connection.gathering_complete().await;
    wire.send(connection.local_description().expect("was set").sdp);
    connection.set_remote_description(SessionDescription::answer(wire.receive().await)).expect("a legal answer");
    bulk.opened().await;
    ping.opened().await;
    work.opened();
    let measuring = tokio::spawn(measure(ping, work.pings));
    tokio::spawn(send(bulk.clone(), work.load)).await.expect("it ends");
    measuring.await.expect("it ends");
    let _ = bulk.send(Message::Binary(GOODBYE.into())).await;
    wire.receive().await;
    connection.close().await;
}

async fn send(channel: DataChannel, load: Option<Load>) {
    let Some(mut load) = load else { return };
    while let Some(message) = load.next() {
        if channel.buffered_amount() >= HIGH {
            channel.buffered_amount_below(LOW).await;
        }
        if channel.send(message.data).await.is_err() {
            return;
        }
    }
}

async fn measure(channel: DataChannel, pings: Option<Pings>) {
    let Some(pings) = pings else { return };
    while let Some(started) = pings.start() {
        if channel.send(Message::Binary(PING.to_vec().into())).await.is_err() || channel.recv().await.is_none() {
            return;
        }
        pings.note(started);
    }
}

async fn answer(job: &Job, wire: &mut Wire, work: Answerer) {
    let offer = wire.receive().await;
    let (connection, mut events) = connection(job);
    connection.set_remote_description(SessionDescription::offer(offer)).expect("a legal offer");
    connection.set_local_description(None).expect("an answer");
    connection.gathering_complete().await;
    wire.send(connection.local_description().expect("was set").sdp);
    let (mut bulk, mut ping) = (None, None);
    while bulk.is_none() || ping.is_none() {
        if let Event::DataChannel(channel) = events.next().await.expect("the connection goes on") {
            let place = if channel.label() == BULK { &mut bulk } else { &mut ping };
            *place = Some(channel);
        }
    }
    let (bulk, ping) = (bulk.expect("just seen"), ping.expect("just seen"));
    let echoing = tokio::spawn(echo(ping));
    tokio::spawn(receive(bulk, work.sink)).await.expect("it ends");
    echoing.abort();
    connection.close().await;
}

async fn receive(channel: DataChannel, sink: Sink) {
    while let Some(message) = channel.recv().await {
        match message {
            Message::Binary(data) if data != GOODBYE => sink.take(&data),
            _ => return,
        }
    }
}

async fn echo(channel: DataChannel) {
    while let Some(Message::Binary(data)) = channel.recv().await {
        if channel.send(data).await.is_err() {
            return;
        }
    }
}

/// A connection with an endpoint of its own.
fn connection(job: &Job) -> (PeerConnection, Events) {
    // IPv4, UDP, and what a DTLS 1.2 record adds.
    const AROUND_SCTP: usize = 20 + 8 + 37;
    let endpoint = EndpointConfig::default().with_addresses(vec!["127.0.0.1:0".parse().expect("an address")]);
    let endpoint = Endpoint::new(endpoint).expect("a socket can be bound");
    let mut configuration = Configuration::default().with_endpoint(endpoint).with_packet_size_to_find(0);
    // The default is for a path MTU of 1,280 through a relay, over IPv6.
    if job.mtu != 1280 {
        configuration = configuration.with_max_packet_size(job.mtu - AROUND_SCTP);
    }
    PeerConnection::new(configuration).expect("a certificate can be made")
}
