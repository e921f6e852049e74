//! The guide for those who come from aiortc names all that aiortc exports.

const GUIDE: &str = include_str!("../../../../docs/guide/from-aiortc.md");

/// `aiortc.__all__` and what `aiortc.contrib` is used for.
const NAMES: [&str; 54] = [
    "AudioStreamTrack",
    "InvalidAccessError",
    "InvalidStateError",
    "MediaStreamError",
    "MediaStreamTrack",
    "RTCBundlePolicy",
    "RTCCertificate",
    "RTCConfiguration",
    "RTCDataChannel",
    "RTCDataChannelParameters",
    "RTCDtlsFingerprint",
    "RTCDtlsParameters",
    "RTCDtlsTransport",
    "RTCIceCandidate",
    "RTCIceGatherer",
    "RTCIceParameters",
    "RTCIceServer",
    "RTCIceTransport",
    "RTCIceTransportPolicy",
    "RTCInboundRtpStreamStats",
    "RTCOutboundRtpStreamStats",
    "RTCPeerConnection",
    "RTCRemoteInboundRtpStreamStats",
    "RTCRemoteOutboundRtpStreamStats",
    "RTCRtcpParameters",
    "RTCRtpCapabilities",
    "RTCRtpCodecCapability",
    "RTCRtpCodecParameters",
    "RTCRtpContributingSource",
    "RTCRtpHeaderExtensionCapability",
    "RTCRtpHeaderExtensionParameters",
    "RTCRtpParameters",
    "RTCRtpReceiver",
    "RTCRtpSender",
    "RTCRtpSynchronizationSource",
    "RTCRtpTransceiver",
    "RTCSctpCapabilities",
    "RTCSctpTransport",
    "RTCSessionDescription",
    "RTCStatsReport",
    "RTCTransportStats",
    "VideoStreamTrack",
    "MediaPlayer",
    "MediaRecorder",
    "MediaBlackhole",
    "MediaRelay",
    "CopyAndPasteSignaling",
    "TcpSocketSignaling",
    "UnixSocketSignaling",
    "add_signaling_arguments",
    "create_signaling",
    "object_from_string",
    "object_to_string",
    "BYE",
];

/// The first column of the guide's tables, and the second.
fn rows() -> Vec<(&'static str, &'static str)> {
    let rows = GUIDE.lines().filter_map(|line| line.strip_prefix("| "));
    rows.filter_map(|row| row.split(" | ").next().zip(row.split(" | ").nth(1))).collect()
}

#[test]
fn every_public_name_of_aiortc_has_its_row() {
    for name in NAMES {
        let is_named = |column: &str| column.split(|it: char| !it.is_alphanumeric() && it != '_').any(|it| it == name);
        let row = rows().into_iter().find(|(theirs, _)| is_named(theirs));
        let (_, ours) = row.unwrap_or_else(|| panic!("{name} has no row"));
        assert!(!ours.trim().is_empty(), "{name} has no answer");
    }
}
