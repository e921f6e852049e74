//! `RTCPeerConnection-constructor`, `RTCConfiguration-*`, `RTCPeerConnection-canTrickleIceCandidates`,
//! `RTCPeerConnection-onicecandidateerror` and `RTCConfiguration-alwaysNegotiateDataChannels`.

use super::*;
use common::exchange;
use netsim::Link;
use ortica::peer::PeerConfiguration;
use ortica::{
    ConfigurationError, ConnectionState, IceConnectionState, IceGatheringState, IceServer, IceServerError,
    IceTransportPolicy, IceUrlError,
};
use std::time::Duration;

fn set(pc: &mut Pc, configuration: PeerConfiguration) -> Result<(), ConfigurationError> {
    pc.peer().set_configuration(now(), configuration)
}

fn with_servers(ice_servers: Vec<IceServer>) -> PeerConfiguration {
    PeerConfiguration { ice_servers, ..PeerConfiguration::default() }
}

/// What comes of a server with these URLs and no credentials.
fn urls(urls: &[&str]) -> Result<(), ConfigurationError> {
    let urls = urls.iter().map(|&url| url.to_owned()).collect();
    set(&mut Pc::new(), with_servers(vec![IceServer { urls, ..IceServer::default() }]))
}

fn is_syntax(outcome: Result<(), ConfigurationError>, wanted: IceUrlError) -> bool {
    matches!(outcome, Err(ConfigurationError::IceServer(IceServerError::Syntax { problem, .. })) if problem == wanted)
}

/// What comes of a server with this URL, user name and password.
fn turn(url: &str, username: Option<&str>, credential: Option<&str>) -> Result<(), ConfigurationError> {
    let [username, credential] = [username, credential].map(|text| text.map(str::to_owned));
    set(&mut Pc::new(), with_servers(vec![IceServer { urls: vec![url.to_owned()], username, credential }]))
}

const TURNS: [&str; 2] = ["turn:turn.example.net", "turns:turn.example.net"];

#[test]
fn wpt_rtc_peer_connection_constructor_initial_state() {
    let mut pc = Pc::new();
    assert_eq!(pc.types(), [None; 4]);
    let peer = pc.peer();
    assert!(peer.local_description().is_none() && peer.remote_description().is_none());
    assert_eq!(peer.signaling_state(), SignalingState::Stable);
    assert_eq!(peer.ice_gathering_state(), IceGatheringState::New);
    assert_eq!(peer.ice_connection_state(), IceConnectionState::New);
    assert_eq!(peer.connection_state(), ConnectionState::New);
    assert_eq!(peer.can_trickle_ice_candidates(), None);
}

#[test]
fn wpt_rtc_configuration_ice_servers_default_empty() {
    let mut pc = Pc::new();
    assert!(pc.peer().configuration().ice_servers.is_empty());
    set(&mut pc, with_servers(Vec::new())).unwrap();
    assert!(pc.peer().configuration().ice_servers.is_empty());
}

#[test]
fn wpt_rtc_configuration_ice_servers_stun_urls() {
    for list in [&["stun:stun1.example.net"][..], &["stun:stun1.example.net", "stun:stun2.example.net:99"]] {
        let mut pc = Pc::new();
        let server = IceServer { urls: list.iter().map(|&url| url.to_owned()).collect(), ..IceServer::default() };
        set(&mut pc, with_servers(vec![server.clone()])).unwrap();
        assert_eq!(pc.peer().configuration().ice_servers, [server]);
    }
}

#[test]
fn wpt_rtc_configuration_ice_servers_turn_with_credentials() {
    for list in [&TURNS[..1], &TURNS[1..], &TURNS] {
        let urls = list.iter().map(|&url| url.to_owned()).collect();
        let server = IceServer { urls, ..IceServer::default() }.with_credentials("user", "cred");
        let mut pc = Pc::new();
        set(&mut pc, with_servers(vec![server.clone()])).unwrap();
        assert_eq!(pc.peer().configuration().ice_servers, [server]);
    }
}

#[test]
fn wpt_rtc_configuration_ice_servers_empty_username_ok() {
    for url in TURNS {
        turn(url, Some(""), Some("cred")).unwrap();
    }
}

#[test]
fn wpt_rtc_configuration_ice_servers_username_509_ok() {
    turn(TURNS[0], Some(&"u".repeat(509)), Some("cred")).unwrap();
}

