//! What was measured, and the medians of it.

use crate::SIZES;
use ortica_bench_floor::Percentiles;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt;

/// Something that is measured of a row.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Measure {
    /// Messages of so many bytes, one way.
    Transfer(usize),
    /// Round trips without load.
    Ping,
    /// Round trips beside messages of 16 KiB.
    Loaded,
    /// Connections.
    SetUp,
    /// What DTLS agreed on.
    Handshake,
}

impl Measure {
    /// What a round measures.
    pub fn all() -> impl Iterator<Item = Self> {
        SIZES.into_iter().map(Self::Transfer).chain([Self::Ping, Self::Loaded, Self::SetUp])
    }

    /// How often a round measures it: round trips without load are mostly the time that the system takes to wake a thread, which
    /// differs by a third from one second to the next.
    pub fn turns(self) -> usize {
        if self == Self::Ping { 6 } else { 1 }
    }

    /// The arguments of a stack's program.
    pub fn arguments(self) -> Vec<String> {
        let words = match self {
            Self::Transfer(size) => return vec!["transfer".to_owned(), "--size".to_owned(), size.to_string()],
            Self::Ping => "ping",
            Self::Loaded => "loaded",
            Self::SetUp => "setup",
            Self::Handshake => "handshake",
        };
        vec![words.to_owned()]
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.arguments().join(" "))
    }
}

/// A number in a result: its name there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Figure {
    /// Application bytes at the receiver, in megabytes per second.
    Throughput,
    /// CPU seconds of the whole process for a gigabyte.
    Cpu,
    /// Median, in microseconds.
    P50,
    /// 99th percentile, in microseconds.
    P99,
    /// Milliseconds of CPU for the two ends of a connection.
    CpuPerPair,
    /// Datagrams for which a receive buffer had no room.
    ReceiveBufferErrors,
    /// The most memory that was resident, in MiB.
    Peak,
}

impl Figure {
    fn name(self) -> &'static str {
        match self {
            Self::Throughput => "mb_per_s",
            Self::Cpu => "cpu_s_per_gb",
            Self::P50 => "p50",
            Self::P99 => "p99",
            Self::CpuPerPair => "cpu_ms_per_pair",
            Self::ReceiveBufferErrors => "receive_buffer_errors",
            Self::Peak => "peak_mib",
        }
    }
}

/// Everything measured so far.
#[derive(Debug, Default)]
pub struct Results {
    all: BTreeMap<(&'static str, Measure), Vec<Map<String, Value>>>,
    floor: Vec<Percentiles>,
}

impl Results {
    /// Adds what a process printed.
    pub fn add(&mut self, row: &'static str, measure: Measure, result: Map<String, Value>) {
        self.all.entry((row, measure)).or_default().push(result);
    }

    /// Adds the round trips of bare UDP.
    pub fn add_floor(&mut self, floor: Percentiles) {
        self.floor.push(floor);
    }

    /// The median of a figure over all rounds; `None` where there is none.
    pub fn median(&self, row: &'static str, measure: Measure, figure: Figure) -> Option<f64> {
        median(self.values(row, measure, figure))
    }

    /// The largest value of a figure.
    pub fn most(&self, row: &'static str, measure: Measure, figure: Figure) -> Option<f64> {
        self.values(row, measure, figure).into_iter().max_by(f64::total_cmp)
    }

    /// Median and 99th percentile of bare UDP, in microseconds.
    pub fn floor(&self) -> Option<(f64, f64)> {
        let micros = |pick: fn(&Percentiles) -> std::time::Duration| {
            median(self.floor.iter().map(|floor| pick(floor).as_secs_f64() * 1e6).collect())
        };
        Some((micros(|floor| floor.median)?, micros(|floor| floor.high)?))
    }

    /// A word of the first result that has it.
    pub fn word(&self, row: &'static str, measure: Measure, name: &str) -> Option<&str> {
        self.all.get(&(row, measure))?.iter().find_map(|result| result.get(name)?.as_str())
    }

    /// Rows and what went wrong there, each once.
    pub fn errors(&self) -> impl Iterator<Item = (&'static str, Measure, usize, &str)> {
        self.all.iter().filter_map(|((row, measure), results)| {
            let mut errors = results.iter().filter_map(|result| result.get("error")?.as_str());
            let first = errors.next()?;
            Some((*row, *measure, 1 + errors.count(), first))
        })
    }

    fn values(&self, row: &'static str, measure: Measure, figure: Figure) -> Vec<f64> {
        let results = self.all.get(&(row, measure)).map(Vec::as_slice).unwrap_or_default();
        results.iter().filter_map(|result| result.get(figure.name())?.as_f64()).collect()
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// A result in a line.
pub fn brief(result: &Map<String, Value>) -> String {
    let short = |(name, value): (&String, &Value)| match value.as_f64() {
        Some(number) => format!("{name} {number:.1}"),
        None => format!("{name} {value}"),
    };
    result.iter().map(short).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn takes_medians_over_rounds_and_leaves_out_what_failed() {
        let mut results = Results::default();
        for value in [3.0, 1.0, 2.0] {
            let result = Map::from_iter([("p50".to_owned(), json!(value))]);
            results.add("a", Measure::Ping, result);
        }
        results.add("a", Measure::Ping, Map::from_iter([("error".to_owned(), json!("late"))]));
        assert_eq!(results.median("a", Measure::Ping, Figure::P50), Some(2.0));
        assert_eq!(results.most("a", Measure::Ping, Figure::P50), Some(3.0));
        assert_eq!(results.median("a", Measure::Ping, Figure::Cpu), None);
        assert_eq!(results.errors().collect::<Vec<_>>(), [("a", Measure::Ping, 1, "late")]);
    }
}
