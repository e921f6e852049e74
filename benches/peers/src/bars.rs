//! What ortica has to reach, against the best peer of the same run.

use crate::SIZES;
use crate::contenders::{CONTENDERS, OURS, OURS_SMALL, WEBRTC_LARGE};
use crate::results::{Figure, Measure, Results};
use std::fmt;

/// A bar and how far it was met.
#[derive(Debug)]
pub struct Bar {
    what: String,
    value: Option<f64>,
    bound: Option<Bound>,
    /// It was; what was not measured was not.
    pub met: bool,
}

#[derive(Clone, Copy, Debug)]
enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

impl Bar {
    fn new(what: impl Into<String>, value: Option<f64>, bound: Option<Bound>) -> Self {
        let met = match (value, bound) {
            (Some(value), Some(Bound::AtLeast(bound))) => value >= bound,
            (Some(value), Some(Bound::AtMost(bound))) => value <= bound,
            _ => false,
        };
        Self { what: what.into(), value, bound, met }
    }
}

impl fmt::Display for Bar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bar: {} {}: ", if self.met { "met" } else { "MISSED" }, self.what)?;
        match (self.value, self.bound) {
            (Some(value), Some(Bound::AtLeast(bound))) => write!(f, "{value:.2}, at least {bound:.2}"),
            (Some(value), Some(Bound::AtMost(bound))) => write!(f, "{value:.2}, at most {bound:.2}"),
            _ => f.write_str("not measured"),
        }
    }
}

/// Every bar.
pub fn judge(results: &Results) -> Vec<Bar> {
    let mut bars = Vec::new();
    for size in [SIZES[2], SIZES[3]] {
        let (measure, kib) = (Measure::Transfer(size), size >> 10);
        let of = |row, figure| results.median(row, measure, figure);
        let ours = of(OURS, Figure::Throughput);
        let best = most(results, measure, Figure::Throughput);
        bars.push(Bar::new(format!("{kib} KiB, MB/s, 5x the best peer as shipped"), ours, at_least(best, 5.0)));
        let large = of(WEBRTC_LARGE, Figure::Throughput);
        bars.push(Bar::new(format!("{kib} KiB, MB/s, 2x webrtc with 8 MiB buffers"), ours, at_least(large, 2.0)));
        bars.push(Bar::new(format!("{kib} KiB, CPU s/GB"), of(OURS, Figure::Cpu), Some(Bound::AtMost(3.0))));
        let small = of(OURS_SMALL, Figure::Throughput);
        let what = format!("{kib} KiB with 208 KiB buffers, MB/s, 60 % of 5x the best peer as shipped");
        bars.push(Bar::new(what, small, at_least(best, 3.0)));
        let errors = results.most(OURS_SMALL, measure, Figure::ReceiveBufferErrors);
        bars.push(Bar::new(
            format!("{kib} KiB with 208 KiB buffers, datagrams dropped"),
            errors,
            Some(Bound::AtMost(0.0)),
        ));
    }
    let cpu = results.median(OURS, Measure::Transfer(SIZES[1]), Figure::Cpu);
    bars.push(Bar::new("1,200 B, CPU s/GB", cpu, Some(Bound::AtMost(6.0))));
    let ping = results.median(OURS, Measure::Ping, Figure::P50);
    let floor = results.floor().map(|(p50, _)| p50);
    bars.push(Bar::new("round trip p50, us, 1.6x bare UDP", ping, at_most(floor, 1.6)));
    bars.push(Bar::new(
        "round trip p50, us, the best peer's",
        ping,
        at_most(least(results, Measure::Ping, Figure::P50), 1.0),
    ));
    let loaded = results.median(OURS, Measure::Loaded, Figure::P99);
    let best = least(results, Measure::Loaded, Figure::P99);
    bars.push(Bar::new("round trip p99 under load, us, half the best peer's", loaded, at_most(best, 0.5)));
    bars
}

fn at_least(value: Option<f64>, factor: f64) -> Option<Bound> {
    value.map(|value| Bound::AtLeast(value * factor))
}

fn at_most(value: Option<f64>, factor: f64) -> Option<Bound> {
    value.map(|value| Bound::AtMost(value * factor))
}

fn most(results: &Results, measure: Measure, figure: Figure) -> Option<f64> {
    peers(results, measure, figure).max_by(f64::total_cmp)
}

fn least(results: &Results, measure: Measure, figure: Figure) -> Option<f64> {
    peers(results, measure, figure).min_by(f64::total_cmp)
}

fn peers(results: &Results, measure: Measure, figure: Figure) -> impl Iterator<Item = f64> {
    let rows = CONTENDERS.iter().filter(|row| row.is_peer());
    rows.filter_map(move |row| results.median(row.name, measure, figure))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Map, json};

    fn results(figures: &[(&'static str, Measure, &str, f64)]) -> Results {
        let mut results = Results::default();
        for (row, measure, name, value) in figures {
            results.add(row, *measure, Map::from_iter([((*name).to_owned(), json!(value))]));
        }
        results
    }

    fn bar(results: &Results, words: &str) -> Bar {
        judge(results).into_iter().find(|bar| bar.what.contains(words)).expect("there is such a bar")
    }

    #[test]
    fn compares_with_the_best_peer() {
        let measure = Measure::Transfer(SIZES[2]);
        let of = |ours| {
            results(&[
                (OURS, measure, "mb_per_s", ours),
                ("str0m", measure, "mb_per_s", 30.0),
                ("webrtc", measure, "mb_per_s", 60.0),
            ])
        };
        assert!(bar(&of(300.0), "16 KiB, MB/s, 5x").met);
        assert!(!bar(&of(299.0), "16 KiB, MB/s, 5x").met);
    }

    #[test]
    fn what_was_not_measured_is_missed() {
        assert!(judge(&Results::default()).iter().all(|bar| !bar.met));
    }

    #[test]
    fn a_single_dropped_datagram_is_too_many() {
        let measure = Measure::Transfer(SIZES[2]);
        let of = |errors| results(&[(OURS_SMALL, measure, "receive_buffer_errors", errors)]);
        assert!(bar(&of(0.0), "16 KiB with 208 KiB buffers, datagrams").met);
        assert!(!bar(&of(1.0), "16 KiB with 208 KiB buffers, datagrams").met);
    }
}
