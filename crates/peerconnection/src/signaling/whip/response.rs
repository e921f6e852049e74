//! What a server says.

use super::error::ResponseError;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderMap, StatusCode};

/// A response, whole.
#[derive(Clone, Debug)]
pub(super) struct Response {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Response {
    /// The first field of that name, if it is text.
    pub fn header(&self, name: HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Whether the body is of that type, whatever its parameters are.
    pub fn is_of(&self, media_type: &str) -> bool {
        let named = self.header(CONTENT_TYPE).and_then(|value| value.split(';').next());
        named.is_some_and(|named| named.trim().eq_ignore_ascii_case(media_type))
    }

    /// The body, which has to be a text of that type.
    pub fn text(&self, media_type: &'static str) -> Result<&str, ResponseError> {
        if !self.is_of(media_type) {
            return Err(ResponseError::ContentType(media_type));
        }
        std::str::from_utf8(&self.body).map_err(|_| ResponseError::NotText)
    }
}

#[cfg(test)]
impl Response {
    /// One of a test.
    pub fn of(status: u16, headers: &[(&'static str, &str)], body: &str) -> Self {
        let field = |(name, value): &(&'static str, &str)| {
            (HeaderName::from_static(name), http::HeaderValue::from_str(value).expect("a field of a test"))
        };
        Self {
            status: StatusCode::from_u16(status).expect("a status of a test"),
            headers: headers.iter().map(field).collect(),
            body: Bytes::copy_from_slice(body.as_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn api_8_the_type_of_a_body_is_looked_at_without_its_parameters() {
        for (named, is_sdp) in [
            ("application/sdp", true),
            ("Application/SDP; charset=utf-8", true),
            ("application/sdp;valid-until=\"Wed, 09 Oct 2024 10:00:00 GMT\"", true),
            ("application/sdpfrag", false),
            ("text/plain", false),
            ("", false),
        ] {
            assert_eq!(Response::of(200, &[("content-type", named)], "").is_of("application/sdp"), is_sdp, "{named}");
        }
        assert!(!Response::of(200, &[], "").is_of("application/sdp"));
    }

    #[test]
    fn api_8_a_body_has_to_be_text() {
        let mut response = Response::of(200, &[("content-type", "application/sdp")], "v=0");
        assert_eq!(response.text("application/sdp"), Ok("v=0"));
        response.body = Bytes::from_static(b"v=\xff");
        assert_eq!(response.text("application/sdp"), Err(ResponseError::NotText));
        assert_eq!(response.text("text/plain"), Err(ResponseError::ContentType("text/plain")));
    }
}
