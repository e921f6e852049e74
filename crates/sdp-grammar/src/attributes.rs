//! The syntax of each attribute, and where it may stand.

use crate::Fault;
use crate::lines::Line;
use crate::scan::{Problem, Scan, is_ice, is_token};

type Syntax = fn(&mut Scan<'_>) -> Result<(), Problem>;

/// Where an attribute may stand, and how often.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Place {
    /// In the session's lines, once.
    Session,
    /// In a media section, once.
    Media,
    /// In a media section, any number of times.
    MediaList,
    /// At either level, once each.
    Either,
    /// At either level, any number of times.
    EitherList,
}

impl Place {
    fn allows(self, is_session: bool) -> bool {
        match self {
            Self::Session => is_session,
            Self::Media | Self::MediaList => !is_session,
            Self::Either | Self::EitherList => true,
        }
    }

    fn repeats(self) -> bool {
        matches!(self, Self::MediaList | Self::EitherList)
    }
}

/// Every attribute that may be written, by name. `None` stands for one without a value.
const ATTRIBUTES: &[(&str, Place, Option<Syntax>)] = &[
    // RFC 5888, RFC 9143
    ("group", Place::EitherList, Some(group)),
    ("mid", Place::Media, Some(|it| it.token("a tag").map(drop))),
    ("bundle-only", Place::Media, None),
    // RFC 8839, RFC 8840
    ("candidate", Place::MediaList, Some(candidate)),
    ("end-of-candidates", Place::Either, None),
    ("ice-ufrag", Place::Either, Some(|it| it.run("4 to 256 ice-chars", 4..=256, is_ice).map(drop))),
    ("ice-pwd", Place::Either, Some(|it| it.run("22 to 256 ice-chars", 22..=256, is_ice).map(drop))),
    (
        "ice-options",
        Place::Either,
        Some(|it| separated(it, |it| it.run("an option", 1..=256, is_ice_option).map(drop))),
    ),
    ("ice-lite", Place::Session, None),
    ("ice-pacing", Place::Session, Some(|it| it.number("milliseconds", 0..=9_999_999_999).map(drop))),
    // RFC 8122, RFC 8842
    ("fingerprint", Place::EitherList, Some(fingerprint)),
    ("setup", Place::Either, Some(|it| it.one_of("a role", &["active", "passive", "actpass", "holdconn"]).map(drop))),
    ("tls-id", Place::Either, Some(|it| it.run("20 to 255 characters", 20..=255, is_tls_id).map(drop))),
    // RFC 8841, draft-hancke-tsvwg-snap
    ("sctp-port", Place::Media, Some(|it| it.port().map(drop))),
    ("max-message-size", Place::Media, Some(|it| it.number("bytes", 0..=u64::MAX).map(drop))),
    ("sctp-init", Place::Media, Some(base64)),
    // draft-ietf-mmusic-sctp-sdp-05, to those who speak it.
    ("sctpmap", Place::Media, Some(sctpmap)),
    // RFC 8866
    ("sendrecv", Place::Either, None),
    ("sendonly", Place::Either, None),
    ("recvonly", Place::Either, None),
    ("inactive", Place::Either, None),
    ("rtpmap", Place::MediaList, Some(rtpmap)),
    ("fmtp", Place::MediaList, Some(fmtp)),
    ("ptime", Place::Media, Some(|it| it.number("milliseconds", 1..=u64::MAX).map(drop))),
    ("maxptime", Place::Media, Some(|it| it.number("milliseconds", 1..=u64::MAX).map(drop))),
    // RFC 4585, RFC 5104, RFC 5506, RFC 5761, RFC 8858, RFC 3605
    ("rtcp-fb", Place::MediaList, Some(rtcp_fb)),
    ("rtcp-mux", Place::Media, None),
    ("rtcp-mux-only", Place::Media, None),
    ("rtcp-rsize", Place::Media, None),
    ("rtcp", Place::Media, Some(rtcp)),
    // RFC 8285
    ("extmap", Place::EitherList, Some(extmap)),
    ("extmap-allow-mixed", Place::Either, None),
    // RFC 9335
    ("cryptex", Place::Either, None),
    // RFC 8830, RFC 5576
    ("msid", Place::MediaList, Some(msid)),
    ("msid-semantic", Place::Session, Some(msid_semantic)),
    ("ssrc", Place::MediaList, Some(ssrc)),
    ("ssrc-group", Place::MediaList, Some(ssrc_group)),
    // RFC 8851, RFC 8853
    ("rid", Place::MediaList, Some(rid)),
    ("simulcast", Place::Media, Some(simulcast)),
];

