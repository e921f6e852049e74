//! Packets from and to peers.

use super::{Client, FromPeer, Stage};
use crate::stun::{AttributeType, Class, HEADER_LEN, MAGIC_COOKIE, Message, Method, TransactionId};
use crate::turn::channel::{ChannelData, is_channel_data};
use arrayvec::ArrayVec;
use ortica_core::Instant;
use std::net::{IpAddr, SocketAddr};

/// The longest thing before data: header, XOR-PEER-ADDRESS of IPv6, and the head of DATA.
const MAX_HEADER: usize = HEADER_LEN + 24 + 4;

impl Client {
    /// A packet from the server. What a peer sent is a range of it.
    ///
    /// Source: [RFC 8656 §11.4, §12.6](https://www.rfc-editor.org/rfc/rfc8656#section-11.4)
    pub fn handle_packet(&mut self, now: Instant, packet: &[u8]) -> Option<FromPeer> {
        if matches!(self.stage, Stage::Ended) {
            return None;
        }
        let from = if is_channel_data(packet) { self.read_channel(packet) } else { self.read_message(now, packet) };
        if from.is_some() {
            self.probe.on_data();
        }
        self.advance(now);
        from
    }

    fn read_channel(&mut self, packet: &[u8]) -> Option<FromPeer> {
        let channel = ChannelData::decode(packet).ok();
        let found = channel.and_then(|channel| Some((self.peers.peer_of(channel.number)?, channel.data.len())));
        let Some((peer, len)) = found.filter(|_| self.is_allocated()) else {
            self.drop_packet();
            return None;
        };
        Some(FromPeer { peer, data: ChannelData::HEADER_LEN..ChannelData::HEADER_LEN + len })
    }

    fn read_message(&mut self, now: Instant, packet: &[u8]) -> Option<FromPeer> {
        let Ok(message) = Message::parse(packet) else {
            self.drop_packet();
            return None;
        };
        match (message.class(), message.method()) {
            (Class::Success | Class::Error, _) => {
                self.on_response(now, &message);
                None
            }
            (Class::Indication, Method::DATA) => {
                let from = self.read_data(packet, &message);
                if from.is_none() {
                    self.drop_packet();
                }
                from
            }
            (Class::Indication, Method::CONNECTION_ATTEMPT) => {
                self.on_attempt(&message);
                None
            }
            _ => {
                self.drop_packet();
                None
            }
        }
    }

    fn read_data(&self, packet: &[u8], message: &Message<'_>) -> Option<FromPeer> {
        let peer = message.xor_peer_address().ok()??;
        let data = message.attribute(AttributeType::DATA)?;
        if message.unknown_attributes().next().is_some() || !self.is_allocated() || !self.peers.is_wanted(peer.ip()) {
            return None;
        }
        let start = data.as_ptr().addr().checked_sub(packet.as_ptr().addr())?;
        Some(FromPeer { peer, data: start..start + data.len() })
    }

    fn is_allocated(&self) -> bool {
        matches!(self.stage, Stage::Allocated { .. })
    }

    /// Wraps what is for a peer and appends it: as ChannelData where a channel is bound, else as a Send indication. `false`, and
    /// nothing is appended, where no permission is there, for more than 65,000 bytes, or where peers are reached by TCP.
    ///
    /// Source: [RFC 8656 §11.1, §12.5](https://www.rfc-editor.org/rfc/rfc8656#section-11.1)
    pub fn wrap(&mut self, now: Instant, peer: SocketAddr, data: &[u8], out: &mut Vec<u8>) -> bool {
        let Some((header, padding)) = self.envelope(now, peer, data.len()) else { return false };
        out.extend_from_slice(&header);
        out.extend_from_slice(data);
        out.resize(out.len() + padding, 0);
        true
    }

    /// The same with what lies at the end of `out`, from `start` on.
    pub fn wrap_in_place(&mut self, now: Instant, peer: SocketAddr, out: &mut Vec<u8>, start: usize) -> bool {
        let Some(len) = out.len().checked_sub(start) else { return false };
        let Some((header, padding)) = self.envelope(now, peer, len) else { return false };
        out.resize(out.len() + header.len() + padding, 0);
        out.copy_within(start..start + len, start + header.len());
        if let Some(place) = out.get_mut(start..start + header.len()) {
            place.copy_from_slice(&header);
        }
        // What is left of the data lies where the padding goes.
        if let Some(rest) = out.get_mut(start + header.len() + len..) {
            rest.fill(0);
        }
        true
    }

    /// How many bytes [`wrap`](Self::wrap) adds to a packet for a peer, padding aside: 4 with a channel, else 36 or 48.
    pub fn overhead(&self, now: Instant, peer: SocketAddr) -> usize {
        match self.peers.channel_to(now, peer) {
            Some(_) => ChannelData::HEADER_LEN,
            None => HEADER_LEN + 4 + address_len(peer.ip()) + 4,
        }
    }

    /// What stands before `len` bytes for a peer, and how much padding follows them.
    fn envelope(&mut self, now: Instant, peer: SocketAddr, len: usize) -> Option<(ArrayVec<u8, MAX_HEADER>, usize)> {
        if !self.is_allocated() || self.takes_connections() || len > ortica_core::Transmit::MAX_LEN {
            return None;
        }
        let data_len = u16::try_from(len).ok()?;
        let padding = len.next_multiple_of(4) - len;
        let (header, padding) = match self.peers.channel_to(now, peer) {
            Some(number) => {
                let header = ArrayVec::from_iter(ChannelData::header(number, data_len));
                (header, if self.config.is_stream { padding } else { 0 })
            }
            None if self.peers.is_permitted(peer.ip()) => {
                let transaction = TransactionId::generate(&mut self.rng);
                (send_header(transaction, peer, data_len, padding), padding)
            }
            None => return None,
        };
        self.probe.on_data_sent(now);
        self.sent_at = now;
        Some((header, padding))
    }
}

/// What stands before the data of a Send indication. Written by hand, for it stands before data that may be there already.
fn send_header(transaction: TransactionId, peer: SocketAddr, len: u16, padding: usize) -> ArrayVec<u8, MAX_HEADER> {
    let mut header = ArrayVec::new();
    let mut put = |bytes: &[u8]| header.extend(bytes.iter().copied());
    let address_len = address_len(peer.ip());
    let total = 4 + address_len + 4 + usize::from(len) + padding;
    put(&crate::stun::message_type(Class::Indication, Method::SEND).to_be_bytes());
    put(&(total as u16).to_be_bytes());
    put(&MAGIC_COOKIE.to_be_bytes());
    put(&transaction.0);
    put(&AttributeType::XOR_PEER_ADDRESS.0.to_be_bytes());
    put(&(address_len as u16).to_be_bytes());
    let (family, octets) = crate::stun::xor_address(peer, transaction);
    put(&[0, family]);
    put(&octets);
    put(&AttributeType::DATA.0.to_be_bytes());
    put(&len.to_be_bytes());
    header
}

/// How long XOR-PEER-ADDRESS is.
const fn address_len(ip: IpAddr) -> usize {
    if ip.is_ipv4() { 8 } else { 20 }
}
