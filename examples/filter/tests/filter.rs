//! The program between a test picture and who looks at it.

use ortica::codecs::synthetic::frame_counter;
use ortica::codecs::{PixelFormat, VideoFrame};
use ortica::signaling::{Signal, Signaling};
use ortica::{Configuration, Event, LocalTrack, PeerConnection, media};
use std::net::TcpListener;
use std::process::{Child, Command};
use std::time::Duration;

/// The program; it ends with the test.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn negative(picture: &VideoFrame) -> VideoFrame {
    let pixels = picture.to_rgb().to_vec().into_iter().map(|colour| !colour).collect::<Vec<u8>>();
    VideoFrame::from_bytes(PixelFormat::Rgb24, picture.width(), picture.height(), pixels).expect("of the same size")
}

async fn call(mut signaling: Signaling) {
    let (connection, mut events) =
        PeerConnection::new(Configuration::default().with_gather_loopback(true)).expect("sockets can be bound");
    let camera = media::test_picture(320, 240, 15).expect("a legal size");
    connection.add_track(&LocalTrack::pulled(camera, Default::default()), &[]).expect("a track");
    connection.set_local_description(None).expect("an offer");
    connection.gathering_complete().await;
    signaling.send(&connection.local_description().expect("it was set").into()).await.expect("the program dials");
    let Ok(Some(Signal::Description(answer))) = signaling.receive().await else { panic!("no answer") };
    connection.set_remote_description(answer).expect("a legal answer");
    let watched = loop {
        if let Event::Track(event) = events.next().await.expect("the connection goes on") {
            break event.track;
        }
    };
    let mut numbers = Vec::new();
    while numbers.len() < 10 {
        let picture = watched.recv_video().await.expect("it goes on");
        assert_eq!((picture.width(), picture.height()), (320, 240));
        numbers.push(frame_counter(&negative(&picture)).expect("the negative of a negative can be read"));
    }
    assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "{numbers:?}");
    connection.close().await;
}

#[tokio::test]
async fn pictures_come_back_as_their_negatives() {
    let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port();
    let arguments = ["--signaling", "tcp-socket", "--signaling-port", &port.to_string()].map(str::to_owned);
    let program = Command::new(env!("CARGO_BIN_EXE_ortica-filter")).args(arguments).spawn().expect("it runs");
    let _program = Program(program);
    tokio::time::timeout(Duration::from_secs(60), call(Signaling::tcp("127.0.0.1", port))).await.expect("in time");
}

#[test]
fn the_program_has_less_than_60_lines() {
    assert!(include_str!("../src/main.rs").lines().count() < 60);
}
