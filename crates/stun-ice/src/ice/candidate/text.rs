//! The text form of a candidate: the value of the `candidate` attribute.
//!
//! Source: [RFC 8839 §5.1](https://www.rfc-editor.org/rfc/rfc8839#section-5.1)

use super::{Address, Candidate, CandidateError, CandidateKind, TcpType, Transport};
use std::fmt;
use std::str::{FromStr, SplitAsciiWhitespace};

impl FromStr for Candidate {
    type Err = CandidateError;

    fn from_str(text: &str) -> Result<Self, CandidateError> {
        if text.len() > Self::MAX_LEN {
            return Err(CandidateError::TooLong);
        }
        let text = text.trim_ascii();
        let text = text.strip_prefix("a=").unwrap_or(text);
        let text = text.strip_prefix("candidate:").unwrap_or(text);
        let mut words = Words(text.split_ascii_whitespace());

        let foundation = words.next("foundation")?;
        if foundation.len() > 32 || !foundation.bytes().all(is_ice_char) {
            return Err(CandidateError::Invalid("foundation"));
        }
        let component = words.number::<u16>("component")?;
        if !(1..=256).contains(&component) {
            return Err(CandidateError::Invalid("component"));
        }
        let transport = match words.next("transport")? {
            udp if udp.eq_ignore_ascii_case("udp") => Transport::Udp,
            tcp if tcp.eq_ignore_ascii_case("tcp") => Transport::Tcp,
            other => Transport::Other(other.to_owned()),
        };
        let priority = words.number("priority")?;
        let address = Address::parse(words.next("address")?);
        let port = words.number("port")?;
        if words.next("typ")? != "typ" {
            return Err(CandidateError::Missing("typ"));
        }
        let kind = match words.next("type")? {
            "host" => CandidateKind::Host,
            "srflx" => CandidateKind::ServerReflexive,
            "prflx" => CandidateKind::PeerReflexive,
            "relay" => CandidateKind::Relayed,
            _ => return Err(CandidateError::Invalid("type")),
        };
        let foundation = foundation.to_owned();
        let mut candidate = Self {
            foundation,
            component,
            transport,
            priority,
            address,
            port,
            kind,
            related: None,
            tcp_type: None,
            ufrag: None,
            extensions: Vec::new(),
        };
        candidate.parse_attributes(words)?;
        Ok(candidate)
    }
}

impl Candidate {
    fn parse_attributes(&mut self, mut words: Words<'_>) -> Result<(), CandidateError> {
        let mut raddr = None;
        let mut rport = None;
        while let Some(name) = words.0.next() {
            match name {
                "raddr" => raddr = Some(Address::parse(words.next("raddr")?)),
                "rport" => rport = Some(words.number("rport")?),
                "tcptype" => {
                    self.tcp_type = Some(match words.next("tcptype")? {
                        "active" => TcpType::Active,
                        "passive" => TcpType::Passive,
                        "so" => TcpType::SimultaneousOpen,
                        _ => return Err(CandidateError::Invalid("tcptype")),
                    });
                }
                "ufrag" => self.ufrag = Some(words.next("ufrag")?.to_owned()),
                // A last name without its value breaks the grammar and harms nobody: it is kept with an empty one.
                _ => self.extensions.push((name.to_owned(), words.0.next().unwrap_or_default().to_owned())),
            }
        }
        self.related = raddr.map(|address| (address, rport.unwrap_or(0)));
        Ok(())
    }
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { foundation, component, transport, priority, address, port, kind, .. } = self;
        write!(f, "candidate:{foundation} {component} {transport} {priority} {address} {port} typ {kind}")?;
        if let Some((address, port)) = &self.related {
            write!(f, " raddr {address} rport {port}")?;
        }
        if let Some(tcp_type) = self.tcp_type {
            write!(f, " tcptype {tcp_type}")?;
        }
        if let Some(ufrag) = &self.ufrag {
            write!(f, " ufrag {ufrag}")?;
        }
        // Last, because the last of them may lack its value.
        for (name, value) in &self.extensions {
            write!(f, " {name}")?;
            if !value.is_empty() {
                write!(f, " {value}")?;
            }
        }
        Ok(())
    }
}

/// The fields of a candidate, separated by spaces.
struct Words<'a>(SplitAsciiWhitespace<'a>);

