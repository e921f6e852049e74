//! A file between two processes, beside the same transfer without files and a plain copy of the file: speed, CPU time, memory over
//! time, and whether what arrives is what was sent.
//!
//! ```text
//! cargo bench -p datachannel-filexfer --bench transfer
//! cargo bench -p datachannel-filexfer --bench transfer -- --megabytes 100 --rounds 1
//! ```
//!
//! The files lie in memory (/dev/shm) where there is room, so that it is the program that is measured, and not the disk.
#![cfg(unix)]

#[path = "../../src/heap.rs"]
mod heap;
mod plain;
mod watch;

use clap::{Parser, Subcommand};
use nix::sys::statvfs::statvfs;
use sha2::{Digest, Sha256};
use std::error::Error;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use watch::Transfer;

type Failure = Box<dyn Error + Send + Sync>;

/// CPU time for each gigabyte, in seconds, of both processes: the bar of `cargo xtask bench peers` for messages of this length.
const MOST_CPU: f64 = 3.0;
/// CPU time, as a multiple of what the same transfer without files and a plain copy of the file take together. The speed of the
/// one and of the other cannot be compared where they fill all cores: reading and writing the file is work that only one has.
const MOST_OVERHEAD: f64 = 1.3;
/// How much more a process may hold in the second half of the transfer than in the first, in MiB.
const MOST_GROWTH: f64 = 4.0;
/// How much a process may hold at any time, in MiB.
const MOST_MEMORY: f64 = 64.0;

/// Measures datachannel-filexfer.
#[derive(Debug, Parser)]
struct Options {
    #[command(subcommand)]
    side: Option<Side>,
    /// Bytes of the file, in millions.
    #[arg(long, default_value_t = 2_000)]
    megabytes: u64,
    /// How often both are measured, in turns.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Where the files lie.
    #[arg(long)]
    folder: Option<PathBuf>,
    /// What cargo says to benches.
    #[arg(long, hide = true)]
    bench: bool,
}

/// One side of the transfer without files, in a process of its own.
#[derive(Clone, Debug, Subcommand)]
enum Side {
    /// Sends so many bytes.
    Send { socket: PathBuf, bytes: u64 },
    /// Receives until an empty message.
    Receive { socket: PathBuf },
}

