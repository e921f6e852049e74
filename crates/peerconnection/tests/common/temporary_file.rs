//! Files of tests.

use std::path::PathBuf;

/// A file that is gone when the test is over.
pub struct TemporaryFile(pub PathBuf);

impl TemporaryFile {
    pub fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("ortica-{}-{name}", std::process::id())))
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
