//! A chat line between two programs, over ORTC objects: no descriptions, no offers, no answers.
//!
//! ```text
//! cargo run -p ortc -- listen 127.0.0.1:4000
//! cargo run -p ortc -- dial 127.0.0.1:4000
//! ```
//!
//! Each side says in one line of JSON over TCP what it is known by, and starts its objects with the other's. Who listens controls
//! ICE, and waits for the other's channel.

use ortica::ortc::{
    DtlsParameters, DtlsTransport, IceCandidate, IceGatherer, IceParameters, IceRole, IceTransport, SctpCapabilities,
    SctpTransport,
};
use ortica::{Configuration, DataChannel, DataChannelInit, Message};
use serde::{Deserialize, Serialize};
use std::error::Error;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// What one side tells the other.
#[derive(Deserialize, Serialize)]
struct Signal {
    ice: IceParameters,
    candidates: Vec<IceCandidate>,
    dtls: DtlsParameters,
    sctp: SctpCapabilities,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["listen", address] => listen(TcpListener::bind(address).await?).await,
        ["dial", address] => dial(TcpStream::connect(address).await?).await,
        _ => Err("usage: ortc listen|dial ADDRESS:PORT".into()),
    }
}

async fn listen(listener: TcpListener) -> Result<(), Box<dyn Error>> {
    let (mut stream, _) = listener.accept().await?;
    let sctp = connect(&mut stream, IceRole::Controlling).await?;
    let channel = sctp.accept().await.ok_or("the other side left")?;
    println!("{} opened {:?}", stream.peer_addr()?, channel.label());
    while let Some(message) = channel.recv().await {
        print(&message);
        channel.send(message).await?;
    }
    Ok(())
}

async fn dial(mut stream: TcpStream) -> Result<(), Box<dyn Error>> {
    let sctp = connect(&mut stream, IceRole::Controlled).await?;
    let channel = sctp.create_data_channel("chat", DataChannelInit::default())?;
    if !channel.opened().await {
        return Err("no channel opened".into());
    }
    channel.send("hello over objects made by hand").await?;
    print(&echoed(&channel).await?);
    channel.close().await;
    Ok(())
}

/// Makes the objects, tells the other side of them, and starts them.
async fn connect(stream: &mut TcpStream, role: IceRole) -> Result<SctpTransport, Box<dyn Error>> {
    let gatherer = IceGatherer::new(Configuration::default().with_gather_loopback(true))?;
    let ice = IceTransport::new(&gatherer);
    let dtls = DtlsTransport::new(&ice);
    let sctp = SctpTransport::new(&dtls);
    gatherer.gather()?;
    gatherer.gathering_complete().await;

    let ours = Signal {
        ice: gatherer.local_parameters(),
        candidates: gatherer.local_candidates(),
        dtls: dtls.local_parameters(),
        sctp: sctp.capabilities(),
    };
    let theirs = exchange(stream, &ours).await?;
    ice.start(&theirs.ice, role)?;
    for candidate in &theirs.candidates {
        ice.add_remote_candidate(Some(candidate))?;
    }
    ice.add_remote_candidate(None)?;
    dtls.start(&theirs.dtls)?;
    sctp.start(theirs.sctp)?;
    Ok(sctp)
}

async fn exchange(stream: &mut TcpStream, ours: &Signal) -> Result<Signal, Box<dyn Error>> {
    let mut line = serde_json::to_string(ours)?;
    line.push('\n');
    stream.write_all(line.as_bytes()).await?;
    line.clear();
    BufReader::new(stream).read_line(&mut line).await?;
    Ok(serde_json::from_str(&line)?)
}

async fn echoed(channel: &DataChannel) -> Result<Message, Box<dyn Error>> {
    channel.recv().await.ok_or_else(|| "the channel closed".into())
}

fn print(message: &Message) {
    match message {
        Message::Text(text) => println!("{text}"),
        Message::Binary(bytes) => println!("{} bytes", bytes.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn two_sides_find_each_other_by_json() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (listened, dialled) = tokio::join!(listen(listener), dial(stream));
        listened.unwrap();
        dialled.unwrap();
    }
}
