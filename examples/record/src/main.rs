//! Records a call from a browser to a file.
//!
//! ```text
//! cargo run --release -p record -- --record-to call.webm    # then http://127.0.0.1:8080
//! ```
//!
//! The page sends camera and microphone. It posts its offer to `/offer`, as `{sdp, type}`, and is answered in the same form. The
//! program ends with the call, or when it is interrupted, and then the file is whole.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use clap::Parser;
use ortica::engine::DtlsState;
use ortica::jsep::{DescriptionError, SessionDescription};
use ortica::media::{MediaRecorder, RecorderOptions};
use ortica::{
    Configuration, ConnectionState, Direction, Endpoint, EndpointConfig, Event, Events, NewError, PeerConnection,
    RtpTransceiver,
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
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::sleep;

type Failure = Box<dyn Error + Send + Sync>;

/// A call that has not connected by then is given up, and another one waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// Records a call from a browser to a file.
#[derive(Debug, Parser)]
struct Options {
    /// Address to listen on for HTTP.
    ///
    /// Away from this machine, browsers give a page camera and microphone only over HTTPS.
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    host: IpAddr,
    /// Port to listen on for HTTP.
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// Where the call is recorded; the name says as what: .webm, .mkv, .ogg, .wav.
    #[arg(long, value_name = "FILE", default_value = "call.webm")]
    record_to: PathBuf,
    /// Begins a new file whenever one lasts so long: call-0001.webm, call-0002.webm.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    segments: Option<u64>,
    /// Logs states and decisions.
    #[arg(long, short)]
    verbose: bool,
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

async fn run() -> Result<(), Failure> {
    let options = Options::parse();
    let level = if options.verbose { log::LevelFilter::Debug } else { log::LevelFilter::Warn };
    env_logger::Builder::new().filter_level(level).init();
    let segments = options.segments.map(Duration::from_secs);
    let segmented = |recording: RecorderOptions| match segments {
        Some(length) => recording.with_segment_duration(length),
        None => recording,
    };
    // A file that cannot be written is said before anybody calls.
    let mut recorder = MediaRecorder::new(&options.record_to, segmented(RecorderOptions::default()))?;
    recorder.start().await?;
    let (begun, mut calls) = mpsc::channel(1);
    let desk = Arc::new(Desk {
        // Loopback is gathered too, since the browser may run on this machine.
        endpoint: Endpoint::new(EndpointConfig::default().with_gather_loopback(true))?,
        line: Arc::new(Semaphore::new(1)),
        begun,
    });
    let listener = tokio::net::TcpListener::bind(SocketAddr::new(options.host, options.port)).await?;
    println!("http://{}", listener.local_addr()?);
    let router = Router::new()
        .route("/", get(|| async { Html(include_str!("../static/index.html")) }))
        .route("/offer", post(offer))
        .with_state(desk);
    let recorded = tokio::select! {
        served = axum::serve(listener, router).into_future() => served.map_err(Failure::from),
        recorded = record(&mut calls, &mut recorder) => recorded,
        interrupted = tokio::signal::ctrl_c() => interrupted.map_err(Failure::from),
    };
    let recording = recorder.stop().await?;
    let (frames, seconds) = (recording.frames, recording.duration.as_secs_f64());
    println!("recorded {frames} frames, {seconds:.1} s, to {}", options.record_to.display());
    recorded
}

/// Answers whom there is a line for.
struct Desk {
    endpoint: Endpoint,
    /// There is one.
    line: Arc<Semaphore>,
    begun: mpsc::Sender<Call>,
}

struct Call {
    connection: PeerConnection,
    events: Events,
    _line: OwnedSemaphorePermit,
}

/// Why a call is not taken.
#[derive(Debug, Error)]
enum Refusal {
    #[error("there is a call already")]
    Busy,
    #[error("there is nothing to record")]
    Nothing,
    #[error("the recording is over")]
    Over,
    #[error(transparent)]
    New(#[from] NewError),
    #[error(transparent)]
    Description(#[from] DescriptionError),
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = match &self {
            Self::Busy | Self::Over => StatusCode::SERVICE_UNAVAILABLE,
            Self::New(_) => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        };
        (status, Json(json!({ "error": self.to_string() }))).into_response()
    }
}

async fn offer(
    State(desk): State<Arc<Desk>>,
    Json(offer): Json<SessionDescription>,
) -> Result<Json<SessionDescription>, Refusal> {
    let line = desk.line.clone().try_acquire_owned().map_err(|_| Refusal::Busy)?;
    let (connection, events) = PeerConnection::new(Configuration::default().with_endpoint(desk.endpoint.clone()))?;
    connection.set_remote_description(offer)?;
    connection.set_local_description(None)?;
    let comes = |it: &RtpTransceiver| matches!(it.current_direction(), Some(Direction::RecvOnly | Direction::SendRecv));
    if !connection.transceivers().iter().any(comes) {
        return Err(Refusal::Nothing);
    }
    // Host candidates are known at once, so that waiting for them costs nothing.
    connection.gathering_complete().await;
    let answer = connection.local_description().ok_or(DescriptionError::Closed)?;
    desk.begun.send(Call { connection, events, _line: line }).await.map_err(|_| Refusal::Over)?;
    Ok(Json(answer))
}

/// Records the first call that connects, to its end.
async fn record(calls: &mut mpsc::Receiver<Call>, recorder: &mut MediaRecorder) -> Result<(), Failure> {
    while let Some(mut call) = calls.recv().await {
        let ended = follow(&mut call.events, recorder).await;
        call.connection.close().await;
        if ended? {
            return Ok(());
        }
        eprintln!("a call did not connect");
    }
    Err("nobody can call any more".into())
}

/// Records a call; says whether there was one.
async fn follow(events: &mut Events, recorder: &mut MediaRecorder) -> Result<bool, Failure> {
    let mut overdue = pin!(sleep(PATIENCE));
    let mut connected = false;
    let mut tracks = Vec::new();
    loop {
        let event = tokio::select! {
            event = events.next() => event,
            () = &mut overdue, if !connected => return Ok(false),
        };
        tracing::debug!(?event, "call");
        match event {
            Some(Event::Track(event)) => tracks.push(event.track),
            Some(Event::ConnectionStateChange(ConnectionState::Connected)) => connected = true,
            Some(Event::ConnectionStateChange(ConnectionState::Failed)) if connected => {
                return Err("the connection failed".into());
            }
            None
            | Some(
                Event::DtlsStateChange { state: DtlsState::Closed, .. }
                | Event::ConnectionStateChange(ConnectionState::Failed),
            ) => return Ok(connected),
            Some(_) => {}
        }
        // What never connects leaves no track behind in the file.
        if connected {
            for track in tracks.drain(..) {
                recorder.add_track(track)?;
            }
        }
    }
}
