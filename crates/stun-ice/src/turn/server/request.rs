//! What clients ask for, and the answers.

use super::allocation::{ANSWER_LIFETIME, Allocation, Pending, Relay};
use super::auth::{Identity, Nobody};
use super::{BIND_TIMEOUT, Flow, RelayId, Server, ServerEvent};
use crate::stun::{AttributeType, Class, ErrorCode, Message, MessageBuilder, Method};
use crate::turn::{ChannelNumber, IPV6, PeerTransport};
use arrayvec::ArrayVec;
use ortica_core::{Instant, SocketId};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// An allocation lives so long unless more is asked for.
///
/// Source: [RFC 8656 §3.2](https://www.rfc-editor.org/rfc/rfc8656#section-3.2)
const DEFAULT_LIFETIME: Duration = Duration::from_secs(600);
/// REQUESTED-ADDRESS-FAMILY for IPv4.
const IPV4: u8 = 1;
/// The most peers that one request may permit.
const MAX_PEERS: usize = 32;

/// What is answered to a request with the right credentials.
pub(super) enum Answer {
    /// Nothing yet, or nothing.
    Later,
    /// It is done.
    Done,
    /// It is done, and lives so long.
    Lives(Duration),
}

/// A code, and the attributes that were not understood.
pub(super) struct Refusal {
    code: u16,
    unknown: ArrayVec<AttributeType, 8>,
}

impl From<u16> for Refusal {
    fn from(code: u16) -> Self {
        Self { code, unknown: ArrayVec::new() }
    }
}

impl Server {
    pub(super) fn on_request(&mut self, now: Instant, flow: Flow, message: &Message<'_>, len: usize) {
        if message.method() == Method::BINDING {
            return self.on_binding(now, flow, message, len);
        }
        let is_known = match message.method() {
            Method::ALLOCATE | Method::REFRESH | Method::CREATE_PERMISSION | Method::CHANNEL_BIND => true,
            Method::CONNECT | Method::CONNECTION_BIND => self.config.with_tcp,
            _ => false,
        };
        if !is_known {
            return self.answer_nobody(now, flow, message, len, Nobody::BadRequest);
        }
        let identity = match self.authenticate(now, flow, message) {
            Ok(identity) => identity,
            Err(nobody) => return self.answer_nobody(now, flow, message, len, nobody),
        };
        let answer = self.serve(now, flow, message, &identity);
        if let Err(Refusal { code, .. }) = answer {
            tracing::debug!(code, method = message.method().0, "request refused");
        }
        let (alternate, key) = (self.config.alternate, identity.key(&self.config.provider));
        self.outbox_write(flow, |out| {
            match answer {
                Ok(Answer::Later) => return,
                Ok(Answer::Done) => begin(out, Class::Success, message),
                Ok(Answer::Lives(lifetime)) => begin(out, Class::Success, message).lifetime(lifetime),
                Err(Refusal { code, unknown }) => {
                    let builder = begin(out, Class::Error, message).error_code(ErrorCode { code, reason: "" });
                    match alternate {
                        Some(server) if code == ErrorCode::TRY_ALTERNATE => builder.alternate_server(server),
                        _ if code == ErrorCode::UNKNOWN_ATTRIBUTE => builder.unknown_attributes(&unknown),
                        _ => builder,
                    }
                }
            }
            .integrity(&key);
        });
    }

    /// Writes an answer, if one is written.
    fn outbox_write(&mut self, flow: Flow, write: impl FnOnce(&mut Vec<u8>)) {
        let mut answer = Vec::new();
        write(&mut answer);
        if !answer.is_empty() {
            self.outbox.write(flow.local, flow.remote, |out| out.extend_from_slice(&answer));
        }
    }

    /// A STUN server's answer; it needs no credentials. An error goes to a network no more often than others do.
    fn on_binding(&mut self, now: Instant, flow: Flow, message: &Message<'_>, len: usize) {
        let unknown = unknown_attributes(message);
        if unknown.is_empty() {
            return self.outbox_write(flow, |out| {
                MessageBuilder::new(out, Class::Success, Method::BINDING, message.transaction())
                    .xor_mapped_address(flow.remote);
            });
        }
        // The error and its list are shorter than the request with what it lists.
        debug_assert!(len >= 24);
        if !self.errors.take(now, flow.remote.ip()) {
            self.stats.errors_limited += 1;
            return;
        }
        self.stats.errors_sent += 1;
        self.outbox_write(flow, |out| {
            MessageBuilder::new(out, Class::Error, Method::BINDING, message.transaction())
                .error_code(ErrorCode { code: ErrorCode::UNKNOWN_ATTRIBUTE, reason: "" })
                .unknown_attributes(&unknown);
        });
    }

