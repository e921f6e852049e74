//! A page that shows what this machine plays, to all who look at it.
//!
//! ```text
//! cargo run --release -p webcam -- --play-from film.webm    # then http://127.0.0.1:8080
//! ```
//!
//! A viewer posts its offer to `/offer`, as `{sdp, type}`, and is answered in the same form, as by aiortc's program of the same name.
//! All see one source, which is encoded once for all whose codec is the same; `broadcast` counts that, and bounds bitrates.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use clap::Parser;
use ortica::codecs::{Codec, MediaKind};
use ortica::engine::DtlsState;
use ortica::jsep::{DescriptionError, SessionDescription, TransceiverError};
use ortica::media::{MediaPlayer, MediaSource, PlayerOptions, test_picture, tone};
use ortica::{
    Configuration, ConnectionState, Direction, Endpoint, EndpointConfig, Event, Events, LocalTrack, NewError,
    PeerConnection, RtpSender, RtpTransceiver, TrackConfig,
};
use serde_json::json;
use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::sleep;

/// Who has not connected by then is given up.
const PATIENCE: Duration = Duration::from_secs(60);
/// Viewers at a time.
const MOST_VIEWERS: u32 = 100;
/// Of the moving picture: width, height, pictures in a second.
const PICTURE: (u32, u32, u32) = (640, 480, 30);
/// Of the tone that goes with it, in hertz.
const TONE: f64 = 440.0;

/// Shows on a page what this machine plays.
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
    /// Sends sound in this codec alone, such as opus or audio/PCMU.
    #[arg(long, value_name = "CODEC", value_parser = |name: &str| codec(MediaKind::Audio, name))]
    audio_codec: Option<Codec>,
    /// Sends pictures in this codec alone, such as H264 or video/VP8.
    #[arg(long, value_name = "CODEC", value_parser = |name: &str| codec(MediaKind::Video, name))]
    video_codec: Option<Codec>,
    /// Logs states and decisions.
    #[arg(long, short)]
    verbose: bool,
}

/// The codec of this name, with or without its kind.
fn codec(kind: MediaKind, name: &str) -> Result<Codec, String> {
    let plain = |it: &Codec| it.mime_type().split_once('/').map(|(_, plain)| plain).unwrap_or_default();
    let known: Vec<_> = Codec::available().filter(|it| it.kind() == kind).collect();
    let found =
        known.iter().find(|it| [it.mime_type(), plain(it)].iter().any(|known| known.eq_ignore_ascii_case(name)));
    found.copied().ok_or_else(|| format!("there are {}", known.iter().map(plain).collect::<Vec<_>>().join(", ")))
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
    let (stop, stopped) = watch::channel(false);
    let webcam = Arc::new(Webcam {
        streams: streams(&options).await?,
        // Loopback is gathered too, since viewers may run on this machine.
        endpoint: Endpoint::new(EndpointConfig::default().with_gather_loopback(true))?,
        places: Arc::new(Semaphore::new(MOST_VIEWERS as usize)),
        stopped,
    });
    let listener = tokio::net::TcpListener::bind(SocketAddr::new(options.host, options.port)).await?;
    println!("http://{}", listener.local_addr()?);
    let router = Router::new()
        .route("/", get(|| async { Html(include_str!("../static/index.html")) }))
        .route("/offer", post(offer))
        .with_state(webcam.clone());
    axum::serve(listener, router).with_graceful_shutdown(interrupted()).await?;
    stop.send(true)?;
    // Once all places are free, all viewers have been told.
    let _all = webcam.places.acquire_many(MOST_VIEWERS).await?;
    Ok(())
}

