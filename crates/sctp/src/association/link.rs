//! What an association knows once it knows its peer.

use super::congestion::Congestion;
use super::flight::Flight;
use super::inbound::Inbound;
use super::path_mtu::PathMtu;
use super::reset::Resets;
use crate::chunk::{Data, Extensions};
use crate::packet::HEADER_LEN;
use crate::{Config, Tsn};

/// What both ends agreed on.
#[derive(Clone, Copy, Debug)]
pub struct Agreement {
    pub local_tsn: Tsn,
    pub peer_tag: u32,
    pub peer_tsn: Tsn,
    pub peer_window: u32,
    pub outbound_streams: u16,
    pub inbound_streams: u16,
    pub extensions: Extensions,
}

/// The two halves of an association.
#[derive(Debug)]
pub struct Link {
    /// Verification tag of packets to the peer.
    pub peer_tag: u32,
    /// The peer has shown that it made the association too, which only a handshake tells beforehand.
    pub confirmed: bool,
    pub extensions: Extensions,
    pub outbound_streams: u16,
    pub inbound_streams: u16,
    pub flight: Flight,
    pub congestion: Congestion,
    pub mtu: PathMtu,
    /// Bytes the peer had room for when it said so last, those in flight included.
    pub peer_window: usize,
    pub inbound: Inbound,
    pub resets: Resets,
}

impl Link {
    pub fn new(config: &Config, agreed: &Agreement) -> Self {
        let room = packet_room(config);
        Self {
            peer_tag: agreed.peer_tag,
            confirmed: true,
            extensions: agreed.extensions,
            outbound_streams: agreed.outbound_streams,
            inbound_streams: agreed.inbound_streams,
            flight: Flight::new(agreed.local_tsn, agreed.extensions, room),
            congestion: Congestion::new(config.congestion_control, room),
            mtu: PathMtu::new(config),
            peer_window: agreed.peer_window as usize,
            inbound: Inbound::new(agreed.peer_tsn, agreed.inbound_streams, config.limits),
            resets: Resets::new(agreed.local_tsn, agreed.peer_tsn),
        }
    }

    /// Bytes the peer has room for.
    pub fn window_left(&self) -> usize {
        self.peer_window.saturating_sub(self.flight.in_flight())
    }
}

/// Bytes for chunks in the longest packet that fits every path.
pub fn packet_room(config: &Config) -> usize {
    (config.max_packet_size & !3) - HEADER_LEN
}

/// Bytes of a message in the longest chunk.
pub fn packet_payload(config: &Config) -> usize {
    packet_room(config) - Data::HEADER_LEN
}
