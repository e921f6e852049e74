//! Encoded transforms between two peers in virtual time: frames in the application's hands, on their way out and in.
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

mod common;

use common::streams::connect;
use common::{Side, negotiate};
use netsim::{Link, Pair};
use ortica::codecs::{Codec, EncodedFrame, MediaKind};
use ortica::engine::{
    FrameType, KeyFrameError, MAX_FRAME, MediaMetadata, ReceivedFrame, ReceiverStats, Resolution, RtpFrame,
    SendFrameError, SenderStats, WriteFrameError,
};
use ortica::jsep::{TransceiverId, TransceiverInit};
use ortica::parameters::RtpEncodingParameters;
use ortica::peer::TransformSide::{self, Receiver, Sender};
use ortica_rtp::{RtpTimestamp, Ssrc};
use std::time::Duration;

const DELAY: Duration = Duration::from_millis(25);
const FRAME: Duration = Duration::from_millis(20);
/// What stays in the clear of a picture: the header of a VP8 key frame.
const CLEAR: usize = 10;

/// A call whose first side sends, with the transceivers of both.
struct Call {
    pair: Pair<Side>,
    from: TransceiverId,
    to: TransceiverId,
    frames: u32,
}

impl Call {
    fn new(seed: u64, kind: MediaKind, link: Link) -> Self {
        Self::with(seed, kind, link, &[])
    }

    /// With transforms on both sides that were set before anything was negotiated, and encodings of these names.
    fn with(seed: u64, kind: MediaKind, link: Link, rids: &[&str]) -> Self {
        let (mut a, mut b) = (Side::new(seed * 2 + 1, Pair::<Side>::A), Side::new(seed * 2 + 2, Pair::<Side>::B));
        for side in [&mut a, &mut b] {
            side.peer.set_codecs(vec![Codec::Pcmu, Codec::Vp8]);
        }
        let send_encodings = rids.iter().map(|rid| RtpEncodingParameters::named(*rid)).collect();
        let init = TransceiverInit { send_encodings, ..TransceiverInit::default() };
        let from = a.peer.add_transceiver(kind, init).unwrap();
        a.peer.set_transform(netsim::epoch(), from, Sender, true).unwrap();
        let mut pair = Pair::new(seed, link, a, b);
        negotiate(&mut pair);
        let to = pair.b.peer.transceivers()[0].id;
        pair.with_b(|b, now| b.peer.set_transform(now, to, Receiver, true)).unwrap();
        connect(&mut pair);
        Self { pair, from, to, frames: 0 }
    }

    /// Encodes a picture of each encoding, as their encoders are told.
    fn encode(&mut self, len: usize) {
        let (from, number) = (self.from, self.frames);
        self.frames += 1;
        self.pair.with_a(|a, now| {
            for targets in a.peer.encodings_targets(from) {
                let frame = picture(number, targets.key_frame, len);
                let _ = a.peer.send_encoding(now, from, targets.encoding, &frame);
            }
        });
    }

    fn speak(&mut self) {
        let (from, number) = (self.from, self.frames);
        self.frames += 1;
        let mut sound = EncodedFrame::new(Codec::Pcmu, vec![number as u8; 160], i64::from(number) * 160);
        sound.duration = 160;
        sound.audio_level = Some(20);
        self.pair.with_a(|a, now| a.peer.send_frame(now, from, &sound)).unwrap();
    }

    /// Has the frames that wait on a side go through `change`.
    fn transform(&mut self, side: TransformSide, mut change: impl FnMut(RtpFrame) -> Option<RtpFrame>) {
        let (from, to) = (self.from, self.to);
        let mut run = |at: &mut Side, now, id| {
            while let Some(frame) = at.peer.read_untransformed(id, side) {
                // A frame that the network made undecodable is refused, as it would be without a transform.
                let _ = change(frame).map(|frame| at.peer.write_transformed(now, id, side, frame));
            }
        };
        match side {
            Sender => self.pair.with_a(|a, now| run(a, now, from)),
            Receiver => self.pair.with_b(|b, now| run(b, now, to)),
        }
    }

    fn read(&mut self) -> Vec<ReceivedFrame> {
        let (peer, to) = (&mut self.pair.b.peer, self.to);
        std::iter::from_fn(|| peer.read_frame(to)).collect()
    }

