//! The HTTP side: descriptions and candidates as JSON.

use crate::calls::{CallError, Calls, Negotiated};
use crate::transform::Transform;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use ortica::codecs::MediaKind;
use ortica::jsep::{IceCandidate, SdpType, SessionDescription};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tower_http::cors::CorsLayer;

/// The longest body that is read, in bytes; a browser's offer has about 10,000.
const MAX_BODY: usize = 256 * 1024;

/// All routes; any page may call them.
pub fn router(calls: Calls) -> Router {
    Router::new()
        .route("/", get(|| async { Html(include_str!("../static/index.html")) }))
        .route("/client.js", get(|| script(include_str!("../static/client.js"))))
        .route("/stats.js", get(|| script(include_str!("../static/stats.js"))))
        .route("/offer", post(offer))
        .route("/offer-request", get(offer_request))
        .route("/answer", post(answer))
        .route("/candidate", post(candidate))
        .route("/candidates", get(candidates))
        .route("/close", post(close))
        .route("/pcs", get(pcs))
        .fallback(|| async { Refusal(StatusCode::NOT_FOUND, "there is nothing here".to_owned()) })
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(CorsLayer::permissive())
        .with_state(calls)
}

async fn script(text: &'static str) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/javascript")], text)
}

/// What is wrong with a request, as the caller reads it.
struct Refusal(StatusCode, String);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0, Json(json!({ "error": self.1 }))).into_response()
    }
}

impl From<CallError> for Refusal {
    fn from(error: CallError) -> Self {
        let status = match &error {
            CallError::Unknown(_) => StatusCode::NOT_FOUND,
            CallError::New(_) => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        };
        Self(status, error.to_string())
    }
}

impl From<JsonRejection> for Refusal {
    fn from(rejection: JsonRejection) -> Self {
        let status = match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => StatusCode::PAYLOAD_TOO_LARGE,
            _ => StatusCode::BAD_REQUEST,
        };
        Self(status, rejection.body_text())
    }
}

impl From<QueryRejection> for Refusal {
    fn from(rejection: QueryRejection) -> Self {
        Self(StatusCode::BAD_REQUEST, rejection.body_text())
    }
}

type Body<T> = Result<Json<T>, JsonRejection>;
type Asked<T> = Result<Query<T>, QueryRejection>;

#[derive(Deserialize)]
struct Offer {
    sdp: String,
    #[serde(rename = "type")]
    kind: String,
    pc_id: Option<String>,
    #[serde(default)]
    video_transform: Transform,
    #[serde(default)]
    negotiated: Vec<Negotiated>,
}

#[derive(Deserialize)]
struct Answer {
    sdp: String,
    #[serde(rename = "type")]
    kind: String,
    pc_id: String,
}

/// The description of a body that has to be of the wanted type.
fn description(kind: &str, sdp: String, wanted: SdpType) -> Result<SessionDescription, Refusal> {
    match kind.parse::<SdpType>() {
        Ok(kind) if kind == wanted => Ok(SessionDescription { kind, sdp }),
        Ok(kind) => Err(Refusal(StatusCode::BAD_REQUEST, format!("expected an {wanted}, not an {kind}"))),
        Err(error) => Err(Refusal(StatusCode::BAD_REQUEST, error.to_string())),
    }
}

fn described(id: &str, description: &SessionDescription) -> Json<serde_json::Value> {
    Json(json!({ "sdp": description.sdp, "type": description.kind.to_string(), "pc_id": id }))
}

async fn offer(State(calls): State<Calls>, body: Body<Offer>) -> Result<impl IntoResponse, Refusal> {
    let Json(Offer { sdp, kind, pc_id, video_transform, negotiated }) = body?;
    let offer = description(&kind, sdp, SdpType::Offer)?;
    let (id, answer) = calls.offer(pc_id, offer, &negotiated, video_transform).await?;
    Ok(described(&id, &answer))
}

#[derive(Deserialize)]
struct Kinds {
    #[serde(default)]
    kind: String,
    pc_id: Option<String>,
}

async fn offer_request(State(calls): State<Calls>, query: Asked<Kinds>) -> Result<impl IntoResponse, Refusal> {
    let Query(Kinds { kind, pc_id }) = query?;
    let (mut media, mut data) = (Vec::new(), false);
    for kind in kind.split(',').filter(|kind| !kind.is_empty()) {
        match kind {
            "audio" => media.push(MediaKind::Audio),
            "video" => media.push(MediaKind::Video),
            "data" => data = true,
            _ => return Err(Refusal(StatusCode::BAD_REQUEST, format!("cannot offer {kind:?}"))),
        }
    }
    // Something has to be offered.
    data |= media.is_empty();
    let (id, offer) = calls.request(pc_id, &media, data).await?;
    Ok(described(&id, &offer))
}

async fn answer(State(calls): State<Calls>, body: Body<Answer>) -> Result<impl IntoResponse, Refusal> {
    let Json(Answer { sdp, kind, pc_id }) = body?;
    calls.answered(&pc_id, description(&kind, sdp, SdpType::Answer)?)?;
    Ok(Json(json!({})))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Candidate {
    #[serde(rename = "pc_id")]
    pc_id: String,
    candidate: String,
    sdp_mid: Option<String>,
    #[serde(rename = "sdpMLineIndex")]
    sdp_mline_index: Option<u16>,
    username_fragment: Option<String>,
}

async fn candidate(State(calls): State<Calls>, body: Body<Candidate>) -> Result<impl IntoResponse, Refusal> {
    let Json(Candidate { pc_id, candidate, sdp_mid, sdp_mline_index, username_fragment }) = body?;
    let candidate = IceCandidate { candidate, sdp_mid, sdp_mline_index, username_fragment, ..IceCandidate::default() };
    calls.candidate(&pc_id, &candidate)?;
    Ok(Json(json!({})))
}

#[derive(Deserialize)]
struct Id {
    pc_id: String,
}

/// A local candidate; an empty one ends them.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LocalCandidate {
    candidate: String,
    sdp_mid: Option<String>,
    #[serde(rename = "sdpMLineIndex")]
    sdp_mline_index: Option<u16>,
}

async fn candidates(State(calls): State<Calls>, query: Asked<Id>) -> Result<impl IntoResponse, Refusal> {
    let Query(Id { pc_id }) = query?;
    let candidates = calls.candidates(&pc_id)?.into_iter().map(Option::unwrap_or_default).map(|candidate| {
        let IceCandidate { candidate, sdp_mid, sdp_mline_index, .. } = candidate;
        LocalCandidate { candidate, sdp_mid, sdp_mline_index }
    });
    Ok(Json(candidates.collect::<Vec<_>>()))
}

async fn close(State(calls): State<Calls>, body: Body<Id>) -> Result<impl IntoResponse, Refusal> {
    let Json(Id { pc_id }) = body?;
    calls.close(&pc_id).await?;
    Ok(Json(json!({})))
}

async fn pcs(State(calls): State<Calls>) -> impl IntoResponse {
    let ids = calls.ids();
    Json(json!({ "count": ids.len(), "ids": ids }))
}

#[cfg(test)]
mod tests;
