//! Servers as a header field of HTTP names them.

use super::IceServer;

/// The relation type of a server to the session that is set up.
const RELATION: &str = "ice-server";

impl IceServer {
    /// The servers that a `Link` field of HTTP names (`rel="ice-server"`), in their order. Links of other relations are passed over,
    /// and so are servers that could not be used: a URL that is none of STUN or TURN, TURN without user name and password, a
    /// credential that is no password. What is no link ends the reading.
    ///
    /// ```
    /// use ortica::IceServer;
    ///
    /// let field = r#"<stun:stun.example.net>; rel="ice-server", <turn:turn.example.net?transport=udp>; rel="ice-server";
    ///     username="user"; credential="secret"; credential-type="password""#.replace('\n', "");
    /// let turn = IceServer::new("turn:turn.example.net?transport=udp").with_credentials("user", "secret");
    /// assert_eq!(IceServer::from_link(&field), [IceServer::new("stun:stun.example.net"), turn]);
    /// ```
    ///
    /// Source: [RFC 9725 §4.6](https://www.rfc-editor.org/rfc/rfc9725#section-4.6),
    /// [RFC 8288 §3](https://www.rfc-editor.org/rfc/rfc8288#section-3)
    pub fn from_link(field: &str) -> Vec<Self> {
        let mut servers = Vec::new();
        let mut rest = Rest(field);
        while let Some(link) = rest.link() {
            match link.server() {
                Some(server) if server.parse().is_ok() => servers.push(server),
                Some(server) => tracing::debug!(?server, "a server that cannot be used"),
                None => {}
            }
        }
        servers
    }
}

/// One link: its target, and what it says of it.
#[derive(Debug, Default)]
struct Link<'a> {
    target: &'a str,
    relation: Option<String>,
    username: Option<String>,
    credential: Option<String>,
    credential_type: Option<String>,
}

impl Link<'_> {
    /// Takes a parameter. The first of its name counts.
    fn take(&mut self, name: &str, value: String) {
        let place = match name.to_ascii_lowercase().as_str() {
            "rel" => &mut self.relation,
            "username" => &mut self.username,
            "credential" => &mut self.credential,
            "credential-type" => &mut self.credential_type,
            _ => return,
        };
        place.get_or_insert(value);
    }

    /// The server, if it is one.
    fn server(self) -> Option<IceServer> {
        let mut relations = self.relation.as_deref()?.split_ascii_whitespace();
        let is_server = relations.any(|relation| relation.eq_ignore_ascii_case(RELATION));
        let is_password = self.credential_type.as_deref().is_none_or(|kind| kind.eq_ignore_ascii_case("password"));
        let server = IceServer {
            urls: vec![self.target.trim().to_owned()],
            username: self.username,
            credential: self.credential.filter(|_| is_password),
        };
        is_server.then_some(server)
    }
}

/// What is still to be read of a field.
#[derive(Clone, Copy, Debug)]
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    /// `<target>` and its parameters. Source: RFC 8288, appendix B.2.
    fn link(&mut self) -> Option<Link<'a>> {
        self.0 = self.0.trim_start_matches([' ', '\t', ',']);
        let (target, rest) = self.0.strip_prefix('<')?.split_once('>')?;
        self.0 = rest;
        let mut link = Link { target, ..Link::default() };
        while self.skip(';') {
            let name = self.until(&['=', ';', ',']);
            let value = if self.skip('=') { self.value() } else { String::new() };
            link.take(name, value);
        }
        // What follows a parameter without a semicolon means nothing.
        self.until(&[',']);
        Some(link)
    }

    /// Passes over one character, with the spaces around it.
    fn skip(&mut self, wanted: char) -> bool {
        let rest = self.0.trim_start_matches([' ', '\t']).strip_prefix(wanted);
        self.0 = rest.map_or(self.0, |rest| rest.trim_start_matches([' ', '\t']));
        rest.is_some()
    }

    /// What comes before the next of these characters.
    fn until(&mut self, ends: &[char]) -> &'a str {
        let end = self.0.find(ends).unwrap_or(self.0.len());
        let (word, rest) = self.0.split_at(end);
        self.0 = rest;
        word.trim()
    }

    /// A token, or a text in quotes.
    fn value(&mut self) -> String {
        let Some(quoted) = self.0.strip_prefix('"') else { return self.until(&[';', ',']).to_owned() };
        let mut value = String::new();
        let mut characters = quoted.chars();
        while let Some(character) = characters.next() {
            match character {
                '"' => break,
                '\\' => value.extend(characters.next()),
                _ => value.push(character),
            }
        }
        self.0 = characters.as_str();
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(field: &str) -> Vec<String> {
        let show = |it: &IceServer| format!("{} {:?} {:?}", it.urls[0], it.username, it.credential);
        IceServer::from_link(field).iter().map(show).collect()
    }

    #[test]
    fn api_8_servers_are_read_as_the_rfc_writes_them() {
        assert_eq!(read(r#"<stun:stun.example.net>; rel="ice-server""#), ["stun:stun.example.net None None"]);
        let turn =
            r#"<turns:turn.example.net?transport=tcp>; rel="ice-server"; username="user"; credential="myPassword""#;
        let wanted = r#"turns:turn.example.net?transport=tcp Some("user") Some("myPassword")"#;
        for kind in ["", r#"; credential-type="password""#, "; Credential-Type=password"] {
            assert_eq!(read(&format!("{turn}{kind}")), [wanted]);
        }
    }

    #[test]
    fn api_8_words_in_quotes_hold_what_else_ends_them() {
        let field = r#"<turn:t>;rel=ice-server;username="a,b;c";credential="q\"\\<x>" , <stun:s> ; rel = ice-server"#;
        assert_eq!(read(field), [r#"turn:t Some("a,b;c") Some("q\"\\<x>")"#, "stun:s None None"]);
        assert_eq!(
            read(r#"<stun:s>; title=", <stun:inner>; rel=ice-server"; rel="other ICE-Server""#),
            ["stun:s None None"]
        );
    }

    #[test]
    fn api_8_links_that_are_no_usable_server_are_passed_over() {
        for other in [
            "<stun:other>",
            "<stun:other>; rel",
            r#"<stun:other>; rel="next""#,
            r#"<stun:other>; rel=next; rel=ice-server"#,
            r#"<https://whip.example/sse>; rel="urn:ietf:params:whip:ext:example:server-side-events""#,
            "<http://other>; rel=ice-server",
            "<turn:other>; rel=ice-server",
            "<turn:other>; rel=ice-server; username=u; credential=t; credential-type=oauth",
            "<stun:other>; rel=ice-server-not x=1",
        ] {
            assert_eq!(read(&format!("{other}, <stun:s>; rel=ice-server")), ["stun:s None None"], "{other}");
        }
    }

    #[test]
    fn api_8_what_is_no_link_ends_the_reading() {
        let good = "<stun:s>; rel=ice-server";
        for bad in
            ["", "stun:s; rel=ice-server", "<stun:t; rel=ice-server", "< >", "<", "\"", "<stun:ü>; rel=ice-server"]
        {
            assert_eq!(read(bad), Vec::<String>::new(), "{bad}");
            assert_eq!(read(&format!("{good}, {bad}")), ["stun:s None None"], "{bad}");
        }
        assert_eq!(read(r#"<stun:s>; rel="ice-server"#), ["stun:s None None"], "an open quote ends with the field");
    }
}
