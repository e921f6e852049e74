//! Requests to the router that the server serves, by callers that are real connections.

use super::*;
use axum::body::{Body as Bytes, to_bytes};
use axum::http::{HeaderMap, Method, Request};
use ortica::engine::DtlsState;
use ortica::{Configuration, DataChannel, DataChannelInit, Event, Events, LocalTrack, Message, PeerConnection};
use serde_json::Value;
use std::time::Duration;
use tokio::task::yield_now;
use tokio::time::timeout;
use tower::ServiceExt;

#[tokio::test]
async fn an_offer_is_answered_at_once_with_candidates_and_a_ping_with_a_pong() {
    let server = Server::start();
    let caller = Caller::new();
    let chat = caller.channel("chat");
    let answer = server.call(&caller, json!({})).await;
    assert_eq!(answer["type"], "answer");
    assert!(answer["sdp"].as_str().unwrap().contains("a=candidate:"), "{answer}");
    assert_eq!(server.ids().await, [answer["pc_id"].as_str().unwrap()]);
    ping(&chat).await;
}

#[tokio::test]
async fn a_channel_that_the_offer_names_beforehand_is_there_on_both_sides() {
    let server = Server::start();
    let caller = Caller::new();
    let init = DataChannelInit { negotiated: Some(7), ..DataChannelInit::default() };
    let agreed = caller.connection.create_data_channel("agreed", init).unwrap();
    server.call(&caller, json!({ "negotiated": [{ "id": 7, "label": "agreed" }] })).await;
    ping(&agreed).await;
}

#[tokio::test]
async fn an_offer_with_an_id_renegotiates_that_call() {
    let server = Server::start();
    let mut caller = Caller::new();
    let chat = caller.channel("chat");
    let id = server.call(&caller, json!({})).await["pc_id"].clone();
    ping(&chat).await;
    caller.connection.add_track(&LocalTrack::audio(), &[]).unwrap();
    let answer = server.call(&caller, json!({ "pc_id": id })).await;
    assert_eq!(answer["pc_id"], id);
    assert_eq!(server.ids().await.len(), 1);
    assert!(answer["sdp"].as_str().unwrap().contains("m=audio 9"), "{answer}");
    caller.until(|event| matches!(event, Event::Track(_))).await;
    ping(&chat).await;
}

#[tokio::test]
async fn the_server_offers_and_candidates_trickle_both_ways() {
    let server = Server::start();
    let mut caller = Caller::new();
    let (status, offer) = server.get("/offer-request?kind=audio,video,data").await;
    assert_eq!((status, &offer["type"]), (StatusCode::OK, &json!("offer")));
    let id = offer["pc_id"].as_str().unwrap();
    let sdp = offer["sdp"].as_str().unwrap();
    let kinds: Vec<&str> = sdp.lines().filter(|line| line.starts_with("m=")).map(|line| &line[2..7]).collect();
    assert_eq!(kinds, ["audio", "video", "appli"]);

    let bare = sdp.split_inclusive("\r\n").filter(|line| !is_candidate(line)).collect();
    caller.connection.set_remote_description(SessionDescription { kind: SdpType::Offer, sdp: bare }).unwrap();
    let answer = caller.connection.create_answer().unwrap();
    assert!(!answer.sdp.contains("a=candidate:"));
    caller.connection.set_local_description(answer.clone()).unwrap();
    server.accept("/answer", json!({ "sdp": answer.sdp, "type": "answer", "pc_id": id })).await;

    let theirs = server.candidates(id).await;
    assert!(theirs.len() > 1, "{theirs:?}");
    for candidate in theirs {
        let text = |name: &str| candidate[name].as_str().map(str::to_owned);
        let candidate = IceCandidate {
            candidate: text("candidate").unwrap(),
            sdp_mid: text("sdpMid"),
            sdp_mline_index: candidate["sdpMLineIndex"].as_u64().map(|index| index as u16),
            ..IceCandidate::default()
        };
        caller.connection.add_ice_candidate(&candidate).unwrap();
    }
    assert_eq!(server.get(&format!("/candidates?pc_id={id}")).await.1, json!([]), "each is given once");
    loop {
        let event = caller.until(|event| matches!(event, Event::IceCandidate(_))).await;
        let Event::IceCandidate(candidate) = event else { panic!("{event:?}") };
        let last = candidate.is_none();
        let IceCandidate { candidate, sdp_mid, sdp_mline_index, .. } = candidate.unwrap_or_default();
        // The end of candidates names no section, and stands for all.
        let body = json!({ "pc_id": id, "candidate": candidate, "sdpMid": sdp_mid, "sdpMLineIndex": sdp_mline_index });
        server.accept("/candidate", body).await;
        if last {
            break;
        }
    }
    let event = caller.until(|event| matches!(event, Event::DataChannel(_))).await;
    let Event::DataChannel(chat) = event else { panic!("{event:?}") };
    assert_eq!(chat.label(), "chat");
    ping(&chat).await;
}

