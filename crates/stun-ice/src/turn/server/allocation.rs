//! One allocation.

use super::auth::Identity;
use super::{Flow, RelayId};
use crate::stun::TransactionId;
use crate::turn::{ChannelNumber, PeerTransport};
use arrayvec::ArrayVec;
use ortica_core::{Instant, SocketId};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Source: [RFC 8656 §9](https://www.rfc-editor.org/rfc/rfc8656#section-9)
pub(super) const PERMISSION_LIFETIME: Duration = Duration::from_secs(300);
/// Source: [RFC 8656 §12](https://www.rfc-editor.org/rfc/rfc8656#section-12)
pub(super) const CHANNEL_LIFETIME: Duration = Duration::from_secs(600);
/// How long the answer to the request that made it is given again to the same request.
pub(super) const ANSWER_LIFETIME: Duration = Duration::from_secs(40);

/// A socket that peers send to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Relay {
    pub(super) socket: SocketId,
    pub(super) address: SocketAddr,
}

/// What is known until the sockets are there.
#[derive(Debug)]
pub(super) struct Pending {
    /// The sockets asked for, and their families.
    pub(super) wanted: ArrayVec<(RelayId, bool), 2>,
    /// Their ports are to be even.
    pub(super) is_even: bool,
    /// A second family was asked for that there is none of.
    pub(super) lacks_second: bool,
}

#[derive(Debug)]
struct Channel {
    number: ChannelNumber,
    peer: SocketAddr,
    until: Instant,
}

/// What a client has, by the address it comes from.
#[derive(Debug)]
pub(super) struct Allocation {
    pub(super) flow: Flow,
    /// Who made it.
    pub(super) owner: Identity,
    transport: PeerTransport,
    /// The request that made it, and when it was answered, with what.
    pub(super) transaction: TransactionId,
    pub(super) answer: Option<(Instant, Vec<u8>)>,
    pub(super) pending: Option<Pending>,
    pub(super) relays: ArrayVec<Relay, 2>,
    pub(super) lifetime: Duration,
    pub(super) expires: Instant,
    permissions: Vec<(IpAddr, Instant)>,
    channels: Vec<Channel>,
}

impl Allocation {
    pub(super) fn new(
        flow: Flow,
        owner: Identity,
        transport: PeerTransport,
        transaction: TransactionId,
        expires: Instant,
    ) -> Self {
        Self {
            flow,
            owner,
            transport,
            transaction,
            answer: None,
            pending: None,
            relays: ArrayVec::new(),
            lifetime: Duration::ZERO,
            expires,
            permissions: Vec::new(),
            channels: Vec::new(),
        }
    }

    /// Peers are reached by TCP, and not by packets.
    pub(super) fn takes_connections(&self) -> bool {
        self.transport == PeerTransport::Tcp
    }

    /// The socket that reaches addresses of a family.
    pub(super) fn relay_to(&self, peer: IpAddr) -> Option<Relay> {
        self.relays.iter().find(|relay| relay.address.is_ipv4() == peer.is_ipv4()).copied()
    }

    /// Lets packets from and to an address pass for five minutes; `false` when there is no room.
    pub(super) fn permit(&mut self, now: Instant, ip: IpAddr, limit: usize) -> bool {
        self.permissions.retain(|(_, until)| now < *until);
        let (until, count) = (now + PERMISSION_LIFETIME, self.permissions.len());
        match self.permissions.iter_mut().find(|(permitted, _)| *permitted == ip) {
            Some((_, known)) => *known = until,
            None if count >= limit => return false,
            None => self.permissions.push((ip, until)),
        }
        true
    }

    /// Whether there is room for so many addresses beside those permitted.
    pub(super) fn has_room(&mut self, now: Instant, ips: &[IpAddr], limit: usize) -> bool {
        self.permissions.retain(|(_, until)| now < *until);
        let is_new = |ip: &&IpAddr| !self.permissions.iter().any(|(permitted, _)| permitted == *ip);
        self.permissions.len() + ips.iter().filter(is_new).count() <= limit
    }

    pub(super) fn is_permitted(&self, now: Instant, ip: IpAddr) -> bool {
        self.permissions.iter().any(|(permitted, until)| *permitted == ip && now < *until)
    }

    /// Binds a channel for ten minutes, or longer if it is bound already.
    ///
    /// # Errors
    /// 400 when number or peer belong to another channel, 508 when there is no room.
    pub(super) fn bind(
        &mut self,
        now: Instant,
        number: ChannelNumber,
        peer: SocketAddr,
        limit: usize,
    ) -> Result<(), u16> {
        self.channels.retain(|channel| now < channel.until);
        let (until, count) = (now + CHANNEL_LIFETIME, self.channels.len());
        let same = |channel: &&mut Channel| channel.number == number || channel.peer == peer;
        match self.channels.iter_mut().find(same) {
            Some(channel) if channel.number == number && channel.peer == peer => channel.until = until,
            Some(_) => return Err(400),
            None if count >= limit => return Err(508),
            None => self.channels.push(Channel { number, peer, until }),
        }
        Ok(())
    }

    pub(super) fn peer_of(&self, now: Instant, number: ChannelNumber) -> Option<SocketAddr> {
        let channel = self.channels.iter().find(|channel| channel.number == number)?;
        (now < channel.until).then_some(channel.peer)
    }

    pub(super) fn channel_of(&self, now: Instant, peer: SocketAddr) -> Option<ChannelNumber> {
        let channel = self.channels.iter().find(|channel| channel.peer == peer)?;
        (now < channel.until).then_some(channel.number)
    }
}
