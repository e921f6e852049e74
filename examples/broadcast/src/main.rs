//! One source, any number of viewers: it is encoded once, and what comes of that goes to all of them.
//!
//! ```text
//! cargo run --release -p broadcast -- --play-from film.webm    # then http://127.0.0.1:8080
//! ```
//!
//! A viewer posts its offer to `/offer`, as `{sdp, type}`, and is answered in the same form: aiortc's `webcam` has the same
//! interface. `/stats` tells how many watch, and how many pictures were encoded for them.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use clap::Parser;
use ortica::codecs::coder::VideoEncoderConfig;
use ortica::codecs::{Codec, MediaKind};
use ortica::engine::DtlsState;
use ortica::jsep::{DescriptionError, SessionDescription, TransceiverError};
use ortica::media::{MediaPlayer, PlayerOptions, test_picture, tone};
use ortica::{
    Configuration, ConnectionState, Endpoint, EndpointConfig, Event, Events, LocalTrack, NewError, PeerConnection,
    RtpSender, RtpTransceiver, TrackConfig,
};
use serde_json::json;
use std::collections::BTreeMap;
use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use thiserror::Error;
use tokio::time::sleep;

/// A viewer that has not connected by then is given up.
const PATIENCE: Duration = Duration::from_secs(60);
/// Of the tone that goes with the test picture, in hertz.
const TONE: f64 = 440.0;

/// Sends one source to all who watch, encoded once.
#[derive(Debug, Parser)]
struct Options {
    /// Address to listen on for HTTP.
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    host: IpAddr,
    /// Port to listen on for HTTP.
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// Plays this file again and again, instead of a moving picture with a tone.
    #[arg(long, value_name = "FILE")]
    play_from: Option<PathBuf>,
    /// Sends the file as it is encoded already, to viewers that know its codecs.
    #[arg(long, requires = "play_from")]
    play_without_decoding: bool,
    /// Size of the moving picture.
    #[arg(long, value_name = "WIDTHxHEIGHT", default_value = "640x480", value_parser = size, conflicts_with = "play_from")]
    size: (u32, u32),
    /// Moving pictures in a second.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=120), conflicts_with = "play_from")]
    frame_rate: u32,
    /// What the encoder aims at, in kilobits per second; less where a viewer asks for less.
    #[arg(long, value_name = "KBIT/S", default_value_t = 1_500, value_parser = clap::value_parser!(u32).range(50..=100_000))]
    bitrate: u32,
    /// Viewers at a time; more are sent away.
    #[arg(long, default_value_t = 100)]
    viewers: usize,
    /// Logs states and decisions.
    #[arg(long, short)]
    verbose: bool,
}

fn size(text: &str) -> Result<(u32, u32), String> {
    let sides = text.split_once('x').and_then(|(width, height)| Some((width.parse().ok()?, height.parse().ok()?)));
    sides.ok_or_else(|| format!("{text:?} is no size like 1280x720"))
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let level = if options.verbose { log::LevelFilter::Debug } else { log::LevelFilter::Warn };
    env_logger::Builder::new().filter_level(level).init();
    let broadcast = Arc::new(Broadcast {
        streams: streams(&options).await?,
        // All viewers are served through one port. Loopback is gathered too, since they may run on this machine.
        endpoint: Endpoint::new(EndpointConfig::default().with_gather_loopback(true))?,
        most: options.viewers,
        audience: Mutex::default(),
    });
    let listener = tokio::net::TcpListener::bind(SocketAddr::new(options.host, options.port)).await?;
    println!("http://{}", listener.local_addr()?);
    axum::serve(listener, router(broadcast.clone())).with_graceful_shutdown(interrupted()).await?;
    broadcast.close().await;
    Ok(())
}

