//! A network with a STUN server in it.

use super::Side;
use netsim::Endpoint;
use ortica::core::{Datagram, Ecn, Instant, SocketId, Transmit};
use ortica_ice::stun::{Class, Message, MessageBuilder, Method};
use std::net::SocketAddr;

/// A peer, or a server with the answers that it has still to give.
pub enum Node {
    Side(Box<Side>),
    Server(Vec<(SocketAddr, Vec<u8>)>),
}

impl Node {
    pub fn side(&mut self) -> &mut Side {
        match self {
            Self::Side(side) => side,
            Self::Server(_) => panic!("the server is no peer"),
        }
    }
}

impl Endpoint for Node {
    fn handle_datagram(&mut self, now: Instant, mut datagram: Datagram<'_>) {
        match self {
            Self::Side(side) => side.handle_datagram(now, datagram),
            Self::Server(answers) => {
                let remote = datagram.remote;
                for segment in datagram.segments() {
                    answers.extend(answer(remote, segment).map(|answer| (remote, answer)));
                }
            }
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        if let Self::Side(side) = self {
            side.handle_timeout(now);
        }
    }

    fn poll_transmit(&mut self, now: Instant, max_segments: usize, out: &mut Vec<u8>) -> Option<Transmit> {
        match self {
            Self::Side(side) => side.poll_transmit(now, max_segments, out),
            Self::Server(answers) => {
                let (remote, answer) = answers.pop()?;
                out.extend_from_slice(&answer);
                Some(Transmit { socket: SocketId(0), remote, ecn: Ecn::NotEct, len: answer.len(), segment_size: None })
            }
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::Side(side) => side.poll_timeout(),
            Self::Server(_) => None,
        }
    }

    fn react(&mut self, now: Instant) {
        if let Self::Side(side) = self {
            side.react(now);
        }
    }
}

fn answer(remote: SocketAddr, message: &[u8]) -> Option<Vec<u8>> {
    let request = Message::parse(message).expect("a message of STUN");
    let mut out = Vec::new();
    MessageBuilder::new(&mut out, Class::Success, Method::BINDING, request.transaction()).xor_mapped_address(remote);
    (request.class() == Class::Request).then_some(out)
}
