//! Connections over real sockets: on loopback, or at every address of the machine.
#![allow(dead_code, reason = "each test uses its part")]

use ortica::jsep::SessionDescription;
use ortica::{
    Configuration, DataChannel, DataChannelInit, Endpoint, EndpointConfig, Event, Events, PeerConnection, TrackEvent,
};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// What a test waits at most, on a machine that does other things too.
const PATIENCE: Duration = Duration::from_secs(30);

/// Something that has to come before patience is lost.
pub async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("it is done in time")
}

/// An endpoint with one socket.
pub fn loopback() -> Endpoint {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    Endpoint::new(EndpointConfig::default().with_addresses(vec![address])).expect("loopback has free ports")
}

/// A connection at an endpoint.
pub fn connection(endpoint: &Endpoint) -> (PeerConnection, Events) {
    PeerConnection::new(Configuration::default().with_endpoint(endpoint.clone())).expect("it needs nothing else")
}

/// A connection with an endpoint of its own, at every address there is.
pub fn connection_everywhere() -> (PeerConnection, Events) {
    PeerConnection::new(Configuration::default().with_gather_loopback(true)).expect("sockets can be bound")
}

/// Sets the description that fits the state; gives it with all candidates.
pub async fn describe(connection: &PeerConnection) -> SessionDescription {
    connection.set_local_description(None).expect("the state has one");
    connection.gathering_complete().await;
    connection.local_description().expect("it was set")
}

/// One offers, the other answers; all candidates are in the descriptions.
pub async fn negotiate(offerer: &PeerConnection, answerer: &PeerConnection) {
    answerer.set_remote_description(describe(offerer).await).expect("a legal offer");
    offerer.set_remote_description(describe(answerer).await).expect("a legal answer");
}

/// The next channel of the other side.
pub async fn incoming(events: &mut Events) -> DataChannel {
    loop {
        match events.next().await.expect("the connection goes on") {
            Event::DataChannel(channel) => return channel,
            Event::Closed(reason) => panic!("closed: {reason}"),
            _ => {}
        }
    }
}

/// The next track of the other side.
pub async fn track(events: &mut Events) -> TrackEvent {
    let find = async {
        loop {
            if let Event::Track(event) = events.next().await.expect("the connection goes on") {
                return event;
            }
        }
    };
    within(find).await
}

/// Two connections and both ends of a channel that is open.
pub struct Call {
    pub a: PeerConnection,
    pub b: PeerConnection,
    pub a_events: Events,
    pub b_events: Events,
    pub a_channel: DataChannel,
    pub b_channel: DataChannel,
}

/// A call between two endpoints.
pub async fn call(init: DataChannelInit) -> Call {
    call_between([connection(&loopback()), connection(&loopback())], init).await
}

/// A call of connections that know nothing of each other yet; the first one has the channel and offers.
pub async fn call_between(sides: [(PeerConnection, Events); 2], init: DataChannelInit) -> Call {
    let [(a, a_events), (b, mut b_events)] = sides;
    let a_channel = a.create_data_channel("chat", init).expect("a legal channel");
    negotiate(&a, &b).await;
    let b_channel = incoming(&mut b_events).await;
    assert!(a_channel.opened().await);
    Call { a, b, a_events, b_events, a_channel, b_channel }
}