    /// Runs `count` frames through both transforms, and gives what came out.
    fn stream(
        &mut self,
        count: u32,
        mut send: impl FnMut(RtpFrame) -> Option<RtpFrame>,
        mut receive: impl FnMut(RtpFrame) -> Option<RtpFrame>,
    ) -> Vec<EncodedFrame> {
        let mut received = Vec::new();
        for _ in 0..count + 25 {
            if self.frames < count {
                self.encode(3_000);
            }
            self.transform(Sender, &mut send);
            self.pair.run_for(FRAME);
            self.transform(Receiver, &mut receive);
            received.extend(self.read());
        }
        received.into_iter().filter_map(encoded).collect()
    }

    fn sender_stats(&self) -> SenderStats {
        let sender = self.pair.a.peer.transceiver(self.from).unwrap().sender.unwrap();
        self.pair.a.peer.session().sender_stats(sender).unwrap()
    }

    fn receiver_stats(&self) -> ReceiverStats {
        let receiver = self.pair.b.peer.transceiver(self.to).unwrap().receiver.unwrap();
        self.pair.b.peer.session().receiver_stats(receiver).unwrap()
    }
}

/// A picture of VP8 as far as its header goes, whose bytes tell its number.
fn picture(number: u32, key_frame: bool, len: usize) -> EncodedFrame {
    let mut data = vec![u8::from(!key_frame), 0, 0, 0x9d, 0x01, 0x2a, 64, 0, 48, 0];
    data.extend_from_slice(&number.to_be_bytes());
    data.resize(len.max(14), number as u8);
    EncodedFrame::new(Codec::Vp8, data, i64::from(number) * 1_800).with_key_frame(key_frame)
}

fn number_of(data: &[u8]) -> u32 {
    u32::from_be_bytes(data[CLEAR..CLEAR + 4].try_into().unwrap())
}

fn encoded(received: ReceivedFrame) -> Option<EncodedFrame> {
    match received {
        ReceivedFrame::Frame { frame, .. } => Some(frame),
        _ => None,
    }
}

/// As good as a cipher here: the bytes are others, and there are more of them.
fn seal(mut frame: RtpFrame) -> Option<RtpFrame> {
    let mut data = frame.data().to_vec();
    data[CLEAR..].iter_mut().for_each(|byte| *byte ^= 0x5a);
    data.extend_from_slice(&[7; 16]);
    frame.set_data(data);
    Some(frame)
}

fn open(mut frame: RtpFrame) -> Option<RtpFrame> {
    let mut data = frame.data().to_vec();
    assert!(data.ends_with(&[7; 16]));
    data.truncate(data.len() - 16);
    data[CLEAR..].iter_mut().for_each(|byte| *byte ^= 0x5a);
    frame.set_data(data);
    Some(frame)
}

/// Guards: what goes out is what the transform made, repaired like any other, and what comes in is given out as it was.
#[test]
fn api_6_frames_are_changed_on_their_way_and_repaired_as_ever() {
    for seed in 0..5 {
        let mut call = Call::new(seed, MediaKind::Video, Link::with_delay(DELAY).lossy(0.05));
        let mut sealed = 0;
        let count = 200;
        let received = call.stream(
            count,
            |frame| {
                let frame = seal(frame)?;
                sealed += frame.data().len() as u64;
                Some(frame)
            },
            open,
        );
        assert!(received.len() >= 190, "seed {seed}: {}", received.len());
        for frame in &received {
            assert_eq!(*frame.data, *picture(number_of(&frame.data), frame.key_frame, 3_000).data, "seed {seed}");
        }
        let (sent, came) = (call.sender_stats(), call.receiver_stats());
        assert!(sent.retransmitted_packets_sent > 0 && came.nack_count > 0, "seed {seed}: {came:?}");
        let payloads = sent.bytes_sent - sent.retransmitted_bytes_sent;
        // Each packet has a payload descriptor of four bytes; what was refused for want of a key frame did not go out.
        assert!(payloads > sealed * 95 / 100, "seed {seed}: {payloads} of {sealed}: {sent:?}");
        assert!(u64::from(count) >= sent.frames_sent && sent.frames_sent >= 190, "seed {seed}: {sent:?}");
    }
}

