//! Codecs in descriptions, and media over them.

use super::*;
use ortica::codecs::MediaKind::{Audio, Video};
use ortica::parameters::RtpCodec;

/// Codecs of a description by their rtpmap, in the order of the `m=` line, without telephone events, which aiortc does not
/// have.
fn codecs(description: &SessionDescription) -> Vec<String> {
    let name = |line: &&str| line.split_once(' ').unwrap().1.split('/').next().unwrap().to_owned();
    let names = lines(description, "a=rtpmap:");
    names.iter().map(name).filter(|name| name != "telephone-event").collect()
}

/// What is capable of these codecs, retransmissions included.
fn named(pair: &Pair<Side>, preferred: &[Codec]) -> Vec<RtpCodec> {
    let mut codecs: Vec<RtpCodec> = preferred.iter().map(|codec| (*codec).into()).collect();
    if preferred.contains(&Codec::Vp8) {
        codecs.extend(pair.a.peer.capabilities(Video).codecs.into_iter().filter(|it| it.mime_type == "video/rtx"));
    }
    codecs
}

/// Names the codecs that `a` offers for a track, and gives back what both say.
fn preferring(kind: MediaKind, preferred: &[Codec]) -> [Vec<String>; 2] {
    let mut pair = pair();
    let id = add_track(&mut pair.a, kind);
    add_track(&mut pair.b, kind);
    let preferred = named(&pair, preferred);
    pair.a.peer.set_codec_preferences(id, &preferred).unwrap();
    let both = negotiate(&mut pair);
    connect(&mut pair);
    both.map(|it| codecs(&it))
}

#[test]
fn aiortc_connect_audio_codec_preferences_offerer() {
    assert_eq!(preferring(Audio, &[]), [["opus", "PCMU", "PCMA"], ["opus", "PCMU", "PCMA"]]);
    assert_eq!(preferring(Audio, &[Codec::Pcma, Codec::Opus]), [["PCMA", "opus"], ["PCMA", "opus"]]);
}

#[test]
fn aiortc_connect_video_codec_preferences_offerer() {
    // The answer keeps the order of the offer, and retransmissions go with what they repeat.
    assert_eq!(preferring(Video, &[Codec::Vp8]), [["VP8", "rtx"], ["VP8", "rtx"]]);
}

/// A codec that is named twice is offered once, and one of the other kind is refused.
#[test]
fn aiortc_transceiver_codec_preferences() {
    let mut pair = pair();
    let id = add_track(&mut pair.a, Audio);
    let mut offers = |preferred: &[Codec]| {
        let preferred = named(&pair, preferred);
        let done = pair.a.peer.set_codec_preferences(id, &preferred);
        done.map(|()| codecs(&pair.a.peer.create_offer(now()).unwrap()))
    };
    assert_eq!(offers(&[]).unwrap(), ["opus", "PCMU", "PCMA"]);
    assert_eq!(offers(&[Codec::Pcmu]).unwrap(), ["PCMU"]);
    assert_eq!(offers(&[Codec::Pcmu, Codec::Pcmu]).unwrap(), ["PCMU"]);
    assert!(offers(&[Codec::Vp8]).is_err());
    assert_eq!(offers(&[]).unwrap(), ["opus", "PCMU", "PCMA"], "a refused call changed nothing");
}

/// A picture of VP8 as far as its header goes.
fn picture(number: u32, key_frame: bool) -> ortica::codecs::EncodedFrame {
    let mut data = vec![u8::from(!key_frame), 0, 0, 0x9d, 0x01, 0x2a, 64, 0, 64, 0];
    data.resize(1_000, number as u8);
    ortica::codecs::EncodedFrame::new(Codec::Vp8, data, i64::from(number) * 3_000).with_key_frame(key_frame)
}

