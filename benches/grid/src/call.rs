//! Two connections of `ortica` on loopback that see each other through a relay.

use crate::cell::{Cell, MEASURED, Outcome, SAMPLE, WARM_UP};
use crate::relay::Relay;
use bytes::Bytes;
use ortica::jsep::SessionDescription;
use ortica::{
    Configuration, DataChannel, DataChannelInit, Endpoint, EndpointConfig, Event, Events, Message, PeerConnection,
};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const MESSAGE: usize = 16 << 10;

/// Sends over the path of `cell` for as long as in virtual time.
pub fn run(cell: &Cell, seed: u64) -> Outcome {
    let relay = Relay::start(cell, seed).expect("sockets can be bound");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(measure(cell, &relay))
}

async fn measure(cell: &Cell, relay: &Relay) -> Outcome {
    let call = Call::through(relay.addresses()).await;
    let received = Arc::new(AtomicU64::new(0));
    tokio::spawn(send(call.out.clone()));
    tokio::spawn(receive(call.into.clone(), received.clone()));
    tokio::time::sleep(WARM_UP).await;
    let (before, started) = (received.load(Ordering::Relaxed), tokio::time::Instant::now());
    let (mut waited, mut samples) = (Duration::ZERO, 0);
    while started.elapsed() < MEASURED {
        tokio::time::sleep(SAMPLE).await;
        waited += call.rtt().saturating_sub(cell.rtt);
        samples += 1;
    }
    let bytes = received.load(Ordering::Relaxed) - before;
    let goodput = vec![bytes as f64 * 8.0 / started.elapsed().as_secs_f64()];
    let details = call.describe();
    call.a.close().await;
    call.b.close().await;
    Outcome { goodput, queueing: waited / samples, details }
}

async fn send(channel: DataChannel) {
    let message = Bytes::from(vec![0x5a; MESSAGE]);
    while channel.send(Message::Binary(message.clone())).await.is_ok() {}
}

async fn receive(channel: DataChannel, received: Arc<AtomicU64>) {
    while let Some(Message::Binary(data)) = channel.recv().await {
        received.fetch_add(data.len() as u64, Ordering::Relaxed);
    }
}

struct Call {
    a: PeerConnection,
    b: PeerConnection,
    out: DataChannel,
    into: DataChannel,
    _events: (Events, Events),
}

impl Call {
    /// Each side is told an address of the relay instead of the other's own.
    async fn through([far, near]: [SocketAddr; 2]) -> Self {
        let ((a, a_address, a_events), (b, b_address, mut b_events)) = (connection(), connection());
        let out = a.create_data_channel("bulk", DataChannelInit::default()).expect("a legal channel");
        a.set_local_description(None).expect("an offer");
        a.gathering_complete().await;
        let offer = SessionDescription::offer(seen_at(&a, a_address, near));
        b.set_remote_description(offer).expect("a legal offer");
        b.set_local_description(None).expect("an answer");
        b.gathering_complete().await;
        let answer = SessionDescription::answer(seen_at(&b, b_address, far));
        a.set_remote_description(answer).expect("a legal answer");
        let into = loop {
            match b_events.next().await.expect("the connection goes on") {
                Event::DataChannel(channel) => break channel,
                _ => continue,
            }
        };
        out.opened().await;
        Self { a, b, out, into, _events: (a_events, b_events) }
    }

    /// The last round trip of ICE's checks, which wait in the same queue.
    fn rtt(&self) -> Duration {
        let report = self.a.get_stats();
        report.selected_candidate_pair().and_then(|pair| pair.current_round_trip_time).unwrap_or_default()
    }

    /// What the sender counted, for whoever looks for the cause of a figure.
    fn describe(&self) -> String {
        format!("{:?}", self.a.get_stats().sctp_transports().next())
    }
}

/// With an endpoint of its own, and its address.
fn connection() -> (PeerConnection, SocketAddr, Events) {
    let config = EndpointConfig::default().with_addresses(vec![SocketAddr::from(([127, 0, 0, 1], 0))]);
    let endpoint = Endpoint::new(config).expect("a socket can be bound");
    let address = endpoint.local_addresses()[0];
    let configuration = Configuration::default().with_endpoint(endpoint);
    let (connection, events) = PeerConnection::new(configuration).expect("a certificate can be made");
    (connection, address, events)
}

/// The local description with `place` as the address of its candidate.
fn seen_at(connection: &PeerConnection, address: SocketAddr, place: SocketAddr) -> String {
    let of = |address: SocketAddr| format!(" {} {} typ host", address.ip(), address.port());
    let sdp = connection.local_description().expect("was set").sdp;
    assert!(sdp.contains(&of(address)), "the address is a candidate");
    sdp.replace(&of(address), &of(place))
}
