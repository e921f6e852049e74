//! Whether `docs/stats.md` is true: its rows are the members of the W3C's IDL, what it calls reported is in the reports of calls,
//! and what it leaves out is not.
//!
//! A section is `### TYPE (COUNT)`, a row `` - `MEMBER`: reported `` or `` - `MEMBER`: left out: REASON ``.

use crate::install::{self, Need};
use crate::process::{Failure, Task, in_path, notes_dir, read};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

const DOCUMENT: &str = "docs/stats.md";
/// The package that holds the IDL, at the version that the rows are of.
const PACKAGE: &str = "@webref/idl";
const VERSION: &str = "3.85.0";
/// The test that prints a line per kind of object: this word, the kind, its members.
const TEST: &str = "stats_members";
const MARK: &str = "members-of";

/// Which dictionaries of the IDL describe the objects of a kind.
const DICTIONARIES: &[(&str, &[&str])] = &[
    ("codec", &["RTCCodecStats"]),
    ("inbound-rtp", &["RTCInboundRtpStreamStats"]),
    ("outbound-rtp", &["RTCOutboundRtpStreamStats"]),
    ("remote-inbound-rtp", &["RTCRemoteInboundRtpStreamStats"]),
    ("remote-outbound-rtp", &["RTCRemoteOutboundRtpStreamStats"]),
    ("media-source", &["RTCAudioSourceStats", "RTCVideoSourceStats"]),
    ("media-playout", &["RTCAudioPlayoutStats"]),
    ("peer-connection", &["RTCPeerConnectionStats"]),
    ("data-channel", &["RTCDataChannelStats"]),
    ("transport", &["RTCTransportStats"]),
    ("candidate-pair", &["RTCIceCandidatePairStats"]),
    ("local-candidate", &["RTCIceCandidateStats"]),
    ("remote-candidate", &["RTCIceCandidateStats"]),
    ("certificate", &["RTCCertificateStats"]),
];

/// Members by kind of object.
type Members = BTreeMap<String, BTreeSet<String>>;

/// `cargo xtask stats-idl`
pub fn run(_: &[String]) -> Result<(), Failure> {
    println!("{}", check()?);
    Ok(())
}

/// One line of counts; an error lists every row at fault.
pub fn check() -> Result<String, Failure> {
    let list = List::parse(&read(DOCUMENT)?);
    let mut faults = list.faults.clone();
    let idl = match idl() {
        Ok(text) => {
            faults.extend(list.compare_with_idl(&members_of_idl(&text)));
            format!("as in {PACKAGE} {VERSION}")
        }
        Err(lack) => format!("not compared with the IDL: {lack}"),
    };
    faults.extend(list.compare_with_reports(&reported()?));
    if !faults.is_empty() {
        return Err(Failure::new(format!("    {}", faults.join("\n    "))));
    }
    Ok(format!("{} members reported, {} left out, {idl}", list.count(true), list.count(false)))
}

/// The text of the IDL, fetched once.
fn idl() -> Result<String, String> {
    let dir = notes_dir().join("webref-idl");
    let file = dir.join(format!("node_modules/{PACKAGE}/webrtc-stats.idl"));
    let installed = fs::read_to_string(dir.join(format!("node_modules/{PACKAGE}/package.json"))).unwrap_or_default();
    if !installed.contains(&format!("\"version\": \"{VERSION}\"")) {
        if !in_path("npm") {
            return Err("there is no npm".to_owned());
        }
        fs::create_dir_all(&dir).map_err(|error| error.to_string())?;
        let install = Task::new("npm").words("install --no-audit --no-fund --no-save --prefix .").dir(&dir);
        let fetched = install.args([format!("{PACKAGE}@{VERSION}")]).capture();
        fetched.map_err(|failure| failure.to_string())?;
    }
    fs::read_to_string(file).map_err(|error| error.to_string())
}

/// What calls report, by the test that prints it.
fn reported() -> Result<Members, Failure> {
    install::ensure(Need::Media)?;
    let task = Task::cargo("test --locked --quiet --workspace --all-features --test").args([TEST]);
    let text = task.words("-- --nocapture --test-threads 1").capture()?;
    let mut members = Members::new();
    for line in text.lines() {
        let Some((_, rest)) = line.split_once(MARK) else { continue };
        let mut words = rest.split_whitespace().map(str::to_owned);
        if let Some(kind) = words.next() {
            members.entry(kind).or_default().extend(words);
        }
    }
    if members.is_empty() { Err(Failure::new(format!("{TEST} printed no members"))) } else { Ok(members) }
}

/// The members of each kind of object, those of what it inherits from included.
fn members_of_idl(text: &str) -> Members {
    let mut dictionaries: BTreeMap<&str, (&str, BTreeSet<String>)> = BTreeMap::new();
    for part in text.split("dictionary ").skip(1) {
        let Some((head, rest)) = part.split_once('{') else { continue };
        let (name, base) = head.split_once(':').unwrap_or((head, ""));
        let body = rest.split('}').next().unwrap_or_default();
        let members = body.split(';').filter_map(|line| Some(line.split_whitespace().next_back()?.to_owned()));
        dictionaries.insert(name.trim(), (base.trim(), members.collect()));
    }
    let all = |name: &str| {
        let mut members = BTreeSet::new();
        let mut next = name;
        while let Some((base, own)) = dictionaries.get(next) {
            members.extend(own.iter().cloned());
            next = base;
        }
        members
    };
    let of_kind =
        |(kind, names): &(&str, &[&str])| ((*kind).to_owned(), names.iter().flat_map(|name| all(name)).collect());
    DICTIONARIES.iter().map(of_kind).collect()
}

