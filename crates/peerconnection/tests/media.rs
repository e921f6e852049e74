//! Audio and video between two peers in virtual time, as encoded frames: no codec library is needed for that.

mod common;

use common::streams::{add_stream, connect, pair};
use common::{Side, negotiate};
use netsim::{Link, Pair, What};
use ortica::Direction;
use ortica::codecs::{Codec, EncodedFrame, MediaKind};
use ortica::core::Instant;
use ortica::engine::{Event, ReceivedFrame, SendFrameError};
use ortica::jsep::TransceiverId;
use ortica::peer::PeerEvent;
use ortica::stats::StatsReport;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::Range;
use std::rc::Rc;
use std::time::Duration;

const DELAY: Duration = Duration::from_millis(25);
const FRAME: Duration = Duration::from_millis(20);

/// A picture of VP8 as far as its header goes, whose bytes tell its number.
fn picture(number: u32, key_frame: bool, len: usize) -> EncodedFrame {
    let mut data = vec![u8::from(!key_frame), 0, 0, 0x9d, 0x01, 0x2a, 64, 0, 64, 0];
    data.extend_from_slice(&number.to_be_bytes());
    data.resize(len.max(14), number as u8);
    EncodedFrame::new(Codec::Vp8, data, i64::from(number) * 1_800).with_key_frame(key_frame)
}

fn sound(number: u32) -> EncodedFrame {
    EncodedFrame::new(Codec::Pcmu, vec![number as u8; 160], i64::from(number) * 160).with_duration(160)
}

/// Sends a frame each 20 ms, as `make` has it, and gives back what arrived at the other side.
fn stream(
    pair: &mut Pair<Side>,
    from: TransceiverId,
    to: TransceiverId,
    count: u32,
    mut make: impl FnMut(u32, bool) -> EncodedFrame,
) -> Vec<ReceivedFrame> {
    let mut received = Vec::new();
    for number in 0..count {
        pair.with_a(|a, now| {
            let wanted = a.peer.encoder_targets(from).is_some_and(|targets| targets.key_frame);
            let _ = a.peer.send_frame(now, from, &make(number, wanted));
        });
        pair.run_for(FRAME);
        received.extend(std::iter::from_fn(|| pair.b.peer.read_frame(to)));
    }
    pair.run_for(Duration::from_secs(1));
    received.extend(std::iter::from_fn(|| pair.b.peer.read_frame(to)));
    received
}

fn track_of(side: &Side, kind: MediaKind) -> TransceiverId {
    let of_kind = |id: &TransceiverId| side.peer.transceiver(*id).is_some_and(|state| state.kind == kind);
    let tracks = side.events.iter().filter_map(|event| match event {
        PeerEvent::Track(id) => Some(*id),
        _ => None,
    });
    tracks.into_iter().find(of_kind).expect("a track was announced")
}

fn frames(received: &[ReceivedFrame]) -> Vec<&EncodedFrame> {
    received
        .iter()
        .filter_map(|received| match received {
            ReceivedFrame::Frame { frame, .. } => Some(frame),
            _ => None,
        })
        .collect()
}

/// What a side's description says about its tracks.
fn track_lines(side: &Side) -> Vec<String> {
    let sdp = side.peer.local_description().expect("it was set").sdp;
    let is_of_track = |line: &&str| line.starts_with("a=msid:") || line.starts_with("a=ssrc");
    sdp.lines().filter(is_of_track).map(str::to_owned).collect()
}

