//! Two programs find each other over a WebSocket, and strangers who try are no harm.
#![cfg(feature = "websocket")]

use futures_util::{SinkExt, StreamExt};
use ortica::jsep::SessionDescription;
use ortica::signaling::{Signal, Signaling, SignalingError, WebSocket, WebSocketError};
use std::future::Future;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::frame::{Frame, FrameHeader};
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

/// The longest message, in bytes.
const LIMIT: usize = 1 << 20;

type Peer = WebSocketStream<TcpStream>;

fn offer() -> Signal {
    SessionDescription::offer("v=0\r\n").into()
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(60), future).await.expect("it is done in time")
}

/// A port that was free a moment ago.
async fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    listener.local_addr().expect("it is bound").port()
}

/// A connection to what is about to listen there.
async fn reach(port: u16) -> TcpStream {
    loop {
        if let Ok(stream) = TcpStream::connect(("127.0.0.1", port)).await {
            return stream;
        }
        tokio::task::yield_now().await;
    }
}

/// Opens a WebSocket with this origin, or none.
async fn knock(port: u16, origin: Option<&str>) -> Result<Peer, tungstenite::Error> {
    let mut request = format!("ws://127.0.0.1:{port}/anywhere").into_client_request()?;
    if let Some(origin) = origin {
        request.headers_mut().insert("origin", origin.parse().expect("a header"));
    }
    Ok(client_async(request, reach(port).await).await?.0)
}

/// One that has been let in, and who let it in, which has sent its offer.
async fn met() -> (Signaling, Peer) {
    let port = free_port().await;
    let mut ours = Signaling::websocket(WebSocket::listening("127.0.0.1", port));
    let offer = offer();
    let (sent, peer) = within(async { tokio::join!(ours.send(&offer), knock(port, None)) }).await;
    sent.expect("somebody came");
    let mut peer = peer.expect("who names no origin may come");
    assert_eq!(text(&mut peer).await, offer.to_json());
    (ours, peer)
}

async fn text(peer: &mut Peer) -> String {
    let message = within(peer.next()).await.expect("it goes on").expect("it is legal");
    message.into_text().expect("a text").to_string()
}

/// What a peer is told at the end.
async fn farewell(peer: &mut Peer) -> CloseCode {
    match within(peer.next()).await {
        Some(Ok(Message::Close(Some(frame)))) => frame.code,
        other => panic!("no close frame but {other:?}"),
    }
}

async fn converse(mut offerer: Signaling, mut answerer: Signaling) {
    let (offer, answer) = (offer(), Signal::from(SessionDescription::answer("v=0\r\na=\u{fc}\r\n")));
    let offers = async {
        offerer.send(&offer).await?;
        let answer = offerer.receive().await?;
        offerer.close().await;
        Ok::<_, SignalingError>(answer)
    };
    let answers = async {
        let offer = answerer.receive().await?;
        answerer.send(&answer).await?;
        let said = [answerer.receive().await?, answerer.receive().await?, answerer.receive().await?];
        Ok::<_, SignalingError>((offer, said))
    };
    let (offers, answers) = within(async { tokio::join!(offers, answers) }).await;
    assert_eq!(offers.expect("the offerer has a way"), Some(answer));
    let (got, said) = answers.expect("the answerer has a way");
    assert_eq!((got, said), (Some(offer), [Some(Signal::Bye), None, None]), "closing says bye, and an end is no error");
}

#[tokio::test]
async fn who_sends_first_listens() {
    let port = free_port().await;
    let side = || Signaling::websocket(WebSocket::between("127.0.0.1", port));
    converse(side(), side()).await;
}

#[tokio::test]
async fn a_url_is_dialled_by_who_receives_first_and_by_who_sends_first() {
    for listener_offers in [true, false] {
        let port = free_port().await;
        let listens = Signaling::websocket(WebSocket::listening("127.0.0.1", port));
        let url = format!("ws://127.0.0.1:{port}/room?number=7");
        let dials = Signaling::websocket(WebSocket::to(&url).expect("a URL"));
        match listener_offers {
            true => converse(listens, dials).await,
            false => converse(dials, listens).await,
        }
    }
}

#[tokio::test]
async fn closing_says_bye_and_sends_a_close_frame() {
    let (mut ours, mut peer) = met().await;
    let hears = async {
        assert_eq!(text(&mut peer).await, Signal::Bye.to_json());
        assert_eq!(farewell(&mut peer).await, CloseCode::Normal);
        assert!(peer.next().await.is_none(), "then it is gone");
    };
    within(async { tokio::join!(ours.close(), hears) }).await;
}

/// Guards `GOODBYE`: without it closing would not end.
#[tokio::test]
async fn closing_does_not_wait_for_who_never_answers() {
    let (mut ours, peer) = met().await;
    // Time goes on by itself when nothing else happens.
    tokio::time::pause();
    ours.close().await;
    drop(peer);
}