/// Guards `Detour::admit`: a frame can be left out, and held back.
#[test]
fn api_6_frames_are_dropped_and_delayed() {
    let mut call = Call::new(1, MediaKind::Video, Link::with_delay(DELAY));
    let mut held = std::collections::VecDeque::new();
    let received = call.stream(
        60,
        |frame| (number_of(frame.data()) % 3 != 1).then_some(frame),
        |frame| {
            held.push_back(frame);
            if held.len() > 5 { held.pop_front() } else { None }
        },
    );
    let numbers: Vec<u32> = received.iter().map(|frame| number_of(&frame.data)).collect();
    let wanted: Vec<u32> = (0..60).filter(|number| number % 3 != 1).collect();
    assert_eq!(numbers, wanted[..35], "all but every third, and but the five that are held");
}

/// Guards: a frame may grow to 4 MiB, and such a one crosses.
#[test]
fn api_6_a_frame_is_enlarged_to_four_mebibytes_and_no_more() {
    let mut call = Call::new(1, MediaKind::Video, Link::with_delay(DELAY));
    let (from, to) = (call.from, call.to);
    call.encode(3_000);
    let refused = call.pair.with_a(|a, now| {
        let mut frame = a.peer.read_untransformed(from, Sender).unwrap();
        let mut data = frame.data().to_vec();
        data.resize(MAX_FRAME + 1, 9);
        let mut larger = frame.clone();
        larger.set_data(data.clone());
        let refused = a.peer.write_transformed(now, from, Sender, larger);
        data.truncate(MAX_FRAME);
        frame.set_data(data);
        a.peer.write_transformed(now, from, Sender, frame).unwrap();
        refused
    });
    assert_eq!(refused, Err(WriteFrameError::TooLarge(MAX_FRAME + 1)));
    call.pair.run_for(Duration::from_secs(5));
    let frame = call.pair.b.peer.read_untransformed(to, Receiver).expect("it came");
    assert!(frame.data().len() == MAX_FRAME && frame.data()[3_000..].iter().all(|byte| *byte == 9));

    // The other way round it is given to the decoder.
    let mut frame = frame;
    let data = [frame.data().as_ref(), &[1]].concat();
    frame.set_data(data);
    let refused = call.pair.with_b(|b, now| b.peer.write_transformed(now, to, Receiver, frame));
    assert_eq!(refused, Err(WriteFrameError::TooLarge(MAX_FRAME + 1)));
}

/// Guards `MAX_WAITING`: a transform that is too slow loses frames, never more than 60 wait, and video goes on with a key
/// frame.
#[test]
fn api_6_a_slow_transform_drops_frames_and_goes_on_with_a_key_frame() {
    for side in TransformSide::ALL {
        let mut call = Call::new(1, MediaKind::Video, Link::with_delay(DELAY));
        let other = if side == Sender { Receiver } else { Sender };
        for _ in 0..150 {
            call.encode(3_000);
            call.transform(other, Some);
            call.pair.run_for(FRAME);
        }
        call.pair.run_for(Duration::from_millis(100));
        let mut waiting = Vec::new();
        call.transform(side, |frame| {
            waiting.push((number_of(frame.data()), frame.frame_type()));
            Some(frame)
        });
        assert!(waiting.len() <= 60, "{side:?}: {} wait", waiting.len());
        assert_eq!(waiting[0].1, FrameType::Key, "{side:?}: what waits can be decoded");
        assert!(waiting.iter().map(|(number, _)| *number).eq(waiting[0].0..150), "{side:?}: {waiting:?}");
        let dropped = match side {
            Sender => call.sender_stats().frames_dropped,
            Receiver => call.receiver_stats().frames_dropped,
        };
        assert!(dropped > 60 && dropped + waiting.len() as u64 <= 150, "{side:?}: {dropped} dropped");
        let received = call.stream(170, Some, Some);
        let last: Vec<u32> = received.iter().rev().take(20).map(|frame| number_of(&frame.data)).collect();
        assert!(last.iter().rev().copied().eq(150..170), "{side:?}: {last:?}");
    }
}

