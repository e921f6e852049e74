//! STUN and ChannelData on a stream: in whatever pieces it comes, a reader gives the same packets or the same end, and holds no more
//! than one packet. What it gives is what its packets say of themselves, and is written the same again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ortica_ice::turn::framing::{FramingError, MAX_PACKET, StreamQueue, StreamReader};
use ortica_ice::turn::{ChannelData, is_channel_data};

fn read(stream: &[u8], piece: usize) -> (Vec<Vec<u8>>, Result<(), FramingError>) {
    let (mut reader, mut rest, mut packets) = (StreamReader::default(), stream, Vec::new());
    while !rest.is_empty() {
        let room = reader.room();
        assert!(!room.is_empty() && room.len() <= MAX_PACKET);
        let (now, later) = rest.split_at(rest.len().min(room.len()).min(piece));
        room[..now.len()].copy_from_slice(now);
        rest = later;
        reader.filled(now.len());
        loop {
            match reader.next_packet() {
                Ok(Some(packet)) => packets.push(packet.to_vec()),
                Ok(None) => break,
                Err(error) => return (packets, Err(error)),
            }
        }
    }
    (packets, Ok(()))
}

fuzz_target!(|input: &[u8]| {
    let Some((cut, stream)) = input.split_first() else { return };
    let (packets, end) = read(stream, usize::from(*cut) * 64 + 1);
    assert_eq!(read(stream, usize::MAX), (packets.clone(), end));
    let mut queue = StreamQueue::new(usize::MAX);
    for packet in &packets {
        assert!(queue.push(packet));
        assert!(
            !is_channel_data(packet) || ChannelData::decode(packet).is_ok_and(|it| it.data.len() == packet.len() - 4)
        );
    }
    let written = queue.unwritten().to_vec();
    assert_eq!(read(&written, usize::MAX), (packets, Ok(())));
});
