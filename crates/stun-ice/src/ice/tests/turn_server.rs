//! A TURN server without passwords, as a test wants it, over UDP and over streams.

use super::*;
use crate::stun::{AttributeType, ErrorCode, TransactionId};
use crate::turn::ChannelData;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Where it listens.
pub(super) const TURN: &str = "203.0.113.9:3478";
/// Where another one does.
pub(super) const OTHER_TURN: &str = "203.0.113.10:3478";
/// Relayed addresses there are.
const RELAYS: u16 = 16;
const FIRST_PORT: u16 = 49_152;
/// The socket that streams come to.
const STREAM: SocketId = SocketId(1 + RELAYS as u32);

/// Who has an allocation: the socket of the server that it speaks to, and where it is.
type Client = (SocketId, SocketAddr);

/// Somebody's allocation.
#[derive(Debug, Default)]
pub(super) struct Lent {
    /// The socket of the relayed address.
    relay: u32,
    permitted: BTreeSet<IpAddr>,
    channels: BTreeMap<u16, SocketAddr>,
}

/// Its sockets are 0, where it listens, those of the relayed addresses, and the one of streams.
pub(super) struct TurnServer {
    ip: IpAddr,
    out: Vec<(SocketId, SocketAddr, Vec<u8>)>,
    pub(super) lent: BTreeMap<Client, Lent>,
    /// Allocations made so far.
    pub(super) allocated: u32,
    /// Those that clients gave back.
    pub(super) released: u32,
    /// Packets for peers that were not permitted.
    pub(super) forbidden: u32,
    /// Packets of peers that were not permitted.
    pub(super) unwanted: u32,
    /// Packets that went to peers over channels, and by indications.
    pub(super) over_channels: u32,
    pub(super) indications: u32,
    /// What an Allocate is refused with.
    pub(super) refuses: Option<ErrorCode<'static>>,
    /// Who is named in its place.
    pub(super) alternate: Option<SocketAddr>,
    /// Peers that nobody gets a permission for.
    pub(super) forbids: Option<IpAddr>,
    pub(super) mute: bool,
}

impl Default for TurnServer {
    fn default() -> Self {
        Self {
            ip: address(TURN).ip(),
            out: vec![],
            lent: BTreeMap::new(),
            allocated: 0,
            released: 0,
            forbidden: 0,
            unwanted: 0,
            over_channels: 0,
            indications: 0,
            refuses: None,
            alternate: None,
            forbids: None,
            mute: false,
        }
    }
}

impl TurnServer {
    /// Binds its sockets at `node`, at the address of [`TURN`].
    pub(super) fn bind(network: &mut Network, node: usize, links: &[LinkId]) {
        Self::bind_at(network, node, address(TURN), [links[4], links[5]]);
    }

    /// One at the address of [`OTHER_TURN`], as another node, with sockets bound.
    pub(super) fn other(network: &mut Network) -> Self {
        let node = network.add_node();
        let links = [network.add_link(Link::default()), network.add_link(Link::default())];
        Self::bind_at(network, node.0, address(OTHER_TURN), links);
        Self { ip: address(OTHER_TURN).ip(), ..Self::default() }
    }

    fn bind_at(network: &mut Network, node: usize, at: SocketAddr, [up, down]: [LinkId; 2]) {
        let node = netsim::NodeId(node);
        network.add_interface(node, at.ip(), up, down);
        network.bind(node, at);
        for port in FIRST_PORT..FIRST_PORT + RELAYS {
            network.bind(node, SocketAddr::new(at.ip(), port));
        }
        let stream = network.bind_stream(node, at);
        assert_eq!(stream, STREAM);
    }

    /// It forgets everything, as if it had been started anew.
    pub(super) fn restart(&mut self) {
        self.lent.clear();
    }

    fn on_request(&mut self, client: Client, message: &Message<'_>) {
        let peers: Vec<_> = message.xor_addresses(AttributeType::XOR_PEER_ADDRESS).flatten().collect();
        let is_forbidden = peers.iter().any(|peer| Some(peer.ip()) == self.forbids);
        let lent = self.lent.get_mut(&client);
        match (message.method(), lent) {
            (Method::BINDING, _) => self.grant(client, message, |builder| builder.xor_mapped_address(client.1)),
            (Method::ALLOCATE, _) => self.allocate(client, message),
            (_, None) => self.refuse(client, message.transaction(), message.method(), 437, "who are you?"),
            (Method::REFRESH, Some(_)) if message.lifetime() == Ok(Some(Duration::ZERO)) => {
                self.lent.remove(&client);
                self.released += 1;
                self.grant(client, message, |builder| builder.lifetime(Duration::ZERO));
            }
            (Method::REFRESH, _) => self.grant(client, message, |builder| builder.lifetime(600 * SECOND)),
            _ if is_forbidden => self.refuse(client, message.transaction(), message.method(), 403, "not there"),
            (Method::CREATE_PERMISSION, Some(lent)) => {
                lent.permitted.extend(peers.iter().map(SocketAddr::ip));
                self.grant(client, message, |builder| builder);
            }
            (Method::CHANNEL_BIND, Some(lent)) => {
                lent.permitted.insert(peers[0].ip());
                lent.channels.insert(message.channel_number().unwrap().unwrap(), peers[0]);
                self.grant(client, message, |builder| builder);
            }
            (method, _) => panic!("{method:?}"),
        }
    }