#[test]
fn sound_and_pictures_cross_in_both_directions_over_one_transport() {
    let mut pair = pair(1, Link::with_delay(DELAY));
    let audio = pair.a.peer.add_track(MediaKind::Audio, vec!["stream".to_owned()]).unwrap();
    let video = pair.a.peer.add_track(MediaKind::Video, Vec::new()).unwrap();
    let _ = pair.b.peer.add_track(MediaKind::Audio, Vec::new()).unwrap();
    negotiate(&mut pair);
    connect(&mut pair);
    let (to_audio, to_video) = (track_of(&pair.b, MediaKind::Audio), track_of(&pair.b, MediaKind::Video));
    let state = pair.b.peer.transceiver(to_audio).unwrap();
    assert_eq!((state.current_direction, state.remote_streams), (Some(Direction::SendRecv), vec!["stream".to_owned()]));

    let heard = stream(&mut pair, audio, to_audio, 50, |number, _| sound(number));
    assert_eq!(frames(&heard).iter().map(|frame| frame.data[0]).collect::<Vec<_>>(), (0..50).collect::<Vec<u8>>());
    let first = frames(&heard)[0].pts;
    assert!(frames(&heard).iter().enumerate().all(|(at, frame)| frame.pts - first == at as i64 * 160));

    let seen = stream(&mut pair, video, to_video, 50, |number, _| picture(number, number == 0, 5_000));
    assert_eq!(frames(&seen).len(), 50);
    assert!(frames(&seen)[0].key_frame && frames(&seen).iter().all(|frame| frame.data.len() == 5_000));
    assert_eq!(pair.b.peer.session().transports().count(), 1);
}

/// Guards: what is lost is asked for and sent again, in a stream of its own.
#[test]
fn flt_1_pictures_survive_loss_by_retransmission() {
    for seed in 0..3 {
        let mut pair = pair(seed, Link::with_delay(DELAY).lossy(0.05));
        let video = pair.a.peer.add_track(MediaKind::Video, Vec::new()).unwrap();
        negotiate(&mut pair);
        connect(&mut pair);
        let to = track_of(&pair.b, MediaKind::Video);
        let seen = stream(&mut pair, video, to, 200, |number, wanted| picture(number, number == 0 || wanted, 6_000));
        assert!(frames(&seen).len() >= 190, "seed {seed}: {} of 200", frames(&seen).len());
        let receiver = pair.b.peer.transceiver(to).unwrap().receiver.unwrap();
        let stats = pair.b.peer.session().receiver_stats(receiver).unwrap();
        assert!(stats.nack_count > 0 && stats.retransmitted_packets_received > 0, "seed {seed}: {stats:?}");
        let sender = pair.a.peer.transceiver(video).unwrap().sender.unwrap();
        let stats = pair.a.peer.session().sender_stats(sender).unwrap();
        assert!(stats.remote.reports > 0 && stats.remote.rtt.is_some(), "seed {seed}: {stats:?}");
    }
}

/// Guards: a receiver that cannot go on asks for a key frame, and the encoder is told.
#[test]
fn a_reader_that_cannot_decode_gets_a_key_frame() {
    let mut pair = pair(1, Link::with_delay(DELAY));
    let video = pair.a.peer.add_track(MediaKind::Video, Vec::new()).unwrap();
    negotiate(&mut pair);
    connect(&mut pair);
    let to = track_of(&pair.b, MediaKind::Video);
    stream(&mut pair, video, to, 10, |number, _| picture(number, number == 0, 3_000));
    pair.with_b(|b, now| b.peer.request_key_frame(now, to));
    let seen = stream(&mut pair, video, to, 20, |number, wanted| picture(number + 10, wanted, 3_000));
    let seen = frames(&seen);
    assert!(seen.first().is_some_and(|frame| frame.key_frame), "nothing before the key frame is given out");
    assert_eq!(seen.iter().filter(|frame| frame.key_frame).count(), 1);
}

/// Guards the rate: a reader that can decode nothing at all does not make the other side send key frames alone.
#[test]
fn a_reader_that_never_decodes_asks_three_times_a_second_at_most() {
    let mut pair = pair(1, Link::with_delay(DELAY));
    let video = pair.a.peer.add_track(MediaKind::Video, Vec::new()).unwrap();
    negotiate(&mut pair);
    connect(&mut pair);
    let to = track_of(&pair.b, MediaKind::Video);
    let mut key_frames = 0;
    for number in 0..150 {
        pair.with_a(|a, now| {
            let wanted = a.peer.encoder_targets(video).is_some_and(|targets| targets.key_frame);
            key_frames += u32::from(wanted);
            a.peer.send_frame(now, video, &picture(number, wanted, 3_000)).unwrap();
        });
        pair.run_for(FRAME);
        while pair.b.peer.read_frame(to).is_some() {
            pair.with_b(|b, now| b.peer.request_key_frame(now, to));
        }
    }
    let receiver = pair.b.peer.transceiver(to).unwrap().receiver.unwrap();
    let asked = pair.b.peer.session().receiver_stats(receiver).unwrap().pli_count;
    assert!((5..=11).contains(&asked), "{asked} in three seconds");
    assert!((5..=12).contains(&key_frames), "{key_frames} in three seconds");
}

