//! Packets between clients and peers.
//!
//! Source: [RFC 8656 §11, §12](https://www.rfc-editor.org/rfc/rfc8656#section-11)

use super::allocation::Allocation;
use super::{Flow, Server};
use crate::stun::{AttributeType, Class, Message, MessageBuilder, Method, TransactionId};
use crate::turn::channel::{ChannelData, is_channel_data};
use ortica_core::{Instant, SocketId};
use std::net::SocketAddr;

impl Server {
    pub(super) fn on_client_packet(&mut self, now: Instant, flow: Flow, packet: &[u8]) {
        // What a connection carries that is joined to a peer's is for that one alone.
        if self.connections.of_socket(flow.local).is_some() {
            return self.drop_packet();
        }
        if is_channel_data(packet) {
            return self.on_channel_data(now, flow, packet);
        }
        let Ok(message) = Message::parse(packet) else { return self.drop_packet() };
        match (message.class(), message.method()) {
            (Class::Request, _) => self.on_request(now, flow, &message, packet.len()),
            (Class::Indication, Method::SEND) => self.on_send(now, flow, &message),
            // Keepalives (RFC 8489 §2) say nothing, and responses answer nothing.
            (Class::Indication, Method::BINDING) => {}
            _ => self.drop_packet(),
        }
    }

    fn on_channel_data(&mut self, now: Instant, flow: Flow, packet: &[u8]) {
        let Ok(ChannelData { number, data }) = ChannelData::decode(packet) else { return self.drop_packet() };
        let peer = self.allocations.get(&flow).and_then(|allocation| allocation.peer_of(now, number));
        match peer {
            Some(peer) => self.send_to_peer(now, flow, peer, data),
            None => self.drop_packet(),
        }
    }

    fn on_send(&mut self, now: Instant, flow: Flow, message: &Message<'_>) {
        let data = message.attribute(AttributeType::DATA);
        let asks_for_more = message.attribute(AttributeType::DONT_FRAGMENT).is_some();
        let is_clear = message.unknown_attributes().next().is_none() && !asks_for_more;
        match (message.xor_peer_address(), data) {
            (Ok(Some(peer)), Some(data)) if is_clear => self.send_to_peer(now, flow, peer, data),
            _ => self.drop_packet(),
        }
    }

    fn send_to_peer(&mut self, now: Instant, flow: Flow, peer: SocketAddr, data: &[u8]) {
        let allocation = self.allocations.get(&flow).filter(|allocation| allocation.is_permitted(now, peer.ip()));
        let relay = allocation.filter(|it| !it.takes_connections()).and_then(|it| it.relay_to(peer.ip()));
        let Some(relay) = relay.filter(|_| self.config.peers.allows_port(peer)) else { return self.drop_packet() };
        if self.outbox.write(relay.socket, peer, |out| out.extend_from_slice(data)).is_some() {
            self.stats.relayed += 1;
        }
    }

    /// Without a permission it is as if nobody were there.
    pub(super) fn on_peer_packet(&mut self, now: Instant, flow: Flow, socket: SocketId, peer: SocketAddr, data: &[u8]) {
        let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        let takes = |it: &&Allocation| it.is_permitted(now, peer.ip()) && !it.takes_connections();
        let allocation = self.allocations.get(&flow).filter(takes);
        let is_whole = u16::try_from(data.len()).ok().filter(|len| *len <= 65_000);
        let (Some(allocation), Some(len)) = (allocation, is_whole) else { return self.drop_packet() };
        debug_assert!(allocation.relays.iter().any(|relay| relay.socket == socket));
        let channel = allocation.channel_of(now, peer);
        // Nobody answers an indication, so that its transaction has to tell nothing from nothing.
        let transaction = TransactionId([0; 12]);
        let is_written = self.outbox.write(flow.local, flow.remote, |out| match channel {
            Some(number) => {
                out.extend_from_slice(&ChannelData::header(number, len));
                out.extend_from_slice(data);
            }
            None => {
                MessageBuilder::new(out, Class::Indication, Method::DATA, transaction)
                    .xor_address(AttributeType::XOR_PEER_ADDRESS, peer)
                    .attribute(AttributeType::DATA, data);
            }
        });
        if is_written.is_some() {
            self.stats.relayed += 1;
        }
    }

    pub(super) fn drop_packet(&mut self) {
        self.stats.dropped += 1;
    }
}
