//! How a server says no.

use super::response::Response;
use serde::Deserialize;
use std::fmt;
use std::time::{Duration, SystemTime};
use thiserror::Error;

/// What is shown of a server's words, in bytes.
const MAX_DETAIL: usize = 1 << 10;
/// A server that wants one to wait for longer is taken to say this.
const MAX_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

/// A server says no.
///
/// Source: [RFC 9725 §4.1](https://www.rfc-editor.org/rfc/rfc9725#section-4.1)
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub struct Refusal {
    /// The status, 400 to 599.
    pub status: u16,
    /// The status by its name.
    pub reason: Reason,
    /// How long to wait before asking again, if the server says so (`Retry-After`): a day at most.
    pub retry_after: Option<Duration>,
    /// What else the server says of it, if it does so as RFC 9457 has it: its `detail`, else its `title`, of 1 KiB at most.
    pub detail: Option<String>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the server refuses with status {} ({})", self.status, self.reason)?;
        match &self.detail {
            Some(detail) => write!(f, ": {detail}"),
            None => Ok(()),
        }
    }
}

/// A status of a refusal by its name. What a server means by it is its own: clients are not to take a status for one cause.
///
/// Source: [RFC 9110 §15.5](https://www.rfc-editor.org/rfc/rfc9110#section-15.5)
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Reason {
    /// 400
    BadRequest,
    /// 401: a token is needed, or another one.
    Unauthorized,
    /// 403
    Forbidden,
    /// 404
    NotFound,
    /// 405
    MethodNotAllowed,
    /// 406
    NotAcceptable,
    /// 409: who plays is told so while nobody publishes.
    Conflict,
    /// 410
    Gone,
    /// 412: the session's ICE was restarted since.
    PreconditionFailed,
    /// 415
    UnsupportedMediaType,
    /// 422
    UnprocessableContent,
    /// 428
    PreconditionRequired,
    /// 429
    TooManyRequests,
    /// 501
    NotImplemented,
    /// 503
    ServiceUnavailable,
    /// Any other from 400 to 499.
    OtherOfClient,
    /// Any other from 500 to 599.
    OtherOfServer,
}

impl Reason {
    const fn of(status: u16) -> Self {
        match status {
            400 => Self::BadRequest,
            401 => Self::Unauthorized,
            403 => Self::Forbidden,
            404 => Self::NotFound,
            405 => Self::MethodNotAllowed,
            406 => Self::NotAcceptable,
            409 => Self::Conflict,
            410 => Self::Gone,
            412 => Self::PreconditionFailed,
            415 => Self::UnsupportedMediaType,
            422 => Self::UnprocessableContent,
            428 => Self::PreconditionRequired,
            429 => Self::TooManyRequests,
            501 => Self::NotImplemented,
            503 => Self::ServiceUnavailable,
            ..500 => Self::OtherOfClient,
            500.. => Self::OtherOfServer,
        }
    }

    /// Whether the server does not do at all what it was asked for, rather than not this time.
    pub(super) const fn is_lasting(self) -> bool {
        matches!(self, Self::MethodNotAllowed | Self::NotImplemented | Self::UnprocessableContent)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BadRequest => "bad request",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not found",
            Self::MethodNotAllowed => "method not allowed",
            Self::NotAcceptable => "not acceptable",
            Self::Conflict => "conflict",
            Self::Gone => "gone",
            Self::PreconditionFailed => "precondition failed",
            Self::UnsupportedMediaType => "unsupported media type",
            Self::UnprocessableContent => "unprocessable content",
            Self::PreconditionRequired => "precondition required",
            Self::TooManyRequests => "too many requests",
            Self::NotImplemented => "not implemented",
            Self::ServiceUnavailable => "service unavailable",
            Self::OtherOfClient => "an error of the client",
            Self::OtherOfServer => "an error of the server",
        })
    }
}

impl Refusal {
    /// The refusal that a response is, heard at that time.
    pub(super) fn of(response: &Response, now: SystemTime) -> Option<Self> {
        let status = response.status.as_u16();
        (400..600).contains(&status).then(|| Self {
            status,
            reason: Reason::of(status),
            retry_after: response.header(http::header::RETRY_AFTER).and_then(|value| wait(value, now)),
            detail: detail(response),
        })
    }
}

