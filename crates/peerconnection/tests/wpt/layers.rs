//! Encodings side by side between two peers in virtual time: who gets which, and what their encoders are told.

use super::*;
use common::exchange;
use netsim::Link;
use ortica::ConnectionState;
use ortica::codecs::EncodedFrame;
use ortica::engine::{EncoderTargets, ReceivedFrame, SendFrameError};
use ortica::parameters::{Priority, RtpEncodingParameters, RtpSendParameters};
use ortica_rtp::Rid;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const DELAY: Duration = Duration::from_millis(25);
const FRAME: Duration = Duration::from_millis(20);
const RIDS: [&str; 3] = ["q", "h", "f"];

/// A call whose first side sends, with the transceivers of both.
struct Call {
    pair: Pair<Side>,
    from: TransceiverId,
    to: TransceiverId,
    frames: u32,
}

impl Call {
    /// A call with these encodings, whose answer passes through `change`.
    fn with(seed: u64, link: Link, rids: &[&str], change: impl Fn(String) -> String) -> Self {
        let (mut a, mut b) = (Side::new(seed * 2 + 1, Pair::<Side>::A), Side::new(seed * 2 + 2, Pair::<Side>::B));
        for side in [&mut a, &mut b] {
            side.peer.set_codecs(vec![Codec::Opus, Codec::Pcmu, Codec::Vp8, Codec::H264]);
        }
        let send_encodings = rids.iter().map(|rid| RtpEncodingParameters::named(*rid)).collect();
        let init = TransceiverInit { send_encodings, ..TransceiverInit::default() };
        let from = a.peer.add_transceiver(MediaKind::Video, init).unwrap();
        let now = netsim::epoch();
        let offer = a.peer.create_offer(now).unwrap();
        a.peer.set_local_description(now, offer).unwrap();
        b.peer.set_remote_description(now, a.peer.local_description().unwrap()).unwrap();
        let answer = b.peer.create_answer(now).unwrap();
        b.peer.set_local_description(now, answer).unwrap();
        let sdp = change(b.peer.local_description().unwrap().sdp);
        a.peer.set_remote_description(now, SessionDescription { kind: SdpType::Answer, sdp }).unwrap();
        let to = b.peer.transceivers()[0].id;
        let mut pair = Pair::new(seed, link, a, b);
        pair.run_until(Duration::from_secs(30), |a, b| {
            a.peer.connection_state() == ConnectionState::Connected
                && b.peer.connection_state() == ConnectionState::Connected
        })
        .expect("connects");
        Self { pair, from, to, frames: 0 }
    }

    fn new(seed: u64, link: Link) -> Self {
        Self::with(seed, link, &RIDS, |sdp| sdp)
    }

    /// What the encoders are to do; wishes for key frames are told once.
    fn targets(&mut self) -> Vec<EncoderTargets> {
        self.pair.a.peer.encodings_targets(self.from)
    }

    /// Sends `count` frames of each encoding that `is_sent`, as their encoders are told.
    fn send(&mut self, count: u32, is_sent: impl Fn(usize) -> bool) {
        let from = self.from;
        for _ in 0..count {
            let number = self.frames;
            self.frames += 1;
            self.pair.with_a(|a, now| {
                for targets in a.peer.encodings_targets(from).into_iter().filter(|targets| is_sent(targets.encoding)) {
                    let frame = picture(targets.encoding, number, targets.key_frame);
                    // A lost key frame is asked for again.
                    let _ = a.peer.send_encoding(now, from, targets.encoding, &frame);
                }
            });
            self.pair.run_for(FRAME);
        }
    }

    fn tap(&mut self, rid: &str) -> Rid {
        let (to, rid) = (self.to, Rid::new(rid).unwrap());
        assert!(self.pair.with_b(|b, now| b.peer.tap_layer(now, to, rid)));
        rid
    }

    fn read_layer(&mut self, rid: Rid) -> Vec<EncodedFrame> {
        let (to, peer) = (self.to, &mut self.pair.b.peer);
        std::iter::from_fn(|| peer.read_layer(to, rid)).filter_map(frame).collect()
    }

