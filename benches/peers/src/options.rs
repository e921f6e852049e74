//! What the tables are made with.

use crate::results::Measure;

/// The arguments.
#[derive(Clone, Debug)]
pub struct Options {
    /// Fails when a bar is missed.
    pub bars: bool,
    /// How often everything is measured.
    pub rounds: usize,
    /// How long each measurement takes.
    pub seconds: f64,
    /// The rows to measure; all of them if empty.
    pub only: Vec<String>,
    /// What is measured, by the first word of its name; everything if empty.
    pub measures: Vec<String>,
    /// A Python that has aiortc.
    pub python: Option<String>,
    /// Keeps the tables in the documentation.
    pub write: bool,
}

impl Options {
    /// Reads the arguments of this process.
    ///
    /// # Errors
    /// Names the word that was not understood.
    pub fn from_arguments() -> Result<Self, String> {
        let mut options = Self {
            bars: false,
            rounds: 5,
            seconds: 2.0,
            only: Vec::new(),
            measures: Vec::new(),
            python: None,
            write: false,
        };
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} wants a value"));
            match word.as_str() {
                "--small" => (options.rounds, options.seconds) = (1, 1.0),
                "--bars" => options.bars = true,
                "--write" => options.write = true,
                "--rounds" => options.rounds = value()?.parse().map_err(|_| "--rounds wants a number")?,
                "--seconds" => options.seconds = value()?.parse().map_err(|_| "--seconds wants a number")?,
                "--only" => options.only.push(value()?),
                "--measure" => options.measures.push(value()?),
                "--python" => options.python = Some(value()?),
                unknown => return Err(format!("unknown {unknown:?}")),
            }
        }
        if options.write && !(options.only.is_empty() && options.measures.is_empty()) {
            return Err("--write wants every row and every measure".to_owned());
        }
        Ok(options)
    }

    /// Whether something is to be measured.
    pub fn measures_it(&self, measure: Measure) -> bool {
        let name = measure.arguments().swap_remove(0);
        self.measures.is_empty() || self.measures.contains(&name)
    }
}
