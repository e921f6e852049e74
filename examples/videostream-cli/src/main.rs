//! Plays a film to the other side and records what it sends.
//!
//! ```text
//! cargo run --release -p videostream-cli -- offer --play-from film.webm    # on one side
//! cargo run --release -p videostream-cli -- answer --record-to call.webm   # on the other
//! ```
//!
//! The descriptions are pasted from one terminal to the other, or go through a socket: see `--signaling`. aiortc's program of the
//! same name may be the other side. Without a file to play a moving picture is sent, and without one to record to what comes is
//! discarded. It goes on until either side is interrupted or has received for as long as `--seconds` says.

use clap::{Parser, ValueEnum};
use ortica::codecs::MediaKind;
use ortica::engine::DtlsState;
use ortica::jsep::SdpType;
use ortica::media::{MediaBlackhole, MediaPlayer, MediaRecorder, PlayerOptions, RecorderOptions, test_picture};
use ortica::signaling::{Signal, Signaling, SignalingArguments};
use ortica::{Configuration, ConnectionState, Event, Events, LocalTrack, PeerConnection, RemoteTrack, TrackConfig};
use std::error::Error;
use std::future::pending;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

type Failure = Box<dyn Error + Send + Sync>;

/// Of the moving picture.
const SIZE: (u32, u32) = (640, 480);
const FRAME_RATE: u32 = 30;

/// Plays a film to the other side and records what it sends.
#[derive(Debug, Parser)]
struct Options {
    role: Role,
    /// Plays this file, once, instead of a moving picture.
    #[arg(long, value_name = "FILE")]
    play_from: Option<PathBuf>,
    /// Records to this file what comes, which is discarded otherwise.
    #[arg(long, value_name = "FILE")]
    record_to: Option<PathBuf>,
    /// Ends so long after pictures or sound began to come; without, when it is interrupted.
    #[arg(long, value_name = "SECONDS")]
    seconds: Option<u64>,
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
    let tracks = tracks(options.play_from.as_deref()).await?;
    let mut sink = Sink::new(options.record_to.as_deref()).await?;
    let mut signaling = options.signaling.signaling();
    let (connection, mut events) = PeerConnection::new(Configuration::default())?;
    let mut side = Side { connection: &connection, tracks: &tracks, signaling: &mut signaling };
    let outcome = tokio::select! {
        ended = side.talk(options.role) => ended,
        ended = receive(&mut events, &mut sink, options.seconds.map(Duration::from_secs)) => ended,
        interrupted = tokio::signal::ctrl_c() => interrupted.map_err(Failure::from),
    };
    if outcome.is_ok() {
        println!("Exiting");
    }
    signaling.close().await;
    let stopped = sink.stop().await;
    connection.close().await;
    outcome.and(stopped)
}

// --- what is sent -----------------------------------------------------------------------------------------------------------

/// The first stream of each kind in a file, or a moving picture.
async fn tracks(file: Option<&Path>) -> Result<Vec<LocalTrack>, Failure> {
    let Some(file) = file else {
        let picture = test_picture(SIZE.0, SIZE.1, FRAME_RATE)?;
        return Ok(vec![LocalTrack::pulled(picture, TrackConfig::default())]);
    };
    let player = MediaPlayer::open(file, PlayerOptions::default()).await?;
    let streams = player.audio().into_iter().chain(player.video());
    Ok(streams.map(|stream| LocalTrack::pulled(stream, TrackConfig::default())).collect())
}

// --- what comes -------------------------------------------------------------------------------------------------------------

/// Takes the tracks of the other side, until it goes, the connection fails, or `length` is over.
async fn receive(events: &mut Events, sink: &mut Sink, length: Option<Duration>) -> Result<(), Failure> {
    let mut end = None;
    loop {
        let over = pin!(async move {
            match end {
                Some(end) => sleep_until(end).await,
                None => pending().await,
            }
        });
        let event = tokio::select! {
            event = events.next() => event,
            () = over => return Ok(()),
        };
        match event {
            Some(Event::Track(event)) => sink.add(event.track)?,
            Some(Event::TrackUnmute(_)) => end = end.or(length.map(|length| Instant::now() + length)),
            Some(Event::DtlsStateChange { state: DtlsState::Closed, .. }) => return Ok(()),
            Some(Event::ConnectionStateChange(ConnectionState::Failed)) => return Err("the connection failed".into()),
            Some(Event::Closed(reason)) => return Err(format!("the connection ended: {reason}").into()),
            Some(_) => {}
            None => return Err("the connection ended".into()),
        }
    }
}

/// Where it goes.
enum Sink {
    File(MediaRecorder, PathBuf),
    Nowhere(MediaBlackhole),
}

impl Sink {
    async fn new(file: Option<&Path>) -> Result<Self, Failure> {
        let Some(file) = file else { return Ok(Self::Nowhere(MediaBlackhole::new())) };
        let mut recorder = MediaRecorder::new(file, RecorderOptions::default())?;
        recorder.start().await?;
        Ok(Self::File(recorder, file.to_owned()))
    }

    fn add(&mut self, track: RemoteTrack) -> Result<(), Failure> {
        println!("Receiving {}", if track.kind() == MediaKind::Video { "video" } else { "audio" });
        match self {
            Self::File(recorder, _) => recorder.add_track(track)?,
            Self::Nowhere(blackhole) => {
                blackhole.add_track(track);
                blackhole.start();
            }
        }
        Ok(())
    }

    async fn stop(&mut self) -> Result<(), Failure> {
        match self {
            Self::File(recorder, file) => {
                let recorded = recorder.stop().await?;
                let seconds = recorded.duration.as_secs_f64();
                println!("recorded {} frames, {seconds:.1} s, to {}", recorded.frames, file.display());
            }
            Self::Nowhere(blackhole) => {
                blackhole.stop().await;
                println!("discarded {} frames", blackhole.frames());
            }
        }
        Ok(())
    }
}

// --- signaling --------------------------------------------------------------------------------------------------------------

struct Side<'a> {
    connection: &'a PeerConnection,
    tracks: &'a [LocalTrack],
    signaling: &'a mut Signaling,
}

impl Side<'_> {
    /// Takes what the other side says, and answers, until it says goodbye or is gone.
    async fn talk(&mut self, role: Role) -> Result<(), Failure> {
        if let Role::Offer = role {
            self.tell().await?;
        }
        loop {
            match self.signaling.receive().await? {
                Some(Signal::Description(description)) => {
                    let offered = description.kind == SdpType::Offer;
                    self.connection.set_remote_description(description)?;
                    if offered {
                        self.tell().await?;
                    }
                }
                Some(Signal::Candidate(candidate)) => self.connection.add_ice_candidate(&candidate)?,
                Some(Signal::Bye) | None => return Ok(()),
                Some(said) => return Err(format!("the other side said {said:?}").into()),
            }
        }
    }

    /// Makes this side's description, of what it sends, and sends it with all its candidates.
    async fn tell(&mut self) -> Result<(), Failure> {
        for track in self.tracks {
            self.connection.add_track(track, &["videostream"])?;
        }
        self.connection.set_local_description(None)?;
        self.connection.gathering_complete().await;
        let description = self.connection.local_description().ok_or("there is no description")?;
        Ok(self.signaling.send(&description.into()).await?)
    }
}
