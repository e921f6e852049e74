//! Packets of RTP in the application's hands, in virtual time: a server between two peers that passes them on.

mod common;

use common::streams::{connect, pair};
use common::{Side, negotiate};
use netsim::{Link, Pair};
use ortica::codecs::{Codec, ColorMatrix, ColorSpace, EncodedFrame, MediaKind};
use ortica::engine::{MAX_FORWARDED, ReceivedFrame, RtpPacket, SendPacketError};
use ortica::jsep::TransceiverId;
use ortica::peer::{PeerEvent, TransformSide};
use ortica::rtp::RtpTimestamp;
use std::time::Duration;

const DELAY: Duration = Duration::from_millis(20);
const TICK: Duration = Duration::from_millis(20);

/// A picture of VP8 as far as its header goes, in several packets, whose bytes tell its number.
fn picture(number: u32, key_frame: bool) -> EncodedFrame {
    let mut data = vec![u8::from(!key_frame), 0, 0, 0x9d, 0x01, 0x2a, 64, 0, 64, 0];
    data.extend_from_slice(&number.to_be_bytes());
    data.resize(if key_frame { 8_000 } else { 3_000 }, number as u8);
    EncodedFrame::new(Codec::Vp8, data, i64::from(number) * 1_800).with_key_frame(key_frame)
}

fn number(frame: &EncodedFrame) -> u32 {
    u32::from_be_bytes(frame.data[10..14].try_into().expect("four bytes"))
}

/// A connection that carries pictures from `a` to `b`.
struct Leg {
    pair: Pair<Side>,
    from: TransceiverId,
    to: TransceiverId,
    /// Pictures sent so far.
    sent: u32,
}

impl Leg {
    fn new(seed: u64) -> Self {
        let mut pair = pair(seed, Link::with_delay(DELAY));
        let from = pair.a.peer.add_track(MediaKind::Video, Vec::new()).expect("a track");
        negotiate(&mut pair);
        connect(&mut pair);
        let mut events = pair.b.events.iter();
        let to = events.find_map(|event| match event {
            PeerEvent::Track(id) => Some(*id),
            _ => None,
        });
        Self { from, to: to.expect("a track was announced"), pair, sent: 0 }
    }

    fn set_links(&mut self, link: &Link) {
        self.pair.links(|it| *it = link.clone());
    }

    /// Sends the next picture.
    fn send(&mut self) {
        let (from, number) = (self.from, self.sent);
        self.pair.with_a(|a, now| {
            let wanted = a.peer.encoder_targets(from).is_some_and(|targets| targets.key_frame);
            a.peer.send_frame(now, from, &picture(number, wanted)).expect("it is taken");
        });
        self.sent += 1;
    }

    fn tap(&mut self) {
        let to = self.to;
        assert!(self.pair.with_b(|b, now| b.peer.tap_packets(now, to, None)));
    }

    fn packets(&mut self) -> Vec<RtpPacket> {
        std::iter::from_fn(|| self.pair.b.peer.read_packet(self.to, None)).collect()
    }

    fn frames(&mut self) -> Vec<EncodedFrame> {
        let received = std::iter::from_fn(|| self.pair.b.peer.read_frame(self.to));
        let frames = received.filter_map(|received| match received {
            ReceivedFrame::Frame { frame, .. } => Some(frame),
            _ => None,
        });
        frames.collect()
    }

    /// Passes a packet on into this leg.
    fn forward(&mut self, packet: &RtpPacket) -> Result<(), SendPacketError> {
        let from = self.from;
        self.pair.with_a(|a, now| a.peer.send_packet(now, from, 0, packet))
    }

    fn wants_key_frame(&mut self) -> bool {
        let from = self.from;
        self.pair.with_a(|a, _| a.peer.encoder_targets(from).is_some_and(|targets| targets.key_frame))
    }

    fn request_key_frame(&mut self) {
        let to = self.to;
        self.pair.with_b(|b, now| b.peer.request_key_frame(now, to));
    }

    fn plis(&self) -> u64 {
        let receiver = self.pair.b.peer.session().receivers().next().expect("a receiver");
        self.pair.b.peer.session().receiver_stats(receiver).expect("it is there").pli_count
    }
}

fn changed(packet: &RtpPacket, change: impl FnOnce(&mut RtpPacket)) -> RtpPacket {
    let mut packet = packet.clone();
    change(&mut packet);
    packet
}

