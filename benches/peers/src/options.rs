//! What the tables are made with.

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
        let mut options = Self { bars: false, rounds: 5, seconds: 2.0, only: Vec::new(), python: None, write: false };
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
                "--python" => options.python = Some(value()?),
                unknown => return Err(format!("unknown {unknown:?}")),
            }
        }
        Ok(options)
    }
}
