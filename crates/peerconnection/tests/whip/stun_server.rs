//! A STUN server that keeps its answers back until it is told to give them.

use ortica::ice::stun::{Class, Message, MessageBuilder, Method};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::net::UdpSocket;
use tokio::sync::Notify;
use tokio::task::JoinSet;

pub struct StunServer {
    pub address: SocketAddr,
    /// Answers what comes from then on.
    pub speak: Arc<Notify>,
    _tasks: JoinSet<()>,
}

impl StunServer {
    /// `seen` is where it says that everybody is.
    pub async fn start(seen: SocketAddr) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("loopback has free ports");
        let address = socket.local_addr().expect("it is bound");
        let speak = Arc::new(Notify::new());
        let told = speak.clone();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            told.notified().await;
            let mut buffer = [0; 1500];
            // What waited in the socket is answered too.
            while let Ok((len, from)) = socket.recv_from(&mut buffer).await {
                let Ok(request) = Message::parse(&buffer[..len]) else { continue };
                let mut answer = Vec::new();
                MessageBuilder::new(&mut answer, Class::Success, Method::BINDING, request.transaction())
                    .xor_mapped_address(seen);
                let _ = socket.send_to(&answer, from).await;
            }
        });
        Self { address, speak, _tasks: tasks }
    }
}
