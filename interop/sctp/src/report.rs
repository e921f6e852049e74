//! A line of JSON per check.

use serde_json::{Value, json};
use std::time::Instant;

/// Prints what came of the checks, and remembers whether all passed.
pub struct Report {
    only: String,
    pub passed: u32,
    pub failed: u32,
    pub skipped: u32,
}

impl Report {
    /// Of checks whose name has the words `only`.
    pub fn new(only: String) -> Self {
        Self { only, passed: 0, failed: 0, skipped: 0 }
    }

    /// Performs a check, if it is wanted.
    pub fn check(&mut self, name: &str, run: impl FnOnce() -> Result<Value, String>) {
        if !name.contains(&self.only) {
            return;
        }
        let started = Instant::now();
        let outcome = run();
        let seconds = (started.elapsed().as_secs_f64() * 100.0).round() / 100.0;
        let mut line = json!({ "check": name, "ok": outcome.is_ok(), "seconds": seconds });
        match outcome {
            Ok(Value::Object(more)) => more.into_iter().for_each(|(key, value)| line[key] = value),
            Ok(_) => {}
            Err(error) => line["error"] = error.into(),
        }
        if line["ok"] == true {
            self.passed += 1
        } else {
            self.failed += 1
        }
        println!("{line}");
    }

    /// Says why a check is not performed.
    pub fn skip(&mut self, name: &str, why: &str) {
        if name.contains(&self.only) {
            self.skipped += 1;
            println!("{}", json!({ "check": name, "ok": true, "skipped": why }));
        }
    }
}