    fn read(&mut self) -> Vec<EncodedFrame> {
        let (to, peer) = (self.to, &mut self.pair.b.peer);
        std::iter::from_fn(|| peer.read_frame(to)).filter_map(frame).collect()
    }

    fn change(&mut self, change: impl FnOnce(&mut RtpSendParameters)) {
        let from = self.from;
        self.pair.with_a(|a, now| {
            let mut parameters = a.peer.sender_parameters(from).unwrap();
            change(&mut parameters);
            a.peer.set_sender_parameters(now, from, parameters).unwrap();
        });
    }
}

fn frame(received: ReceivedFrame) -> Option<EncodedFrame> {
    match received {
        ReceivedFrame::Frame { frame, .. } => Some(frame),
        _ => None,
    }
}

/// A picture of VP8 as far as its header goes, whose bytes tell its encoding and number.
fn picture(encoding: usize, number: u32, key_frame: bool) -> EncodedFrame {
    let mut data = vec![u8::from(!key_frame), 0, 0, 0x9d, 0x01, 0x2a, 64, 0, 64, 0, encoding as u8];
    data.extend_from_slice(&number.to_be_bytes());
    data.resize(600 * (encoding + 1), 0);
    EncodedFrame::new(Codec::Vp8, data, i64::from(number) * 1_800).with_key_frame(key_frame)
}

fn encoding_of(frame: &EncodedFrame) -> u8 {
    frame.data[10]
}

#[test]
fn each_layer_reaches_who_reads_it_and_the_best_is_the_track() {
    let mut call = Call::new(1, Link::with_delay(DELAY));
    let layers: Vec<String> = call.pair.b.peer.layers(call.to).iter().map(|rid| rid.as_str().to_owned()).collect();
    assert_eq!(layers, RIDS);
    let taps = RIDS.map(|rid| call.tap(rid));
    call.send(40, |_| true);
    for (at, rid) in taps.into_iter().enumerate() {
        let frames = call.read_layer(rid);
        assert!(frames.len() >= 38 && frames[0].key_frame, "{at}: {}", frames.len());
        assert!(frames.iter().all(|frame| encoding_of(frame) == at as u8));
    }
    let frames = call.read();
    assert!(frames.iter().filter(|frame| encoding_of(frame) == 2).count() >= 38);
    assert!(frames.iter().is_sorted_by(|one, next| encoding_of(one) <= encoding_of(next) && one.pts < next.pts));
}

/// Guards: a layer that falls silent is not waited for, and the change costs one key frame.
#[test]
fn the_track_goes_on_with_the_layer_below() {
    let mut call = Call::new(2, Link::with_delay(DELAY));
    call.send(20, |_| true);
    call.pair.run_for(10 * FRAME);
    assert_eq!(call.read().last().map(encoding_of), Some(2));
    call.send(100, |encoding| encoding < 2);
    let frames = call.read();
    assert!(frames.len() > 30, "{}", frames.len());
    assert!(frames.first().is_some_and(|frame| frame.key_frame));
    assert_eq!(frames.last().map(encoding_of), Some(1));
    assert!(frames.windows(2).all(|two| encoding_of(&two[0]) == encoding_of(&two[1]) || two[1].key_frame));
    call.send(20, |_| true);
    let frames = call.read();
    assert_eq!(frames.last().map(encoding_of), Some(2), "and back");
    assert!(frames.is_sorted_by_key(|frame| frame.pts));
}

/// Guards: who reads a layer by itself from the middle on starts with a key frame, which is asked for.
#[test]
fn who_reads_a_layer_later_starts_with_a_key_frame() {
    let mut call = Call::new(4, Link::with_delay(DELAY));
    call.send(10, |_| true);
    let rid = call.tap("h");
    call.send(20, |_| true);
    let frames = call.read_layer(rid);
    assert!(frames.len() > 10 && frames[0].key_frame, "{} frames", frames.len());
}

