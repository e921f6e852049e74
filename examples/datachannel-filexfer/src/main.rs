//! Sends a file over a data channel.
//!
//! ```text
//! cargo run --release -p datachannel-filexfer -- send FILE       # on one side
//! cargo run --release -p datachannel-filexfer -- receive FILE    # on the other
//! ```
//!
//! The descriptions are pasted from one terminal to the other, or go through a socket: see `--signaling`. aiortc's program of the
//! same name may be the other side: the channel is called `filexfer`, an empty message ends the file.

mod disk;
mod heap;

use bytes::Bytes;
use clap::{Parser, ValueEnum};
use disk::{Sink, Source};
use ortica::signaling::{Signal, Signaling, SignalingArguments};
use ortica::{Configuration, DataChannel, DataChannelInit, Event, Events, Message, PeerConnection};
use std::error::Error;
use std::fs::File;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

type Failure = Box<dyn Error + Send + Sync>;

/// Bytes in one message, unless the peer takes less.
const MESSAGE_LEN: usize = 64 * 1024;
const CHANNEL: &str = "filexfer";

/// Sends a file over a data channel.
#[derive(Debug, Parser)]
struct Options {
    role: Role,
    /// The file to read or to write.
    file: PathBuf,
    #[command(flatten)]
    signaling: SignalingArguments,
    /// Logs states and decisions.
    #[arg(long, short)]
    verbose: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Role {
    Send,
    Receive,
}

// One thread beside that of the file: to hand messages over between more of them costs more than it gains.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let options = Options::parse();
    heap::keep();
    let level = if options.verbose { log::LevelFilter::Debug } else { log::LevelFilter::Warn };
    env_logger::Builder::new().filter_level(level).init();
    match run(&options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> Result<(), Failure> {
    let named = |error: std::io::Error| format!("{}: {error}", options.file.display());
    let mut signaling = options.signaling.signaling();
    let (connection, mut events) = PeerConnection::new(Configuration::default())?;
    let outcome = match options.role {
        Role::Send => send(File::open(&options.file).map_err(named)?, &connection, &mut events, &mut signaling).await,
        Role::Receive => {
            receive(File::create(&options.file).map_err(named)?, &connection, &mut events, &mut signaling).await
        }
    };
    // Says goodbye, also when something failed: the other side need not find out by itself.
    connection.close().await;
    outcome
}

// --- the side that has the file ---------------------------------------------------------------------------------------------

async fn send(
    file: File,
    connection: &PeerConnection,
    events: &mut Events,
    signaling: &mut Signaling,
) -> Result<(), Failure> {
    let channel = connection.create_data_channel(CHANNEL, DataChannelInit::default())?;
    connection.set_local_description(None)?;
    tell(connection, signaling).await?;
    take(connection, signaling).await?;
    tokio::select! {
        sent = send_file(&channel, file) => sent?,
        failure = failed(events) => return Err(failure),
    }
    // The other side says so when it has everything.
    tokio::select! {
        said = signaling.receive() => match said? {
            Some(Signal::Bye) => {}
            said => return Err(format!("the other side did not say that it has the file, but {said:?}").into()),
        },
        failure = failed(events) => return Err(failure),
    }
    // aiortc's side waits to hear the same; others may be gone by now.
    let _ = signaling.send(&Signal::Bye).await;
    Ok(())
}

/// Sends as the channel has room.
async fn send_file(channel: &DataChannel, file: File) -> Result<(), Failure> {
    if !channel.opened().await {
        return Err("the channel did not open".into());
    }
    let mut source = Source::new(file);
    let most = MESSAGE_LEN.min(channel.max_message_size());
    while let Some(piece) = source.next(most).await? {
        channel.send(piece).await?;
    }
    channel.send(Bytes::new()).await?;
    Ok(())
}

// --- the side that wants it -------------------------------------------------------------------------------------------------

async fn receive(
    file: File,
    connection: &PeerConnection,
    events: &mut Events,
    signaling: &mut Signaling,
) -> Result<(), Failure> {
    take(connection, signaling).await?;
    connection.set_local_description(None)?;
    tell(connection, signaling).await?;
    let channel = loop {
        match events.next().await {
            Some(Event::DataChannel(channel)) if channel.label() == CHANNEL => break channel,
            Some(Event::Closed(reason)) => return Err(format!("the connection ended: {reason}").into()),
            Some(_) => {}
            None => return Err("the connection ended".into()),
        }
    };
    let started = Instant::now();
    let received = tokio::select! {
        received = receive_file(&channel, file) => received?,
        failure = failed(events) => return Err(failure),
    };
    let seconds = started.elapsed().as_secs_f64();
    let megabits = received as f64 * 8.0 / seconds.max(1e-6) / 1e6;
    println!("received {received} bytes in {seconds:.1} s ({megabits:.3} Mbps)");
    signaling.send(&Signal::Bye).await?;
    Ok(())
}

/// Takes messages until an empty one.
async fn receive_file(channel: &DataChannel, file: File) -> Result<u64, Failure> {
    let mut sink = Sink::new(file);
    loop {
        match channel.recv().await {
            Some(Message::Binary(piece)) if piece.is_empty() => break,
            // aiortc's side ends with an empty text.
            Some(Message::Text(text)) if text.is_empty() => break,
            Some(Message::Binary(piece)) => {
                if !sink.push(piece).await {
                    break;
                }
            }
            Some(Message::Text(_)) => return Err("text in a file's channel".into()),
            None => return Err("the channel closed before the file was complete".into()),
        }
    }
    Ok(sink.finish().await?)
}

// --- both -------------------------------------------------------------------------------------------------------------------

/// Sends this side's description, with all its candidates.
async fn tell(connection: &PeerConnection, signaling: &mut Signaling) -> Result<(), Failure> {
    connection.gathering_complete().await;
    let description = connection.local_description().ok_or("there is no description")?;
    Ok(signaling.send(&description.into()).await?)
}

/// Takes the other side's description.
async fn take(connection: &PeerConnection, signaling: &mut Signaling) -> Result<(), Failure> {
    match signaling.receive().await? {
        Some(Signal::Description(description)) => Ok(connection.set_remote_description(description)?),
        said => Err(format!("the other side sent no description, but {said:?}").into()),
    }
}

/// Waits for the connection to end, which it should not.
async fn failed(events: &mut Events) -> Failure {
    loop {
        match events.next().await {
            Some(Event::Closed(reason)) => return format!("the connection ended: {reason}").into(),
            Some(_) => {}
            None => return "the connection ended".into(),
        }
    }
}
