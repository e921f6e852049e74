//! Servers that refuse, that do not say what they should, and that say nothing.

use crate::media_server::{Behaviour, MediaServer};
use crate::server::{Reply, Server};
use crate::sockets::within;
use crate::{assert_untouched, connection, one_way, receiving, sending};
use ortica::codecs::MediaKind;
use ortica::signaling::whip::{Client, HttpError, Reason, RedirectError, ResponseError, UrlError, WhipError};
use ortica::{BundlePolicy, Configuration, Direction, IceServer, PeerConnection};
use std::time::Duration;
use tokio::net::TcpListener;

const SDP: &str = "application/sdp";

async fn refused(client: &Client, pc: &PeerConnection) -> WhipError {
    let error = within(client.publish(pc)).await.expect_err("no session is made");
    assert_untouched(pc);
    error
}

/// One connection is refused in each way, and publishes all the same in the end.
#[tokio::test]
async fn api_8_a_refusal_names_its_reason_and_leaves_the_connection_as_it_was() {
    let (pc, _events) = connection();
    let _sound = sending(&pc);
    for (status, reason) in [
        (400, Reason::BadRequest),
        (401, Reason::Unauthorized),
        (403, Reason::Forbidden),
        (404, Reason::NotFound),
        (405, Reason::MethodNotAllowed),
        (406, Reason::NotAcceptable),
        (409, Reason::Conflict),
        (412, Reason::PreconditionFailed),
        (415, Reason::UnsupportedMediaType),
        (422, Reason::UnprocessableContent),
        (429, Reason::TooManyRequests),
        (503, Reason::ServiceUnavailable),
    ] {
        let server = Server::saying(move |_| Reply::new(status).with("retry-after", "7")).await;
        let error = refused(&Client::new(&server.url("/in")).unwrap(), &pc).await;
        let WhipError::Refused(refusal) = error else { panic!("{error:?}") };
        assert_eq!((refusal.reason, refusal.retry_after), (reason, Some(Duration::from_secs(7))));
    }
    let server = MediaServer::start(Behaviour::default()).await;
    let _session = within(Client::new(&server.http.url("/in")).unwrap().publish(&pc)).await.unwrap();
    within(pc.connected()).await.expect("it connects");
}

/// Guards `Client::accept`; a session that was named is ended again.
#[tokio::test]
async fn api_8_a_server_that_lies_leaves_the_connection_as_it_was() {
    type Check = fn(&WhipError) -> bool;
    type Say = fn(&str) -> Reply;
    let cases: [(Say, Check, bool); 8] = [
        (|ours| Reply::new(201).body(SDP, ours), |it| is(it, &ResponseError::Location(UrlError::Missing)), false),
        (
            |ours| Reply::new(200).with("location", "/s").body(SDP, ours),
            |it| is(it, &ResponseError::Status(200)),
            false,
        ),
        (
            |ours| Reply::new(201).with("location", "sip:s").body(SDP, ours),
            |it| is(it, &ResponseError::Location(UrlError::Scheme)),
            false,
        ),
        (
            |_| Reply::new(302).with("location", "/s"),
            |it| matches!(it, WhipError::Redirect(RedirectError::Status(302))),
            false,
        ),
        (
            |ours| Reply::new(201).with("location", "/s").body("text/plain", ours),
            |it| is(it, &ResponseError::ContentType("application/sdp")),
            true,
        ),
        (|_| Reply::new(201).with("location", "/s").body(SDP, "<html>"), |it| matches!(it, WhipError::Remote(_)), true),
        // An offer as it stands is no answer: it leaves the role of DTLS open.
        (|ours| Reply::new(201).with("location", "/s").body(SDP, ours), |it| matches!(it, WhipError::Remote(_)), true),
        (
            |ours| {
                let sections = ours.replace("a=setup:actpass", "a=setup:active").replace("m=audio", "m=video");
                Reply::new(201).with("location", "/s").body(SDP, sections)
            },
            |it| matches!(it, WhipError::Remote(_)),
            true,
        ),
    ];
    for (say, is_expected, is_named) in cases {
        let server = Server::saying(move |asked| say(&asked.body)).await;
        let (pc, _events) = connection();
        let _sound = sending(&pc);
        let error = refused(&Client::new(&server.url("/in")).unwrap(), &pc).await;
        assert!(is_expected(&error), "{error:?}");
        if is_named {
            let ended = server.sees(|asked| asked.method == "DELETE").await;
            assert_eq!(ended.path, "/s");
        }
    }
}

fn is(error: &WhipError, problem: &ResponseError) -> bool {
    matches!(error, WhipError::Response(it) if it == problem)
}

