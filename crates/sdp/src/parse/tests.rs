use super::*;
use crate::cursor::work;
use crate::{Direction, Setup};

const HEAD: &str = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n";
const AUDIO: &str = "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n";

fn parse(text: &str) -> Result<Session, SdpError> {
    text.parse()
}

fn error(text: &str) -> SdpError {
    parse(text).expect_err("this is no description")
}

/// The guard: what this crate does not know is carried through, in its place, at either level.
#[test]
fn sdp_1_unknown_attributes_survive_in_place_and_order() {
    let text = format!(
        "{HEAD}a=x-first\r\na=group:BUNDLE 0\r\na=x-second: two  spaces \r\n{AUDIO}a=x-third:\r\na=mid:0\r\na=x-fourth:é:1\r\n"
    );
    let session = parse(&text).unwrap();
    assert_eq!(session.to_string(), text);
    assert_eq!(session.others("x-second").collect::<Vec<_>>(), [Some(" two  spaces ")]);
    assert_eq!(session.media[0].others("x-third").collect::<Vec<_>>(), [Some("")]);
}

/// The guard: a letter that RFC 8866 does not have is an error, which names it and its line.
#[test]
fn sdp_1_an_unknown_line_type_is_an_error() {
    for (text, line) in [(format!("{HEAD}x=1\r\n"), 5), (format!("{HEAD}{AUDIO}a=mid:0\r\nQ=1\r\n"), 7)] {
        let error = error(&text);
        assert!(matches!(error.kind(), SdpErrorKind::UnknownLineType('x' | 'Q')));
        assert_eq!(error.line(), line);
        assert!(matches!(error.line_type(), Some('x' | 'Q')));
    }
}

/// The guard: a line feed alone ends a line; what is written ends in CRLF whatever was read.
#[test]
fn sdp_1_line_feeds_are_read_and_crlf_is_written() {
    let text = format!("{HEAD}{AUDIO}a=mid:0\r\n");
    for variant in [
        text.clone(),
        text.replace("\r\n", "\n"),
        text.trim_end().to_owned(),
        format!("{text}\r\n\n"),
        text.replacen("\r\n", "\n", 2),
    ] {
        assert_eq!(parse(&variant).unwrap().to_string(), text, "{variant:?}");
    }
    assert_eq!(error(&text.replace("\r\n", "\r")).kind(), SdpErrorKind::ForbiddenCharacter);
    assert_eq!(error(&format!("{HEAD}a=x:\0\r\n")).kind(), SdpErrorKind::ForbiddenCharacter);
}

/// Bad input: the direction is then that of the session, else both ways.
#[test]
fn a_section_without_a_direction_attribute() {
    let session = parse(&format!("{HEAD}{AUDIO}a=mid:0\r\n")).unwrap();
    assert_eq!(session.section(0).unwrap().direction(), Direction::SendRecv);
    let session = parse(&format!("{HEAD}a=sendonly\r\n{AUDIO}")).unwrap();
    assert_eq!(session.section(0).unwrap().direction(), Direction::SendOnly);
}

/// Bad input: the section stays, so that it can be rejected in its place.
#[test]
fn an_unknown_media_kind() {
    let text = format!("{HEAD}m=smell 9 SNIFF/2 strong faint\r\na=mid:0\r\n{AUDIO}a=mid:1\r\n");
    let session = parse(&text).unwrap();
    assert_eq!(session.media[0].kind, MediaKind::Other("smell".into()));
    assert_eq!(session.media[0].protocol, Protocol::Other("SNIFF/2".into()));
    assert_eq!(session.media[0].formats.len(), 2);
    assert_eq!(session.to_string(), text);
}

/// Bad input: a rejected section need not say anything but its name.
#[test]
fn a_rejected_section_without_ice_credentials() {
    let session = parse(&format!("{HEAD}m=video 0 UDP/TLS/RTP/SAVPF 120\r\na=inactive\r\na=mid:1\r\n")).unwrap();
    let section = session.section(0).unwrap();
    assert!(section.is_rejected());
    assert_eq!((section.ice_credentials(), section.setup(), section.fingerprints().count()), (None, None, 0));
}

#[test]
fn mandatory_lines_are_missed() {
    let kinds = [
        ("", 'v'),
        ("o=- 1 2 IN IP4 127.0.0.1\r\n", 'v'),
        ("v=0\r\ns=-\r\nt=0 0\r\n", 'o'),
        ("v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\nt=0 0\r\n", 's'),
        ("v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\n", 't'),
    ];
    for (text, letter) in kinds {
        assert_eq!(error(text).kind(), SdpErrorKind::MissingLine(letter), "{text:?}");
    }
    assert_eq!(error("v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\n").line(), 4);
}

