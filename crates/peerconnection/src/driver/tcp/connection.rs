//! One connection.

use super::Sessions;
use ortica_core::{Instant, SocketId};
use ortica_ice::framing::{FrameQueue, FrameReader};
use ortica_ice::{ConnectionError, is_stun};
use socket2::SockRef;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Shutdown, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use tokio::net::{TcpSocket, TcpStream};

/// What waits to be written, in bytes: some four bursts of 64 packets.
const QUEUE: usize = 384 << 10;
/// Reads before others have their turn.
const READS_PER_TURN: usize = 8;

/// A connection, and what is on its way through it.
pub(super) struct Connection {
    pub socket: SocketId,
    pub remote: SocketAddr,
    /// Whose it is; `None` as long as one that came in has not said.
    pub session: Option<usize>,
    /// When to look whether it is still wanted.
    pub deadline: Option<Instant>,
    /// Has the driver look at it.
    pub waker: Option<Waker>,
    stage: Stage,
    reader: FrameReader,
    queue: FrameQueue,
    /// Something came that is of ICE.
    introduced: bool,
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
    /// One that this side opens.
    pub fn open(session: usize, socket: SocketId, from: IpAddr, remote: SocketAddr) -> Self {
        Self::new(socket, remote, Some(session), Stage::Opening(Box::pin(connect(from, remote))))
    }

    /// One that came in.
    pub fn stranger(socket: SocketId, remote: SocketAddr, stream: TcpStream) -> Self {
        // A refusal costs time with small packets, and nothing else.
        let _ = stream.set_nodelay(true);
        Self::new(socket, remote, None, Stage::Open(stream))
    }

    fn new(socket: SocketId, remote: SocketAddr, session: Option<usize>, stage: Stage) -> Self {
        Self {
            socket,
            remote,
            session,
            deadline: None,
            waker: None,
            stage,
            reader: FrameReader::default(),
            queue: FrameQueue::new(QUEUE),
            introduced: false,
            heard: None,
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
        matches!(self.stage, Stage::Open(_)) && self.queue.push(packet)
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
        let mut turn = Turn::default();
        if let Stage::Opening(opening) = &mut self.stage {
            let Poll::Ready(opened) = opening.as_mut().poll(cx) else { return Ok(turn) };
            self.stage = Stage::Open(opened.map_err(|error| reason(&error))?);
            (turn.opened, self.heard) = (true, Some(now));
            if let Some(session) = self.session {
                sessions.connected(session, self.socket, self.remote);
            }
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
        while !self.queue.is_empty() {
            match poll_write(stream, cx, self.queue.unwritten()) {
                Poll::Pending => return Ok(()),
                Poll::Ready(written) => self.queue.written(written.map_err(|error| reason(&error))?),
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
            let Poll::Ready(read) = poll_read(stream, cx, self.reader.room()) else { return Ok(()) };
            match read.map_err(|error| reason(&error))? {
                0 => return Err(ConnectionError::Closed),
                _ if is_ending => continue,
                bytes => self.reader.filled(bytes),
            }
            self.heard = Some(now);
            if !self.introduced && !self.introduce(sessions, turn)? {
                continue;
            }
            if let Some(session) = self.session {
                sessions.take(session, self.socket, self.remote, &mut self.reader);
            }
        }
        turn.more = true;
        Ok(())
    }

    /// Looks at what came first, if it is there: a check, or the answer to one.
    fn introduce(&mut self, sessions: &mut impl Sessions, turn: &mut Turn) -> Result<bool, ConnectionError> {
        let Some(packet) = self.reader.peek() else { return Ok(false) };
        if !is_stun(packet) {
            return Err(ConnectionError::NotIce);
        }
        if self.session.is_none() {
            let session = sessions.named_by(packet).ok_or(ConnectionError::NotIce)?;
            self.session = Some(session);
            turn.introduced = Some(session);
        }
        self.introduced = true;
        Ok(true)
    }
}

pub(in crate::driver) async fn connect(from: IpAddr, remote: SocketAddr) -> io::Result<TcpStream> {
    let socket = if remote.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.bind(SocketAddr::new(from, 0))?;
    socket.set_nodelay(true)?;
    socket.connect(remote).await
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
