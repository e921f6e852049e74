//! Permissions and channels: asked for, granted, renewed while they are wanted.
//!
//! Source: [RFC 8656 §9, §12](https://www.rfc-editor.org/rfc/rfc8656#section-9)

use super::request::Purpose;
use crate::turn::ChannelNumber;
use ortica_core::Instant;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// How long a permission lives, and when it is renewed.
const PERMISSION: (Duration, Duration) = (Duration::from_secs(300), Duration::from_secs(240));
/// The same of a channel.
const CHANNEL: (Duration, Duration) = (Duration::from_secs(600), Duration::from_secs(540));

/// What the server was asked for.
#[derive(Debug)]
struct Grant {
    /// Until when the server has granted it.
    until: Option<Instant>,
    /// When to ask; `None` after it was refused.
    ask_at: Option<Instant>,
    /// It is being asked for.
    is_asked: bool,
}

impl Grant {
    fn wanted(now: Instant) -> Self {
        Self { until: None, ask_at: Some(now), is_asked: false }
    }

    fn is_valid(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| now < until)
    }

    fn want_again(&mut self, now: Instant) {
        if self.ask_at.is_none() && !self.is_asked {
            self.ask_at = Some(now);
        }
    }

    fn on_granted(&mut self, now: Instant, (lifetime, renewal): (Duration, Duration)) {
        *self = Self { until: Some(now + lifetime), ask_at: Some(now + renewal), is_asked: false };
    }

    fn on_refused(&mut self) {
        (self.ask_at, self.is_asked) = (None, false);
    }

    fn due_at(&self) -> Option<Instant> {
        self.ask_at.filter(|_| !self.is_asked)
    }
}

#[derive(Debug)]
struct Channel {
    number: ChannelNumber,
    peer: SocketAddr,
    grant: Grant,
}

/// The peers of an allocation.
#[derive(Debug)]
pub(super) struct Peers {
    permissions: Vec<(IpAddr, Grant)>,
    channels: Vec<Channel>,
    /// The number of the next channel. None is given twice, for it must rest for five minutes in between.
    next_number: Option<ChannelNumber>,
    limit: usize,
}

impl Peers {
    pub(super) fn new(limit: usize) -> Self {
        Self { permissions: Vec::new(), channels: Vec::new(), next_number: Some(ChannelNumber::FIRST), limit }
    }

    /// Wants a permission; `false` when there is no room for it.
    pub(super) fn permit(&mut self, now: Instant, ip: IpAddr) -> bool {
        if let Some((_, grant)) = self.permissions.iter_mut().find(|(permitted, _)| *permitted == ip) {
            grant.want_again(now);
            return true;
        }
        if self.permissions.len() >= self.limit {
            return false;
        }
        self.permissions.push((ip, Grant::wanted(now)));
        true
    }

    /// Wants a channel; `false` when there is no room for it. Without a number left data goes without.
    pub(super) fn bind(&mut self, now: Instant, peer: SocketAddr) -> bool {
        if let Some(channel) = self.channels.iter_mut().find(|channel| channel.peer == peer) {
            channel.grant.want_again(now);
            return true;
        }
        let Some(number) = self.next_number.filter(|_| self.channels.len() < self.limit) else { return false };
        self.next_number = ChannelNumber::new(number.get() + 1);
        self.channels.push(Channel { number, peer, grant: Grant::wanted(now) });
        true
    }

    pub(super) fn forget(&mut self, ip: IpAddr) {
        self.permissions.retain(|(permitted, _)| *permitted != ip);
        self.channels.retain(|channel| channel.peer.ip() != ip);
    }

    /// Everything is to be asked for anew, of a new allocation.
    pub(super) fn reset(&mut self, now: Instant) {
        for (_, grant) in &mut self.permissions {
            *grant = Grant::wanted(now);
        }
        self.next_number = Some(ChannelNumber::FIRST);
        for channel in &mut self.channels {
            let Some(number) = self.next_number else { break };
            (channel.number, channel.grant) = (number, Grant::wanted(now));
            self.next_number = ChannelNumber::new(number.get() + 1);
        }
    }

