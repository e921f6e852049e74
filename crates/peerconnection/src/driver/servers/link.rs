//! One way to a TURN server.

use super::dtls::DtlsLink;
use super::stream::Stream;
use super::{Name, Sent, Takers};
use ortica_core::{Instant, Transmit};
use ortica_ice::ConnectionError;
use std::task::Context;

/// What packets go through, other than a socket of the endpoint's.
pub(super) enum Link {
    Stream(Box<Stream>),
    Dtls(Box<DtlsLink>),
}

impl Link {
    pub fn name(&self) -> Name {
        match self {
            Self::Stream(stream) => stream.name,
            Self::Dtls(link) => link.name,
        }
    }

    /// Takes what is to go out: a stream queues it, to be [flushed](Self::flush), and the others send it. `out` is room to seal it in.
    pub fn send(&mut self, transmit: &Transmit, contents: &[u8], out: &mut Vec<u8>) -> Sent {
        match self {
            Self::Stream(stream) => {
                let packets = contents.chunks(transmit.segment_size.unwrap_or(contents.len()).max(1));
                Sent { dropped: packets.filter(|packet| !stream.push(packet)).count(), ..Sent::default() }
            }
            Self::Dtls(link) => link.send(transmit, contents, out),
        }
    }

    /// Begins to close it; `false` when nothing is to be waited for.
    pub fn end(&mut self, now: Instant, out: &mut Vec<u8>) -> bool {
        match self {
            Self::Stream(stream) => stream.end(),
            Self::Dtls(link) => {
                link.close(now, out);
                false
            }
        }
    }

    /// Does what can be done now; `true` when there may be more to read.
    pub fn poll(
        &mut self,
        now: Instant,
        cx: &mut Context<'_>,
        out: &mut Vec<u8>,
        takers: &mut impl Takers,
    ) -> Result<bool, ConnectionError> {
        match self {
            Self::Stream(stream) => stream.poll(cx, takers),
            Self::Dtls(link) => link.poll(now, cx, out, takers),
        }
    }

    /// Writes what waits, as far as the system takes it.
    pub fn flush(&mut self, cx: &mut Context<'_>) -> Result<(), ConnectionError> {
        match self {
            Self::Stream(stream) => stream.flush(cx),
            Self::Dtls(_) => Ok(()),
        }
    }

    /// When to look at it, whatever happens.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::Stream(_) => None,
            Self::Dtls(link) => link.poll_timeout(),
        }
    }
}