async fn interrupted() {
    // Without a signal handler it runs until it is killed, which is no worse.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// A track that all viewers share, and the only codec that it goes in, if there is one.
struct Stream {
    track: LocalTrack,
    codec: Option<Codec>,
}

/// What is sent. A source begins with the first viewer.
async fn streams(options: &Options) -> Result<Vec<Stream>, Box<dyn Error>> {
    let wanted = |kind| if kind == MediaKind::Audio { options.audio_codec } else { options.video_codec };
    let Some(file) = &options.play_from else {
        let (width, height, rate) = PICTURE;
        let picture = LocalTrack::pulled(test_picture(width, height, rate)?, TrackConfig::default());
        let sound = LocalTrack::pulled(tone(TONE)?, TrackConfig::default());
        return Ok([sound, picture].map(|track| Stream { codec: wanted(track.kind()), track }).into());
    };
    let playing = PlayerOptions::default().with_loop(true).with_decode(!options.play_without_decoding);
    let player = MediaPlayer::open(file, playing).await?;
    let mut streams = Vec::new();
    // One of each kind.
    for it in player.audio().into_iter().chain(player.video()) {
        // Decoded, it may go in any codec.
        let (held, wanted) = (it.codec().filter(|_| options.play_without_decoding), wanted(it.kind()));
        if let (Some(held), Some(wanted)) = (held, wanted)
            && held != wanted
        {
            let (held, wanted) = (held.mime_type(), wanted.mime_type());
            return Err(
                format!("{} has {held}, which does not become {wanted} without decoding", file.display()).into()
            );
        }
        streams.push(Stream { codec: held.or(wanted), track: LocalTrack::pulled(it, TrackConfig::default()) });
    }
    Ok(streams)
}

/// The source, and what all viewers are served by.
struct Webcam {
    streams: Vec<Stream>,
    endpoint: Endpoint,
    places: Arc<Semaphore>,
    /// Whether the program is about to end.
    stopped: watch::Receiver<bool>,
}

/// Why somebody cannot watch.
#[derive(Debug, Error)]
enum Refusal {
    #[error("there are as many viewers as there may be")]
    Full,
    #[error("nothing of what is played fits what is offered")]
    Nothing,
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

async fn offer(
    State(webcam): State<Arc<Webcam>>,
    Json(offer): Json<SessionDescription>,
) -> Result<Json<SessionDescription>, Refusal> {
    let place = webcam.places.clone().try_acquire_owned().map_err(|_| Refusal::Full)?;
    let (viewer, events) = PeerConnection::new(Configuration::default().with_endpoint(webcam.endpoint.clone()))?;
    let answer = webcam.answer(&viewer, offer).await?;
    tokio::spawn(follow(place, webcam.stopped.clone(), viewer, events));
    Ok(Json(answer))
}

impl Webcam {
    /// Sends a viewer what it asks for. The tracks are everybody's: no viewer has a source of its own.
    async fn answer(&self, viewer: &PeerConnection, offer: SessionDescription) -> Result<SessionDescription, Refusal> {
        viewer.set_remote_description(offer)?;
        for Stream { track, codec } in &self.streams {
            let transceivers = viewer.transceivers();
            let Some(transceiver) = transceivers.iter().find(|it| it.kind() == track.kind()) else { continue };
            if let Some(codec) = codec {
                allow_only(transceiver, *codec)?;
            }
            viewer.add_track(track, &["webcam"])?;
        }
        viewer.set_local_description(None)?;
        let sends =
            |it: &RtpTransceiver| matches!(it.current_direction(), Some(Direction::SendOnly | Direction::SendRecv));
        if !viewer.transceivers().iter().any(sends) {
            return Err(Refusal::Nothing);
        }
        // Host candidates are known at once, so that waiting for them costs nothing.
        viewer.gathering_complete().await;
        viewer.local_description().ok_or(Refusal::Description(DescriptionError::Closed))
    }
}

/// Has a transceiver agree on nothing but this codec, and what goes with it.
fn allow_only(transceiver: &RtpTransceiver, codec: Codec) -> Result<(), TransceiverError> {
    let kind = transceiver.kind();
    let allowed = [codec.mime_type().to_owned(), format!("{kind}/rtx")];
    let known = RtpSender::capabilities(kind).codecs.into_iter();
    let fits = |mime: &str| allowed.iter().any(|allowed| allowed.eq_ignore_ascii_case(mime));
    transceiver.set_codec_preferences(&known.filter(|it| fits(&it.mime_type)).collect::<Vec<_>>())
}

/// Follows a viewer until it leaves, fails, never connects, or the program ends; then its place is free.
async fn follow(
    _place: OwnedSemaphorePermit,
    mut stopped: watch::Receiver<bool>,
    viewer: PeerConnection,
    mut events: Events,
) {
    let mut overdue = pin!(sleep(PATIENCE));
    let mut over = pin!(stopped.wait_for(|stopped| *stopped));
    let mut connected = false;
    loop {
        let event = tokio::select! {
            event = events.next() => event,
            () = &mut overdue, if !connected => break,
            _ = &mut over => break,
        };
        tracing::debug!(?event, "viewer");
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
    viewer.close().await;
}