/// Pictures through a server: into it over one leg, out over the other. Gives what came out.
fn pass(up: &mut Leg, down: &mut Leg, pictures: usize) -> Vec<EncodedFrame> {
    let mut seen = Vec::new();
    for turn in 0..pictures + 50 {
        if turn < pictures {
            up.send();
        }
        up.pair.run_for(TICK);
        for packet in up.packets() {
            // Refused until a key frame comes.
            let _ = down.forward(&packet);
        }
        if down.wants_key_frame() {
            up.request_key_frame();
        }
        down.pair.run_for(TICK);
        seen.extend(down.frames());
    }
    seen
}

fn assert_same(seen: &[EncodedFrame], last: u32) {
    assert!(seen[0].key_frame, "it can be decoded");
    assert!(seen.iter().all(|frame| frame.data == picture(number(frame), frame.key_frame).data));
    let numbers: Vec<u32> = seen.iter().map(number).collect();
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "{numbers:?}");
    assert_eq!(numbers.last(), Some(&last));
    let ticks: Vec<i64> = seen.windows(2).map(|pair| pair[1].pts - pair[0].pts).collect();
    assert!(ticks.iter().all(|ticks| *ticks == 1_800), "{ticks:?}");
}

#[test]
fn packets_pass_through_a_server_and_make_the_same_pictures() {
    let (mut up, mut down) = (Leg::new(1), Leg::new(2));
    up.tap();
    let seen = pass(&mut up, &mut down, 100);
    assert_same(&seen, 99);
    assert!(seen.len() > 90, "{}", seen.len());
    assert!(up.frames().is_empty(), "nothing is put together at the server");
}

/// Guards: what was lost on the way to the server is asked for there and goes on late, in its place; what was lost behind it is sent
/// again by the server, also where it had come late.
#[test]
fn seed_losses_on_either_side_of_a_server_are_made_up_for() {
    for seed in 0..8 {
        let (mut up, mut down) = (Leg::new(100 + seed), Leg::new(200 + seed));
        up.tap();
        pass(&mut up, &mut down, 20);
        let lossy = Link::with_delay(DELAY).lossy(0.05);
        up.set_links(&lossy);
        down.set_links(&lossy);
        let before = up.plis() + down.plis();
        let seen = pass(&mut up, &mut down, 100);
        let numbers: Vec<u32> = seen.iter().map(number).collect();
        assert_eq!(numbers, (20..120).collect::<Vec<u32>>(), "seed {seed}");
        assert_eq!(up.plis() + down.plis(), before, "seed {seed}: nobody had to begin anew");
    }
}

/// Guards the number of the stream and what follows what within it: a server shows one source after the other.
#[test]
fn another_source_goes_on_in_the_same_stream_from_its_next_key_frame_on() {
    let (mut one, mut other, mut down) = (Leg::new(3), Leg::new(4), Leg::new(5));
    one.tap();
    other.tap();
    down.tap();
    let mut shown = Vec::new();
    let mut refused = 0;
    for turn in 0..60 {
        for leg in [&mut one, &mut other] {
            leg.send();
            leg.pair.run_for(TICK);
        }
        let (first, second) = (one.packets(), other.packets());
        for packet in if turn < 30 { first } else { second } {
            match down.forward(&packet) {
                Ok(()) => {}
                Err(SendPacketError::NeedsKeyFrame) => refused += 1,
                Err(error) => panic!("{error}"),
            }
        }
        if down.wants_key_frame() {
            if turn < 30 { one.request_key_frame() } else { other.request_key_frame() }
        }
        down.pair.run_for(TICK);
        shown.extend(down.packets());
    }
    assert!(refused > 0, "the other one was in the middle of its stream");
    assert!(shown.iter().all(|packet| packet.ssrc == shown[0].ssrc), "one stream");
    assert!(shown.windows(2).all(|pair| pair[0].sequence_number.next() == pair[1].sequence_number), "without a gap");
    let times: Vec<RtpTimestamp> = shown.iter().map(|packet| packet.timestamp).collect();
    assert!(times.windows(2).all(|pair| pair[0].distance(pair[1]) >= 0), "times go on");
    let begun: Vec<usize> = (0..shown.len()).filter(|at| shown[*at].starts_key_frame).collect();
    assert!(begun.len() >= 2, "each begins with a key frame");
    assert!(begun.iter().skip(1).all(|at| shown[at - 1].timestamp != shown[*at].timestamp), "pictures of two sources");
}

