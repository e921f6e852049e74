//! Programs to try things with.

use crate::install::{self, Need};
use crate::metadata;
use crate::process::{Failure, Task, root};

/// `cargo xtask demo [ARGS]..`
pub fn demo(arguments: &[String]) -> Result<(), Failure> {
    run("ortica-demo", arguments)
}

/// `cargo xtask serve [ARGS]..`
pub fn serve(arguments: &[String]) -> Result<(), Failure> {
    run("ortica-server", arguments)
}

fn run(package: &str, arguments: &[String]) -> Result<(), Failure> {
    if !metadata::members()?.iter().any(|member| member.name == package) {
        return Err(Failure::new(format!("there is no package {package} in this workspace")));
    }
    install::ensure(Need::Media)?;
    // Not quiet: a first build takes minutes, and should be seen at it.
    let task = Task::cargo("run --release --manifest-path").args([root().join("Cargo.toml").to_string_lossy()]);
    // Where the caller is, so that files it names or is given lie where it looks for them.
    task.args(["-p", package, "--"]).args(arguments).dir(std::env::current_dir()?).run()
}
