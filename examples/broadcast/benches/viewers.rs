//! What one viewer of a broadcast costs, and what twenty do, at 1280x720: the encoder should not notice. Beside it aiortc's `webcam`,
//! whose relay gives each viewer an encoder of its own.
//!
//! ```text
//! cargo bench -p broadcast
//! ```
//!
//! Both play the same file and are taken from what the kernel says of their threads; viewers are in this process and decode nothing.

#[path = "../../server/benches/echo/accounting.rs"]
#[allow(dead_code, reason = "each bench uses its part")]
mod accounting;

use accounting::{CpuTimes, percent};
use ortica::codecs::coder::{self, VideoEncoderConfig};
use ortica::codecs::container::{WebmProfile, WebmTrack, WebmWriter};
use ortica::codecs::synthetic::MovingPicture;
use ortica::codecs::{Codec, MediaKind};
use ortica::engine::ReceivedFrame;
use ortica::jsep::{SessionDescription, TransceiverInit};
use ortica::{Configuration, Direction, Event, PeerConnection};
use serde_json::{Value, json};
use std::env;
use std::error::Error;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};

type Failure = Box<dyn Error + Send + Sync>;

const WIDTH: u32 = 1280;
const HEIGHT: u32 = 720;
const FRAME_RATE: u32 = 30;
/// Pictures of the file, which is played over and over.
const FILM: u32 = 300;
const BITRATE: u32 = 2_500_000;
const MANY: usize = 20;
/// How often one viewer and many of them are measured, in turn.
const ROUNDS: usize = 3;
/// Until nothing is set up any more.
const SETTLE: Duration = Duration::from_secs(3);
const MEASURED: Duration = Duration::from_secs(10);
const PATIENCE: Duration = Duration::from_secs(60);
/// The threads that encode.
const CODECS: &str = "ortica-codec";
/// What twenty viewers may cost the encoder beyond one, in percent of what one costs: frames are handed to each on that thread.
const MOST_GROWTH: f64 = 10.0;

