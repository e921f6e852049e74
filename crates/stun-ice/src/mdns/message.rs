//! DNS messages, as far as addresses need them.
//!
//! Source: [RFC 1035 §4](https://www.rfc-editor.org/rfc/rfc1035#section-4), [RFC 6762 §18](https://www.rfc-editor.org/rfc/rfc6762#section-18)

use ortica_core::{DecodeError, Reader};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An IPv4 address.
pub(super) const TYPE_A: u16 = 1;
/// An IPv6 address.
pub(super) const TYPE_AAAA: u16 = 28;
/// Whatever there is.
const TYPE_ANY: u16 = 255;
/// The Internet.
const CLASS_IN: u16 = 1;
/// In a question: answer by unicast, please. In a record: this is all there is of this name.
const TOP_BIT: u16 = 0x8000;
/// The header's flag of an answer, and that its sender is the authority.
const FLAG_RESPONSE: u16 = 0x8000;
const FLAG_AUTHORITATIVE: u16 = 0x0400;
/// Operation and result, both zero in multicast DNS; what has others is to be ignored (RFC 6762 §18.3, §18.11).
const OPCODE_AND_RCODE: u16 = 0x780f;

const HEADER_LEN: usize = 12;
/// Where a name may continue elsewhere more often than this, it is a trap.
const MAX_JUMPS: usize = 16;
/// Longest name on the wire.
const MAX_NAME: usize = 255;

/// A borrowed view of a message. Questions and records are read as they are asked for; iteration ends where they are
/// malformed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message<'a> {
    bytes: &'a [u8],
    pub(super) id: u16,
    pub(super) is_response: bool,
    questions: u16,
    records: u32,
}

/// A question.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question<'a> {
    pub(super) name: Name<'a>,
    kind: u16,
    class: u16,
}

/// A resource record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record<'a> {
    pub(super) name: Name<'a>,
    kind: u16,
    class: u16,
    ttl: u32,
    data: &'a [u8],
}

/// A name within a message, whose rest may stand elsewhere.
#[derive(Clone, Copy, Debug)]
pub(super) struct Name<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Message<'a> {
    /// # Errors
    /// When it is shorter than a header, or of an operation that multicast DNS does not have.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(bytes);
        let id = r.u16("id")?;
        let flags = r.u16("flags")?;
        if flags & OPCODE_AND_RCODE != 0 {
            return Err(DecodeError::Invalid("opcode or rcode"));
        }
        let questions = r.u16("question count")?;
        let mut records = 0;
        for section in ["answer count", "authority count", "additional count"] {
            records += u32::from(r.u16(section)?);
        }
        Ok(Self { bytes, id, is_response: flags & FLAG_RESPONSE != 0, questions, records })
    }

    pub(super) fn questions(&self) -> impl Iterator<Item = Question<'a>> {
        let mut cursor = Cursor { bytes: self.bytes, at: HEADER_LEN };
        (0..self.questions).map_while(move |_| cursor.question())
    }

    /// The records of all sections.
    pub(super) fn records(&self) -> impl Iterator<Item = Record<'a>> {
        let mut cursor = Cursor { bytes: self.bytes, at: HEADER_LEN };
        let skipped = (0..self.questions).all(|_| cursor.question().is_some());
        let count = if skipped { self.records } else { 0 };
        (0..count).map_while(move |_| cursor.record())
    }
}

impl Question<'_> {
    /// Whether an answer by unicast is asked for.
    pub(super) fn wants_unicast(&self) -> bool {
        self.class & TOP_BIT != 0
    }

    /// Whether `address` is an answer.
    pub(super) fn is_for(&self, address: IpAddr) -> bool {
        let class = self.class & !TOP_BIT;
        let kind = if address.is_ipv4() { TYPE_A } else { TYPE_AAAA };
        matches!(class, CLASS_IN | TYPE_ANY) && (self.kind == kind || self.kind == TYPE_ANY)
    }
}

impl Record<'_> {
    /// The address it holds; `None` for other records and for goodbyes.
    pub(super) fn address(&self) -> Option<IpAddr> {
        if self.class & !TOP_BIT != CLASS_IN || self.ttl == 0 {
            return None;
        }
        match self.kind {
            TYPE_A => <[u8; 4]>::try_from(self.data).ok().map(|octets| Ipv4Addr::from(octets).into()),
            TYPE_AAAA => <[u8; 16]>::try_from(self.data).ok().map(|octets| Ipv6Addr::from(octets).into()),
            _ => None,
        }
    }
}

impl<'a> Name<'a> {
    /// Whether it is `wanted`, labels separated by dots, whatever the case.
    pub(super) fn is(&self, wanted: &str) -> bool {
        let mut labels = self.labels();
        let mut wanted = wanted.split('.');
        loop {
            match (labels.next(), wanted.next()) {
                (Some(Some(label)), Some(wanted)) if label.eq_ignore_ascii_case(wanted.as_bytes()) => {}
                (None, None) => return true,
                _ => return false,
            }
        }
    }

