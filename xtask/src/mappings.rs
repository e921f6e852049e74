//! Whether the checklists of what others test are true: every row names tests of ours that exist and ran, or says why there
//! is none.
//!
//! A row is `- NAME: REFERENCE, ..; note` or `- NAME: left out: REASON`. A reference is `` `PATH::TEST` ``, with a path below
//! `crates/` and the name of a test in that file, or of a script's row in one. A heading that ends with a number in brackets
//! says how many rows follow it.

use crate::metadata;
use crate::process::{Failure, read, root};
use crate::testing;
use crate::wpt;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

const DOCUMENTS: [&str; 2] = ["docs/aiortc.md", "docs/sctp-conformance.md"];

/// `cargo xtask mappings [--write]`
pub fn run(arguments: &[String]) -> Result<(), Failure> {
    if arguments.iter().any(|argument| argument == "--write") {
        return wpt::write();
    }
    println!("{}", check()?);
    Ok(())
}

/// One line of counts; an error lists every row at fault.
pub fn check() -> Result<String, Failure> {
    let ran = testing::ran();
    if ran.is_empty() {
        return Err(Failure::new("no tests noted yet: run `cargo xtask test` first"));
    }
    let members = metadata::members()?;
    let packages = members.iter().map(|member| (member.dir.clone(), member.name.clone())).collect();
    let mut sources = Sources { packages, files: BTreeMap::new() };
    let (mut faults, mut counts) = (Vec::new(), Vec::new());
    for document in DOCUMENTS {
        let list = Checklist::parse(&read(document)?);
        faults.extend(list.faults.iter().map(|fault| format!("{document}: {fault}")));
        for (name, reference) in list.references() {
            if let Err(fault) = sources.check(reference, &ran) {
                faults.push(format!("{document}: {name}: {fault}"));
            }
        }
        counts.push(format!("{document} {} shown, {} left out", list.shown(), list.rows.len() - list.shown()));
    }
    match wpt::check(&ran) {
        Ok(count) => counts.push(count),
        Err(wrong) => faults.extend(wrong.iter().map(|fault| format!("docs/wpt.md: {fault}"))),
    }
    if faults.is_empty() { Ok(counts.join("; ")) } else { Err(Failure::new(format!("    {}", faults.join("\n    ")))) }
}

/// The rows of a document, and what is wrong with their form.
#[derive(Debug, Default)]
struct Checklist {
    rows: Vec<Row>,
    faults: Vec<String>,
}

#[derive(Debug, Eq, PartialEq)]
struct Row {
    name: String,
    /// Empty where it is left out.
    shown_by: Vec<Reference>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct Reference {
    /// Below `crates/`.
    path: String,
    test: String,
}

impl Checklist {
    fn parse(text: &str) -> Self {
        let mut list = Self::default();
        let mut section: Option<(&str, usize, usize)> = None;
        for line in text.lines() {
            if line.starts_with('#') {
                list.end(section.take());
                section = counted(line).map(|count| (line, count, list.rows.len()));
            } else if line.starts_with("- ") {
                match Row::parse(line) {
                    Ok(row) => list.rows.push(row),
                    Err(fault) => list.faults.push(format!("{fault}: {line}")),
                }
            }
        }
        list.end(section);
        if list.rows.is_empty() {
            list.faults.push("it has no rows".to_owned());
        }
        list
    }

    /// A section is over: it has as many rows as its heading says.
    fn end(&mut self, section: Option<(&str, usize, usize)>) {
        if let Some((heading, count, from)) = section
            && self.rows.len() - from != count
        {
            self.faults.push(format!("{} rows follow {heading:?}", self.rows.len() - from));
        }
    }

    fn references(&self) -> impl Iterator<Item = (&str, &Reference)> {
        self.rows.iter().flat_map(|row| row.shown_by.iter().map(|reference| (row.name.as_str(), reference)))
    }

    fn shown(&self) -> usize {
        self.rows.iter().filter(|row| !row.shown_by.is_empty()).count()
    }
}

/// The number in brackets at the end of a heading.
fn counted(heading: &str) -> Option<usize> {
    heading.strip_suffix(')')?.rsplit_once('(')?.1.parse().ok()
}

impl Row {
    fn parse(line: &str) -> Result<Self, &'static str> {
        let (name, claim) = line.trim_start_matches("- ").split_once(": ").ok_or("a row without a claim")?;
        let name = name.to_owned();
        if let Some(reason) = claim.strip_prefix("left out:") {
            let given = !reason.trim().is_empty();
            return if given { Ok(Self { name, shown_by: Vec::new() }) } else { Err("left out without a reason") };
        }
        let claim = claim.split_once("; ").map_or(claim, |(references, _)| references);
        let references: Option<Vec<Reference>> = claim.split(", ").map(Reference::parse).collect();
        Ok(Self { name, shown_by: references.ok_or("no `path::test`")? })
    }
}

