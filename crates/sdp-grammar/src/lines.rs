//! Which lines follow each other, and the syntax of each but attributes.
//!
//! Source: [RFC 8866 §5 and §9](https://www.rfc-editor.org/rfc/rfc8866#section-9)

use crate::Fault;
use crate::scan::{Problem, Scan};

/// A line and where it stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line<'a> {
    /// From one.
    pub number: usize,
    /// Its media section, from zero; `None` for the session's lines.
    pub section: Option<usize>,
    /// Without its end.
    pub text: &'a str,
}

impl<'a> Line<'a> {
    pub fn fault(&self, problem: impl Into<String>) -> Fault {
        Fault { line: self.number, text: self.text.to_owned(), problem: problem.into() }
    }

    fn letter(&self) -> Option<char> {
        let mut characters = self.text.chars();
        characters.next().filter(|_| characters.next() == Some('='))
    }

    pub fn value(&self) -> &'a str {
        self.text.get(2..).unwrap_or_default()
    }

    /// Name and value of an attribute.
    pub fn attribute(&self) -> Option<(&'a str, Option<&'a str>)> {
        let text = self.text.strip_prefix("a=")?;
        Some(text.split_once(':').map_or((text, None), |(name, value)| (name, Some(value))))
    }
}

/// The lines of a text, each of which has to end in CRLF.
pub(crate) fn split(text: &str) -> (Vec<Line<'_>>, Vec<Fault>) {
    let (mut lines, mut faults) = (Vec::new(), Vec::new());
    let mut section = None;
    for (index, whole) in text.split_inclusive('\n').enumerate() {
        let ended = whole.strip_suffix("\r\n");
        let text = ended.unwrap_or(whole);
        if text.starts_with("m=") {
            section = Some(section.map_or(0, |section: usize| section + 1));
        }
        let line = Line { number: index + 1, section, text };
        if ended.is_none() {
            faults.push(line.fault("it does not end in CRLF"));
        }
        if text.contains(['\r', '\0']) {
            faults.push(line.fault("a control character within the line"));
        }
        lines.push(line);
    }
    (lines, faults)
}

/// Letters of the session's lines in their order.
const SESSION: &str = "vosiuepcbtrzka";
/// Letters of a media section's lines in their order.
const MEDIA: &str = "micbka";