pub(crate) fn check(lines: &[Line<'_>]) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut before: Vec<(Option<usize>, &str)> = Vec::new();
    for line in lines {
        let Some((name, value)) = line.attribute() else { continue };
        let Some((_, place, syntax)) = ATTRIBUTES.iter().find(|(it, ..)| *it == name) else {
            faults.push(line.fault("no attribute that is ever written"));
            continue;
        };
        if !place.allows(line.section.is_none()) {
            faults.push(line.fault("it stands at the wrong level"));
        }
        if !place.repeats() && before.contains(&(line.section, name)) {
            faults.push(line.fault("it comes twice"));
        }
        before.push((line.section, name));
        if let Err(problem) = value_of(*syntax, value) {
            faults.push(line.fault(problem));
        }
    }
    faults
}

fn value_of(syntax: Option<Syntax>, value: Option<&str>) -> Result<(), Problem> {
    match (syntax, value) {
        (None, None) => Ok(()),
        (None, Some(_)) => Err("it takes no value".to_owned()),
        (Some(_), None) => Err("it needs a value".to_owned()),
        (Some(syntax), Some(value)) => {
            let mut scan = Scan::new(value);
            syntax(&mut scan)?;
            scan.end()
        }
    }
}

/// One item and more with a space between two.
fn separated<'a>(
    scan: &mut Scan<'a>,
    mut item: impl FnMut(&mut Scan<'a>) -> Result<(), Problem>,
) -> Result<(), Problem> {
    item(scan)?;
    while scan.takes(" ") {
        item(scan)?;
    }
    Ok(())
}

/// `semantics *(SP identification-tag)`
fn group(scan: &mut Scan<'_>) -> Result<(), Problem> {
    separated(scan, |it| it.token("a tag").map(drop))
}

/// RFC 8839 §5.1. An address that another stands for has to be there unless the candidate is of a host.
fn candidate(scan: &mut Scan<'_>) -> Result<(), Problem> {
    scan.run("a foundation", 1..=32, is_ice)?;
    scan.space()?;
    scan.number("a component", 1..=256)?;
    scan.space()?;
    let transport = scan.token("a transport")?;
    if !["udp", "tcp"].contains(&transport.to_ascii_lowercase().as_str()) {
        return scan.expected("udp or tcp");
    }
    scan.space()?;
    scan.number("a priority", 1..=0x7fff_ffff)?;
    scan.space()?;
    scan.candidate_address()?;
    scan.space()?;
    scan.port()?;
    scan.literal(" typ ")?;
    let kind = scan.one_of("a type", &["host", "srflx", "prflx", "relay"])?;
    if kind != "host" {
        scan.literal(" raddr ")?;
        scan.candidate_address()?;
        scan.literal(" rport ")?;
        scan.port()?;
    }
    let mut has_tcp_type = false;
    while scan.takes(" ") {
        let name = scan.token("the name of an extension")?;
        scan.space()?;
        let value = scan.word("the value of an extension")?;
        has_tcp_type |= name == "tcptype" && ["active", "passive", "so"].contains(&value);
    }
    // RFC 6544 §4.5
    if transport.eq_ignore_ascii_case("tcp") && !has_tcp_type { scan.expected("tcptype") } else { Ok(()) }
}

fn is_ice_option(byte: &u8) -> bool {
    is_ice(byte) || *byte == b'-'
}

fn is_tls_id(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
}

/// RFC 8122 §5: upper-case pairs, as many as the hash has bytes.
fn fingerprint(scan: &mut Scan<'_>) -> Result<(), Problem> {
    let hash = scan.one_of("a hash", &["sha-1", "sha-224", "sha-256", "sha-384", "sha-512"])?;
    let bytes = match hash {
        "sha-1" => 20,
        "sha-224" => 28,
        "sha-256" => 32,
        "sha-384" => 48,
        _ => 64,
    };
    scan.space()?;
    for index in 0..bytes {
        if index > 0 {
            scan.literal(":")?;
        }
        scan.run("two digits", 2..=2, |byte| matches!(byte, b'0'..=b'9' | b'A'..=b'F'))?;
    }
    Ok(())
}

/// RFC 4648 §4, with its padding.
fn base64(scan: &mut Scan<'_>) -> Result<(), Problem> {
    let before = *scan;
    let digits =
        scan.run("base64", 2..=usize::MAX, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))?;
    let padding = scan.run("padding", 0..=2, |byte| *byte == b'=')?;
    if (digits.len() + padding.len()).is_multiple_of(4) { Ok(()) } else { before.expected("whole base64") }
}

