//! Joins two machines' networks by a data channel, as if a cable ran between them.
//!
//! ```text
//! cargo run --release -p datachannel-vpn -- offer     # on one side, as root
//! ip address add 10.7.0.1/24 dev revpn-offer          # beside it
//! cargo run --release -p datachannel-vpn -- answer    # on the other
//! ip address add 10.7.0.2/24 dev revpn-answer
//! ```
//!
//! Each end is a TAP device. A frame of Ethernet is a message of the channel `vpntap`, which is not ordered and sends nothing again:
//! what crosses has its own ways to deal with that, and a wait for what was lost would be worse. aiortc's program of the same name
//! may be the other side; whoever offers decides about the channel. It goes on until either side is interrupted.

use clap::{Parser, ValueEnum};
use ortica::engine::{DtlsState, Reliability};
use ortica::jsep::SdpType;
use ortica::signaling::{Signal, Signaling, SignalingArguments};
use ortica::{
    Configuration, ConnectionState, DataChannel, DataChannelInit, Event, Events, Message, PeerConnection, TrySendError,
};
use std::error::Error;
use std::process::ExitCode;
use tun_rs::{AsyncDevice, DeviceBuilder, Layer};

type Failure = Box<dyn Error + Send + Sync>;

const CHANNEL: &str = "vpntap";
/// What a frame has around what the device's MTU counts: its header with one tag of a VLAN, in bytes.
const AROUND: usize = 14 + 4;
/// Frames are dropped while so many bytes wait to be sent, since more of them would only come late.
const QUEUE: usize = 256 << 10;

/// Joins two machines' networks by a data channel. Needs the right to make network devices.
#[derive(Debug, Parser)]
struct Options {
    role: Role,
    /// The name of the device; revpn-offer or revpn-answer unless given.
    #[arg(long, value_name = "NAME")]
    device: Option<String>,
    /// The longest packet that the device takes, in bytes.
    #[arg(long, default_value_t = 1_500, value_parser = clap::value_parser!(u16).range(576..=9_000))]
    mtu: u16,
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

impl Role {
    fn device(self) -> &'static str {
        match self {
            Self::Offer => "revpn-offer",
            Self::Answer => "revpn-answer",
        }
    }
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
    let outcome = runtime.block_on(join(options));
    // A terminal from which a line is still awaited holds up nobody.
    runtime.shutdown_background();
    outcome
}

async fn join(options: &Options) -> Result<(), Failure> {
    let cable = Cable::new(options.device.as_deref().unwrap_or(options.role.device()), options.mtu)?;
    let mut signaling = options.signaling.signaling();
    let (connection, mut events) = PeerConnection::new(Configuration::default())?;
    let outcome = tokio::select! {
        ended = talk(options.role, &connection, &mut signaling, &mut events, &cable) => ended,
        interrupted = tokio::signal::ctrl_c() => interrupted.map_err(Failure::from),
    };
    if outcome.is_ok() {
        println!("Exiting");
    }
    signaling.close().await;
    connection.close().await;
    outcome
}

async fn talk(
    role: Role,
    connection: &PeerConnection,
    signaling: &mut Signaling,
    events: &mut Events,
    cable: &Cable,
) -> Result<(), Failure> {
    let ours = match role {
        Role::Offer => {
            let init = DataChannelInit {
                ordered: false,
                reliability: Reliability::MaxRetransmits(0),
                ..DataChannelInit::default()
            };
            let channel = connection.create_data_channel(CHANNEL, init)?;
            tell(connection, signaling).await?;
            Some(channel)
        }
        Role::Answer => None,
    };
    tokio::select! {
        ended = consume(connection, signaling) => ended,
        ended = carry(ours, events, cable) => ended,
    }
}

/// Carries frames through the channel, made by either side, until the other one goes.
async fn carry(mut channel: Option<DataChannel>, events: &mut Events, cable: &Cable) -> Result<(), Failure> {
    loop {
        let event = tokio::select! {
            event = events.next() => event,
            ended = cable.connect(channel.as_ref()) => return ended,
        };
        match event {
            Some(Event::DataChannel(other)) if other.label() == CHANNEL => channel = channel.or(Some(other)),
            Some(Event::DtlsStateChange { state: DtlsState::Closed, .. }) => return Ok(()),
            Some(Event::ConnectionStateChange(ConnectionState::Failed)) => return Err("the connection failed".into()),
            Some(Event::Closed(reason)) => return Err(format!("the connection ended: {reason}").into()),
            Some(_) => {}
            None => return Err("the connection ended".into()),
        }
    }
}

/// The device.
struct Cable {
    device: AsyncDevice,
    longest: usize,
}

impl Cable {
    fn new(name: &str, mtu: u16) -> Result<Self, Failure> {
        let built = DeviceBuilder::new().name(name).layer(Layer::L2).mtu(mtu).enable(true).build_async();
        let device = built.map_err(|error| format!("the device {name} cannot be made: {error}"))?;
        println!("made the device {name}");
        Ok(Self { device, longest: usize::from(mtu) + AROUND })
    }

    /// Carries frames through the channel as soon as it is open, until it is closed; waits for ever without one. Cancelling loses a
    /// frame at most.
    async fn connect(&self, channel: Option<&DataChannel>) -> Result<(), Failure> {
        let Some(channel) = channel else { return std::future::pending().await };
        if !channel.opened().await {
            return Err("the channel did not open".into());
        }
        tracing::info!(label = channel.label(), "open");
        let mut frame = vec![0; self.longest];
        loop {
            tokio::select! {
                read = self.device.recv(&mut frame) => {
                    let frame = frame.get(..read?).unwrap_or_default();
                    if channel.buffered_amount() > QUEUE {
                        tracing::debug!(bytes = frame.len(), "dropped a frame: too many wait");
                        continue;
                    }
                    match channel.try_send(frame) {
                        Ok(()) => {}
                        Err(TrySendError::Full(_)) => tracing::debug!(bytes = frame.len(), "dropped a frame: the queue is full"),
                        Err(TrySendError::Refused(_)) => return Ok(()),
                        Err(error) => return Err(error.into()),
                    }
                }
                message = channel.recv() => match message {
                    Some(Message::Binary(frame)) if frame.len() <= self.longest => {
                        // A frame that the system does not take, such as one that is too short, is as good as lost on the way.
                        if let Err(error) = self.device.send(&frame).await {
                            tracing::debug!(%error, bytes = frame.len(), "dropped a frame that came");
                        }
                    }
                    Some(_) => tracing::debug!("dropped what is no frame"),
                    None => return Ok(()),
                }
            }
        }
    }
}

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
