//! For who looks for a fault: what happens in a session, and the packets that it sends and receives.
//!
//! ```text
//! datagrams, events -> Observer -> LogRecord   -> one line of JSON
//!                               -> Captured    -> PcapNg: a file for Wireshark
//! SRTP, DTLS        -> Inner ---^
//! ```
//!
//! All of it is off unless [`Config`](super::Config) says otherwise, and costs one look at an option then. Who drives the session
//! takes what was recorded with [`Session::poll_log`](super::Session::poll_log) and
//! [`Session::poll_captured`](super::Session::poll_captured); what waits is bounded, and what does not fit is counted.
//!
//! | module | what |
//! |---|---|
//! | here | what a session tells |
//! | `log`, `summary`, `line` | records, what they say of packets, their form |
//! | `capture`, `pcapng` | packets, and the file that holds them |
//! | `inner` | what lies inside SRTP and DTLS |

mod capture;
mod inner;
mod line;
mod log;
mod pcapng;
mod summary;

pub use capture::{CaptureConfig, Captured, Layer};
pub(super) use inner::Inner;
pub use log::{LogRecord, Note};
pub use pcapng::PcapNg;
pub use summary::Summary;

use super::{Config, Event, TransportId};
use capture::Capture;
use log::Log;
use ortica_core::{Datagram, Ecn, Instant, SocketId, Transmit};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};

/// Records what a session does.
pub(super) struct Observer {
    log: Option<Log>,
    capture: Option<Capture>,
    /// Where the sockets are bound.
    addresses: BTreeMap<SocketId, SocketAddr>,
}

/// Where a packet went, or came from.
#[derive(Clone, Copy, Debug)]
struct Path {
    sent: bool,
    local: SocketAddr,
    remote: SocketAddr,
    ecn: Ecn,
}

impl Observer {
    /// `None` where nothing is to be recorded.
    pub fn new(config: &Config) -> Option<Box<Self>> {
        let log = config.event_log.map(Log::new);
        let capture = config.capture.map(Capture::new);
        let is_wanted = log.is_some() || capture.is_some();
        is_wanted.then(|| Box::new(Self { log, capture, addresses: BTreeMap::new() }))
    }

    /// A socket is bound to `address`.
    pub fn add_socket(&mut self, socket: SocketId, address: SocketAddr) {
        self.addresses.insert(socket, address);
    }

    /// Datagrams have come; nothing has looked at them yet.
    pub fn on_received(&mut self, now: Instant, datagram: &Datagram<'_>) {
        let path = self.path(false, datagram.local, datagram.remote, datagram.ecn);
        self.on_packets(now, path, datagram.contents, datagram.stride);
    }

    /// Datagrams are about to be sent.
    pub fn on_sent(&mut self, now: Instant, transmit: &Transmit, contents: &[u8]) {
        let path = self.path(true, transmit.socket, transmit.remote, transmit.ecn);
        self.on_packets(now, path, contents, transmit.segment_size.unwrap_or(transmit.len));
    }

    fn on_packets(&mut self, now: Instant, path: Path, contents: &[u8], stride: usize) {
        for packet in contents.chunks(stride.max(1)) {
            if let Some(log) = &mut self.log {
                log.push(now, None, Note::packet(path.sent, packet));
            }
            if let Some(capture) = &mut self.capture {
                capture.push(now, path, Layer::Udp, packet);
            }
        }
    }

    /// Takes what was found inside SRTP and DTLS while the last packets were handled or made.
    pub fn on_inner(
        &mut self,
        now: Instant,
        transport: TransportId,
        socket: SocketId,
        remote: SocketAddr,
        inner: &mut Inner,
    ) {
        for packet in inner.take() {
            if let (Some(log), Some(note)) = (&mut self.log, Note::inner(&packet)) {
                log.push(now, Some(transport), note);
            }
            let path = self.path(packet.sent, socket, remote, Ecn::NotEct);
            if let Some(capture) = &mut self.capture {
                capture.push(now, path, packet.layer, &packet.bytes);
            }
        }
    }

    /// Time has come to `now`.
    pub fn on_time(&mut self, now: Instant) {
        if let Some(log) = &mut self.log {
            log.on_time(now);
        }
    }

    /// The session reports something.
    pub fn on_event(&mut self, event: &Event) {
        if let (Some(log), Some((transport, note))) = (&mut self.log, Note::event(event)) {
            log.push_now(transport, note);
        }
    }

    /// Something else happened.
    pub fn note(&mut self, transport: Option<TransportId>, note: Note) {
        if let Some(log) = &mut self.log {
            log.push_now(transport, note);
        }
    }

    pub fn poll_log(&mut self) -> Option<LogRecord> {
        self.log.as_mut()?.poll()
    }

    pub fn poll_captured(&mut self) -> Option<Captured> {
        self.capture.as_mut()?.poll()
    }

    /// Records and packets that found no room.
    pub fn dropped(&self) -> (u64, u64) {
        (self.log.as_ref().map_or(0, |log| log.dropped), self.capture.as_ref().map_or(0, |capture| capture.dropped))
    }

    fn path(&self, sent: bool, socket: SocketId, remote: SocketAddr, ecn: Ecn) -> Path {
        let unknown = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let local = self.addresses.get(&socket).copied().unwrap_or(unknown);
        Path { sent, local, remote, ecn }
    }
}
