//! Answers for names of our own.
//!
//! A name is unique and has one address, so an answer needs no random delay (RFC 6762 §6), and a question for the other
//! family gets none.

use super::message::{Message, is_name, write_answer};
use super::resolver::PORT;
use ortica_core::{Instant, SocketId};
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// A record is multicast on a socket once a second at most.
///
/// Source: [RFC 6762 §6](https://www.rfc-editor.org/rfc/rfc6762#section-6)
const MULTICAST_INTERVAL: Duration = Duration::from_secs(1);

/// Names of our own, and answers on their way.
#[derive(Debug, Default)]
pub(super) struct Responder {
    names: Vec<Owned>,
    replies: VecDeque<Reply>,
}

/// A name of ours.
#[derive(Debug)]
struct Owned {
    name: String,
    address: IpAddr,
    /// When it was last multicast, by socket.
    multicast: Vec<(SocketId, Instant)>,
}

impl Owned {
    /// Notes that it is multicast on a socket, unless it just was.
    fn may_multicast(&mut self, now: Instant, socket: SocketId) -> bool {
        self.multicast.retain(|(_, at)| *at + MULTICAST_INTERVAL > now);
        let quiet = self.multicast.iter().all(|(id, _)| *id != socket);
        if quiet {
            self.multicast.push((socket, now));
        }
        quiet
    }
}

#[derive(Debug)]
struct Reply {
    socket: SocketId,
    /// `None`: to the group.
    to: Option<SocketAddr>,
    name: String,
    address: IpAddr,
    /// The id of a querier that knows nothing of multicast DNS.
    legacy: Option<u16>,
}

impl Responder {
    pub(super) fn register(&mut self, name: &str, address: IpAddr, limit: usize) {
        let name = name.to_ascii_lowercase();
        self.unregister(&name);
        if self.names.len() < limit && is_name(&name) {
            self.names.push(Owned { name, address, multicast: Vec::new() });
        }
    }

    pub(super) fn unregister(&mut self, name: &str) {
        self.names.retain(|owned| !owned.name.eq_ignore_ascii_case(name));
        self.replies.retain(|reply| !reply.name.eq_ignore_ascii_case(name));
    }

    pub(super) fn remove_socket(&mut self, id: SocketId) {
        self.replies.retain(|reply| reply.socket != id);
    }

    /// Queues an answer for each name of ours that is asked for. Of several questions for one name, as A and AAAA come
    /// together, the first that fits counts.
    pub(super) fn on_query(
        &mut self,
        now: Instant,
        socket: SocketId,
        from: SocketAddr,
        message: &Message<'_>,
        limit: usize,
    ) {
        for owned in &mut self.names {
            let asked =
                message.questions().find(|question| question.is_for(owned.address) && question.name.is(&owned.name));
            let Some(question) = asked else { continue };
            let legacy = (from.port() != PORT).then_some(message.id);
            let to = (legacy.is_some() || question.wants_unicast()).then_some(from);
            if self.replies.len() >= limit || to.is_none() && !owned.may_multicast(now, socket) {
                continue;
            }
            self.replies.push_back(Reply { socket, to, name: owned.name.clone(), address: owned.address, legacy });
        }
    }

    /// Writes the next answer, and says from which socket and to whom; to the group if to nobody.
    pub(super) fn transmit(&mut self, out: &mut Vec<u8>) -> Option<(SocketId, Option<SocketAddr>)> {
        let Reply { socket, to, name, address, legacy } = self.replies.pop_front()?;
        write_answer(out, &name, address, legacy);
        Some((socket, to))
    }
}
