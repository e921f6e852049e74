//! Settings of ICE: what descriptions say of them, and what comes of it.
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

mod common;

use common::{Side, exchange};
use netsim::{Link, Pair, What};
use ortica::core::SocketId;
use ortica::core::crypto::rust_crypto;
use ortica::engine::{ChannelMessage, ChannelParameters};
use ortica::ice::stun::Message;
use ortica::ice::{Agent, Config, Role};
use ortica::jsep::SessionDescription;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn ice() -> Config {
    Config::new(rust_crypto::provider())
}

fn side(seed: u64, ice: Config, at: SocketAddr) -> Side {
    Side::with(seed, ice, vec![(SocketId(0), at)])
}

/// Two sides, the first of which has a data channel to offer.
fn pair(seed: u64, [a, b]: [Config; 2]) -> Pair<Side> {
    let sides = (side(2 * seed, a, Pair::<Side>::A), side(2 * seed + 1, b, Pair::<Side>::B));
    let mut pair = Pair::new(seed, Link::with_delay(Duration::from_millis(20)), sides.0, sides.1);
    let now = pair.now();
    pair.a.create_channel(now, ChannelParameters::default());
    pair
}

/// What a description says above its sections.
fn above(description: &SessionDescription) -> Vec<&str> {
    description.sdp.lines().take_while(|line| !line.starts_with("m=")).collect()
}

fn ice_options(description: &SessionDescription) -> Vec<&str> {
    description.sdp.lines().filter_map(|line| line.strip_prefix("a=ice-options:")).collect()
}

fn agent(side: &Side) -> &Agent {
    let session = side.peer.session();
    session.ice(session.transports().next().unwrap()).unwrap()
}

/// Sends ten messages each way.
fn assert_data_flows(pair: &mut Pair<Side>) {
    let message = |number: u8| ChannelMessage { binary: true, data: vec![number; 500].into() };
    for number in 0..10 {
        pair.a.queue.push_back(message(number));
        pair.b.queue.push_back(message(number));
    }
    pair.run_until(5 * SECOND, |a, b| [a, b].iter().all(|side| side.received.len() == 10)).unwrap();
    for side in [&pair.a, &pair.b] {
        assert_eq!(side.received, (0..10).map(message).collect::<Vec<_>>());
    }
}

/// Guards `Configuration::with_ice_lite`'s way into descriptions and roles, whoever offers.
#[test]
fn ice_10_a_lite_side_says_so_and_the_other_one_controls() {
    for (seed, lite) in [[true, false], [false, true], [true, true]].into_iter().enumerate() {
        let mut pair = pair(seed as u64, lite.map(|lite| ice().with_lite(lite)));
        let now = pair.now();
        let descriptions = exchange(now, &mut pair.a, &mut pair.b);
        for (description, lite) in descriptions.iter().zip(lite) {
            assert_eq!(above(description).contains(&"a=ice-lite"), lite, "{}", description.sdp);
            assert_eq!(description.sdp.matches("a=ice-lite").count(), usize::from(lite));
        }
        pair.run_until(5 * SECOND, |a, b| !a.opened.is_empty() && !b.opened.is_empty()).unwrap();
        assert_data_flows(&mut pair);
        let roles = [&pair.a, &pair.b].map(|side| agent(side).role());
        let sent = [&pair.a, &pair.b].map(|side| agent(side).stats().requests_sent);
        if lite == [true, true] {
            assert_ne!(roles[0], roles[1]);
            continue;
        }
        for node in 0..2 {
            assert_eq!(roles[node], if lite[node] { Role::Controlled } else { Role::Controlling });
            assert_eq!(sent[node] == 0, lite[node], "{sent:?}");
        }
    }
}

