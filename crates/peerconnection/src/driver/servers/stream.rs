//! One stream to a TURN server.

use super::open::{Io, Opening, open};
use super::{Name, Takers, Trust};
use crate::driver::tcp::reason;
use crate::engine::TurnLink;
use ortica_core::SocketId;
use ortica_ice::ConnectionError;
use ortica_ice::turn::framing::{StreamQueue, StreamReader};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::ReadBuf;

/// What waits to be written, in bytes: some four bursts of 64 packets.
const QUEUE: usize = 384 << 10;
/// Reads before others have their turn.
const READS_PER_TURN: usize = 8;

/// A stream, and what is on its way through it.
pub(super) struct Stream {
    pub name: Name,
    socket: SocketId,
    remote: SocketAddr,
    stage: Stage,
    reader: StreamReader,
    queue: StreamQueue,
}

enum Stage {
    Opening(Opening),
    Open(Pin<Box<dyn Io>>),
    /// Nothing is taken from it any more; once all is written, it is closed.
    Ending(Pin<Box<dyn Io>>),
}

impl Stream {
    pub fn open(name: Name, socket: SocketId, from: IpAddr, server: TurnLink, trust: Arc<Trust>) -> Self {
        Self {
            name,
            socket,
            remote: server.remote,
            stage: Stage::Opening(open(from, server, trust)),
            reader: StreamReader::default(),
            queue: StreamQueue::new(QUEUE),
        }
    }

    /// Queues a packet; `false` where there is no room for it.
    pub fn push(&mut self, packet: &[u8]) -> bool {
        matches!(self.stage, Stage::Open(_)) && self.queue.push(packet)
    }

    /// Begins to close it; `false` when nothing is to be waited for.
    pub fn end(&mut self) -> bool {
        let nothing = Stage::Opening(Box::pin(std::future::pending()));
        match std::mem::replace(&mut self.stage, nothing) {
            Stage::Open(io) => {
                self.stage = Stage::Ending(io);
                true
            }
            _ => false,
        }
    }

    /// Does what can be done now; `true` when there may be more to read.
    pub fn poll(&mut self, cx: &mut Context<'_>, takers: &mut impl Takers) -> Result<bool, ConnectionError> {
        if let Stage::Opening(opening) = &mut self.stage {
            let Poll::Ready(opened) = opening.as_mut().poll(cx) else { return Ok(false) };
            let (io, local) = opened?;
            self.stage = Stage::Open(io);
            takers.connected(self.name, self.socket, local);
        }
        self.flush(cx)?;
        for _ in 0..READS_PER_TURN {
            if !self.read(cx, takers)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Writes what waits, as far as the system takes it.
    pub fn flush(&mut self, cx: &mut Context<'_>) -> Result<(), ConnectionError> {
        let (io, is_ending) = match &mut self.stage {
            Stage::Opening(_) => return Ok(()),
            Stage::Open(io) => (io, false),
            Stage::Ending(io) => (io, true),
        };
        while !self.queue.is_empty() {
            match io.as_mut().poll_write(cx, self.queue.unwritten()) {
                Poll::Pending => return Ok(()),
                Poll::Ready(written) => match written.map_err(|error| reason(&error))? {
                    0 => return Err(ConnectionError::Closed),
                    bytes => self.queue.written(bytes),
                },
            }
        }
        // What TLS has sealed may not be on its way yet.
        if let Poll::Ready(flushed) = io.as_mut().poll_flush(cx) {
            flushed.map_err(|error| reason(&error))?;
            if is_ending && io.as_mut().poll_shutdown(cx).is_ready() {
                return Err(ConnectionError::Unneeded);
            }
        }
        Ok(())
    }

    /// Reads once; `false` when nothing is there.
    fn read(&mut self, cx: &mut Context<'_>, takers: &mut impl Takers) -> Result<bool, ConnectionError> {
        let (io, is_ending) = match &mut self.stage {
            Stage::Opening(_) => return Ok(false),
            Stage::Open(io) => (io, false),
            Stage::Ending(io) => (io, true),
        };
        let mut room = ReadBuf::new(self.reader.room());
        let Poll::Ready(read) = io.as_mut().poll_read(cx, &mut room) else { return Ok(false) };
        read.map_err(|error| reason(&error))?;
        let bytes = room.filled().len();
        if bytes == 0 {
            return Err(ConnectionError::Closed);
        }
        self.reader.filled(bytes);
        if is_ending {
            self.reader.take_rest();
            return Ok(true);
        }
        let (session, _, _) = self.name;
        let taken = takers.take(session, (self.socket, self.remote), &mut self.reader);
        taken.map_err(|_| ConnectionError::NotTurn)?;
        Ok(true)
    }
}
