//! One connection.

use super::wire::Wire;
use super::{Sessions, opening};
use crate::engine::FarEnd;
use ortica_core::{Instant, SocketId};
use ortica_ice::{ConnectionError, is_stun};
use socket2::SockRef;
use std::future::Future;
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;
use tokio::net::TcpStream;

/// Reads before others have their turn.
const READS_PER_TURN: usize = 8;

/// A connection, and what is on its way through it.
pub(super) struct Connection {
    pub socket: SocketId,
    pub remote: SocketAddr,
    /// Whose it is; `None` as long as one that came in has not said.
    pub session: Option<usize>,
    /// Whose it has to be, where it came in at a port that one session has for itself.
    expected: Option<usize>,
    /// When to look whether it is still wanted.
    pub deadline: Option<Instant>,
    /// Has the driver look at it.
    pub waker: Option<Waker>,
    stage: Stage,
    wire: Wire,
    /// Something came that is of ICE.
    introduced: bool,
    /// It came in, and its session asked for it, which has yet to be told.
    is_claimed: bool,
    /// When something came last.
    heard: Option<Instant>,
}

enum Stage {
    Opening(Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send>>),
    Open(TcpStream),
    /// Nothing is taken from it any more; once all is written, the other side is told.
    Ending {
        stream: TcpStream,
        said: bool,
    },
}

/// What came of a look at one.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Turn {
    /// It is there now.
    pub opened: bool,
    /// The session that it turned out to be for.
    pub introduced: Option<usize>,
    /// There may be more to read.
    pub more: bool,
}

impl Connection {
    /// One that this side opens, from any port where that of `from` is 0.
    pub fn open(session: usize, socket: SocketId, from: SocketAddr, remote: SocketAddr, to: FarEnd) -> Self {
        let wire = match to {
            FarEnd::Peer => Wire::to_peer(),
            FarEnd::StunServer => Wire::to_server(),
        };
        let stage = Stage::Opening(Box::pin(opening::open(from, remote, to)));
        Self { session: Some(session), introduced: wire.is_to_server(), ..Self::new(socket, remote, stage, wire) }
    }

    /// One that came in, at a port that is for one session alone or for all.
    pub fn stranger(socket: SocketId, remote: SocketAddr, stream: TcpStream, expected: Option<usize>) -> Self {
        // A refusal costs time with small packets, and nothing else.
        let _ = stream.set_nodelay(true);
        Self { expected, ..Self::new(socket, remote, Stage::Open(stream), Wire::to_peer()) }
    }

    fn new(socket: SocketId, remote: SocketAddr, stage: Stage, wire: Wire) -> Self {
        Self {
            socket,
            remote,
            session: None,
            expected: None,
            deadline: None,
            waker: None,
            stage,
            wire,
            introduced: false,
            is_claimed: false,
            heard: None,
        }
    }

    /// Its session asked for it, after it came in.
    pub fn claim(&mut self, session: usize) {
        (self.session, self.is_claimed) = (Some(session), true);
    }

    /// It was asked for, and came in meanwhile.
    pub fn adopt(&mut self, stream: TcpStream) {
        let _ = stream.set_nodelay(true);
        (self.stage, self.is_claimed) = (Stage::Open(stream), true);
    }

    /// It is on its way.
    pub fn is_opening(&self) -> bool {
        matches!(self.stage, Stage::Opening(_))
    }

    /// Has it end at once when it is dropped, with what waits: the way that it takes is free then for another one, without the minute
    /// that the system keeps it else.
    pub fn abort(&self) {
        if let Stage::Open(stream) = &self.stage {
            // Where that is refused, the next one takes longer.
            let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
        }
    }

    /// Since when nothing came over one that is open, if anything ever did.
    pub fn idle_since(&self) -> Option<Instant> {
        self.heard.filter(|_| self.session.is_some() && matches!(self.stage, Stage::Open(_)))
    }

    /// It was closed by this side.
    pub fn is_ending(&self) -> bool {
        matches!(self.stage, Stage::Ending { .. })
    }

    /// Queues a packet; `false` where there is no room for it.
    pub fn push(&mut self, packet: &[u8]) -> bool {
        matches!(self.stage, Stage::Open(_)) && self.wire.push(packet)
    }

    /// Begins to close it; `false` when nothing is to be waited for.
    pub fn end(&mut self) -> bool {
        let Stage::Open(_) = &self.stage else { return false };
        let nothing = Stage::Opening(Box::pin(std::future::pending()));
        if let Stage::Open(stream) = std::mem::replace(&mut self.stage, nothing) {
            self.stage = Stage::Ending { stream, said: false };
        }
        true
    }

