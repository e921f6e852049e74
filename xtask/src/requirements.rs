//! Which rows of `docs/requirements.md` a test has shown.

use crate::process::{Failure, read};
use crate::testing;

/// `cargo xtask requirements [PREFIX]`
pub fn run(arguments: &[String]) -> Result<(), Failure> {
    let ran = testing::ran();
    if ran.is_empty() {
        return Err(Failure::new("no tests noted yet: run `cargo xtask test` first"));
    }
    let wanted = arguments.first().map(|prefix| prefix.to_uppercase());
    let rows = rows(&read("docs/requirements.md")?);
    let rows = rows.into_iter().filter(|row| wanted.as_ref().is_none_or(|group| *group == row.group));
    let (shown, missing): (Vec<Row>, Vec<Row>) = rows.partition(|row| ran.iter().any(|name| row.is_shown_by(name)));
    println!("{}", summary(&shown, &missing));
    for row in &missing {
        println!("  {:<9} {}", row.id(), row.text);
    }
    Ok(())
}

/// One line: shown of all, and per group.
pub fn counts() -> Result<String, Failure> {
    let ran = testing::ran();
    let rows = rows(&read("docs/requirements.md")?);
    let (shown, missing): (Vec<Row>, Vec<Row>) =
        rows.into_iter().partition(|row| ran.iter().any(|name| row.is_shown_by(name)));
    Ok(summary(&shown, &missing))
}

fn summary(shown: &[Row], missing: &[Row]) -> String {
    let mut groups: Vec<&str> = Vec::new();
    for row in shown.iter().chain(missing) {
        if !groups.contains(&row.group.as_str()) {
            groups.push(&row.group);
        }
    }
    groups.sort_unstable();
    let count = |rows: &[Row], group: &str| rows.iter().filter(|row| row.group == group).count();
    let each = groups.iter().map(|group| {
        let shown = count(shown, group);
        format!("{group} {shown}/{}", shown + count(missing, group))
    });
    let each: Vec<String> = each.collect();
    format!("{} of {} rows shown: {}", shown.len(), shown.len() + missing.len(), each.join(", "))
}

/// A requirement: `SRTP-1`, in a list or in a table.
#[derive(Debug, Eq, PartialEq)]
struct Row {
    group: String,
    number: u32,
    /// Its beginning.
    text: String,
}

impl Row {
    fn id(&self) -> String {
        format!("{}-{}", self.group, self.number)
    }

    /// Whether the name of a test carries the row's id: `srtp_1_..`, `srtp_01_..`, also in the middle of a name.
    fn is_shown_by(&self, name: &str) -> bool {
        let group = format!("{}_", self.group.to_lowercase());
        name.match_indices(&group).any(|(at, _)| {
            let begins = name[..at].chars().next_back().is_none_or(|before| !before.is_ascii_alphanumeric());
            let rest = &name[at + group.len()..];
            let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            let ends = !rest[digits..].starts_with(|c: char| c.is_ascii_alphanumeric());
            begins && ends && rest[..digits].parse() == Ok(self.number)
        })
    }
}

fn rows(text: &str) -> Vec<Row> {
    text.lines().filter_map(row).collect()
}

fn row(line: &str) -> Option<Row> {
    let rest = line.strip_prefix("- ").or_else(|| line.strip_prefix("| "))?;
    let (id, text) = rest.split_once(' ')?;
    let (group, number) = id.split_once('-')?;
    if group.is_empty() || !group.chars().all(|c| c.is_ascii_uppercase()) {
        return None;
    }
    let text: String = text.trim_start_matches("| ").chars().take(90).collect();
    Some(Row { group: group.to_owned(), number: number.parse().ok()?, text: text.trim_end().to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(group: &str, number: u32, name: &str) -> bool {
        Row { group: group.to_owned(), number, text: String::new() }.is_shown_by(name)
    }

    #[test]
    fn finds_rows_in_lists_and_tables() {
        let text =
            "# T\n- SDP-1 unknown attributes\n| ID | x |\n| CVE-12 | Erlang | one |\n- no row\n| randomness | y |\n";
        let ids: Vec<String> = rows(text).iter().map(Row::id).collect();
        assert_eq!(ids, ["SDP-1", "CVE-12"]);
        assert_eq!(rows(text)[1].text, "Erlang | one |");
    }

    #[test]
    fn reads_every_row_of_the_real_table() {
        let rows = rows(&read("docs/requirements.md").unwrap());
        for (group, count) in [("CVE", 52), ("FLT", 48), ("SDP", 12), ("SCTP", 12), ("API", 8)] {
            assert_eq!(rows.iter().filter(|row| row.group == group).count(), count, "{group}");
        }
    }

    #[test]
    fn a_name_shows_the_row_whose_id_it_carries() {
        assert!(shown("CVE", 7, "record::tests::cve_07_gcm_nonce_is_a_counter"));
        assert!(shown("CVE", 7, "tests::cve_7_x"));
        assert!(shown("FLT", 23, "faults::flt_23_each_flight_lost_once"));
        assert!(shown("ICE", 8, "dtls_3_and_ice_8"));
        assert!(!shown("CVE", 7, "cve_70_x"));
        assert!(!shown("CVE", 7, "cve_7th_x"));
        assert!(!shown("RTP", 1, "srtp_1_x"));
        assert!(!shown("CVE", 7, "cve_x_7"));
    }
}
