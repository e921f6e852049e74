//! What real peers write: read, written again byte by byte, and understood.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::{Path, PathBuf};

use ortica_sdp::{
    Attribute, Direction, DtlsRole, Feedback, Format, GroupSemantics, HashAlgorithm, MaxMessageSize, Media, MediaKind,
    Protocol, RidDirection, Section, Session, Setup, SsrcSemantics, strongest_fingerprints,
};

fn testdata(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(folder);
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries.filter(|path| path.extension().is_some_and(|it| it == "sdp")).collect();
    files.sort();
    assert!(!files.is_empty());
    files
}

fn text(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(path)).unwrap()
}

fn read(path: &str) -> Session {
    text(path).parse().unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every section of the captures.
fn capture_files() -> Vec<PathBuf> {
    ["browsers", "aiortc", "by-hand", "rfc8829"].into_iter().flat_map(testdata).collect()
}

#[test]
fn every_capture_is_written_as_it_was_read() {
    for path in capture_files() {
        let text = std::fs::read_to_string(&path).unwrap();
        let session: Session = text.parse().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(session.to_string(), text, "{}", path.display());
    }
}

#[test]
fn every_attribute_of_the_captures_has_a_type() {
    for path in capture_files() {
        let session: Session = std::fs::read_to_string(&path).unwrap().parse().unwrap();
        let attributes = session.attributes.iter().chain(session.media.iter().flat_map(|media| &media.attributes));
        for attribute in attributes {
            assert!(!matches!(attribute, Attribute::Other { .. }), "{}: {attribute}", path.display());
        }
    }
}

#[test]
fn the_corpus_of_old_descriptions_is_read_and_stays_the_same_once_written() {
    for path in testdata("corpus") {
        let text = std::fs::read_to_string(&path).unwrap();
        // Three of them are a media section without a session.
        let written = if text.starts_with("m=") {
            text.parse::<Media>().map(|media| media.to_string())
        } else {
            text.parse::<Session>().map(|session| session.to_string())
        };
        let written = written.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(written.replace("\r\n", "\n").trim_end(), text.trim_end(), "{}", path.display());
    }
}

/// The guard: what browsers and aiortc answer passes the check of an answer.
#[test]
fn sdp_2_captured_answers_answer_their_offers() {
    let mut pairs = 0;
    for path in capture_files() {
        let name = path.to_str().unwrap();
        let file = path.file_name().unwrap().to_str().unwrap();
        let answer = path.with_file_name(file.replace("offer", "answer"));
        if !file.contains("offer") || !answer.exists() {
            continue;
        }
        let [offer, answer] =
            [&path, &answer].map(|it| std::fs::read_to_string(it).unwrap().parse::<Session>().unwrap());
        assert_eq!(answer.check_answer(&offer), Ok(()), "{name}");
        if answer.media.len() > 1 {
            let mut swapped = answer.clone();
            swapped.media.reverse();
            assert!(swapped.check_answer(&offer).is_err(), "{name}");
        }
        pairs += 1;
    }
    assert!(pairs >= 20, "{pairs} pairs");
}

/// The guard: in all captures, what an offer and its answer say of DTLS gives each end one role.
#[test]
fn sdp_7_captured_offers_and_answers_agree_on_dtls_roles() {
    for path in capture_files() {
        let file = path.file_name().unwrap().to_str().unwrap();
        let answer = path.with_file_name(file.replace("offer", "answer"));
        if !file.contains("offer") || !answer.exists() {
            continue;
        }
        let [offer, answer] =
            [&path, &answer].map(|it| std::fs::read_to_string(it).unwrap().parse::<Session>().unwrap());
        for (offered, answered) in offer.sections().zip(answer.sections()) {
            // Sections bundled into another say nothing in RFC 8829's examples.
            let (Some(offered), Some(answered)) = (offered.setup(), answered.setup()) else { continue };
            let role = DtlsRole::of_offerer(offered, Some(answered), None).unwrap();
            assert_eq!(answered.role(), Some(role.other()), "{file}");
        }
    }
}

/// The guard: every section of the captures that runs DTLS has a fingerprint to check.
#[test]
fn sdp_8_captured_sections_have_fingerprints() {
    for path in ["browsers", "aiortc", "by-hand"].into_iter().flat_map(testdata) {
        let session: Session = std::fs::read_to_string(&path).unwrap().parse().unwrap();
        for section in session.sections().filter(|section| !section.is_rejected() && !section.bundle_only()) {
            let chosen = strongest_fingerprints(section.fingerprints(), &HashAlgorithm::SUPPORTED);
            assert_eq!(chosen.unwrap().len(), 1, "{}", path.display());
        }
    }
}

fn encodings(section: &Section<'_>) -> Vec<String> {
    let name = |it: &ortica_sdp::Payload<'_>| format!("{}={}", it.payload_type, it.rtpmap.as_ref().unwrap().encoding);
    section.payloads().iter().map(name).collect()
}

#[test]
fn chromium_offers_audio_video_and_data() {
    let offer = read("browsers/chromium-av-data-offer-gathered.sdp");
    assert_eq!((offer.origin.username.as_str(), offer.origin.session_version), ("-", 2));
    assert!(offer.extmap_allow_mixed());
    assert_eq!(offer.groups().next().unwrap().mids, ["0", "1", "2"]);
    assert!(offer.msid_semantics().next().unwrap().starts_with(" WMS "));

    let audio = offer.section(0).unwrap();
    assert_eq!((&audio.kind, audio.port, audio.mid()), (&MediaKind::Audio, 9, Some("0")));
    assert_eq!(audio.protocol, Protocol::UdpTlsRtpSavpf);
    assert_eq!(audio.payload_types().collect::<Vec<_>>(), [111, 63, 9, 0, 8, 13, 110, 126]);
    assert_eq!(audio.rtpmap(111).unwrap().to_string(), "111 opus/48000/2");
    assert_eq!(audio.fmtp(111).unwrap().number("useinbandfec"), Some(1));
    assert_eq!(audio.rtcp_feedback(111).map(|it| &it.feedback).collect::<Vec<_>>(), [&Feedback::TransportCc]);
    assert_eq!(audio.fmtps().find(|it| it.format == Format::PayloadType(63)).unwrap().references().count(), 2);
    assert_eq!(audio.extmaps().map(|it| it.id).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!(audio.candidates().count(), 2);
    assert!(audio.candidates().all(|it| it.contains(".local ")));
    assert!(!audio.end_of_candidates());
    assert_eq!((audio.ice_ufrag().unwrap().len(), audio.ice_pwd().unwrap().len()), (4, 24));
    assert!(audio.ice_options().unwrap().contains("trickle"));
    assert_eq!((audio.setup(), audio.direction()), (Some(Setup::ActPass), Direction::SendRecv));
    assert!(audio.rtcp_mux() && audio.rtcp_rsize() && !audio.rtcp_mux_only() && !audio.bundle_only());
    assert_eq!(audio.rtcp().unwrap().port, 9);
    let fingerprint = audio.fingerprints().next().unwrap();
    assert_eq!((&fingerprint.algorithm, fingerprint.value.len()), (&HashAlgorithm::Sha256, 32));
    let msid = audio.msids().next().unwrap();
    assert!(msid.stream().is_some() && msid.track.is_some());
    assert_eq!(audio.ssrcs().map(|it| it.name.as_str()).collect::<Vec<_>>(), ["cname", "msid"]);

    let video = offer.section(1).unwrap();
    let payloads = video.payloads();
    assert_eq!(payloads.len(), 23);
    assert!(payloads.iter().all(|it| it.rtpmap.is_some()));
    let vp8 = &payloads[0];
    assert!(vp8.is("VP8"));
    use Feedback::{CcmFir, GoogRemb, Nack, NackPli, TransportCc};
    assert_eq!(vp8.feedback().collect::<Vec<_>>(), [&GoogRemb, &TransportCc, &CcmFir, &Nack, &NackPli]);
    assert_eq!(payloads[1].retransmits(), Some(96));
    let h264 = payloads.iter().find(|it| it.is("H264")).unwrap();
    assert_eq!(h264.parameter("profile-level-id"), Some("42001f"));
    let group = video.ssrc_groups().next().unwrap();
    assert_eq!((&group.semantics, group.ssrcs.len()), (&SsrcSemantics::FlowIdentification, 2));

    let data = offer.section_by_mid("2").unwrap();
    assert_eq!((&data.kind, &data.protocol), (&MediaKind::Application, &Protocol::UdpDtlsSctp));
    assert_eq!(data.formats, [Format::Name("webrtc-datachannel".into())]);
    assert_eq!((data.sctp_port(), data.max_message_size()), (Some(5000), MaxMessageSize::new(262_144)));
    assert_eq!(data.bundle().unwrap().semantics, GroupSemantics::Bundle);
}

#[test]
fn firefox_offers_audio_video_and_data() {
    let offer = read("browsers/firefox-av-data-offer-gathered.sdp");
    assert_eq!(offer.origin.username, "mozilla...THIS_IS_SDPARTA-99.0");
    assert_eq!(offer.direction(), Some(Direction::SendRecv));
    assert_eq!(offer.fingerprints().count(), 1);
    assert_eq!(offer.msid_semantics().collect::<Vec<_>>(), ["WMS *"]);

    let audio = offer.section(0).unwrap();
    assert_eq!(audio.media().fingerprints().count(), 0);
    assert_eq!(audio.fingerprints().count(), 1);
    assert!(audio.ice_options().unwrap().contains("trickle"));
    assert_eq!(encodings(&audio), ["109=opus", "9=G722", "0=PCMU", "8=PCMA", "101=telephone-event"]);
    assert_eq!(audio.rtpmap(9).unwrap().written_channels, Some(1));
    let level = audio.extmaps().find(|it| it.id == 2).unwrap();
    assert_eq!(level.direction, Some(Direction::RecvOnly));
    assert_eq!(audio.candidates().count(), 8);
    assert!(audio.end_of_candidates() && audio.extmap_allow_mixed());
    assert!(audio.rtcp().unwrap().address.as_ref().unwrap().host.ends_with(".local"));

    let data = offer.section(2).unwrap();
    assert_eq!(data.max_message_size(), MaxMessageSize::new(1_073_741_823));
    assert_eq!(data.setup(), Some(Setup::ActPass));
}

#[test]
fn aiortc_offers_three_fingerprints_of_which_the_strongest_counts() {
    let offer = read("aiortc/aiortc-av-data-offer.sdp");
    let audio = offer.section(0).unwrap();
    assert_eq!(audio.fingerprints().count(), 3);
    let chosen = strongest_fingerprints(audio.fingerprints(), &HashAlgorithm::SUPPORTED).unwrap();
    assert_eq!(chosen[0].algorithm, HashAlgorithm::Sha512);
    assert_ne!(audio.port, 9);
    assert!(!audio.rtcp_rsize());
    let data = offer.section(2).unwrap();
    assert_eq!((data.direction(), data.sctp_port()), (Direction::SendRecv, Some(5000)));
}

#[test]
fn aiortc_speaks_of_data_channels_as_drafts_did() {
    let offer = read("aiortc/aiortc-legacy-data-offer.sdp");
    let data = offer.section(0).unwrap();
    assert_eq!(data.protocol, Protocol::Other("DTLS/SCTP".into()));
    assert!(data.protocol.is_sctp());
    assert_eq!(data.sctpmap().unwrap().streams, Some(65_535));
    assert_eq!((data.sctp_port(), data.mid()), (Some(5000), Some("0")));
    // Firefox before 63, without a maximum: 64 KiB then.
    let old = read("corpus/firefox-1.sdp");
    let data = old.section_by_mid("sdparta_2").unwrap();
    assert_eq!((data.sctp_port(), data.max_message_size()), (Some(5000), MaxMessageSize::default()));
}

#[test]
fn both_browsers_offer_simulcast_by_rid() {
    for browser in ["chromium", "firefox"] {
        let offer = read(&format!("browsers/{browser}-simulcast-offer.sdp"));
        let video = offer.section(0).unwrap();
        assert_eq!(video.direction(), Direction::SendOnly);
        let rids: Vec<_> = video.rids().map(|it| (it.id.as_str(), it.direction)).collect();
        assert_eq!(rids, [("q", RidDirection::Send), ("h", RidDirection::Send), ("f", RidDirection::Send)]);
        let simulcast = video.simulcast().unwrap();
        let streams: Vec<_> = simulcast.send.iter().flatten().map(|it| it.rid).collect();
        assert_eq!(streams, ["q", "h", "f"]);
        assert!(simulcast.recv.is_empty());
    }
    let answer = read("by-hand/simulcast-server-answer.sdp");
    let video = answer.section(0).unwrap();
    let paused: Vec<_> = video.simulcast().unwrap().recv.iter().flatten().map(|it| it.paused).collect();
    assert_eq!(paused, [false, false, true]);
    assert_eq!(video.rids().nth(1).unwrap().restrictions.number("max-width"), Some(1280));
}

#[test]
fn a_restart_changes_the_credentials_and_raises_the_version() {
    for browser in ["chromium", "firefox"] {
        for side in ["offer", "answer"] {
            let before = read(&format!("browsers/{browser}-av-data-{side}.sdp"));
            let after = read(&format!("browsers/{browser}-av-data-restart-{side}.sdp"));
            let [old, new] = [&before, &after].map(|it| it.section(0).unwrap().ice_credentials());
            assert_ne!(old, new);
            assert_eq!(before.origin.session_id, after.origin.session_id);
            assert!(after.origin.session_version > before.origin.session_version);
            let [old, new] = [&before, &after].map(|it| it.section(0).unwrap().fingerprints().next().cloned());
            assert_eq!(old, new);
        }
    }
}

#[test]
fn max_bundle_leaves_sections_that_are_bundle_only_but_not_rejected() {
    let offer = read("browsers/firefox-max-bundle-offer.sdp");
    let bundle_only: Vec<_> = offer.sections().map(|it| (it.port, it.bundle_only(), it.is_rejected())).collect();
    assert_eq!(bundle_only, [(9, false, false), (0, true, false), (0, true, false)]);
    assert_eq!(offer.groups().next().unwrap().mids.len(), 3);
    // Chromium gives each section its credentials and port 9 instead.
    let offer = read("browsers/chromium-max-bundle-offer.sdp");
    assert!(offer.sections().all(|it| it.port == 9 && !it.bundle_only() && it.ice_credentials().is_some()));
}

#[test]
fn recvonly_inactive_and_data_only_offers_say_so() {
    for browser in ["chromium", "firefox"] {
        let offer = read(&format!("browsers/{browser}-recvonly-offer.sdp"));
        assert!(offer.sections().all(|it| it.direction() == Direction::RecvOnly && it.msids().count() == 0));
        let answer = read(&format!("browsers/{browser}-recvonly-answer.sdp"));
        let directions: Vec<_> = answer.sections().map(|it| it.direction()).collect();
        assert_eq!(directions, [Direction::SendOnly, Direction::Inactive]);
        let inactive = read(&format!("browsers/{browser}-inactive-offer.sdp"));
        assert_eq!(inactive.section(0).unwrap().direction(), Direction::Inactive);
        let data = read(&format!("browsers/{browser}-data-offer.sdp"));
        assert_eq!((data.media.len(), data.media[0].sctp_port()), (1, Some(5000)));
        assert!(read(&format!("browsers/{browser}-empty-offer.sdp")).media.is_empty());
    }
}

#[test]
fn a_stopped_section_is_rejected_in_its_place_and_recycled_with_a_new_name() {
    for browser in ["chromium", "firefox"] {
        let stopped = read(&format!("browsers/{browser}-rejected-stopped-offer.sdp"));
        let rejected: Vec<_> = stopped.sections().map(|it| it.is_rejected()).collect();
        assert_eq!(rejected, [false, true, false]);
        assert_eq!(stopped.groups().next().unwrap().mids, ["0", "2"]);
        let recycled = read(&format!("browsers/{browser}-rejected-recycled-offer.sdp"));
        let mids: Vec<_> = recycled.sections().map(|it| it.media().mid().unwrap().to_owned()).collect();
        assert_eq!(mids, ["0", "3", "2"]);
    }
}

#[test]
fn a_safari_like_offer_and_a_lite_server_are_understood() {
    let offer = read("by-hand/safari-like-offer.sdp");
    let video = offer.section(1).unwrap();
    assert_eq!(encodings(&video), ["96=H264", "97=rtx", "100=H265", "101=rtx", "127=red", "125=ulpfec"]);
    assert_eq!(video.bandwidths[0].bits_per_second(), Some(2_500_000));

    let server = read("by-hand/lite-server-offer.sdp");
    assert!(server.ice_lite());
    let audio = server.section(0).unwrap();
    assert_eq!((audio.mid(), audio.media().direction(), audio.direction()), (None, None, Direction::SendRecv));
    assert_eq!(audio.ice_credentials(), Some(("75EDuLTE", "5dvb9SbfooWc49814CupdeTS")));
    assert_eq!((audio.setup(), audio.connection().unwrap().host.as_str()), (Some(Setup::Active), "192.0.2.10"));
    assert_eq!((audio.rtcp().unwrap().port, &audio.rtcp().unwrap().address), (16_628, &None));
    assert_eq!(audio.packet_time().unwrap().0.as_millis(), 20);
    let chosen = strongest_fingerprints(audio.fingerprints(), &HashAlgorithm::SUPPORTED).unwrap();
    assert_eq!(chosen[0].algorithm, HashAlgorithm::Sha256);
    assert_eq!(Setup::answer(audio.setup(), None), Ok(Setup::Passive));
}

#[test]
fn jsep_examples_are_understood() {
    let offer = read("rfc8829/offer-b2.sdp");
    assert!(offer.sections().all(|it| it.mid().is_some()));
    assert_eq!(offer.groups().map(|it| it.semantics.as_str()).collect::<Vec<_>>(), ["BUNDLE", "LS"]);
    // Bundled already, so it needs no word about its transport, and has none.
    let video = offer.section_by_mid("v2").unwrap();
    assert!(!video.bundle_only() && video.ice_credentials().is_none() && video.bundle().is_some());
    let data = read("rfc8829/offer-b1.sdp");
    let data = data.section_by_mid("d1").unwrap();
    assert!(data.bundle_only() && data.port == 0 && !data.is_rejected());
    let audio = offer.section(0).unwrap();
    assert_eq!(audio.tls_id(), Some("7a25ab85b195acaf3121f5a8ab4f0f71"));
    assert_eq!(audio.max_packet_time().unwrap().0.as_millis(), 120);
    assert!(audio.rtcp_mux_only());
    assert_eq!(audio.msids().next().unwrap().track, None);
}