#[tokio::test]
async fn who_closes_is_gone_and_who_breaks_off_is_an_error_first() {
    let (mut ours, mut peer) = met().await;
    let (closed, got) = within(async { tokio::join!(peer.close(None), ours.receive()) }).await;
    closed.expect("it is connected");
    assert_eq!(got.expect("an end is no error"), None);
    assert!(within(peer.next()).await.is_some_and(|reply| reply.is_ok_and(|it| it.is_close())), "it is told so");
    let sent = ours.send(&Signal::Bye).await;
    assert!(matches!(sent, Err(SignalingError::WebSocket(WebSocketError::Closed))), "{sent:?}");

    let (mut ours, peer) = met().await;
    drop(peer);
    let got = within(ours.receive()).await;
    assert!(matches!(got, Err(SignalingError::WebSocket(WebSocketError::BrokenOff))), "{got:?}");
    assert_eq!(ours.receive().await.expect("an end is no error"), None);
}

#[tokio::test]
async fn a_receive_that_is_cancelled_loses_nothing() {
    let (mut ours, mut peer) = met().await;
    let json = offer().to_json();
    let (first, rest) = json.split_at(7);
    let data =
        |part: &str, opcode, is_final| Message::Frame(Frame::message(part.to_owned(), OpCode::Data(opcode), is_final));
    peer.send(data(first, Data::Text, false)).await.expect("it is connected");
    tokio::select! {
        biased;
        got = ours.receive() => panic!("{got:?}"),
        () = tokio::task::yield_now() => {}
    }
    // Between the parts of a message there may be a ping (RFC 6455 §5.4).
    peer.send(Message::Ping("there?".into())).await.expect("it is connected");
    peer.send(data(rest, Data::Continue, true)).await.expect("it is connected");
    assert_eq!(within(ours.receive()).await.expect("a legal message"), Some(offer()));
    let (_, pong) = within(async {
        tokio::select! {
            got = ours.receive() => panic!("{got:?}"),
            pong = peer.next() => ((), pong),
        }
    })
    .await;
    assert_eq!(pong.expect("it goes on").expect("it is legal"), Message::Pong("there?".into()));
}

/// Guards the limits of frames and of messages: in one frame, announced alone, and in many frames.
#[tokio::test]
async fn a_message_that_is_too_long_is_refused() {
    let refused = |got: &Result<_, _>| matches!(got, Err(SignalingError::TooLong(LIMIT)));

    let (mut ours, mut peer) = met().await;
    let longest = format!("{}{}", offer().to_json(), " ".repeat(LIMIT - offer().to_json().len()));
    let (sent, got) = within(async { tokio::join!(peer.send(Message::text(longest)), ours.receive()) }).await;
    sent.expect("it is connected");
    assert_eq!(got.expect("as long as may be"), Some(offer()));

    let parts = async {
        for part in 0..3 {
            let opcode = if part == 0 { Data::Text } else { Data::Continue };
            let frame = Frame::message("a".repeat(LIMIT / 2), OpCode::Data(opcode), false);
            peer.send(Message::Frame(frame)).await.expect("it is connected");
        }
    };
    let (got, ()) = within(async { tokio::join!(ours.receive(), parts) }).await;
    assert!(refused(&got), "{got:?}");
    assert_eq!(farewell(&mut peer).await, CloseCode::Size);

    let (mut ours, mut peer) = met().await;
    let header = FrameHeader { opcode: OpCode::Data(Data::Text), mask: Some([0; 4]), ..FrameHeader::default() };
    let mut announced = Vec::new();
    header.format(1 << 62, &mut announced).expect("it can be written");
    peer.get_mut().write_all(&announced).await.expect("it is connected");
    let got = within(ours.receive()).await;
    assert!(refused(&got), "{got:?}");
    assert_eq!(farewell(&mut peer).await, CloseCode::Size);
    assert_eq!(ours.receive().await.expect("an end is no error"), None);
}

#[tokio::test]
async fn bytes_are_no_message() {
    let (mut ours, mut peer) = met().await;
    peer.send(Message::binary(offer().to_json().into_bytes())).await.expect("it is connected");
    let got = within(ours.receive()).await;
    assert!(matches!(got, Err(SignalingError::WebSocket(WebSocketError::Binary))), "{got:?}");
    assert_eq!(farewell(&mut peer).await, CloseCode::Unsupported);
    assert_eq!(ours.receive().await.expect("an end is no error"), None);
}