    fn serve(&mut self, now: Instant, flow: Flow, message: &Message<'_>, who: &Identity) -> Result<Answer, Refusal> {
        let unknown = unknown_attributes(message);
        if !unknown.is_empty() {
            return Err(Refusal { code: ErrorCode::UNKNOWN_ATTRIBUTE, unknown });
        }
        match message.method() {
            Method::ALLOCATE => return self.allocate(now, flow, message, who),
            Method::CONNECTION_BIND => return self.bind_connection(flow, message, who),
            _ => {}
        }
        let allocation = self.allocations.get(&flow).filter(|allocation| allocation.pending.is_none());
        let allocation = allocation.ok_or(ErrorCode::ALLOCATION_MISMATCH)?;
        if allocation.owner.username != who.username {
            return Err(ErrorCode::WRONG_CREDENTIALS.into());
        }
        match message.method() {
            Method::REFRESH => self.refresh(now, flow, message),
            Method::CREATE_PERMISSION => self.create_permission(now, flow, message),
            Method::CONNECT => self.connect(now, flow, message, who),
            _ => self.bind_channel(now, flow, message),
        }
    }

    /// Source: [RFC 8656 §7.2](https://www.rfc-editor.org/rfc/rfc8656#section-7.2)
    fn allocate(&mut self, now: Instant, flow: Flow, message: &Message<'_>, who: &Identity) -> Result<Answer, Refusal> {
        if let Some(allocation) = self.allocations.get(&flow) {
            if allocation.transaction != message.transaction() {
                return Err(ErrorCode::ALLOCATION_MISMATCH.into());
            }
            // The same request once more gets the same answer, as long as it may be on its way.
            let Some((at, answer)) = &allocation.answer else { return Ok(Answer::Later) };
            if now.saturating_duration_since(*at) > ANSWER_LIFETIME {
                return Err(ErrorCode::ALLOCATION_MISMATCH.into());
            }
            self.outbox.write(flow.local, flow.remote, |out| out.extend_from_slice(answer));
            return Ok(Answer::Later);
        }
        let bad_request = |_| ErrorCode::BAD_REQUEST;
        let transport = self.peer_transport(flow, message)?;
        let (families, lacks_second) = self.families(message)?;
        // The next port cannot be set aside here.
        let is_even = message.even_port().map_err(bad_request)?;
        if is_even == Some(true) {
            return Err(ErrorCode::INSUFFICIENT_CAPACITY.into());
        }
        let is_even = is_even.is_some();
        if self.config.alternate.is_some() {
            return Err(ErrorCode::TRY_ALTERNATE.into());
        }
        let limits = self.config.limits;
        let of_user = self.allocations.values().filter(|allocation| allocation.owner.username == who.username).count();
        let of_address = self.allocations.keys().filter(|other| other.remote.ip() == flow.remote.ip()).count();
        if of_user >= limits.per_user || of_address >= limits.per_address {
            return Err(ErrorCode::ALLOCATION_QUOTA_REACHED.into());
        }
        if self.allocations.len() >= limits.allocations {
            return Err(ErrorCode::INSUFFICIENT_CAPACITY.into());
        }
        let lifetime = self.lifetime(message)?.max(DEFAULT_LIFETIME);
        let mut allocation = Allocation::new(flow, who.clone(), transport, message.transaction(), now + BIND_TIMEOUT);
        let mut wanted = ArrayVec::new();
        for is_ipv6 in families {
            let id = RelayId(self.next_relay);
            self.next_relay += 1;
            self.binding.insert(id, flow);
            self.events.push_back(match transport {
                PeerTransport::Udp => ServerEvent::Bind { id, is_ipv6, is_even },
                PeerTransport::Tcp => ServerEvent::Listen { id, is_ipv6 },
            });
            wanted.push((id, is_ipv6));
        }
        allocation.lifetime = lifetime.min(limits.lifetime);
        allocation.pending = Some(Pending { wanted, is_even, lacks_second });
        self.insert(allocation);
        Ok(Answer::Later)
    }