impl Reference {
    fn parse(text: &str) -> Option<Self> {
        let (path, test) = text.strip_prefix('`')?.strip_suffix('`')?.split_once("::")?;
        let sound = path.ends_with(".rs") && !test.is_empty() && !test.contains('`');
        sound.then(|| Self { path: path.to_owned(), test: test.to_owned() })
    }

    /// Where its test runs: the package's folder, the binary besides the library's own, and the module.
    fn place(&self) -> Option<(&str, Option<&str>, String)> {
        let (folder, file) = self.path.split_once('/')?;
        let (binary, file) = match file.strip_prefix("tests/").map(|file| file.split_once('/').ok_or(file)) {
            Some(Ok((binary, file))) => (Some(binary), file),
            Some(Err(file)) => (Some(file.trim_end_matches(".rs")), ""),
            None => (None, file.strip_prefix("src/")?),
        };
        // These are named by their folder, or by nothing.
        let parts = file.trim_end_matches(".rs").split('/').filter(|part| !["", "lib", "main", "mod"].contains(part));
        let module = parts.collect::<Vec<_>>().join("::");
        Some((folder, binary, module))
    }
}

/// The files that references point to, read once each.
struct Sources {
    /// By folder.
    packages: BTreeMap<PathBuf, String>,
    files: BTreeMap<String, Option<String>>,
}

impl Sources {
    fn check(&mut self, reference: &Reference, ran: &BTreeSet<String>) -> Result<(), String> {
        let Reference { path, test } = reference;
        let file =
            self.files.entry(path.clone()).or_insert_with(|| fs::read_to_string(root().join("crates").join(path)).ok());
        let source = file.as_deref().ok_or_else(|| format!("no file crates/{path}"))?;
        let functions = functions(source, test);
        if functions.is_empty() {
            return Err(format!("no {test} in crates/{path}"));
        }
        let (folder, binary, module) = reference.place().ok_or_else(|| format!("no tests below {path}"))?;
        let package = self.packages.get(&root().join("crates").join(folder)).map(String::as_str).unwrap_or_default();
        let binary = binary.map_or_else(|| package.to_owned(), |binary| format!("{package}::{binary}"));
        for function in functions {
            if !ran.iter().any(|noted| is_run_of(noted, &binary, &module, function)) {
                return Err(format!("{function} in crates/{path} did not run, or failed"));
            }
        }
        Ok(())
    }
}

/// The test functions that show `test`: the one of that name, or those around a string that is or begins with it.
fn functions<'a>(source: &'a str, test: &str) -> Vec<&'a str> {
    let mut around = None;
    let mut found = Vec::new();
    for line in source.lines() {
        if let Some(name) = function(line) {
            around = Some(name);
            if name == test {
                return vec![name];
            }
        }
        if let Some(name) = around.filter(|name| is_named_in(line, test) && !found.contains(name)) {
            found.push(name);
        }
    }
    found
}

/// The name of the function that begins on this line.
fn function(line: &str) -> Option<&str> {
    let rest = line.trim_start();
    let rest = rest.strip_prefix("async ").unwrap_or(rest).strip_prefix("fn ")?;
    rest.split_once(['(', '<']).map(|(name, _)| name)
}

/// Whether a string on this line is `test`, or begins with it and goes on behind a comma or colon.
fn is_named_in(line: &str, test: &str) -> bool {
    let after = line.match_indices('"').filter_map(|(at, _)| line[at + 1..].strip_prefix(test));
    after.into_iter().any(|rest| rest.starts_with(['"', ':', ',']))
}

