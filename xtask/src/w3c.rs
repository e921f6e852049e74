//! Whether `docs/w3c.md` is true: every member of the W3C's IDL has its row, and every item of ours that a row names exists.
//!
//! A section is `### INTERFACE`, a row one of
//!
//! ```text
//! - `MEMBER`: `PATH`, ..; note
//! - `MEMBER`: left out: REASON
//! - `MEMBER`: not there yet
//! ```
//!
//! or, for a section without rows, `left out: REASON`. A path is that of an item in the documentation that `cargo doc` wrote, under
//! the crate that defines it. The members are those of `xtask/testdata/w3c-members.txt`, which `--write DIRECTORY` makes anew from
//! the IDL of the npm package `@webref/idl`: so the check needs no network.

mod idl;

use crate::process::{Failure, read, root, target_dir};
use idl::Members;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const DOCUMENT: &str = "docs/w3c.md";
const MEMBERS: &str = "xtask/testdata/w3c-members.txt";
/// Entries that are left out, sections and rows: no more than that.
const MAX_LEFT_OUT: usize = 25;

/// `cargo xtask w3c [--write DIRECTORY]`
pub fn run(arguments: &[String]) -> Result<(), Failure> {
    match arguments {
        [] => println!("{}", check()?),
        [flag, directory] if flag == "--write" => {
            let members = idl::read(Path::new(directory))?;
            fs::write(root().join(MEMBERS), idl::to_text(&members))?;
        }
        _ => return Err(Failure::new("w3c takes nothing, or --write and a directory with IDL")),
    }
    Ok(())
}

/// One line of counts; an error lists every row at fault.
pub fn check() -> Result<String, Failure> {
    let members = idl::from_text(&read(MEMBERS)?);
    let list = List::parse(&read(DOCUMENT)?);
    let mut faults = list.faults.clone();
    faults.extend(list.compare(&members));
    let docs = target_dir().join("doc");
    if !docs.join("ortica").is_dir() {
        return Err(Failure::new("no documentation yet: run `cargo xtask ci --only docs` first"));
    }
    let mut items = Items { docs, pages: BTreeMap::new() };
    for (place, path) in list.paths() {
        if !items.has(path) {
            faults.push(format!("{place}: there is no {path}"));
        }
    }
    let left_out = list.left_out();
    if left_out > MAX_LEFT_OUT {
        faults.push(format!("{left_out} entries are left out, of {MAX_LEFT_OUT} that may be"));
    }
    if faults.is_empty() { Ok(list.summary()) } else { Err(Failure::new(format!("    {}", faults.join("\n    ")))) }
}

/// The sections of the document, and what is wrong with their form.
#[derive(Debug, Default)]
struct List {
    sections: Vec<Section>,
    faults: Vec<String>,
}

#[derive(Debug)]
struct Section {
    name: String,
    left_out: bool,
    rows: Vec<Row>,
}

#[derive(Debug, Eq, PartialEq)]
struct Row {
    member: String,
    status: Status,
}

#[derive(Debug, Eq, PartialEq)]
enum Status {
    /// Paths of our items.
    Ours(Vec<String>),
    LeftOut,
    NotYet,
}

impl Status {
    fn parse(text: &str) -> Option<Self> {
        if text == "not there yet" {
            return Some(Self::NotYet);
        }
        if let Some(reason) = text.strip_prefix("left out: ") {
            return (!reason.is_empty()).then_some(Self::LeftOut);
        }
        let named = text.split(';').next().unwrap_or_default();
        let path = |word: &str| Some(word.trim().strip_prefix('`')?.strip_suffix('`')?.to_owned());
        named.split(',').map(path).collect::<Option<Vec<_>>>().map(Self::Ours)
    }
}

impl List {
    fn parse(text: &str) -> Self {
        let mut list = Self::default();
        for line in text.lines() {
            if let Some(name) = line.strip_prefix("### ") {
                list.sections.push(Section { name: name.to_owned(), left_out: false, rows: Vec::new() });
            }
            let Some(section) = list.sections.last_mut() else { continue };
            if line.starts_with("left out: ") {
                section.left_out = true;
            } else if let Some(row) = line.strip_prefix("- `") {
                let row = row.split_once("`: ").and_then(|(member, status)| {
                    Some(Row { member: member.to_owned(), status: Status::parse(status)? })
                });
                match row {
                    Some(row) => section.rows.push(row),
                    None => list.faults.push(format!("not a row: {line}")),
                }
            }
        }
        list
    }

    /// What the IDL has and the document lacks, and the other way round.
    fn compare(&self, members: &Members) -> Vec<String> {
        let mut faults = Vec::new();
        for (name, wanted) in members {
            let Some(section) = self.sections.iter().find(|section| section.name == *name) else {
                faults.push(format!("no section {name}"));
                continue;
            };
            if section.left_out {
                continue;
            }
            let rows: Vec<&str> = section.rows.iter().map(|row| row.member.as_str()).collect();
            faults.extend(
                wanted.iter().filter(|it| !rows.contains(&it.as_str())).map(|it| format!("no row {name}.{it}")),
            );
            let unknown = rows.iter().filter(|row| !wanted.contains(**row));
            faults.extend(unknown.map(|row| format!("{name}.{row} is not in the IDL")));
        }
        let unknown = self.sections.iter().filter(|section| !members.contains_key(&section.name));
        faults.extend(unknown.map(|section| format!("{} is not in the IDL", section.name)));
        faults
    }

