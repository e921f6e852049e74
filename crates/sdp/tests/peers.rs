//! Descriptions of peers that cannot be captured here: what aiortc's `test_sdp` asserts of them, and those of servers.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use ortica_sdp::{
    Attribute, Direction, Feedback, Format, HashAlgorithm, MaxMessageSize, MediaKind, Protocol, Section, Session, Setup,
};
use std::path::Path;

fn text(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/peers").join(name)).unwrap()
}

/// Reads a description, which has to be written again byte by byte.
fn read(name: &str) -> Session {
    let text = text(name);
    let session: Session = text.parse().unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(session.to_string(), text, "{name}");
    session
}

/// The same with lines taken out or put in, as a peer might write it.
fn changed(name: &str, change: impl Fn(&str) -> Option<String>) -> Session {
    text(name).lines().filter_map(change).map(|line| format!("{line}\r\n")).collect::<String>().parse().unwrap()
}

/// Payload type and what it stands for, of each format in the order of the `m=` line.
fn encodings(section: &Section<'_>) -> Vec<String> {
    section.payloads().iter().filter_map(|it| it.rtpmap.as_ref().map(ToString::to_string)).collect()
}

/// What a section says of how to reach and to check its peer.
#[derive(Debug, Eq, PartialEq)]
struct Transport<'a> {
    port: u16,
    host: Option<&'a str>,
    /// Host and port of RTCP.
    rtcp: Option<(Option<&'a str>, u16)>,
    candidates: usize,
    complete: bool,
    options: Option<String>,
    credentials: Option<(&'a str, &'a str)>,
    setup: Option<Setup>,
    hashes: Vec<&'a HashAlgorithm>,
}

fn transport<'a>(section: &'a Section<'_>) -> Transport<'a> {
    let media = section.media();
    Transport {
        port: media.port,
        host: media.connection.as_ref().map(|it| it.host.as_str()),
        rtcp: media.rtcp().map(|it| (it.address.as_ref().map(|it| it.host.as_str()), it.port)),
        candidates: media.candidates().count(),
        complete: media.end_of_candidates(),
        options: section.ice_options().map(ToString::to_string),
        credentials: section.ice_credentials(),
        setup: section.setup(),
        hashes: section.fingerprints().map(|it| &it.algorithm).collect(),
    }
}

#[test]
fn aiortc_audio_chrome() {
    let session = read("chrome-audio-offer.sdp");
    assert_eq!((session.connection.as_ref(), session.name.as_str(), session.media.len()), (None, "-", 1));
    assert_eq!(session.origin.to_string(), "- 863426017819471768 2 IN IP4 127.0.0.1");
    assert_eq!((session.timings[0].start, session.timings[0].stop), (0, 0));
    assert_eq!(session.groups().next().unwrap().mids, ["audio"]);
    let audio = session.section(0).unwrap();
    assert_eq!((&audio.kind, &audio.protocol), (&MediaKind::Audio, &Protocol::UdpTlsRtpSavpf));
    assert_eq!((audio.direction(), audio.mid(), audio.rtcp_mux()), (Direction::SendRecv, Some("audio"), true));
    assert_eq!(
        transport(&audio),
        Transport {
            port: 45076,
            host: Some("192.168.99.58"),
            rtcp: Some((Some("0.0.0.0"), 9)),
            candidates: 4,
            complete: false,
            options: Some("trickle".to_owned()),
            credentials: Some(("5+Ix", "uK8IlylxzDMUhrkVzdmj0M+v")),
            setup: Some(Setup::ActPass),
            hashes: vec![&HashAlgorithm::Sha256],
        }
    );
    let all = encodings(&audio);
    assert_eq!((all.len(), all[0].as_str(), all[12].as_str()), (13, "111 opus/48000/2", "126 telephone-event/8000"));
    assert_eq!(audio.rtcp_feedback(111).map(|it| &it.feedback).collect::<Vec<_>>(), [&Feedback::TransportCc]);
    assert_eq!(audio.fmtp(111).unwrap().number("minptime"), Some(10));
    assert_eq!(
        audio.extmaps().map(|it| (it.id, it.uri.as_str())).collect::<Vec<_>>(),
        [(1, "urn:ietf:params:rtp-hdrext:ssrc-audio-level")]
    );
    let ssrcs: Vec<_> = audio.ssrcs().map(|it| (it.ssrc, it.name.as_str())).collect();
    assert_eq!(ssrcs, ["cname", "msid", "mslabel", "label"].map(|name| (1_944_796_561, name)));
    assert_eq!((audio.ssrc_groups().count(), audio.msids().count(), audio.sctp_port()), (0, 0, None));
}

