//! An agent and a peer that knows both passwords: what it sends is authentic, whatever it says.

use crate::script::Script;
use netsim::{Event, Machine, epoch};
use ortica_core::{Datagram, Instant, Rng, SocketId};
use ortica_ice::stun::{AttributeType, Class, ErrorCode, IntegrityKey, Message, MessageBuilder, Method, TransactionId};
use ortica_ice::{Agent, Config, Credentials, Role, State};
use std::collections::VecDeque;
use std::net::{Ipv6Addr, SocketAddr};
use std::sync::Arc;

/// So many requests of the agent can still be answered.
const ASKED: usize = 32;

/// An agent with a socket of each family, which takes packets for instructions what its peer is to send.
pub struct Known {
    agent: Agent,
    rng: Rng,
    /// Its last requests: where they came from, and where they went.
    asked: VecDeque<(TransactionId, SocketId, SocketAddr)>,
}

impl Known {
    /// It knows the peer's credentials, and none of its candidates.
    pub fn new() -> Self {
        let mut rng = Rng::from_number(1);
        let mut agent = Agent::new(Arc::new(Config::new(crate::provider())), rng.fork("agent"), epoch());
        agent.set_role(epoch(), Role::Controlling);
        agent.add_socket(epoch(), SocketId(0), SocketAddr::from(([192, 0, 2, 1], 5_000)));
        agent.add_socket(epoch(), SocketId(1), SocketAddr::from((ours(), 5_000)));
        agent.end_of_sockets(epoch());
        let credentials = Credentials::generate(&mut rng);
        agent.set_remote_credentials(epoch(), credentials, false).expect("generated credentials are valid");
        Self { agent, rng, asked: VecDeque::new() }
    }

    /// A check of the peer, from one of many addresses.
    fn request(&mut self, script: &mut Script<'_>) -> (Vec<u8>, SocketId, SocketAddr) {
        let (socket, remote) = peer(script.u8());
        let (local, theirs) = (self.agent.local_credentials(), self.agent.remote_credentials());
        let theirs = theirs.map_or("abcd", |credentials| credentials.ufrag.as_str());
        let id = TransactionId::generate(&mut self.rng);
        let mut out = Vec::new();
        let builder = MessageBuilder::new(&mut out, Class::Request, Method::BINDING, id).username(&local.ufrag, theirs);
        sign(attributes(builder, script), &local.pwd);
        (out, socket, remote)
    }

    /// An answer to one of the agent's requests, now and then from elsewhere.
    fn answer(&self, script: &mut Script<'_>) -> Option<(Vec<u8>, SocketId, SocketAddr)> {
        let pwd = &self.agent.remote_credentials()?.pwd;
        let (id, socket, remote) = *self.asked.get(script.below(self.asked.len()))?;
        let (kind, elsewhere) = (script.u8(), script.u8());
        let (socket, remote) = if elsewhere < 240 { (socket, remote) } else { peer(elsewhere) };
        let mut out = Vec::new();
        let class = if kind < 192 { Class::Success } else { Class::Error };
        let mut builder = MessageBuilder::new(&mut out, class, Method::BINDING, id);
        builder = match kind {
            0..128 if socket == SocketId(0) => builder.xor_mapped_address(SocketAddr::from(([192, 0, 2, 1], 5_000))),
            0..128 => builder.xor_mapped_address(SocketAddr::from((ours(), 5_000))),
            128..176 => builder.xor_mapped_address(peer(kind).1),
            176..192 => builder,
            192..224 => builder.error_code(ErrorCode { code: ErrorCode::ROLE_CONFLICT, reason: "" }),
            _ => builder.error_code(ErrorCode { code: 300 + u16::from(kind), reason: "" }),
        };
        sign(attributes(builder, script), pwd);
        Some((out, socket, remote))
    }

    fn check(&self) {
        assert!(self.agent.pairs().filter(|pair| pair.selected).count() <= 1);
        // Two generations before this one may be in use yet.
        assert!(self.agent.pairs().count() <= 3 * 100);
        assert!(self.agent.candidates().filter(|it| it.remote).count() <= 3 * 64);
        let Some(route) = self.agent.route() else { return };
        assert!(self.agent.is_validated(route.socket, route.remote), "{route:?}");
        assert!(!matches!(self.agent.state(), State::Failed | State::Closed | State::New), "{:?}", self.agent.state());
    }
}

