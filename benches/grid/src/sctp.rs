//! One end of an SCTP flow: an association with nothing below it.

use bytes::Bytes;
use netsim::Endpoint;
use ortica_core::crypto::rust_crypto;
use ortica_core::{Datagram, Ecn, Instant, Rng, SocketId, Transmit};
use ortica_sctp::{Association, Config, CongestionControl, Event, Limits, Ppid, SendOptions, StreamId};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

const STREAM: StreamId = StreamId(0);
const MESSAGE: usize = 16 << 10;

/// An association that sends without end, or reads what comes.
pub struct Sctp {
    association: Association,
    remote: SocketAddr,
    /// What to send again and again; the receiver has none.
    message: Option<Bytes>,
    received: u64,
}

impl Sctp {
    pub fn new(sends: bool, remote: SocketAddr, window: usize, control: CongestionControl, seed: u64) -> Self {
        let limits = Limits::default().with_send_buffer(window).with_receive_buffer(window);
        let config = Config::new(rust_crypto::provider()).with_limits(limits).with_congestion_control(control);
        let mut association = Association::new(Arc::new(config), Rng::from_number(seed), netsim::epoch());
        if sends {
            association.connect(netsim::epoch());
        }
        let message = sends.then(|| Bytes::from(vec![0x5a; MESSAGE]));
        Self { association, remote, message, received: 0 }
    }

    pub fn received(&self) -> u64 {
        self.received
    }

    pub fn rtt(&self) -> Option<Duration> {
        self.association.path().rtt
    }

    /// What it counted, for whoever looks for the cause of a figure.
    pub fn describe(&self) -> String {
        format!("{:?} {:?}", self.association.path(), self.association.stats())
    }

    fn run_application(&mut self, now: Instant) {
        while let Some(message) = &self.message
            && self.association.is_connected()
            && self.association.send(now, STREAM, Ppid::BINARY, message.clone(), SendOptions::default()).is_ok()
        {
        }
        while let Some(event) = self.association.poll_event() {
            if event == Event::Readable(STREAM) {
                while let Some(message) = self.association.read(STREAM) {
                    self.received += message.payload.len() as u64;
                }
            }
        }
    }
}

impl Endpoint for Sctp {
    fn handle_datagram(&mut self, now: Instant, mut datagram: Datagram<'_>) {
        for packet in datagram.segments() {
            self.association.handle_packet(now, packet);
        }
        self.run_application(now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.association.handle_timeout(now);
    }

    fn poll_transmit(&mut self, now: Instant, _max_segments: usize, out: &mut Vec<u8>) -> Option<Transmit> {
        self.run_application(now);
        let len = self.association.poll_packet(now, out)?;
        Some(Transmit { socket: SocketId(0), remote: self.remote, ecn: Ecn::NotEct, len, segment_size: None })
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.association.poll_timeout()
    }
}
