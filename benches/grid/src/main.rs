//! SCTP beside QUIC over the same simulated paths, in virtual time: what reaches the application, how long queues get, how two
//! flows share. And a few of these paths with real sockets.
//!
//! ```text
//! cargo run --release                 # all of it, tens of minutes; writes docs/data.md and docs/data-grid.png
//! cargo run --release -- --grid       # only the grid; or --mixed: one flow of each; or --relay: real sockets
//! cargo run --release -- --small      # a few cells and one seed, under a minute; writes nothing
//! cargo run --release -- --control bbr    # with another congestion control; writes nothing
//! cargo run --release -- --rtt 300 --lossy    # only the paths of this length, only those that lose; writes nothing
//! cargo run --release -- --cell 20,0.1,100    # one path: ms, percent, Mbit/s, with what the stacks counted
//! ```
//!
//! It fails when a bar is missed. What is compared: an [`Association`](ortica_sctp::Association) with nothing below it, in packets
//! of 1,188 bytes, and quinn-proto with its default controller (CUBIC) and TLS, in packets of 1,200; both count 28 bytes of IP
//! and UDP besides against the bottleneck. Losses are independent, in both directions, and come before the bottleneck.

mod call;
mod cell;
mod grid;
mod mixed;
mod options;
mod plot;
mod pool;
mod quic;
mod real;
mod relay;
mod report;
mod sctp;

use cell::{Cell, Flow, Stack};
use options::{Options, Part};
use ortica_sctp::CongestionControl;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(options) = Options::parse(std::env::args().skip(1)) else {
        eprintln!("{}", options::USAGE);
        return ExitCode::FAILURE;
    };
    if let Some(cell) = options.cell {
        show(&cell, options.control);
        return ExitCode::SUCCESS;
    }
    let run = |(part, run): (Part, fn(&Options) -> usize)| if options.wants(part) { run(&options) } else { 0 };
    let parts: [(Part, fn(&Options) -> usize); 3] =
        [(Part::Grid, whole_grid), (Part::Mixed, mixed_flows), (Part::Relay, real_sockets)];
    // Bars are for the default; what others do is worth knowing.
    if parts.into_iter().map(run).sum::<usize>() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// One path, with one flow and with two of each stack, and what they counted.
fn show(cell: &Cell, control: CongestionControl) {
    for stack in [Stack::Sctp(control), Stack::Quic].map(Flow::from) {
        for flows in [&[stack][..], &[stack; 2]] {
            let outcome = cell.run(flows, 0);
            let rates: Vec<_> = outcome.goodput.iter().map(|rate| format!("{:.1} Mbit/s", rate / 1e6)).collect();
            println!("{:?}: {}, queue {:?}\n{}", stack.stack, rates.join(", "), outcome.queueing, outcome.details);
        }
    }
}

fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/data.md")
}

/// Prints what came of a part, keeps it where it is whole, and says how many bars were missed.
fn conclude(options: &Options, section: &str, table: &str, rows: usize, misses: &[String]) -> usize {
    println!("{table}\nbar: {section}: {rows} rows, {} bars missed", misses.len());
    misses.iter().for_each(|miss| println!("bar: missed: {miss}"));
    if options.is_whole() {
        report::write(&page(), section, table).expect("docs/data.md has its markers");
    }
    misses.len()
}

fn whole_grid(options: &Options) -> usize {
    let cells = if options.small { grid::small() } else { grid::full() };
    let cells: Vec<_> = cells.into_iter().filter(|cell| options.wants_cell(cell)).collect();
    let rows = grid::run(&cells, options.seeds(), options.control);
    let misses: Vec<_> = rows.iter().flat_map(report::misses).collect();
    if options.is_whole() {
        plot::write(&page().with_file_name("data-grid.png"), &rows).expect("the plot can be drawn");
    }
    conclude(options, "grid", &report::table(&rows), rows.len(), &misses)
}

fn mixed_flows(options: &Options) -> usize {
    let rows = mixed::run(options.seeds(), options.control);
    let misses: Vec<_> = rows.iter().filter_map(mixed::Row::miss).collect();
    conclude(options, "mixed", &mixed::table(&rows), rows.len(), &misses)
}

fn real_sockets(options: &Options) -> usize {
    let rows = real::run(options.seeds());
    rows.iter().flat_map(real::Row::details).for_each(|details| println!("{details}"));
    let misses: Vec<_> = rows.iter().filter_map(real::Row::miss).collect();
    conclude(options, "relay", &real::table(&rows), rows.len(), &misses)
}
