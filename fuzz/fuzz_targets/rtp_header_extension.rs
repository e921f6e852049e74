//! RTP header extensions under a map that the input chooses: what was read is written so that it reads the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ortica_fuzz::Script;
use ortica_rtp::Packet;
use ortica_rtp::header_extension::{ExtensionMap, Kind};

fuzz_target!(|input: &[u8]| {
    let mut script = Script::new(input);
    let mut map = ExtensionMap::default();
    for uri in [
        "urn:ietf:params:rtp-hdrext:sdes:mid",
        "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
        "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
        "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
        "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
        "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
    ] {
        let kind = Kind::from_uri(uri).expect("these are known");
        let _ = map.insert(script.u8(), kind);
    }
    map.set_mixed(script.u8() & 1 == 1);
    let Ok(packet) = Packet::parse(script.rest()) else { return };
    let values = packet.extension_values(&map);
    let mut written = Vec::new();
    packet.header().write_with(&map, &values, &mut written);
    let again = Packet::parse(&written).expect("what was written can be read");
    assert_eq!(again.extension_values(&map), values);
});
