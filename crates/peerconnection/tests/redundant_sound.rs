//! Sound whose packets carry those before them (RFC 2198), between two peers in virtual time: what a path loses comes with the next.
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

mod common;

use common::streams::connect;
use common::{Side, exchange};
use netsim::{Link, Pair, Verdict};
use ortica::Direction;
use ortica::codecs::{Codec, EncodedFrame, MediaKind};
use ortica::engine::{ReceivedFrame, ReceiverStats, SenderStats};
use ortica::jsep::{TransceiverId, TransceiverInit};
use ortica::parameters::RtpCodec;
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);
/// Bytes of each frame.
const LEN: usize = 80;

/// How RED is wanted by the side that offers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Wanted {
    First,
    Last,
    Unasked,
}

fn named(codecs: &[RtpCodec], mime_type: &str) -> RtpCodec {
    codecs.iter().find(|codec| codec.mime_type == mime_type).expect("it is known").clone()
}

/// Whether a path loses a packet of that number.
type Loses = fn(u32) -> bool;

/// A call in Opus both ways.
struct Call {
    pair: Pair<Side>,
    ids: [TransceiverId; 2],
    /// Which packets of media from a to b, counted from zero, are lost.
    lost: Rc<Cell<Loses>>,
    offer: String,
    answer: String,
    sent: u32,
    /// The time of the first frame, in ticks.
    zero: Option<i64>,
}

impl Call {
    fn new(wanted: Wanted) -> Self {
        let (mut a, mut b) = (Side::new(3, Pair::<Side>::A), Side::new(4, Pair::<Side>::B));
        for side in [&mut a, &mut b] {
            side.peer.set_codecs(vec![Codec::Opus, Codec::Pcmu]);
        }
        let from = a.peer.add_transceiver(MediaKind::Audio, TransceiverInit::default()).unwrap();
        let known = a.peer.capabilities(MediaKind::Audio).codecs;
        let (red, opus) = (named(&known, "audio/red"), named(&known, "audio/opus"));
        match wanted {
            Wanted::First => a.peer.set_codec_preferences(from, &[red, opus]).unwrap(),
            Wanted::Last => a.peer.set_codec_preferences(from, &[opus, red]).unwrap(),
            Wanted::Unasked => {}
        }
        b.peer.add_track(MediaKind::Audio, Vec::new()).unwrap();
        let [offer, answer] = exchange(netsim::epoch(), &mut a, &mut b);
        let to = b.peer.transceivers()[0].id;
        let mut pair = Pair::new(1, Link::with_delay(25 * MS), a, b);
        connect(&mut pair);
        let lost: Rc<Cell<Loses>> = Rc::new(Cell::new(|_| false));
        let (which, mut count) = (lost.clone(), 0);
        pair.network.set_filter(move |_, from, _, bytes| {
            // RTP and not RTCP (RFC 5761 §4).
            let is_media = matches!(bytes.as_slice(), [0x80..0xc0, second, ..] if !(192..224).contains(second));
            if from != Pair::<Side>::A || !is_media {
                return Verdict::Pass;
            }
            count += 1;
            if which.get()(count - 1) { Verdict::Drop } else { Verdict::Pass }
        });
        Self { pair, ids: [from, to], lost, offer: offer.sdp, answer: answer.sdp, sent: 0, zero: None }
    }

    /// Sends so many frames from a to b, and gives the numbers of those that are heard; of those that are given up, `None`.
    fn speak(&mut self, count: u32) -> Vec<Option<u8>> {
        let [from, to] = self.ids;
        let mut heard = Vec::new();
        let zero = &mut self.zero;
        let mut read = |b: &mut Side| {
            while let Some(received) = b.peer.read_frame(to) {
                heard.push(match received {
                    ReceivedFrame::Frame { frame, .. } => {
                        assert_eq!((frame.codec, frame.data.len()), (Codec::Opus, LEN));
                        let began = frame.pts - 960 * i64::from(frame.data[1]);
                        assert_eq!(began, *zero.get_or_insert(began), "each has the time that it was sent with");
                        Some(frame.data[1])
                    }
                    _ => None,
                });
            }
        };
        for _ in 0..count {
            let frame = sound(self.sent);
            self.sent += 1;
            self.pair.with_a(|a, now| a.peer.send_frame(now, from, &frame)).unwrap();
            self.pair.run_for(20 * MS);
            read(&mut self.pair.b);
        }
        self.pair.run_for(Duration::from_secs(1));
        read(&mut self.pair.b);
        heard
    }

    fn stats(&self) -> (SenderStats, ReceiverStats) {
        let (a, b) = (&self.pair.a.peer, &self.pair.b.peer);
        let sender = a.transceiver(self.ids[0]).unwrap().sender.unwrap();
        let receiver = b.transceiver(self.ids[1]).unwrap().receiver.unwrap();
        (a.session().sender_stats(sender).unwrap(), b.session().receiver_stats(receiver).unwrap())
    }
}

/// A packet of Opus with one frame of 20 ms.
fn sound(number: u32) -> EncodedFrame {
    let mut data = vec![0; LEN];
    (data[0], data[1]) = (0x78, number as u8);
    EncodedFrame::new(Codec::Opus, data, i64::from(number) * 960).with_duration(960)
}

fn all(count: u8) -> Vec<Option<u8>> {
    (0..count).map(Some).collect()
}