/// Guards the owner and the number of a frame in `Detour::admit`.
#[test]
fn api_6_a_frame_goes_to_another_sender_as_a_copy_with_its_own_metadata_alone() {
    let mut call = Call::new(1, MediaKind::Video, Link::with_delay(DELAY));
    let mut beside = Call::new(2, MediaKind::Video, Link::with_delay(DELAY));
    call.encode(3_000);
    let from = call.from;
    let frame = call.pair.a.peer.read_untransformed(from, Sender).unwrap();
    let write = |call: &mut Call, frame: RtpFrame| {
        let from = call.from;
        call.pair.with_a(|a, now| a.peer.write_transformed(now, from, Sender, frame))
    };
    assert_eq!(write(&mut beside, frame.clone()), Err(WriteFrameError::Foreign));
    let mut metadata = frame.metadata().clone();
    metadata.rtp_timestamp = Some(RtpTimestamp(77));
    metadata.contributing_sources = vec![Ssrc(5), Ssrc(6)];
    let copy = frame.with_metadata(metadata).unwrap();
    assert_eq!(write(&mut beside, copy.clone()), Ok(()));
    assert_eq!(write(&mut call, frame.clone()), Ok(()));
    assert_eq!(write(&mut call, frame), Err(WriteFrameError::OutOfOrder));

    call.pair.run_for(Duration::from_millis(100));
    beside.pair.run_for(Duration::from_millis(100));
    let [here, there] = [&mut call, &mut beside].map(|call| {
        let to = call.to;
        call.pair.b.peer.read_untransformed(to, Receiver).expect("each got it")
    });
    assert_eq!(here.data(), there.data());
    assert!(here.metadata().contributing_sources.is_empty());
    assert_eq!(there.metadata().contributing_sources, [Ssrc(5), Ssrc(6)]);
    assert_eq!(there.metadata().rtp_timestamp, Some(RtpTimestamp(77)));
    assert_ne!(there.metadata().synchronization_source, copy.metadata().synchronization_source);
}

#[test]
fn pictures_have_metadata_on_both_sides() {
    let mut call = Call::new(1, MediaKind::Video, Link::with_delay(DELAY));
    let (mut sent, mut received) = (Vec::new(), Vec::new());
    call.stream(
        100,
        |frame| {
            sent.push(frame.clone());
            Some(frame)
        },
        |frame| {
            received.push(frame.clone());
            Some(frame)
        },
    );
    assert_eq!((sent.len(), received.len()), (100, 100));
    for (at, (out, back)) in sent.iter().zip(&received).enumerate() {
        let (out, back) = (out.metadata(), back.metadata());
        assert_eq!((out.mime_type(), back.mime_type()), ("video/VP8", "video/VP8"));
        assert_eq!(out.synchronization_source, back.synchronization_source);
        assert_eq!(out.payload_type, back.payload_type);
        assert_eq!(out.rtp_timestamp, back.rtp_timestamp);
        assert!(out.synchronization_source.is_some() && out.payload_type.is_some() && out.rtp_timestamp.is_some());
        assert!(out.receive_time.is_none() && back.receive_time.is_some());
        let (MediaMetadata::Video(out), MediaMetadata::Video(back)) = (&out.media, &back.media) else { panic!() };
        assert_eq!(out, back, "frame {at}");
        assert_eq!(out.frame_id, Some(at as u64));
        assert_eq!(out.dependencies, Some(if at == 0 { vec![] } else { vec![at as u64 - 1] }));
        assert_eq!(out.size, Some(Resolution { width: 64, height: 48 }));
        assert_eq!((out.spatial_index, out.temporal_index), (0, None));
    }
    let types: Vec<FrameType> = received.iter().map(RtpFrame::frame_type).collect();
    assert!(types[0] == FrameType::Key && types[1..].iter().all(|it| *it == FrameType::Delta));
    let last = sent.last().unwrap();
    assert_eq!(last.timestamp() - sent[0].timestamp(), 99 * FRAME);
    let (captured, told) = (last.metadata().capture_time.unwrap(), received.last().unwrap().metadata().capture_time);
    let told = told.expect("reports tell it").to_unix();
    assert!(told.abs_diff(captured.to_unix()) < Duration::from_millis(2), "{told:?}");
}

