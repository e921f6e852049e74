//! What one packet of 1,225 bytes costs at least on this machine: to encrypt, to check, to copy, to move by UDP.
//!
//! ```text
//! cargo run --release -p ortica-bench-floor
//! ```

use ortica_bench_floor::{PACKET, Percentiles, compute, udp};
use std::time::Duration;

/// How long each figure is measured, five times over.
const ROUND: Duration = Duration::from_millis(200);

fn main() -> std::io::Result<()> {
    println!("per packet of {PACKET} bytes, median of 5 (least to most):\n");
    for (name, measure) in compute::MEASURES {
        print(name, &mut [(); 5].map(|()| measure(ROUND)), "ns");
    }
    for path in udp::PATHS {
        let mut rounds = Vec::new();
        for _ in 0..5 {
            rounds.push(udp::cost(*path, ROUND)?);
        }
        print(path.name, &mut rounds, "ns of CPU");
    }
    let (mut p50, mut p99) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        let Percentiles { median, high } = Percentiles::of(udp::ping_pong(ROUND)?);
        p50.push(median.as_secs_f64() * 1e6);
        p99.push(high.as_secs_f64() * 1e6);
    }
    print("UDP, 64 bytes there and back between threads, p50", &mut p50, "us");
    print("UDP, 64 bytes there and back between threads, p99", &mut p99, "us");
    Ok(())
}

fn print(name: &str, rounds: &mut [f64], unit: &str) {
    rounds.sort_by(f64::total_cmp);
    if let [least, _, median, _, most] = rounds {
        println!("{name:<52} {median:>8.1} {unit} ({least:.1} to {most:.1})");
    }
}
