//! Cells of the grid with real sockets, beside the same ones in virtual time.

use crate::call;
use crate::cell::{Cell, Flow, Outcome, Stack};
use crate::grid::mean;
use crate::pool;
use crate::report::megabits;
use ortica_sctp::CongestionControl;
use std::fmt::Write;
use std::time::Duration;

const ROUND_TRIPS: [u64; 2] = [20, 100];
const LOSSES: [f64; 2] = [0.0, 0.01];
/// How far the two may be apart, as a share of the simulated one. Real packets carry 29 bytes of DTLS, which is 2.4 % of them.
const TOLERANCE: f64 = 0.15;
/// What is lost is left to chance in both: so many standard errors of their difference may be between them, too.
const STANDARD_ERRORS: f64 = 2.0;

/// What came of one path, a run per seed.
#[derive(Clone, Debug)]
pub struct Row {
    cell: Cell,
    real: Vec<Outcome>,
    simulated: Vec<Outcome>,
}

/// Runs every path, each with seeds from zero: one after the other with sockets, since they share the machine.
pub fn run(seeds: u64) -> Vec<Row> {
    let cells = LOSSES.iter().flat_map(|&loss| {
        let cell = move |ms| Cell { rtt: Duration::from_millis(ms), loss, bandwidth: 100_000_000, buffer: 1.0 };
        ROUND_TRIPS.map(cell)
    });
    let sctp = Flow::from(Stack::Sctp(CongestionControl::default()));
    let row = |cell: Cell| {
        let seeds: Vec<_> = (0..seeds).collect();
        let simulated = pool::map(&seeds, |&seed| cell.run(&[sctp], seed));
        Row { cell, real: seeds.iter().map(|&seed| call::run(&cell, seed)).collect(), simulated }
    };
    cells.map(row).collect()
}

impl Row {
    fn rates(&self) -> (f64, f64) {
        (mean(&self.real, Outcome::total), mean(&self.simulated, Outcome::total))
    }

    /// What it misses.
    pub fn miss(&self) -> Option<String> {
        let (real, simulated) = self.rates();
        let chance = (squared_error(&self.real) + squared_error(&self.simulated)).sqrt();
        let is_met = (real - simulated).abs() <= (simulated * TOLERANCE).max(chance * STANDARD_ERRORS);
        (!is_met)
            .then(|| format!("{:?}: {} with sockets, {} simulated", self.cell, megabits(real), megabits(simulated)))
    }

    /// What the stack counted in each run with sockets.
    pub fn details(&self) -> impl Iterator<Item = &str> {
        self.real.iter().map(|outcome| outcome.details.as_str())
    }
}

/// The square of the standard error of a mean rate; none is known of a single run.
fn squared_error(outcomes: &[Outcome]) -> f64 {
    let (runs, mean) = (outcomes.len() as f64, mean(outcomes, Outcome::total));
    let deviations: f64 = outcomes.iter().map(|outcome| (outcome.total() - mean).powi(2)).sum();
    if runs > 1.0 { deviations / (runs - 1.0) / runs } else { 0.0 }
}

/// A table in Markdown.
pub fn table(rows: &[Row]) -> String {
    let mut table = String::from(
        "| bottleneck | loss | RTT | sockets | simulated | ratio | runs with sockets | queue, sockets | queue, simulated |\n\
         |---|---|---|---|---|---|---|---|---|\n",
    );
    for row in rows {
        let Cell { rtt, loss, bandwidth, .. } = row.cell;
        let (real, simulated) = row.rates();
        let queue = |outcomes| mean(outcomes, |outcome| outcome.queueing.as_secs_f64() * 1e3);
        let _ = writeln!(
            table,
            "| {} | {} % | {} ms | {} | {} | {:.2} | {} | {:.1} ms | {:.1} ms |",
            bandwidth / 1_000_000,
            loss * 100.0,
            rtt.as_millis(),
            megabits(real),
            megabits(simulated),
            real / simulated,
            row.real.iter().map(|outcome| megabits(outcome.total())).collect::<Vec<_>>().join(", "),
            queue(&row.real),
            queue(&row.simulated),
        );
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(real: &[f64], simulated: &[f64]) -> Row {
        let cell = Cell { rtt: Duration::from_millis(20), loss: 0.0, bandwidth: 100_000_000, buffer: 1.0 };
        let outcome = |&rate: &f64| Outcome { goodput: vec![rate], queueing: Duration::ZERO, details: String::new() };
        let outcomes = |rates: &[f64]| rates.iter().map(outcome).collect();
        Row { cell, real: outcomes(real), simulated: outcomes(simulated) }
    }

    #[test]
    fn the_two_may_be_a_little_apart() {
        assert!([70e6, 80e6, 90e6].iter().all(|&real| row(&[real], &[80e6]).miss().is_none()));
        assert!([60e6, 95e6].iter().all(|&real| row(&[real], &[80e6]).miss().is_some()));
    }

    #[test]
    fn the_two_may_be_apart_by_chance() {
        assert!(row(&[40e6, 90e6, 125e6], &[60e6, 80e6, 100e6]).miss().is_none());
        assert!(row(&[50e6, 90e6, 130e6], &[50e6, 60e6, 70e6]).miss().is_none());
        assert!(row(&[89e6, 90e6, 91e6], &[59e6, 60e6, 61e6]).miss().is_some());
    }
}