/// Guards: retransmissions of a layer name it as the one they repair.
#[test]
fn layers_are_repaired_each_by_its_own_stream() {
    // What the packets say has to be legible on the way.
    let legible = |sdp: String| sdp.replace("a=cryptex\r\n", "");
    let mut call = Call::with(3, Link::with_delay(DELAY).lossy(0.05), &RIDS, legible);
    let told = names_of_repairs(&mut call);
    let taps = RIDS.map(|rid| call.tap(rid));
    let mut counts = [0; 3];
    for _ in 0..10 {
        call.send(20, |_| true);
        for (count, rid) in counts.iter_mut().zip(taps) {
            *count += call.read_layer(rid).len();
        }
    }
    let receiver = call.pair.b.peer.transceiver(call.to).unwrap().receiver.unwrap();
    let stats = call.pair.b.peer.session().layer_stats(receiver);
    let names: Vec<&str> = stats.iter().filter_map(|stats| Some(stats.rid.as_ref()?.as_str())).collect();
    assert_eq!(names, RIDS);
    for (stats, count) in stats.iter().zip(counts) {
        assert!(stats.retransmitted_packets_received > 0 && count >= 180, "{count} of 200: {stats:?}");
    }
    let named = RIDS.map(|rid| (None, Some(rid.to_owned())));
    assert_eq!(*told.lock().unwrap(), BTreeSet::from(named));
}

/// The layers that packets are of, each with the one that they repair.
type Names = BTreeSet<(Option<String>, Option<String>)>;

/// What packets of retransmissions say from here on, where header extensions are not encrypted.
fn names_of_repairs(call: &mut Call) -> Arc<Mutex<Names>> {
    let sdp = call.pair.a.peer.local_description().unwrap().sdp;
    let number = |line: &str, what: &str| line.strip_prefix(what)?.split([' ', '/']).next()?.parse::<u8>().ok();
    let extension = |uri: &str| sdp.lines().find(|line| line.ends_with(uri)).and_then(|line| number(line, "a=extmap:"));
    let [rid, repaired] = ["sdes:rtp-stream-id", "sdes:repaired-rtp-stream-id"].map(|uri| extension(uri).unwrap());
    let rtx: Vec<u8> =
        sdp.lines().filter(|line| line.contains(" rtx/")).filter_map(|line| number(line, "a=rtpmap:")).collect();
    let told = Arc::new(Mutex::new(BTreeSet::new()));
    let tells = told.clone();
    call.pair.network.set_tap(move |crossing| {
        let Some([first, kind]) = crossing.bytes.first_chunk() else { return };
        if first >> 6 != 2 || !rtx.contains(&(kind & 0x7f)) {
            return;
        }
        // Padding is encrypted, so a copy says that there is none.
        let mut bytes = crossing.bytes.to_vec();
        bytes[0] &= !0x20;
        let packet = ortica_rtp::Packet::parse(&bytes).unwrap();
        let value = |wanted| {
            let mut all = packet.extension()?.elements();
            all.find(|(id, _)| *id == wanted).map(|(_, text)| String::from_utf8_lossy(text).into_owned())
        };
        tells.lock().unwrap().insert((value(rid), value(repaired)));
    });
    told
}

/// Guards: an encoding that is not active is neither encoded nor sent, and the others go on.
#[test]
fn wpt_simulcast_set_parameters_active_first_inactive() {
    inactive(&[0]);
}

#[test]
fn wpt_simulcast_set_parameters_active_second_inactive() {
    inactive(&[1]);
}

#[test]
fn wpt_simulcast_set_parameters_active_all_inactive() {
    inactive(&[0, 1, 2]);
}

