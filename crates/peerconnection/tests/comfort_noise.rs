//! Pauses that are described in place of being sent (RFC 3389), between two peers in virtual time.
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

mod common;

use common::streams::connect;
use common::{Side, exchange};
use netsim::{Link, Pair};
use ortica::codecs::payload::comfort_noise::ComfortNoise;
use ortica::codecs::{Codec, EncodedFrame, MediaKind};
use ortica::engine::{ReceivedFrame, SendFrameError};
use ortica::jsep::{TransceiverId, TransceiverInit};
use ortica::parameters::RtpCodec;
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);

fn named(codecs: &[RtpCodec], mime_type: &str) -> RtpCodec {
    codecs.iter().find(|codec| codec.mime_type == mime_type).expect("it is known").clone()
}

/// A call in which the side that offers prefers these codecs, or has no preference.
struct Call {
    pair: Pair<Side>,
    ids: [TransceiverId; 2],
    offer: String,
    answer: String,
    /// The time of the next frame, in milliseconds.
    time: u32,
}

/// What is heard: a frame's first byte, or silence of that level.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Heard {
    Sound(u8),
    Silence(u8),
}

impl Call {
    fn new(preferred: &[&str]) -> Self {
        let (mut a, mut b) = (Side::new(3, Pair::<Side>::A), Side::new(4, Pair::<Side>::B));
        for side in [&mut a, &mut b] {
            side.peer.set_codecs(vec![Codec::Pcmu, Codec::G722]);
        }
        let from = a.peer.add_transceiver(MediaKind::Audio, TransceiverInit::default()).unwrap();
        let known = a.peer.capabilities(MediaKind::Audio).codecs;
        let codecs: Vec<RtpCodec> = preferred.iter().map(|name| named(&known, name)).collect();
        if !codecs.is_empty() {
            a.peer.set_codec_preferences(from, &codecs).unwrap();
        }
        b.peer.add_track(MediaKind::Audio, Vec::new()).unwrap();
        let [offer, answer] = exchange(netsim::epoch(), &mut a, &mut b);
        let to = b.peer.transceivers()[0].id;
        let mut pair = Pair::new(1, Link::with_delay(25 * MS), a, b);
        connect(&mut pair);
        Self { pair, ids: [from, to], offer: offer.sdp, answer: answer.sdp, time: 0 }
    }

    fn is_agreed(&mut self) -> [bool; 2] {
        let [from, to] = self.ids;
        let agreed = |side: &mut Side, id| side.peer.encoder_targets(id).unwrap().comfort_noise;
        [agreed(&mut self.pair.a, from), agreed(&mut self.pair.b, to)]
    }

    fn say(&mut self, first: u8) {
        let pts = i64::from(self.time) * 8;
        let mut frame = EncodedFrame::new(Codec::Pcmu, vec![first; 160], pts).with_duration(160);
        frame.starts_talkspurt = true;
        let from = self.ids[0];
        self.pair.with_a(|a, now| a.peer.send_frame(now, from, &frame)).unwrap();
    }

    fn describe(&mut self, noise: &ComfortNoise) -> Result<(), SendFrameError> {
        let (from, time) = (self.ids[0], Duration::from_millis(self.time.into()));
        self.pair.with_a(|a, now| a.peer.send_comfort_noise(now, from, 0, (time, noise)))
    }

    /// Lets 20 ms pass; what is heard, and when by its own time, in milliseconds from the first on.
    fn pass(&mut self) -> Vec<(Heard, i64)> {
        self.time += 20;
        self.pair.run_for(20 * MS);
        let to = self.ids[1];
        let heard = |received| match received {
            ReceivedFrame::Frame { frame, .. } => (Heard::Sound(frame.data[0]), frame.pts / 8),
            ReceivedFrame::ComfortNoise { codec, pts, duration, noise } => {
                assert_eq!((codec, duration), (Codec::Pcmu, 160));
                (Heard::Silence(noise.level()), pts / 8)
            }
            other => panic!("{other:?}"),
        };
        std::iter::from_fn(|| self.pair.b.peer.read_frame(to)).map(heard).collect()
    }
}

