//! The port inside SCTP, as descriptions name it.
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

mod common;

use common::{Side, exchange};
use netsim::{Link, Pair};
use ortica::core::SocketId;
use ortica::core::crypto::rust_crypto;
use ortica::engine::{ChannelMessage, ChannelParameters};
use ortica::jsep::SessionDescription;
use std::net::SocketAddr;
use std::time::Duration;

/// A side whose SCTP has that port, and knows nothing of the other one's.
fn side(seed: u64, address: SocketAddr, port: u16) -> Side {
    let ice = ortica_ice::Config::new(rust_crypto::provider());
    let sctp = ortica_sctp::Config::new(rust_crypto::provider()).with_ports(port, 5000);
    Side::configured(seed, ice, sctp, vec![(SocketId(0), address)], |config| config)
}

fn pair(ports: [u16; 2]) -> Pair<Side> {
    let (a, b) = (side(1, Pair::<Side>::A, ports[0]), side(2, Pair::<Side>::B, ports[1]));
    let mut pair = Pair::new(1, Link::with_delay(Duration::from_millis(10)), a, b);
    let now = pair.now();
    pair.a.create_channel(now, ChannelParameters::default());
    pair
}

fn talks(pair: &mut Pair<Side>) -> bool {
    pair.a.queue.push_back(ChannelMessage { binary: false, data: "hello".into() });
    pair.run_until(Duration::from_secs(10), |_, b| !b.received.is_empty()).is_ok()
}

/// Guards `Secured::start_sctp`: each side sends to the port that the other one names.
#[test]
fn rfc_8841_data_goes_to_the_port_that_the_other_side_names() {
    for ports in [[5000, 5000], [5001, 65_535], [1, 5000]] {
        let mut pair = pair(ports);
        let now = pair.now();
        let described = exchange(now, &mut pair.a, &mut pair.b);
        for (description, port) in described.iter().zip(ports) {
            assert!(description.sdp.contains(&format!("a=sctp-port:{port}\r\n")), "{}", description.sdp);
        }
        assert!(talks(&mut pair), "{ports:?}");
    }
}

/// Drafts before RFC 8841 say it in another line, and some say nothing.
#[test]
fn a_port_may_be_named_in_old_words_or_not_at_all() {
    for (port, line) in
        [(5001, Some("a=sctpmap:5001 webrtc-datachannel 65535\r\n")), (5000, None), (5000, Some("a=sctp-port:0\r\n"))]
    {
        let mut pair = pair([port, 5002]);
        let (now, Pair { a, b, .. }) = (pair.now(), &mut pair);
        a.peer.set_local_description(now, SessionDescription::offer("")).unwrap();
        let offer = a.peer.local_description().unwrap();
        let named = format!("a=sctp-port:{port}\r\n");
        assert!(offer.sdp.contains(&named));
        let offer = SessionDescription { sdp: offer.sdp.replace(&named, line.unwrap_or_default()), ..offer };
        b.peer.set_remote_description(now, offer).unwrap();
        b.peer.set_local_description(now, SessionDescription::answer("")).unwrap();
        a.peer.set_remote_description(now, b.peer.local_description().unwrap()).unwrap();
        assert!(talks(&mut pair), "{line:?}");
    }
}

/// The port is that of the association, for as long as it lasts.
#[test]
fn another_port_in_a_later_description_changes_nothing() {
    let mut pair = pair([5000, 5000]);
    let now = pair.now();
    exchange(now, &mut pair.a, &mut pair.b);
    assert!(talks(&mut pair));
    let (now, Pair { a, b, .. }) = (pair.now(), &mut pair);
    a.peer.set_local_description(now, SessionDescription::offer("")).unwrap();
    let offer = a.peer.local_description().unwrap();
    let offer = SessionDescription { sdp: offer.sdp.replace("a=sctp-port:5000", "a=sctp-port:6000"), ..offer };
    b.peer.set_remote_description(now, offer).unwrap();
    b.peer.set_local_description(now, SessionDescription::answer("")).unwrap();
    a.peer.set_remote_description(now, b.peer.local_description().unwrap()).unwrap();
    b.received.clear();
    assert!(talks(&mut pair));
}