/// A peer that names no sources is recognised by the MID of its packets.
#[test]
fn aiortc_connect_video_no_ssrc() {
    let mut pair = pair();
    let from = add_track(&mut pair.a, Video);
    let to = add_track(&mut pair.b, Video);
    let offer = pair.a.peer.create_offer(now()).unwrap();
    pair.a.peer.set_local_description(now(), offer).unwrap();
    let offer = without(&pair.a.peer.local_description().unwrap(), "a=ssrc");
    pair.b.peer.set_remote_description(now(), offer).unwrap();
    let answer = pair.b.peer.create_answer(now()).unwrap();
    pair.b.peer.set_local_description(now(), answer).unwrap();
    let answer = without(&pair.b.peer.local_description().unwrap(), "a=ssrc");
    pair.a.peer.set_remote_description(now(), answer).unwrap();
    connect(&mut pair);
    let mut seen = 0;
    for number in 0..10 {
        pair.with_a(|a, now| a.peer.send_frame(now, from, &picture(number, number == 0)).unwrap());
        pair.run_for(Duration::from_millis(33));
        seen += std::iter::from_fn(|| pair.b.peer.read_frame(to)).count();
    }
    assert_eq!(seen, 10);
}

/// Sending ends with the transceiver, whether it had begun or not, and with the connection; nothing is amiss at the other side.
#[test]
fn aiortc_senders_and_receivers_end_with_what_carries_them() {
    let mut pair = pair();
    let [early, late] = [0, 1].map(|_| add_track(&mut pair.a, Video));
    pair.a.peer.stop_transceiver(early).unwrap();
    negotiate(&mut pair);
    connect(&mut pair);
    let send = |pair: &mut Pair<Side>, id| pair.with_a(|a, now| a.peer.send_frame(now, id, &picture(1, true)));
    assert!(send(&mut pair, early).is_err());
    assert_eq!(send(&mut pair, late), Ok(()));
    pair.a.peer.stop_transceiver(late).unwrap();
    assert!(send(&mut pair, late).is_err());
    pair.run_for(SECOND);
    pair.with_a(|a, now| a.peer.close(now));
    assert!(send(&mut pair, late).is_err());
    assert!(pair.a.peer.add_track(Video, Vec::new()).is_err());
    pair.run_for(SECOND);
    let to = only(&pair.b).id;
    while pair.b.peer.read_frame(to).is_some() {}
    let sent = pair.with_b(|b, now| b.peer.send_frame(now, to, &picture(1, true)));
    assert!(sent.is_err(), "it only receives");
}

/// A stream of a payload type that nobody agreed on is no frame, and harms no other.
#[test]
fn aiortc_packets_of_unknown_types_are_dropped() {
    let mut pair = pair();
    let from = add_track(&mut pair.a, Video);
    let offer = pair.a.peer.create_offer(now()).unwrap();
    pair.a.peer.set_local_description(now(), offer).unwrap();
    let offer = pair.a.peer.local_description().unwrap();
    // The receiver knows other numbers than those that are sent.
    let renumbered = |description: &SessionDescription, numbers: [(&str, &str); 2]| {
        changed(description, |line| {
            let names_types = ["m=", "a=rtpmap:", "a=fmtp:", "a=rtcp-fb:"].iter().any(|start| line.starts_with(start));
            let renumber = |line: String, (from, to): (&str, &str)| line.replace(from, to);
            Some(if names_types { numbers.into_iter().fold(line.to_owned(), renumber) } else { line.to_owned() })
        })
    };
    let strange = without(&renumbered(&offer, [("96", "108"), ("97", "109")]), "a=ssrc");
    pair.b.peer.set_remote_description(now(), strange).unwrap();
    let answer = pair.b.peer.create_answer(now()).unwrap();
    pair.b.peer.set_local_description(now(), answer).unwrap();
    let answer = pair.b.peer.local_description().unwrap();
    let back = renumbered(&answer, [("108", "96"), ("109", "97")]);
    pair.a.peer.set_remote_description(now(), back).unwrap();
    connect(&mut pair);
    let received = |pair: &Pair<Side>| {
        let session = pair.b.peer.session();
        session.transports().next().and_then(|id| session.transport_stats(id)).unwrap().packets_received
    };
    let before = received(&pair);
    for number in 0..10 {
        pair.with_a(|a, now| a.peer.send_frame(now, from, &picture(number, number == 0)).unwrap());
        pair.run_for(Duration::from_millis(33));
    }
    assert!(received(&pair) >= before + 10);
    let to = only(&pair.b).id;
    assert_eq!(pair.b.peer.read_frame(to), None);
    assert_eq!(pair.b.peer.connection_state(), ConnectionState::Connected);
}
