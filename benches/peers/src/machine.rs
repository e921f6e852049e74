//! Where and with what it was measured.

use std::fs;
use std::path::Path;
use std::process::Command;

/// The repository.
pub fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here)
}

/// Date, machine and load in a line.
pub fn line() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let info = read("/proc/cpuinfo");
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ").map(|(_, name)| name));
    let date = said("date", &["-u", "+%F"]);
    let (kernel, load) = (read("/proc/sys/kernel/osrelease"), read("/proc/loadavg"));
    let buffers = read("/proc/sys/net/core/rmem_max");
    format!(
        "{date}, {} x {cores}, Linux {}, `net.core.rmem_max` {}, load average at the end {}.",
        model.unwrap_or(std::env::consts::ARCH),
        kernel.trim(),
        buffers.trim(),
        load.split(' ').next().unwrap_or_default(),
    )
}

/// The compiler.
pub fn compiler() -> String {
    said("rustc", &["--version"])
}

/// The version of a crate, by this bench's own lock file.
pub fn crate_version(name: &str) -> String {
    let lock = fs::read_to_string(root().join("benches/peers/Cargo.lock")).unwrap_or_default();
    let head = format!("name = \"{name}\"\nversion = \"");
    let version = lock.split_once(&head).and_then(|(_, rest)| rest.split('"').next());
    version.unwrap_or_default().to_owned()
}

/// The commit, marked when the tree differs from it.
pub fn commit() -> String {
    let changes = said("git", &["status", "--porcelain", "--untracked-files=no", "--", ".", ":!docs"]);
    format!("{}{}", said("git", &["rev-parse", "--short", "HEAD"]), if changes.is_empty() { "" } else { "+" })
}

/// What a program says; nothing if it is not there.
pub fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).current_dir(root()).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}