#[test]
fn aiortc_audio_firefox() {
    let session = read("firefox-58-audio-offer.sdp");
    assert_eq!(session.origin.username, "mozilla...THIS_IS_SDPARTA-58.0.1");
    let audio = session.section(0).unwrap();
    assert_eq!(
        transport(&audio),
        Transport {
            port: 45274,
            host: Some("192.168.99.58"),
            rtcp: Some((Some("192.168.99.58"), 38612)),
            candidates: 10,
            complete: true,
            options: Some("trickle".to_owned()),
            credentials: Some(("403a81e1", "f9b83487285016f7492197a5790ceee5")),
            setup: Some(Setup::ActPass),
            hashes: vec![&HashAlgorithm::Sha256],
        }
    );
    assert_eq!((audio.mid(), audio.rtcp_mux(), audio.direction()), (Some("sdparta_0"), true, Direction::SendRecv));
    assert_eq!(
        encodings(&audio),
        ["109 opus/48000/2", "9 G722/8000/1", "0 PCMU/8000", "8 PCMA/8000", "101 telephone-event/8000"]
    );
    let fmtp = audio.fmtp(109).unwrap();
    assert_eq!((fmtp.number("maxplaybackrate"), fmtp.number("stereo")), (Some(48_000), Some(1)));
    let extensions: Vec<_> = audio.extmaps().map(|it| (it.id, it.direction)).collect();
    assert_eq!(extensions, [(1, Some(Direction::SendOnly)), (2, None)]);
    assert_eq!(audio.ssrcs().map(|it| it.ssrc).collect::<Vec<_>>(), [882_128_807]);
    let msid = audio.msids().next().unwrap();
    assert_eq!(msid.stream(), Some("{dee771c7-671a-451e-b847-f86f8e87c7d8}"));
    assert_eq!(msid.track.as_deref(), Some("{12692dea-686c-47ca-b3e9-48f38fc92b78}"));
}

/// No mid, no group, no direction, and the address above the section.
#[test]
fn aiortc_audio_freeswitch() {
    let session = read("freeswitch-answer.sdp");
    assert_eq!((session.name.as_str(), session.groups().count()), ("FreeSWITCH", 0));
    assert_eq!(session.connection.as_ref().unwrap().host, "1.2.3.4");
    let audio = session.section(0).unwrap();
    assert_eq!((audio.mid(), audio.media().direction(), audio.direction()), (None, None, Direction::SendRecv));
    assert_eq!(audio.connection().unwrap().host, "1.2.3.4");
    assert_eq!(
        transport(&audio),
        Transport {
            port: 16628,
            host: None,
            rtcp: Some((Some("1.2.3.4"), 16628)),
            candidates: 1,
            complete: true,
            options: None,
            credentials: Some(("75EDuLTEOkEUd3cu", "5dvb9SbfooWc49814CupdeTS")),
            setup: Some(Setup::Active),
            hashes: vec![&HashAlgorithm::Sha256],
        }
    );
    assert_eq!(encodings(&audio), ["8 PCMA/8000", "101 telephone-event/8000"]);
    assert_eq!((audio.ssrcs().count(), audio.extmaps().count()), (4, 0));
}

#[test]
fn aiortc_audio_freeswitch_no_dtls() {
    let session = read("freeswitch-no-dtls-offer.sdp");
    let audio = session.section(0).unwrap();
    assert_eq!((audio.fingerprints().count(), audio.setup()), (0, None));
    assert_eq!(audio.ice_credentials(), Some(("75EDuLTEOkEUd3cu", "5dvb9SbfooWc49814CupdeTS")));
}

/// Fingerprint and role may stand above all sections,
#[test]
fn aiortc_audio_dtls_session_level() {
    let is_dtls = |line: &str| line.starts_with("a=fingerprint") || line.starts_with("a=setup");
    let whole = text("chrome-audio-offer.sdp");
    let dtls: Vec<&str> = whole.lines().filter(|line| is_dtls(line)).collect();
    let session = changed("chrome-audio-offer.sdp", |line| match line {
        line if line.starts_with("m=") => Some(format!("{}\r\n{line}", dtls.join("\r\n"))),
        line => (!is_dtls(line)).then(|| line.to_owned()),
    });
    let audio = session.section(0).unwrap();
    assert_eq!((audio.media().fingerprints().count(), audio.media().setup()), (0, None));
    assert_eq!((audio.fingerprints().count(), audio.setup()), (1, Some(Setup::ActPass)));
}

