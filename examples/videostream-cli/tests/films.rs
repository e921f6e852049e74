//! Two processes play to each other and record.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "all of it is a test: what fails here fails it")]

use ortica::codecs::VideoFrame;
use ortica::media::{Frame, MediaPlayer, MediaSource, PlayerOptions};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn start(folder: &Path, options: &str) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_videostream-cli"));
    command.current_dir(folder).args(options.split_whitespace()).args(["--signaling", "unix-socket"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Whether it ended well, and what it said.
fn finish(child: Child) -> (bool, String) {
    let output = child.wait_with_output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

/// Both sides of a call that the offering one ends, and what they said.
fn call(folder: &Path, offer: &str, answer: &str) -> [String; 2] {
    let answerer = start(folder, &format!("answer {answer}"));
    let sides = [finish(start(folder, &format!("offer --seconds 2 {offer}"))), finish(answerer)];
    sides.map(|(success, said)| {
        assert!(success && said.contains("Receiving video\n") && said.contains("Exiting\n"), "{said}");
        said
    })
}

/// The pictures of a film; the streams of sound that it has.
async fn watch(file: &Path) -> (Vec<VideoFrame>, usize) {
    let player = MediaPlayer::open(file, PlayerOptions::default()).await.unwrap();
    let (mut video, mut pictures) = (player.video().unwrap(), Vec::new());
    while let Some(frame) = video.recv().await {
        let Frame::Video(picture) = frame else { panic!("{frame:?}") };
        pictures.push(picture);
    }
    (pictures, usize::from(player.audio().is_some()))
}

#[tokio::test]
async fn a_moving_picture_is_recorded_and_played_again() {
    let folder = folder("moving");
    let [offered, answered] = call(&folder, "--record-to offerer.webm", "--record-to answerer.webm");
    for (said, name) in [(offered, "offerer.webm"), (answered, "answerer.webm")] {
        assert!(said.contains(&format!("to {name}\n")), "{said}");
        let (pictures, sounds) = watch(&folder.join(name)).await;
        assert!(said.contains(&format!("recorded {} frames", pictures.len())) && sounds == 0, "{said}");
        assert!(!pictures.is_empty(), "{said}");
        assert!(pictures.iter().all(|it| (it.width(), it.height()) == (640, 480)));
    }
    let [offered, answered] = call(&folder, "--play-from answerer.webm", "--record-to again.webm");
    assert!(offered.contains("discarded ") && !offered.contains("discarded 0 frames"), "{offered}");
    let (pictures, _) = watch(&folder.join("again.webm")).await;
    assert!(!pictures.is_empty(), "{answered}");
}

#[test]
fn files_that_cannot_be_are_named() {
    let folder = folder("absent");
    for options in ["offer --play-from nowhere.webm", "offer --record-to nowhere/call.webm"] {
        let (success, said) = finish(start(&folder, options));
        assert!(!success && said.contains("nowhere"), "{said}");
    }
}

#[test]
fn help_names_the_roles_and_the_ways() {
    let (success, help) = finish(start(&folder("help"), "--help"));
    assert!(success);
    for word in ["offer", "answer", "--play-from", "--record-to", "--seconds", "copy-and-paste", "unix-socket"] {
        assert!(help.contains(word), "{word}: {help}");
    }
}