/// Guards: a frame is refused, and counted, where nothing is agreed.
#[test]
fn jsep_6_nothing_is_sent_before_the_answer() {
    let mut pair = pair(1, Link::with_delay(DELAY));
    let audio = pair.a.peer.add_track(MediaKind::Audio, Vec::new()).unwrap();
    let now = pair.now();
    let offer = pair.a.peer.create_offer(now).unwrap();
    pair.a.peer.set_local_description(now, offer).unwrap();
    assert_eq!(pair.a.peer.send_frame(now, audio, &sound(0)), Err(SendFrameError::NotSending));
    assert_eq!(pair.a.peer.transceiver(audio).unwrap().current_direction, None);
    assert_eq!(pair.a.peer.encoder_targets(audio), None);
}

#[test]
fn video_can_be_added_to_a_call_and_taken_away() {
    let mut pair = pair(1, Link::with_delay(DELAY));
    pair.a.peer.add_track(MediaKind::Audio, Vec::new()).unwrap();
    negotiate(&mut pair);
    connect(&mut pair);
    pair.a.events.clear();

    let video = pair.a.peer.add_track(MediaKind::Video, Vec::new()).unwrap();
    pair.run_for(FRAME);
    assert!(pair.a.events.contains(&PeerEvent::NegotiationNeeded));
    negotiate(&mut pair);
    pair.run_for(FRAME);
    let to = track_of(&pair.b, MediaKind::Video);
    let seen = stream(&mut pair, video, to, 20, |number, _| picture(number, number == 0, 3_000));
    assert_eq!(frames(&seen).len(), 20);

    pair.a.peer.set_direction(video, Direction::RecvOnly).unwrap();
    negotiate(&mut pair);
    pair.run_for(FRAME);
    assert!(pair.b.events.contains(&PeerEvent::TrackRemoved(to, MediaKind::Video)));
    let now = pair.now();
    assert_eq!(pair.a.peer.send_frame(now, video, &picture(0, true, 100)), Err(SendFrameError::NotSending));
    assert_eq!(pair.b.peer.transceiver(to).unwrap().current_direction, Some(Direction::Inactive));

    pair.a.peer.stop_transceiver(video).unwrap();
    negotiate(&mut pair);
    let description = pair.a.peer.local_description().unwrap().sdp;
    assert!(description.contains("m=video 0 "), "{description}");
    assert_eq!(pair.b.peer.transceiver(to), None);
}

/// Sends pictures for as long as nobody reads them: key frames where they are wanted, and where `begins` says so.
fn send_unread(pair: &mut Pair<Side>, video: TransceiverId, numbers: Range<u32>, begins: fn(u32) -> bool) {
    for number in numbers {
        pair.with_a(|a, now| {
            let wanted = a.peer.encoder_targets(video).is_some_and(|targets| targets.key_frame);
            let _ = a.peer.send_frame(now, video, &picture(number, begins(number) || wanted, 2_000));
        });
        pair.run_for(FRAME);
    }
}