/// and so may the credentials of ICE.
#[test]
fn aiortc_audio_ice_session_level_credentials() {
    let is_ice = |line: &str| line.starts_with("a=ice-ufrag") || line.starts_with("a=ice-pwd");
    let session = changed("chrome-audio-offer.sdp", |line| match line {
        "t=0 0" => Some("t=0 0\r\na=ice-ufrag:5+Ix\r\na=ice-pwd:uK8IlylxzDMUhrkVzdmj0M+v".to_owned()),
        line => (!is_ice(line)).then(|| line.to_owned()),
    });
    let audio = session.section(0).unwrap();
    assert_eq!(audio.media().ice_ufrag(), None);
    assert_eq!(audio.ice_credentials(), Some(("5+Ix", "uK8IlylxzDMUhrkVzdmj0M+v")));
}

#[test]
fn aiortc_audio_ice_lite() {
    assert!(!read("chrome-audio-offer.sdp").ice_lite());
    let session = changed("chrome-audio-offer.sdp", |line| match line {
        "t=0 0" => Some("t=0 0\r\na=ice-lite".to_owned()),
        line => Some(line.to_owned()),
    });
    assert!(session.ice_lite());
}

#[test]
fn aiortc_audio_rtcp_without_port() {
    let session: Session = "v=0\r\no=- 863426017819471768 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n\
        m=audio 43580 RTP/AVP 0\r\nc=IN IP4 192.168.99.58\r\na=sendrecv\r\na=rtcp:9\r\na=rtpmap:0 PCMU/8000\r\n"
        .parse()
        .unwrap();
    let audio = session.section(0).unwrap();
    assert_eq!(audio.protocol, Protocol::Other("RTP/AVP".to_owned()));
    assert_eq!(transport(&audio).rtcp, Some((None, 9)));
    assert!(!audio.rtcp_mux() && audio.ice_credentials().is_none() && audio.candidates().next().is_none());
}

#[test]
fn aiortc_datachannel_firefox() {
    let session = read("firefox-58-data-offer.sdp");
    let data = session.section(0).unwrap();
    assert_eq!(
        (&data.kind, data.port, data.formats.as_slice()),
        (&MediaKind::Application, 45791, &[Format::Name("5000".to_owned())][..])
    );
    assert!(data.protocol.is_sctp());
    let map = data.sctpmap().unwrap();
    assert_eq!((map.port, map.protocol.as_str(), map.streams), (5000, "webrtc-datachannel", Some(256)));
    assert_eq!(data.max_message_size(), MaxMessageSize::new(1_073_741_823));
    assert_eq!((data.candidates().count(), data.end_of_candidates(), data.fingerprints().count()), (4, true, 1));
}

#[test]
fn aiortc_datachannel_firefox_63() {
    let session = read("firefox-63-data-offer.sdp");
    let data = session.section(0).unwrap();
    assert_eq!(
        (&data.protocol, data.formats.as_slice()),
        (&Protocol::UdpDtlsSctp, &[Format::Name("webrtc-datachannel".to_owned())][..])
    );
    assert_eq!((data.sctp_port(), data.sctpmap()), (Some(5000), None));
    assert_eq!(data.max_message_size(), MaxMessageSize::new(1_073_741_823));
    assert_eq!(data.ice_credentials(), Some(("9889e0c4", "d30a5aec4dd81f07d4ff3344209400ab")));
}

#[test]
fn aiortc_video_chrome() {
    let session = read("chrome-video-offer.sdp");
    let video = session.section(0).unwrap();
    assert_eq!((&video.kind, video.mid(), video.rtcp_rsize()), (&MediaKind::Video, Some("video"), true));
    assert_eq!(video.payload_types().collect::<Vec<_>>(), [96, 97, 98, 99, 100, 101, 102]);
    let payloads = video.payloads();
    assert_eq!((payloads[1].retransmits(), payloads[3].retransmits()), (Some(96), Some(98)));
    use Feedback::{CcmFir, GoogRemb, Nack, NackPli, TransportCc};
    assert_eq!(payloads[0].feedback().collect::<Vec<_>>(), [&GoogRemb, &TransportCc, &CcmFir, &Nack, &NackPli]);
    assert_eq!(video.ssrc_groups().next().unwrap().ssrcs, [1_845_476_211, 3_305_256_354]);
    assert_eq!((video.ssrcs().count(), video.extmaps().count()), (8, 7));
    assert_eq!((transport(&video).candidates, transport(&video).complete), (2, false));
}

