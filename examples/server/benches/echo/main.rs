//! What sending a picture back costs the server, beside what its codecs alone cost on the same frames.
//!
//! ```text
//! cargo bench -p ortica-server --bench echo
//! ```
//!
//! A caller sends pictures of 640x480 that were encoded beforehand, 30 in a second, and takes them back without decoding them;
//! the server decodes and encodes each. Then this process decodes and encodes the same frames in the same way, one after the
//! other.

use ortica::codecs::coder::{self, DecoderLimits, VideoEncoderConfig};
use ortica::codecs::synthetic::MovingPicture;
use ortica::codecs::{Codec, EncodedFrame};
use ortica::engine::ReceivedFrame;
use ortica::jsep::SessionDescription;
use ortica::{Configuration, Event, LocalTrack, PeerConnection, RemoteTrack};
use serde_json::{Value, json};
use std::error::Error;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval, timeout};

type Failure = Box<dyn Error>;

const WIDTH: u32 = 640;
const HEIGHT: u32 = 480;
const FRAME_RATE: u32 = 30;
/// Sent before anything is counted: the server finds its threads and memory.
const WARM_UP: usize = 60;
const MEASURED: usize = 600;
/// Of the frames that the caller sends.
const BITRATE: u32 = 1_500_000;
const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::main]
async fn main() -> ExitCode {
    match measure().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the echo was not measured: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn measure() -> Result<(), Failure> {
    let film = film()?;
    let (echo, returned) = echo(&film).await?;
    let alone = codecs_alone(&film)?;
    println!(
        "bar: echo of {WIDTH}x{HEIGHT} at {FRAME_RATE}/s: {returned} of {MEASURED} pictures back, {:.2} ms of CPU each in the \
         server; its codecs alone {:.2} ms on the same frames; ratio {:.2}",
        per_picture(echo),
        per_picture(alone),
        echo.as_secs_f64() / alone.as_secs_f64()
    );
    // One may be on its way when the counting ends.
    if returned + 1 < MEASURED {
        Err(format!("{} pictures did not come back", MEASURED - returned).into())
    } else {
        Ok(())
    }
}

fn per_picture(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3 / MEASURED as f64
}

/// What the caller sends: a moving picture, encoded.
fn film() -> Result<Vec<EncodedFrame>, Failure> {
    let film = MovingPicture::new(WIDTH, HEIGHT, FRAME_RATE)?;
    let config = VideoEncoderConfig::default().with_bitrate(BITRATE).with_frame_rate(FRAME_RATE);
    let mut encoder = coder::video_encoder(Codec::Vp8, &config)?;
    let mut frames = Vec::new();
    for number in 0..(WARM_UP + MEASURED) as u32 {
        frames.extend(encoder.encode(&film.picture(number), number == 0)?);
    }
    Ok(frames)
}

/// The CPU time of the server while it sends back what follows the warm-up, and how many pictures came back meanwhile.
async fn echo(film: &[EncodedFrame]) -> Result<(Duration, usize), Failure> {
    let server = Server::start()?;
    let track = LocalTrack::video();
    let (connection, mut events) = PeerConnection::new(Configuration::default())?;
    connection.add_track(&track, &["film"])?;
    connection.set_local_description(None)?;
    connection.gathering_complete().await;
    let offer = connection.local_description().ok_or("there is no offer")?;
    connection.set_remote_description(server.answer(&offer)?)?;
    let back = timeout(PATIENCE, async {
        loop {
            match events.next().await {
                Some(Event::Track(event)) => break Ok(event.track),
                Some(_) => {}
                None => break Err("the call ended"),
            }
        }
    });
    let back = back.await.map_err(|_| "no track came back")??;
    connection.connected().await.map_err(|_| "it did not connect")?;

    let (warm_up, measured) = film.split_at(WARM_UP);
    play(&track, &back, warm_up).await?;
    let before = server.cpu_time();
    let returned = play(&track, &back, measured).await?;
    let spent = server.cpu_time() - before;
    connection.close().await;
    Ok((spent, returned))
}

/// Sends at the frame rate; counts the pictures that come back meanwhile.
async fn play(track: &LocalTrack, back: &RemoteTrack, frames: &[EncodedFrame]) -> Result<usize, Failure> {
    let mut ticks = interval(Duration::from_secs(1) / FRAME_RATE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let (mut sent, mut returned) = (frames.iter(), 0);
    loop {
        tokio::select! {
            _ = ticks.tick() => match sent.next() {
                Some(frame) => drop(track.write_encoded(frame)?),
                None => return Ok(returned),
            },
            frame = back.recv_encoded() => match frame {
                Some(ReceivedFrame::Frame { .. }) => returned += 1,
                Some(_) => {}
                None => return Err("the track ended".into()),
            },
        }
    }
}

/// The CPU time of decoding and encoding what follows the warm-up.
fn codecs_alone(film: &[EncodedFrame]) -> Result<Duration, Failure> {
    let mut decoder = coder::video_decoder(Codec::Vp8, DecoderLimits::default())?;
    // As the server's tracks are encoded.
    let mut encoder = coder::video_encoder(Codec::Vp8, &VideoEncoderConfig::default())?;
    let mut before = Duration::ZERO;
    for (number, frame) in film.iter().enumerate() {
        if number == WARM_UP {
            before = cpu_time("self");
        }
        let picture = decoder.decode(frame)?.ok_or("a frame shows nothing")?;
        encoder.encode(&picture, number == 0)?.ok_or("a picture was dropped")?;
    }
    Ok(cpu_time("self") - before)
}

/// The server as a process of its own, until it is dropped.
struct Server {
    process: Child,
    url: String,
}

impl Server {
    fn start() -> Result<Self, Failure> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ortica-server"));
        let process = command.args(["--port", "0"]).stdout(Stdio::piped()).spawn()?;
        let mut server = Self { process, url: String::new() };
        let says = server.process.stdout.take().ok_or("the server is silent")?;
        BufReader::new(says).read_line(&mut server.url)?;
        Ok(server)
    }

    fn answer(&self, offer: &SessionDescription) -> Result<SessionDescription, Failure> {
        let request = json!({ "type": "offer", "sdp": offer.sdp });
        let mut response = ureq::post(format!("{}/offer", self.url.trim())).send_json(request)?;
        let answer: Value = response.body_mut().read_json()?;
        let sdp = answer["sdp"].as_str().ok_or("the server gave no description")?;
        Ok(SessionDescription::answer(sdp))
    }

    fn cpu_time(&self) -> Duration {
        cpu_time(&self.process.id().to_string())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// CPU time of a process, in user and kernel mode.
///
/// Source: proc_pid_stat(5), fields 14 and 15, in hundredths of a second on Linux.
fn cpu_time(process: &str) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: u64 = after_name.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}
