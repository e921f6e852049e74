//! Where requests go, and who sees the token.

use crate::server::{Reply, Server};
use crate::sockets::within;
use crate::{assert_untouched, connection, sending};
use ortica::signaling::whip::{Client, HttpError, Reason, RedirectError, ResponseError, WhipError};

const TOKEN: Option<&str> = Some("Bearer secret");

/// What comes of publishing to that URL with a token; the servers here make no session.
async fn refused(client: Client) -> WhipError {
    let (pc, _events) = connection();
    let _sound = sending(&pc);
    let error = within(client.publish(&pc)).await.expect_err("no session is made");
    assert_untouched(&pc);
    error
}

fn client(url: &str) -> Client {
    Client::new(url).expect("a URL of a test").with_token("secret").expect("one word")
}

fn is_reached(error: &WhipError) -> bool {
    matches!(error, WhipError::Refused(refusal) if refusal.reason == Reason::NotFound)
}

/// Redirects `/3` to `/2` and so on; `/0` has nothing.
fn countdown(path: &str) -> Reply {
    match path.trim_start_matches('/').parse::<u32>() {
        Ok(0) | Err(_) => Reply::new(404),
        Ok(left) => Reply::new(307).with("location", format!("/{}", left - 1)),
    }
}

#[tokio::test]
async fn api_8_three_redirections_are_followed_with_the_offer() {
    let server = Server::saying(|asked| countdown(&asked.path)).await;
    let error = refused(client(&server.url("/3"))).await;
    assert!(is_reached(&error), "{error:?}");
    let asked = server.asked();
    assert_eq!(asked.len(), 4);
    for asked in &asked {
        assert_eq!((asked.method.as_str(), asked.header("authorization")), ("POST", TOKEN));
        assert!(asked.body.starts_with("v=0") && asked.body == server.asked()[0].body);
    }
    let error = refused(client(&server.url("/4"))).await;
    assert!(matches!(error, WhipError::Redirect(RedirectError::TooMany(3))), "{error:?}");
    assert_eq!(server.asked().len(), 8);
}

/// Guards `Bearer::shown_to` in `Client::ask`.
#[tokio::test]
async fn api_8_the_token_does_not_follow_to_another_origin() {
    let other = Server::saying(|_| Reply::new(404)).await;
    let place = other.url("/in");
    let server = Server::saying(move |_| Reply::new(307).with("location", &*place)).await;
    assert!(is_reached(&refused(client(&server.url("/in"))).await));
    assert_eq!(server.asked()[0].header("authorization"), TOKEN);
    assert_eq!(other.asked()[0].header("authorization"), None);
    // Unless it is said that it may.
    let trusting = client(&server.url("/in")).with_trusted_origin(&other.base).unwrap();
    assert!(is_reached(&refused(trusting).await));
    assert_eq!(other.asked()[1].header("authorization"), TOKEN);
}

/// The same where a session is elsewhere: what ends it is asked without the token.
#[tokio::test]
async fn api_8_the_token_does_not_follow_to_a_session_of_another_origin() {
    let other = Server::saying(|_| Reply::new(200)).await;
    let place = other.url("/s/1");
    let server = Server::saying(move |_| Reply::new(201).with("location", &*place).body("application/sdp", "")).await;
    let error = refused(client(&server.url("/in"))).await;
    assert!(matches!(error, WhipError::Remote(_)), "{error:?}");
    let ended = other.sees(|asked| asked.method == "DELETE").await;
    assert_eq!((ended.path.as_str(), ended.header("authorization")), ("/s/1", None));
}

/// Guards `gives_up_tls`, for redirections and for sessions.
#[tokio::test]
async fn api_8_tls_is_not_given_up() {
    let plain = Server::saying(|_| Reply::new(404)).await;
    let roots = || vec![Server::certificate().to_vec()];
    let place = plain.url("/in");
    let server = Server::secure(move |asked| match asked.path.as_str() {
        "/redirected" => Reply::new(307).with("location", &*place),
        "/session" => Reply::new(201).with("location", &*place).body("application/sdp", ""),
        _ => Reply::new(404),
    })
    .await;
    let error = refused(client(&server.url("/redirected")).with_roots(roots())).await;
    assert!(matches!(error, WhipError::Redirect(RedirectError::Insecure)), "{error:?}");
    let error = refused(client(&server.url("/session")).with_roots(roots())).await;
    assert!(matches!(error, WhipError::Response(ResponseError::Insecure)), "{error:?}");
    assert!(plain.asked().is_empty());
    assert!(is_reached(&refused(client(&server.url("/in")).with_roots(roots())).await));
    assert_eq!(server.asked().last().unwrap().header("authorization"), TOKEN);
}

/// Guards the check of certificates: the system's do not vouch for the test's, nor does it for another name.
#[tokio::test]
async fn api_8_a_server_that_nobody_vouches_for_is_not_asked() {
    let server = Server::secure(|_| Reply::new(404)).await;
    let other_name = server.url("/in").replace("localhost", "127.0.0.2");
    let roots = vec![Server::certificate().to_vec()];
    for client in [client(&server.url("/in")), client(&other_name).with_roots(roots)] {
        let error = refused(client).await;
        assert!(
            matches!(error, WhipError::Http(HttpError::Tls(_) | HttpError::Roots | HttpError::Connect(_))),
            "{error:?}"
        );
    }
    assert!(server.asked().is_empty());
}
