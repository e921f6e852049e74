//! One end of a connection, as either process keeps it.

use ortica::{ConnectionState, Endpoint, EndpointConfig, Event, Events};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};

/// An endpoint with one socket on loopback.
pub fn loopback() -> Result<Endpoint, std::io::Error> {
    Endpoint::new(EndpointConfig::default().with_addresses(vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))]))
}

/// How often a connection left the state of being connected, of all in this process.
static LEFT: AtomicUsize = AtomicUsize::new(0);

/// See [`LEFT`].
pub fn left() -> usize {
    LEFT.load(Ordering::Relaxed)
}

/// Takes an event as an application does that waits for trouble.
pub fn watch(event: &Event) {
    let is_bad = |state: &ConnectionState| {
        matches!(state, ConnectionState::Disconnected | ConnectionState::Failed | ConnectionState::Closed)
    };
    if matches!(event, Event::ConnectionStateChange(state) if is_bad(state)) || matches!(event, Event::Closed(_)) {
        LEFT.fetch_add(1, Ordering::Relaxed);
    }
}

/// Takes events until there are no more.
pub async fn drain(mut events: Events) {
    while let Some(event) = events.next().await {
        watch(&event);
    }
}
