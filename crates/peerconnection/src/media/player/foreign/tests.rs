//! Files, addresses and devices by FFmpeg.
#![cfg(feature = "media")]

use crate::media::test_media::{Folder, paced};
use crate::media::{
    Frame, MediaPlayer, MediaRecorder, MediaSource, PlayerError, PlayerFormat, PlayerOptions, PlayerTrack,
    RecorderOptions,
};
use ortica_codecs::container::ContainerError;
use ortica_codecs::synthetic::{MovingPicture, Tone, frame_counter};
use ortica_codecs::{Codec, MediaKind};
use std::error::Error;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use tokio::time::Instant;

/// Three seconds of a numbered picture and of a tone.
async fn film(path: &Path) {
    let mut recorder = MediaRecorder::new(path, RecorderOptions::default()).expect("the name says what it is");
    let pictures = MovingPicture::new(160, 96, 10).expect("a size").take(30).collect();
    let tone = Tone::new(440.0, 48_000, 2).expect("a tone").take(150).collect();
    recorder.add_track(paced(MediaKind::Video, pictures)).expect("it takes that");
    recorder.add_track(paced(MediaKind::Audio, tone)).expect("it takes that");
    recorder.start().await.expect("it can be made");
    recorder.finished().await.expect("it can be written");
}

async fn open(path: &Path, options: PlayerOptions) -> MediaPlayer {
    MediaPlayer::open(path, options).await.expect("it can be played")
}

async fn take(track: &mut PlayerTrack, count: usize) -> Vec<Frame> {
    let mut frames = Vec::new();
    while frames.len() < count {
        match track.recv().await {
            Some(frame) => frames.push(frame),
            None => break,
        }
    }
    frames
}

fn numbers(frames: &[Frame]) -> Vec<u16> {
    let number = |frame: &Frame| match frame {
        Frame::Video(picture) => frame_counter(picture),
        _ => None,
    };
    frames.iter().filter_map(number).collect()
}

/// Guards: both streams come in step, at their pace, and end.
#[tokio::test(start_paused = true)]
async fn mp4_and_mpeg_ts_are_played_at_their_pace() {
    let folder = Folder::new("foreign-pace");
    for name in ["film.mp4", "film.ts"] {
        let path = folder.join(name);
        film(&path).await;
        let player = open(&path, PlayerOptions::default()).await;
        assert!(player.duration().is_some_and(|it| it.abs_diff(Duration::from_secs(3)) < Duration::from_millis(200)));
        let start = Instant::now();
        let (mut video, mut audio) = (player.video().expect("pictures"), player.audio().expect("sound"));
        let (pictures, sound) = tokio::join!(take(&mut video, usize::MAX), take(&mut audio, usize::MAX));
        assert_eq!(numbers(&pictures), (0..30).collect::<Vec<_>>(), "{name}");
        assert!(sound.len() > 100 && sound.windows(2).all(|pair| pair[0].time() < pair[1].time()), "{name}");
        assert!(start.elapsed() >= Duration::from_millis(2_800), "{name}: {:?}", start.elapsed());
        assert!(player.error().is_none());
    }
}

/// Guards: packets come as the payload formats want them.
#[tokio::test(start_paused = true)]
async fn packets_of_mp4_pass_as_they_are() {
    let folder = Folder::new("foreign-packets");
    let path = folder.join("film.mp4");
    film(&path).await;
    let player = open(&path, PlayerOptions::default().with_decode(false)).await;
    let (mut video, mut audio) = (player.video().expect("pictures"), player.audio().expect("sound"));
    assert_eq!((video.codec(), audio.codec()), (Some(Codec::H264), Some(Codec::Opus)));
    let (pictures, sound) = tokio::join!(take(&mut video, usize::MAX), take(&mut audio, usize::MAX));
    assert_eq!((pictures.len(), sound.len()), (30, 150));
    let starts = |frame: &Frame| matches!(frame, Frame::Encoded { frame, .. } if frame.data.starts_with(&[0, 0, 0, 1]));
    assert!(pictures.iter().all(starts) && pictures[0].is_key_frame());
}

/// Guards: a loop has no gap, and what is sought is found.
#[tokio::test(start_paused = true)]
async fn a_film_is_looped_and_sought_in() {
    let folder = Folder::new("foreign-seek");
    let path = folder.join("film.mp4");
    film(&path).await;
    let player = open(&path, PlayerOptions::default().with_loop(true)).await;
    let mut video = player.video().expect("pictures");
    let pictures = take(&mut video, 45).await;
    assert_eq!(numbers(&pictures), (0..30).chain(0..15).collect::<Vec<_>>());
    let steps = pictures.windows(2).map(|pair| (pair[1].time() - pair[0].time()).as_millis());
    assert!(steps.clone().all(|step| (60..=160).contains(&step)), "{:?}", steps.collect::<Vec<_>>());
    player.seek(Duration::from_secs(2));
    assert_eq!(numbers(&take(&mut video, 3).await), [20, 21, 22]);
    player.stop();
    assert!(video.recv().await.is_none());
}

/// Has the program make a file of a picture that moves and of a tone, a second long; `false`, which is said, without it.
fn made_by_ffmpeg(path: &Path, arguments: &[&str]) -> bool {
    let mut program = Command::new("ffmpeg");
    program.args(["-v", "error", "-y", "-f", "lavfi", "-i", "testsrc=duration=1:size=160x96:rate=10"]);
    program.args(["-f", "lavfi", "-i", "sine=duration=1:sample_rate=48000"]).args(arguments).arg(path);
    match program.output() {
        Ok(output) if output.status.success() => true,
        failed => {
            println!("skipped: no file by {arguments:?}: {failed:?}");
            false
        }
    }
}

