//! Frames on a stream: in whatever pieces it comes, a reader gives the packets that are in it, and holds no more than one frame.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ortica_ice::framing::{FrameReader, MAX_PACKET};

/// The packets of a stream, as the definition of a frame has them.
fn packets(mut stream: &[u8]) -> Vec<&[u8]> {
    let mut all = Vec::new();
    while let Some((header, rest)) = stream.split_first_chunk::<2>()
        && let Some((packet, after)) = rest.split_at_checked(u16::from_be_bytes(*header).into())
    {
        all.push(packet);
        stream = after;
    }
    all.retain(|packet| !packet.is_empty());
    all
}

fuzz_target!(|input: &[u8]| {
    let Some((cut, stream)) = input.split_first() else { return };
    let (mut reader, mut rest) = (FrameReader::default(), stream);
    let mut wanted = packets(stream).into_iter();
    while !rest.is_empty() {
        let room = reader.room();
        assert!(!room.is_empty() && room.len() <= MAX_PACKET + 2);
        let len = rest.len().min(room.len()).min(usize::from(*cut) * 64 + 1);
        let (piece, after) = rest.split_at(len);
        room[..len].copy_from_slice(piece);
        rest = after;
        reader.filled(len);
        while let Some(packet) = reader.peek().map(<[u8]>::to_vec) {
            assert_eq!(reader.next_packet().as_deref(), Some(packet.as_slice()));
            assert_eq!(wanted.next(), Some(packet.as_slice()));
        }
    }
    assert_eq!(wanted.next(), None);
});