fn inactive(which: &[usize]) {
    let mut call = Call::new(4, Link::with_delay(DELAY));
    let taps = RIDS.map(|rid| call.tap(rid));
    call.send(10, |_| true);
    call.change(|parameters| which.iter().for_each(|at| parameters.encodings[*at].active = false));
    call.pair.run_for(Duration::from_secs(1));
    for rid in taps {
        call.read_layer(rid);
    }
    let from = call.from;
    for at in which {
        let outcome = call.pair.with_a(|a, now| a.peer.send_encoding(now, from, *at, &picture(*at, 99, true)));
        assert_eq!(outcome, Err(SendFrameError::NotSending));
    }
    call.send(10, |_| true);
    call.pair.run_for(Duration::from_secs(1));
    for (at, rid) in taps.into_iter().enumerate() {
        assert_eq!(call.read_layer(rid).len(), if which.contains(&at) { 0 } else { 10 }, "{at}");
    }
    call.change(|parameters| parameters.encodings.iter_mut().for_each(|encoding| encoding.active = true));
    call.send(10, |_| true);
    call.pair.run_for(Duration::from_secs(1));
    assert!(taps.into_iter().all(|rid| call.read_layer(rid).len() == 10), "it goes on with a key frame");
}

#[test]
fn wpt_simulcast_basic_two_layers() {
    let mut call = Call::with(5, Link::with_delay(DELAY), &["foo", "bar"], |sdp| sdp);
    let taps = ["foo", "bar"].map(|rid| call.tap(rid));
    call.send(10, |_| true);
    call.pair.run_for(Duration::from_secs(1));
    assert!(taps.into_iter().all(|rid| call.read_layer(rid).len() == 10));
}

#[test]
fn wpt_simulcast_get_stats_one_outbound_per_rid() {
    let mut call = Call::new(6, Link::with_delay(DELAY));
    call.send(10, |_| true);
    let sender = call.pair.a.peer.transceiver(call.from).unwrap().sender.unwrap();
    let stats = call.pair.a.peer.session().encoding_stats(sender);
    let names: Vec<&str> = stats.iter().filter_map(|stats| Some(stats.rid.as_ref()?.as_str())).collect();
    assert_eq!(names, RIDS);
    assert!(stats.iter().all(|stats| stats.frames_sent == 10));
    let report = call.pair.a.peer.stats(call.pair.now());
    let named: Vec<(Option<&str>, u32)> =
        report.outbound_rtp().map(|stream| (stream.rid.as_deref(), stream.ssrc.0)).collect();
    let sent: Vec<(Option<&str>, u32)> =
        stats.iter().map(|stats| (stats.rid.as_ref().map(Rid::as_str), stats.ssrc.unwrap().0)).collect();
    assert_eq!(named, sent);
}

#[test]
fn wpt_outbound_rtp_encoding_index_simulcast_matches_order() {
    let call = Call::with(14, Link::with_delay(DELAY), &["foo", "bar"], |sdp| sdp);
    let report = call.pair.a.peer.stats(call.pair.now());
    let streams = report.outbound_rtp().map(|stream| (stream.rid.as_deref(), stream.encoding_index));
    let order = [(Some("foo"), Some(0)), (Some("bar"), Some(1))];
    assert_eq!(streams.collect::<BTreeMap<_, _>>(), BTreeMap::from(order));
}

#[test]
fn wpt_rtp_stats_lifetime_outbound_per_encoding() {
    let (mut a, mut b) = Pc::two();
    let send_encodings = ["foo", "bar"].map(RtpEncodingParameters::named).to_vec();
    let init = TransceiverInit { send_encodings, ..TransceiverInit::default() };
    a.peer().add_transceiver(MediaKind::Video, init).unwrap();
    negotiate(&mut a, &mut b);
    let report = a.peer().stats(now());
    let streams: BTreeMap<_, _> = report.outbound_rtp().map(|stream| (stream.ssrc, stream.rid.clone())).collect();
    let rids: BTreeSet<_> = streams.into_values().map(Option::unwrap_or_default).collect();
    assert_eq!(rids, BTreeSet::from(["foo".to_owned(), "bar".to_owned()]));
}

