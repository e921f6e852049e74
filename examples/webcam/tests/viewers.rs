//! The program as a process of its own, and viewers that look at what it shows.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "all of it is a test: what fails here fails it")]

use nix::sys::signal::Signal;
use ortica::codecs::coder::{self, VideoEncoderConfig};
use ortica::codecs::container::{WebmProfile, WebmTrack, WebmWriter};
use ortica::codecs::synthetic::{MovingPicture, frame_counter, tone_level};
use ortica::codecs::{Codec, EncodedFrame, MediaKind};
use ortica::engine::DtlsState;
use ortica::jsep::{SessionDescription, TransceiverInit};
use ortica::{Configuration, Direction, Event, Events, PeerConnection, RemoteTrack, RtpReceiver};
use std::fs::File;
use std::future::Future;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::time::timeout;

/// Guards that the source is everybody's: one of a later viewer's own would begin with number 0.
#[tokio::test(flavor = "multi_thread")]
async fn all_see_the_same_moving_picture_and_hear_the_tone() {
    let webcam = Program::start(&[]);
    let viewer = Viewer::join(&webcam, &[]).await;
    let mut last = viewer.number().await;
    for _ in 0..15 {
        let number = viewer.number().await;
        assert!(number > last, "{number} after {last}");
        last = number;
    }
    viewer.hears_the_tone().await;
    let late = Viewer::join(&webcam, &[]).await;
    let first = late.number().await;
    assert!(first > last, "the late viewer begins with {first}, when the other one has seen {last}");
    viewer.connection.close().await;
    assert!(late.number().await > first, "it goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn sound_and_pictures_go_in_the_codecs_that_are_named() {
    for (sound, pictures, wanted) in [("PCMU", "video/h264", ["PCMU", "H264"]), ("audio/opus", "VP9", ["opus", "VP9"])]
    {
        let webcam = Program::start(&["--audio-codec", sound, "--video-codec", pictures]);
        let viewer = Viewer::join(&webcam, &[]).await;
        let answer = viewer.connection.remote_description().unwrap().sdp;
        let agreed = answer.lines().filter_map(|line| line.strip_prefix("a=rtpmap:")?.split_once(' '));
        let mut agreed: Vec<_> = agreed.map(|(_, codec)| codec.split('/').next().unwrap()).collect();
        agreed.retain(|codec| *codec != "rtx");
        agreed.dedup();
        assert_eq!(agreed, wanted, "{answer}");
        let (first, second) = (viewer.number().await, viewer.number().await);
        assert!(second > first, "{pictures}: {second} after {first}");
        viewer.hears_the_tone().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_shown_again_and_again_decoded_or_not() {
    let film = film("webcam.webm", 20);
    for how in [&["--video-codec", "H264"][..], &["--play-without-decoding"]] {
        let webcam = Program::start(&[&["--play-from", film.to_str().unwrap()], how].concat());
        let viewer = Viewer::join(&webcam, &[]).await;
        let mut numbers = Vec::new();
        // More than the file has.
        while numbers.len() < 30 {
            numbers.push(viewer.number().await);
        }
        assert!(numbers.iter().all(|&number| number < 20), "{how:?}: {numbers:?}");
        assert!(numbers.windows(2).any(|pair| pair[1] < pair[0]), "{how:?}: {numbers:?}");
        assert!(within(viewer.sound.recv_audio()).await.is_some());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_shown_is_refused_and_others_go_on() {
    let webcam = Program::start(&["--video-codec", "VP9"]);
    let refused = |offer: &SessionDescription| match webcam.answer(offer) {
        Err(ureq::Error::StatusCode(status)) => status,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(&SessionDescription::offer("v=0\r\nnonsense")), 400);
    // Nothing but pictures, and in another codec.
    let (connection, _events) = connection(&[MediaKind::Video], &["video/VP8"]);
    assert_eq!(refused(&described(&connection).await), 400);
    let sees = Viewer::join(&webcam, &["video/VP9", "audio/opus"]).await;
    assert!(sees.number().await < sees.number().await);
}

/// Guards that viewers are told the end: without it they would wait for it to come back.
#[tokio::test(flavor = "multi_thread")]
async fn an_interrupt_is_told_to_who_looks() {
    let mut webcam = Program::start(&[]);
    let mut viewer = Viewer::join(&webcam, &[]).await;
    viewer.number().await;
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(webcam.process.id().try_into().unwrap()), Signal::SIGINT)
        .unwrap();
    within(async {
        while !matches!(viewer.events.next().await, Some(Event::DtlsStateChange { state: DtlsState::Closed, .. })) {}
    })
    .await;
    assert!(webcam.process.wait().unwrap().success());
}

#[test]
fn the_options_are_explained_and_wrong_ones_refused() {
    let film = film("options.webm", 1);
    let film = film.to_str().unwrap();
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_webcam")).args(arguments).output().unwrap();
        (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    };
    let (status, help) = run(&["--help"]);
    for word in ["--play-from <FILE>", "--play-without-decoding", "--audio-codec <CODEC>", "--video-codec <CODEC>"] {
        assert!(status == Some(0) && help.contains(word), "{word}: {help}");
    }
    for (arguments, said) in [
        (&["--video-codec", "theora"][..], "there are VP8"),
        (&["--video-codec", "opus"], "there are VP8"),
        (&["--play-without-decoding"], "--play-from"),
        (&["--play-from", "/nowhere.webm"], "/nowhere.webm"),
        (&["--play-from", film, "--play-without-decoding", "--video-codec", "H264"], "has video/VP8"),
    ] {
        let (status, text) = run(arguments);
        assert!(status.is_some_and(|status| status != 0) && text.contains(said), "{arguments:?}: {text}");
    }
}

/// A film of so many numbered pictures, of which the first is a key frame, and silence.
fn film(name: &str, count: u32) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let film = MovingPicture::new(320, 240, 30).unwrap();
    let mut encoder = coder::video_encoder(Codec::Vp8, &VideoEncoderConfig::default()).unwrap();
    let mut writer = WebmWriter::new(File::create(&path).unwrap(), WebmProfile::Webm).unwrap();
    let pictures = writer.add_track(WebmTrack::video(Codec::Vp8, 320, 240)).unwrap();
    let sound = writer.add_track(WebmTrack::audio(Codec::Opus, 2)).unwrap();
    for number in 0..count {
        let frame = encoder.encode(&film.picture(number), number == 0).unwrap().unwrap();
        writer.write(pictures, frame.time(), &frame).unwrap();
        let silence = EncodedFrame::new(Codec::Opus, vec![0xf8, 0xff, 0xfe], i64::from(number) * 1_600);
        writer.write(sound, silence.time(), &silence).unwrap();
    }
    writer.finish().unwrap();
    path
}

/// A viewer and what it is sent.
struct Viewer {
    connection: PeerConnection,
    events: Events,
    pictures: RemoteTrack,
    sound: RemoteTrack,
}

impl Viewer {
    /// One that knows these codecs alone, or all there are.
    async fn join(webcam: &Program, codecs: &[&str]) -> Self {
        let (connection, mut events) = connection(&[MediaKind::Audio, MediaKind::Video], codecs);
        let offer = described(&connection).await;
        connection.set_remote_description(webcam.answer(&offer).unwrap()).unwrap();
        let (mut pictures, mut sound) = (None, None);
        while pictures.is_none() || sound.is_none() {
            if let Event::Track(event) = within(events.next()).await.unwrap() {
                let track = if event.track.kind() == MediaKind::Video { &mut pictures } else { &mut sound };
                *track = Some(event.track);
            }
        }
        Self { connection, events, pictures: pictures.unwrap(), sound: sound.unwrap() }
    }

    /// The number in its next picture.
    async fn number(&self) -> u16 {
        let picture = within(self.pictures.recv_video()).await.unwrap();
        frame_counter(&picture).expect("a number can be read")
    }

    /// Waits for the tone: the first frames may be what a decoder begins with.
    async fn hears_the_tone(&self) {
        within(async {
            loop {
                let frame = self.sound.recv_audio().await.expect("it goes on");
                let (tone, other) = (tone_level(&frame, 440.0), tone_level(&frame, 1_000.0));
                if tone > 0.05 && tone > 10.0 * other {
                    return;
                }
            }
        })
        .await;
    }
}

/// A connection that is to be sent these, in these codecs alone, or in any.
fn connection(kinds: &[MediaKind], codecs: &[&str]) -> (PeerConnection, Events) {
    let (connection, events) = PeerConnection::new(Configuration::default().with_gather_loopback(true)).unwrap();
    for &kind in kinds {
        let init = TransceiverInit { direction: Direction::RecvOnly, ..TransceiverInit::default() };
        let transceiver = connection.add_transceiver(kind, init).unwrap();
        let known = RtpReceiver::capabilities(kind).codecs.into_iter();
        let known: Vec<_> = known.filter(|it| codecs.is_empty() || codecs.contains(&it.mime_type.as_str())).collect();
        transceiver.set_codec_preferences(&known).unwrap();
    }
    (connection, events)
}

async fn described(connection: &PeerConnection) -> SessionDescription {
    connection.set_local_description(None).unwrap();
    connection.gathering_complete().await;
    connection.local_description().unwrap()
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(60), future).await.expect("it is done in time")
}

/// The program, until it is dropped.
struct Program {
    process: Child,
    url: String,
}

impl Program {
    fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_webcam"));
        let mut process = command.args(["--port", "0"]).args(arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut url = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut url).unwrap();
        Self { process, url: url.trim().to_owned() }
    }

    fn answer(&self, offer: &SessionDescription) -> Result<SessionDescription, ureq::Error> {
        ureq::post(format!("{}/offer", self.url)).send_json(offer)?.body_mut().read_json()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