#[test]
fn wpt_rtc_configuration_ice_servers_username_510_rejected() {
    let outcome = turn(TURNS[0], Some(&"u".repeat(510)), Some("cred"));
    assert_eq!(outcome, Err(ConfigurationError::IceServer(IceServerError::UsernameTooLong)));
}

#[test]
fn wpt_rtc_configuration_ice_servers_turn_credentials_missing() {
    for url in TURNS {
        for (username, credential) in [(None, None), (Some("user"), None), (None, Some("cred"))] {
            let outcome = turn(url, username, credential);
            assert_eq!(outcome, Err(ConfigurationError::IceServer(IceServerError::NoCredentials)));
        }
    }
}

#[test]
fn wpt_rtc_configuration_ice_servers_empty_credential_rejected() {
    for url in TURNS {
        let outcome = turn(url, Some("user"), Some(""));
        assert_eq!(outcome, Err(ConfigurationError::IceServer(IceServerError::NoCredentials)));
    }
}

#[test]
fn wpt_rtc_configuration_ice_servers_url_not_stun_or_turn() {
    for list in [&[""][..], &["relative-url"], &["http://example.com"], &["stun:host", "http://example.com"]] {
        assert!(is_syntax(urls(list), IceUrlError::Scheme), "{list:?}");
    }
}

#[test]
fn wpt_rtc_configuration_ice_servers_slash_slash_rejected() {
    for url in ["turn://example.org/foo?x=y", "stun://example.org/foo"] {
        assert!(is_syntax(urls(&[url]), IceUrlError::Host), "{url}");
    }
}

#[test]
fn wpt_rtc_configuration_ice_servers_url_without_host() {
    for url in ["stun:", "stun::8191", "turn:", "turn::8191"] {
        assert!(is_syntax(urls(&[url]), IceUrlError::Host), "{url}");
    }
}

#[test]
fn wpt_rtc_configuration_ice_servers_port_too_large() {
    for url in ["stun:example.com:131071", "turn:example.com:131071"] {
        assert!(is_syntax(urls(&[url]), IceUrlError::Port), "{url}");
    }
}

#[test]
fn wpt_rtc_configuration_ice_servers_ipv6_needs_brackets() {
    for host in ["2001:db8::1", "::ffff:192.0.2.1"] {
        for scheme in ["stun", "turn"] {
            assert!(is_syntax(urls(&[&format!("{scheme}:{host}")]), IceUrlError::Host), "{scheme}:{host}");
        }
    }
}

#[test]
fn wpt_rtc_configuration_ice_servers_no_fragment_userinfo_path() {
    for rest in ["host#fragment", "user@host", "host/", "/host", "host\\", "host/path"] {
        for scheme in ["stun", "turn"] {
            assert!(is_syntax(urls(&[&format!("{scheme}:{rest}")]), IceUrlError::Host), "{scheme}:{rest}");
        }
    }
}

#[test]
fn wpt_rtc_configuration_ice_servers_query_rules() {
    let wrong =
        ["stun:host?transport=udp", "turn:host?x=y", "turn:host?transport=quic", "turn:host?transport=", "turn:host?"];
    for url in wrong {
        assert!(is_syntax(urls(&[url]), IceUrlError::Query), "{url}");
    }
}

#[test]
fn wpt_rtc_configuration_ice_servers_empty_urls_list() {
    assert_eq!(urls(&[]), Err(ConfigurationError::IceServer(IceServerError::NoUrl)));
}

#[test]
fn wpt_rtc_configuration_ice_servers_set_configuration_replaces() {
    let mut pc = Pc::new();
    set(&mut pc, with_servers(vec![IceServer::new("stun:stun.example.net")])).unwrap();
    set(&mut pc, PeerConfiguration::default()).unwrap();
    assert!(pc.peer().configuration().ice_servers.is_empty());
}

#[test]
fn wpt_rtc_configuration_ice_servers_thirty_two_servers() {
    let servers: Vec<_> = (0..32).map(|number| IceServer::new(format!("stun:{number}.example.net"))).collect();
    let mut pc = Pc::new();
    set(&mut pc, with_servers(servers.clone())).unwrap();
    assert_eq!(pc.peer().configuration().ice_servers, servers);
}

#[test]
fn wpt_rtc_configuration_validation_all_or_nothing() {
    let mut pc = Pc::new();
    let mut wrong = with_servers(vec![IceServer::new("http://example.com")]);
    wrong.ice_transport_policy = IceTransportPolicy::Relay;
    set(&mut pc, wrong).unwrap_err();
    assert_eq!(*pc.peer().configuration(), PeerConfiguration::default());
}

