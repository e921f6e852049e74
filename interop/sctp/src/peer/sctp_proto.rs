//! The `sctp-proto` crate, which carries the data channels of str0m and webrtc-rs.

use crate::stack::{End, Incoming, News, Outgoing, Sent, Stack};
use bytes::Bytes;
use ortica_core::Instant;
use ortica_sctp::Reliability;
use sctp_proto::{
    Association, AssociationError, AssociationHandle, ClientConfig, DatagramEvent, Endpoint, EndpointConfig, Event,
    Payload, PayloadProtocolIdentifier, ReliabilityType, ServerConfig, StreamEvent, TransportConfig,
};
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

/// Chunk types, where the first chunk of a packet has its own.
const INIT: u8 = 1;
const ABORT: u8 = 6;
const SHUTDOWN_COMPLETE: u8 = 14;
const FIRST_CHUNK: usize = 12;
/// Where packets go to; the simulation sees to it.
const REMOTE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 5_000);
/// Longest message, as the other stacks have it; several of them share the buffer.
const MESSAGE: u32 = 256 << 10;
const BUFFER: u32 = 5 << 20;

pub struct SctpProto {
    endpoint: Endpoint,
    association: Option<(AssociationHandle, Association)>,
    /// An instant of the clock that the crate wants to see, and what it is in virtual time.
    base: std::time::Instant,
    transport: Arc<TransportConfig>,
    packets: VecDeque<Bytes>,
    news: VecDeque<News>,
    /// It sent an INIT itself.
    active: bool,
    /// The other side sent an ABORT.
    aborted: bool,
    ended: bool,
}

impl SctpProto {
    pub fn new() -> Self {
        let transport = Arc::new(
            TransportConfig::default()
                .with_max_receive_message_size(MESSAGE)
                .with_max_send_message_size(MESSAGE)
                .with_max_receive_buffer_size(BUFFER),
        );
        let mut server = ServerConfig::new();
        server.transport = Arc::clone(&transport);
        Self {
            endpoint: Endpoint::new(Arc::new(EndpointConfig::new()), Some(Arc::new(server))),
            association: None,
            base: std::time::Instant::now(),
            transport,
            packets: VecDeque::new(),
            news: VecDeque::new(),
            active: false,
            aborted: false,
            ended: false,
        }
    }

    /// The INIT chunk for set-up by signalling.
    pub fn init_chunk(&self) -> Result<Bytes, String> {
        sctp_proto::generate_snap_token(&self.transport).map_err(|error| error.to_string())
    }

    /// Starts without a handshake.
    pub fn connect_with(&mut self, ours: Bytes, peers: Bytes) -> Result<(), String> {
        let association = self.endpoint.connect(self.client().with_snap(ours, peers), REMOTE);
        self.association = Some(association.map_err(|error| error.to_string())?);
        Ok(())
    }

    fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.transport = Arc::clone(&self.transport);
        config
    }

    fn real(&self, now: Instant) -> std::time::Instant {
        self.base + now.saturating_duration_since(netsim::epoch())
    }

    fn association(&mut self) -> Option<&mut Association> {
        self.association.as_mut().map(|(_, association)| association)
    }

    fn take_messages(&mut self, id: u16) {
        let Some((_, association)) = &mut self.association else { return };
        let Ok(mut stream) = association.stream(id) else { return };
        while let Ok(Some(chunks)) = stream.read() {
            let mut payload = vec![0; chunks.len()];
            if let Err(error) = chunks.read(&mut payload) {
                self.news.push_back(News::Trouble(format!("a message could not be read: {error}")));
            }
            let incoming = Incoming { stream: id, ppid: chunks.ppi as u32, payload: Bytes::from(payload) };
            self.news.push_back(News::Message(incoming));
        }
    }

    fn on_event(&mut self, event: Event) {
        match event {
            Event::Connected => self.news.push_back(News::Connected),
            Event::Stream(StreamEvent::Readable { id }) => self.take_messages(id),
            // It answers the peer's reset with its own.
            Event::Stream(StreamEvent::Finished { id }) => self.news.push_back(News::StreamReset(id)),
            Event::Stream(StreamEvent::ResetComplete { id }) => self.news.push_back(News::ResetDone(id)),
            Event::Stream(StreamEvent::ResetFailed { id, reason }) => {
                self.news.push_back(News::Trouble(format!("reset of stream {id}: {reason:?}")));
            }
            // It gives the same reason for a shutdown and for the peer's abort.
            Event::AssociationLost { reason: AssociationError::AssociationClosed } => {
                self.on_end(if self.aborted { End::AbortedByPeer } else { End::Shutdown });
            }
            Event::AssociationLost { reason } => self.news.push_back(News::Trouble(reason.to_string())),
            Event::HandshakeFailed { reason } => self.news.push_back(News::Trouble(reason.to_string())),
            _ => {}
        }
    }

    fn on_end(&mut self, end: End) {
        if !std::mem::replace(&mut self.ended, true) {
            self.news.push_back(News::Closed(end));
        }
    }
}

