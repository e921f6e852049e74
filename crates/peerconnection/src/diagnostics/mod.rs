//! For who looks for a fault: where records, packets and secrets of connections go.
//!
//! Each of them goes to anything that can be written to, on a thread of its own, so that a slow disk holds up nobody. What waits to
//! be written is bounded; what finds no room is dropped and counted.
//!
//! ```no_run
//! # fn main() -> std::io::Result<()> {
//! use ortica::diagnostics::{Diagnostics, EventLog, KeyLog, PacketCapture};
//! use std::fs::File;
//!
//! let log = EventLog::new(File::create("calls.jsonl")?)?;
//! let capture = PacketCapture::new(File::create("calls.pcapng")?, Default::default())?;
//! let keys = KeyLog::new(File::options().append(true).create(true).open("keys.log")?)?;
//! let diagnostics =
//!     Diagnostics::default().with_event_log(log.clone()).with_capture(capture).with_key_log(keys);
//! let configuration = ortica::Configuration::default().with_diagnostics(diagnostics);
//! # let _ = configuration;
//! // .. calls; then
//! log.flush();
//! assert_eq!(log.dropped(), 0);
//! # Ok(())
//! # }
//! ```
//!
//! Wireshark opens the capture and, told of the key log (`tshark -o tls.keylog_file:keys.log`), decrypts it.

mod outlets;
mod sink;

pub use crate::engine::CaptureConfig;
pub(crate) use outlets::Outlets;

use crate::engine::PcapNg;
use sink::Sink;
use std::io::{self, Write};

/// Where to put what is recorded of connections. Default: nowhere, and nothing is recorded.
#[derive(Clone, Debug, Default)]
pub struct Diagnostics {
    event_log: Option<EventLog>,
    capture: Option<PacketCapture>,
    key_log: Option<KeyLog>,
}

impl Diagnostics {
    /// Keeps a log of what happens: a line of JSON for each change of a state, decision and packet. It holds no addresses, no
    /// keys, and nothing of what packets carry.
    #[must_use]
    pub fn with_event_log(mut self, log: EventLog) -> Self {
        self.event_log = Some(log);
        self
    }

    /// Captures packets.
    #[must_use]
    pub fn with_capture(mut self, capture: PacketCapture) -> Self {
        self.capture = Some(capture);
        self
    }

    /// Logs the secrets by which captured packets can be decrypted. Who has them reads what people say and write.
    #[must_use]
    pub fn with_key_log(mut self, log: KeyLog) -> Self {
        self.key_log = Some(log);
        self
    }
}

macro_rules! outlet {
    ($name:ident) => {
        impl $name {
            /// What found no room so far, and what could not be written.
            pub fn dropped(&self) -> u64 {
                self.sink.dropped()
            }

            /// Waits until all that was recorded before is written. Blocks.
            pub fn flush(&self) {
                self.sink.flush();
            }
        }
    };
}

/// A file, or anything else, for lines of JSON. Clones write to the same one; several connections may.
#[derive(Clone, Debug)]
pub struct EventLog {
    sink: Sink,
}

outlet! { EventLog }

impl EventLog {
    /// Writes to `writer`, on a thread of its own.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn new(writer: impl Write + Send + 'static) -> io::Result<Self> {
        Ok(Self { sink: Sink::new(writer)? })
    }
}

/// A file, or anything else, for packets, as pcapng. Clones write to the same one; several connections may.
#[derive(Clone, Debug)]
pub struct PacketCapture {
    sink: Sink,
    config: CaptureConfig,
}

outlet! { PacketCapture }

impl PacketCapture {
    /// Writes to `writer`, on a thread of its own.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn new(writer: impl Write + Send + 'static, config: CaptureConfig) -> io::Result<Self> {
        let sink = Sink::new(writer)?;
        let mut start = Vec::new();
        PcapNg::begin(&mut start);
        sink.write(start, 1);
        Ok(Self { sink, config })
    }
}

/// A file, or anything else, for secrets, in the form of SSLKEYLOGFILE. Clones write to the same one; several connections may.
///
/// Source: [draft-ietf-tls-keylogfile](https://datatracker.ietf.org/doc/draft-ietf-tls-keylogfile/)
#[derive(Clone, Debug)]
pub struct KeyLog {
    sink: Sink,
}

outlet! { KeyLog }

impl KeyLog {
    /// Writes to `writer`, on a thread of its own.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn new(writer: impl Write + Send + 'static) -> io::Result<Self> {
        Ok(Self { sink: Sink::new(writer)? })
    }
}
