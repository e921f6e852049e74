//! Publishing to a media server: from the offer to the end.

use crate::media_server::{Behaviour, MediaServer};
use crate::server::Reply;
use crate::sockets::{track, within};
use crate::stun_server::StunServer;
use crate::{assert_untouched, connection, connection_asking, hear, sending, whistle};
use ortica::IceServer;
use ortica::jsep::SignalingState;
use ortica::signaling::whip::{Client, Gathering, Reason, ResponseError, Trickled, WhipError};
use ortica::{ConnectionState, PeerConnection};

fn ufrag(sdp: &str) -> String {
    sdp.lines().find_map(|line| line.strip_prefix("a=ice-ufrag:")).expect("it has one").to_owned()
}

fn local_ufrag(pc: &PeerConnection) -> String {
    ufrag(&pc.local_description().expect("it was set").sdp)
}

#[tokio::test]
async fn api_8_sound_is_published_through_a_restart_until_the_session_ends() {
    let server = MediaServer::start(Behaviour::default()).await;
    let (pc, _events) = connection();
    let (sound, _) = sending(&pc);
    let client = Client::new(&server.http.url("/live")).unwrap().with_token("secret").unwrap();
    let mut session = within(client.publish(&pc)).await.unwrap();
    assert_eq!(session.url(), server.http.url("/sessions/1"));
    let _whistle = whistle(sound);
    let incoming = track(&mut server.events()).await;
    hear(&incoming.track).await;
    assert_eq!(within(session.trickle()).await.unwrap(), Trickled::All);

    let before = local_ufrag(&pc);
    within(session.restart_ice()).await.unwrap();
    assert_ne!(local_ufrag(&pc), before);
    assert_eq!((pc.signaling_state(), pc.connection_state()), (SignalingState::Stable, ConnectionState::Connected));
    within(session.restart_ice()).await.unwrap();
    assert_eq!(within(session.trickle()).await.unwrap(), Trickled::All);
    hear(&incoming.track).await;
    assert_eq!(server.session().connection_state(), ConnectionState::Connected);

    within(session.end()).await.unwrap();
    let asked = server.http.asked();
    assert_eq!(asked.last().unwrap().method, "DELETE");
    assert!(asked.iter().all(|asked| asked.header("authorization") == Some("Bearer secret")), "{asked:?}");
    assert_eq!((asked[0].path.as_str(), asked[0].header("content-type")), ("/live", Some("application/sdp")));
    assert!(asked[1..].iter().all(|asked| asked.path == "/sessions/1"));
}

/// Guards `Session::trickle` and the tag: the offer goes out before the STUN server has answered, and what it says goes with the
/// tag of the generation, also after a restart.
#[tokio::test]
async fn api_8_candidates_found_later_are_told_with_their_tag() {
    let stun = StunServer::start("203.0.113.7:7777".parse().unwrap()).await;
    let server = MediaServer::start(Behaviour::default()).await;
    let (pc, _events) = connection_asking(vec![IceServer::new(format!("stun:{}", stun.address))]);
    let _sound = sending(&pc);
    let mut session = within(Client::new(&server.http.url("/live")).unwrap().publish(&pc)).await.unwrap();
    let offer = server.http.asked()[0].body.clone();
    assert!(!offer.contains("203.0.113.7") && !offer.contains("a=end-of-candidates"), "{offer}");
    stun.speak.notify_one();
    assert_eq!(within(session.trickle()).await.unwrap(), Trickled::All);
    assert_eq!(server.tags().last().unwrap(), "\"1\"");
    let fragment = server.http.asked().last().unwrap().clone();
    assert_eq!(fragment.header("content-type"), Some("application/trickle-ice-sdpfrag"));
    for line in ["a=mid:0", "203.0.113.7 7777 typ srflx", "a=end-of-candidates", "a=ice-pwd:", "a=ice-options:trickle"]
    {
        assert!(fragment.body.contains(line), "{line}: {}", fragment.body);
    }
    assert_eq!(ufrag(&fragment.body), ufrag(&offer));

    within(session.restart_ice()).await.unwrap();
    assert_eq!(server.tags().last().unwrap(), "*");
    assert_eq!(within(session.trickle()).await.unwrap(), Trickled::All);
    assert_eq!(server.tags().last().unwrap(), "\"2\"", "{:?}", server.tags());
    let again = server.http.asked().last().unwrap().body.clone();
    assert_eq!(ufrag(&again), local_ufrag(&pc));
    // Nothing is left to be told.
    let asked = server.http.asked().len();
    assert_eq!(within(session.trickle()).await.unwrap(), Trickled::All);
    assert_eq!(server.http.asked().len(), asked);
}