/// Guards: a number is used once. SRTP would give its key stream away with the second packet.
#[test]
fn a_packet_that_is_given_twice_or_too_late_goes_out_once() {
    let (mut up, mut down) = (Leg::new(6), Leg::new(7));
    up.tap();
    down.tap();
    up.send();
    up.pair.run_for(Duration::from_secs(1));
    let packets = up.packets();
    assert!(packets.len() > 3);
    for packet in packets.iter().chain(&packets) {
        assert_eq!(down.forward(packet), Ok(()));
    }
    down.pair.run_for(Duration::from_secs(1));
    assert_eq!(down.packets().len(), packets.len());
    let before = changed(&packets[0], |packet| packet.sequence_number = packet.sequence_number - 1);
    assert_eq!(down.forward(&before), Err(SendPacketError::Late));
    let far = changed(&packets[0], |packet| packet.sequence_number += 2_000);
    assert_eq!(down.forward(&far), Ok(()));
    assert_eq!(down.forward(&packets[2]), Err(SendPacketError::Late));
}

/// Guards the bound, and that it costs the other side nothing: unread packets ask for no key frames.
#[test]
fn packets_that_nobody_reads_are_dropped_from_the_oldest_on() {
    let mut up = Leg::new(8);
    up.tap();
    for _ in 0..300 {
        up.send();
        up.pair.run_for(TICK);
    }
    let receiver = up.pair.b.peer.session().receivers().next().expect("a receiver");
    let stats = up.pair.b.peer.session().receiver_stats(receiver).expect("it is there");
    let packets = up.packets();
    assert_eq!(packets.len(), 512);
    assert_eq!(stats.packets_unread, stats.packets_received - 512);
    assert!(packets.windows(2).all(|pair| pair[0].sequence_number.next() == pair[1].sequence_number));
    assert!(stats.pli_count <= 1, "{}", stats.pli_count);
}

#[test]
fn frames_come_again_once_nobody_reads_packets() {
    let mut up = Leg::new(9);
    up.tap();
    for _ in 0..20 {
        up.send();
        up.pair.run_for(TICK);
    }
    assert!(up.frames().is_empty() && !up.packets().is_empty());
    let to = up.to;
    up.pair.with_b(|b, now| b.peer.untap_packets(now, to, None));
    let mut seen = Vec::new();
    for _ in 0..20 {
        up.send();
        up.pair.run_for(TICK);
        seen.extend(up.frames());
    }
    assert!(up.packets().is_empty());
    assert!(seen.len() > 10 && seen[0].key_frame, "{}", seen.len());
    assert_same(&seen, number(&seen[seen.len() - 1]));
}

#[test]
fn what_cannot_be_passed_on_is_refused() {
    let (mut up, mut down) = (Leg::new(10), Leg::new(11));
    up.tap();
    up.send();
    up.pair.run_for(Duration::from_secs(1));
    let packet = up.packets().swap_remove(0);
    let other = changed(&packet, |packet| packet.form = Codec::Pcmu.into());
    let form = SendPacketError::Form { expected: Codec::Vp8, actual: Codec::Pcmu };
    assert_eq!(down.forward(&other), Err(form));
    let long = changed(&packet, |packet| packet.payload = vec![0x10; MAX_FORWARDED + 1].into());
    assert_eq!(down.forward(&long), Err(SendPacketError::TooLong(MAX_FORWARDED + 1)));
    let middle = changed(&packet, |packet| packet.starts_key_frame = false);
    assert_eq!(down.forward(&middle), Err(SendPacketError::NeedsKeyFrame));
    assert!(down.wants_key_frame());
    let from = down.from;
    let encoding = down.pair.with_a(|a, now| a.peer.send_packet(now, from, 1, &packet));
    assert_eq!(encoding, Err(SendPacketError::UnknownEncoding));
    down.pair.with_a(|a, now| a.peer.set_transform(now, from, TransformSide::Sender, true)).expect("it has a sender");
    assert_eq!(down.forward(&packet), Err(SendPacketError::Transform));
}

