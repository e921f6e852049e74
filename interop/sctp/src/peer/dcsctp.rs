//! The `dcsctp` crate, by the authors of the SCTP in Chromium.

use crate::stack::{End, Incoming, News, Offer, Outgoing, Sent, Stack};
use bytes::Bytes;
use dcsctp::api::{
    DcSctpSocket, ErrorKind, Message, Options, PpId, SendError, SendOptions, SocketEvent, SocketState, SocketTime,
    StreamId, ZERO_CHECKSUM_ALTERNATE_ERROR_DETECTION_METHOD_LOWER_LAYER_DTLS,
};
use ortica_core::Instant;
use ortica_sctp::Reliability;
use std::collections::VecDeque;
use std::time::Duration;

/// Without it timers double past the longest timeout of RFC 9260 §16, and a few losses in a row end in silence for minutes.
const RTO_MAX: Duration = Duration::from_secs(60);

pub struct Dcsctp {
    socket: Box<dyn DcSctpSocket>,
    packets: VecDeque<Vec<u8>>,
    news: VecDeque<News>,
    aborted: bool,
}

impl Dcsctp {
    pub fn new(seed: u64, offer: Offer) -> Self {
        fastrand::seed(seed);
        let mut options = Options {
            enable_message_interleaving: offer.interleaving,
            max_timer_backoff_duration: Some(RTO_MAX),
            ..Options::default()
        };
        if offer.zero_checksum {
            options.zero_checksum_alternate_error_detection_method =
                ZERO_CHECKSUM_ALTERNATE_ERROR_DETECTION_METHOD_LOWER_LAYER_DTLS;
        }
        let socket = dcsctp::new_socket("peer", &options);
        Self { socket, packets: VecDeque::new(), news: VecDeque::new(), aborted: false }
    }

    /// Sorts what the socket has to tell into packets and news.
    fn collect(&mut self) {
        while let Some(event) = self.socket.poll_event() {
            match event {
                SocketEvent::SendPacket(packet) => self.packets.push_back(packet),
                SocketEvent::OnConnected() => self.news.push_back(News::Connected),
                SocketEvent::OnClosed() => {
                    self.take_messages();
                    let end = if self.aborted { End::Aborted } else { End::Shutdown };
                    self.news.push_back(News::Closed(end));
                }
                SocketEvent::OnAborted(ErrorKind::PeerReported, _) => {
                    self.take_messages();
                    self.news.push_back(News::Closed(End::AbortedByPeer));
                }
                SocketEvent::OnAborted(kind, text) => {
                    self.news.push_back(News::Trouble(format!("aborted, {kind:?}: {text}")));
                }
                SocketEvent::OnIncomingStreamReset(streams) => {
                    self.take_messages();
                    self.news.extend(streams.into_iter().map(|stream| News::StreamReset(stream.0)));
                }
                SocketEvent::OnStreamsResetPerformed(streams) => {
                    self.news.extend(streams.into_iter().map(|stream| News::ResetDone(stream.0)));
                }
                SocketEvent::OnStreamsResetFailed(streams) => {
                    self.news.push_back(News::Trouble(format!("reset of {streams:?} failed")));
                }
                // Told besides by `send`, and of packets that come after the end.
                SocketEvent::OnError(ErrorKind::ResourceExhaustion, _) => {}
                SocketEvent::OnError(..) if self.socket.state() == SocketState::Closed => {}
                SocketEvent::OnError(kind, text) => {
                    self.news.push_back(News::Trouble(format!("{kind:?}: {text}")));
                }
                SocketEvent::OnConnectionRestarted() => self.news.push_back(News::Trouble("restarted".to_owned())),
                _ => {}
            }
        }
        self.take_messages();
    }

    fn take_messages(&mut self) {
        while let Some(Message { stream_id, ppid, payload, .. }) = self.socket.get_next_message() {
            let incoming = Incoming { stream: stream_id.0, ppid: ppid.0, payload: Bytes::from(payload) };
            self.news.push_back(News::Message(incoming));
        }
    }

    fn advance(&mut self, now: Instant) {
        self.socket.advance_time(SocketTime::zero() + now.saturating_duration_since(netsim::epoch()));
    }
}

impl Stack for Dcsctp {
    fn connect(&mut self, now: Instant) {
        self.advance(now);
        self.socket.connect();
    }

    fn handle_packet(&mut self, now: Instant, packet: &mut [u8]) {
        self.advance(now);
        self.socket.handle_input(packet);
        self.collect();
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.advance(now);
    }

    fn poll_packet(&mut self, _now: Instant, out: &mut Vec<u8>) -> Option<usize> {
        self.collect();
        let packet = self.packets.pop_front()?;
        out.extend_from_slice(&packet);
        Some(packet.len())
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let at = self.socket.poll_timeout();
        (at < SocketTime::infinite_future()).then(|| netsim::epoch() + (at - SocketTime::zero()))
    }

    fn send(&mut self, now: Instant, message: &Outgoing) -> Sent {
        self.advance(now);
        let (lifetime, max_retransmissions) = match message.reliability {
            Reliability::MaxLifetime(time) => (Some(time), None),
            Reliability::MaxRetransmits(count) => (None, u16::try_from(count).ok()),
            _ => (None, None),
        };
        let options = SendOptions { unordered: !message.ordered, lifetime, max_retransmissions, lifecycle_id: None };
        let payload = message.payload.to_vec();
        match self.socket.send(Message::new(StreamId(message.stream), PpId(message.ppid.0), payload), &options) {
            Ok(()) => Sent::Taken,
            Err(SendError::ResourceExhaustion) => Sent::Later,
            Err(error) => Sent::Refused(error.to_string()),
        }
    }

    fn reset(&mut self, now: Instant, stream: u16) {
        self.advance(now);
        if let Err(error) = self.socket.reset_streams(&[StreamId(stream)]) {
            self.news.push_back(News::Trouble(format!("reset of stream {stream}: {error}")));
        }
    }

    fn shutdown(&mut self, now: Instant) {
        self.advance(now);
        self.socket.shutdown();
    }

    fn abort(&mut self, now: Instant) {
        self.advance(now);
        self.aborted = true;
        self.socket.close();
    }

    fn poll_news(&mut self, _now: Instant) -> Option<News> {
        self.collect();
        self.news.pop_front()
    }
}