#[test]
fn lines_out_of_place_or_repeated_are_errors() {
    for line in ["v=0", "o=- 1 2 IN IP4 127.0.0.1", "s=-"] {
        assert!(matches!(error(&format!("{HEAD}{line}\r\n")).kind(), SdpErrorKind::Misplaced(_)), "{line}");
        assert!(matches!(error(&format!("{HEAD}{AUDIO}{line}\r\n")).kind(), SdpErrorKind::Misplaced(_)), "{line}");
    }
    assert_eq!(error(&format!("{HEAD}{AUDIO}t=0 0\r\n")).kind(), SdpErrorKind::Misplaced('t'));
    let twice = "c=IN IP4 0.0.0.0\r\nc=IN IP4 0.0.0.0\r\n";
    assert_eq!(error(&format!("{HEAD}{AUDIO}{twice}")).kind(), SdpErrorKind::Misplaced('c'));
    assert_eq!(error("v=0\r\nr=1\r\n").kind(), SdpErrorKind::Misplaced('r'));
    assert_eq!(error("v=1\r\n").kind(), SdpErrorKind::Invalid("version"));
}

#[test]
fn what_is_not_a_line_is_an_error() {
    for text in ["a", "=", "ab=c", "é=1", "\u{20ac}", " a=x", "", "a"] {
        let error = error(&format!("{HEAD}{text}\r\na=x\r\n"));
        assert_eq!((error.line(), error.kind()), (5, SdpErrorKind::NotALine), "{text:?}");
    }
}

#[test]
fn an_error_names_line_letter_column_and_field() {
    let error = error(&format!("{HEAD}{AUDIO}a=mid:0\r\na=rtpmap:111 opus/fast/2\r\n"));
    assert_eq!((error.line(), error.line_type(), error.column()), (7, Some('a'), 19));
    assert_eq!(error.to_string(), "line 7, column 19: invalid clock rate");
}

#[test]
fn every_line_type_of_the_standard_round_trips() {
    let text = "v=0\r\n\
        o=jdoe 3724394400 3724394405 IN IP6 2001:db8::1\r\n\
        s=Call to John Smith\r\n\
        i=SDP Offer #1\r\n\
        u=http://www.jdoe.example.com/home.html\r\n\
        e=Jane Doe <jane@jdoe.example.com>\r\n\
        e=second@example.com\r\n\
        p=+1 617 555-6011\r\n\
        c=IN IP4 198.51.100.1/127\r\n\
        b=AS:500\r\n\
        b=TIAS:500000\r\n\
        t=3724394400 3724398000\r\n\
        r=604800 3600 0 90000\r\n\
        t=0 0\r\n\
        z=3730928400 -1h 3749680800 0\r\n\
        k=prompt\r\n\
        a=recvonly\r\n\
        m=audio 49170/2 RTP/AVP 0 007\r\n\
        i=A title\r\n\
        c=IN IP6 ::1\r\n\
        b=X-YZ:128\r\n\
        k=clear:password\r\n\
        a=sendonly\r\n";
    let session = parse(text).unwrap();
    assert_eq!(session.to_string(), text);
    assert_eq!(session.timings[0].repeats.len(), 1);
    assert_eq!(session.media[0].port_count, Some(2));
}

#[test]
fn lines_of_a_level_may_come_in_any_order() {
    // Pages that cap the bandwidth put `b=` right after `m=`; Chromium takes it there.
    let session = parse(&format!("{HEAD}{AUDIO}b=AS:30\r\na=mid:0\r\nc=IN IP4 0.0.0.0\r\na=setup:active\r\n")).unwrap();
    assert_eq!(session.media[0].setup(), Some(Setup::Active));
    assert!(session.to_string().ends_with("c=IN IP4 0.0.0.0\r\nb=AS:30\r\na=mid:0\r\na=setup:active\r\n"));
}

#[test]
fn a_media_section_is_read_by_itself() {
    let text = format!("{AUDIO}c=IN IP4 0.0.0.0\r\na=mid:0\r\na=x\r\n");
    let media: Media = text.parse().unwrap();
    assert_eq!((media.mid(), media.to_string()), (Some("0"), text));
    assert_eq!("a=mid:0\r\n".parse::<Media>().unwrap_err().kind(), SdpErrorKind::MissingLine('m'));
    assert_eq!(AUDIO.repeat(2).parse::<Media>().unwrap_err().kind(), SdpErrorKind::Misplaced('m'));
}

#[test]
fn malformed_media_lines_are_errors() {
    for (line, kind) in [
        ("m=", SdpErrorKind::Missing("media kind")),
        ("m=audio", SdpErrorKind::Missing("port")),
        ("m=audio 9", SdpErrorKind::Missing("protocol")),
        ("m=audio 9 UDP/TLS/RTP/SAVPF", SdpErrorKind::Missing("format")),
        ("m=audio 65536 UDP/TLS/RTP/SAVPF 0", SdpErrorKind::Invalid("port")),
        ("m=audio -1 UDP/TLS/RTP/SAVPF 0", SdpErrorKind::Invalid("port")),
        ("m=audio 9/x UDP/TLS/RTP/SAVPF 0", SdpErrorKind::Invalid("number of ports")),
    ] {
        assert_eq!(error(&format!("{HEAD}{line}\r\n")).kind(), kind, "{line}");
    }
}