    /// `true` when packets from and to an address pass.
    pub(super) fn is_permitted(&self, ip: IpAddr) -> bool {
        self.permissions.iter().any(|(permitted, grant)| *permitted == ip && grant.until.is_some())
    }

    /// `true` when a permission was asked for.
    pub(super) fn is_wanted(&self, ip: IpAddr) -> bool {
        self.permissions.iter().any(|(permitted, _)| *permitted == ip)
    }

    /// The channel that carries data to a peer.
    pub(super) fn channel_to(&self, now: Instant, peer: SocketAddr) -> Option<ChannelNumber> {
        let channel = self.channels.iter().find(|channel| channel.peer == peer)?;
        channel.grant.is_valid(now).then_some(channel.number)
    }

    /// Whom a channel belongs to, from when it was asked for: data may overtake the answer.
    pub(super) fn peer_of(&self, number: ChannelNumber) -> Option<SocketAddr> {
        self.channels.iter().find(|channel| channel.number == number).map(|channel| channel.peer)
    }

    /// What is to be asked for by now; it counts as asked for.
    pub(super) fn next_due(&mut self, now: Instant) -> Option<Purpose> {
        let is_due = |grant: &Grant| grant.due_at().is_some_and(|at| at <= now);
        if let Some((ip, grant)) = self.permissions.iter_mut().find(|(_, grant)| is_due(grant)) {
            grant.is_asked = true;
            return Some(Purpose::Permission(*ip));
        }
        let Self { permissions, channels, .. } = self;
        let channel =
            channels.iter_mut().find(|channel| is_due(&channel.grant) && has_permission(permissions, channel))?;
        channel.grant.is_asked = true;
        Some(Purpose::Channel(channel.number, channel.peer))
    }

    /// When something is to be asked for, or a permission ends.
    pub(super) fn due_at(&self) -> Option<Instant> {
        let permissions = self.permissions.iter().filter_map(|(_, grant)| grant.due_at());
        let channels = self.channels.iter().filter(|channel| has_permission(&self.permissions, channel));
        permissions.chain(channels.filter_map(|channel| channel.grant.due_at())).min()
    }

    /// When a permission ends that is not renewed.
    pub(super) fn ends_at(&self) -> Option<Instant> {
        self.permissions.iter().filter_map(|(_, grant)| grant.until).min()
    }

    /// Forgets what has ended.
    pub(super) fn expire(&mut self, now: Instant) {
        for (_, grant) in &mut self.permissions {
            grant.until = grant.until.filter(|until| now < *until);
        }
    }

    pub(super) fn on_granted(&mut self, now: Instant, purpose: Purpose) {
        match purpose {
            Purpose::Permission(ip) => {
                if let Some((_, grant)) = self.permissions.iter_mut().find(|(permitted, _)| *permitted == ip) {
                    grant.on_granted(now, PERMISSION);
                }
            }
            Purpose::Channel(number, _) => {
                if let Some(channel) = self.channels.iter_mut().find(|channel| channel.number == number) {
                    channel.grant.on_granted(now, CHANNEL);
                }
            }
            _ => {}
        }
    }

    pub(super) fn on_refused(&mut self, purpose: Purpose) {
        match purpose {
            Purpose::Permission(ip) => {
                if let Some((_, grant)) = self.permissions.iter_mut().find(|(permitted, _)| *permitted == ip) {
                    grant.on_refused();
                }
            }
            Purpose::Channel(number, _) => {
                if let Some(channel) = self.channels.iter_mut().find(|channel| channel.number == number) {
                    channel.grant.on_refused();
                }
            }
            _ => {}
        }
    }
}

fn has_permission(permissions: &[(IpAddr, Grant)], channel: &Channel) -> bool {
    permissions.iter().any(|(ip, grant)| *ip == channel.peer.ip() && grant.until.is_some())
}