/// Guards: packets neither wait without bound, nor go out where nothing is to.
#[test]
fn packets_that_cannot_be_sent_now_are_refused() {
    let (mut up, mut down) = (Leg::new(17), Leg::new(18));
    up.tap();
    up.send();
    up.pair.run_for(Duration::from_secs(1));
    let packet = changed(&up.packets()[0], |packet| packet.payload = vec![0x10; MAX_FORWARDED].into());
    let from = down.from;
    let room = 5 << 20;
    let taken = down.pair.with_a(|a, now| {
        let mut numbered = packet.clone();
        let mut send = || {
            numbered.sequence_number += 1;
            a.peer.send_packet(now, from, 0, &numbered)
        };
        let taken = std::iter::repeat_with(&mut send).take(room / MAX_FORWARDED + 1).take_while(Result::is_ok).count();
        assert_eq!(send(), Err(SendPacketError::QueueFull));
        taken
    });
    assert_eq!(taken, room / MAX_FORWARDED);
    assert!(down.wants_key_frame(), "it begins anew");
    let mut parameters = down.pair.a.peer.sender_parameters(from).expect("it has some");
    parameters.encodings[0].active = false;
    let stopped = down.pair.with_a(|a, now| a.peer.set_sender_parameters(now, from, parameters));
    assert_eq!(stopped, Ok(()));
    assert_eq!(down.forward(&packet), Err(SendPacketError::NotSending));
}

/// Guards: a tone and sound do not share their time.
#[test]
fn sound_is_refused_while_a_tone_sounds() {
    let (mut up, up_from, up_to) = sound_leg(19, true, true);
    let (mut down, from, _) = sound_leg(20, true, true);
    let sound = EncodedFrame::new(Codec::Pcmu, vec![1; 160], 0);
    up.with_a(|a, now| a.peer.send_frame(now, up_from, &sound)).expect("it is taken");
    up.run_for(TICK * 5);
    let packet = up.b.peer.read_packet(up_to, None).expect("it came");
    let held = Duration::from_millis(100);
    let pressed = down.with_a(|a, now| a.peer.insert_dtmf(now, from, "1", held, held));
    assert_eq!(pressed, Ok(()));
    down.run_for(held / 2);
    assert_eq!(down.with_a(|a, now| a.peer.send_packet(now, from, 0, &packet)), Err(SendPacketError::Tone));
    down.run_for(held * 3);
    assert_eq!(down.with_a(|a, now| a.peer.send_packet(now, from, 0, &packet)), Ok(()));
}

/// Sound goes on at once: each packet stands by itself.
#[test]
fn sound_is_passed_on_with_its_level() {
    let mut up = pair(12, Link::with_delay(DELAY));
    let mut down = pair(13, Link::with_delay(DELAY));
    let mut ids = Vec::new();
    for leg in [&mut up, &mut down] {
        let from = leg.a.peer.add_track(MediaKind::Audio, Vec::new()).expect("a track");
        negotiate(leg);
        connect(leg);
        let to = leg.b.peer.transceivers()[0].id;
        assert!(leg.with_b(|b, now| b.peer.tap_packets(now, to, None)));
        ids.push((from, to));
    }
    let [(up_from, up_to), (down_from, down_to)] = ids[..] else { panic!("two legs") };
    for number in 0..50u8 {
        let mut sound = EncodedFrame::new(Codec::Pcmu, vec![number; 160], i64::from(number) * 160);
        sound.audio_level = Some(number);
        up.with_a(|a, now| a.peer.send_frame(now, up_from, &sound)).expect("it is taken");
        up.run_for(TICK);
        while let Some(packet) = up.b.peer.read_packet(up_to, None) {
            down.with_a(|a, now| a.peer.send_packet(now, down_from, 0, &packet)).expect("it is taken");
        }
        down.run_for(TICK);
    }
    down.run_for(Duration::from_secs(1));
    let heard: Vec<RtpPacket> = std::iter::from_fn(|| down.b.peer.read_packet(down_to, None)).collect();
    let said: Vec<(u8, Option<u8>)> =
        heard.iter().map(|packet| (packet.payload[0], packet.audio_level.map(|level| level.attenuation()))).collect();
    assert!(said.len() > 45, "{said:?}");
    assert!(said.iter().all(|(number, level)| Some(*number) == *level), "{said:?}");
    assert!(said.windows(2).all(|pair| pair[1].0 == pair[0].0 + 1), "{said:?}");
}