pub(crate) fn check(lines: &[Line<'_>]) -> Vec<Fault> {
    let mut faults = order(lines);
    for line in lines {
        let letter = line.letter();
        if let Some(Err(problem)) = letter.map(|letter| syntax(letter, line.value())) {
            faults.push(line.fault(problem));
        }
    }
    faults
}

fn order(lines: &[Line<'_>]) -> Vec<Fault> {
    let mut faults = Vec::new();
    let (mut section, mut place) = (None, 0);
    let mut seen = String::new();
    for line in lines {
        if line.section != section {
            (section, place) = (line.section, 0);
            seen.clear();
        }
        let order = if section.is_some() { MEDIA } else { SESSION };
        let Some((letter, at)) = line.letter().and_then(|letter| order.find(letter).map(|at| (letter, at))) else {
            faults.push(line.fault("no line of this level"));
            continue;
        };
        // Times with their repeats may follow each other (RFC 8866 §5.9).
        let again = matches!(letter, 't' | 'r') && seen.ends_with(['t', 'r']);
        if at < place && !again {
            faults.push(line.fault("it comes too late"));
        }
        let may_repeat = "abeptr".contains(letter) || (letter == 'c' && section.is_some());
        if seen.contains(letter) && !may_repeat {
            faults.push(line.fault("it comes twice"));
        }
        place = place.max(at);
        seen.push(letter);
    }
    for letter in ['v', 'o', 's', 't'] {
        let is_there = lines.iter().any(|line| line.section.is_none() && line.letter() == Some(letter));
        if !is_there {
            faults.push(Fault { line: 0, text: format!("{letter}="), problem: "it is missing".to_owned() });
        }
    }
    faults
}

fn syntax(letter: char, value: &str) -> Result<(), Problem> {
    let mut scan = Scan::new(value);
    match letter {
        'v' => scan.literal("0")?,
        'o' => origin(&mut scan)?,
        'c' => scan.network_address()?,
        'b' => bandwidth(&mut scan)?,
        't' => {
            time(&mut scan)?;
            scan.space()?;
            time(&mut scan)?;
        }
        'm' => media(&mut scan)?,
        // The attributes' syntax is looked at elsewhere.
        'a' => return Ok(()),
        _ => drop(scan.byte_string("a text")?),
    }
    scan.end()
}

fn origin(scan: &mut Scan<'_>) -> Result<(), Problem> {
    scan.word("a user name")?;
    scan.space()?;
    // RFC 9429 §5.2.1: the id fits 63 bits.
    scan.number("a session id", 0..=(u64::MAX >> 1))?;
    scan.space()?;
    scan.number("a session version", 0..=(u64::MAX >> 1))?;
    scan.space()?;
    scan.network_address()
}

fn bandwidth(scan: &mut Scan<'_>) -> Result<(), Problem> {
    scan.one_of("a kind of bandwidth", &["CT", "AS", "TIAS", "RS", "RR"])?;
    scan.literal(":")?;
    scan.number("a bandwidth", 0..=u64::MAX).map(drop)
}

/// `"0"` or ten digits and more
fn time(scan: &mut Scan<'_>) -> Result<(), Problem> {
    let before = *scan;
    let number = scan.number("a time", 0..=u64::MAX)?;
    if number == 0 || number >= 1_000_000_000 { Ok(()) } else { before.expected("a time") }
}

fn media(scan: &mut Scan<'_>) -> Result<(), Problem> {
    scan.token("a kind of media")?;
    scan.space()?;
    scan.port()?;
    if scan.takes("/") {
        scan.number("a number of ports", 1..=65_535)?;
    }
    scan.space()?;
    scan.token("a protocol")?;
    while scan.takes("/") {
        scan.token("a protocol")?;
    }
    loop {
        scan.space()?;
        scan.token("a format")?;
        if scan.is_empty() {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::check;

    const HEAD: &str = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n";

    fn problems(text: &str) -> Vec<(usize, String)> {
        check(text).into_iter().map(|fault| (fault.line, fault.problem)).collect()
    }

    #[test]
    fn the_least_description_is_sound() {
        assert_eq!(problems(HEAD), []);
        assert_eq!(problems(&format!("{HEAD}m=audio 9 RTP/AVP 0\r\nc=IN IP4 0.0.0.0\r\n")), []);
    }

    #[test]
    fn lines_have_their_order_and_their_end() {
        let found = |text: &str| problems(text).into_iter().map(|it| it.0).collect::<Vec<_>>();
        assert_eq!(found(&HEAD.replace("s=-\r\nt=0 0\r\n", "t=0 0\r\ns=-\r\n")), [4]);
        assert_eq!(found(&HEAD.replace("s=-\r\n", "")), [0]);
        assert_eq!(found(&HEAD.replace("s=-\r\n", "s=-\n")), [3, 3]);
        assert_eq!(found(HEAD.trim_end()), [4]);
        assert_eq!(found(&format!("{HEAD}s=-\r\n")), [5, 5]);
        assert_eq!(found(&format!("{HEAD}x=1\r\n")), [5]);
        assert_eq!(found(&format!("{HEAD}\r\n")), [5]);
        assert_eq!(found(&format!("{HEAD}a=group:BUNDLE\r\nb=AS:1\r\n")), [6]);
        assert_eq!(found(&format!("{HEAD}m=audio 9 RTP/AVP 0\r\na=mid:1\r\nc=IN IP4 0.0.0.0\r\n")), [7]);
    }

    #[test]
    fn lines_have_their_syntax() {
        for (from, to) in [
            ("v=0", "v=1"),
            ("o=- 1", "o= 1"),
            ("o=- 1", "o=- 01"),
            ("o=- 1", "o=- 9223372036854775808"),
            ("IP4 127", "IP6 127"),
            ("s=-", "s="),
            ("t=0 0", "t=0"),
            ("t=0 0", "t=1 0"),
        ] {
            assert_eq!(problems(&HEAD.replace(from, to)).len(), 1, "{to}");
        }
        for line in
            ["audio 9 RTP/AVP", "audio 65536 RTP/AVP 0", "audio 9 RTP/ 0", "audio 9/0 RTP/AVP 0", "audio 9 RTP/AVP 0 "]
        {
            assert_eq!(problems(&format!("{HEAD}m={line}\r\nc=IN IP4 0.0.0.0\r\n")).len(), 1, "{line}");
        }
    }
}
