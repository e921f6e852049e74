//! One end of a QUIC flow: quinn-proto with its default controller, CUBIC.

use bytes::BytesMut;
use netsim::Endpoint;
use ortica_core::{Datagram, Ecn, Instant, SocketId, Transmit};
use quinn_proto::{
    ClientConfig, Connection, ConnectionHandle, DatagramEvent, Dir, EndpointConfig, Event, ServerConfig, StreamEvent,
    StreamId, TransportConfig, VarInt,
};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

const NAME: &str = "peer";

/// What both ends of a flow share.
#[derive(Clone)]
pub struct Setup {
    /// The clock's reading at the start of virtual time.
    base: std::time::Instant,
    client: ClientConfig,
    server: ServerConfig,
}

impl Setup {
    /// With windows of so many bytes, and packets of 1,200.
    pub fn new(window: usize) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let issued = rcgen::generate_simple_self_signed([NAME.to_owned()]).expect("a certificate can be made");
        let certificate = issued.cert.der().clone();
        let key = rustls::pki_types::PrivateKeyDer::Pkcs8(issued.signing_key.serialize_der().into());
        let mut roots = rustls::RootCertStore::empty();
        roots.add(certificate.clone()).expect("it is a certificate");
        let mut transport = TransportConfig::default();
        let size = VarInt::from_u64(window as u64).expect("windows fit");
        transport.stream_receive_window(size).receive_window(size).send_window(window as u64);
        transport.mtu_discovery_config(None).max_idle_timeout(None);
        let transport = Arc::new(transport);
        let mut client = ClientConfig::with_root_certificates(Arc::new(roots)).expect("a verifier can be made");
        client.transport_config(transport.clone());
        let mut server = ServerConfig::with_single_cert(vec![certificate], key).expect("the key fits");
        server.transport_config(transport);
        Self { base: std::time::Instant::now(), client, server }
    }
}

/// A connection that sends without end, or reads what comes.
pub struct Quic {
    base: std::time::Instant,
    endpoint: quinn_proto::Endpoint,
    connection: Option<(ConnectionHandle, Connection)>,
    remote: SocketAddr,
    sends: bool,
    stream: Option<StreamId>,
    chunk: Vec<u8>,
    received: u64,
    timeout: Option<Instant>,
}

impl Quic {
    pub fn new(sends: bool, remote: SocketAddr, setup: &Setup, seed: u64) -> Self {
        let mut config = EndpointConfig::default();
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        config.rng_seed(Some(bytes));
        let server = (!sends).then(|| Arc::new(setup.server.clone()));
        let mut endpoint = quinn_proto::Endpoint::new(Arc::new(config), server, false, None);
        let connection = sends.then(|| {
            endpoint.connect(setup.base, setup.client.clone(), remote, NAME).expect("the client is set up rightly")
        });
        let chunk = vec![0x5a; 64 << 10];
        let mut quic = Self {
            base: setup.base,
            endpoint,
            connection,
            remote,
            sends,
            stream: None,
            chunk,
            received: 0,
            timeout: None,
        };
        quic.note_timeout();
        quic
    }

    pub fn received(&self) -> u64 {
        self.received
    }

    pub fn rtt(&self) -> Option<Duration> {
        Some(self.connection.as_ref()?.1.rtt())
    }

    /// What it counted, for whoever looks for the cause of a figure.
    pub fn describe(&self) -> String {
        self.connection.as_ref().map_or(String::new(), |(_, connection)| format!("{:?}", connection.stats().path))
    }

    fn clock(&self, now: Instant) -> std::time::Instant {
        self.base + now.saturating_duration_since(netsim::epoch())
    }

    fn note_timeout(&mut self) {
        let at = self.connection.as_mut().and_then(|(_, connection)| connection.poll_timeout());
        self.timeout = at.map(|at| netsim::epoch() + at.saturating_duration_since(self.base));
    }

    /// Events between connection and endpoint, and what the application does.
    fn settle(&mut self, now: Instant) {
        let clock = self.clock(now);
        let Some((handle, connection)) = &mut self.connection else { return };
        while let Some(event) = connection.poll_endpoint_events() {
            if let Some(answer) = self.endpoint.handle_event(*handle, event) {
                connection.handle_event(answer);
            }
        }
        while let Some(event) = connection.poll() {
            match event {
                Event::Connected if self.sends => self.stream = connection.streams().open(Dir::Uni),
                Event::Stream(StreamEvent::Opened { dir }) => self.stream = connection.streams().accept(dir),
                _ => (),
            }
        }
        let _ = clock;
        match self.stream {
            Some(id) if self.sends => while connection.send_stream(id).write(&self.chunk).is_ok_and(|len| len > 0) {},
            Some(id) => self.received += read(connection, id),
            None => (),
        }
    }
}

fn read(connection: &mut Connection, id: StreamId) -> u64 {
    let mut stream = connection.recv_stream(id);
    let Ok(mut chunks) = stream.read(true) else { return 0 };
    let mut len = 0;
    while let Ok(Some(chunk)) = chunks.next(usize::MAX) {
        len += chunk.bytes.len() as u64;
    }
    let _ = chunks.finalize();
    len
}

impl Endpoint for Quic {
    fn handle_datagram(&mut self, now: Instant, mut datagram: Datagram<'_>) {
        let (clock, remote) = (self.clock(now), datagram.remote);
        let mut scratch = Vec::new();
        for packet in datagram.segments() {
            match self.endpoint.handle(clock, remote, None, None, BytesMut::from(&packet[..]), &mut scratch) {
                Some(DatagramEvent::ConnectionEvent(_, event)) => {
                    if let Some((_, connection)) = &mut self.connection {
                        connection.handle_event(event);
                    }
                }
                Some(DatagramEvent::NewConnection(incoming)) => {
                    self.connection = self.endpoint.accept(incoming, clock, &mut scratch, None).ok();
                }
                Some(DatagramEvent::Response(_)) | None => (),
            }
        }
        self.settle(now);
        self.note_timeout();
    }

    fn handle_timeout(&mut self, now: Instant) {
        let clock = self.clock(now);
        if let Some((_, connection)) = &mut self.connection {
            connection.handle_timeout(clock);
        }
        self.settle(now);
        self.note_timeout();
    }

    fn poll_transmit(&mut self, now: Instant, max_segments: usize, out: &mut Vec<u8>) -> Option<Transmit> {
        self.settle(now);
        let clock = self.clock(now);
        let transmit = self.connection.as_mut()?.1.poll_transmit(clock, max_segments, out);
        self.note_timeout();
        let (len, segment_size) = transmit.map(|transmit| (transmit.size, transmit.segment_size))?;
        Some(Transmit { socket: SocketId(0), remote: self.remote, ecn: Ecn::NotEct, len, segment_size })
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.timeout
    }
}
