//! The program as a process of its own, calls to it, and what it recorded.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "all of it is a test: what fails here fails it")]

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use ortica::codecs::synthetic::{frame_counter, tone_level};
use ortica::jsep::SessionDescription;
use ortica::media::{Frame, MediaPlayer, MediaSource, PlayerOptions, test_picture, tone};
use ortica::{Configuration, DataChannelInit, Events, LocalTrack, PeerConnection, TrackConfig};
use std::fs;
use std::future::Future;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;
use tokio::time::timeout;

const SIZE: (u32, u32) = (320, 240);

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_recorded_until_the_caller_hangs_up() {
    let folder = folder("call");
    let program = Program::start(&folder, &["--record-to", "call.webm"]);
    // Neither of these is a call, and the next one is.
    assert_eq!(program.refusal(&SessionDescription::offer("v=0\r\nnonsense")), 400);
    let (silent, _events) = PeerConnection::new(Configuration::default().with_gather_loopback(true)).unwrap();
    silent.create_data_channel("chat", DataChannelInit::default()).unwrap();
    assert_eq!(program.refusal(&described(&silent).await), 400);

    let call = Caller::call(&program).await;
    assert_eq!(program.refusal(&call.offer), 503, "there is one call at a time");
    call.goes_on(60).await;
    call.connection.close().await;
    let said = program.finish();
    assert!(said.contains("recorded ") && said.ends_with("to call.webm\n"), "{said}");

    let film = Film::of(&folder.join("call.webm")).await;
    assert!(said.contains(&format!("recorded {} frames", film.frames)), "{said}: {}", film.frames);
    assert!(film.numbers.len() > 20 && film.numbers.windows(2).all(|pair| pair[0] < pair[1]), "{:?}", film.numbers);
    assert!(film.heard > film.sounds / 2 && film.sounds > 20, "the tone in {} frames of {}", film.heard, film.sounds);
}

/// What was recorded by then is whole.
#[tokio::test(flavor = "multi_thread")]
async fn an_interrupt_ends_the_file() {
    let folder = folder("interrupt");
    let program = Program::start(&folder, &[]);
    let call = Caller::call(&program).await;
    call.goes_on(30).await;
    kill(Pid::from_raw(program.process.id().try_into().unwrap()), Signal::SIGINT).unwrap();
    let said = program.finish();
    let film = Film::of(&folder.join("call.webm")).await;
    assert!(said.contains(&format!("recorded {} frames", film.frames)) && film.numbers.len() > 5, "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_may_be_short_and_many() {
    let folder = folder("segments");
    let program = Program::start(&folder, &["--record-to", "part.mkv", "--segments", "1"]);
    let call = Caller::call(&program).await;
    call.goes_on(75).await;
    call.connection.close().await;
    program.finish();
    let parts = [1, 2].map(|number| folder.join(format!("part-000{number}.mkv")));
    let mut last = None;
    for part in parts {
        let numbers = Film::of(&part).await.numbers;
        assert!(numbers.first() > last.as_ref(), "{}: {numbers:?} after {last:?}", part.display());
        last = numbers.last().copied();
    }
}

#[test]
fn help_names_the_options_and_a_file_that_cannot_be_is_named() {
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_record")).args(arguments).output().unwrap();
        (output.status.success(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    };
    let (success, help) = run(&["--help"]);
    assert!(success && help.contains("--record-to <FILE>") && help.contains("--segments <SECONDS>"), "{help}");
    for file in ["nowhere/call.webm", "call.unknown"] {
        let (success, said) = run(&["--port", "0", "--record-to", file]);
        assert!(!success && said.contains(file), "{said}");
    }
}

/// A caller with a moving picture and a tone.
struct Caller {
    connection: PeerConnection,
    picture: LocalTrack,
    offer: SessionDescription,
    _events: Events,
}

impl Caller {
    async fn call(program: &Program) -> Self {
        let (connection, events) = PeerConnection::new(Configuration::default().with_gather_loopback(true)).unwrap();
        let picture = LocalTrack::pulled(test_picture(SIZE.0, SIZE.1, 30).unwrap(), TrackConfig::default());
        let sound = LocalTrack::pulled(tone(440.0).unwrap(), TrackConfig::default());
        for track in [&sound, &picture] {
            connection.add_track(track, &["call"]).unwrap();
        }
        let offer = described(&connection).await;
        connection.set_remote_description(program.answer(&offer).unwrap()).unwrap();
        within(connection.connected()).await.unwrap();
        Self { connection, picture, offer, _events: events }
    }

    /// Waits until so many more pictures are encoded.
    async fn goes_on(&self, pictures: u64) {
        let until = self.picture.stats().frames_encoded + pictures;
        within(async {
            while self.picture.stats().frames_encoded < until {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
}

async fn described(connection: &PeerConnection) -> SessionDescription {
    connection.set_local_description(None).unwrap();
    connection.gathering_complete().await;
    connection.local_description().unwrap()
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(60), future).await.expect("it is done in time")
}

/// A recording that was read back.
#[derive(Default)]
struct Film {
    /// In its pictures.
    numbers: Vec<u16>,
    /// Frames of sound, and those of them in which the tone is heard.
    sounds: usize,
    heard: usize,
    /// Of both kinds, encoded.
    frames: usize,
}

impl Film {
    async fn of(path: &Path) -> Self {
        let mut film = Self::default();
        for decode in [true, false] {
            let player = MediaPlayer::open(path, PlayerOptions::default().with_decode(decode)).await.unwrap();
            for mut track in [player.audio().unwrap(), player.video().unwrap()] {
                while let Some(frame) = track.recv().await {
                    match frame {
                        Frame::Audio(sound) => {
                            let (tone, other) = (tone_level(&sound, 440.0), tone_level(&sound, 1_000.0));
                            film.sounds += 1;
                            film.heard += usize::from(tone > 0.05 && tone > 10.0 * other);
                        }
                        Frame::Video(picture) => {
                            assert_eq!((picture.width(), picture.height()), SIZE);
                            film.numbers.push(frame_counter(&picture).expect("a number can be read"));
                        }
                        Frame::Encoded { .. } => film.frames += 1,
                        other => panic!("{other:?}"),
                    }
                }
            }
        }
        film
    }
}

/// The program in a folder; it does not outlive its test.
struct Program {
    process: Child,
    out: BufReader<ChildStdout>,
    url: String,
}

impl Program {
    fn start(folder: &Path, arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_record"));
        command.current_dir(folder).args(["--port", "0"]).args(arguments).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let (mut out, mut url) = (BufReader::new(process.stdout.take().unwrap()), String::new());
        out.read_line(&mut url).unwrap();
        Self { process, out, url: url.trim().to_owned() }
    }

    fn answer(&self, offer: &SessionDescription) -> Result<SessionDescription, ureq::Error> {
        ureq::post(format!("{}/offer", self.url)).send_json(offer)?.body_mut().read_json()
    }

    fn refusal(&self, offer: &SessionDescription) -> u16 {
        match self.answer(offer) {
            Err(ureq::Error::StatusCode(status)) => status,
            other => panic!("{other:?}"),
        }
    }

    /// What it says until it ends, which it does well.
    fn finish(mut self) -> String {
        let mut said = String::new();
        self.out.read_to_string(&mut said).unwrap();
        assert!(self.process.wait().unwrap().success(), "{said}");
        said
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