/// The rows of the document, and what is wrong with their form.
#[derive(Debug, Default)]
struct List {
    /// By kind and member: whether it is reported.
    rows: BTreeMap<(String, String), bool>,
    faults: Vec<String>,
}

impl List {
    fn parse(text: &str) -> Self {
        let mut list = Self::default();
        let mut kind = String::new();
        let mut promised = BTreeMap::new();
        for line in text.lines() {
            if let Some((name, count)) = line.strip_prefix("### ").and_then(|rest| rest.split_once(" (")) {
                kind = name.to_owned();
                promised.insert(kind.clone(), count.trim_end_matches(')').parse::<usize>().unwrap_or_default());
            } else if let Some(row) = line.strip_prefix("- ") {
                list.add(&kind, row);
            }
        }
        for (kind, count) in promised {
            let found = list.rows.keys().filter(|(of, _)| *of == kind).count();
            if found != count {
                list.faults.push(format!("{kind} has {found} rows, its heading says {count}"));
            }
        }
        list
    }

    fn add(&mut self, kind: &str, row: &str) {
        let member = row.strip_prefix('`').and_then(|rest| rest.split_once("`: "));
        let reported = member.and_then(|(_, status)| match status {
            "reported" => Some(true),
            _ => status.strip_prefix("left out: ").filter(|reason| !reason.trim().is_empty()).map(|_| false),
        });
        match (member, reported) {
            (Some((member, _)), Some(reported)) => {
                if self.rows.insert((kind.to_owned(), member.to_owned()), reported).is_some() {
                    self.faults.push(format!("{kind}.{member} is there twice"));
                }
            }
            _ => self.faults.push(format!("no row: {row}")),
        }
    }

    fn count(&self, reported: bool) -> usize {
        self.rows.values().filter(|it| **it == reported).count()
    }

    fn compare_with_idl(&self, idl: &Members) -> Vec<String> {
        let listed: BTreeSet<_> = self.rows.keys().cloned().collect();
        let wanted = idl.iter().flat_map(|(kind, members)| members.iter().map(|member| (kind.clone(), member.clone())));
        let wanted: BTreeSet<_> = wanted.collect();
        let missing = wanted.difference(&listed).map(|(kind, member)| format!("{kind}.{member} has no row"));
        let strange = listed.difference(&wanted).map(|(kind, member)| format!("{kind}.{member} is not in the IDL"));
        missing.chain(strange).collect()
    }

    fn compare_with_reports(&self, reports: &Members) -> Vec<String> {
        let has = |kind: &String, member: &String| reports.get(kind).is_some_and(|members| members.contains(member));
        let wrong = self.rows.iter().filter_map(|((kind, member), reported)| match (reported, has(kind, member)) {
            (true, false) => Some(format!("{kind}.{member} is called reported and is in no report")),
            (false, true) => Some(format!("{kind}.{member} is called left out and is reported")),
            _ => None,
        });
        // What every object has.
        let common = ["id", "timestamp", "type"];
        let all = reports.iter().flat_map(|(kind, members)| members.iter().map(move |member| (kind, member)));
        let unlisted = all
            .filter(|(kind, member)| !self.rows.contains_key(&((*kind).clone(), (*member).clone())))
            .filter(|(_, member)| !common.contains(&member.as_str()))
            .map(|(kind, member)| format!("{kind}.{member} is reported and has no row"));
        wrong.chain(unlisted).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDL: &str = "dictionary RTCRtpStreamStats : RTCStats {\n required unsigned long ssrc;\n};\n\
        dictionary RTCCodecStats : RTCRtpStreamStats {\n record<DOMString, double> mimeType;\n};\n";

    fn members(text: &str) -> Members {
        let entry = |line: &str| {
            let mut words = line.split(' ').map(str::to_owned);
            (words.next().unwrap(), words.collect())
        };
        text.lines().map(entry).collect()
    }

    #[test]
    fn members_are_inherited() {
        let idl = members_of_idl(IDL);
        assert_eq!(idl["codec"], members("codec ssrc mimeType")["codec"]);
        assert!(idl["transport"].is_empty());
    }

    #[test]
    fn a_row_must_fit_the_idl_and_the_reports() {
        let list = List::parse("### codec (2)\n\n- `ssrc`: reported\n- `mimeType`: left out: why\n");
        assert_eq!(list.faults, Vec::<String>::new());
        assert_eq!((list.count(true), list.count(false)), (1, 1));
        assert_eq!(list.compare_with_idl(&members("codec ssrc mimeType")), Vec::<String>::new());
        assert_eq!(
            list.compare_with_idl(&members("codec ssrc other")),
            ["codec.other has no row", "codec.mimeType is not in the IDL"]
        );
        assert_eq!(list.compare_with_reports(&members("codec ssrc id")), Vec::<String>::new());
        assert_eq!(
            list.compare_with_reports(&members("codec mimeType more")),
            [
                "codec.mimeType is called left out and is reported",
                "codec.ssrc is called reported and is in no report",
                "codec.more is reported and has no row",
            ]
        );
    }

    #[test]
    fn rows_without_a_reason_and_wrong_counts_are_faults() {
        let list = List::parse("### codec (2)\n- `ssrc`: left out:\n- `ssrc`\n");
        assert_eq!(list.faults.len(), 3);
    }
}
