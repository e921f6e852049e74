//! Associations between ortica and SCTP stacks of others: `dcsctp` and `sctp-proto` in this process, in virtual time, over paths
//! that lose, reorder and double packets; usrsctp's programs over UDP on loopback.
//!
//! ```text
//! cargo run --release -- [--seeds N] [--bars] [--only WORDS]
//! ```
//!
//! It prints a line of JSON per check and exits with 0 when all passed. `--bars` runs 100 seeds and adds a line for the record.

mod check;
mod node;
mod ours;
mod peer;
mod report;
mod run;
mod stack;
mod usrsctp;
mod wire;

use report::Report;
use std::process::ExitCode;

const USAGE: &str = "usage: [--seeds N] [--bars] [--only WORDS]";
/// Paths per check, unless told otherwise.
const FEW: u64 = 5;
const MANY: u64 = 100;

struct Options {
    seeds: u64,
    bars: bool,
    only: String,
}

fn main() -> ExitCode {
    let Some(options) = options(std::env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::FAILURE;
    };
    let mut report = Report::new(options.only);
    check::all(options.seeds, &mut report);
    usrsctp::all(&mut report);
    let Report { passed, failed, skipped, .. } = report;
    if options.bars {
        println!("bar: {passed} checks passed, {failed} failed, {skipped} skipped; {} seeds each", options.seeds);
    }
    if failed == 0 && passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn options(mut arguments: impl Iterator<Item = String>) -> Option<Options> {
    let mut options = Options { seeds: FEW, bars: false, only: String::new() };
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--bars" => (options.bars, options.seeds) = (true, MANY),
            "--seeds" => options.seeds = arguments.next()?.parse().ok().filter(|&seeds| seeds > 0)?,
            "--only" => options.only = arguments.next()?,
            _ => return None,
        }
    }
    Some(options)
}
