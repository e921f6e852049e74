//! What the command line asks for.

use crate::cell::Cell;
use ortica_sctp::CongestionControl;
use std::time::Duration;

pub const USAGE: &str = "usage: [--grid] [--mixed] [--relay] [--small] [--lossy] [--rtt MS] [--control cubic|newreno|bbr] \
                         [--cell MS,PERCENT,MBIT]";

/// A part of the program, with a section of its own in the document.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Part {
    Grid,
    Mixed,
    Relay,
}

#[derive(Debug, Default)]
pub struct Options {
    /// All when there are none.
    parts: Vec<Part>,
    pub small: bool,
    lossy: bool,
    rtt: Option<Duration>,
    pub control: CongestionControl,
    pub cell: Option<Cell>,
}

impl Options {
    /// `None` when the words make no sense.
    pub fn parse(mut words: impl Iterator<Item = String>) -> Option<Self> {
        let mut options = Self::default();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--grid" => options.parts.push(Part::Grid),
                "--mixed" => options.parts.push(Part::Mixed),
                "--relay" => options.parts.push(Part::Relay),
                "--small" => options.small = true,
                "--lossy" => options.lossy = true,
                "--rtt" => options.rtt = Some(Duration::from_millis(words.next()?.parse().ok()?)),
                "--control" => options.control = control(&words.next()?)?,
                "--cell" => options.cell = Some(cell(&words.next()?)?),
                _ => return None,
            }
        }
        Some(options)
    }

    /// Whether a part is asked for. Of what is not whole there is only the grid, unless another is named.
    pub fn wants(&self, part: Part) -> bool {
        self.parts.contains(&part) || (self.parts.is_empty() && (part == Part::Grid || self.is_whole()))
    }

    pub fn wants_cell(&self, cell: &Cell) -> bool {
        self.rtt.is_none_or(|rtt| cell.rtt == rtt) && (cell.loss > 0.0 || !self.lossy)
    }

    /// Whether what comes of it belongs into the document.
    pub fn is_whole(&self) -> bool {
        !self.small && !self.lossy && self.rtt.is_none() && self.control == CongestionControl::default()
    }

    pub fn seeds(&self) -> u64 {
        if self.small { 1 } else { 3 }
    }
}

fn control(word: &str) -> Option<CongestionControl> {
    match word {
        "cubic" => Some(CongestionControl::Cubic),
        "newreno" => Some(CongestionControl::NewReno),
        "bbr" => Some(CongestionControl::Bbr),
        _ => None,
    }
}

/// Milliseconds, percent, megabits per second.
fn cell(word: &str) -> Option<Cell> {
    let numbers: Option<Vec<f64>> = word.split(',').map(|number| number.parse().ok()).collect();
    let [ms, percent, megabits] = numbers?[..] else { return None };
    let rtt = Duration::try_from_secs_f64(ms / 1e3).ok()?;
    Some(Cell { rtt, loss: percent / 100.0, bandwidth: (megabits * 1e6) as u64, buffer: 1.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &str) -> Option<Options> {
        Options::parse(words.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn nothing_asks_for_everything() {
        let options = parse("").unwrap();
        assert!(options.is_whole() && [Part::Grid, Part::Mixed, Part::Relay].iter().all(|&part| options.wants(part)));
        let options = parse("--mixed").unwrap();
        assert!(options.is_whole() && options.wants(Part::Mixed) && !options.wants(Part::Grid));
        let options = parse("--small").unwrap();
        assert!(!options.is_whole() && options.wants(Part::Grid) && !options.wants(Part::Relay));
    }

    #[test]
    fn nonsense_is_refused() {
        for words in ["--rtt", "--rtt x", "--control vegas", "--cell 1,2", "--cell -1,0,100", "nothing"] {
            assert!(parse(words).is_none(), "{words}");
        }
    }
}
