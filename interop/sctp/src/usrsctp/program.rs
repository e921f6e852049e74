//! A program of usrsctp's while it is needed.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Where Debian's libusrsctp-examples puts them.
const FOLDER: &str = "/usr/lib/usrsctp";

/// The folder of the programs, or why there is none. `USRSCTP` names another one.
pub fn folder() -> Result<PathBuf, String> {
    let folder = std::env::var_os("USRSCTP").map_or_else(|| PathBuf::from(FOLDER), PathBuf::from);
    if folder.join("tsctp").exists() {
        return Ok(folder);
    }
    Err(format!("no programs in {}: Debian's libusrsctp-examples has them", folder.display()))
}

/// It ends when this is dropped.
pub struct Program {
    child: Child,
    output: PathBuf,
}

impl Program {
    pub fn start(name: &str, words: &[&str]) -> Result<Self, String> {
        let output = std::env::temp_dir().join(format!("ortica-usrsctp-{name}-{}.txt", std::process::id()));
        let start = |output: &Path| {
            let file = File::create(output)?;
            let mut command = Command::new(folder().map_err(std::io::Error::other)?.join(name));
            command.args(words).stdin(Stdio::piped()).stdout(file.try_clone()?).stderr(file).spawn()
        };
        let child = start(&output).map_err(|error| format!("{name}: {error}"))?;
        Ok(Self { child, output })
    }

    /// Writes to its input.
    pub fn write(&mut self, text: &str) -> Result<(), String> {
        let input = self.child.stdin.as_mut().ok_or("its input is closed")?;
        input.write_all(text.as_bytes()).and_then(|()| input.flush()).map_err(|error| error.to_string())
    }

    pub fn close_input(&mut self) {
        self.child.stdin = None;
    }

    /// What it has said so far.
    pub fn output(&self) -> String {
        std::fs::read(&self.output).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_file(&self.output);
    }
}
