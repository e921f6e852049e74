//! Runs the fuzz targets, on the stable toolchain and without further tools.
//!
//! `fuzz/` has the layout of cargo-fuzz, which works there too. What it does is to build with LLVM's coverage counters; the
//! flags below do the same. No address sanitizer: the crates forbid unsafe code, and without it twice as many inputs run.

use crate::install::{self, Need};
use crate::process::{Failure, Task, create, notes_dir, read, root, target_dir};
use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

const FLAGS: &str = "--cfg fuzzing -Awarnings -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Cllvm-args=-simplifycfg-branch-fold-threshold=0";

/// `cargo xtask fuzz [TARGET].. [--seconds N] [--jobs N] [--list]`
pub fn run(arguments: &[String]) -> Result<(), Failure> {
    let mut plan = Plan::new(20)?;
    let mut wanted = Vec::new();
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let mut number = || -> Result<u64, Failure> {
            let value = words.next().and_then(|value| value.parse().ok());
            value.filter(|&value| value > 0).ok_or_else(|| Failure::new(format!("{word} wants a number")))
        };
        match word.as_str() {
            "--seconds" => plan.seconds = number()?,
            "--jobs" => plan.jobs = number()? as usize,
            "--list" => {
                plan.targets.iter().for_each(|target| println!("{target}"));
                return Ok(());
            }
            target if plan.targets.iter().any(|known| known == target) => wanted.push(target.to_owned()),
            unknown => return Err(Failure::new(format!("no fuzz target {unknown:?}; --list shows them"))),
        }
    }
    if !wanted.is_empty() {
        plan.targets = wanted;
    }
    plan.build()?;
    plan.fuzz(|outcome| println!("{outcome}"))
}

/// What to fuzz, and for how long.
#[derive(Debug)]
pub struct Plan {
    pub targets: Vec<String>,
    /// For each target.
    pub seconds: u64,
    /// How many at a time.
    pub jobs: usize,
    /// Where each target's chance begins; elsewhere each time unless given.
    pub seed: Option<u32>,
}

impl Plan {
    /// Every target, on every core.
    pub fn new(seconds: u64) -> Result<Self, Failure> {
        let jobs = std::thread::available_parallelism().map_or(1, usize::from);
        let mut targets = Vec::new();
        if let Ok(entries) = fs::read_dir(root().join("fuzz/fuzz_targets")) {
            let stem = |path: PathBuf| Some(path.file_stem()?.to_str()?.to_owned());
            let files = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file());
            targets.extend(files.filter_map(stem));
        }
        targets.sort();
        let manifest = read("fuzz/Cargo.toml").unwrap_or_default();
        if let Some(lost) = targets.iter().find(|target| !manifest.contains(&format!("fuzz_targets/{target}.rs"))) {
            return Err(Failure::new(format!("fuzz/Cargo.toml has no [[bin]] for {lost}")));
        }
        Ok(Self { targets, seconds, jobs, seed: None })
    }

    /// Builds the targets.
    pub fn build(&self) -> Result<(), Failure> {
        if self.targets.is_empty() {
            return Ok(());
        }
        install::ensure(Need::Fuzz)?;
        share_lock(Path::new("fuzz"))?;
        let mut task = Task::cargo("build --quiet --release --manifest-path fuzz/Cargo.toml --target").args([host()?]);
        task = task.env("CARGO_TARGET_DIR", fuzz_dir()).env("RUSTFLAGS", FLAGS);
        if self.targets.len() == Self::new(1)?.targets.len() {
            task = task.words("--bins");
        } else {
            for target in &self.targets {
                task = task.args(["--bin", target]);
            }
        }
        task.run_logged(&notes_dir().join("logs/fuzz-build.log"))
    }

    /// Runs the targets; `report` gets a line for each.
    ///
    /// # Errors
    ///
    /// Names the targets that crashed, hung or grew without bound, each with the input that did it.
    pub fn fuzz(&self, report: impl Fn(&str) + Sync) -> Result<(), Failure> {
        let host = host()?;
        let queue = Mutex::new(VecDeque::from(self.targets.clone()));
        let failures = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..self.jobs.min(self.targets.len()) {
                scope.spawn(|| {
                    while let Some(target) = queue.lock().ok().and_then(|mut queue| queue.pop_front()) {
                        match self.fuzz_one(&host, &target) {
                            Ok(line) => report(&line),
                            Err(failure) => {
                                report(&format!("{target:<28} FAILED"));
                                failures.lock().map(|mut failures| failures.push(failure.0)).unwrap_or_default();
                            }
                        }
                    }
                });
            }
        });
        let failures = failures.into_inner().unwrap_or_default();
        if failures.is_empty() { Ok(()) } else { Err(Failure::new(failures.join("\n"))) }
    }

    fn fuzz_one(&self, host: &str, target: &str) -> Result<String, Failure> {
        let corpus = fuzz_dir().join("corpus").join(target);
        let seeds = root().join("fuzz/corpus-seed").join(target);
        let artifacts = root().join("fuzz/artifacts").join(target);
        for dir in [&corpus, &artifacts] {
            fs::create_dir_all(dir)?;
        }
        let binary = fuzz_dir().join(host).join("release").join(target);
        let mut task = Task::new(binary.to_string_lossy()).args([corpus.to_string_lossy()]);
        if seeds.is_dir() {
            task = task.args([seeds.to_string_lossy()]);
        }
        let seconds = self.seconds;
        task = task.args([format!("-artifact_prefix={}/", artifacts.display()), format!("-max_total_time={seconds}")]);
        task = task.args(self.seed.map(|seed| format!("-seed={seed}")));
        // A decoder that takes seconds for 4 KiB, or half a gigabyte, is broken as well.
        task =
            task.words("-timeout=10 -rss_limit_mb=2048 -print_final_stats=1").limit(Duration::from_secs(seconds + 120));
        let log = notes_dir().join(format!("logs/fuzz-{target}.log"));
        let outcome = task.env("RUST_BACKTRACE", "0").run_logged(&log);
        let text = fs::read(&log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
        if outcome.is_err() {
            let log = log.display();
            return Err(Failure::new(format!("{target}:\n{}    all of it: {log}", findings(&text))));
        }
        let runs = last_number(&text, "stat::number_of_executed_units:");
        let coverage = last_number(&text, " cov: ");
        Ok(format!("{target:<28} {runs:>10} runs {:>8}/s {coverage:>6} edges", runs / seconds.max(1)))
    }
}