#[test]
fn sound_has_metadata_and_its_losses_stay_in_their_place() {
    let mut call = Call::new(3, MediaKind::Audio, Link::with_delay(DELAY).lossy(0.1));
    let mut seen: Vec<RtpFrame> = Vec::new();
    let mut received = Vec::new();
    for _ in 0..200 {
        call.speak();
        call.transform(Sender, |mut frame| {
            let mut metadata = frame.metadata().clone();
            metadata.contributing_sources = vec![Ssrc(9)];
            frame.set_metadata(metadata).unwrap();
            Some(frame)
        });
        call.pair.run_for(FRAME);
        // The transform is behind by a few frames, and losses are with it.
        if call.frames.is_multiple_of(5) {
            call.transform(Receiver, |frame| {
                seen.push(frame.clone());
                Some(frame)
            });
        }
        received.extend(call.read());
    }
    let metadata: Vec<_> = seen.iter().map(RtpFrame::metadata).collect();
    let numbers: Vec<u16> = metadata
        .iter()
        .map(|metadata| match &metadata.media {
            MediaMetadata::Audio(audio) => {
                assert_eq!(audio.audio_level, Some(0.1));
                audio.sequence_number.expect("what is received has one").0
            }
            MediaMetadata::Video(_) => panic!("sound"),
        })
        .collect();
    assert!(numbers.is_sorted_by(|one, next| next.wrapping_sub(*one) < 100));
    assert!(metadata.iter().all(|metadata| metadata.contributing_sources == [Ssrc(9)]));
    let lost = received.iter().filter(|received| matches!(received, ReceivedFrame::Lost { .. })).count();
    assert!(lost > 5, "{lost} lost");
    let times: Vec<i64> = received
        .iter()
        .map(|received| match received {
            ReceivedFrame::Frame { frame, .. } => frame.pts,
            ReceivedFrame::Lost { pts, .. } => *pts,
            _ => panic!("nothing else"),
        })
        .collect();
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] == 160), "{times:?}");
}

#[test]
fn layers_are_told_apart_by_their_names() {
    let mut call = Call::with(1, MediaKind::Video, Link::with_delay(DELAY), &["q", "h", "f"]);
    let (mut sent, mut received) = ([0; 3], [0; 3]);
    let count = |counts: &mut [u32; 3], frame: &RtpFrame| {
        let rid = frame.metadata().rid.expect("each has a name");
        counts["qhf".find(rid.as_str()).unwrap()] += 1;
    };
    let frames = call.stream(
        50,
        |frame| {
            count(&mut sent, &frame);
            // The middle one is not sent.
            (frame.metadata().rid.is_some_and(|rid| rid.as_str() != "h")).then_some(frame)
        },
        |frame| {
            count(&mut received, &frame);
            Some(frame)
        },
    );
    assert_eq!(sent, [50; 3]);
    assert!(received[0] >= 48 && received[1] == 0 && received[2] >= 48, "{received:?}");
    assert!(frames.len() >= 48);

    let (from, to) = (call.from, call.to);
    let keys = |call: &mut Call| {
        let targets = call.pair.with_a(|a, _| a.peer.encodings_targets(from));
        targets.iter().map(|targets| targets.key_frame).collect::<Vec<_>>()
    };
    keys(&mut call);
    call.pair.with_a(|a, _| a.peer.generate_key_frame(from, &["h"])).unwrap();
    assert_eq!(keys(&mut call), [false, true, false]);
    let unknown = call.pair.with_a(|a, _| a.peer.generate_key_frame(from, &["h", "x"]));
    assert_eq!((unknown, keys(&mut call)), (Err(KeyFrameError::NotFound), vec![false; 3]));
    call.pair.with_a(|a, _| a.peer.generate_key_frame(from, &[])).unwrap();
    assert_eq!(keys(&mut call), [true; 3]);
    call.pair.with_b(|b, now| b.peer.send_key_frame_request(now, to)).unwrap();
    call.pair.run_for(Duration::from_millis(200));
    let wanted = keys(&mut call);
    assert!(wanted[0] && wanted[2], "{wanted:?}");
}

#[test]
fn key_frames_are_of_pictures_that_flow() {
    let mut call = Call::new(1, MediaKind::Audio, Link::with_delay(DELAY));
    let (from, to) = (call.from, call.to);
    let asked = call.pair.with_a(|a, _| a.peer.generate_key_frame(from, &[]));
    assert_eq!(asked, Err(KeyFrameError::InvalidState));
    let asked = call.pair.with_b(|b, now| b.peer.send_key_frame_request(now, to));
    assert_eq!(asked, Err(KeyFrameError::InvalidState));

    let mut alone = Side::new(9, Pair::<Side>::A);
    alone.peer.set_codecs(vec![Codec::Vp8]);
    let id = alone.peer.add_transceiver(MediaKind::Video, TransceiverInit::default()).unwrap();
    assert_eq!(alone.peer.generate_key_frame(id, &[]), Err(KeyFrameError::InvalidState));
}