// --- the transport policy -----------------------------------------------------------------------------------------------

fn policy(ice_transport_policy: IceTransportPolicy) -> PeerConfiguration {
    PeerConfiguration { ice_transport_policy, ..PeerConfiguration::default() }
}

#[test]
fn wpt_rtc_configuration_ice_transport_policy_default_all() {
    let mut pc = Pc::new();
    assert_eq!(pc.peer().configuration().ice_transport_policy, IceTransportPolicy::All);
    for wanted in [IceTransportPolicy::All, IceTransportPolicy::Relay] {
        set(&mut pc, policy(wanted)).unwrap();
        assert_eq!(pc.peer().configuration().ice_transport_policy, wanted);
    }
}

#[test]
fn wpt_rtc_configuration_ice_transport_policy_can_change() {
    let mut pc = Pc::new();
    for wanted in [IceTransportPolicy::Relay, IceTransportPolicy::All, IceTransportPolicy::Relay] {
        set(&mut pc, policy(wanted)).unwrap();
        assert_eq!(pc.peer().configuration().ice_transport_policy, wanted);
    }
    set(&mut pc, PeerConfiguration::default()).unwrap();
    assert_eq!(pc.peer().configuration().ice_transport_policy, IceTransportPolicy::All);
}

/// The candidates that were reported, and whether their end was.
fn candidates(pc: &mut Pc) -> (usize, bool) {
    let candidate = |event| if let PeerEvent::IceCandidate(candidate) = event { Some(candidate) } else { None };
    let told: Vec<_> = pc.events().into_iter().filter_map(candidate).collect();
    (told.iter().flatten().filter(|it| !it.candidate.is_empty()).count(), told.contains(&None))
}

#[test]
fn wpt_rtc_configuration_ice_transport_policy_relay_gathers_nothing() {
    let (mut a, mut b) = Pc::two();
    for pc in [&mut a, &mut b] {
        set(pc, policy(IceTransportPolicy::Relay)).unwrap();
    }
    a.create_channel();
    negotiate(&mut a, &mut b);
    for pc in [&mut a, &mut b] {
        assert_eq!(candidates(pc), (0, true));
        assert_eq!(pc.peer().ice_gathering_state(), IceGatheringState::Complete);
        assert!(!pc.peer().local_description().unwrap().sdp.contains("a=candidate"));
    }
}

/// Two connected sides.
fn connected() -> Pair<Side> {
    let mut pair = common::call(1, Link::with_delay(Duration::from_millis(10)));
    pair.run_until(Duration::from_secs(10), |a, b| !a.opened.is_empty() && !b.opened.is_empty()).unwrap();
    pair
}

fn ufrag(description: &SessionDescription) -> String {
    description.sdp.lines().find_map(|line| line.strip_prefix("a=ice-ufrag:")).unwrap().to_owned()
}

fn set_policy(side: &mut Side, wanted: IceTransportPolicy) {
    side.peer.set_configuration(now(), policy(wanted)).unwrap();
}

fn renegotiate(pair: &mut Pair<Side>) -> [SessionDescription; 2] {
    let now = pair.now();
    exchange(now, &mut pair.a, &mut pair.b)
}

#[test]
fn wpt_rtc_configuration_ice_transport_policy_all_to_relay_restarts() {
    let mut pair = connected();
    let before = ufrag(&pair.a.peer.local_description().unwrap());
    set_policy(&mut pair.a, IceTransportPolicy::Relay);
    let [offer, _] = renegotiate(&mut pair);
    assert_ne!(ufrag(&offer), before);
    assert!(!offer.sdp.contains("a=candidate"));
    let failed = |side: &Side| side.peer.connection_state() == ConnectionState::Failed;
    pair.run_until(Duration::from_secs(120), |a, b| failed(a) && failed(b)).unwrap();
}

#[test]
fn wpt_rtc_configuration_ice_transport_policy_relay_to_all_restarts() {
    let (mut a, b) = (Side::new(1, Pair::<Side>::A), Side::new(2, Pair::<Side>::B));
    set_policy(&mut a, IceTransportPolicy::Relay);
    let mut pair = Pair::new(1, Link::with_delay(Duration::from_millis(10)), a, b);
    let at = pair.now();
    pair.a.create_channel(at, Default::default());
    let [first, _] = renegotiate(&mut pair);
    let state = |side: &Side| side.peer.ice_connection_state();
    pair.run_until(Duration::from_secs(120), |a, _| state(a) == IceConnectionState::Failed).unwrap();
    set_policy(&mut pair.a, IceTransportPolicy::All);
    let [second, _] = renegotiate(&mut pair);
    assert_ne!(ufrag(&first), ufrag(&second));
    let up = |side: &Side| side.peer.connection_state() == ConnectionState::Connected;
    pair.run_until(Duration::from_secs(20), |a, b| up(a) && up(b)).unwrap();
}

