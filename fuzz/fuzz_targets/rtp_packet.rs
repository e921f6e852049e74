//! An RTP packet: the view agrees with itself and with the bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ortica_rtp::{Packet, header_len};

fuzz_target!(|input: &[u8]| {
    let Ok(packet) = Packet::parse(input) else { return };
    assert_eq!(header_len(input), Ok(packet.header_len()));
    assert_eq!(packet.header_len() + packet.payload().len() + usize::from(packet.padding_len()), input.len());
    assert_eq!(packet.csrcs().count(), usize::from(input[0] & 0x0f));
    if let Some(block) = packet.extension() {
        assert!(block.elements().count() <= input.len());
    }
    let mut written = Vec::new();
    packet.header().write(&mut written);
    written.extend_from_slice(packet.payload());
    let again = Packet::parse(&written).expect("what was written can be read");
    assert_eq!((again.header(), again.payload()), (packet.header(), packet.payload()));
});
