//! The full-size checks: all seeds, long soaks, grids, side-by-side benches. Too long for every change, they run before a
//! release and whenever their subject changes, and each leaves its line in `docs/bars/`.

use crate::ci;
use crate::install::{self, Need};
use crate::process::{Failure, Task, notes_dir, root};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::time::{Duration, Instant};

/// One check. It passes by exiting with 0; lines of its output that begin with `bar: ` are kept as its result.
struct Bar {
    /// The issue whose figures it checks.
    issue: u32,
    name: &'static str,
    /// What must exist in the repository for it to run.
    file: &'static str,
    needs: &'static [Need],
    command: &'static str,
}

const BARS: &[Bar] = &[
    Bar {
        issue: 2,
        name: "faults",
        file: "crates/peerconnection/tests/simulated_call.rs",
        needs: &[Need::Media],
        command: "env ORTICA_SEEDS=100 cargo test --locked --quiet -p ortica --all-features --test simulated_call -- --nocapture",
    },
    Bar {
        issue: 2,
        name: "path",
        file: "benches/path/Cargo.toml",
        needs: &[],
        command: "cargo run --locked --release --quiet -p ortica-bench-path -- --bars",
    },
    Bar {
        issue: 2,
        name: "capture",
        file: "xtask/src/capture.rs",
        needs: &[Need::Media, Need::Wire],
        command: "cargo xtask capture",
    },
    Bar {
        issue: 2,
        name: "bench",
        file: "benches/peers/Cargo.toml",
        needs: &[],
        command: "cargo xtask bench peers --bars",
    },
    Bar {
        issue: 2,
        name: "browsers",
        file: "interop/browser/run.mjs",
        needs: &[Need::Media, Need::Browsers],
        command: "node interop/browser/run.mjs --bars",
    },
    Bar {
        issue: 2,
        name: "aiortc",
        file: "interop/aiortc/run.sh",
        needs: &[Need::Media, Need::Aiortc],
        command: "bash interop/aiortc/run.sh --bars",
    },
    Bar {
        issue: 3,
        name: "filexfer",
        file: "examples/datachannel-filexfer/benches/transfer/main.rs",
        needs: &[],
        command: "cargo bench --locked --quiet -p datachannel-filexfer --bench transfer",
    },
    Bar {
        issue: 3,
        name: "filexfer-browsers",
        file: "interop/browser/file-checks.mjs",
        needs: &[Need::Media, Need::Browsers],
        command: "node interop/browser/run.mjs --bars --rounds 1 --only file: --megabytes 2000",
    },
    Bar {
        issue: 2,
        name: "fuzz",
        file: "fuzz/Cargo.toml",
        needs: &[Need::Fuzz],
        command: "cargo xtask fuzz --seconds 60",
    },
    Bar {
        issue: 3,
        name: "integrity",
        file: "crates/sctp/tests/integrity.rs",
        needs: &[],
        command: "env ORTICA_INTEGRITY_BYTES=10000000000 cargo test --locked --release --quiet -p ortica-sctp --test integrity -- --nocapture",
    },
    Bar {
        issue: 3,
        name: "promises",
        file: "crates/sctp/tests/promises.rs",
        needs: &[],
        command: "env ORTICA_SEEDS=100 cargo test --locked --release --quiet -p ortica-sctp --test promises -- --nocapture",
    },
    Bar {
        issue: 3,
        name: "channels",
        file: "crates/peerconnection/tests/many_channels.rs",
        needs: &[],
        command: "env ORTICA_SEEDS=100 cargo test --locked --release --quiet -p ortica --no-default-features --features rust-crypto --test many_channels -- --nocapture",
    },
    Bar {
        issue: 3,
        name: "bits",
        file: "crates/peerconnection/tests/flipped_bits.rs",
        needs: &[],
        command: "env ORTICA_PACKETS=10000000 cargo test --locked --release --quiet -p ortica --no-default-features --features rust-crypto --test flipped_bits -- --nocapture",
    },
    Bar {
        issue: 3,
        name: "hello",
        file: "crates/dtls/src/tests/faults.rs",
        needs: &[],
        command: "env ORTICA_BITS=8 cargo test --locked --release --quiet -p ortica-dtls --lib flt_7 -- --nocapture",
    },
    Bar {
        issue: 3,
        name: "doubled",
        file: "crates/peerconnection/benches/doubled.rs",
        needs: &[],
        command: "cargo bench --locked --quiet -p ortica --no-default-features --features rust-crypto --bench doubled",
    },
    Bar {
        issue: 3,
        name: "sections",
        file: "crates/peerconnection/benches/sections.rs",
        needs: &[],
        command: "cargo bench --locked --quiet -p ortica --no-default-features --features rust-crypto --bench sections",
    },
    Bar {
        issue: 3,
        name: "readers",
        file: "crates/sctp/tests/window.rs",
        needs: &[],
        command: "cargo test --locked --release --quiet -p ortica-sctp --test window --test outage -- --nocapture",
    },
    Bar {
        issue: 3,
        name: "grid",
        file: "benches/grid/Cargo.toml",
        needs: &[],
        command: "cargo run --locked --release --quiet --manifest-path benches/grid/Cargo.toml",
    },
    Bar {
        issue: 3,
        name: "sctp",
        file: "interop/sctp/Cargo.toml",
        needs: &[Need::Usrsctp],
        command: "cargo run --locked --release --quiet --manifest-path interop/sctp/Cargo.toml -- --bars",
    },
    Bar {
        issue: 4,
        name: "random",
        file: "crates/peerconnection/tests/random_sessions.rs",
        needs: &[],
        command: "env ORTICA_SEEDS=10000 cargo test --locked --release --quiet -p ortica --no-default-features --features rust-crypto --test random_sessions -- --nocapture",
    },
    Bar {
        issue: 4,
        name: "cycles",
        file: "crates/peerconnection/tests/leftovers.rs",
        needs: &[],
        command: "env ORTICA_CYCLES=10000 cargo test --locked --release --quiet -p ortica --test leftovers -- --nocapture",
    },
    Bar {
        issue: 4,
        name: "glare",
        file: "interop/browser/negotiation-checks.mjs",
        needs: &[Need::Media, Need::Browsers],
        command: "node interop/browser/run.mjs --only glare --glares 50",
    },
    Bar {
        issue: 4,
        name: "layers",
        file: "interop/browser/layer-checks.mjs",
        needs: &[Need::Media, Need::Browsers],
        command: "node interop/browser/run.mjs --only layers --times 10",
    },
    Bar {
        issue: 4,
        name: "certificates",
        file: "interop/browser/certificate-checks.mjs",
        needs: &[Need::Media, Need::Browsers],
        command: "node interop/browser/run.mjs --only certificates: --times 10",
    },
    Bar {
        issue: 4,
        name: "keys",
        file: "interop/browser/key-checks.mjs",
        needs: &[Need::Media, Need::Browsers],
        command: "node interop/browser/run.mjs --only keys --times 10",
    },
    Bar {
        issue: 4,
        name: "counts",
        file: "interop/browser/stats-checks.mjs",
        needs: &[Need::Media, Need::Browsers],
        command: "node interop/browser/run.mjs --only packets --times 30",
    },
    Bar {
        issue: 5,
        name: "recorded-calls",
        file: "crates/peerconnection/tests/recorded_calls.rs",
        needs: &[Need::Media],
        command: "env ORTICA_SECONDS=60 cargo test --locked --quiet --workspace --all-features --test recorded_calls -- --nocapture",
    },
    Bar {
        issue: 5,
        name: "lossy-codecs",
        file: "interop/browser/lossy.sh",
        needs: &[Need::Media, Need::Browsers, Need::Paths],
        command: "interop/browser/lossy.sh 5 node interop/browser/run.mjs --lossy --bars --rounds 3",
    },
    Bar {
        issue: 5,
        name: "recordings",
        file: "crates/peerconnection/tests/recordings.rs",
        needs: &[Need::Media],
        command: "env ORTICA_RECORD_SECONDS=60 cargo test --locked --quiet --workspace --all-features --test recordings -- --ignored --nocapture --test-threads 1",
    },
    Bar {
        issue: 5,
        name: "unread",
        file: "crates/peerconnection/tests/unread_media.rs",
        needs: &[Need::Media],
        command: "env ORTICA_SOAK_SECONDS=600 cargo test --locked --quiet --workspace --all-features --test unread_media -- --include-ignored --nocapture",
    },
    Bar {
        issue: 5,
        name: "echo",
        file: "examples/server/benches/echo/main.rs",
        needs: &[Need::Media, Need::Aiortc],
        command: "cargo bench --locked --quiet -p ortica-server --bench echo",
    },
    Bar {
        issue: 5,
        name: "coders",
        file: "crates/media-codecs/benches/coders.rs",
        needs: &[Need::Media],
        command: "cargo bench --locked --quiet -p ortica-codecs --features vpx,h264,ffmpeg --bench coders",
    },
    Bar {
        issue: 5,
        name: "viewers",
        file: "examples/broadcast/benches/viewers.rs",
        needs: &[Need::Media, Need::Aiortc],
        command: "cargo bench --locked --quiet -p broadcast --bench viewers",
    },
    Bar {
        issue: 5,
        name: "glass",
        file: "crates/peerconnection/benches/glass.rs",
        needs: &[Need::Media],
        command: "cargo bench --locked --quiet -p ortica --features media --bench glass",
    },
    Bar {
        issue: 6,
        name: "nat",
        file: "crates/stun-ice/src/ice/tests/nat.rs",
        needs: &[],
        command: "env ORTICA_SEEDS=100 cargo test --locked --release --quiet -p ortica-ice --lib ice::tests::nat -- --nocapture",
    },
    Bar {
        issue: 6,
        name: "relays",
        file: "crates/stun-ice/src/ice/tests/failover.rs",
        needs: &[],
        command: "env ORTICA_SEEDS=100 cargo test --locked --release --quiet -p ortica-ice --lib ice::tests::failover -- --nocapture",
    },
    Bar {
        issue: 6,
        name: "timings",
        file: "crates/stun-ice/src/ice/tests/search.rs",
        needs: &[],
        command: "env ORTICA_SEEDS=10000 cargo test --locked --release --quiet -p ortica-ice --lib ice::tests::search -- --nocapture",
    },
    Bar {
        issue: 6,
        name: "outages",
        file: "crates/stun-ice/src/ice/tests/faults.rs",
        needs: &[],
        command: "env ORTICA_SEEDS=100 cargo test --locked --release --quiet -p ortica-ice --lib ice::tests::faults -- --nocapture",
    },
    Bar {
        issue: 6,
        name: "density",
        file: "benches/density/Cargo.toml",
        needs: &[],
        command: "cargo run --locked --release --quiet -p ortica-bench-density -- --bars",
    },
    Bar {
        issue: 6,
        name: "density-media",
        file: "benches/density/Cargo.toml",
        needs: &[Need::Media],
        command: "cargo run --locked --release --quiet -p ortica-bench-density --features media -- --media --bars --connections 2000",
    },
];

