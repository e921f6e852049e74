//! All the paths, and the runs on them.

use crate::cell::{Cell, Flow, Outcome, Stack};
use crate::pool;
use ortica_sctp::CongestionControl;
use std::time::Duration;

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
    Cell { rtt: Duration::from_millis(ms), loss, bandwidth, buffer: 1.0 }
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
    let (sctp, quic) = (Flow::from(Stack::Sctp(control)), Flow::from(Stack::Quic));
    let kinds: [&[Flow]; 3] = [&[sctp], &[quic], &[sctp, sctp]];
    let runs = |at: usize| (0..seeds).flat_map(move |seed| (0..3).map(move |kind| (at, seed, kind)));
    let mut jobs: Vec<_> = (0..cells.len()).flat_map(runs).collect();
    jobs.sort_by_key(|&(at, ..)| (cells[at].bandwidth, std::cmp::Reverse((cells[at].loss * 1e6) as u64)));
    let outcomes = pool::map(&jobs, |&(at, seed, kind)| cells[at].run(kinds[kind], seed));
    let row = |&cell| Row { cell, sctp: Vec::new(), quic: Vec::new(), shared: Vec::new() };
    let mut rows: Vec<_> = cells.iter().map(row).collect();
    for ((at, _, kind), outcome) in jobs.into_iter().zip(outcomes) {
        let Row { sctp, quic, shared, .. } = &mut rows[at];
        [sctp, quic, shared][kind].push(outcome);
    }
    rows
}
