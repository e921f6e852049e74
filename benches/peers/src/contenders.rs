//! The rows of the tables: a stack with its settings, and how to run it.

use crate::options::Options;
use crate::results::Measure;
use crate::{SIZES, machine};
use serde_json::{Map, Value, json};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// What the kernel makes 212,992 bytes of, its own default: it doubles what is asked for.
const KERNELS_OWN: &str = "106496";
/// As far as `net.core.rmem_max` allows.
const LARGE: &str = "8388608";

/// A row.
#[derive(Clone, Copy, Debug)]
pub struct Contender {
    /// As the tables call it, and `--only`.
    pub name: &'static str,
    program: Program,
    settings: &'static [&'static str],
    /// Where SCTP's checksum stands, which only the stacks' own sources tell: it is inside the encryption.
    pub checksum: &'static str,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Program {
    Own(&'static str),
    Chromium,
    Aiortc,
}

/// The row that the others are compared with.
pub const OURS: &str = "ortica";
/// The peer that is also measured with buffers it does not ask for.
pub const WEBRTC_LARGE: &str = "webrtc, 8 MiB buffers";
/// Our row with the buffers that a system gives who asks for none.
pub const OURS_SMALL: &str = "ortica, 208 KiB buffers";

const fn row(
    name: &'static str,
    program: Program,
    settings: &'static [&'static str],
    checksum: &'static str,
) -> Contender {
    Contender { name, program, settings, checksum }
}

const CRC: &str = "CRC32c";
const NONE: &str = "none (RFC 9653)";

/// Every row: stacks as shipped first, then the same with other settings.
pub const CONTENDERS: &[Contender] = &[
    row(OURS, Program::Own("peer-ortica"), &[], NONE),
    row("str0m", Program::Own("peer-str0m"), &[], CRC),
    row("webrtc", Program::Own("peer-webrtc"), &[], CRC),
    row("libdatachannel", Program::Own("peer-libdatachannel"), &[], NONE),
    row("Chromium", Program::Chromium, &[], "not known"),
    row("aiortc", Program::Aiortc, &[], CRC),
    row(OURS_SMALL, Program::Own("peer-ortica"), &["--buffers", KERNELS_OWN], NONE),
    row("str0m, 8 MiB buffers", Program::Own("peer-str0m"), &["--buffers", LARGE], CRC),
    row(WEBRTC_LARGE, Program::Own("peer-webrtc"), &["--buffers", LARGE], CRC),
    row("ortica, path MTU 1,500", Program::Own("peer-ortica"), &["--mtu", "1500"], NONE),
    row("webrtc, path MTU 1,500", Program::Own("peer-webrtc"), &["--mtu", "1500"], CRC),
    row("libdatachannel, path MTU 1,500", Program::Own("peer-libdatachannel"), &["--mtu", "1500"], NONE),
];

impl Contender {
    /// A stack as shipped.
    pub fn is_stack(&self) -> bool {
        self.settings.is_empty()
    }

    /// Somebody else's stack as shipped.
    pub fn is_peer(&self) -> bool {
        self.is_stack() && self.name != OURS
    }

    /// What is measured of it: of a row with other settings only the transfers that the settings are about.
    pub fn measures(&self, measure: Measure) -> bool {
        match measure {
            // aiortc announces that it takes 64 KiB.
            Measure::Transfer(size) if self.program == Program::Aiortc => size <= 64 << 10,
            Measure::Transfer(size) => self.is_stack() || SIZES[2..4].contains(&size),
            Measure::Handshake => false,
            Measure::Ping | Measure::Loaded | Measure::SetUp => self.is_stack(),
        }
    }

    /// How many turns of a round it takes part in at most: what needs seconds to start is not started again and again.
    pub fn most_turns(&self) -> usize {
        if matches!(self.program, Program::Own(_)) { usize::MAX } else { 1 }
    }

    /// Says so if it is not.
    pub fn is_there(&self, options: &Options) -> bool {
        let there = match self.program {
            Program::Own(name) => own(name).is_some_and(|path| path.exists()),
            Program::Chromium => {
                !machine::said("node", &["benches/peers/other/chromium.mjs", "there"]).contains("\"error\"")
            }
            Program::Aiortc => options.python.as_ref().is_some_and(|python| std::path::Path::new(python).exists()),
        };
        if !there {
            println!("skipped: {} is not here", self.name);
        }
        there
    }

    /// One measurement in a process of its own.
    pub fn run(&self, measure: Measure, options: &Options) -> Map<String, Value> {
        let (mut command, pause) = match self.program {
            Program::Own(name) => (Command::new(own(name).unwrap_or_default()), Duration::ZERO),
            // A browser that has just ended still clears up.
            Program::Chromium => (script("node", "chromium.mjs"), Duration::from_millis(500)),
            Program::Aiortc => {
                (script(options.python.as_deref().unwrap_or("python3"), "aiortc_peer.py"), Duration::ZERO)
            }
        };
        command.args(measure.arguments()).args(["--seconds", &options.seconds.to_string()]).args(self.settings);
        let result = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().and_then(finish);
        thread::sleep(pause);
        let text = result.unwrap_or_else(|error| json!({ "error": error.to_string() }).to_string());
        let value = text.lines().last().and_then(|line| serde_json::from_str(line).ok());
        match value {
            Some(Value::Object(result)) => result,
            _ => Map::from_iter([("error".to_owned(), json!("it ended without a result"))]),
        }
    }
}

/// Waits for the process, at most so long as it may take; what it printed.
fn finish(mut child: Child) -> std::io::Result<String> {
    const LIMIT: Duration = Duration::from_secs(90);
    let started = Instant::now();
    while child.try_wait()?.is_none() {
        if started.elapsed() > LIMIT {
            child.kill()?;
            break;
        }
        thread::sleep(Duration::from_millis(20));
    }
    let output = child.wait_with_output()?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// A program that was built beside this one.
fn own(name: &str) -> Option<PathBuf> {
    Some(std::env::current_exe().ok()?.with_file_name(name))
}

fn script(interpreter: &str, name: &str) -> Command {
    let mut command = Command::new(interpreter);
    command.arg(machine::root().join("benches/peers/other").join(name));
    command
}
