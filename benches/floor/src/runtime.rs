//! The same round trip through tokio, as a driver of UDP makes it: the runtime waits for the socket, `recvmmsg` reads, `sendto`
//! answers.

use quinn_udp::{RecvMeta, UdpSockRef, UdpSocketState};
use std::future::pending;
use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

/// Buffers per read, as in ortica's driver.
const BATCH: usize = 8;
const PING: [u8; 64] = [6; 64];

/// What a runtime has to watch beside the socket.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Alarm {
    /// Nothing: it sleeps until a packet comes.
    None,
    /// A timer that does not fire, as every protocol has one: the system is told of it with each sleep.
    Set,
}

/// Round trips of 64 bytes between two threads with a runtime of one thread each.
///
/// # Errors
/// What the sockets say.
pub fn ping_pong(time: Duration, alarm: Alarm) -> io::Result<Vec<Duration>> {
    let (here, there) = (super::udp::socket()?, super::udp::socket()?);
    let (to_here, to_there) = (here.local_addr()?, there.local_addr()?);
    let (stop, stopped) = oneshot::channel::<()>();
    thread::scope(|scope| {
        let echoing = scope.spawn(move || -> io::Result<()> {
            runtime(alarm)?.block_on(async {
                let echoing = tokio::spawn(echo(Reader::new(there)?, to_here));
                let _ = stopped.await;
                echoing.abort();
                Ok(())
            })
        });
        let times = runtime(alarm)?.block_on(async {
            let reader = Reader::new(here)?;
            tokio::spawn(round_trips(reader, to_there, time)).await.map_err(io::Error::other)?
        });
        drop(stop);
        echoing.join().map_err(|_| io::Error::other("the echo ended"))??;
        times
    })
}

fn runtime(alarm: Alarm) -> io::Result<Runtime> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    if alarm == Alarm::Set {
        runtime.spawn(async {
            tokio::time::sleep(Duration::from_secs(60)).await;
            pending::<()>().await;
        });
    }
    Ok(runtime)
}

async fn echo(mut reader: Reader, to: SocketAddr) -> io::Result<()> {
    loop {
        let len = reader.read().await?;
        reader.io.get_ref().send_to(&PING[..len], to)?;
    }
}

async fn round_trips(mut reader: Reader, to: SocketAddr, time: Duration) -> io::Result<Vec<Duration>> {
    let (started, mut times) = (Instant::now(), Vec::new());
    while started.elapsed() < time {
        let sent = Instant::now();
        reader.io.get_ref().send_to(&PING, to)?;
        reader.read().await?;
        times.push(sent.elapsed());
    }
    Ok(times)
}

struct Reader {
    io: AsyncFd<UdpSocket>,
    state: UdpSocketState,
    buffers: Vec<Vec<u8>>,
}

impl Reader {
    fn new(socket: UdpSocket) -> io::Result<Self> {
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        #[allow(deprecated, reason = "its successor is unsafe; a UdpSocket keeps its descriptor")]
        let io = AsyncFd::with_interest(socket, Interest::READABLE)?;
        Ok(Self { io, state, buffers: vec![vec![0; 65_536]; BATCH] })
    }

    /// Waits for a batch and says how long its first packet is.
    async fn read(&mut self) -> io::Result<usize> {
        loop {
            let mut guard = self.io.readable().await?;
            let mut buffers = self.buffers.iter_mut();
            let mut slices: [IoSliceMut<'_>; BATCH] =
                std::array::from_fn(|_| IoSliceMut::new(buffers.next().map_or(&mut [], |buffer| buffer)));
            let mut meta = [RecvMeta::default(); BATCH];
            match self.state.recv(UdpSockRef::from(guard.get_inner()), &mut slices, &mut meta) {
                Ok(messages) => {
                    if messages < BATCH {
                        guard.clear_ready();
                    }
                    return Ok(meta[0].len.min(PING.len()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => guard.clear_ready(),
                Err(error) => return Err(error),
            }
        }
    }
}
