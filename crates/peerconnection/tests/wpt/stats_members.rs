//! The members that objects of statistics must have, under their names in JavaScript.

use super::stats::Call;
use ortica::codecs::MediaKind;
use ortica::core::Bitrate;
use ortica::engine::{ChannelParameters, Decoded, DecodedReport, EncodedReport, Limitation, SoundLevel};
use ortica::jsep::TransceiverId;
use ortica::peer::{SourceFigures, SourceReport};
use serde_json::Value;
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);

/// All objects of both sides of a call, in which sound and pictures flow and what coders do is reported.
fn objects() -> Vec<Value> {
    let (mut call, audio, video) = Call::with_media();
    let now = call.pair.now();
    call.pair.a.create_channel(now, ChannelParameters::default());
    super::common::negotiate(&mut call.pair);
    report_coders(&mut call, video);
    call.stream(audio, video, 400);
    report_coders(&mut call, video);
    let pictures = SourceFigures::Pictures { frames: 1, frames_per_second: 30.0, size: Some((64, 48)) };
    let sources = [
        SourceReport { transceiver: audio, number: 1, figures: SourceFigures::Sound(SoundLevel::default()) },
        SourceReport { transceiver: video, number: 2, figures: pictures },
    ];
    let now = call.pair.now();
    let reports = [call.pair.a.peer.stats_with(now, &sources), call.pair.b.peer.stats(now)];
    let objects = reports.iter().flat_map(|report| match serde_json::to_value(report).unwrap() {
        Value::Object(map) => map.into_iter().map(|(_, object)| object).collect::<Vec<_>>(),
        other => panic!("{other}"),
    });
    objects.collect()
}

fn report_coders(call: &mut Call, video: TransceiverId) {
    let now = call.pair.now();
    let encoded = EncodedReport {
        key_frame: true,
        width: 64,
        height: 48,
        time: MS,
        target: Some(Bitrate::from_bits(500_000)),
        limitation: Limitation::None,
        implementation: "test",
    };
    call.pair.a.peer.report_encoded(now, video, 0, &encoded);
    for state in call.pair.b.peer.transceivers() {
        let output = match state.kind {
            MediaKind::Video => Decoded::Picture { key_frame: true, width: 64, height: 48 },
            MediaKind::Audio => Decoded::Sound { samples: 160, sample_rate: 8_000, level: 0.25, concealed: false },
        };
        let decoded = DecodedReport { output, time: MS, began: Some(now), implementation: "test" };
        call.pair.b.peer.report_decoded(now, state.id, &decoded);
    }
}

/// Asserts that there are objects of each kind, and that all of them have the members; `kind/audio` means those of sound alone.
fn assert_members(kinds: &[&str], members: &[&str]) {
    let objects = objects();
    for wanted in kinds {
        let (kind, media) = wanted.split_once('/').map_or((*wanted, None), |(kind, media)| (kind, Some(media)));
        let is_it = |object: &&Value| object["type"] == kind && media.is_none_or(|media| object["kind"] == media);
        let found: Vec<&Value> = objects.iter().filter(is_it).collect();
        assert!(!found.is_empty(), "no {wanted}");
        for object in found {
            for member in members {
                assert!(object.get(member).is_some(), "{wanted} without {member}: {object}");
            }
        }
    }
}

macro_rules! mandatory {
    ($($name:ident: $kinds:expr => $members:expr;)*) => {$(
        #[test]
        fn $name() {
            assert_members(&$kinds, &$members);
        }
    )*};
}

mandatory! {
    wpt_rtc_peer_connection_mandatory_get_stats_rtp_stream:
        ["inbound-rtp", "outbound-rtp", "remote-inbound-rtp", "remote-outbound-rtp"]
        => ["ssrc", "kind", "transportId", "codecId"];
    wpt_rtc_peer_connection_mandatory_get_stats_received:
        ["inbound-rtp", "remote-inbound-rtp"] => ["packetsReceived", "packetsLost", "jitter"];
    wpt_rtc_peer_connection_mandatory_get_stats_inbound:
        ["inbound-rtp/video"] => [
            "trackIdentifier", "remoteId", "framesDecoded", "framesDropped", "framesReceived", "nackCount", "bytesReceived",
            "packetsDiscarded",
        ];
    wpt_rtc_peer_connection_mandatory_get_stats_inbound_audio:
        ["inbound-rtp/audio"] => ["totalAudioEnergy", "totalSamplesDuration"];
    wpt_rtc_peer_connection_mandatory_get_stats_remote_inbound:
        ["remote-inbound-rtp"] => ["localId", "roundTripTime"];
    wpt_rtc_peer_connection_mandatory_get_stats_sent:
        ["outbound-rtp", "remote-outbound-rtp"] => ["packetsSent", "bytesSent"];
    wpt_rtc_peer_connection_mandatory_get_stats_outbound:
        ["outbound-rtp/video"] => ["remoteId", "framesEncoded", "framesSent", "nackCount"];
    wpt_rtc_peer_connection_mandatory_get_stats_remote_outbound:
        ["remote-outbound-rtp"] => ["localId", "remoteTimestamp"];
    wpt_rtc_peer_connection_mandatory_get_stats_peer_connection:
        ["peer-connection"] => ["dataChannelsOpened", "dataChannelsClosed"];
    wpt_rtc_peer_connection_mandatory_get_stats_data_channel:
        ["data-channel"] => [
            "label", "protocol", "dataChannelIdentifier", "state", "messagesSent", "bytesSent", "messagesReceived",
            "bytesReceived",
        ];
    wpt_rtc_peer_connection_mandatory_get_stats_codec:
        ["codec"] => ["payloadType", "mimeType", "clockRate"];
    wpt_rtc_peer_connection_mandatory_get_stats_transport:
        ["transport"] => [
            "bytesSent", "bytesReceived", "selectedCandidatePairId", "localCertificateId", "remoteCertificateId",
        ];
    wpt_rtc_peer_connection_mandatory_get_stats_candidate_pair:
        ["candidate-pair"] => [
            "transportId", "localCandidateId", "remoteCandidateId", "state", "nominated", "bytesSent", "bytesReceived",
            "totalRoundTripTime", "currentRoundTripTime", "responsesReceived",
        ];
    wpt_rtc_peer_connection_mandatory_get_stats_certificate:
        ["certificate"] => ["fingerprint", "fingerprintAlgorithm", "base64Certificate"];
}

#[test]
fn wpt_rtc_peer_connection_mandatory_get_stats_media_source() {
    assert_members(&["media-source"], &["trackIdentifier", "kind"]);
    assert_members(&["media-source/audio"], &["totalAudioEnergy", "totalSamplesDuration"]);
    assert_members(&["media-source/video"], &["width", "height", "framesPerSecond"]);
}

#[test]
fn wpt_rtc_peer_connection_get_stats_outbound_mandatory_fields() {
    let members = ["ssrc", "kind", "transportId", "codecId", "packetsSent", "bytesSent", "mid", "nackCount", "active"];
    assert_members(&["outbound-rtp/audio", "outbound-rtp/video"], &members);
}
