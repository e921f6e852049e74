//! Whether `docs/wpt.md` is true: every subtest that it calls shown has a test of that name which ran, every such test has a
//! row, and the table counts what the rows say.
//!
//! A section is `### FILE (COUNT)`, a row `` - `KEY`: STATUS ``, where the status is `shown`, `by construction: REASON`,
//! `not applicable: REASON` or `not shown yet`.

use crate::process::{Failure, read, root};
use std::collections::BTreeSet;
use std::fs;

const DOCUMENT: &str = "docs/wpt.md";

/// Begins the table, with which the document ends.
const TABLE: &str = "\n## Counts\n";

/// One line of counts, or every fault.
pub fn check(ran: &BTreeSet<String>) -> Result<String, Vec<String>> {
    let text = read(DOCUMENT).map_err(|failure| vec![failure.to_string()])?;
    let mut list = List::parse(&text);
    let mut faults = std::mem::take(&mut list.faults);
    faults.extend(list.compare(ran));
    if text.split_once(TABLE).is_none_or(|(_, table)| table.trim() != list.table().trim()) {
        faults.push("the table is not what the rows say: `cargo xtask mappings --write`".to_owned());
    }
    if faults.is_empty() { Ok(list.summary()) } else { Err(faults) }
}

/// Writes the table anew.
pub fn write() -> Result<(), Failure> {
    let text = read(DOCUMENT)?;
    let rows = text.split_once(TABLE).map_or(text.as_str(), |(rows, _)| rows);
    let rows = rows.trim_end();
    Ok(fs::write(root().join(DOCUMENT), format!("{rows}\n{TABLE}\n{}", List::parse(rows).table()))?)
}

/// The sections of the document, and what is wrong with their form.
#[derive(Debug, Default)]
struct List {
    files: Vec<File>,
    faults: Vec<String>,
}

#[derive(Debug)]
struct File {
    name: String,
    /// How many rows the heading promises.
    count: usize,
    rows: Vec<Row>,
}

#[derive(Debug, Eq, PartialEq)]
struct Row {
    key: String,
    status: Status,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Status {
    Shown,
    ByConstruction,
    NotApplicable,
    NotYet,
}

impl List {
    fn parse(text: &str) -> Self {
        let mut list = Self::default();
        for line in text.lines() {
            let read = if let Some(heading) = line.strip_prefix("### ") {
                File::parse(heading).map(|file| list.files.push(file))
            } else if let (Some(row), Some(file)) = (line.strip_prefix("- `"), list.files.last_mut()) {
                Row::parse(row).map(|row| file.rows.push(row))
            } else {
                Ok(())
            };
            if let Err(fault) = read {
                list.faults.push(format!("{fault}: {line}"));
            }
        }
        let short = list.files.iter().filter(|file| file.rows.len() != file.count);
        list.faults.extend(short.map(|file| format!("{} rows follow {} ({})", file.rows.len(), file.name, file.count)));
        if list.files.is_empty() {
            list.faults.push("it has no files".to_owned());
        }
        list
    }

    /// What the tests that ran have against the rows: a name without a test, and a test without a row.
    fn compare(&self, ran: &BTreeSet<String>) -> Vec<String> {
        let mut tests: BTreeSet<&str> = ran.iter().filter_map(|noted| test_of(noted)).collect();
        let mut faults = Vec::new();
        for (file, row) in self.rows() {
            let name = test_name(&file.name, &row.key);
            match (row.status, tests.remove(name.as_str())) {
                (Status::Shown, false) => faults.push(format!("{}: no {name} ran", file.name)),
                (Status::Shown, true) | (_, false) => {}
                (_, true) => faults.push(format!("{}: {name} ran, but its row says otherwise", file.name)),
            }
        }
        faults.extend(tests.into_iter().map(|name| format!("{name} ran, but no row has this name")));
        faults
    }

    fn rows(&self) -> impl Iterator<Item = (&File, &Row)> {
        self.files.iter().flat_map(|file| file.rows.iter().map(move |row| (file, row)))
    }

    fn table(&self) -> String {
        let mut table =
            "| file | total | shown | by construction | not applicable | not yet |\n|---|---:|---:|---:|---:|---:|\n"
                .to_owned();
        for file in &self.files {
            table += &line(&file.name, &file.rows.iter().map(|row| row.status).collect::<Vec<_>>());
        }
        table + &line("**in all**", &self.rows().map(|(_, row)| row.status).collect::<Vec<_>>())
    }

    fn summary(&self) -> String {
        let count = |status| self.rows().filter(|(_, row)| row.status == status).count();
        let (shown, constructed) = (count(Status::Shown), count(Status::ByConstruction));
        let applicable = self.rows().count() - count(Status::NotApplicable);
        let part = 100 * (shown + constructed) / applicable.max(1);
        format!("{DOCUMENT} {shown} shown, {constructed} by construction, {part} % of {applicable}")
    }
}

impl File {
    fn parse(heading: &str) -> Result<Self, &'static str> {
        let counted = heading.strip_suffix(')').and_then(|heading| heading.rsplit_once(" ("));
        let (name, count) = counted.ok_or("a heading without a count")?;
        let count = count.parse().map_err(|_| "no count")?;
        Ok(Self { name: name.to_owned(), count, rows: Vec::new() })
    }
}

