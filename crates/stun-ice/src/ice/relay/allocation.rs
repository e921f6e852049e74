//! One allocation, from the wish to the end.

use super::super::address::canonical;
use super::super::{TurnServer, TurnTransport};
use super::LinkId;
use crate::turn::{Client, ClientEvent, FromPeer, Redirects, TurnError};
use arrayvec::ArrayVec;
use ortica_core::{Ecn, Instant, SocketId, Transmit};
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::sync::Arc;

/// An allocation, or the way to one.
#[derive(Debug)]
pub(in crate::ice) struct Allocation {
    pub link: LinkId,
    pub server: Arc<TurnServer>,
    /// Where the server is; another one may have been named by it.
    pub address: SocketAddr,
    /// The sockets that stand for the relayed addresses.
    pub relayed: ArrayVec<SocketId, 2>,
    /// Where the server saw this side, once there is an allocation.
    pub mapped: Option<SocketAddr>,
    redirects: Redirects,
    stage: Stage,
    /// Where checks wait for a permission.
    awaited: Vec<(SocketId, SocketAddr)>,
    /// Peers that something was to be sent to.
    asked: Vec<IpAddr>,
    /// The peer that data goes to.
    bound: Option<SocketAddr>,
    /// Since when answers are missing, as far as the server was asked about it.
    doubted: Option<Instant>,
    /// It is given up, and the server is told.
    is_closing: bool,
}

#[derive(Debug)]
enum Stage {
    /// Waits for its turn at the agent's pace.
    Waiting,
    /// Waits for its link.
    Linking,
    Open {
        socket: SocketId,
        client: Box<Client>,
    },
}

impl Allocation {
    pub fn new(link: LinkId, server: Arc<TurnServer>, address: SocketAddr) -> Self {
        Self {
            link,
            server,
            address,
            relayed: ArrayVec::new(),
            mapped: None,
            redirects: Redirects::from_server(address),
            stage: Stage::Waiting,
            awaited: Vec::new(),
            asked: Vec::new(),
            bound: None,
            doubted: None,
            is_closing: false,
        }
    }

    pub fn transport(&self) -> TurnTransport {
        self.server.transport
    }

    pub fn is_waiting(&self) -> bool {
        matches!(self.stage, Stage::Waiting) && !self.is_closing
    }

    /// It is of use, or may still be.
    pub fn is_wanted(&self) -> bool {
        !self.is_closing
    }

    /// The driver was asked for the link and has it, or is about to.
    pub fn has_link(&self) -> bool {
        !matches!(self.stage, Stage::Waiting)
    }

    /// The link was asked for.
    pub fn on_ordered(&mut self) {
        self.stage = Stage::Linking;
    }

    /// The link is there; `false` when nobody waits for it.
    pub fn on_link(&mut self, socket: SocketId, client: impl FnOnce() -> Client) -> bool {
        let is_awaited = matches!(self.stage, Stage::Linking) && !self.is_closing;
        if is_awaited {
            self.stage = Stage::Open { socket, client: Box::new(client()) };
        }
        is_awaited
    }

    /// The server named another one: a link there is to be made.
    ///
    /// Source: [RFC 8489 §10](https://www.rfc-editor.org/rfc/rfc8489#section-10)
    pub fn redirect(&mut self, link: LinkId, to: SocketAddr) -> Result<(), TurnError> {
        self.redirects.follow(to)?;
        (self.link, self.address, self.stage) = (link, to, Stage::Waiting);
        Ok(())
    }

    /// Packets from there are of this link.
    pub fn is_over(&self, socket: SocketId, remote: SocketAddr) -> bool {
        matches!(&self.stage, Stage::Open { socket: own, .. } if *own == socket) && self.address == remote
    }

    fn client(&self) -> Option<&Client> {
        match &self.stage {
            Stage::Open { client, .. } => Some(client),
            _ => None,
        }
    }

    fn client_mut(&mut self) -> Option<&mut Client> {
        match &mut self.stage {
            Stage::Open { client, .. } => Some(client),
            _ => None,
        }
    }

    /// Takes a packet of the server: who sent what is in it, if a peer did.
    pub fn on_packet(&mut self, now: Instant, packet: &[u8]) -> Option<(SocketAddr, Range<usize>)> {
        let FromPeer { peer, data } = self.client_mut()?.handle_packet(now, packet)?;
        Some((canonical(peer), data))
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        if let Some(client) = self.client_mut() {
            client.handle_timeout(now);
        }
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        self.client()?.poll_timeout()
    }

    pub fn poll_event(&mut self) -> Option<ClientEvent> {
        self.client_mut()?.poll_event()
    }

