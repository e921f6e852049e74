//! `RTCConfiguration-bundlePolicy` and `RTCConfiguration-rtcpMuxPolicy`: policies stay as they were when a connection was made.

use ortica::{BundlePolicy, Configuration, ConfigurationError, NewError, PeerConnection, RtcpMuxPolicy};

const POLICIES: [BundlePolicy; 3] = [BundlePolicy::Balanced, BundlePolicy::MaxCompat, BundlePolicy::MaxBundle];

fn connection(configuration: Configuration) -> PeerConnection {
    PeerConnection::new(configuration.with_gather_loopback(true)).unwrap().0
}

/// What is said of a connection that was made with the default, but for its policies.
fn said() -> Configuration {
    Configuration::default().with_gather_loopback(true)
}

fn is_modification(outcome: Result<(), ConfigurationError>) -> bool {
    matches!(outcome, Err(ConfigurationError::InvalidModification(_)))
}

#[tokio::test]
async fn wpt_rtc_configuration_bundle_policy_set_same_ok() {
    for policy in POLICIES {
        let pc = connection(said().with_bundle_policy(policy));
        pc.set_configuration(said().with_bundle_policy(policy)).unwrap();
        assert_eq!(pc.configuration().bundle_policy(), policy);
        // Who says nothing says `balanced`.
        assert_eq!(pc.set_configuration(said()).is_ok(), policy == BundlePolicy::Balanced);
    }
}

#[tokio::test]
async fn wpt_rtc_configuration_bundle_policy_change_rejected() {
    let pc = connection(said().with_bundle_policy(BundlePolicy::MaxBundle));
    for changed in [said().with_bundle_policy(BundlePolicy::MaxCompat), said()] {
        assert!(is_modification(pc.set_configuration(changed)));
        assert_eq!(pc.configuration().bundle_policy(), BundlePolicy::MaxBundle);
    }
}

#[tokio::test]
async fn wpt_rtc_configuration_rtcp_mux_policy_default_require() {
    for configuration in [Configuration::default(), said(), said().with_rtcp_mux_policy(RtcpMuxPolicy::Require)] {
        let pc = connection(configuration);
        assert_eq!(pc.configuration().rtcp_mux_policy(), RtcpMuxPolicy::Require);
    }
}

/// There is no way back: no connection is made with another policy.
#[tokio::test]
async fn wpt_rtc_configuration_rtcp_mux_policy_change_rejected() {
    let negotiate = || said().with_rtcp_mux_policy(RtcpMuxPolicy::Negotiate);
    for configuration in [said(), said().with_rtcp_mux_policy(RtcpMuxPolicy::Require)] {
        let pc = connection(configuration);
        assert!(is_modification(pc.set_configuration(negotiate())));
        assert_eq!(pc.configuration().rtcp_mux_policy(), RtcpMuxPolicy::Require);
    }
    assert!(matches!(PeerConnection::new(negotiate()), Err(NewError::RtcpMuxPolicy)));
}

#[tokio::test]
async fn wpt_rtc_configuration_rtcp_mux_policy_set_empty_keeps_require() {
    let pc = connection(said().with_rtcp_mux_policy(RtcpMuxPolicy::Require));
    pc.set_configuration(said()).unwrap();
    assert_eq!(pc.configuration().rtcp_mux_policy(), RtcpMuxPolicy::Require);
}
