//! What `cargo metadata` says, as far as we ask.

use crate::process::{Failure, Task, root};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A package.
#[derive(Debug)]
pub struct Package {
    pub name: String,
    pub version: String,
    pub license: String,
    /// `None` is a package of ours.
    pub source: Option<String>,
    pub dir: PathBuf,
    pub published: bool,
    pub features: Vec<String>,
    pub dependencies: Vec<Dependency>,
}

/// What a package says it needs.
#[derive(Debug)]
pub struct Dependency {
    pub name: String,
    pub kind: Kind,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    Normal,
    Dev,
    Build,
}

/// The members of our workspace.
pub fn members() -> Result<Vec<Package>, Failure> {
    read(&Task::cargo("metadata --format-version 1 --no-deps"))
}

/// The package in a folder that is a workspace of its own.
pub fn alone(dir: &Path) -> Result<Vec<Package>, Failure> {
    read(&Task::cargo("metadata --format-version 1 --no-deps").dir(dir))
}

/// Everything that any feature of any member can bring in, for any platform.
pub fn everything() -> Result<Vec<Package>, Failure> {
    let packages = read(&Task::cargo("metadata --format-version 1 --all-features --locked"))?;
    // `metadata` also has what a feature such as `ring?/alloc` only mentions; `tree` has what is built.
    let tree = Task::cargo("tree --workspace --all-features --target all --prefix none --format {p} --locked");
    let built = tree.capture()?;
    let built: BTreeSet<&str> = built.lines().filter_map(|line| line.split(' ').next()).collect();
    Ok(packages.into_iter().filter(|package| built.contains(package.name.as_str())).collect())
}

fn read(task: &Task) -> Result<Vec<Package>, Failure> {
    let text = task.capture()?;
    let value: Value = serde_json::from_str(&text).map_err(|error| Failure::new(format!("{task}: {error}")))?;
    Ok(list(&value, "packages").iter().map(package).collect())
}

fn package(value: &Value) -> Package {
    let dependency = |value: &Value| Dependency {
        name: text(value, "name"),
        kind: match value.get("kind").and_then(Value::as_str) {
            Some("dev") => Kind::Dev,
            Some("build") => Kind::Build,
            _ => Kind::Normal,
        },
    };
    let manifest = PathBuf::from(text(value, "manifest_path"));
    let features = value.get("features").and_then(Value::as_object);
    Package {
        name: text(value, "name"),
        version: text(value, "version"),
        license: text(value, "license"),
        source: value.get("source").and_then(Value::as_str).map(str::to_owned),
        dir: manifest.parent().unwrap_or(root()).to_owned(),
        // `publish = false` is an empty list of registries; no list at all allows every one.
        published: value.get("publish").is_none_or(Value::is_null),
        features: features.map(|map| map.keys().cloned().collect()).unwrap_or_default(),
        dependencies: list(value, "dependencies").iter().map(dependency).collect(),
    }
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn text(value: &Value, name: &str) -> String {
    value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}