/// Lets a workspace of its own use the versions of ours, so that what is built for one serves the other.
pub fn share_lock(dir: &Path) -> Result<(), Failure> {
    let lock = root().join(dir).join("Cargo.lock");
    if !lock.exists() {
        create(&lock)?;
        fs::copy(root().join("Cargo.lock"), &lock)?;
    }
    Ok(())
}

fn fuzz_dir() -> PathBuf {
    target_dir().join("fuzz")
}

/// The platform we run on, as rustc names it.
fn host() -> Result<String, Failure> {
    let version = Task::new("rustc").words("-vV").capture()?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| Failure::new("rustc names no host"))
}

/// What libFuzzer and the panic say about a crash, without what led to it.
fn findings(log: &str) -> String {
    let panic = log.lines().skip_while(|line| !line.contains("panicked at"));
    let panic = panic.take_while(|line| !line.starts_with("note:") && !line.starts_with("=="));
    let facts = ["SUMMARY:", "ERROR: libFuzzer", "Test unit written to"];
    let rest = log.lines().filter(|line| facts.iter().any(|fact| line.contains(fact)));
    panic.chain(rest).map(|line| format!("    {line}\n")).collect()
}

fn last_number(text: &str, label: &str) -> u64 {
    let after = text.rsplit_once(label).map(|(_, rest)| rest.trim_start()).unwrap_or_default();
    after.split(|c: char| !c.is_ascii_digit()).next().and_then(|digits| digits.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_libfuzzer_counted() {
        let log = "#2 INITED cov: 10 ft: 10\n#9 DONE   cov: 11 ft: 12\nstat::number_of_executed_units: 640\n";
        assert_eq!(last_number(log, "stat::number_of_executed_units:"), 640);
        assert_eq!(last_number(log, " cov: "), 11);
        assert_eq!(last_number("", " cov: "), 0);
    }

    #[test]
    fn tells_a_crash_in_few_lines() {
        let log = "#2 INITED\nthread panicked at a.rs:1:\nwhy\nnote: run with\n== 1 ERROR: libFuzzer: deadly\nother\n";
        assert_eq!(findings(log), "    thread panicked at a.rs:1:\n    why\n    == 1 ERROR: libFuzzer: deadly\n");
    }
}
