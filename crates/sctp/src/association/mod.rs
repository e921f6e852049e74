//! One association: the state machine that ties the parts together.

use crate::{Config, Event, Message, Path, Ppid, ResetError, SendError, SendOptions, SendRefusal, Stats, StreamId};
use bytes::Bytes;
use ortica_core::{Instant, Rng};
use std::sync::Arc;

/// An SCTP association with the peer at the other end of a DTLS connection.
pub struct Association {
    stats: Stats,
}

impl Association {
    /// An association that waits: for [`connect`](Self::connect), or for the peer's INIT.
    pub fn new(config: Arc<Config>, rng: Rng, now: Instant) -> Self {
        let _ = (config, rng, now);
        Self { stats: Stats::default() }
    }

    /// Sends INIT. Both ends may: the two handshakes become one association.
    pub fn connect(&mut self, now: Instant) {
        let _ = now;
    }

    /// Takes in one SCTP packet, as DTLS decrypted it. Only records: what to answer is decided by
    /// [`poll_packet`](Self::poll_packet), once for any number of packets. Junk is counted and dropped.
    pub fn handle_packet(&mut self, now: Instant, packet: &[u8]) {
        let _ = (now, packet);
    }

    /// Acts on what [`poll_timeout`](Self::poll_timeout) announced.
    pub fn handle_timeout(&mut self, now: Instant) {
        let _ = now;
    }

    /// Queues a message. It is cut into chunks when packets are built; its bytes are shared, not copied. Messages may be
    /// queued before the association is up.
    ///
    /// # Errors
    /// The message comes back with the reason.
    pub fn send(
        &mut self,
        now: Instant,
        stream: StreamId,
        ppid: Ppid,
        payload: Bytes,
        options: SendOptions,
    ) -> Result<(), SendError> {
        let _ = (now, stream, ppid, options);
        Err(SendError { reason: SendRefusal::Closed, payload })
    }

    /// The next message of `stream`, if one is there. What is not read stays in the receive window, which closes in time.
    pub fn read(&mut self, stream: StreamId) -> Option<Message> {
        let _ = stream;
        None
    }

    /// Resets our sending direction of `streams`, each once its queued messages are sent. Until the peer confirms
    /// ([`Event::StreamResetDone`]), nothing more can be sent on them.
    ///
    /// # Errors
    /// When the peer lacks the extension, or the association is closing.
    pub fn reset_streams(&mut self, now: Instant, streams: &[StreamId]) -> Result<(), ResetError> {
        let _ = (now, streams);
        Ok(())
    }

    /// Asks the peer to reset its sending direction of `streams` ([`Event::StreamReset`] when it did).
    ///
    /// # Errors
    /// As [`reset_streams`](Self::reset_streams).
    pub fn request_reset(&mut self, now: Instant, streams: &[StreamId]) -> Result<(), ResetError> {
        let _ = (now, streams);
        Ok(())
    }

    /// Ends the association once everything queued has arrived. [`send`](Self::send) refuses from here on.
    pub fn shutdown(&mut self, now: Instant) {
        let _ = now;
    }

    /// Ends the association at once. `reason` is a text for the peer's log, cut at 128 bytes.
    pub fn abort(&mut self, now: Instant, reason: &str) {
        let _ = (now, reason);
    }

    /// Appends one packet, of at most [`Config::with_max_packet_size`] bytes, to `out` and says how long it is; `None`
    /// when there is nothing to send now. Packets of a bulk transfer are equally long.
    pub fn poll_packet(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<usize> {
        let _ = (now, out);
        None
    }

    /// What happened, oldest first.
    pub fn poll_event(&mut self) -> Option<Event> {
        None
    }

    /// When to call [`handle_timeout`](Self::handle_timeout).
    pub fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// Bytes of messages queued on `stream` that were not yet put into a packet.
    pub fn buffered_amount(&self, stream: StreamId) -> usize {
        let _ = stream;
        0
    }

    /// Sets when [`Event::BufferedAmountLow`] is due: as [`buffered_amount`](Self::buffered_amount) falls from above
    /// `bytes` to `bytes` or below. Default: 0.
    pub fn set_buffered_amount_low_threshold(&mut self, stream: StreamId, bytes: usize) {
        let _ = (stream, bytes);
    }

    /// How many streams there are to send on; `None` before the handshake is done.
    pub fn outbound_streams(&self) -> Option<u16> {
        None
    }

    /// How many streams the peer may send on; `None` before the handshake is done.
    pub fn inbound_streams(&self) -> Option<u16> {
        None
    }

    /// `true` from [`Event::Connected`] until the association ends.
    pub fn is_connected(&self) -> bool {
        false
    }

    /// Counters.
    pub fn stats(&self) -> Stats {
        self.stats
    }

    /// Round trip time and windows.
    pub fn path(&self) -> Path {
        Path::default()
    }
}