/// Guards `MAX_BODY`, `MAX_HEAD`, `MAX_FIELDS`.
#[tokio::test]
async fn api_8_responses_are_bounded() {
    let (pc, _events) = connection();
    let _sound = sending(&pc);
    let long = Server::saying(|_| Reply::new(201).with("location", "/s").body(SDP, "a".repeat((1 << 20) + 1))).await;
    let error = refused(&Client::new(&long.url("/in")).unwrap(), &pc).await;
    assert!(matches!(error, WhipError::Http(HttpError::TooLong(1_048_576))), "{error:?}");
    let wide = Server::saying(|_| Reply::new(201).with("location", "/".repeat(70 << 10))).await;
    let error = refused(&Client::new(&wide.url("/in")).unwrap(), &pc).await;
    assert!(matches!(error, WhipError::Http(HttpError::Protocol(_))), "{error:?}");
    let many = Server::saying(|_| (0..101).fold(Reply::new(201), |reply, _| reply.with("link", "<>"))).await;
    let error = refused(&Client::new(&many.url("/in")).unwrap(), &pc).await;
    assert!(matches!(error, WhipError::Http(HttpError::Protocol(_))), "{error:?}");
}

/// Guards the limit in `fetch::send`: whether nothing is said at all, or the end of it.
#[tokio::test]
async fn api_8_a_server_that_says_nothing_is_not_waited_for() {
    let (pc, _events) = connection();
    let _sound = sending(&pc);
    let limit = Duration::from_millis(50);
    let silent = Server::start(|_| Box::pin(std::future::pending())).await;
    // Nobody takes what connects here.
    let deaf = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let deaf = format!("https://127.0.0.1:{}/in", deaf.local_addr().unwrap().port());
    for url in [silent.url("/in"), deaf] {
        let client = Client::new(&url).unwrap().with_timeout(limit).with_roots(vec![Server::certificate().to_vec()]);
        let error = refused(&client, &pc).await;
        assert!(matches!(&error, WhipError::Http(HttpError::TimedOut(it)) if *it == limit), "{url}: {error:?}");
    }
}

#[tokio::test]
async fn api_8_a_server_that_is_not_there_is_told() {
    let (pc, _events) = connection();
    let _sound = sending(&pc);
    let port = TcpListener::bind(("127.0.0.1", 0)).await.unwrap().local_addr().unwrap().port();
    let error = refused(&Client::new(&format!("http://127.0.0.1:{port}/in")).unwrap(), &pc).await;
    assert!(matches!(error, WhipError::Http(HttpError::Connect(_))), "{error:?}");
}

/// Guards `Client::offer`: nothing that the protocol does not have leaves this side.
#[tokio::test]
async fn api_8_a_connection_that_does_not_fit_asks_nobody() {
    let server = Server::saying(|_| Reply::new(500)).await;
    let client = Client::new(&server.url("/in")).unwrap();
    let publish = async |pc: &PeerConnection| refused(&client, pc).await;

    let (balanced, _events) = PeerConnection::new(Configuration::default()).unwrap();
    let _sound = sending(&balanced);
    assert!(matches!(publish(&balanced).await, WhipError::BundlePolicy));
    assert_eq!(BundlePolicy::default(), balanced.configuration().bundle_policy());

    let (empty, _events) = connection();
    let _channel = empty.create_data_channel("chat", ortica::DataChannelInit::default()).unwrap();
    assert!(matches!(publish(&empty).await, WhipError::NoMedia));

    let (player, _events) = connection();
    let _sound = sending(&player);
    receiving(&player);
    assert!(matches!(publish(&player).await, WhipError::Direction(1)));
    let error = within(client.play(&player)).await.unwrap_err();
    assert!(matches!(error, WhipError::Direction(0)), "{error:?}");
    let (held, _events) = connection();
    held.add_transceiver(MediaKind::Audio, one_way(Direction::Inactive)).unwrap();
    assert!(matches!(publish(&held).await, WhipError::Direction(0)));

    let (used, _events) = connection();
    let _sound = sending(&used);
    used.set_local_description(None).unwrap();
    assert!(matches!(within(client.publish(&used)).await, Err(WhipError::InUse)));
    let (closed, _events) = connection();
    let _sound = sending(&closed);
    closed.close().await;
    assert!(matches!(within(client.publish(&closed)).await, Err(WhipError::Local(_))));
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn api_8_servers_that_help_with_paths_are_told_to_the_application() {
    let server = Server::start(|asked| {
        Box::pin(async move {
            let (pc, _events) = connection();
            let offer = ortica::jsep::SessionDescription::offer(asked.body);
            if asked.method != "POST" || pc.set_remote_description(offer).is_err() {
                return Reply::new(200);
            }
            Reply::new(201)
                .with("location", "/s/1")
                .with("link", r#"<stun:stun.example.net>; rel="ice-server""#)
                .with("link", r#"<turn:turn.example.net>; rel="ice-server"; username="user"; credential="secret""#)
                .body(SDP, crate::sockets::describe(&pc).await.sdp)
        })
    })
    .await;
    let (pc, _events) = connection();
    let _sound = sending(&pc);
    let session = within(Client::new(&server.url("/in")).unwrap().publish(&pc)).await.unwrap();
    let turn = IceServer::new("turn:turn.example.net").with_credentials("user", "secret");
    assert_eq!(session.ice_servers(), [IceServer::new("stun:stun.example.net"), turn]);
    pc.set_configuration(pc.configuration().with_ice_servers(session.ice_servers().to_vec()))
        .expect("they can be used");
    within(session.end()).await.unwrap();
}
