//! The tables, in Markdown.

use crate::contenders::CONTENDERS;
use crate::options::Options;
use crate::results::{Figure, Measure, Results};
use crate::{SIZES, machine};
use std::fmt::Write;

/// All of it.
pub fn page(results: &Results, options: &Options) -> String {
    let Options { rounds, seconds, .. } = options;
    let mut page =
        format!("{}\n\nMedians of {rounds} rounds of {seconds} s, commit {}.\n\n", machine::line(), machine::commit());
    versions(&mut page, options);
    transfers(&mut page, results);
    round_trips(&mut page, results);
    negotiated(&mut page, results);
    let mut errors = results.errors().peekable();
    if errors.peek().is_some() {
        page += "What failed:\n\n";
    }
    for (row, measure, count, first) in errors {
        let _ = writeln!(page, "* {row}, {measure}: {count} times, first: {first}");
    }
    page.trim_end().to_owned() + "\n"
}

fn versions(page: &mut String, options: &Options) {
    let python = options.python.as_deref().unwrap_or("python3");
    let aiortc = machine::said(python, &["-c", "import aiortc; print(aiortc.__version__)"]);
    let of = machine::crate_version;
    let _ = writeln!(
        page,
        "{}; str0m {}, webrtc {}, datachannel {} (libdatachannel {}), {}, aiortc {aiortc}.\n",
        machine::compiler(),
        of("str0m"),
        of("webrtc"),
        of("datachannel"),
        of("datachannel-sys"),
        machine::said("chromium", &["--version"]),
    );
}

fn transfers(page: &mut String, results: &Results) {
    let head: String = SIZES.iter().map(|size| format!(" {} |", bytes(*size))).collect();
    let _ =
        writeln!(page, "Throughput in MB/s at the receiver, in brackets CPU seconds per GB of both ends together:\n");
    let _ = writeln!(page, "| |{head} peak RSS, 16 KiB |\n|---|{}---:|", "---:|".repeat(SIZES.len()));
    for row in CONTENDERS {
        let cell = |size: usize| {
            let of = |figure| results.median(row.name, Measure::Transfer(size), figure);
            match (of(Figure::Throughput), of(Figure::Cpu)) {
                (Some(throughput), Some(cpu)) => format!("{} ({})", number(throughput), number(cpu)),
                (Some(throughput), None) => number(throughput),
                _ => String::new(),
            }
        };
        let cells: Vec<String> = SIZES.into_iter().map(cell).collect();
        if cells.iter().any(|cell| !cell.is_empty()) {
            let peak = results.median(row.name, Measure::Transfer(SIZES[2]), Figure::Peak);
            let peak = peak.map(|mib| format!("{mib:.0} MiB")).unwrap_or_default();
            let _ = writeln!(page, "| {} | {} | {peak} |", row.name, cells.join(" | "));
        }
    }
    page.push('\n');
}

fn round_trips(page: &mut String, results: &Results) {
    page.push_str(
        "Round trips of 64 bytes in microseconds, without load and beside messages of 16 KiB on another channel of the same \
         connection; and connections, from nothing to an open channel:\n\n\
         | | idle p50 | idle p99 | loaded p50 | loaded p99 | MB/s beside | set-up p50, ms | CPU ms per pair |\n\
         |---|---:|---:|---:|---:|---:|---:|---:|\n",
    );
    if let Some((p50, p99)) = results.floor() {
        let _ = writeln!(page, "| bare UDP | {} | {} | | | | | |", number(p50), number(p99));
    }
    for row in CONTENDERS.iter().filter(|row| row.is_stack()) {
        let of = |measure, figure| results.median(row.name, measure, figure);
        let cells = [
            of(Measure::Ping, Figure::P50),
            of(Measure::Ping, Figure::P99),
            of(Measure::Loaded, Figure::P50),
            of(Measure::Loaded, Figure::P99),
            of(Measure::Loaded, Figure::Throughput),
            of(Measure::SetUp, Figure::P50).map(|micros| micros / 1e3),
            of(Measure::SetUp, Figure::CpuPerPair),
        ];
        if cells.iter().any(Option::is_some) {
            let cells = cells.map(|cell| cell.map(number).unwrap_or_default());
            let _ = writeln!(page, "| {} | {} |", row.name, cells.join(" | "));
        }
    }
    page.push('\n');
}

fn negotiated(page: &mut String, results: &Results) {
    page.push_str(
        "Agreed on, and datagrams that a receive buffer had no room for (the most of a round, 16 and 64 KiB):\n\n\
         | | DTLS | suite | SCTP checksum | dropped |\n|---|---|---|---|---:|\n",
    );
    for row in CONTENDERS {
        let word = |name| results.word(row.name, Measure::Handshake, name).unwrap_or_default();
        let drops = SIZES[2..4]
            .iter()
            .filter_map(|size| results.most(row.name, Measure::Transfer(*size), Figure::ReceiveBufferErrors));
        let drops = drops.max_by(f64::total_cmp).map(number).unwrap_or_default();
        if !drops.is_empty() || !word("dtls").is_empty() {
            let checksum = if row.is_stack() { row.checksum } else { "" };
            let _ = writeln!(page, "| {} | {} | {} | {checksum} | {drops} |", row.name, word("dtls"), word("suite"));
        }
    }
    page.push('\n');
}

fn bytes(size: usize) -> String {
    match size {
        1_200 => "1,200 B".to_owned(),
        size if size < 1024 => format!("{size} B"),
        size => format!("{} KiB", size >> 10),
    }
}

/// Three digits or so.
fn number(value: f64) -> String {
    match value {
        0.0 => "0".to_owned(),
        value if value < 10.0 => format!("{value:.2}"),
        value if value < 100.0 => format!("{value:.1}"),
        value => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_three_digits() {
        assert_eq!([0.0, 1.234, 12.34, 123.4, 1234.0].map(number), ["0", "1.23", "12.3", "123", "1234"]);
        assert_eq!(SIZES.map(bytes), ["64 B", "1,200 B", "16 KiB", "64 KiB", "256 KiB"]);
    }
}