    /// Appends what the client has to say to the server.
    pub fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Transmit> {
        let address = self.address;
        let Stage::Open { socket, client } = &mut self.stage else { return None };
        let len = client.poll_transmit(now, out)?;
        Some(Transmit { socket: *socket, remote: address, ecn: Ecn::NotEct, len, segment_size: None })
    }

    /// Whether the server passes on what goes to a peer.
    pub fn is_permitted(&self, peer: SocketAddr) -> bool {
        self.client().is_some_and(|client| client.is_permitted(peer.ip()))
    }

    /// Asks for that; [`take_permitted`](Self::take_permitted) tells when it is so.
    pub fn permit(&mut self, now: Instant, from: SocketId, peer: SocketAddr, limit: usize) {
        let Some(client) = self.client_mut() else { return };
        client.permit(now, peer);
        if !self.asked.contains(&peer.ip()) {
            self.asked.push(peer.ip());
        }
        if !self.awaited.contains(&(from, peer)) && self.awaited.len() < limit {
            self.awaited.push((from, peer));
        }
    }

    /// What a check waited for, and need not any more.
    pub fn take_permitted(&mut self) -> Vec<(SocketId, SocketAddr)> {
        let Self { stage: Stage::Open { client, .. }, awaited, .. } = self else { return Vec::new() };
        awaited.extract_if(.., |(_, peer)| client.is_permitted(peer.ip())).collect()
    }

    /// Its addresses are no more: the sockets that stood for them.
    pub fn on_lost(&mut self) -> ArrayVec<SocketId, 2> {
        self.awaited = Vec::new();
        (self.bound, self.doubted) = (None, None);
        std::mem::take(&mut self.relayed)
    }

    /// The server said no to a peer: whether nothing passes there any more.
    pub fn on_refused(&mut self, peer: IpAddr) -> bool {
        // A permission that is there outlives a channel that is not to be had.
        let is_refused = !self.client().is_some_and(|client| client.is_permitted(peer));
        if is_refused {
            self.awaited.retain(|(_, awaited)| awaited.ip() != peer);
        }
        is_refused
    }

    /// Lets the permissions of peers end to which nothing is sent any more.
    pub fn forget_unused(&mut self, is_used: impl Fn(&[SocketId], IpAddr) -> bool) {
        let Self { stage: Stage::Open { client, .. }, asked, relayed, .. } = self else { return };
        for peer in asked.extract_if(.., |peer| !is_used(relayed, *peer)) {
            client.forget(peer);
        }
    }

    /// Data goes to that peer from here on: a channel makes its packets shorter.
    pub fn bind(&mut self, now: Instant, peer: SocketAddr) {
        if self.bound != Some(peer)
            && let Some(client) = self.client_mut()
        {
            client.bind(now, peer);
            self.bound = Some(peer);
        }
    }

    /// Packets to a peer go over a channel.
    pub fn has_channel(&self, now: Instant, peer: SocketAddr) -> bool {
        self.client().is_some_and(|client| client.is_bound(now, peer))
    }

    /// Asks the server whether it still has the allocation, once for each time that answers are missing since `silent_since`.
    pub fn doubt(&mut self, now: Instant, silent_since: Instant) {
        if self.doubted.replace(silent_since) != Some(silent_since)
            && let Some(client) = self.client_mut()
        {
            client.probe(now);
        }
    }

    /// Wraps the packets of `out` from `start` on, which go to a peer; `scratch` is room. `None`, and they are gone, where the
    /// server would not pass them on.
    pub fn wrap(
        &mut self,
        now: Instant,
        transmit: &Transmit,
        (out, start): (&mut Vec<u8>, usize),
        scratch: &mut Vec<u8>,
    ) -> Option<Transmit> {
        let peer = transmit.remote;
        let Stage::Open { socket, client } = &mut self.stage else {
            out.truncate(start);
            return None;
        };
        let size = transmit.segment_size.filter(|size| *size < transmit.len && *size > 0);
        let (mut is_wrapped, mut segment_size) = (true, None);
        match size {
            None => is_wrapped = client.wrap_in_place(now, peer, out, start),
            Some(size) => {
                scratch.clear();
                scratch.extend(out.drain(start..));
                for packet in scratch.chunks(size) {
                    let at = out.len();
                    out.extend_from_slice(packet);
                    is_wrapped &= client.wrap_in_place(now, peer, out, at);
                    segment_size.get_or_insert(out.len() - at);
                }
            }
        }
        if !is_wrapped {
            out.truncate(start);
            return None;
        }
        let len = out.len() - start;
        Some(Transmit { socket: *socket, remote: self.address, ecn: transmit.ecn, len, segment_size })
    }

    /// Begins to end it; `false` when nobody is to be told.
    pub fn close(&mut self, now: Instant) -> bool {
        self.is_closing = true;
        self.awaited = Vec::new();
        let Some(client) = self.client_mut() else { return false };
        client.close(now);
        true
    }
}
