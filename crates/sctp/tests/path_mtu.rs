//! Longer packets, found by probes and given up again.

mod common;

use common::*;
use netsim::Link;
use ortica_sctp::{Config, SendOptions};
use std::time::Duration;

const BASE: usize = Config::DEFAULT_MAX_PACKET_SIZE & !3;

fn transfer(pair: &mut Peers, len: usize) -> Duration {
    let before = pair.b.machine.received();
    for message in pattern(len).chunks(16_384) {
        pair.a.machine.queue(1, message.to_vec(), SendOptions::default());
    }
    pair.run_until(60 * SECOND, |_, b| b.machine.received() == before + len).expect("it arrives")
}

fn peers(seed: u64, most: Option<usize>, link: Link) -> Peers {
    let peer = |side| Peer::new(config().with_packet_size_to_find(most), seed * 2 + side);
    connect(netsim::Pair::of_machines(seed, link.clone(), peer(0), peer(1)), link)
}

/// Guards the search and the way back (RFC 8899): longer packets are used once a probe has shown that they arrive, and when
/// the path stops carrying them, data go on in packets that it carries after one time-out, also those that had been sent
/// already.
#[test]
fn flt_19_a_path_that_becomes_narrow_costs_a_time_out() {
    for (seed, narrow) in [(1, 1_200), (2, 1_300), (3, BASE)] {
        let mut pair = peers(seed, Some(1_400), Link::with_delay(25 * MS).max_payload(1_400));
        pair.run_for(SECOND);
        assert_eq!(pair.a.machine.association.path().packet_size, 1_400);
        pair.a.machine.records = true;
        transfer(&mut pair, 1_000_000);
        let longest = pair.a.machine.sent.iter().map(|(_, packet)| packet.len()).max();
        assert_eq!(longest, Some(1_400));

        pair.links(|link| link.max_payload = Some(narrow));
        let took = transfer(&mut pair, 1_000_000);
        assert!(took < 3 * SECOND, "{narrow}: {took:?}");
        assert_eq!(pair.b.machine.bytes().len(), 2_000_000);
        assert_eq!(pair.a.machine.association.stats().black_holes, 1);
        pair.run_for(60 * SECOND);
        let found = pair.a.machine.association.path().packet_size;
        assert!(found <= narrow && found + 32 > narrow.min(1_400), "{narrow}: {found}");
        assert!(pair.a.machine.is_up() && pair.b.machine.is_up());
    }
}

/// Guards what a probe costs on a path that does not carry it: nothing but the probe.
#[test]
fn flt_19_probes_that_get_lost_slow_nothing_down() {
    let mut narrow = peers(1, Some(9_000), Link::with_delay(25 * MS).max_payload(BASE));
    let mut plain = peers(1, None, Link::with_delay(25 * MS).max_payload(BASE));
    let (probed, straight) = (transfer(&mut narrow, 1_000_000), transfer(&mut plain, 1_000_000));
    assert!(probed < straight + 100 * MS, "{probed:?} {straight:?}");
    let stats = narrow.a.machine.association.stats();
    assert_eq!((stats.data_chunks_retransmitted, stats.fast_recoveries, stats.timeouts), (0, 0, 0));
    assert_eq!(narrow.a.machine.association.path().packet_size, BASE);
}

#[test]
fn without_being_asked_nothing_is_probed() {
    let mut pair = peers(1, None, Link::with_delay(25 * MS));
    pair.a.machine.records = true;
    pair.run_for(20 * SECOND);
    transfer(&mut pair, 100_000);
    assert!(pair.a.machine.sent.iter().all(|(_, packet)| packet.len() <= BASE));
}
