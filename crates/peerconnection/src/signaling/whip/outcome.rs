//! What the responses mean: of each request what its success says, and all else as the error that it is.

use super::error::{ResponseError, WhipError};
use super::refusal::Refusal;
use super::request::SDP;
use super::response::Response;
use super::target::{self, UrlError};
use crate::IceServer;
use http::header::{ETAG, HeaderValue, LINK, LOCATION};
use ortica_sdp::Fragment;
use std::time::SystemTime;
use url::Url;

/// A session as the server names it.
#[derive(Clone, Debug)]
pub(super) struct Named {
    /// Where it is.
    pub url: Url,
    /// Stands for the generation of its ICE.
    pub tag: Option<HeaderValue>,
    pub ice_servers: Vec<IceServer>,
}

/// A response, from that URL at that time.
#[derive(Clone, Debug)]
pub(super) struct Heard {
    pub from: Url,
    pub response: Response,
    pub at: SystemTime,
}

impl Heard {
    /// The session that was made; its answer is the [`description`](Self::description).
    ///
    /// Source: [RFC 9725 §4.2](https://www.rfc-editor.org/rfc/rfc9725#section-4.2)
    pub fn session(&self) -> Result<Named, WhipError> {
        self.expect(&[201])?;
        Ok(self.named()?)
    }

    /// The session that is made once the offer is answered which is the [`description`](Self::description); `None` if the response
    /// is no such offer.
    ///
    /// Source: [draft-ietf-wish-whep §4.3.2](https://datatracker.ietf.org/doc/html/draft-ietf-wish-whep-04#section-4.3.2)
    pub fn counter_offer(&self) -> Result<Option<Named>, WhipError> {
        if self.response.status.as_u16() != 406 || !self.response.is_of(SDP) {
            return Ok(None);
        }
        Ok(Some(self.named()?))
    }

    /// The text of the description that it carries.
    pub fn description(&self) -> Result<String, ResponseError> {
        self.response.text(SDP).map(str::to_owned)
    }

    /// Whether the server has taken what it was told. Source:
    /// [RFC 9725 §4.3.2](https://www.rfc-editor.org/rfc/rfc9725#section-4.3.2)
    pub fn taken(&self) -> Result<(), WhipError> {
        // The RFC has 204; a server that says 200 has taken it too.
        self.expect(&[204, 200])
    }

    /// What a restart has made: the other side's ICE, and the tag that stands for it.
    ///
    /// Source: [RFC 9725 §4.3.3](https://www.rfc-editor.org/rfc/rfc9725#section-4.3.3)
    pub fn restarted(&self) -> Result<(Fragment, Option<HeaderValue>), WhipError> {
        self.expect(&[200])?;
        let text = self.response.text(Fragment::MEDIA_TYPE)?;
        let fragment = text.parse().map_err(ResponseError::Sdp)?;
        Ok((fragment, self.tag()))
    }

    /// Whether the session is over. One that the server does not know any more is.
    ///
    /// Source: [RFC 9725 §4.2](https://www.rfc-editor.org/rfc/rfc9725#section-4.2)
    pub fn ended(&self) -> Result<(), WhipError> {
        self.expect(&[200, 202, 204, 404, 410])
    }

    fn expect(&self, statuses: &[u16]) -> Result<(), WhipError> {
        let status = self.response.status.as_u16();
        if statuses.contains(&status) {
            return Ok(());
        }
        Err(match Refusal::of(&self.response, self.at) {
            Some(refusal) => refusal.into(),
            None => ResponseError::Status(status).into(),
        })
    }

    fn named(&self) -> Result<Named, ResponseError> {
        let place = self.response.header(LOCATION).ok_or(ResponseError::Location(UrlError::Missing))?;
        let url = target::read(place, Some(&self.from)).map_err(ResponseError::Location)?;
        if target::gives_up_tls(&self.from, &url) {
            return Err(ResponseError::Insecure);
        }
        let links = self.response.headers.get_all(LINK).into_iter().filter_map(|link| link.to_str().ok());
        Ok(Named { url, tag: self.tag(), ice_servers: links.flat_map(IceServer::from_link).collect() })
    }

