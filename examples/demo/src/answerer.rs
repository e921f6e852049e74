//! The side that answers: it reads, hashes, and says what it found.

use crate::wire::{DemoError, Line, Tally};
use ortica::jsep::SessionDescription;
use ortica::{Configuration, DataChannel, Event, Message, PeerConnection};
use std::io::Write;
use tokio::io::{AsyncBufReadExt, BufReader};

pub async fn run() -> Result<(), DemoError> {
    let (connection, mut events) = PeerConnection::new(Configuration::default())?;
    let line = BufReader::new(tokio::io::stdin()).lines().next_line().await?.ok_or(DemoError::NoAnswer)?;
    let offer = SessionDescription::try_from(serde_json::from_str::<Line>(&line)?)?;
    connection.set_remote_description(offer)?;
    connection.set_local_description(None)?;
    connection.gathering_complete().await;
    let answer = connection.local_description().ok_or(DemoError::Ended)?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", serde_json::to_string(&Line::from(answer))?)?;
    out.flush()?;
    drop(out);
    while let Some(event) = events.next().await {
        if let Event::DataChannel(channel) = event {
            match channel.label() {
                "bulk" => drop(tokio::spawn(receive(channel))),
                _ => drop(tokio::spawn(echo(channel))),
            }
        }
        if connection.connection_state() == ortica::ConnectionState::Failed {
            return Err(DemoError::Ended);
        }
    }
    Ok(())
}

/// Counts what comes; a text ends it and is answered by the receipt.
async fn receive(channel: DataChannel) -> Result<(), DemoError> {
    let mut tally = Tally::default();
    while let Some(message) = channel.recv().await {
        match message {
            Message::Binary(bytes) => tally.add(&bytes),
            Message::Text(_) => {
                let receipt = serde_json::to_string(&std::mem::take(&mut tally).receipt())?;
                channel.send(receipt).await?;
            }
        }
    }
    Ok(())
}

async fn echo(channel: DataChannel) -> Result<(), DemoError> {
    while let Some(message) = channel.recv().await {
        channel.send(message).await?;
    }
    Ok(())
}
