//! Packets of RTP of a peer's transceivers in the application's hands.

use super::Peer;
use crate::engine::{RtpPacket, SendPacketError};
use crate::jsep::TransceiverId;
use ortica_core::Instant;
use ortica_rtp::Rid;

/// # Packets
///
/// See [`Session::tap_packets`](crate::engine::Session::tap_packets).
impl Peer {
    /// Has a transceiver give out the packets that it receives in place of frames, of one layer or of all, until as many calls of
    /// [`untap_packets`](Self::untap_packets). `false` if it does not receive yet, or has no such layer.
    pub fn tap_packets(&mut self, now: Instant, id: TransceiverId, rid: Option<Rid>) -> bool {
        let receiver = self.receiver_of(id);
        receiver.is_some_and(|receiver| self.session.tap_packets(now, receiver, rid).unwrap_or_default())
    }

    /// One reader of packets less.
    pub fn untap_packets(&mut self, now: Instant, id: TransceiverId, rid: Option<Rid>) {
        if let Some(receiver) = self.receiver_of(id) {
            self.session.untap_packets(now, receiver, rid);
        }
    }

    /// The oldest packet that a transceiver received and nobody has read, of one layer or of any.
    pub fn read_packet(&mut self, id: TransceiverId, rid: Option<Rid>) -> Option<RtpPacket> {
        let receiver = self.receiver_of(id)?;
        self.session.read_packet(receiver, rid)
    }

    /// Sends a packet of another stream over a transceiver, in one of its encodings, counted from zero.
    ///
    /// # Errors
    /// See [`SendPacketError`]; the packet is dropped then.
    pub fn send_packet(
        &mut self,
        now: Instant,
        id: TransceiverId,
        encoding: usize,
        packet: &RtpPacket,
    ) -> Result<(), SendPacketError> {
        let known = self.is_by_hand() || self.negotiation.transceiver(id).is_some();
        let missing = if known { SendPacketError::NotSending } else { SendPacketError::Unknown };
        let sender = self.sender_of(id).ok_or(missing)?;
        self.session.send_packet(now, sender, encoding, packet)
    }
}
