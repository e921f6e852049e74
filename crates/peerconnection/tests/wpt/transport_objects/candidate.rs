//! `RTCIceCandidate-constructor`.

use super::*;
use ortica::jsep::{IceCandidate, IceCandidateError, IceServerTransportProtocol};
use ortica::ortc::{IceCandidateType, IceComponent, IceProtocol, IceTcpCandidateType};

const HOST: &str = "candidate:1905690388 1 udp 2113937151 192.168.0.1 58041 typ host generation 0 ufrag thC8";
const TCP: &str = "candidate:435653019 2 tcp 1845501695 192.168.0.196 4444 typ srflx raddr www.example.com rport 22222 tcptype active";

fn with_mid(candidate: &str) -> IceCandidate {
    IceCandidate { candidate: candidate.to_owned(), sdp_mid: Some("audio".to_owned()), ..IceCandidate::default() }
}

/// A candidate is plain data; that it names no section is said where it is used.
#[test]
fn wpt_rtc_ice_candidate_constructor_needs_mid_or_index() {
    let mut pair = connected(Content::Sound);
    for text in ["", HOST] {
        let candidate = IceCandidate { candidate: text.to_owned(), ..IceCandidate::default() };
        let outcome = pair.a.peer.add_ice_candidate(pair.now(), &candidate);
        // Without a text it ends the candidates of all sections (webrtc-pc §4.4.2).
        let wanted = if text.is_empty() { Ok(()) } else { Err(IceCandidateError::NoSection) };
        assert_eq!(outcome, wanted, "{text:?}");
    }
}

#[test]
fn wpt_rtc_ice_candidate_constructor_host_udp_fields() {
    let fields = with_mid(HOST).fields().unwrap();
    assert_eq!((fields.foundation.as_str(), fields.component), ("1905690388", IceComponent::Rtp));
    assert_eq!((fields.priority, fields.address.as_deref()), (2_113_937_151, Some("192.168.0.1")));
    assert_eq!((fields.protocol, fields.port, fields.kind), (IceProtocol::Udp, 58_041, IceCandidateType::Host));
    assert_eq!((fields.tcp_type, fields.related_address, fields.related_port), (None, None, None));
}

#[test]
fn wpt_rtc_ice_candidate_constructor_srflx_tcp_fields() {
    let fields = with_mid(TCP).fields().unwrap();
    assert_eq!((fields.component, fields.protocol), (IceComponent::Rtcp, IceProtocol::Tcp));
    assert_eq!((fields.kind, fields.tcp_type), (IceCandidateType::Srflx, Some(IceTcpCandidateType::Active)));
    assert_eq!((fields.related_address.as_deref(), fields.related_port), (Some("www.example.com"), Some(22_222)));
}

#[test]
fn wpt_rtc_ice_candidate_constructor_candidate_not_validated() {
    let candidate = with_mid("arbitrary string");
    assert_eq!((candidate.candidate.as_str(), candidate.fields()), ("arbitrary string", None));
}

#[test]
fn wpt_rtc_ice_candidate_constructor_ufrag_not_from_candidate() {
    let candidate = with_mid(HOST);
    assert_eq!(candidate.username_fragment, None);
    assert_eq!(candidate.fields().unwrap().username_fragment.as_deref(), Some("thC8"));
}

/// They are for this side's eyes.
#[test]
fn wpt_rtc_ice_candidate_constructor_relay_protocol_and_url() {
    for (relay_protocol, word) in [
        (IceServerTransportProtocol::Udp, "udp"),
        (IceServerTransportProtocol::Tcp, "tcp"),
        (IceServerTransportProtocol::Tls, "tls"),
    ] {
        let url = Some("turn:turn.example.net".to_owned());
        let candidate = IceCandidate { relay_protocol: Some(relay_protocol), url: url.clone(), ..with_mid(HOST) };
        let copy = candidate.clone();
        assert_eq!((copy.relay_protocol.map(|it| it.to_string()).as_deref(), copy.url), (Some(word), url));
        #[cfg(feature = "serde")]
        {
            let signalled = serde_json::to_value(&candidate).unwrap();
            let members: std::collections::BTreeSet<_> = signalled.as_object().unwrap().keys().cloned().collect();
            let wanted = ["candidate", "sdpMLineIndex", "sdpMid", "usernameFragment"];
            assert_eq!(members, wanted.map(str::to_owned).into());
            let read: IceCandidate = serde_json::from_value(signalled).unwrap();
            assert_eq!(read, with_mid(HOST));
        }
    }
}