/// `port SP "webrtc-datachannel" [SP streams]`
fn sctpmap(scan: &mut Scan<'_>) -> Result<(), Problem> {
    scan.port()?;
    scan.literal(" webrtc-datachannel")?;
    if scan.takes(" ") { scan.number("streams", 1..=65_535).map(drop) } else { Ok(()) }
}

/// `payload-type SP encoding-name "/" clock-rate ["/" channels]`
fn rtpmap(scan: &mut Scan<'_>) -> Result<(), Problem> {
    scan.payload_type()?;
    scan.space()?;
    // The encoding's name is a token that the registry keeps without slashes.
    scan.token("an encoding")?;
    scan.literal("/")?;
    scan.number("a clock rate", 1..=u64::from(u32::MAX))?;
    if scan.takes("/") {
        scan.number("channels", 1..=255)?;
    }
    Ok(())
}

/// Parameters as the payload formats here have them: `name=value` with `;` between two, or one value alone.
fn fmtp(scan: &mut Scan<'_>) -> Result<(), Problem> {
    scan.token("a format")?;
    scan.space()?;
    loop {
        let is_piece = |byte: &u8| byte.is_ascii_graphic() && *byte != b';';
        let before = *scan;
        let piece = scan.run("a parameter", 1..=usize::MAX, is_piece)?;
        if piece.starts_with('=') || piece.ends_with('=') {
            return before.expected("a parameter with name and value");
        }
        if !scan.takes(";") {
            return Ok(());
        }
        // RFC 7587 §7.1 and others leave a space free after the semicolon.
        scan.takes(" ");
    }
}

/// `(payload-type / "*") SP rtcp-fb-val`, the values being those of RFC 4585, RFC 5104 and Chromium.
fn rtcp_fb(scan: &mut Scan<'_>) -> Result<(), Problem> {
    if !scan.takes("*") {
        scan.payload_type()?;
    }
    scan.space()?;
    match scan.one_of("a kind of feedback", &["ack", "nack", "ccm", "trr-int", "goog-remb", "transport-cc"])? {
        "nack" if scan.is_empty() => Ok(()),
        "nack" => {
            scan.space()?;
            scan.one_of("a kind of nack", &["pli", "sli", "rpsi"]).map(drop)
        }
        "ccm" => {
            scan.space()?;
            scan.one_of("a command", &["fir", "tmmbr", "tstr", "vbcm"]).map(drop)
        }
        "trr-int" => {
            scan.space()?;
            scan.number("milliseconds", 0..=u64::MAX).map(drop)
        }
        _ => Ok(()),
    }
}

/// `port [SP nettype SP addrtype SP connection-address]`
fn rtcp(scan: &mut Scan<'_>) -> Result<(), Problem> {
    scan.port()?;
    if scan.takes(" ") { scan.network_address() } else { Ok(()) }
}

