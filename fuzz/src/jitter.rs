//! Jitter buffers under any order of packets and times.

use crate::script::Script;
use netsim::epoch;
use ortica_rtp::repair::jitter_buffer::{
    AudioBuffer, AudioConfig, Delivery, FrameBuffer, FrameConfig, PacketHint, Picture, Playout,
};
use ortica_rtp::{Header, Packet, RtpTimestamp, SequenceNumber};
use std::time::Duration;

/// More than this given out at one time is an endless loop: a buffer holds fewer packets.
const MOST_AT_ONCE: usize = 4_096;

/// Drives an [`AudioBuffer`].
pub fn audio(input: &[u8]) {
    drive(input, false);
}

/// The same with copies of earlier packets in later ones.
pub fn copies(input: &[u8]) {
    drive(input, true);
}

fn drive(input: &[u8], with_copies: bool) {
    let mut script = Script::new(input);
    let delivery = if script.u8() & 1 == 0 { Delivery::default() } else { Delivery::Immediate };
    let mut buffer = AudioBuffer::new(AudioConfig::new(48_000).with_delivery(delivery));
    let mut now = epoch();
    let mut last: Option<SequenceNumber> = None;
    while !script.is_empty() {
        now += Duration::from_millis(u64::from(script.u8()));
        let bytes = packet(&mut script, 960);
        let packet = Packet::parse(&bytes).expect("it is well formed");
        let insertion = buffer.insert(now, &packet);
        for _ in 0..if with_copies { script.u8() % 9 } else { 0 } {
            let (at, payload) = (packet.timestamp() - u32::from(script.u16() & 0x3fff), script.u8());
            buffer.insert_copy(now, packet.sequence_number(), at, &[payload; 10]);
        }
        if insertion == ortica_rtp::repair::jitter_buffer::Insertion::Reset {
            last = None;
        }
        for polled in 0.. {
            assert!(polled < MOST_AT_ONCE, "poll does not come to None");
            let sequence = match buffer.poll(now) {
                Some(Playout::Packet(packet)) => packet.sequence,
                Some(Playout::Lost { sequence, .. }) => sequence,
                _ => break,
            };
            assert!(last.is_none_or(|last| last.precedes(sequence)), "{sequence:?} follows {last:?}");
            last = Some(sequence);
        }
        assert!(buffer.poll_timeout().is_none_or(|at| at > now), "the timeout is not after now");
    }
}

/// Drives a [`FrameBuffer`].
pub fn video(input: &[u8]) {
    let mut script = Script::new(input);
    let mut buffer = FrameBuffer::new(FrameConfig::default());
    let mut now = epoch();
    while !script.is_empty() {
        now += Duration::from_millis(u64::from(script.u8()));
        let flags = script.u8();
        let bit = |bit: u8| flags >> bit & 1 == 1;
        let hint = PacketHint {
            start: bit(0),
            end: bit(1),
            key_frame: bit(2),
            discardable: bit(3),
            picture: bit(4).then(|| Picture { id: u16::from(script.u8()), bits: if bit(5) { 7 } else { 15 } }),
        };
        let bytes = packet(&mut script, 3_000);
        buffer.insert(now, &Packet::parse(&bytes).expect("it is well formed"), hint);
        for polled in 0.. {
            assert!(polled < MOST_AT_ONCE, "poll_frame does not come to None");
            let Some(frame) = buffer.poll_frame(now) else { break };
            let sequences: Vec<SequenceNumber> = frame.packets().map(|packet| packet.sequence).collect();
            assert!(sequences.windows(2).all(|pair| pair[0].precedes(pair[1])), "a frame out of order");
        }
        while buffer.poll_event().is_some() {}
        assert!(buffer.missing().count() <= usize::from(u16::MAX));
        assert!(buffer.poll_timeout().is_none_or(|at| at > now), "the timeout is not after now");
    }
}

/// A packet near others, or far from them.
fn packet(script: &mut Script<'_>, ticks: u32) -> Vec<u8> {
    let place = if script.u8() < 250 { u16::from(script.u8()) } else { script.u16() };
    let skew = script.u8();
    let frame = u32::from(place) / (1 + u32::from(skew & 3));
    let header = Header {
        marker: skew & 4 != 0,
        sequence_number: SequenceNumber(place.wrapping_sub(100)),
        timestamp: RtpTimestamp(frame.wrapping_mul(ticks).wrapping_add(u32::from(skew >> 3))),
        ..Header::default()
    };
    let mut bytes = Vec::new();
    header.write(&mut bytes);
    bytes.resize(bytes.len() + usize::from(skew) % 17, skew);
    bytes
}