impl Stack for SctpProto {
    fn connect(&mut self, _now: Instant) {
        self.active = true;
        match self.endpoint.connect(self.client(), REMOTE) {
            Ok(association) => self.association = Some(association),
            Err(error) => self.news.push_back(News::Trouble(error.to_string())),
        }
    }

    fn handle_packet(&mut self, now: Instant, packet: &mut [u8]) {
        // It would make a second association of an INIT that meets its own.
        if self.active && packet.get(FIRST_CHUNK) == Some(&INIT) {
            return;
        }
        self.aborted |= packet.get(FIRST_CHUNK) == Some(&ABORT);
        let data = Bytes::copy_from_slice(packet);
        match self.endpoint.handle(self.real(now), REMOTE, None, None, data) {
            Some((handle, DatagramEvent::NewAssociation(association))) => {
                self.association = Some((handle, association))
            }
            Some((_, DatagramEvent::AssociationEvent(event))) => {
                if let Some(association) = self.association() {
                    association.handle_event(event);
                }
            }
            None => {}
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        let now = self.real(now);
        if let Some(association) = self.association() {
            association.handle_timeout(now);
        }
    }

    fn poll_packet(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<usize> {
        let now = self.real(now);
        while self.packets.is_empty() {
            let transmit = self.endpoint.poll_transmit().or_else(|| self.association()?.poll_transmit(now))?;
            if let Payload::RawEncode(packets) = transmit.payload {
                self.packets.extend(packets);
            }
        }
        let packet = self.packets.pop_front()?;
        // The side that began a shutdown says nothing of its end.
        if packet.get(FIRST_CHUNK) == Some(&SHUTDOWN_COMPLETE) {
            self.on_end(End::Shutdown);
        }
        out.extend_from_slice(&packet);
        Some(packet.len())
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let at = self.association.as_ref()?.1.poll_timeout()?;
        Some(netsim::epoch() + at.saturating_duration_since(self.base))
    }

    fn send(&mut self, _now: Instant, message: &Outgoing) -> Sent {
        let Some(association) = self.association() else { return Sent::Later };
        let ppid = PayloadProtocolIdentifier::from(message.ppid.0);
        if association.stream(message.stream).is_err()
            && let Err(error) = association.open_stream(message.stream, ppid).map(drop)
        {
            return if error == sctp_proto::Error::ErrStreamResetPending {
                Sent::Later
            } else {
                Sent::Refused(error.to_string())
            };
        }
        let (kind, value) = match message.reliability {
            Reliability::MaxLifetime(time) => (ReliabilityType::Timed, time.as_millis() as u32),
            Reliability::MaxRetransmits(count) => (ReliabilityType::Rexmit, count),
            _ => (ReliabilityType::Reliable, 0),
        };
        let sent = association.stream(message.stream).and_then(|mut stream| {
            stream.set_reliability_params(!message.ordered, kind, value)?;
            stream.write_sctp(&message.payload, ppid)
        });
        match sent {
            Ok(_) => Sent::Taken,
            // While a reset is under way.
            Err(sctp_proto::Error::ErrStreamClosed) => Sent::Later,
            Err(error) => Sent::Refused(error.to_string()),
        }
    }

    fn reset(&mut self, _now: Instant, stream: u16) {
        let Some(association) = self.association() else { return };
        // One that the peer reset is gone by now.
        if let Ok(mut it) = association.stream(stream)
            && let Err(error) = it.close()
        {
            self.news.push_back(News::Trouble(format!("reset of stream {stream}: {error}")));
        }
    }

    fn shutdown(&mut self, _now: Instant) {
        if let Some(Err(error)) = self.association().map(Association::shutdown) {
            self.news.push_back(News::Trouble(format!("shutdown: {error}")));
        }
    }

    fn abort(&mut self, _now: Instant) {
        self.news.push_back(News::Trouble("it has no way to send an ABORT".to_owned()));
    }

    fn poll_news(&mut self, _now: Instant) -> Option<News> {
        while self.news.is_empty() {
            let event = self.association()?.poll()?;
            self.on_event(event);
        }
        self.news.pop_front()
    }
}
