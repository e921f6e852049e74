//! The members of the W3C's interfaces, from their IDL.

use crate::process::Failure;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Members by interface, dictionary or enumeration; an enumeration has one, `(values)`.
pub type Members = BTreeMap<String, BTreeSet<String>>;

/// The files of the package that are read. Statistics have a check of their own.
const FILES: [&str; 3] = ["webrtc.idl", "webrtc-priority.idl", "webrtc-encoded-transform.idl"];

/// What stands around encoded frames in a browser: workers, and SFrame on its key store.
const OF_BROWSERS: [&str; 7] = [
    "DedicatedWorkerGlobalScope",
    "KeyFrameRequestEvent",
    "RTCRtpScriptTransform",
    "RTCTransformEvent",
    "RTCRtpSFrame",
    "SFrame",
    "WorkerAndParameters",
];

pub fn read(directory: &Path) -> Result<Members, Failure> {
    let mut members = Members::new();
    for file in FILES {
        let text = fs::read_to_string(directory.join(file))
            .map_err(|error| Failure::new(format!("{}: {error}", directory.join(file).display())))?;
        parse(&text, &mut members);
    }
    members.retain(|name, members| !members.is_empty() && !OF_BROWSERS.iter().any(|prefix| name.starts_with(prefix)));
    Ok(members)
}

/// A line for each name: it, then its members.
pub fn to_text(members: &Members) -> String {
    let line = |(name, members): (&String, &BTreeSet<String>)| {
        let members: Vec<&str> = members.iter().map(String::as_str).collect();
        format!("{name} {}\n", members.join(" "))
    };
    members.iter().map(line).collect()
}

pub fn from_text(text: &str) -> Members {
    let words = |line: &str| {
        let mut words = line.split_whitespace().map(str::to_owned);
        Some((words.next()?, words.collect()))
    };
    text.lines().filter_map(words).collect()
}

/// Adds what a file defines. What a script constructs events with is passed over, as are their constructors.
fn parse(text: &str, members: &mut Members) {
    let text: String =
        text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n");
    let mut rest = text.as_str();
    while let Some((head, after)) = rest.split_once('{') {
        let Some((body, after)) = split_body(after) else { return };
        rest = after;
        // What stands before the last semicolon is another definition.
        let words: Vec<&str> = head.rsplit(';').next().unwrap_or_default().split_whitespace().collect();
        let kind = |word: &&str| matches!(*word, "interface" | "dictionary" | "enum");
        let Some(at) = words.iter().position(kind) else { continue };
        let Some(name) = words.iter().skip(at + 1).find(|word| **word != "mixin") else { continue };
        if name.ends_with("EventInit") {
            continue;
        }
        let found = members.entry((*name).to_owned()).or_default();
        if words.get(at) == Some(&"enum") {
            found.insert("(values)".to_owned());
        } else {
            let is_event = words.last() == Some(&"Event");
            found.extend(body.split(';').filter_map(member).filter(|name| !(is_event && name == "constructor")));
        }
    }
}

/// The body up to its closing brace, and what follows; defaults have braces too.
fn split_body(text: &str) -> Option<(&str, &str)> {
    let mut depth = 1;
    for (at, letter) in text.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some((text.get(..at)?, text.get(at + 1..)?));
        }
    }
    None
}

/// The name of what a statement declares.
fn member(statement: &str) -> Option<String> {
    let mut text = statement.trim();
    while let Some(after) = text.strip_prefix('[') {
        text = after.split_once(']')?.1.trim();
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    let declares = |word: &str| words.contains(&word);
    let name = if declares("attribute") || declares("required") {
        text.split('=').next()?.split_whitespace().last()?
    } else if text.starts_with("readonly maplike") {
        "maplike"
    } else if text.starts_with("constructor") {
        "constructor"
    } else if let Some((head, _)) = text.split_once('(').filter(|(head, _)| !head.trim().is_empty()) {
        head.split(|letter: char| !letter.is_ascii_alphanumeric()).rfind(|word| !word.is_empty())?
    } else {
        text.split('=').next()?.split_whitespace().last()?
    };
    Some(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_of_every_kind_are_found() {
        let mut members = Members::new();
        let text = "\
            enum State { \"new\", \"old\" };\n\
            [Exposed=Window]\ninterface Thing : EventTarget {\n\
            constructor(optional Init init = {});\n\
            [SameObject] readonly attribute (A or B)? one; // a remark; with a semicolon\n\
            Promise<sequence<A>> two(A a,\n B b);\n\
            static Promise<C> three(C c);\n\
            readonly maplike<DOMString, object>;\n};\n\
            partial interface Thing { attribute EventHandler onfour; };\n\
            dictionary Init { required (A or sequence<A>) five; [EnforceRange] octet six = 0; sequence<A> seven = []; };\n\
            interface Happening : Event { constructor(DOMString type); readonly attribute A eight; };\n\
            dictionary HappeningEventInit : EventInit { A nine; };\n";
        parse(text, &mut members);
        let expected = "\
            Happening eight\nInit five seven six\nState (values)\nThing constructor maplike one onfour three two\n";
        assert_eq!(to_text(&members), expected);
        assert_eq!(from_text(expected), members);
    }
}