/// Guards `Client::waits`: one refusal, and the next offer has all candidates.
#[tokio::test]
async fn api_8_a_server_without_trickle_gets_complete_offers_from_then_on() {
    for status in [405, 422, 501] {
        let stun = StunServer::start("203.0.113.7:7777".parse().unwrap()).await;
        let server = MediaServer::start(Behaviour { patch: Some(Reply::new(status)), ..Behaviour::default() }).await;
        let client = Client::new(&server.http.url("/live")).unwrap();
        let asking = || connection_asking(vec![IceServer::new(format!("stun:{}", stun.address))]);
        let (first, _events) = asking();
        let _sound = sending(&first);
        let mut session = within(client.publish(&first)).await.unwrap();
        stun.speak.notify_one();
        assert_eq!(within(session.trickle()).await.unwrap(), Trickled::Refused);
        within(first.connected()).await.expect("the session goes on");

        let (second, _events) = asking();
        let _sound = sending(&second);
        let mut next = within(client.publish(&second)).await.unwrap();
        let offer = server.http.asked().last().unwrap().body.clone();
        assert!(offer.contains("203.0.113.7") && offer.contains("a=end-of-candidates"), "{offer}");
        let asked = server.http.asked().len();
        assert_eq!(within(next.trickle()).await.unwrap(), Trickled::All);
        assert_eq!(server.http.asked().len(), asked);
    }
}

#[tokio::test]
async fn api_8_who_wants_so_waits_for_all_candidates() {
    let stun = StunServer::start("203.0.113.7:7777".parse().unwrap()).await;
    stun.speak.notify_one();
    let server = MediaServer::start(Behaviour::default()).await;
    let (pc, _events) = connection_asking(vec![IceServer::new(format!("stun:{}", stun.address))]);
    let _sound = sending(&pc);
    let client = Client::new(&server.http.url("/live")).unwrap().with_gathering(Gathering::Complete);
    let mut session = within(client.publish(&pc)).await.unwrap();
    let offer = server.http.asked()[0].body.clone();
    assert!(offer.contains("203.0.113.7") && offer.contains("a=end-of-candidates"), "{offer}");
    within(session.restart_ice()).await.unwrap();
    assert!(server.http.asked()[1].body.contains("203.0.113.7"));
    assert_eq!(within(session.trickle()).await.unwrap(), Trickled::All);
    assert_eq!(server.http.asked().len(), 2);
}

/// Guards `Pending`: refused, or answered with what is no restart, the connection and the session go on as they were.
#[tokio::test]
async fn api_8_a_restart_that_fails_is_taken_back() {
    let server = MediaServer::start(Behaviour::default()).await;
    let (pc, _events) = connection();
    let (sound, _) = sending(&pc);
    let mut session = within(Client::new(&server.http.url("/live")).unwrap().publish(&pc)).await.unwrap();
    let _whistle = whistle(sound);
    let incoming = track(&mut server.events()).await;
    hear(&incoming.track).await;
    let before = (pc.local_description(), pc.remote_description());
    let old = ufrag(&pc.remote_description().unwrap().sdp);
    let pwd = "a=ice-pwd:0b66f472495ef0ccac7bda653ab6be49\r\n";
    let fragment = |body: String| Reply::new(200).body("application/trickle-ice-sdpfrag", body);
    let is =
        |problem: ResponseError| move |error: &WhipError| matches!(error, WhipError::Response(it) if *it == problem);
    let refused = |reason| move |error: &WhipError| matches!(error, WhipError::Refused(it) if it.reason == reason);
    type Check = Box<dyn Fn(&WhipError) -> bool>;
    let cases: Vec<(Reply, Check)> = vec![
        (Reply::new(412), Box::new(refused(Reason::PreconditionFailed))),
        (Reply::new(422), Box::new(refused(Reason::UnprocessableContent))),
        (Reply::new(204), Box::new(is(ResponseError::Status(204)))),
        (Reply::new(200), Box::new(is(ResponseError::ContentType("application/trickle-ice-sdpfrag")))),
        (fragment(format!("a=ice-ufrag:{old}\r\n{pwd}")), Box::new(is(ResponseError::NotRestarted))),
        (fragment(pwd.to_owned()), Box::new(is(ResponseError::NoCredentials))),
        (
            fragment(format!("a=ice-ufrag:abcd\r\n{pwd}m=audio 9 RTP/AVP 0\r\na=mid:7\r\n")),
            Box::new(is(ResponseError::UnknownSection)),
        ),
        (fragment("v=0\r\n".to_owned()), Box::new(|error| matches!(error, WhipError::Response(ResponseError::Sdp(_))))),
        (
            fragment("a=ice-ufrag:ab\r\na=ice-pwd:cd\r\n".to_owned()),
            Box::new(|error| matches!(error, WhipError::Remote(_))),
        ),
    ];
    for (reply, is_expected) in cases {
        server.set_patch(Some(reply));
        let error = within(session.restart_ice()).await.unwrap_err();
        assert!(is_expected(&error), "{error:?}");
        assert_eq!((pc.local_description(), pc.remote_description()), before);
        assert_eq!((pc.signaling_state(), pc.connection_state()), (SignalingState::Stable, ConnectionState::Connected));
    }
    hear(&incoming.track).await;
    server.set_patch(None);
    within(session.restart_ice()).await.unwrap();
    hear(&incoming.track).await;
}

