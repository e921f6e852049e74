//! All the paths, and the work on two threads.

use crate::cell::{Cell, Outcome, Stack};
use ortica_sctp::CongestionControl;
use std::sync::Mutex;
use std::time::Duration;

const THREADS: usize = 2;
const ROUND_TRIPS: [u64; 5] = [0, 20, 50, 100, 300];
const LOSSES: [f64; 4] = [0.0, 0.001, 0.01, 0.03];
const BANDWIDTHS: [u64; 2] = [100_000_000, 1_000_000_000];

/// What the stacks made of one path, a run per seed.
#[derive(Clone, Debug)]
pub struct Row {
    pub cell: Cell,
    pub sctp: Vec<Outcome>,
    pub quic: Vec<Outcome>,
    /// Two SCTP flows.
    pub shared: Vec<Outcome>,
}

/// The mean of a figure over all seeds.
pub fn mean(outcomes: &[Outcome], figure: impl Fn(&Outcome) -> f64) -> f64 {
    outcomes.iter().map(figure).sum::<f64>() / outcomes.len() as f64
}

fn cell(ms: u64, loss: f64, bandwidth: u64) -> Cell {
    Cell { rtt: Duration::from_millis(ms), loss, bandwidth }
}

/// Every path.
pub fn full() -> Vec<Cell> {
    let cells = BANDWIDTHS.iter().flat_map(|&bandwidth| LOSSES.iter().map(move |&loss| (loss, bandwidth)));
    cells.flat_map(|(loss, bandwidth)| ROUND_TRIPS.iter().map(move |&ms| cell(ms, loss, bandwidth))).collect()
}

/// A few that differ.
pub fn small() -> Vec<Cell> {
    vec![
        cell(0, 0.0, 100_000_000),
        cell(20, 0.001, 100_000_000),
        cell(100, 0.0, 100_000_000),
        cell(100, 0.03, 100_000_000),
        cell(20, 0.01, 1_000_000_000),
    ]
}

/// Runs all `cells`, each with seeds from zero.
pub fn run(cells: &[Cell], seeds: u64, control: CongestionControl) -> Vec<Row> {
    let row = |&cell| Row { cell, sctp: Vec::new(), quic: Vec::new(), shared: Vec::new() };
    let rows: Mutex<Vec<_>> = Mutex::new(cells.iter().map(row).collect());
    let runs = |at: usize| (0..seeds).flat_map(move |seed| (0..3).map(move |kind| (at, seed, kind)));
    // The long ones, which come last, first: so neither thread ends up with one of them alone.
    let mut work: Vec<_> = (0..cells.len()).flat_map(runs).collect();
    work.sort_by_key(|&(at, ..)| (cells[at].bandwidth, std::cmp::Reverse((cells[at].loss * 1e6) as u64)));
    let work = Mutex::new(work);
    let take = || work.lock().expect("no run panics").pop();
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some((at, seed, kind)) = take() {
                    let (stack, flows) =
                        if kind == 1 { (Stack::Quic, 1) } else { (Stack::Sctp(control), 1 + kind / 2) };
                    let outcome = cells[at].run(stack, flows, seed);
                    let mut rows = rows.lock().expect("no run panics");
                    let Row { sctp, quic, shared, .. } = &mut rows[at];
                    [sctp, quic, shared][kind].push(outcome);
                }
            });
        }
    });
    rows.into_inner().expect("no run panics")
}
