//! The table, and the bars that its rows have to meet.

use crate::grid::{Row, mean};
use std::fmt::Write;
use std::path::Path;
use std::{fs, io};

/// Share of QUIC's goodput that every path has to give.
const OF_QUIC: f64 = 0.85;
/// Share of the bottleneck, headers and all, that a path without losses has to give.
const OF_BOTTLENECK: f64 = 0.9;
/// Multiple of a Reno flow's goodput that a path with losses has to give, as far as the bottleneck allows.
const OF_RENO: f64 = 2.0;
const FAIRNESS: f64 = 0.9;

/// The figures of a row, means over the seeds: bits per second, milliseconds, Jain's index.
struct Figures {
    sctp: f64,
    quic: f64,
    sctp_queue: f64,
    quic_queue: f64,
    fairness: f64,
}

impl Figures {
    fn of(row: &Row) -> Self {
        let rate = |outcomes| mean(outcomes, |outcome| outcome.total());
        let queue = |outcomes| mean(outcomes, |outcome| outcome.queueing.as_secs_f64() * 1e3);
        Self {
            sctp: rate(&row.sctp),
            quic: rate(&row.quic),
            sctp_queue: queue(&row.sctp),
            quic_queue: queue(&row.quic),
            fairness: mean(&row.shared, |outcome| outcome.fairness()),
        }
    }
}

/// A table in Markdown.
pub fn table(rows: &[Row]) -> String {
    let mut table = String::from(
        "| bottleneck | loss | RTT | SCTP | QUIC | SCTP / QUIC | 2 × Reno | queue, SCTP | queue, QUIC | fairness |\n\
         |---|---|---|---|---|---|---|---|---|---|\n",
    );
    for row in rows {
        let Figures { sctp, quic, sctp_queue, quic_queue, fairness } = Figures::of(row);
        let reno = if row.cell.reno().is_finite() { megabits(OF_RENO * row.cell.reno()) } else { "–".to_owned() };
        let (rate, percent, ms) = (row.cell.bandwidth / 1_000_000, row.cell.loss * 100.0, row.cell.rtt.as_millis());
        let _ = writeln!(
            table,
            "| {rate} | {percent} % | {ms} ms | {} | {} | {:.2} | {reno} | {sctp_queue:.1} ms | {quic_queue:.1} ms | {fairness:.3} |",
            megabits(sctp),
            megabits(quic),
            sctp / quic,
        );
    }
    table
}

/// A rate as the tables show it.
pub fn megabits(rate: f64) -> String {
    if rate < 100e6 { format!("{:.1}", rate / 1e6) } else { format!("{:.0}", rate / 1e6) }
}

/// What a row misses.
pub fn misses(row: &Row) -> Vec<String> {
    let Figures { sctp, quic, fairness, .. } = Figures::of(row);
    let bottleneck = OF_BOTTLENECK * row.cell.bandwidth as f64;
    let reno = OF_RENO * row.cell.reno();
    let path = format!("{:?}", row.cell);
    let bars = [
        (sctp >= OF_QUIC * quic, format!("{path}: {} where QUIC has {}", megabits(sctp), megabits(quic))),
        (sctp >= bottleneck.min(reno), format!("{path}: {} of {}", megabits(sctp), megabits(bottleneck.min(reno)))),
        (fairness >= FAIRNESS, format!("{path}: fairness {fairness:.3}")),
    ];
    bars.into_iter().filter_map(|(met, text)| (!met).then_some(text)).collect()
}

/// Puts the table between the markers of its section.
pub fn write(page: &Path, section: &str, table: &str) -> io::Result<()> {
    let text = fs::read_to_string(page)?;
    let text = with_table(&text, section, table).ok_or_else(|| io::Error::other("no markers"))?;
    fs::write(page, text)
}

fn with_table(text: &str, section: &str, table: &str) -> Option<String> {
    let (begin, end) = (format!("<!-- {section}: begin -->\n"), format!("<!-- {section}: end -->"));
    let (before, rest) = text.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some([before, &begin, table, &end, after].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::{Cell, Outcome};
    use std::time::Duration;

    fn row(loss: f64, sctp: f64, quic: f64, shares: [f64; 2]) -> Row {
        let outcome = |goodput| vec![Outcome { goodput, queueing: Duration::ZERO, details: String::new() }];
        let cell = Cell { rtt: Duration::from_millis(100), loss, bandwidth: 100_000_000, buffer: 1.0 };
        Row { cell, sctp: outcome(vec![sctp]), quic: outcome(vec![quic]), shared: outcome(shares.to_vec()) }
    }

    #[test]
    fn each_bar_can_be_missed() {
        assert!(misses(&row(0.0, 95e6, 95e6, [1.0, 1.0])).is_empty());
        assert_eq!(misses(&row(0.0, 89e6, 95e6, [1.0, 1.0])).len(), 1);
        assert_eq!(misses(&row(0.01, 5e6, 5.5e6, [1.0, 1.0])).len(), 0);
        assert_eq!(misses(&row(0.01, 5e6, 6e6, [1.0, 1.0])).len(), 1);
        assert_eq!(misses(&row(0.01, 2e6, 1e6, [1.0, 1.0])).len(), 1);
        assert_eq!(misses(&row(0.01, 5e6, 5e6, [2.0, 1.0])).len(), 0);
        assert_eq!(misses(&row(0.01, 5e6, 5e6, [2.1, 1.0])).len(), 1);
    }

    #[test]
    fn a_table_goes_between_the_markers_of_its_section() {
        let page = "<!-- a: begin -->\nold\n<!-- a: end -->\n<!-- b: begin -->\n<!-- b: end -->\n";
        let written = with_table(page, "a", "new\n").unwrap();
        assert_eq!(written, page.replace("old", "new"));
        assert_eq!(with_table(page, "c", "new\n"), None);
    }
}
