//! What sending a picture back costs the server, beside what its codecs alone cost on the same frames, and beside what aiortc's
//! example of the same name takes for it.
//!
//! ```text
//! cargo bench -p ortica-server --bench echo
//! ```
//!
//! A caller sends pictures of 640x480 that were encoded beforehand, 30 in a second, and takes them back without decoding them;
//! the server decodes and encodes each. In between a thread of this process decodes and encodes the same frames at the same times,
//! without any network. Both are taken from what the kernel says of their threads.

mod accounting;
mod servers;

use accounting::{CpuTimes, percent};
use ortica::codecs::coder::{self, DecoderLimits, VideoDecoder, VideoEncoder, VideoEncoderConfig};
use ortica::codecs::synthetic::MovingPicture;
use ortica::codecs::{Codec, EncodedFrame};
use ortica::engine::ReceivedFrame;
use ortica::{Configuration, Event, LocalTrack, PeerConnection, RemoteTrack};
use servers::Server;
use std::error::Error;
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};
use tokio::time::{MissedTickBehavior, interval, timeout};

type Failure = Box<dyn Error + Send + Sync>;

const WIDTH: u32 = 640;
const HEIGHT: u32 = 480;
const FRAME_RATE: u32 = 30;
/// Sent before anything is counted: the server finds its threads and memory.
const WARM_UP: usize = 60;
/// Pictures that are counted in a round.
const MEASURED: usize = 300;
/// Rounds of each, in turn, so that a machine that changes its speed changes it for all.
const ROUNDS: usize = 3;
/// Of the frames that the caller sends.
const BITRATE: u32 = 1_500_000;
const PATIENCE: Duration = Duration::from_secs(20);
/// What the server may take beyond its codecs, in percent of a core.
const MOST_BEYOND: f64 = 1.0;
/// The thread that runs the codecs without a server.
const ALONE: &str = "alone";