#[tokio::test]
async fn what_is_no_websocket_is_refused() {
    // No text, reserved bits, no mask, an opcode that nobody knows, a part of nothing.
    let broken: [(&[u8], CloseCode); 5] = [
        (&[0x81, 0x82, 0, 0, 0, 0, 0xc3, 0x28], CloseCode::Invalid),
        (&[0xf1, 0x80, 0, 0, 0, 0], CloseCode::Protocol),
        (b"\x81\x02{}", CloseCode::Protocol),
        (&[0x83, 0x80, 0, 0, 0, 0], CloseCode::Protocol),
        (&[0x80, 0x80, 0, 0, 0, 0], CloseCode::Protocol),
    ];
    for (bytes, told) in broken {
        let (mut ours, mut peer) = met().await;
        peer.get_mut().write_all(bytes).await.expect("it is connected");
        let got = within(ours.receive()).await;
        assert!(matches!(got, Err(SignalingError::WebSocket(WebSocketError::Protocol(_)))), "{bytes:?}: {got:?}");
        assert_eq!(farewell(&mut peer).await, told, "{bytes:?}");
        assert_eq!(ours.receive().await.expect("an end is no error"), None);
    }
    let (mut ours, mut peer) = met().await;
    peer.send(Message::text("hello")).await.expect("it is connected");
    let got = within(ours.receive()).await;
    assert!(matches!(got, Err(SignalingError::Signal(_))), "no message, but it goes on: {got:?}");
    peer.send(Message::text(offer().to_json())).await.expect("it is connected");
    assert_eq!(within(ours.receive()).await.expect("a message"), Some(offer()));
}

/// Strangers who open nothing: one that is silent, one that speaks no HTTP, one that asks for a page, one that hides a frame behind
/// its request. Each that has spoken is cut off, and who comes after them is let in.
#[tokio::test]
async fn strangers_are_in_nobodys_way() {
    let port = free_port().await;
    let mut ours = Signaling::websocket(WebSocket::listening("127.0.0.1", port));
    let upgrade = format!(
        "GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n\u{1}\u{2}"
    );
    let endless = format!("GET / HTTP/1.1\r\nA: {}", "a".repeat(80_000));
    let strangers = async {
        let silent = reach(port).await;
        for words in ["\u{0}\u{1}nonsense\r\n\r\n", "GET / HTTP/1.1\r\nHost: here\r\n\r\n", &upgrade, &endless] {
            let mut stranger = reach(port).await;
            // It may be cut off before all is said.
            let _ = stranger.write_all(words.as_bytes()).await;
            let mut answer = Vec::new();
            let _ = stranger.read_to_end(&mut answer).await;
            assert!(!answer.starts_with(b"HTTP/1.1 101"), "{words:?} is let in");
        }
        let peer = knock(port, None).await;
        drop(silent);
        peer.expect("it may come")
    };
    let offer = offer();
    let (sent, mut peer) = within(async { tokio::join!(ours.send(&offer), strangers) }).await;
    sent.expect("somebody came");
    assert_eq!(text(&mut peer).await, offer.to_json());
}

/// Guards the check of origins.
#[tokio::test]
async fn pages_may_come_from_known_origins_alone() {
    let port = free_port().await;
    let known = ["https://example.org".to_owned()];
    let mut ours = Signaling::websocket(WebSocket::listening("127.0.0.1", port).with_origins(known));
    let comers = async {
        for stranger in ["https://evil.example", "http://example.org", "null"] {
            match knock(port, Some(stranger)).await {
                Err(tungstenite::Error::Http(response)) => assert_eq!(response.status(), 403, "{stranger}"),
                other => panic!("{stranger} is let in: {other:?}"),
            }
        }
        knock(port, Some("https://example.org")).await.expect("it is known")
    };
    let offer = offer();
    let (sent, mut peer) = within(async { tokio::join!(ours.send(&offer), comers) }).await;
    sent.expect("somebody came");
    assert_eq!(text(&mut peer).await, offer.to_json());
}

/// One that listens and says this to the first who comes.
async fn server(words: &'static [u8]) -> (Signaling, impl Future<Output = TcpStream>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let port = listener.local_addr().expect("it is bound").port();
    let url = format!("ws://127.0.0.1:{port}");
    let serves = async move {
        let (mut stream, _) = listener.accept().await.expect("somebody comes");
        let mut request = [0; 1_024];
        assert!(stream.read(&mut request).await.expect("it asks") > 0);
        stream.write_all(words).await.expect("it listens");
        stream
    };
    (Signaling::websocket(WebSocket::to(&url).expect("a URL")), serves)
}