/// Of the row, RED: masks of ULPFEC and FlexFEC have no home here, as there is neither.
///
/// Guards: each frame is sent twice and heard once, and what is lost of the first is heard of the second.
#[test]
fn pay_4_what_is_lost_comes_with_the_next_packet_and_nothing_twice() {
    let mut call = Call::new(Wanted::First);
    assert_eq!(call.speak(20), all(20));
    let (sent, received) = call.stats();
    assert_eq!((sent.codec, received.codec), (Some(Codec::Opus), Some(Codec::Opus)));
    // The first has none before it; a header is of one byte, and four more are that of a copy.
    assert_eq!(sent.bytes_sent, 20 * (LEN as u64 + 1) + 19 * (LEN as u64 + 4));
    assert_eq!(received.bytes_received, sent.bytes_sent);
    let copies = |it: &ReceiverStats| (it.fec_packets_received, it.fec_bytes_received, it.fec_packets_discarded);
    assert_eq!(copies(&received), (19, 19 * LEN as u64, 19));

    // Each third one.
    call.lost.set(|number| number % 3 == 2 && number < 100);
    assert_eq!(call.speak(80), all(100)[20..]);
    let (_, received) = call.stats();
    assert_eq!((received.frames_lost, received.packets_discarded, received.frames_malformed), (0, 0, 0));
    assert_eq!(
        (received.packets_lost, received.frames_received),
        (27, 100),
        "of packets the path lost some all the same"
    );
    let (came, _, discarded) = copies(&received);
    assert_eq!((came, came - discarded), (99 - 27, 27));
}

/// Guards: without redundancy, and beyond its reach, lost is lost and told.
#[test]
fn what_two_packets_in_a_row_lose_is_told_as_lost() {
    let mut call = Call::new(Wanted::First);
    call.lost.set(|number| number == 5 || number == 6);
    let mut expected = all(20);
    expected[5] = None;
    assert_eq!(call.speak(20), expected);
    let mut call = Call::new(Wanted::Last);
    call.lost.set(|number| number == 5);
    assert_eq!(call.speak(20), expected, "taken, and not sent");
    let (sent, received) = call.stats();
    assert_eq!((sent.bytes_sent, received.fec_packets_received), (20 * LEN as u64, 0));
}

/// Guards: it is offered where it is asked for, taken where it is offered, and goes on from then.
#[test]
fn red_is_negotiated_as_browsers_do() {
    let lines = "a=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\n";
    let first = Call::new(Wanted::First);
    for sdp in [&first.offer, &first.answer] {
        assert!(sdp.contains(lines) && sdp.contains(" 63 111"), "{sdp}");
    }
    let last = Call::new(Wanted::Last);
    assert!(last.offer.contains(" 111 63\r\n") && last.answer.contains(" 111 63\r\n"), "{}", last.answer);
    let mut call = Call::new(Wanted::Unasked);
    assert!(!call.offer.contains(" red/") && !call.answer.contains(" red/"));

    // What the other side is known to have is offered to it.
    let mut first = first;
    let now = first.pair.now();
    let [offer, answer] = exchange(now, &mut first.pair.b, &mut first.pair.a);
    assert!(offer.sdp.contains(lines) && answer.sdp.contains(lines), "{}", offer.sdp);
    // The answer keeps the order that its application wants.
    assert!(answer.sdp.contains(" 63 111"), "{}", answer.sdp);
    let names = |side: &Side, id| -> Vec<String> {
        let sent = side.peer.receiver_parameters(id).unwrap().codecs;
        sent.into_iter().map(|it| format!("{} {}", it.payload_type, it.codec.mime_type)).collect()
    };
    assert_eq!(names(&first.pair.a, first.ids[0]), ["63 audio/red", "111 audio/opus"]);

    // Whoever prefers other codecs takes none.
    let theirs = call.pair.b.peer.capabilities(MediaKind::Audio).codecs;
    call.pair.b.peer.set_codec_preferences(call.ids[1], &[named(&theirs, "audio/opus")]).unwrap();
    call.pair
        .a
        .peer
        .set_codec_preferences(call.ids[0], &[named(&theirs, "audio/red"), named(&theirs, "audio/opus")])
        .unwrap();
    let now = call.pair.now();
    let [offer, answer] = exchange(now, &mut call.pair.a, &mut call.pair.b);
    assert!(offer.sdp.contains(lines) && !answer.sdp.contains(" red/"), "{}", answer.sdp);
    assert_eq!(call.speak(5), all(5));
    assert_eq!(call.stats().0.bytes_sent, 5 * LEN as u64);
    assert_eq!(call.pair.a.peer.transceiver(call.ids[0]).unwrap().current_direction, Some(Direction::SendRecv));
}

/// Nothing can be sent in RED alone.
#[test]
fn red_is_no_codec_by_itself() {
    let mut side = Side::new(3, Pair::<Side>::A);
    side.peer.set_codecs(vec![Codec::Opus]);
    let id = side.peer.add_transceiver(MediaKind::Audio, TransceiverInit::default()).unwrap();
    let known = side.peer.capabilities(MediaKind::Audio).codecs;
    assert!(side.peer.set_codec_preferences(id, &[named(&known, "audio/red")]).is_err());
    side.peer.set_codecs(vec![Codec::Pcmu]);
    let known = side.peer.capabilities(MediaKind::Audio).codecs;
    assert!(known.iter().all(|codec| codec.mime_type != "audio/red"), "it is of Opus");
}