impl Default for Known {
    fn default() -> Self {
        Self::new()
    }
}

fn ours() -> Ipv6Addr {
    Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)
}

/// Where the peer may be, and which socket hears it there.
fn peer(number: u8) -> (SocketId, SocketAddr) {
    let port = 6_000 + u16::from(number % 4);
    match number {
        0..192 => (SocketId(0), SocketAddr::from(([198, 51, 100, number / 4 + 1], port))),
        _ => (SocketId(1), SocketAddr::from((Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, number.into()), port))),
    }
}

/// The rest of the script as attributes, most of them well-formed.
fn attributes<'a>(mut builder: MessageBuilder<'a>, script: &mut Script<'_>) -> MessageBuilder<'a> {
    for _ in 0..8 {
        if script.is_empty() {
            break;
        }
        builder = match script.u8() {
            0..64 => builder.priority(script.u32()),
            64..128 => builder.use_candidate(),
            128..160 => builder.ice_controlling(script.u32().into()),
            160..192 => builder.ice_controlled(u64::from(script.u32()) << 32),
            192..200 => builder.attribute(AttributeType(script.u16() & 0x7fff), script.packet()),
            200..208 => builder.attribute(AttributeType::PRIORITY, script.packet()),
            _ => builder.attribute(AttributeType(script.u16() | 0x8000), script.packet()),
        };
    }
    builder
}

fn sign(builder: MessageBuilder<'_>, pwd: &str) {
    builder.integrity(&IntegrityKey::short_term(&crate::provider(), pwd)).fingerprint();
}

impl Machine for Known {
    fn handle_packet(&mut self, now: Instant, packet: &mut [u8]) {
        let mut script = Script::new(packet);
        let said = if script.u8() < 128 { Some(self.request(&mut script)) } else { self.answer(&mut script) };
        if let Some((mut bytes, socket, remote)) = said {
            self.agent.handle_datagram(now, Datagram::single(socket, remote, &mut bytes));
            self.check();
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.agent.handle_timeout(now);
        self.check();
    }

    fn poll_packet(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<usize> {
        let start = out.len();
        let transmit = self.agent.poll_transmit(now, 1, out)?;
        let message = Message::parse(&out[start..]).expect("what it sends is a message");
        if message.class() == Class::Request {
            self.asked.truncate(ASKED - 1);
            self.asked.push_front((message.transaction(), transmit.socket, transmit.remote));
        }
        Some(transmit.len)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.agent.poll_timeout()
    }

    fn poll_event(&mut self) -> Option<Event> {
        let event = self.agent.poll_event()?;
        let text = format!("{event:?}");
        Some(if matches!(event, ortica_ice::Event::Closed(_)) { Event::closed(text) } else { Event::new(text) })
    }

    fn close(&mut self, now: Instant) {
        self.agent.close(now);
    }

    fn act(&mut self, now: Instant, step: u64) {
        match step % 32 {
            0 | 16 => self.agent.restart(now),
            1 | 17 => {
                let credentials = Credentials::generate(&mut self.rng);
                drop(self.agent.set_remote_credentials(now, credentials, step % 64 == 1));
            }
            2 => drop(self.agent.rollback_restart(now)),
            3 => self.agent.set_role(now, Role::Controlled),
            4 => self.agent.set_role(now, Role::Controlling),
            5 => self.agent.end_of_remote_candidates(now),
            6 => self.agent.remove_socket(now, SocketId(1)),
            7 => self.agent.add_socket(now, SocketId(1), SocketAddr::from((ours(), 5_000))),
            8 => self.agent.forget_previous(now),
            9..15 => {
                let (socket, remote) = peer((step * 37) as u8);
                self.agent.check_source(now, socket, remote);
            }
            31 => self.agent.close(now),
            _ => {
                let (_, at) = peer((step * 53) as u8);
                let text = format!("candidate:{} 1 udp {step} {} {} typ host", step % 3, at.ip(), at.port());
                let _ = text.parse().map(|candidate| drop(self.agent.add_remote_candidate(now, candidate)));
            }
        }
        self.check();
    }
}
