//! What comes in from others: licences, sources, bans, and how much of it.

use crate::metadata::{self, Package};
use crate::process::{Failure, Task, read, root};
use std::collections::{BTreeMap, BTreeSet};

/// One version of each is enough, and two would mean two implementations of the same secrets.
const SINGLE: &[&str] = &[
    "aes",
    "aes-gcm",
    "aws-lc-rs",
    "aws-lc-sys",
    "chacha20poly1305",
    "cipher",
    "ctr",
    "digest",
    "hmac",
    "p256",
    "sha1",
    "sha2",
    "subtle",
    "x25519-dalek",
    "zeroize",
];

/// How many packages of others `ortica` may bring in by default.
const MOST_PACKAGES: usize = 60;

/// Licences, bans and sources, by the table in `deny.toml`.
pub fn licences() -> Result<Vec<String>, Failure> {
    let rules = Rules::read(&read("deny.toml")?);
    if rules.allow.is_empty() {
        return Err(Failure::new("deny.toml allows no licence at all: its table could not be read"));
    }
    let packages = metadata::everything()?;
    let others: Vec<&Package> = packages.iter().filter(|package| package.source.is_some()).collect();
    let mut faults = Vec::new();
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in others {
        let Package { name, version, license, .. } = package;
        if !rules.admits(name, license) {
            faults.push(format!("{name} {version}: licence {license:?} is not in deny.toml"));
        }
        if rules.banned.contains(name) {
            faults.push(format!("{name} {version}: banned by deny.toml"));
        }
        let registry = "registry+https://github.com/rust-lang/crates.io-index";
        if package.source.as_deref() != Some(registry) {
            faults.push(format!("{name} {version}: does not come from the registry"));
        }
        versions.entry(name).or_default().insert(version);
    }
    for name in SINGLE {
        if let Some(several) = versions.get(name).filter(|versions| versions.len() > 1) {
            faults.push(format!("{name}: several versions, {several:?}"));
        }
    }
    Ok(faults)
}

/// Workspaces of their own whose lock file does not fit their manifests any more: those are built on demand alone, so that nothing else
/// would tell.
pub fn locks() -> Result<Vec<String>, Failure> {
    let files = Task::new("git").words("ls-files *Cargo.lock").dir(root()).capture()?;
    let dirs: Vec<&str> = files.lines().filter_map(|file| file.strip_suffix("Cargo.lock")).collect();
    if dirs.len() < 2 {
        return Err(Failure::new("git names no lock files but the first"));
    }
    let fits = |dir: &str| Task::cargo("update --workspace --locked --quiet").dir(root().join(dir)).succeeds();
    Ok(dirs.into_iter().filter(|dir| !fits(dir)).map(|dir| format!("{dir}Cargo.lock is not up to date")).collect())
}

/// What builds need: a C compiler by default, nothing with the pure Rust provider; and how many packages come in.
pub fn tools() -> Result<Vec<String>, Failure> {
    let tree = |features: &str, edges: &str| -> Result<BTreeSet<String>, Failure> {
        let task = Task::cargo("tree --locked -p ortica --prefix none --format {p}");
        let text = task.words(&format!("-e {edges} {features}")).capture()?;
        Ok(text.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect())
    };
    let mut faults = Vec::new();
    let default = tree("", "normal,build")?;
    for tool in ["bindgen", "clang-sys", "nasm-rs"].iter().filter(|tool| default.contains(**tool)) {
        faults.push(format!("the default features bring in {tool}"));
    }
    // aws-lc-sys names these, and calls them only where its own build script for cc knows no way.
    for tool in ["cmake", "pkg-config"].iter().filter(|tool| default.contains(**tool)) {
        let users = Task::cargo("tree --locked -p ortica -e normal,build --prefix none --depth 1 --format {p} -i");
        let users = users.args([tool]).capture()?;
        for user in users.lines().skip(1).filter(|user| user.contains(" v") && !user.starts_with("aws-lc-sys ")) {
            faults.push(format!("the default features need {tool} for {user}"));
        }
    }
    let pure = tree("--no-default-features --features tokio,rust-crypto", "normal,build")?;
    for tool in ["cc", "cmake", "bindgen", "aws-lc-sys"] {
        if pure.contains(tool) {
            faults.push(format!("tokio,rust-crypto brings in {tool}"));
        }
    }
    let is_ours = |name: &&String| name.as_str() == "ortica" || name.starts_with("ortica-");
    let count = tree("", "normal")?.iter().filter(|name| !is_ours(name)).count();
    if count > MOST_PACKAGES {
        faults.push(format!("the default features bring in {count} packages of others, more than {MOST_PACKAGES}"));
    }
    Ok(faults)
}

