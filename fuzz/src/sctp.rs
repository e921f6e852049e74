//! An association as a machine.

use bytes::Bytes;
use netsim::{Event, Machine, epoch};
use ortica_core::{Instant, Rng};
use ortica_sctp::{Association, Config, Ppid, Reliability, SendOptions, StreamId};
use std::sync::Arc;
use std::time::Duration;

/// An association that sends and resets a little, and whose packets arrive with the checksum mended, since no mutation would
/// hit it.
pub struct Peer {
    association: Association,
    /// The verification tag that packets for us carry, once one did.
    tag: [u8; 4],
}

impl Peer {
    /// One that connects at once.
    pub fn new(seed: u64) -> Self {
        Self::with(seed, Config::new(crate::provider()))
    }

    /// One that would like to interleave messages, and to leave out checksums.
    pub fn interleaved(seed: u64) -> Self {
        Self::with(seed, Config::new(crate::provider()).with_interleaving(true).with_zero_checksum(true))
    }

    fn with(seed: u64, config: Config) -> Self {
        let mut association = Association::new(Arc::new(config), Rng::from_number(seed), epoch());
        association.connect(epoch());
        Self { association, tag: [0; 4] }
    }
}

/// Has an association start with the INIT chunk of a peer.
///
/// # Panics
/// When it says that it is connected and is not, or changed although it refused.
pub fn start_with(init: &[u8]) {
    let config = Arc::new(Config::new(crate::provider()).with_interleaving(true));
    let mut association = Association::new(config, Rng::from_number(1), epoch());
    let started = association.connect_with(epoch(), init).is_ok();
    assert_eq!(association.is_connected(), started);
    association.connect(epoch());
    let sent = association.poll_packet(epoch(), &mut Vec::new());
    assert_eq!(sent.is_none(), started, "INIT goes out exactly if there is no association");
}

impl Machine for Peer {
    fn handle_packet(&mut self, now: Instant, packet: &mut [u8]) {
        if packet.len() >= 12 {
            // A tag of 0xff.. stands for the right one, so that a seed can reach an association whose tags it cannot know.
            match packet[4..8] {
                [0xff, 0xff, 0xff, 0xff] => packet[4..8].copy_from_slice(&self.tag),
                [0, 0, 0, 0] => {}
                _ => self.tag.copy_from_slice(&packet[4..8]),
            }
            packet[8..12].fill(0);
            let checksum = crc32c::crc32c(packet);
            packet[8..12].copy_from_slice(&checksum.to_le_bytes());
        }
        self.association.handle_packet(now, packet);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.association.handle_timeout(now);
    }

    fn poll_packet(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<usize> {
        self.association.poll_packet(now, out)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.association.poll_timeout()
    }

    fn poll_event(&mut self) -> Option<Event> {
        use ortica_sctp::Event as Told;
        let event = self.association.poll_event()?;
        if let Told::Readable(stream) = event {
            while self.association.read(stream).is_some() {}
        }
        let text = format!("{event:?}");
        Some(if matches!(event, Told::Closed(_)) { Event::closed(text) } else { Event::new(text) })
    }

    fn close(&mut self, now: Instant) {
        self.association.shutdown(now);
    }

    fn act(&mut self, now: Instant, step: u64) {
        let stream = StreamId((step % 3) as u16);
        let reliability = match step % 4 {
            0 => Reliability::MaxRetransmits(1),
            1 => Reliability::MaxLifetime(Duration::from_millis(200)),
            _ => Reliability::Reliable,
        };
        // Refusals are fine: the association may be closed, or its queue full.
        match step % 11 {
            9 => drop(self.association.reset_streams(now, &[stream])),
            10 if step % 5 == 0 => self.association.shutdown(now),
            _ => {
                let payload = Bytes::from(vec![step as u8; 1 + (step as usize * 37) % 3_000]);
                let options = SendOptions { ordered: step % 2 == 0, reliability, ..SendOptions::default() };
                drop(self.association.send(now, stream, Ppid(53), payload, options));
            }
        }
    }
}
