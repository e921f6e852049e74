//! What one connection puts out.

use super::{Diagnostics, EventLog, KeyLog, PacketCapture};
use crate::engine::{self, PcapNg, Session};
use std::sync::atomic::{AtomicU64, Ordering};

/// Records of one session that may wait until the driver takes them, which it does with each turn.
const RECORDS: usize = 16_384;

/// Tells the connections of a process apart.
static CONNECTIONS: AtomicU64 = AtomicU64::new(1);

/// The outlets of one connection.
#[derive(Debug)]
pub(crate) struct Outlets {
    connection: u64,
    diagnostics: Diagnostics,
    /// What the session had to drop, as far as it was counted.
    dropped: (u64, u64),
}

impl Outlets {
    /// `None` where nothing is wanted.
    pub fn new(diagnostics: Diagnostics) -> Option<Box<Self>> {
        let Diagnostics { event_log, capture, key_log } = &diagnostics;
        let is_wanted = event_log.is_some() || capture.is_some() || key_log.is_some();
        let connection = CONNECTIONS.fetch_add(u64::from(is_wanted), Ordering::Relaxed);
        is_wanted.then(|| Box::new(Self { connection, diagnostics, dropped: (0, 0) }))
    }

    /// Has a session record what is wanted.
    pub fn configure(&self, mut config: engine::Config) -> engine::Config {
        if self.diagnostics.event_log.is_some() {
            config = config.with_event_log(RECORDS);
        }
        match &self.diagnostics.capture {
            Some(capture) => config.with_capture(capture.config),
            None => config,
        }
    }

    /// Has DTLS give out its secrets, if they are wanted.
    pub fn configure_dtls(&self, config: ortica_dtls::Config) -> ortica_dtls::Config {
        let in_capture = self.diagnostics.capture.as_ref().is_some_and(|capture| capture.config.has_secrets());
        config.with_key_log(in_capture || self.diagnostics.key_log.is_some())
    }

    /// Takes what a session recorded.
    pub fn take(&mut self, session: &mut Session) {
        self.take_secrets(session);
        if let Some(EventLog { sink }) = &self.diagnostics.event_log {
            let (mut lines, mut count) = (Vec::new(), 0);
            while let Some(record) = session.poll_log() {
                lines.extend_from_slice(record.to_json(session.wall_time(record.at), self.connection).as_bytes());
                lines.push(b'\n');
                count += 1;
            }
            if count > 0 {
                sink.write(lines, count);
            }
        }
        if let Some(PacketCapture { sink, .. }) = &self.diagnostics.capture {
            let (mut blocks, mut count) = (Vec::new(), 0);
            while let Some(captured) = session.poll_captured() {
                PcapNg::packet(&mut blocks, &captured, session.wall_time(captured.at));
                count += 1;
            }
            if count > 0 {
                sink.write(blocks, count);
            }
        }
        self.count_dropped(session);
    }

    /// Secrets go before the packets that they open.
    fn take_secrets(&self, session: &mut Session) {
        while let Some(entry) = session.poll_key_log() {
            if let Some(KeyLog { sink }) = &self.diagnostics.key_log {
                sink.write(format!("{entry}\n").into_bytes(), 1);
            }
            if let Some(PacketCapture { sink, config }) = &self.diagnostics.capture
                && config.has_secrets()
            {
                let mut block = Vec::new();
                PcapNg::secrets(&mut block, &entry);
                sink.write(block, 1);
            }
        }
    }

    fn count_dropped(&mut self, session: &Session) {
        let (records, packets) = session.observations_dropped();
        let (before_records, before_packets) = std::mem::replace(&mut self.dropped, (records, packets));
        if let Some(log) = &self.diagnostics.event_log {
            log.sink.count_dropped(records - before_records);
        }
        if let Some(capture) = &self.diagnostics.capture {
            capture.sink.count_dropped(packets - before_packets);
        }
    }
}
