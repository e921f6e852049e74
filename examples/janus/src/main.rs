//! Joins a video room of [Janus](https://janus.conf.meetecho.com): publishes a moving picture and a tone, or a file, and records
//! the first who publishes there as well.
//!
//! ```text
//! cargo run -p janus -- http://127.0.0.1:8088/janus --room 1234
//! cargo run -p janus -- http://127.0.0.1:8088/janus --play-from film.webm --record-to other.webm
//! ```

mod api;

use api::{JanusError, Session};
use clap::Parser;
use ortica::media::{MediaPlayer, MediaRecorder, PlayerOptions, RecorderOptions, test_picture, tone};
use ortica::{BundlePolicy, Configuration, LocalTrack, PeerConnection, TrackConfig};
use serde_json::{Value, json};
use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::sleep;

/// The plugin of video rooms.
const VIDEO_ROOM: &str = "janus.plugin.videoroom";

/// Publishes in a video room of Janus, and records who publishes there.
#[derive(Debug, Parser)]
struct Options {
    /// Where Janus is, such as http://127.0.0.1:8088/janus.
    url: String,
    /// The number of the room.
    #[arg(long, default_value_t = 1234)]
    room: u64,
    /// Plays this file again and again, instead of a moving picture with a tone.
    #[arg(long, value_name = "FILE")]
    play_from: Option<PathBuf>,
    /// Sends the file as it is encoded already.
    #[arg(long, requires = "play_from")]
    play_without_decoding: bool,
    /// Records the first who publishes beside this program, or the next one who comes.
    #[arg(long, value_name = "FILE")]
    record_to: Option<PathBuf>,
    /// How long to stay, in seconds; until it is interrupted if it is not given.
    #[arg(long)]
    seconds: Option<u64>,
    /// Logs states and decisions.
    #[arg(long, short)]
    verbose: bool,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let level = if options.verbose { log::LevelFilter::Debug } else { log::LevelFilter::Warn };
    env_logger::Builder::new().filter_level(level).init();
    let mut session = Session::new(&options.url).await?;
    let stayed = stay(&mut session, &options).await;
    session.end().await?;
    stayed
}

async fn stay(session: &mut Session, options: &Options) -> Result<(), Box<dyn Error>> {
    let publisher = session.attach(VIDEO_ROOM).await?;
    let join = json!({ "request": "join", "ptype": "publisher", "room": options.room, "display": "ortica" });
    let joined = session.request(&publisher, join, None).await?;

    let (published, _events) = PeerConnection::new(configuration())?;
    for track in tracks(options).await? {
        published.add_track(&track, &["janus"])?;
    }
    describe(&published).await?;
    let offer = published.local_description();
    let publish = json!({ "request": "publish" });
    published.set_remote_description(session.request(&publisher, publish, offer).await?.description()?)?;
    published.connected().await.map_err(|state| format!("the connection to the room is {state:?}"))?;
    println!("publishing in room {}", options.room);

    let mut over = std::pin::pin!(over(options.seconds));
    let mut watching = None;
    if let Some(file) = &options.record_to {
        tokio::select! {
            begun = record(session, options.room, joined.data, file.clone()) => watching = Some(begun?),
            () = &mut over => println!("nobody else published"),
        }
    }
    if watching.is_some() || options.record_to.is_none() {
        over.await;
    }
    if let Some((connection, mut recorder)) = watching {
        let recorded = recorder.stop().await?;
        println!("recorded {:.1} s, {} frames", recorded.duration.as_secs_f64(), recorded.frames);
        connection.close().await;
    }
    published.close().await;
    Ok(())
}

/// Candidates of this host too: Janus may run on it.
fn configuration() -> Configuration {
    Configuration::default().with_bundle_policy(BundlePolicy::MaxBundle).with_gather_loopback(true)
}

/// Sets what is due as the local description, and waits until it has all candidates.
async fn describe(connection: &PeerConnection) -> Result<(), Box<dyn Error>> {
    connection.set_local_description(None)?;
    connection.gathering_complete().await;
    Ok(())
}

/// What is published: one track of each kind.
async fn tracks(options: &Options) -> Result<Vec<LocalTrack>, Box<dyn Error>> {
    let config = TrackConfig::default();
    let Some(file) = &options.play_from else {
        let picture = LocalTrack::pulled(test_picture(640, 480, 30)?, config);
        return Ok(vec![LocalTrack::pulled(tone(440.0)?, config), picture]);
    };
    let playing = PlayerOptions::default().with_loop(true).with_decode(!options.play_without_decoding);
    let player = MediaPlayer::open(file, playing).await?;
    let streams = player.audio().into_iter().chain(player.video());
    Ok(streams.map(|stream| LocalTrack::pulled(stream, config)).collect())
}

async fn over(seconds: Option<u64>) {
    let interrupted = tokio::signal::ctrl_c();
    match seconds {
        Some(seconds) => sleep(Duration::from_secs(seconds)).await,
        // Without a signal handler it runs until it is killed, which is no worse.
        None if interrupted.await.is_err() => std::future::pending().await,
        None => {}
    }
}

/// Records somebody who publishes in the room: of those who are there, or the next.
async fn record(
    session: &mut Session,
    room: u64,
    joined: Value,
    file: PathBuf,
) -> Result<(PeerConnection, MediaRecorder), Box<dyn Error>> {
    let feed = publisher(session, joined).await?;
    println!("recording publisher {feed}");
    let subscriber = session.attach(VIDEO_ROOM).await?;
    let join = json!({ "request": "join", "ptype": "subscriber", "room": room, "streams": [{ "feed": feed }] });
    let offer = session.request(&subscriber, join, None).await?.description()?;

    let (connection, _events) = PeerConnection::new(configuration())?;
    connection.set_remote_description(offer)?;
    let mut recorder = MediaRecorder::new(file, RecorderOptions::default())?;
    for transceiver in connection.transceivers() {
        recorder.add_track(transceiver.receiver().track())?;
    }
    recorder.start().await?;
    describe(&connection).await?;
    session.request(&subscriber, json!({ "request": "start" }), connection.local_description()).await?;
    connection.connected().await.map_err(|state| format!("the connection to the publisher is {state:?}"))?;
    Ok((connection, recorder))
}

/// The number of the first publisher that the room tells of.
async fn publisher(session: &mut Session, mut told: Value) -> Result<u64, JanusError> {
    loop {
        if let Some(feed) = told["publishers"][0]["id"].as_u64() {
            return Ok(feed);
        }
        told = session.event().await?;
    }
}
