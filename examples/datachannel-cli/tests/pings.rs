//! Two processes measure round trips between them, whichever ends it.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "all of it is a test: what fails here fails it")]

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn start(folder: &Path, options: &str) -> Child {
    start_by("unix-socket", folder, options)
}

fn start_by(signaling: &str, folder: &Path, options: &str) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_datachannel-cli"));
    command.current_dir(folder).args(options.split_whitespace()).args(["--signaling", signaling]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// What a side said until it ended, which it did well.
fn finish(mut child: Child) -> Vec<String> {
    let said: Vec<_> = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap).collect();
    let mut errors = String::new();
    child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
    assert!(child.wait().unwrap().success(), "{said:?} {errors}");
    said
}

fn count(said: &[String], start: &str) -> usize {
    said.iter().filter(|line| line.starts_with(start)).count()
}

#[test]
fn every_ping_is_answered_and_measured() {
    let folder = folder("pings");
    let answer = start(&folder, "answer");
    let offered = finish(start(&folder, "offer --pings 5 --interval 20"));
    let answered = finish(answer);
    assert_eq!(offered[0], "channel(chat) - created by local party");
    assert_eq!(answered[0], "channel(chat) - created by remote party");
    for (said, sent, came) in [(&offered, "ping", "pong"), (&answered, "pong", "ping")] {
        assert_eq!(count(said, &format!("channel(chat) > {sent} ")), 5, "{said:?}");
        assert_eq!(count(said, &format!("channel(chat) < {came} ")), 5, "{said:?}");
        assert_eq!(said.last().unwrap(), "Exiting");
    }
    let round_trips = offered.iter().filter_map(|line| line.strip_prefix(" RTT ")?.strip_suffix(" ms"));
    let round_trips: Vec<f64> = round_trips.map(|it| it.parse().unwrap()).collect();
    assert_eq!(round_trips.len(), 5, "{offered:?}");
    assert!(round_trips.iter().all(|&it| it > 0.0), "{round_trips:?}");
}

/// Over a WebSocket as well: the side that offers listens, the other one dials it by its URL.
#[test]
fn a_websocket_brings_them_together() {
    let folder = folder("websocket");
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let answer = start_by("websocket", &folder, &format!("answer --signaling-url ws://127.0.0.1:{port}/here"));
    let offered =
        finish(start_by("websocket", &folder, &format!("offer --pings 2 --interval 20 --signaling-port {port}")));
    assert_eq!(count(&offered, " RTT "), 2, "{offered:?}");
    assert_eq!(count(&finish(answer), "channel(chat) < ping "), 2);
}

/// Whoever is interrupted takes the other one along.
#[test]
fn an_interrupt_ends_both() {
    for interrupted in [0, 1] {
        let folder = folder(&format!("interrupt-{interrupted}"));
        let mut sides = [start(&folder, "answer"), start(&folder, "offer --interval 20")];
        // The first message: they are connected.
        let mut out = BufReader::new(sides[interrupted].stdout.take().unwrap());
        let mut said = String::new();
        while !said.contains('<') {
            assert!(out.read_line(&mut said).unwrap() > 0, "{said}");
        }
        kill(Pid::from_raw(sides[interrupted].id().try_into().unwrap()), Signal::SIGINT).unwrap();
        out.read_to_string(&mut said).unwrap();
        assert!(said.ends_with("Exiting\n"), "{said}");
        for (at, mut side) in sides.into_iter().enumerate() {
            if at == interrupted {
                assert!(side.wait().unwrap().success(), "{said}");
            } else {
                assert_eq!(finish(side).last().unwrap(), "Exiting");
            }
        }
    }
}

#[test]
fn help_names_the_roles_and_the_ways() {
    let help = finish(start(&folder("help"), "--help")).join("\n");
    for word in
        ["offer", "answer", "copy-and-paste", "tcp-socket", "unix-socket", "websocket", "--signaling-url", "--pings"]
    {
        assert!(help.contains(word), "{word}: {help}");
    }
}