/// What `deny.toml` says. Only the shape in which it is written is understood: one entry per line.
#[derive(Debug, Default)]
struct Rules {
    allow: Vec<String>,
    /// Licence and package.
    exceptions: Vec<(String, String)>,
    banned: Vec<String>,
}

impl Rules {
    fn read(text: &str) -> Self {
        let mut rules = Self::default();
        let mut within = "";
        for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
            let words: Vec<String> = line.split('"').skip(1).step_by(2).map(str::to_owned).collect();
            match (within, &words[..]) {
                _ if line.ends_with("= [") => within = line.trim_end_matches(" = ["),
                _ if line == "]" => within = "",
                ("allow", [licence]) => rules.allow.push(licence.clone()),
                ("exceptions", [licence, package]) => rules.exceptions.push((licence.clone(), package.clone())),
                ("deny", [package]) => rules.banned.push(package.clone()),
                _ => {}
            }
        }
        rules
    }

    fn admits(&self, package: &str, expression: &str) -> bool {
        let allowed = |licence: &str| {
            self.allow.iter().any(|it| it == licence)
                || self.exceptions.iter().any(|(it, name)| it == licence && name == package)
        };
        let expression = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
        let mut words = expression.split_whitespace().peekable();
        either(&mut words, &allowed) && words.next().is_none()
    }
}

type Words<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

/// `both (OR both)*` of an SPDX expression.
fn either(words: &mut Words<'_>, allowed: &dyn Fn(&str) -> bool) -> bool {
    let mut result = both(words, allowed);
    while words.next_if_eq(&"OR").is_some() {
        result |= both(words, allowed);
    }
    result
}

/// `one (AND one)*` of an SPDX expression.
fn both(words: &mut Words<'_>, allowed: &dyn Fn(&str) -> bool) -> bool {
    let mut result = one(words, allowed);
    while words.next_if_eq(&"AND").is_some() {
        result &= one(words, allowed);
    }
    result
}

/// A licence with its exception, or an expression in parentheses.
fn one(words: &mut Words<'_>, allowed: &dyn Fn(&str) -> bool) -> bool {
    match words.next() {
        Some("(") => either(words, allowed) && words.next() == Some(")"),
        Some(licence) if words.next_if_eq(&"WITH").is_some() => {
            let exception = words.next().unwrap_or_default();
            allowed(licence) || allowed(&format!("{licence} WITH {exception}"))
        }
        Some(licence) => allowed(licence),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = r#"
        allow = [
            "MIT",
            "ISC", # a comment
            "Apache-2.0 WITH LLVM-exception",
        ]
        exceptions = [
            { allow = ["MPL-2.0"], crate = "vpx" },
        ]
        deny = [
            { crate = "ring" },
        ]
    "#;

    #[test]
    fn reads_the_table() {
        let rules = Rules::read(TABLE);
        assert_eq!(rules.allow, ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"]);
        assert_eq!(rules.exceptions, [("MPL-2.0".to_owned(), "vpx".to_owned())]);
        assert_eq!(rules.banned, ["ring"]);
    }

    #[test]
    fn an_expression_is_admitted_when_what_it_asks_is_allowed() {
        let rules = Rules::read(TABLE);
        for fine in
            ["MIT", "GPL-3.0 OR MIT", "MIT/GPL-2.0", "MIT AND (ISC OR GPL-2.0)", "Apache-2.0 WITH LLVM-exception"]
        {
            assert!(rules.admits("any", fine), "{fine}");
        }
        for wrong in ["", "GPL-3.0", "MIT AND GPL-3.0", "Apache-2.0", "(MIT OR ISC) AND Zlib", "MPL-2.0", "MIT ISC"] {
            assert!(!rules.admits("any", wrong), "{wrong}");
        }
        assert!(rules.admits("vpx", "MPL-2.0"));
    }
}