impl<'a> Words<'a> {
    fn next(&mut self, field: &'static str) -> Result<&'a str, CandidateError> {
        self.0.next().ok_or(CandidateError::Missing(field))
    }

    fn number<T: FromStr>(&mut self, field: &'static str) -> Result<T, CandidateError> {
        let word = self.next(field)?;
        // `from_str` would take a sign, which the grammar does not have.
        if !word.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(CandidateError::Invalid(field));
        }
        word.parse().map_err(|_| CandidateError::Invalid(field))
    }
}

fn is_ice_char(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::IpAddr;

    fn parse(text: &str) -> Result<Candidate, CandidateError> {
        text.parse()
    }

    /// Only ASCII separates and ends words: what Unicode calls a space belongs to the word.
    #[test]
    fn the_last_word_keeps_what_only_unicode_calls_a_space() {
        let candidate = parse("candidate:1 1 udp 1 192.0.2.1 9 typ host word a\u{85}\u{a0}").unwrap();
        assert_eq!(candidate.extensions, [("word".into(), "a\u{85}\u{a0}".into())]);
        assert_eq!(parse(&candidate.to_string()), Ok(candidate));
    }

    #[test]
    fn reads_candidates_of_browsers_and_servers() {
        let chromium = parse(
            "candidate:842163049 1 udp 1677729535 203.0.113.4 46154 typ srflx raddr 192.168.1.4 rport 46154 \
             generation 0 ufrag EsAw network-id 1 network-cost 10",
        )
        .unwrap();
        assert_eq!(chromium.kind, CandidateKind::ServerReflexive);
        assert_eq!(chromium.related, Some((Address::Ip("192.168.1.4".parse().unwrap()), 46154)));
        assert_eq!(chromium.ufrag.as_deref(), Some("EsAw"));
        let extensions: Vec<_> = chromium.extensions.iter().map(|(name, value)| (&name[..], &value[..])).collect();
        assert_eq!(extensions, [("generation", "0"), ("network-id", "1"), ("network-cost", "10")]);

        let firefox =
            parse("a=candidate:0 1 UDP 2122252543 6f1cbd3a-e4a7-4f2a-a9a1-2b0d8a7b2e6f.local 51234 typ host").unwrap();
        assert_eq!(firefox.transport, Transport::Udp);
        assert_eq!(firefox.socket_addr(), None);

        let tcp = parse("candidate:2 1 tcp 2105458943 192.168.1.4 9 typ host tcptype active").unwrap();
        assert_eq!((tcp.transport, tcp.tcp_type), (Transport::Tcp, Some(TcpType::Active)));

        let mediasoup = parse("udpcandidate 1 udp 1076302079 2001:db8::7 40012 typ host").unwrap();
        assert_eq!(mediasoup.socket_addr(), Some("[2001:db8::7]:40012".parse().unwrap()));
    }

    /// The fields in their order, and that what is written says the same.
    #[test]
    fn reads_each_field_and_writes_it_again() {
        let udp = "6815297761 1 udp 659136 192.0.2.4 31102 typ host generation 0";
        let reflexive = "1 1 UDP 1686052863 192.0.2.4 42705 typ srflx raddr 192.168.1.101 rport 42705";
        let tcp =
            "1936595596 1 tcp 1518214911 192.0.2.4 9 typ host tcptype active generation 0 network-id 1 network-cost 10";
        for (text, kind, transport, priority, port) in [
            (udp, CandidateKind::Host, Transport::Udp, 659_136, 31_102),
            (udp.trim_end_matches(" generation 0"), CandidateKind::Host, Transport::Udp, 659_136, 31_102),
            (reflexive, CandidateKind::ServerReflexive, Transport::Udp, 1_686_052_863, 42_705),
            (tcp, CandidateKind::Host, Transport::Tcp, 1_518_214_911, 9),
        ] {
            let candidate = parse(text).unwrap();
            assert_eq!((candidate.kind, &candidate.transport, candidate.priority), (kind, &transport, priority));
            assert_eq!(candidate.foundation, text.split(' ').next().unwrap());
            assert_eq!((candidate.component, candidate.port), (1, port));
            assert_eq!(candidate.address, Address::Ip("192.0.2.4".parse().unwrap()));
            assert_eq!(candidate.tcp_type, (transport == Transport::Tcp).then_some(TcpType::Active));
            let related = (kind == CandidateKind::ServerReflexive).then(|| Address::parse("192.168.1.101"));
            assert_eq!(candidate.related, related.map(|address| (address, 42_705)));
            let generation = candidate.extensions.first().map(|(name, value)| (name.as_str(), value.as_str()));
            assert_eq!(generation, text.contains("generation").then_some(("generation", "0")));
            assert_eq!(candidate.to_string(), format!("candidate:{}", text.replace("UDP", "udp")));
        }
    }

    #[test]
    fn refuses_what_the_grammar_does_not_have() {
        use CandidateError::{Invalid, Missing, TooLong};
        let cases = [
            ("", Missing("foundation")),
            ("1", Missing("component")),
            ("1 1 udp 5 192.0.2.1 9", Missing("typ")),
            ("1 1 udp 5 192.0.2.1 9 host", Missing("typ")),
            ("1 1 udp 5 192.0.2.1 9 typ", Missing("type")),
            ("1 1 udp 5 192.0.2.1 9 typ guest", Invalid("type")),
            ("1 0 udp 5 192.0.2.1 9 typ host", Invalid("component")),
            ("1 257 udp 5 192.0.2.1 9 typ host", Invalid("component")),
            ("1 1 udp +5 192.0.2.1 9 typ host", Invalid("priority")),
            ("1 1 udp 4294967296 192.0.2.1 9 typ host", Invalid("priority")),
            ("1 1 udp 5 192.0.2.1 65536 typ host", Invalid("port")),
            ("a:b 1 udp 5 192.0.2.1 9 typ host", Invalid("foundation")),
            ("123456789012345678901234567890123 1 udp 5 192.0.2.1 9 typ host", Invalid("foundation")),
            ("1 1 udp 5 192.0.2.1 9 typ host raddr", Missing("raddr")),
            ("1 1 udp 5 192.0.2.1 9 typ host rport x", Invalid("rport")),
            ("1 1 tcp 5 192.0.2.1 9 typ host tcptype maybe", Invalid("tcptype")),
        ];
        for (text, error) in cases {
            assert_eq!(parse(text), Err(error), "{text}");
        }
        assert_eq!(parse(&"1 ".repeat(2000)), Err(TooLong));
    }

    #[test]
    fn a_candidate_cut_off_anywhere_does_not_panic() {
        let text = "candidate:1 1 udp 1 192.0.2.1 9 typ srflx raddr 10.0.0.1 rport 9 tcptype so ufrag a generation 0";
        for len in 0..text.len() {
            let _ = parse(&text[..len]);
        }
    }

    #[test]
    fn a_last_extension_without_its_value_reads_the_same_once_written() {
        let candidate: Candidate = "1 1 udp 1 192.0.2.1 9 typ host ufrag abcd network-cost".parse().unwrap();
        assert_eq!(candidate.extensions, [("network-cost".to_owned(), String::new())]);
        assert_eq!(candidate.to_string().parse(), Ok(candidate));
    }

    fn address() -> impl Strategy<Value = Address> {
        prop_oneof![any::<IpAddr>().prop_map(Address::Ip), "[a-z0-9-]{1,36}\\.local".prop_map(Address::Name)]
    }

    fn candidate() -> impl Strategy<Value = Candidate> {
        let kind = prop_oneof![
            Just(CandidateKind::Host),
            Just(CandidateKind::ServerReflexive),
            Just(CandidateKind::PeerReflexive),
            Just(CandidateKind::Relayed)
        ];
        let transport = prop_oneof![Just(Transport::Udp), Just(Transport::Tcp), Just(Transport::Other("sctp".into()))];
        let tcp_type = prop_oneof![Just(TcpType::Active), Just(TcpType::Passive), Just(TcpType::SimultaneousOpen)];
        let known = ["raddr", "rport", "tcptype", "ufrag"];
        let name = "[a-z-]{1,12}".prop_filter("a name of its own", move |name| !known.contains(&&name[..]));
        (
            ("[a-zA-Z0-9+/]{1,32}", 1..=256u16, transport, any::<u32>(), address(), any::<u16>(), kind),
            proptest::option::of((address(), any::<u16>())),
            proptest::option::of(tcp_type),
            proptest::option::of("[a-zA-Z0-9+/]{4,32}"),
            proptest::collection::vec((name, "[!-~]{1,12}"), 0..4),
        )
            .prop_map(
                |(
                    (foundation, component, transport, priority, address, port, kind),
                    related,
                    tcp_type,
                    ufrag,
                    extensions,
                )| {
                    Candidate {
                        foundation,
                        component,
                        transport,
                        priority,
                        address,
                        port,
                        kind,
                        related,
                        tcp_type,
                        ufrag,
                        extensions,
                    }
                },
            )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn what_is_written_is_read(candidate in candidate()) {
            prop_assert_eq!(parse(&candidate.to_string()), Ok(candidate));
        }

        #[test]
        fn arbitrary_text_does_not_panic(text in "\\PC{0,80}") {
            let _ = parse(&text);
        }
    }
}
