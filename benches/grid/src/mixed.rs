//! An SCTP flow and a QUIC flow before one bottleneck: how they share it.

use crate::cell::{Cell, Flow, Outcome, Stack};
use crate::grid::mean;
use crate::pool;
use crate::report::megabits;
use ortica_sctp::CongestionControl;
use std::fmt::Write;
use std::time::Duration;

const ROUND_TRIPS: [u64; 4] = [20, 50, 100, 300];
const BANDWIDTH: u64 = 100_000_000;
const BUFFERS: [f64; 2] = [1.0, 0.1];
/// How long the first of two flows has the path for itself.
const AHEAD: Duration = Duration::from_secs(5);
/// Share of the bottleneck that QUIC has to keep beside SCTP, where two QUIC flows share it fairly.
const LEAST_SHARE: f64 = 0.25;
const FAIRNESS: f64 = 0.9;

/// Which flow is there first.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum First {
    Both,
    Sctp,
    Quic,
}

impl First {
    const ALL: [Self; 3] = [Self::Both, Self::Sctp, Self::Quic];

    fn name(self) -> &'static str {
        match self {
            Self::Both => "both",
            Self::Sctp => "SCTP",
            Self::Quic => "QUIC",
        }
    }

    /// `one` in the place of SCTP and `other` in that of QUIC.
    fn flows(self, one: Stack, other: Stack) -> [Flow; 2] {
        let late = |is_late: bool| if is_late { AHEAD } else { Duration::ZERO };
        [Flow { stack: one, starts: late(self == Self::Quic) }, Flow { stack: other, starts: late(self == Self::Sctp) }]
    }
}

/// What came of one path, a run per seed.
#[derive(Clone, Debug)]
pub struct Row {
    cell: Cell,
    first: First,
    /// An SCTP flow and a QUIC flow.
    mixed: Vec<Outcome>,
    /// Two QUIC flows that start likewise.
    alike: Vec<Outcome>,
}

/// Runs every path, each with seeds from zero.
pub fn run(seeds: u64, control: CongestionControl) -> Vec<Row> {
    let cells = ROUND_TRIPS.iter().flat_map(|&ms| {
        let rtt = Duration::from_millis(ms);
        BUFFERS.map(|buffer| Cell { rtt, loss: 0.0, bandwidth: BANDWIDTH, buffer })
    });
    let cells: Vec<_> = cells.flat_map(|cell| First::ALL.map(|first| (cell, first))).collect();
    let (sctp, quic) = (Stack::Sctp(control), Stack::Quic);
    let runs = |(cell, first): (Cell, First)| {
        (0..seeds).flat_map(move |seed| [sctp, quic].map(|one| (cell, first.flows(one, quic), seed)))
    };
    let jobs: Vec<_> = cells.iter().copied().flat_map(runs).collect();
    let outcomes = pool::map(&jobs, |(cell, flows, seed)| cell.run(flows, *seed));
    let rows = cells.into_iter().zip(outcomes.chunks(2 * seeds as usize));
    rows.map(|((cell, first), outcomes)| {
        let of = |kind: usize| outcomes.iter().skip(kind).step_by(2).cloned().collect();
        Row { cell, first, mixed: of(0), alike: of(1) }
    })
    .collect()
}

impl Row {
    /// QUIC's share of the bottleneck.
    fn share(&self) -> f64 {
        mean(&self.mixed, |outcome| outcome.goodput[1]) / self.cell.bandwidth as f64
    }

    fn fairness_of_quic(&self) -> f64 {
        mean(&self.alike, Outcome::fairness)
    }

    fn path(&self) -> String {
        let Cell { rtt, bandwidth, buffer, .. } = self.cell;
        format!("| {} | {} ms | {buffer} | {} |", bandwidth / 1_000_000, rtt.as_millis(), self.first.name())
    }

    /// What it misses.
    pub fn miss(&self) -> Option<String> {
        let is_met = self.share() >= LEAST_SHARE || self.fairness_of_quic() < FAIRNESS;
        (!is_met).then(|| format!("{} QUIC has {:.0} % beside SCTP", self.path(), self.share() * 100.0))
    }
}

/// A table in Markdown.
pub fn table(rows: &[Row]) -> String {
    let mut table = String::from(
        "| bottleneck | RTT | buffer | first | SCTP | QUIC | QUIC's share | queue | two QUIC flows | their fairness |\n\
         |---|---|---|---|---|---|---|---|---|---|\n",
    );
    for row in rows {
        let rate = |outcomes: &[Outcome], at: usize| megabits(mean(outcomes, |outcome| outcome.goodput[at]));
        let queue = mean(&row.mixed, |outcome| outcome.queueing.as_secs_f64() * 1e3);
        let _ = writeln!(
            table,
            "{} {} | {} | {:.0} % | {queue:.1} ms | {}, {} | {:.3} |",
            row.path(),
            rate(&row.mixed, 0),
            rate(&row.mixed, 1),
            row.share() * 100.0,
            rate(&row.alike, 0),
            rate(&row.alike, 1),
            row.fairness_of_quic(),
        );
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(quic: f64, alike: [f64; 2]) -> Row {
        let outcome = |goodput| vec![Outcome { goodput, queueing: Duration::ZERO, details: String::new() }];
        let cell = Cell { rtt: Duration::from_millis(100), loss: 0.0, bandwidth: 100_000_000, buffer: 0.1 };
        Row { cell, first: First::Both, mixed: outcome(vec![90e6 - quic, quic]), alike: outcome(alike.to_vec()) }
    }

    #[test]
    fn quic_may_not_starve_where_two_of_it_share() {
        assert_eq!(row(26e6, [45e6, 45e6]).miss(), None);
        assert!(row(24e6, [45e6, 45e6]).miss().is_some());
        assert_eq!(row(24e6, [80e6, 10e6]).miss(), None);
    }

    #[test]
    fn who_is_first_starts_first() {
        let starts = |first: First| first.flows(Stack::Quic, Stack::Quic).map(|flow| flow.starts);
        assert_eq!(starts(First::Both), [Duration::ZERO; 2]);
        assert_eq!(starts(First::Sctp), [Duration::ZERO, AHEAD]);
        assert_eq!(starts(First::Quic), [AHEAD, Duration::ZERO]);
    }
}