    /// Which families are wanted (IPv6 or not), and whether a second one is that there is none of.
    fn families(&self, message: &Message<'_>) -> Result<(ArrayVec<bool, 2>, bool), Refusal> {
        let bad_request = |_| ErrorCode::BAD_REQUEST;
        let requested = message.requested_address_family().map_err(bad_request)?;
        let additional = message.additional_address_family().map_err(bad_request)?;
        let is_wrong = additional.is_some_and(|family| family != IPV6) || requested.is_some() && additional.is_some();
        if is_wrong {
            return Err(ErrorCode::BAD_REQUEST.into());
        }
        let (with_ipv4, with_ipv6) = (self.config.with_ipv4, self.config.with_ipv6);
        let mut families = ArrayVec::new();
        match requested {
            None | Some(IPV4) if with_ipv4 => families.push(false),
            Some(IPV6) if with_ipv6 => families.push(true),
            None if additional.is_some() => {}
            _ => return Err(ErrorCode::ADDRESS_FAMILY_NOT_SUPPORTED.into()),
        }
        if additional.is_some() && with_ipv6 {
            families.push(true);
        }
        if families.is_empty() {
            return Err(ErrorCode::ADDRESS_FAMILY_NOT_SUPPORTED.into());
        }
        Ok((families, additional.is_some() && !with_ipv6))
    }

    fn lifetime(&self, message: &Message<'_>) -> Result<Duration, Refusal> {
        let asked = message.lifetime().map_err(|_| ErrorCode::BAD_REQUEST)?;
        Ok(asked.unwrap_or(DEFAULT_LIFETIME).min(self.config.limits.lifetime))
    }

    /// Takes a socket for an allocation that waits for it; the last one completes it.
    pub(super) fn add_relay(
        &mut self,
        now: Instant,
        flow: Flow,
        id: RelayId,
        socket: SocketId,
        address: SocketAddr,
    ) -> bool {
        let Some(allocation) = self.allocations.get_mut(&flow) else { return false };
        let Some(pending) = &mut allocation.pending else { return false };
        if pending.is_even && !address.port().is_multiple_of(2) {
            self.on_no_relay(now, flow, id);
            return false;
        }
        pending.wanted.retain(|(wanted, _)| *wanted != id);
        allocation.relays.push(Relay { socket, address });
        self.relays.insert(socket, flow);
        self.complete(now, flow);
        true
    }

    /// A socket that is not to be had: of two, the other one will do.
    pub(super) fn on_no_relay(&mut self, now: Instant, flow: Flow, id: RelayId) {
        let Some(allocation) = self.allocations.get_mut(&flow) else { return };
        let Some(pending) = &mut allocation.pending else { return };
        pending.wanted.retain(|(wanted, _)| *wanted != id);
        pending.lacks_second = true;
        self.complete(now, flow);
    }

    /// Answers the request once every socket has come or failed.
    fn complete(&mut self, now: Instant, flow: Flow) {
        let Some(allocation) = self.allocations.get_mut(&flow) else { return };
        let Some(pending) = allocation.pending.take_if(|pending| pending.wanted.is_empty()) else { return };
        let mut answer = Vec::new();
        let class = if allocation.relays.is_empty() { Class::Error } else { Class::Success };
        let mut builder = MessageBuilder::new(&mut answer, class, Method::ALLOCATE, allocation.transaction);
        if class == Class::Error {
            builder = builder.error_code(ErrorCode { code: ErrorCode::INSUFFICIENT_CAPACITY, reason: "" });
        } else {
            for relay in &allocation.relays {
                builder = builder.xor_address(AttributeType::XOR_RELAYED_ADDRESS, relay.address);
            }
            builder = builder.lifetime(allocation.lifetime).xor_mapped_address(flow.remote);
            if pending.lacks_second {
                // Family, and the code as in ERROR-CODE: 440.
                builder = builder.attribute(AttributeType::ADDRESS_ERROR_CODE, &[IPV6, 0, 4, 40]);
            }
        }
        builder.integrity(&allocation.owner.key(&self.config.provider));
        self.outbox.write(flow.local, flow.remote, |out| out.extend_from_slice(&answer));
        if class == Class::Error {
            return self.remove(flow);
        }
        let expires = now + allocation.lifetime;
        allocation.answer = Some((now, answer));
        self.set_expiry(flow, expires);
    }

    /// Source: [RFC 8656 §8.2](https://www.rfc-editor.org/rfc/rfc8656#section-8.2)
    fn refresh(&mut self, now: Instant, flow: Flow, message: &Message<'_>) -> Result<Answer, Refusal> {
        let family = message.requested_address_family().map_err(|_| ErrorCode::BAD_REQUEST)?;
        let lifetime = self.lifetime(message)?;
        let Some(allocation) = self.allocations.get_mut(&flow) else {
            return Err(ErrorCode::ALLOCATION_MISMATCH.into());
        };
        let index =
            family.map(|family| allocation.relays.iter().position(|it| it.address.is_ipv6() == (family == IPV6)));
        match (index, lifetime.is_zero()) {
            (Some(None), _) => return Err(ErrorCode::PEER_ADDRESS_FAMILY_MISMATCH.into()),
            // One of two families is given up, and the other stays.
            (Some(Some(index)), true) if allocation.relays.len() > 1 => {
                let relay = allocation.relays.remove(index);
                self.relays.remove(&relay.socket);
                self.events.push_back(ServerEvent::Release { socket: relay.socket });
            }
            (_, true) => self.remove(flow),
            (_, false) => {
                let lifetime = lifetime.max(DEFAULT_LIFETIME.min(self.config.limits.lifetime));
                self.set_expiry(flow, now + lifetime);
                return Ok(Answer::Lives(lifetime));
            }
        }
        Ok(Answer::Lives(Duration::ZERO))
    }

