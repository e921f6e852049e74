//! Whole transfers over links that lose, delay and reorder.

mod common;

use common::*;
use netsim::Link;
use ortica_sctp::SendOptions;
use std::time::Duration;

/// Sends `total` bytes in messages of `size` from a to b, and gives the time it took.
fn transfer(seed: u64, link: Link, total: usize, size: usize) -> (Duration, Peers) {
    let mut pair = connected(seed, link);
    let data = pattern(total);
    for message in data.chunks(size) {
        pair.a.machine.queue(1, message.to_vec(), SendOptions::default());
    }
    let took = pair.run_until(600 * SECOND, |_, b| b.machine.received() >= total).expect("everything arrives");
    assert_eq!(pair.b.machine.bytes(), data, "seed {seed}");
    (took, pair)
}

#[test]
fn a_megabyte_crosses_a_perfect_link() {
    let (took, pair) = transfer(0, Link::with_delay(25 * MS), 1 << 20, 16_384);
    let (a, b) = (pair.a.machine.association.stats(), pair.b.machine.association.stats());
    println!("{took:?}\n{a:?}\n{b:?}");
    assert_eq!(a.data_chunks_retransmitted, 0);
}

#[test]
fn a_megabyte_crosses_a_link_that_loses_five_percent() {
    for seed in 0..10 {
        let (took, pair) = transfer(seed, Link::with_delay(25 * MS).lossy(0.05), 1 << 20, 16_384);
        let a = pair.a.machine.association.stats();
        println!(
            "{took:?} {} rtx {} t3 {} probes {} fr {}",
            a.data_chunks_sent, a.data_chunks_retransmitted, a.timeouts, a.tail_probes, a.fast_recoveries
        );
    }
}

#[test]
fn sixty_four_kilobytes_cross_a_link_that_loses_twenty_percent() {
    for seed in 0..30 {
        let (took, pair) = transfer(seed, Link::with_delay(25 * MS).lossy(0.2), 1 << 16, 16_384);
        let a = pair.a.machine.association.stats();
        println!(
            "{took:?} {} rtx {} t3 {} probes {} fr {}",
            a.data_chunks_sent, a.data_chunks_retransmitted, a.timeouts, a.tail_probes, a.fast_recoveries
        );
    }
}