/// Source: [RFC 9110 §10.2.3](https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3)
fn wait(value: &str, now: SystemTime) -> Option<Duration> {
    let is_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    let wait = match is_number {
        // A number beyond 64 bits is a long time all the same.
        true => value.parse().map_or(MAX_WAIT, Duration::from_secs),
        false => httpdate::parse_http_date(value).ok()?.duration_since(now).unwrap_or_default(),
    };
    Some(wait.min(MAX_WAIT))
}

/// Source: [RFC 9457 §3](https://www.rfc-editor.org/rfc/rfc9457#section-3)
fn detail(response: &Response) -> Option<String> {
    #[derive(Deserialize)]
    struct Problem {
        title: Option<String>,
        detail: Option<String>,
    }
    if !response.is_of("application/problem+json") {
        return None;
    }
    let problem: Problem = serde_json::from_slice(&response.body).ok()?;
    let mut words = problem.detail.or(problem.title)?;
    let end = (0..=MAX_DETAIL).rev().find(|end| words.is_char_boundary((*end).min(words.len())));
    words.truncate(end.unwrap_or_default());
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000)
    }

    fn refusal(status: u16, headers: &[(&'static str, &str)], body: &str) -> Option<Refusal> {
        Refusal::of(&Response::of(status, headers, body), now())
    }

    #[test]
    fn api_8_each_refusal_is_told_apart() {
        let mut seen = Vec::new();
        for (status, name) in [
            (400, "bad request"),
            (401, "unauthorized"),
            (403, "forbidden"),
            (404, "not found"),
            (405, "method not allowed"),
            (406, "not acceptable"),
            (409, "conflict"),
            (410, "gone"),
            (412, "precondition failed"),
            (415, "unsupported media type"),
            (422, "unprocessable content"),
            (428, "precondition required"),
            (429, "too many requests"),
            (501, "not implemented"),
            (503, "service unavailable"),
        ] {
            let refusal = refusal(status, &[], "").unwrap();
            assert_eq!((refusal.status, refusal.reason.to_string().as_str()), (status, name));
            assert!(!seen.contains(&refusal.reason), "{name}");
            seen.push(refusal.reason);
        }
        for (status, reason) in [
            (402, Reason::OtherOfClient),
            (499, Reason::OtherOfClient),
            (500, Reason::OtherOfServer),
            (599, Reason::OtherOfServer),
        ] {
            assert_eq!(refusal(status, &[], "").unwrap().reason, reason);
        }
        for status in [200, 201, 204, 307, 399, 600] {
            assert_eq!(refusal(status, &[], ""), None);
        }
    }

    #[test]
    fn api_8_how_long_to_wait_is_a_number_or_a_date() {
        let soon = httpdate::fmt_http_date(now() + Duration::from_secs(90));
        let past = httpdate::fmt_http_date(now() - Duration::from_secs(90));
        for (value, seconds) in [
            ("120", Some(120)),
            ("0", Some(0)),
            (soon.as_str(), Some(90)),
            (past.as_str(), Some(0)),
            ("99999999", Some(86_400)),
            ("99999999999999999999999", Some(86_400)),
            ("-1", None),
            ("soon", None),
            ("", None),
        ] {
            let refusal = refusal(503, &[("retry-after", value)], "").unwrap();
            assert_eq!(refusal.retry_after, seconds.map(Duration::from_secs), "{value}");
        }
        assert_eq!(refusal(409, &[], "").unwrap().retry_after, None);
    }

    #[test]
    fn api_8_the_words_of_a_server_are_shown_as_far_as_they_are_short() {
        let problem = [("content-type", "application/problem+json; charset=utf-8")];
        let said = |body: &str| refusal(422, &problem, body).unwrap().detail;
        assert_eq!(said(r#"{"title": "No codec", "detail": "AV1 alone"}"#).as_deref(), Some("AV1 alone"));
        assert_eq!(said(r#"{"title": "No codec"}"#).as_deref(), Some("No codec"));
        for other in ["", "{}", "[", r#"{"detail": 1}"#] {
            assert_eq!(said(other), None, "{other}");
        }
        let long = said(&format!(r#"{{"detail": "a{}"}}"#, "é".repeat(2_000))).unwrap();
        assert_eq!(long.len(), 1_023);
        assert_eq!(refusal(422, &[("content-type", "text/html")], "<p>no").unwrap().detail, None);
        let shown = refusal(422, &problem, r#"{"detail": "AV1 alone"}"#).unwrap().to_string();
        assert_eq!(shown, "the server refuses with status 422 (unprocessable content): AV1 alone");
    }
}
