//! How long it takes to read and to write an offer: `cargo run --release -p ortica-sdp --example speed [FILE]`.
//!
//! Without a file it takes the offer of audio, video and data that Chromium made for the tests.

#![allow(clippy::disallowed_types, reason = "a stopwatch needs a clock")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use ortica_sdp::Session;

const ROUNDS: u32 = 2_000;
const BATCHES: u32 = 15;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let text = match std::env::args().nth(1) {
        Some(path) => std::fs::read_to_string(path)?,
        None => include_str!("../testdata/browsers/chromium-recvonly-offer.sdp").to_owned(),
    };
    let session: Session = text.parse()?;
    println!("{} bytes, {} lines", text.len(), text.lines().count());
    report("read", || drop(black_box(black_box(&text).parse::<Session>())));
    report("write", || drop(black_box(black_box(&session).to_string())));
    report("read and write", || drop(black_box(black_box(&text).parse::<Session>().map(|it| it.to_string()))));
    Ok(())
}

fn report(what: &str, mut action: impl FnMut()) {
    let mut times: Vec<Duration> = (0..BATCHES)
        .map(|_| {
            let start = Instant::now();
            (0..ROUNDS).for_each(|_| action());
            start.elapsed() / ROUNDS
        })
        .collect();
    times.sort();
    println!("{what}: median {:?}, best {:?}", times[times.len() / 2], times[0]);
}