#[tokio::main]
async fn main() -> ExitCode {
    match measure().await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("encoding for {MANY} costs more than {MOST_GROWTH} % beyond encoding for one");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("the viewers were not measured: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether the encoder costs the same for many.
async fn measure() -> Result<bool, Failure> {
    let film = Path::new(env!("CARGO_TARGET_TMPDIR")).join("viewers.webm");
    write_film(&film)?;
    let ours = Program::ours(&film)?;
    let (mut one, mut many) = (Cost::default(), Cost::default());
    for _ in 0..ROUNDS {
        one.add(ours.watched_by(1).await?);
        many.add(ours.watched_by(MANY).await?);
    }
    let codecs = [&one, &many].map(|cost| percent(cost.spent.of_threads(CODECS), cost.time));
    let growth = (codecs[1] / codecs[0] - 1.0) * 100.0;
    println!(
        "bar: broadcast of {WIDTH}x{HEIGHT} at {FRAME_RATE}/s: the encoder takes {:.1} % of a core for one viewer, {:.1} % for \
         {MANY} ({growth:+.1} %); in all {} for one, {} for {MANY}",
        codecs[0],
        codecs[1],
        one.told(1),
        many.told(MANY),
    );
    println!(
        "of the threads: one viewer {}; {MANY} viewers {}",
        one.spent.shares(one.time),
        many.spent.shares(many.time)
    );
    drop(ours);
    match Program::of_aiortc(&film) {
        Ok(theirs) => {
            let (one_of_theirs, many_of_theirs) = (theirs.watched_by(1).await?, theirs.watched_by(MANY).await?);
            println!(
                "bar: the same by aiortc's webcam with its relay: {} for one, {} for {MANY}; {:.0} times our CPU for a picture \
                 that a viewer gets",
                one_of_theirs.told(1),
                many_of_theirs.told(MANY),
                many_of_theirs.per_picture() / many.per_picture(),
            );
        }
        Err(lack) => println!("without aiortc: {lack}"),
    }
    Ok(growth <= MOST_GROWTH)
}

/// What a program took for its viewers.
#[derive(Default)]
struct Cost {
    spent: CpuTimes,
    time: Duration,
    /// Pictures that arrived, counted for each viewer.
    pictures: u64,
}

impl Cost {
    fn add(&mut self, other: Self) {
        self.spent.add(&other.spent);
        self.time += other.time;
        self.pictures += other.pictures;
    }

    fn per_picture(&self) -> f64 {
        self.spent.total().as_secs_f64() * 1e3 / self.pictures as f64
    }

    fn told(&self, viewers: usize) -> String {
        let rate = self.pictures as f64 / self.time.as_secs_f64() / viewers as f64;
        format!("{:.1} % of a core and {rate:.1} pictures/s each", percent(self.spent.total(), self.time))
    }
}

/// A moving picture as a file, which begins with its only key frame.
fn write_film(path: &Path) -> Result<(), Failure> {
    let pictures = MovingPicture::new(WIDTH, HEIGHT, FRAME_RATE)?;
    let config = VideoEncoderConfig::default().with_bitrate(BITRATE).with_frame_rate(FRAME_RATE);
    let mut encoder = coder::video_encoder(Codec::Vp8, &config)?;
    let mut writer = WebmWriter::new(File::create(path)?, WebmProfile::Webm)?;
    let track = writer.add_track(WebmTrack::video(Codec::Vp8, WIDTH, HEIGHT))?;
    for number in 0..FILM {
        if let Some(frame) = encoder.encode(&pictures.picture(number), number == 0)? {
            writer.write(track, frame.time(), &frame)?;
        }
    }
    writer.finish()?;
    Ok(())
}

/// A program that serves viewers, until it is dropped.
struct Program {
    process: Child,
    url: String,
}

impl Program {
    fn ours(film: &Path) -> Result<Self, Failure> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_broadcast"));
        command.args(["--port", "0", "--bitrate", &(BITRATE / 1_000).to_string(), "--play-from"]).arg(film);
        let mut process = command.stdout(Stdio::piped()).spawn()?;
        let says = process.stdout.take();
        let mut program = Self { process, url: String::new() };
        BufReader::new(says.ok_or("the program is silent")?).read_line(&mut program.url)?;
        Ok(program)
    }

    /// aiortc's `webcam`, as `interop/aiortc/run.sh` fetched it, with a file where its camera would be.
    fn of_aiortc(film: &Path) -> Result<Self, Failure> {
        let usual = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target");
        let target = env::var_os("CARGO_TARGET_DIR").map_or(usual, PathBuf::from);
        let (python, webcam) =
            (target.join("interop-aiortc/bin/python"), target.join("interop-aiortc-examples/webcam"));
        let needs = Command::new(&python).args(["-c", "import aiohttp, aiortc"]).stderr(Stdio::null()).status();
        if !needs.is_ok_and(|status| status.success()) || !webcam.join("webcam.py").exists() {
            return Err("it is not there: interop/aiortc/run.sh --example installs it".into());
        }
        // A port that was free a moment ago: the example takes none from the system.
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let mut command = Command::new(python);
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/webcam.py")).arg(webcam).arg(film);
        command.args(["--host", "127.0.0.1", "--port", &port.to_string()]);
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let program = Self { process, url: format!("http://127.0.0.1:{port}") };
        let began = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            if began.elapsed() > PATIENCE {
                return Err("it does not start".into());
            }
            thread::sleep(Duration::from_millis(100));
        }
        Ok(program)
    }

    /// What it takes for so many viewers, who leave in the end.
    async fn watched_by(&self, count: usize) -> Result<Cost, Failure> {
        let pictures = Arc::new(AtomicU64::new(0));
        let mut viewers = Vec::new();
        for _ in 0..count {
            viewers.push(self.join(pictures.clone()).await?);
        }
        sleep(SETTLE).await;
        let (began, before, seen) = (Instant::now(), self.cpu_times(), pictures.load(Ordering::Relaxed));
        sleep(MEASURED).await;
        let cost = Cost {
            spent: self.cpu_times().since(&before),
            time: began.elapsed(),
            pictures: pictures.load(Ordering::Relaxed) - seen,
        };
        for viewer in viewers {
            viewer.close().await;
        }
        Ok(cost)
    }

    /// One more viewer, who counts the pictures that come. Each has sockets of its own, as viewers have.
    async fn join(&self, pictures: Arc<AtomicU64>) -> Result<PeerConnection, Failure> {
        let (viewer, mut events) = PeerConnection::new(Configuration::default())?;
        let init =
            TransceiverInit { direction: Direction::RecvOnly, codecs: vec![Codec::Vp8], ..TransceiverInit::default() };
        viewer.add_transceiver(MediaKind::Video, init)?;
        viewer.set_local_description(None)?;
        viewer.gathering_complete().await;
        let offer = viewer.local_description().ok_or("there is no offer")?;
        viewer.set_remote_description(self.answer(&offer)?)?;
        tokio::spawn(async move {
            while let Some(event) = events.next().await {
                let Event::Track(event) = event else { continue };
                let pictures = pictures.clone();
                tokio::spawn(async move {
                    while let Some(frame) = event.track.recv_encoded().await {
                        pictures.fetch_add(u64::from(matches!(frame, ReceivedFrame::Frame { .. })), Ordering::Relaxed);
                    }
                });
            }
        });
        let connected = timeout(PATIENCE, viewer.connected()).await.map_err(|_| "it does not connect")?;
        connected.map_err(|state| format!("it is {state:?}"))?;
        Ok(viewer)
    }

    fn answer(&self, offer: &SessionDescription) -> Result<SessionDescription, Failure> {
        let request = json!({ "type": "offer", "sdp": offer.sdp });
        let answer: Value =
            ureq::post(format!("{}/offer", self.url.trim())).send_json(request)?.body_mut().read_json()?;
        Ok(SessionDescription::answer(answer["sdp"].as_str().ok_or("there is no answer")?))
    }

    fn cpu_times(&self) -> CpuTimes {
        CpuTimes::of_child(&self.process)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
