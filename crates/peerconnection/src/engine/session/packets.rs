//! The session's commands for packets of RTP in the application's hands.

use super::{MediaError, Session};
use crate::engine::{ReceiverId, RtpPacket, SendPacketError, SenderId};
use ortica_core::Instant;
use ortica_rtp::Rid;

/// # Packets
///
/// Who passes media on without looking inside, as a server of conferences does, reads packets at one session and sends them at
/// others. What belongs to one connection is its own: keys, payload types, the numbers of streams, retransmissions, reports.
impl Session {
    /// Has a receiver give out packets in place of frames: of the layer of that name, or of all. What is missing is asked for as
    /// ever, and a packet that came again is given out when it comes. At most
    /// [`Limits::received_packets`](crate::engine::Limits::received_packets) of a layer wait; then the oldest are dropped. Counted:
    /// it ends after as many calls of [`untap_packets`](Self::untap_packets). `false` if there is no such layer.
    ///
    /// # Errors
    /// [`MediaError::UnknownReceiver`].
    pub fn tap_packets(&mut self, now: Instant, id: ReceiverId, rid: Option<Rid>) -> Result<bool, MediaError> {
        let tapped = self.with_receiver(now, id, |receiver| receiver.tap_packets(now, rid));
        tapped.ok_or(MediaError::UnknownReceiver(id))
    }

    /// One reader of packets less. Without any, frames are given out again, from the next key frame on.
    pub fn untap_packets(&mut self, now: Instant, id: ReceiverId, rid: Option<Rid>) {
        self.with_receiver(now, id, |receiver| receiver.untap_packets(now, rid));
    }

    /// The oldest packet of a receiver that was not read yet: of the layer of that name, or of any.
    /// [`Event::ReceiverReadable`](crate::engine::Event::ReceiverReadable) tells when there are some.
    pub fn read_packet(&mut self, id: ReceiverId, rid: Option<Rid>) -> Option<RtpPacket> {
        self.transports.get_mut(self.receivers.get(&id)?)?.rtp.receiver(id)?.read_packet(rid)
    }

    /// Sends a packet of another stream in one of a sender's encodings, counted from zero, under the stream's own number and the
    /// payload type that was agreed on. Sequence numbers and timestamps go on from what was sent before; gaps and order stay.
    /// Pictures begin with a key frame, as does each change to another stream: until then, the sender's targets ask for one.
    ///
    /// # Errors
    /// See [`SendPacketError`]; the packet is dropped then.
    pub fn send_packet(
        &mut self,
        now: Instant,
        id: SenderId,
        encoding: usize,
        packet: &RtpPacket,
    ) -> Result<(), SendPacketError> {
        let limits = self.config.limits;
        let transport = self.senders.get(&id).and_then(|id| self.transports.get_mut(id));
        let transport = transport.ok_or(SendPacketError::Unknown)?;
        let carries = transport.carries_media();
        let sender = transport.rtp.sender(id).ok_or(SendPacketError::Unknown)?;
        if sender.encodings.is_empty() || !carries {
            return Err(SendPacketError::NotSending);
        }
        if sender.has_transform() {
            return Err(SendPacketError::Transform);
        }
        let sending = sender.encodings.get_mut(encoding).ok_or(SendPacketError::UnknownEncoding)?;
        sending.forward(now, &limits, packet)
    }
}
