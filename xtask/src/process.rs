//! Running other programs.

use std::ffi::OsStr;
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Why a command of ours did not succeed, in words for whoever ran it.
#[derive(Debug)]
pub struct Failure(pub String);

impl Failure {
    pub fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self(error.to_string())
    }
}

/// The repository.
pub fn root() -> &'static Path {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    ROOT.get_or_init(|| {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        here.parent().unwrap_or(here).to_owned()
    })
}

/// The one target folder that everything shares.
pub fn target_dir() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => root().join(dir),
        None => root().join("target"),
    }
}

/// A folder for what we note down ourselves.
pub fn notes_dir() -> PathBuf {
    target_dir().join("xtask")
}

/// A program to run, shown as one would type it.
#[derive(Clone, Debug)]
pub struct Task {
    program: String,
    args: Vec<String>,
    envs: Vec<(String, String)>,
    dir: Option<PathBuf>,
    limit: Duration,
}

impl Task {
    pub fn new(program: impl Into<String>) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            envs: Vec::new(),
            dir: None,
            limit: Duration::from_secs(1_800),
        }
    }

    /// `cargo` with the words of `line`.
    pub fn cargo(line: &str) -> Self {
        Self::new("cargo").words(line)
    }

    /// Appends the words of `line`, which contain no spaces of their own.
    pub fn words(self, line: &str) -> Self {
        self.args(line.split_whitespace())
    }

    pub fn args<S: AsRef<str>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.envs.push((name.to_owned(), value.as_ref().to_string_lossy().into_owned()));
        self
    }

    /// Runs in a folder of the repository instead of its root.
    pub fn dir(mut self, dir: impl AsRef<Path>) -> Self {
        self.dir = Some(root().join(dir));
        self
    }

    /// Gives up after this time; half an hour unless set.
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Runs it in the foreground.
    pub fn run(&self) -> Result<(), Failure> {
        let status = self.command().status().map_err(|error| self.not_started(&error))?;
        self.judge(status)
    }

    /// Runs it with its output going to `log`.
    pub fn run_logged(&self, log: &Path) -> Result<(), Failure> {
        let out = create(log)?;
        let err = out.try_clone()?;
        let started = Instant::now();
        let mut child =
            self.command().stdin(Stdio::null()).stdout(out).stderr(err).spawn().map_err(|it| self.not_started(&it))?;
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            if started.elapsed() > self.limit {
                child.kill()?;
                child.wait()?;
                return Err(Failure::new(format!("{}\n  gave up after {:?}: {self}", tail(log), self.limit)));
            }
            std::thread::sleep(Duration::from_millis(50));
        };
        self.judge(status).map_err(|failure| Failure::new(format!("{}\n{failure}", tail(log))))
    }

    /// Runs it and gives what it printed.
    pub fn capture(&self) -> Result<String, Failure> {
        let output = self.command().stderr(Stdio::piped()).output().map_err(|error| self.not_started(&error))?;
        if !output.status.success() {
            let stderr = String::from_utf8_lossy(&output.stderr);
            return Err(Failure::new(format!("{}\n  failed: {self}", stderr.trim_end())));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Whether it runs and succeeds, in silence.
    pub fn succeeds(&self) -> bool {
        self.command()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.args).current_dir(self.dir.as_deref().unwrap_or(root()));
        command.envs(self.envs.iter().map(|(name, value)| (name, value)));
        // Whoever runs us through cargo leaves these behind; they belong to this package and to no other.
        for name in ["CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH", "CARGO_PKG_NAME", "CARGO_PKG_VERSION"] {
            command.env_remove(name);
        }
        command
    }

    fn judge(&self, status: ExitStatus) -> Result<(), Failure> {
        if status.success() { Ok(()) } else { Err(Failure::new(format!("  failed ({status}): {self}"))) }
    }

    fn not_started(&self, error: &io::Error) -> Failure {
        Failure::new(format!("  cannot start {}: {error}", self.program))
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(dir) = &self.dir {
            write!(f, "cd {} && ", dir.strip_prefix(root()).unwrap_or(dir).display())?;
        }
        for (name, value) in &self.envs {
            write!(f, "{name}={} ", quoted(value))?;
        }
        f.write_str(&self.program)?;
        self.args.iter().try_for_each(|arg| write!(f, " {}", quoted(arg)))
    }
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.to_owned() } else { format!("'{word}'") }
}

/// Creates a file and the folders above it.
pub fn create(path: &Path) -> Result<File, Failure> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    File::create(path).map_err(|error| Failure::new(format!("{}: {error}", path.display())))
}

/// Reads a file of the repository.
pub fn read(path: impl AsRef<Path>) -> Result<String, Failure> {
    let path = root().join(path);
    fs::read_to_string(&path).map_err(|error| Failure::new(format!("{}: {error}", path.display())))
}

/// The folders inside a folder of the repository that hold a `Cargo.toml`, sorted; none if it does not exist.
pub fn packages_in(dir: impl AsRef<Path>) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(root().join(dir)) else { return Vec::new() };
    let mut dirs: Vec<PathBuf> =
        entries.flatten().map(|entry| entry.path()).filter(|path| path.join("Cargo.toml").exists()).collect();
    dirs.sort();
    dirs
}

/// Whether a program is in the path.
pub fn in_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
}

/// The end of a log, indented: enough to see what went wrong.
fn tail(log: &Path) -> String {
    let text = fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(60);
    lines.get(from..).unwrap_or_default().iter().map(|line| format!("    {line}\n")).collect()
}