    /// As it stands, for it is given back so. `*` is none: it would ask for a restart.
    fn tag(&self) -> Option<HeaderValue> {
        self.response.headers.get(ETAG).filter(|tag| *tag != "*" && !tag.is_empty()).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signaling::whip::refusal::Reason;

    fn heard(status: u16, headers: &[(&'static str, &str)], body: &str) -> Heard {
        let from = target::read("https://whip.example/live/in", None).unwrap();
        Heard { from, response: Response::of(status, headers, body), at: SystemTime::UNIX_EPOCH }
    }

    const PLACE: (&str, &str) = ("location", "../s/1");
    const OF_SDP: (&str, &str) = ("content-type", "application/sdp");
    const OF_FRAGMENT: (&str, &str) = ("content-type", "application/trickle-ice-sdpfrag");
    const RESTARTED: &str = "a=ice-ufrag:289b\r\na=ice-pwd:0b66f472495ef0ccac7bda653ab6be49\r\n";

    #[test]
    fn api_8_a_session_has_a_place_and_may_have_a_tag_and_servers() {
        let links =
            r#"<stun:a.example>; rel="ice-server", <turn:b.example>; rel="ice-server"; username="u"; credential="c""#;
        let other = ("link", r#"<stun:c.example>; rel="ice-server""#);
        let made = heard(201, &[PLACE, OF_SDP, ("etag", "\"xyzzy\""), ("link", links), other], "v=0\r\n");
        let named = made.session().unwrap();
        assert_eq!(named.url.as_str(), "https://whip.example/s/1");
        assert_eq!(named.tag.unwrap(), "\"xyzzy\"");
        let turn = IceServer::new("turn:b.example").with_credentials("u", "c");
        assert_eq!(named.ice_servers, [IceServer::new("stun:a.example"), turn, IceServer::new("stun:c.example")]);
        assert_eq!(made.description().unwrap(), "v=0\r\n");
        let bare = heard(201, &[("location", "https://other.example/s"), OF_SDP], "").session().unwrap();
        assert_eq!((bare.url.as_str(), bare.tag, bare.ice_servers), ("https://other.example/s", None, vec![]));
    }

    /// Guards `Heard::tag`: to send `*` back with candidates would restart ICE.
    #[test]
    fn api_8_a_tag_that_would_match_anything_is_none() {
        for tag in ["*", ""] {
            assert_eq!(heard(201, &[PLACE, ("etag", tag)], "").session().unwrap().tag, None);
        }
    }

    #[test]
    fn api_8_a_server_that_does_not_say_what_it_should_is_told_by_what_is_wrong() {
        let problem = |heard: Heard| match heard.session() {
            Err(WhipError::Response(problem)) => problem,
            other => panic!("{other:?}"),
        };
        assert_eq!(problem(heard(201, &[OF_SDP], "")), ResponseError::Location(UrlError::Missing));
        let scheme = heard(201, &[OF_SDP, ("location", "mailto:a@b")], "");
        assert_eq!(problem(scheme), ResponseError::Location(UrlError::Scheme));
        assert_eq!(problem(heard(201, &[OF_SDP, ("location", "http://whip.example/s")], "")), ResponseError::Insecure);
        for status in [200, 202, 204, 299] {
            assert_eq!(problem(heard(status, &[PLACE, OF_SDP], "")), ResponseError::Status(status));
        }
        let html = heard(201, &[PLACE, ("content-type", "text/html")], "<p>");
        assert_eq!(html.description(), Err(ResponseError::ContentType("application/sdp")));
    }

    #[test]
    fn api_8_a_refusal_is_no_counter_offer_unless_it_has_an_offer() {
        let named = heard(406, &[PLACE, OF_SDP], "v=0\r\n").counter_offer().unwrap().unwrap();
        assert_eq!(named.url.as_str(), "https://whip.example/s/1");
        let plain = heard(406, &[PLACE], "");
        assert!(plain.counter_offer().unwrap().is_none());
        assert!(matches!(plain.session(), Err(WhipError::Refused(it)) if it.reason == Reason::NotAcceptable));
        assert!(heard(201, &[PLACE, OF_SDP], "").counter_offer().unwrap().is_none());
        let lost = heard(406, &[OF_SDP], "v=0\r\n").counter_offer();
        assert!(matches!(lost, Err(WhipError::Response(ResponseError::Location(UrlError::Missing)))), "{lost:?}");
    }

    /// Guards the tag of a restart, which the next candidates name.
    #[test]
    fn api_8_a_restart_brings_credentials_and_the_next_tag() {
        let (fragment, tag) = heard(200, &[OF_FRAGMENT, ("etag", "\"abccd\"")], RESTARTED).restarted().unwrap();
        assert_eq!(fragment.ice_ufrag(), Some("289b"));
        assert_eq!(tag.unwrap(), "\"abccd\"");
        for (status, headers, body, wanted) in [
            (204, &[][..], "", ResponseError::Status(204)),
            (201, &[OF_FRAGMENT], RESTARTED, ResponseError::Status(201)),
            (200, &[OF_SDP], RESTARTED, ResponseError::ContentType("application/trickle-ice-sdpfrag")),
            (200, &[OF_FRAGMENT], "v=0", ResponseError::Sdp("v=0".parse::<Fragment>().unwrap_err())),
        ] {
            let problem = heard(status, headers, body).restarted();
            assert!(matches!(&problem, Err(WhipError::Response(problem)) if *problem == wanted), "{problem:?}");
        }
    }

    #[test]
    fn api_8_what_is_told_is_taken_and_what_is_over_has_ended() {
        for status in [200, 204] {
            assert!(heard(status, &[], "").taken().is_ok());
        }
        for status in [200, 202, 204, 404, 410] {
            assert!(heard(status, &[], "").ended().is_ok());
        }
        for (status, reason) in [
            (400, Reason::BadRequest),
            (401, Reason::Unauthorized),
            (405, Reason::MethodNotAllowed),
            (412, Reason::PreconditionFailed),
            (503, Reason::ServiceUnavailable),
        ] {
            for outcome in [heard(status, &[], "").taken(), heard(status, &[], "").ended()] {
                assert!(matches!(outcome, Err(WhipError::Refused(refusal)) if refusal.reason == reason));
            }
        }
        assert!(matches!(heard(201, &[], "").taken(), Err(WhipError::Response(ResponseError::Status(201)))));
    }
}