#[tokio::test]
async fn the_server_offers_more_in_a_call_that_there_is() {
    let server = Server::start();
    let mut caller = Caller::new();
    let chat = caller.channel("chat");
    let id = server.call(&caller, json!({})).await["pc_id"].clone();
    ping(&chat).await;
    let path = format!("/offer-request?kind=video&pc_id={}", id.as_str().unwrap());
    let (_, offer) = server.get(&path).await;
    assert_eq!(offer["pc_id"], id);
    let (status, reply) = server.get(&path).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "one offer at a time: {reply}");

    let sdp = offer["sdp"].as_str().unwrap().to_owned();
    caller.connection.set_remote_description(SessionDescription { kind: SdpType::Offer, sdp }).unwrap();
    caller.connection.set_local_description(None).unwrap();
    let answer = caller.connection.local_description().unwrap().sdp;
    server.accept("/answer", json!({ "sdp": answer, "type": "answer", "pc_id": id })).await;
    caller.until(|event| matches!(event, Event::Track(_))).await;
    ping(&chat).await;
}

#[tokio::test]
async fn a_closed_call_is_gone() {
    let server = Server::start();
    let mut caller = Caller::new();
    let chat = caller.channel("chat");
    let id = server.call(&caller, json!({})).await["pc_id"].clone();
    ping(&chat).await;
    server.accept("/close", json!({ "pc_id": id })).await;
    assert!(server.ids().await.is_empty());
    caller.until(|event| matches!(event, Event::DtlsStateChange { state: DtlsState::Closed, .. })).await;
    assert_eq!(server.post("/close", json!({ "pc_id": id })).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_cannot_be_used_is_refused_with_a_reason_and_changes_nothing() {
    let server = Server::start();
    let caller = Caller::new();
    let chat = caller.channel("chat");
    let id = server.call(&caller, json!({})).await["pc_id"].clone();
    let asked = server.get("/offer-request?kind=audio").await.1["pc_id"].clone();
    ping(&chat).await;
    let before = server.ids().await;

    let sdp = caller.offer().await;
    let no_fingerprint = sdp.replace("a=fingerprint", "a=finger");
    let negotiated = json!([{ "id": 9, "label": "a" }, { "id": 9, "label": "b" }]);
    for (path, body) in [
        ("/offer", json!(null)),
        ("/offer", json!([])),
        ("/offer", json!({ "type": "offer" })),
        ("/offer", json!({ "sdp": sdp })),
        ("/offer", json!({ "sdp": 7, "type": "offer" })),
        ("/offer", json!({ "sdp": sdp, "type": "answer" })),
        ("/offer", json!({ "sdp": sdp, "type": "offering" })),
        ("/offer", json!({ "sdp": sdp, "type": "offer", "video_transform": "sepia" })),
        ("/offer", json!({ "sdp": sdp, "type": "offer", "negotiated": "all" })),
        ("/offer", json!({ "sdp": sdp, "type": "offer", "negotiated": [{ "id": 70_000, "label": "a" }] })),
        ("/offer", json!({ "sdp": sdp, "type": "offer", "negotiated": negotiated })),
        ("/offer", json!({ "sdp": "", "type": "offer" })),
        ("/offer", json!({ "sdp": "hello", "type": "offer" })),
        ("/offer", json!({ "sdp": no_fingerprint, "type": "offer" })),
        ("/offer", json!({ "sdp": no_fingerprint, "type": "offer", "pc_id": id })),
        (
            "/offer",
            json!({ "sdp": no_fingerprint, "type": "offer", "pc_id": id, "negotiated": [{ "id": 8, "label": "a" }] }),
        ),
        ("/offer", json!({ "sdp": sdp, "type": "offer", "pc_id": id, "negotiated": negotiated })),
        ("/offer", json!({ "sdp": sdp, "type": "offer", "pc_id": id, "negotiated": [{ "id": 65_535, "label": "a" }] })),
        (
            "/offer",
            json!({ "sdp": sdp, "type": "offer", "pc_id": id, "negotiated": [{ "id": chat.id(), "label": "a" }] }),
        ),
        ("/answer", json!({ "sdp": sdp, "type": "answer" })),
        ("/answer", json!({ "sdp": sdp, "type": "offer", "pc_id": asked })),
        ("/answer", json!({ "sdp": "hello", "type": "answer", "pc_id": asked })),
        ("/answer", json!({ "sdp": sdp, "type": "answer", "pc_id": asked })),
        ("/answer", json!({ "sdp": sdp, "type": "answer", "pc_id": id })),
        ("/candidate", json!({ "pc_id": id })),
        ("/candidate", json!({ "candidate": "" })),
        ("/candidate", json!({ "pc_id": id, "candidate": "garbage", "sdpMid": "0" })),
        (
            "/candidate",
            json!({ "pc_id": id, "candidate": "candidate:1 1 udp 1 10.0.0.1 99999 typ host", "sdpMid": "0" }),
        ),
        (
            "/candidate",
            json!({ "pc_id": id, "candidate": "candidate:1 1 udp 1 10.0.0.1 9 typ host", "sdpMid": "none" }),
        ),
        ("/candidate", json!({ "pc_id": id, "candidate": "candidate:1 1 udp 1 10.0.0.1 9 typ host" })),
        (
            "/candidate",
            json!({ "pc_id": asked, "candidate": "candidate:1 1 udp 1 10.0.0.1 9 typ host", "sdpMid": "0" }),
        ),
        ("/close", json!({})),
    ] {
        server.refuse(StatusCode::BAD_REQUEST, path, body).await;
    }
    for (path, body) in [
        ("/offer", json!({ "sdp": sdp, "type": "offer", "pc_id": "pc-99" })),
        ("/answer", json!({ "sdp": sdp, "type": "answer", "pc_id": "pc-99" })),
        ("/candidate", json!({ "pc_id": "pc-99", "candidate": "" })),
        ("/close", json!({ "pc_id": "pc-99" })),
        ("/nowhere", json!({})),
    ] {
        server.refuse(StatusCode::NOT_FOUND, path, body).await;
    }
    for (path, status) in [
        ("/candidates", StatusCode::BAD_REQUEST),
        ("/candidates?pc_id=pc-99", StatusCode::NOT_FOUND),
        ("/offer-request?kind=smell", StatusCode::BAD_REQUEST),
        ("/offer-request?kind=audio&pc_id=pc-99", StatusCode::NOT_FOUND),
        ("/nowhere", StatusCode::NOT_FOUND),
    ] {
        let (got, reply) = server.get(path).await;
        assert!(got == status && reply["error"].is_string(), "{path}: {got} {reply}");
    }
    let (status, _, reply) = server.send(Method::POST, "/offer", "{".into()).await;
    assert_eq!((status, reply.contains("error")), (StatusCode::BAD_REQUEST, true));

    assert_eq!(server.ids().await, before);
    ping(&chat).await;
    // The refused offers left neither channels nor half a negotiation behind.
    let init = DataChannelInit { negotiated: Some(9), ..DataChannelInit::default() };
    let agreed = caller.connection.create_data_channel("agreed", init).unwrap();
    server.call(&caller, json!({ "pc_id": id, "negotiated": [{ "id": 9, "label": "agreed" }] })).await;
    ping(&agreed).await;
}

#[tokio::test]
async fn a_body_that_is_too_long_is_not_read() {
    let server = Server::start();
    let body = json!({ "sdp": "x".repeat(MAX_BODY), "type": "offer" });
    server.refuse(StatusCode::PAYLOAD_TOO_LARGE, "/offer", body).await;
}

#[tokio::test]
async fn any_page_may_call() {
    let server = Server::start();
    let preflight = Request::options("/offer")
        .header(header::ORIGIN, "https://example.org")
        .header(header::ACCESS_CONTROL_REQUEST_METHOD, "POST")
        .header(header::ACCESS_CONTROL_REQUEST_HEADERS, "content-type");
    let reply = server.router.clone().oneshot(preflight.body(Bytes::empty()).unwrap()).await.unwrap();
    for name in [header::ACCESS_CONTROL_ALLOW_ORIGIN, header::ACCESS_CONTROL_ALLOW_HEADERS] {
        assert_eq!(reply.headers()[&name], "*");
    }
    let (_, headers, _) = server.send(Method::GET, "/pcs", String::new()).await;
    assert_eq!(headers[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*");
}

#[tokio::test]
async fn the_page_finds_what_it_names() {
    let server = Server::start();
    let (status, headers, page) = server.send(Method::GET, "/", String::new()).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(headers[header::CONTENT_TYPE], "text/html; charset=utf-8");
    let scripts: Vec<&str> = page.split("<script src=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert_eq!(scripts, ["stats.js", "client.js"]);
    for script in scripts {
        let (status, headers, text) = server.send(Method::GET, &format!("/{script}"), String::new()).await;
        assert_eq!((status, &headers[header::CONTENT_TYPE]), (StatusCode::OK, &"text/javascript".parse().unwrap()));
        // What the scripts look up by id is on the page.
        for id in text.split("$('").skip(1).map(|rest| rest.split('\'').next().unwrap()) {
            assert!(page.contains(&format!("id=\"{id}\"")), "{script} looks for {id}");
        }
    }
}

/// Fails loudly instead of hanging; nothing waits for it to pass.
const PATIENCE: Duration = Duration::from_secs(20);

struct Server {
    router: Router,
}

impl Server {
    fn start() -> Self {
        Self { router: router(Calls::new().expect("sockets can be bound")) }
    }

    async fn send(&self, method: Method, path: &str, body: String) -> (StatusCode, HeaderMap, String) {
        let request = Request::builder().method(method).uri(path).header(header::CONTENT_TYPE, "application/json");
        let reply = self.router.clone().oneshot(request.body(Bytes::from(body)).unwrap()).await.unwrap();
        let (parts, body) = reply.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        (parts.status, parts.headers, String::from_utf8(body.to_vec()).unwrap())
    }

    async fn get(&self, path: &str) -> (StatusCode, Value) {
        let (status, _, reply) = self.send(Method::GET, path, String::new()).await;
        (status, serde_json::from_str(&reply).unwrap())
    }

    async fn post(&self, path: &str, body: Value) -> (StatusCode, Value) {
        let (status, _, reply) = self.send(Method::POST, path, body.to_string()).await;
        (status, serde_json::from_str(&reply).unwrap())
    }

    async fn accept(&self, path: &str, body: Value) -> Value {
        let (status, reply) = self.post(path, body).await;
        assert_eq!(status, StatusCode::OK, "{path}: {reply}");
        reply
    }

    async fn refuse(&self, wanted: StatusCode, path: &str, body: Value) {
        let what = format!("{path} {body:.200}");
        let (status, reply) = self.post(path, body).await;
        assert_eq!(status, wanted, "{what}: {reply}");
        assert!(reply["error"].as_str().is_some_and(|reason| !reason.is_empty()), "{what}: {reply}");
    }

    /// All candidates of a call; an empty one is the last.
    async fn candidates(&self, id: &str) -> Vec<Value> {
        let mut all: Vec<Value> = Vec::new();
        let ask = async {
            while all.last().is_none_or(|last| last["candidate"] != "") {
                let (_, more) = self.get(&format!("/candidates?pc_id={id}")).await;
                all.extend(more.as_array().unwrap().clone());
                yield_now().await;
            }
        };
        timeout(PATIENCE, ask).await.expect("the end of candidates");
        all
    }

    async fn ids(&self) -> Vec<String> {
        let (_, reply) = self.get("/pcs").await;
        let ids: Vec<String> = serde_json::from_value(reply["ids"].clone()).unwrap();
        assert_eq!(reply["count"], ids.len());
        ids
    }

    /// Offers what the caller has, with `more` in the body, and has it take the answer.
    async fn call(&self, caller: &Caller, more: Value) -> Value {
        let mut body = json!({ "sdp": caller.offer().await, "type": "offer" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let answer = self.accept("/offer", body).await;
        let sdp = answer["sdp"].as_str().unwrap().to_owned();
        caller.connection.set_remote_description(SessionDescription { kind: SdpType::Answer, sdp }).unwrap();
        answer
    }
}

struct Caller {
    connection: PeerConnection,
    events: Events,
}

impl Caller {
    fn new() -> Self {
        let (connection, events) =
            PeerConnection::new(Configuration::default().with_gather_loopback(true)).expect("sockets can be bound");
        Self { connection, events }
    }

    fn channel(&self, label: &str) -> DataChannel {
        self.connection.create_data_channel(label, DataChannelInit::default()).unwrap()
    }

    async fn offer(&self) -> String {
        self.connection.set_local_description(self.connection.create_offer().unwrap()).unwrap();
        self.connection.gathering_complete().await;
        self.connection.local_description().unwrap().sdp
    }

    async fn until(&mut self, wanted: impl Fn(&Event) -> bool) -> Event {
        let look = async {
            loop {
                let event = self.events.next().await.expect("the connection goes on");
                if wanted(&event) {
                    return event;
                }
            }
        };
        timeout(PATIENCE, look).await.expect("the event")
    }
}

fn is_candidate(line: &str) -> bool {
    line.starts_with("a=candidate:") || line.starts_with("a=end-of-candidates")
}

async fn ping(channel: &DataChannel) {
    let asked = async {
        assert!(channel.opened().await);
        channel.send("ping 1").await.unwrap();
        channel.recv().await
    };
    assert_eq!(timeout(PATIENCE, asked).await.expect("an answer"), Some(Message::Text("pong 1".to_owned())));
}