fn main() -> ExitCode {
    let options = Options::parse();
    let outcome = match &options.side {
        Some(side) => plain::run(side),
        None => measure(&options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(options: &Options) -> Result<(), Failure> {
    let bytes = options.megabytes * 1_000_000;
    let folder = folder(options, bytes).join(format!("ortica-filexfer-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let outcome = rounds(options, bytes, &folder);
    fs::remove_dir_all(&folder)?;
    outcome
}

/// Where the file lies twice.
fn folder(options: &Options, bytes: u64) -> PathBuf {
    let has_room =
        |folder: &&str| statvfs(*folder).is_ok_and(|it| it.blocks_available() * it.fragment_size() > 3 * bytes);
    let memory = ["/dev/shm"].into_iter().find(has_room).map(PathBuf::from);
    options.folder.clone().or(memory).unwrap_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")))
}

fn rounds(options: &Options, bytes: u64, folder: &Path) -> Result<(), Failure> {
    let (out, into) = (folder.join("out"), folder.join("in"));
    let wanted = make(&out, bytes)?;
    // A virtual machine that never used so much memory gets it now, at its host's price, and not in the first round.
    copy(&out, &into)?;
    let (mut plain, mut files, mut copies) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..options.rounds {
        plain.push(without_files(folder, bytes)?);
        files.push(with_files(folder)?);
        if hash(&into)? != wanted {
            return Err("what arrived is not what was sent".into());
        }
        copies.push(copy(&out, &into)?);
    }
    println!("without files: {}", plain.iter().map(Transfer::to_string).collect::<Vec<_>>().join("; "));
    println!("with files: {}", files.iter().map(Transfer::to_string).collect::<Vec<_>>().join("; "));
    let of = |transfers: &[Transfer]| median(transfers.iter().map(|it| it.megabytes_per_second));
    let cpu = |transfers: &[Transfer]| median(transfers.iter().map(|it| it.cpu_seconds_per_gigabyte));
    let ratio = of(&files) / of(&plain);
    let copied = median(copies.into_iter());
    let overhead = cpu(&files) / (cpu(&plain) + copied);
    let growth = most(files.iter().map(Transfer::growth));
    let peak = most(files.iter().map(Transfer::peak));
    println!(
        "bar: {} MB between two processes, exact by SHA-256 in {} rounds: {:.0} MB/s, {:.2} CPU s/GB; without files {:.0} MB/s, \
         {:.2} CPU s/GB, ratio of speeds {ratio:.2}; a copy in {} takes {:.2} CPU s/GB; overhead {overhead:.2}; peak {peak:.1} MiB, of \
         the second half {growth:+.1} MiB",
        options.megabytes,
        options.rounds,
        of(&files),
        cpu(&files),
        of(&plain),
        cpu(&plain),
        folder.parent().unwrap_or(folder).display(),
        copied,
    );
    let mut missed = Vec::new();
    if cpu(&files) > MOST_CPU {
        missed.push(format!("{:.2} CPU s/GB, where {MOST_CPU} is the most", cpu(&files)));
    }
    if overhead > MOST_OVERHEAD {
        missed.push(format!("{overhead:.2} times the transfer and a copy, where {MOST_OVERHEAD} is the most"));
    }
    if growth > MOST_GROWTH {
        missed.push(format!("memory grew by {growth:.1} MiB in the second half, where {MOST_GROWTH} is the most"));
    }
    if peak > MOST_MEMORY {
        missed.push(format!("{peak:.1} MiB of memory, where {MOST_MEMORY} is the most"));
    }
    if missed.is_empty() { Ok(()) } else { Err(missed.join("\n").into()) }
}

fn with_files(folder: &Path) -> Result<Transfer, Failure> {
    let side = |role: &str, file: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_datachannel-filexfer"));
        command.current_dir(folder).args([role, file, "--signaling", "unix-socket"]);
        command
    };
    watch::transfer(side("receive", "in"), side("send", "out"))
}

fn without_files(folder: &Path, bytes: u64) -> Result<Transfer, Failure> {
    let program = std::env::current_exe()?;
    let side = |words: &[&str]| {
        let mut command = Command::new(&program);
        command.current_dir(folder).args(words);
        command
    };
    watch::transfer(side(&["receive", "plain.socket"]), side(&["send", "plain.socket", &bytes.to_string()]))
}

/// Makes a file of so many bytes that repeat nowhere soon, and gives its hash.
fn make(path: &Path, bytes: u64) -> io::Result<[u8; 32]> {
    let mut file = File::create(path)?;
    let (mut state, mut left, mut hash) = (0x9E37_79B9_7F4A_7C15_u64, bytes, Sha256::new());
    let mut block = vec![0; 1 << 20];
    while left > 0 {
        for word in block.chunks_exact_mut(8) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            word.copy_from_slice(&state.to_le_bytes());
        }
        let piece = &block[..block.len().min(usize::try_from(left).unwrap_or(usize::MAX))];
        hash.update(piece);
        file.write_all(piece)?;
        left -= piece.len() as u64;
    }
    file.sync_data()?;
    Ok(hash.finalize().into())
}

fn hash(path: &Path) -> io::Result<[u8; 32]> {
    let (mut file, mut hash, mut block) = (File::open(path)?, Sha256::new(), vec![0; 1 << 20]);
    loop {
        match file.read(&mut block)? {
            0 => return Ok(hash.finalize().into()),
            len => hash.update(&block[..len]),
        }
    }
}

/// Copies a file by reading and writing, the least that a transfer of files adds to one without; the CPU time of a gigabyte, in
/// seconds.
fn copy(from: &Path, to: &Path) -> Result<f64, Failure> {
    let (mut from, mut to, mut block, mut copied) = (File::open(from)?, File::create(to)?, vec![0; 1 << 17], 0);
    let spent = || watch::cpu(std::process::id()).ok_or("the CPU time of this process is not known");
    let before = spent()?;
    loop {
        match from.read(&mut block)? {
            0 => break,
            len => {
                to.write_all(&block[..len])?;
                copied += len;
            }
        }
    }
    to.sync_data()?;
    Ok((spent()? - before) / (copied as f64 / 1e9))
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn most(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(f64::NEG_INFINITY, f64::max)
}
