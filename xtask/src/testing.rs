//! Runs the tests and notes which ones passed, for `cargo xtask requirements`.

use crate::install::{self, Need};
use crate::process::{Failure, Task, create, notes_dir};
use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::PathBuf;

/// `cargo xtask test [ARGS]..`
pub fn run(arguments: &[String]) -> Result<(), Failure> {
    install::ensure(Need::Media)?;
    let log = notes_dir().join("logs/test.log");
    println!("{}", unit(arguments));
    let outcome = unit(arguments).run_logged(&log);
    let passed = passed(&fs::read_to_string(&log).unwrap_or_default());
    note(&passed, arguments.is_empty())?;
    println!("{} tests passed; see {}", passed.len(), log.display());
    outcome?;
    if arguments.is_empty() {
        doc().run()?;
    }
    Ok(())
}

/// Everything but doc tests: by nextest where it is installed, which runs them in parallel across crates.
pub fn unit(arguments: &[String]) -> Task {
    let scope = if arguments.is_empty() { "--workspace --all-features --locked" } else { "--all-features --locked" };
    let task = if Task::cargo("nextest --version").succeeds() {
        Task::cargo("nextest run --color never --status-level pass --no-fail-fast --no-tests pass").words(scope)
    } else {
        Task::cargo("test --color never --no-fail-fast --lib --bins --tests --examples").words(scope)
    };
    task.args(arguments)
}

/// The examples in the documentation.
pub fn doc() -> Task {
    Task::cargo("test --doc --quiet --workspace --all-features --locked")
}

/// Names of the tests that passed, from either runner's output.
pub fn passed(log: &str) -> BTreeSet<String> {
    let of_line = |line: &str| -> Option<String> {
        if let Some(rest) = line.trim_start().strip_prefix("PASS [") {
            return rest.split_once(']').map(|(_, name)| name.trim().to_owned());
        }
        let name = line.strip_prefix("test ")?.strip_suffix(" ... ok")?;
        Some(name.trim_end_matches(" - should panic").to_owned())
    };
    log.lines().filter_map(of_line).collect()
}

/// Notes what ran. A whole run replaces the notes, a partial one adds to them.
pub fn note(passed: &BTreeSet<String>, whole: bool) -> Result<(), Failure> {
    let path = ran_dir().join("tests.txt");
    let mut all = if whole { BTreeSet::new() } else { lines(&fs::read_to_string(&path).unwrap_or_default()) };
    all.extend(passed.iter().cloned());
    let mut file = create(&path)?;
    for name in all {
        writeln!(file, "{name}")?;
    }
    Ok(())
}

/// All names noted so far. Checks that are no Rust tests (browsers, other stacks) may put a file of names beside ours.
pub fn ran() -> BTreeSet<String> {
    let Ok(entries) = fs::read_dir(ran_dir()) else { return BTreeSet::new() };
    entries.flatten().flat_map(|entry| lines(&fs::read_to_string(entry.path()).unwrap_or_default())).collect()
}

fn ran_dir() -> PathBuf {
    notes_dir().join("ran")
}

fn lines(text: &str) -> BTreeSet<String> {
    text.lines().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_passed_in_the_output_of_both_runners() {
        let nextest =
            "        PASS [   0.005s] (1/2) netsim link::tests::cve_1_a\n        FAIL [   0.1s] (2/2) netsim b";
        assert_eq!(passed(nextest), ["(1/2) netsim link::tests::cve_1_a".to_owned()].into());
        let libtest = "test link::a ... ok\ntest link::b ... FAILED\ntest c - should panic ... ok\ntest d ... ignored";
        assert_eq!(passed(libtest), ["c".to_owned(), "link::a".to_owned()].into());
    }
}
