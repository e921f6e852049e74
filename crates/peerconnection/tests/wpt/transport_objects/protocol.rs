//! `protocol/ice-*`, `protocol/dtls-close`, `protocol/dtls-fingerprint-validation` and `protocol/crypto-suite`.

use super::*;
use ortica::engine::{ChannelState, DtlsState, SctpState};
use ortica::jsep::{DescriptionError, IceCandidate, SdpType};
use ortica::ortc::IceTransportState;
use ortica_dtls::Version;

#[test]
fn wpt_protocol_ice_state_connected_with_candidates() {
    let pair = connected(Content::Data);
    let state = pair.a.peer.ice_state(transport(&pair.a));
    assert!(matches!(state, IceTransportState::Connected | IceTransportState::Completed), "{state}");
}

#[test]
fn wpt_protocol_ice_state_offers_trickle() {
    let mut pair = pair(Content::Data);
    negotiate(&mut pair);
    for side in [&pair.a, &pair.b] {
        let description = side.peer.local_description().unwrap();
        assert!(description.sdp.lines().any(|line| line.starts_with("a=ice-options:trickle")), "{}", description.sdp);
    }
}

#[test]
fn wpt_protocol_ice_state_disconnected_not_failed() {
    let mut pair = pair(Content::Data);
    exchange_changed(&mut pair, |description| without_candidates(&description));
    let dead = IceCandidate {
        candidate: "candidate:1 1 udp 2113929471 198.51.100.99 9 typ host".to_owned(),
        sdp_mid: Some("0".to_owned()),
        ..IceCandidate::default()
    };
    pair.with_a(|a, now| a.peer.add_ice_candidate(now, &dead)).unwrap();
    let state = |side: &Side| side.peer.ice_state(transport(side));
    assert_eq!(state(&pair.a), IceTransportState::Checking);
    pair.run_until(PATIENCE, |a, _| state(a) != IceTransportState::Checking).unwrap();
    assert_eq!(state(&pair.a), IceTransportState::Disconnected);
    assert_eq!(pair.a.peer.connection_state(), ConnectionState::Disconnected);
}

/// The credentials of an answer, with a character that they cannot have.
fn refused(attribute: &str) -> DescriptionError {
    let mut pair = pair(Content::Data);
    let now = pair.now();
    let offer = pair.a.peer.create_offer(now).unwrap();
    pair.a.peer.set_local_description(now, offer.clone()).unwrap();
    pair.b.peer.set_remote_description(now, offer).unwrap();
    let answer = pair.b.peer.create_answer(now).unwrap();
    let changed = answer.sdp.replace(&format!("a={attribute}:"), &format!("a={attribute}:?"));
    assert_ne!(changed, answer.sdp);
    pair.a.peer.set_remote_description(now, SessionDescription::answer(changed)).unwrap_err()
}

#[test]
fn wpt_protocol_ice_ufragpwd_bad_ufrag_character() {
    let error = refused("ice-ufrag").to_string();
    assert!(error.contains("ufrag") || error.contains("fragment"), "{error}");
}

#[test]
fn wpt_protocol_ice_ufragpwd_bad_pwd_character() {
    let error = refused("ice-pwd").to_string();
    assert!(error.contains("pwd") || error.contains("password"), "{error}");
}

#[test]
fn wpt_protocol_dtls_close_close_notify_closes_peer() {
    let mut pair = connected(Content::Data);
    pair.run_until(PATIENCE, |a, b| !a.opened.is_empty() && !b.opened.is_empty()).unwrap();
    let id = transport(&pair.b);
    pair.with_a(|a, now| a.peer.close(now));
    pair.run_until(PATIENCE, |_, b| b.peer.dtls_state(id) == DtlsState::Closed).unwrap();
    assert_eq!(pair.b.peer.sctp_state(), SctpState::Closed);
    assert_eq!(
        (pair.b.closed.clone(), pair.b.peer.channel_state(pair.b.opened[0])),
        (pair.b.opened.clone(), ChannelState::Closed)
    );
}

#[test]
fn wpt_protocol_dtls_fingerprint_validation_wrong_fingerprint_fails() {
    let mut pair = pair(Content::Data);
    let other = connected(Content::Data).b.peer.local_description().unwrap();
    let theirs = other.sdp.lines().find(|line| line.starts_with("a=fingerprint:")).unwrap();
    exchange_changed(&mut pair, |description| match description.kind {
        SdpType::Answer => {
            let line = description.sdp.lines().find(|line| line.starts_with("a=fingerprint:")).unwrap();
            let wrong = theirs.replace(&theirs[theirs.len() - 2..], "00");
            SessionDescription::answer(description.sdp.replace(line, &wrong))
        }
        _ => description,
    });
    let has_failed = |side: &Side| side.peer.connection_state() == ConnectionState::Failed;
    pair.run_until(PATIENCE, |a, b| has_failed(a) && has_failed(b)).unwrap();
}

#[test]
fn wpt_protocol_crypto_suite_tls_version() {
    for content in [Content::Data, Content::Sound] {
        let pair = connected(content);
        let verified = pair.a.peer.session().verified(transport(&pair.a)).unwrap();
        assert_eq!(verified.version(), Version::Dtls12);
    }
}

#[test]
fn wpt_protocol_crypto_suite_dtls_cipher() {
    for content in [Content::Data, Content::Sound] {
        let pair = connected(content);
        let verified = pair.a.peer.session().verified(transport(&pair.a)).unwrap();
        assert_eq!(verified.cipher_suite().to_string(), "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256");
    }
}
