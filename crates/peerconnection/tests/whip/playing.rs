//! Playing from a media server, which answers the offer or makes one of its own.

use crate::media_server::{Behaviour, MediaServer};
use crate::server::{Reply, Server};
use crate::sockets::{track, within};
use crate::{assert_untouched, connection, hear, receiving, whistle};
use ortica::jsep::SignalingState;
use ortica::signaling::whip::{Client, Gathering, Reason, ResponseError, Trickled, WhipError};
use ortica::{ConnectionState, Direction, LocalTrack};

async fn playing(counters: bool, answered: Option<Reply>) -> (MediaServer, LocalTrack) {
    let track = LocalTrack::audio();
    let behaviour = Behaviour { plays: Some(track.clone()), counters, answered, ..Behaviour::default() };
    (MediaServer::start(behaviour).await, track)
}

#[tokio::test]
async fn api_8_what_a_server_plays_is_heard() {
    let (server, sound) = playing(false, None).await;
    let (pc, mut events) = connection();
    let transceiver = receiving(&pc);
    let client = Client::new(&server.http.url("/watch")).unwrap().with_token("secret").unwrap();
    let mut session = within(client.play(&pc)).await.unwrap();
    let _whistle = whistle(sound);
    let incoming = track(&mut events).await;
    assert_eq!(incoming.transceiver.mid(), transceiver.mid());
    hear(&incoming.track).await;
    within(session.restart_ice()).await.unwrap();
    assert_eq!(within(session.trickle()).await.unwrap(), Trickled::All);
    hear(&incoming.track).await;
    within(session.end()).await.unwrap();
    assert_eq!(server.http.asked().last().unwrap().method, "DELETE");
}

/// Guards `Client::answer`, whether candidates are in the answer or follow it.
#[tokio::test]
async fn api_8_a_counter_offer_is_answered_and_takes_the_place_of_ours() {
    for gathering in [Gathering::Trickle, Gathering::Complete] {
        let (server, sound) = playing(true, None).await;
        let (pc, mut events) = connection();
        let ours = receiving(&pc);
        let client = Client::new(&server.http.url("/watch")).unwrap().with_gathering(gathering);
        let mut session = within(client.play(&pc)).await.unwrap();
        let answer = server.http.asked()[1].clone();
        assert_eq!((answer.method.as_str(), answer.path.as_str()), ("PATCH", "/sessions/1"));
        assert!(answer.body.contains("a=recvonly"), "{}", answer.body);
        assert_eq!(answer.body.contains("a=end-of-candidates"), gathering == Gathering::Complete);
        assert_eq!(within(session.trickle()).await.unwrap(), Trickled::All);
        let _whistle = whistle(sound);
        let incoming = track(&mut events).await;
        hear(&incoming.track).await;
        assert_eq!(incoming.transceiver.current_direction(), Some(Direction::RecvOnly));
        assert!(ours.is_stopping());

        within(session.restart_ice()).await.unwrap();
        assert_eq!(within(session.trickle()).await.unwrap(), Trickled::All);
        hear(&incoming.track).await;
        assert_eq!(pc.connection_state(), ConnectionState::Connected);
        within(session.end()).await.unwrap();
    }
}

/// Guards the order in `Client::answer`: an answer that is refused was not set.
#[tokio::test]
async fn api_8_an_answer_that_is_refused_changes_nothing() {
    let (server, _sound) = playing(true, Some(Reply::new(400))).await;
    let (pc, _events) = connection();
    let ours = receiving(&pc);
    let error = within(Client::new(&server.http.url("/watch")).unwrap().play(&pc)).await.unwrap_err();
    assert!(matches!(&error, WhipError::Refused(refusal) if refusal.reason == Reason::BadRequest), "{error:?}");
    assert_untouched(&pc);
    assert!(!ours.is_stopping());
    assert_eq!(pc.transceivers().len(), 1);
    server.http.sees(|asked| asked.method == "DELETE").await;
}

#[tokio::test]
async fn api_8_a_counter_offer_that_does_not_fit_changes_nothing() {
    type Check = fn(&WhipError) -> bool;
    type Make = fn(&str) -> String;
    let cases: [(Make, Check); 4] = [
        (|_| "v=0\r\n".to_owned(), |error| matches!(error, WhipError::Response(ResponseError::Sdp(_)))),
        (
            |ours| ours.replace("a=recvonly", "a=inactive"),
            |error| matches!(error, WhipError::Response(ResponseError::Direction)),
        ),
        (
            |ours| ours.replace("a=recvonly", "a=sendonly").replace("a=fingerprint", "a=fingerpaint"),
            |error| matches!(error, WhipError::Remote(_)),
        ),
        (
            |ours| ours.split("m=").next().unwrap().to_owned(),
            |error| matches!(error, WhipError::Response(ResponseError::Direction)),
        ),
    ];
    for (make, is_expected) in cases {
        let server = Server::saying(move |asked| match asked.method.as_str() {
            "POST" => Reply::new(406).with("location", "/s/1").body("application/sdp", make(&asked.body)),
            _ => Reply::new(500),
        })
        .await;
        let (pc, _events) = connection();
        receiving(&pc);
        let error = within(Client::new(&server.url("/watch")).unwrap().play(&pc)).await.unwrap_err();
        assert!(is_expected(&error), "{error:?}");
        assert_untouched(&pc);
        assert!(server.asked().iter().all(|asked| asked.method != "PATCH"), "nothing is answered");
    }
}

/// A player is told to come back.
#[tokio::test]
async fn api_8_nothing_to_play_yet_is_told_with_the_time_to_wait() {
    let server = Server::saying(|_| Reply::new(409).with("retry-after", "5")).await;
    let (pc, _events) = connection();
    receiving(&pc);
    let client = Client::new(&server.url("/watch")).unwrap();
    for _ in 0..2 {
        let Err(WhipError::Refused(refusal)) = within(client.play(&pc)).await else { panic!("nobody publishes") };
        assert_eq!((refusal.reason, refusal.retry_after), (Reason::Conflict, Some(std::time::Duration::from_secs(5))));
        assert_eq!(pc.signaling_state(), SignalingState::Stable);
        assert_untouched(&pc);
    }
}