    fn rows(&self) -> impl Iterator<Item = (&Section, &Row)> {
        self.sections.iter().flat_map(|section| section.rows.iter().map(move |row| (section, row)))
    }

    /// Each path with the place that names it.
    fn paths(&self) -> impl Iterator<Item = (String, &str)> {
        self.rows().flat_map(|(section, row)| {
            let paths = if let Status::Ours(paths) = &row.status { paths.as_slice() } else { &[] };
            paths.iter().map(move |path| (format!("{}.{}", section.name, row.member), path.as_str()))
        })
    }

    fn left_out(&self) -> usize {
        let sections = self.sections.iter().filter(|section| section.left_out).count();
        sections + self.rows().filter(|(_, row)| row.status == Status::LeftOut).count()
    }

    fn summary(&self) -> String {
        let not_yet = self.rows().filter(|(_, row)| row.status == Status::NotYet).count();
        let ours = self.rows().filter(|(_, row)| matches!(row.status, Status::Ours(_))).count();
        format!("{ours} members ours, {not_yet} not there yet, {} entries left out", self.left_out())
    }
}

/// The items that the documentation has.
struct Items {
    docs: PathBuf,
    pages: BTreeMap<PathBuf, Option<String>>,
}

impl Items {
    /// Whether there is a page for the item, with an anchor for its member if the path goes on to one.
    fn has(&mut self, path: &str) -> bool {
        let words: Vec<&str> = path.split("::").collect();
        let is_type = |word: &&str| word.starts_with(|first: char| first.is_ascii_uppercase());
        let Some(at) = words.iter().position(is_type) else {
            return words.split_last().is_some_and(|(name, modules)| self.page(modules, "fn", name).is_some());
        };
        let (modules, rest) = words.split_at(at);
        let Some((name, member)) = rest.split_first() else { return false };
        let kinds = ["struct", "enum", "trait", "type"];
        let Some(page) = kinds.iter().find_map(|kind| self.page(modules, kind, name).map(str::to_owned)) else {
            return false;
        };
        let anchor = |kind: &str, name: &str| page.contains(&format!("id=\"{kind}.{name}\""));
        match member {
            [] => true,
            [name] => ["method", "tymethod", "structfield", "variant", "associatedconstant"]
                .iter()
                .any(|kind| anchor(kind, name)),
            [variant, field] => anchor("variant", &format!("{variant}.field.{field}")),
            _ => false,
        }
    }

    fn page(&mut self, modules: &[&str], kind: &str, name: &str) -> Option<&str> {
        let mut path = self.docs.clone();
        path.extend(modules);
        path.push(format!("{kind}.{name}.html"));
        self.pages.entry(path).or_insert_with_key(|path| fs::read_to_string(path).ok()).as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(text: &str) -> Members {
        idl::from_text(text)
    }

    #[test]
    fn a_row_names_items_or_says_why_there_is_none() {
        let ours = |paths: &[&str]| Some(Status::Ours(paths.iter().map(|&path| path.to_owned()).collect()));
        assert_eq!(Status::parse("`a::B`, `a::C::d`; a note"), ours(&["a::B", "a::C::d"]));
        assert_eq!(Status::parse("left out: a reason"), Some(Status::LeftOut));
        assert_eq!(Status::parse("not there yet"), Some(Status::NotYet));
        assert_eq!(Status::parse("left out: "), None);
        assert_eq!(Status::parse("somewhere"), None);
    }

    #[test]
    fn what_is_missing_on_either_side_is_a_fault() {
        let list = List::parse("### A\n\n- `x`: `a::X`\n- `z`: not there yet\n\n### C\n\nleft out: a reason\n");
        let faults = list.compare(&members("A x y\nB b\nC c\n"));
        assert_eq!(faults, ["no row A.y", "A.z is not in the IDL", "no section B"]);
        assert_eq!(list.left_out(), 1);
        assert_eq!(list.paths().map(|(place, path)| format!("{place} {path}")).collect::<Vec<_>>(), ["A.x a::X"]);
    }

    #[test]
    fn an_item_is_found_by_its_page_and_its_anchor() {
        let docs = std::env::temp_dir().join(format!("ortica-w3c-{}", std::process::id()));
        fs::create_dir_all(docs.join("a/b")).unwrap();
        fs::write(docs.join("a/b/struct.Thing.html"), "<a id=\"method.call\"> <a id=\"structfield.field\">").unwrap();
        fs::write(docs.join("a/enum.Event.html"), "<a id=\"variant.Track\"> <a id=\"variant.Track.field.mid\">")
            .unwrap();
        let mut items = Items { docs: docs.clone(), pages: BTreeMap::new() };
        let found =
            ["a::b::Thing", "a::b::Thing::call", "a::b::Thing::field", "a::Event::Track", "a::Event::Track::mid"];
        let lost = ["a::Thing", "a::b::Thing::cal", "a::Event::Closed", "a::Event::Track::kind"];
        assert!(found.iter().all(|path| items.has(path)));
        assert!(!lost.iter().any(|path| items.has(path)));
        fs::remove_dir_all(docs).unwrap();
    }
}