/// Guards `IceFeatures`: offers say all, answers what was offered too. RFC 9429 §5.2.1 and §5.3.1.
#[test]
fn jsep_offers_say_trickle_and_ice2_and_answers_what_was_offered() {
    let all = "trickle ice2 renomination";
    for (offered, renominates, answered) in [
        (Some("trickle ice2"), false, Some("trickle ice2")),
        (Some("trickle"), false, Some("trickle")),
        (Some("ice2 rtp+ecn"), true, Some("ice2")),
        (Some(all), false, Some("trickle ice2")),
        (Some(all), true, Some(all)),
        (Some("trickle ice2"), true, Some("trickle ice2")),
        (None, true, None),
    ] {
        let mut pair = pair(1, [true, renominates].map(|on| ice().with_renomination(on)));
        let now = pair.now();
        let mut offer = pair.a.peer.create_offer(now).unwrap();
        assert_eq!(ice_options(&offer), [all]);
        assert!(above(&offer).contains(&"a=ice-options:trickle ice2 renomination"));
        let said = offered.map(|options| format!("a=ice-options:{options}\r\n")).unwrap_or_default();
        offer.sdp = offer.sdp.replace(&format!("a=ice-options:{all}\r\n"), &said);
        pair.b.peer.set_remote_description(now, offer).unwrap();
        let answer = pair.b.peer.create_answer(now).unwrap();
        assert_eq!(ice_options(&answer), Vec::from_iter(answered), "{offered:?}");
        pair.b.peer.set_local_description(now, answer).unwrap();
        let taken = pair.b.peer.can_trickle_ice_candidates();
        assert_eq!(taken, Some(offered.is_some_and(|options| options.contains("trickle"))));
    }
    let mut plain = side(1, ice(), Pair::<Side>::A);
    plain.create_channel(netsim::epoch(), ChannelParameters::default());
    let offer = plain.peer.create_offer(netsim::epoch()).unwrap();
    assert_eq!(ice_options(&offer), ["trickle ice2"]);
}

/// Guards the way of the peer's word to the agent: nominations have numbers only where both said that they know them.
#[test]
fn renomination_takes_the_word_of_both_sides() {
    for on in [[false, false], [true, false], [false, true], [true, true]] {
        let mut pair = pair(3, on.map(|on| ice().with_renomination(on)));
        let now = pair.now();
        exchange(now, &mut pair.a, &mut pair.b);
        let seen = Rc::new(RefCell::new(BTreeSet::new()));
        let log = Rc::clone(&seen);
        pair.network.set_tap(move |crossing| {
            if let (What::Sent, Ok(message)) = (crossing.what, Message::parse(crossing.bytes)) {
                log.borrow_mut().extend(message.nomination().unwrap());
            }
        });
        pair.run_until(5 * SECOND, |a, b| !a.opened.is_empty() && !b.opened.is_empty()).unwrap();
        assert_data_flows(&mut pair);
        let numbers: Vec<u32> = seen.take().into_iter().collect();
        assert_eq!(numbers, if on == [true, true] { vec![1] } else { vec![] }, "{on:?}");
    }
}

#[cfg(all(feature = "tokio", any(feature = "aws-lc-rs", feature = "rust-crypto")))]
mod on_real_sockets {
    use ortica::{Configuration, DataChannelInit, IpHandling, PeerConnection};
    use std::net::IpAddr;
    use std::time::Duration;

    /// The addresses of host candidates, and whether there are others.
    async fn candidates(handling: IpHandling) -> (Vec<IpAddr>, bool) {
        let configuration = Configuration::default().with_ip_handling(handling);
        let (connection, _events) = PeerConnection::new(configuration).unwrap();
        let _channel = connection.create_data_channel("chat", DataChannelInit::default()).unwrap();
        connection.set_local_description(None).unwrap();
        tokio::time::timeout(Duration::from_secs(20), connection.gathering_complete()).await.unwrap();
        let sdp = connection.local_description().unwrap().sdp;
        let lines: Vec<Vec<&str>> = sdp
            .lines()
            .filter_map(|line| line.strip_prefix("a=candidate:"))
            .map(|line| line.split(' ').collect())
            .filter(|words: &Vec<&str>| words[2] == "udp")
            .collect();
        let is_host = |words: &&Vec<&str>| words[7] == "host";
        let hosts: Vec<IpAddr> = lines.iter().filter(is_host).map(|words| words[4].parse().unwrap()).collect();
        (hosts.clone(), lines.len() > hosts.len())
    }

    /// Guards each mode of RFC 8828 where it shows: in the candidates of this host.
    #[tokio::test]
    async fn ice_11_each_mode_shows_less_than_the_one_before() {
        let (all, _) = candidates(IpHandling::AllInterfaces).await;
        let (default, others) = candidates(IpHandling::DefaultRoute).await;
        assert!(!all.is_empty() && !default.is_empty() && !others);
        // One of each family, unless the host has no route and so nothing but loopback.
        assert!(default.iter().all(|ip| all.contains(ip) || ip.is_loopback()), "{default:?} of {all:?}");
        assert!(default.iter().filter(|ip| ip.is_ipv4()).count() <= 1, "{default:?}");
        assert!(default.iter().filter(|ip| ip.is_ipv6()).count() <= 1, "{default:?}");
        for hidden in [IpHandling::DefaultRouteHidden, IpHandling::RelayOverTcp] {
            assert_eq!(candidates(hidden).await, (vec![], false), "{hidden:?}");
        }
    }
}
