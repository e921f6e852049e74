//! Benches: what takes time to build or to run, and belongs to no test.

use crate::fuzz;
use crate::install::{self, Need};
use crate::process::{Failure, Task, in_path, root, target_dir};
use std::path::Path;

struct Bench {
    name: &'static str,
    about: &'static str,
    run: fn(&[String]) -> Result<(), Failure>,
}

const BENCHES: &[Bench] = &[
    Bench {
        name: "density",
        about: "ten thousand idle connections on one port: heap, CPU, starts, strangers",
        run: density,
    },
    Bench { name: "floor", about: "what a packet costs at least on this machine", run: floor },
    Bench { name: "path", about: "one association: CPU per gigabyte, trains, acknowledgements, memory", run: path },
    Bench {
        name: "peers",
        about: "the same transfer through other stacks: [--small] [--bars] [--write] [--rounds N] [--only ROW]..",
        run: peers,
    },
];

/// `cargo xtask bench NAME [ARGS]..`
pub fn run(arguments: &[String]) -> Result<(), Failure> {
    let (name, rest) = arguments.split_first().ok_or_else(|| Failure::new("which one? --list shows them"))?;
    if name == "--list" {
        BENCHES.iter().for_each(|bench| println!("{:<8} {}", bench.name, bench.about));
        return Ok(());
    }
    let bench = BENCHES.iter().find(|bench| bench.name == name);
    let bench = bench.ok_or_else(|| Failure::new(format!("no bench {name:?}; --list shows them")))?;
    (bench.run)(rest)
}

fn density(arguments: &[String]) -> Result<(), Failure> {
    Task::cargo("run --locked --release --quiet -p ortica-bench-density --").args(arguments).run()
}

fn floor(arguments: &[String]) -> Result<(), Failure> {
    Task::cargo("run --locked --release --quiet -p ortica-bench-floor --").args(arguments).run()
}

fn path(arguments: &[String]) -> Result<(), Failure> {
    Task::cargo("run --locked --release --quiet -p ortica-bench-path --").args(arguments).run()
}

/// Builds the other stacks in a workspace of their own. aiortc is installed if it can be, Chromium takes part where it is there.
fn peers(arguments: &[String]) -> Result<(), Failure> {
    const DIR: &str = "benches/peers";
    fuzz::share_lock(Path::new(DIR))?;
    let target = target_dir().join("peers");
    let build = Task::cargo("build --quiet --release").dir(DIR).env("CARGO_TARGET_DIR", &target);
    let build = match install::ensure(Need::Peers) {
        Ok(()) => build,
        Err(failure) => {
            println!("without libdatachannel: {failure}");
            build.words("--no-default-features --features str0m,webrtc")
        }
    };
    build.run()?;
    let browser = root().join("interop/browser");
    if !browser.join("node_modules").exists() && in_path("npm") {
        Task::new("npm").words("install --no-save --silent").dir(&browser).run()?;
    }
    let aiortc = || Task::new("bash").words("interop/aiortc/run.sh --example").run();
    if let Err(failure) = install::ensure(Need::Aiortc).and_then(|()| aiortc()) {
        println!("without aiortc: {failure}");
    }
    let python = target_dir().join("interop-aiortc/bin/python");
    let task = Task::new(target.join("release/ortica-bench-peers").to_string_lossy())
        .args(["--python".into(), python.to_string_lossy()]);
    task.args(arguments).run()
}