#[test]
fn aiortc_video_firefox() {
    let session = read("firefox-61-video-offer.sdp");
    let video = session.section(0).unwrap();
    assert_eq!(encodings(&video), ["120 VP8/90000", "121 VP9/90000"]);
    let fmtp = video.fmtp(120).unwrap();
    assert_eq!((fmtp.number("max-fs"), fmtp.number("max-fr")), (Some(12_288), Some(60)));
    assert_eq!(video.rtcp_feedback(121).count(), 4);
    assert_eq!((transport(&video).rtcp, transport(&video).complete), (Some((Some("192.168.99.7"), 52914)), true));
    assert_eq!((video.ssrcs().count(), video.ssrc_groups().count()), (1, 0));
}

/// Feedback that is said of all payload types at once.
#[test]
fn aiortc_video_session_star_rtcp_fb() {
    let session = changed("firefox-61-video-offer.sdp", |line| match line {
        line if line.starts_with("a=rtcp-fb:121") || line == "a=rtcp-fb:120 ccm fir" => None,
        line => Some(line.replace("a=rtcp-fb:120 ", "a=rtcp-fb:* ")),
    });
    for payload in session.section(0).unwrap().payloads() {
        let feedback: Vec<_> = payload.feedback().collect();
        assert_eq!(feedback, [&Feedback::Nack, &Feedback::NackPli, &Feedback::GoogRemb], "{}", payload.payload_type);
    }
}

#[test]
fn aiortc_safari() {
    let session = read("safari-offer.sdp");
    assert_eq!(session.groups().next().unwrap().mids, ["audio", "video", "data"]);
    let [audio, video, data] = [0, 1, 2].map(|index| session.section(index).unwrap());
    assert_eq!(audio.payload_types().collect::<Vec<_>>(), [111, 103, 9, 102, 0, 8, 105, 13, 110, 113, 126]);
    let payloads = video.payloads();
    let h264: Vec<_> = payloads.iter().filter(|it| it.is("H264")).map(|it| it.parameter("profile-level-id")).collect();
    assert_eq!(h264, [Some("640c1f"), Some("42e01f")]);
    assert!(payloads.iter().any(|it| it.is("VP8")));
    assert_eq!(data.sctpmap().unwrap().streams, Some(1024));
    // It says nothing of the longest message, so RFC 8841 §6.1 does.
    assert_eq!(data.max_message_size(), MaxMessageSize::new(65_536));
    for section in [&audio, &video, &data] {
        assert_eq!(section.candidates().count(), 3);
        assert_eq!(section.ice_credentials(), Some(("XSmV", "Ss5xY4RMFEJASRvK5TIPgLN9")));
    }
}

/// Everything that servers and programs offer is read, and written again as it stood.
#[test]
fn offers_of_servers_and_programs_are_understood() {
    let obs = read("obs-whip-offer.sdp");
    let [audio, video] = [0, 1].map(|index| obs.section(index).unwrap());
    assert_eq!(obs.groups().count(), 2, "BUNDLE, and LS for lip synchronisation");
    assert_eq!(audio.fmtp(111).unwrap().number("stereo"), Some(1));
    // Said once above.
    assert_eq!((video.setup(), video.fingerprints().count()), (Some(Setup::ActPass), 1));
    assert_eq!(video.candidates().count(), 0);

    let gstreamer = read("gstreamer-webrtcbin-offer.sdp");
    assert_eq!(gstreamer.groups().count(), 0, "each section has a transport of its own");
    let [video, audio] = [0, 1].map(|index| gstreamer.section(index).unwrap());
    assert_ne!(video.ice_ufrag(), audio.ice_ufrag());
    assert!(audio.payloads()[0].is("opus"), "whatever the case");
    assert!(video.attributes.contains(&Attribute::other("framerate", "30")));

    let janus = read("janus-videoroom-offer.sdp");
    let [audio, video] = [0, 1].map(|index| janus.section(index).unwrap());
    assert_eq!((audio.direction(), video.direction()), (Direction::SendOnly, Direction::SendOnly));
    assert_eq!(audio.fingerprints().count(), 1, "said once above");
    assert_eq!(video.ssrc_groups().next().unwrap().ssrcs, [4_099_488_402, 29_586_368]);

    let edge = read("edge-15-audio-offer.sdp");
    let audio = edge.section(0).unwrap();
    let other = Feedback::Other("x-message app send:dsh recv:dsh".to_owned());
    assert_eq!(audio.rtcp_feedback(102).map(|it| &it.feedback).collect::<Vec<_>>(), [&other]);
    assert_eq!(audio.fmtp(101).unwrap().get("events"), Some("0-16"));
}
