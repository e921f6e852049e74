//! The same transfer without files: messages that lie ready, and go nowhere.

use crate::{Failure, Side, heap};
use bytes::Bytes;
use ortica::signaling::{Signal, Signaling};
use ortica::{Configuration, DataChannel, DataChannelInit, Event, Events, Message, PeerConnection};
use std::time::Instant;
use tokio::runtime::Builder;

const MESSAGE_LEN: usize = 64 * 1024;

/// Runs one side to its end; the receiving one says what it received, as the program does.
pub fn run(side: &Side) -> Result<(), Failure> {
    heap::keep();
    Builder::new_current_thread().enable_all().build()?.block_on(async {
        let (connection, mut events) = PeerConnection::new(Configuration::default())?;
        match side {
            Side::Send { socket, bytes } => send(&connection, &mut Signaling::unix(socket), *bytes).await?,
            Side::Receive { socket } => receive(&connection, &mut events, &mut Signaling::unix(socket)).await?,
        }
        connection.close().await;
        Ok(())
    })
}

async fn send(connection: &PeerConnection, signaling: &mut Signaling, bytes: u64) -> Result<(), Failure> {
    let channel = connection.create_data_channel("plain", DataChannelInit::default())?;
    connection.set_local_description(None)?;
    tell(connection, signaling).await?;
    take(connection, signaling).await?;
    channel.opened().await;
    let message = Bytes::from(vec![7; MESSAGE_LEN]);
    let mut left = bytes;
    while left > 0 {
        let piece = message.slice(..MESSAGE_LEN.min(usize::try_from(left).unwrap_or(MESSAGE_LEN)));
        left -= piece.len() as u64;
        channel.send(piece).await?;
    }
    channel.send(Bytes::new()).await?;
    signaling.receive().await?;
    Ok(())
}

async fn receive(connection: &PeerConnection, events: &mut Events, signaling: &mut Signaling) -> Result<(), Failure> {
    take(connection, signaling).await?;
    connection.set_local_description(None)?;
    tell(connection, signaling).await?;
    let channel = loop {
        match events.next().await.ok_or("the connection ended")? {
            Event::DataChannel(channel) => break channel,
            _ => continue,
        }
    };
    let started = Instant::now();
    let received = count(&channel).await?;
    let megabits = received as f64 * 8.0 / 1e6 / started.elapsed().as_secs_f64();
    println!("received {received} bytes ({megabits:.3} Mbps)");
    Ok(signaling.send(&Signal::Bye).await?)
}

async fn count(channel: &DataChannel) -> Result<u64, Failure> {
    let mut received = 0;
    loop {
        match channel.recv().await {
            Some(Message::Binary(bytes)) if bytes.is_empty() => return Ok(received),
            Some(Message::Binary(bytes)) => received += bytes.len() as u64,
            other => return Err(format!("{other:?} before the end").into()),
        }
    }
}

async fn tell(connection: &PeerConnection, signaling: &mut Signaling) -> Result<(), Failure> {
    connection.gathering_complete().await;
    let description = connection.local_description().ok_or("there is no description")?;
    Ok(signaling.send(&description.into()).await?)
}

async fn take(connection: &PeerConnection, signaling: &mut Signaling) -> Result<(), Failure> {
    match signaling.receive().await? {
        Some(Signal::Description(description)) => Ok(connection.set_remote_description(description)?),
        other => Err(format!("{other:?} instead of a description").into()),
    }
}
