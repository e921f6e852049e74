//! SCTP beside QUIC over the same simulated paths, in virtual time: what reaches the application, how long queues get, how two
//! flows share.
//!
//! ```text
//! cargo run --release                 # the whole grid, tens of minutes; writes docs/data.md and docs/data-grid.png
//! cargo run --release -- --small      # a few cells and one seed, under a minute; writes nothing
//! cargo run --release -- --control bbr    # with another congestion control; writes nothing
//! cargo run --release -- --rtt 300 --lossy    # only the paths of this length, only those that lose; writes nothing
//! cargo run --release -- --cell 20,0.1,100    # one path: ms, percent, Mbit/s, with what the stacks counted
//! ```
//!
//! It fails when a bar is missed. What is compared: an [`Association`](ortica_sctp::Association) with nothing below it, in packets
//! of 1,188 bytes, and quinn-proto with its default controller (CUBIC) and TLS, in packets of 1,200; both count 28 bytes of IP
//! and UDP besides against the bottleneck. Losses are independent, in both directions, and come before the bottleneck.

mod cell;
mod grid;
mod plot;
mod quic;
mod report;
mod sctp;

use cell::{Cell, Stack};
use ortica_sctp::CongestionControl;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

const USAGE: &str = "usage: [--small] [--lossy] [--rtt MS] [--control cubic|newreno|bbr] [--cell MS,PERCENT,MBIT]";

/// What the command line asks for.
struct Options {
    small: bool,
    lossy: bool,
    rtt: Option<Duration>,
    control: CongestionControl,
    cell: Option<Cell>,
}

fn main() -> ExitCode {
    let Some(options) = options(std::env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::FAILURE;
    };
    if let Some(cell) = options.cell {
        for stack in [Stack::Sctp(options.control), Stack::Quic] {
            let outcome = cell.run(stack, 1, 0);
            println!(
                "{stack:?}: {:.1} Mbit/s, queue {:?}\n{}",
                outcome.total() / 1e6,
                outcome.queueing,
                outcome.details
            );
        }
        return ExitCode::SUCCESS;
    }
    let (cells, seeds) = if options.small { (grid::small(), 1) } else { (grid::full(), 3) };
    let is_wanted = |cell: &Cell| options.rtt.is_none_or(|rtt| cell.rtt == rtt) && (cell.loss > 0.0 || !options.lossy);
    let cells: Vec<_> = cells.into_iter().filter(is_wanted).collect();
    let rows = grid::run(&cells, seeds, options.control);
    let table = report::table(&rows);
    println!("{table}");
    // Bars are for the default; what others do is worth knowing.
    let misses: Vec<_> = rows.iter().flat_map(report::misses).collect();
    misses.iter().for_each(|miss| eprintln!("missed: {miss}"));
    let is_whole = !options.small && !options.lossy && options.rtt.is_none();
    if is_whole && options.control == CongestionControl::default() {
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
        report::write(&docs.join("data.md"), &table).expect("docs/data.md has its markers");
        plot::write(&docs.join("data-grid.png"), &rows).expect("the plot can be drawn");
    }
    if misses.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn options(mut arguments: impl Iterator<Item = String>) -> Option<Options> {
    let mut options =
        Options { small: false, lossy: false, rtt: None, control: CongestionControl::default(), cell: None };
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--small" => options.small = true,
            "--lossy" => options.lossy = true,
            "--rtt" => options.rtt = Some(Duration::from_millis(arguments.next()?.parse().ok()?)),
            "--control" => {
                options.control = match arguments.next()?.as_str() {
                    "cubic" => CongestionControl::Cubic,
                    "newreno" => CongestionControl::NewReno,
                    "bbr" => CongestionControl::Bbr,
                    _ => return None,
                }
            }
            "--cell" => {
                let numbers: Option<Vec<f64>> =
                    arguments.next()?.split(',').map(|number| number.parse().ok()).collect();
                let [ms, percent, megabits] = numbers?[..] else { return None };
                let rtt = Duration::from_secs_f64(ms / 1e3);
                options.cell = Some(Cell { rtt, loss: percent / 100.0, bandwidth: (megabits * 1e6) as u64 });
            }
            _ => return None,
        }
    }
    Some(options)
}
