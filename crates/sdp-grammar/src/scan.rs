//! Terms that the grammars share, each consumed from the front of a text.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;

/// What is left of a line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scan<'a> {
    rest: &'a str,
}

/// What was expected, and what stands there.
pub(crate) type Problem = String;

impl<'a> Scan<'a> {
    pub fn new(rest: &'a str) -> Self {
        Self { rest }
    }

    pub fn expected<T>(&self, what: &str) -> Result<T, Problem> {
        Err(format!("{what} expected at {:?}", self.rest))
    }

    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Nothing may follow.
    pub fn end(&self) -> Result<(), Problem> {
        if self.is_empty() { Ok(()) } else { self.expected("the end") }
    }

    /// Whether this text follows; it is consumed if so.
    pub fn takes(&mut self, text: &str) -> bool {
        let rest = self.rest.strip_prefix(text);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    pub fn literal(&mut self, text: &str) -> Result<(), Problem> {
        if self.takes(text) { Ok(()) } else { self.expected(&format!("{text:?}")) }
    }

    /// Exactly one space (%x20).
    pub fn space(&mut self) -> Result<(), Problem> {
        self.literal(" ")
    }

    /// As many bytes of a kind as there are; their number has to lie in `count`.
    pub fn run(&mut self, what: &str, count: RangeInclusive<usize>, kind: fn(&u8) -> bool) -> Result<&'a str, Problem> {
        let length = self.rest.bytes().take_while(kind).count();
        match self.rest.split_at_checked(length) {
            Some((run, rest)) if count.contains(&length) => {
                self.rest = rest;
                Ok(run)
            }
            _ => self.expected(what),
        }
    }

    /// `1*DIGIT` without zeros in front.
    pub fn number(&mut self, what: &str, values: RangeInclusive<u64>) -> Result<u64, Problem> {
        let before = *self;
        let digits = self.run(what, 1..=20, u8::is_ascii_digit)?;
        let is_plain = digits == "0" || !digits.starts_with('0');
        match digits.parse() {
            Ok(number) if is_plain && values.contains(&number) => Ok(number),
            _ => before.expected(what),
        }
    }

    /// One of these words, up to a space, a bracket or the end.
    pub fn one_of(&mut self, what: &str, words: &[&str]) -> Result<&'a str, Problem> {
        let before = *self;
        let word = self.run(what, 1..=64, is_token)?;
        if words.contains(&word) { Ok(word) } else { before.expected(what) }
    }

    /// `token` (RFC 8866 §9)
    pub fn token(&mut self, what: &str) -> Result<&'a str, Problem> {
        self.run(what, 1..=usize::MAX, is_token)
    }

    /// `byte-string` (RFC 8866 §9): anything, but something.
    pub fn byte_string(&mut self, what: &str) -> Result<&'a str, Problem> {
        self.run(what, 1..=usize::MAX, |byte| !matches!(byte, 0 | b'\r' | b'\n'))
    }

    /// `non-ws-string` (RFC 8866 §9)
    pub fn word(&mut self, what: &str) -> Result<&'a str, Problem> {
        self.run(what, 1..=usize::MAX, |byte| byte.is_ascii_graphic() || *byte >= 0x80)
    }

    /// `port` (RFC 8866 §9), which fits 16 bits.
    pub fn port(&mut self) -> Result<u64, Problem> {
        self.number("a port", 0..=65_535)
    }

    /// An RTP payload type: seven bits.
    pub fn payload_type(&mut self) -> Result<u8, Problem> {
        self.number("a payload type", 0..=127).map(|number| u8::try_from(number).unwrap_or(u8::MAX))
    }

    /// `nettype SP addrtype SP unicast-address` (RFC 8866 §9)
    pub fn network_address(&mut self) -> Result<(), Problem> {
        self.literal("IN ")?;
        let family = self.one_of("an address type", &["IP4", "IP6"])?;
        self.space()?;
        let before = *self;
        let address = self.word("an address")?;
        let fits = match family {
            "IP4" => {
                address.parse::<Ipv4Addr>().is_ok() || (is_domain(address) && address.parse::<Ipv6Addr>().is_err())
            }
            _ => address.parse::<Ipv6Addr>().is_ok() || (is_domain(address) && address.parse::<Ipv4Addr>().is_err()),
        };
        if fits { Ok(()) } else { before.expected("an address of its type") }
    }

    /// `connection-address` of a candidate (RFC 8839 §5.1): an address or a name.
    pub fn candidate_address(&mut self) -> Result<(), Problem> {
        let before = *self;
        let address = self.word("an address")?;
        let fits = address.parse::<Ipv4Addr>().is_ok() || address.parse::<Ipv6Addr>().is_ok() || is_domain(address);
        if fits { Ok(()) } else { before.expected("an address") }
    }
}

/// `token-char` (RFC 8866 §9)
pub(crate) fn is_token(byte: &u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x27 | 0x2A | 0x2B | 0x2D | 0x2E | 0x30..=0x39 | 0x41..=0x5A | 0x5E..=0x7E)
}

/// `ice-char` (RFC 8839 §5.1)
pub(crate) fn is_ice(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')
}

/// `FQDN` (RFC 8866 §9): letters, digits, dashes and dots, and not all of it digits and dots.
fn is_domain(text: &str) -> bool {
    let is_label = |label: &str| !label.is_empty() && label.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-');
    text.split('.').all(is_label) && text.bytes().any(|byte| byte.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_one_form_and_a_range() {
        let number = |text| Scan::new(text).number("n", 0..=300);
        assert_eq!([number("0"), number("7 "), number("300")], [Ok(0), Ok(7), Ok(300)]);
        for text in ["", "-1", "+1", "01", "301", "x", "99999999999999999999"] {
            assert!(number(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_address_is_of_the_type_it_names() {
        let sound = |text| Scan::new(text).network_address().is_ok();
        assert!(sound("IN IP4 127.0.0.1") && sound("IN IP6 ::1") && sound("IN IP4 host.example"));
        for text in
            ["IN IP4 ::1", "IN IP6 127.0.0.1", "IN IP4 1.2.3", "in IP4 1.2.3.4", "IN  IP4 1.2.3.4", "IN IP5 x.y"]
        {
            assert!(!sound(text), "{text}");
        }
    }

    #[test]
    fn a_token_ends_where_its_characters_do() {
        let mut scan = Scan::new("a.b-c:d");
        assert_eq!(scan.token("t"), Ok("a.b-c"));
        assert_eq!(scan.token("t"), Err("t expected at \":d\"".to_owned()));
    }
}
