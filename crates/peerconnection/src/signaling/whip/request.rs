//! What is asked of a server.

use super::error::RedirectError;
use super::response::Response;
use super::target::{self, UrlError};
use http::header::{CONTENT_TYPE, HeaderValue, IF_MATCH, LOCATION};
use http::{HeaderMap, Method};
use ortica_sdp::Fragment;
use url::Url;

/// The type of descriptions.
pub(super) const SDP: &str = "application/sdp";
/// So many redirections in a row are followed.
pub(super) const MAX_REDIRECTS: u8 = 3;

/// A request, but for the token.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub method: Method,
    pub url: Url,
    pub headers: HeaderMap,
    pub body: String,
    /// How often it was redirected.
    redirects: u8,
}

impl Request {
    fn new(method: Method, url: &Url) -> Self {
        Self { method, url: url.clone(), headers: HeaderMap::new(), body: String::new(), redirects: 0 }
    }

    fn with(mut self, media_type: &'static str, body: String) -> Self {
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        self.body = body;
        self
    }

    fn if_match(mut self, tag: HeaderValue) -> Self {
        self.headers.insert(IF_MATCH, tag);
        self
    }

    /// Begins a session with an offer. Source: [RFC 9725 §4.2](https://www.rfc-editor.org/rfc/rfc9725#section-4.2)
    pub fn begin(endpoint: &Url, offer: String) -> Self {
        Self::new(Method::POST, endpoint).with(SDP, offer)
    }

    /// Answers a counter-offer. Source:
    /// [draft-ietf-wish-whep §4.3.2](https://datatracker.ietf.org/doc/html/draft-ietf-wish-whep-04#section-4.3.2)
    pub fn answer(session: &Url, answer: String) -> Self {
        Self::new(Method::PATCH, session).with(SDP, answer)
    }

    /// Tells candidates of the generation that the tag stands for, if there is one.
    ///
    /// Source: [RFC 9725 §4.3.2](https://www.rfc-editor.org/rfc/rfc9725#section-4.3.2)
    pub fn trickle(session: &Url, fragment: &Fragment, tag: Option<&HeaderValue>) -> Self {
        let request = Self::new(Method::PATCH, session).with(Fragment::MEDIA_TYPE, fragment.to_string());
        match tag {
            Some(tag) => request.if_match(tag.clone()),
            None => request,
        }
    }

    /// Restarts ICE, whatever generation the session has.
    ///
    /// Source: [RFC 9725 §4.3.3](https://www.rfc-editor.org/rfc/rfc9725#section-4.3.3)
    pub fn restart(session: &Url, fragment: &Fragment) -> Self {
        let request = Self::new(Method::PATCH, session).with(Fragment::MEDIA_TYPE, fragment.to_string());
        request.if_match(HeaderValue::from_static("*"))
    }

    /// Ends a session. Source: [RFC 9725 §4.2](https://www.rfc-editor.org/rfc/rfc9725#section-4.2)
    pub fn end(session: &Url) -> Self {
        Self::new(Method::DELETE, session)
    }

