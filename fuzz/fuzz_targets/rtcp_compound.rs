//! An RTCP datagram: every packet that can be read is written so that it reads the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ortica_rtp::rtcp::{Compound, Packet};

fuzz_target!(|input: &[u8]| {
    let Ok(compound) = Compound::parse(input, true) else { return };
    for packet in compound.packets().flatten() {
        // One that we do not read may end within a word, by its padding; it is written with zeros there.
        if matches!(&packet, Packet::Unknown(unknown) if unknown.body().len() % 4 != 0) {
            continue;
        }
        let mut written = Vec::new();
        packet.write(&mut written);
        let mut again = Compound::parse(&written, true).expect("what was written can be read").packets();
        assert_eq!(again.next(), Some(Ok(packet)));
        assert_eq!(again.next(), None);
    }
});
