//! Pictures in each format between two peers in virtual time, as encoded frames.

mod common;

use common::{Side, negotiate};
use netsim::{Link, Pair};
use ortica::codecs::frame::TemporalLayer;
use ortica::codecs::{Codec, EncodedFrame, MediaKind};
use ortica::engine::ReceivedFrame;
use ortica::jsep::TransceiverId;
use ortica::peer::PeerEvent;
use ortica::{ConnectionState, Direction};
use std::time::Duration;

const DELAY: Duration = Duration::from_millis(25);
const FRAME: Duration = Duration::from_millis(20);
const FORMATS: [Codec; 4] = [Codec::Vp8, Codec::Vp9, Codec::Av1, Codec::H265];

/// Two peers that have one codec, connected, and a track from one to the other.
fn call(codec: Codec, seed: u64, link: Link) -> (Pair<Side>, TransceiverId, TransceiverId) {
    let mut a = Side::new(seed * 2 + 1, Pair::<Side>::A);
    let mut b = Side::new(seed * 2 + 2, Pair::<Side>::B);
    for side in [&mut a, &mut b] {
        side.peer.set_codecs(vec![codec]);
    }
    let mut pair = Pair::new(seed, link, a, b);
    let track = pair.a.peer.add_track(MediaKind::Video, Vec::new()).expect("a track is added");
    negotiate(&mut pair);
    let connected = |side: &Side| side.peer.connection_state() == ConnectionState::Connected;
    pair.run_until(Duration::from_secs(30), |a, b| connected(a) && connected(b)).expect("connects");
    let mut tracks = pair.b.events.iter().filter_map(|event| match event {
        PeerEvent::Track(id) => Some(*id),
        _ => None,
    });
    let to = tracks.next().expect("a track was announced");
    (pair, track, to)
}

/// A picture of the format as far as packets go, whose bytes tell its number.
fn picture(codec: Codec, number: u32, key_frame: bool, len: usize) -> EncodedFrame {
    // No start code is in it.
    let body = vec![number as u8 | 1; len];
    let data = match codec {
        Codec::Av1 => {
            let size = [len as u8 & 0x7f | 0x80, (len >> 7) as u8];
            let header: &[u8] = if key_frame { &[0x0a, 2, 7, 7] } else { &[] };
            [header, &[0x32], &size, &body].concat()
        }
        Codec::H265 if key_frame => {
            let sets = [0, 0, 0, 1, 0x40, 1, 9, 0, 0, 0, 1, 0x42, 1, 9, 0, 0, 0, 1, 0x44, 1, 9];
            [&sets[..], &[0, 0, 0, 1, 0x26, 1, 0x81], &body].concat()
        }
        Codec::H265 => [&[0, 0, 0, 1, 0x02, 1, 0x81], &body[..]].concat(),
        _ => [&[u8::from(!key_frame)], &body[..]].concat(),
    };
    EncodedFrame::new(codec, data, i64::from(number) * 1_800).with_key_frame(key_frame)
}

/// Sends a picture each 20 ms, and gives back those that arrived.
fn stream(
    pair: &mut Pair<Side>,
    from: TransceiverId,
    to: TransceiverId,
    sent: &mut Vec<EncodedFrame>,
    codec: Codec,
) -> Vec<EncodedFrame> {
    let mut received = Vec::new();
    for number in 0..200 {
        pair.with_a(|a, now| {
            let wanted = a.peer.encoder_targets(from).is_some_and(|targets| targets.key_frame);
            let frame = picture(codec, number, number == 0 || wanted, 6_000);
            a.peer.send_frame(now, from, &frame).expect("it is sent");
            sent.push(frame);
        });
        pair.run_for(FRAME);
        received.extend(std::iter::from_fn(|| pair.b.peer.read_frame(to)));
    }
    pair.run_for(Duration::from_secs(1));
    received.extend(std::iter::from_fn(|| pair.b.peer.read_frame(to)));
    let frame = |received| match received {
        ReceivedFrame::Frame { frame, .. } => Some(frame),
        _ => None,
    };
    received.into_iter().filter_map(frame).collect()
}

/// The guard: what arrives over a path that loses is what was sent, whatever the format.
#[test]
fn pictures_of_each_format_survive_loss() {
    for codec in FORMATS {
        let (mut pair, from, to) = call(codec, 3, Link::with_delay(DELAY).lossy(0.05));
        let mut sent = Vec::new();
        let received = stream(&mut pair, from, to, &mut sent, codec);
        assert!(received.len() >= 190, "{codec}: {} of 200", received.len());
        let origin = received[0].pts;
        for frame in &received {
            let number = usize::try_from((frame.pts - origin) / 1_800).expect("pictures come in order");
            assert_eq!(
                (frame.codec, &frame.data, frame.key_frame),
                (codec, &sent[number].data, sent[number].key_frame)
            );
        }
        let receiver = pair.b.peer.transceiver(to).expect("it is there").receiver.expect("it receives");
        let stats = pair.b.peer.session().receiver_stats(receiver).expect("it was received");
        assert!(stats.nack_count > 0 && stats.retransmitted_packets_received > 0, "{codec}: {stats:?}");
    }
}

#[test]
fn the_layer_of_a_picture_of_vp9_crosses() {
    let (mut pair, from, to) = call(Codec::Vp9, 1, Link::with_delay(DELAY));
    for (number, id) in (0..).zip([0, 2, 1, 2, 0]) {
        let mut frame = picture(Codec::Vp9, number, number == 0, 100);
        frame.layer = Some(TemporalLayer { id, sync: number % 2 == 0 });
        pair.with_a(|a, now| a.peer.send_frame(now, from, &frame)).expect("it is sent");
        pair.run_for(FRAME);
    }
    pair.run_for(Duration::from_secs(1));
    let layers: Vec<(u8, bool)> = std::iter::from_fn(|| pair.b.peer.read_frame(to))
        .filter_map(|received| match received {
            ReceivedFrame::Frame { frame, .. } => frame.layer.map(|layer| (layer.id, layer.sync)),
            _ => None,
        })
        .collect();
    assert_eq!(layers, [(0, true), (2, false), (1, true), (2, false), (0, true)]);
    assert_eq!(pair.b.peer.transceiver(to).expect("it is there").current_direction, Some(Direction::RecvOnly));
}