async fn interrupted() {
    // Without a signal handler it runs until it is killed, which is no worse.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// A track that all viewers share, and what it is encoded as already.
struct Stream {
    track: LocalTrack,
    codec: Option<Codec>,
}

/// What is sent. A source begins with the first viewer.
async fn streams(options: &Options) -> Result<Vec<Stream>, Box<dyn Error>> {
    let video = VideoEncoderConfig::default().with_bitrate(options.bitrate * 1_000).with_frame_rate(options.frame_rate);
    let config = TrackConfig { video, ..TrackConfig::default() };
    let Some(file) = &options.play_from else {
        let (width, height) = options.size;
        let picture = LocalTrack::pulled(test_picture(width, height, options.frame_rate)?, config);
        let sound = LocalTrack::pulled(tone(TONE)?, config);
        return Ok([sound, picture].map(|track| Stream { track, codec: None }).into());
    };
    let playing = PlayerOptions::default().with_loop(true).with_decode(!options.play_without_decoding);
    let player = MediaPlayer::open(file, playing).await?;
    // One of each kind.
    let tracks = player.audio().into_iter().chain(player.video());
    Ok(tracks.map(|it| Stream { codec: it.codec(), track: LocalTrack::pulled(it, config) }).collect())
}

/// The source and who watches it.
struct Broadcast {
    streams: Vec<Stream>,
    endpoint: Endpoint,
    most: usize,
    audience: Mutex<Audience>,
}

#[derive(Default)]
struct Audience {
    viewers: BTreeMap<u64, PeerConnection>,
    so_far: u64,
}

/// Why somebody cannot watch.
#[derive(Debug, Error)]
enum Refusal {
    #[error("there are as many viewers as there may be")]
    Full,
    #[error(transparent)]
    New(#[from] NewError),
    #[error(transparent)]
    Description(#[from] DescriptionError),
    #[error(transparent)]
    Track(#[from] TransceiverError),
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = match &self {
            Self::Full => StatusCode::SERVICE_UNAVAILABLE,
            Self::New(_) => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        };
        (status, Json(json!({ "error": self.to_string() }))).into_response()
    }
}

fn router(broadcast: Arc<Broadcast>) -> Router {
    Router::new()
        .route("/", get(|| async { Html(include_str!("../static/index.html")) }))
        .route("/offer", post(offer))
        .route("/stats", get(|State(broadcast): State<Arc<Broadcast>>| async move { Json(broadcast.stats()) }))
        .with_state(broadcast)
}

async fn offer(
    State(broadcast): State<Arc<Broadcast>>,
    Json(offer): Json<SessionDescription>,
) -> Result<Json<SessionDescription>, Refusal> {
    let (number, viewer, events) = broadcast.admit()?;
    match broadcast.answer(&viewer, offer).await {
        Ok(answer) => {
            tokio::spawn(broadcast.watch(number, viewer, events));
            Ok(Json(answer))
        }
        Err(refusal) => {
            broadcast.dismiss(number, &viewer).await;
            Err(refusal)
        }
    }
}

impl Broadcast {
    fn admit(&self) -> Result<(u64, PeerConnection, Events), Refusal> {
        let mut audience = self.audience();
        if audience.viewers.len() >= self.most {
            return Err(Refusal::Full);
        }
        let (viewer, events) = PeerConnection::new(Configuration::default().with_endpoint(self.endpoint.clone()))?;
        audience.so_far += 1;
        let number = audience.so_far;
        audience.viewers.insert(number, viewer.clone());
        Ok((number, viewer, events))
    }

    /// Sends a viewer what it asks for. The tracks are everybody's: no viewer has an encoder of its own.
    async fn answer(&self, viewer: &PeerConnection, offer: SessionDescription) -> Result<SessionDescription, Refusal> {
        viewer.set_remote_description(offer)?;
        for transceiver in viewer.transceivers() {
            let stream = self.streams.iter().find(|stream| stream.track.kind() == transceiver.kind());
            let Some(Stream { track, codec }) = stream else { continue };
            // Once, however many sections of a kind there are.
            if viewer.transceivers().iter().any(|other| other.sender().track().as_ref() == Some(track)) {
                continue;
            }
            if let Some(codec) = codec {
                allow_only(&transceiver, *codec)?;
            }
            viewer.add_track(track, &["broadcast"])?;
        }
        viewer.set_local_description(None)?;
        // Host candidates are known at once, so that waiting for them costs nothing.
        viewer.gathering_complete().await;
        viewer.local_description().ok_or(Refusal::Description(DescriptionError::Closed))
    }

    /// Follows a viewer until it leaves, fails, or never connects.
    async fn watch(self: Arc<Self>, number: u64, viewer: PeerConnection, mut events: Events) {
        let mut overdue = pin!(sleep(PATIENCE));
        let mut connected = false;
        loop {
            let event = tokio::select! {
                event = events.next() => event,
                () = &mut overdue, if !connected => break,
            };
            tracing::debug!(number, ?event, "viewer");
            match event {
                Some(Event::ConnectionStateChange(ConnectionState::Connected)) => connected = true,
                None
                | Some(
                    Event::DtlsStateChange { state: DtlsState::Closed, .. }
                    | Event::ConnectionStateChange(ConnectionState::Failed),
                ) => break,
                Some(_) => {}
            }
        }
        self.dismiss(number, &viewer).await;
    }

    async fn dismiss(&self, number: u64, viewer: &PeerConnection) {
        self.audience().viewers.remove(&number);
        viewer.close().await;
    }

    async fn close(&self) {
        let viewers = std::mem::take(&mut self.audience().viewers);
        for viewer in viewers.into_values() {
            viewer.close().await;
        }
    }

    fn stats(&self) -> serde_json::Value {
        let viewers = self.audience().viewers.len();
        let pictures = self.streams.iter().find(|stream| stream.track.kind() == MediaKind::Video);
        let pictures = pictures.map(|stream| stream.track.stats()).unwrap_or_default();
        json!({
            "viewers": viewers,
            "picturesWritten": pictures.frames_written,
            "picturesEncoded": pictures.frames_encoded,
            "picturesDropped": pictures.frames_dropped,
        })
    }

    fn audience(&self) -> MutexGuard<'_, Audience> {
        self.audience.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Has a transceiver agree on nothing but this codec, and what goes with it.
fn allow_only(transceiver: &RtpTransceiver, codec: Codec) -> Result<(), TransceiverError> {
    let (kind, wanted) = (transceiver.kind(), codec.mime_type());
    let retransmissions = format!("{kind}/rtx");
    let known = RtpSender::capabilities(kind).codecs.into_iter();
    let fits = |mime: &str| mime.eq_ignore_ascii_case(wanted) || mime.eq_ignore_ascii_case(&retransmissions);
    transceiver.set_codec_preferences(&known.filter(|it| fits(&it.mime_type)).collect::<Vec<_>>())
}