/// Guards `ice::only_restarts`.
#[tokio::test]
async fn api_8_a_restart_does_not_smuggle_in_a_renegotiation() {
    let server = MediaServer::start(Behaviour::default()).await;
    let (pc, _events) = connection();
    let _sound = sending(&pc);
    let mut session = within(Client::new(&server.http.url("/live")).unwrap().publish(&pc)).await.unwrap();
    let before = pc.local_description();
    let _more = sending(&pc);
    let error = within(session.restart_ice()).await.unwrap_err();
    assert!(matches!(error, WhipError::Renegotiation), "{error:?}");
    assert_eq!((pc.signaling_state(), pc.local_description()), (SignalingState::Stable, before));
    assert_eq!(server.http.asked().len(), 1);
}

/// Guards `Session::drop`.
#[tokio::test]
async fn api_8_a_session_that_is_dropped_ends_on_the_server() {
    let server = MediaServer::start(Behaviour::default()).await;
    let (pc, _events) = connection();
    let _sound = sending(&pc);
    let client = Client::new(&server.http.url("/live")).unwrap().with_token("secret").unwrap();
    drop(within(client.publish(&pc)).await.unwrap());
    let ended = server.http.sees(|asked| asked.method == "DELETE").await;
    assert_eq!((ended.path.as_str(), ended.header("authorization")), ("/sessions/1", Some("Bearer secret")));
}

#[tokio::test]
async fn api_8_a_session_without_a_runtime_is_dropped_all_the_same() {
    let server = MediaServer::start(Behaviour::default()).await;
    let (pc, _events) = connection();
    let _sound = sending(&pc);
    let session = within(Client::new(&server.http.url("/live")).unwrap().publish(&pc)).await.unwrap();
    std::thread::spawn(move || drop(session)).join().expect("it does not panic");
    assert_eq!(server.http.asked().len(), 1);
}

/// Guards `Pending` where a caller loses patience.
#[tokio::test]
async fn api_8_a_call_that_is_dropped_takes_its_offer_back() {
    let server = crate::server::Server::start(|_| Box::pin(std::future::pending())).await;
    let (pc, _events) = connection();
    let _sound = sending(&pc);
    let client = Client::new(&server.url("/live")).unwrap();
    tokio::select! {
        _ = client.publish(&pc) => panic!("there is no answer"),
        _ = server.sees(|asked| asked.method == "POST") => {}
    }
    assert_untouched(&pc);
}

#[tokio::test]
async fn api_8_candidates_of_a_closed_connection_are_not_waited_for() {
    let stun = StunServer::start("203.0.113.7:7777".parse().unwrap()).await;
    let server = MediaServer::start(Behaviour::default()).await;
    let (pc, _events) = connection_asking(vec![IceServer::new(format!("stun:{}", stun.address))]);
    let _sound = sending(&pc);
    let mut session = within(Client::new(&server.http.url("/live")).unwrap().publish(&pc)).await.unwrap();
    let (ended, _) = tokio::join!(within(session.trickle()), pc.close());
    assert!(matches!(ended, Err(WhipError::Local(ortica::jsep::DescriptionError::Closed))), "{ended:?}");
}
