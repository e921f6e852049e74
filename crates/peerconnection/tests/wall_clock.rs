//! Sides that do not agree what time it is.
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

mod common;

use common::{Side, exchange};
use netsim::{Link, Pair};
use ortica::codecs::{Codec, EncodedFrame, MediaKind};
use ortica::core::crypto::rust_crypto;
use ortica::core::{NtpTime, SocketId, WallClock};
use ortica::{ConnectionState, IceConnectionState};
use std::net::SocketAddr;
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);
const HOUR: i64 = 3_600;
/// What time it is, since the Unix epoch. The certificates of both sides are made by it.
const TIME: i64 = 1_800_000_000;

/// A side whose clock is wrong by so many seconds.
fn side(seed: u64, address: SocketAddr, wrong_by: i64) -> Side {
    let (ice, sctp) =
        (ortica_ice::Config::new(rust_crypto::provider()), ortica_sctp::Config::new(rust_crypto::provider()));
    let wall = Duration::from_secs((TIME + wrong_by).unsigned_abs());
    let mut side = Side::configured(seed, ice, sctp, vec![(SocketId(0), address)], |config| {
        config.with_wall_clock(WallClock::new(netsim::epoch(), NtpTime::from_unix(wall)))
    });
    side.peer.set_codecs(vec![Codec::Pcmu]);
    side
}

/// What `b` was told of the sender's time, with the time by the clock of nobody.
fn reports(pair: &mut Pair<Side>, from: ortica::jsep::TransceiverId) -> Vec<(Duration, Duration)> {
    let mut reports = Vec::new();
    for number in 0..1_500u32 {
        let frame = EncodedFrame::new(Codec::Pcmu, vec![0; 160], i64::from(number) * 160).with_duration(160);
        pair.with_a(|a, now| a.peer.send_frame(now, from, &frame)).unwrap();
        pair.run_for(20 * MS);
        let report = pair.b.peer.stats(pair.now());
        let told = report.remote_outbound_rtp().next().map(|stream| stream.remote_timestamp.0);
        reports.extend(told.map(|told| (pair.elapsed(), told)));
    }
    reports.dedup_by_key(|(_, told)| *told);
    reports
}

/// Guards the one reading of the time of day by which a session lives: between sides that are hours apart nothing is checked
/// against it, and what sender reports say of it goes on evenly.
#[test]
fn flt_21_sides_that_are_hours_apart_connect_and_report_evenly() {
    for wrong_by in [HOUR, -HOUR, 24 * HOUR, -24 * HOUR] {
        let (a, b) = (side(1, Pair::<Side>::A, wrong_by), side(2, Pair::<Side>::B, 0));
        let mut pair = Pair::new(1, Link::with_delay(10 * MS), a, b);
        let from = pair.a.peer.add_track(MediaKind::Audio, vec!["stream".to_owned()]).unwrap();
        let now = pair.now();
        exchange(now, &mut pair.a, &mut pair.b);
        let up = |side: &Side| side.peer.connection_state() == ConnectionState::Connected;
        pair.run_until(10_000 * MS, |a, b| up(a) && up(b)).unwrap();
        let reports = reports(&mut pair, from);
        assert!(reports.len() >= 5, "{reports:?}");
        let hours = Duration::from_secs((TIME + wrong_by).unsigned_abs());
        for (elapsed, told) in reports {
            let ahead = (hours + elapsed).checked_sub(told).expect("no report comes before its time");
            assert!(ahead < 50 * MS, "{wrong_by}: {ahead:?}");
        }
        for side in [&pair.a, &pair.b] {
            assert!(matches!(
                side.peer.ice_connection_state(),
                IceConnectionState::Connected | IceConnectionState::Completed
            ));
        }
    }
}