/// Guards: key frames tell of colors that are not the usual ones, and a server passes that on.
#[test]
fn pictures_keep_their_colors() {
    let canvas = ColorSpace { matrix: ColorMatrix::Bt709, full_range: true };
    let (mut up, mut down) = (Leg::new(21), Leg::new(22));
    up.tap();
    let mut seen = Vec::new();
    for number in 0..20 {
        let (from, key_frame) = (up.from, number % 5 == 0);
        let frame = picture(number, key_frame).with_color_space((number < 10).then_some(canvas));
        up.pair.with_a(|a, now| a.peer.send_frame(now, from, &frame)).expect("it is taken");
        up.pair.run_for(TICK);
        let packets = up.packets();
        assert!(packets.iter().all(|packet| packet.color_space.is_none() || packet.marker));
        packets.iter().for_each(|packet| down.forward(packet).expect("it is taken"));
        down.pair.run_for(TICK);
        seen.extend(down.frames());
    }
    down.pair.run_for(Duration::from_secs(1));
    seen.extend(down.frames());
    let colors: Vec<_> = seen.iter().map(|frame| (number(frame), frame.color_space)).collect();
    let expected: Vec<_> = (0..20).map(|number| (number, (number < 10).then_some(canvas))).collect();
    assert_eq!(colors, expected);
}

/// Sound from `a` to `b`, whose packets are read where they are `tapped`. With `events` keys of a telephone are agreed on.
fn sound_leg(seed: u64, tapped: bool, events: bool) -> (Pair<Side>, TransceiverId, TransceiverId) {
    let mut leg = pair(seed, Link::with_delay(DELAY));
    let from = leg.a.peer.add_track(MediaKind::Audio, Vec::new()).expect("a track");
    if !events {
        let known = leg.a.peer.capabilities(MediaKind::Audio).codecs;
        let pcmu: Vec<_> = known.into_iter().filter(|codec| codec.mime_type == "audio/PCMU").collect();
        assert_eq!(leg.a.peer.set_codec_preferences(from, &pcmu), Ok(()));
    }
    negotiate(&mut leg);
    connect(&mut leg);
    assert_eq!(leg.a.peer.can_insert_dtmf(from), events);
    let to = leg.b.peer.transceivers()[0].id;
    assert!(!tapped || leg.with_b(|b, now| b.peer.tap_packets(now, to, None)));
    (leg, from, to)
}

/// Guards: keys go through a server too, also those that begin a stream. Who knows no keys misses nothing in their place.
#[test]
fn keys_of_a_telephone_are_passed_on_as_such() {
    let (mut up, from, to) = sound_leg(14, true, true);
    let (mut knows, knows_from, knows_to) = sound_leg(15, false, true);
    let (mut other, other_from, other_to) = sound_leg(16, true, false);
    let held = Duration::from_millis(100);
    let pressed = up.with_a(|a, now| a.peer.insert_dtmf(now, from, "5#", held, held));
    assert_eq!(pressed, Ok(()));
    let mut passed = 0;
    for number in 0..60u8 {
        up.run_for(TICK);
        // Sound begins behind both keys.
        if number >= 40 {
            let sound = EncodedFrame::new(Codec::Pcmu, vec![number; 160], i64::from(number) * 160);
            up.with_a(|a, now| a.peer.send_frame(now, from, &sound)).expect("it is taken");
        }
        while let Some(packet) = up.b.peer.read_packet(to, None) {
            assert_eq!(packet.is_telephone_event, number < 40, "{packet:?}");
            let (payload, key) = (packet.payload.len(), packet.payload[0]);
            assert!(if number < 40 { payload == 4 && [5, 11].contains(&key) } else { payload == 160 });
            for (leg, id) in [(&mut knows, knows_from), (&mut other, other_from)] {
                leg.with_a(|a, now| a.peer.send_packet(now, id, 0, &packet)).expect("it is taken");
            }
            passed += 1;
        }
        knows.run_for(TICK);
        other.run_for(TICK);
    }
    let heard: Vec<_> = std::iter::from_fn(|| knows.b.peer.read_tone(knows_to)).map(|heard| heard.tone).collect();
    assert_eq!(heard, [Some('5'), Some('#')]);
    let came: Vec<RtpPacket> = std::iter::from_fn(|| other.b.peer.read_packet(other_to, None)).collect();
    assert!(came.len() + 2 >= passed && passed > 20, "{} of {passed}", came.len());
    assert!(came.windows(2).all(|pair| pair[0].sequence_number.next() == pair[1].sequence_number), "without a gap");
    assert!(
        came.iter().all(|packet| packet.payload.is_empty() || packet.payload.len() == 160),
        "no key is taken for sound"
    );
}
