//! A strict judge of session descriptions, for tests.
//!
//! [`check`] holds a text against the grammar of RFC 8866, against those of the attributes' own RFCs, and against what they say of
//! lines that belong together. It is about what may be *written*: it is stricter than a reader should be, it knows no
//! attribute that is never written, and it shares no code with `ortica-sdp`, whose text it judges.
//!
//! ```
//! let text = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=setup:sideways\r\n";
//! let faults = sdp_grammar::check(text);
//! assert_eq!(faults[0].to_string(), "line 5: a=setup:sideways: a role expected at \"sideways\"");
//! ```
//!
//! | module | what |
//! |---|---|
//! | `scan` | the terms that the grammars share |
//! | `lines` | which lines follow each other, and the syntax of each but attributes |
//! | `attributes` | the syntax of each attribute, and where it may stand |
//! | `coherence` | what one line says of another |
#![forbid(unsafe_code)]

mod attributes;
mod coherence;
mod lines;
mod scan;

use std::fmt;
use std::path::Path;

/// Something that a description may not say.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fault {
    /// Its place in the text, from one; zero for the text as a whole.
    pub line: usize,
    /// The line, without its end.
    pub text: String,
    /// What is wrong with it.
    pub problem: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}: {}", self.line, self.text, self.problem)
    }
}

/// What is wrong with a description; nothing is, if the list is empty.
pub fn check(text: &str) -> Vec<Fault> {
    let (lines, mut faults) = lines::split(text);
    faults.extend(lines::check(&lines));
    faults.extend(attributes::check(&lines));
    // What lines mean together is worth a look only if each has a meaning.
    if faults.is_empty() {
        faults.extend(coherence::check(&lines));
    }
    faults
}

/// Panics with all faults and the text, if there are any. A folder that `ORTICA_DESCRIPTIONS` names gets the text, for others to
/// judge too.
///
/// # Panics
///
/// For a text that [`check`] finds fault with, or that cannot be kept.
#[track_caller]
pub fn assert_sound(text: &str) {
    if let Some(folder) = std::env::var_os("ORTICA_DESCRIPTIONS") {
        keep(Path::new(&folder), text);
    }
    let faults = check(text);
    let list: Vec<String> = faults.iter().map(ToString::to_string).collect();
    assert!(faults.is_empty(), "{}\nin\n{text}", list.join("\n"));
}

/// One text, one file: what many tests write is there once.
fn keep(folder: &Path, text: &str) {
    let hash = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    let path = folder.join(format!("{hash:016x}.sdp"));
    if let Err(error) = std::fs::write(&path, text) {
        panic!("{}: {error}", path.display());
    }
}
