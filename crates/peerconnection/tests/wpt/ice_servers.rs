//! `RTCPeerConnection-onicecandidateerror` and what statistics say of servers.

use super::*;
use ortica::core::{Datagram, SocketId};
use ortica::ice::stun::{Class, Message, MessageBuilder, Method};
use ortica::peer::PeerConfiguration;
use ortica::{IceCandidateErrorEvent, IceServer};
use std::time::Duration;

/// A connection with a channel that asks these servers.
fn asking(ice_servers: Vec<IceServer>) -> Pc {
    let mut pc = Pc::new();
    pc.peer().set_configuration(now(), PeerConfiguration { ice_servers, ..PeerConfiguration::default() }).unwrap();
    pc.create_channel();
    pc.sld_implicit();
    pc
}

/// The questions that wait to be sent, and where to.
fn questions(pc: &mut Pc) -> Vec<(SocketAddr, Vec<u8>)> {
    let mut asked = Vec::new();
    let mut out = Vec::new();
    while let Some(transmit) = pc.peer().poll_transmit(now(), 1, &mut out) {
        asked.push((transmit.remote, std::mem::take(&mut out)));
    }
    asked
}

fn errors(events: Vec<PeerEvent>) -> Vec<IceCandidateErrorEvent> {
    let error = |event| if let PeerEvent::IceCandidateError(error) = event { Some(error) } else { None };
    events.into_iter().filter_map(error).collect()
}

/// Servers that are silent, that cannot be asked, and that are over TLS.
#[test]
fn wpt_rtc_peer_connection_onicecandidateerror_each_failing_server() {
    let with_name = |url: &str| IceServer::new(url).with_credentials("user", "credential");
    let mut pc = asking(vec![
        IceServer::new("stun:192.0.2.99"),
        IceServer::new("stun:[2001:db8::99]:1234"),
        with_name("turn:turn.example.net"),
        with_name("turns:turn.example.net"),
    ]);
    assert!(!questions(&mut pc).is_empty());
    pc.peer().handle_timeout(now() + Duration::from_secs(60));
    let mut failed = errors(pc.events());
    failed.sort_by(|a, b| a.url.cmp(&b.url));
    let urls: Vec<_> = failed.iter().map(|error| error.url.as_str()).collect();
    let wanted = [
        "stun:192.0.2.99:3478",
        "stun:[2001:db8::99]:1234",
        "turn:turn.example.net:3478?transport=udp",
        "turns:turn.example.net:5349?transport=tcp",
    ];
    assert_eq!(urls, wanted);
    for error in &failed {
        assert!((300..800).contains(&error.error_code) && error.local.is_none(), "{error:?}");
    }
}

/// Guards `Peer::server_of` too: the candidate that a server saw names it, in its event and in the statistics.
#[test]
fn wpt_rtc_peer_connection_mandatory_get_stats_candidate() {
    let mut pc = asking(vec![IceServer::new("stun:203.0.113.9:5000")]);
    let asked = questions(&mut pc);
    let (server, request) = asked.first().unwrap();
    let request = Message::parse(request).unwrap();
    let mut answer = Vec::new();
    MessageBuilder::new(&mut answer, Class::Success, Method::BINDING, request.transaction())
        .xor_mapped_address("203.0.113.77:7777".parse().unwrap());
    pc.peer().handle_datagram(now(), Datagram::single(SocketId(0), *server, &mut answer));
    let url = Some("stun:203.0.113.9:5000".to_owned());
    let of_candidate = |event| match event {
        PeerEvent::IceCandidate(candidate) => candidate.filter(|it| !it.candidate.is_empty()).map(|it| it.url),
        _ => None,
    };
    assert_eq!(pc.events().into_iter().filter_map(of_candidate).collect::<Vec<_>>(), [None, url.clone()]);
    let report = pc.peer().stats(now());
    let candidates: Vec<_> = report.local_candidates().collect();
    let of = |kind| candidates.iter().find(|it| it.candidate_type == kind).unwrap();
    let (host, seen) = (of(ortica_ice::CandidateKind::Host), of(ortica_ice::CandidateKind::ServerReflexive));
    assert_eq!((host.url.clone(), seen.url.clone()), (None, url));
    for candidate in candidates {
        assert!(candidate.address.0.is_some() && candidate.port > 0);
        assert_eq!(candidate.protocol, "udp");
    }
}