/// The guard: text, lines and sections beyond the limits are refused, and those at the limits are not.
#[test]
fn cve_42_what_is_beyond_the_limits_is_refused() {
    let limits = Limits::default();
    let fill = |len: usize| format!("{HEAD}{}", "a=x:0123456789\r\n".repeat(len.div_ceil(16) + 1));
    let long = fill(limits.bytes);
    assert_eq!(error(&long).kind(), SdpErrorKind::TooLong(1 << 20));
    assert!(parse(&long[..fill(0).len() + 16 * ((limits.bytes - fill(0).len()) / 16)]).is_ok());

    let line = |len: usize| format!("{HEAD}a=x:{}\r\n", "y".repeat(len - "a=x:".len()));
    assert!(parse(&line(64 << 10)).is_ok());
    let too_long = error(&line((64 << 10) + 1));
    assert_eq!((too_long.line(), too_long.kind()), (5, SdpErrorKind::LineTooLong(64 << 10)));

    let sections = |count: usize| format!("{HEAD}{}", AUDIO.repeat(count));
    assert_eq!(parse(&sections(1024)).unwrap().media.len(), 1024);
    let too_many = error(&sections(1025));
    assert_eq!((too_many.line(), too_many.kind()), (1029, SdpErrorKind::TooManySections(1024)));

    let tight = Limits::default().with_bytes(200).with_line_bytes(40).with_sections(1);
    assert!(Session::parse(&sections(1), &tight).is_ok());
    assert_eq!(Session::parse(&sections(2), &tight).unwrap_err().kind(), SdpErrorKind::TooManySections(1));
    assert_eq!(Session::parse(&sections(9), &tight).unwrap_err().kind(), SdpErrorKind::TooLong(200));
}

/// The guard: ten times the text takes at most twelve times the steps, whatever the text is made of.
///
/// A step is a byte looked at, counted where all looking is done.
#[test]
fn cve_42_work_grows_with_the_length_of_the_text() {
    type Bomb = (&'static str, fn(usize) -> String);
    let bombs: [Bomb; 10] = [
        ("attributes", |n| format!("{HEAD}{}", "a=x\n".repeat(n))),
        ("sections", |n| format!("{HEAD}{}", AUDIO.repeat(n / 20))),
        ("candidates", |n| format!("{HEAD}{AUDIO}{}", "a=candidate:1 1 udp 1 192.0.2.1 9 typ host\n".repeat(n))),
        ("payloads", |n| {
            format!("{HEAD}{AUDIO}{}", "a=rtpmap:96 VP8/90000\na=fmtp:96 a=b\na=rtcp-fb:96 nack\n".repeat(n))
        }),
        ("formats", |n| format!("{HEAD}m=audio 9 RTP/AVP{}\n", " 0".repeat(n))),
        ("parameters", |n| format!("{HEAD}{AUDIO}a=fmtp:96 {}\n", "a=b;".repeat(n))),
        ("group", |n| format!("{HEAD}a=group:BUNDLE{}\n", " 0".repeat(n))),
        ("simulcast", |n| format!("{HEAD}{AUDIO}a=simulcast:send a{}\n", ";b".repeat(n))),
        ("fingerprint", |n| format!("{HEAD}a=fingerprint:sha-256 00{}\n", ":11".repeat(n))),
        ("spaces", |n| format!("{HEAD}a=group:{}LS\n", " ".repeat(n))),
    ];
    for (name, bomb) in bombs {
        let limits = Limits::default();
        let cost = |n: usize| {
            let text = bomb(n);
            let (result, steps) = work::of(|| Session::parse(&text, &limits));
            result.unwrap_or_else(|error| panic!("{name}: {error}"));
            (text.len(), steps)
        };
        let ((short, few), (long, many)) = (cost(1_500), cost(15_000));
        assert!(long >= 9 * (short - HEAD.len() - AUDIO.len()), "{name}: {short} and {long} bytes");
        assert!(many <= 12 * few, "{name}: {few} steps for {short} bytes, {many} for {long}");
        assert!(many <= 8 * long, "{name}: {many} steps for {long} bytes");
    }
}

/// The guard: the same holds for a text that turns out wrong at its very end.
#[test]
fn cve_42_a_text_that_is_wrong_at_its_end_costs_no_more() {
    let text = format!("{HEAD}{}a=mid:\n", "a=x\n".repeat(200_000));
    let (result, steps) = work::of(|| parse(&text));
    assert_eq!(result.unwrap_err().line(), 200_005);
    assert!(steps <= 8 * text.len());
}
