//! From text to a [`Session`], line by line, once.

use crate::cursor::{Cursor, number, spend, split_at_byte};
use crate::line::{Address, Origin, Timing};
use crate::write::Value;
use crate::{Attribute, Format, Fragment, Limits, Media, MediaKind, Protocol, SdpError, SdpErrorKind, Session};

/// Reads a whole description.
pub(crate) fn session(text: &str, limits: &Limits) -> Result<Session, SdpError> {
    if text.len() > limits.bytes {
        return Err(SdpError::new(SdpErrorKind::TooLong(limits.bytes), 0));
    }
    let mut lines = Lines::new(text, limits);
    let version = lines.mandatory('v')?;
    version.whole(|cursor| if cursor.token("version")? == "0" { Ok(()) } else { Err(cursor.invalid("version")) })?;
    let mut builder = Builder { origin: None, name: None, session: Session::blank(Origin::new(0, 0), String::new()) };
    for line in &mut lines {
        builder.take(&line?, limits)?;
    }
    let missing = |letter| lines.missing(letter);
    builder.session.origin = builder.origin.ok_or_else(|| missing('o'))?;
    builder.session.name = builder.name.ok_or_else(|| missing('s'))?;
    if builder.session.timings.is_empty() {
        return Err(missing('t'));
    }
    Ok(builder.session)
}

/// Reads a single media section.
pub(crate) fn media_section(text: &str, limits: &Limits) -> Result<Media, SdpError> {
    if text.len() > limits.bytes {
        return Err(SdpError::new(SdpErrorKind::TooLong(limits.bytes), 0));
    }
    let mut lines = Lines::new(text, limits);
    let mut section = lines.mandatory('m')?.whole(media)?;
    for line in lines {
        take_media_line(&mut section, &line?)?;
    }
    Ok(section)
}

/// Reads a piece of a description.
pub(crate) fn fragment(text: &str, limits: &Limits) -> Result<Fragment, SdpError> {
    if text.len() > limits.bytes {
        return Err(SdpError::new(SdpErrorKind::TooLong(limits.bytes), 0));
    }
    let mut fragment = Fragment::default();
    for line in Lines::new(text, limits) {
        let line = line?;
        match line.letter {
            'm' if fragment.media.len() >= limits.sections => {
                return Err(line.error(SdpErrorKind::TooManySections(limits.sections)));
            }
            'm' => fragment.media.push(line.whole(media)?),
            'a' => {
                let section = fragment.media.last_mut().map(|media| &mut media.attributes);
                section.unwrap_or(&mut fragment.attributes).push(line.attribute()?);
            }
            _ => return Err(line.refused()),
        }
    }
    Ok(fragment)
}

struct Builder {
    origin: Option<Origin>,
    name: Option<String>,
    session: Session,
}

impl Builder {
    fn take(&mut self, line: &Line<'_>, limits: &Limits) -> Result<(), SdpError> {
        if line.letter == 'm' {
            if self.session.media.len() >= limits.sections {
                return Err(line.error(SdpErrorKind::TooManySections(limits.sections)));
            }
            self.session.media.push(line.whole(media)?);
            return Ok(());
        }
        match self.session.media.last_mut() {
            Some(media) => take_media_line(media, line),
            None => self.take_session_line(line),
        }
    }

    fn take_session_line(&mut self, line: &Line<'_>) -> Result<(), SdpError> {
        let session = &mut self.session;
        match line.letter {
            'a' => session.attributes.push(line.attribute()?),
            'b' => session.bandwidths.push(line.whole(Value::read)?),
            'c' => line.once(&mut session.connection, Address::read)?,
            'o' => line.once(&mut self.origin, Origin::read)?,
            's' => line.once(&mut self.name, raw)?,
            'i' => line.once(&mut session.information, raw)?,
            'u' => line.once(&mut session.uri, raw)?,
            'e' => session.emails.push(line.whole(raw)?),
            'p' => session.phones.push(line.whole(raw)?),
            't' => session.timings.push(line.whole(Timing::read)?),
            'r' => match session.timings.last_mut() {
                Some(timing) => timing.repeats.push(line.whole(raw)?),
                None => return Err(line.error(SdpErrorKind::Misplaced('r'))),
            },
            'z' => line.once(&mut session.time_zones, raw)?,
            'k' => line.once(&mut session.key, raw)?,
            _ => return Err(line.refused()),
        }
        Ok(())
    }
}

fn take_media_line(media: &mut Media, line: &Line<'_>) -> Result<(), SdpError> {
    match line.letter {
        'a' => media.attributes.push(line.attribute()?),
        'b' => media.bandwidths.push(line.whole(Value::read)?),
        'c' => line.once(&mut media.connection, Address::read)?,
        'i' => line.once(&mut media.title, raw)?,
        'k' => line.once(&mut media.key, raw)?,
        _ => return Err(line.refused()),
    }
    Ok(())
}

/// `audio 9 UDP/TLS/RTP/SAVPF 111 63`
fn media(cursor: &mut Cursor<'_>) -> Result<Media, SdpError> {
    let kind = MediaKind::from(cursor.token("media kind")?);
    let ports = cursor.token("port")?;
    let (port, count) = ports.split_once('/').map_or((ports, None), |(port, count)| (port, Some(count)));
    let port = number(port).ok_or_else(|| cursor.invalid("port"))?;
    let port_count = count.map(|count| number(count).ok_or_else(|| cursor.invalid("number of ports"))).transpose()?;
    let protocol = Protocol::from(cursor.token("protocol")?);
    let mut formats = vec![Format::read(cursor.token("format")?)];
    while let Some(format) = cursor.optional_token() {
        formats.push(Format::read(format));
    }
    Ok(Media { port, port_count, formats, connection: None, ..Media::new(kind, protocol) })
}