    /// Source: [RFC 8656 §10.2](https://www.rfc-editor.org/rfc/rfc8656#section-10.2)
    fn create_permission(&mut self, now: Instant, flow: Flow, message: &Message<'_>) -> Result<Answer, Refusal> {
        let mut ips = ArrayVec::<IpAddr, MAX_PEERS>::new();
        for peer in message.xor_addresses(AttributeType::XOR_PEER_ADDRESS) {
            let peer = peer.map_err(|_| ErrorCode::BAD_REQUEST)?;
            self.check_peer(flow, peer.ip())?;
            ips.try_push(peer.ip()).map_err(|_| ErrorCode::INSUFFICIENT_CAPACITY)?;
        }
        if ips.is_empty() {
            return Err(ErrorCode::BAD_REQUEST.into());
        }
        let limit = self.config.limits.permissions;
        let Some(allocation) = self.allocations.get_mut(&flow) else {
            return Err(ErrorCode::ALLOCATION_MISMATCH.into());
        };
        // All of them, or none.
        if !allocation.has_room(now, &ips, limit) {
            return Err(ErrorCode::INSUFFICIENT_CAPACITY.into());
        }
        ips.iter().for_each(|ip| {
            allocation.permit(now, *ip, limit);
        });
        Ok(Answer::Done)
    }

    /// Source: [RFC 8656 §12.2](https://www.rfc-editor.org/rfc/rfc8656#section-12.2)
    fn bind_channel(&mut self, now: Instant, flow: Flow, message: &Message<'_>) -> Result<Answer, Refusal> {
        let number = message.channel_number().ok().flatten().and_then(ChannelNumber::new);
        let peer = message.xor_peer_address().ok().flatten();
        let (Some(number), Some(peer)) = (number, peer) else { return Err(ErrorCode::BAD_REQUEST.into()) };
        self.check_peer(flow, peer.ip())?;
        // Channels carry packets.
        let takes_packets = self.allocations.get(&flow).is_some_and(|allocation| !allocation.takes_connections());
        if !takes_packets || !self.config.peers.allows_port(peer) {
            return Err(ErrorCode::FORBIDDEN.into());
        }
        let limits = self.config.limits;
        let Some(allocation) = self.allocations.get_mut(&flow) else {
            return Err(ErrorCode::ALLOCATION_MISMATCH.into());
        };
        if !allocation.has_room(now, &[peer.ip()], limits.permissions) {
            return Err(ErrorCode::INSUFFICIENT_CAPACITY.into());
        }
        allocation.bind(now, number, peer, limits.channels)?;
        allocation.permit(now, peer.ip(), limits.permissions);
        Ok(Answer::Done)
    }

    /// Whether an allocation reaches an address, and may.
    fn check_peer(&self, flow: Flow, ip: IpAddr) -> Result<(), Refusal> {
        if self.allocations.get(&flow).and_then(|allocation| allocation.relay_to(ip)).is_none() {
            return Err(ErrorCode::PEER_ADDRESS_FAMILY_MISMATCH.into());
        }
        if self.config.peers.allows(ip) { Ok(()) } else { Err(ErrorCode::FORBIDDEN.into()) }
    }
}

/// An answer to a request.
fn begin<'a>(out: &'a mut Vec<u8>, class: Class, request: &Message<'_>) -> MessageBuilder<'a> {
    MessageBuilder::new(out, class, request.method(), request.transaction())
}

/// What a server does not understand of a request, the first eight; these it knows and does not do. (With TCP they are errors of
/// another kind.)
fn unknown_attributes(message: &Message<'_>) -> ArrayVec<AttributeType, 8> {
    const NOT_DONE: [AttributeType; 2] = [AttributeType::RESERVATION_TOKEN, AttributeType::DONT_FRAGMENT];
    let is_tcp = message.requested_transport() == Ok(Some(PeerTransport::Tcp.number()));
    let all = message.attributes().map(|(attribute, _)| attribute);
    let not_done = all.filter(|attribute| !is_tcp && NOT_DONE.contains(attribute));
    message.unknown_attributes().chain(not_done).take(8).collect()
}
