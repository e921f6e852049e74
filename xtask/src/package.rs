//! What would be published.

use crate::metadata::{self, Package};
use crate::process::{Failure, Task, target_dir};

/// Packs every crate that is to be published, without building it once more.
pub fn task() -> Result<Task, Failure> {
    let task = Task::cargo("package --no-verify --allow-dirty --locked --quiet");
    Ok(published()?.iter().fold(task, |task, package| task.args(["-p", &package.name])))
}

/// What is wrong with what was packed, one line each; and how many crates there are.
pub fn check() -> Result<(usize, Vec<String>), Failure> {
    let packages = published()?;
    let mut faults = Vec::new();
    for Package { name, version, .. } in &packages {
        let archive = target_dir().join(format!("package/{name}-{version}.crate"));
        let listing = Task::new("tar").args(["-tzf".as_ref(), archive.as_os_str()].map(|arg| arg.to_string_lossy()));
        let listing = listing.capture()?;
        for wanted in ["README.md", "LICENSE-MIT", "LICENSE-APACHE", "Cargo.toml"] {
            if !listing.lines().any(|line| line == format!("{name}-{version}/{wanted}")) {
                faults.push(format!("{name}: {wanted} is not in the package"));
            }
        }
        // The registry takes 10 MiB; a crate that nears it carries something it should not.
        let size = std::fs::metadata(&archive)?.len();
        if size > 2 << 20 {
            faults.push(format!("{name}: {size} bytes packed, more than 2 MiB"));
        }
    }
    Ok((packages.len(), faults))
}

fn published() -> Result<Vec<Package>, Failure> {
    Ok(metadata::members()?.into_iter().filter(|package| package.published).collect())
}
