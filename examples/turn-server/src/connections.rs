//! Connections of clients, and with peers.

use super::Input;
use ortica_core::SocketId;
use ortica_ice::stun::{Class, Message, Method};
use ortica_ice::turn::framing::{StreamQueue, StreamReader};
use std::error::Error;
use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

/// A connection that says nothing for so long is closed, unless it is joined to a peer's.
const IDLE: Duration = Duration::from_secs(900);
/// Peers that wait to be accepted.
const BACKLOG: u32 = 64;

type Failure = Box<dyn Error + Send + Sync>;

/// What is for a client.
pub enum ToClient {
    Packet(Vec<u8>),
    /// From here on it is a peer's.
    Join(TcpStream),
}

/// Reads and writes one connection of a client's until it ends: packets, and what a peer has to say once it is joined to one.
pub async fn converse(
    mut stream: TcpStream,
    from: SocketAddr,
    id: SocketId,
    tell: &mpsc::Sender<Input>,
    mut packets: mpsc::Receiver<ToClient>,
) -> Result<(), Failure> {
    stream.set_nodelay(true)?;
    let (input, output) = stream.split();
    let mut reader = StreamReader::default();
    let joined = tokio::select! {
        result = read(input, &mut reader, (id, from), tell) => return result,
        result = write(output, &mut packets) => result?,
    };
    let Some(mut peer) = joined else { return Ok(()) };
    // The client may have gone on before it was answered.
    peer.write_all(reader.take_rest()).await?;
    copy_bidirectional(&mut stream, &mut peer).await?;
    Ok(())
}

/// Tells of the packets that come, up to the one that made the rest a peer's.
async fn read(
    mut input: ReadHalf<'_>,
    reader: &mut StreamReader,
    (id, from): (SocketId, SocketAddr),
    tell: &mpsc::Sender<Input>,
) -> Result<(), Failure> {
    loop {
        match timeout(IDLE, input.read(reader.room())).await?? {
            0 => return Ok(()),
            len => reader.filled(len),
        }
        while let Some(packet) = reader.next_packet()? {
            let bytes = packet.to_vec();
            if !may_be_last(&bytes) {
                tell.send(Input::Packet { socket: id, from, bytes, was_last: None }).await?;
                continue;
            }
            let (sender, was_last) = oneshot::channel();
            tell.send(Input::Packet { socket: id, from, bytes, was_last: Some(sender) }).await?;
            if was_last.await? {
                // Whoever writes goes on with both.
                return pending().await;
            }
        }
    }
}

/// What follows may not be for the server.
fn may_be_last(packet: &[u8]) -> bool {
    let is_bind =
        |message: Message<'_>| (message.class(), message.method()) == (Class::Request, Method::CONNECTION_BIND);
    Message::parse(packet).is_ok_and(is_bind)
}

/// Writes packets, padded to a multiple of four, up to the peer's connection that follows them.
async fn write(
    mut output: WriteHalf<'_>,
    packets: &mut mpsc::Receiver<ToClient>,
) -> Result<Option<TcpStream>, Failure> {
    while let Some(next) = packets.recv().await {
        match next {
            ToClient::Packet(packet) => {
                let mut queue = StreamQueue::new(usize::MAX);
                queue.push(&packet);
                output.write_all(queue.unwritten()).await?;
            }
            ToClient::Join(peer) => return Ok(Some(peer)),
        }
    }
    Ok(None)
}

/// Listens for peers, on an address that connections are opened from as well.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    bind(address)?.listen(BACKLOG)
}

/// Connects to a peer from an address that something listens on.
pub async fn connect(local: SocketAddr, peer: SocketAddr) -> io::Result<TcpStream> {
    let stream = bind(local)?.connect(peer).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// A socket that shares its address with others of this program.
fn bind(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    #[cfg(unix)]
    socket.set_reuseport(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// Tells of peers that connect.
pub async fn accept(listener: TcpListener, relay: SocketId, tell: mpsc::Sender<Input>) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let _ = stream.set_nodelay(true);
                if tell.send(Input::Accepted { relay, stream, peer }).await.is_err() {
                    return;
                }
            }
            // Too many files, most likely: those that are open go on.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}
