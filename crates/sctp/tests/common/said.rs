//! Packets as text.

use super::raw::*;
use std::fmt::Write as _;

/// A chunk as text. `details` are the places of messages in their streams, and what a request is about.
pub fn say(out: &mut String, kind: u8, flags: u8, value: &[u8], details: bool) {
    let first = || number(value, 0);
    let cause = || short(value, 0);
    let text = match kind {
        DATA | I_DATA => {
            let place = match flags & (BEGIN | END) {
                0 => " -",
                BEGIN => " B",
                END => " E",
                _ => "",
            };
            let name = if kind == DATA { "DATA" } else { "I_DATA" };
            let unordered = if flags & UNORDERED != 0 { " U" } else { "" };
            let stream = short(value, 4);
            let on = match kind {
                _ if !details => String::new(),
                DATA => format!(" on {stream}:{}", short(value, 6)),
                _ => format!(" on {stream}:{}", number(value, 8)),
            };
            format!("{name}({}{place}{unordered}{on})", first())
        }
        INIT => format!("INIT{}", if param(&value[16..], 9).is_some() { "(preserve)" } else { "" }),
        INIT_ACK => {
            let count = params(&value[16..]).iter().filter(|(kind, _)| *kind == 8).count();
            if count == 0 { "INIT_ACK".to_owned() } else { format!("INIT_ACK(unrecognized {count})") }
        }
        SACK => {
            let mut text = format!("SACK({}", first());
            let blocks = usize::from(u16::from_be_bytes([value[8], value[9]]));
            for block in value[12..12 + 4 * blocks].chunks(4) {
                let at = |high: usize| first() + u32::from(u16::from_be_bytes([block[high], block[high + 1]]));
                write!(text, " gap {}-{}", at(0), at(2)).expect("a string takes everything");
            }
            for duplicate in value[12 + 4 * blocks..].chunks(4) {
                write!(text, " dup {}", number(duplicate, 0)).expect("a string takes everything");
            }
            text + ")"
        }
        HEARTBEAT => "HEARTBEAT".to_owned(),
        HEARTBEAT_ACK => "HEARTBEAT_ACK".to_owned(),
        ABORT if flags & 1 != 0 => "ABORT(T)".to_owned(),
        ABORT if value.is_empty() => "ABORT".to_owned(),
        ABORT => format!("ABORT({})", cause()),
        SHUTDOWN => format!("SHUTDOWN({})", first()),
        SHUTDOWN_ACK => "SHUTDOWN_ACK".to_owned(),
        ERROR => format!("ERROR({})", cause()),
        COOKIE_ECHO => "COOKIE_ECHO".to_owned(),
        COOKIE_ACK => "COOKIE_ACK".to_owned(),
        SHUTDOWN_COMPLETE if flags & 1 != 0 => "SHUTDOWN_COMPLETE(T)".to_owned(),
        SHUTDOWN_COMPLETE => "SHUTDOWN_COMPLETE".to_owned(),
        RE_CONFIG => {
            let said: Vec<_> = params(value)
                .iter()
                .map(|(kind, value)| match kind {
                    13 if details => {
                        let streams: Vec<_> = value[12..].chunks(2).map(|id| short(id, 0).to_string()).collect();
                        format!("reset out {} after {} of {}", number(value, 0), number(value, 8), streams.join(" "))
                    }
                    13 => format!("reset out {}", number(value, 0)),
                    14 => format!("reset in {}", number(value, 0)),
                    16 => format!("answer {} {}", number(value, 0), number(value, 4)),
                    kind => format!("{kind}"),
                })
                .collect();
            format!("RE_CONFIG({})", said.join(", "))
        }
        FORWARD_TSN | I_FORWARD_TSN => {
            let name = if kind == FORWARD_TSN { "FORWARD_TSN" } else { "I_FORWARD_TSN" };
            let skipped = if details { skipped(kind, &value[4..]) } else { String::new() };
            format!("{name}({}{skipped})", first())
        }
        kind => format!("{kind}"),
    };
    out.push_str(&text);
}

/// What FORWARD TSN skips: `stream:number`, and `u` where the unordered messages of a stream are meant.
fn skipped(kind: u8, list: &[u8]) -> String {
    let entries = list.chunks(if kind == FORWARD_TSN { 4 } else { 8 }).map(|entry| match kind {
        FORWARD_TSN => format!(" {}:{}", short(entry, 0), short(entry, 2)),
        _ => format!(" {}{}:{}", short(entry, 0), if entry[3] & 1 != 0 { "u" } else { "" }, number(entry, 4)),
    });
    let entries: String = entries.collect();
    if entries.is_empty() { entries } else { format!(" skips{entries}") }
}

fn short(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

pub fn number(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// Kind, flags and value of each chunk of a packet.
pub fn chunks(packet: &[u8]) -> Vec<(u8, u8, Vec<u8>)> {
    let mut all = Vec::new();
    let mut rest = &packet[12..];
    while let [kind, flags, high, low, ..] = *rest {
        let len = usize::from(u16::from_be_bytes([high, low]));
        all.push((kind, flags, rest[4..len].to_vec()));
        rest = rest.get(len.next_multiple_of(4)..).unwrap_or_default();
    }
    all
}

/// Kind and value of each parameter.
pub fn params(mut rest: &[u8]) -> Vec<(u16, Vec<u8>)> {
    let mut all = Vec::new();
    while let [kind_high, kind_low, high, low, ..] = *rest {
        let len = usize::from(u16::from_be_bytes([high, low]));
        all.push((u16::from_be_bytes([kind_high, kind_low]), rest[4..len].to_vec()));
        rest = rest.get(len.next_multiple_of(4)..).unwrap_or_default();
    }
    all
}

pub fn param(rest: &[u8], kind: u16) -> Option<Vec<u8>> {
    params(rest).into_iter().find_map(|(found, value)| (found == kind).then_some(value))
}
