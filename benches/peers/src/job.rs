//! What a process is asked to measure.

use std::time::Duration;

/// What to measure.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// Messages one way, as fast as they go.
    Transfer,
    /// Round trips of 64 bytes with nothing else on the connection.
    Ping,
    /// Round trips of 64 bytes on a second channel while the first one is full.
    Loaded,
    /// Connections one after the other, from nothing to an open channel.
    SetUp,
    /// One connection, listened to: what DTLS agreed on.
    Handshake,
}

/// A process's arguments: `KIND --size BYTES --seconds N [--mtu BYTES] [--buffers BYTES]`.
#[derive(Clone, Copy, Debug)]
pub struct Job {
    /// What to measure.
    pub kind: Kind,
    /// Bytes per message.
    pub size: usize,
    /// How long to measure.
    pub time: Duration,
    /// The path MTU that packets are made for, IP header included.
    pub mtu: usize,
    /// What the sockets' buffers are set to, in bytes; `None` leaves them as the stack made them.
    pub buffers: Option<usize>,
}

impl Job {
    /// Reads the arguments of this process.
    ///
    /// # Errors
    /// Names the word that was not understood.
    pub fn from_arguments() -> Result<Self, String> {
        let mut words = std::env::args().skip(1);
        let kind = match words.next().as_deref() {
            Some("transfer") => Kind::Transfer,
            Some("ping") => Kind::Ping,
            Some("loaded") => Kind::Loaded,
            Some("setup") => Kind::SetUp,
            Some("handshake") => Kind::Handshake,
            other => return Err(format!("transfer, ping, loaded, setup or handshake, not {other:?}")),
        };
        let mut job = Self { kind, size: 16 << 10, time: Duration::from_secs(3), mtu: 1280, buffers: None };
        while let Some(word) = words.next() {
            let value = words.next().unwrap_or_default();
            let wrong = |_| format!("{word} wants a number, not {value:?}");
            match word.as_str() {
                "--size" => job.size = value.parse().map_err(wrong)?,
                "--seconds" => {
                    let seconds: f64 = value.parse().map_err(|_| format!("{word} wants a number, not {value:?}"))?;
                    job.time = Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())?;
                }
                "--mtu" => job.mtu = value.parse().map_err(wrong)?,
                "--buffers" => job.buffers = Some(value.parse().map_err(wrong)?),
                _ => return Err(format!("unknown {word:?}")),
            }
        }
        Ok(job)
    }

    /// Messages flow.
    pub fn loads(&self) -> bool {
        matches!(self.kind, Kind::Transfer | Kind::Loaded)
    }

    /// Round trips are made.
    pub fn pings(&self) -> bool {
        matches!(self.kind, Kind::Ping | Kind::Loaded)
    }
}