#[test]
fn wpt_rtc_configuration_ice_transport_policy_all_relay_all_restarts() {
    let mut pair = connected();
    let before = ufrag(&pair.a.peer.local_description().unwrap());
    set_policy(&mut pair.a, IceTransportPolicy::Relay);
    set_policy(&mut pair.a, IceTransportPolicy::All);
    let [offer, _] = renegotiate(&mut pair);
    assert_ne!(ufrag(&offer), before);
    pair.run_for(Duration::from_secs(5));
    assert_eq!(pair.a.peer.connection_state(), ConnectionState::Connected);
    // Once is enough.
    let [again, _] = renegotiate(&mut pair);
    assert_eq!(ufrag(&again), ufrag(&offer));
}

#[test]
fn wpt_rtc_configuration_ice_transport_policy_answerer_change_no_effect() {
    let mut pair = connected();
    let before = ufrag(&pair.b.peer.local_description().unwrap());
    set_policy(&mut pair.b, IceTransportPolicy::Relay);
    let [_, answer] = renegotiate(&mut pair);
    assert_eq!(ufrag(&answer), before);
    pair.run_for(Duration::from_secs(60));
    assert_eq!(pair.b.peer.connection_state(), ConnectionState::Connected);
}

// --- the candidate pool -------------------------------------------------------------------------------------------------

fn pool(ice_candidate_pool_size: u8) -> PeerConfiguration {
    PeerConfiguration { ice_candidate_pool_size, ..PeerConfiguration::default() }
}

#[test]
fn wpt_rtc_configuration_ice_candidate_pool_size_default_zero() {
    assert_eq!(Pc::new().peer().configuration().ice_candidate_pool_size, 0);
}

#[test]
fn wpt_rtc_configuration_ice_candidate_pool_size_in_range() {
    let mut pc = Pc::new();
    for size in [0, 255, 0] {
        set(&mut pc, pool(size)).unwrap();
        assert_eq!(pc.peer().configuration().ice_candidate_pool_size, size);
    }
}

/// Guards `Session::set_candidate_pool`: what was gathered ahead is there as soon as a description is set, and nothing is told
/// of it before.
#[test]
fn candidates_of_the_pool_are_there_at_once_and_not_told_before() {
    let server = "stun:192.0.2.99:3478";
    let gathered = |size: u8, wait: Duration| {
        let mut pc = Pc::new();
        let servers = with_servers(vec![IceServer::new(server)]);
        set(&mut pc, PeerConfiguration { ice_candidate_pool_size: size, ..servers }).unwrap();
        let mut asked = 0;
        let mut out = Vec::new();
        while pc.peer().poll_transmit(now(), 1, &mut out).is_some() {
            asked += 1;
        }
        // The server is silent, and gathering ends without it.
        pc.peer().handle_timeout(now() + wait);
        assert!(!pc.events().iter().any(|event| matches!(event, PeerEvent::IceCandidate(_))));
        assert_eq!(pc.peer().ice_gathering_state(), IceGatheringState::New);
        pc.create_channel();
        pc.sld_implicit();
        pc.events();
        (asked, pc.peer().ice_gathering_state())
    };
    assert_eq!(gathered(0, Duration::from_secs(20)), (0, IceGatheringState::Gathering));
    assert_eq!(gathered(1, Duration::from_secs(20)), (1, IceGatheringState::Complete));
}

#[test]
fn the_pool_keeps_its_size_once_a_description_is_set() {
    let mut pc = Pc::new();
    pc.create_channel();
    pc.sld_implicit();
    assert!(matches!(set(&mut pc, pool(1)), Err(ConfigurationError::InvalidModification(_))));
    set(&mut pc, pool(0)).unwrap();
}

#[test]
fn a_closed_connection_takes_no_configuration() {
    let mut pc = Pc::new();
    pc.peer().close(now());
    assert_eq!(set(&mut pc, PeerConfiguration::default()), Err(ConfigurationError::Closed));
}

// --- trickle ------------------------------------------------------------------------------------------------------------