/// `cargo xtask bars [ISSUE] [--only NAME].. [--list]`
pub fn run(arguments: &[String]) -> Result<(), Failure> {
    let (mut issue, mut only, mut list) = (None, Vec::new(), false);
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--list" => list = true,
            "--only" => only.push(words.next().cloned().unwrap_or_default()),
            number => {
                let number: u32 = number.parse().map_err(|_| Failure::new(format!("{number:?} is no issue")))?;
                issue = Some(number);
            }
        }
    }
    let wanted = |bar: &&Bar| {
        issue.is_none_or(|issue| bar.issue == issue) && (only.is_empty() || only.iter().any(|name| name == bar.name))
    };
    let mut failed = Vec::new();
    for bar in BARS.iter().filter(wanted) {
        if list {
            println!("issue {} {:<12} {}", bar.issue, bar.name, bar.command);
        } else if !root().join(bar.file).exists() {
            println!("{:<12} skipped: {} is not there", bar.name, bar.file);
        } else if !perform(bar)? {
            failed.push(bar.name);
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(Failure::new(format!("failed: {}", failed.join(", ")))) }
}

fn perform(bar: &Bar) -> Result<bool, Failure> {
    for need in bar.needs {
        install::ensure(*need)?;
    }
    let others = bar.needs.contains(&Need::Browsers) || bar.needs.contains(&Need::Aiortc);
    if others && bar.file.starts_with("interop/") {
        // What is measured is built as it is used; all else as the tests are.
        let programs = ci::programs();
        let programs = if bar.command.contains("--bars") { programs.words("--release") } else { programs };
        programs.run()?;
    }
    if bar.needs.contains(&Need::Aiortc) && !bar.file.starts_with("interop/") {
        Task::new("bash").words("interop/aiortc/run.sh --example").run()?;
    }
    let log = notes_dir().join(format!("logs/bar-{}.log", bar.name));
    let mut words = bar.command.split_whitespace();
    let task = Task::new(words.next().unwrap_or_default()).args(words).limit(Duration::from_secs(6 * 3_600));
    let started = Instant::now();
    let outcome = task.run_logged(&log);
    let taken = started.elapsed().as_secs();
    let text = fs::read(&log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let mut results: Vec<&str> = text.lines().filter_map(|line| line.split_once("bar: ").map(|(_, it)| it)).collect();
    match &outcome {
        Ok(()) if results.is_empty() => results.push("passed"),
        Ok(()) => {}
        Err(failure) => {
            println!("{failure}");
            results.push("FAILED");
        }
    }
    for result in results {
        println!("{:<12} {taken:>6} s  {result}", bar.name);
        keep(bar, taken, result)?;
    }
    Ok(outcome.is_ok())
}

/// Appends a line to the page of the issue.
fn keep(bar: &Bar, taken: u64, result: &str) -> Result<(), Failure> {
    let path = root().join(format!("docs/bars/issue-{}.md", bar.issue));
    let fresh = !path.exists();
    fs::create_dir_all(root().join("docs/bars"))?;
    let mut page = OpenOptions::new().create(true).append(true).open(&path)?;
    if fresh {
        writeln!(page, "# Full-size checks, issue {}\n\nAppended by `cargo xtask bars`.\n", bar.issue)?;
        writeln!(page, "| date | commit | machine | bar | result | seconds |\n|---|---|---|---|---|---|")?;
    }
    let (date, commit) = (Task::new("date").words("-u +%F").capture()?, commit()?);
    let result = result.replace('|', "\\|");
    writeln!(page, "| {} | {commit} | {} | {} | {result} | {taken} |", date.trim(), machine(), bar.name)?;
    Ok(())
}

/// The commit that was measured, marked when the tree differs from it.
fn commit() -> Result<String, Failure> {
    let commit = Task::new("git").words("rev-parse --short HEAD").capture()?;
    let changes = Task::new("git").words("status --porcelain --untracked-files=no -- . :!docs/bars").capture()?;
    Ok(format!("{}{}", commit.trim(), if changes.is_empty() { "" } else { "+" }))
}

fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ").map(|(_, name)| name));
    format!("{} x {cores}", model.unwrap_or(std::env::consts::ARCH))
}
