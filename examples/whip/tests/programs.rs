//! One program publishes, another plays, and a server here passes nothing on: it counts what comes, and plays a tone.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::response::IntoResponse;
use axum::routing::{delete, post};
use ortica::codecs::synthetic::{MovingPicture, Tone};
use ortica::jsep::SessionDescription;
use ortica::{BundlePolicy, Configuration, Direction, Event, LocalTrack, PeerConnection};
use std::process::Output;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use tokio::time::{interval, timeout};

const PATIENCE: Duration = Duration::from_secs(60);

/// What the server saw.
#[derive(Debug, Eq, PartialEq)]
enum Seen {
    Picture,
    Sound,
    End,
}

/// Answers an offer: takes what it sends, or plays where it only receives.
async fn begin(State(seen): State<UnboundedSender<Seen>>, offer: String) -> impl IntoResponse {
    let plays = offer.contains("a=recvonly");
    let configuration = Configuration::default().with_bundle_policy(BundlePolicy::MaxBundle).with_gather_loopback(true);
    let (pc, mut events) = PeerConnection::new(configuration).expect("it needs nothing else");
    pc.set_remote_description(SessionDescription::offer(offer)).expect("a legal offer");
    let (picture, sound) = (LocalTrack::video(), LocalTrack::audio());
    let film = MovingPicture::new(320, 240, 50).expect("a legal size");
    let tone = Tone::new(440.0, 48_000, 2).expect("a legal tone");
    for transceiver in pc.transceivers().iter().filter(|_| plays) {
        transceiver.set_direction(Direction::SendOnly).expect("it goes on");
        let track = [&picture, &sound].into_iter().find(|track| track.kind() == transceiver.kind());
        transceiver.sender().replace_track(track).expect("of that kind");
    }
    pc.set_local_description(None).expect("an answer");
    pc.gathering_complete().await;
    let answer = pc.local_description().expect("it was set").sdp;
    tokio::spawn(async move {
        let _pc = pc;
        let mut tasks = JoinSet::new();
        if plays {
            tasks.spawn(play((picture, film), (sound, tone)));
        }
        while let Some(event) = events.next().await {
            let Event::Track(event) = event else { continue };
            let seen = seen.clone();
            tasks.spawn(async move {
                let arrived = match event.track.kind() {
                    ortica::codecs::MediaKind::Video => event.track.recv_video().await.map(|_| Seen::Picture),
                    _ => event.track.recv_audio().await.map(|_| Seen::Sound),
                };
                arrived.into_iter().for_each(|arrived| drop(seen.send(arrived)));
            });
        }
    });
    (StatusCode::CREATED, [(CONTENT_TYPE, "application/sdp"), (LOCATION, "/sessions/1")], answer)
}

/// Plays until the connection is gone.
async fn play((picture, film): (LocalTrack, MovingPicture), (sound, tone): (LocalTrack, Tone)) {
    let mut ticks = interval(Duration::from_millis(20));
    for (number, frame) in tone.enumerate() {
        ticks.tick().await;
        picture.write_video(film.picture(number as u32)).expect("a track of pictures");
        sound.write_audio(frame).expect("a track of sound");
    }
}

async fn end(State(seen): State<UnboundedSender<Seen>>) -> StatusCode {
    let _ = seen.send(Seen::End);
    StatusCode::OK
}

/// Runs the program; gives back what it printed, and what the server sees.
async fn run(what: &str) -> (Output, UnboundedReceiver<Seen>, JoinSet<()>) {
    let (tell, seen) = unbounded_channel();
    let app = Router::new().route("/live", post(begin)).route("/sessions/1", delete(end)).with_state(tell);
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("loopback has free ports");
    let url = format!("http://{}/live", listener.local_addr().expect("it is bound"));
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { axum::serve(listener, app).await.expect("it goes on") });
    let program = Command::new(env!("CARGO_BIN_EXE_whip"))
        .args([what, &url, "--token", "key", "--pictures", "60"])
        .kill_on_drop(true)
        .output();
    let output = timeout(PATIENCE, program).await.expect("in time").expect("it can be run");
    (output, seen, tasks)
}

#[tokio::test]
async fn the_program_says_what_it_takes() {
    let output = Command::new(env!("CARGO_BIN_EXE_whip")).arg("--help").output().await.expect("it can be run");
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8_lossy(&output.stdout);
    for word in ["publish", "play", "<URL>", "--token", "--stun", "--pictures"] {
        assert!(said.contains(word), "{word} in {said}");
    }
}

#[tokio::test]
async fn api_8_a_program_publishes_and_ends() {
    let (output, mut seen, _server) = run("publish").await;
    assert!(output.status.success(), "{output:?}");
    let mut missing = vec![Seen::Picture, Seen::Sound, Seen::End];
    while !missing.is_empty() {
        let next = timeout(PATIENCE, seen.recv()).await.expect("in time").expect("the server goes on");
        missing.retain(|wanted| *wanted != next);
    }
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("/sessions/1\nconnected\n60 pictures sent"), "{said}");
}

#[tokio::test]
async fn api_8_a_program_plays_and_ends() {
    let (output, mut seen, _server) = run("play").await;
    assert!(output.status.success(), "{output:?}");
    assert_eq!(timeout(PATIENCE, seen.recv()).await.expect("in time"), Some(Seen::End));
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("60 pictures and "), "{said}");
}
