//! What is asked for on the command line.

/// How many of each, and what fails the run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Idle connections.
    pub connections: usize,
    /// Connections that begin at once beside them.
    pub burst: usize,
    /// Seconds until what handshakes need is given back.
    pub settling: u64,
    /// How long CPU time and consent are looked at.
    pub seconds: u64,
    /// Packets of strangers.
    pub hostile: usize,
    /// A section of sound and one of video in each connection.
    pub media: bool,
    /// Fails where a connection is lost or disturbed.
    pub check: bool,
    /// Fails where a figure misses its bar, too.
    pub bars: bool,
    /// This is the other process: where to ask for work.
    pub clients_of: Option<u16>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connections: 10_000,
            burst: 1_000,
            settling: 40,
            seconds: 60,
            hostile: 100_000,
            media: false,
            check: false,
            bars: false,
            clients_of: None,
        }
    }
}

impl Options {
    /// Reads the words of a command line.
    pub fn read(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self::default();
        while let Some(word) = words.next() {
            let mut number = || {
                let value = words.next().unwrap_or_default();
                value.parse::<usize>().map_err(|_| format!("{word} wants a number, not {value:?}"))
            };
            match word.as_str() {
                "--connections" => options.connections = number()?.max(1),
                "--burst" => options.burst = number()?,
                "--settling" => options.settling = number()? as u64,
                "--seconds" => options.seconds = number()? as u64,
                "--hostile" => options.hostile = number()?,
                "--clients-of" => options.clients_of = u16::try_from(number()?).ok(),
                "--media" => options.media = true,
                "--check" => options.check = true,
                "--bars" => options.bars = true,
                _ => return Err(format!("unknown option {word:?}")),
            }
        }
        if options.media && !cfg!(feature = "media") {
            return Err("--media wants the feature of that name".into());
        }
        Ok(options)
    }
}