#[test]
fn wpt_rtc_rtp_sender_set_parameters_key_frame_simulcast_one_layer() {
    let mut call = Call::new(7, Link::with_delay(DELAY));
    call.send(3, |_| true);
    let from = call.from;
    call.pair.with_a(|a, now| {
        let parameters = a.peer.sender_parameters(from).unwrap();
        a.peer.set_sender_parameters_with(now, from, parameters, &[false, true, false]).unwrap();
    });
    assert_eq!(call.targets().iter().map(|targets| targets.key_frame).collect::<Vec<_>>(), [false, true, false]);
}

#[test]
fn wpt_rtc_rtp_sender_set_parameters_key_frame_forces_key_frame() {
    let mut call = Call::with(8, Link::with_delay(DELAY), &[], |sdp| sdp);
    call.send(3, |_| true);
    assert!(!call.targets()[0].key_frame);
    let from = call.from;
    call.pair.with_a(|a, now| {
        let parameters = a.peer.sender_parameters(from).unwrap();
        a.peer.set_sender_parameters_with(now, from, parameters, &[true]).unwrap();
    });
    assert!(call.targets()[0].key_frame);
}

/// Guards: what was not sent for a while starts over with a key frame.
#[test]
fn what_is_active_again_starts_with_a_key_frame() {
    let mut call = Call::with(8, Link::with_delay(DELAY), &[], |sdp| sdp);
    call.send(3, |_| true);
    for active in [false, true] {
        call.change(|parameters| parameters.encodings[0].active = active);
    }
    let (from, after) = (call.from, picture(0, 3, false));
    let refused = call.pair.with_a(|a, now| a.peer.send_encoding(now, from, 0, &after));
    assert_eq!((refused, call.targets()[0].key_frame), (Err(SendFrameError::NeedsKeyFrame), true));
}

/// Guards: what the other side says of a layer, and of the section, reaches the encoders.
#[test]
fn restrictions_of_the_answer_reach_the_encoders() {
    let mut call = Call::with(9, Link::with_delay(DELAY), &RIDS, |sdp| {
        let sdp = sdp.replace("a=rid:q recv\r\n", "a=rid:q recv max-width=320;max-fps=15;max-br=90000\r\n");
        let sdp = sdp.replace("a=rid:h recv\r\n", "a=rid:h recv max-unknown=1\r\n");
        sdp.replace("a=mid:0\r\n", "b=AS:10\r\nb=TIAS:500000\r\na=mid:0\r\n")
    });
    call.change(|parameters| parameters.encodings[1].max_framerate = Some(24.0));
    let targets = call.targets();
    let [q, f] = targets.as_slice() else { panic!("{targets:?}") };
    assert_eq!((q.picture.max_width, q.picture.max_frame_rate, q.picture.scale_down_by), (Some(320), Some(15.0), 4.0));
    assert_eq!((f.picture.max_width, f.picture.max_frame_rate, f.picture.scale_down_by), (None, Some(24.0), 1.0));
    // By size: a sixteenth and the rest.
    assert_eq!((q.max_bitrate, f.max_bitrate), (Some(500_000 / 17), Some(500_000 * 16 / 17)));
}

/// Guards: what the application allows holds, also before anything is known of the path.
#[test]
fn the_bandwidth_of_an_encoding_caps_what_is_sent() {
    let mut call = Call::with(9, Link::with_delay(DELAY), &[], |sdp| sdp);
    assert_eq!(call.targets()[0].max_bitrate, None);
    call.change(|parameters| parameters.encodings[0].max_bitrate = Some(100_000));
    assert_eq!(call.targets()[0].max_bitrate, Some(100_000));
}

/// Guards: what the other side says a layer may have is the most it gets.
#[test]
fn the_bandwidth_of_a_layer_caps_what_is_sent() {
    let mut call = Call::with(9, Link::with_delay(DELAY), &RIDS, |sdp| {
        let sdp = sdp.replace("a=rid:q recv\r\n", "a=rid:q recv max-br=20000\r\n");
        sdp.replace("a=mid:0\r\n", "b=TIAS:500000\r\na=mid:0\r\n")
    });
    assert_eq!(call.targets()[0].max_bitrate, Some(20_000));
}

