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
        line("pictures sent", &|way| format!("{}, {:.1} /s", way.sent.pictures, way.sent.pictures as f64 / length));
        line("pictures decoded", &|way| {
            let pictures = &way.received.pictures;
            format!("{}, {:.1} /s", pictures.decoded, pictures.flow.frame_rate())
        });
        line("pictures lost", &|way| way.sent.pictures.saturating_sub(way.received.pictures.decoded).to_string());
        line("picture size", &|way| {
            let (width, height) = way.received.pictures.size;
            format!("{width}x{height}")
        });
        line("picture bitrate", &|way| format!("{:.0} kbit/s", way.received.pictures.flow.bitrate() / 1e3));
        line("tone", &|way| format!("{} Hz, {:.1} dBFS", way.from.frequency(), way.received.sound.level()));
        line("sound heard", &|way| format!("{} of {} frames", way.received.sound.heard, way.sent.sound));
        line("sound lost", &|way| format!("{} frames", way.received.sound.lost));
        line("sound bitrate", &|way| format!("{:.0} kbit/s", way.received.sound.flow.bitrate() / 1e3));
        line("data", &|way| format!("{:.1} MB/s", way.received.data.rate()));
        line("data SHA-256", &|way| format!("{}…", way.received.data.sha256.get(..16).unwrap_or_default()));
        println!("{:<18}{:.0} ms", "time to connect", self.connect.as_secs_f64() * 1e3);
        println!("{:<18}{}", "round trip", round_trip(&self.held.round_trips));
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

/// The median, and how many it is of.
fn round_trip(sorted: &[Duration]) -> String {
    match sorted.get(sorted.len() / 2) {
        Some(median) => format!("{:.1} ms (median of {})", median.as_secs_f64() * 1e3, sorted.len()),
        None => "none measured".to_owned(),
    }
}
