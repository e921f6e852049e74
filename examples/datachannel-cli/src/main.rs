//! Measures round trips over a data channel.
//!
//! ```text
//! cargo run --release -p datachannel-cli -- offer     # on one side
//! cargo run --release -p datachannel-cli -- answer    # on the other
//! ```
//!
//! The descriptions are pasted from one terminal to the other, or go through a socket: see `--signaling`. aiortc's program of the
//! same name may be the other side: the channel is called `chat`, a text `ping N` is answered by `pong N`, where N is the time in
//! microseconds since the first one. It goes on until either side is interrupted or has sent what `--pings` says.

use clap::{Parser, ValueEnum};
use ortica::engine::DtlsState;
use ortica::jsep::SdpType;
use ortica::signaling::{Signal, Signaling, SignalingArguments};
use ortica::{Configuration, ConnectionState, DataChannel, DataChannelInit, Event, Events, Message, PeerConnection};
use std::error::Error;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

type Failure = Box<dyn Error + Send + Sync>;

const CHANNEL: &str = "chat";

/// Measures round trips over a data channel.
#[derive(Debug, Parser)]
struct Options {
    role: Role,
    /// Ends after this many round trips; without, when it is interrupted. For the side that offers.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pings: Option<u64>,
    /// Between two pings, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..))]
    interval: u64,
    #[command(flatten)]
    signaling: SignalingArguments,
    /// Logs states and decisions.
    #[arg(long, short)]
    verbose: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Role {
    Offer,
    Answer,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let level = if options.verbose { log::LevelFilter::Debug } else { log::LevelFilter::Warn };
    env_logger::Builder::new().filter_level(level).init();
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(call(options));
    // A terminal from which a line is still awaited holds up nobody.
    runtime.shutdown_background();
    outcome
}

async fn call(options: &Options) -> Result<(), Failure> {
    let mut signaling = options.signaling.signaling();
    let (connection, mut events) = PeerConnection::new(Configuration::default())?;
    let outcome = match options.role {
        Role::Offer => offer(options, &connection, &mut events, &mut signaling).await,
        Role::Answer => answer(&connection, &mut events, &mut signaling).await,
    };
    if outcome.is_ok() {
        println!("Exiting");
    }
    signaling.close().await;
    connection.close().await;
    outcome
}

// --- the side that measures -------------------------------------------------------------------------------------------------

async fn offer(
    options: &Options,
    connection: &PeerConnection,
    events: &mut Events,
    signaling: &mut Signaling,
) -> Result<(), Failure> {
    let channel = connection.create_data_channel(CHANNEL, DataChannelInit::default())?;
    show(&channel, '-', "created by local party");
    tell(connection, signaling).await?;
    tokio::select! {
        measured = measure(&channel, options) => measured,
        ended = consume(connection, signaling) => ended,
        ended = gone(events) => ended,
        interrupted = tokio::signal::ctrl_c() => Ok(interrupted?),
    }
}

/// Sends pings and prints how long each took.
async fn measure(channel: &DataChannel, options: &Options) -> Result<(), Failure> {
    if !channel.opened().await {
        return Err("the channel did not open".into());
    }
    let started = Instant::now();
    let mut turns = interval(Duration::from_millis(options.interval));
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut sent, mut came) = (0, 0);
    while options.pings.is_none_or(|pings| came < pings) {
        tokio::select! {
            _ = turns.tick(), if options.pings.is_none_or(|pings| sent < pings) => {
                say(channel, format!("ping {}", started.elapsed().as_micros())).await?;
                sent += 1;
            }
            message = channel.recv() => {
                let Some(message) = message else { return Ok(()) };
                let Some(text) = heard(channel, message) else { continue };
                let then = text.strip_prefix("pong ").and_then(|stamp| stamp.parse().ok()).map(Duration::from_micros);
                if let Some(took) = then.and_then(|then| started.elapsed().checked_sub(then)) {
                    println!(" RTT {:.2} ms", took.as_secs_f64() * 1e3);
                    came += 1;
                }
            }
        }
    }
    Ok(())
}

// --- the side that replies --------------------------------------------------------------------------------------------------

async fn answer(connection: &PeerConnection, events: &mut Events, signaling: &mut Signaling) -> Result<(), Failure> {
    tokio::select! {
        ended = consume(connection, signaling) => ended,
        ended = reply(events) => ended,
        interrupted = tokio::signal::ctrl_c() => Ok(interrupted?),
    }
}

/// Replies on every channel that the other side makes.
async fn reply(events: &mut Events) -> Result<(), Failure> {
    let mut channels = JoinSet::new();
    loop {
        tokio::select! {
            event = events.next() => match event {
                Some(Event::DataChannel(channel)) => drop(channels.spawn(reply_on(channel))),
                event => if let Some(end) = end(event) { return end },
            },
            Some(replied) = channels.join_next() => replied??,
        }
    }
}

async fn reply_on(channel: DataChannel) -> Result<(), Failure> {
    show(&channel, '-', "created by remote party");
    while let Some(message) = channel.recv().await {
        if let Some(rest) = heard(&channel, message).as_deref().and_then(|text| text.strip_prefix("ping")) {
            say(&channel, format!("pong{rest}")).await?;
        }
    }
    Ok(())
}

// --- both -------------------------------------------------------------------------------------------------------------------

/// Makes this side's description, and sends it with all its candidates.
async fn tell(connection: &PeerConnection, signaling: &mut Signaling) -> Result<(), Failure> {
    connection.set_local_description(None)?;
    connection.gathering_complete().await;
    let description = connection.local_description().ok_or("there is no description")?;
    Ok(signaling.send(&description.into()).await?)
}

/// Takes what the other side says, until it says goodbye or is gone.
async fn consume(connection: &PeerConnection, signaling: &mut Signaling) -> Result<(), Failure> {
    loop {
        match signaling.receive().await? {
            Some(Signal::Description(description)) => {
                let offered = description.kind == SdpType::Offer;
                connection.set_remote_description(description)?;
                if offered {
                    tell(connection, signaling).await?;
                }
            }
            Some(Signal::Candidate(candidate)) => connection.add_ice_candidate(&candidate)?,
            Some(Signal::Bye) | None => return Ok(()),
            Some(said) => return Err(format!("the other side said {said:?}").into()),
        }
    }
}

/// Waits for the other side to go, or the connection to fail.
async fn gone(events: &mut Events) -> Result<(), Failure> {
    loop {
        if let Some(end) = end(events.next().await) {
            return end;
        }
    }
}

/// Whether this is the end, and a good one.
fn end(event: Option<Event>) -> Option<Result<(), Failure>> {
    match event {
        Some(Event::DtlsStateChange { state: DtlsState::Closed, .. }) => Some(Ok(())),
        Some(Event::ConnectionStateChange(ConnectionState::Failed)) => Some(Err("the connection failed".into())),
        Some(Event::Closed(reason)) => Some(Err(format!("the connection ended: {reason}").into())),
        Some(_) => None,
        None => Some(Err("the connection ended".into())),
    }
}

async fn say(channel: &DataChannel, text: String) -> Result<(), Failure> {
    show(channel, '>', &text);
    Ok(channel.send(text).await?)
}

/// The text of a message, which is shown.
fn heard(channel: &DataChannel, message: Message) -> Option<String> {
    match message {
        Message::Text(text) => {
            show(channel, '<', &text);
            Some(text)
        }
        Message::Binary(bytes) => {
            show(channel, '<', &format!("{} bytes", bytes.len()));
            None
        }
    }
}

fn show(channel: &DataChannel, direction: char, what: &str) {
    println!("channel({}) {direction} {what}", channel.label());
}