/// Guards: `b=AS` counts headers, and what the application allows still holds.
#[test]
fn the_bandwidth_of_a_section_caps_what_is_sent() {
    let mut call =
        Call::with(10, Link::with_delay(DELAY), &[], |sdp| sdp.replace("a=mid:0\r\n", "b=AS:500\r\na=mid:0\r\n"));
    assert_eq!(call.targets()[0].max_bitrate, Some(500_000 * 95 / 100 - 16_000));
    call.change(|parameters| parameters.encodings[0].max_bitrate = Some(100_000));
    assert_eq!(call.targets()[0].max_bitrate, Some(100_000));
}

/// What is sent first of two senders that have something to send at once.
fn first_sent(priorities: [Priority; 2]) -> usize {
    let mut call = Call::with(11, Link::with_delay(DELAY), &[], |sdp| sdp);
    let second = call.pair.a.peer.add_track(MediaKind::Audio, Vec::new()).unwrap();
    let now = call.pair.now();
    exchange(now, &mut call.pair.a, &mut call.pair.b);
    let ids = [call.from, second];
    call.pair.with_a(|a, now| {
        for (id, priority) in ids.into_iter().zip(priorities) {
            let mut parameters = a.peer.sender_parameters(id).unwrap();
            parameters.encodings[0].priority = priority;
            a.peer.set_sender_parameters(now, id, parameters).unwrap();
        }
    });
    let ssrcs = ids.map(|id| {
        let sender = call.pair.a.peer.transceiver(id).unwrap().sender.unwrap();
        call.pair.a.peer.session().sender_stats(sender).unwrap().ssrc.unwrap()
    });
    let peer = &mut call.pair.a.peer;
    let sound = EncodedFrame::new(Codec::Opus, vec![0xf8, 1, 2], 0).with_duration(960);
    peer.send_frame(now, ids[0], &picture(0, 0, true)).unwrap();
    peer.send_frame(now, ids[1], &sound).unwrap();
    let mut out = Vec::new();
    let mut sent = Vec::new();
    while let Some(transmit) = peer.poll_transmit(now, 1, &mut out) {
        sent.push(out.split_off(out.len() - transmit.len));
    }
    let ssrc_of =
        |packet: &Vec<u8>| packet.get(8..12).map(|bytes| u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
    sent.iter().filter_map(ssrc_of).find_map(|ssrc| ssrcs.iter().position(|it| it.0 == ssrc)).expect("one was sent")
}

#[test]
fn of_two_senders_the_one_with_the_higher_priority_goes_first() {
    assert_eq!(first_sent([Priority::Low, Priority::High]), 1);
    assert_eq!(first_sent([Priority::High, Priority::Low]), 0);
}

fn start(seed: u64) -> (Pair<Side>, TransceiverId) {
    let mut call = Call::with(seed, Link::with_delay(DELAY), &[], |sdp| sdp);
    let audio = call.pair.a.peer.add_track(MediaKind::Audio, Vec::new()).unwrap();
    let now = call.pair.now();
    exchange(now, &mut call.pair.a, &mut call.pair.b);
    (call.pair, audio)
}

#[test]
fn wpt_webrtc_extensions_rtc_rtp_parameters_codec_used_for_sending() {
    let (mut pair, audio) = start(12);
    assert_eq!(pair.a.peer.encoder_targets(audio).unwrap().form.codec(), Codec::Opus);
    pair.with_a(|a, now| {
        let mut parameters = a.peer.sender_parameters(audio).unwrap();
        parameters.encodings[0].codec = Some(Codec::Pcmu.into());
        a.peer.set_sender_parameters(now, audio, parameters).unwrap();
    });
    assert_eq!(pair.a.peer.encoder_targets(audio).unwrap().form.codec(), Codec::Pcmu);
    let to = pair.b.peer.transceivers().iter().find(|it| it.kind == MediaKind::Audio).unwrap().id;
    let sound = EncodedFrame::new(Codec::Pcmu, vec![7; 160], 0).with_duration(160);
    pair.with_a(|a, now| a.peer.send_frame(now, audio, &sound)).unwrap();
    pair.run_for(Duration::from_secs(1));
    let heard = std::iter::from_fn(|| pair.b.peer.read_frame(to)).find_map(frame).expect("sound");
    assert_eq!((heard.codec, heard.data[0]), (Codec::Pcmu, 7));
}

#[test]
fn wpt_webrtc_extensions_rtc_rtp_parameters_codec_simulcast_all_vp8() {
    let mut call = Call::new(13, Link::with_delay(DELAY));
    call.change(|parameters| parameters.encodings.iter_mut().for_each(|it| it.codec = Some(Codec::Vp8.into())));
    call.send(2, |_| true);
    let sender = call.pair.a.peer.transceiver(call.from).unwrap().sender.unwrap();
    let stats = call.pair.a.peer.session().encoding_stats(sender);
    assert!(stats.len() == 3 && stats.iter().all(|stats| stats.codec == Some(Codec::Vp8)));
}

#[test]
fn wpt_webrtc_extensions_rtc_rtp_parameters_codec_simulcast_one_changed() {
    let mut call = Call::new(14, Link::with_delay(DELAY));
    let h = call.tap("h");
    call.change(|parameters| parameters.encodings[1].codec = Some(Codec::H264.into()));
    let codecs: Vec<Codec> = call.targets().iter().map(|targets| targets.form.codec()).collect();
    assert_eq!(codecs, [Codec::Vp8, Codec::H264, Codec::Vp8]);
    call.send(2, |encoding| encoding != 1);
    // Parameter sets of a picture of 320x240, and the first bytes of a slice.
    let data: &[u8] = &[
        0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1f, 0xda, 0x05, 0x07, 0xc4, 0, 0, 0, 1, 0x68, 0xe0, 0, 0, 0, 1, 0x65, 0x88,
        0xc0, 9,
    ];
    let sent = EncodedFrame::new(Codec::H264, data, 0).with_key_frame(true);
    let from = call.from;
    call.pair.with_a(|a, now| a.peer.send_encoding(now, from, 1, &sent)).unwrap();
    call.pair.run_for(Duration::from_secs(1));
    let sender = call.pair.a.peer.transceiver(from).unwrap().sender.unwrap();
    let stats = call.pair.a.peer.session().encoding_stats(sender);
    let codecs: Vec<Option<Codec>> = stats.iter().map(|stats| stats.codec).collect();
    assert_eq!(codecs, [Codec::Vp8, Codec::H264, Codec::Vp8].map(Some));
    assert!(stats.iter().all(|stats| stats.frames_sent > 0));
    let received = call.read_layer(h);
    assert!(received.iter().any(|frame| frame.codec == Codec::H264 && frame.data == sent.data), "{received:?}");
}

/// Guards: a layer that the other side wants paused is not sent (RFC 8853 §5.1), whatever the application says, until a
/// description takes that back.
#[test]
fn a_layer_that_is_paused_is_not_sent_until_a_description_resumes_it() {
    let mut call = Call::with(1, Link::with_delay(DELAY), &RIDS, |sdp| {
        assert!(sdp.contains("a=simulcast:recv q;h;f"), "{sdp}");
        sdp.replace("a=simulcast:recv q;h;f", "a=simulcast:recv q;~h;f")
    });
    let active = |call: &mut Call| call.targets().iter().map(|targets| targets.encoding).collect::<Vec<_>>();
    assert_eq!(active(&mut call), [0, 2]);
    let from = call.from;
    let refused = call.pair.with_a(|a, now| a.peer.send_encoding(now, from, 1, &picture(1, 0, true)));
    assert_eq!(refused, Err(SendFrameError::NotSending));
    call.change(|parameters| parameters.encodings[1].active = true);
    assert_eq!(active(&mut call), [0, 2]);
    exchange(call.pair.now(), &mut call.pair.a, &mut call.pair.b);
    assert_eq!(active(&mut call), [0, 1, 2]);
}
