//! The table at the end, and the verdict.

use crate::Options;
use crate::call::{Held, Side};
use crate::error::DemoError;
use crate::reception::Recording;
use crate::statement::{self, Received, Sent};
use std::time::Duration;

pub struct Report {
    pub connect: Duration,
    pub held: Held,
}

/// One way of the call.
struct Way<'a> {
    name: &'static str,
    from: Side,
    sent: &'a Sent,
    received: &'a Received,
}

impl Report {
    /// # Errors
    /// The first flaw of what either side received.
    pub fn judge(&self) -> Result<(), DemoError> {
        for Way { name, sent, received, .. } in self.ways() {
            statement::check(sent, received).map_err(|flaw| DemoError::Flaw { way: name, flaw })?;
        }
        Ok(())
    }

    pub fn print(&self, options: &Options) {
        let [out, back] = self.ways();
        let length = options.length().as_secs_f64();
        let line = |name: &str, cell: &dyn Fn(&Way) -> String| {
            println!("{name:<18}{:<28}{}", cell(&out), cell(&back));
        };
        line("", &|way| way.name.to_owned());
        line("pictures sent", &|way| rate(way.sent.pictures.frames, length));
        line("pictures decoded", &|way| {
            let pictures = &way.received.pictures;
            format!(
                "{}, {:.1} /s, {}x{}",
                pictures.decoded,
                pictures.flow.frame_rate(),
                pictures.size.0,
                pictures.size.1
            )
        });
        line("bitrate sent", &|way| kilobits(way.sent.pictures.bytes as f64 * 8.0 / length));
        line("bitrate decoded", &|way| kilobits(way.received.pictures.flow.bitrate()));
        line("tone", &|way| format!("{} Hz, {:.1} dBFS", way.from.frequency(), way.received.sound.level()));
        line("sound sent", &|way| rate(way.sent.sound.frames, length));
        line("tone heard in", &|way| format!("{} frames", way.received.sound.heard));
        line("bitrate of sound", &|way| kilobits(way.received.sound.flow.bitrate()));
        line("pictures lost", &|way| {
            way.sent.pictures.frames.saturating_sub(way.received.pictures.decoded).to_string()
        });
        line("sound lost", &|way| format!("{} frames", way.received.sound.lost));
        line("packets lost", &|way| way.received.packets_lost.to_string());
        line("data", &|way| {
            format!("{:.1} MB/s, {:.0} MB", way.received.data.rate(), way.received.data.bytes as f64 / 1e6)
        });
        line("data SHA-256", &|way| format!("{}…", way.received.data.sha256.get(..16).unwrap_or_default()));
        println!("{:<18}{}", "time to connect", milliseconds(self.connect));
        println!("{:<18}{}", "round trip", self.held.path_round_trip.map_or("not measured".to_owned(), milliseconds));
        if let Some(median) = self.held.round_trips.get(self.held.round_trips.len() / 2) {
            println!("{:<18}{} (median, in the queue with the data)", "  over a channel", milliseconds(*median));
        }
        let files = Recording::new(&options.out);
        let files = [files.pictures, files.sound, files.last_picture].map(|path| path.display().to_string());
        println!("{:<18}{}", "what came back", files.join("  "));
    }

    fn ways(&self) -> [Way<'_>; 2] {
        let Held { here, there, .. } = &self.held;
        [
            Way { name: "to the other side", from: Side::Caller, sent: &here.sent, received: &there.received },
            Way { name: "and back", from: Side::Answerer, sent: &there.sent, received: &here.received },
        ]
    }
}

fn rate(count: u64, seconds: f64) -> String {
    format!("{count}, {:.1} /s", count as f64 / seconds)
}

fn kilobits(bits_per_second: f64) -> String {
    format!("{:.0} kbit/s", bits_per_second / 1e3)
}

fn milliseconds(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1e3)
}