/// `1*5DIGIT ["/" direction] SP URI [SP attributes]`; ids that go on the wire are 1 to 14 or, in two bytes, 16 to 255.
fn extmap(scan: &mut Scan<'_>) -> Result<(), Problem> {
    let before = *scan;
    if scan.number("an id", 1..=255)? == 15 {
        return before.expected("another id");
    }
    if scan.takes("/") {
        scan.one_of("a direction", &["sendrecv", "sendonly", "recvonly", "inactive"])?;
    }
    scan.space()?;
    let before = *scan;
    let uri = scan.word("a URI")?;
    if !uri.contains(':') {
        return before.expected("a URI");
    }
    if scan.takes(" ") { scan.byte_string("attributes").map(drop) } else { Ok(()) }
}

/// `1*64token-char [SP 1*64token-char]`
fn msid(scan: &mut Scan<'_>) -> Result<(), Problem> {
    scan.run("a stream", 1..=64, is_token)?;
    if scan.takes(" ") { scan.run("a track", 1..=64, is_token).map(drop) } else { Ok(()) }
}

/// `[SP] token *(SP (token / "*"))`: drafts and Chromium have the first space.
fn msid_semantic(scan: &mut Scan<'_>) -> Result<(), Problem> {
    scan.takes(" ");
    separated(scan, |it| it.token("a word").map(drop))
}

/// `ssrc-id SP attribute [":" value]`
fn ssrc(scan: &mut Scan<'_>) -> Result<(), Problem> {
    scan.number("an SSRC", 0..=u64::from(u32::MAX))?;
    scan.space()?;
    scan.token("an attribute")?;
    if scan.takes(":") { scan.byte_string("a value").map(drop) } else { Ok(()) }
}

/// `semantics *(SP ssrc-id)`
fn ssrc_group(scan: &mut Scan<'_>) -> Result<(), Problem> {
    scan.one_of("semantics", &["FID", "FEC", "FEC-FR", "SIM", "DUP"])?;
    while scan.takes(" ") {
        scan.number("an SSRC", 0..=u64::from(u32::MAX))?;
    }
    Ok(())
}

/// `rid-id SP ("send" / "recv") [SP restrictions]`
fn rid(scan: &mut Scan<'_>) -> Result<(), Problem> {
    scan.run("a rid", 1..=usize::MAX, is_rid)?;
    scan.space()?;
    scan.one_of("a direction", &["send", "recv"])?;
    if scan.takes(" ") {
        loop {
            let pieces = |byte: &u8| byte.is_ascii_graphic() && *byte != b';';
            scan.run("a restriction", 1..=usize::MAX, pieces)?;
            if !scan.takes(";") {
                break;
            }
        }
    }
    Ok(())
}