#[tokio::main]
async fn main() -> ExitCode {
    match measure().await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("the server takes more than its codecs and {MOST_BEYOND} % of a core");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("the echo was not measured: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether the server keeps to its bar.
async fn measure() -> Result<bool, Failure> {
    let film = film()?;
    let (mut ours, mut theirs) = (Call::new(Server::ours()?).await?, None);
    match Server::of_aiortc() {
        Ok(server) => theirs = Some(Call::new(server).await?),
        Err(lack) => println!("without aiortc: {lack}"),
    }
    let alone = Alone::start(film.clone());
    let (mut echo, mut codecs, mut aiortc) = (Cost::default(), Cost::default(), Cost::default());
    let (warm_up, measured) = film.split_at(WARM_UP);
    for call in [Some(&mut ours), theirs.as_mut()].into_iter().flatten() {
        call.play(warm_up).await?;
    }
    alone.play(WARM_UP)?;
    for round in measured.chunks(MEASURED) {
        echo.add(ours.play(round).await?);
        codecs.add(alone.play(round.len())?);
        if let Some(theirs) = &mut theirs {
            aiortc.add(theirs.play(round).await?);
        }
    }
    let beyond = echo.percent() - codecs.percent();
    println!(
        "bar: echo of {WIDTH}x{HEIGHT} at {FRAME_RATE}/s: {:.1} % of a core in the server ({}), {:.1} % for its codecs alone on the \
         same frames: {beyond:.1} % beyond, ratio {:.2}; {} of {} pictures back",
        echo.percent(),
        echo.spent.shares(echo.time),
        codecs.percent(),
        echo.percent() / codecs.percent(),
        echo.returned,
        measured.len(),
    );
    if theirs.is_some() {
        println!(
            "bar: the same by aiortc's example: {:.1} % of a core, {:.2} times as much; {} of {} pictures back",
            aiortc.percent(),
            aiortc.percent() / echo.percent(),
            aiortc.returned,
            measured.len(),
        );
    }
    // One may be on its way whenever the counting ends.
    if echo.returned + ROUNDS < measured.len() {
        return Err(format!("{} pictures did not come back", measured.len() - echo.returned).into());
    }
    Ok(beyond <= MOST_BEYOND)
}

/// What rounds took together.
#[derive(Default)]
struct Cost {
    spent: CpuTimes,
    time: Duration,
    returned: usize,
}

impl Cost {
    fn add(&mut self, other: Self) {
        self.spent.add(&other.spent);
        self.time += other.time;
        self.returned += other.returned;
    }

    /// Of a core.
    fn percent(&self) -> f64 {
        percent(self.spent.total(), self.time)
    }
}

/// What the caller sends: a moving picture, encoded.
fn film() -> Result<Vec<EncodedFrame>, Failure> {
    let film = MovingPicture::new(WIDTH, HEIGHT, FRAME_RATE)?;
    let config = VideoEncoderConfig::default().with_bitrate(BITRATE).with_frame_rate(FRAME_RATE);
    let mut encoder = coder::video_encoder(Codec::Vp8, &config)?;
    let mut frames = Vec::new();
    for number in 0..(WARM_UP + ROUNDS * MEASURED) as u32 {
        frames.extend(encoder.encode(&film.picture(number), number == 0)?);
    }
    Ok(frames)
}

/// A call of a server, which sends back what it is sent.
struct Call {
    server: Server,
    _connection: PeerConnection,
    track: LocalTrack,
    back: RemoteTrack,
}

impl Call {
    async fn new(server: Server) -> Result<Self, Failure> {
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
        timeout(PATIENCE, connection.connected()).await.map_err(|_| "it did not connect")?.map_err(|_| "it failed")?;
        Ok(Self { server, _connection: connection, track, back })
    }

    /// Sends at the frame rate; counts the pictures that come back meanwhile.
    async fn play(&mut self, frames: &[EncodedFrame]) -> Result<Cost, Failure> {
        let mut ticks = interval(Duration::from_secs(1) / FRAME_RATE);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let (began, before) = (Instant::now(), self.server.cpu_times());
        let (mut sent, mut returned) = (frames.iter(), 0);
        loop {
            tokio::select! {
                _ = ticks.tick() => match sent.next() {
                    Some(frame) => drop(self.track.write_encoded(frame)?),
                    None => break,
                },
                frame = self.back.recv_encoded() => match frame {
                    Some(ReceivedFrame::Frame { .. }) => returned += 1,
                    Some(_) => {}
                    None => return Err("the track ended".into()),
                },
            }
        }
        Ok(Cost { spent: self.server.cpu_times().since(&before), time: began.elapsed(), returned })
    }
}

/// A thread that decodes and encodes as the server does, and nothing else.
struct Alone {
    orders: mpsc::Sender<usize>,
    costs: mpsc::Receiver<Result<Cost, Failure>>,
}

impl Alone {
    fn start(film: Vec<EncodedFrame>) -> Self {
        let (orders, ordered) = mpsc::channel::<usize>();
        let (told, costs) = mpsc::channel();
        let thread = thread::Builder::new().name(ALONE.to_owned());
        let spawned = thread.spawn(move || {
            let mut film = film.into_iter();
            let coders = coder::video_decoder(Codec::Vp8, DecoderLimits::default()).and_then(|decoder| {
                // As the server's tracks are encoded.
                Ok((decoder, coder::video_encoder(Codec::Vp8, &VideoEncoderConfig::default())?))
            });
            let Ok((mut decoder, mut encoder)) = coders else { return };
            for count in ordered {
                let round = film.by_ref().take(count);
                // Nobody may be left to hear it.
                let _ = told.send(play_alone(round, decoder.as_mut(), encoder.as_mut()));
            }
        });
        if let Err(error) = spawned {
            eprintln!("no thread for the codecs: {error}");
        }
        Self { orders, costs }
    }

    /// The next frames of the film.
    fn play(&self, count: usize) -> Result<Cost, Failure> {
        self.orders.send(count)?;
        self.costs.recv()?
    }
}

fn play_alone(
    frames: impl Iterator<Item = EncodedFrame>,
    decoder: &mut dyn VideoDecoder,
    encoder: &mut dyn VideoEncoder,
) -> Result<Cost, Failure> {
    let (began, before) = (Instant::now(), CpuTimes::own());
    let (mut due, mut returned) = (began, 0);
    for frame in frames {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        due += Duration::from_secs(1) / FRAME_RATE;
        let picture = decoder.decode(&frame)?.ok_or("a frame shows nothing")?;
        encoder.encode(&picture, frame.key_frame)?.ok_or("a picture was dropped")?;
        returned += 1;
    }
    thread::sleep(due.saturating_duration_since(Instant::now()));
    let spent = CpuTimes::own().since(&before).only(ALONE);
    Ok(Cost { spent, time: began.elapsed(), returned })
}
