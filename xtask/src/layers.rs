//! Arrows between crates point one way, and protocol code touches neither clocks nor sockets.

use crate::metadata::{self, Dependency, Kind, Package};
use crate::process::{Failure, packages_in, root};
use std::fs;
use std::path::{Path, PathBuf};

/// What each crate of ours may know of the others. `ortica`, programs and xtask may know all.
const MAY_KNOW: &[(&str, &[&str])] = &[
    ("ortica-core", &[]),
    ("ortica-sdp", &["ortica-core"]),
    ("ortica-ice", &["ortica-core"]),
    ("ortica-dtls", &["ortica-core"]),
    ("ortica-rtp", &["ortica-core"]),
    // Header bounds.
    ("ortica-srtp", &["ortica-core", "ortica-rtp"]),
    ("ortica-sctp", &["ortica-core"]),
    // Ids.
    ("ortica-codecs", &["ortica-core", "ortica-rtp"]),
    ("netsim", &["ortica-core"]),
];

/// Crates that may hold `unsafe`, because they call C: each use carries its `SAFETY` comment.
const MAY_BE_UNSAFE: &[&str] = &["ortica-codecs"];

/// Parts of `ortica` that are sans-IO although the crate is not, and what they may not name.
const SANS_IO: &[&str] = &["crates/peerconnection/src/engine", "crates/peerconnection/src/jsep"];
const IO_WORDS: &[&str] =
    &["std::time::Instant", "SystemTime", "tokio::", "UdpSocket", "TcpStream", "thread::spawn", "thread::sleep"];

pub fn run(_arguments: &[String]) -> Result<(), Failure> {
    let faults = check()?;
    if faults.is_empty() {
        println!("layers hold");
        return Ok(());
    }
    Err(Failure::new(faults.join("\n")))
}

/// What is wrong, one line each.
pub fn check() -> Result<Vec<String>, Failure> {
    let members = metadata::members()?;
    let mut faults: Vec<String> = members.iter().flat_map(arrows).collect();
    for package in members.iter().filter(|package| package.dir.starts_with(root().join("crates"))) {
        faults.extend(unsafety(package));
    }
    for dir in packages_in("examples/alone") {
        for package in metadata::alone(&dir)? {
            faults.extend(example(&package));
        }
    }
    for dir in SANS_IO {
        for file in rust_files(&root().join(dir)) {
            faults.extend(io_words(&file));
        }
    }
    Ok(faults)
}

/// Dependencies that point the wrong way.
fn arrows(package: &Package) -> Vec<String> {
    let Some((_, allowed)) = MAY_KNOW.iter().find(|(name, _)| *name == package.name) else {
        return Vec::new();
    };
    let is_wrong = |dependency: &&Dependency| {
        let name = dependency.name.as_str();
        // A test may simulate a network; beyond that it knows what the crate knows.
        let tests = dependency.kind == Kind::Dev && name == "netsim";
        is_ours(name) && !allowed.contains(&name) && !tests
    };
    let wrong = package.dependencies.iter().filter(is_wrong);
    wrong.map(|it| format!("{} may not depend on {} ({:?})", package.name, it.name, it.kind)).collect()
}

/// An example of one crate, with nothing of ours but that crate and the core.
fn example(package: &Package) -> Vec<String> {
    // The folder is named as that of the crate, whose package may be called otherwise.
    let subject = match package.dir.file_name().unwrap_or_default().to_string_lossy().as_ref() {
        "stun-ice" => "ortica-ice".to_owned(),
        "rtp-rtcp" => "ortica-rtp".to_owned(),
        "media-codecs" => "ortica-codecs".to_owned(),
        folder => format!("ortica-{folder}"),
    };
    let is_wrong = |name: &&str| is_ours(name) && *name != subject && *name != "ortica-core";
    let names = package.dependencies.iter().map(|dependency| dependency.name.as_str());
    names.filter(is_wrong).map(|name| format!("{}: stands alone, yet depends on {name}", package.name)).collect()
}

fn unsafety(package: &Package) -> Vec<String> {
    if MAY_BE_UNSAFE.contains(&package.name.as_str()) {
        return Vec::new();
    }
    let mut faults = Vec::new();
    let sources = rust_files(&package.dir.join("src"));
    let lib = fs::read_to_string(package.dir.join("src/lib.rs")).unwrap_or_default();
    if !lib.contains("forbid(unsafe_code)") {
        faults.push(format!("{}: lib.rs does not forbid unsafe code", package.name));
    }
    for file in sources {
        let text = fs::read_to_string(&file).unwrap_or_default();
        if text
            .lines()
            .any(|line| line.contains("unsafe {") || line.contains("unsafe fn") || line.contains("unsafe impl"))
        {
            faults.push(format!("{}: unsafe", relative(&file)));
        }
    }
    faults
}

fn io_words(file: &Path) -> Vec<String> {
    let text = fs::read_to_string(file).unwrap_or_default();
    let code = text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"));
    let mut faults = Vec::new();
    for (number, line) in code {
        for word in IO_WORDS.iter().filter(|word| line.contains(*word)) {
            faults.push(format!("{}:{}: {word} in sans-IO code", relative(file), number + 1));
        }
    }
    faults
}

fn is_ours(name: &str) -> bool {
    name == "ortica" || name.starts_with("ortica-") || name == "netsim"
}

/// The `.rs` files below a folder, sorted.
pub fn rust_files(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

fn relative(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, dependencies: &[(&str, Kind)]) -> Package {
        let dependency = |(name, kind): &(&str, Kind)| Dependency { name: (*name).to_owned(), kind: *kind };
        Package {
            name: name.to_owned(),
            version: String::new(),
            license: String::new(),
            source: None,
            dir: PathBuf::from("examples/alone/sctp"),
            published: false,
            features: Vec::new(),
            dependencies: dependencies.iter().map(dependency).collect(),
        }
    }

    #[test]
    fn a_protocol_crate_knows_only_what_it_may() {
        let fine = [("ortica-core", Kind::Normal), ("bytes", Kind::Normal), ("netsim", Kind::Dev)];
        assert_eq!(arrows(&package("ortica-sctp", &fine)), Vec::<String>::new());
        assert_eq!(arrows(&package("ortica-sctp", &[("ortica-dtls", Kind::Dev)])).len(), 1);
        assert_eq!(arrows(&package("ortica-sctp", &[("netsim", Kind::Normal)])).len(), 1);
        assert_eq!(arrows(&package("ortica-srtp", &[("ortica-rtp", Kind::Normal)])), Vec::<String>::new());
        assert_eq!(arrows(&package("ortica", &[("ortica-dtls", Kind::Normal)])), Vec::<String>::new());
    }

    #[test]
    fn an_example_that_stands_alone_knows_one_crate() {
        let fine = [("ortica-core", Kind::Normal), ("ortica-sctp", Kind::Normal)];
        assert_eq!(example(&package("alone-sctp", &fine)), Vec::<String>::new());
        assert_eq!(example(&package("alone-sctp", &[("ortica-dtls", Kind::Normal)])).len(), 1);
    }
}