/// Guards: what was to be changed does not go out as it was.
#[test]
fn a_transform_that_is_cleared_takes_what_waits_with_it() {
    let mut call = Call::new(1, MediaKind::Video, Link::with_delay(DELAY));
    let (from, to) = (call.from, call.to);
    let received = call.stream(10, Some, Some);
    assert_eq!(received.len(), 10);
    call.encode(3_000);
    call.pair.with_a(|a, now| a.peer.set_transform(now, from, Sender, false)).unwrap();
    call.pair.with_b(|b, now| b.peer.set_transform(now, to, Receiver, false)).unwrap();
    call.encode(3_000);
    call.encode(3_000);
    call.pair.run_for(Duration::from_millis(200));
    let frames: Vec<EncodedFrame> = call.read().into_iter().filter_map(encoded).collect();
    assert!(frames.iter().map(|frame| number_of(&frame.data)).eq([11, 12]), "{frames:?}");
    assert!(frames[0].key_frame);
    let refused = RtpFrame::from(picture(0, true, 100));
    let refused = call.pair.with_a(|a, now| a.peer.write_transformed(now, from, Sender, refused));
    assert_eq!(refused, Err(WriteFrameError::NoTransform));
}

/// Guards: received frames go on over another connection as they are, and a key frame is asked for where they come from.
#[test]
fn frames_are_forwarded_without_being_decoded() {
    let mut inbound = Call::new(1, MediaKind::Video, Link::with_delay(DELAY));
    let mut outbound = Call::new(2, MediaKind::Video, Link::with_delay(DELAY).lossy(0.02));
    let (via, out, to) = (inbound.to, outbound.from, outbound.to);
    let mut numbers = Vec::new();
    for _ in 0..150 {
        inbound.encode(3_000);
        inbound.transform(Sender, Some);
        inbound.pair.run_for(FRAME);
        while let Some(frame) = inbound.pair.b.peer.read_untransformed(via, Receiver) {
            let copy = frame.with_metadata(frame.metadata().clone()).unwrap();
            let written = outbound.pair.with_a(|a, now| a.peer.write_transformed(now, out, Sender, copy));
            if written == Err(WriteFrameError::Send(SendFrameError::NeedsKeyFrame)) {
                inbound.pair.with_b(|b, now| b.peer.send_key_frame_request(now, via)).unwrap();
            }
        }
        outbound.pair.run_for(FRAME);
        while let Some(frame) = outbound.pair.b.peer.read_untransformed(to, Receiver) {
            numbers.push(number_of(frame.data()));
        }
    }
    assert!(numbers.len() >= 140 && numbers.is_sorted(), "{numbers:?}");
}

/// Guards: a copy that names no layer of this receiver, or is of another kind, changes nothing.
#[test]
fn a_receiver_takes_frames_of_its_kind_and_layers() {
    let mut call = Call::new(1, MediaKind::Video, Link::with_delay(DELAY));
    let to = call.to;
    call.stream(5, Some, Some);
    let mut write = |frame: RtpFrame| call.pair.with_b(|b, now| b.peer.write_transformed(now, to, Receiver, frame));
    let sound = RtpFrame::from(EncodedFrame::new(Codec::Pcmu, vec![1], 0));
    assert_eq!(write(sound), Err(WriteFrameError::Kind(MediaKind::Video)));
    let mut frame = RtpFrame::from(picture(77, true, 100));
    let mut metadata = frame.metadata().clone();
    metadata.rid = Some(ortica_rtp::Rid::new("x").unwrap());
    let named = frame.with_metadata(metadata).unwrap();
    assert_eq!(write(named), Err(WriteFrameError::UnknownLayer));
    frame.set_data(picture(78, true, 100).data);
    assert_eq!(write(frame), Ok(()));
    let frames: Vec<EncodedFrame> = call.read().into_iter().filter_map(encoded).collect();
    assert!(frames.iter().map(|frame| number_of(&frame.data)).eq([78]));
}

/// Guards: one seed gives the same packets with a transform as without.
#[test]
fn a_transform_that_changes_nothing_leaves_the_packets_as_they_are() {
    let run = |transformed: bool| {
        let mut call = Call::new(5, MediaKind::Video, Link::with_delay(DELAY));
        let (from, to) = (call.from, call.to);
        if !transformed {
            call.pair.with_a(|a, now| a.peer.set_transform(now, from, Sender, false)).unwrap();
            call.pair.with_b(|b, now| b.peer.set_transform(now, to, Receiver, false)).unwrap();
        }
        let frames = call.stream(50, Some, Some);
        (frames, call.pair.network.hash())
    };
    assert_eq!(run(true), run(false));
}