/// Guards: a file of a kind that is read here may hold what is not, and FFmpeg reads all of it then.
#[tokio::test(start_paused = true)]
async fn known_kinds_of_files_with_unknown_contents_are_played() {
    let folder = Folder::new("foreign-contents");
    let contents: [(&str, &[&str]); 5] = [
        ("film.webm", &["-c:v", "libaom-av1", "-cpu-used", "8", "-usage", "realtime", "-c:a", "libopus"]),
        ("film.mkv", &["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none", "-c:a", "aac"]),
        ("film.avi", &["-c:v", "mpeg4", "-c:a", "libmp3lame"]),
        ("tone.ogg", &["-vn", "-c:a", "libvorbis"]),
        ("tone.wav", &["-vn", "-c:a", "adpcm_ms"]),
    ];
    for (name, arguments) in contents {
        let path = folder.join(name);
        if !made_by_ffmpeg(&path, arguments) {
            continue;
        }
        let player = open(&path, PlayerOptions::default()).await;
        let heard = take(&mut player.audio().expect("sound"), usize::MAX).await;
        let lasts: Duration = heard.iter().filter_map(Frame::duration).sum();
        assert!(lasts.abs_diff(Duration::from_secs(1)) < Duration::from_millis(100), "{name}: {lasts:?}");
        if name.starts_with("film") {
            let player = open(&path, PlayerOptions::default()).await;
            let seen = take(&mut player.video().expect("pictures"), usize::MAX).await;
            assert_eq!(seen.len(), 10, "{name}: {:?}", player.error());
        } else {
            assert!(player.video().is_none(), "{name}");
        }
    }
    // Who says what it is has it read as that, or not at all.
    let wav = PlayerOptions::default().with_format(PlayerFormat::Wav);
    let error = MediaPlayer::open(folder.join("tone.wav"), wav).await;
    assert!(matches!(error, Err(PlayerError::Read { .. } | PlayerError::Open { .. })), "{error:?}");
}

/// Guards: what is damaged from its first bytes on is told as what it claims to be.
#[tokio::test(start_paused = true)]
async fn a_damaged_file_of_a_known_kind_is_told_as_that() {
    let folder = Folder::new("foreign-damaged");
    let path = folder.join("film.webm");
    std::fs::write(&path, b"\x1a\x45\xdf\xa3\x80\xff\xff\xff").expect("written");
    let error = MediaPlayer::open(&path, PlayerOptions::default()).await.expect_err("it is no film");
    assert!(
        matches!(&error, PlayerError::Read { path: of, source } if *of == path && !matches!(source, ContainerError::Library { .. })),
        "{error:?}"
    );
}

/// Guards: a device is read like a file, with its options.
#[tokio::test(start_paused = true)]
async fn a_device_is_opened_with_its_options() {
    let source = "testsrc=duration=2:size=64x48:rate=10";
    let player = open(Path::new(source), PlayerOptions::default().with_input_format("lavfi")).await;
    let frames = take(&mut player.video().expect("pictures"), usize::MAX).await;
    assert_eq!(frames.len(), 20);
    let unknown = PlayerOptions::default().with_input_format("lavfi").with_option("colour", "blue");
    let error = MediaPlayer::open(source, unknown).await.expect_err("there is no such option");
    assert!(error.source().is_some_and(|cause| cause.to_string().contains("colour")), "{error:?}");
    let camera = PlayerOptions::default().with_input_format("v4l2");
    let error = MediaPlayer::open("/dev/video77", camera).await.expect_err("there is no such camera");
    assert!(matches!(&error, PlayerError::Open { path, .. } if path == Path::new("/dev/video77")), "{error:?}");
}

/// Guards: an option that nothing reads is refused, by its name.
#[tokio::test(start_paused = true)]
async fn options_of_ffmpeg_are_refused_where_it_does_not_read() {
    let wav = || PlayerOptions::default().with_format(PlayerFormat::Wav);
    for (options, of) in
        [(wav().with_option("framerate", "30"), "framerate"), (wav().with_input_format("alsa"), "alsa")]
    {
        let error = MediaPlayer::open("tone.wav", options).await.expect_err("it goes with no format");
        assert!(
            matches!(&error, PlayerError::Option { path, name } if path == Path::new("tone.wav") && name == of),
            "{error:?}"
        );
    }
}

/// Guards: a file that is nothing is told so by its name.
#[tokio::test(start_paused = true)]
async fn what_ffmpeg_does_not_know_either_is_no_kind_of_file() {
    let folder = Folder::new("foreign-unknown");
    let path = folder.join("poem.mp4");
    std::fs::write(&path, "Roses are red").expect("written");
    let error = MediaPlayer::open(&path, PlayerOptions::default()).await.expect_err("it is no film");
    assert!(matches!(&error, PlayerError::Format { path: of } if *of == path), "{error:?}");
}

/// Guards: an address that hangs is given up, and the thread that waited for it goes.
#[tokio::test]
async fn an_address_that_hangs_is_given_up() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/film", listener.local_addr().expect("it has one"));
    let patience = PlayerOptions::default().with_timeout(Duration::from_millis(200));
    let opened = tokio::spawn(MediaPlayer::open(url, patience));
    let (mut asked, _) = listener.accept().await.expect("it is asked");
    assert!(matches!(opened.await.expect("no panic"), Err(PlayerError::TimedOut { .. })));
    // Whoever asked hangs up.
    let mut question = Vec::new();
    let ended =
        tokio::time::timeout(Duration::from_secs(20), tokio::io::AsyncReadExt::read_to_end(&mut asked, &mut question));
    assert!(ended.await.is_ok());
    assert!(question.starts_with(b"GET /film"));
}