fn raw(cursor: &mut Cursor<'_>) -> Result<String, SdpError> {
    Ok(cursor.rest().into())
}

/// A line of the form `letter=value`.
struct Line<'a> {
    number: usize,
    letter: char,
    value: &'a str,
}

/// The letter and the equals sign.
const VALUE_OFFSET: usize = 2;

impl Line<'_> {
    /// Reads the value from its first character to its last.
    fn whole<T>(&self, read: impl FnOnce(&mut Cursor<'_>) -> Result<T, SdpError>) -> Result<T, SdpError> {
        let mut cursor = Cursor::new(self.value);
        read(&mut cursor)
            .and_then(|value| cursor.finish("the value").map(|()| value))
            .map_err(|error| error.within(self.number, Some(self.letter), VALUE_OFFSET))
    }

    /// Reads the value of a line that may come once.
    fn once<T>(
        &self,
        place: &mut Option<T>,
        read: impl FnOnce(&mut Cursor<'_>) -> Result<T, SdpError>,
    ) -> Result<(), SdpError> {
        if place.is_some() {
            return Err(self.error(SdpErrorKind::Misplaced(self.letter)));
        }
        *place = Some(self.whole(read)?);
        Ok(())
    }

    fn attribute(&self) -> Result<Attribute, SdpError> {
        Attribute::parse(self.value).map_err(|error| error.within(self.number, Some('a'), VALUE_OFFSET))
    }

    /// The line has no business here, or nowhere.
    fn refused(&self) -> SdpError {
        self.error(match self.letter {
            'v' | 'o' | 's' | 'i' | 'u' | 'e' | 'p' | 'c' | 'b' | 't' | 'r' | 'z' | 'k' | 'a' | 'm' => {
                SdpErrorKind::Misplaced(self.letter)
            }
            letter => SdpErrorKind::UnknownLineType(letter),
        })
    }

    fn error(&self, kind: SdpErrorKind) -> SdpError {
        SdpError::new(kind, 0).within(self.number, Some(self.letter), 0)
    }
}

/// Cuts a text into lines, which end in CRLF or LF. Empty lines at the end of the text do no harm.
struct Lines<'a> {
    rest: &'a str,
    number: usize,
    max_line: usize,
    /// No line needs a search for forbidden characters.
    clean: bool,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str, limits: &Limits) -> Self {
        let rest = text.trim_end_matches(['\r', '\n']);
        Self { rest, number: 0, max_line: limits.line_bytes, clean: is_clean(rest.as_bytes()) }
    }

    /// The next line, which has to be of that type.
    fn mandatory(&mut self, letter: char) -> Result<Line<'a>, SdpError> {
        match self.next() {
            Some(Ok(line)) if line.letter == letter => Ok(line),
            Some(Ok(line)) => Err(line.error(SdpErrorKind::MissingLine(letter))),
            Some(Err(error)) => Err(error),
            None => Err(self.missing(letter)),
        }
    }

    /// The text ended without a line of that type.
    fn missing(&self, letter: char) -> SdpError {
        SdpError::new(SdpErrorKind::MissingLine(letter), 0).within(self.number + 1, None, 0)
    }

    fn split(&self, line: &'a str) -> Result<Line<'a>, SdpErrorKind> {
        if line.len() > self.max_line {
            return Err(SdpErrorKind::LineTooLong(self.max_line));
        }
        if !self.clean && line.bytes().any(|byte| matches!(byte, 0 | b'\r')) {
            return Err(SdpErrorKind::ForbiddenCharacter);
        }
        let (start, value) = line.split_at_checked(VALUE_OFFSET).ok_or(SdpErrorKind::NotALine)?;
        match *start.as_bytes() {
            [letter, b'='] => Ok(Line { number: self.number, letter: char::from(letter), value }),
            _ => Err(SdpErrorKind::NotALine),
        }
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = Result<Line<'a>, SdpError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let (line, rest) = split_at_byte(self.rest, b'\n').unwrap_or((self.rest, ""));
        // Once to find its end, once for what is forbidden in it.
        spend(2 * line.len());
        self.rest = rest;
        self.number += 1;
        let line = line.strip_suffix('\r').unwrap_or(line);
        let letter = line.chars().next();
        Some(self.split(line).map_err(|kind| SdpError::new(kind, 0).within(self.number, letter, 0)))
    }
}

/// Whether there is no NUL and no carriage return but before line feeds. All at once, as the compiler makes SIMD of it;
/// descriptions where this fails are searched line by line to say where.
fn is_clean(text: &[u8]) -> bool {
    let bad = text
        .iter()
        .zip(text.get(1..).unwrap_or_default())
        .fold(0, |bad, (&byte, &next)| bad | u8::from(byte == 0) | (u8::from(byte == b'\r') & u8::from(next != b'\n')));
    bad == 0 && !matches!(text.last(), Some(0 | b'\r'))
}

#[cfg(test)]
mod tests;
