//! The TURN client as its caller sees it.

use ortica_core::crypto::rust_crypto;
use ortica_core::{Instant, Rng};
use ortica_ice::stun::{Class, Message, MessageBuilder, Method};
use ortica_ice::turn::{Client, ClientConfig, ClientEvent, TurnError};
use std::sync::Arc;

/// Each request is answered by an error that does not say which: that is no answer, and the server counts as one that is silent.
#[test]
fn an_error_without_its_code_answers_nothing() {
    let config = ClientConfig::new(rust_crypto::provider(), "user", "password");
    let mut now = Instant::from_nanos(1_000_000_000);
    let mut client = Client::new(Arc::new(config), Rng::from_number(1), now);
    let (mut requests, mut packet) = (0, Vec::new());
    let end = loop {
        while client.poll_transmit(now, &mut packet).is_some() {
            requests += 1;
            let mut answer = Vec::new();
            let id = Message::parse(&packet).unwrap().transaction();
            MessageBuilder::new(&mut answer, Class::Error, Method::ALLOCATE, id);
            assert_eq!(client.handle_packet(now, &answer), None);
            packet.clear();
        }
        if let Some(event) = client.poll_event() {
            break event;
        }
        now = client.poll_timeout().unwrap();
        client.handle_timeout(now);
    };
    assert_eq!(end, ClientEvent::Failed(TurnError::Timeout));
    assert!(requests > 1);
    assert_eq!(client.stats().packets_dropped, requests);
}