    /// Its labels; ends with a `None` where it is malformed: past the end, too long, or jumping anywhere but back.
    fn labels(&self) -> impl Iterator<Item = Option<&'a [u8]>> {
        let Self { bytes, mut at } = *self;
        let (mut jumps, mut len, mut done) = (0, 0, false);
        std::iter::from_fn(move || {
            while !done {
                let first = bytes.get(at).copied();
                match first {
                    Some(0) => {
                        done = true;
                        return None;
                    }
                    Some(size @ 1..=63) => {
                        let label = bytes.get(at + 1..at + 1 + usize::from(size));
                        at += 1 + usize::from(size);
                        len += 1 + usize::from(size);
                        done = label.is_none() || len >= MAX_NAME;
                        return Some(label.filter(|_| !done));
                    }
                    Some(high @ 0xc0..) => {
                        let target = bytes.get(at + 1).map(|low| usize::from(high & 0x3f) << 8 | usize::from(*low));
                        jumps += 1;
                        match target.filter(|target| *target < at && jumps <= MAX_JUMPS) {
                            Some(target) => at = target,
                            None => {
                                done = true;
                                return Some(None);
                            }
                        }
                    }
                    _ => {
                        done = true;
                        return Some(None);
                    }
                }
            }
            None
        })
    }
}

/// Walks over questions and records.
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn question(&mut self) -> Option<Question<'a>> {
        let name = self.name()?;
        let mut r = Reader::new(self.bytes.get(self.at..)?);
        let (kind, class) = (r.u16("type").ok()?, r.u16("class").ok()?);
        self.at += r.position();
        Some(Question { name, kind, class })
    }

    fn record(&mut self) -> Option<Record<'a>> {
        let name = self.name()?;
        let mut r = Reader::new(self.bytes.get(self.at..)?);
        let (kind, class) = (r.u16("type").ok()?, r.u16("class").ok()?);
        let ttl = r.u32("ttl").ok()?;
        let data = r.vec16("data").ok()?;
        self.at += r.position();
        Some(Record { name, kind, class, ttl, data })
    }

    /// Notes where a name is and steps over it: to its end, or past its first jump.
    fn name(&mut self) -> Option<Name<'a>> {
        let name = Name { bytes: self.bytes, at: self.at };
        loop {
            match self.bytes.get(self.at)? {
                0 => {
                    self.at += 1;
                    return Some(name);
                }
                size @ 1..=63 => self.at += 1 + usize::from(*size),
                0xc0.. => {
                    self.at += 2;
                    return Some(name);
                }
                _ => return None,
            }
        }
    }
}

/// Whether a name can be written: labels of 1 to 63 bytes, and no more than 255 bytes on the wire.
pub(super) fn is_name(name: &str) -> bool {
    name.len() + 2 <= MAX_NAME && name.split('.').all(|label| (1..=63).contains(&label.len()))
}

/// Appends a question for the record of this `kind` of `name`.
///
/// One question per message, and of the plain class: Chromium's responder drops messages with several questions, and those
/// of any class but IN, as a question is that asks for an answer by unicast.
pub(super) fn write_query(out: &mut Vec<u8>, name: &str, kind: u16) {
    write_header(out, 0, 0, [1, 0]);
    write_name(out, name);
    write_u16s(out, &[kind, CLASS_IN]);
}

/// Appends the answer that `name` is at `address`.
///
/// A `legacy` querier knows nothing of multicast DNS: its id and question are repeated, and the record has no top bit and
/// a life of ten seconds (RFC 6762 §6.7).
pub(super) fn write_answer(out: &mut Vec<u8>, name: &str, address: IpAddr, legacy: Option<u16>) {
    let kind = if address.is_ipv4() { TYPE_A } else { TYPE_AAAA };
    let id = legacy.unwrap_or(0);
    write_header(out, id, FLAG_RESPONSE | FLAG_AUTHORITATIVE, [u16::from(legacy.is_some()), 1]);
    write_name(out, name);
    let (class, ttl) = if legacy.is_some() {
        write_u16s(out, &[kind, CLASS_IN, POINTER_TO_FIRST]);
        (CLASS_IN, 10u32)
    } else {
        (CLASS_IN | TOP_BIT, 120)
    };
    write_u16s(out, &[kind, class]);
    out.extend_from_slice(&ttl.to_be_bytes());
    match address {
        IpAddr::V4(ip) => {
            write_u16s(out, &[4]);
            out.extend_from_slice(&ip.octets());
        }
        IpAddr::V6(ip) => {
            write_u16s(out, &[16]);
            out.extend_from_slice(&ip.octets());
        }
    }
}

/// The name that stands right after the header.
const POINTER_TO_FIRST: u16 = 0xc000 | HEADER_LEN as u16;

fn write_header(out: &mut Vec<u8>, id: u16, flags: u16, [questions, answers]: [u16; 2]) {
    write_u16s(out, &[id, flags, questions, answers, 0, 0]);
}

fn write_name(out: &mut Vec<u8>, name: &str) {
    for label in name.split('.') {
        // `is_name` has seen every name that comes here.
        out.push(label.len() as u8);
        out.extend_from_slice(label.as_bytes());
    }
    out.push(0);
}

fn write_u16s(out: &mut Vec<u8>, values: &[u16]) {
    values.iter().for_each(|value| out.extend_from_slice(&value.to_be_bytes()));
}
