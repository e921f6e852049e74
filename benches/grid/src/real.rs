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
/// How far the two may be apart, as a share of the simulated one. Real packets carry 29 bytes of DTLS, which is 2.4 % of them;
/// what is lost is left to chance in both.
const TOLERANCE: f64 = 0.15;

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
        let is_met = (real / simulated - 1.0).abs() <= TOLERANCE;
        (!is_met)
            .then(|| format!("{:?}: {} with sockets, {} simulated", self.cell, megabits(real), megabits(simulated)))
    }

    /// What the stack counted in each run with sockets.
    pub fn details(&self) -> impl Iterator<Item = &str> {
        self.real.iter().map(|outcome| outcome.details.as_str())
    }
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

    #[test]
    fn the_two_may_be_a_little_apart() {
        let outcome = |rate| vec![Outcome { goodput: vec![rate], queueing: Duration::ZERO, details: String::new() }];
        let cell = Cell { rtt: Duration::from_millis(20), loss: 0.0, bandwidth: 100_000_000, buffer: 1.0 };
        let row = |real| Row { cell, real: outcome(real), simulated: outcome(80e6) };
        assert!([70e6, 80e6, 90e6].iter().all(|&real| row(real).miss().is_none()));
        assert!([60e6, 95e6].iter().all(|&real| row(real).miss().is_some()));
    }
}
