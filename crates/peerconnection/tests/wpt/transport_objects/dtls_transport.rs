//! `RTCDtlsTransport-state`, `-onerror` and `-getRemoteCertificates`.

use super::*;
use ortica::core::crypto::{HashAlgorithm, rust_crypto};
use ortica::engine::{DtlsError, DtlsState};
use ortica::jsep::SdpType;
use ortica::peer::PeerEvent;
use ortica_dtls::Fingerprint;

#[test]
fn wpt_rtc_dtls_transport_state_reaches_connected() {
    let mut pair = pair(Content::Sound);
    negotiate(&mut pair);
    assert_eq!(pair.a.peer.dtls_state(transport(&pair.a)), DtlsState::Connecting);
    connect(&mut pair);
    for side in [&pair.a, &pair.b] {
        assert_eq!(side.peer.dtls_state(transport(side)), DtlsState::Connected);
    }
}

#[test]
fn wpt_rtc_dtls_transport_state_close_is_immediate_and_silent() {
    let mut pair = connected(Content::Sound);
    let id = transport(&pair.a);
    pair.a.events.clear();
    pair.with_a(|a, now| {
        a.peer.close(now);
        assert_eq!(a.peer.dtls_state(id), DtlsState::Closed);
    });
    pair.run_for(PATIENCE);
    let changed = |event: &PeerEvent| matches!(event, PeerEvent::DtlsStateChange(..));
    assert!(!pair.a.events.iter().any(changed), "{:?}", pair.a.events);
}

#[test]
fn wpt_rtc_dtls_transport_state_close_reaches_peer() {
    let mut pair = connected(Content::Sound);
    let id = transport(&pair.b);
    pair.with_a(|a, now| a.peer.close(now));
    let before = pair.elapsed();
    pair.run_until(PATIENCE, |_, b| b.peer.dtls_state(id) == DtlsState::Closed).unwrap();
    assert!(pair.elapsed() - before < 2 * DELAY, "by the goodbye");
}

#[test]
fn wpt_rtc_dtls_transport_state_stop_keeps_bundle_transport() {
    let mut pair = pair(Content::Sound);
    let video = pair.a.peer.add_track(MediaKind::Video, vec!["stream".to_owned()]).unwrap();
    negotiate(&mut pair);
    connect(&mut pair);
    let (audio, shared) = (transceiver(&pair.a), transport(&pair.a));
    assert_eq!(pair.a.peer.transport_of(video), Some(shared));
    pair.a.peer.stop_transceiver(audio).unwrap();
    negotiate(&mut pair);
    pair.run_for(PATIENCE);
    assert_eq!(pair.a.peer.transport_of(video), Some(shared));
    assert_eq!(pair.a.peer.dtls_state(shared), DtlsState::Connected);
}

/// Both sides at their end, after the offer was changed on its way.
fn with_a_wrong_digit() -> [Option<DtlsError>; 2] {
    let mut pair = pair(Content::Sound);
    exchange_changed(&mut pair, |description| match description.kind {
        SdpType::Offer => {
            let (before, after) = description.sdp.split_once("a=fingerprint:sha-256 ").unwrap();
            let digit = if after.starts_with('0') { '1' } else { '0' };
            SessionDescription::offer(format!("{before}a=fingerprint:sha-256 {digit}{}", &after[1..]))
        }
        _ => description,
    });
    let (ours, theirs) = (transport(&pair.a), transport(&pair.b));
    pair.run_until(PATIENCE, |a, b| {
        a.peer.dtls_state(ours) == DtlsState::Failed && b.peer.dtls_state(theirs) == DtlsState::Failed
    })
    .unwrap();
    [pair.a.peer.session().dtls_error(ours), pair.b.peer.session().dtls_error(theirs)]
}

#[test]
fn wpt_rtc_dtls_transport_onerror_wrong_fingerprint_answerer() {
    assert_eq!(with_a_wrong_digit()[1], Some(DtlsError::Fingerprint));
}

#[test]
fn wpt_rtc_dtls_transport_onerror_wrong_fingerprint_offerer() {
    let error = with_a_wrong_digit()[0];
    assert!(matches!(error, Some(DtlsError::Handshake { received_alert: Some(_), .. })), "{error:?}");
}

#[test]
fn wpt_rtc_dtls_transport_get_remote_certificates_empty_then_present() {
    let mut pair = pair(Content::Sound);
    negotiate(&mut pair);
    assert!(pair.a.peer.remote_certificates(transport(&pair.a)).is_empty());
    connect(&mut pair);
    for side in [&pair.a, &pair.b] {
        let certificates = side.peer.remote_certificates(transport(side));
        // A SEQUENCE of more than 255 bytes.
        assert!(!certificates.is_empty() && certificates.iter().all(|der| der.starts_with(&[0x30, 0x82])));
    }
}

#[test]
fn wpt_rtc_dtls_transport_get_remote_certificates_matches_peer_fingerprint() {
    let pair = connected(Content::Sound);
    for (side, other) in [(&pair.a, &pair.b), (&pair.b, &pair.a)] {
        let shown = side.peer.remote_certificates(transport(side));
        let fingerprint = Fingerprint::of(&rust_crypto::provider(), HashAlgorithm::Sha256, &shown[0]);
        let said = format!("a=fingerprint:{fingerprint}");
        assert!(other.peer.local_description().unwrap().sdp.contains(&said), "{said}");
    }
}