    /// Does what can be done now.
    pub fn poll(
        &mut self,
        now: Instant,
        cx: &mut Context<'_>,
        sessions: &mut impl Sessions,
    ) -> Result<Turn, ConnectionError> {
        let (mut turn, mut is_news) = (Turn::default(), false);
        if let Stage::Opening(opening) = &mut self.stage {
            let Poll::Ready(opened) = opening.as_mut().poll(cx) else { return Ok(turn) };
            self.stage = Stage::Open(opened.map_err(|error| reason(&error))?);
            (turn.opened, is_news) = (true, true);
        }
        if std::mem::take(&mut self.is_claimed) {
            // One that has named its session has been counted.
            (turn.opened, is_news) = (turn.opened || !self.introduced, true);
        }
        if let Some(session) = self.session.filter(|_| is_news) {
            self.heard = Some(now);
            sessions.connected(session, self.socket, self.remote);
        }
        self.read(now, cx, sessions, &mut turn)?;
        self.flush(cx)?;
        Ok(turn)
    }

    /// Writes what waits, as far as the system takes it.
    pub fn flush(&mut self, cx: &mut Context<'_>) -> Result<(), ConnectionError> {
        let (stream, said) = match &mut self.stage {
            Stage::Opening(_) => return Ok(()),
            Stage::Open(stream) => (stream, None),
            Stage::Ending { stream, said } => (stream, Some(said)),
        };
        while !self.wire.is_empty() {
            match poll_write(stream, cx, self.wire.unwritten()) {
                Poll::Pending => return Ok(()),
                Poll::Ready(written) => self.wire.written(written.map_err(|error| reason(&error))?),
            }
        }
        if let Some(said) = said
            && !std::mem::replace(said, true)
        {
            // A side that is gone already needs no word.
            let _ = SockRef::from(&*stream).shutdown(Shutdown::Write);
        }
        Ok(())
    }

    fn read(
        &mut self,
        now: Instant,
        cx: &mut Context<'_>,
        sessions: &mut impl Sessions,
        turn: &mut Turn,
    ) -> Result<(), ConnectionError> {
        for _ in 0..READS_PER_TURN {
            let (stream, is_ending) = match &self.stage {
                Stage::Opening(_) => return Ok(()),
                Stage::Open(stream) => (stream, false),
                Stage::Ending { stream, .. } => (stream, true),
            };
            let Poll::Ready(read) = poll_read(stream, cx, self.wire.room()) else { return Ok(()) };
            match read.map_err(|error| reason(&error))? {
                0 => return Err(ConnectionError::Closed),
                _ if is_ending => continue,
                bytes => self.wire.filled(bytes),
            }
            self.heard = Some(now);
            if !self.introduced && !self.introduce(sessions, turn)? {
                continue;
            }
            if let Some(session) = self.session {
                sessions.take(session, self.socket, self.remote, &mut self.wire);
            }
            if self.wire.is_broken() {
                return Err(ConnectionError::NotIce);
            }
        }
        turn.more = true;
        Ok(())
    }

    /// Looks at what came first, if it is there: a check, or the answer to one.
    fn introduce(&mut self, sessions: &mut impl Sessions, turn: &mut Turn) -> Result<bool, ConnectionError> {
        let Some(packet) = self.wire.peek() else { return Ok(false) };
        if !is_stun(packet) {
            return Err(ConnectionError::NotIce);
        }
        if self.session.is_none() {
            let named = sessions.named_by(packet).filter(|it| self.expected.is_none_or(|expected| expected == *it));
            let session = named.ok_or(ConnectionError::NotIce)?;
            self.session = Some(session);
            turn.introduced = Some(session);
        }
        self.introduced = true;
        Ok(true)
    }
}

fn poll_read(stream: &TcpStream, cx: &mut Context<'_>, room: &mut [u8]) -> Poll<io::Result<usize>> {
    loop {
        ready!(stream.poll_read_ready(cx))?;
        match stream.try_read(room) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            read => return Poll::Ready(read),
        }
    }
}

fn poll_write(stream: &TcpStream, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
    loop {
        ready!(stream.poll_write_ready(cx))?;
        match stream.try_write(bytes) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            written => return Poll::Ready(written),
        }
    }
}

/// What the system's words mean.
pub(in crate::driver) fn reason(error: &io::Error) -> ConnectionError {
    use io::ErrorKind as Kind;
    match error.kind() {
        Kind::ConnectionRefused => ConnectionError::Refused,
        Kind::TimedOut => ConnectionError::TimedOut,
        Kind::ConnectionReset | Kind::ConnectionAborted | Kind::BrokenPipe | Kind::UnexpectedEof => {
            ConnectionError::Closed
        }
        _ => ConnectionError::Unreachable,
    }
}