/// What is said of a peer whose offer has, or has not, the option.
fn trickles(option: bool) -> [Option<bool>; 2] {
    let (mut a, mut b) = Pc::two();
    a.create_channel();
    let before = b.peer().can_trickle_ice_candidates();
    let mut offer = a.create_offer();
    if !option {
        offer.sdp = offer.sdp.replace("a=ice-options:trickle ice2\r\n", "");
    }
    b.srd(offer).unwrap();
    [before, b.peer().can_trickle_ice_candidates()]
}

#[test]
fn wpt_rtc_peer_connection_can_trickle_ice_candidates_null_before_srd() {
    assert_eq!(trickles(true)[0], None);
}

#[test]
fn wpt_rtc_peer_connection_can_trickle_ice_candidates_true_with_option() {
    assert_eq!(trickles(true)[1], Some(true));
}

#[test]
fn wpt_rtc_peer_connection_can_trickle_ice_candidates_false_without_option() {
    assert_eq!(trickles(false)[1], Some(false));
}

// --- servers that do not help -------------------------------------------------------------------------------------------

#[test]
fn wpt_rtc_peer_connection_onicecandidateerror_bad_turn_server() {
    let mut pc = Pc::new();
    set(&mut pc, with_servers(vec![IceServer::new(TURNS[0]).with_credentials("user", "cred")])).unwrap();
    pc.create_channel();
    pc.sld_implicit();
    let mut told = pc.events();
    // Nobody knows its name.
    for question in pc.peer().take_questions() {
        pc.peer().resolved(now(), question.transport, question.id, None);
    }
    told.extend(pc.events());
    let error =
        told.iter().find_map(|event| if let PeerEvent::IceCandidateError(error) = event { Some(error) } else { None });
    let error = error.unwrap();
    assert_eq!((error.error_code, error.local), (701, None));
    assert_eq!(error.url, "turn:turn.example.net:3478?transport=udp");
    assert_eq!(pc.peer().ice_gathering_state(), IceGatheringState::Complete);
}

// --- data channels, always ----------------------------------------------------------------------------------------------

fn always(always_negotiate_data_channels: bool) -> PeerConfiguration {
    PeerConfiguration { always_negotiate_data_channels, ..PeerConfiguration::default() }
}

fn has_data(description: &SessionDescription) -> bool {
    description.sdp.contains("m=application")
}

#[test]
fn wpt_webrtc_extensions_rtc_configuration_always_negotiate_data_channels_default_false() {
    let mut pc = Pc::new();
    assert!(!pc.peer().configuration().always_negotiate_data_channels);
    set(&mut pc, always(true)).unwrap();
    assert!(pc.peer().configuration().always_negotiate_data_channels);
}

#[test]
fn wpt_webrtc_extensions_rtc_configuration_always_negotiate_data_channels_offers_data_section() {
    let mut pc = Pc::new();
    set(&mut pc, always(true)).unwrap();
    pc.add_transceiver(MediaKind::Audio, Direction::SendRecv);
    let offer = pc.create_offer();
    let sections: Vec<_> = offer.sdp.lines().filter(|line| line.starts_with("m=")).collect();
    assert!(sections[0].starts_with("m=application") && sections[1].starts_with("m=audio"), "{sections:?}");
}

#[test]
fn wpt_webrtc_extensions_rtc_configuration_always_negotiate_data_channels_changed_before_negotiation() {
    for (first, offered) in [(true, false), (false, false), (true, true), (false, true)] {
        let mut pc = Pc::new();
        set(&mut pc, always(first)).unwrap();
        if offered {
            assert_eq!(has_data(&pc.create_offer()), first);
        }
        set(&mut pc, always(!first)).unwrap();
        assert_eq!(has_data(&pc.create_offer()), !first);
    }
}

#[test]
fn wpt_webrtc_extensions_rtc_configuration_always_negotiate_data_channels_enabled_after_negotiation() {
    let (mut a, mut b) = Pc::two();
    negotiate(&mut a, &mut b);
    set(&mut a, always(true)).unwrap();
    assert!(a.is_negotiation_needed());
    assert!(has_data(&a.create_offer()));
}

#[test]
fn wpt_webrtc_extensions_rtc_configuration_always_negotiate_data_channels_not_removed_after_negotiation() {
    let (mut a, mut b) = Pc::two();
    set(&mut a, always(true)).unwrap();
    negotiate(&mut a, &mut b);
    set(&mut a, always(false)).unwrap();
    assert!(has_data(&a.create_offer()));
}