/// Guards: it is offered where preferences name it, once for all codecs of its clock, and taken where the other side offers it.
#[test]
fn silence_is_described_where_preferences_name_it() {
    let mut call = Call::new(&["audio/PCMU", "audio/G722", "audio/CN"]);
    for sdp in [&call.offer, &call.answer] {
        assert!(sdp.contains("m=audio 9 UDP/TLS/RTP/SAVPF 0 9 13\r\n"), "{sdp}");
        assert_eq!(sdp.matches("a=rtpmap:13 CN/8000\r\n").count(), 1, "{sdp}");
    }
    assert_eq!(call.is_agreed(), [true; 2]);
    for preferred in [&[][..], &["audio/PCMU"]] {
        let mut call = Call::new(preferred);
        assert!(!call.offer.contains("CN/8000") && !call.answer.contains("CN/8000"), "{}", call.offer);
        assert_eq!(call.is_agreed(), [false; 2]);
        assert_eq!(call.describe(&ComfortNoise::white(60)), Err(SendFrameError::NoComfortNoise));
    }
}

/// Guards: two packets make two seconds of silence, which is heard without a gap until there is sound again; none of it is lost.
#[test]
fn pay_3_a_pause_is_heard_of_two_packets() {
    let mut call = Call::new(&["audio/PCMU", "audio/CN"]);
    let mut heard = Vec::new();
    for _ in 0..10 {
        call.say(1);
        heard.extend(call.pass());
    }
    call.describe(&ComfortNoise::white(60).with_spectrum(&[-0.5])).unwrap();
    (0..50).for_each(|_| heard.extend(call.pass()));
    call.describe(&ComfortNoise::white(70)).unwrap();
    (0..50).for_each(|_| heard.extend(call.pass()));
    for _ in 0..10 {
        call.say(2);
        heard.extend(call.pass());
    }
    (0..5).for_each(|_| heard.extend(call.pass()));
    let all: Vec<Heard> = heard.iter().map(|(heard, _)| *heard).collect();
    let parts = [(Heard::Sound(1), 10), (Heard::Silence(60), 50), (Heard::Silence(70), 50), (Heard::Sound(2), 10)];
    assert_eq!(all, parts.map(|(heard, count)| vec![heard; count]).concat());
    let steps = heard.windows(2).map(|pair| pair[1].1 - pair[0].1);
    assert!(steps.clone().all(|step| step == 20), "{:?}", steps.collect::<Vec<_>>());
    let (a, b) = (&call.pair.a.peer, &call.pair.b.peer);
    let sender = a.transceiver(call.ids[0]).unwrap().sender.unwrap();
    let receiver = b.transceiver(call.ids[1]).unwrap().receiver.unwrap();
    let (sent, received) = (a.session().sender_stats(sender).unwrap(), b.session().receiver_stats(receiver).unwrap());
    assert_eq!((sent.packets_sent, received.packets_received, sent.frames_sent), (22, 22, 20));
    assert_eq!((received.frames_lost, received.frames_malformed, received.packets_lost), (0, 0, 0));
}

/// Guards: in a stream that begins with silence, too, the first codec beside it is the one that goes on.
#[test]
fn a_stream_may_begin_with_silence() {
    let mut call = Call::new(&["audio/PCMU", "audio/CN"]);
    call.describe(&ComfortNoise::white(50)).unwrap();
    let mut heard: Vec<_> = (0..5).flat_map(|_| call.pass()).collect();
    call.say(3);
    heard.extend((0..3).flat_map(|_| call.pass()));
    assert_eq!(heard.first().map(|(heard, _)| *heard), Some(Heard::Silence(50)));
    assert_eq!(heard.iter().filter(|(heard, _)| *heard == Heard::Sound(3)).count(), 1, "{heard:?}");
    assert_eq!(heard.last().map(|(heard, _)| *heard), Some(Heard::Sound(3)));
}
