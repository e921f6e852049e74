//! `protocol/rtp-demuxing`: streams that nothing but their payload types tell apart.

use super::connection::pair_of;
use super::*;
use ortica::ConnectionState;
use ortica::codecs::EncodedFrame;
use ortica::codecs::MediaKind::Audio;
use ortica::engine::ReceivedFrame;
use std::time::Duration;

/// Without the MID and the SSRCs that streams could be told apart by.
fn anonymous(description: SessionDescription) -> SessionDescription {
    let is_kept = |line: &&str| !line.starts_with("a=ssrc") && !line.ends_with("sdes:mid\r\n");
    let sdp = description.sdp.split_inclusive("\r\n").filter(is_kept).collect();
    SessionDescription { sdp, ..description }
}

/// Two streams of sound: pictures have one codec here, so that theirs have the same payload type.
#[test]
fn wpt_protocol_rtp_demuxing_by_payload_type_bundled() {
    let (mut a, b) = Pc::two();
    let codecs = [Codec::Opus, Codec::Pcmu];
    let from = codecs.map(|codec| {
        let init = TransceiverInit { codecs: vec![codec], ..TransceiverInit::default() };
        a.peer().add_transceiver(Audio, init).unwrap()
    });
    let mut pair = pair_of(a, b);
    let now = pair.now();
    let offer = pair.a.peer.create_offer(now).unwrap();
    pair.a.peer.set_local_description(now, offer).unwrap();
    let offer = anonymous(pair.a.peer.local_description().unwrap());
    assert!(offer.sdp.contains("a=group:BUNDLE 0 1\r\n") && !offer.sdp.contains("a=ssrc"));
    pair.b.peer.set_remote_description(now, offer).unwrap();
    let answer = pair.b.peer.create_answer(now).unwrap();
    pair.b.peer.set_local_description(now, answer).unwrap();
    let answer = anonymous(pair.b.peer.local_description().unwrap());
    pair.a.peer.set_remote_description(now, answer).unwrap();
    let is_up = |side: &mut Side| side.peer.connection_state() == ConnectionState::Connected;
    pair.run_until(Duration::from_secs(10), |a, b| is_up(a) && is_up(b)).unwrap();
    assert_eq!(pair.b.peer.session().transports().count(), 1);

    let to: Vec<TransceiverId> = pair.b.peer.transceivers().into_iter().map(|state| state.id).collect();
    let mut heard = [0, 0];
    for number in 0..50 {
        for (id, codec) in from.into_iter().zip(codecs) {
            let ticks = codec.clock_rate() / 50;
            let sound = EncodedFrame::new(codec, vec![0xf8; 100], i64::from(number * ticks)).with_duration(ticks);
            pair.with_a(|a, now| a.peer.send_frame(now, id, &sound)).unwrap();
        }
        pair.run_for(Duration::from_millis(20));
        for ((id, codec), heard) in to.iter().zip(codecs).zip(&mut heard) {
            for received in std::iter::from_fn(|| pair.b.peer.read_frame(*id)) {
                let ReceivedFrame::Frame { frame, .. } = received else { continue };
                assert_eq!(frame.codec, codec, "it is that of the other section");
                *heard += 1;
            }
        }
    }
    assert!(heard.iter().all(|count| *count > 30), "{heard:?}");
}