/// Guards: unread frames are bounded and cost the sender no key frames, not even where packets are lost; what is given out can be
/// decoded, and who reads again has a key frame asked for.
#[test]
fn a_reader_that_stops_reading_costs_a_bounded_number_of_frames() {
    let mut pair = pair(1, Link::with_delay(DELAY));
    let video = pair.a.peer.add_track(MediaKind::Video, Vec::new()).unwrap();
    negotiate(&mut pair);
    connect(&mut pair);
    let to = track_of(&pair.b, MediaKind::Video);
    let receiver = pair.b.peer.transceiver(to).unwrap().receiver.unwrap();
    let stats = |pair: &Pair<Side>| pair.b.peer.session().receiver_stats(receiver).unwrap();
    send_unread(&mut pair, video, 0..150, |number| number == 0);
    pair.links(|link| link.down = true);
    send_unread(&mut pair, video, 150..200, |_| false);
    pair.links(|link| link.down = false);
    send_unread(&mut pair, video, 200..300, |_| false);
    let unread = stats(&pair);
    assert_eq!((unread.pli_count, unread.key_frames_received), (0, 1), "{unread:?}");
    assert!(unread.frames_dropped > 100, "{unread:?}");
    // A key frame of the sender's own is kept, with what follows.
    send_unread(&mut pair, video, 300..340, |number| number == 300);
    let received: Vec<ReceivedFrame> = std::iter::from_fn(|| pair.b.peer.read_frame(to)).collect();
    assert!((30..=64).contains(&received.len()), "{}", received.len());
    assert!(frames(&received)[0].key_frame);
    assert!(matches!(received[0], ReceivedFrame::Frame { discontinuity: true, .. }));
    // Without one it is asked for, once, as soon as somebody reads.
    send_unread(&mut pair, video, 340..500, |_| false);
    assert_eq!(stats(&pair).pli_count, 0);
    let received = stream(&mut pair, video, to, 50, |number, wanted| picture(500 + number, wanted, 2_000));
    assert!(received.len() > 40 && frames(&received)[0].key_frame, "{}", received.len());
    assert_eq!(stats(&pair).pli_count, 1);
}

/// Guards: what is asked for by hand is asked for, whether or not somebody reads.
#[test]
fn a_key_frame_that_the_application_wants_does_not_wait_for_a_reader() {
    let mut pair = pair(1, Link::with_delay(DELAY));
    let video = pair.a.peer.add_track(MediaKind::Video, Vec::new()).unwrap();
    negotiate(&mut pair);
    connect(&mut pair);
    let to = track_of(&pair.b, MediaKind::Video);
    send_unread(&mut pair, video, 0..100, |number| number == 0);
    pair.with_b(|b, now| b.peer.request_key_frame(now, to));
    send_unread(&mut pair, video, 100..120, |_| false);
    let receiver = pair.b.peer.transceiver(to).unwrap().receiver.unwrap();
    let stats = pair.b.peer.session().receiver_stats(receiver).unwrap();
    assert_eq!((stats.pli_count, stats.key_frames_received), (1, 2), "{stats:?}");
}

#[test]
fn one_seed_gives_the_same_packets_with_media() {
    let hash = |seed| {
        let mut pair = pair(seed, Link::with_delay(DELAY).lossy(0.05));
        let video = pair.a.peer.add_track(MediaKind::Video, Vec::new()).unwrap();
        negotiate(&mut pair);
        connect(&mut pair);
        let to = track_of(&pair.b, MediaKind::Video);
        stream(&mut pair, video, to, 100, |number, wanted| picture(number, number == 0 || wanted, 4_000));
        pair.network.hash()
    };
    assert_eq!(hash(3), hash(3));
    assert_ne!(hash(3), hash(4));
}

#[test]
fn a_sender_names_what_is_wrong_with_a_frame() {
    let mut pair = pair(1, Link::with_delay(DELAY));
    let video = pair.a.peer.add_track(MediaKind::Video, Vec::new()).unwrap();
    negotiate(&mut pair);
    connect(&mut pair);
    let now: Instant = pair.now();
    let wrong = SendFrameError::Codec { expected: Codec::Vp8, actual: Codec::Pcmu };
    assert_eq!(pair.a.peer.send_frame(now, video, &sound(0)), Err(wrong));
    assert_eq!(pair.a.peer.send_frame(now, video, &picture(0, false, 100)), Err(SendFrameError::NeedsKeyFrame));
    assert!(pair.a.peer.encoder_targets(video).unwrap().key_frame);
    assert_eq!(pair.a.peer.send_frame(now, video, &picture(1, true, 6 << 20)), Err(SendFrameError::QueueFull));
    assert_eq!(pair.a.peer.send_frame(now, video, &picture(2, true, 1_000)), Ok(()));
}