    /// The same request to where the response points; `None` if it does not point elsewhere.
    ///
    /// Source: [RFC 9725 §4.5](https://www.rfc-editor.org/rfc/rfc9725#section-4.5)
    pub fn redirected(&self, response: &Response) -> Result<Option<Self>, RedirectError> {
        match response.status.as_u16() {
            307 | 308 => {}
            status @ 300..=399 => return Err(RedirectError::Status(status)),
            _ => return Ok(None),
        }
        if self.redirects == MAX_REDIRECTS {
            return Err(RedirectError::TooMany(MAX_REDIRECTS));
        }
        let place = response.header(LOCATION).ok_or(RedirectError::Location(UrlError::Missing))?;
        let url = target::read(place, Some(&self.url)).map_err(RedirectError::Location)?;
        if target::gives_up_tls(&self.url, &url) {
            return Err(RedirectError::Insecure);
        }
        Ok(Some(Self { url, redirects: self.redirects + 1, ..self.clone() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        target::read(text, None).unwrap()
    }

    /// Method, type and tag.
    fn shape(request: &Request) -> (&str, Option<&str>, Option<&str>) {
        let field = |name| request.headers.get(name).map(|value| value.to_str().unwrap());
        (request.method.as_str(), field(CONTENT_TYPE), field(IF_MATCH))
    }

    /// Guards the tag of each: candidates name their generation, a restart any, the rest none.
    #[test]
    fn api_8_requests_are_those_of_the_rfc() {
        let session = url("https://whip.example/s/1");
        let fragment = Fragment::default().with(ortica_sdp::Attribute::EndOfCandidates);
        let tag = HeaderValue::from_static("\"xyzzy\"");
        let fragments = Some("application/trickle-ice-sdpfrag");
        let sdp = Some("application/sdp");
        assert_eq!(shape(&Request::begin(&session, "v=0".into())), ("POST", sdp, None));
        assert_eq!(shape(&Request::answer(&session, "v=0".into())), ("PATCH", sdp, None));
        assert_eq!(shape(&Request::trickle(&session, &fragment, Some(&tag))), ("PATCH", fragments, Some("\"xyzzy\"")));
        assert_eq!(shape(&Request::trickle(&session, &fragment, None)), ("PATCH", fragments, None));
        assert_eq!(shape(&Request::restart(&session, &fragment)), ("PATCH", fragments, Some("*")));
        assert_eq!(Request::restart(&session, &fragment).body, "a=end-of-candidates\r\n");
        assert_eq!(shape(&Request::end(&session)), ("DELETE", None, None));
    }

    /// Guards `Request::redirected`: what is asked stays the same, but for where.
    #[test]
    fn api_8_a_redirection_changes_the_place_alone() {
        let asked = Request::begin(&url("https://whip.example/in"), "v=0".into());
        for (status, location, wanted) in [
            (307, "/other?x=1", "https://whip.example/other?x=1"),
            (308, "https://b.example/in", "https://b.example/in"),
        ] {
            let next = asked.redirected(&Response::of(status, &[("location", location)], "")).unwrap().unwrap();
            assert_eq!((next.url.as_str(), shape(&next), next.body.as_str()), (wanted, shape(&asked), "v=0"));
        }
        for status in [200, 201, 204, 400, 503] {
            let response = Response::of(status, &[("location", "/s/1")], "");
            assert!(asked.redirected(&response).unwrap().is_none(), "{status}");
        }
        // From plain HTTP to TLS, and from plain HTTP to plain HTTP, nothing is given up.
        let plain = Request::begin(&url("http://whip.example/in"), String::new());
        for location in ["https://whip.example/in", "http://b.example/in"] {
            let next = plain.redirected(&Response::of(307, &[("location", location)], "")).unwrap();
            assert_eq!(next.unwrap().url.as_str(), location);
        }
    }

    /// Guards the limit in `Request::redirected`.
    #[test]
    fn api_8_three_redirections_are_followed_and_no_more() {
        let again = Response::of(307, &[("location", "/next")], "");
        let mut request = Request::begin(&url("https://whip.example/in"), String::new());
        for _ in 0..3 {
            request = request.redirected(&again).unwrap().unwrap();
        }
        assert_eq!(request.redirected(&again).unwrap_err(), RedirectError::TooMany(3));
    }

    /// Guards `target::gives_up_tls`, also where a relative place could hide it.
    #[test]
    fn api_8_no_redirection_leads_to_plain_http() {
        let asked = Request::begin(&url("https://whip.example/in"), String::new());
        for location in ["http://whip.example/in", "http://whip.example:443/in", "HTTP://b.example/"] {
            let refused = asked.redirected(&Response::of(307, &[("location", location)], ""));
            assert_eq!(refused.unwrap_err(), RedirectError::Insecure, "{location}");
        }
    }

    #[test]
    fn api_8_other_redirections_are_not_followed() {
        let asked = Request::begin(&url("https://whip.example/in"), String::new());
        for status in [300, 301, 302, 303, 304, 305] {
            let refused = asked.redirected(&Response::of(status, &[("location", "/x")], ""));
            assert_eq!(refused.unwrap_err(), RedirectError::Status(status));
        }
        for (headers, problem) in [
            (&[][..], UrlError::Missing),
            (&[("location", "ftp://b.example/")], UrlError::Scheme),
            (&[("location", "https://me:pw@b.example/")], UrlError::UserName),
        ] {
            let refused = asked.redirected(&Response::of(307, headers, "")).unwrap_err();
            assert_eq!(refused, RedirectError::Location(problem));
        }
    }
}
