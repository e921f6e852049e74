//! Programs to try things with.

use crate::install::{self, Need};
use crate::metadata;
use crate::process::{Failure, Task};

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
    Task::cargo("run --release --quiet").args(["-p", package, "--"]).args(arguments).run()
}