/// Guards: what is counted at one side is what the other side counts.
#[test]
fn api_4_both_sides_count_the_same() {
    let mut pair = pair(1, Link::with_delay(DELAY));
    let audio = pair.a.peer.add_track(MediaKind::Audio, Vec::new()).unwrap();
    let before = pair.a.peer.stats(pair.now());
    assert_eq!(before.outbound_rtp().count() + before.remote_inbound_rtp().count(), 0);
    negotiate(&mut pair);
    connect(&mut pair);
    let to = track_of(&pair.b, MediaKind::Audio);
    stream(&mut pair, audio, to, 100, |number, _| sound(number));
    pair.run_for(Duration::from_secs(3));

    let (sent, received) = (pair.a.peer.stats(pair.now()), pair.b.peer.stats(pair.now()));
    let (outbound, inbound) = (sent.outbound_rtp().next().unwrap(), received.inbound_rtp().next().unwrap());
    assert_eq!(outbound.ssrc, inbound.ssrc);
    let codec = |report: &StatsReport, id: &Option<String>| report.codec(id.as_deref()).unwrap().mime_type;
    assert_eq!(codec(&sent, &outbound.codec_id), "audio/PCMU");
    assert_eq!(codec(&received, &inbound.codec_id), "audio/PCMU");
    assert_eq!((outbound.packets_sent, inbound.packets_received), (100, 100));
    assert_eq!(outbound.bytes_sent, inbound.bytes_received);
    assert_eq!(outbound.header_bytes_sent, inbound.header_bytes_received);
    assert_eq!(inbound.packets_lost, 0);

    let remote = sent.remote_inbound_rtp().next().unwrap();
    let rtt = remote.round_trip_time.unwrap();
    assert!(rtt >= DELAY * 2 && rtt < DELAY * 3, "{rtt:?}");
    assert_eq!(received.remote_outbound_rtp().next().unwrap().packets_sent, 100);
    let pair_report = sent.selected_candidate_pair().unwrap();
    assert_eq!(pair_report.current_round_trip_time, Some(DELAY * 2));
    assert_eq!(sent.transports().next().unwrap().srtp_cipher.as_deref(), Some("SRTP_AEAD_AES_128_GCM"));
    for entry in sent.iter() {
        assert_eq!(sent.iter().filter(|other| other.id == entry.id).count(), 1, "{} is there twice", entry.id);
    }
}

/// Guards: RFC 9429 §5.2.2 and §5.3.2: `a=msid` stays whatever becomes of the direction, and the sources with it.
#[test]
fn a_track_keeps_its_names_while_it_is_on_hold() {
    let mut pair = pair(1, Link::with_delay(DELAY));
    let video = pair.a.peer.add_track(MediaKind::Video, vec!["stream".to_owned()]).unwrap();
    pair.b.peer.add_track(MediaKind::Video, vec!["back".to_owned()]).unwrap();
    negotiate(&mut pair);
    let before = [track_lines(&pair.a), track_lines(&pair.b)];
    assert!(before.iter().all(|lines| lines.len() == 4), "{before:?}");
    for direction in [Direction::Inactive, Direction::RecvOnly, Direction::SendRecv] {
        pair.a.peer.set_direction(video, direction).unwrap();
        negotiate(&mut pair);
        assert_eq!(pair.a.peer.transceiver(video).unwrap().current_direction, Some(direction));
        assert_eq!([track_lines(&pair.a), track_lines(&pair.b)], before, "{direction}");
    }
    pair.a.peer.stop_transceiver(video).unwrap();
    negotiate(&mut pair);
    assert_eq!([track_lines(&pair.a), track_lines(&pair.b)], [Vec::<String>::new(), Vec::new()]);
}

/// Guards: a stream that pauses goes on where it was; SRTP would refuse numbers that were used before.
#[test]
fn a_track_that_was_put_on_hold_goes_on() {
    let mut pair = pair(1, Link::with_delay(DELAY));
    let audio = pair.a.peer.add_track(MediaKind::Audio, Vec::new()).unwrap();
    negotiate(&mut pair);
    connect(&mut pair);
    let to = track_of(&pair.b, MediaKind::Audio);
    assert_eq!(frames(&stream(&mut pair, audio, to, 50, |number, _| sound(number))).len(), 50);

    pair.a.peer.set_direction(audio, Direction::Inactive).unwrap();
    negotiate(&mut pair);
    assert!(frames(&stream(&mut pair, audio, to, 10, |number, _| sound(50 + number))).is_empty());
    pair.a.peer.set_direction(audio, Direction::SendRecv).unwrap();
    negotiate(&mut pair);
    let again = stream(&mut pair, audio, to, 20, |number, _| sound(60 + number));
    assert_eq!(frames(&again).iter().map(|frame| frame.data[0]).collect::<Vec<_>>(), (60..80).collect::<Vec<u8>>());

    let sender = pair.a.peer.transceiver(audio).unwrap().sender.unwrap();
    let stats = pair.a.peer.session().sender_stats(sender).unwrap();
    assert_eq!((stats.packets_sent, stats.frames_dropped), (70, 10), "{stats:?}");
}

