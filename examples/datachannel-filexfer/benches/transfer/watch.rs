//! Two processes, watched from outside.

use crate::Failure;
use std::fmt;
use std::fs;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

/// Between two looks at a process.
const INTERVAL: Duration = Duration::from_millis(20);
/// A second has so many of the ticks that the system counts in.
const TICKS: f64 = 100.0;

/// A transfer between two processes.
#[derive(Debug)]
pub struct Transfer {
    pub megabytes_per_second: f64,
    /// Of both processes.
    pub cpu_seconds_per_gigabyte: f64,
    /// What each process held at each look, in MiB.
    memory: [Vec<f64>; 2],
}

impl Transfer {
    /// The most that one of them held, in MiB.
    pub fn peak(&self) -> f64 {
        self.memory.iter().map(|samples| peak(samples)).fold(0.0, f64::max)
    }

    /// How much more one of them held in the second half of its looks than in the first, in MiB.
    pub fn growth(&self) -> f64 {
        let growth = |samples: &Vec<f64>| {
            let (first, second) = samples.split_at(samples.len() / 2);
            peak(second) - peak(first)
        };
        self.memory.iter().map(growth).fold(f64::NEG_INFINITY, f64::max)
    }
}

impl fmt::Display for Transfer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [receiver, sender] = self.memory.each_ref().map(|samples| peak(samples));
        write!(
            f,
            "{:.0} MB/s, {:.2} CPU s/GB, sender {sender:.1} MiB, receiver {receiver:.1} MiB, second half {:+.1} MiB",
            self.megabytes_per_second,
            self.cpu_seconds_per_gigabyte,
            self.growth()
        )
    }
}

fn peak(samples: &[f64]) -> f64 {
    samples.iter().copied().fold(0.0, f64::max)
}

/// Runs both sides to their ends.
pub fn transfer(receiver: Command, sender: Command) -> Result<Transfer, Failure> {
    let sides = [start(receiver)?, start(sender)?];
    let [receiver, sender] = sides.map(|mut child| thread::spawn(move || watch(&mut child)));
    let join = |side: thread::JoinHandle<Result<Side, Failure>>| side.join().map_err(|_| "a watcher panicked")?;
    let (receiver, sender) = (join(receiver)?, join(sender)?);
    let (bytes, megabits) = parse(&receiver.said).ok_or_else(|| format!("the receiver said {:?}", receiver.said))?;
    Ok(Transfer {
        megabytes_per_second: megabits / 8.0,
        cpu_seconds_per_gigabyte: (receiver.cpu + sender.cpu) / (bytes / 1e9),
        memory: [receiver.memory, sender.memory],
    })
}

fn start(mut command: Command) -> std::io::Result<Child> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()
}

/// What was seen of a process.
struct Side {
    said: String,
    cpu: f64,
    memory: Vec<f64>,
}

fn watch(child: &mut Child) -> Result<Side, Failure> {
    let mut side = Side { said: String::new(), cpu: 0.0, memory: Vec::new() };
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        side.cpu = cpu(child.id()).unwrap_or(side.cpu);
        side.memory.extend(memory(child.id()));
        thread::sleep(INTERVAL);
    };
    if let Some(mut stdout) = child.stdout.take() {
        stdout.read_to_string(&mut side.said)?;
    }
    if status.success() { Ok(side) } else { Err(format!("a side ended with {status}").into()) }
}

/// Source: proc_pid_status(5)
fn memory(pid: u32) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.split_whitespace().next()?.parse::<f64>().ok()? / 1024.0)
}

/// Seconds of CPU time that a process has taken.
///
/// Source: proc_pid_stat(5), fields 14 and 15
pub fn cpu(pid: u32) -> Option<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    let ticks: f64 = rest.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
    Some(ticks / TICKS)
}

/// Bytes and megabits per second of "received N bytes … (X Mbps)".
fn parse(said: &str) -> Option<(f64, f64)> {
    let (_, rest) = said.split_once("received ")?;
    let bytes = rest.split(' ').next()?.parse().ok()?;
    let (_, speed) = rest.split_once('(')?;
    Some((bytes, speed.split(' ').next()?.parse().ok()?))
}
