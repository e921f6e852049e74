//! The program as it is started, watched by viewers that decode what they are sent.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "all of it is a test: what fails here fails it")]

use ortica::codecs::coder::{self, VideoEncoderConfig};
use ortica::codecs::container::{WebmProfile, WebmTrack, WebmWriter};
use ortica::codecs::synthetic::{MovingPicture, frame_counter};
use ortica::codecs::{Codec, MediaKind};
use ortica::jsep::{SessionDescription, TransceiverInit};
use ortica::{Configuration, Direction, Event, Events, PeerConnection, RemoteTrack};
use serde_json::Value;
use std::fs::File;
use std::future::Future;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(60);
/// What the program is to show: small, so that many can watch.
const SMALL: [&str; 2] = ["--size", "320x240"];

/// Guards: nothing is encoded for nobody, and one encoder serves all, those who come later and those who see others leave.
#[tokio::test(flavor = "multi_thread")]
async fn all_viewers_see_pictures_that_were_encoded_once() {
    let broadcast = Program::start(&SMALL);
    assert_eq!(broadcast.count("picturesWritten"), 0);
    let mut viewers = Vec::new();
    for _ in 0..5 {
        viewers.push(Viewer::join(&broadcast).await);
    }
    for viewer in &viewers {
        assert!(viewer.sees(10).await);
        assert!(within(viewer.sound.recv_audio()).await.is_some());
    }
    let late = Viewer::join(&broadcast).await;
    assert!(late.sees(5).await);
    assert_eq!(broadcast.count("viewers"), 6);
    for viewer in viewers.drain(..4) {
        viewer.connection.close().await;
    }
    broadcast.until("viewers", 2).await;
    assert!(late.sees(10).await && viewers[0].sees(10).await);
    let stats = broadcast.stats();
    let [written, encoded] = ["picturesWritten", "picturesEncoded"].map(|name| stats[name].as_u64().unwrap());
    assert!((10..=written).contains(&encoded), "{stats}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_sent_as_it_is_and_again_and_again() {
    let film = Path::new(env!("CARGO_TARGET_TMPDIR")).join("broadcast.webm");
    write_film(&film, 20);
    let broadcast = Program::start(&["--play-from", film.to_str().unwrap(), "--play-without-decoding"]);
    let (viewer, other) = (Viewer::join(&broadcast).await, Viewer::join(&broadcast).await);
    // More than the file has.
    for _ in 0..25 {
        assert!(viewer.number().await < 20);
    }
    assert!(other.number().await < 20);
    assert_eq!(broadcast.count("picturesEncoded"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_answered_is_refused_and_takes_no_place() {
    let broadcast = Program::start(&["--viewers", "1", SMALL[0], SMALL[1]]);
    let refused = |offer: &SessionDescription| match broadcast.answer(offer) {
        Err(ureq::Error::StatusCode(status)) => status,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(&SessionDescription::offer("v=0\r\nnonsense")), 400);
    assert_eq!(broadcast.count("viewers"), 0);
    let viewer = Viewer::join(&broadcast).await;
    let (second, _events) = viewer_connection();
    assert_eq!(refused(&described(&second).await), 503);
    assert!(viewer.sees(2).await);
    viewer.connection.close().await;
    broadcast.until("viewers", 0).await;
    assert!(Viewer::join(&broadcast).await.sees(2).await);
}

#[test]
fn the_options_are_explained_and_wrong_ones_refused() {
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_broadcast")).args(arguments).output().unwrap();
        (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    };
    let (status, help) = run(&["--help"]);
    assert!(status == Some(0) && help.contains("--play-from <FILE>") && help.contains("--viewers"), "{help}");
    for (arguments, said) in [
        (&["--size", "wide"][..], "\"wide\" is no size like 1280x720"),
        (&["--size", "16x16"], "16x16"),
        (&["--play-without-decoding"], "--play-from"),
        (&["--play-from", "/nowhere.webm"], "/nowhere.webm"),
    ] {
        let (status, text) = run(arguments);
        assert!(status.is_some_and(|status| status != 0) && text.contains(said), "{arguments:?}: {text}");
    }
}

/// Pictures with their numbers, of which the first is a key frame.
fn write_film(path: &Path, count: u32) {
    let film = MovingPicture::new(320, 240, 30).unwrap();
    let mut encoder = coder::video_encoder(Codec::Vp8, &VideoEncoderConfig::default()).unwrap();
    let mut writer = WebmWriter::new(File::create(path).unwrap(), WebmProfile::Webm).unwrap();
    let pictures = writer.add_track(WebmTrack::video(Codec::Vp8, 320, 240)).unwrap();
    let tone = writer.add_track(WebmTrack::audio(Codec::Opus, 2)).unwrap();
    for number in 0..count {
        let frame = encoder.encode(&film.picture(number), number == 0).unwrap().unwrap();
        writer.write(pictures, frame.time(), &frame).unwrap();
        let silence = ortica::codecs::EncodedFrame::new(Codec::Opus, vec![0xf8, 0xff, 0xfe], i64::from(number) * 1_600);
        writer.write(tone, silence.time(), &silence).unwrap();
    }
    writer.finish().unwrap();
}

/// A viewer and what it is sent.
struct Viewer {
    connection: PeerConnection,
    pictures: RemoteTrack,
    sound: RemoteTrack,
}

impl Viewer {
    async fn join(broadcast: &Program) -> Self {
        let (connection, mut events) = viewer_connection();
        let offer = described(&connection).await;
        connection.set_remote_description(broadcast.answer(&offer).unwrap()).unwrap();
        let (mut pictures, mut sound) = (None, None);
        while pictures.is_none() || sound.is_none() {
            if let Event::Track(event) = within(events.next()).await.unwrap() {
                let track = if event.track.kind() == MediaKind::Video { &mut pictures } else { &mut sound };
                *track = Some(event.track);
            }
        }
        Self { connection, pictures: pictures.unwrap(), sound: sound.unwrap() }
    }

    /// The number in its next picture.
    async fn number(&self) -> u16 {
        let picture = within(self.pictures.recv_video()).await.unwrap();
        frame_counter(&picture).expect("a number can be read")
    }

    /// Whether so many pictures come, with numbers that rise.
    async fn sees(&self, count: usize) -> bool {
        let mut last = self.number().await;
        for _ in 1..count {
            let number = self.number().await;
            if number <= last {
                return false;
            }
            last = number;
        }
        true
    }
}

fn viewer_connection() -> (PeerConnection, Events) {
    let (connection, events) = PeerConnection::new(Configuration::default().with_gather_loopback(true)).unwrap();
    for kind in [MediaKind::Audio, MediaKind::Video] {
        let init = TransceiverInit { direction: Direction::RecvOnly, ..TransceiverInit::default() };
        connection.add_transceiver(kind, init).unwrap();
    }
    (connection, events)
}

async fn described(connection: &PeerConnection) -> SessionDescription {
    connection.set_local_description(None).unwrap();
    connection.gathering_complete().await;
    connection.local_description().unwrap()
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.expect("it is done in time")
}

/// The program as a process of its own, until it is dropped.
struct Program {
    process: Child,
    url: String,
}

impl Program {
    fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_broadcast"));
        let mut process = command.args(["--port", "0"]).args(arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut url = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut url).unwrap();
        Self { process, url: url.trim().to_owned() }
    }

    fn answer(&self, offer: &SessionDescription) -> Result<SessionDescription, ureq::Error> {
        ureq::post(format!("{}/offer", self.url)).send_json(offer)?.body_mut().read_json()
    }

    fn stats(&self) -> Value {
        ureq::get(format!("{}/stats", self.url)).call().unwrap().body_mut().read_json().unwrap()
    }

    fn count(&self, name: &str) -> u64 {
        self.stats()[name].as_u64().unwrap()
    }

    /// Asks until the answer is this.
    async fn until(&self, name: &str, wanted: u64) {
        within(async {
            while self.count(name) != wanted {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