/// The numbers under which `a` sends packets of RTP, and of RTCP, from here on.
fn numbers_on_the_wire(pair: &mut Pair<Side>) -> Rc<RefCell<[BTreeSet<u32>; 2]>> {
    let numbers: Rc<RefCell<[BTreeSet<u32>; 2]>> = Rc::default();
    let seen = numbers.clone();
    pair.network.set_tap(move |crossing| {
        let of_rtp = |at: usize| crossing.bytes.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes);
        // RFC 7983 §7, and RFC 5761 §4 for the second byte.
        let (at, is_rtcp) = match crossing.bytes {
            [128..=191, 192..=223, ..] => (4, true),
            [128..=191, ..] => (8, false),
            _ => return,
        };
        if matches!(crossing.what, What::Sent) && crossing.from == Pair::<Side>::A {
            seen.borrow_mut()[usize::from(is_rtcp)].extend(of_rtp(at));
        }
    });
    numbers
}

/// Guards `resolve_collision`, as RFC 3550 §8.2 has it: a stream gives way to one of the peer with its number, with a goodbye, and goes
/// on with a key frame, which whoever encodes is told of; nothing is sent under the old number any more. What comes back just after
/// is no reason to change again.
#[test]
fn rtp_4_a_stream_whose_number_the_peer_takes_goes_on_under_another() {
    let mut pair = pair(1, Link::with_delay(DELAY));
    let video = pair.a.peer.add_track(MediaKind::Video, Vec::new()).unwrap();
    pair.a.peer.add_track(MediaKind::Audio, Vec::new()).unwrap();
    pair.b.peer.add_track(MediaKind::Audio, Vec::new()).unwrap();
    negotiate(&mut pair);
    connect(&mut pair);
    let to = track_of(&pair.b, MediaKind::Video);
    let sender = pair.a.peer.transceiver(video).unwrap().sender.unwrap();
    let receiver = pair.b.peer.transceiver(to).unwrap().receiver.unwrap();
    let number = |pair: &Pair<Side>| pair.a.peer.session().sender_stats(sender).unwrap().ssrc.unwrap();
    stream(&mut pair, video, to, 10, |at, _| picture(at, at == 0, 3_000));
    let before = number(&pair);
    pair.a.sender_events.clear();
    pair.b.events.clear();

    pair.with_b(|b, now| add_stream(b, now, Some(before)));
    pair.run_for(Duration::from_millis(100));
    let after = number(&pair);
    assert_ne!(after, before);
    assert!(matches!(
        pair.a.sender_events[..],
        [Event::SsrcChanged { sender: of, .. }, Event::EncoderTargets(to)] if of == sender && to == sender
    ));
    assert_eq!(pair.b.events, [PeerEvent::TrackMute(to)], "the goodbye");
    let numbers = numbers_on_the_wire(&mut pair);
    let seen = stream(&mut pair, video, to, 30, |at, wanted| picture(10 + at, wanted, 3_000));
    assert_eq!(frames(&seen).len(), 30);
    assert!(frames(&seen)[0].key_frame);
    let stats = pair.b.peer.session().receiver_stats(receiver).unwrap();
    assert_eq!((stats.ssrc, stats.packets_lost), (Some(after), 0));
    for of_a in numbers.borrow().iter() {
        assert!(of_a.contains(&after.0) && !of_a.contains(&before.0), "{of_a:?}");
    }
    negotiate(&mut pair);
    let lines = track_lines(&pair.a).join("\n");
    assert!(lines.contains(&after.0.to_string()) && !lines.contains(&before.0.to_string()), "{lines}");
    assert_eq!(number(&pair), after);

    pair.with_b(|b, now| add_stream(b, now, Some(after)));
    let seen = stream(&mut pair, video, to, 10, |at, wanted| picture(40 + at, wanted, 3_000));
    assert_eq!((number(&pair), frames(&seen).len()), (after, 10));
}