/// Whether a noted name is that of `function` in `module`, or in its tests: by nextest with the binary before it, by libtest
/// alone.
fn is_run_of(noted: &str, binary: &str, module: &str, function: &str) -> bool {
    let mut words = noted.split_whitespace().rev();
    let Some(path) = words.next().and_then(|path| path.strip_suffix(function)) else { return false };
    let right = path.trim_end_matches("::");
    let right = right == module || right == format!("{module}::tests").trim_start_matches("::");
    let boundary = path.is_empty() || path.ends_with("::");
    right && boundary && words.next().is_none_or(|word| word.ends_with(')') || word == binary)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(path: &str, test: &str) -> Reference {
        Reference { path: path.to_owned(), test: test.to_owned() }
    }

    #[test]
    fn reads_rows_and_says_which_are_none() {
        let list = Checklist::parse(
            "# T\n- a: `sctp/src/x.rs::one`, `sctp/tests/y.rs::two`; a note, with more\n- b: left out: because\n- c: it is\n",
        );
        let shown_by = vec![reference("sctp/src/x.rs", "one"), reference("sctp/tests/y.rs", "two")];
        assert_eq!(list.rows[0], Row { name: "a".to_owned(), shown_by });
        assert_eq!((list.rows.len(), list.shown(), list.faults.len()), (2, 1, 1));
        for line in [
            "- a",
            "- a: left out:",
            "- a: `x.rs`",
            "- a: `x::y`",
            "- a: x.rs::y",
            "- a: `x.rs::y`, z",
            "- a: `x.rs::`",
        ] {
            assert!(Row::parse(line).is_err(), "{line}");
        }
    }

    #[test]
    fn a_section_has_as_many_rows_as_its_heading_says() {
        let text =
            |count: usize| format!("## T ({count})\n- a: left out: x\n- b: left out: x\n## more\n- c: left out: x\n");
        assert!(Checklist::parse(&text(2)).faults.is_empty());
        assert_eq!(Checklist::parse(&text(3)).faults.len(), 1);
        assert_eq!(Checklist::parse("# T\n").faults, ["it has no rows"]);
    }

    #[test]
    fn finds_the_functions_around_a_name() {
        let source =
            "fn one() {\n    Row { name: \"a\" }\n}\n    async fn two(x: u8) {\n    (\"a: more\", 1),\n    \"ab\"\n}\n";
        assert_eq!(functions(source, "one"), ["one"]);
        assert_eq!(functions(source, "two"), ["two"]);
        assert_eq!(functions(source, "a"), ["one", "two"]);
        assert_eq!(functions(source, "ab"), ["two"]);
        assert!(functions(source, "b").is_empty());
        assert!(functions("const X: &str = \"a\";\n", "a").is_empty());
    }

    #[test]
    fn knows_where_a_test_runs() {
        let place = |path: &str| {
            reference(path, "x")
                .place()
                .map(|(folder, binary, module)| (folder.to_owned(), binary.map(str::to_owned), module))
        };
        let expect = |folder: &str, binary: Option<&str>, module: &str| {
            Some((folder.to_owned(), binary.map(str::to_owned), module.to_owned()))
        };
        assert_eq!(place("sctp/tests/wrap.rs"), expect("sctp", Some("wrap"), ""));
        assert_eq!(place("sctp/tests/dcsctp/main.rs"), expect("sctp", Some("dcsctp"), ""));
        assert_eq!(place("sctp/tests/dcsctp/socket.rs"), expect("sctp", Some("dcsctp"), "socket"));
        assert_eq!(place("sctp/src/id.rs"), expect("sctp", None, "id"));
        assert_eq!(place("sctp/src/chunk/mod.rs"), expect("sctp", None, "chunk"));
        assert_eq!(place("sctp/src/association/tests/rules.rs"), expect("sctp", None, "association::tests::rules"));
        assert_eq!(place("sctp/README.md"), None);
    }

    #[test]
    fn a_test_ran_if_its_binary_and_module_are_right() {
        let run = |noted: &str| is_run_of(noted, "ortica-sctp::dcsctp", "socket", "it_works");
        assert!(run("(  12/1061) ortica-sctp::dcsctp socket::it_works"));
        assert!(run("socket::it_works"));
        assert!(run("socket::tests::it_works"));
        assert!(!run("(  12/1061) ortica-sctp::etsi socket::it_works"));
        assert!(!run("other::socket::it_works"));
        assert!(!run("socket::and_it_works"));
        let library = |noted: &str| is_run_of(noted, "ortica-sctp", "", "it_works");
        assert!(library("(1/2) ortica-sctp tests::it_works") && library("it_works"));
        assert!(!library("(1/2) ortica-sctp::x it_works"));
    }

    /// Every row of the real documents is one, and what it names is in the file that it names.
    #[test]
    fn the_real_checklists_name_what_there_is() {
        for document in DOCUMENTS {
            let list = Checklist::parse(&read(document).unwrap());
            assert_eq!(list.faults, Vec::<String>::new(), "{document}");
            for (name, Reference { path, test }) in list.references() {
                let source = fs::read_to_string(root().join("crates").join(path)).unwrap_or_default();
                assert!(!functions(&source, test).is_empty(), "{document}: {name}: no {test} in {path}");
            }
        }
    }
}
