//! What comes in: told apart by its first bytes, and taken where the peer has proved itself.

use super::{Dtls, Transport};
use crate::engine::demux::{Protocol, classify};
use crate::engine::observe::Layer;
use crate::engine::{Config, Event};
use ortica_core::{Datagram, Ecn, Instant, SocketId};
use ortica_ice::Unwrapped;
use std::collections::VecDeque;
use std::net::SocketAddr;

/// Where a packet came in, and from where.
#[derive(Clone, Copy)]
struct Source {
    local: SocketId,
    remote: SocketAddr,
    ecn: Ecn,
}

impl Transport {
    /// Takes what arrived and only records it; [`settle`](Self::settle) draws the conclusions.
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        config: &Config,
        mut datagram: Datagram<'_>,
        events: &mut VecDeque<Event>,
    ) {
        let source = Source { local: datagram.local, remote: datagram.remote, ecn: datagram.ecn };
        let is_relayed = self.ice.is_server(source.local, source.remote);
        let (mut carried, mut carried_bytes) = (0, 0);
        for packet in datagram.segments() {
            self.stats.packets_received += 1;
            let len = packet.len() as u64;
            self.stats.bytes_received += len;
            if is_relayed {
                self.handle_relayed(now, config, source, packet, events);
            } else if self.handle_packet(now, config, source, packet, events) {
                (carried, carried_bytes) = (carried + 1, carried_bytes + len);
            }
        }
        if carried > 0 {
            self.ice.count_received(now, source.local, source.remote, carried, carried_bytes);
        }
    }

    /// What a TURN server says: something to the agent, or what a peer sent, which goes on as if it had come to the relayed
    /// address.
    fn handle_relayed(
        &mut self,
        now: Instant,
        config: &Config,
        from: Source,
        packet: &mut [u8],
        events: &mut VecDeque<Event>,
    ) {
        let unwrapped = self.ice.unwrap(now, from.local, from.remote, packet);
        let Some(Unwrapped::Packet { socket, remote, data }) = unwrapped else {
            self.stats.ice_bytes_received += packet.len() as u64;
            return;
        };
        let Some(inner) = packet.get_mut(data) else { return };
        let len = inner.len() as u64;
        let source = Source { local: socket, remote, ecn: from.ecn };
        if self.handle_packet(now, config, source, inner, events) {
            self.ice.count_received(now, socket, remote, 1, len);
        }
    }

    /// Takes one packet; `false` for what is of ICE.
    fn handle_packet(
        &mut self,
        now: Instant,
        config: &Config,
        source: Source,
        packet: &mut [u8],
        events: &mut VecDeque<Event>,
    ) -> bool {
        let Source { local, remote, ecn } = source;
        match classify(packet) {
            Some(Protocol::Stun) => {
                let stride = packet.len();
                self.stats.ice_bytes_received += stride as u64;
                self.ice.handle_datagram(now, Datagram { local, remote, ecn, contents: packet, stride });
                return false;
            }
            Some(_) if !self.ice.is_validated(local, remote) => {
                self.stats.unvalidated_packets += 1;
                self.keep_early(config, packet);
                // Perhaps a NAT gave the peer another port.
                self.ice.check_source(now, local, remote);
            }
            Some(Protocol::Dtls) => match &self.dtls {
                Dtls::Waiting { .. } => self.keep_early(config, packet),
                Dtls::Running(_) if self.secured.is_none() => self.handle_first_dtls(now, config, packet, events),
                Dtls::Running(_) => self.handle_dtls(now, packet),
            },
            Some(media @ (Protocol::Rtp | Protocol::Rtcp)) => {
                match self.secured.as_mut().and_then(|secured| secured.open_srtp(self.cryptex)) {
                    Some((srtp, _)) if media == Protocol::Rtp => {
                        self.rtp.handle_rtp(now, &config.limits, srtp, packet, events)
                    }
                    Some((srtp, _)) => self.rtp.handle_rtcp(now, srtp, packet, events),
                    None => self.stats.rtp.early += 1,
                }
            }
            None => self.stats.unknown_packets += 1,
        }
        true
    }

    /// The peer's first flight may outrun its answer, or our own check. It is kept within limits and read by
    /// `start_dtls`, where it is as untrusted as any other packet.
    fn keep_early(&mut self, config: &Config, packet: &[u8]) {
        if let Dtls::Waiting { early, bytes } = &mut self.dtls
            && classify(packet) == Some(Protocol::Dtls)
            && *bytes + packet.len() <= config.limits.early_dtls
        {
            *bytes += packet.len();
            early.push_back(packet.to_vec());
        }
    }

    pub(super) fn handle_dtls(&mut self, now: Instant, packet: &mut [u8]) {
        let Dtls::Running(connection) = &mut self.dtls else { return };
        let (secured, inner) = (&mut self.secured, &mut self.watched.inner);
        connection.handle_packet(now, packet, &mut |data| {
            if let Some(inner) = inner {
                inner.push(false, Layer::Sctp, &[data]);
            }
            if let Some(association) = secured.as_mut().and_then(|secured| secured.association.as_mut()) {
                association.handle_packet(now, data);
            }
        });
    }

    /// A packet that may end the handshake. Data can share it with the end, or a batch, and is not to be missed.
    fn handle_first_dtls(&mut self, now: Instant, config: &Config, packet: &mut [u8], events: &mut VecDeque<Event>) {
        let Dtls::Running(connection) = &mut self.dtls else { return };
        let mut data = Vec::new();
        connection.handle_packet(now, packet, &mut |record| data.push(record.to_vec()));
        self.settle_dtls(now, config, events);
        if let Some(inner) = &mut self.watched.inner {
            data.iter().for_each(|record| inner.push(false, Layer::Sctp, &[record]));
        }
        if let Some(association) = self.association() {
            data.iter().for_each(|record| association.handle_packet(now, record));
        }
    }
}
