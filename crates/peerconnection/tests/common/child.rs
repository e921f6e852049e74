//! Tests that need a process of their own.
#![allow(dead_code, reason = "each test uses its part")]

use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Set in the environment of such a process.
const CHILD: &str = "ORTICA_CHILD_OF_A_TEST";

/// Whether this is such a process.
pub fn is_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

/// What is to be done in it.
pub fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async { tokio::time::timeout(Duration::from_secs(60), test).await.expect("in time") });
}

/// Runs the test of that name in a process of its own, which a shell starts by `"$0" "$@"` in its script; `shell` is that shell.
pub fn spawn(mut shell: Command, script: &str, name: &str) {
    let child = shell
        .args(["-c", script])
        .arg(std::env::current_exe().expect("this is a program"))
        .args(["--exact", name, "--test-threads", "1", "--nocapture"])
        .env(CHILD, "1")
        .output()
        .expect("there is a shell");
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
    assert!(String::from_utf8_lossy(&child.stdout).contains("1 passed"), "the child ran the test");
}

/// Runs the test of that name in a process of its own with that in its environment, which goes on until it is killed.
pub fn start(name: &str, variable: &str, value: impl AsRef<std::ffi::OsStr>) -> Child {
    Command::new(std::env::current_exe().expect("this is a program"))
        .args(["--exact", name, "--include-ignored", "--test-threads", "1"])
        .env(CHILD, "1")
        .env(variable, value)
        .stdout(Stdio::null())
        .spawn()
        .expect("there is room for a process")
}