impl Row {
    /// What follows the first back-tick.
    fn parse(line: &str) -> Result<Self, &'static str> {
        let (key, status) = line.split_once("`: ").ok_or("a row without a status")?;
        let (status, reason) = status.split_once(": ").unwrap_or((status, ""));
        let status = match (status, reason.is_empty()) {
            ("shown", true) => Status::Shown,
            ("not shown yet", _) => Status::NotYet,
            ("by construction", false) => Status::ByConstruction,
            ("not applicable", false) => Status::NotApplicable,
            ("by construction" | "not applicable", true) => return Err("no reason"),
            _ => return Err("no such status"),
        };
        Ok(Self { key: key.to_owned(), status })
    }
}

/// A line of the table.
fn line(name: &str, rows: &[Status]) -> String {
    let order = [Status::Shown, Status::ByConstruction, Status::NotApplicable, Status::NotYet];
    let counts = order.map(|status| rows.iter().filter(|row| **row == status).count().to_string());
    format!("| {name} | {} | {} |\n", rows.len(), counts.join(" | "))
}

/// The function of a noted test, if it shows a subtest.
fn test_of(noted: &str) -> Option<&str> {
    let path = noted.split_whitespace().next_back()?;
    path.rsplit("::").next().filter(|function| function.starts_with("wpt_"))
}

/// `wpt_`, and file and key in snake case.
fn test_name(file: &str, key: &str) -> String {
    let words = file.split(['-', '/']).map(snake_case).collect::<Vec<_>>().join("_");
    format!("wpt_{words}_{key}")
}

/// `RTCDTMFSender` is `rtc_dtmf_sender`, `insertDTMF` is `insert_dtmf`.
fn snake_case(word: &str) -> String {
    if let Some(rest) = word.strip_prefix("RTC").filter(|rest| !rest.is_empty()) {
        return format!("rtc_{}", snake_case(rest));
    }
    let letters: Vec<char> = word.chars().collect();
    let mut snake = String::new();
    for (at, letter) in letters.iter().enumerate() {
        let small = |at: usize| letters.get(at).is_some_and(|letter| !letter.is_ascii_uppercase());
        let begins = letter.is_ascii_uppercase() && at > 0 && (small(at - 1) || small(at + 1));
        if begins {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tests_after_file_and_key() {
        for (file, name) in [
            ("RTCPeerConnection-setLocalDescription-answer", "rtc_peer_connection_set_local_description_answer"),
            ("RTCDTMFSender-insertDTMF", "rtc_dtmf_sender_insert_dtmf"),
            ("RTCPeerConnection-SLD-SRD-timing", "rtc_peer_connection_sld_srd_timing"),
            ("webrtc-stats/RTCDataChannel-stats", "webrtc_stats_rtc_data_channel_stats"),
            ("protocol/h264-profile-levels", "protocol_h264_profile_levels"),
            ("RTCPeerConnection-onicecandidateerror", "rtc_peer_connection_onicecandidateerror"),
            ("RTCRtpSender", "rtc_rtp_sender"),
            ("RollbackEvents", "rollback_events"),
        ] {
            assert_eq!(test_name(file, "key"), format!("wpt_{name}_key"));
        }
    }

    #[test]
    fn reads_rows_and_says_which_are_none() {
        let text = "### a-b (4)\n- `x`: shown\n- `y`: by construction: it is\n- `z`: not applicable: no\n- `w`: not shown yet\n";
        let list = List::parse(text);
        assert_eq!(list.faults, Vec::<String>::new());
        let expected = "| a-b | 4 | 1 | 1 | 1 | 1 |\n| **in all** | 4 | 1 | 1 | 1 | 1 |\n";
        assert!(list.table().ends_with(expected), "{}", list.table());
        assert!(list.summary().ends_with("1 shown, 1 by construction, 66 % of 3"), "{}", list.summary());
        for row in ["x`", "x`: by construction", "x`: not applicable", "x`: seen", "x`: shown: twice"] {
            assert!(Row::parse(row).is_err(), "{row}");
        }
        assert_eq!(List::parse("### a (2)\n- `x`: shown\n").faults.len(), 1);
        assert_eq!(List::parse("### a\n").faults.len(), 2);
        assert_eq!(List::parse("").faults, ["it has no files"]);
    }

    #[test]
    fn a_row_is_shown_by_the_test_of_its_name_alone() {
        let list = List::parse("### a-b (2)\n- `x`: shown\n- `y`: not shown yet\n");
        let faults = |ran: &[&str]| list.compare(&ran.iter().map(|name| (*name).to_owned()).collect()).len();
        assert_eq!(faults(&["(1/2) ortica::wpt some::wpt_a_b_x", "other::test"]), 0);
        assert_eq!(faults(&[]), 1);
        assert_eq!(faults(&["wpt_a_b_x", "wpt_a_b_y"]), 1);
        assert_eq!(faults(&["wpt_a_b_x", "wpt_a_b_z"]), 1);
    }

    /// The whole list is there: files and keys are what the suite's folder has.
    #[test]
    fn the_real_list_is_sound_and_whole() {
        let text = read(DOCUMENT).unwrap();
        let list = List::parse(&text);
        assert_eq!(list.faults, Vec::<String>::new());
        assert_eq!((list.files.len(), list.rows().count()), (191, 969));
        let names: BTreeSet<String> = list.rows().map(|(file, row)| test_name(&file.name, &row.key)).collect();
        assert_eq!(names.len(), 969, "two rows have one name");
    }
}