/// RFC 8851 §10 as corrected: letters, digits, `-` and `_`.
fn is_rid(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

/// `sc-send [SP sc-recv]` or the other way round, each at most once.
fn simulcast(scan: &mut Scan<'_>) -> Result<(), Problem> {
    let before = *scan;
    let mut directions = Vec::new();
    separated(scan, |it| {
        directions.push(it.one_of("a direction", &["send", "recv"])?);
        it.space()?;
        loop {
            it.takes("~");
            it.run("a rid", 1..=usize::MAX, is_rid)?;
            if !it.takes(",") && !it.takes(";") {
                return Ok(());
            }
        }
    })?;
    match directions.as_slice() {
        [_] | ["send", "recv"] | ["recv", "send"] => Ok(()),
        _ => before.expected("each direction once"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_sound(line: &str) -> bool {
        let (name, value) = line.split_once(':').map_or((line, None), |(name, value)| (name, Some(value)));
        let (.., syntax) = ATTRIBUTES.iter().find(|(it, ..)| *it == name).unwrap();
        value_of(*syntax, value).is_ok()
    }

    #[test]
    fn lines_of_the_rfcs_are_sound() {
        for line in [
            "group:BUNDLE 0 1",
            "group:BUNDLE",
            "candidate:1 1 UDP 2130706431 203.0.113.141 8998 typ host",
            "candidate:2 1 udp 1694498815 192.0.2.3 45664 typ srflx raddr 203.0.113.141 rport 8998 generation 0",
            "candidate:1 1 TCP 2128609279 192.0.2.1 9 typ host tcptype active",
            "candidate:1 1 udp 1 1f0e.local 9 typ host",
            "ice-options:trickle ice2",
            "fingerprint:sha-1 4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB",
            "tls-id:abc3de65cddef001be82",
            "sctp-init:AQAAHgAB",
            "rtpmap:96 opus/48000/2",
            "fmtp:96 minptime=10;useinbandfec=1",
            "fmtp:97 apt=96",
            "fmtp:63 96/96",
            "fmtp:101 0-15,66",
            "rtcp-fb:* nack pli",
            "rtcp:9 IN IP4 0.0.0.0",
            "extmap:1/recvonly urn:ietf:params:rtp-hdrext:toffset",
            "extmap:4 URI:x short",
            "msid:- a",
            "msid-semantic: WMS *",
            "ssrc:4 cname:user@host.example",
            "ssrc:4 x",
            "ssrc-group:FID 1 2",
            "rid:1 send pt=97;max-width=1280;max-fps=30",
            "simulcast:send 1,~4;2 recv 3",
            "rtcp-mux",
        ] {
            assert!(is_sound(line), "{line}");
        }
    }

    #[test]
    fn what_the_rfcs_do_not_have_is_not() {
        for line in [
            "group:BUNDLE ",
            "group:",
            "mid:a b",
            "mid",
            "rtcp-mux:",
            "candidate:1 1 udp 1 192.0.2.1 9 host",
            "candidate:1 0 udp 1 192.0.2.1 9 typ host",
            "candidate:1 1 sctp 1 192.0.2.1 9 typ host",
            "candidate:1 1 udp 2147483648 192.0.2.1 9 typ host",
            "candidate:1 1 udp 1 192.0.2.1 9 typ srflx",
            "candidate:1 1 tcp 1 192.0.2.1 9 typ host",
            "candidate:1 1 udp 1 192.0.2.1 9 typ host generation",
            "candidate:candidate:1 1 udp 1 192.0.2.1 9 typ host",
            "ice-ufrag:abc",
            "ice-ufrag:ab_c",
            "ice-pwd:012345678901234567890",
            "fingerprint:sha-1 4a:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB",
            "fingerprint:sha-256 4A:AD",
            "fingerprint:md5 4A",
            "setup:actpass ",
            "sctp-port:65536",
            "sctp-init:AQAAHgA",
            "rtpmap:128 x/8000",
            "rtpmap:96 x",
            "rtpmap:96 x/0",
            "fmtp:96 a=1;",
            "fmtp:96 a=;b=1",
            "fmtp:96",
            "rtcp-fb:96 nack rtx",
            "rtcp:9 IN IP4 ::",
            "extmap:0 urn:x",
            "extmap:15 urn:x",
            "extmap:1 x",
            "msid:",
            "msid:a b c",
            "ssrc:4294967296 cname:x",
            "ssrc-group:XYZ 1",
            "rid:a both",
            "rid:a.b send",
            "simulcast:send 1 send 2",
            "simulcast:send",
        ] {
            assert!(!is_sound(line), "{line}");
        }
    }

    #[test]
    fn attributes_have_a_level_and_a_number() {
        let found = |text: &str| crate::check(text).into_iter().map(|fault| fault.line).collect::<Vec<_>>();
        let head = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n";
        let media = "m=audio 0 RTP/AVP 0\r\nc=IN IP4 0.0.0.0\r\n";
        assert_eq!(found(&format!("{head}a=mid:0\r\n")), [5]);
        assert_eq!(found(&format!("{head}{media}a=ice-lite\r\n")), [7]);
        assert_eq!(found(&format!("{head}{media}a=mid:0\r\na=mid:1\r\n")), [8]);
        assert_eq!(found(&format!("{head}a=x\r\n")), [5]);
        assert_eq!(found(&format!("{head}{media}a=mid:0\r\n{media}a=mid:1\r\n")), []);
    }
}
