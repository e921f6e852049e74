//! Two programs find each other: over TCP and over a Unix socket, in either order of starting.
#![cfg(feature = "signaling")]

use ortica::jsep::{IceCandidate, SessionDescription};
use ortica::signaling::{Signal, Signaling, SignalingError};
use std::path::PathBuf;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A port that was free a moment ago.
async fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    listener.local_addr().expect("it is bound").port()
}

fn socket(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.socket"));
    let _ = std::fs::remove_file(&path);
    path
}

/// The offer listens, the answer dials; both say bye.
async fn converse(mut offerer: Signaling, mut answerer: Signaling) {
    let offer = Signal::from(SessionDescription::offer("v=0\r\n"));
    let answer = Signal::from(SessionDescription::answer("v=0\r\n"));
    let candidate = Signal::Candidate(IceCandidate { candidate: "candidate:1".to_owned(), ..Default::default() });
    let offers = async {
        offerer.send(&offer).await?;
        offerer.send(&candidate).await?;
        let answer = offerer.receive().await?;
        offerer.send(&Signal::Bye).await?;
        let end = offerer.receive().await?;
        Ok::<_, SignalingError>((answer, end))
    };
    let answers = async {
        let (offer, candidate) = (answerer.receive().await?, answerer.receive().await?);
        answerer.send(&answer).await?;
        let bye = answerer.receive().await?;
        drop(answerer);
        Ok::<_, SignalingError>((offer, candidate, bye))
    };
    let (offers, answers) = tokio::join!(offers, answers);
    let (got_answer, end) = offers.expect("the offerer has a way");
    let (got_offer, got_candidate, got_bye) = answers.expect("the answerer has a way");
    assert_eq!((got_offer, got_candidate, got_bye), (Some(offer), Some(candidate), Some(Signal::Bye)));
    assert_eq!((got_answer, end), (Some(answer), None), "the end is told, not an error");
}

#[tokio::test]
async fn over_tcp() {
    let port = free_port().await;
    converse(Signaling::tcp("127.0.0.1", port), Signaling::tcp("127.0.0.1", port)).await;
}

#[cfg(unix)]
#[tokio::test]
async fn over_a_unix_socket_whose_file_goes_with_it() {
    let path = socket("converse");
    converse(Signaling::unix(&path), Signaling::unix(&path)).await;
    assert!(!path.exists());
}

/// The answerer breaks off without a word, after it has read everything or before: the offerer is told that it is gone.
async fn break_off(mut offerer: Signaling, mut answerer: Signaling, read_all: bool) {
    let offer = Signal::from(SessionDescription::offer("v=0\r\n"));
    let offers = async {
        offerer.send(&offer).await?;
        offerer.send(&Signal::Bye).await
    };
    let (sent, got) = tokio::join!(offers, answerer.receive());
    sent.expect("the answerer has dialled");
    assert_eq!(got.expect("the offerer has listened"), Some(offer));
    if read_all {
        assert_eq!(answerer.receive().await.expect("it is still there"), Some(Signal::Bye));
    }
    drop(answerer);
    for _ in 0..2 {
        assert_eq!(offerer.receive().await.expect("an end is no error"), None, "read all: {read_all}");
    }
}

#[tokio::test]
async fn who_breaks_off_over_tcp_is_gone() {
    for read_all in [true, false] {
        let port = free_port().await;
        break_off(Signaling::tcp("127.0.0.1", port), Signaling::tcp("127.0.0.1", port), read_all).await;
    }
}

#[cfg(unix)]
#[tokio::test]
async fn who_breaks_off_over_a_unix_socket_is_gone() {
    for read_all in [true, false] {
        let path = socket(&format!("broken-{read_all}"));
        break_off(Signaling::unix(&path), Signaling::unix(&path), read_all).await;
    }
}

#[cfg(unix)]
#[tokio::test]
async fn closing_says_bye_once_there_is_a_way() {
    let path = socket("closing");
    let (mut offerer, mut answerer) = (Signaling::unix(&path), Signaling::unix(&path));
    // There is nobody yet who could be told.
    offerer.close().await;
    let offer = Signal::from(SessionDescription::offer("v=0\r\n"));
    let (sent, got) = tokio::join!(offerer.send(&offer), answerer.receive());
    sent.expect("the answerer has dialled");
    assert_eq!(got.expect("the offerer has listened"), Some(offer));
    offerer.close().await;
    assert!(!path.exists());
    assert_eq!(answerer.receive().await.expect("it was told"), Some(Signal::Bye));
    assert_eq!(answerer.receive().await.expect("an end is no error"), None);
    // And nobody any more.
    answerer.close().await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_path_that_is_taken_is_an_error_and_stays() {
    let path = socket("taken");
    std::fs::write(&path, "something else").expect("a file");
    let refused = Signaling::unix(&path).send(&Signal::Bye).await;
    assert!(matches!(refused, Err(SignalingError::Io(_))), "{refused:?}");
    assert_eq!(std::fs::read_to_string(&path).expect("it is still there"), "something else");
}

#[tokio::test]
async fn a_port_that_is_taken_is_an_error() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let port = listener.local_addr().expect("it is bound").port();
    let refused = Signaling::tcp("127.0.0.1", port).send(&Signal::Bye).await;
    assert!(matches!(refused, Err(SignalingError::Io(_))), "{refused:?}");
}

/// A side that vanishes in the middle of a line, and one that talks nonsense.
#[tokio::test]
async fn a_stranger_is_refused_with_the_reason() {
    let port = free_port().await;
    let mut ours = Signaling::tcp("127.0.0.1", port);
    let stranger = async {
        loop {
            if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)).await {
                stream.write_all(b"GET / HTTP/1.1\r\n").await.expect("it is connected");
                let mut line = [0; 15];
                stream.read_exact(&mut line).await.expect("our first line");
                return line;
            }
            tokio::task::yield_now().await;
        }
    };
    let (sent, line) = tokio::join!(ours.send(&Signal::Bye), stranger);
    sent.expect("somebody dialled");
    assert_eq!(line, *b"{\"type\":\"bye\"}\n");
    let got = ours.receive().await;
    assert!(matches!(got, Err(SignalingError::Signal(_))), "{got:?}");
    assert!(matches!(ours.receive().await, Ok(None)), "then it is gone");
}
