//! What it takes to move a packet through two sockets on the loopback interface.

use crate::PACKET;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::socket::{setsockopt, sockopt::UdpGroSegment};
use nix::sys::time::TimeValLike;
use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use socket2::SockRef;
use std::io::{self, IoSliceMut};
use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// A way to send and to receive.
#[derive(Clone, Copy, Debug)]
pub struct Path {
    /// What it is called.
    pub name: &'static str,
    /// Packets per send: more than one is a train (GSO).
    train: usize,
    receive: Receive,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Receive {
    One,
    Many,
    Trains,
}

/// Every way.
pub const PATHS: &[Path] = &[
    Path { name: "UDP, sendto and recvfrom", train: 1, receive: Receive::One },
    Path { name: "UDP, sendto and recvmmsg", train: 1, receive: Receive::Many },
    Path { name: "UDP, GSO and recvmmsg", train: 53, receive: Receive::Many },
    Path { name: "UDP, GSO and GRO", train: 53, receive: Receive::Trains },
];

/// CPU time per packet of both ends, in nanoseconds. One thread sends what fits the receiver's buffer, then reads it, so that
/// nothing is lost and nobody waits.
///
/// # Errors
/// What the sockets say.
pub fn cost(path: Path, time: Duration) -> io::Result<f64> {
    const IN_FLIGHT: usize = 53;
    let (from, to) = (socket()?, socket()?);
    to.set_nonblocking(true)?;
    let destination = to.local_addr()?;
    let (sender, receiver) =
        (UdpSocketState::new(UdpSockRef::from(&from))?, UdpSocketState::new(UdpSockRef::from(&to))?);
    setsockopt(&to, UdpGroSegment, &(path.receive == Receive::Trains))?;
    let contents = vec![5; PACKET * path.train];
    let mut buffers = vec![vec![0; 65_536]; BATCH_SIZE];
    let (started, cpu, mut packets) = (Instant::now(), cpu_time(), 0_usize);
    while started.elapsed() < time {
        for _ in 0..IN_FLIGHT / path.train {
            if path.train == 1 {
                from.send_to(&contents, destination)?;
            } else {
                let segment_size = Some(PACKET);
                let transmit = Transmit { destination, ecn: None, contents: &contents, segment_size, src_ip: None };
                sender.try_send(UdpSockRef::from(&from), &transmit)?;
            }
        }
        packets += match path.receive {
            Receive::One => std::iter::from_fn(|| to.recv_from(&mut buffers[0]).ok()).count(),
            Receive::Many | Receive::Trains => read_batches(&receiver, &to, &mut buffers),
        };
    }
    Ok((cpu_time() - cpu).as_secs_f64() * 1e9 / packets.max(1) as f64)
}

/// Reads until nothing is left; how many packets it was.
fn read_batches(state: &UdpSocketState, socket: &UdpSocket, buffers: &mut [Vec<u8>]) -> usize {
    let mut packets = 0;
    let mut slices: Vec<IoSliceMut<'_>> = buffers.iter_mut().map(|buffer| IoSliceMut::new(buffer)).collect();
    let mut meta = [RecvMeta::default(); BATCH_SIZE];
    while let Ok(messages) = state.recv(UdpSockRef::from(socket), &mut slices, &mut meta) {
        packets += meta[..messages].iter().map(|meta| meta.len.div_ceil(meta.stride.max(1))).sum::<usize>();
    }
    packets
}

/// Round trips of 64 bytes between two threads that block on their sockets: the least that a ping can take.
///
/// # Errors
/// What the sockets say.
pub fn ping_pong(time: Duration) -> io::Result<Vec<Duration>> {
    let (here, there) = (socket()?, socket()?);
    here.connect(there.local_addr()?)?;
    there.connect(here.local_addr()?)?;
    // Nothing is lost on a loopback interface, but nothing may hang either.
    there.set_read_timeout(Some(Duration::from_millis(100)))?;
    here.set_read_timeout(Some(Duration::from_secs(5)))?;
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut buffer = [0; 64];
            while !over.load(Ordering::Relaxed) {
                if let Ok(len) = there.recv(&mut buffer) {
                    let _ = there.send(&buffer[..len]);
                }
            }
        });
        let times = round_trips(&here, time);
        over.store(true, Ordering::Relaxed);
        times
    })
}

fn round_trips(socket: &UdpSocket, time: Duration) -> io::Result<Vec<Duration>> {
    let (started, mut times, mut buffer) = (Instant::now(), Vec::new(), [0; 64]);
    while started.elapsed() < time {
        let sent = Instant::now();
        socket.send(&[6; 64])?;
        socket.recv(&mut buffer)?;
        times.push(sent.elapsed());
    }
    Ok(times)
}

pub(crate) fn socket() -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    SockRef::from(&socket).set_recv_buffer_size(4 << 20)?;
    Ok(socket)
}

fn cpu_time() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_SELF);
    let micros = usage.map_or(0, |usage| usage.user_time().num_microseconds() + usage.system_time().num_microseconds());
    Duration::from_micros(micros.unsigned_abs())
}
