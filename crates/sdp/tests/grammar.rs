//! What real peers and this crate write, before a judge that shares no code with it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use ortica_sdp::{
    Attribute, Direction, Extmap, Feedback, Group, MaxMessageSize, Media, MediaKind, Msid, Parameters, RtpMap, Session,
    SsrcAttribute, SsrcGroup, SsrcSemantics,
};
use std::path::Path;

/// What peers write that this side never does, by file and line.
const KNOWN: [(&str, &str); 3] = [
    ("chromium-", "a=rtcp-xr:"),
    // Feedback for codecs that the page struck out.
    ("firefox-codec-preferences-offer", "a=rtcp-fb:"),
    ("answer-b2", "a=imageattr:"),
];

fn texts(folder: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(folder);
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    files.iter().map(|path| (name(path), std::fs::read_to_string(path).unwrap())).collect()
}

/// The judge is as strict as the standards and no stricter: peers pass but for what is known of them.
#[test]
fn the_judge_lets_real_peers_pass() {
    let mut used = [false; KNOWN.len()];
    for (name, text) in ["browsers", "aiortc", "rfc8829"].into_iter().flat_map(texts) {
        for fault in sdp_grammar::check(&text) {
            let known = KNOWN.iter().position(|(file, line)| name.starts_with(file) && fault.text.starts_with(line));
            used[known.unwrap_or_else(|| panic!("{name}: {fault}"))] = true;
        }
    }
    assert_eq!(used, [true; KNOWN.len()], "exceptions that nobody needs");
}

/// Every attribute that has a builder here, in one description.
#[test]
fn what_builders_make_is_sound() {
    let mut session = Session::new(1 << 62, 3);
    session.push(Group::bundle(["0", "1", "2"]));
    session.push(Attribute::ExtmapAllowMixed);
    session.push(Attribute::IceLite);
    for line in ["ice-ufrag:abcd", "ice-pwd:0123456789012345678901", "setup:actpass", "ice-options:trickle ice2"] {
        session.push(line.parse::<Attribute>().unwrap());
    }
    let hash = format!("fingerprint:sha-256 {}", ["AB"; 32].join(":"));
    session.push(hash.parse::<Attribute>().unwrap());
    let mut video = Media::rtp(MediaKind::Video, "0");
    video.push(Extmap::new(1, "urn:ietf:params:rtp-hdrext:sdes:mid"));
    video.push(Direction::SendRecv);
    video.push(Msid::new(None, Some("track")));
    video.push(Attribute::RtcpMux);
    video.push_payload(RtpMap::new(96, "VP8", 90_000), None, [Feedback::Nack, Feedback::NackPli, Feedback::CcmFir]);
    video.push_payload(RtpMap::new(97, "rtx", 90_000), Some(Parameters::default().with("apt", 96)), []);
    video.push(SsrcGroup { semantics: SsrcSemantics::FlowIdentification, ssrcs: vec![1, 2] });
    video.push(SsrcAttribute::new(1, "cname", "name"));
    video.push(SsrcAttribute::new(2, "cname", "name"));
    for line in ["rid:h send pt=96;max-width=1280", "rid:l send", "simulcast:send h;~l"] {
        video.push(line.parse::<Attribute>().unwrap());
    }
    let mut audio = Media::rtp(MediaKind::Audio, "1");
    audio.push(Attribute::RtcpMux);
    let parameters = Parameters::default().with("minptime", 10).with("useinbandfec", 1);
    audio.push_payload(RtpMap::new(111, "opus", 48_000).with_channels(2), Some(parameters), [Feedback::TransportCc]);
    let data = Media::data("2").with(Attribute::SctpPort(5000)).with(MaxMessageSize::new(262_144));
    session.media = vec![video, audio, data];
    sdp_grammar::assert_sound(&session.to_string());
    session.media[1].reject();
    session.set(Group::bundle(["0", "2"]));
    sdp_grammar::assert_sound(&session.to_string());
}