    fn allocate(&mut self, client: Client, message: &Message<'_>) {
        if let Some(server) = self.alternate {
            let mut out = Vec::new();
            MessageBuilder::new(&mut out, Class::Error, Method::ALLOCATE, message.transaction())
                .error_code(ErrorCode { code: 300, reason: "elsewhere" })
                .alternate_server(server);
            return self.out.push((client.0, client.1, out));
        }
        if let Some(ErrorCode { code, reason }) = self.refuses {
            return self.refuse(client, message.transaction(), Method::ALLOCATE, code, reason);
        }
        if !self.lent.contains_key(&client) {
            self.allocated += 1;
            self.lent.insert(client, Lent { relay: self.allocated, ..Lent::default() });
        }
        let port = FIRST_PORT + self.lent[&client].relay as u16 - 1;
        let relayed = SocketAddr::new(self.ip, port);
        self.grant(client, message, |builder| {
            builder
                .xor_address(AttributeType::XOR_RELAYED_ADDRESS, relayed)
                .lifetime(600 * SECOND)
                .xor_mapped_address(client.1)
        });
    }

    fn grant(
        &mut self,
        client: Client,
        message: &Message<'_>,
        write: impl FnOnce(MessageBuilder<'_>) -> MessageBuilder<'_>,
    ) {
        let mut out = Vec::new();
        write(MessageBuilder::new(&mut out, Class::Success, message.method(), message.transaction()));
        self.out.push((client.0, client.1, out));
    }

    fn refuse(&mut self, client: Client, id: TransactionId, method: Method, code: u16, reason: &'static str) {
        let mut out = Vec::new();
        MessageBuilder::new(&mut out, Class::Error, method, id).error_code(ErrorCode { code, reason });
        self.out.push((client.0, client.1, out));
    }

    fn pass_out(&mut self, client: Client, peer: SocketAddr, data: &[u8]) {
        match self.lent.get(&client) {
            Some(lent) if lent.permitted.contains(&peer.ip()) => {
                self.out.push((SocketId(lent.relay), peer, data.to_vec()));
            }
            _ => self.forbidden += 1,
        }
    }

    fn pass_in(&mut self, relay: u32, peer: SocketAddr, data: &[u8]) {
        let Some((&client, lent)) = self.lent.iter().find(|(_, lent)| lent.relay == relay) else { return };
        if !lent.permitted.contains(&peer.ip()) {
            self.unwanted += 1;
            return;
        }
        let mut out = Vec::new();
        match lent.channels.iter().find(|(_, bound)| **bound == peer) {
            Some((number, _)) => {
                out.extend_from_slice(&number.to_be_bytes());
                out.extend_from_slice(&(data.len() as u16).to_be_bytes());
                out.extend_from_slice(data);
                // On streams what follows begins at a multiple of four.
                let padded = if client.0 == STREAM { out.len().next_multiple_of(4) } else { out.len() };
                out.resize(padded, 0);
            }
            None => {
                let id = TransactionId([7; 12]);
                MessageBuilder::new(&mut out, Class::Indication, Method::DATA, id)
                    .xor_address(AttributeType::XOR_PEER_ADDRESS, peer)
                    .attribute(AttributeType::DATA, data);
            }
        }
        self.out.push((client.0, client.1, out));
    }
}

impl Endpoint for TurnServer {
    fn handle_datagram(&mut self, _now: Instant, mut datagram: Datagram<'_>) {
        let (local, remote) = (datagram.local, datagram.remote);
        let client = (local, remote);
        for packet in datagram.segments() {
            if self.mute {
                continue;
            }
            if local != SocketId(0) && local != STREAM {
                self.pass_in(local.0, remote, packet);
            } else if let Ok(ChannelData { number, data }) = ChannelData::decode(packet) {
                let peer = self.lent.get(&client).and_then(|lent| lent.channels.get(&number.get()).copied());
                self.over_channels += u32::from(peer.is_some());
                peer.into_iter().for_each(|peer| self.pass_out(client, peer, data));
            } else {
                let message = Message::parse(packet).unwrap();
                if (message.class(), message.method()) == (Class::Indication, Method::BINDING) {
                    // It keeps NATs awake, and says nothing.
                } else if message.class() == Class::Indication {
                    let peer = message.xor_peer_address().unwrap().unwrap();
                    self.indications += 1;
                    self.pass_out(client, peer, message.attribute(AttributeType::DATA).unwrap());
                } else {
                    self.on_request(client, &message);
                }
            }
        }
    }

    fn handle_timeout(&mut self, _now: Instant) {}

    fn poll_transmit(&mut self, _now: Instant, _max_segments: usize, out: &mut Vec<u8>) -> Option<Transmit> {
        let (socket, remote, bytes) = (!self.out.is_empty()).then(|| self.out.remove(0))?;
        out.extend_from_slice(&bytes);
        Some(Transmit { socket, remote, ecn: Ecn::NotEct, len: bytes.len(), segment_size: None })
    }

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }
}