#[tokio::test]
async fn a_server_of_something_else_is_told_apart() {
    let (mut ours, serves) = server(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n").await;
    let (got, _stream) = within(async { tokio::join!(ours.receive(), serves) }).await;
    assert!(matches!(got, Err(SignalingError::WebSocket(WebSocketError::Refused(404)))), "{got:?}");

    let accepted = b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
        sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    for words in [&accepted[..], b"220 mail.example ESMTP\r\n\r\n"] {
        let (mut ours, serves) = server(words).await;
        let (got, _stream) = within(async { tokio::join!(ours.receive(), serves) }).await;
        assert!(matches!(got, Err(SignalingError::WebSocket(WebSocketError::Protocol(_)))), "{got:?}");
    }
}

/// Guards `PATIENCE`: without it a server that says nothing would be waited for.
#[tokio::test(start_paused = true)]
async fn a_server_that_says_nothing_is_given_up() {
    let (mut ours, serves) = server(b"").await;
    let (got, _stream) = tokio::join!(ours.receive(), serves);
    assert!(matches!(got, Err(SignalingError::WebSocket(WebSocketError::TimedOut(_)))), "{got:?}");
}

/// Guards `PATIENCE` with strangers: as many as there may be say nothing, and have to make room.
#[tokio::test]
async fn silent_strangers_make_room_in_time() {
    const STRANGERS: usize = 16;
    let port = free_port().await;
    let mut ours = Signaling::websocket(WebSocket::listening("127.0.0.1", port));
    let comers = async {
        let mut silent = Vec::new();
        while silent.len() < STRANGERS {
            silent.push(reach(port).await);
        }
        // Time goes on by itself when nothing else happens.
        tokio::time::pause();
        for mut stranger in silent {
            assert_eq!(stranger.read(&mut [0; 16]).await.expect("an end is no error"), 0);
        }
        tokio::time::resume();
        knock(port, None).await.expect("it may come")
    };
    let offer = offer();
    let (sent, mut peer) = tokio::join!(ours.send(&offer), comers);
    sent.expect("somebody came");
    assert_eq!(text(&mut peer).await, offer.to_json());
}

#[cfg(feature = "websocket-tls")]
mod tls {
    use super::*;
    use std::sync::Arc;
    use tokio_rustls::TlsAcceptor;
    use tokio_rustls::rustls::ServerConfig;
    use tokio_rustls::rustls::crypto::aws_lc_rs;
    use tokio_rustls::rustls::pki_types::pem::PemObject;
    use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

    /// For `localhost`, see the README beside it.
    const LOCALHOST: &[u8] = include_bytes!("../testdata/whip/localhost.pem");

    fn certificate() -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(LOCALHOST).expect("the file has a certificate")
    }

    /// What a server over TLS at this address gets to hear, and how dialling it by this name went, trusting these.
    async fn dial(address: &str, name: &str, roots: Vec<Vec<u8>>) -> (Option<String>, Result<(), SignalingError>) {
        let key = PrivateKeyDer::from_pem_slice(LOCALHOST).expect("the file has a key");
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider has some")
            .with_no_client_auth()
            .with_single_cert(vec![certificate()], key)
            .expect("they fit");
        let listener = TcpListener::bind((address, 0)).await.expect("a port");
        let port = listener.local_addr().expect("it is bound").port();
        let serves = async {
            let (stream, _) = listener.accept().await.ok()?;
            let stream = TlsAcceptor::from(Arc::new(config)).accept(stream).await.ok()?;
            let mut peer = tokio_tungstenite::accept_async(stream).await.ok()?;
            let said = peer.next().await?.ok()?.into_text().ok()?;
            Some(said.to_string())
        };
        let websocket = WebSocket::to(&format!("wss://{name}:{port}/room")).expect("a URL").with_roots(roots);
        let mut ours = Signaling::websocket(websocket);
        let offer = offer();
        within(async { tokio::join!(serves, ours.send(&offer)) }).await
    }

    fn is_refused(sent: &Result<(), SignalingError>) -> bool {
        matches!(sent, Err(SignalingError::WebSocket(WebSocketError::Tls(_) | WebSocketError::Roots)))
    }

    /// Guards the check of certificates: the system's do not vouch for the test's.
    #[tokio::test]
    async fn a_server_over_tls_shows_a_certificate_that_is_trusted() {
        let (said, sent) = dial("127.0.0.1", "localhost", vec![certificate().to_vec()]).await;
        sent.expect("it is trusted");
        assert_eq!(said, Some(offer().to_json()));
        let (said, sent) = dial("127.0.0.1", "localhost", Vec::new()).await;
        assert!(said.is_none() && is_refused(&sent), "{sent:?}");
    }

    /// Nor does the test's for another name. All of 127/8 is this machine on Linux.
    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_server_over_tls_shows_a_certificate_for_its_name() {
        let (said, sent) = dial("127.0.0.2", "127.0.0.2", vec![certificate().to_vec()]).await;
        assert!(said.is_none() && is_refused(&sent), "{sent:?}");
    }
}
