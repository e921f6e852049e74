//! Where requests go, and who is shown the token.

use super::error::WhipError;
use http::HeaderValue;
use thiserror::Error;
use url::{Origin, Url};

/// Why a URL cannot be asked.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum UrlError {
    /// There is none.
    #[error("no URL")]
    Missing,
    /// It is none.
    #[error("not a URL")]
    Syntax(#[from] url::ParseError),
    /// Its scheme is neither `https` nor `http`.
    #[error("a URL that is not of HTTP")]
    Scheme,
    /// It has a user name or a password, which are not sent.
    #[error("a URL with a user name")]
    UserName,
}

/// Reads a URL, relative to another one if there is one. What stands after a `#` falls away.
pub(super) fn read(text: &str, base: Option<&Url>) -> Result<Url, UrlError> {
    let mut url = Url::options().base_url(base).parse(text)?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(UrlError::Scheme);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(UrlError::UserName);
    }
    url.set_fragment(None);
    Ok(url)
}

/// Whether to go from one URL to the other would give TLS up.
pub(super) fn gives_up_tls(from: &Url, to: &Url) -> bool {
    from.scheme() == "https" && to.scheme() != "https"
}

/// A token, and for whom it is.
#[derive(Clone, Debug, Default)]
pub(super) struct Bearer {
    /// `Bearer` and the token; hidden where it is shown.
    authorization: Option<HeaderValue>,
    origins: Vec<Origin>,
}

impl Bearer {
    /// For the origin of that URL alone.
    pub fn new(url: &Url) -> Self {
        Self { authorization: None, origins: vec![url.origin()] }
    }

    /// Takes a token. Source: [RFC 6750 §2.1](https://www.rfc-editor.org/rfc/rfc6750#section-2.1); other visible characters are
    /// let through too, as servers give out such tokens.
    pub fn set(&mut self, token: &str) -> Result<(), WhipError> {
        let is_token = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
        let value = HeaderValue::from_str(&format!("Bearer {token}")).ok().filter(|_| is_token);
        let mut value = value.ok_or(WhipError::Token)?;
        value.set_sensitive(true);
        self.authorization = Some(value);
        Ok(())
    }

    /// Trusts the origin of another URL with the token.
    pub fn trust(&mut self, url: &Url) {
        self.origins.push(url.origin());
    }

    /// What to show who answers for that URL.
    pub fn shown_to(&self, url: &Url) -> Option<&HeaderValue> {
        self.authorization.as_ref().filter(|_| self.origins.contains(&url.origin()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn api_8_a_place_may_be_relative_to_the_url_that_was_asked() {
        let base = read("https://whip.example:8443/live/in?key=1", None).unwrap();
        for (text, wanted) in [
            ("https://other.example/s/1", "https://other.example/s/1"),
            ("/s/1", "https://whip.example:8443/s/1"),
            ("s/1?t=2#x", "https://whip.example:8443/live/s/1?t=2"),
            ("//other.example/s", "https://other.example/s"),
            ("", "https://whip.example:8443/live/in?key=1"),
        ] {
            assert_eq!(read(text, Some(&base)).unwrap().as_str(), wanted, "{text}");
        }
    }

    #[test]
    fn api_8_what_cannot_be_asked_is_refused() {
        let base = read("https://whip.example/", None).unwrap();
        for (text, problem) in [
            ("ftp://whip.example/", UrlError::Scheme),
            ("javascript:alert(1)", UrlError::Scheme),
            ("https://me@whip.example/", UrlError::UserName),
            ("https://:secret@whip.example/", UrlError::UserName),
            ("https://", UrlError::Syntax(url::ParseError::EmptyHost)),
            ("https://whip.example:99999/", UrlError::Syntax(url::ParseError::InvalidPort)),
        ] {
            assert_eq!(read(text, Some(&base)), Err(problem), "{text}");
        }
        assert_eq!(read("/whip", None), Err(UrlError::Syntax(url::ParseError::RelativeUrlWithoutBase)));
    }

    /// Guards `Bearer::shown_to`: scheme, host and port make an origin.
    #[test]
    fn api_8_the_token_is_for_its_origin_alone() {
        let url = |text: &str| read(text, None).unwrap();
        let mut bearer = Bearer::new(&url("https://whip.example/in"));
        assert_eq!(bearer.shown_to(&url("https://whip.example/in")), None, "there is none");
        bearer.set("secret").unwrap();
        let shown = |bearer: &Bearer, to: &str| bearer.shown_to(&url(to)).map(|it| it.to_str().unwrap().to_owned());
        for same in ["https://whip.example/s/1", "https://WHIP.example:443/"] {
            assert_eq!(shown(&bearer, same).as_deref(), Some("Bearer secret"), "{same}");
        }
        for other in
            ["http://whip.example/in", "https://whip.example:8443/", "https://a.whip.example/", "https://evil/"]
        {
            assert_eq!(shown(&bearer, other), None, "{other}");
        }
        bearer.trust(&url("https://media.example/"));
        assert!(shown(&bearer, "https://media.example/s/1").is_some());
        assert!(!format!("{bearer:?}").contains("secret"));
    }

    #[test]
    fn api_8_a_token_is_one_word() {
        let mut bearer = Bearer::default();
        for bad in ["", "a b", "a\r\nHost: evil", "ü", "a\t"] {
            assert!(matches!(bearer.set(bad), Err(WhipError::Token)), "{bad:?}");
        }
        for good in ["mF_9.B5f-4.1JqM", "a+b/c==", "key:1|2"] {
            assert!(bearer.set(good).is_ok(), "{good}");
        }
    }
}
